"""bulkheadctl decode against the ground truth beside each Modbus capture.

usage: decode_test.py BULKHEADCTL CAPTURES
For every frame that the truth lists a Modbus message on, the function code, the unit and, for
requests and echoes, address and quantity must be the same. Differences that were settled from the
specification stand in settled.tsv, each with its reason; one that does not occur any more fails too.
"""

import csv
import json
import subprocess
import sys
from pathlib import Path

ADDRESS_AND_QUANTITY = {1, 2, 3, 4, 15, 16}  # requests whose reference and count the truth shows
ADDRESS_ONLY = {5, 6, 22}


def numbers(cell):
    return [int(part, 0) for part in cell.split(",") if part != ""]


def truth_of(path):
    """frame -> sorted list of (code, unit)"""
    with open(path, encoding="utf-8", errors="replace") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    frames = {}
    for row in rows:
        codes = numbers(row.get("modbus.func_code") or "")
        units = numbers(row.get("mbtcp.unit_id") or "")
        if not codes:
            continue
        frames[int(row["frame"])] = {
            "codes": sorted(codes), "units": sorted(units),
            "references": numbers(row.get("modbus.reference_num") or ""),
            "counts": numbers(row.get("modbus.word_cnt") or "") +
                      numbers(row.get("modbus.bit_cnt") or ""),
            "query": "Query" in (row.get("_ws.col.Info") or ""),
        }
    return frames


def decoded_of(bulkheadctl, path):
    done = subprocess.run([bulkheadctl, "decode", path, "--format", "json"], capture_output=True,
                          text=True, check=True)
    frames = {}
    for line in done.stdout.splitlines():
        message = json.loads(line)
        frames.setdefault(message["frame"], []).append(message)
    return frames


def messages_of(lines):
    """One entry a message: the second operation of a function 23, or of a file request, is not one."""
    whole = []
    for line in lines:
        if "fault" in line:
            continue
        key = (line["code"], line["fields"].get("unit"))
        embedded = line["code"] in (20, 21, 23) and whole and whole[-1][0] == key
        if embedded:
            continue
        whole.append((key, line))
    return [line for _, line in whole]


def compare(frame, truth, lines):
    """What differs, or nothing."""
    faults = sorted(line["fault"] for line in lines if "fault" in line)
    found = messages_of(lines)
    codes = sorted(line["code"] for line in found)
    units = sorted(line["fields"]["unit"] for line in found)
    if codes != truth["codes"] or units != truth["units"]:
        return f"codes {truth['codes']} != {codes}" + (f" faults {faults}" if faults else "")
    if len(found) != 1:
        return None
    fields, code = found[0]["fields"], found[0]["code"]
    spans = code in ADDRESS_AND_QUANTITY and "quantity" in fields
    if spans or (code in ADDRESS_ONLY and "address" in fields):
        if truth["references"][:1] != [fields["address"][0]]:
            return f"address {truth['references']} != {fields['address']}"
    if spans and truth["counts"][:1] != [fields["quantity"]]:
        return f"quantity {truth['counts']} != {fields['quantity']}"
    return None


def read_settled(path):
    settled = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("#") or not line.strip():
                continue
            capture, frames, difference, reason = line.rstrip("\n").split("\t")
            for part in frames.split(","):
                low, _, high = part.partition("-")
                for frame in range(int(low), int(high or low) + 1):
                    settled[(capture, frame)] = (difference, reason)
    return settled


def main():
    bulkheadctl, captures = sys.argv[1], Path(sys.argv[2])
    if not captures.is_dir():
        print(f"SKIPPED: {captures} is not there; it holds real captures that are not part of this "
              "project")
        return 77
    settled = read_settled(Path(__file__).with_name("settled.tsv"))
    compared = messages = 0
    unsettled, used = [], set()
    for capture in sorted(captures.glob("*.pcap")):
        truth = truth_of(capture.with_suffix(".truth.tsv"))
        decoded = decoded_of(bulkheadctl, capture)
        compared += 1
        for frame in sorted(set(truth) | set(decoded)):
            messages += len(truth.get(frame, {"codes": []})["codes"])
            if frame not in truth:
                operations = messages_of(decoded[frame])
                difference = "not in the truth" if operations else None
            else:
                difference = compare(frame, truth[frame], decoded.get(frame, []))
            if difference is None:
                continue
            known = settled.get((capture.name, frame))
            if known and known[0] in difference:
                used.add((capture.name, frame))
            else:
                unsettled.append(f"{capture.name} frame {frame}: {difference}")
    stale = sorted(set(settled) - used)
    for line in unsettled[:30]:
        print(line)
    for capture, frame in stale[:20]:
        print(f"{capture} frame {frame}: settled, but does not differ any more")
    print(f"{compared} captures, {messages} messages, {len(used)} settled differences, "
          f"{len(unsettled)} unsettled")
    return 1 if unsettled or stale or messages == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
