"""Policies learned from real captures: each passes its own capture, and what it is worth on more.

usage: learn_test.py BULKHEADCTL REPLAY CAPTURES [PROTOCOL...]
CAPTURES holds a folder a protocol. Prints by protocol how many operations a policy that was learned
from the first half of a capture would refuse of the second.
"""

import collections
import json
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import outcome

# Verdicts of a policy. Others (faults, sessions without a beginning) say nothing about what was learned.
OF_POLICY = {"function_not_granted", "values_not_granted", "no_rule"}


def said(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True)


def frames_of(path):
    """(head, frames) of a pcap; nothing for other formats."""
    data = path.read_bytes()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}.get(data[:4])
    if order is None:
        return None
    frames, at = [], 24
    while at + 16 <= len(data):
        length = struct.unpack(order + "I", data[at + 8:at + 12])[0]
        frames.append(data[at:at + 16 + length])
        at += 16 + length
    return data[:24], frames


class Learned:
    def __init__(self, bulkheadctl, replay, folder):
        self.bulkheadctl, self.replay, self.folder = bulkheadctl, replay, folder
        self.problems = []

    def policy(self, capture, name):
        """The policy, reviewed by nobody who has looked; nothing if there is nothing to learn."""
        path = self.folder / name
        done = said(self.bulkheadctl, "learn", capture, "-o", path)
        if done.returncode != 0:
            if "nothing to learn" not in done.stderr and "no Ethernet" not in done.stderr:
                self.problems.append(f"{capture}: {done.stderr.strip()}")
            return None
        text = path.read_text()
        path.write_text(re.sub(r"reviewed_by:( null)?(?=\n|\})", "reviewed_by: test", text))
        checked = said(self.bulkheadctl, "policy", "check", path)
        if checked.returncode != 0:
            self.problems.append(f"{capture}: does not compile: {checked.stderr.splitlines()[:3]}")
            return None
        if "reviewed_by: test" in path.read_text() and said(
                self.bulkheadctl, "policy", "check", self.written(name + ".raw", text)).returncode == 0:
            self.problems.append(f"{capture}: compiles without a review")
        return path

    def written(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def asking(self, capture):
        """Frames with a message that asks for something. What only answers needs no rule, and is no
        answer where the capture lacks its question."""
        done = said(self.bulkheadctl, "decode", capture, "--format", "json")
        lines = map(json.loads, done.stdout.splitlines())
        return {line["frame"] for line in lines
                if "kind" not in line and line["direction"] != "response" and "fault" not in line and "pairing" not in line}

    @staticmethod
    def is_of_policy(line, text, ends):
        """A host that the proposal names as one in no zone is in no conduit. Of a service that never
        opened nothing is learned."""
        if not line.get("opened", True):
            return False
        if line["reason"] == "no_conduit":
            return all(f'"{line[end]}"' in text for end in ends)
        return line["reason"] in OF_POLICY

    def passes_whole(self, capture, policy):
        text = policy.read_text()
        done = said(self.bulkheadctl, "learn", capture, "--against", policy, "--format", "json")
        for line in map(json.loads, done.stdout.splitlines()):
            if line.get("kind") == "not_granted" and self.is_of_policy(line, text,
                                                                       ("client", "server")):
                self.problems.append(f"{capture}: refuses what it was learned from: {line}")
        done = said(self.replay, "--policy", policy, capture, "--ignore-checksums", "--midstream",
                    "--restate-acknowledgements", "--format", "json")
        asking = self.asking(capture)
        messages = 0
        for line in map(json.loads, done.stdout.splitlines()):
            if line["level"] != "message":
                continue
            messages += 1
            if line["frame"] in asking and self.is_of_policy(line, text, ()):
                self.problems.append(f"{capture}: the pipeline refuses what it was learned from: {line}")
                break
        return messages

    def halves(self, capture):
        """(granted, refused) of the second half by what the first half taught."""
        read = frames_of(capture)
        if read is None or len(read[1]) < 40:
            return None
        head, frames = read
        middle = len(frames) // 2
        first, second = self.folder / "first.pcap", self.folder / "second.pcap"
        first.write_bytes(head + b"".join(frames[:middle]))
        second.write_bytes(head + b"".join(frames[middle:]))
        policy = self.policy(first, "half.yaml")
        if policy is None:
            return None
        done = said(self.bulkheadctl, "learn", second, "--against", policy, "--format", "json")
        totals = [line for line in map(json.loads, done.stdout.splitlines()) if line.get("kind") == "total"]
        return (totals[0]["granted"], totals[0]["not_granted"]) if totals else None


def main(bulkheadctl, replay, captures, *chosen):
    if not Path(captures).is_dir():
        outcome.skip(f"no captures in {captures}")
    with tempfile.TemporaryDirectory() as name:
        learned = Learned(bulkheadctl, replay, Path(name))
        rules, halves = collections.Counter(), {}
        passed = 0
        for folder in sorted(each for each in Path(captures).iterdir() if each.is_dir()):
            if chosen and folder.name not in chosen:
                continue
            for capture in sorted(folder.glob("*.pcap*")):
                policy = learned.policy(capture, "policy.yaml")
                if policy is None:
                    continue
                passed += 1
                rules[folder.name] = max(rules[folder.name], policy.read_text().count("      - "))
                learned.passes_whole(capture, policy)
                half = learned.halves(capture)
                if half:
                    granted, refused = halves.get(folder.name, (0, 0))
                    halves[folder.name] = (granted + half[0], refused + half[1])
        print(f"{'protocol':12} {'most rules':>10}  second half by the first: operations, refused")
        for name in sorted(rules):
            granted, refused = halves.get(name, (0, 0))
            share = f"{100 * refused / (granted + refused):5.1f} %" if granted + refused else ""
            print(f"{name:12} {rules[name]:10}  {granted + refused:10} {refused:10} {share}")
        print(f"{passed} captures, {len(learned.problems)} problems")
        for problem in learned.problems[:40]:
            print(problem)
        return 1 if learned.problems or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
