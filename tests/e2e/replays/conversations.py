"""What the stacks of tests/e2e say to each other with nothing between them, recorded.

Two namespaces on one cable: the clients' and the servers'. Needs root, node, npm and libmodbus.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
from lab import HMI, HMI_MAC, PLC, PLC_MAC, Lab, run, turn_offloads_off, wait_until  # noqa: E402
from stacks_test import PEERS  # noqa: E402

SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's pymodbus belongs to
GROUP = "239.192.1.32"
HOLD_S = 3
# Name, the server's command (nothing: the lab's own), the client's, and whether it holds sessions.
CONVERSATIONS = (
    ("libmodbus", None, [SYSTEM_PYTHON, HERE.parent / "hold_modbus.py", "libmodbus", PLC, 2], True),
    ("pymodbus", None, [SYSTEM_PYTHON, HERE.parent / "hold_modbus.py", "pymodbus", PLC, 2], True),
    ("node-opcua", ["node", PEERS / "opcua_server.js", PLC, 4840, "{folder}/server"],
     ["node", PEERS / "opcua_client.js", f"opc.tcp://{PLC}:4840/line", "{folder}/client"], False),
    ("snap7", ["node", PEERS / "s7_server.js", PLC], ["node", PEERS / "s7_client.js", PLC], False),
    ("st-ethernet-ip", [sys.executable, HERE.parent / "cip_adapter.py", PLC],
     ["node", PEERS / "cip_client.js", PLC, HMI, GROUP], False),
    ("node-bacnet", ["node", PEERS / "bacnet_server.js"],
     ["node", PEERS / "bacnet_client.js", PLC], False),
)


class Cable(Lab):
    namespaces = ("sup", "ctl")
    roles = ("server", "recorder", "plc")

    def make_network(self):
        self._make_namespaces()
        run("ip", "link", "add", "eth0", "netns", self.ns("sup"), "address", HMI_MAC, "type", "veth",
            "peer", "name", "eth0", "netns", self.ns("ctl"), "address", PLC_MAC)
        for name, address, far in (("sup", HMI, "10.10.0.0/24"), ("ctl", PLC, "10.20.0.0/24")):
            turn_offloads_off(self.in_ns(name, "ethtool", "-K", "eth0"))
            self._address(name, "eth0", f"{address}/24", far)
            run(*self.in_ns(name, "ip", "route", "add", "255.255.255.255", "dev", "eth0"))
            run(*self.in_ns(name, "ip", "route", "add", "239.0.0.0/8", "dev", "eth0"))

    def prepare(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.make_network()


def record(cable, name, server, client, holds):
    """The recording of one conversation."""
    file = cable.folder / f"{name}.pcap"
    words = lambda command: [str(word).replace("{folder}", str(cable.folder)) for word in command]  # noqa: E731
    if server is None:
        cable.start_plc()
    else:
        cable.spawn("ctl", words(server), "server")
        wait_until(lambda: '"listening"' in cable.log("server"), f"{name} to listen", 120)
    cable.spawn("sup", [sys.executable, HERE / "record.py", "eth0", file], "recorder")
    wait_until(lambda: "recording" in cable.log("recorder"), "the recorder", 20)
    started = subprocess.Popen(cable.in_ns("sup", *words(client)), stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if holds:
            time.sleep(HOLD_S)
        started.communicate(timeout=120)
        time.sleep(0.5)  # what is still under way
    finally:
        started.kill()
        started.wait()
        for role in ("recorder", "server", "plc"):
            cable.stop(role, signal.SIGKILL)
            (cable.folder / f"{role}.log").unlink(missing_ok=True)
    return file


def record_all(build):
    """(name, recording) of each stack; the recordings are gone when the generator ends."""
    cable = Cable("bhc", build)
    cable.down()
    try:
        cable.prepare()
        for name, server, client, holds in CONVERSATIONS:
            yield name, record(cable, name, server, client, holds)
    finally:
        cable.down()
