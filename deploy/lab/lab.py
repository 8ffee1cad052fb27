"""The lab: two zones and a firewall between them, in network namespaces of its own.

    PREFIX-sup             PREFIX-fw                          PREFIX-ctl
    HMI 10.20.0.10 eth0 -- zone0 [bulkhead-dataplane] zone1 -- eth0 10.10.0.20 PLC
      |                    bulkheadd on 127.0.0.1:7443
    PREFIX-rogue           (bulkheadctl runs here too)
    10.20.0.66, behind the same cable

The zones are one Ethernet, bridged by the firewall alone. The lab ends only what it started.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HMI, PLC, ROGUE = "10.20.0.10", "10.10.0.20", "10.20.0.66"
HMI_MAC, PLC_MAC = "02:00:00:00:20:10", "02:00:00:00:10:20"


class LabError(Exception):
    """A step that failed: which, and why."""


def run(*words, check=True, timeout=60, text_input=None):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True,
                          timeout=timeout, input=text_input)
    if check and done.returncode != 0:
        raise LabError(f"`{' '.join(str(w) for w in words)}` failed: "
                       f"{(done.stderr or done.stdout).strip()}")
    return done


ZONE_PORTS = ("net_af_packet0,iface=zone0", "net_af_packet1,iface=zone1")


def write_access(folder, **roles):
    """An access file beside the folder of keys: the labs' operator has all roles, others as given."""
    everything = "administrator, operator, engineer, approver, auditor, viewer"
    lines = [f"  {name}: [{of}]" for name, of in {"operator": everything, **roles}.items()]
    (folder / "access.yaml").write_text("\n".join(["access: v1", "identities:", *lines, ""]))


def turn_offloads_off(words):
    """veth leaves checksums and segmentation to hardware that is not there."""
    run(*words, "tx", "off", "rx", "off", "gso", "off", "gro", "off", "tso", "off")


class Lab:
    namespaces = ("rogue", "sup", "ctl", "fw")
    roles = ("load", "agent", "dataplane", "plc")
    dataplane = "bulkhead-dataplane"  # the program

    def __init__(self, prefix="bh", build=None, folder=None):
        self.prefix = prefix
        self.bin = Path(build or ROOT / "build") / "bin"
        self.folder = Path(folder or f"/run/bulkhead-lab-{prefix}")
        self.pki = self.folder / "pki"
        self.children = {}  # of this process, by role; they outlive it

    # Names of the namespaces.
    def ns(self, name):
        return f"{self.prefix}-{name}"

    def in_ns(self, name, *words):
        return ["ip", "netns", "exec", self.ns(name), *[str(w) for w in words]]

    # --- network -----------------------------------------------------------------------------
    def make_network(self):
        self._make_namespaces()
        self._cable("sup", "zone0", HMI_MAC, f"{HMI}/24", "10.10.0.0/24")
        self._cable("ctl", "zone1", PLC_MAC, f"{PLC}/24", "10.20.0.0/24")
        run(*self.in_ns("sup", "ip", "link", "add", "rogue0", "link", "eth0", "type", "macvlan",
                        "mode", "bridge"))
        run("ip", "-n", self.ns("sup"), "link", "set", "rogue0", "netns", self.ns("rogue"))
        self._address("rogue", "rogue0", f"{ROGUE}/24", "10.10.0.0/24")

    def _make_namespaces(self):
        for name in self.namespaces:
            run("ip", "netns", "add", self.ns(name))
            run(*self.in_ns(name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"), check=False)
            run(*self.in_ns(name, "ip", "link", "set", "lo", "up"))

    def _cable(self, host, port, mac, address, far):
        run("ip", "link", "add", "eth0", "netns", self.ns(host), "address", mac, "type", "veth",
            "peer", "name", port, "netns", self.ns("fw"))
        for name, device in ((host, "eth0"), ("fw", port)):
            turn_offloads_off(self.in_ns(name, "ethtool", "-K", device))
        run(*self.in_ns("fw", "ip", "link", "set", port, "up"))
        self._address(host, "eth0", address, far)

    def _address(self, name, device, address, far):
        run(*self.in_ns(name, "ip", "addr", "add", address, "dev", device))
        run(*self.in_ns(name, "ip", "link", "set", device, "up"))
        run(*self.in_ns(name, "ip", "route", "add", far, "dev", device))

    # --- processes ---------------------------------------------------------------------------
    def spawn(self, name, words, role):
        """Starts a process in a namespace, with its log and its pid kept in the lab's folder."""
        with open(self.folder / f"{role}.log", "ab") as log:
            process = subprocess.Popen(self.in_ns(name, *words), stdout=log, stderr=log,
                                       stdin=subprocess.DEVNULL, start_new_session=True)
        self.children[role] = process
        # The start time tells this process from a later one with the same number.
        (self.folder / f"{role}.pid").write_text(f"{process.pid} {start_time(process.pid)}")
        return process

    def pid(self, role):
        if role in self.children:
            self.children[role].poll()  # so that one that ended is no zombie
        file = self.folder / f"{role}.pid"
        if not file.exists():
            return None
        pid, started = file.read_text().split()
        return int(pid) if start_time(int(pid)) == started else None

    def stop(self, role, how=signal.SIGTERM):
        pid = self.pid(role)
        if pid is None:
            return
        os.kill(pid, how)
        wait_until(lambda: self.pid(role) is None, f"{role} to end", 10)
        if role in self.children:
            self.children.pop(role).wait()
        (self.folder / f"{role}.pid").unlink(missing_ok=True)

    def log(self, role):
        file = self.folder / f"{role}.log"
        return file.read_text() if file.exists() else ""

    def start_plc(self):
        self.spawn("ctl", [self.bin / "lab-plc", PLC], "plc")
        wait_until(lambda: "listening" in self.log("plc"), "the PLC to listen", 5)

    def start_dataplane(self, *extra, ports=ZONE_PORTS):
        socket = self.folder / "dataplane.sock"
        devices = [word for port in ports for word in ("--port", port)]
        self.spawn("fw", [self.bin / self.dataplane, "--socket", socket, *devices,
                          "--memory-mib", "256", "--buffers", "16384", "--flows", "4096", *extra],
                   "dataplane")
        listening = self.in_ns("fw", "grep", "-q", socket, "/proc/net/unix")
        self._await("dataplane", lambda: run(*listening, check=False).returncode == 0)

    def start_agent(self, *extra):
        self.spawn("fw", [self.bin / "bulkheadd", "--socket", self.folder / "dataplane.sock",
                          "--state", self.folder / "state", "--pki", self.pki, *extra], "agent")
        self._await("agent", lambda: self.ctl("history", check=False).returncode == 0)

    def _await(self, role, ready):
        def check():
            if self.pid(role) is None:
                raise LabError(f"{role} ended: {self.log(role).strip()[-400:]}")
            return ready()
        wait_until(check, f"{role} to be ready", 20)

    # --- what operators and hosts do ----------------------------------------------------------
    def ctl(self, *words, check=True, timeout=30):
        return run(*self.in_ns("fw", self.bin / "bulkheadctl", "--pki", self.pki, *words),
                   check=check, timeout=timeout)

    def ctl_json(self, *words):
        lines = self.ctl(*words, "--format", "json").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def hmi(self, *words, host="sup", port=502, server=PLC, timeout=60):
        done = run(*self.in_ns(host, self.bin / "lab-hmi", server, port, *words), check=False,
                   timeout=timeout)
        if not done.stdout.strip():
            raise LabError(f"lab-hmi said nothing: {done.stderr.strip()}")
        return json.loads(done.stdout.splitlines()[-1])

    def at_plc(self, address, count=1):
        """Registers read inside the control zone, behind the firewall's back."""
        return self.hmi("read", address, count, host="ctl")["values"]

    def plc_requests(self):
        return [line for line in self.log("plc").splitlines() if line.startswith("unit=")]

    # --- whole ---------------------------------------------------------------------------------
    def prepare(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.make_network()
        run(self.bin / "bulkheadctl", "pki", "init", self.pki)
        write_access(self.folder)

    def is_up(self):
        listed = run("ip", "netns", "list", check=False).stdout.split()
        return any(self.ns(name) in listed for name in self.namespaces)

    def down(self):
        for role in self.roles:
            if (pid := self.pid(role)) is not None:
                os.kill(pid, signal.SIGCONT)  # one that was frozen
            self.stop(role, signal.SIGKILL)
        listed = run("ip", "netns", "list", check=False).stdout.split()
        for name in self.namespaces:
            if self.ns(name) in listed:
                run("ip", "netns", "del", self.ns(name))
        shutil.rmtree(self.folder, ignore_errors=True)


def start_time(pid):
    """The kernel's start time of a process, or an empty text if it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def wait_until(condition, what, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds} s for {what}")
        time.sleep(0.02)
