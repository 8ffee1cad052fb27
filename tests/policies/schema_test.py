"""The JSON Schema of policies against the compiler: what compiles is valid, and what a schema can see
of each kind of mistake it refuses.

usage: schema_test.py BULKHEADCTL [TESTS...]        (in the root of the checkout)
"""

import datetime
import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import outcome

try:
    import jsonschema
    import yaml
except ImportError as error:
    outcome.skip(f"{error.name} is not installed (Debian: python3-jsonschema, python3-yaml)")

BULKHEADCTL = sys.argv[1]
POLICIES = Path("policies")


class Loader(yaml.SafeLoader):
    """Types as YAML 1.2 has them, which editors read: no sexagesimal numbers, yes is a word."""


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in [
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("int", r"[-+]?[0-9]+|0x[0-9a-fA-F]+", "-+0123456789"),
        ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""])]:
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"),
                                 list(first))
Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(
    node.value, 16 if node.value.startswith("0x") else 10))
Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(node.value))


def with_text_keys(value):
    if isinstance(value, dict):
        return {str(key): with_text_keys(each) for key, each in value.items()}
    return [with_text_keys(each) for each in value] if isinstance(value, list) else value


def said(*words):
    return subprocess.run([BULKHEADCTL, *words], capture_output=True, text=True)


def compiles(text):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        return said("policy", "check", file.name)


SCHEMA = json.loads(said("policy", "schema").stdout)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def mistakes(text):
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:120]}"
            for e in VALIDATOR.iter_errors(with_text_keys(yaml.load(text, Loader)))]


BASE = """bulkhead: v1
site: water-works
written_for: 0.2
zones:
  supervision: {target: SL2, port: 0, networks: [10.20.0.0/24]}
  control: {port: 1, networks: [10.10.0.0/24, "2001:db8::/64"]}
assets:
  hmi: {zone: supervision, address: 10.20.0.10}
  plc1: {zone: control, address: 10.10.0.20, mac: "02:00:00:00:00:20"}
  gw1: {zone: control, address: 10.10.0.30}
  pump7: {behind: gw1, route: {unit: 7}}
conduits:
  scada:
    from: supervision
    to: control
    on_deny: reject
    allow:
      - protocol: modbus
        client: hmi
        server: plc1
        functions: [write_single_register]
        where: {unit: 1, address: 40-49, value: 0-1000}
        rate: 5/s
"""
RULE = BASE[BASE.index("      - protocol"):]

# What an author may write instead, each with what it replaces.
DAY = datetime.date.today() + datetime.timedelta(days=30)
ALSO_COMPILES = [
    ("on_deny: reject", f"mode: observe\n    until: {DAY}\n    midstream: resume"),
    ("on_deny: reject", f"mode: observe\n    until: {DAY}T06:00Z"),
    ("on_deny: reject", f"mode: observe\n    until: {DAY}\n    ends_between: 22:00-02:00\n"
                        "    confirm: 30m"),
    ("on_deny: reject", "mode: enforce"),
    ("port: 0,", 'port: "0",'), ("port: 0,", "port: 0x0,"), ("port: 0,", "port: 0, prp: false,"),
    ("networks: [10.20.0.0/24]", "networks: 10.20.0.0/24"),
    ("site: water-works", "site: 2024"), ("site: water-works", "site: true"),
    ("written_for: 0.2\n", ""), ("written_for: 0.2", 'written_for: "0.2"'),
    ("address: 10.20.0.10", "address: [10.20.0.10, 10.20.0.11]"),
    ("10.10.0.20,", '[10.10.0.20, "2001:db8::20"],'),
    ("\"02:00:00:00:00:20\"", "02-00-00-00-00-20"),
    ("hmi: {zone: supervision, address: 10.20.0.10}",
     "hmi: {zone: supervision, address: 10.20.0.10}\n"
     "  all: {zone: control, group: [255.255.255.255, 239.192.1.0/27]}"),
    ("route: {unit: 7}", 'route: {unit: "0x7"}'),
    ("on_deny: reject", "on_deny: drop\n    on_stray_answer: reset\n    fragments: reassemble\n"
                        "    midstream: resume\n    fail: closed\n    link: follow"),
    ("client: hmi", "client: [hmi, 10.20.0.32/28, 10.20.0.99]"), ("client: hmi", "client: any"),
    ("functions: [write_single_register]", "functions: 6"),
    ("functions: [write_single_register]", "functions: [0x06, write_multiple_registers, 43/14]"),
    ("functions: [write_single_register]", "access: [write, read]"),
    ("functions: [write_single_register]", "access: write\n        functions: [6]"),
    ("unit: 1, address: 40-49, value: 0-1000", "unit: [1, 3-5, 7..9], address: [40, 0x30-0x31]"),
    ("value: 0-1000", "value: any"), ("unit: 1", "unit: \" 1 \""),
    ("value: 0-1000", "value: -10-10, as: int16"), ("value: 0-1000", "value: -3, as: int16"),
    ("value: 0-1000", "value: 0.5-63.5, as: float32, word_order: little"),
    ("value: 0-1000", "value: 12.5, as: float32"),
    ("rate: 5/s", "rate: 100/h\n        port: [502, 1502-1510]\n        transport: tcp"),
    ("rate: 5/s", "claimed: false"), ("rate: 5/s", "reviewed_by: J. Doe"),
    ("rate: 5/s", "reviewed_by: 4711"),
    (RULE, RULE + "      - {service: ssh, client: hmi, server: plc1}\n"
                  "      - {service: tcp/8080, client: hmi, server: [plc1, gw1]}\n"
                  "      - {service: udp/5000-5009, client: any, server: any}\n"
                  "      - {service: udp, port: [7000, 7001], client: hmi, server: plc1}\n"),
    (RULE, "      - {protocol: enip, client: hmi, server: plc1, functions: [write_tag],\n"
           "         where: {tag: Recipe.Speed, elements: 1, member: 0, type: 0xca, value: 0-120.5}}\n"),
    (RULE, "      - {protocol: opcua, client: hmi, server: plc1, functions: [read],\n"
           "         where: {namespace: 2, node_name: [Line.*, 5], attribute: 13}}\n"),
    (RULE, "      - {protocol: bacnet, client: hmi, server: plc1, access: [read], transport: udp,\n"
           "         where: {network: any, address: any, address_length: any}}\n"),
    ("    allow:\n" + RULE, "    allow:\n"), ("    allow:\n" + RULE, "    allow: []\n"),
]

# Mistakes that the schema sees: each is an error of the compiler too.
REFUSED = {
    "unknown top key": ("site: water-works", "site: water-works\nrules: []"),
    "no site": ("site: water-works\n", ""),
    "no version": ("bulkhead: v1\n", ""),
    "other version": ("bulkhead: v1", "bulkhead: v2"),
    "bad name": ("site: water-works", 'site: "water works"'),
    "bad zone name": ("  control: {port", '  "con trol": {port'),
    "other release": ("written_for: 0.2", "written_for: 0.9"),
    "unknown zone key": ("target: SL2, port: 0", "target: SL2, ports: 0"),
    "no port": ("target: SL2, port: 0, ", "target: SL2, "),
    "bad target": ("SL2", "SL9"),
    "port out of range": ("port: 1,", "port: 32,"),
    "bad network": ("10.20.0.0/24", "10.20.0.0"),
    "three tags": ("port: 1,", "port: 1, vlan: [1, 2, 3],"),
    "vlan out of range": ("port: 1,", "port: 1, vlan: 4095,"),
    "bad prp": ("port: 1,", "port: 1, prp: maybe,"),
    "unknown asset key": ("hmi: {zone: supervision, address", "hmi: {zone: supervision, ip"),
    "asset without zone": ("hmi: {zone: supervision, ", "hmi: {"),
    "asset without address": (", mac: \"02:00:00:00:00:20\"}", "}\n  x: {zone: control}"),
    "bad address": ("address: 10.20.0.10", "address: hmi.example"),
    "bad mac": ("02:00:00:00:00:20", "02:00:00:00:00"),
    "group with address": ("address: 10.20.0.10", "address: 10.20.0.10, group: 239.1.1.1"),
    "behind without route": ("{behind: gw1, route: {unit: 7}}", "{behind: gw1}"),
    "behind with address": ("{behind: gw1, route: {unit: 7}}",
                            "{behind: gw1, route: {unit: 7}, address: 10.10.0.40}"),
    "unknown route": ("route: {unit: 7}", "route: {slave: 7}"),
    "empty route": ("route: {unit: 7}", "route: {}"),
    "unknown conduit key": ("on_deny: reject", "on_refuse: reject"),
    "no from": ("    from: supervision\n", ""),
    "bad on_deny": ("on_deny: reject", "on_deny: refuse"),
    "bad mode": ("on_deny: reject", "mode: observed"),
    "no end": ("on_deny: reject", "mode: observe"),
    "bad end": ("on_deny: reject", "mode: observe\n    until: tomorrow"),
    "end without mode": ("on_deny: reject", f"until: {DAY}"),
    "bad hours": ("on_deny: reject", f"mode: observe\n    until: {DAY}\n    ends_between: 6-8"),
    "bad on_stray_answer": ("on_deny: reject", "on_stray_answer: reject"),
    "bad fragments": ("on_deny: reject", "fragments: pass"),
    "bad midstream": ("on_deny: reject", "midstream: accept"),
    "bad fail": ("on_deny: reject", "fail: maybe"),
    "bad link": ("on_deny: reject", "link: both"),
    "allow is a map": ("    allow:\n" + RULE, "    allow: {protocol: modbus}\n"),
    "unknown rule key": ("rate: 5/s", "limit: 5/s"),
    "bad rate": ("rate: 5/s", "rate: 5/minute"),
    "no client": ("        client: hmi\n", ""),
    "no server": ("        server: plc1\n", ""),
    "protocol and service": ("rate: 5/s", "service: ssh"),
    "neither": ("protocol: modbus\n        client", "client"),
    "unknown protocol": ("protocol: modbus", "protocol: modbuss"),
    "unknown function": ("write_single_register", "write_one_register"),
    "unknown number": ("[write_single_register]", "[250]"),
    "no functions": ("        functions: [write_single_register]\n", ""),
    "empty list": ("[write_single_register]", "[]"),
    "unknown class": ("functions: [write_single_register]", "access: [writes]"),
    "unknown field": ("unit: 1,", "slave: 1,"),
    "field of another protocol": ("unit: 1,", "tag: x,"),
    "value out of range": ("unit: 1,", "unit: 256,"),
    "value is no number": ("unit: 1,", "unit: one,"),
    "negative value": ("unit: 1,", "unit: -1,"),
    "half a range": ("address: 40-49", "address: 40-"),
    "list in a list": ("address: 40-49", "address: [[40]]"),
    "bad type": ("value: 0-1000", "value: 0-1000, as: int64"),
    "bad word order": ("value: 0-1000", "value: 0-1000, as: uint32, word_order: middle"),
    "bad port": ("rate: 5/s", "port: 70000"),
    "bad transport": ("rate: 5/s", "transport: sctp"),
    "transport that it lacks": (RULE, "      - {protocol: iec104, client: hmi, server: plc1, "
                                      "access: [read], transport: udp}\n"),
    "leading zero": ("unit: 1,", 'unit: "01",'),
    "bad claimed": ("rate: 5/s", "claimed: perhaps"),
    "nobody reviewed it": ("rate: 5/s", "reviewed_by:"),
    "an empty name reviewed it": ("rate: 5/s", 'reviewed_by: ""'),
    "unknown service": (RULE, "      - {service: gopher, client: hmi, server: plc1}\n"),
    "rate of a service": (RULE, "      - {service: ssh, client: hmi, server: plc1, rate: 1/s}\n"),
    "functions of a service": (RULE, "      - {service: ssh, client: hmi, server: plc1, "
                                     "functions: [1]}\n"),
    "where is a list": ("where: {unit: 1, address: 40-49, value: 0-1000}", "where: [1]"),
}

# Mistakes for which a file must be resolved: the schema does not see them, as --help says.
BEYOND = {
    "unknown zone": ("zone: supervision", "zone: superversion"),
    "unknown client": ("client: hmi", "client: hmi2"),
    "backwards": ("40-49", "49-40"),
    "outside the networks": ("10.20.0.10", "10.30.0.10"),
    "same port": ("port: 1,", "port: 0,"),
}


class Schema(unittest.TestCase):

    def edited(self, old, new):
        self.assertIn(old, BASE)
        return BASE.replace(old, new)

    def test_it_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        self.assertEqual(SCHEMA["$schema"], "https://json-schema.org/draft/2020-12/schema")

    def test_examples_are_valid(self):
        paths = sorted(POLICIES.glob("*/policy.yaml"))
        self.assertGreaterEqual(len(paths), 5)
        for path in paths:
            with self.subTest(path.parent.name):
                self.assertEqual(mistakes(path.read_text()), [])

    def test_what_compiles_is_valid(self):
        for old, new in [("", "")] + ALSO_COMPILES:
            text = self.edited(old, new) if old else BASE
            with self.subTest(new[:60]):
                checked = compiles(text)
                self.assertEqual(checked.returncode, 0, checked.stderr)
                self.assertEqual(mistakes(text), [])

    def test_each_kind_of_mistake_is_refused(self):
        for name, (old, new) in REFUSED.items():
            text = self.edited(old, new)
            with self.subTest(name):
                self.assertEqual(compiles(text).returncode, 1, "the compiler accepts it")
                self.assertNotEqual(mistakes(text), [])

    def test_what_it_cannot_see(self):
        for name, (old, new) in BEYOND.items():
            text = self.edited(old, new)
            with self.subTest(name):
                self.assertEqual(compiles(text).returncode, 1)
                self.assertEqual(mistakes(text), [], "the schema sees it: list it as refused")

    def test_every_function_and_field_of_every_protocol_is_in_it(self):
        count = 0
        for line in said("protocols", "--format", "json").stdout.splitlines():
            protocol = json.loads(line)["protocol"]
            part = SCHEMA["$defs"][f"protocol_{protocol}"]["properties"]
            names = part["functions"]["anyOf"][0]["anyOf"][0]["enum"]
            for each in said("protocols", protocol, "--format", "json").stdout.splitlines():
                function = json.loads(each)
                self.assertIn(function["function"], names)
                for field in function["fields"]:
                    self.assertIn(field, part["where"]["properties"])
                    self.assertTrue(part["where"]["properties"][field]["description"])
                    count += 1
        self.assertGreater(count, 1000)


if __name__ == "__main__":
    outcome.run(needs_root=False)
