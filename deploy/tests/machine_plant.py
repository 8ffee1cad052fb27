"""The plant around the machine: network namespaces of both zones and of management, each with a tap into the
machine, and what goes on in them.

    PREFIX-sup                    the machine                   PREFIX-ctl
    HMI 10.20.0.10 eth0 (tap) --- zone 0 [Bulkhead] zone 1 --- eth0 (tap) 10.10.0.20 PLC
    rogue, from power-on on           |                             rogue
                                  192.0.2.10 --- eth0 (tap) 192.0.2.1, PREFIX-mgt

Each role is a process in its namespace that prints a line of JSON for whatever happens:
usage: machine_plant.py plc | hmi | rogue | watch
"""

import contextlib
import ctypes
import itertools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1] / "lab"))
from lab import HMI, HMI_MAC, PLC, PLC_MAC, ROGUE, run, wait_until  # noqa: E402

ZONES = ("sup", "ctl")
HOSTS = {"sup": (HMI, HMI_MAC, "10.10.0.0/24"), "ctl": (PLC, PLC_MAC, "10.20.0.0/24"),
         "mgt": ("192.0.2.1", "02:00:00:00:99:99", None)}
ROGUE_MAC = "02:00:00:00:66:0"  # and a zone's number
ROGUE_S, ASK_S, PATIENCE_S = 0.05, 0.2, 1.5
ETH_ALL, ETH_IPV4, ETH_ARP, ETH_GOOSE, ETH_LOCAL = 3, 0x0800, 0x0806, 0x88B8, 0x88B5
PACKET_OUTGOING = 4
RST = 4  # RFC 9293, 3.1


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


# --- frames -------------------------------------------------------------------------------------

def read_frame(frame):
    """What a frame is, as far as it matters here."""
    source, kind = frame[6:12].hex(":"), struct.unpack_from(">H", frame, 12)[0]
    if source.startswith(ROGUE_MAC):
        return {"kind": "rogue", "hex": frame[:60].hex()}
    if kind == ETH_ARP and len(frame) >= 42:
        sender, target = (socket.inet_ntoa(frame[at:at + 4]) for at in (28, 38))
        if {sender, target} == {HMI, PLC}:
            return {"kind": "arp"}
    if kind == ETH_IPV4 and len(frame) >= 54 and frame[23] == socket.IPPROTO_TCP:
        return read_tcp(frame)
    return {"kind": "other", "hex": frame[:60].hex()}


def read_tcp(frame):
    addresses = [socket.inet_ntoa(frame[at:at + 4]) for at in (26, 30)]
    begin = 14 + (frame[14] & 15) * 4
    ports = struct.unpack_from(">HH", frame, begin)
    data = frame[begin + (frame[begin + 12] >> 4) * 4:14 + struct.unpack_from(">H", frame, 16)[0]]
    if set(addresses) == {HMI, PLC} and 502 in ports:
        return read_modbus(data, to_plc=ports[1] == 502)
    # `on_deny: reject` says so to who was refused, in the name of whom it asked for.
    if addresses == [PLC, ROGUE] and ports[0] == 502 and frame[begin + 13] & RST and not data:
        return {"kind": "refusal"}
    return {"kind": "other", "hex": frame[:60].hex()}


def read_modbus(data, to_plc):
    if not data:
        return {"kind": "tcp"}
    if not to_plc:
        return {"kind": "answer"}
    # One request in a segment: MBAP of 7 bytes, function 3, address, quantity (Modbus AP 6.3).
    if len(data) == 12 and data[7] == 3:
        return {"kind": "request", "address": struct.unpack_from(">H", data, 8)[0]}
    return {"kind": "other", "hex": data.hex()}


def strays(frames, spans):
    """Frames that no policy which may have been in force when they were seen grants. `spans`: the address
    that may be read, from when on, until when."""
    found = []
    for frame in frames:
        if frame["kind"] in ("rogue", "other"):
            found.append(frame)
            continue
        granted = [address for address, begin, end in spans if begin <= frame["time"] <= end]
        if not granted or frame.get("address", granted[0]) not in granted:
            found.append(frame | {"granted": granted})
    return found


# --- roles --------------------------------------------------------------------------------------

def say(**fields):
    """In one piece: threads of a role share its output."""
    os.write(1, (json.dumps({"time": round(time.time(), 4)} | fields) + "\n").encode())


def watch():
    """Frames that come out of the machine."""
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_ALL))
    raw.bind(("eth0", 0))
    say(kind="ready")
    while True:
        try:
            frame, (_, _, kind, _, _) = raw.recvfrom(2048)
        except OSError:
            time.sleep(0.05)  # the interface has gone down with the machine
            continue
        if kind != PACKET_OUTGOING and len(frame) >= 14:
            say(**read_frame(frame))


def rogue(zone):
    """What no policy ever grants, without a pause: a machine that lets anything through unjudged is seen."""
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind(("eth0", 0))
    other, target, target_mac = (ROGUE, PLC, PLC_MAC) if zone == "0" else ("10.10.0.66", HMI, HMI_MAC)
    mac = mac_bytes(f"{ROGUE_MAC}{zone}")
    everybody, address, server = b"\xff" * 6, socket.inet_aton(other), socket.inet_aton(target)
    arp = struct.pack(">HHBBH", 1, ETH_IPV4, 6, 4, 1) + mac + address + bytes(6) + server
    to_target = mac_bytes(target_mac) + mac + struct.pack(">H", ETH_IPV4)
    datagram = struct.pack(">HHHH", 4000, 502, 12, 0) + b"data"
    frames = [everybody + mac + struct.pack(">H", ETH_ARP) + arp,
              to_target + ipv4(address, server, socket.IPPROTO_UDP, datagram),
              to_target + ipv4(address, server, socket.IPPROTO_TCP, syn(address, server)),
              mac_bytes("01:0c:cd:01:00:01") + mac + struct.pack(">H", ETH_GOOSE) + bytes(46),
              everybody + mac + struct.pack(">H", ETH_LOCAL) + bytes(46),
              mac_bytes("01:80:c2:00:00:00") + mac + struct.pack(">H", 38) + b"\x42\x42\x03" + bytes(43)]
    say(kind="ready")
    for frame in itertools.cycle(frames):
        with contextlib.suppress(OSError):  # the machine is off
            raw.send(frame.ljust(60, b"\0"))
        time.sleep(ROGUE_S)


def ipv4(source, target, protocol, data):
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(data), 1, 0, 64, protocol, 0) + source + target
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + data


def syn(source, target):
    words = struct.pack(">HHIIBBHHH", 40000, 502, 1, 0, 0x50, 2, 8192, 0, 0)
    pseudo = source + target + struct.pack(">HH", 6, len(words))
    return words[:16] + struct.pack(">H", checksum(pseudo + words)) + words[18:]


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def plc():
    """Answers each reading of one register with its address."""
    server = socket.create_server((PLC, 502), backlog=64)
    say(kind="ready")
    while True:
        client, _ = server.accept()
        threading.Thread(target=answer, args=(client,), daemon=True).start()


def answer(client):
    with client, contextlib.suppress(OSError):
        client.settimeout(10)
        while request := client.recv(260):
            if len(request) != 12 or request[7] != 3:
                say(kind="other", hex=request.hex())
                return
            address = struct.unpack_from(">H", request, 8)[0]
            say(kind="request", address=address)
            client.sendall(request[:4] + b"\0\x05" + request[6:8] + b"\x02" + struct.pack(">H", address))


def hmi():
    """Reads the addresses of its window, each over a connection of its own. A line on standard input is the
    next window."""
    window = [[]]
    say(kind="ready")
    for slot in range(3):
        threading.Thread(target=ask_on, args=(window, slot), daemon=True).start()
    for line in sys.stdin:
        window[0] = [int(word) for word in line.split()]


def ask_on(window, slot):
    while True:
        addresses = window[0]
        if slot < len(addresses):
            say(kind=ask(addresses[slot]), address=addresses[slot])
        time.sleep(ASK_S)


def ask(address):
    try:
        with socket.create_connection((PLC, 502), timeout=PATIENCE_S) as plc_socket:
            plc_socket.sendall(struct.pack(">HHHBBHH", address, 0, 6, 1, 3, address, 1))
            got = plc_socket.recv(260)
    except ConnectionResetError:
        return "reset"
    except OSError:
        return "silent"
    if len(got) == 11 and struct.unpack_from(">H", got, 9)[0] == address:
        return "ok"
    return "refused" if len(got) == 9 and got[7] == 0x83 else "wrong"


# --- the plant ----------------------------------------------------------------------------------

class Plant:
    def __init__(self, folder, prefix):
        self.folder, self.prefix = Path(folder), prefix
        self.children, self.offsets = {}, {}

    def ns(self, name):
        return f"{self.prefix}-{name}"

    def up(self):
        for name, (address, mac, far) in HOSTS.items():
            space = self.ns(name)
            run("ip", "netns", "add", space)
            run("ip", "netns", "exec", space, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                check=False)
            run("ip", "-n", space, "tuntap", "add", "dev", "eth0", "mode", "tap")
            run("ip", "-n", space, "link", "set", "eth0", "address", mac, "up")
            run("ip", "-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
            if far:
                run("ip", "-n", space, "route", "add", far, "dev", "eth0")
        for name, space, words in (("watch-sup", "sup", ["watch"]), ("watch-ctl", "ctl", ["watch"]),
                                   ("plc", "ctl", ["plc"]), ("hmi", "sup", ["hmi"]),
                                   ("rogue-sup", "sup", ["rogue", "0"]),
                                   ("rogue-ctl", "ctl", ["rogue", "1"])):
            self._spawn(name, space, words)
        wait_until(lambda: all("ready" in self._file(name).read_text() for name in self.children),
                   "the plant", 120)

    def _file(self, name):
        return self.folder / f"{name}.jsonl"

    def _spawn(self, name, space, words):
        with open(self._file(name), "wb") as out:
            self.children[name] = subprocess.Popen(
                ["ip", "netns", "exec", self.ns(space), sys.executable, str(HERE), *words],
                stdin=subprocess.PIPE, stdout=out, text=True, process_group=0)

    def ask_for(self, *addresses):
        child = self.children["hmi"]
        child.stdin.write(" ".join(str(address) for address in addresses) + "\n")
        child.stdin.flush()

    def news(self, name):
        """What the role has said since the last time."""
        child = self.children[name]
        if child.poll() is not None:
            raise RuntimeError(f"{name} of the plant ended with {child.returncode}")
        with open(self._file(name), "rb") as file:
            file.seek(self.offsets.get(name, 0))
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self.offsets[name] = self.offsets.get(name, 0) + whole
        said = [json.loads(line) for line in data[:whole].splitlines()]
        return [each for each in said if each["kind"] != "ready"]

    def down(self):
        for child in self.children.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
            child.wait()
        listed = run("ip", "netns", "list", check=False).stdout.split()
        for name in HOSTS:
            if self.ns(name) in listed:
                run("ip", "netns", "del", self.ns(name))


def end_with_parent():
    """A role does not outlive the test, however that ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() == 1:
        sys.exit("the test has ended")


if __name__ == "__main__":
    end_with_parent()
    {"plc": plc, "hmi": hmi, "watch": watch, "rogue": rogue}[sys.argv[1]](*sys.argv[2:])
