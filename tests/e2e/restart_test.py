"""A data plane that is restarted, or killed, under a running plant whose conduits resume loses no
session of real stacks.

usage: restart_test.py BUILD [unittest arguments]
Needs root, node and npm. BULKHEAD_STACKS may name a file of JSON with further stacks, a list of
{"name": ..., "protocol": ..., "server": [words], "client": [words]}: commands that behave as
peers/*_server.js and peers/hold.js do, and "sessions" where the server takes fewer. {server}, {sessions} and {folder} in them are filled in.
Prints a line a stack: sessions before and after, answers, the longest time without one.
"""

import json
import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import outcome  # noqa: E402
from e2e_test import LabCase  # noqa: E402
from lab import PLC, wait_until  # noqa: E402
from stacks_test import HEAD, PEERS, fetch_peers  # noqa: E402

SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's pymodbus belongs to
SESSIONS = 20
BEFORE_S, AFTER_S = 3, 8
POLICY = HEAD.replace("    on_deny: reject\n", "    on_deny: reject\n    midstream: resume\n")
ALL = "[session, discover, read, publish, write, operate, configure, program, control, diagnose]"


class Stack:
    def __init__(self, name, protocol, server, client, needs=None, where="",
                 sessions=SESSIONS):
        self.name, self.protocol, self.server, self.client = name, protocol, server, client
        self.needs, self.where, self.sessions = needs, where, sessions

    def rules(self):
        return (f"      - {{protocol: {self.protocol}, client: hmi, server: plc, access: {ALL}}}\n"
                + self.where.replace("RULE", f"      - {{protocol: {self.protocol}, client: hmi, "
                                     f"server: plc, access: {ALL}, "))


def holder(protocol):
    return ["node", PEERS / "hold.js", protocol, "{server}", "{sessions}", "{folder}"]


MODULES = PEERS / "node_modules"
STACKS = [
    Stack("libmodbus", "modbus", None,
          [SYSTEM_PYTHON, HERE / "hold_modbus.py", "libmodbus", "{server}", "{sessions}"]),
    Stack("pymodbus", "modbus", None,
          [SYSTEM_PYTHON, HERE / "hold_modbus.py", "pymodbus", "{server}", "{sessions}"]),
    Stack("node-opcua", "opcua", ["node", PEERS / "opcua_server.js", "{server}", "4840", "{folder}"],
          holder("opcua"), MODULES / "node-opcua"),
    Stack("snap7", "s7comm", ["node", PEERS / "s7_server.js", "{server}"], holder("s7"),
          MODULES / "node-snap7/build/Release/node_snap7.node"),
    Stack("st-ethernet-ip", "enip", [sys.executable, HERE / "cip_adapter.py", "{server}"],
          holder("cip"), MODULES / "st-ethernet-ip",
          "RULE where: {port: any, link: any}}\nRULE where: {path: \"*\"}}\n"),
    Stack("node-bacnet", "bacnet", ["node", PEERS / "bacnet_server.js"], holder("bacnet"),
          MODULES / "node-bacnet"),
]


def stacks():
    more = os.environ.get("BULKHEAD_STACKS")
    described = json.loads(Path(more).read_text(encoding="utf-8")) if more else []
    return STACKS + [Stack(**each) for each in described]


class Restart(LabCase):
    prefix = "bhrs"

    @classmethod
    def setUpClass(cls):
        fetch_peers()
        super().setUpClass()

    def words(self, stack, words, role):
        values = {"server": PLC, "sessions": stack.sessions, "folder": self.lab.folder / role}
        return [str(word).format(**values) for word in words]

    def serve(self, stack):
        if stack.server is None:
            return  # the lab's own
        role = f"server-{stack.name}"
        (self.lab.folder / f"{role}.log").unlink(missing_ok=True)
        self.lab.spawn("ctl", self.words(stack, stack.server, role), role)
        self.addCleanup(self.lab.stop, role, signal.SIGKILL)
        wait_until(lambda: '"listening"' in self.lab.log(role), f"{role} to listen", 120)

    def hold(self, stack):
        """A client with all its sessions open."""
        log = open(self.lab.folder / f"client-{stack.name}.log", "wb")
        client = subprocess.Popen(
            self.lab.in_ns("sup", *self.words(stack, stack.client, f"client-{stack.name}")), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)

        def end():
            client.kill()
            client.wait()
            for stream in (client.stdin, client.stdout, log):
                stream.close()
        self.addCleanup(end)
        for line in client.stdout:
            if "holding" in line:
                return client
        self.fail(f"{stack.name} opened no sessions: "
                  f"{(self.lab.folder / f'client-{stack.name}.log').read_text()[-1500:]}")

    @staticmethod
    def outcome(client):
        """What became of each session."""
        client.stdin.close()
        for line in client.stdout:
            if line.startswith('{"sessions"'):
                return json.loads(line)["sessions"]
        return []

    def restart(self, how):
        """Seconds from the end of one data plane until another enforces."""
        begin = time.monotonic()
        self.lab.stop("dataplane", how)
        self.lab.start_dataplane()
        wait_until(lambda: self.lab.ctl("status", check=False).returncode == 0, "the policy", 20)
        return time.monotonic() - begin

    def check(self, stack, how):
        self.commit(POLICY + stack.rules())
        self.serve(stack)
        client = self.hold(stack)
        time.sleep(BEFORE_S)
        took_s = self.restart(how)
        time.sleep(AFTER_S)
        sessions = self.outcome(client)
        alive = [each for each in sessions if not each.get("lost") and not each.get("failed")]
        longest_ms = max((each["gap_ms"] for each in alive), default=0)
        print(f"{stack.name:16} {how.name:8} sessions {len(sessions):3} after {len(alive):3}  "
              f"answers {sum(each['answers'] for each in sessions):6}  restarted in {took_s:4.1f} s, "
              f"longest without an answer {longest_ms / 1000:5.1f} s", flush=True)
        counters = [(row["reason"], row.get("fault", ""), row.get("packets", row.get("count")))
                    for row in self.lab.ctl_json("counters")]
        bad = [each for each in sessions if each.get("lost") or each.get("failed")]
        self.assertEqual(len(sessions), stack.sessions)
        self.assertEqual(bad, [], f"{stack.name}: {counters}")

    def test_no_session_is_lost(self):
        chosen = os.environ.get("BULKHEAD_STACK")
        for stack in stacks():
            if chosen and stack.name != chosen:
                continue
            for how in (signal.SIGTERM, signal.SIGKILL):
                with self.subTest(stack.name, how=how.name):
                    if stack.needs and not stack.needs.exists():
                        self.skipTest(f"{stack.needs} is not there")
                    try:
                        self.check(stack, how)
                    finally:
                        self.doCleanups()


if __name__ == "__main__":
    outcome.run()
