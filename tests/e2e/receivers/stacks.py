"""The receivers that Debian and npm have, each with its campaign."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from receivers import bacnet, cip, modbus, opcua, opcua_long, s7
from receivers.campaign import Campaign
from receivers.gate import Gate, Receiver

HERE = Path(__file__).resolve().parent
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's pymodbus belongs to


@dataclass
class Stack:
    target: type
    policy: str
    port: int
    words: list  # of the server's command
    needs: Path | None = None  # a file without which the stack is not there
    hears_answers: bool = False  # a client, whose answers are changed


def stacks(build):
    peers = build / "peers"
    server = HERE / "modbus_server.py"
    modules = peers / "node_modules"
    return {
        "libmodbus": Stack(modbus.Modbus, modbus.POLICY, 1502,
                           [SYSTEM_PYTHON, server, "libmodbus", 1502]),
        "pymodbus": Stack(modbus.Pymodbus, modbus.POLICY, 1503,
                          [SYSTEM_PYTHON, server, "pymodbus", 1503]),
        "node-opcua": Stack(opcua.OpcUa, opcua.POLICY, 14840,
                            ["node", peers / "opcua_receiver.js", 14840, peers / "receiver-pki"],
                            modules / "node-opcua"),
        "node-opcua-long": Stack(opcua_long.LongRequests, opcua.POLICY, 14841,
                                 ["node", peers / "opcua_receiver.js", 14841, peers / "receiver-pki"],
                                 modules / "node-opcua"),
        "node-bacnet": Stack(bacnet.Bacnet, bacnet.POLICY, 47809,
                             ["node", peers / "bacnet_receiver.js", 47809],
                             modules / "node-bacnet"),
        "node-snap7": Stack(s7.S7, s7.POLICY, 10102, ["node", peers / "s7_receiver.js", 10102],
                            modules / "node-snap7/build/Release/node_snap7.node"),
        "st-ethernet-ip": Stack(cip.Answers, cip.POLICY, cip.PORT,
                                ["node", peers / "cip_receiver.js", "127.0.0.1"],
                                modules / "st-ethernet-ip", hears_answers=True),
    }


def run_campaign(build, stack, seed, passed, seconds, target=None, report=None):
    """The campaign, when it is over."""
    target = target or stack.target
    made = None if stack.hears_answers else target(("127.0.0.1", stack.port))
    side = made or target
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as policy:
        policy.write(stack.policy)
        policy.flush()
        gate = Gate(build, policy.name, side.protocol, side.client, side.server, udp=side.udp)
        receiver = Receiver(stack.words)
        try:
            campaign = Campaign(gate, receiver, made, seed, report) if made else \
                target(gate, receiver, seed, report)
            campaign.run(passed, 1000 * passed, seconds)
        finally:
            receiver.end()
            gate.end()
    return campaign


def in_own_namespace():
    """Loopback of this process's own, so that no port is taken."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def table(rows):
    """One line a stack, and the differences behind them."""
    heads = ("mutants", "passed", "distinct", "executed", "differences", "crashes")
    lines = [f"{'RECEIVER':<15} " + " ".join(f"{head.upper():>11}" for head in heads)]
    for name, campaign in rows:
        lines.append(f"{name:<15} " + " ".join(f"{campaign.figures[head]:>11}" for head in heads))
    for name, campaign in rows:
        lines += [f"{name}: {json.dumps(each)}" for each in campaign.differences[:5]]
    return "\n".join(lines)
