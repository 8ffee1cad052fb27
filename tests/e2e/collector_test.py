"""A collector that is away under a flood of refusals and comes back: nothing is lost, nothing comes out
of order, and every refusal is counted.

usage: collector_test.py BUILD [unittest arguments]
Needs root and rsyslogd. tests/long/collector_away.py does the same for a minute.
"""

import json
import shutil
import subprocess
import sys
import time
import unittest

import outcome
from e2e_test import BUILD, POLICY
from events_test import SEND
from lab import PLC, Lab, wait_until
from syslog_test import Rsyslog, collector, make_certificates

PER_SECOND = 10_000


class Away:
    """An appliance in the lab, its collector, and a host that has datagrams refused."""

    def __init__(self, prefix, build):
        self.lab = Lab(prefix, build)
        self.lab.down()
        self.lab.prepare()
        pki = self.lab.folder / "siem"
        make_certificates(build, pki)
        self.rsyslog = Rsyslog(self.lab.folder / "rsyslog", pki, 6514, self.lab.in_ns("fw")[:4])
        self.rsyslog.start()
        (self.lab.folder / "collectors.yaml").write_text(
            "siem: v1\ncollectors:\n" + collector("soc", 6514, ca=pki / "ca.crt",
                                                   name="siem.example.org", format="json"))
        self.lab.start_dataplane()
        self.lab.start_agent()
        self.lab.ctl("push", POLICY, "--commit")
        self.await_collector("connected")

    def end(self):
        self.rsyslog.stop()
        self.lab.down()

    def status(self):
        return self.lab.ctl_json("status")[0]

    def collector(self):
        return self.status()["collectors"][0]

    def await_collector(self, state, seconds=20):
        wait_until(lambda: self.collector()["state"] == state, f"the collector to be {state}", seconds)

    def await_alarm(self, stands, seconds):
        wait_until(lambda: any(row["alarm"] == "collector_away" for row in self.status()["alarms"])
                   is stands, f"collector_away to be {'raised' if stands else 'cleared'}", seconds)

    def refuse(self, seconds):
        """Datagrams that no rule grants, from the HMI."""
        return subprocess.Popen(self.lab.in_ns(
            "sup", sys.executable, "-c", SEND, PLC, int(PER_SECOND * seconds), PER_SECOND // 100))

    def refused(self):
        return sum(row["messages"] for row in self.lab.ctl_json("counters") if row["verdict"] == "deny")

    def arrived(self):
        """The numbers of events at the collector, as they came first, and how many refusals they
        stand for."""
        seen, counts = {}, 0
        for line in self.rsyslog.lines():
            at = line.find(b"] {")
            if b' stream="events"' not in line or at < 0:
                continue
            event = json.loads(line[at + 2:])
            if seen.setdefault(event["number"], True) and event["kind"] == "deny":
                counts += event.get("count", 1) if event["number"] not in self.counted else 0
                self.counted.add(event["number"])
        return list(seen), counts

    def run(self, seconds):
        """Away for so long under the flood, and back; what was found."""
        self.counted = set()
        flood = self.refuse(seconds + 4)
        time.sleep(2)
        self.rsyslog.stop()
        began = time.monotonic()
        if seconds >= 45:
            self.await_alarm(True, 60)
        time.sleep(max(0.0, seconds - (time.monotonic() - began)))
        waiting = self.collector()["waiting"]
        self.rsyslog.start()
        flood.wait()
        self.await_collector("connected", 60)
        if seconds >= 45:
            self.await_alarm(False, 60)
        time.sleep(3)  # the last sums
        last = self.status()["events"]["last"]
        wait_until(lambda: self.collector()["sent"] >= last, "all of them to be sent", 60)
        wait_until(lambda: len(self.arrived_numbers()) >= last, "rsyslog to write its file", 20)
        numbers, counted = self.arrived()
        return {"seconds": seconds, "waiting": waiting, "last": last, "numbers": numbers,
                "counted": counted, "refused": self.refused(), "lost": self.collector()["lost"],
                "events_lost": self.status()["events"]["lost"]}

    def arrived_numbers(self):
        return {number for number, _ in self.rsyslog.numbers()}


def problems(found):
    """What is not as it must be."""
    wrong = []
    if found["numbers"][:found["last"]] != list(range(1, found["last"] + 1)):
        wrong.append("events are missing, or came out of order")
    if found["counted"] != found["refused"]:
        wrong.append(f"{found['counted']} refusals arrived of {found['refused']}")
    if found["lost"] or found["events_lost"]:
        wrong.append(f"{found['lost']} were lost, {found['events_lost']} were not kept")
    if found["waiting"] == 0:
        wrong.append("nothing had to wait: the collector was not away")
    if found["refused"] < 0.7 * PER_SECOND * found["seconds"]:
        wrong.append(f"only {found['refused']} refusals: the flood was too slow")
    return wrong


def say(found):
    print(f"away for {found['seconds']:.0f} s: {found['refused']:,} refusals in {found['last']:,} "
          f"events, {found['waiting']:,} of which waited; all arrived, in order", flush=True)


class CollectorAway(unittest.TestCase):
    def test_what_waited_arrives_whole_and_in_order(self):
        outcome.expect_root()
        away = Away("bhcoa", BUILD)
        self.addCleanup(away.end)
        found = away.run(8)
        self.assertEqual(problems(found), [])
        say(found)

    def test_one_that_stays_away_is_an_alarm(self):
        outcome.expect_root()
        away = Away("bhcob", BUILD)
        self.addCleanup(away.end)
        away.rsyslog.stop()
        away.await_alarm(True, 60)
        row = next(row for row in away.status()["alarms"] if row["alarm"] == "collector_away")
        self.assertEqual((row["subject"], row["severity"]), ("soc", "warning"))
        away.rsyslog.start()
        away.await_alarm(False, 60)


if __name__ == "__main__":
    if shutil.which("rsyslogd") is None:
        outcome.skip("rsyslogd is not there: deploy/install-packages test")
    outcome.run(needs_root=False)
