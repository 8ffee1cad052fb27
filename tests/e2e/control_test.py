"""The control plane against those who would use it up, a store that is damaged, and two agents.

usage: control_test.py BUILD [unittest arguments]
Needs root. tests/long/control_plane.py does the same with more of everything, beside a pair.
"""

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/lab"))
import outcome  # noqa: E402
from e2e_test import BUILD, fresh_lab  # noqa: E402
from lab import Lab, run, wait_until, write_access  # noqa: E402

POLICY = ROOT / "policies/water-works/policy.yaml"
ANSWER_SECONDS = 1.5  # a second, and what a program takes to start here

# Holds connections: COUNT that say nothing, or a beginning of TLS that never ends.
HOLD = """
import resource, select, socket, sys, time
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
count, text = int(sys.argv[1]), bytes.fromhex(sys.argv[2])
peers = []
for _ in range(count):
    peer = socket.socket()
    peer.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
    peer.bind((sys.argv[4] if len(sys.argv) > 4 else "127.0.0.1", 0))
    peer.setblocking(False)
    peer.connect_ex(("127.0.0.1", 7443))
    peers.append(peer)
    if text:
        waits = select.poll()
        waits.register(peer, select.POLLOUT)
        waits.poll(1000)
        try:
            peer.send(text)
        except OSError:
            pass
print("held", flush=True)
time.sleep(float(sys.argv[3]))
"""
# Cuts the first connection off in its greetings, and brings the others to the agent.
CUTS_ONE_OFF = """
import socket, threading, time
listener = socket.create_server(("127.0.0.1", 7555))
print("listens", flush=True)
def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other direction has ended both
first, _ = listener.accept()
time.sleep(5)
first.close()
while True:
    client, _ = listener.accept()
    agent = socket.create_connection(("127.0.0.1", 7443))
    for pair in ((client, agent), (agent, client)):
        threading.Thread(target=copy, args=pair, daemon=True).start()
"""
BEGUN = "160301020001"  # a TLS record of 512 bytes, of which one comes


def resident_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0


class ControlCase(unittest.TestCase):
    prefix = "bhx"

    def setUp(self):
        os.environ["MALLOC_PERTURB_"] = "165"  # what was freed shows
        self.lab = fresh_lab(self, self.prefix)

    def commit(self, path=POLICY):
        self.lab.ctl("push", path, "--commit")

    def problem(self):
        done = self.lab.ctl("status", "--format", "json", check=False)
        return json.loads(done.stdout)["problem"]

    def hold(self, count, text="", seconds=30):
        process = subprocess.Popen(
            self.lab.in_ns("fw", sys.executable, "-c", HOLD, count, text, seconds),
            stdout=subprocess.PIPE, text=True)
        def end():
            process.kill()
            process.wait()
            process.stdout.close()
        self.addCleanup(end)
        self.assertEqual(process.stdout.readline(), "held\n")
        return process

    def seconds_of_an_answer(self):
        begun = time.monotonic()
        self.lab.ctl("history")
        return time.monotonic() - begun


class UsedUp(ControlCase):
    def test_connections_without_a_certificate_keep_nobody_out(self):
        self.commit()
        pid = self.lab.pid("agent")
        idle = resident_mib(pid)
        for text in ("", BEGUN):
            holder = self.hold(3000, text)
            for _ in range(5):
                self.assertLess(self.seconds_of_an_answer(), ANSWER_SECONDS, text)
            most = resident_mib(pid)
            self.assertLess(most, 300, text)
            holder.kill()
            holder.wait()
            self.assertLess(self.seconds_of_an_answer(), ANSWER_SECONDS, text)
        wait_until(lambda: resident_mib(pid) < 2 * idle + 20, "memory to come back", 60)
        print(f"3,000 connections: idle {idle:.0f} MiB, most {most:.0f}, after "
              f"{resident_mib(pid):.0f}", file=sys.stderr)

    def test_a_client_that_was_cut_off_in_its_greetings_tries_again(self):
        relay = subprocess.Popen(self.lab.in_ns("fw", sys.executable, "-c", CUTS_ONE_OFF),
                                 stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (relay.kill(), relay.wait(), relay.stdout.close()))
        self.assertEqual(relay.stdout.readline(), "listens\n")
        done = self.lab.ctl("--server", "127.0.0.1:7555", "history", check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        begun = time.monotonic()
        done = self.lab.ctl("--server", "127.0.0.1:7556", "history", check=False)
        self.assertEqual(done.returncode, 3, "nobody listens there")
        self.assertLess(time.monotonic() - begun, 3)

    def test_streams_that_nobody_reads_are_bounded(self):
        """The ninth is refused with the bound; the others hold no memory, and all else goes on."""
        self.commit()
        streams = []
        for _ in range(8):
            stream = subprocess.Popen(
                self.lab.in_ns("fw", self.lab.bin / "bulkheadctl", "--pki", self.lab.pki, "events",
                               "--follow"), stdout=subprocess.PIPE, text=True)
            self.addCleanup(lambda stream=stream: (stream.send_signal(signal.SIGCONT), stream.kill(),
                                                   stream.wait(), stream.stdout.close()))
            streams.append(stream)
            stream.stdout.readline()
        for stream in streams:
            stream.send_signal(signal.SIGSTOP)
        for listing in ("flows", "counters"):  # of the same client
            self.lab.ctl(listing)
        refused = self.lab.ctl("events", "--follow", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("operator has 8 streams already", refused.stderr)
        run(self.lab.bin / "bulkheadctl", "pki", "client", self.lab.pki, "second")
        write_access(self.lab.folder, second="viewer")
        other = self.lab.folder / "second"
        other.mkdir()
        for source, target in (("ca.crt", "ca.crt"), ("second.crt", "client.crt"),
                               ("second.key", "client.key")):
            (other / target).write_bytes((self.lab.pki / source).read_bytes())
        done = run(*self.lab.in_ns("fw", self.lab.bin / "bulkheadctl", "--pki", other, "events"))
        self.assertIn("committed by operator", done.stdout)
        self.assertLess(self.seconds_of_an_answer(), ANSWER_SECONDS)

    def test_what_is_said_of_a_policy_is_bounded(self):
        for comment, word in (("x" * 1001, "longer than 1000"), ("a\nrevision 9 committed", "control"),
                              ("a\x1b[2J", "control"), ("a\u202eb", "control")):
            done = self.lab.ctl("push", POLICY, "-m", comment, check=False)
            self.assertEqual(done.returncode, 1, comment)
            self.assertIn(word, done.stderr)
        self.assertEqual(self.lab.ctl_json("history"), [])

    def test_the_agent_lives_without_descriptors(self):
        """It says so and goes on when there are some again."""
        self.commit()
        pid = self.lab.pid("agent")
        used = len(os.listdir(f"/proc/{pid}/fd"))
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        self.assertEqual(soft, hard, "it takes as many as it may")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, hard))
        begun = cpu_seconds(pid)
        holder = self.hold(20, seconds=3)
        time.sleep(2)
        self.assertLess(cpu_seconds(pid) - begun, 0.5, "it does not spin")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
        holder.wait()
        wait_until(lambda: self.lab.ctl("history", check=False).returncode == 0, "an answer", 10)
        self.assertIn("cannot accept", self.lab.log("agent"))


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Truth(ControlCase):
    def dry_run(self, text, code):
        path = self.lab.pki.parent / "staged.yaml"
        path.write_text(text)
        self.lab.ctl("push", path)
        done = self.lab.ctl("commit", "--dry-run", "--format", "json", check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return rows[:-1], rows[-1]

    def test_a_dry_run_tells_what_would_be_refused_and_changes_nothing(self):
        self.commit()
        plant = subprocess.Popen(
            self.lab.in_ns("sup", sys.executable, "-c",
                           "import socket, sys\n"
                           "s = socket.create_connection(('10.10.0.20', 502))\n"
                           "s.sendall(bytes([0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1])); s.recv(99)\n"
                           "print('open', flush=True); sys.stdin.read()"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(plant.communicate)
        self.assertEqual(plant.stdout.readline(), "open\n")
        self.assertEqual(self.lab.hmi("write", 42, 900)["result"], "ok")
        text = POLICY.read_text()
        refused, end = self.dry_run(text, 0)
        self.assertEqual(refused, [])
        self.assertEqual(end["messages"], 2)
        self.assertGreaterEqual(end["sessions"], 1)
        refused, _ = self.dry_run(text.replace("0-1000", "0-800"), 1)
        self.assertEqual([(row["refused"], row["function"]) for row in refused],
                         [("some messages", "write_single_register")])
        refused, end = self.dry_run(text.replace("address: 10.20.0.10,", "address: 10.20.0.99,"), 1)
        self.assertEqual([row["function"] for row in refused if row["refused"] == "messages"],
                         ["read_holding_registers", "write_single_register"])
        self.assertIn("no_rule", [row.get("reason") for row in refused])
        self.assertEqual(end["sessions_refused"], end["sessions"])
        self.assertEqual([row["revision"] for row in self.lab.ctl_json("history") if row["active"]],
                         [1])
        self.assertEqual(self.lab.hmi("read", 0, 1)["result"], "ok")

    def test_a_commit_that_takes_long_is_told_as_that(self):
        self.commit()
        self.lab.ctl("push", POLICY)
        dataplane = self.lab.pid("dataplane")
        os.kill(dataplane, signal.SIGSTOP)
        try:
            done = self.lab.ctl("commit", check=False, timeout=60)
            self.assertEqual(done.returncode, 5, done.stdout + done.stderr)
            self.assertIn("it is under way", done.stdout)
            self.assertIn("it is under way: the data plane", done.stderr, "what it waits for")
            name = done.stdout.split()[1].rstrip(":")
            self.assertIn("what it enforces is not known", self.problem())
            again = self.lab.ctl("commit", check=False)
            self.assertIn("is under way", again.stderr)
        finally:
            os.kill(dataplane, signal.SIGCONT)
        wait_until(lambda: self.lab.ctl("commit", "--outcome", name, check=False).returncode == 0,
                   "the commit to be done", 10)
        self.assertEqual(self.problem(), "")
        self.assertEqual([row["revision"] for row in self.lab.ctl_json("history") if row["active"]],
                         [2])

    def test_a_client_that_goes_away_while_its_policy_is_checked(self):
        self.commit()
        pid = self.lab.pid("agent")
        dataplane = self.lab.pid("dataplane")
        os.kill(dataplane, signal.SIGSTOP)
        try:
            push = subprocess.Popen(
                self.lab.in_ns("fw", self.lab.bin / "bulkheadctl", "--pki", self.lab.pki, "push",
                               POLICY), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(1)
            push.kill()
            push.wait()
            time.sleep(0.5)
        finally:
            os.kill(dataplane, signal.SIGCONT)
        wait_until(lambda: len(self.lab.ctl_json("history")) == 2, "it to be staged", 10)
        self.assertEqual({row["staged_by"] for row in self.lab.ctl_json("history")}, {"operator"})
        self.assertEqual(self.lab.pid("agent"), pid)

    def test_a_data_plane_that_dies_in_a_commit(self):
        self.commit()
        self.lab.ctl("push", POLICY)
        os.kill(self.lab.pid("dataplane"), signal.SIGSTOP)
        commit = subprocess.Popen(
            self.lab.in_ns("fw", self.lab.bin / "bulkheadctl", "--pki", self.lab.pki, "commit"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(0.5)
        self.lab.stop("dataplane", signal.SIGKILL)
        _, said = commit.communicate(timeout=30)
        self.assertEqual(commit.returncode, 1)
        self.assertIn("revision 1 comes into force again when it is back", said)
        self.lab.start_dataplane()
        wait_until(lambda: self.problem() == "", "revision 1 to be back", 10)

    def test_every_state_of_the_store_ends_in_a_true_status(self):
        self.commit()
        self.commit()
        self.lab.stop("agent")
        revisions = self.lab.folder / "state/revisions"
        (revisions / "1").write_bytes(b"\xff\xff")
        (revisions / "stray").write_text("x")
        (revisions / "folder").mkdir()
        self.lab.start_agent()
        self.assertEqual(self.problem(), "")
        self.assertIn("revisions/1 cannot be used", self.lab.log("agent"))
        self.assertEqual(len(list((self.lab.folder / "state/damaged").iterdir())), 3)

        self.lab.stop("agent")
        kept = bytearray((revisions / "2").read_bytes())
        digest = self.digest_in(kept)
        kept[digest] = ord("0") if kept[digest] != ord("0") else ord("1")
        (revisions / "2").write_bytes(kept)
        self.lab.start_agent()
        self.assertIn("the active revision (2) is not in", self.problem())
        self.assertIn("the data plane enforces the policy with SHA-256", self.problem())
        self.assertEqual(self.lab.hmi("read", 0, 1)["result"], "ok")
        before = self.lab.log("dataplane").count("in force")
        time.sleep(2.5)
        self.assertEqual(self.lab.log("dataplane").count("in force"), before)
        self.commit()
        self.assertEqual(self.problem(), "")

        self.lab.stop("agent")
        (self.lab.folder / "state").rename(self.lab.folder / "lost")
        self.lab.start_agent()
        self.assertIn("no policy has been committed; the data plane enforces the policy",
                      self.problem())

    def digest_in(self, stored):
        digest = self.lab.folder / "digest"
        run(self.lab.bin / "bulkheadctl", "policy", "compile", POLICY, "-o", digest)
        return bytes(stored).index(hashlib.sha256(self.policy_in(digest)).hexdigest().encode())

    @staticmethod
    def policy_in(path):
        """The third field of a PolicyArtefact, which ends it."""
        text = Path(path).read_bytes()
        at = text.index(b"\x12\x20") + 34
        assert text[at] == 0x1a
        at += 1
        length = shift = 0
        while True:
            length |= (text[at] & 127) << shift
            shift += 7
            at += 1
            if text[at - 1] < 128:
                return text[at:at + length]

    def test_two_agents_on_one_data_plane(self):
        self.commit()
        other = ("--pki", self.lab.pki, "--server", "127.0.0.1:7999")
        self.lab.roles = (*Lab.roles, "second")
        self.lab.spawn("fw", [self.lab.bin / "bulkheadd", "--socket",
                              self.lab.folder / "dataplane.sock", "--state",
                              self.lab.folder / "state2", "--pki", self.lab.pki, "--listen",
                              "127.0.0.1:7999"], "second")
        def ask(*words):
            return run(*self.lab.in_ns("fw", self.lab.bin / "bulkheadctl", *other, *words),
                       check=False)
        wait_until(lambda: ask("history").returncode == 0, "the second agent", 10)
        text = POLICY.read_text().replace("value: 0-1000", "value: 0-999")
        policy = self.lab.folder / "other.yaml"
        policy.write_text(text)
        self.assertEqual(ask("push", policy).returncode, 0, "it may be checked")
        done = ask("commit")
        self.assertEqual(done.returncode, 1)
        self.assertIn("another bulkheadd drives this data plane", done.stderr)
        self.assertEqual(self.problem(), "")
        self.lab.stop("agent", signal.SIGKILL)
        self.assertEqual(ask("commit").returncode, 0, "the first has gone")
        self.lab.start_agent()
        wait_until(lambda: "another bulkheadd drives" in self.problem(), "the first to be told", 10)
        swapped = self.lab.log("dataplane").count("in force")
        time.sleep(3)
        self.assertEqual(self.lab.log("dataplane").count("in force"), swapped, "nobody swaps")

    def test_a_text_is_shown_only_for_what_it_compiles_to(self):
        self.commit()
        self.assertEqual(self.lab.ctl("policy", "get").stdout, POLICY.read_text())
        shown = self.lab.ctl("policy", "show").stdout
        self.assertIn("conduit scada", shown)
        self.assertIn("write_single_register", shown)
        compiled = self.lab.folder / "policy.bhp"
        run(self.lab.bin / "bulkheadctl", "policy", "compile", POLICY, "-o", compiled)
        self.lab.ctl("push", compiled)
        done = self.lab.ctl("policy", "get", "2", check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("policy show 2", done.stderr)
        self.assertEqual(self.lab.ctl("policy", "show", "2").stdout.splitlines()[1:],
                         shown.splitlines()[1:])


class Names(unittest.TestCase):
    def test_names_are_restricted_where_they_are_made(self):
        ctl = BUILD / "bin/bulkheadctl"
        folder = Path("/tmp") / f"bulkhead-names-{os.getpid()}"
        self.addCleanup(run, "rm", "-rf", folder)
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        run(ctl, "pki", "init", folder / "pki")
        self.assertEqual((folder / "pki").stat().st_mode & 0o777, 0o700)
        for words in (("client", folder / "pki", "../x"), ("client", folder / "pki", "a\x1b[31m"),
                      ("client", folder / "pki", "a\nb"), ("server", folder / "pki", "/etc/x"),
                      ("server", folder / "pki", "a", "--host", "a,DNS:*.x"),
                      ("server", folder / "pki", "a", "--host", "*.x")):
            done = run(ctl, "pki", *words, check=False)
            self.assertEqual(done.returncode, 2, words)
            self.assertNotIn("\x1b", done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertFalse((folder / "x.key").exists())
        run(ctl, "pki", "client", folder / "pki", "alice@example.org", "--identity",
            "urn:operators:alice")


if __name__ == "__main__":
    outcome.run()
