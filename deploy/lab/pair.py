"""The lab of a pair: two appliances between the same two switches, which are Linux bridges.

    PREFIX-sup           PREFIX-sw              PREFIX-a          PREFIX-sw            PREFIX-ctl
    HMI 10.20.0.10 ----- br0 ------- zone0 [ appliance a ] zone1 ------- br1 ----- 10.10.0.20 PLC
                          |                      | pair link               |
                          +--------- zone0 [ appliance b ] zone1 ----------+
                                           PREFIX-b

Each appliance has its own state, keys and sockets. The lab ends only what it started.
"""

import json
import os
import shutil
import subprocess

from lab import HMI, HMI_MAC, PLC, PLC_MAC, ZONE_PORTS, Lab, run, turn_offloads_off, wait_until, \
    write_access

NAMES = {"a": "alpha", "b": "bravo"}
LINK = {"a": "192.0.2.1", "b": "192.0.2.2"}
OTHER = {"a": "b", "b": "a"}
PAIR_PORT = 7444


class PairLab(Lab):
    namespaces = ("sup", "ctl", "sw", "a", "b")
    roles = ("holder", "flood-greetings", "flood-datagrams", "flood-frames", "echo", "agent-a",
             "agent-b", "dataplane-a", "dataplane-b", "plc")
    release = {"a": "", "b": ""}  # behind the programs' names
    heartbeat_ms = {"a": 10, "b": 10}

    def folder_of(self, which):
        return self.folder / which

    # --- network -----------------------------------------------------------------------------
    def make_network(self):
        self._make_namespaces()
        for zone in (0, 1):
            run(*self.in_ns("sw", "ip", "link", "add", f"br{zone}", "type", "bridge",
                            "mcast_snooping", "0"))
            run(*self.in_ns("sw", "ip", "link", "set", f"br{zone}", "up"))
        self._plug("sup", "eth0", 0, "hmi", HMI_MAC)
        self._plug("ctl", "eth0", 1, "plc", PLC_MAC)
        self._address("sup", "eth0", f"{HMI}/24", "10.10.0.0/24")
        self._address("ctl", "eth0", f"{PLC}/24", "10.20.0.0/24")
        for which in ("a", "b"):
            for zone in (0, 1):
                self._plug(which, f"zone{zone}", zone, f"{which}{zone}")
                run(*self.in_ns(which, "ip", "link", "set", f"zone{zone}", "up"))
        run("ip", "link", "add", "pair0", "netns", self.ns("a"), "type", "veth",
            "peer", "name", "pair0", "netns", self.ns("b"))
        for which in ("a", "b"):
            run(*self.in_ns(which, "ip", "addr", "add", f"{LINK[which]}/24", "dev", "pair0"))
            run(*self.in_ns(which, "ip", "link", "set", "pair0", "up"))

    def _plug(self, name, device, zone, socket, mac=None):
        """A cable from a host or an appliance into a switch."""
        run("ip", "link", "add", device, "netns", self.ns(name), *(("address", mac) if mac else ()),
            "type", "veth", "peer", "name", socket, "netns", self.ns("sw"))
        for ns, end in ((name, device), ("sw", socket)):
            turn_offloads_off(self.in_ns(ns, "ethtool", "-K", end))
        run(*self.in_ns("sw", "ip", "link", "set", socket, "master", f"br{zone}", "up"))

    def pull(self, which, zone):
        """The cable between an appliance and a zone's switch."""
        run(*self.in_ns("sw", "ip", "link", "set", f"{which}{zone}", "down"))

    def put_back(self, which, zone):
        run(*self.in_ns("sw", "ip", "link", "set", f"{which}{zone}", "up"))

    def cut_pair_link(self):
        run(*self.in_ns("a", "ip", "link", "set", "pair0", "down"))

    def mend_pair_link(self):
        run(*self.in_ns("a", "ip", "link", "set", "pair0", "up"))

    # --- processes ---------------------------------------------------------------------------
    def prepare(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.make_network()
        run(self.bin / "bulkheadctl", "pki", "init", self.pki)
        run(self.bin / "bulkheadctl", "pki", "pair", self.pki)
        for which, name in NAMES.items():
            run(self.bin / "bulkheadctl", "pki", "server", self.pki, name, "--host", "127.0.0.1")
            pki = self.folder_of(which) / "pki"
            pki.mkdir(parents=True)
            write_access(self.folder_of(which))
            for source, target in (("ca.crt", "ca.crt"), ("pair.key", "pair.key"),
                                   (f"{name}.crt", "server.crt"), (f"{name}.key", "server.key"),
                                   ("client.crt", "client.crt"), ("client.key", "client.key")):
                shutil.copy(self.pki / source, pki / target)

    def start_dataplane(self, which, *size, ports=ZONE_PORTS):
        socket = self.folder_of(which) / "dataplane.sock"
        devices = [word for port in ports for word in ("--port", port)]
        role = f"dataplane-{which}"
        program = self.bin / f"bulkhead-dataplane{self.release[which]}"
        size = size or ("--memory-mib", "256", "--buffers", "16384", "--flows", "4096")
        self.spawn(which, [program, "--pair", "--socket", socket, *devices, *size], role)
        listening = self.in_ns(which, "grep", "-q", socket, "/proc/net/unix")
        self._await(role, lambda: run(*listening, check=False).returncode == 0)

    def start_agent(self, which, *extra):
        folder = self.folder_of(which)
        role = f"agent-{which}"
        program = self.bin / f"bulkheadd{self.release[which]}"
        self.spawn(which, [program, "--socket", folder / "dataplane.sock",
                           "--state", folder / "state", "--pki", folder / "pki",
                           "--pair-peer", NAMES[OTHER[which]],
                           "--pair-listen", f"{LINK[which]}:{PAIR_PORT}",
                           "--pair-address", f"{LINK[OTHER[which]]}:{PAIR_PORT}",
                           "--pair-heartbeat", str(self.heartbeat_ms[which]), *extra], role)
        self._await(role, lambda: self.ctl("history", which=which, check=False).returncode == 0)

    def set_heartbeat(self, milliseconds):
        self.heartbeat_ms = dict.fromkeys(self.heartbeat_ms, milliseconds)

    def start(self):
        for which in ("a", "b"):
            self.start_dataplane(which)
            self.start_agent(which)

    def ctl(self, *words, which="a", check=True, timeout=30):
        return run(*self.in_ns(which, self.bin / "bulkheadctl", "--pki",
                               self.folder_of(which) / "pki", *words), check=check, timeout=timeout)

    def pair(self, which):
        """What an appliance says of the pair, or nothing if its agent does not answer."""
        return self._ask(which, "pair", "status")

    def status(self, which):
        return self._ask(which, "status")

    def _ask(self, which, *words):
        if self.pid(f"agent-{which}") is None:
            return None
        try:
            said = self.ctl(*words, "--format", "json", which=which, check=False, timeout=2)
        except subprocess.TimeoutExpired:  # it is frozen
            return None
        return json.loads(said.stdout) if said.stdout.strip() else None

    def active(self):
        """Which appliances say that they are active."""
        said = {which: self.pair(which) for which in ("a", "b")}
        return [which for which, status in said.items()
                if status and status["self"]["role"] == "active"]

    def await_active(self, which=None, seconds=10):
        wait_until(lambda: len(self.active()) == 1 and which in (None, *self.active()),
                   f"{which or 'one'} to be active", seconds)
        return self.active()[0]

    def send_signal(self, role, what):
        os.kill(self.pid(role), what)
