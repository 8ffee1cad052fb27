"""Mistakes in cases files: a case must not pass since what it says was read otherwise. Words come to
what the same message in bytes does, and what no message is, is no case.

usage: case_files_test.py BULKHEADCTL REPLAY [TESTS...]        (in the root of the checkout)
"""

import collections
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import outcome

BULKHEADCTL, REPLAY = sys.argv[1:3]
POLICIES = Path("policies")

POLICY = """bulkhead: v1
site: s
written_for: 0.2
zones:
  sup: {port: 0, %s networks: [10.20.0.0/24]}
  con: {port: 1, %s networks: [10.10.0.0/24]}
assets:
  hmi: {zone: sup, address: 10.20.0.10}
  plc: {zone: con, address: 10.10.0.20}
  rtu: {zone: con, address: 10.10.0.30}
conduits:
  scada:
    from: sup
    to: con
    allow:
      - {protocol: modbus, client: hmi, server: plc, functions: [read_holding_registers, 16],
         where: {unit: 1, address: 0-200, quantity: 1-5}}
      - {protocol: modbus, client: hmi, server: plc, functions: [write_single_register, write_multiple_coils],
         where: {unit: 1, address: 40-42, value: 0-1000}}
      - {protocol: modbus, client: hmi, server: plc, functions: [return_query_data],
         where: {unit: 1, sub_function: 0-18}}
      - {protocol: dnp3, client: hmi, server: rtu, access: [read, operate], where: {destination: any}}
      - {protocol: iec104, client: hmi, server: rtu, functions: [c_ic_na_1], where: {common_address: any}}
      - {protocol: s7comm, client: hmi, server: plc, functions: [read_var],
         where: {area: 0x84, db: 1, address: 0-9, transport_size: 1-8}}
      - {protocol: mms, client: hmi, server: rtu, functions: [read],
         where: {domain: ied, logical_node: GGIO1, functional_constraint: MX}}
      - {service: tcp/22, client: hmi, server: plc}
"""
READ = "000100000006010300000001"


class Cases(unittest.TestCase):

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.policy = self.file("policy.yaml", POLICY % ("", ""))

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def run_cases(self, *words, policy=None, cases=None, replay=REPLAY):
        """Each of `words` is a case from hmi to plc; the results, and what was said beside them."""
        text = cases or "cases:\n" + "".join(f"  - {{{each}, expect: allow}}\n" for each in words)
        done = subprocess.run([BULKHEADCTL, "policy", "test", policy or self.policy, self.file("cases.yaml", text),
                               "--replay", replay, "--format", "json"], capture_output=True, text=True)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        mistakes = [line for line in lines if line.get("severity") == "error"]
        return [line for line in lines if "case" in line], mistakes

    def words(self, text, to="plc", **options):
        return self.run_cases(f"from: hmi, to: {to}, {text}", **options)[0][0]


class Keys(Cases):

    def test_a_key_stands_once(self):
        for text, key, first, second in [
                ("modbus: write_single_register, address: 43, address: 40, value: 1", "address", 57, 70),
                ("modbus: read_coils, expect: deny", "expect", 46, 60),
                ("modbus: write_single_register, address: 43, fields: {address: 40}, value: 1", "address", 57, 79),
                ("modbus: write_single_register, fields: {unit: 1, unit: 2}", "unit", 66, 75),
                ("modbus: read_coils, modbus: 6", "modbus", 26, 46),
                ("modbus: read_coils, vlan: 1, vlan: 2", "vlan", 46, 55)]:
            with self.subTest(text):
                results, mistakes = self.run_cases(f"from: hmi, to: plc, {text}")
                self.assertEqual((results, len(mistakes)), ([], 1), mistakes)
                self.assertEqual((mistakes[0]["line"], mistakes[0]["column"]), (2, second), mistakes)
                self.assertEqual(mistakes[0]["message"],
                                 f"{key} stands twice in the case: first in line 2, column {first}")

    def test_two_lists_are_one_too_many(self):
        results, mistakes = self.run_cases(cases="cases:\n  - {from: hmi, to: plc, modbus: 3, expect: allow}\n"
                                                 "cases:\n  - {from: hmi, to: plc, modbus: 5, expect: deny}\n")
        self.assertEqual((results, len(mistakes)), ([], 1), mistakes)

    def test_a_key_without_use_is_refused(self):
        for text, expected in [
                ("from: hmi, to: plc, modbus: 3, before: ['> 00']", "before is for a message in bytes"),
                ("from: hmi, to: plc, modbus: 3, protocol: s7comm", "protocol: s7comm contradicts the key modbus"),
                ("from: hmi, to: plc, modbus: 3, plain_service: ssh", "modbus is not of a plain_service"),
                ("from: hmi, to: plc, plain_service: ssh, port: 23", "unknown key port of a plain_service, which has"),
                ("from: hmi, to: plc, service: ssh", "service: did you mean plain_service?"),
                ("from: hmi, to: plc, modbus: 3, verdict: deny", "expect and verdict are the same key"),
                (f"client: hmi, server: plc, protocol: modbus, message: '{READ}', modbus: 5", "says this itself"),
                (f"client: hmi, server: plc, protocol: modbus, message: '{READ}', as: int16", "says this itself")]:
            with self.subTest(text):
                results, mistakes = self.run_cases(text)
                self.assertEqual((results, len(mistakes)), ([], 1), mistakes)
                self.assertIn(expected, mistakes[0]["message"])
        for text, expected in [
                ("modbus: read_holding_registers, as: int16", "int16 says how written values are read"),
                ("modbus: 16, address: 1, value: 1, as: uint32, word_order: litle", "big or little, not litle")]:
            with self.subTest(text):
                self.assertIn(expected, self.words(text)["problem"])

    def test_a_field_of_other_functions_says_of_which(self):
        problem = self.words("modbus: read_holding_registers, value: 1")["problem"]
        self.assertNotIn("did you mean", problem)
        self.assertIn("its fields: unit, address, quantity; value is of write_single_coil, ", problem)
        self.assertIn("did you mean address?", self.words("modbus: 3, adress: 1")["problem"])


class Vlans(Cases):

    def test_words_and_bytes(self):
        """A frame in another VLAN than its zone's comes from no zone."""
        message = f"client: hmi, server: plc, protocol: modbus, message: '{READ}'"
        words = "from: hmi, to: plc, modbus: read_holding_registers, unit: 1, address: 0"
        service = "from: hmi, to: plc, plain_service: ssh"
        for zones, fits in [("vlan: 10,", {"": True, ", vlan: 10": True, ", vlan: 11": False, ", vlan: 0": False}),
                            ("", {"": True, ", vlan: 10": False, ", vlan: 0": True}),
                            ("vlan: [7, 10],", {"": True, ", vlan: 10": False, ", vlan: 7": False})]:
            policy = self.file("vlans.yaml", POLICY % (zones, zones))
            for vlan, passes in fits.items():
                with self.subTest(zones + vlan):
                    results, _ = self.run_cases(words + vlan, message + vlan, service + vlan, policy=policy)
                    expected = ("allow", "granted") if passes else ("deny", "unknown_zone")
                    for result in results[:2]:
                        self.assertEqual((result["verdict"], result["reason"]), expected, result)
                    self.assertEqual(results[2]["verdict"], expected[0], results[2])


class Derived(Cases):

    def test_what_follows(self):
        for text, verdict, derived in [
                ("modbus: read_holding_registers, address: 0-4", "allow", "quantity 5"),
                ("modbus: read_holding_registers, address: 0-9", "deny", "quantity 10"),
                ("modbus: read_holding_registers, address: 196, quantity: 5", "allow", ""),
                ("modbus: read_holding_registers, address: 197, quantity: 5", "deny", ""),
                ("modbus: read_holding_registers, address: 7", "allow", "quantity 1"),
                ("modbus: write_multiple_registers, address: 10, value: [1, 2, 3]", "allow", "quantity 3"),
                ("modbus: write_multiple_registers, value: [1, 2, 3, 4, 5, 6]", "deny", "quantity 6"),
                ("modbus: return_query_data", "allow", "sub_function 0"),
                ("modbus: read_coils, server_port: 503, address: 1-2", "deny", "quantity 2"),
                ("s7comm: read_var, area: 0x84, db: 1, address: 0, length: 2, transport_size: 8", "allow", ""),
                ("s7comm: read_var, area: 0x84, db: 1, address: 0-7, transport_size: 4", "allow", "length 4"),
                ("s7comm: read_var, area: 0x84, db: 1, address: 4, length: 2, transport_size: 8", "deny", ""),
                # Some of the sizes that the rule grants fits, if not its first.
                ("s7comm: read_var, area: 0x84, db: 1, address: 0-7", "allow", ""),
                ("s7comm: read_var, area: 0x84, db: 1, address: 0-7, length: 2", "allow", ""),
                ("s7comm: read_var, area: 0x84, db: 1, address: 0-5, length: 4", "cannot", None),
                ("s7comm: read_var, area: 0x84, db: 1, address: 0-7, length: 1", "deny", ""),
                ("s7comm: read_var, area: 0x84, db: 1, address: 0-10", "deny", "")]:
            with self.subTest(text):
                result = self.words(text)
                self.assertEqual((result.get("verdict", "cannot"), result.get("derived")), (verdict, derived), result)
        for text, verdict, derived in [
                ("dnp3: read, destination: 4", "allow", ""),
                ("dnp3: read, destination: 65535", "deny", "broadcast 65535"),
                ("iec104: c_ic_na_1, common_address: 65535", "deny", "broadcast 1"),
                ("mms: read, domain: ied, item: GGIO1$MX$AnIn1", "allow", "logical_node GGIO1, functional_constraint MX"),
                ("mms: read, domain: ied, item: LLN0$MX$A", "deny", "logical_node LLN0, functional_constraint MX")]:
            with self.subTest(text):
                result = self.words(text, to="rtu")
                self.assertEqual((result.get("verdict"), result.get("derived")), (verdict, derived), result)

    def test_what_is_assumed_is_said(self):
        result = self.words("modbus: read_holding_registers, address: 0-4")
        self.assertEqual(result["assumed"], "unit 1")
        done = subprocess.run([BULKHEADCTL, "policy", "test", self.policy, self.folder / "cases.yaml"],
                              capture_output=True, text=True)
        self.assertIn("rule 1, derived: quantity 5, assumed: unit 1\n", done.stdout)
        # Left open, a field has some value that fits the others.
        result = self.words("modbus: read_holding_registers, quantity: 5")
        self.assertEqual((result["verdict"], result["assumed"]), ("allow", "unit 1, address 0-4"))

    def test_what_no_message_is(self):
        for text, expected in [
                ("modbus: read_holding_registers, address: 0-9, quantity: 3",
                 "quantity 3 contradicts address 0-9, which is 10"),
                ("modbus: read_holding_registers, address: 0, quantity: 0", "quantity 0: a message asks for one"),
                ("modbus: read_holding_registers, address: 0-125", "has at most 125 in a message"),
                ("modbus: read_holding_registers, address: 65535, quantity: 2", "the last one is 65535"),
                ("modbus: write_single_register, address: 40-42, value: 1", "has at most 1 in a message"),
                ("modbus: write_single_register, address: 40, value: [1, 2]", "1 elements at these addresses, but 2"),
                ("modbus: write_multiple_coils, address: 40, value: 2", "value 2: a coil is 0 or 1"),
                ("modbus: return_query_data, sub_function: 4", "sub_function 4 contradicts return_query_data"),
                ("modbus: 16, address: 40-42, value: 1.5, as: float32", "3 elements at these addresses, but 2"),
                ("modbus: umas_read_variables, block: 1, offset: 0-9, length: 3", "length 3 contradicts offset 0-9"),
                ("s7comm: read_var, area: 0x84, db: 1, address: 0-8, transport_size: 4", "is no multiple of 2"),
                ("s7comm: read_var, area: 0x81, db: 1, address: 0", "db 1 contradicts area 129"),
                ("s7comm: read_var, bit: 1, transport_size: 4", "transport_size 4 contradicts bit 1"),
                ("dnp3: read, index: 1-2, quantity: 3", "index 1-2 and quantity 3 are never in one message"),
                ("dnp3: read, destination: 4, broadcast: 65535", "broadcast 65535 contradicts destination 4"),
                ("iec104: c_ic_na_1, common_address: 5, broadcast: 1", "broadcast 1 contradicts common_address 5"),
                ("mms: read, domain: ied, item: LLN0$MX$A, logical_node: GGIO1", "logical_node GGIO1 contradicts item"),
                ("enip: read_tag, tag: A, member: 0-3, elements: 2", "elements 2 contradicts member 0-3"),
                ("enip: read_tag, tag: A, service: 77", "service 77 contradicts read_tag, which means service 76"),
                ("enip: read_tag, tag: A, port: 1, link: 0, path: '1/0'", "are never in one message"),
                ("bacnet: read_property, address: 5", "address 5 is never without network"),
                ("bacnet: read_property, network: 3, address: 256", "does not fit 1 octet"),
                ("opcua: read, node: 1, node_name: a", "node 1 and node_name a are never in one message")]:
            with self.subTest(text):  # whether or not the policy grants anything there
                result = self.words(text)
                self.assertIn(expected, result.get("problem", ""), result)
                self.assertIn("cannot be judged: ", result["problem"])
                self.assertNotIn("verdict", result)

    # Of these the modules make operations that words can name, but not the verdict on the message:
    # it depends on what came before it in its session.
    OF_SESSION = {"without this session's handle", "a request before the channel is open",
                  "what goes on with nothing", "an operate without a select",
                  "before the session is started nothing is commanded"}
    DEPENDENT = ("quantity", "length", "elements", "broadcast", "sub_function", "mei", "logical_node",
                 "functional_constraint", "control", "report_control_block")

    def decoded(self, site):
        """The case, its result in bytes, and the operation of its message, where that is one."""
        keeper = self.file("keep", f"#!/bin/sh\ncp \"$3\" {self.folder}/c.pcap\nexec {REPLAY} \"$@\"\n")
        keeper.chmod(0o755)
        text = (site / "cases.yaml").read_text()
        results, _ = self.run_cases(policy=site / "policy.yaml", cases=text, replay=keeper)
        done = subprocess.run([BULKHEADCTL, "decode", self.folder / "c.pcap", "--format", "json"],
                              capture_output=True, text=True)
        sessions = collections.defaultdict(list)  # each case has a client port of its own
        for line in map(json.loads, done.stdout.splitlines()):
            for end in line.get("stream", "").split():
                port = end.rpartition(":")[2]
                if port.isdigit() and 0 <= int(port) - 20001 < len(results):
                    sessions[int(port) - 20001].append(line)
        for index, case in enumerate(yaml.safe_load(text)["cases"]):
            lines = [line for line in sessions[index] if line["frame"] == sessions[index][-1]["frame"]]
            asks = len(lines) == 1 and "function" in lines[0] and lines[0]["direction"] != "response"
            if asks and results[index]["reason"] != "answers_request" and case["what"] not in self.OF_SESSION:
                yield case, results[index], lines[0]

    def in_words(self, case, operation, result):
        def text(name, value):
            if not isinstance(value, list) or name == "values":
                return value
            return value[0] if value[0] == value[1] else f"{value[0]}-{value[1]}"
        fields = {name: text(name, value) for name, value in operation["fields"].items()}
        if "values" in fields:
            fields["value"] = fields.pop("values")
        words = {"client": case["client"], "server": case["server"], "expect": result["verdict"],
                 operation["protocol"]: operation["function"], "fields": fields}
        return words | {key: case[key] for key in ("from", "vlan") if key in case}

    def test_words_are_what_the_modules_read(self):
        """The operations of every example's messages as words come to what the bytes do, also where
        the fields that follow from others are left out; and no other values of these fit."""
        count = derived = refused = 0
        for site in sorted(each.parent for each in POLICIES.glob("*/cases.yaml")):
            whole, less, wrong = [], [], []
            for case, result, operation in self.decoded(site):
                words = self.in_words(case, operation, result)
                whole.append((words, result, case["what"], {}))
                left_out = {name: value for name, value in words["fields"].items() if name in self.DEPENDENT
                            and (name != "broadcast" or operation["protocol"] in ("dnp3", "iec104"))}
                rest = {name: value for name, value in words["fields"].items() if name not in left_out}
                less.append((words | {"fields": rest}, result, case["what"], left_out))
                for name in {"quantity", "length", "elements"} & left_out.keys():
                    other = words["fields"] | {name: left_out[name] + 1}
                    if not any(isinstance(value, str) and "-" in value for value in other.values()):
                        continue  # of a single address the quantity is no contradiction
                    wrong.append((words | {"fields": other}, result, case["what"], {}))
            text = yaml.safe_dump({"cases": [each[0] for each in whole + less + wrong]}, sort_keys=False)
            results, mistakes = self.run_cases(policy=site / "policy.yaml", cases=text)
            self.assertEqual(len(results), len(whole + less + wrong), mistakes)
            for (words, octets, what, left_out), result in zip(whole + less, results):
                with self.subTest(site=site.name, what=what, words=words):
                    for key in ("verdict", "reason", "rule", "conduit"):
                        self.assertEqual(result.get(key), octets[key], result)
                    said = set(filter(None, result["derived"].split(", ")))
                    self.assertEqual(said, {f"{name} {value}" for name, value in left_out.items()})
                    count += 1
                    derived += len(left_out)
            for (words, _, what, _), result in zip(wrong, results[len(whole + less):]):
                with self.subTest(site=site.name, what=what, wrong=words):
                    self.assertIn("no message is such", result.get("problem", ""))
                    refused += 1
        self.assertGreaterEqual(count, 200)
        self.assertGreaterEqual(derived, 20)
        self.assertGreaterEqual(refused, 5)


class Sessions(Cases):

    def test_a_session_that_does_not_open(self):
        """No rule names the port or the hosts: of a message in bytes the same is said as of words."""
        message = f"client: %s, server: %s, protocol: modbus, message: '{READ}'"
        for hosts, more, reason in [(("hmi", "plc"), ", server_port: 503", "no_rule"), (("hmi", "rtu"), "", "no_rule"),
                                    (("plc", "hmi"), "", "no_conduit")]:
            with self.subTest(hosts=hosts):
                results, _ = self.run_cases(f"from: {hosts[0]}, to: {hosts[1]}, modbus: 3" + more,
                                            message % hosts + more,
                                            message % hosts + f", before: ['> {READ}']" + more)
                for result in results:
                    self.assertEqual((result.get("verdict"), result.get("reason")), ("deny", reason), result)


class Files(Cases):

    def capture(self):
        keeper = self.file("keep", f"#!/bin/sh\ncp \"$3\" {self.folder}/c.pcap\nexec {REPLAY} \"$@\"\n")
        keeper.chmod(0o755)
        self.run_cases(f"client: hmi, server: plc, protocol: modbus, message: '{READ}'", replay=keeper)
        return self.folder / "c.pcap"

    def replay(self, *words):
        return subprocess.run([REPLAY, *map(str, words)], capture_output=True, text=True)

    def test_nothing_is_read_and_written_at_once(self):
        capture = self.capture()
        (self.folder / "linked.pcap").symlink_to(capture)
        (self.folder / "same.pcap").hardlink_to(capture)
        before = {path: path.read_bytes() for path in (capture, self.policy)}
        for out in (capture, self.folder / "linked.pcap", self.folder / "same.pcap", self.policy):
            with self.subTest(out.name):
                done = self.replay("--policy", self.policy, "--out", out, capture)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertIn("that is read: name another one", done.stderr)
                self.assertEqual({path: path.read_bytes() for path in before}, before)
        for report in (self.policy, self.folder / "cases.yaml"):
            done = subprocess.run([BULKHEADCTL, "policy", "test", self.policy, self.folder / "cases.yaml",
                                   "--junit", report], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertEqual(self.policy.read_bytes(), before[self.policy])
            self.assertTrue((self.folder / "cases.yaml").read_text().startswith("cases:"))
        done = self.replay("--policy", self.policy, "--measure", "--out", self.folder / "new.pcap", capture)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        done = self.replay("--policy", self.policy, "--out", self.folder / "out.pcap", capture)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.folder / "out.pcap").read_bytes()[:16], capture.read_bytes()[:16])

    def test_a_folder_is_no_policy(self):
        capture, cases = self.capture(), self.folder / "cases.yaml"
        for words in [("policy", "check", self.folder), ("policy", "explain", self.folder), ("map", self.folder),
                      ("policy", "format", self.folder), ("policy", "test", self.folder, cases),
                      ("policy", "test", self.policy, self.folder),
                      ("policy", "compare", self.policy, self.folder, capture),
                      ("learn", "--against", self.folder, capture)]:
            with self.subTest(words):
                done = subprocess.run([BULKHEADCTL, *map(str, words)], capture_output=True, text=True)
                self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
                self.assertIn(f"cannot read {self.folder}: Is a directory", done.stderr)
        done = self.replay("--policy", self.folder, capture)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn(f"cannot read {self.folder}: Is a directory", done.stderr)

    def test_what_is_no_capture_is_named(self):
        other = self.file("other.pcap", "no capture, but long enough to be read")
        for path in (other, self.folder / "none.pcap", self.folder):
            for words in [(REPLAY, "--policy", self.policy, path), (BULKHEADCTL, "decode", path),
                          (BULKHEADCTL, "policy", "compare", self.policy, self.policy, path)]:
                with self.subTest(words):
                    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
                    self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
                    self.assertEqual(done.stderr.count(str(path)), 1, done.stderr)


if __name__ == "__main__":
    outcome.run(needs_root=False, arguments=sys.argv[3:])
