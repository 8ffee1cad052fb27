"""A pipeline in memory (bulkhead-gate) with a policy, and a real server's own account of what it did."""

import ctypes
import json
import os
import select
import signal
import subprocess
import time


class Gate:
    """One session at a time. Octets in, what left and what it was judged to be out."""

    def __init__(self, build, policy, protocol, client, server, port=0, udp=False):
        words = [str(build / "bin/bulkhead-gate"), "--policy", str(policy), "--protocol", protocol,
                 "--client", client, "--server", server]
        if port:
            words += ["--port", str(port)]
        if udp:
            words.append("--udp")
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def _line(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        while True:
            told = self.process.stdout.readline()
            if not told:
                raise RuntimeError("bulkhead-gate ended")
            if told.startswith(("{", "null")):
                return json.loads(told)

    def open(self):
        return self._line("open")

    def client_says(self, octets):
        return self._line("c " + bytes(octets).hex())

    def server_says(self, octets):
        return self._line("s " + bytes(octets).hex())

    def end(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Receiver:
    """A real server in a process of its own. It writes a line of JSON for each thing that it does."""

    def __init__(self, words, env=None, cwd=None):
        self.words = [str(word) for word in words]
        self.env = {**os.environ, **(env or {})}
        self.cwd = cwd
        self.starts = 0
        self.process = None
        self.start()

    def start(self):
        self.starts += 1
        self.rest = b""
        self.process = subprocess.Popen(self.words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL,
                                        env=self.env, cwd=self.cwd,
                                        preexec_fn=die_with_parent)
        os.set_blocking(self.process.stdout.fileno(), False)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            for line in self.did(0.2):
                if "listening" in line:
                    return
            if self.process.poll() is not None:
                break
        raise RuntimeError(f"{self.words} does not listen")

    def alive(self):
        return self.process.poll() is None

    def did(self, wait_s=0.0):
        """The lines since the last time."""
        if wait_s:
            select.select([self.process.stdout], [], [], wait_s)
        while True:
            try:
                more = os.read(self.process.stdout.fileno(), 65536)
            except BlockingIOError:
                break
            if not more:
                break
            self.rest += more
        *lines, self.rest = self.rest.split(b"\n")
        return [json.loads(line) for line in lines if line.startswith(b"{")]

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
