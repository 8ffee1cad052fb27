"""The machine: QEMU, with KVM where it works, two PCI network cards behind an IOMMU for the zones and one for
management, a serial console, and a second serial port on which the guest carries out commands."""

import base64
import contextlib
import ctypes
import fcntl
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/lab"))
from lab import LabError, wait_until  # noqa: E402
from machine_image import MANAGEMENT_MAC  # noqa: E402

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000
# Each zone's card has a PCIe port of its own, so that it can come late, and an IOMMU group of its own.
ZONE_PCI = ("0000:01:00.0", "0000:02:00.0")
ZONE_MACS = ("02:00:00:00:99:01", "02:00:00:00:99:02")
# An emulated machine on a host with other work is slow: longer than anything takes there.
PATIENCE_S = 1500
KVM_GET_API_VERSION, KVM_CREATE_VM, KVM_CREATE_VCPU = 0xAE00, 0xAE01, 0xAE41  # linux/kvm.h
KVM_API_VERSION = 12
KVM_OF_PROCESSORS = ("kvm_intel", "kvm_amd")
# Interrupt remapping wants the IOAPIC in the emulator.
ACCELERATORS = {"kvm": "kvm,kernel-irqchip=split", "tcg": "tcg,thread=multi"}


class GuestFailed(LabError):
    """The guest, or the emulator, did not do what it was told."""


def tap_in(namespace):
    """A descriptor of the tap eth0 in a network namespace; setns() holds for the calling thread alone."""
    result = []

    def open_it():
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/run/netns/{namespace}", "rb") as wanted:
            if libc.setns(wanted.fileno(), CLONE_NEWNET) != 0:
                result.append(OSError(ctypes.get_errno(), f"setns {namespace}"))
                return
        try:
            tap = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
            # Without a header: the kernel computes the checksums of its frames itself.
            fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"eth0", IFF_TAP | IFF_NO_PI))
            result.append(tap)
        except OSError as error:
            result.append(error)

    thread = threading.Thread(target=open_it)
    thread.start()
    thread.join()
    if isinstance(result[0], OSError):
        raise GuestFailed(f"the tap in {namespace} cannot be opened: {result[0]}")
    return result[0]


def why_not_kvm(device="/dev/kvm", modules=Path("/sys/module")):
    """Empty where this host's processor runs a guest."""
    if not any((modules / name).is_dir() for name in KVM_OF_PROCESSORS):
        # Kvm_pvm has the device too, and hardly a step of a kernel that is not made for it.
        return "neither kvm_intel nor kvm_amd is loaded"
    descriptors = []
    try:
        descriptors.append(os.open(device, os.O_RDWR | os.O_CLOEXEC))
        version = fcntl.ioctl(descriptors[0], KVM_GET_API_VERSION, 0)
        if version != KVM_API_VERSION:
            return f"{device} has version {version}, not {KVM_API_VERSION}"
        descriptors.append(fcntl.ioctl(descriptors[0], KVM_CREATE_VM, 0))
        descriptors.append(fcntl.ioctl(descriptors[1], KVM_CREATE_VCPU, 0))
        return ""
    except OSError as error:
        return f"{device}: {error.strerror}"
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def choose_accelerator(wanted, why_not):
    """`wanted`: auto, kvm or tcg. The accelerator, and what is said about it."""
    if wanted == "tcg" or (wanted == "auto" and why_not):
        return "tcg", "emulated" + (f" ({why_not})" if wanted == "auto" else "")
    if why_not:
        raise GuestFailed(f"--accel kvm: {why_not}")
    return "kvm", "with KVM"


class Guest:
    """`namespaces`: of zone 0, zone 1 and management; a tap eth0 stands in each. `words`: the options."""

    def __init__(self, folder, image, disk_path, namespaces, words):
        self.folder, self.image, self.disk_path = Path(folder), image, disk_path
        self.namespaces, self.nic, self.niceness = namespaces, words.nic, words.nice
        self.cpus, self.memory_mib, self.cpu_model = words.cpus, words.memory_mib, words.cpu
        self.accelerator = ACCELERATORS[words.accel]
        self.process = self.shell = self.monitor = None
        self.number = 0
        self.console = self.folder / "console.log"

    # --- power -----------------------------------------------------------------------------------
    def power_on(self, late=()):
        """`late`: zones whose card is not there yet. Returns the time."""
        for name in ("shell.sock", "monitor.sock"):
            (self.folder / name).unlink(missing_ok=True)
        taps = [tap_in(namespace) for namespace in self.namespaces]
        with open(self.folder / "qemu.log", "ab") as log:
            self.process = subprocess.Popen(self._words(taps, late), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, pass_fds=taps, start_new_session=True)
        if self.niceness:
            Path(f"/proc/{self.process.pid}/autogroup").write_text(str(self.niceness))
        began = time.time()
        for tap in taps:
            os.close(tap)  # with the emulator goes the carrier
        self.monitor = self._connect("monitor.sock")
        self._qmp("qmp_capabilities", greeting=True)
        self.shell = self._connect("shell.sock")
        return began

    def _words(self, taps, late):
        words = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                 "-machine", "q35", "-accel", self.accelerator, "-cpu", self.cpu_model,
                 "-smp", str(self.cpus), "-m", str(self.memory_mib),
                 "-kernel", self.image.kernel, "-initrd", self.image.initrd,
                 "-append", "root=/dev/vda ro console=ttyS0 loglevel=5 mitigations=off "
                            "systemd.show_status=no",
                 # Vfio asks for interrupt remapping; DPDK's addresses have 48 bits.
                 "-device", "intel-iommu,intremap=on,aw-bits=48",
                 # What the guest does not flush may be lost: see machine_disk.py.
                 "-drive", f"file=nbd:unix:{self.disk_path},format=raw,if=none,id=disk,cache=writeback",
                 "-device", "virtio-blk-pci,drive=disk", "-device", "virtio-rng-pci",
                 "-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console",
                 "-chardev", f"socket,id=shell,path={self.folder}/shell.sock,server=on,wait=off",
                 "-serial", "chardev:shell",
                 "-qmp", f"unix:{self.folder}/monitor.sock,server=on,wait=off",
                 "-netdev", f"tap,id=management,fd={taps[2]}",
                 "-device", f"virtio-net-pci,netdev=management,mac={MANAGEMENT_MAC},romfile="]
        for zone in (0, 1):
            words += ["-netdev", f"tap,id=zone{zone},fd={taps[zone]}",
                      "-device", f"pcie-root-port,id=slot{zone},chassis={zone + 1},slot={zone + 1},"
                                 f"addr={0x10 + zone:#x}"]
            if zone not in late:
                card = self._card(zone)
                words += ["-device", ",".join([card.pop("driver"), *(f"{k}={v}" for k, v in card.items())])]
        return [str(word) for word in words]

    def _card(self, zone):
        # No boot from the network: its frames would be the emulator's.
        card = {"driver": self.nic, "netdev": f"zone{zone}", "bus": f"slot{zone}", "mac": ZONE_MACS[zone],
                "romfile": ""}
        if self.nic == "virtio-net-pci":
            card |= {"disable-legacy": "on", "iommu_platform": "on"}
        return card

    def plug(self, zone):
        self._qmp("device_add", **self._card(zone))

    def cut(self):
        """The power goes: nothing in the guest or the emulator is brought to an end."""
        for channel in (self.shell, self.monitor):
            if channel is not None:
                channel.close()
        self.shell = self.monitor = None
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
        return time.time()

    def is_on(self):
        return self.process is not None and self.process.poll() is None

    # --- commands --------------------------------------------------------------------------------
    def await_shell(self, seconds=PATIENCE_S):
        """The guest's own root shell, from early in its start on."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if self.run("true", timeout=15) == "":
                    return
            except TimeoutError:
                self._expect_on()
        raise GuestFailed(f"no shell within {seconds} s; the console's end:\n{self.console_end()}")

    def run(self, code, timeout=PATIENCE_S, check=True):
        """What a command printed; both streams in one."""
        output, failed = self.run_code(code, timeout)
        if check and failed:
            raise GuestFailed(f"in the guest `{code[:200]}` failed ({failed}): {output.strip()[-1500:]}")
        return output

    def run_code(self, code, timeout=PATIENCE_S):
        self._expect_on()
        self.number += 1
        number = str(self.number)
        try:
            self.shell.sendall(f"{number} {base64.b64encode(code.encode()).decode()}\n".encode())
            line = self._answer(number, timeout)
        except (ConnectionError, BrokenPipeError) as error:
            raise GuestFailed(f"the guest is gone: {error}") from error
        words = line.split(" ")
        return base64.b64decode(words[2]).decode(errors="replace"), int(words[1])

    def _answer(self, number, timeout):
        deadline = time.monotonic() + timeout
        data = b""
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"the guest did not answer within {timeout} s")
            self.shell.settimeout(left)
            piece = self.shell.recv(1 << 16)
            if not piece:
                raise ConnectionError("its serial port was closed")
            data += piece
            *lines, data = data.split(b"\n")
            for line in lines:
                text = line.decode(errors="replace").rstrip("\r")
                if re.fullmatch(rf"{number} \d+ [A-Za-z0-9+/=]*", text):
                    return text

    def clock_difference(self):
        """Seconds that the guest's clock is ahead of ours, and how wrong that may be."""
        best = None
        for _ in range(5):
            before = time.time()
            text = self.run("date +%s.%N", timeout=60)
            after = time.time()
            found = (float(text) - (before + after) / 2, (after - before) / 2)
            best = found if best is None or found[1] < best[1] else best
        return best

    def journal(self, unit):
        """This start's lines of a unit: time and text."""
        lines = self.run(f"journalctl -b -q -o json --output-fields=MESSAGE -u {unit} | tail -n 400")
        found = []
        for line in lines.splitlines():
            with contextlib.suppress(ValueError, KeyError):
                entry = json.loads(line)
                found.append((int(entry["__REALTIME_TIMESTAMP"]) / 1e6, str(entry["MESSAGE"])))
        return found

    def console_end(self, size=1500):
        if not self.console.exists():
            return ""
        text = self.console.read_bytes()[-size:].decode(errors="replace")
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)

    # --- the emulator ----------------------------------------------------------------------------
    def _expect_on(self):
        if not self.is_on():
            said = (self.folder / "qemu.log").read_text(errors="replace").strip()[-600:]
            raise GuestFailed(f"the emulator ended: {said or 'it said nothing'}; the console's end:\n"
                              f"{self.console_end()}")

    def _connect(self, name):
        path = self.folder / name
        channel = socket.socket(socket.AF_UNIX)

        def connected():
            self._expect_on()
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                channel.connect(str(path))
                return True
            return False

        wait_until(connected, f"the emulator's {name}", 20)
        return channel

    def _qmp(self, command, greeting=False, **arguments):
        self.monitor.settimeout(20)
        stream = self.monitor.makefile("r", encoding="utf-8")
        if greeting:
            stream.readline()
        self.monitor.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        for line in stream:
            said = json.loads(line)
            if "error" in said:
                raise GuestFailed(f"{command}: {said['error']['desc']}")
            if "return" in said:
                return said["return"]
        raise GuestFailed(f"{command}: the emulator did not answer")
