"""Events that last: over a kill of the agent, for a follower that resumes, and under a flood.

usage: events_test.py BUILD [unittest arguments]
Needs root.
"""

import json
import signal
import subprocess
import sys
import time
import unittest

import outcome
from e2e_test import POLICY, fresh_lab
from lab import HMI, PLC, PLC_MAC, ROGUE, run, wait_until

# Sends COUNT datagrams that no rule grants, each to a port of its own, so many at once each 10 ms.
SEND = """
import socket, sys, time
count, burst = int(sys.argv[2]), int(sys.argv[3])
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for at in range(count):
    peer.sendto(b"refused", (sys.argv[1], 7000 + at % 1000))
    if at % burst == burst - 1:
        time.sleep(0.01)
"""


class EventsCase(unittest.TestCase):
    def setUp(self):
        self.lab = fresh_lab(self, "bhevt")
        self.lab.ctl("push", POLICY, "--commit")

    def send(self, host, count, burst):
        receiver = HMI if host == "ctl" else PLC
        words = self.lab.in_ns(host, sys.executable, "-c", SEND, receiver, count, burst)
        process = subprocess.Popen(words)
        self.addCleanup(lambda: (process.kill(), process.wait()))
        return process

    def events(self, *words):
        return self.lab.ctl_json("events", *words)

    def refused(self):
        return sum(row["messages"] for row in self.lab.ctl_json("counters")
                   if row["verdict"] == "deny")

    def reported(self, *words):
        return sum(event["count"] for event in self.events("--resume", "0", "--kind", "deny", *words))

    def last(self):
        return self.lab.ctl_json("status")[0]["events"]["last"]


class Lasting(EventsCase):
    def test_events_are_there_after_a_kill_and_a_follower_resumes(self):
        follower_log = self.lab.folder / "follower"

        def follow(*words):
            with open(follower_log, "ab") as log:
                return subprocess.Popen(
                    self.lab.in_ns("fw", self.lab.bin / "bulkheadctl", "--pki", self.lab.pki,
                                   "events", "--follow", *words, "--format", "json"), stdout=log)

        def followed():
            return [json.loads(line)["number"]
                    for line in follower_log.read_text().splitlines() if line.endswith("}")]

        follower = follow("--resume", "0")
        for round_ in range(3):
            self.send("sup", 20, 5).wait()
            wait_until(lambda: self.reported("--source", HMI) == 20 * (round_ + 1),
                       "the refusals of the round", 10)
            before = self.events("--resume", "0")
            wait_until(lambda: len(followed()) >= len(before), "the follower", 10)
            self.lab.stop("agent", signal.SIGKILL)
            follower.wait(timeout=30)
            # Refused while no agent is there: reported afterwards.
            if round_ == 1:
                self.send("ctl", 30, 5).wait()
            self.lab.start_agent()
            after = self.events("--resume", "0")
            self.assertEqual(after[:len(before)], before)
            self.assertEqual([event["number"] for event in after], list(range(1, len(after) + 1)))
            follower = follow("--resume", str(followed()[-1]))
        self.addCleanup(lambda: (follower.kill(), follower.wait()))
        wait_until(lambda: self.reported("--source", PLC) == 30,
                   "what was refused without an agent", 10)
        last = self.last()
        wait_until(lambda: followed()[-1] >= last, "the follower", 10)
        self.assertEqual(followed(), list(range(1, len(followed()) + 1)), "each once, in order")

        status = self.lab.ctl_json("status")[0]["events"]
        self.assertEqual((status["first"], status["lost"], status["problem"]), (1, 0, ""))
        refusal = self.events("--source", HMI, "--limit", "1", "--resume", "0")[0]
        self.assertEqual((refusal["role"], refusal["source_zone"], refusal["destination_zone"],
                          refusal["policy_sha256"]),
                         ("single", "supervision", "control",
                          self.lab.ctl_json("status")[0]["policy_sha256"]))
        self.assertEqual(self.events("--since", "1h", "--conduit", "none"), [])
        self.assertEqual(self.lab.ctl("events", "--kind", "dney", check=False).returncode, 2)
        beyond = self.lab.ctl("events", "--resume", str(last + 1000), check=False)
        self.assertEqual(beyond.returncode, 1)
        self.assertIn("the newest event has number", beyond.stderr)


class Flood(EventsCase):
    def test_a_flood_is_counted_exactly_and_hides_nobody(self):
        run(*self.lab.in_ns("rogue", "ip", "neigh", "add", PLC, "lladdr", PLC_MAC, "dev", "rogue0"))
        flood = self.send("rogue", 80_000, 200)  # 20,000 a second at most
        time.sleep(1)
        other = self.send("sup", 100, 2)
        other.wait()
        flood.wait()
        wait_until(lambda: self.reported() == self.refused(),
                   "events that count as many refusals as the counters", 15)
        self.assertEqual(self.reported("--source", HMI), 100)
        self.assertGreater(self.reported("--source", ROGUE), 20_000)
        events = self.events("--resume", "0", "--source", ROGUE)
        self.assertLess(len(events), 1000, "bounded work")
        print(f"{self.refused():,} refusals in {self.last()} events", file=sys.stderr)


if __name__ == "__main__":
    outcome.run()
