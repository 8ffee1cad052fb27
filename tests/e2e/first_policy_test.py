"""deploy/guides/first-policy.md, command by command, as an engineer of the plant would do it: from a
mirror port's capture to a policy that is enforced and confirmed.

usage: first_policy_test.py BUILD [unittest arguments]
Needs root. A command of the guide that this file does not know is a failure.
"""

import datetime
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import unittest

import outcome
from e2e_test import fresh_lab
from lab import ROOT

GUIDE = ROOT / "deploy/guides/first-policy.md"
HERE = ROOT / "tests/e2e"

def blocks(language=""):
    """The guide's blocks of a language, each as its text."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE.read_text(), re.M | re.S)
    return [text for name, text in found if name == language]


def commands():
    lines = [line for text in blocks() for line in text.replace("\\\n", " ").splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


class FirstPolicy(unittest.TestCase):
    def setUp(self):
        # Before the appliance there was a cable: the plant runs, and its switch mirrors.
        self.lab = fresh_lab(self, "bhfst")
        self.day = self.lab.folder / "day"
        self.day.mkdir()
        self.open_policy()
        (self.day / "new.yaml").write_text("")
        self.events = None

    def open_policy(self):
        """Lets all of the plant's Modbus pass, as the cable did."""
        text = (ROOT / "policies/water-works/policy.yaml").read_text()
        text = text.replace("access: [read, session]", "access: [read, session, write]")
        text = text.replace("site: water-works", "site: my-plant")
        path = self.lab.folder / "open.yaml"
        path.write_text(text)
        self.lab.ctl("push", path, "--commit")

    def run_command(self, words, check=True, seconds=60):
        environment = dict(os.environ, BULKHEAD_PKI=str(self.lab.pki),
                           PATH=f"{self.lab.bin}:{os.environ['PATH']}")
        done = subprocess.run(self.lab.in_ns("fw", *words), cwd=self.day, env=environment,
                              capture_output=True, text=True, timeout=seconds)
        if check:
            self.assertEqual(done.returncode, 0, f"{words}\n{done.stdout}{done.stderr}")
        return done

    def record(self, name):
        """A day of the plant: ten registers polled, a set point now and then."""
        recorder = subprocess.Popen(
            self.lab.in_ns("sup", sys.executable, HERE / "record.py", "eth0", self.day / name),
            stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual(recorder.stdout.readline(), "records\n")
            for turn in range(20):
                self.assertEqual(self.lab.hmi("read", 0, 10)["result"], "ok")
                if turn % 5 == 0:
                    self.assertEqual(self.lab.hmi("write", 42, 700 + turn)["result"], "ok")
        finally:
            recorder.kill()
            recorder.wait()
            recorder.stdout.close()

    def on_tcpdump(self, words):
        self.assertEqual(words[1:5], ["-i", "eth2", "-s", "0"])
        self.record(words[words.index("-w") + 1])
        self.record("other-day.pcap")

    def learn_live(self, words):
        """At the HMI's cable, while the plant talks."""
        words = ["eth0" if word == "eth2" else word for word in words]
        environment = dict(os.environ, PATH=f"{self.lab.bin}:{os.environ['PATH']}")
        listener = subprocess.Popen(self.lab.in_ns("sup", *words), cwd=self.day, env=environment,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(listener.kill)
        self.assertIn("listening on eth0", listener.stderr.readline())
        for _ in range(2):
            self.assertEqual(self.lab.hmi("read", 0, 10)["result"], "ok")
        listener.send_signal(signal.SIGINT)
        out, err = listener.communicate(timeout=30)
        self.assertEqual(listener.returncode, 0, err)
        self.assertIn("Nothing new for", out)
        self.assertIn("address: 0-9", (self.day / words[words.index("-o") + 1]).read_text())

    def on_learn(self, words):
        if "--live" in words:
            return self.learn_live(words)
        done = self.run_command(words)
        if "--against" in words:
            return self.assertIn("kinds of traffic: 0 not granted", done.stdout)
        text = (self.day / "my.yaml").read_text()
        rules = re.findall(r"functions: \[([\w, ]+)\]\n\s+where: (.*)\n", text)
        self.assertEqual(rules, [("read_holding_registers", "{unit: 1, address: 0-9}"),
                                 ("write_single_register", "{unit: 1, address: 42}")], text)

    def on_check(self, words):
        """It does not compile before somebody has looked at the write."""
        done = self.run_command(words, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nobody has reviewed this rule", done.stderr + done.stdout)
        path = self.day / "my.yaml"
        path.write_text(re.sub(r"reviewed_by:[ \t]*$", "reviewed_by: A. Engineer", path.read_text(),
                               flags=re.M))
        self.run_command(words)

    def on_map(self, words):
        done = self.run_command(words)
        if "--svg" not in words:
            self.assertIn("supervision", done.stdout)

    def on_replay(self, words):
        done = self.run_command([*words, "--format", "json"])
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        messages = [line for line in lines if line["level"] == "message"]
        self.assertGreater(len(messages), 40)
        self.assertEqual({line["verdict"] for line in messages}, {"allow"})

    def on_test(self, words):
        (self.day / "cases.yaml").write_text(blocks("yaml")[0])
        self.run_command(words)
        self.assertIn("<testsuite", (self.day / "report.xml").read_text())

    def on_compare(self, words):
        path = self.day / "new.yaml"
        path.write_text((self.day / "my.yaml").read_text())
        self.run_command(words)
        path.write_text(path.read_text().replace("address: 42", "address: 43"))
        done = self.run_command(words, check=False)
        self.assertEqual(done.returncode, 1, done.stdout)

    def on_status(self, words):
        """The policy observes, with the keys of the guide's example and a day that lies ahead."""
        example = next(text for text in blocks("yaml") if "mode: observe" in text)
        day = datetime.date.today() + datetime.timedelta(days=30)
        keys = [re.sub("[0-9]{4}-[0-9]{2}-[0-9]{2}", str(day), line.split("  #")[0].rstrip())
                for line in example.splitlines()[2:]]
        text = (self.day / "my.yaml").read_text()
        path = self.day / "observing.yaml"
        path.write_text(text.replace("    from: ", "\n".join(keys) + "\n    from: ", 1))
        self.lab.ctl("push", path, "--commit")
        self.assertEqual(self.lab.hmi("write", 43, 7)["result"], "ok", "it only observes")
        self.assertIn("OBSERVES", self.run_command(words).stdout)

    def on_commit(self, words):
        self.run_command(words)
        self.assertEqual(self.lab.hmi("read", 0, 10)["result"], "ok")
        self.assertEqual(self.lab.hmi("write", 42, 7)["result"], "ok")
        self.assertEqual(self.lab.hmi("write", 43, 7)["result"], "exception 2")

    def on_events(self, words):
        """It follows until somebody ends it."""
        environment = dict(os.environ, BULKHEAD_PKI=str(self.lab.pki),
                           PATH=f"{self.lab.bin}:{os.environ['PATH']}")
        follower = subprocess.Popen(self.lab.in_ns("fw", *words), env=environment,
                                    stdout=subprocess.PIPE, text=True)
        try:
            line = next(line for line in follower.stdout
                        if "values_not_granted" in line and "address=43" in line)
        finally:
            follower.kill()
            follower.wait()
            follower.stdout.close()
        self.number = line.split()[0]

    def on_why(self, words):
        done = self.run_command([self.number if word == "NUMBER" else word for word in words])
        self.assertIn("address is 43, the rule has 42", done.stdout)
        self.assertIn("where: {unit: 1, address: 43, value: 7}", done.stdout)

    def on_confirm(self, words):
        self.run_command(words)
        status = self.lab.ctl_json("status")[0]
        self.assertNotIn("trial", status)

    def on_rules(self, words):
        self.assertRegex(self.run_command(words).stdout,
                         "COUNTED SINCE|every rule was used in that time")

    def test_each_command_of_the_guide(self):
        known = {"tcpdump": self.on_tcpdump, "decode": self.run_command, "learn": self.on_learn,
                 "policy check": self.on_check, "policy format": self.run_command,
                 "policy explain": self.run_command, "map": self.on_map,
                 "bulkhead-replay": self.on_replay, "policy test": self.on_test,
                 "policy compare": self.on_compare, "push": self.run_command,
                 "commit": self.on_commit, "events": self.on_events, "why": self.on_why,
                 "status": self.on_status, "counters": self.run_command,
                 "confirm": self.on_confirm, "rules": self.on_rules}
        done = []
        for words in commands():
            name = words[0] if words[0] != "bulkheadctl" else words[1]
            if name == "policy":
                name += " " + words[2]
            with self.subTest(" ".join(words)):
                self.assertIn(name, known, "the guide has a command that nobody tries")
                known[name](words)
            done.append(name)
        for name in ("tcpdump", "learn", "policy check", "policy test", "commit", "why", "confirm"):
            self.assertIn(name, done)


if __name__ == "__main__":
    outcome.run()
