"""bulkheadctl learn --live at a switch's mirror port: the policy that a capture of the same frames gives,
how much was new when, what ends it.

The switch is switch_lab.py's; a recorder stands at the HMI, and learn --live at the mirror port, which
has each frame twice.

usage: learn_live_test.py BUILD [unittest arguments]
Needs root.
"""

import json
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import outcome  # noqa: E402
from e2e_test import BUILD  # noqa: E402
from lab import HMI, HMI_MAC, PLC, PLC_MAC, run  # noqa: E402
from switch_lab import SwitchLab  # noqa: E402

# BACnet's ReadProperty of an analog input's present value (ANSI/ASHRAE 135, 15.5).
READ_PROPERTY = bytes.fromhex("810a001101040005010c0c000000011955")


def without_origin(text):
    """Of a proposal: all but where it comes from, and to the second when."""
    lines = [line for line in text.splitlines() if not re.match(r"# Learned from|#   \S", line)]
    return re.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}", "WHEN", "\n".join(lines))


class LearnLive(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = SwitchLab("bhll", BUILD)
        cls.lab.down()
        cls.addClassCleanup(cls.lab.down)
        cls.lab.prepare()
        cls.lab.start_plc()
        cls.lab.start_mirror()

    def start(self, *words):
        process = subprocess.Popen(
            self.lab.in_ns("mon", self.lab.bin / "bulkheadctl", "learn", "--live", "mon0", *words),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        self.assertIn("listening on mon0", process.stderr.readline())
        return process

    def end(self, process, how=None):
        if how is not None:
            process.send_signal(how)
        out, err = process.communicate(timeout=30)
        return out, err, process.returncode

    def record(self, name):
        file = self.lab.folder / name
        recorder = subprocess.Popen(
            self.lab.in_ns("sup", sys.executable, HERE / "record.py", "eth0", file),
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(recorder.wait)
        self.addCleanup(recorder.kill)
        self.addCleanup(recorder.stdout.close)
        self.assertEqual(recorder.stdout.readline(), "records\n")
        return file

    def talk(self, writes=3):
        for turn in range(9):
            self.assertEqual(self.lab.hmi("read", 0, 10)["result"], "ok")
            if turn < writes:
                self.assertEqual(self.lab.hmi("write", 42, 700 + turn)["result"], "ok")
        run(*self.lab.in_ns("sup", sys.executable, "-c",
                            "import socket, sys; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
                            ".sendto(bytes.fromhex(sys.argv[1]), (sys.argv[2], 47808))",
                            READ_PROPERTY.hex(), PLC))

    def test_the_same_frames_give_the_same_policy(self):
        recorded = self.record("day.pcap")
        out = self.lab.folder / "live.yaml"
        process = self.start("--for", "8s", "-o", out, "--format", "json")
        self.talk()
        said, _, code = self.end(process)
        self.assertEqual(code, 0)
        live = json.loads(said)["live"]
        done = run(self.lab.bin / "bulkheadctl", "learn", recorded)
        self.assertEqual(without_origin(out.read_text()), without_origin(done.stdout))
        packets = int(re.search(r"Learned from (\d+) packets", done.stdout)[1])
        self.assertEqual(live["packets"], 2 * packets, "the mirror port has each frame twice")
        self.assertEqual(live["lost"], 0)
        self.assertEqual(live["interface"], "mon0")
        self.assertIn(live["seconds"], (8, 9, 10))
        text = out.read_text()
        self.assertIn("where: {unit: 1, address: 0-9}", text)
        self.assertIn("where: {unit: 1, address: 42}", text)
        self.assertRegex(text, r"# once, .*; seen once: look at it\n.*protocol: bacnet",
                         "a copy is not another request")
        for what, count in (("hosts", 2), ("services", 2), ("operations", 3)):
            self.assertEqual(sum(step[what] for step in live["curve"]), count, what)

    def test_ctrl_c_ends_it_with_the_proposal(self):
        process = self.start("--for", "24h")
        self.talk(writes=1)
        self.assertIsNone(process.poll(), "it listens still")
        out, err, code = self.end(process, signal.SIGINT)
        self.assertEqual(code, 0, err)
        self.assertIn("functions: [write_single_register]", out)
        self.assertIn("bulkhead: v1", out)
        self.assertIn("New, by time", err)
        self.assertRegex(err, r"Nothing new for \d+ s\.")
        self.assertEqual(len(out.split("bulkhead: v1")), 2, "one proposal")

    def test_against_a_policy(self):
        path = self.lab.folder / "only-reads.yaml"
        process = self.start("--for", "24h")
        self.assertEqual(self.lab.hmi("read", 0, 10)["result"], "ok")
        self.assertEqual(self.lab.hmi("read", 0, 10)["result"], "ok")
        path.write_text(self.end(process, signal.SIGTERM)[0])
        process = self.start("--against", path)
        self.assertEqual(self.lab.hmi("write", 42, 7)["result"], "ok")
        out, err, code = self.end(process, signal.SIGINT)
        self.assertEqual(code, 1, err)
        self.assertIn("not granted: 10.20.0.10 > 10.10.0.20  modbus write_single_register", out)

    def test_nothing_to_learn(self):
        _, err, code = self.end(self.start("--for", "1s"))
        self.assertEqual(code, 1)
        self.assertIn("nothing to learn from", err)

    def test_an_interface_that_goes_away(self):
        run(*self.lab.in_ns("mon", "ip", "link", "add", "mon9", "type", "veth", "peer", "mon8"))
        for name in ("mon8", "mon9"):
            run(*self.lab.in_ns("mon", "ip", "link", "set", name, "up"))
        process = subprocess.Popen(
            self.lab.in_ns("mon", self.lab.bin / "bulkheadctl", "learn", "--live", "mon9"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        self.assertIn("listening on mon9", process.stderr.readline())
        # The kernel hands frames over in blocks; one that is not full is lost with its interface.
        for _ in range(20):
            self.lab.send_at("mon", "mon9", self.question())
            time.sleep(0.1)
        run(*self.lab.in_ns("mon", "ip", "link", "del", "mon9"))
        out, err, code = self.end(process)
        self.assertEqual(code, 4, err)
        self.assertIn("listening ended early: mon9: ", err)
        self.assertIn("protocol: bacnet", out, "what was learned until then")

    def question(self):
        ends = bytes.fromhex((PLC_MAC + HMI_MAC).replace(":", ""))
        udp = struct.pack(">HHHH", 40000, 47808, 8 + len(READ_PROPERTY), 0) + READ_PROPERTY
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0,
                         socket.inet_aton(HMI), socket.inet_aton(PLC))
        return ends + b"\x08\x00" + ip + udp

    def test_wrong_words(self):
        for words, code, problem in (
                (["--live", "nowhere0"], 4, "cannot listen on nowhere0"),
                (["--live", "mon0", "--for", "soon"], 2, "--for takes a time"),
                (["--live", "mon0", "--for", "0s"], 2, "--for takes a time"),
                (["--for", "1h", "day.pcap"], 2, "--for takes --live"),
                (["--live", "mon0", "day.pcap"], 2, "takes captures, or --live"),
                ([], 2, "takes captures, or --live")):
            done = run(*self.lab.in_ns("mon", self.lab.bin / "bulkheadctl", "learn", *words),
                       check=False)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(problem, done.stderr)


if __name__ == "__main__":
    outcome.run()
