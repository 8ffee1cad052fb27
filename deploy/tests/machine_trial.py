"""The machine, its plant and its management host, and what is known of the policies that were committed."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/lab"))
from debian import packages_of  # noqa: E402
from lab import HMI, HMI_MAC, PLC, PLC_MAC, LabError, run  # noqa: E402
from machine_disk import Disk  # noqa: E402
from machine_guest import PATIENCE_S, Guest  # noqa: E402
from machine_image import MANAGEMENT, PACKAGES, Image  # noqa: E402
from machine_plant import ZONES, Plant, strays  # noqa: E402

FIRST_ADDRESS = 100  # policy N grants the reading of register 100 + N
UNREACHABLE = 3  # bulkheadctl's exit code
SLACK_S = 1.5  # a frame that a policy granted is seen a little later
POLICY = """bulkhead: v1
site: water-works
zones:
  supervision: {{target: SL2, port: 0, networks: [10.20.0.0/24]}}
  control: {{target: SL3, port: 1, networks: [10.10.0.0/24]}}
assets:
  hmi: {{zone: supervision, address: {hmi}, mac: "{hmi_mac}"}}
  plc1: {{zone: control, address: {plc}, mac: "{plc_mac}"}}
conduits:
  scada:
    from: supervision
    to: control
    on_deny: reject
    allow:
      - {{protocol: modbus, client: hmi, server: plc1, functions: [read_holding_registers], where: {{
          unit: 1, address: {address}}}}}
"""


class Failed(Exception):
    """What is not as it should be."""


def expect(good, what):
    if not good:
        raise Failed(what)


def address_of(policy):
    return FIRST_ADDRESS + policy


class Trial:
    """The machine, its plant, and what is known of its policies."""

    def __init__(self, words, folder, tell):
        self.words, self.folder, self.tell = words, folder, tell
        self.image = Image(folder, words.release, tell)
        self.plant = Plant(folder, f"bhm{os.getpid()}")
        self.chance = random.Random(words.seed)
        self.disk = self.guest = self.child = None
        self.committed, self.asked = None, None  # acknowledged; the last one that was asked for
        self.spans = []  # [address, since when it may be read, until when]
        self.on = self.commit_s = 0.0
        self.figures = {"release": words.release, "nic": words.nic, "accelerator": words.accel,
                        "seed": words.seed, "cuts": []}

    # --- before and after ------------------------------------------------------------------------
    def prepare(self):
        debs = packages_of(self.words.packages, self.words.release, PACKAGES)
        self.figures["packages"] = [deb.name for deb in debs]
        self.image.make(debs)
        # The root goes on as the management host's.
        run("dpkg-deb", "-x", debs[1], self.image.root)
        path = self.folder / "disk.sock"
        self.disk = Disk(self.image.disk, path, self.words.seed)
        self.plant.up()
        spaces = [self.plant.ns(name) for name in (*ZONES, "mgt")]
        self.guest = Guest(self.folder, self.image, path, spaces, self.words)

    def clean_up(self):
        self.abandon_commit()
        if self.guest is not None:
            self.guest.cut()
        self.plant.down()
        if self.disk is not None:
            self.disk.await_cut()
            self.disk.close()
        if self.words.keep:
            self.tell(f"kept: {self.folder}")
            return
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- the management host -----------------------------------------------------------------------
    def ctl_words(self, *words):
        return ["ip", "netns", "exec", self.plant.ns("mgt"), "chroot", str(self.image.root), "bulkheadctl",
                "--server", f"{MANAGEMENT}:7443", "--pki", "/root/authority", *words]

    def ctl(self, *words, check=True, timeout=300):
        return run(*self.ctl_words(*words), check=check, timeout=timeout)

    def ctl_json(self, *words):
        """The management network may come later than enforcement does."""
        deadline = time.monotonic() + PATIENCE_S
        done = self.ctl(*words, "--format", "json", check=False)
        while done.returncode == UNREACHABLE and time.monotonic() < deadline:
            time.sleep(1)
            done = self.ctl(*words, "--format", "json", check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        expect(lines, f"`bulkheadctl {' '.join(words)}` said nothing: {done.stderr.strip()[-400:]}")
        return lines

    def write_policy(self, policy):
        text = POLICY.format(hmi=HMI, hmi_mac=HMI_MAC, plc=PLC, plc_mac=PLC_MAC, address=address_of(policy))
        (self.image.root / "root/policy.yaml").write_text(text)

    def begin_commit(self, policy):
        """The process that pushes and commits it."""
        self.write_policy(policy)
        self.asked = policy
        self.spans.append([address_of(policy), time.time(), float("inf")])
        words = self.ctl_words("push", "/root/policy.yaml", "--comment", str(policy), "--commit")
        with open(self.folder / "commit.log", "wb") as log:
            self.child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          process_group=0)
        return self.child

    def said_by_commit(self):
        return (self.folder / "commit.log").read_text(errors="replace").strip()

    def end_commit(self, child):
        expect(child.returncode == 0,
               f"the commit of policy {self.asked} failed: {self.said_by_commit()[-600:]}")
        self.committed = self.asked
        for span in self.spans[:-1]:
            span[2] = min(span[2], time.time() + SLACK_S)

    def commit(self, policy):
        began = time.monotonic()
        child = self.begin_commit(policy)
        child.wait(timeout=PATIENCE_S)
        self.end_commit(child)
        self.commit_s = time.monotonic() - began

    def abandon_commit(self):
        """Its process; whether it was done is another question."""
        if self.child is not None and self.child.poll() is None:
            os.kill(self.child.pid, signal.SIGKILL)
            self.child.wait()

    # --- what is in force ----------------------------------------------------------------------------
    def window(self, *policies):
        self.plant.ask_for(*(address_of(each) for each in policies))

    def await_answer(self, since, seconds=PATIENCE_S, granted=None):
        """The address that is answered, and when the first answer came after a time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for each in self.plant.news("hmi"):
                wanted = granted is None or each["address"] == address_of(granted)
                if each["kind"] == "ok" and each["time"] >= since and wanted:
                    return each["address"], each["time"]
            expect(self.guest.is_on(), "the emulator ended")
            time.sleep(0.1)
        raise Failed(f"nothing was answered within {seconds} s; the guest says:\n{self.words_of_guest()}")

    def await_refusal(self, policy, seconds=PATIENCE_S):
        since, deadline = time.time(), time.monotonic() + seconds
        while time.monotonic() < deadline:
            for each in self.plant.news("hmi"):
                if each["address"] != address_of(policy) or each["time"] < since + SLACK_S:
                    continue
                expect(each["kind"] != "ok", f"policy {policy} is not in force, and what it grants passed")
                if each["kind"] == "refused":
                    return
            time.sleep(0.1)
        raise Failed(f"what policy {policy} grants was not refused within {seconds} s")

    def words_of_guest(self):
        """What it says for itself, where it still speaks."""
        with contextlib.suppress(LabError, TimeoutError):
            return self.guest.run("systemctl --no-pager status bulkhead-dataplane bulkheadd; "
                                  "journalctl -b -q --no-pager -n 40", 300, check=False)
        return self.guest.console_end()

    def check_frames(self, when):
        """All that has come out of the machine since the last time."""
        frames = {zone: self.plant.news(f"watch-{zone}") for zone in ZONES}
        for zone in ZONES:
            wrong = strays(frames[zone], self.spans)
            expect(not wrong, f"{when}: {len(wrong)} frames came into {zone} that no policy in force grants, "
                              f"the first: {wrong[:1]}; policies: {self.spans}")
        return frames

    def check_status(self, policy):
        """History, status and traffic are of one mind."""
        revisions = self.ctl_json("history")
        active = [each for each in revisions if each["active"]]
        expect(len(active) == 1, f"{len(active)} revisions are active")
        expect(active[0].get("comment") == str(policy),
               f"policy {policy} is answered, revision {active[0]} is active")
        (status,) = self.ctl_json("status")
        expect(not status["problem"], f"status: {status['problem']}")
        expect(status["policy_sha256"] == active[0]["sha256"], "another policy is enforced than is active")

    # --- power ---------------------------------------------------------------------------------------
    def power_on(self, late=()):
        self.check_frames("before power-on")
        self.on = self.guest.power_on(late)

    def cut(self):
        self.guest.cut()
        return self.disk.await_cut()

    def times_of_start(self):
        """Seconds from power-on, by the guest's journal."""
        ahead, wrong = self.guest.clock_difference()
        journal = {unit: self.guest.journal(unit) for unit in ("bulkhead-dataplane", "bulkheadd")}

        def first(unit, text):
            return next((at - ahead - self.on for at, line in journal[unit] if text in line), None)

        # Of the serial port it is known from the first line on when the kernel began.
        uptime = float(self.guest.run("cut -d ' ' -f 1 /proc/uptime"))
        return {"kernel": time.time() - uptime - self.on,
                "dataplane_begins": first("bulkhead-dataplane", "nothing passes until"),
                "agent_connected": first("bulkhead-dataplane", "agent connected"),
                "in_force": first("bulkhead-dataplane", "in force"), "clock_error": wrong}
