"""One host floods a zone port while another behind the same port works.

usage: floods.py [--build BUILD] [--seconds N] [--sources one|spoofed|both] [--flooders N]
Needs root. Host A sends SYNs, refused and granted datagrams, fragments, ARP and unacknowledged
requests as fast as it can, as one host or with the addresses and MAC addresses of others; host B
opens 100 sessions a second, one behind the other, and asks in each, and is refused something once a
second. Ends with 1 unless all of B's sessions are served and all its refusals told.
"""

import argparse
import json
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/lab"))
from lab import HMI, PLC, PLC_MAC, ROGUE, ZONE_PORTS, Lab, wait_until  # noqa: E402
from weights import weigh, weighed  # noqa: E402

DEAF = "10.20.0.77"  # granted, with the flooder's MAC address: acknowledges nothing
SPOOFED = [f"10.20.0.{last}" for last in range(100, 200)]
PER_SECOND = 100
DATAPLANE_NICE, PLANT_NICE, FLOOD_NICE = -20, -15, 19
PATIENCE_S = 15  # of B's stack, whose packets are lost where A sends more than a worker can take
READ = bytes.fromhex("000100000006010300000002")
WRITE_REFUSED = bytes.fromhex("000200000006010600642222")
TCP, UDP = 6, 17
SYN, ACK = 2, 16

POLICY = """bulkhead: v1
site: floods
zones:
  supervision: {{target: SL2, port: 0, networks: [10.20.0.0/24]}}
  control: {{target: SL3, port: 1, networks: [10.10.0.0/24]}}
assets:
  hmi: {{zone: supervision, address: {hmi}}}
  plc1: {{zone: control, address: {plc}}}
{others}
conduits:
  scada:
    from: supervision
    to: control
    on_deny: reject
    fragments: reassemble
    allow:
      - {{protocol: modbus, client: [{clients}], server: plc1, access: [read, session]}}
      - {{protocol: modbus, client: hmi, server: plc1, functions: [write_single_register],
          where: {{address: 0-9}}}}
      - {{service: udp/9000, client: [{clients}], server: plc1}}
"""


def policy():
    hosts = {"rogue": ROGUE, "deaf": DEAF}
    hosts.update({f"any{number}": address for number, address in enumerate(SPOOFED)})
    lines = [f"  {name}: {{zone: supervision, address: {address}}}"
             for name, address in hosts.items()]
    return POLICY.format(hmi=HMI, plc=PLC, others="\n".join(lines),
                         clients=", ".join(["hmi", *hosts]))


# --- frames

def checksum(data):
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ip_frame(station, source, protocol, payload, identification=1, fragment=0):
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), identification, fragment, 64,
                         protocol, 0) + socket.inet_aton(source) + socket.inet_aton(PLC)
    header = header[:10] + struct.pack(">H", checksum(header)) + header[12:]
    return mac(PLC_MAC) + station + b"\x08\x00" + header + payload


def pseudo(source, protocol, payload):
    return (socket.inet_aton(source) + socket.inet_aton(PLC) +
            struct.pack(">BBH", 0, protocol, len(payload)) + payload)


def tcp_frame(station, source, port, sequence, acknowledgement, flags, payload=b""):
    tcp = struct.pack(">HHIIBBHHH", port, 502, sequence, acknowledgement, 0x50, flags, 65535, 0, 0)
    tcp += payload
    tcp = tcp[:16] + struct.pack(">H", checksum(pseudo(source, TCP, tcp))) + tcp[18:]
    return ip_frame(station, source, TCP, tcp, fragment=0x4000)


def udp(source, port, to, size):
    datagram = struct.pack(">HHHH", port, to, 8 + size, 0) + bytes(size)
    return datagram[:6] + struct.pack(">H", checksum(pseudo(source, UDP, datagram))) + datagram[8:]


def arp_frame(station, source):
    return (b"\xff" * 6 + station + b"\x08\x06" + struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) +
            station + socket.inet_aton(source) + bytes(6) + socket.inet_aton(PLC))


def flood_frames(station, spoofed, count=12000):
    """`count` frames of each of the five kinds, in turns."""
    any_port = lambda: random.randrange(1024, 65536)  # noqa: E731
    for number in range(count):
        own, source = station, ROGUE
        if spoofed:
            source = random.choice(SPOOFED)
            own = bytes([2, 0, 0, 0x66, number >> 8, number & 255])
        yield tcp_frame(own, source, any_port(), random.getrandbits(32), 0, SYN)
        yield ip_frame(own, source, UDP, udp(source, any_port(), 9000, 16))
        yield ip_frame(own, source, UDP, udp(source, any_port(), 9001, 16))
        yield ip_frame(own, source, UDP, udp(source, any_port(), 9000, 16), number, 0x2000)
        yield arp_frame(own, source)


# --- host A

class Deaf:
    """A session that asks and acknowledges nothing of what it is answered."""

    def __init__(self, link, station, port):
        self.link, self.station, self.port = link, station, port
        self.next = random.getrandbits(32)
        self.acknowledged = None

    def send(self, flags, payload=b""):
        self.link.send(tcp_frame(self.station, DEAF, self.port, self.next & 0xffffffff,
                                 self.acknowledged or 0, flags, payload))

    def open(self):
        self.send(SYN)
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            try:
                frame = self.link.recv(2048)
            except (BlockingIOError, TimeoutError):
                continue
            if len(frame) < 54 or frame[12:14] != b"\x08\x00" or frame[23] != TCP:
                continue
            _, to, sequence, _, _, flags = struct.unpack(">HHIIBB", frame[34:48])
            if to != self.port:
                continue
            if flags == SYN | ACK:
                self.next += 1
                self.acknowledged = sequence + 1 & 0xffffffff
                self.send(ACK)
                return True
            if flags == ACK:  # challenged, as its kernel would answer
                number = struct.unpack(">I", frame[42:46])[0]
                self.link.send(tcp_frame(self.station, DEAF, self.port, number, 0, 4))
                self.send(SYN)
        return False

    def ask(self):
        self.send(ACK, READ)
        self.next += len(READ)


def send_all(out, frames):
    """How many the device took; the others it had no room for."""
    sent = 0
    for frame in frames:
        try:
            out.send(frame)
            sent += 1
        except OSError:  # its queue is full
            pass
    return sent


def host_a(device, sources, seconds):
    station = mac(Path(f"/sys/class/net/{device}/address").read_text().strip())
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    link.bind((device, 0x0800))
    link.settimeout(0.02)
    frames = [frame for kind in ([False], [True], [False, True])[
        ("one", "spoofed", "both").index(sources)] for frame in flood_frames(station, kind)]
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((device, 0))
    until = time.monotonic() + seconds
    sent, deaf, renewed = 0, [], 0.0
    while time.monotonic() < until:
        if time.monotonic() > renewed:
            renewed = time.monotonic() + 20
            deaf = [Deaf(link, station, random.randrange(1024, 65536)) for _ in range(20)]
            deaf = [session for session in deaf if session.open()]
        for begin in range(0, len(frames), 500):
            sent += send_all(out, frames[begin:begin + 500])
            for session in deaf:
                session.ask()
            sent += len(deaf)
            if time.monotonic() > until:
                break
    print(json.dumps({"sent": sent, "deaf": len(deaf)}))


# --- host B

def ask(session, request):
    session.sendall(request)
    answer = session.recv(260)
    return answer[:2] == request[:2] and answer[7] == request[7]


def host_b(seconds):
    result = {"sessions": 0, "failed": 0, "refusals": 0, "refusals_failed": 0, "seconds_behind": 0}
    longest = 0.0
    begun = time.monotonic()
    for number in range(int(seconds * PER_SECOND)):
        due = begun + number / PER_SECOND
        now = time.monotonic()
        if now < due:
            time.sleep(due - now)
        elif now > due + 1:
            result["seconds_behind"] = max(result["seconds_behind"], round(now - due, 1))
        try:
            opened = time.monotonic()
            with socket.create_connection((PLC, 502), PATIENCE_S) as session:
                longest = max(longest, time.monotonic() - opened)
                served = ask(session, READ)
                if number % PER_SECOND == 0:
                    session.sendall(WRITE_REFUSED)
                    result["refusals"] += 1
                    result["refusals_failed"] += session.recv(260)[7] != 0x86
        except OSError as error:
            served = False
            print(f"{time.monotonic() - begun:.3f} s: {error}", file=sys.stderr)
        result["sessions"] += 1
        result["failed"] += not served
    result["longest_opening_ms"] = round(longest * 1000, 1)
    result["took_s"] = round(time.monotonic() - begun, 1)
    print(json.dumps(result))


# --- both

def told(events):
    count = 0
    for line in events.read_text().splitlines():
        event = json.loads(line)
        if (event.get("source", "").startswith(f"{HMI}:") and
                event.get("reason") == "values_not_granted"):
            count += event["count"]
    return count


def start(lab):
    lab.down()
    lab.prepare()
    lab.start_plc()
    words = [word for port in ZONE_PORTS for word in ("--port", port)]
    lab.spawn("fw", [lab.bin / "bulkhead-dataplane", "--socket", lab.folder / "dataplane.sock",
                     *words, "--memory-mib", "512", "--buffers", "32768"], "dataplane")
    wait_until((lab.folder / "dataplane.sock").exists, "the data plane", 20)
    lab.start_agent()
    for role, nice in (("dataplane", DATAPLANE_NICE), ("agent", PLANT_NICE), ("plc", PLANT_NICE)):
        weigh(lab.pid(role), nice)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(policy())
        file.flush()
        lab.ctl("push", file.name, "--commit")
    station = subprocess.run(lab.in_ns("rogue", "cat", "/sys/class/net/rogue0/address"),
                             capture_output=True, text=True, check=True).stdout.strip()
    for address in (DEAF, ROGUE):
        subprocess.run(lab.in_ns("ctl", "ip", "neigh", "replace", address, "lladdr", station,
                                 "dev", "eth0"), check=True)


def worst(lab, seconds, process):
    """What the tables were filled with at most, while the process ran."""
    most = {}
    while process.poll() is None:
        time.sleep(min(2.0, seconds / 10))
        for worker in lab.ctl_json("status")[0]["workers"]:
            for limit in worker["limits"]:
                if limit.get("used"):
                    most[limit["name"]] = max(most.get(limit["name"], 0), limit["used"])
    return most


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--sources", choices=("one", "spoofed", "both"), default="both")
    parser.add_argument("--flooders", type=int, default=1)
    parser.add_argument("--role", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role == "a":
        return host_a("rogue0", options.sources, options.seconds)
    if options.role == "b":
        return host_b(options.seconds)
    lab = Lab("bhfl", options.build.resolve())
    own = [sys.executable, __file__, "--sources", options.sources]
    children = []
    try:
        start(lab)
        events = lab.folder / "events.jsonl"
        with events.open("w") as log:
            children.append(subprocess.Popen(
                lab.in_ns("fw", lab.bin / "bulkheadctl", "--pki", lab.pki, "events", "--follow",
                          "--recent", "0", "--format", "json"), stdout=log))
        time.sleep(0.5)
        for _ in range(options.flooders):
            children.append(subprocess.Popen(
                lab.in_ns("rogue", *weighed(FLOOD_NICE), *own, "--role", "a", "--seconds",
                          options.seconds + 4),
                stdout=subprocess.PIPE, text=True))
        time.sleep(2)
        client = subprocess.Popen(
            lab.in_ns("sup", *weighed(PLANT_NICE), *own, "--role", "b", "--seconds",
                      options.seconds),
            stdout=subprocess.PIPE, text=True)
        children.append(client)
        most = worst(lab, options.seconds, client)
        result = json.loads(client.communicate()[0])
        floods = [json.loads(child.communicate()[0]) for child in children[1:-1]]
        result["flood_per_second"] = round(sum(each["sent"] for each in floods) /
                                           (options.seconds + 4))
        result["deaf_sessions"] = sum(each["deaf"] for each in floods)
        time.sleep(2)
        result["refusals_told"] = told(events)
        result["most_used"] = most
        result["missed"] = [port.get("missed", 0) for port in lab.ctl_json("status")[0]["ports"]]
        reasons = {}
        for row in lab.ctl_json("counters"):
            reasons[row["reason"]] = reasons.get(row["reason"], 0) + row["messages"]
        result["reasons"] = reasons
        print(json.dumps(result, indent=1))
        return int(result["failed"] > 0 or result["refusals_failed"] > 0 or
                   result["refusals_told"] < result["refusals"])
    finally:
        for child in children:
            child.kill()
            child.wait()
        lab.down()


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("floods.py needs root")
    sys.exit(main())
