"""What a policy that grants everything refuses of recordings: real captures, and what the stacks of
this folder say to each other with nothing between them (`--stacks`, see replays/conversations.py).

usage: replays_test.py BUILD [--captures FOLDER | --stacks] [--only NAME] [--unsettled]
Prints a table by protocol. Each refused message is settled in replays/settled/PROTOCOL.tsv as off the
standard or as a fault of the recording, with its reason; one that is not, and one that is settled but
not refused any more, fails. `--unsettled` prints lines in the form of those files.
"""

import argparse
import collections
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "deploy/lab")]
from replays import grants, recording  # noqa: E402

SKIPPED = 77
EVERY = "*"
ROUNDS_MAX = 200
# What follows from a refusal before it in the same session.
FOLLOWS = {"flow_refused"}


class Refusal(collections.namedtuple("Refusal", "protocol capture frame why function")):
    """`why` is the reason, and the fault of the module behind a colon."""


class Outcome:
    def __init__(self):
        self.messages = collections.Counter()
        self.granted = collections.Counter()
        self.follow = collections.Counter()
        self.refusals = []


def known_ports():
    """Those of servers, by transport."""
    ports = {transport: set().union(*known.values()) for transport, known in grants.PORTS.items()}
    for transport, port in grants.OPENED.values():
        ports[transport].add(port)
    return ports


PROTOCOL_OF_PORT = {port: protocol for known in grants.PORTS.values()
                    for protocol, ports in known.items() for port in ports}
PROTOCOL_OF_PORT.update({2222: "enip", 102: "iso"})


def protocol_of(line):
    if line.get("protocol"):
        return line["protocol"]
    ends = (line.get("source", ""), line.get("destination", ""))
    for end in ends[::-1]:
        port = end.rpartition(":")[2]
        if port.isdigit() and int(port) in PROTOCOL_OF_PORT:
            return PROTOCOL_OF_PORT[int(port)]
    return "ethernet"


def replay(build, catalogue, path, folder, cuts):
    """The replay's lines, each with the recording's frame, and the frames' numbers."""
    conversion = recording.Conversion(recording.read(path), known_ports(), cuts)
    packets = conversion.convert()
    if not packets:
        return []
    recording.write(folder / "in.pcap", packets)
    (folder / "policy.yaml").write_text(grants.policy(catalogue, grants.PORTS, conversion))
    done = subprocess.run(
        [build / "bin/bulkhead-replay", "--policy", folder / "policy.yaml", "--midstream",
         "--restate-acknowledgements", "--format", "json", folder / "in.pcap"],
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{path}: {done.stderr[-2000:]}")
    lines = [json.loads(text) for text in done.stdout.splitlines()]
    for line in lines:
        line["frame"] = conversion.numbers[line["frame"] - 1] if line["frame"] else 0
    return lines


def replay_all_of(build, catalogue, path, folder):
    """As replay(). What a refusal ends goes on as a connection that began unseen, so that what
    comes behind it is judged too."""
    cuts = set()
    for _ in range(ROUNDS_MAX):
        lines = replay(build, catalogue, path, folder, cuts)
        ended = {}
        for line in lines:
            if line["reason"] in FOLLOWS and line["transport"] == "tcp":
                ended.setdefault(frozenset((line["source"], line["destination"])), line["frame"])
        if not set(ended.values()) - cuts:
            break
        cuts |= set(ended.values())
    return lines


def count(lines, name, outcome):
    for line in lines:
        protocol = protocol_of(line)
        if line["level"] == "message":
            outcome.messages[protocol] += 1
        if line["verdict"] == "allow":
            outcome.granted[protocol] += line["level"] == "message"
        elif line["reason"] in FOLLOWS:
            outcome.follow[protocol] += 1
        else:
            why = line["reason"] + (":" + line["fault"] if line.get("fault") else "")
            outcome.refusals.append(Refusal(protocol, name, line["frame"], why,
                                            line.get("function", "")))


def read_settled():
    """(capture, frame, why) -> the reason why that is right"""
    settled = {}
    for file in sorted((HERE / "replays/settled").glob("*.tsv")):
        for text in file.read_text(encoding="utf-8").splitlines():
            if not text.strip() or text.startswith("#"):
                continue
            capture, frames, why, reason = text.split("\t")
            if frames == EVERY:
                settled[(capture, EVERY, why)] = reason
                continue
            for part in frames.split(","):
                low, _, high = part.partition("-")
                for frame in range(int(low), int(high or low) + 1):
                    settled[(capture, frame, why)] = reason
    return settled


def ranges(frames):
    out = []
    for frame in sorted(set(frames)):
        if out and out[-1][1] == frame - 1:
            out[-1][1] = frame
        else:
            out.append([frame, frame])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in out)


def print_table(outcome, settled):
    print(f"{'protocol':12} {'messages':>9} {'granted':>8} {'refused':>8} {'after one':>10}  why")
    by_protocol = collections.defaultdict(collections.Counter)
    for each in outcome.refusals:
        reason = reason_of(settled, each) or "NOT SETTLED"
        by_protocol[each.protocol][(each.why, reason)] += 1
    for protocol in sorted(set(outcome.messages) | set(by_protocol)):
        rows = by_protocol[protocol]
        print(f"{protocol:12} {outcome.messages[protocol]:9} {outcome.granted[protocol]:8} "
              f"{sum(rows.values()):8} {outcome.follow[protocol]:10}")
        for (why, reason), count in sorted(rows.items(), key=lambda row: (-row[1], row[0])):
            print(f"{'':31} {count:8} {'':10}  {why}: {reason}")


def print_unsettled(unsettled):
    groups = collections.defaultdict(list)
    for each in unsettled:
        groups[(each.protocol, each.capture, each.why)].append(each)
    for (protocol, capture, why), group in sorted(groups.items()):
        functions = ",".join(sorted({each.function for each in group if each.function}))
        print(f"{capture}\t{ranges(each.frame for each in group)}\t{why}\t{protocol} {functions}")


def recordings(words, build):
    """(name, file) of each; nothing if there are none here, which is said."""
    if words.stacks:
        from replays import conversations  # needs a lab
        from stacks_test import fetch_peers
        try:
            fetch_peers()
        except unittest.SkipTest as reason:
            print(f"SKIPPED: {reason}")
            return
        yield from ((f"stacks/{name}", path) for name, path in conversations.record_all(build))
    elif not words.captures.is_dir():
        print(f"SKIPPED: {words.captures} is not there; it holds real captures that are not part of "
              "this project")
    else:
        for path in sorted(words.captures.glob("*/*.pcap")):
            yield f"{path.parent.name}/{path.name}", path


def reason_of(settled, refusal):
    """Why a refusal is right, or nothing; recordings that are made here have no fixed frames."""
    frame = EVERY if refusal.capture.startswith("stacks/") else refusal.frame
    return settled.get((refusal.capture, frame, refusal.why))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("--captures", type=Path, default=HERE.parents[2] / "shared/pcaps")
    parser.add_argument("--stacks", action="store_true", help="record them here, in place of captures")
    parser.add_argument("--only", default="", help="recordings alone whose name holds this")
    parser.add_argument("--unsettled", action="store_true")
    words = parser.parse_args()
    sys.argv[1:] = [str(words.build)]  # what the lab reads
    build = words.build.resolve()
    catalogue = grants.catalogue(build / "bin/bulkheadctl")
    outcome, settled, names = Outcome(), read_settled(), set()
    with tempfile.TemporaryDirectory() as folder:
        for name, path in recordings(words, build):
            if words.only in name:
                names.add(name)
                count(replay_all_of(build, catalogue, path, Path(folder)), name, outcome)
    if not names:
        return SKIPPED
    unsettled = [each for each in outcome.refusals if reason_of(settled, each) is None]
    used = {(each.capture, each.frame, each.why) for each in outcome.refusals}
    stale = [key for key in sorted(set(settled) - used) if key[0] in names and key[1] != EVERY]
    print_table(outcome, settled)
    if words.unsettled:
        print_unsettled(unsettled)
    for capture, frame, why in stale[:20]:
        print(f"{capture} frame {frame}: settled ({why}), but not refused any more")
    print(f"{len(names)} recordings, {sum(outcome.messages.values())} messages, "
          f"{len(outcome.refusals)} refused, {len(unsettled)} of them not settled")
    return 1 if unsettled or stale or not outcome.messages else 0


if __name__ == "__main__":
    sys.exit(main())
