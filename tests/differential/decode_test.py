"""bulkheadctl decode against the ground truth beside each real capture.

usage: decode_test.py BULKHEADCTL CAPTURES [PROTOCOL...]
CAPTURES holds a folder a protocol. truths/PROTOCOL.py says what of a truth's row and of the decoded
lines of a frame must be the same. Differences that were settled from the specification stand in
settled/PROTOCOL.tsv, each with its reason; one that does not occur any more fails too.
"""

import csv
import importlib
import json
import subprocess
import sys
from pathlib import Path

csv.field_size_limit(1 << 24)


def truth_of(path):
    """frame -> row"""
    with open(path, encoding="utf-8", errors="replace") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {int(row["frame"]): row for row in rows}


def decoded_of(bulkheadctl, path, module):
    options = getattr(module, "OPTIONS", [])
    done = subprocess.run([bulkheadctl, "decode", path, "--format", "json", *options],
                          capture_output=True, text=True, check=True)
    frames = {}
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if "kind" in message:  # what was not decoded
            continue
        if message["protocol"] in module.PROTOCOLS:
            frames.setdefault(message["frame"], []).append(message)
    return frames


def read_settled(path):
    settled = {}
    if not path.exists():
        return settled
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        capture, frames, difference, reason = line.split("\t")
        for part in frames.split(","):
            low, _, high = part.partition("-")
            for frame in range(int(low), int(high or low) + 1):
                settled.setdefault((capture, frame), []).append((difference, reason))
    return settled


def compare_frame(module, row, lines):
    """A module compares what decodes; a fault beside it is a difference too."""
    count, difference = module.compare(row, lines)
    faults = sorted(line["fault"] for line in lines if "fault" in line)
    if difference is None and row is not None and faults:
        difference = f"faults {faults} where the truth has a message"
    return count, difference


def compare_protocol(bulkheadctl, captures, name):
    module = importlib.import_module(f"truths.{name}")
    settled = read_settled(Path(__file__).parent / "settled" / f"{name}.tsv")
    compared = messages = agreed = 0
    unsettled, used, reasons = [], set(), {}
    for capture in sorted(captures.glob("*.pcap")):
        truth = truth_of(capture.with_suffix(".truth.tsv"))
        decoded = decoded_of(bulkheadctl, capture, module)
        compared += 1
        for frame in sorted(set(truth) | set(decoded)):
            count, difference = compare_frame(module, truth.get(frame), decoded.get(frame, []))
            messages += count
            if difference is None:
                agreed += count
                continue
            known = [each for each in settled.get((capture.name, frame), [])
                     if each[0] in difference]
            if known:
                used.add((capture.name, frame))
                reasons[known[0][1]] = reasons.get(known[0][1], 0) + 1
            else:
                unsettled.append(f"{capture.name} frame {frame}: {difference}")
    stale = sorted(set(settled) - used)
    for line in unsettled[:30]:
        print(line)
    for capture, frame in stale[:20]:
        print(f"{capture} frame {frame}: settled, but does not differ any more")
    for reason, count in sorted(reasons.items()):
        print(f"  settled in {count} frames: {reason}")
    print(f"{name}: {compared} captures, {messages} messages, {agreed} agree, "
          f"{len(used)} settled differences, {len(unsettled)} unsettled")
    return not unsettled and not stale and messages > 0


def main():
    bulkheadctl, captures, names = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    if not captures.is_dir():
        print(f"SKIPPED: {captures} is not there; it holds real captures that are not part of this "
              "project")
        return 77
    sys.path.insert(0, str(Path(__file__).parent))
    known = sorted(path.stem for path in Path(__file__).parent.glob("truths/*.py"))
    names = names or [name for name in known if name not in ("__init__", "common")]
    good = [compare_protocol(bulkheadctl, captures / name, name) for name in names]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
