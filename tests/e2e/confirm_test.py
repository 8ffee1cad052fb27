"""Commits that await confirmation: what cuts the operator off returns by itself, whoever fails.

usage: confirm_test.py BUILD [unittest arguments]
Needs root. The labs' pictures stand in deploy/lab/lab.py and pair.py.
"""

import json
import signal
import subprocess
import sys
import time

import outcome
from e2e_test import NO_MODBUS, POLICY, LabCase
from lab import PLC, run, wait_until
from pair_test import HERE, PairCase

LATE_S = 1.0    # at most, behind the deadline
START_S = 3.0   # the same, where an agent has to start first
EARLY_S = 0.15  # what the commit's answer takes to come


class Reach:
    """Whether the HMI reaches the PLC, from now on."""

    def __init__(self, case, seconds):
        self.process = subprocess.Popen(
            case.lab.in_ns("sup", sys.executable, HERE / "reach.py", PLC, 502, seconds),
            stdout=subprocess.PIPE, text=True)
        case.addCleanup(self.process.stdout.close)
        case.addCleanup(self.process.wait)
        case.addCleanup(self.process.kill)

    def tries(self):
        out, _ = self.process.communicate(timeout=120)
        return [json.loads(line) for line in out.splitlines()]


class Confirming:
    """For a test case with a lab."""

    def begin(self, which, time_to_confirm):
        """Cuts the HMI off. When it returns, by the monotonic clock."""
        self.ctl_on(which, "push", self.write(NO_MODBUS))
        before = time.monotonic()
        said = json.loads(self.ctl_on(which, "commit", "--confirm", time_to_confirm,
                                      "--format", "json").stdout)
        self.assertEqual(said["state"], "in force", said)
        deadline = before + said["trial"]["window_ms"] / 1000
        return deadline, said

    def expect_back_at(self, tries, deadline, late_s=LATE_S):
        off = [each["at"] for each in tries if not each["answers"]]
        self.assertTrue(off, "it was never cut off")
        self.assertTrue(tries[-1]["answers"], "it is still cut off")
        back = next(each["at"] for each in tries if each["answers"] and each["at"] > off[0])
        print(f"back {back - deadline:+.2f} s from the deadline", flush=True)
        self.assertGreater(back, deadline - EARLY_S)
        self.assertLess(back, deadline + late_s)
        unanswered = [round(at - deadline, 2) for at in off if at > back]
        self.assertEqual(unanswered, [], "it came and went, seconds from the deadline")

    def expect_cut_off(self, tries):
        off = [each["at"] for each in tries if not each["answers"]]
        self.assertTrue(off)
        self.assertFalse([each for each in tries if each["answers"] and each["at"] > off[0]])


class Alone(Confirming, LabCase):
    prefix = "bhk"

    def setUp(self):
        self.lab.ctl("rollback", check=False)  # of a test that failed
        self.commit(POLICY)

    def ctl_on(self, _, *words, check=True):
        return self.lab.ctl(*words, check=check)

    def kill_agent(self, away_s):
        self.lab.stop("agent", signal.SIGKILL)
        time.sleep(away_s)
        self.lab.start_agent()

    def test_what_nobody_confirms_returns(self):
        reach = Reach(self, 8)
        deadline, said = self.begin(None, "5s")
        refused = self.lab.ctl("commit", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("bulkheadctl confirm", refused.stderr)
        self.assertIn("bulkheadctl rollback", refused.stderr)
        status = self.lab.ctl("status", check=False).stdout
        self.assertIn("NOT CONFIRMED", status)
        self.assertIn("NOT CONFIRMED", self.lab.ctl("history").stdout)
        self.expect_back_at(reach.tries(), deadline)
        history = {each["revision"]: each for each in self.lab.ctl_json("history")}
        self.assertEqual(history[said["revision"]]["taken_back_why"],
                         "it was not confirmed in time")
        self.assertTrue(history[said["trial"]["returns_to"]]["active"])
        self.assertNotIn("NOT CONFIRMED", self.lab.ctl("status", check=False).stdout)

    def test_an_agent_that_is_killed_changes_nothing(self):
        reach = Reach(self, 8)
        deadline, _ = self.begin(None, "5s")
        self.kill_agent(0.5)
        self.kill_agent(0.5)
        self.expect_back_at(reach.tries(), deadline)

    def test_a_killed_data_plane_changes_nothing(self):
        reach = Reach(self, 9)
        deadline, _ = self.begin(None, "6s")
        self.lab.stop("dataplane", signal.SIGKILL)
        self.lab.start_dataplane()
        self.expect_back_at(reach.tries(), deadline)

    def test_what_ran_out_while_the_agent_was_gone_returns_with_it(self):
        reach = Reach(self, 7)
        self.begin(None, "2s")
        self.lab.stop("agent", signal.SIGKILL)
        time.sleep(2.5)
        started = time.monotonic()
        self.lab.start_agent()
        self.expect_back_at(reach.tries(), started, START_S)

    def test_what_is_confirmed_stays(self):
        reach = Reach(self, 6)
        self.begin(None, "3s")
        self.lab.ctl("confirm")
        self.kill_agent(0.1)
        self.expect_cut_off(reach.tries())
        again = self.lab.ctl("confirm", check=False)
        self.assertEqual(again.returncode, 1)
        self.assertIn("nothing awaits confirmation", again.stderr)
        reach = Reach(self, 2)
        self.lab.ctl("rollback")
        self.assertTrue(reach.tries()[-1]["answers"])

    def test_a_rollback_does_not_wait(self):
        reach = Reach(self, 4)
        self.begin(None, "10m")
        time.sleep(1)
        ordered = time.monotonic()
        self.lab.ctl("rollback")
        self.expect_back_at(reach.tries(), ordered)

    def test_what_makes_no_sense_is_refused(self):
        self.lab.ctl("push", self.write(NO_MODBUS))
        for time_to_confirm, text in (("5", "--confirm"), ("0s", "--confirm"), ("-1s", "--confirm"),
                                      ("8d", "seven days")):
            with self.subTest(time_to_confirm):
                refused = self.lab.ctl("commit", f"--confirm={time_to_confirm}", check=False)
                self.assertNotEqual(refused.returncode, 0)
                self.assertIn(text, refused.stderr)


class OnAFullDisk(Confirming, LabCase):
    """The state of the agent is on a file system of its own, which somebody fills."""

    prefix = "bhl"
    ctl_on = Alone.ctl_on

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.stop("agent")
        run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", cls.lab.folder / "state")
        cls.addClassCleanup(run, "umount", "-l", cls.lab.folder / "state", check=False)
        cls.lab.start_agent()

    def fill(self):
        path = self.lab.folder / "state/filler"
        self.addCleanup(path.unlink, missing_ok=True)
        with open(path, "wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                pass

    def test_it_returns_all_the_same(self):
        self.commit(POLICY)
        reach = Reach(self, 6)
        deadline, _ = self.begin(None, "3s")
        self.fill()
        self.assertNotEqual(self.lab.ctl("push", self.write(NO_MODBUS), check=False).returncode, 0)
        self.lab.stop("agent", signal.SIGKILL)
        self.lab.start_agent()
        self.expect_back_at(reach.tries(), deadline)


class OfAPair(Confirming, PairCase):
    prefix = "bhm"
    write = LabCase.write

    def setUp(self):
        super().setUp()
        if self.lab.await_active() != "a":
            self.await_ready("a")
            self.lab.ctl("pair", "switchover", which="b")
            self.lab.await_active("a")
        self.push(POLICY.read_text())
        self.await_ready("b")

    def ctl_on(self, which, *words, check=True):
        return self.lab.ctl(*words, which=which, check=check)

    def policies(self):
        said = [self.lab.status(which) for which in ("a", "b")]
        return [each and each["policy_sha256"] for each in said]

    def expect_both(self, digest):
        wait_until(lambda: self.policies() == [digest, digest], "the same policy on both", 10)
        self.assertEqual(*self.epochs())

    def test_both_return_though_an_agent_is_killed(self):
        for which in ("a", "b"):
            with self.subTest(killed=which):
                active = self.lab.await_active()
                before, _ = self.policies()
                reach = Reach(self, 9)
                deadline, _ = self.begin(active, "5s")
                self.assertNotIn(before, self.policies())
                shown = self.lab.ctl("pair", "status", which="b", check=False).stdout
                self.assertIn("NOT CONFIRMED", shown)
                self.lab.stop(f"agent-{which}", signal.SIGKILL)
                time.sleep(1)
                self.lab.start_agent(which)
                self.expect_back_at(reach.tries(), deadline)
                self.expect_both(before)
                self.await_ready("b" if self.lab.await_active() == "a" else "a")

    def test_it_returns_after_a_takeover(self):
        self.assertEqual(self.lab.await_active(), "a")
        before, _ = self.policies()
        reach = Reach(self, 9)
        deadline, _ = self.begin("a", "5s")
        for role in ("agent-a", "dataplane-a"):
            self.lab.stop(role, signal.SIGKILL)
        self.lab.await_active("b")
        self.expect_back_at(reach.tries(), deadline)
        self.lab.start_dataplane("a")
        self.lab.start_agent("a")
        self.expect_both(before)

    def test_what_the_survivor_is_told_to_keep_stays(self):
        self.begin("a", "8s")
        _, during = self.policies()
        for role in ("agent-a", "dataplane-a"):
            self.lab.stop(role, signal.SIGKILL)
        self.lab.await_active("b")
        told = self.lab.ctl("confirm", which="b")
        self.assertIn("not heard", told.stdout)
        self.lab.start_dataplane("a")
        self.lab.start_agent("a")
        time.sleep(9)
        self.expect_both(during)

    def test_a_confirmation_is_on_both(self):
        self.begin("a", "4s")
        during, _ = self.policies()
        refused = self.lab.ctl("confirm", which="b", check=False)
        self.assertIn("confirm on alpha", refused.stderr)
        self.lab.ctl("confirm", which="a")
        for role in ("agent-a", "dataplane-a"):
            self.lab.stop(role, signal.SIGKILL)
        self.lab.await_active("b")
        time.sleep(5)
        self.assertEqual(self.lab.status("b")["policy_sha256"], during)

    def test_both_return_once_the_sessions_are_lost(self):
        before, _ = self.policies()
        session = subprocess.Popen(
            self.lab.in_ns("sup", sys.executable, HERE / "probe.py", "modbus", PLC, 502, 15),
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(session.stdout.close)
        self.addCleanup(session.wait)
        self.addCleanup(session.kill)
        self.assertEqual(session.stdout.readline(), "begun\n")
        self.lab.ctl("push", self.write(NO_MODBUS + "health: {sessions_lost: 20%}\n"))
        committed = time.monotonic()
        said = json.loads(self.lab.ctl("commit", "--confirm", "10m", "--health",
                                       "--format", "json").stdout)
        self.assertEqual(said["trial"]["health"]["sessions_lost_percent"], 20)
        shown = self.lab.ctl("pair", "status", which="b", check=False).stdout
        self.assertIn("and before that past sessions_lost=20%", shown)
        wait_until(lambda: self.policies() == [before, before], "both to return", 15)
        print(f"back after {time.monotonic() - committed:.1f} s of ten minutes", flush=True)
        for which in ("a", "b"):
            history = self.lab.ctl("history", "--format", "json", which=which).stdout
            newest = json.loads(history.splitlines()[0])
            self.assertRegex(newest["taken_back_why"],
                             "^its health was out of bounds: 0 of [1-9] sessions left, bound 20% lost")
            self.assertIn("is back in force", self.lab.ctl("events", which=which).stdout)

    def test_without_the_link_the_standby_returns_too(self):
        before, _ = self.policies()
        reach = Reach(self, 8)
        deadline, _ = self.begin("a", "5s")
        self.lab.cut_pair_link()
        self.expect_back_at(reach.tries(), deadline)
        wait_until(lambda: self.policies() == [before, before], "both to return", 3)
        self.lab.mend_pair_link()
        self.expect_both(before)


if __name__ == "__main__":
    outcome.run()
