"""Events and audit records at collectors: Debian's rsyslog over TLS, and collectors that stall, reset
each connection or show a wrong certificate.

usage: syslog_test.py BUILD [unittest arguments]
Most of it drives the exporter with real logs (siem-probe), on loopback; the last part is a whole
agent in the lab.
"""

import json
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import outcome
from e2e_test import BUILD, POLICY
from lab import Lab, run, wait_until

NUMBER = re.compile(rb' stream="(\w+)" number="(\d+)" previous="(\d+)"')
# What may be sent once more where a collector ends under way: a window, and a batch under way.
TWICE_MAX = (256 + 32) * 1024


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Rsyslog:
    """A real rsyslogd that writes what it receives to a file, a message a line."""

    CONFIG = """
global(workDirectory="{folder}" maxMessageSize="64k" defaultNetstreamDriver="ossl"
  defaultNetstreamDriverCAFile="{pki}/ca.crt" defaultNetstreamDriverCertFile="{pki}/siem.crt"
  defaultNetstreamDriverKeyFile="{pki}/siem.key")
main_queue(queue.type="LinkedList" queue.size="200000" queue.timeoutShutdown="10000"
  queue.filename="main" queue.saveOnShutdown="on")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="raw" type="string" string="%rawmsg%\\n")
input(type="imtcp" address="127.0.0.1" port="{port}")
action(type="omfile" file="{folder}/messages" template="raw")
"""

    def __init__(self, folder, pki, port, prefix=()):
        self.folder, self.port, self.prefix = Path(folder), port, list(prefix)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file = self.folder / "messages"
        (self.folder / "rsyslog.conf").write_text(
            self.CONFIG.format(folder=self.folder, pki=pki, port=port))
        self.process = None

    def start(self):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            [*self.prefix, "rsyslogd", "-n", "-f", self.folder / "rsyslog.conf", "-i",
             self.folder / "pid"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.process = None

    def lines(self):
        return self.file.read_bytes().splitlines() if self.file.exists() else []

    def numbers(self, stream=b"events"):
        """(number, previous) of each message of the stream, as it came."""
        found = (NUMBER.search(line) for line in self.lines())
        return [(int(m[2]), int(m[3])) for m in found if m and m[1] == stream]


class Wrong(threading.Thread):
    """A collector that does something to each connection."""

    def __init__(self, act):
        super().__init__(daemon=True)
        self.act, self.kept, self.accepted = act, [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            self.act(self, connection)

    def keep(self, connection):
        """It accepts and never reads."""
        self.kept.append(connection)

    def reset(self, connection):
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


class Probe:
    """siem-probe, and its answers."""

    def __init__(self, build, folder):
        self.process = subprocess.Popen([Path(build) / "bin/siem-probe", folder],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self):
        return self.process.stdout.readline().strip()

    def ask(self, line):
        self.tell(line)
        return self.answer()

    def state(self, name):
        rows = [row for row in json.loads(self.ask("status")) if row["name"] == name]
        return rows[0] if rows else {"state": "absent", "sent": 0, "problem": ""}

    def end(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(20)
        self.process.stdout.close()


def make_certificates(build, pki):
    ctl = Path(build) / "bin/bulkheadctl"
    run(ctl, "pki", "init", pki)
    run(ctl, "pki", "server", pki, "siem", "--host", "siem.example.org")


def collector(label, port, **more):
    keys = {"address": f'"127.0.0.1:{port}"', **more}
    return f"  {label}: {{{', '.join(f'{key}: {value}' for key, value in keys.items())}}}\n"


class Exporter(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="bulkhead-syslog-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.pki = self.folder / "pki"
        make_certificates(BUILD, self.pki)
        self.probe = None
        self.addCleanup(self.end_probe)

    def rsyslog(self):
        made = Rsyslog(self.folder / "rsyslog", self.pki, free_port())
        made.start()
        self.addCleanup(made.stop)
        return made

    def configure(self, *collectors):
        (self.folder / "collectors.yaml").write_text(
            "siem: v1\ncollectors:\n" + "".join(collectors))

    def tls(self, name, port, server="siem.example.org", **more):
        return collector(name, port, ca=self.pki / "ca.crt", name=server, **more)

    def start_probe(self):
        self.probe = Probe(BUILD, self.folder)

    def end_probe(self):
        if self.probe:
            self.probe.end()
        self.probe = None

    def await_sent(self, name, number, seconds=20):
        wait_until(lambda: self.probe.state(name)["sent"] >= number,
                   f"{name} to have event {number}", seconds)

    def test_rsyslog_restarts_before_its_first_receipt_and_nothing_is_lost(self):
        self.restart_under_way(200)

    def test_rsyslog_restarts_under_way_and_nothing_is_lost(self):
        self.restart_under_way(2000)

    def restart_under_way(self, after):
        rsyslog = self.rsyslog()
        self.configure(self.tls("soc", rsyslog.port, format="json", audit="true"))
        self.start_probe()
        self.probe.tell("events 10000")
        wait_until(lambda: len(rsyslog.lines()) > after, "the first events at rsyslog", 10)
        rsyslog.stop()
        at_stop = len(rsyslog.lines())
        self.probe.answer()
        self.probe.tell("events 10000")
        rsyslog.start()
        self.probe.answer()
        self.await_sent("soc", 20000)
        wait_until(lambda: rsyslog.numbers()[-1][0] == 20000, "rsyslog to write its file", 10)
        came = rsyslog.numbers()
        first = list(dict.fromkeys(number for number, _ in came))
        self.assertEqual(first, list(range(1, 20001)), "each event, in order")
        twice = len(came) - len(first)
        length = max(map(len, rsyslog.lines()[:100]))
        print(f"rsyslog had {at_stop} when it ended; sent again: {twice} of 20000")
        self.assertLessEqual(twice * length, TWICE_MAX)
        self.assertTrue(all(previous == number - 1 for number, previous in came))
        events = [line for line in rsyslog.lines() if b' stream="events"' in line]
        for line in events[:100]:
            self.assertEqual(json.loads(line[line.index(b"] {") + 2:])["conduit"], "scada")

        # Once all is confirmed, neither a restart of rsyslog nor an end in order doubles anything.
        rsyslog.stop()
        rsyslog.start()
        self.end_probe()
        self.start_probe()
        self.probe.ask("events 500")
        self.probe.ask("audit 50")
        self.await_sent("soc", 20500)
        self.assertEqual(self.probe.state("soc")["lost"], 0)
        wait_until(lambda: len(rsyslog.numbers(b"audit")) >= 50, "audit records", 5)
        self.end_probe()
        rsyslog.stop()
        self.assertEqual(rsyslog.numbers()[len(came):],
                         [(number, number - 1) for number in range(20001, 20501)])
        # Whether the records from before the restart were confirmed was not awaited.
        records = list(dict.fromkeys(number for number, _ in rsyslog.numbers(b"audit")))
        self.assertEqual(records, list(range(1, len(records) + 1)))

    def test_what_the_collector_has_not_read_is_not_delivered(self):
        rsyslog = self.rsyslog()
        self.configure(self.tls("soc", rsyslog.port))
        self.start_probe()
        for number in (1, 2):  # the first request for a receipt may go without an answer
            self.probe.ask("events 1")
            self.await_sent("soc", number)
            time.sleep(0.8)
        rsyslog.process.send_signal(signal.SIGSTOP)
        self.addCleanup(rsyslog.process.send_signal, signal.SIGCONT)
        self.probe.ask("events 20")  # the kernel acknowledges them
        time.sleep(1)
        self.assertEqual(self.probe.state("soc")["sent"], 2)
        rsyslog.process.send_signal(signal.SIGKILL)
        rsyslog.process.wait()
        rsyslog.start()
        self.await_sent("soc", 22)
        wait_until(lambda: len(rsyslog.numbers()) >= 22, "all of them at rsyslog", 5)
        self.assertEqual([number for number, _ in rsyslog.numbers()], list(range(1, 23)))

    def test_bad_collectors_hold_up_no_other(self):
        rsyslog = self.rsyslog()
        deaf, rude = Wrong(Wrong.keep), Wrong(Wrong.reset)
        self.configure(self.tls("good", rsyslog.port),
                       self.tls("forged", rsyslog.port, server="other.example.org"),
                       self.tls("mute", deaf.port),
                       collector("deaf", deaf.port, transport="tcp"),
                       collector("rude", rude.port, transport="tcp", format="text"),
                       collector("absent", free_port(), transport="tcp"))
        self.start_probe()
        before = int(self.probe.ask("memory"))
        began = time.monotonic()
        self.probe.ask("events 20000")
        self.await_sent("good", 20000)
        seconds = time.monotonic() - began
        self.assertEqual([number for number, _ in rsyslog.numbers()], list(range(1, 20001)))
        forged = self.probe.state("forged")
        self.assertIn("certificate is refused: hostname mismatch", forged["problem"].lower())
        self.assertIn("other.example.org", forged["problem"])
        self.assertEqual(forged["sent"], 0)
        wait_until(lambda: self.probe.state("deaf")["state"] == "stalled", "deaf to be stalled", 8)
        self.assertGreater(self.probe.state("deaf")["waiting"], 1000)
        self.assertEqual(self.probe.state("mute")["state"], "connecting")
        self.assertNotEqual(self.probe.state("rude")["problem"], "")
        self.assertIn("cannot connect", self.probe.state("absent")["problem"])
        self.assertLess(rude.accepted, 12, "it waits longer and longer")
        more = int(self.probe.ask("memory")) - before
        print(f"20000 events in {seconds:.1f} s beside five bad collectors, {more} KiB more memory")
        self.assertLess(more, 48 * 1024)
        began = time.monotonic()
        self.end_probe()
        self.assertLess(time.monotonic() - began, 5, "it ends in order all the same")

    def test_a_change_of_the_file_acts_and_a_mistake_does_not(self):
        rsyslog = self.rsyslog()
        self.configure(self.tls("soc", rsyslog.port))
        self.start_probe()
        self.probe.ask("events 10")
        self.await_sent("soc", 10)
        (self.folder / "collectors.yaml").write_text("siem: v1\ncollectors:\n  soc: {port: 1}\n")
        wait_until(lambda: "unknown key port" in self.probe.state(
            str(self.folder / "collectors.yaml"))["problem"], "the mistake to be reported", 5)
        self.probe.ask("events 10")
        self.await_sent("soc", 20)
        self.configure(self.tls("soc", rsyslog.port, kinds="[alarm]"))
        wait_until(lambda: len(json.loads(self.probe.ask("status"))) == 1, "the file to count", 5)
        self.probe.ask("events 10")
        wait_until(lambda: self.probe.state("soc")["waiting"] == 0, "all to be done with", 5)
        self.configure(self.tls("soc", rsyslog.port))
        time.sleep(0.5)
        self.probe.ask("events 1")
        self.await_sent("soc", 31)
        # `previous` says that nothing was lost: what lies between was not wanted.
        self.assertEqual(rsyslog.numbers(),
                         [(n, n - 1) for n in range(1, 21)] + [(31, 20)])


class Agent(unittest.TestCase):
    def setUp(self):
        outcome.expect_root()
        self.lab = Lab("bhsys", BUILD)
        self.lab.down()
        self.addCleanup(self.lab.down)
        self.lab.prepare()
        self.pki = self.lab.folder / "siem"
        make_certificates(BUILD, self.pki)
        self.rsyslog = Rsyslog(self.lab.folder / "rsyslog", self.pki, 6514,
                               self.lab.in_ns("fw")[:4])
        self.rsyslog.start()
        self.addCleanup(self.rsyslog.stop)

    def test_refusals_and_acts_reach_the_collector(self):
        (self.lab.folder / "collectors.yaml").write_text(
            "siem: v1\ncollectors:\n" + collector("soc", 6514, ca=self.pki / "ca.crt",
                                                   name="siem.example.org", audit="true"))
        self.lab.start_plc()
        self.lab.start_dataplane()
        self.lab.start_agent()
        self.lab.ctl("push", POLICY, "--commit")
        self.assertNotEqual(self.lab.hmi("write", 40, 7, host="rogue")["result"], "ok")
        def has(text):
            return any(text in line for line in self.rsyslog.lines())
        wait_until(lambda: has(b"|deny/"), "the refusal at rsyslog", 10)
        wait_until(lambda: has(b"cs1=/bulkhead.v1.") and has(b"outcome=done"), "the act there", 10)
        deny = next(line for line in self.rsyslog.lines() if b"|deny/" in line)
        self.assertIn(b"src=10.20.0.66", deny)
        soc = self.lab.ctl_json("status")[0]["collectors"][0]
        self.assertEqual((soc["name"], soc["state"], soc["problem"]), ("soc", "connected", ""))
        self.assertIn("soc", self.lab.ctl("status").stdout)
        self.lab.stop("agent")
        numbers = [number for number, _ in self.rsyslog.numbers()]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))


if __name__ == "__main__":
    if shutil.which("rsyslogd") is None:
        outcome.skip("rsyslogd is not there: deploy/install-packages test")
    outcome.run(needs_root=False)
