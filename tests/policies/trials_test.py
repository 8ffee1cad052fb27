"""policy test, policy compare, policy format and map, as a user has them: the installed programs and
files of their own, no build tree.

usage: trials_test.py BULKHEADCTL REPLAY [TESTS...]        (in the root of the checkout)
"""

import datetime
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import outcome

BULKHEADCTL, REPLAY = sys.argv[1:3]
POLICIES = Path("policies")
WATER = POLICIES / "water-works/policy.yaml"

WORDS = """cases:
  - {from: hmi, to: plc1, modbus: write_single_register, address: 42, value: 700, expect: allow, rule: 2}
  - {from: hmi, to: plc1, modbus: write_single_register, address: 42, value: 1001, expect: deny,
     reason: values_not_granted}
  - {from: hmi, to: plc1, modbus: write_single_register, unit: 2, address: 42, value: 7, expect: deny}
  - {from: hmi, to: plc1, modbus: 6, unit: 1, address: 49, value: 0, expect: allow, rule: 2}
  - {from: hmi, to: plc1, modbus: write_multiple_registers, address: 40-41, value: [1, 1000], expect: allow}
  - {from: hmi, to: plc1, modbus: write_multiple_registers, address: 49, value: [1, 2], expect: deny}
  - {from: hmi, to: plc1, modbus: read_holding_registers, address: 0-124, expect: allow, rule: 1}
  - {from: hmi, to: plc1, modbus: write_single_coil, address: 0, value: 1, expect: deny,
     reason: function_not_granted}
  - {from: 10.20.0.77, to: plc1, modbus: read_coils, expect: deny, reason: no_rule}
  - {from: plc1, to: hmi, modbus: read_coils, expect: deny, reason: no_conduit}
  - {from: hmi, to: plc1, plain_service: ping, expect: allow, rule: 3}
  - {from: hmi, to: plc1, plain_service: ssh, expect: deny, reason: no_rule}
  - {from: hmi, to: plc1, modbus: read_coils, server_port: 503, expect: deny, reason: no_rule}
  - {from: engineering, to: plc2, modbus: umas_take_reservation, owner: ENG-7, expect: allow, rule: 5}
  - {from: engineering, to: plc2, modbus: umas_take_reservation, fields: {owner: HMI}, expect: deny}
  - {from: engineering, to: plc2, modbus: umas_write_variables, block: 17, offset: 40-41, expect: allow}
  - {from: engineering, to: plc2, modbus: umas_write_variables, block: 17, offset: 99-100, expect: deny}
"""

TYPED = """bulkhead: v1
site: typed
written_for: 0.2
zones:
  up: {port: 0, networks: [10.1.0.0/24]}
  down: {port: 1, networks: [10.2.0.0/24, "2001:db8::/64"]}
assets:
  a: {zone: up, address: 10.1.0.1}
  gw: {zone: down, address: 10.2.0.1}
  pump: {behind: gw, route: {unit: 7}}
  ied: {zone: up, address: 10.1.0.2}
conduits:
  c:
    from: up
    to: down
    allow:
      - {protocol: modbus, client: a, server: pump, functions: [16],
         where: {address: 10-13, value: 0-63.5, as: float32}}
      - {protocol: iec104, client: a, server: gw, access: [session, read, publish]}
  back: {from: down, to: up}
"""
TYPED_CASES = """cases:
  - {from: a, to: pump, modbus: 16, address: 10, value: [1.5, 63.5], as: float32, expect: allow, rule: 1}
  - {from: a, to: pump, modbus: 16, address: 10, value: 64, as: float32, expect: deny}
  - {from: a, to: pump, modbus: 16, address: 11, value: 1.5, as: float32, expect: deny}
  - {from: a, to: pump, modbus: 16, expect: allow}
  - {from: a, to: gw, modbus: 16, unit: 255, address: 10, value: 1.5, as: float32, expect: deny}
  - {from: a, to: pump, modbus: 16, unit: 8, address: 10, value: 1.5, as: float32, expect: deny}
  - {from: gw, to: a, iec104: m_me_nc_1, expect: allow, rule: 2}
  - {client: a, server: gw, from: server, iec104: m_me_nc_1, expect: allow, rule: 2}
  - {from: a, to: gw, iec104: c_sc_na_1, expect: deny, reason: function_not_granted}
"""

BYTES = """cases:
  - {what: "a read, <&> in bytes", protocol: modbus, client: hmi, server: plc1, expect: allow, rule: 1,
     message: "000100000006010300280001"}
  - {protocol: modbus, client: hmi, server: plc1, expect: deny, reason: protocol_fault,
     message: "47 45 54 20 2f 20 48 54 54 50"}
"""


def said(*words, **options):
    return subprocess.run([BULKHEADCTL, *map(str, words)], capture_output=True, text=True, **options)


def modbus_day(path, writes):
    """A capture of one session: a hundred polls of ten registers, and set points between them."""
    def packet(number, source, destination, segment):
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 0, 0x4000, 64, 6, 0, source,
                         destination)
        stations = [b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"]
        frame = b"".join(stations if source == hmi else reversed(stations)) + b"\x08\0" + ip + segment
        return struct.pack("<IIII", 1_700_000_000 + number, 0, len(frame), len(frame)) + frame

    hmi, plc = bytes([10, 20, 0, 10]), bytes([10, 10, 0, 20])
    numbers = {True: 1000, False: 5000}
    out, count = [struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)], 0

    def say(from_hmi, flags, payload=b""):
        nonlocal count
        ports = (40000, 502) if from_hmi else (502, 40000)
        segment = struct.pack(">HHIIBBHHH", *ports, numbers[from_hmi],
                              numbers[not from_hmi] if flags != 2 else 0, 0x50, flags, 65535, 0, 0)
        out.append(packet(count, hmi if from_hmi else plc, plc if from_hmi else hmi, segment + payload))
        count += 1
        numbers[from_hmi] += len(payload) + (1 if flags & 2 else 0)

    say(True, 2), say(False, 18), say(True, 16)
    for turn in range(100):
        head = struct.pack(">HHHB", turn, 0, 6, 1)
        say(True, 24, head + struct.pack(">BHH", 3, 0, 10))
        say(False, 24, struct.pack(">HHHB", turn, 0, 23, 1) + b"\3\x14" + bytes(20))
        for address, value in writes.get(turn, []):
            say(True, 24, head + struct.pack(">BHH", 6, address, value))
            say(False, 24, head + struct.pack(">BHH", 6, address, value))
    path.write_bytes(b"".join(out))
    return count


class Folder(unittest.TestCase):

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def lines(self, *words, code=0):
        done = said(*words, "--format", "json")
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]


class Cases(Folder):

    def test_every_case_of_every_example(self):
        """What goes through the pipeline in memory comes to the same through the two programs."""
        count = 0
        for site in sorted(POLICIES.glob("*/cases.yaml")):
            with self.subTest(site.parent.name):
                for line in self.lines("policy", "test", site.parent / "policy.yaml", site,
                                       "--replay", REPLAY):
                    self.assertTrue(line["ok"], line)
                    self.assertEqual(line["judged"], "pipeline")
                    count += 1
        self.assertGreaterEqual(count, 50)

    def test_words_need_no_other_program(self):
        cases = self.file("cases.yaml", WORDS)
        lines = self.lines("policy", "test", WATER, cases, "--replay", "/nowhere")
        self.assertEqual(len(lines), WORDS.count("expect:"))
        self.assertTrue(all(line["ok"] and line["judged"] == "words" for line in lines), lines)
        self.assertEqual(lines[0]["assumed"], "unit 1")

    def test_words_turned_round_all_fail(self):
        """A case that cannot fail shows nothing: with the opposite expected, each one must."""
        turned = WORDS.replace("expect: allow", "expect: X").replace("expect: deny", "expect: allow")
        cases = self.file("cases.yaml", turned.replace("expect: X", "expect: deny"))
        lines = self.lines("policy", "test", WATER, cases, code=1)
        self.assertTrue(all(not line["ok"] and line["problem"] for line in lines), lines)

    def test_typed_values_routes_and_what_servers_send(self):
        policy = self.file("p.yaml", TYPED)
        lines = self.lines("policy", "test", policy, self.file("c.yaml", TYPED_CASES))
        judged = [line for line in lines if "case" in line]  # beside a warning of the policy
        self.assertEqual(len(judged), TYPED_CASES.count("expect:"))
        self.assertTrue(all(line["ok"] for line in judged), lines)

    def test_words_and_bytes_agree(self):
        """The same messages, written both ways, against the same policy."""
        both = [("read_holding_registers, unit: 1, address: 40-49", "00010000000601030028000a"),
                ("write_single_register, unit: 1, address: 42, value: 1000", "0001000000060106002a03e8"),
                ("write_single_register, unit: 1, address: 42, value: 1001", "0001000000060106002a03e9"),
                ("write_single_register, unit: 2, address: 42, value: 1", "00010000000602 06002a0001"),
                ("write_multiple_registers, unit: 1, address: 49-50, value: [1, 1], quantity: 2",
                 "00010000000b011000310002 0400010001"),
                ("write_single_coil, unit: 1, address: 1, value: 1", "000100000006010500 01ff00")]
        text = "cases:\n"
        for words, octets in both:
            text += f"  - {{from: hmi, to: plc1, modbus: {words}, expect: allow}}\n"
            text += f"  - {{client: hmi, server: plc1, protocol: modbus, message: '{octets}', expect: allow}}\n"
        done = said("policy", "test", WATER, self.file("c.yaml", text), "--replay", REPLAY,
                    "--format", "json")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(lines), 2 * len(both))
        for words, octets in zip(lines[::2], lines[1::2]):
            with self.subTest(words["what"]):
                self.assertEqual((words["judged"], octets["judged"]), ("words", "pipeline"))
                for key in ("verdict", "reason", "rule", "conduit"):
                    self.assertEqual(words[key], octets[key])

    def test_a_failed_case_names_the_rule_that_decided(self):
        cases = self.file("c.yaml", "cases:\n  - {from: hmi, to: plc1, modbus: read_coils, expect: deny}\n")
        done = said("policy", "test", WATER, cases)
        self.assertEqual(done.returncode, 1)
        self.assertIn("expected to be denied, is allowed: granted, conduit scada, rule 1", done.stdout)
        self.assertIn("1 cases, 1 failed", done.stdout)

    def test_mistakes_have_their_places(self):
        for text, expected in [
                ("cases:\n  - {from: hmi, to: plc1, modbus: read_coils}\n", ":2:5: error: expect must be"),
                ("cases:\n  - {from: hmi, modbus: read_coils, expect: deny}\n", "name the hosts"),
                ("cases:\n  - {from: hmi, to: plc1, expect: deny}\n", "the case has no message"),
                ("cases:\n  - {from: hmi, to: plc1, modbuss: x, expect: deny}\n", "did you mean modbus?"),
                ("cases:\n  - {from: a, to: b, modbus: 1, expect: deny, reason: no_rules}\n",
                 "did you mean no_rule?"),
                ("cases:\n  - {client: a, server: b, protocol: modbus, message: 0xyz, expect: deny}\n",
                 "written in hexadecimal"),
                ("cases: {}\n", "cases must be a list"), ("cases: []\n", "has no cases")]:
            with self.subTest(expected):
                done = said("policy", "test", WATER, self.file("c.yaml", text))
                self.assertEqual(done.returncode, 1)
                self.assertIn(expected, done.stderr)
        for words, expected in [
                ("modbus: read_coil", "did you mean read_coils?"),
                ("modbus: read_coils, adress: 1", "did you mean address?; its fields: unit, address"),
                ("modbus: read_coils, unit: 1-2", "one value in a message, not a range"),
                ("modbus: read_coils, unit: 300", "outside 0 to 255"),
                ("modbus: write_multiple_registers, address: 1-3, value: [1, 2]",
                 "3 elements at these addresses, but 2 in value"),
                ("iec104: m_me_nc_1, client: x", "name the hosts")]:
            with self.subTest(words):
                cases = self.file("c.yaml", f"cases:\n  - {{from: hmi, to: plc1, {words}, expect: deny}}\n")
                done = said("policy", "test", WATER, cases)
                self.assertEqual(done.returncode, 1)
                self.assertIn(expected, done.stdout + done.stderr)

    def test_a_case_is_of_one_host(self):
        for name, expected in (("supervision", "supervision is a zone: a case is one message"),
                               ("any", "any is no host: a case is one message")):
            cases = self.file("c.yaml", f"cases:\n  - {{from: {name}, to: plc1, modbus: 1, expect: deny}}\n")
            self.assertIn(expected, said("policy", "test", WATER, cases).stdout)

    def test_without_the_pipeline_bytes_are_refused_in_words(self):
        alone = self.folder / "bulkheadctl"
        shutil.copy(BULKHEADCTL, alone)
        done = subprocess.run([alone, "policy", "test", WATER, self.file("c.yaml", BYTES)],
                              capture_output=True, text=True, env={"PATH": str(self.folder)})
        self.assertEqual(done.returncode, 4)
        self.assertIn("bulkhead-replay is not installed", done.stderr)
        self.assertIn("package bulkhead", done.stderr)

    def test_before_must_pass(self):
        cases = self.file("c.yaml", """cases:
  - {protocol: modbus, client: hmi, server: plc1, expect: allow, message: "000100000006010300280001",
     before: ["> 00 01 00 00 00 06 01 05 00 01 ff 00"]}
  - {protocol: modbus, client: hmi, server: plc1, expect: deny, message: "0001000000060103"}
""")
        lines = self.lines("policy", "test", WATER, cases, "--replay", REPLAY, code=1)
        self.assertIn("before: > 00 01", lines[0]["problem"])
        self.assertIn("denied: function_not_granted", lines[0]["problem"])
        self.assertIn("beginning of a longer message", lines[1]["problem"])


class Junit(Folder):

    def test_what_build_servers_read(self):
        cases = self.file("c.yaml", BYTES + "  - {what: fails, from: hmi, to: plc1, modbus: read_coils, expect: deny}\n"
                                            "  - {what: broken, from: nobody, to: plc1, modbus: 1, expect: deny}\n")
        report = self.folder / "report.xml"
        done = said("policy", "test", WATER, cases, "--junit", report, "--replay", REPLAY)
        self.assertEqual(done.returncode, 1, done.stderr)
        suites = ElementTree.parse(report).getroot()
        self.assertEqual(suites.tag, "testsuites")
        suite = suites.find("testsuite")
        self.assertEqual([suite.get(key) for key in ("tests", "failures", "errors")], ["4", "1", "1"])
        self.assertEqual([each.tag for each in suite],
                         ["properties"] + 4 * ["testcase"] + ["system-out", "system-err"])
        named = {each.get("name"): each for each in suite.iter("testcase")}
        self.assertIsNone(named["a read, <&> in bytes"].find("failure"))
        self.assertIn("rule 1", named["fails"].find("failure").get("message"))
        self.assertIn("unknown asset nobody", named["broken"].find("error").get("message"))

    def test_names_that_xml_cannot_hold(self):
        """XML 1.0, 2.2"""
        cases = self.file("c.yaml", 'cases:\n  - {what: "a\\x1b\\x00\\uFFFE\\uFFFF\\uFFFD]]>", from: hmi, to: plc1, '
                                    "modbus: read_coils, expect: allow}\n")
        report = self.folder / "report.xml"
        self.assertEqual(said("policy", "test", WATER, cases, "--junit", report).returncode, 0)
        case = next(ElementTree.parse(report).getroot().iter("testcase"))
        self.assertEqual(case.get("name"), "a\\x1b\\x00\\ufffe\\uffff\ufffd]]>")

    @unittest.skipUnless(shutil.which("xmllint"), "xmllint is not installed (Debian: libxml2-utils)")
    def test_it_is_valid_by_the_schema(self):
        report = self.folder / "report.xml"
        said("policy", "test", WATER, self.file("c.yaml", BYTES), "--junit", report, "--replay", REPLAY)
        schema = Path(__file__).parent / "junit.xsd"
        valid = subprocess.run(["xmllint", "--noout", "--schema", schema, report], capture_output=True, text=True)
        self.assertEqual(valid.returncode, 0, valid.stderr)
        report.write_text(report.read_text().replace(' errors="0"', ""))
        valid = subprocess.run(["xmllint", "--noout", "--schema", schema, report], capture_output=True, text=True)
        self.assertNotEqual(valid.returncode, 0, "the schema does not look")


class Compare(Folder):

    def capture(self, name, policy=WATER, site="water-works"):
        """A capture of the example's cases, made by bulkheadctl itself."""
        keeper = self.file("keep", f"#!/bin/sh\ncp \"$3\" {self.folder}/{name}\nexec {REPLAY} \"$@\"\n")
        keeper.chmod(0o755)
        self.lines("policy", "test", policy, POLICIES / site / "cases.yaml", "--replay", keeper)
        return self.folder / name

    def test_what_changes(self):
        capture = self.capture("c.pcap")
        self.assertEqual(self.lines("policy", "compare", WATER, WATER, capture), [])
        text = WATER.read_text()
        self.assertIn("address: 40-49, value: 0-1000", text)
        after = self.file("after.yaml", text.replace("address: 40-49, value: 0-1000", "address: 40-49, value: 0-999"))
        lines = self.lines("policy", "compare", WATER, after, capture, code=1)
        self.assertEqual(len(lines), 1, lines)
        self.assertEqual(lines[0]["function"], "write_single_register")
        self.assertEqual(lines[0]["before"]["verdict"], "allow")
        self.assertEqual(lines[0]["before"]["rule"], 2)
        self.assertEqual(lines[0]["after"]["verdict"], "deny")
        self.assertEqual(lines[0]["after"]["reason"], "values_not_granted")
        back = self.lines("policy", "compare", after, WATER, capture, code=1)
        self.assertEqual(back[0]["after"], lines[0]["before"])
        shown = said("policy", "compare", WATER, after, capture)
        self.assertIn("1 with another verdict: 0 now allowed, 1 now denied", shown.stdout)

    def test_a_refusal_hides_nothing_after_it(self):
        """Both writes of one session, though enforcing the later policy would break it off at the first."""
        day = self.folder / "day.pcap"
        modbus_day(day, {20: [(42, 700)], 60: [(42, 710)], 70: [(43, 1)]})
        after = self.file("after.yaml", WATER.read_text().replace("address: 40-49", "address: 43-49"))
        lines = self.lines("policy", "compare", WATER, after, day, code=1)
        self.assertEqual([line["function"] for line in lines], 2 * ["write_single_register"])
        self.assertLess(lines[0]["frame"], lines[1]["frame"])

    def test_a_capture_of_elsewhere_is_no_agreement(self):
        done = said("policy", "compare", POLICIES / "railway/policy.yaml", POLICIES / "railway/policy.yaml",
                    self.capture("c.pcap"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("no message that either policy judges", done.stderr)

    def test_mistakes(self):
        capture = self.capture("c.pcap")
        bad = self.file("bad.yaml", "bulkhead: v1\n")
        self.assertEqual(said("policy", "compare", WATER, bad, capture).returncode, 1)
        none = said("policy", "compare", WATER, WATER, self.folder / "none.pcap")
        self.assertEqual(none.returncode, 4)
        self.assertIn("none.pcap", none.stderr)


class Format(Folder):

    def test_in_place_and_check(self):
        path = self.file("p.yaml", "site: s # name\nbulkhead: v1\n")
        self.assertEqual(said("policy", "format", "--check", path).returncode, 1)
        self.assertEqual(path.read_text(), "site: s # name\nbulkhead: v1\n")
        self.assertEqual(said("policy", "format", "--show", path).stdout, "bulkhead: v1\nsite: s  # name\n")
        self.assertEqual(said("policy", "format", path).returncode, 0)
        self.assertEqual(path.read_text(), "bulkhead: v1\nsite: s  # name\n")
        self.assertEqual(said("policy", "format", "--check", path).returncode, 0)

    def test_what_cannot_be_rewritten_stays(self):
        path = self.file("p.yaml", "site: [\n")
        done = said("policy", "format", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("p.yaml:", done.stderr)
        self.assertEqual(path.read_text(), "site: [\n")

    def test_a_policy_outlives_a_full_disk(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        text = WATER.read_text().replace(", ", " , ")
        path = self.file("p.yaml", text)
        done = subprocess.run([BULKHEADCTL, "policy", "format", path], capture_output=True, text=True,
                              preexec_fn=limit)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("it is as it was before", done.stderr)
        self.assertEqual(path.read_text(), text)
        self.assertEqual([each.name for each in self.folder.iterdir()], ["p.yaml"])


class Map(Folder):

    def test_text(self):
        shown = said("map", WATER)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("[supervision]  port 0, SL2\n", shown.stdout)
        self.assertIn("scada --> [control]  6 rules, on_deny reject, more than reading\n", shown.stdout)
        self.assertIn("ping (not inspected)\n", shown.stdout)
        for line in shown.stdout.splitlines():
            self.assertLessEqual(len(line), 80)
        rules = self.lines("map", WATER)[0]["rules"]
        self.assertEqual(rules[1], {"protocol": "modbus", "access": ["write"]})

    def test_picture(self):
        dot = self.file("dot", "#!/bin/sh\n[ \"$1\" = -Tsvg ] && cat\n")
        dot.chmod(0o755)
        svg = self.folder / "map.svg"
        environment = dict(os.environ, PATH=f"{self.folder}:{os.environ['PATH']}")
        self.assertEqual(said("map", WATER, "--svg", svg, env=environment).returncode, 0)
        self.assertEqual(svg.read_text(), said("map", WATER, "--dot").stdout)
        self.assertIn("zone0 -> zone1", svg.read_text())

    @unittest.skipUnless(shutil.which("dot"), "dot is not installed (Debian: graphviz)")
    def test_graphviz_draws_every_example(self):
        for path in sorted(POLICIES.glob("*/policy.yaml")):
            svg = self.folder / "map.svg"
            self.assertEqual(said("map", path, "--svg", svg).returncode, 0)
            root = ElementTree.parse(svg).getroot()
            self.assertTrue(root.tag.endswith("svg"))
            self.assertIn(f"Site {path.parent.name}", "".join(root.itertext()))

    def test_without_graphviz(self):
        done = said("map", WATER, "--svg", self.folder / "x.svg", env={"PATH": "/nowhere"})
        self.assertEqual(done.returncode, 4)
        self.assertIn("apt install graphviz", done.stderr)
        self.assertEqual(said("map").returncode, 2)


class FirstPolicy(Folder):
    """The guide, line by line, as an engineer would follow it."""

    # A plant, and an appliance; --live takes a network.
    HAND = {"tcpdump", "push", "commit", "events", "why", "confirm", "rules", "status", "counters"}

    def blocks(self):
        text = Path("deploy/guides/first-policy.md").read_text()
        return re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL)

    def run_line(self, line, code=0):
        words = line.split("  #")[0].split()
        programs = {"bulkheadctl": BULKHEADCTL, "bulkhead-replay": REPLAY}
        done = subprocess.run([os.path.abspath(programs[words[0]]), *words[1:]], capture_output=True,
                              text=True, cwd=self.folder)
        self.assertEqual(done.returncode, code, line + "\n" + done.stdout + done.stderr)
        return done.stdout + done.stderr

    def observing(self, policy, text):
        """The policy, whose conduit observes as the guide says, on a day that lies ahead."""
        lines = [line.split("  #")[0].rstrip() for line in text.splitlines()[2:]]
        day = datetime.date.today() + datetime.timedelta(days=30)
        lines = [re.sub("[0-9]{4}-[0-9]{2}-[0-9]{2}", str(day), line) for line in lines]
        made = policy.read_text().replace("    from: ", "\n".join(lines) + "\n    from: ", 1)
        done = said("policy", "check", self.file("observing.yaml", made))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("OBSERVES until", done.stdout + done.stderr)

    def test_the_guide(self):
        frames = modbus_day(self.folder / "day.pcap", {20: [(42, 700)], 60: [(42, 710)]})
        modbus_day(self.folder / "other-day.pcap", {5: [(43, 1)]})
        policy = self.folder / "my.yaml"
        ran = set()
        for kind, text in self.blocks():
            if kind == "yaml" and text.startswith("conduits:"):
                self.observing(policy, text)
                continue
            if kind == "yaml":
                self.file("cases.yaml", text)
            if kind:
                continue
            for line in text.replace("\\\n", "").splitlines():
                words = line.split()
                if self.HAND & {words[0], words[1]} or "--live" in words:
                    continue
                ran.add(words[0] if words[0] != "bulkheadctl" else " ".join(words[1:3]))
                if "policy check" in line:
                    self.assertIn("nobody has reviewed this rule", self.run_line(line, code=1))
                    text = policy.read_text()
                    self.assertEqual(text.count("reviewed_by:\n"), 1)
                    policy.write_text(text.replace("reviewed_by:\n", "reviewed_by: J. Engineer\n"))
                    self.run_line(line)
                elif words[0] == "bulkhead-replay":
                    self.assertIn(" 0 denied", self.run_line(line))
                    other = self.run_line(line.replace("day.pcap", "other-day.pcap"))
                    self.assertEqual(other.count("values_not_granted"), 1, other)
                    self.assertNotIn("tcp_", other, "one refusal takes its session along")
                elif "--against" in line:
                    said_ = self.run_line(line, code=1)
                    self.assertIn("write_single_register: values_not_granted, once", said_)
                    self.assertIn("rules: 1 never used, kinds of traffic: 1 not granted", said_)
                elif "policy compare" in line:
                    new = policy.read_text().replace("address: 42", "address: 43")
                    self.file("new.yaml", new)
                    self.assertIn("2 with another verdict: 0 now allowed, 2 now denied",
                                  self.run_line(line, code=1))
                else:
                    said_ = self.run_line(line)
                    if "policy test" in line:
                        self.assertIn("3 cases, 0 failed", said_)
        self.assertGreaterEqual(len(ran), 8, ran)
        text = policy.read_text()
        self.assertIn(f"Learned from {frames} packets", text)
        self.assertEqual(text.count("- protocol: modbus"), 2, "two rules")
        self.assertIn("where: {unit: 1, address: 0-9}", text)
        self.assertIn("where: {unit: 1, address: 42}", text)

    def test_the_same_capture_gives_the_same_text(self):
        modbus_day(self.folder / "day.pcap", {20: [(42, 700)]})
        first = said("learn", self.folder / "day.pcap").stdout
        self.assertEqual(first, said("learn", self.folder / "day.pcap").stdout)
        self.assertEqual(said("learn", "/nowhere.pcap").returncode, 4)
        bad = said("learn", self.folder / "day.pcap", "--zone", "a=b")
        self.assertEqual(bad.returncode, 2)
        self.assertIn("`b` is no network", bad.stderr)


if __name__ == "__main__":
    outcome.run(needs_root=False, arguments=sys.argv[3:])
