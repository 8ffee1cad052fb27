"""The audit log of a real agent: what a round of operators leaves in it, what tampering shows, a
killed agent and a full disk.

usage: audit_test.py BUILD [unittest arguments]
Needs root.
"""

import contextlib
import json
import shutil
import signal
import unittest

import outcome
from e2e_test import BUILD, POLICY
from lab import Lab, run, wait_until, write_access
from pair_test import PairCase


CUT = 12  # records, more than an agent writes at its start


class AuditCase(unittest.TestCase):
    def setUp(self):
        self.lab = Lab("bhaud", BUILD)
        self.lab.down()
        self.addCleanup(self.lab.down)
        self.lab.prepare()
        self.lab.start_plc()
        self.lab.start_dataplane()
        self.mount()
        self.lab.start_agent()
        self.log = self.lab.folder / "state/audit"

    def mount(self):
        """For what the agent's state is to stand on."""

    def show(self, *words):
        return self.lab.ctl_json("audit", "show", *words)

    def verify(self, *words):
        """Exit code, findings and the last line."""
        done = run(self.lab.bin / "bulkheadctl", "audit", "verify", *words, "--format", "json",
                   check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return done.returncode, [line for line in lines if "finding" in line], lines[-1]

    def ask(self, *words):
        return self.lab.ctl(*words, check=False)


class Round(AuditCase):
    def test_who_did_what_is_shown_and_proven(self):
        self.lab.ctl("push", POLICY, "--comment", "first")
        self.lab.ctl("commit", "1")
        sha256 = self.lab.ctl_json("status")[0]["policy_sha256"]
        acts = self.show("--kind", "act")
        self.assertEqual([(row["rpc"].split("/")[-1], row["result"]) for row in acts],
                         [("StagePolicy", "begun"), ("StagePolicy", "done"),
                          ("CommitPolicy", "begun"), ("CommitPolicy", "done")])
        for row in acts:
            self.assertEqual(row["identity"], "operator")
            self.assertIn("engineer", row["role"])
            self.assertEqual(row["address"], "127.0.0.1")
            self.assertEqual(len(row["certificate"]), 64)
        self.assertEqual(acts[0]["details"]["comment"], "first")
        self.assertEqual(acts[3]["details"]["sha256"], sha256)
        self.assertEqual(acts[3]["details"]["begun"], str(acts[2]["number"]))
        self.assertEqual(self.show("--identity", "operator", "--kind", "login")[0]["address"],
                         "127.0.0.1")
        self.assertEqual(self.show("--number", f"{acts[1]['number']}"), [acts[1]])
        self.assertEqual(self.show("--since", "1h", "--kind", "act"), acts)
        self.assertEqual(self.show("--until", "1h"), [])
        table = self.lab.ctl("audit", "show").stdout
        self.assertIn("CommitPolicy", table)
        self.assertEqual(self.ask("audit", "show", "--since", "soon").returncode, 2)

        # Somebody without the role, and somebody without a name.
        write_access(self.lab.folder, operator="viewer, auditor", other="administrator")
        refused = self.ask("push", POLICY)
        self.assertEqual(refused.returncode, 1)
        wait_until(lambda: self.show("--kind", "refused"), "the refusal in the log", 5)
        self.assertIn("may not stage", self.show("--kind", "refused")[0]["text"])
        self.assertTrue(self.show("--kind", "access"), "the change of access.yaml")

        # An export is whole, and its head is still there when more has come.
        export = self.lab.folder / "export.txt"
        self.lab.ctl("audit", "export", export)
        self.assertEqual(self.ask("audit", "export", export).returncode, 4, "it replaces no file")
        code, findings, end = self.verify(export)
        self.assertEqual((code, findings), (0, []))
        self.assertEqual(self.verify(export, self.log)[0], 0)
        self.assertEqual(self.ask("audit", "verify", "--head", end["head"]).returncode, 0)
        wrong = end["head"][:-1] + ("0" if end["head"][-1] != "0" else "1")
        self.assertEqual(self.ask("audit", "verify", "--head", wrong).returncode, 1)

        # Every kind of tampering with the export and with a copy of the folder.
        text = export.read_bytes()
        lines = text.splitlines(keepends=True)
        self.expect(b"".join(lines).replace(b"StagePolicy", b"StagePolice", 1), "changed")
        self.expect(b"".join(lines[:3] + lines[4:]), "missing", 3)
        self.expect(b"".join(lines[:-2]), "cut")
        self.expect(text[:-10], "cut")
        self.expect(b"".join(lines[:3] + [lines[5], lines[4], lines[3]] + lines[6:]), "reordered")
        copy = self.lab.folder / "copy"
        shutil.copytree(self.lab.folder / "state", copy, ignore=shutil.ignore_patterns("*.sock"))
        self.assertEqual(self.verify(copy)[0], 0)
        segment = next((copy / "audit").glob("*.audit"))
        segment.write_bytes(segment.read_bytes().replace(b"operator", b"0perator", 1))
        self.assertEqual([each["finding"] for each in self.verify(copy)[1]], ["changed"])

    def expect(self, text, kind, first=None):
        tampered = self.lab.folder / "tampered.txt"
        tampered.write_bytes(text)
        code, findings, end = self.verify(tampered)
        self.assertEqual(code, 1)
        self.assertFalse(end["good"])
        self.assertEqual({each["finding"] for each in findings}, {kind})
        if first is not None:
            self.assertEqual([each["first"] for each in findings], [first])

    def test_an_agent_that_was_killed_says_so_at_its_next_start(self):
        self.lab.ctl("push", POLICY, "--commit")
        self.lab.stop("agent", signal.SIGKILL)
        self.lab.start_agent()
        self.lab.stop("agent")
        self.lab.start_agent()
        starts = self.show("--kind", "start")
        self.assertEqual(["without a stop" in row["text"] for row in starts], [False, True, False])
        self.assertEqual(len(self.show("--kind", "stop")), 1)
        self.assertEqual(self.verify(self.log)[0], 0)


class FullDisk(AuditCase):
    def mount(self):
        state = self.lab.folder / "state"
        state.mkdir()
        run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", state)
        self.addCleanup(run, "umount", state)
        self.addCleanup(self.lab.stop, "agent", signal.SIGKILL)

    def test_acts_are_refused_and_enforcement_goes_on(self):
        self.lab.ctl("push", POLICY, "--commit")
        self.lab.stop("agent")
        # As after many acts: less is left of the last file than what is kept for emergencies.
        segment = max(self.log.glob("*.audit"))
        used = len(segment.read_bytes().rstrip(b"\0"))
        with open(segment, "r+b") as file:
            file.truncate(used + 64 * 1024)
        filler = self.lab.folder / "state/filler"
        with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        self.lab.start_agent()
        status = self.ask("status", "--format", "json")
        self.assertEqual(status.returncode, 1)
        self.assertIn("No space left", json.loads(status.stdout)["audit_problem"])
        refused = self.ask("push", POLICY)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("nothing was done", refused.stderr)
        self.assertIn("free space", refused.stderr)
        self.assertEqual(len(self.lab.ctl_json("history")), 1)
        self.assertEqual(self.lab.hmi("read", 0, 1)["result"], "ok")
        # What mends the situation may use the reserve.
        self.lab.ctl("audit", "export", self.lab.folder / "export.txt")
        filler.unlink()
        wait_until(lambda: self.ask("status").returncode == 0, "the log to be written again", 10)
        self.lab.ctl("push", POLICY)
        self.assertEqual(self.verify(self.log)[0], 0)


class OfAPair(PairCase):
    prefix = "bhaup"

    def test_records_that_were_cut_are_named_by_the_peers_head(self):
        for _ in range(8):
            self.lab.ctl("rollback", "9", check=False)  # is refused: two records each
        state = {which: self.lab.folder_of(which) / "state" for which in ("a", "b")}
        kept = state["b"] / "audit/peer-head"
        def number():
            return int(kept.read_text().split(":")[0]) if kept.exists() else 0
        said = self.lab.ctl("audit", "verify", "--format", "json").stdout.splitlines()[-1]
        written = int(json.loads(said)["head"].split(":")[0])
        wait_until(lambda: number() >= written, "the head at the peer", 15)
        self.lab.stop("agent-a")
        before = number()
        segment = max((state["a"] / "audit").glob("*.audit"))
        text = segment.read_bytes()
        lines = text.splitlines(keepends=True)  # the header, then a record each
        left = b"".join(lines[:1 + before - CUT])
        segment.write_bytes(left + bytes(len(text) - len(left)))

        verify = (self.lab.bin / "bulkheadctl", "audit", "verify", state["a"], "--format", "json")
        self.assertEqual(run(*verify, check=False).returncode, 0, "the chain alone does not show it")
        done = run(*verify, "--head", kept, check=False)
        self.assertEqual(done.returncode, 1)
        found = [json.loads(line) for line in done.stdout.splitlines()]
        cut = [each for each in found if each.get("finding") == "cut"]
        self.assertEqual([(each["first"], each["last"]) for each in cut],
                         [(before - CUT + 1, before)], found)

        self.lab.start_agent("a")
        def told():
            rows = self.lab.ctl("audit", "show", "--kind", "pair", "--format", "json", which="b")
            return [row for row in map(json.loads, rows.stdout.splitlines())
                    if "the peer's audit log went back" in row["text"]]
        wait_until(told, "the peer to record it", 15)
        self.assertEqual(told()[0]["details"]["head_before"].split(":")[0], str(before))


if __name__ == "__main__":
    outcome.run()
