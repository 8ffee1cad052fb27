"""learn, learn --against, policy compare and decode on recordings that are not whole, or hold more than messages: what
is not decoded is said, and what cannot be written is refused.

usage: recordings_test.py BULKHEADCTL [TESTS...]
"""

import gzip
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import outcome

BULKHEADCTL = sys.argv[1]
HMI, PLC = bytes([10, 20, 0, 10]), bytes([10, 10, 0, 20])
FRAGMENTS = "not decoded: IP fragments, 2 frames; `fragments: reassemble` in a conduit lets them pass"

POLICY = """bulkhead: v1
site: s
written_for: 0.2
zones:
  sup: {port: 0, VLANnetworks: [10.20.0.0/24]}
  con: {port: 1, VLANnetworks: [10.10.0.0/24]}
assets:
  hmi: {zone: sup, address: 10.20.0.10}
  plc: {zone: con, address: 10.10.0.20}
conduits:
  c:
    from: sup
    to: con
    on_deny: drop
    allow:
      - {service: udp/5000, client: hmi, server: plc}
"""


def frame(rest, vlan=None, ethertype=0x0800):
    tag = b"" if vlan is None else struct.pack(">HH", 0x8100, vlan)
    return b"\2\0\0\0\0\1\2\0\0\0\0\2" + tag + struct.pack(">H", ethertype) + rest


def ipv4(protocol, payload, source=HMI, destination=PLC, offset=0):
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, offset, 64, protocol, 0, source,
                       destination) + payload


def udp(source_port, destination_port, source=HMI, destination=PLC):
    return ipv4(17, struct.pack(">HHHH", source_port, destination_port, 13, 0) + b"hello", source, destination)


QUESTIONS = [frame(udp(1024, 5000)), frame(udp(5000, 1024, PLC, HMI))] * 3


class Recordings(unittest.TestCase):

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.policy = self.file("p.yaml", POLICY.replace("VLAN", ""))

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def capture(self, frames, less=0, name="day.pcap"):
        data = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
        for number, each in enumerate(frames):
            data += struct.pack("<IIII", 1_700_000_000 + number, 0, len(each), len(each)) + each
        path = self.folder / name
        path.write_bytes(data[:len(data) - less])
        return path

    def said(self, *words, code=0):
        done = subprocess.run([BULKHEADCTL, *map(str, words)], capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def test_what_is_not_decoded_is_said(self):
        fragments = [frame(ipv4(17, bytes(16), offset=0x2000)), frame(ipv4(17, bytes(8), offset=2))]
        capture = self.capture(QUESTIONS + fragments)
        self.assertIn(FRAGMENTS, self.said("decode", capture).stdout)
        lines = [json.loads(line) for line in self.said("decode", capture, "--format", "json").stdout.splitlines()]
        self.assertEqual(lines, [{"kind": "not_decoded", "what": "IP fragments", "frames": 2,
                                  "granted_by": "fragments: reassemble"}])
        self.assertIn("# " + FRAGMENTS, self.said("learn", capture).stdout)
        for words in (("learn", "--against", self.policy, capture),
                      ("policy", "compare", self.policy, self.policy, capture)):
            with self.subTest(words):
                done = self.said(*words, code=1)
                self.assertIn(FRAGMENTS, done.stdout)
                self.assertIn("; 2 frames were not compared", done.stdout.splitlines()[-1])
        nothing = self.said("learn", self.capture(fragments), code=1)
        self.assertIn(FRAGMENTS, nothing.stderr)

    def test_the_networks_own_frames_are_no_traffic_of_hosts(self):
        others = [frame(ipv4(2, bytes(8))), frame(bytes(46), ethertype=0x88cc)]
        capture = self.capture(QUESTIONS + others)
        done = self.said("learn", "--against", self.policy, capture)
        self.assertIn("; 2 frames were not compared", done.stdout)
        self.said("learn", "--against", self.policy, self.capture(QUESTIONS + [frame(ipv4(47, bytes(8)))]), code=1)
        done = self.said("learn", "--against", self.policy, self.capture(QUESTIONS))
        self.assertNotIn("compared", done.stdout)

    def test_vlans(self):
        capture = self.capture([frame(udp(1024, 5000), vlan=10), frame(udp(5000, 1024, PLC, HMI), vlan=10)])
        text = self.said("learn", capture).stdout
        self.assertEqual(len(re.findall(r"\{port: \d, vlan: 10, ", text)), 2, text)
        tagged = self.file("tagged.yaml", POLICY.replace("VLAN", "vlan: 10, "))
        done = self.said("policy", "compare", self.policy, tagged, capture, code=1)
        self.assertIn(f"{self.policy}: frames of zone sup have no tag, the capture's have VLAN 10", done.stdout)
        self.assertNotIn(f"{tagged}: frames", done.stdout)
        self.said("policy", "compare", tagged, tagged, capture)
        self.said("learn", "--against", tagged, capture)
        self.said("learn", "--against", self.policy, capture, code=1)

    def test_vlan_tags_that_no_appliance_lets_pass(self):
        """Two of 8100, as switches stack them that know no 88a8."""
        def stacked(outer, each):
            return each[:12] + struct.pack(">HH", outer, 100) + each[12:]
        twice = [frame(udp(1024, 5000), vlan=10), frame(udp(5000, 1024, PLC, HMI), vlan=10)]
        capture = self.capture([stacked(0x8100, each) for each in twice])
        expected = "refused by every policy: VLAN tags of 2 frames"
        done = self.said("learn", capture)
        self.assertIn("# " + expected, done.stdout)
        self.assertIn("vlan: [100, 10]", done.stdout)
        policy = self.file("twice.yaml", POLICY.replace("VLAN", "vlan: [100, 10], "))
        self.assertIn(expected, self.said("learn", "--against", policy, capture, code=1).stdout)
        capture = self.capture([stacked(0x88a8, each) for each in twice])
        self.assertNotIn("refused by every", self.said("learn", capture).stdout)
        self.assertNotIn("refused by every", self.said("learn", "--against", policy, capture).stdout)

    def test_a_capture_that_is_cut(self):
        capture = self.capture(QUESTIONS, less=7)
        for words in (("learn", capture), ("decode", capture), ("learn", "--against", self.policy, capture),
                      ("policy", "compare", self.policy, self.policy, capture)):
            with self.subTest(words):
                self.assertIn(f"{capture}: truncated", self.said(*words).stderr)
        text = self.said("learn", capture).stdout
        self.assertIn(f"# cut short: {capture}: truncated", text)
        self.assertIn("# Learned from 5 packets", text)
        lines = self.said("decode", capture, "--format", "json").stdout.splitlines()
        self.assertEqual([json.loads(line)["kind"] for line in lines], ["cut"])

    def test_nothing_is_lost_by_what_is_written(self):
        capture = self.capture(QUESTIONS)
        before = capture.read_bytes()
        os.symlink(capture, self.folder / "link.pcap")
        for out in (capture, self.folder / "link.pcap", self.folder / ".." / self.folder.name / "day.pcap"):
            with self.subTest(out):
                self.assertIn("is a capture to be read", self.said("learn", capture, "-o", out, code=2).stderr)
                self.assertEqual(capture.read_bytes(), before)
        out = self.folder / "out.yaml"
        self.assertIn("--against", self.said("learn", "--against", self.policy, capture, "-o", out, code=2).stderr)
        self.assertFalse(out.exists())

    def test_a_proposal_that_cannot_be_written_leaves_the_one_before(self):
        """As on a full disk: a file may have 100 bytes."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        out = self.file("out.yaml", "the one before")
        out.chmod(0o640)
        os.symlink(out, self.folder / "link.yaml")
        capture = self.capture(QUESTIONS)
        for path in (out, self.folder / "link.yaml"):
            done = subprocess.run([BULKHEADCTL, "learn", capture, "-o", path], capture_output=True, text=True,
                                  preexec_fn=limit)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn(f"cannot write {path}: File too large; it is as it was before", done.stderr)
            self.assertEqual(out.read_text(), "the one before")
        self.said("learn", capture, "-o", self.folder / "link.yaml")
        self.assertTrue((self.folder / "link.yaml").is_symlink())
        self.assertIn("bulkhead: v1", out.read_text())
        self.assertEqual(out.stat().st_mode & 0o777, 0o640)
        self.assertEqual(sorted(each.name for each in self.folder.iterdir()),
                         ["day.pcap", "link.yaml", "out.yaml", "p.yaml"])

    def test_an_output_that_cannot_be_written_is_said(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([BULKHEADCTL, "learn", self.capture(QUESTIONS)], stdout=full,
                                  stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 4)
        self.assertIn("could not be written", done.stderr)

    def test_a_proposal_that_grants_nothing_is_said(self):
        capture = self.capture(QUESTIONS)
        done = self.said("learn", capture, "--zone", "a=192.0.2.0/24")
        self.assertIn("has no conduit", done.stderr)
        self.assertIn("# in no zone, and not learned: 10.10.0.20\n# in no zone, and not learned: 10.20.0.10\n",
                      done.stdout)
        self.assertEqual(self.said("learn", capture).stderr, "")

    def test_json_is_a_line_an_object(self):
        capture = self.capture(QUESTIONS)
        out = self.folder / "out.yaml"
        written = json.loads(self.said("learn", capture, "-o", out, "--format", "json").stdout)
        printed = json.loads(self.said("learn", capture, "--format", "json").stdout)
        self.assertEqual((written.pop("file"), printed.pop("policy")), (str(out), out.read_text()))
        self.assertEqual(written, printed)
        self.assertEqual(printed["to_review"], 1)
        shown = json.loads(self.said("policy", "format", "--show", self.policy, "--format", "json").stdout)
        self.assertEqual(shown["text"], self.said("policy", "format", "--show", self.policy).stdout)

    def test_a_scan_is_no_traffic(self):
        """RFC 793, 3.4: SYN, and RST with ACK."""
        def tcp(port, flags, back=False):
            ports = (port, 40000) if back else (40000, port)
            ends = (PLC, HMI) if back else (HMI, PLC)
            return frame(ipv4(6, struct.pack(">HHIIBBHHH", *ports, 1, 1, 0x50, flags, 1024, 0, 0), *ends))
        scan = [each for port in range(9000, 9040) for each in (tcp(port, 0x02), tcp(port, 0x14, back=True))]
        capture = self.capture(QUESTIONS + scan + [tcp(9050, 0x02), tcp(9050, 0x12, back=True)])
        text = self.said("learn", capture).stdout
        self.assertEqual(re.findall(r"service: (\w+/\d+)", text), ["tcp/9050", "udp/5000"])
        self.assertIn("# never opened, and not learned: 10.20.0.10 to 10.10.0.20, TCP 9000, 9001,", text)
        done = self.said("learn", "--against", self.policy, capture, "--format", "json", code=1)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        opened = {line["port"]: line["opened"] for line in lines if line["kind"] == "not_granted"}
        self.assertEqual(opened, {port: False for port in range(9000, 9040)} | {9050: True})
        self.assertIn("tcp/9000: no_rule, once, never opened\n",
                      self.said("learn", "--against", self.policy, capture, code=1).stdout)

    def test_standard_input_and_what_is_compressed(self):
        """RFC 1952"""
        data = self.capture(QUESTIONS).read_bytes()
        for words in (("learn", "-"), ("decode", "-"), ("policy", "compare", self.policy, self.policy, "-")):
            done = subprocess.run([BULKHEADCTL, *map(str, words)], input=data, capture_output=True)
            self.assertEqual(done.returncode, 0, done.stderr)
        path = self.folder / "day.pcap.gz"
        path.write_bytes(gzip.compress(data))
        self.assertIn("it is compressed; `zcat` it", self.said("learn", path, code=4).stderr)
        path.write_bytes(b"no capture")
        self.assertNotIn("compressed", self.said("learn", path, code=4).stderr)

    def test_frames_that_were_recorded_in_part(self):
        """tcpdump -s 40"""
        capture = self.capture(QUESTIONS)
        data = capture.read_bytes()
        cut, at = data[:24], 24
        while at < len(data):
            seconds, fraction, length, wire = struct.unpack("<IIII", data[at:at + 16])
            cut += struct.pack("<IIII", seconds, fraction, 40, wire) + data[at + 16:at + 56]
            at += 16 + length
        capture.write_bytes(cut)
        expected = "frames recorded in part, 6 frames; record whole ones, as `tcpdump -s 0` does"
        self.assertIn(expected, self.said("learn", capture, code=1).stderr)
        self.assertIn(expected, self.said("decode", capture).stdout)
        self.assertIn(expected, self.said("learn", "--against", self.policy, capture, code=1).stdout)

    def test_words_that_would_not_compile_are_refused(self):
        capture = self.capture(QUESTIONS)
        for words, reason in ((("--zone", "x y=10.20.0.0/24"), "the name `x y`"),
                              (("--zone", "a" * 65 + "=10.20.0.0/24"), "1 to 64 letters"),
                              (("--zone", "a=10.20.0.0/24", "--zone", "a=10.10.0.0/24"), "a is named twice"),
                              (("--zone", "a=10.20.0.0/24", "--zone", "b=10.10.0.0/24,10.20.0.0/24"),
                               "a and b have the same network"),
                              (("--site", "a b"), "the name `a b`"),
                              (("--as", "modbus=502x"), "not modbus=502x"),
                              (("--as", "modbus=65536"), "not modbus=65536"),
                              (("--as", "modbus="), "not modbus=")):
            with self.subTest(words):
                self.assertIn(reason, self.said("learn", capture, *words, code=2).stderr)
        self.said("learn", capture, "--zone", "a" * 64 + "=10.20.0.0/24", "--zone", "b=10.10.0.0/24", "--as",
                  "modbus=65535")

    def test_sessions_go_on_in_the_next_capture(self):
        first = self.capture(QUESTIONS[:1], name="1.pcap")
        second = self.capture(QUESTIONS[1:2], name="2.pcap")
        done = self.said("learn", "--against", self.policy, first, second)
        self.assertIn("0 never used, kinds of traffic: 0 not granted", done.stdout)


if __name__ == "__main__":
    outcome.run(needs_root=False, arguments=sys.argv[2:])
