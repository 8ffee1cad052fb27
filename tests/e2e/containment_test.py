"""Containment: how fast, over what it stands, and who ends it; timed where it counts, at the PLC.

usage: containment_test.py BUILD [unittest arguments]
Needs root. The labs' pictures stand in deploy/lab/lab.py and pair.py.
"""

import datetime
import json
import signal
import subprocess
import sys
import threading
import time

import outcome
from e2e_test import POLICY, LabCase
from lab import HMI_MAC, PLC, wait_until
from pair_test import HERE, PairCase

UDP_PORT = 9000
RULES = f"""    allow:
      - {{service: udp/{UDP_PORT}, client: hmi, server: plc1}}
      - {{protocol: modbus, client: hmi, server: plc1, functions: [write_single_register],
         where: {{unit: 1, address: 40-44}}}}
      - {{protocol: modbus, client: hmi, server: plc1, functions: [write_single_register],
         where: {{unit: 1, address: 45-49}}, essential: true}}
"""
SITE = POLICY.read_text().replace("    allow:\n", RULES)
WITHIN_NS = 10_000_000
ATTEMPTS = 3  # others use the machine's cores too


class Arrivals:
    """What the PLC gets from the HMI, from now on."""

    def __init__(self, case):
        self.process = subprocess.Popen(
            case.lab.in_ns("ctl", sys.executable, HERE / "arrivals.py", "eth0", HMI_MAC),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        case.addCleanup(self.process.kill)
        assert self.process.stdout.readline() == "begun\n"

    def end(self):
        out, _ = self.process.communicate("\n", timeout=20)
        return json.loads(out)


class Writer:
    """Writes without a pause in one session, until it is stopped."""

    def __init__(self, ask):
        self.ask, self.results, self.stopping = ask, [], False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopping:
            self.results.append(self.ask("write 40 7")["result"])

    def stop(self):
        self.stopping = True
        self.thread.join()
        return self.results


class Containing:
    """For a test case with a lab."""

    session = LabCase.session

    def contain(self, *words, which=None, check=True):
        """What the appliance answered, and when, by the clock of the day."""
        said = self.ctl_on(which, "contain", *words, "--reason", "drill", "--format", "json",
                           check=check)
        return (json.loads(said.stdout) if said.stdout.strip() else said), time.time_ns()

    def lift(self, *words, which=None, check=True):
        return self.ctl_on(which, "contain", "release", *words, "--format", "json", check=check)

    def contained(self, which=None):
        said = self.ctl_on(which, "contain", "list", "--format", "json").stdout
        return [json.loads(line) for line in said.splitlines()]

    def reads(self):
        return self.lab.hmi("read", 0, 1)["result"]

    def expect_last(self, arrivals, kind, answered_ns, ordered_ns=None):
        """The last frame of the kind came in time, and many had come before. How long after the
        order had reached the appliance, in ns."""
        late_ms = (arrivals[kind]["last_ns"] - answered_ns) / 1e6
        after_ns = arrivals[kind]["last_ns"] - (ordered_ns or answered_ns)
        order = f", {after_ns / 1e6:+.2f} ms from the order" if ordered_ns else ""
        print(f"{kind}: {arrivals[kind]['count']} frames, the last {late_ms:+.2f} ms from the "
              f"answer{order}", flush=True)
        self.assertGreater(arrivals[kind]["count"], 20)
        self.assertLess(arrivals[kind]["last_ns"], answered_ns + WITHIN_NS)
        return after_ns

    def datagrams(self, seconds):
        probe = subprocess.Popen(
            self.lab.in_ns("sup", sys.executable, HERE / "probe.py", "udp", PLC, UDP_PORT, seconds),
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(probe.stdout.close)
        self.addCleanup(probe.wait)
        self.assertEqual(probe.stdout.readline(), "begun\n")
        return probe

    def time_isolation(self, which=None):
        """Nothing arrives later than 10 ms after the order has reached the appliance, on whichever
        of a pair; on a machine with other work in one of a few attempts."""
        late_ns = []
        while not late_ns or (late_ns[-1] >= WITHIN_NS and len(late_ns) < ATTEMPTS):
            late_ns.append(self.isolate(which))
        self.assertLess(late_ns[-1], WITHIN_NS, late_ns)

    def isolate(self, which):
        """Under datagrams each millisecond and requests without a pause. How long after the order
        the last frame came to the PLC."""
        ask = self.session()
        self.assertEqual(ask("read 0 1")["result"], "ok")
        probe = self.datagrams(2)
        writer = Writer(ask)
        arrivals = Arrivals(self)
        time.sleep(0.5)
        said, answered_ns = self.contain("control", "--level", "isolate", which=which)
        time.sleep(1)
        seen = arrivals.end()
        self.assertFalse(said["warnings"], said)
        # Of the order's millisecond the beginning is named.
        ordered = datetime.datetime.fromisoformat(said["contained"][-1]["set"].replace("Z", "+00:00"))
        ordered_ns = round(ordered.timestamp() * 1000) * 10**6
        after_ns = max(self.expect_last(seen, kind, answered_ns, ordered_ns)
                       for kind in ("udp", "write"))
        self.assertLess(max(each["last_ns"] for each in seen.values()), answered_ns + WITHIN_NS)
        self.lift("control", which=which)
        writer.stop()
        probe.wait()
        return after_ns


class Alone(Containing, LabCase):
    prefix = "bhcn"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.spawn("ctl", [sys.executable, HERE / "probe.py", "echo", PLC, UDP_PORT], "echo")
        cls.addClassCleanup(cls.lab.stop, "echo", signal.SIGKILL)

    def setUp(self):
        self.file = self.lab.folder / "contain"
        self.file.unlink(missing_ok=True)
        for each in self.contained():
            name = [f"--{kind}={each[kind]}" for kind in ("zone", "conduit") if kind in each]
            self.lift(*(name or ["--all"]), check=False)
        self.commit(SITE)
        wait_until(lambda: self.reads() == "ok", "the HMI to read", 10)

    def ctl_on(self, _, *words, check=True):
        return self.lab.ctl(*words, check=check)

    def test_isolation_is_at_once(self):
        self.time_isolation()
        wait_until(lambda: self.reads() == "ok", "the HMI to read again", 10)

    def test_read_only_is_at_once_and_the_session_goes_on(self):
        ask = self.session()
        writer = Writer(ask)
        arrivals = Arrivals(self)
        time.sleep(0.5)
        _, answered_ns = self.contain("control", "--level", "read-only")
        time.sleep(0.5)
        results = writer.stop()
        self.expect_last(arrivals.end(), "write", answered_ns)
        self.assertEqual(set(results), {"ok", "exception 1"}, "the protocol's own refusal")
        self.assertEqual(ask("read 0 1")["result"], "ok", "in the same session")
        self.assertEqual(self.denied("contained")["rule"], 2)
        status = self.lab.ctl("status", check=False).stdout
        self.assertIn("CONTAINED: zone control, read-only", status)
        self.assertIn("drill", status)

    def test_essential_is_what_marked_rules_grant(self):
        self.contain("--conduit", "scada", "--level", "essential")
        self.assertEqual(self.lab.hmi("write", 45, 3)["result"], "ok")
        self.assertEqual(self.lab.hmi("write", 40, 3)["result"], "exception 1")
        self.assertEqual(self.reads(), "exception 1")
        self.lift("--conduit", "scada")

    def test_it_stands_over_commits_and_whatever_is_killed(self):
        ask = self.session()
        self.assertEqual(ask("read 0 1")["result"], "ok")
        self.contain("--all", "--level", "isolate")
        self.commit(SITE + "# another one\n")
        self.assertNotEqual(self.reads(), "ok")
        arrivals = Arrivals(self)
        self.lab.stop("agent", signal.SIGKILL)
        self.assertNotEqual(self.reads(), "ok")
        self.lab.start_agent()
        self.assertNotEqual(self.reads(), "ok")
        self.lab.stop("dataplane", signal.SIGKILL)
        self.lab.start_dataplane()
        wait_until(lambda: self.lab.ctl("status", check=False).returncode == 0, "to enforce", 10)
        self.assertNotEqual(self.reads(), "ok")
        self.lab.stop("agent", signal.SIGKILL)
        self.lab.stop("dataplane", signal.SIGKILL)
        self.lab.start_dataplane()
        self.lab.start_agent()
        wait_until(lambda: self.lab.ctl("status", check=False).returncode == 0, "to enforce", 10)
        self.assertNotEqual(self.reads(), "ok")
        self.assertEqual(arrivals.end(), {}, "not a frame reached the PLC meanwhile")
        self.assertEqual([each["level"] for each in self.contained()], ["isolate"])
        self.lift("--all")
        wait_until(lambda: self.reads() == "ok", "the HMI to read again", 10)

    def test_it_ends_by_itself_with_and_without_the_agent(self):
        for killed in (False, True):
            with self.subTest(killed=killed):
                _, answered_ns = self.contain("control", "--level", "isolate", "--for", "2s")
                if killed:
                    self.lab.stop("agent", signal.SIGKILL)
                first = None
                while first is None and time.time_ns() < answered_ns + 10 * 10**9:
                    first = time.time_ns() if self.reads() == "ok" else None
                self.assertIsNotNone(first, "it never ended")
                after_s = (first - answered_ns) / 1e9
                print(f"ended after {after_s:.2f} s, agent killed: {killed}", flush=True)
                self.assertGreater(after_s, 1.9)
                self.assertLess(after_s, 4.5)
                if killed:
                    self.lab.start_agent()
                wait_until(lambda: not self.contained(), "nothing to stand", 5)

    def test_a_file_is_enough_when_no_network_is_left(self):
        began = time.monotonic()
        self.file.write_text("zone control isolate\n")
        wait_until(lambda: self.contained(), "the file to count", 5)
        print(f"the file counts after {time.monotonic() - began:.2f} s", flush=True)
        self.assertLess(time.monotonic() - began, 1.5)
        self.assertNotEqual(self.reads(), "ok")
        refused = self.lift("control", check=False)
        self.assertIn("take its line away", refused.stderr)
        self.file.unlink()
        wait_until(lambda: self.reads() == "ok", "the HMI to read again", 5)
        self.file.write_text("zone control isolate\n")
        self.file.chmod(0o666)
        wait_until(lambda: "may be written by others" in self.lab.ctl("status", check=False).stdout,
                   "the file to be refused", 5)

    def test_a_policy_without_the_zone_is_told_and_releases_nothing(self):
        self.contain("control", "--level", "isolate")
        self.commit(SITE.replace("control", "plant"))
        wait_until(lambda: self.contained()[0]["unknown"], "the name to be missed", 5)
        self.assertIn("no such name", self.lab.ctl("status", check=False).stdout)
        wait_until(lambda: self.reads() == "ok", "the other zone to be reached", 5)
        self.commit(SITE)
        self.assertNotEqual(self.reads(), "ok")
        slip = self.contain("contrl", "--level", "isolate", check=False)[0]
        self.assertEqual(slip.returncode, 1)
        self.assertIn("has no zone contrl", slip.stderr)

    def test_every_step_is_audited_and_an_event(self):
        self.contain("control", "--level", "isolate", "--for", "1s")
        wait_until(lambda: not self.contained(), "it to end", 5)
        self.contain("control", "--level", "read-only")
        self.lift("control")
        events = [each["text"] for each in self.lab.ctl_json("events")
                  if each["kind"] == "containment"]
        for part in ("zone control: isolate for 1 s", "its time is over", "released by operator"):
            self.assertTrue(any(part in text for text in events), f"{part}: {events}")
        audit = self.lab.ctl("audit", "show").stdout
        for part in ("SetContainment", "ReleaseContainment", "its time is over", "drill"):
            self.assertIn(part, audit)

    def test_who_may_not_release_cannot(self):
        self.commit(SITE.replace("site:", "containment: {release: approver}\nsite:"))
        self.contain("control", "--level", "read-only")
        self.lift("control")  # the lab's operator has all roles


class OfAPair(Containing, PairCase):
    prefix = "bhcp"

    def setUp(self):
        super().setUp()
        self.first = self.lab.await_active()
        self.second = {"a": "b", "b": "a"}[self.first]
        self.push(SITE, which=self.first)
        self.await_ready(self.second)

    def ctl_on(self, which, *words, check=True):
        return self.lab.ctl(*words, which=which or self.first, check=check)

    def levels(self):
        return [sorted(each["level"] for each in self.contained(which)) for which in ("a", "b")]

    def test_both_at_once_over_a_takeover_and_with_halves_that_disagree(self):
        for which in (self.first, self.second):  # on whichever it is ordered
            with self.subTest(ordered_on="active" if which == self.first else "standby"):
                self.time_isolation(which)
        self.contain("control", "--level", "isolate")
        self.assertEqual(self.levels(), [["isolate"]] * 2)
        arrivals = Arrivals(self)
        for role in ("agent", "dataplane"):
            self.lab.stop(f"{role}-{self.first}", signal.SIGKILL)
        self.lab.await_active(self.second)
        self.assertNotEqual(self.reads(), "ok")
        # But for the announcements that turn the switches, which are the appliance's own (RARP).
        self.assertLessEqual(set(arrivals.end()), {"other"})
        # Released by the survivor: the one that was away learns of it.
        self.lift("control", which=self.second)
        wait_until(lambda: self.reads() == "ok", "the HMI to read", 10)
        self.lab.start_dataplane(self.first)
        self.lab.start_agent(self.first)
        wait_until(lambda: self.levels() == [[], []], "nothing to stand on either", 10)
        self.lab.cut_pair_link()
        said, _ = self.contain("control", "--level", "read-only", which=self.second)
        # TCP notices the cut later than the agent's patience ends.
        self.assertRegex(" ".join(said["warnings"]), "the pair link is down|has not answered yet")
        self.contain("control", "--level", "isolate", which=self.first)
        self.lab.mend_pair_link()
        wait_until(lambda: self.levels() == [["isolate", "read-only"]] * 2, "both to have both", 10)
        self.assertNotEqual(self.reads(), "ok")


if __name__ == "__main__":
    outcome.run()
