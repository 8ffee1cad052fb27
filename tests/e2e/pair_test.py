"""Two whole appliances between two switches, real sessions, and what goes wrong with either.

usage: pair_test.py BUILD [unittest arguments]
Needs root. The lab's picture stands in deploy/lab/pair.py.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "deploy/lab"))
import outcome  # noqa: E402
from failures import FAILURES, end_floods, flood_link, flood_zone  # noqa: E402
from lab import PLC, LabError, run, wait_until  # noqa: E402
from pair import LINK, NAMES, OTHER, PAIR_PORT, PairLab  # noqa: E402

BUILD = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "build"
UDP_PORT = 9000
WATER_WORKS = (ROOT / "policies/water-works/policy.yaml").read_text()
POLICY = WATER_WORKS.replace(
    "    allow:\n", f"    allow:\n      - {{service: udp/{UDP_PORT}, client: hmi, server: plc1}}\n")
GROUP, GROUP_PORT = "239.192.1.32", 9001
TO_GROUP = f"""bulkhead: v1
site: groups
zones:
  supervision: {{port: 0, networks: [10.20.0.0/24]}}
  control: {{port: 1, networks: [10.10.0.0/24]}}
assets:
  inputs: {{zone: supervision, group: {GROUP}/31}}
conduits:
  told:
    from: control
    to: supervision
    allow: [{{service: udp/{GROUP_PORT}, client: any, server: inputs}}]
"""
STARVED = "has been in one round for"  # what an agent says of a worker that had no core
READ_ONLY = POLICY.split("      - protocol: modbus")[0]


class PairCase(unittest.TestCase):
    prefix = "bhp"
    release = PairLab.release
    heartbeat_ms = PairLab.heartbeat_ms

    def setUp(self):
        self.lab = PairLab(self.prefix, BUILD)
        self.lab.release = self.release
        self.lab.heartbeat_ms = self.heartbeat_ms
        self.lab.down()
        self.addCleanup(self.lab.down)
        self.lab.prepare()
        self.lab.start_plc()
        self.lab.spawn("ctl", [sys.executable, HERE / "probe.py", "echo", PLC, UDP_PORT], "echo")
        self.lab.start()
        self.push(POLICY)

    def logs(self):
        return "".join(f"--- {role}\n{self.lab.log(role)[-1500:]}"
                       for role in ("agent-a", "dataplane-a", "agent-b", "dataplane-b"))

    def push(self, text, which="a", check=True):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            return self.lab.ctl("push", file.name, "--commit", which=which, check=check)

    def probe(self, mode, seconds, port, host=PLC, ns="sup"):
        probe = subprocess.Popen(
            self.lab.in_ns(ns, sys.executable, HERE / "probe.py", mode, host, port, seconds),
            stdout=subprocess.PIPE, text=True)
        self.assertEqual(probe.stdout.readline(), "begun\n")
        return probe

    def result_of(self, process):
        out, _ = process.communicate(timeout=60)
        told = json.loads(out.splitlines()[-1])
        told.pop("gaps", None)  # hundreds, of which a failure's text would be full
        return told

    def forwarding(self):
        """Which data planes say that they forward; those whose agent answers."""
        said = {which: self.lab.status(which) for which in ("a", "b")}
        return [which for which, status in said.items()
                if status and status["dataplane_connected"] and status["pair"]["forwards"]]

    def await_ready(self, which):
        """It has the same policy and the same sessions, and may become active."""
        wait_until(lambda: self.lab.pair(which)["self"]["ready"], f"{which} to be ready", 30)

    def expect_unnoticed(self, requests):
        told = self.result_of(requests)
        for wrong in ("lost_sessions", "unanswered", "wrong"):
            self.assertEqual(told[wrong], 0, f"{self.logs()}\n{told}")
        self.assertGreater(told["refused"], 2, told)
        self.assertGreater(told["answered"], 100, told)

    def on_a_machine_that_runs(self, check, of=("a", "b")):
        """Does it again if a worker of one of these appliances had no core for so long that its
        agent says so: that is the machine's failure, of which nothing is said here."""
        for tries_left in (2, 1, 0):
            before = {which: self.lab.log(f"agent-{which}").count(STARVED) for which in of}
            try:
                return check()
            except (AssertionError, LabError) as error:
                now = {which: self.lab.log(f"agent-{which}").count(STARVED) for which in of}
                if now == before or not tries_left:
                    raise
                print(f"again, since workers had no core ({before} -> {now}): {error}",
                      file=sys.stderr, flush=True)

    def epochs(self):
        return [self.lab.pair(which)["self"]["policy_epoch"] for which in ("a", "b")]

    def artefacts_read(self):
        return [self.lab.status(which)["artefacts_read"] for which in ("a", "b")]


class Carrying(PairCase):
    def test_each_failure_turns_the_switches_or_changes_nothing(self):
        """Sessions go on with all that the firewall knows of them, datagrams go on, and one forwards.
        How fast is measured on a machine that does nothing else; here the bound is that of one that
        stands still for a second."""
        for name, failure in FAILURES.items():
            with self.subTest(name):
                self.on_a_machine_that_runs(
                    lambda failure=failure: self.fail_once(failure),
                    of=() if name == "worker blocked" else ("a", "b"))

    def fail_once(self, failure):
        first = self.lab.await_active(seconds=40)
        self.await_ready(OTHER[first])
        datagrams = self.probe("udp", 3, UDP_PORT)
        requests = self.probe("modbus", 3, 502)
        time.sleep(1)
        failure.begin(self.lab, first)
        try:
            result = self.result_of(datagrams)
            self.assertLess(result["longest_gap_ms"], 1900, f"{self.logs()}\n{result}")
            self.expect_unnoticed(requests)
            after = OTHER[first] if failure.turns else first
            wait_until(lambda: self.lab.active() == self.forwarding() == [after],
                       f"{after} alone to forward", 5)
            wait_until(lambda: self.lab.hmi("read", 0, 1)["result"] == "ok",
                       "a new session to be answered", 5)
            wait_until(lambda: self.lab.hmi("write", 60, 1)["result"] == "exception 2",
                       "a new session to be refused what is not granted", 5)
        finally:
            failure.mend(self.lab, first)

    def test_operators_switch_over_and_nobody_notices(self):
        first = self.lab.await_active(seconds=40)
        self.await_ready(OTHER[first])
        datagrams = self.probe("udp", 4, UDP_PORT)
        requests = self.probe("modbus", 4, 502)
        time.sleep(1)
        self.lab.ctl("pair", "switchover", which=first)
        self.lab.await_active(OTHER[first])
        self.await_ready(first)
        # Back again, because the other is being maintained.
        self.lab.ctl("pair", "maintenance", "on", which=OTHER[first])
        self.lab.await_active(first)
        refused = self.lab.ctl("pair", "switchover", which=first, check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.lab.ctl("pair", "maintenance", "off", which=OTHER[first])
        self.expect_unnoticed(requests)
        told = self.result_of(datagrams)
        self.assertLess(told["longest_gap_ms"], 900, self.logs())
        self.assertEqual(told["lost"], 0, f"{self.logs()}\n{told}")

    def test_floods_on_the_link_and_in_a_zone_turn_nothing_over(self):
        """One path at a time is all that an attacker in one place can fill."""
        first = self.lab.await_active(seconds=40)
        self.await_ready(OTHER[first])
        before = [self.lab.pair(which)["takeovers"] for which in ("a", "b")]
        for begin, floods in ((flood_link, ("greetings", "datagrams")), (flood_zone, ("frames",))):
            datagrams = self.probe("udp", 4, UDP_PORT)
            requests = self.probe("modbus", 4, 502)
            begin(self.lab, first)
            time.sleep(2)
            end_floods(self.lab, first)
            told = {flood: self.lab.log(f"flood-{flood}") for flood in floods}
            for flood in floods:
                self.assertGreater(json.loads(told[flood].splitlines()[-1])["sent"], 100, told)
            result = self.result_of(datagrams)
            print(f"{told}: {result['longest_gap_ms']} ms", file=sys.stderr, flush=True)
            self.assertLess(result["longest_gap_ms"], 900, f"{self.logs()}\n{told}")
            self.expect_unnoticed(requests)
            self.assertEqual([self.lab.pair(which)["takeovers"] for which in ("a", "b")], before,
                             self.logs())
            self.assertEqual(self.lab.active(), [first])
            wait_until(lambda: self.lab.pair(first)["link_up"], "the stream", 10)
            self.await_ready(OTHER[first])

    def group_members(self):
        """The PLC's switch's ports at which it has heard of somebody who listens to the group."""
        shown = run(*self.lab.in_ns("sw", "bridge", "-j", "mdb", "show", "dev", "br1")).stdout
        return {entry["port"] for bridge in json.loads(shown) for entry in bridge["mdb"]
                if entry["grp"] == GROUP}

    def test_switches_that_watch_multicast_send_a_group_to_the_one_that_forwards(self):
        first = self.lab.await_active(seconds=40)
        run(*self.lab.in_ns("sw", "ip", "link", "set", "br1", "type", "bridge", "mcast_snooping",
                            "1", "mcast_querier", "1"))
        self.assertEqual(self.group_members(), set())
        self.push(TO_GROUP, which=first)
        wait_until(lambda: self.group_members() == {f"{first}1"}, "the switch to know", 5)
        self.await_ready(OTHER[first])
        heard = self.probe("listen", 4, GROUP_PORT, host=GROUP)
        told = self.probe("tell", 4, GROUP_PORT, host=GROUP, ns="ctl")
        time.sleep(1)
        self.lab.ctl("pair", "switchover", which=first)
        self.lab.await_active(OTHER[first])
        wait_until(lambda: f"{OTHER[first]}1" in self.group_members(), "the switch to learn", 5)
        sent = self.result_of(told)["sent"]
        self.assertGreater(self.result_of(heard)["heard"], sent // 2, self.logs())

    def test_a_data_plane_does_not_go_on_with_what_an_agent_said_that_is_gone(self):
        """It forwarded alone, and stood still while its agent died and another took its place."""
        first = self.lab.await_active(seconds=40)
        other = OTHER[first]
        self.lab.stop(f"agent-{other}", signal.SIGKILL)
        wait_until(lambda: not self.lab.pair(first)["peer_heard"], "the peer to be missed", 5)
        self.lab.send_signal(f"dataplane-{first}", signal.SIGSTOP)
        self.lab.stop(f"agent-{first}", signal.SIGKILL)
        self.lab.start_agent(first)
        time.sleep(1.2)  # longer than it waits for what the data plane does
        self.lab.start_agent(other)
        wait_until(lambda: self.lab.pair(first)["peer_heard"], "the peer to be heard", 5)
        self.lab.send_signal(f"dataplane-{first}", signal.SIGCONT)
        active = self.lab.await_active(seconds=40)
        wait_until(lambda: all(self.lab.status(which)["dataplane_connected"] for which in "ab"),
                   "both data planes to answer", 5)
        for _ in range(4):
            self.assertEqual(self.forwarding(), [active], self.logs())
            time.sleep(0.2)
        self.assertEqual(self.lab.hmi("read", 0, 1)["result"], "ok")

    def test_a_policy_is_committed_on_both_or_on_none(self):
        first = self.lab.await_active(seconds=40)
        other = OTHER[first]
        wait_until(lambda: self.epochs() == [1, 1], "the first epoch", 10)
        refused = self.push(READ_ONLY, which=other, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("not the active one", refused.stderr)
        reads = self.artefacts_read()
        self.push(READ_ONLY, which=first)
        wait_until(lambda: self.epochs() == [2, 2], "the second epoch", 5)
        self.assertEqual(self.artefacts_read(), [count + 1 for count in reads])
        digests = {self.lab.pair(which)["self"]["policy_digest"] for which in ("a", "b")}
        self.assertEqual(len(digests), 1)
        self.assertEqual(self.lab.hmi("write", 45, 1)["result"], "exception 1")
        # One that was away catches up.
        self.lab.stop(f"agent-{other}", signal.SIGKILL)
        wait_until(lambda: not self.lab.pair(first)["peer_heard"], "the peer to be missed", 5)
        self.push(POLICY, which=first)
        self.lab.start_agent(other)
        wait_until(lambda: self.epochs() == [3, 3], "the third epoch", 10)
        self.lab.await_active(first)
        self.lab.send_signal(f"dataplane-{first}", signal.SIGKILL)
        self.lab.await_active(other)
        self.assertEqual(self.lab.hmi("write", 45, 7)["result"], "ok")

    def test_whoever_has_not_the_peers_certificate_or_key_is_no_peer(self):
        first = self.lab.await_active(seconds=40)
        other = OTHER[first]
        self.lab.stop(f"agent-{other}", signal.SIGKILL)
        pki = self.lab.folder_of(other) / "pki"
        # Another key: its heartbeats are none.
        (pki / "pair.key").write_text("00" * 32 + "\n")
        self.lab.start_agent(other)
        wait_until(lambda: self.lab.pair(first)["link_up"], "the stream", 10)
        time.sleep(0.3)
        self.assertFalse(self.lab.pair(first)["peer_heard"])
        self.lab.stop(f"agent-{other}", signal.SIGKILL)
        # An appliance's, but of another name: its peer turns it away.
        run(self.lab.bin / "bulkheadctl", "pki", "server", self.lab.pki, "charlie", "--host",
            "127.0.0.1")
        agent = self.spawn_agent_as(other, self.lab.pki / "charlie")
        time.sleep(1)
        self.assertIsNone(agent.poll(), self.lab.log(f"agent-{other}"))
        self.assertFalse(self.lab.pair(first)["link_up"])
        self.lab.stop(f"agent-{other}", signal.SIGKILL)
        # An operator's: its agent sees that itself.
        agent = self.spawn_agent_as(other, pki / "client")
        self.assertEqual(agent.wait(10), 5, self.lab.log(f"agent-{other}"))
        self.assertEqual(self.lab.active(), [first])

    def spawn_agent_as(self, which, certificate):
        """An agent with this certificate and key in place of its own."""
        folder = self.lab.folder_of(which)
        for suffix in ("crt", "key"):
            (folder / f"pki/server.{suffix}").write_bytes(
                certificate.with_suffix(f".{suffix}").read_bytes())
        return self.lab.spawn(
            which, [self.lab.bin / "bulkheadd", "--socket", folder / "none.sock", "--state",
                    folder / "state", "--pki", folder / "pki", "--pair-peer", NAMES[OTHER[which]],
                    "--pair-listen", f"{LINK[which]}:{PAIR_PORT}", "--pair-address",
                    f"{LINK[OTHER[which]]}:{PAIR_PORT}"], f"agent-{which}")


class OfTwoReleases(PairCase):
    release = {"a": "", "b": "-next"}
    heartbeat_ms = {"a": 20, "b": 5}  # and both go by the slower one's

    def test_either_goes_on_with_the_sessions_of_the_other(self):
        for _ in range(2):
            self.on_a_machine_that_runs(self.kill_the_active_one)

    def kill_the_active_one(self):
        first = self.lab.await_active(seconds=40)
        self.await_ready(OTHER[first])
        requests = self.probe("modbus", 3, 502)
        time.sleep(1)
        self.lab.stop(f"dataplane-{first}", signal.SIGKILL)
        try:
            self.expect_unnoticed(requests)
            self.lab.await_active(OTHER[first])
        finally:
            self.lab.start_dataplane(first)


class WithoutAPair(unittest.TestCase):
    def test_wrong_options_are_told(self):
        bin = BUILD / "bin"
        with tempfile.TemporaryDirectory() as folder:
            run(bin / "bulkheadctl", "pki", "init", f"{folder}/pki")
            words = [bin / "bulkheadd", "--state", f"{folder}/state", "--pki", f"{folder}/pki",
                     "--socket", f"{folder}/sock", "--listen", "127.0.0.1:0"]
            for extra, code, text in (
                    (["--pair-peer", "bravo"], 2, "--pair-"),
                    (["--pair-peer", "bravo", "--pair-listen", "here", "--pair-address",
                      "127.0.0.1:7444"], 6, '"here" is no address and port'),
                    (["--pair-peer", "bravo", "--pair-listen", "127.0.0.1:7443", "--pair-address",
                      "127.0.0.1:7444"], 6, "pki pair"),
                    (["--pair-peer", "bulkheadd", "--pair-listen", "127.0.0.1:7443",
                      "--pair-address", "127.0.0.1:7444"], 6, "pki pair")):
                done = run(*words, *extra, check=False)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(text, done.stderr)
            run(bin / "bulkheadctl", "pki", "pair", f"{folder}/pki")
            done = run(*words, "--pair-peer", "bulkheadd", "--pair-listen", "127.0.0.1:7443",
                       "--pair-address", "127.0.0.1:7444", check=False)
            self.assertEqual(done.returncode, 6)
            self.assertIn("both appliances of the pair are named bulkheadd", done.stderr)


if __name__ == "__main__":
    outcome.run()
