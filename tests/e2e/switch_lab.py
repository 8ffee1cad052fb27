"""Two hosts at one switch, with a mirror port: all that crosses either of their ports, both ways, so that
the mirror has each frame between them twice.

    sup [HMI] eth0 -- p0 [sw: a bridge] p1 -- eth0 [PLC] ctl
                        m0 -- mon0 [mon]

usage: switch_lab.py MIRROR LOSS SEED PORT...
Mirrors the ports of the bridge of this namespace to MIRROR; LOSS of it is lost.
"""

import random
import socket
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/lab"))
from lab import HMI, HMI_MAC, PLC, PLC_MAC, Lab, run, turn_offloads_off  # noqa: E402

FILE = Path(__file__).resolve()


class SwitchLab(Lab):
    namespaces = ("sup", "ctl", "mon", "sw")
    roles = ("load", "agent", "dataplane", "plc", "mirror")
    monitor = "mon"

    def make_network(self):
        self._make_namespaces()
        run(*self.in_ns("sw", "ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0"))
        for host, port, mac, address, far in (
                ("sup", "p0", HMI_MAC, f"{HMI}/24", "10.10.0.0/24"),
                ("ctl", "p1", PLC_MAC, f"{PLC}/24", "10.20.0.0/24")):
            self._join(host, "eth0", port, mac)
            run(*self.in_ns("sw", "ip", "link", "set", port, "master", "br0"))
            self._address(host, "eth0", address, far)
        run(*self.in_ns("sw", "ip", "link", "set", "br0", "up"))
        self._join(self.monitor, "mon0", "m0", "02:00:00:00:00:99")
        run(*self.in_ns(self.monitor, "ip", "link", "set", "mon0", "up"))

    def _join(self, host, device, port, mac):
        run("ip", "link", "add", device, "netns", self.ns(host), "address", mac, "type", "veth",
            "peer", "name", port, "netns", self.ns("sw"))
        for name, each in ((host, device), ("sw", port)):
            turn_offloads_off(self.in_ns(name, "ethtool", "-K", each))
        run(*self.in_ns("sw", "ip", "link", "set", port, "up"))

    def start_mirror(self, loss=0.0, seed=1, ports=("p0", "p1")):
        self.stop("mirror")
        (self.folder / "mirror.log").unlink(missing_ok=True)
        self.spawn("sw", [sys.executable, FILE, "m0", loss, seed, *ports], "mirror")
        self._await("mirror", lambda: "mirrors" in self.log("mirror"))

    def send_at(self, name, device, frame):
        """A frame, as it is, out of a device."""
        run(*self.in_ns(name, sys.executable, "-c",
                        "import socket, sys; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); "
                        "s.bind((sys.argv[1], 0)); s.send(bytes.fromhex(sys.argv[2]))", device,
                        frame.hex()))


def main(mirror, loss, seed, *ports):
    chance = random.Random(int(seed))
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((mirror, 0))
    # One socket for all ports, so that frames keep their order.
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    tap.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
    print("mirrors", flush=True)
    while True:
        frame, address = tap.recvfrom(65535)
        if address[0] not in ports or chance.random() < float(loss):
            continue
        while True:
            try:
                out.send(frame)
                break
            except OSError:  # its queue is full
                time.sleep(0.001)


if __name__ == "__main__":
    main(*sys.argv[1:])
