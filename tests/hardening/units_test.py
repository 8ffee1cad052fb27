"""The units: what systemd says of their exposure, that it reads them without complaint, and that its
filter of system calls lets through what the daemons' own filter does.

usage: units_test.py [unittest arguments]
Needs systemd-analyze (not a running systemd); skipped without it.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "deploy/systemd"
DATAPLANE, AGENT = UNITS / "bulkhead-dataplane.service", UNITS / "bulkheadd.service"
# systemd's own measure, from 0 (safe) to 10; what it is today in deploy/systemd/README.md.
EXPOSURE_MAX = {DATAPLANE.name: 2.2, AGENT.name: 1.7}
EXPOSURE_MAX_VFIO = 1.7
NEWER_KEYS = ("RestartSteps", "RestartMaxDelaySec")  # of systemd 254


def analyze(*words):
    done = subprocess.run(["systemd-analyze", "--no-pager", *words], capture_output=True, text=True)
    return done.stdout + done.stderr


def exposure(*words):
    return float(re.search(r"Overall exposure level.*: ([\d.]+)", analyze(
        "security", "--offline=yes", *words)).group(1))


def values(unit, key):
    return re.findall(rf"^{key}=(.*)$", unit.read_text(), re.MULTILINE)


def calls_of(words):
    """Names of calls, those of sets in place of the sets."""
    calls = set()
    for word in words:
        if word.startswith("@"):
            lines = analyze("syscall-filter", word).splitlines()[1:]
            calls |= calls_of(line.strip() for line in lines
                              if re.fullmatch(r" +@?[a-z0-9_-]+", line))
        else:
            calls.add(word)
    return calls


def admitted(unit):
    """By the unit's filter, whose lines are applied in order."""
    calls = set()
    for line in values(unit, "SystemCallFilter"):
        if line.startswith("~"):
            calls -= calls_of(line[1:].split())
        else:
            calls |= calls_of(line.split())
    return calls


def allowed_by_daemons():
    text = (ROOT / "dataplane/daemon/calls.cpp").read_text()
    listed = text.split("kAllowed =")[1].split(";\n\n")[0]
    return {name for quoted in re.findall(r'"([^"]*)"', listed) for name in quoted.split()}


class Units(unittest.TestCase):
    def test_exposure_is_low(self):
        for unit in (DATAPLANE, AGENT):
            found = exposure(unit)
            print(f"{unit.name}: exposure {found}", flush=True)
            self.assertLessEqual(found, EXPOSURE_MAX[unit.name])

    def test_exposure_on_vfio_is_lower(self):
        with tempfile.TemporaryDirectory() as root:
            folder = Path(root) / "etc/systemd/system"
            (folder / f"{DATAPLANE.name}.d").mkdir(parents=True)
            shutil.copy(DATAPLANE, folder)
            shutil.copy(UNITS / "vfio.conf", folder / f"{DATAPLANE.name}.d")
            found = exposure(f"--root={root}", DATAPLANE.name)
        print(f"{DATAPLANE.name} with vfio.conf: exposure {found}", flush=True)
        self.assertLessEqual(found, EXPOSURE_MAX_VFIO)

    def test_systemd_reads_them(self):
        for unit in (DATAPLANE, AGENT):
            wrong = [line for line in analyze("verify", "--man=no", str(unit)).splitlines()
                     if "bulkhead" in line and "is not executable" not in line and
                     not any(f"'{key}'" in line for key in NEWER_KEYS)]
            self.assertEqual(wrong, [])

    def test_filters_admit_what_daemons_call(self):
        known = calls_of(["@known"])
        needed = allowed_by_daemons() | {"capset", "clone", "execve", "mmap", "mprotect", "prctl",
                                         "prlimit64", "seccomp", "socket", "tgkill"}
        self.assertGreater(len(needed), 150)
        for unit in (DATAPLANE, AGENT):
            self.assertEqual(sorted((needed & known) - admitted(unit)), [], unit.name)
        self.assertNotIn("bpf", admitted(DATAPLANE), "af-xdp.conf adds it")
        self.assertNotIn("ptrace", admitted(DATAPLANE) | admitted(AGENT))

    def test_a_stuck_or_ended_daemon_is_started_again(self):
        for unit in (DATAPLANE, AGENT):
            self.assertEqual(values(unit, "Type"), ["notify"])
            self.assertTrue(values(unit, "WatchdogSec"))
            self.assertEqual(values(unit, "Restart"), ["always"])
            self.assertEqual(values(unit, "StartLimitIntervalSec"), ["0"], "it never gives up")
        self.assertEqual(values(AGENT, "CapabilityBoundingSet"), [""])
        after = " ".join(values(AGENT, "After"))
        self.assertFalse("network" in after or "dataplane" in after, "it waits for neither")
        pulled = [key for key in ("Wants", "Requires", "BindsTo", "Upholds") if values(AGENT, key)]
        self.assertEqual(pulled, [], "a restart of the agent opens ports that somebody has closed")


if __name__ == "__main__":
    if shutil.which("systemd-analyze") is None:
        print("SKIPPED: systemd-analyze is not there")
        sys.exit(77)
    unittest.main(verbosity=2)
