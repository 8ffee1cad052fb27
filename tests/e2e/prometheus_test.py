"""A real Prometheus scrapes an agent over TLS with a client's certificate, with the rules of deploy/.

usage: prometheus_test.py BUILD [unittest arguments]
Needs root and prometheus. The lab's picture stands in deploy/lab/lab.py; the agent has an address of
its own beside it, 192.0.2.10.
"""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

import outcome
from e2e_test import POLICY, ROOT, LabCase
from lab import run, wait_until, write_access

ADDRESS = "192.0.2.10:9464"
WEB = "127.0.0.1:9090"
RULES = ROOT / "deploy/prometheus/bulkhead.rules.yml"
CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: bulkhead
    scheme: https
    tls_config: {{ca_file: {pki}/ca.crt, server_name: localhost{keys}}}
    static_configs: [{{targets: ["{address}"]}}]
"""
ASK = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode())"


class RealPrometheus(LabCase):
    prefix = "bhprm"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run(*cls.lab.in_ns("fw", "ip", "addr", "add", ADDRESS.replace(":9464", "/32"), "dev", "lo"))
        cls.lab.stop("agent")
        cls.lab.start_agent("--metrics", ADDRESS)
        run(cls.lab.bin / "bulkheadctl", "pki", "client", cls.lab.pki, "scraper")
        cls.lab.ctl("push", POLICY, "--commit")

    def setUp(self):
        write_access(self.lab.folder, scraper="viewer")

    def start(self, name=None):
        folder = Path(tempfile.mkdtemp(prefix="prometheus-", dir=self.lab.folder))
        keys = f", cert_file: {self.lab.pki}/{name}.crt, key_file: {self.lab.pki}/{name}.key"
        (folder / "prometheus.yml").write_text(CONFIG.format(
            rules=RULES, pki=self.lab.pki, keys=keys if name else "", address=ADDRESS))
        log = open(folder / "log", "wb")
        process = subprocess.Popen(
            self.lab.in_ns("fw", "prometheus", f"--config.file={folder}/prometheus.yml",
                           f"--storage.tsdb.path={folder}/data", f"--web.listen-address={WEB}"),
            stdout=log, stderr=log)
        log.close()
        def end():
            process.send_signal(signal.SIGKILL)
            process.wait()
        self.addCleanup(end)

    def ask(self, path, **query):
        words = self.lab.in_ns("fw", sys.executable, "-c", ASK,
                               f"http://{WEB}/api/v1/{path}?{urllib.parse.urlencode(query)}")
        done = run(*words, check=False)
        return json.loads(done.stdout)["data"] if done.returncode == 0 else None

    def target(self):
        said = self.ask("targets")
        return said["activeTargets"][0] if said and said["activeTargets"] else {"health": "unknown"}

    def value(self, query):
        said = self.ask("query", query=query)
        return sum(float(row["value"][1]) for row in said["result"]) if said else None

    def firing(self):
        said = self.ask("alerts")
        return {alert["labels"]["alertname"] for alert in said["alerts"]
                if alert["state"] == "firing"} if said else set()

    def test_it_scrapes_with_a_certificate_and_its_rules_fire(self):
        self.start("scraper")
        wait_until(lambda: self.target()["health"] == "up", "Prometheus to scrape", 30)
        self.assertEqual(self.value("bulkhead_enforcing"), 1)
        self.assertEqual(len(self.ask("rules")["groups"]), 1)
        wait_until(lambda: self.firing() == set(), "no alarm to stand", 20)
        self.lab.hmi("read", 0, 1)
        self.lab.hmi("write", 60, 1)
        wait_until(lambda: self.value('bulkhead_messages_total{reason="values_not_granted"}') == 1,
                   "the refusal at Prometheus", 10)
        self.assertGreater(self.value("bulkhead_time_inside_seconds_count"), 0)
        self.assertEqual(self.value("bulkhead_self_test_passed"), 1)
        self.lab.stop("dataplane", signal.SIGKILL)
        wait_until(lambda: "BulkheadAlarm" in self.firing(), "the alarm to fire as an alert", 30)
        self.assertEqual(self.value("bulkhead_enforcing"), 0)
        self.lab.start_dataplane()
        wait_until(lambda: "BulkheadAlarm" not in self.firing(), "it to end", 30)

    def test_without_a_role_or_a_certificate_it_gets_nothing(self):
        for name in ("scraper", None):
            with self.subTest(certificate=name):
                write_access(self.lab.folder)  # the scraper has no role
                self.start(name)
                wait_until(lambda: self.target()["health"] == "down", "it to be refused", 30)
                self.assertIsNotNone(self.value("up"))
                self.assertEqual(self.value("bulkhead_enforcing"), 0)
                self.doCleanups()


if __name__ == "__main__":
    if shutil.which("prometheus") is None:
        outcome.skip("prometheus is not there: deploy/install-packages test")
    outcome.run()
