"""Alarms and metrics of a real agent: what Prometheus' own tool says of a scrape, of the rules and of
the board, what raises alarms, and what scrapers cost.

usage: metrics_test.py BUILD [unittest arguments]
Needs root; promtool for what it checks. The lab's picture stands in deploy/lab/lab.py.
"""

import json
import re
import shutil
import socket
import struct
import subprocess
import sys
import time
import unittest
from pathlib import Path

import outcome
from e2e_test import BUILD, POLICY, ROOT, LabCase
from lab import HMI, PLC, run, wait_until
from pair_test import PairCase

FAMILIES = ROOT / "controlplane/metrics"
RULES = ROOT / "deploy/prometheus/bulkhead.rules.yml"
BOARD = ROOT / "deploy/grafana/bulkhead.json"
PORT = 9464
# A scrape, in the namespace where the agent is: its text, and how long it took.
SCRAPE = ("import sys, time, urllib.request as u; t = time.monotonic(); "
          f"b = u.urlopen('http://127.0.0.1:{PORT}/metrics', timeout=20).read(); "
          "sys.stderr.write(str(time.monotonic() - t)); sys.stdout.buffer.write(b)")


def named_metrics(text):
    """The families that an expression or a query names."""
    names = re.findall(r"\bbulkhead_\w+", text)
    return {re.sub(r"_(bucket|sum|count)$", "", name) if "time_inside" in name else name
            for name in names}


def exported_metrics():
    """The families that the agent can export: those named in its sources, and a worker's."""
    sources = "".join(path.read_text() for path in FAMILIES.glob("*.cpp") if "_test" not in path.name)
    names = set(re.findall(r'"(bulkhead_\w+[a-z])"', sources))
    for name, kind in re.findall(r"BULKHEAD_STATISTIC\((\w+), (\w+),",
                                 (ROOT / "dataplane/pipeline/stats.def").read_text()):
        names.add(f"bulkhead_worker_{name}" + ("_total" if kind == "counter" else ""))
    return names | {"bulkhead_worker_steering_waiting"}


class Files(unittest.TestCase):
    def test_rules_do_what_their_tests_say(self):
        if shutil.which("promtool") is None:
            self.skipTest("promtool is not there")
        folder = RULES.parent
        for words in (("check", "rules", RULES), ("test", "rules", folder / "bulkhead.rules_test.yml"),
                      ("check", "config", "--syntax-only", folder / "scrape.yml")):
            done = run("promtool", *words, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        tested = (folder / "bulkhead.rules_test.yml").read_text()
        for alert in re.findall(r"- alert: (\w+)", RULES.read_text()):
            self.assertRegex(tested, rf"alertname: {alert}\n\s+exp_alerts", "no test fires it")

    def test_rules_and_board_name_only_metrics_that_exist(self):
        exported = exported_metrics()
        board = json.loads(BOARD.read_text())
        queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
        queries += [each["definition"] for each in board["templating"]["list"] if "definition" in each]
        expressions = re.findall(r"expr: (.*)", RULES.read_text())
        self.assertGreater(len(queries), 20)
        for text in queries + expressions:
            self.assertEqual(named_metrics(text) - exported, set(), text)
        places = [tuple(panel["gridPos"][key] for key in "xy") for panel in board["panels"]]
        self.assertEqual(len(set(places)), len(places), "panels cover each other")


class MetricsCase(LabCase):
    def scrape(self):
        """The text, and the seconds that it took."""
        done = subprocess.run(self.lab.in_ns("fw", sys.executable, "-c", SCRAPE),
                              capture_output=True, check=False, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode(), float(done.stderr)

    def fresh(self):
        time.sleep(1.1)  # what was scraped before is kept for a second
        return self.scrape()[0]

    def alarms(self):
        return [row["alarm"] for row in self.status()["alarms"]]

    def status(self):
        return json.loads(self.lab.ctl("status", "--format", "json", check=False).stdout)

    def await_alarm(self, name, stands=True, seconds=20):
        wait_until(lambda: (name in self.alarms()) is stands,
                   f"{name} to be {'raised' if stands else 'cleared'}", seconds)

    def alarm_events(self, name):
        return [(event["severity"], event.get("cleared", False)) for event in self.lab.ctl_json("events")
                if event.get("alarm") == name]

    def value(self, text, sample):
        found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.M)
        self.assertIsNotNone(found, sample)
        return float(found.group(1))


class Alarms(MetricsCase):
    prefix = "bhmal"

    def test_what_is_not_enforced_is_an_alarm_until_it_is(self):
        self.await_alarm("not_enforcing")
        shown = self.lab.ctl("status", check=False).stdout
        self.assertIn("alarm: not_enforcing (critical, since ", shown)
        self.assertEqual(self.value(self.fresh(), 'bulkhead_alarms_standing{alarm="not_enforcing",'
                                                  'severity="critical"}'), 1)
        self.assertEqual(self.value(self.fresh(), "bulkhead_enforcing"), 0)
        self.commit(POLICY)
        self.await_alarm("not_enforcing", stands=False)
        self.assertEqual(self.alarm_events("not_enforcing"), [("critical", False), ("critical", True)])
        self.assertEqual(self.value(self.fresh(), "bulkhead_enforcing"), 1)


class FullDisk(MetricsCase):
    prefix = "bhmdf"

    @classmethod
    def zone_ports(cls):
        state = cls.lab.folder / "state"  # before the agent's start
        state.mkdir()
        run("mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", state)
        cls.addClassCleanup(run, "umount", state)
        cls.addClassCleanup(cls.lab.stop, "agent")
        return super().zone_ports()

    def test_a_disk_that_fills_is_an_alarm_and_clears(self):
        self.commit(POLICY)
        self.assertNotIn("disk_full", self.alarms())
        state = self.lab.folder / "state"
        filler = state / "filler"
        with open(filler, "wb") as file:
            file.write(bytes(shutil.disk_usage(state).free - (1 << 20)))  # 3 % are left
        self.await_alarm("disk_full")
        self.assertLess(self.value(self.fresh(), "bulkhead_state_disk_free_bytes"), 2 << 20)
        filler.unlink()
        self.await_alarm("disk_full", stands=False, seconds=30)


class Scrapes(MetricsCase):
    prefix = "bhmsc"

    def test_a_scrape_is_what_promtool_wants_and_what_counters_say(self):
        self.commit(POLICY)
        self.lab.hmi("read", 0, 1)
        self.lab.hmi("write", 60, 1)
        text = self.fresh()
        if shutil.which("promtool") is not None:
            done = run("promtool", "check", "metrics", check=False, text_input=text)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        counted = self.lab.ctl_json("counters")
        granted = [row for row in counted if row["reason"] == "granted"]
        self.assertTrue(granted)
        for row in granted:
            labels = ",".join(f'{key}="{row.get(key, "")}"' for key in
                              ("conduit", "rule", "protocol", "function", "verdict", "reason", "fault"))
            self.assertEqual(self.value(text, f"bulkhead_messages_total{{{labels}}}"), row["messages"])
        self.assertIn('reason="values_not_granted"', text)
        self.assertEqual(self.value(text, "bulkhead_counters_complete"), 1)
        self.assertGreater(self.value(text, 'bulkhead_time_inside_seconds_count{worker="0"}'), 0)
        self.assertGreaterEqual(self.value(text, 'bulkhead_worker_refused_total{worker="0"}'), 1)
        # What is exported is known, so that rules and boards can be checked without a scrape.
        exported = set(re.findall(r"^# TYPE (\w+)", text, re.M))
        self.assertEqual(exported - exported_metrics(), set())

    def test_a_scraper_that_hangs_costs_its_own_connection(self):
        self.commit(POLICY)
        before = self.memory()
        hang = ("import socket, time\n"
                "held = []\n"
                "for _ in range(40):\n"
                f"    each = socket.create_connection(('127.0.0.1', {PORT}))\n"
                "    each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)\n"
                "    each.sendall(b'GET /metrics HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n' * 20)\n"
                "    held.append(each)\n"
                "print('held', flush=True)\n"
                "time.sleep(60)\n")
        hanger = subprocess.Popen(self.lab.in_ns("fw", sys.executable, "-c", hang), text=True,
                                  stdout=subprocess.PIPE)
        self.addCleanup(hanger.stdout.close)
        self.addCleanup(hanger.wait)
        self.addCleanup(hanger.kill)
        self.assertEqual(hanger.stdout.readline(), "held\n")
        for _ in range(3):
            self.assertIn("bulkhead_enforcing 1", self.fresh())
        self.assertEqual(self.lab.hmi("read", 0, 1)["result"], "ok")
        self.assertLess(self.memory() - before, 32 << 20)

    def memory(self):
        """Of the agent: ip-netns-exec replaces itself by it."""
        status = Path(f"/proc/{self.lab.pid('agent')}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) << 10


SIDE = 100  # zones on each port: their products are conduits


# Beside the many: the HMI, whose zone is one of theirs, and the PLC.
WITH_PLC = f"""  control: {{target: SL2, port: 1, networks: [10.10.0.0/24]}}
conduits:
  scada:
    from: z0-0
    to: control
    allow:
      - {{protocol: modbus, client: {HMI}, server: {PLC}, access: [session, read]}}
"""


def many_conduits():
    """A policy in which each of a hundred zones reaches each of a hundred others."""
    lines = ["bulkhead: v1", "site: many", "zones:"]
    for side in (0, 1):
        lines += [f"  z{side}-{i}: {{target: SL2, port: {side}, "
                  f"networks: [10.{20 + side}.{i}.0/24]}}" for i in range(SIDE)]
    lines.append("conduits:")
    for i in range(SIDE):
        for j in range(SIDE):
            lines += [f"  c{i}-{j}:", f"    from: z0-{i}", f"    to: z1-{j}", "    allow:",
                      f"      - {{service: tcp/502, client: 10.20.{i}.1, server: 10.21.{j}.1}}"]
    return "\n".join(lines) + "\n"


def send_to_each(device):
    """A frame for each conduit, in this namespace: a SYN to a port that no rule names."""
    def checksum(data):
        total = sum(struct.unpack(f">{len(data) // 2}H", data))
        total = (total & 0xffff) + (total >> 16)
        return ~(total + (total >> 16)) & 0xffff
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((device, 0))
    for i in range(SIDE):
        for j in range(SIDE):
            addresses = bytes((10, 20, i, 1, 10, 21, j, 1))
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 40, 1, 0x4000, 64, 6, 0) + addresses
            ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
            tcp = struct.pack(">HHIIBBHHH", 40000, 9, 1, 0, 0x50, 2, 8192, 0, 0)
            pseudo = addresses + struct.pack(">BBH", 0, 6, 20)
            tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp)) + tcp[18:]
            mac = bytes((2, 0, 0, 0, 0, i + 1))
            out.send(b"\2\0\0\0\1" + bytes((j + 1,)) + mac + b"\x08\x00" + ip + tcp)
        time.sleep(0.01)  # the port's ring is no longer than this


class Scale(MetricsCase):
    prefix = "bhmkc"

    def test_ten_thousand_conduits_in_less_than_a_second(self):
        path = self.write(many_conduits())
        self.lab.ctl("push", path, "--commit", timeout=120)
        sender = self.lab.in_ns("sup", sys.executable, __file__, "send", "eth0")
        run(*sender, timeout=60)
        time.sleep(0.5)
        took = []
        for _ in range(5):
            time.sleep(1.1)
            text, seconds = self.scrape()
            took.append(seconds)
        rows = len(re.findall(r"^bulkhead_messages_total\{conduit=\"c", text, re.M))
        print(f"scrapes of {rows} conduits, {len(text)} bytes: "
              f"{', '.join(f'{each:.2f}' for each in took)} s", flush=True)
        self.assertGreater(rows, 9000, "frames reach their conduits")
        self.assertLess(sorted(took)[len(took) // 2], 1.0)
        self.assertEqual(self.value(text, "bulkhead_counters_complete"), 1)


class ScaleOfAPair(PairCase):
    """The same of a pair's active appliance: nobody takes over, and no request is late."""

    prefix = "bhmkp"
    LATE_US = 200_000  # a request whose packet was lost would be repeated then

    def setUp(self):
        super().setUp()
        self.active = self.lab.await_active()
        self.push(many_conduits().replace("conduits:\n", WITH_PLC, 1), which=self.active)
        standby = {"a": "b", "b": "a"}[self.active]
        wait_until(lambda: (self.lab.pair(standby) or {"self": {"ready": False}})["self"]["ready"],
                   "the standby to be ready", 60)

    def scrape(self):
        done = subprocess.run(self.lab.in_ns(self.active, sys.executable, "-c", SCRAPE),
                              capture_output=True, check=False, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout, float(done.stderr)

    def test_scrapes_put_no_lease_at_risk(self):
        run(*self.lab.in_ns("sup", sys.executable, __file__, "send", "eth0"), timeout=60)
        before = self.lab.pair(self.active)
        load = subprocess.Popen(
            self.lab.in_ns("sup", self.lab.bin / "lab-hmi", PLC, 502, "load", 100, 15),
            text=True, stdout=subprocess.PIPE)
        took = []
        while load.poll() is None:
            time.sleep(1.1)
            text, seconds = self.scrape()
            took.append(seconds)
        result = json.loads(load.communicate()[0].splitlines()[-1])
        after = self.lab.pair(self.active)
        rows = len(re.findall(rb"^bulkhead_messages_total\{conduit=\"c", text, re.M))
        print(f"{len(took)} scrapes of {rows} conduits, the slowest {max(took):.2f} s; "
              f"{result['sent']} requests, 99 % within {result['p99_us']} us", flush=True)
        self.assertGreater(rows, 9000)
        self.assertGreaterEqual(len(took), 5)
        self.assertEqual(result["failed"], 0)
        self.assertLess(result["p99_us"], self.LATE_US)
        self.assertEqual([(each["term"], each["takeovers"], each["self"]["role"])
                          for each in (before, after)],
                         [(before["term"], before["takeovers"], "active")] * 2)


if __name__ == "__main__":
    if sys.argv[1:2] == ["send"]:
        send_to_each(sys.argv[2])
    else:
        outcome.run()
