"""Real protocol stacks on both sides of the data plane, between two Linux kernels: what is granted
works, what is refused never reaches the server, and the client sees its protocol's own error in a
session that goes on.

usage: stacks_test.py BUILD [unittest arguments]
Needs root, node and npm; the stacks (peers/package.json) are fetched once into BUILD/peers.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import outcome  # noqa: E402
from e2e_test import BUILD, LabCase  # noqa: E402
from lab import HMI, PLC, LabError, run, wait_until  # noqa: E402

PEERS = BUILD / "peers"
HEAD = """bulkhead: v1
site: stacks
zones:
  supervision: {target: SL2, port: 0, networks: [10.20.0.0/24]}
  control: {target: SL3, port: 1, networks: [10.10.0.0/24]}
assets:
  hmi: {zone: supervision, address: 10.20.0.10}
  plc: {zone: control, address: 10.10.0.20}
conduits:
  plant:
    from: supervision
    to: control
    on_deny: reject
    allow:
"""


def fetch_peers():
    """The stacks in the versions of the lock file; npm leaves them as they are if they are there."""
    PEERS.mkdir(exist_ok=True)
    for file in (HERE / "peers").iterdir():
        shutil.copy(file, PEERS)
    lock = (PEERS / "package-lock.json").read_text()
    fetched = PEERS / "fetched"
    if fetched.exists() and fetched.read_text() == lock:
        return
    try:
        run("npm", "ci", "--prefix", PEERS, "--ignore-scripts", "--no-audit", "--no-fund",
            timeout=900)
    except (LabError, OSError, subprocess.TimeoutExpired) as error:
        raise unittest.SkipTest(f"npm could not fetch the stacks: {error}"[:400]) from error
    # It has a native part. Where that does not build, the test that needs it says so.
    run("npm", "rebuild", "--prefix", PEERS, "node-snap7", check=False, timeout=900)
    fetched.write_text(lock)


class StackCase(LabCase):
    prefix = "bhsk"

    @classmethod
    def setUpClass(cls):
        fetch_peers()
        super().setUpClass()

    def serve(self, script, *words):
        role = script.split(".")[0]
        before = self.lab.log(role).count('"listening"')
        self.lab.spawn("ctl", ["node", PEERS / script, *words], role)
        self.addCleanup(self.lab.stop, role)
        wait_until(lambda: self.lab.log(role).count('"listening"') > before,
                   f"{script} to listen", 120)
        return role

    def steps(self, script, *words):
        """step -> what came of it"""
        done = subprocess.run(self.lab.in_ns("sup", "node", PEERS / script, *words), text=True,
                              capture_output=True, timeout=180, check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        self.assertTrue(lines, done.stderr[-2000:])
        return {line["step"]: line for line in lines if "step" in line}

    def reached(self, role):
        lines = [json.loads(line) for line in self.lab.log(role).splitlines()
                 if line.startswith("{")]
        return [line for line in lines if "reached" in line]

    def reasons(self):
        return {row["reason"] for row in self.lab.ctl_json("counters")}


class Stacks(StackCase):
    def test_opcua(self):
        self.commit(HEAD + """
      - {protocol: opcua, client: hmi, server: plc, access: [session, discover]}
      - protocol: opcua
        client: hmi
        server: plc
        functions: [read]
        where: {attribute: 13}
      - protocol: opcua
        client: hmi
        server: plc
        functions: [write]
        where: {namespace: 1, node_name: Line.Speed, attribute: 13, value: 0-100}
""")
        before = self.lab.log("opcua_server").count('"reached"')
        role = self.serve("opcua_server.js", PLC, 4840, self.lab.folder / "opcua-server")
        steps = self.steps("opcua_client.js", f"opc.tcp://{PLC}:4840/line",
                           self.lab.folder / "opcua-client")
        self.assertEqual(steps["connect"].get("value"), "open", steps)
        self.assertEqual(steps["read"].get("value"), 40)
        self.assertEqual(steps["write"].get("value"), "Good")
        for refused in ("write_too_high", "write_another"):
            self.assertIn("BadUserAccessDenied", steps[refused].get("error", ""), steps)
        self.assertEqual(steps["read_again"].get("value"), 60)
        self.assertEqual(self.reached(role)[before:], [{"reached": "write", "value": 60}])
        self.assertIn("values_not_granted", self.reasons())

    def test_bacnet(self):
        """Devices are found as they are everywhere, by asking everyone; nothing else goes to all."""
        groups = ("  devices: {zone: control, group: 255.255.255.255}\n"
                  "  managers: {zone: supervision, group: 255.255.255.255}\n")
        for namespace in ("sup", "ctl"):
            run(*self.lab.in_ns(namespace, "ip", "route", "replace", "255.255.255.255", "dev", "eth0"))
        self.commit(HEAD.replace("conduits:", groups + "conduits:") + """
      - {protocol: bacnet, client: hmi, server: devices, functions: [who_is]}
      - protocol: bacnet
        client: hmi
        server: plc
        functions: [read_property]
        where: {object_type: 2, property: 85}
      - protocol: bacnet
        client: hmi
        server: plc
        functions: [write_property]
        where: {object_type: 2, instance: 1, property: 85, priority: 8-16, value: 15-25}
  answers:
    from: control
    to: supervision
    allow:
      - {protocol: bacnet, client: plc, server: managers, functions: [i_am]}
""")
        role = self.serve("bacnet_server.js")
        steps = self.steps("bacnet_client.js", PLC)
        self.assertEqual(steps["find"].get("value"), 7, steps)
        self.assertEqual(steps["read"].get("value"), 21.5, steps)
        self.assertEqual(steps["write"].get("value"), "written")
        for refused in ("write_too_high", "write_another"):
            self.assertIn("SECURITY", steps[refused].get("error", "").upper(), steps)
        self.assertEqual(steps["read_again"].get("value"), 22)
        writes = [line for line in self.reached(role) if line["reached"] == "write"]
        self.assertEqual([line["value"] for line in writes], [22])
        self.assertNotIn({"reached": "time"}, self.reached(role))
        self.assertIn("function_not_granted", self.reasons())

    def station(self, port):
        """A station that listens before the device starts: step -> what came of it"""
        log = self.lab.folder / f"station-{port}.log"
        with open(log, "w", encoding="utf-8") as out:
            process = subprocess.Popen(
                self.lab.in_ns("sup", "node", PEERS / "bacnet_station.js", PLC, port), stdout=out)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_until(lambda: '"listening"' in log.read_text(), "the station to listen", 60)

        def steps():
            process.wait(timeout=60)
            lines = [json.loads(line) for line in log.read_text().splitlines()]
            return {line["step"]: line for line in lines if "step" in line}
        return steps

    def test_bacnet_device_announces_itself_first(self):
        """The shipped policy of a building: what a device says first is no session of its own, and
        whoever asks everyone, from any port, is answered alone."""
        for name in ("sup", "ctl"):
            run(*self.lab.in_ns(name, "ip", "route", "replace", "255.255.255.255", "dev", "eth0"))
        shipped = (HERE.parents[1] / "policies/building/policy.yaml").read_text()
        self.commit(shipped.replace("10.50.0.", "10.20.0.").replace("10.51.0.", "10.10.0."))
        for port, expected in ((47808, {"announced": 7, "read": 21.5, "find": 7, "read_found": 21.5}),
                               (50111, {"find": 7, "read_found": 21.5})):
            with self.subTest(port):
                steps = self.station(port)
                self.serve("bacnet_server.js", HMI)
                came = steps()
                self.assertEqual({step: line.get("value") for step, line in came.items()}, expected,
                                 (came, self.reasons()))
                self.lab.stop("bacnet_server")

    def test_opcua_server_that_connects(self):
        """Reverse connect: the server opens the connection, and the client asks."""
        rules = HEAD.replace("from: supervision\n    to: control",
                             "from: control\n    to: supervision")
        self.commit(rules + """
      - {protocol: opcua, port: 5555, client: plc, server: hmi, access: [session, discover]}
      - {protocol: opcua, port: 5555, client: plc, server: hmi, functions: [reverse_hello]}
      - protocol: opcua
        port: 5555
        client: plc
        server: hmi
        functions: [read]
        where: {attribute: 13}
      - protocol: opcua
        port: 5555
        client: plc
        server: hmi
        functions: [write]
        where: {namespace: 1, node_name: Line.Speed, attribute: 13, value: 0-100}
""")
        own = f"opc.tcp://{HMI}:5555"
        before = self.lab.log("opcua_server").count('"reached"')
        role = self.serve("opcua_server.js", PLC, 4840, self.lab.folder / "opcua-server", own)
        steps = self.steps("opcua_client.js", f"opc.tcp://{PLC}:4840/line",
                           self.lab.folder / "opcua-client", own)
        self.assertEqual(steps["connect"].get("value"), "open", (steps, self.reasons()))
        self.assertEqual(steps["read"].get("value"), 40)
        self.assertEqual(steps["write"].get("value"), "Good")
        for refused in ("write_too_high", "write_another"):
            self.assertIn("BadUserAccessDenied", steps[refused].get("error", ""), steps)
        self.assertEqual(steps["read_again"].get("value"), 60)
        self.assertEqual(self.reached(role)[before:], [{"reached": "write", "value": 60}])

    def test_opcua_answers_of_many_chunks(self):
        self.commit(HEAD + """
      - {protocol: opcua, client: hmi, server: plc, access: [session, discover]}
      - protocol: opcua
        client: hmi
        server: plc
        functions: [read]
        where: {namespace: 1, node_name: Line.Archive, attribute: 13}
""")
        self.serve("opcua_server.js", PLC, 4840, self.lab.folder / "opcua-server")
        steps = self.steps("opcua_long_client.js", f"opc.tcp://{PLC}:4840/line",
                           self.lab.folder / "opcua-client")
        archive = (b"one of many chunks, " * 8000)[:160000]
        expected = {"bytes": 160000, "sha256": hashlib.sha256(archive).hexdigest()}
        self.assertEqual(steps["connect"].get("value"), "open", steps)
        self.assertEqual(steps["read_long"].get("value"), expected, (steps, self.reasons()))
        self.assertEqual(steps["read_long_again"].get("value"), expected, steps)

    def test_cip(self):
        """npm has a scanner and no adapter; the device's side is cip_adapter.py."""
        group = "239.192.1.32"
        inputs = "  inputs: {zone: supervision, group: 239.192.1.32/27}\nconduits:\n"
        self.commit(HEAD.replace("conduits:\n", inputs) + """
      - {protocol: enip, client: hmi, server: plc, functions: [register_session]}
      - protocol: enip
        client: hmi
        server: plc
        functions: [forward_open]
        where: {class: 2, instance: 1, port: 1, link: 0}
      - protocol: enip # the library closes by way of slot 0 what it opened without
        client: hmi
        server: plc
        functions: [forward_close_other]
        where: {vendor: 0x3333, port: 1, link: 0}
      - protocol: enip
        client: hmi
        server: plc
        functions: [forward_open_implicit]
        where: {class: 4, instance: 151, connection_point: [100, 150], connection_size: 0-10, rpi: 20000}
      - protocol: enip
        client: hmi
        server: plc
        functions: [read_tag]
        where: {port: 1, link: 0}
      - protocol: enip
        client: hmi
        server: plc
        functions: [write_tag]
        where: {tag: Speed, elements: 1, member: 0, value: 0-100, port: 1, link: 0}
""")
        role = "cip_adapter"
        self.lab.spawn("ctl", ["python3", HERE / "cip_adapter.py", PLC], role)
        self.addCleanup(self.lab.stop, role)
        wait_until(lambda: '"listening"' in self.lab.log(role), "the adapter to listen", 60)
        steps = self.steps("cip_client.js", PLC, HMI, group)
        self.assertEqual(steps["connect"].get("value"), "open", steps)
        self.assertEqual(steps["read"].get("value"), 40)
        self.assertEqual(steps["write"].get("value"), "written")
        for refused in ("write_too_high", "write_another"):
            self.assertIn("error", steps[refused], steps)
        self.assertEqual(steps["read_again"].get("value"), 60, "on the same connection")
        # 20 ms for two seconds; a lab may be slow, but what is closed is closed.
        for step in ("inputs", "inputs_to_group"):
            self.assertGreater(steps[step]["value"]["open"], 30, steps)
            self.assertEqual(steps[step]["value"]["closed"], 0)
        self.assertEqual(steps["forbidden_outputs"]["value"], {"open": 0, "closed": 0})
        reached = self.reached(role)
        writes = [(line["tag"], line["value"]) for line in reached if line["reached"] == "write_tag"]
        self.assertEqual(writes, [("Speed", 60)])
        opened = [line["path"] for line in reached if line["reached"] == "forward_open"]
        self.assertEqual(opened, ["010020022401"] + 2 * ["34040000000000000000200424972c962c64"])
        outputs = [line for line in reached if line["reached"] == "output"]
        self.assertGreater(len(outputs), 30)
        self.assertEqual({line["value"] for line in outputs}, {77})

    def test_s7(self):
        native = PEERS / "node_modules/node-snap7/build/Release/node_snap7.node"
        if not native.exists():
            self.skipTest("the native part of node-snap7 did not build here")
        self.commit(HEAD + """
      - {protocol: s7comm, client: hmi, server: plc, access: [session]}
      - {protocol: s7comm, client: hmi, server: plc, functions: [read_var], where: {area: 0x84, db: 1}}
      - protocol: s7comm
        client: hmi
        server: plc
        functions: [write_var]
        where: {area: 0x84, db: 1, address: 10-19}
""")
        role = self.serve("s7_server.js", PLC)
        steps = self.steps("s7_client.js", PLC)
        self.assertEqual(steps["connect"].get("value"), "done", steps)
        self.assertEqual(steps["read"].get("value"), [1, 1, 1, 1])
        self.assertEqual(steps["write"].get("value"), "done")
        for refused in ("write_another", "stop"):
            self.assertIn("error", steps[refused], steps)
        self.assertEqual(steps["read_again"].get("value"), [7, 8])
        self.assertEqual([line["reached"] for line in self.reached(role)], ["write"])


if __name__ == "__main__":
    outcome.run()
