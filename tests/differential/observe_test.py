"""What observing foretells is what enforcing refuses: each real capture goes through the pipeline
under the same policy, once with its conduits enforcing and once with `mode: observe`.

usage: observe_test.py BUILD [CAPTURES] [--only NAME...] [--differences]
For each session of each capture, each policy and each `on_deny`:
 - the first refusal is foretold exactly: frame, reason, fault, and what would be done;
 - where enforcing refuses messages alone and the session goes on, all of its refusals are foretold;
 - every frame of the capture that is of the conduits leaves as it came, in its order.
What may differ is listed in ALLOWED, with the reason. Prints a table; 77 if there are no captures.
"""

import argparse
import collections
import datetime
import functools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e"), str(HERE.parents[1] / "deploy/lab")]
from recut_test import headers_of, packets_of  # noqa: E402
from replays import grants, recording  # noqa: E402
from replays_test import known_ports, recordings  # noqa: E402

SKIPPED = 77
HARMLESS = {"session", "discover", "read"}
# What follows from a refusal before it in the same session.
FOLLOWS = {"flow_refused", "tcp_not_a_session_start"}
# Why a difference is right.
ALLOWED = {
    "ended": "enforcing had ended the session, and saw no more of it",
    "unseen": "the session was open before the capture began, so that observing does not know where "
              "its messages begin, or what was asked in it, until a message fits",
    "acknowledged": "the capture acknowledges bytes that it lacks: enforcing refuses that segment for it, "
                    "unless acknowledgements can be restated; observing goes on behind the gap",
    "window": "the capture's window moves with acknowledgements of bytes that enforcing holds",
    "opening": "of a session whose opening was refused: observing counts what goes on with it",
    "taken out": "in the capture a request has its answer, and counts, that enforcing took out",
}
OPENING = {"no_rule", "no_conduit", "spoofed_source"}
STRAY = {"unrequested_response", "mismatched_response"}


class Refusal(collections.namedtuple("Refusal", "frame level reason fault direction action")):
    def what(self):
        return (self.frame, self.level, self.reason, self.fault, self.direction)


def session_of(line):
    return (line.get("transport", ""),
            frozenset((line.get("source", ""), line.get("destination", ""))))


class Run:
    """The verdicts of one replay, by session."""

    def __init__(self, lines, on_deny):
        self.refusals = collections.defaultdict(list)
        self.unjudged = collections.defaultdict(list)  # frames
        self.ended = {}  # session -> the frame whose refusal ended it
        self.taken_out = {}  # session -> the frame of the first message that was taken out of it
        for line in lines:
            session = session_of(line)
            if line["verdict"] == "not_judged":
                self.unjudged[session].append(line["frame"])
            if line["verdict"] == "deny" and line["reason"] == "flow_refused":
                self.ended.setdefault(session, line["frame"])
            if line["verdict"] not in ("deny", "would_deny") or line["reason"] in FOLLOWS:
                continue
            refusal = Refusal(line["frame"], line["level"], line["reason"], line.get("fault", ""),
                              line.get("direction", ""), line.get("action", ""))
            self.refusals[session].append(refusal)
            # What a server sends costs itself alone if it is no answer, or with `reject`.
            alone = refusal.direction != "request" and \
                (on_deny == "reject" or refusal.reason == "protocol_fault")
            is_end = refusal.level == "message" and refusal.action == "drop" and not alone
            if refusal.action == "reset" or is_end:
                self.ended.setdefault(session, line["frame"])
            elif refusal.level == "message":
                self.taken_out.setdefault(session, line["frame"])


def replay(build, folder, policy, *options):
    (folder / "policy.yaml").write_text(policy)
    words = [build / "bin/bulkhead-replay", "--policy", folder / "policy.yaml", "--midstream",
             "--format", "json", *options, folder / "in.pcap"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{policy[:400]}\n{done.stderr[-2000:]}")
    return [json.loads(text) for text in done.stdout.splitlines()]


def run_plainly(build, folder, policy, on_deny):
    """With the capture's own acknowledgements."""
    return Run(replay(build, folder, policy), on_deny)


def observing(policy):
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)
    return policy.replace("    midstream: resume\n",
                          f"    mode: observe\n    until: {until:%Y-%m-%d}\n    midstream: resume\n")


def policies(catalogue, conversion):
    """Name, `on_deny` and text of each: everything granted, reading alone, and each way to refuse."""
    reading = {name: ([f for f in functions if f["access"] in HARMLESS], names)
               for name, (functions, names) in catalogue.items()}
    everything = grants.policy(catalogue, grants.PORTS, conversion)
    some = grants.policy(reading, grants.PORTS, conversion)
    yield "everything", "reject", everything
    for on_deny in ("reject", "reset"):
        yield f"reading, {on_deny}", on_deny, some.replace("on_deny: reject", f"on_deny: {on_deny}")


def sessions_seen_to_open(packets):
    """Those whose SYN is in the capture, as session_of() names them."""
    seen = set()
    for _, frame in packets:
        headers = headers_of(frame)
        if headers is None or frame[headers[1] + 13] & 0x12 != 2:
            continue
        ip, tcp = headers
        ends = [".".join(map(str, frame[ip + at:ip + at + 4])) + ":" +
                str(int.from_bytes(frame[tcp + port:tcp + port + 2], "big"))
                for at, port in ((12, 0), (16, 2))]
        seen.add(("tcp", frozenset(ends)))
    return seen


def why_differs(session, refusal, side, enforced, observed, context):
    """A key of ALLOWED, or nothing. `side`: which of the two has it alone."""
    opened, plain = context
    if side == "observed" and refusal.reason == "tcp_bad_acknowledgement" and \
            any(each.what() == refusal.what() for each in plain().refusals[session]):
        return "acknowledged"
    # The message stands in a segment that enforcing refused whole for its acknowledgement.
    if side == "observed" and refusal.level == "message" and \
            refusal.frame in observed.unjudged.get(session, ()) and \
            any(each.frame == refusal.frame and each.reason == "tcp_bad_acknowledgement"
                for each in enforced.refusals[session]):
        return "acknowledged"
    if side == "enforced" and refusal.reason == "tcp_out_of_window":
        return "window"
    if side == "enforced" and refusal.fault in STRAY and session[0] == "tcp" and \
            session not in opened:
        return "unseen"
    ended = enforced.ended.get(session)
    if side == "observed" and ended is not None and (refusal.frame >= ended or not refusal.frame):
        return "ended"
    # A timer's refusals have no frame.
    if side == "enforced" and ended is not None and (refusal.frame > ended or not refusal.frame):
        return "ended"
    before = [each for each in observed.refusals[session] if each.frame < refusal.frame]
    if side == "enforced" and any(each.reason in OPENING for each in before):
        return "opening"
    taken_out = enforced.taken_out.get(session)
    if refusal.fault in STRAY | {"bad_sequence"} and \
            taken_out is not None and refusal.frame > taken_out:
        return "taken out"
    unjudged = observed.unjudged.get(session, ())
    if side == "enforced" and any(frame <= refusal.frame for frame in unjudged):
        return "unseen"
    return None


def compare(name, enforced, observed, context, tally, problems):
    for session in set(enforced.refusals) | set(observed.refusals):
        left = [each.what() for each in enforced.refusals[session]]
        right = [each.what() for each in observed.refusals[session]]
        tally["sessions"] += 1
        tally["refused"] += len(left)
        tally["foretold"] += len(right)
        both = collections.Counter(left) & collections.Counter(right)
        tally["alike"] += sum(both.values())
        for side, run, rest in (("enforced", enforced, collections.Counter(left) - both),
                                ("observed", observed, collections.Counter(right) - both)):
            for refusal in run.refusals[session]:
                if rest[refusal.what()] == 0:
                    continue
                rest[refusal.what()] -= 1
                why = why_differs(session, refusal, side, enforced, observed, context)
                tally[f"{side} alone: {why}"] += 1
                if why is None:
                    problems.append((name, side, sorted(session[1]), refusal))


def check_frames(build, folder, policy, name, problems):
    """All that is forwarded is the capture's own frames, in their order, byte for byte."""
    replay(build, folder, policy, "--out", folder / "out.pcap")
    sent = [frame for _, frame in recording_packets(folder / "in.pcap")]
    left = [frame for _, frame in recording_packets(folder / "out.pcap")]
    at = 0
    for frame in left:
        while at < len(sent) and sent[at] != frame:
            at += 1
        if at == len(sent):
            problems.append((name, "frames", "", "a frame left that did not come, or out of order"))
            return 0, len(sent)
        at += 1
    return len(left), len(sent)


def recording_packets(path):
    data = path.read_bytes()
    swapped = data[:4] == b"\x4d\x3c\xb2\xa1"  # nanoseconds
    return packets_of(b"\xd4\xc3\xb2\xa1" + data[4:] if swapped else data) or []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("captures", type=Path, nargs="?", default=HERE.parents[2] / "shared/pcaps")
    parser.add_argument("--only", nargs="+", default=[""],
                        help="captures whose name has one of these in it")
    parser.add_argument("--differences", action="store_true", help="print each that is allowed, too")
    words = parser.parse_args()
    words.stacks = False
    build = words.build.resolve()
    catalogue = grants.catalogue(build / "bin/bulkheadctl")
    tallies, problems, frames = collections.defaultdict(collections.Counter), [], [0, 0]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name, path in recordings(words, build):
            if not any(part in name for part in words.only):
                continue
            conversion = recording.Conversion(recording.read(path), known_ports(), set())
            packets = conversion.convert()
            if not packets:
                continue
            recording.write(folder / "in.pcap", packets)
            opened = sessions_seen_to_open(recording_packets(folder / "in.pcap"))
            for what, on_deny, policy in policies(catalogue, conversion):
                if "allow:" not in policy:
                    continue
                enforced = Run(replay(build, folder, policy, "--restate-acknowledgements"), on_deny)
                observed = Run(replay(build, folder, observing(policy)), on_deny)
                plain = functools.cache(functools.partial(run_plainly, build, folder, policy,
                                                          on_deny))
                context = (opened, plain)
                compare(f"{name} ({what})", enforced, observed, context, tallies[what], problems)
                if what == "everything":
                    counts = check_frames(build, folder, observing(policy), name, problems)
                    frames = [frames[0] + counts[0], frames[1] + counts[1]]
    if not tallies:
        return SKIPPED
    for what, tally in tallies.items():
        print(what + ": " + ", ".join(f"{count} {key}" for key, count in sorted(tally.items())))
    print(f"{frames[0]} of {frames[1]} frames left, each as it came")
    for problem in problems[:60]:
        print("DIFFERS", *problem)
    print(f"{len(problems)} differences that nothing explains")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
