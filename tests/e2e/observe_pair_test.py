"""An observed conduit of a pair goes on as a cable when the active data plane is killed.

    sup eth0 -- br0 -- a0 [ appliance a ] a1 -- br1 -- eth0 ctl
                 '---- b0 [ appliance b ] b1 ----'

All frames are recorded at both hosts and on both sides of either appliance.

usage: observe_pair_test.py BUILD [unittest arguments]
Needs root. The lab's picture stands in deploy/lab/pair.py.
"""

import datetime
import json
import signal
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import cable_tap  # noqa: E402
import outcome  # noqa: E402
from e2e_test import modbus_session  # noqa: E402
from pair_test import OTHER, PairCase, WATER_WORKS  # noqa: E402
from lab import HMI_MAC, PLC_MAC, wait_until  # noqa: E402

BETWEEN_HOSTS = {bytes.fromhex((PLC_MAC + HMI_MAC).replace(":", "")),
                 bytes.fromhex((HMI_MAC + PLC_MAC).replace(":", ""))}


def observing():
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    return WATER_WORKS.replace("        rate: 5/s\n", "").replace(
        "    from: supervision", f"    mode: observe\n    until: {until:%Y-%m-%d}\n"
                                 "    from: supervision")


def between_hosts(frames):
    """The session's, not what the appliances say of themselves and announce."""
    return [frame for frame in frames if frame[:12] in BETWEEN_HOSTS]


class Observing(PairCase):
    prefix = "bhopa"

    def tap(self, namespace, device):
        end = cable_tap.begin(self, self.lab, namespace, device)
        return lambda: [between_hosts(frames) for frames in end()]

    def foretold(self, which):
        """Requests whose refusal this appliance has foretold."""
        said = self.lab.ctl("counters", "--format", "json", which=which).stdout
        rows = [json.loads(line) for line in said.splitlines()]
        return sum(row["messages"] for row in rows if row["verdict"] == "would_deny"
                   and row["reason"] == "values_not_granted")

    def expect_through(self, sent, left, all_of_it):
        """Each frame that left is one that came, byte for byte, in their order."""
        at = 0
        for frame in left:
            while at < len(sent) and sent[at] != frame:
                at += 1
            self.assertLess(at, len(sent), f"did not come, or was held: {frame.hex()}")
            at += 1
        if all_of_it:
            self.assertEqual(len(left), len(sent))

    def test_a_session_goes_on_as_it_came_when_the_data_plane_is_killed(self):
        self.on_a_machine_that_runs(self.kill_the_active_one)

    def kill_the_active_one(self):
        first = self.lab.await_active(seconds=40)
        other = OTHER[first]
        self.push(observing(), which=first)
        self.await_ready(other)
        places = [("sup", "eth0"), ("ctl", "eth0"),
                  *(("sw", f"{which}{zone}") for which in (first, other) for zone in (0, 1))]
        taps = [self.tap(*place) for place in places]
        ask = modbus_session(self, self.lab)
        for number in range(20):
            self.assertEqual(ask("read 0 10")["result"], "ok")
            self.assertEqual(ask(f"write 60 {number}")["result"], "ok", "no rule grants that")
        wait_until(lambda: self.foretold(first) == 20, "the first to foretell", 10)
        self.lab.stop(f"dataplane-{first}", signal.SIGKILL)
        for number in range(20, 40):
            self.assertEqual(ask(f"write 60 {number}")["result"], "ok", self.logs())
            self.assertEqual(ask("read 0 10")["result"], "ok")
        self.lab.await_active(other)
        # Some of them before the session was known there.
        wait_until(lambda: self.foretold(other) >= 15, "the second to foretell", 10)
        self.assertEqual(self.lab.at_plc(60), [39])
        self.assertIn("OBSERVES until", self.lab.ctl("status", which=other).stdout)
        time.sleep(0.5)
        at = dict(zip(places, (tap() for tap in taps)))
        self.check_cables(at, first, other)
        self.lab.start_dataplane(first)

    def check_cables(self, at, first, other):
        sent, heard = at["sup", "eth0"]
        self.assertGreater(len(sent), 80)
        self.expect_through(sent, at["ctl", "eth0"][1], all_of_it=False)
        self.expect_through(at["ctl", "eth0"][0], heard, all_of_it=False)
        # A switch's port sends into the appliance, and receives what leaves it.
        for which in (first, other):
            (into0, from0), (into1, from1) = (at["sw", f"{which}{zone}"] for zone in (0, 1))
            self.assertGreater(len(from0), 30)
            self.assertGreater(len(from1), 30)
            self.expect_through(into0, from1, all_of_it=False)
            self.expect_through(into1, from0, all_of_it=False)


if __name__ == "__main__":
    outcome.run()
