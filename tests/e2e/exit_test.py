"""How programs end. bulkheadctl: without destructors of static objects, which gRPC's threads may still
use, and never as done where its output was lost. The data plane: without leaving a folder of DPDK's.

usage: exit_test.py BUILD [unittest arguments]
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import outcome  # noqa: E402

BIN = Path(sys.argv[1]).resolve() / "bin"
FILE_FAILED, UNREACHABLE = 4, 3


def ctl(*words, **options):
    return subprocess.run([BIN / "bulkheadctl", *words], text=True, timeout=60, **options)


def ends(program, *words):
    """Its exit code, and whether the dynamic linker ran the destructors of what it had loaded."""
    done = subprocess.run([BIN / program, *words], env={**os.environ, "LD_DEBUG": "files"}, text=True,
                          timeout=60, capture_output=True)
    assert "calling init" in done.stderr, "the dynamic linker says nothing"
    return done.returncode, "calling fini" in done.stderr


class Exit(unittest.TestCase):
    def test_no_destructor_of_a_static_object_runs(self):
        self.assertEqual(ends("bulkhead-replay", "--version"), (0, True), "as any program")
        self.assertEqual(ends("bulkheadctl", "--version"), (0, False))
        self.assertEqual(ends("bulkheadctl", "protocols", "modbus"), (0, False))
        self.assertEqual(ends("bulkheadctl", "no_such_command"), (2, False))

    def test_nor_while_grpc_has_threads(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket() as nobody:
            pki = Path(folder) / "pki"
            ctl("pki", "init", pki, check=True, stdout=subprocess.DEVNULL)
            nobody.bind(("127.0.0.1", 0))  # it does not listen
            server = f"127.0.0.1:{nobody.getsockname()[1]}"
            self.assertEqual(ends("bulkheadctl", "--pki", pki, "--server", server, "status"),
                             (UNREACHABLE, False))

    def test_output_that_is_lost_is_told(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            self.assertEqual(ctl("protocols", stdout=full).returncode, FILE_FAILED)
        self.assertEqual(ctl("protocols", stdout=subprocess.DEVNULL).returncode, 0)


class Folders(unittest.TestCase):
    """DPDK keeps one for each process, /run/dpdk/PREFIX of root."""

    def start(self):
        socket_path = self.folder / "dataplane.sock"
        socket_path.unlink(missing_ok=True)
        process = subprocess.Popen(
            [BIN / "bulkhead-dataplane", "--port", "net_null0", "--port", "net_null1", "--workers",
             "1", "--huge-pages", "no", "--memory-mib", "128", "--buffers", "1024", "--flows", "512",
             "--socket", socket_path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (process.kill(), process.wait()))
        end = time.monotonic() + 30
        while not socket_path.exists():
            self.assertIsNone(process.poll(), "it does not start")
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        return process, Path(f"/run/dpdk/bulkhead{process.pid}")

    def test_none_stays_of_a_process_that_has_gone(self):
        if os.geteuid() != 0:
            self.skipTest("the folder of other users is elsewhere")
        with tempfile.TemporaryDirectory() as folder:
            self.folder = Path(folder)
            killed, left = self.start()
            self.assertTrue(left.is_dir())
            killed.kill()
            killed.wait()
            self.assertTrue(left.is_dir(), "nobody has cleared it away yet")
            ended, own = self.start()
            self.assertFalse(left.exists())
            self.assertTrue(own.is_dir())
            ended.send_signal(signal.SIGTERM)
            self.assertEqual(ended.wait(30), 0)
            self.assertFalse(own.exists())


outcome.run(needs_root=False)
