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
                ("from: hmi, to: plc, modbus: 3, verdict: deny", "expect and verdict are the same key"),
                (f"client: hmi, server: plc, protocol: modbus, message: '{READ}', modbus: 5", "says this itself"),
                (f"client: hmi, server: plc, protocol: modbus, message: '{READ}', as: int16", "says this itself")]:
            with self.subTest(text):
                results, mistakes = self.run_cases(text)
                self.assertEqual((results, len(mistakes)), ([], 1), mistakes)
                self.assertIn(expected, mistakes[0]["message"])


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


if __name__ == "__main__":
    outcome.run(needs_root=False, arguments=sys.argv[3:])
