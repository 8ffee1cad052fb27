"""Who may do what, with real certificates against a real agent: roles, the local socket, changes of
access.yaml without a restart.

usage: access_test.py BUILD [unittest arguments]
Needs root.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import outcome
from e2e_test import POLICY, LabCase
from lab import run, wait_until, write_access

ROLES = ("viewer", "operator", "engineer", "approver", "auditor", "administrator")
# A command for each act that a single appliance answers; exit code 1 with "may not" is the gate's.
COMMANDS = {"GetStatus": ("status",), "ListPolicies": ("history",), "GetPolicy": ("policy", "get", "1"),
            "GetCounters": ("counters",), "WatchEvents": ("events",), "ListFlows": ("flows",),
            "StagePolicy": ("push", POLICY), "CommitPolicy": ("commit", "1"),
            "PreviewPolicy": ("commit", "1", "--dry-run"), "OrderPair": ("pair", "switchover"),
            "GetPair": ("pair", "status"), "GetAccess": ("access", "show"),
            "ListAudit": ("audit", "show"), "VerifyAudit": ("audit", "verify"),
            "GetCommit": ("commit", "--outcome", "last"), "ConfirmPolicy": ("confirm",),
            "RollbackPolicy": ("rollback",), "RunSelfTest": ("selftest",),
            "GetEvent": ("why", "1"), "ListRules": ("rules",)}


class AccessCase(LabCase):
    prefix = "bhacc"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.ctl("push", POLICY, "--commit")
        cls.socket = f"unix:{cls.lab.folder}/state/local.sock"

    def setUp(self):
        write_access(self.lab.folder)

    def client(self, name, *words):
        """A folder of keys with a certificate of its own."""
        folder = self.lab.folder / f"pki-{name}"
        if not folder.exists():
            run(self.lab.bin / "bulkheadctl", "pki", "client", self.lab.pki, name, *words)
            folder.mkdir()
            for source, target in (("ca.crt", "ca.crt"), (f"{name}.crt", "client.crt"),
                                   (f"{name}.key", "client.key")):
                shutil.copy(self.lab.pki / source, folder / target)
        return folder

    def ctl_as(self, pki, *words):
        return run(*self.lab.in_ns("fw", self.lab.bin / "bulkheadctl", "--pki", pki, *words),
                   check=False)

    def local(self, *words, as_user=None):
        words = [self.lab.bin / "bulkheadctl", "--server", self.socket, *words]
        if as_user:
            words = ["setpriv", "--reuid", as_user, "--clear-groups", *words]
        return run(*words, check=False)


class Roles(AccessCase):
    def test_each_role_does_what_the_table_says(self):
        table = [json.loads(line) for line in
                 run(self.lab.bin / "bulkheadctl", "access", "table", "--format", "json").stdout.splitlines()]
        may = {row["rpc"]: row["roles"] for row in table}
        self.assertLessEqual(set(COMMANDS), set(may))
        pki = self.client("alice")
        for role in ROLES:
            write_access(self.lab.folder, alice=role)
            for rpc, words in COMMANDS.items():
                done = self.ctl_as(pki, *words)
                refused = done.returncode == 1 and "may not" in done.stderr
                self.assertEqual(refused, role not in may[rpc], f"{role}: {rpc}: {done.stderr}")
                if refused:
                    self.assertIn(f"alice ({role})", done.stderr)
                    self.assertIn("the roles that may are " + ", ".join(may[rpc]), done.stderr)

    def test_a_uri_is_an_identity_and_a_common_name_is_none(self):
        pki = self.client("dora", "--identity", "urn:operators:dora")
        write_access(self.lab.folder, dora="administrator")
        refused = self.ctl_as(pki, "status")
        self.assertEqual((refused.returncode, "has no role" in refused.stderr), (1, True), refused.stderr)
        write_access(self.lab.folder, **{'"urn:operators:dora"': "viewer"})
        shown = json.loads(self.ctl_as(pki, "access", "show", "--format", "json").stdout)
        self.assertEqual((shown["identity"], shown["roles"]), ("urn:operators:dora", ["viewer"]))

    def test_a_change_acts_at_the_next_call_and_a_mistake_does_not(self):
        self.assertEqual(self.lab.ctl("status").returncode, 0)
        file = self.lab.folder / "access.yaml"
        good = file.read_text()
        file.write_text(good.replace("operator:", "somebody:"))
        self.assertIn("has no role", self.lab.ctl("status", check=False).stderr)
        file.write_text(good)
        self.assertEqual(self.lab.ctl("status").returncode, 0)
        file.write_text(good.replace("administrator, ", ""))
        said = self.lab.ctl("status", check=False)
        self.assertEqual(said.returncode, 1)
        self.assertRegex(said.stdout, r"access\.yaml:3:3: error: no identity has the role administrator")
        self.assertIn("the former access file stays in force", self.lab.ctl("events").stdout)
        self.assertEqual(self.lab.ctl("access", "check", file, check=False).returncode, 1)


class Living(AccessCase):
    """Credentials that change while the agent serves."""

    def follow(self, pki):
        stream = subprocess.Popen(
            self.lab.in_ns("fw", self.lab.bin / "bulkheadctl", "--pki", pki, "events", "--follow"),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (stream.kill(), stream.wait(), stream.stderr.close()))
        time.sleep(1)
        self.assertIsNone(stream.poll())
        return stream

    def test_a_revoked_certificate_ends_within_seconds(self):
        write_access(self.lab.folder, frank="viewer", grace="viewer")
        frank, grace = self.client("frank"), self.client("grace")
        of_frank, of_grace = self.follow(frank), self.follow(grace)
        # The lab's folder of keys is the authority's too: the list is in force at once.
        run(self.lab.bin / "bulkheadctl", "pki", "revoke", self.lab.pki, self.lab.pki / "frank.crt")
        begun = time.monotonic()
        of_frank.wait(10)
        self.assertLess(time.monotonic() - begun, 5)
        refused = self.ctl_as(frank, "status")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("has been revoked", refused.stderr)
        self.assertEqual(self.ctl_as(grace, "history").returncode, 0)
        self.assertIsNone(of_grace.poll())
        renewed = self.lab.pki / "frank-renewed.crt"
        run(self.lab.bin / "bulkheadctl", "pki", "renew", self.lab.pki, self.lab.pki / "frank.crt",
            "--out", renewed)
        shutil.copy(renewed, frank / "client.crt")
        self.assertEqual(self.ctl_as(frank, "history").returncode, 0, "another serial number")

    def test_an_appliances_certificate_is_exchanged_under_load(self):
        pki = self.lab.pki
        probe = subprocess.Popen(
            self.lab.in_ns("fw", self.lab.bin / "grpc_probe", "127.0.0.1:7443", pki, "load", 200, 8),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (probe.kill(), probe.wait(), probe.stdout.close(),
                                 probe.stderr.close()))
        def shown():
            done = run(*self.lab.in_ns("fw", "openssl", "s_client", "-connect", "127.0.0.1:7443",
                                       "-cert", pki / "client.crt", "-key", pki / "client.key"),
                       check=False, text_input="")
            return re.search(r"-----BEGIN CERTIFICATE-----.*?-----END", done.stdout, re.S).group()
        before = shown()
        run(self.lab.bin / "bulkheadctl", "pki", "renew", pki, pki / "server.crt")
        wait_until(lambda: shown() != before, "the new certificate", 10)
        said, failed = probe.communicate(timeout=30)
        load = json.loads(said)
        print(f"under an exchange: {load}", flush=True)
        self.assertEqual(load["answered"] + load["refused"], load["asked"], failed)
        self.assertGreater(load["asked"], 100)
        self.assertIn("credentials of", self.lab.ctl("events").stdout)

    def test_what_should_not_be_is_named(self):
        status = self.lab.ctl("status", check=False).stdout
        self.assertIn("an authority's key lies on this appliance", status)
        key = self.lab.pki / "server.key"
        key.chmod(0o644)
        self.addCleanup(key.chmod, 0o600)
        wait_until(lambda: "can be read by others" in self.lab.ctl("status", check=False).stdout,
                   "the warning", 10)

    def test_a_callers_certificate_that_ends_soon_is_an_event(self):
        write_access(self.lab.folder, ivy="viewer")
        ivy = self.client("ivy", "--days", "20")
        for _ in range(2):
            self.assertEqual(self.ctl_as(ivy, "history").returncode, 0)
        events = self.lab.ctl("events").stdout
        self.assertEqual(events.count("the certificate of ivy expires in"), 1, events)
        self.assertNotIn("the certificate of operator expires", events)

    def test_wrong_certificates_are_reported_and_hold_up_nobody(self):
        other = self.lab.folder / "other"
        run(self.lab.bin / "bulkheadctl", "pki", "init", other)
        shutil.copy(self.lab.pki / "ca.crt", other)  # it trusts us; we do not trust it
        for _ in range(5):
            self.assertEqual(self.ctl_as(other, "status").returncode, 3)
        begun = time.monotonic()
        events = self.lab.ctl("events").stdout
        print(f"answered after {time.monotonic() - begun:.2f} s", flush=True)
        self.assertRegex(events, r"without a certificate that counts here, most from ipv4:127\.0\.0\.1")

    def test_an_operators_key_stays_where_it_is_made(self):
        folder = self.lab.folder / "keys"
        folder.mkdir()
        run(self.lab.bin / "bulkheadctl", "pki", "request", folder, "henry")
        self.assertEqual((folder / "henry.key").stat().st_mode & 0o777, 0o600)
        run(self.lab.bin / "bulkheadctl", "pki", "sign", self.lab.pki, folder / "henry.csr", "--out",
            folder / "client.crt")
        shutil.copy(self.lab.pki / "ca.crt", folder)
        (folder / "henry.key").rename(folder / "client.key")
        write_access(self.lab.folder, henry="viewer")
        shown = json.loads(self.ctl_as(folder, "access", "show", "--format", "json").stdout)
        self.assertEqual(shown["identity"], "henry")


class BreakGlass(AccessCase):
    def test_without_a_file_only_root_acts_and_each_use_is_an_event(self):
        (self.lab.folder / "access.yaml").unlink()
        refused = self.lab.ctl("status", check=False)
        self.assertEqual(refused.returncode, 1)
        for words in ("bulkheadctl setup --admin NAME", f"--server {self.socket}"):
            self.assertIn(words, refused.stderr)
        self.assertEqual(self.local("push", POLICY, "--commit").returncode, 0)
        shown = json.loads(self.local("access", "show", "--format", "json").stdout)
        self.assertEqual((shown["identity"], shown["in_force"], len(shown["roles"])),
                         ("root@local", False, len(ROLES)))
        self.assertIn("root acts on the local socket", self.local("events").stdout)
        self.assertIn("committed by root@local", self.local("events").stdout)
        write_access(self.lab.folder)
        self.assertEqual(self.lab.ctl("status").returncode, 0)
        self.assertEqual(self.local("status").returncode, 0, "it stays beside the file")

    def test_nobody_else_gets_in(self):
        self.assertEqual(os.stat(self.socket.removeprefix("unix:")).st_mode & 0o777, 0o600)
        self.assertEqual(self.local("status", as_user="65534").returncode, 3)
        folder, file = self.lab.folder / "state", self.lab.folder / "state/local.sock"
        modes = {path: path.stat().st_mode & 0o7777 for path in (folder, file)}
        for path in (folder, file):
            path.chmod(0o777)
            self.addCleanup(path.chmod, modes[path])
        self.assertEqual(self.local("status", as_user="65534").returncode, 3)
        self.assertIn("user 65534 was refused on the local socket", self.lab.ctl("events").stdout)

    def test_it_comes_back_after_the_agent_was_killed(self):
        self.lab.stop("agent", signal.SIGKILL)
        self.lab.start_agent()
        self.assertEqual(self.local("history").returncode, 0)


if __name__ == "__main__":
    outcome.run()
