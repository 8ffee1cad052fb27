"""The disk of the machine's test loses what was not flushed and nothing else, and its eye on frames sees what
no policy grants: without these, no cut would prove anything.

usage: machine_test.py [unittest arguments]
"""

import socket
import struct
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
import machine_disk as nbd  # noqa: E402
from machine_guest import GuestFailed, choose_accelerator, why_not_kvm  # noqa: E402
from machine_plant import (HMI, HMI_MAC, PLC, PLC_MAC, ROGUE, ROGUE_MAC, ipv4,  # noqa: E402
                           mac_bytes, read_frame, strays)

BLOCKS = 16


class Machine:
    """The emulator's end of the disk."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.take(18)
        self.socket.sendall(struct.pack(">I", 3))
        self.socket.sendall(struct.pack(">QIIIH", nbd.OPTION_MAGIC, nbd.OPT_GO, 6, 0, 0))
        self.take(20 + 12)  # the export
        self.take(20)       # that it is the whole answer

    def take(self, length):
        return nbd.take(self.socket, length)

    def ask(self, kind, offset=0, length=0, data=b"", flags=0):
        self.socket.sendall(struct.pack(">IHHQQI", nbd.REQUEST_MAGIC, flags, kind, 7, offset,
                                        len(data) or length) + data)
        if kind == nbd.DISCONNECT:
            return b""
        magic, error, handle = struct.unpack(">IIQ", self.take(16))
        assert (magic, handle) == (nbd.SIMPLE_REPLY, 7)
        if error:
            raise OSError(error, "refused")
        return self.take(length) if kind == nbd.READ else b""

    def write(self, block, letter, flags=0):
        self.ask(nbd.WRITE, block * nbd.BLOCK, data=letter * nbd.BLOCK, flags=flags)


class LosesAll:
    def random(self):
        return 0.0


class DiskTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.image = Path(folder.name) / "image"
        self.image.write_bytes(b"." * nbd.BLOCK * BLOCKS)
        self.path = Path(folder.name) / "socket"
        self.disk = nbd.Disk(self.image, self.path, 1)
        self.addCleanup(self.disk.close)
        self.disk.chance = LosesAll()
        self.power_on()

    def power_on(self):
        self.machine = Machine(self.path)
        self.addCleanup(self.machine.socket.close)

    def cut(self):
        self.machine.socket.close()
        return self.disk.await_cut()

    def blocks(self):
        data = self.image.read_bytes()
        return "".join(chr(data[at]) for at in range(0, len(data), nbd.BLOCK))

    def test_what_is_not_flushed_is_lost_and_what_is_flushed_stays(self):
        self.machine.write(1, b"a")
        self.machine.ask(nbd.FLUSH)
        self.machine.write(1, b"b")
        self.machine.write(2, b"c")
        self.assertEqual(self.machine.ask(nbd.READ, nbd.BLOCK, 2 * nbd.BLOCK),
                         b"b" * nbd.BLOCK + b"c" * nbd.BLOCK)
        self.assertEqual(self.cut(), (2, 2))
        self.assertEqual(self.blocks(), ".a" + "." * 14)

    def test_what_was_forced_stays_with_what_is_lost_around_it(self):
        self.machine.write(3, b"a")
        self.machine.ask(nbd.WRITE, 3 * nbd.BLOCK + 512, data=b"f" * 512, flags=nbd.COMMAND_FUA)
        self.machine.write(4, b"g", nbd.COMMAND_FUA)
        self.assertEqual(self.cut(), (1, 1))
        data = self.image.read_bytes()[3 * nbd.BLOCK:5 * nbd.BLOCK]
        self.assertEqual(data, b"." * 512 + b"f" * 512 + b"." * (nbd.BLOCK - 1024) + b"g" * nbd.BLOCK)

    def test_an_orderly_end_loses_nothing(self):
        self.machine.write(1, b"a")
        self.machine.ask(nbd.DISCONNECT)
        self.assertEqual(self.cut(), (1, 0))
        self.assertEqual(self.blocks(), ".a" + "." * 14)

    def test_chance_keeps_some(self):
        self.disk.chance = nbd.random.Random(3)
        for block in range(BLOCKS):
            self.machine.write(block, b"a")
        unflushed, lost = self.cut()
        self.assertEqual(unflushed, BLOCKS)
        self.assertTrue(0 < lost < BLOCKS)
        self.assertEqual(self.blocks().count("."), lost)

    def test_another_machine_follows(self):
        self.machine.write(1, b"a")
        self.cut()
        self.power_on()
        self.assertEqual(self.machine.ask(nbd.READ, nbd.BLOCK, 4), b"....")

    def test_beyond_the_end_is_refused(self):
        with self.assertRaises(OSError):
            self.machine.ask(nbd.READ, nbd.BLOCK * BLOCKS - 1, 2)
        with self.assertRaises(OSError):
            self.machine.write(BLOCKS, b"a")


def tcp(source, target, ports, data=b"", flags=0x18):
    words = struct.pack(">HHIIBBHHH", *ports, 1, 1, 0x50, flags, 8192, 0, 0)
    return ipv4(socket.inet_aton(source), socket.inet_aton(target), 6, words + data)


def ethernet(source, kind, data):
    return (mac_bytes(PLC_MAC) + mac_bytes(source) + struct.pack(">H", kind) + data).ljust(60, b"\0")


# Modbus AP 6.3: read holding register 105 of unit 1.
READ_105 = bytes.fromhex("000100000006 01 03 0069 0001".replace(" ", ""))


class FramesTest(unittest.TestCase):
    ROWS = [
        ("a request", ethernet(HMI_MAC, 0x0800, tcp(HMI, PLC, (40000, 502), READ_105)), "request"),
        ("its segment of no data, padded", ethernet(HMI_MAC, 0x0800, tcp(HMI, PLC, (40000, 502))), "tcp"),
        ("what comes back", ethernet(PLC_MAC, 0x0800, tcp(PLC, HMI, (502, 40000), b"answer")), "answer"),
        ("a write", ethernet(HMI_MAC, 0x0800, tcp(HMI, PLC, (40000, 502),
                                                  READ_105[:7] + b"\x06" + READ_105[8:])), "other"),
        ("two requests", ethernet(HMI_MAC, 0x0800, tcp(HMI, PLC, (40000, 502), READ_105 * 2)), "other"),
        ("another port", ethernet(HMI_MAC, 0x0800, tcp(HMI, PLC, (40000, 503), READ_105)), "other"),
        ("another host", ethernet(HMI_MAC, 0x0800, tcp(ROGUE, PLC, (40000, 502))), "other"),
        ("a refusal", ethernet(PLC_MAC, 0x0800, tcp(PLC, ROGUE, (502, 40000), flags=0x14)), "refusal"),
        ("no refusal", ethernet(PLC_MAC, 0x0800, tcp(PLC, ROGUE, (502, 40000), flags=0x12)), "other"),
        ("a rogue's", ethernet(ROGUE_MAC + "1", 0x0800, tcp(HMI, PLC, (40000, 502))), "rogue"),
        ("spanning tree", ethernet("02:00:00:00:99:01", 38, b"\x42\x42\x03"), "other"),
    ]

    def test_each_kind(self):
        for what, frame, kind in self.ROWS:
            self.assertEqual(read_frame(frame)["kind"], kind, what)
        self.assertEqual(read_frame(self.ROWS[0][1])["address"], 105)

    def test_what_no_policy_grants_is_a_stray(self):
        spans = [[104, 0, 20], [105, 10, float("inf")]]

        def request(address, time):
            return {"kind": "request", "address": address, "time": time}

        right = [request(104, 5), request(104, 15), request(105, 15), request(105, 25),
                 {"kind": "tcp", "time": 1}, {"kind": "arp", "time": 1}, {"kind": "answer", "time": 1}]
        self.assertEqual(strays(right, spans), [])
        for wrong in (request(105, 9), request(104, 21), request(106, 15), {"kind": "rogue", "time": 15},
                      {"kind": "other", "time": 15}):
            self.assertEqual(len(strays([*right, wrong], spans)), 1, wrong)
        self.assertEqual(len(strays([{"kind": "arp", "time": 1}], [[104, 2, 20]])), 1, "no policy yet")


class AcceleratorTest(unittest.TestCase):
    def test_kvm_where_it_works(self):
        for wanted, why_not, chosen, said in (
                ("auto", "", "kvm", "with KVM"), ("kvm", "", "kvm", "with KVM"),
                ("auto", "no", "tcg", "emulated (no)"), ("tcg", "", "tcg", "emulated")):
            self.assertEqual(choose_accelerator(wanted, why_not), (chosen, said))
        with self.assertRaises(GuestFailed):
            choose_accelerator("kvm", "no")

    def test_what_does_not_run_a_guest(self):
        with tempfile.TemporaryDirectory() as folder:
            modules = Path(folder)
            (modules / "kvm_pvm").mkdir()
            self.assertEqual(why_not_kvm("/dev/kvm", modules), "neither kvm_intel nor kvm_amd is loaded")
            (modules / "kvm_intel").mkdir()
            self.assertEqual(why_not_kvm("/nonexistent", modules),
                             "/nonexistent: No such file or directory")
            self.assertEqual(why_not_kvm("/dev/null", modules), "/dev/null: Inappropriate ioctl for device")


if __name__ == "__main__":
    unittest.main(verbosity=2)
