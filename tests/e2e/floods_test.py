"""One host floods a zone port as fast as it can, and hides no other's sessions and no other's refusals.

usage: floods_test.py BUILD [unittest arguments]
Needs root. tests/long/floods.py does it for minutes, with more kinds of frames and spoofed sources.

    rogue 10.20.0.66 --- SYNs, granted and refused datagrams, refused requests --+
                                                                                 zone0 [appliance] -- PLC
    sup   10.20.0.10 --- 100 sessions, one behind the other ----------------------+
"""

import itertools
import json
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

import outcome
from e2e_test import BUILD, ROOT
from lab import HMI, PLC, ROGUE, Lab, wait_until

sys.path.insert(0, str(ROOT / "tests/long"))
import floods  # noqa: E402
from weights import weighed  # noqa: E402

SESSIONS = 100
APART_S = 0.03  # so that the flood goes on beside all of them
FLOOD_NICE = 0  # among what else runs here; the appliance and the plant have cores of their own
FLOOD_S = 60  # at most: it is ended when the sessions are done


def flood(device):
    """Frames made beforehand, so that making them takes no time; until it is ended."""
    station = floods.mac(Path(f"/sys/class/net/{device}/address").read_text().strip())
    frames = list(itertools.islice(floods.flood_frames(station, False, 4000), 20_000))
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((device, 0))
    sent = 0
    print("begun", flush=True)
    until = time.monotonic() + FLOOD_S
    while time.monotonic() < until:
        for begin in range(0, len(frames), 500):
            sent += floods.send_all(out, frames[begin:begin + 500])
            print(sent, flush=True)


def sessions(count):
    """Opens them in a row; in each a request that is granted, and one that is not."""
    result = {"opened": 0, "served": 0, "refused": 0}
    began = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + number * APART_S - time.monotonic()))
        with socket.create_connection((PLC, 502), floods.PATIENCE_S) as session:
            result["opened"] += 1
            result["served"] += floods.ask(session, floods.READ)
            session.sendall(floods.WRITE_REFUSED)
            result["refused"] += session.recv(260)[7] == 0x86
    result["seconds"] = round(time.monotonic() - began, 2)
    print(json.dumps(result))


class Floods(unittest.TestCase):
    def setUp(self):
        self.lab = Lab("bhfls", BUILD)
        self.addCleanup(self.lab.down)
        floods.start(self.lab)

    def spawn(self, host, nice, *words):
        process = subprocess.Popen(
            self.lab.in_ns(host, *weighed(nice), sys.executable, __file__, *words),
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def refused(self):
        return sum(row["messages"] for row in self.lab.ctl_json("counters")
                   if row["verdict"] == "deny")

    def events(self, *words):
        return self.lab.ctl_json("events", "--resume", "0", "--kind", "deny", *words)

    def counted(self, *words):
        return sum(event["count"] for event in self.events(*words))

    def test_a_flood_hides_no_session_and_no_refusal_of_another_host(self):
        flooder = self.spawn("rogue", FLOOD_NICE, "flood", "rogue0")
        self.assertEqual(flooder.stdout.readline(), "begun\n")
        wait_until(lambda: self.refused() > 1000, "the flood to be refused", 10)
        before = self.refused()
        client = self.spawn("sup", floods.PLANT_NICE, "sessions", SESSIONS)
        sent = [0]
        while client.poll() is None:  # what the flooder says must not fill its pipe
            sent.append(int(flooder.stdout.readline()))
        flooder.kill()
        result = json.loads(client.communicate()[0])
        meanwhile = self.refused() - before
        self.assertEqual((result["opened"], result["served"], result["refused"]), (SESSIONS,) * 3)
        wait_until(lambda: self.counted() == self.refused(),
                   "events that count as many refusals as the counters", 15)
        own = self.events("--source", HMI, "--reason", "values_not_granted")
        self.assertEqual(sum(event["count"] for event in own), SESSIONS, "each is told, once")
        self.assertEqual({event["destination"] for event in own}, {f"{PLC}:502"})
        self.assertGreater(self.counted("--source", ROGUE), 10 * SESSIONS)
        print(f"{SESSIONS} sessions in {result['seconds']} s beside {meanwhile:,} refusals of the flood "
              f"({max(sent):,} frames sent); {self.refused():,} refusals in {len(self.events()):,} events",
              flush=True)
        self.assertGreater(meanwhile, 10 * SESSIONS, "the flood went on beside the sessions")
        self.assertLess(len(self.events("--source", ROGUE)),
                        max(2000, self.counted("--source", ROGUE) / 20), "bounded work")


if __name__ == "__main__":
    if sys.argv[1:2] == ["flood"]:
        flood(sys.argv[2])
    elif sys.argv[1:2] == ["sessions"]:
        sessions(int(sys.argv[2]))
    else:
        outcome.run()
