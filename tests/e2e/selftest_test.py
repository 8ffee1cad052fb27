"""The self-test: what it says, what it costs, and what a data plane that judges wrongly brings about,
alone and in a pair.

usage: selftest_test.py BUILD [unittest arguments]
Needs root. The labs' pictures stand in deploy/lab/lab.py and pair.py.
"""

import json
import os
import signal
import threading
import time

import outcome
from e2e_test import POLICY, LabCase
from lab import wait_until
from pair import OTHER
from pair_test import PairCase

GRANTS_ALL, GRANTS_NOTHING, JUDGES = signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP
PLANTED = "bulkhead-dataplane-planted"


class SelfTestCase(LabCase):
    def selftest(self, code=0):
        """Its rows by protocol and kind, and what it says in all."""
        done = self.lab.ctl("selftest", "--format", "json", check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        *rows, whole = (json.loads(line) for line in done.stdout.splitlines())
        return {(row["protocol"], row["kind"]): row for row in rows}, whole

    def status(self):
        return json.loads(self.lab.ctl("status", "--format", "json", check=False).stdout)

    def alarms(self):
        return [row["alarm"] for row in self.status()["alarms"]]


class Sound(SelfTestCase):
    prefix = "bhsts"

    def test_each_granted_protocol_is_tested_and_nothing_else_notices(self):
        self.assertIn("no policy is in force", self.lab.ctl("selftest").stdout)
        self.commit(POLICY)
        for _ in range(3):
            rows, whole = self.selftest()
        self.assertEqual(whole["self_test"], "passed")
        self.assertEqual(set(rows), {("modbus", kind) for kind in
                                     ("granted", "not_granted", "malformed", "repeated")})
        self.assertEqual({row["outcome"] for row in rows.values()}, {"passed"}, rows)
        print(f"a worker's packets wait {whole['longest_ns'] / 1000:.1f} us at most for it; "
              f"all of it takes {whole['took_ns'] / 1e6:.1f} ms", flush=True)
        self.assertEqual(self.lab.ctl_json("counters"), [])
        self.assertEqual(self.lab.ctl_json("events", "--kind", "deny", "--resume", "0"), [])
        self.assertEqual(self.lab.ctl_json("flows"), [])
        self.assertEqual(self.lab.plc_requests(), [])
        said = self.status()["self_test"]
        self.assertEqual((said["problem"], said["policy_generation"]), ("", 1))
        self.assertIn("self-test  passed, ", self.lab.ctl("status").stdout)
        self.assertIn("4 passed, 0 failed, 0 not tested", self.lab.ctl("selftest").stdout)
        self.commit(POLICY.read_text() + "      - {service: udp/9000, client: hmi, server: plc1}\n")
        rows, _ = self.selftest()
        self.assertEqual([(rows["service", kind]["function"], rows["service", kind]["outcome"])
                          for kind in ("granted", "not_granted")],
                         [("udp/9000", "passed"), ("udp/9001", "passed")])
        self.assertEqual(self.lab.ctl_json("counters"), [])

    def test_requests_do_not_wait_for_it(self):
        """The same load without and with self-tests that follow each other."""
        self.commit(POLICY)
        def load(selftests):
            running = self.load(500, 4)
            ended, runs = threading.Event(), 0
            if selftests:
                def ask():
                    nonlocal runs
                    while not ended.is_set():
                        self.selftest()
                        runs += 1
                asking = threading.Thread(target=ask)
                asking.start()
            out, _ = running.communicate(timeout=60)
            ended.set()
            if selftests:
                asking.join()
            return json.loads(out.splitlines()[-1]), runs
        alone, _ = load(False)
        beside, runs = load(True)
        print(f"p50/p99 without {alone['p50_us']}/{alone['p99_us']} us, beside {runs} self-tests "
              f"{beside['p50_us']}/{beside['p99_us']} us", flush=True)
        self.assertGreater(runs, 5)
        self.assertEqual((alone["failed"], beside["failed"]), (0, 0))


class Planted(SelfTestCase):
    prefix = "bhstp"
    dataplane = PLANTED
    dataplane_options = ("--self-test-every", "1")

    def plant(self, mistake):
        os.kill(self.lab.pid("dataplane"), mistake)

    def await_alarm(self, stands):
        wait_until(lambda: ("self_test_failed" in self.alarms()) is stands,
                   f"the alarm to be {'raised' if stands else 'cleared'}", 15)

    def told(self):
        return [(event["severity"], event.get("cleared", False))
                for event in self.lab.ctl_json("events", "--kind", "alarm", "--resume", "0")
                if event.get("alarm") == "self_test_failed"]

    def test_what_is_judged_wrongly_is_found_and_told_and_the_plant_goes_on(self):
        self.commit(POLICY)
        self.await_alarm(False)
        before = len(self.told())
        rows, _ = self.selftest()
        self.assertEqual(rows["modbus", "not_granted"]["outcome"], "passed")
        for mistake, kind, text in ((GRANTS_ALL, "not_granted", "it passed: granted"),
                                    (GRANTS_NOTHING, "granted",
                                     "it was refused: function_not_granted")):
            self.plant(mistake)
            self.await_alarm(True)  # nobody has asked for it
            rows, whole = self.selftest(code=1)
            self.assertEqual(whole["self_test"], "failed")
            self.assertEqual(rows["modbus", kind]["outcome"], "failed")
            self.assertIn(text, rows["modbus", kind]["text"])
            self.assertIn("worker 0", rows["modbus", kind]["text"])
            self.assertEqual(rows["modbus", "malformed"]["outcome"], "passed")
            self.assertIn(f"modbus over tcp, {kind}: ", self.status()["self_test"]["problem"])
            shown = self.lab.ctl("status", check=False).stdout
            self.assertIn("alarm: self_test_failed (critical", shown)
            self.plant(JUDGES)
            self.await_alarm(False)
            self.selftest()
        self.assertEqual(self.told()[before:], 2 * [("critical", False), ("critical", True)])

    def test_alone_it_goes_on(self):
        """What it stands for is the operator's to decide: nobody takes its place."""
        self.commit(POLICY)
        self.plant(GRANTS_ALL)
        self.addCleanup(self.plant, JUDGES)
        self.await_alarm(True)
        self.assertEqual(self.lab.hmi("read", 0, 1)["result"], "ok")
        self.lab.ctl("contain", "control", "--level", "isolate", "--reason", "drill")
        self.assertNotEqual(self.lab.hmi("read", 0, 1, timeout=30)["result"], "ok")
        self.lab.ctl("contain", "release", "control")


class PairOf(PairCase):
    prefix = "bhstr"

    def setUp(self):
        super().setUp()
        for which in OTHER:  # again, so that it can be told to judge wrongly
            self.lab.stop(f"dataplane-{which}")
        self.lab.release = dict.fromkeys(OTHER, "-planted")
        for which in OTHER:
            self.lab.start_dataplane(which, "--memory-mib", "256", "--buffers", "16384", "--flows",
                                     "4096", "--self-test-every", "1")

    def plant(self, which, mistake):
        self.lab.send_signal(f"dataplane-{which}", mistake)

    def has_failed(self, which):
        return "self_test_failed" in [row["alarm"] for row in self.lab.status(which)["alarms"]]

    def test_the_other_forwards_if_it_is_fit_itself(self):
        first = self.lab.await_active(seconds=40)
        other = OTHER[first]
        self.await_ready(other)
        requests = self.probe("modbus", 6, 502)
        time.sleep(1)
        self.plant(first, GRANTS_NOTHING)
        self.lab.await_active(other, seconds=15)
        self.plant(first, JUDGES)
        told = self.result_of(requests)
        self.assertEqual(told["lost_sessions"], 0, told)
        wait_until(lambda: not self.has_failed(first), "the alarm to be cleared", 15)
        self.await_ready(first)
        # Where neither is sound, the one that forwards goes on.
        self.plant(first, GRANTS_ALL)
        wait_until(lambda: self.has_failed(first), "the standby's self-test to fail", 15)
        wait_until(lambda: not self.lab.pair(first)["self"]["eligible"], "it to be unfit", 15)
        self.assertIn("self-test", self.lab.pair(first)["problem"])
        self.plant(other, GRANTS_ALL)
        wait_until(lambda: self.has_failed(other), "the other's to fail", 15)
        time.sleep(2)
        self.assertEqual(self.lab.active(), [other])
        self.assertEqual(self.lab.hmi("read", 0, 1)["result"], "ok")
        # And the one that is sound again takes over.
        self.plant(first, JUDGES)
        self.lab.await_active(first, seconds=30)


if __name__ == "__main__":
    outcome.run()
