"""Operations that the modules read from real captures, as cases in words: each is possible, and the
fields that follow from others are derived as the modules read them.

usage: case_captures_test.py BULKHEADCTL CAPTURES
"""

import collections
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

BULKHEADCTL, CAPTURES = sys.argv[1:3]
OF_FUNCTION_MAX = 300  # of one capture
DERIVED = {"modbus": ("quantity", "length", "sub_function", "mei"), "dnp3": ("broadcast",), "iec104": ("broadcast",),
           "s7comm": ("length",), "enip": ("elements", "service"), "s7comm_plus": ("function",),
           "mms": ("logical_node", "functional_constraint", "control", "report_control_block")}

# No rule decides, so that each result is what the case itself comes to.
POLICY = """bulkhead: v1
site: s
written_for: 0.2
zones:
  up: {port: 0, networks: [10.1.0.0/24]}
  down: {port: 1, networks: [10.2.0.0/24]}
assets:
  a: {zone: up, address: 10.1.0.1, mac: "02:00:00:00:00:01"}
  b: {zone: down, address: 10.2.0.1, mac: "02:00:00:00:00:02"}
conduits:
  c: {from: up, to: down, allow: [{service: ssh, client: a, server: b}]}
"""


def operations():
    """Each kind of operation once, with the capture that has it. None is an answer."""
    seen = {}
    for path in sorted(Path(CAPTURES).rglob("*")):
        if path.suffix not in (".pcap", ".pcapng", ".cap"):
            continue
        done = subprocess.run([BULKHEADCTL, "decode", path, "--format", "json"], capture_output=True, text=True)
        count = collections.Counter()
        for line in map(json.loads, filter(lambda text: text.startswith("{"), done.stdout.splitlines())):
            if "function" not in line or line["direction"] == "response":
                continue
            key = json.dumps([line["protocol"], line["function"], line["fields"]], sort_keys=True)
            count[line["function"]] += 1
            if count[line["function"]] <= OF_FUNCTION_MAX:
                seen.setdefault(key, (path.name, line))
    return seen.values()


def as_written(name, value):
    if isinstance(value, float):
        return f"{value:.60f}".rstrip("0") + "0"  # without an exponent
    if not isinstance(value, list) or name == "values":
        return value
    return value[0] if value[0] == value[1] else f"{value[0]}-{value[1]}"


def cases():
    """(capture, case, fields that must be derived)"""
    for capture, operation in operations():
        protocol = operation["protocol"]
        # No case has an empty name.
        fields = {name: as_written(name, value) for name, value in operation["fields"].items() if value != ""}
        if "values" in fields:
            fields["value"] = fields.pop("values")
        case = {"client": "a", "server": "b", protocol: operation["function"], "expect": "deny"}
        if operation["direction"] == "publish" and protocol not in ("goose", "sv"):
            case["from"] = "server"
        yield capture, case | {"fields": fields}, {}
        # Without a domain an item is read as a domain's.
        if protocol == "mms" and "domain" not in fields:
            continue
        left_out = {name: value for name, value in fields.items() if name in DERIVED.get(protocol, ())}
        yield capture, case | {"fields": {name: value for name, value in fields.items() if name not in left_out}}, left_out


def main():
    if not Path(CAPTURES).is_dir():
        print(f"skipped: {CAPTURES} is not there")
        return 77
    folder = Path(tempfile.mkdtemp())
    policy, written = folder / "policy.yaml", folder / "cases.yaml"
    policy.write_text(POLICY)
    listed = list(cases())
    written.write_text(yaml.dump({"cases": [case for _, case, _ in listed]}, sort_keys=False,
                                 Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)))
    done = subprocess.run([BULKHEADCTL, "policy", "test", policy, written, "--format", "json"],
                          capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    results = [line for line in lines if "case" in line]
    problems, begun_by_servers, derived = [], 0, 0
    if len(results) != len(listed):
        problems.append(f"{len(results)} results of {len(listed)} cases: {done.stderr} {lines[:3]}")
    for (capture, case, left_out), result in zip(listed, results):
        # A client that is asked, which the case's hosts cannot say.
        if "what only answers needs no rule" in result.get("problem", ""):
            begun_by_servers += 1
        elif "problem" in result:
            problems.append(f"{capture}: {case}: {result['problem']}")
        elif left_out and sorted(result.get("derived", "").split(", ")) != sorted(f"{k} {v}" for k, v in left_out.items()):
            problems.append(f"{capture}: {case}: derived is {result.get('derived')}, not {left_out}")
        else:
            derived += len(left_out)
    print(f"{len(listed)} cases, {derived} fields derived, {begun_by_servers} not tried, {len(problems)} problems")
    print("\n".join(problems[:40]))
    tried = len(listed) - begun_by_servers
    return 0 if not problems and tried >= 5000 and derived >= 1500 and begun_by_servers <= 20 else 1


if __name__ == "__main__":
    sys.exit(main())
