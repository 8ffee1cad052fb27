"""Recordings as a firewall between two zones would meet them.

A recording may have been made on one host, between hosts of one network, with frames missing, with
checksums that hardware fills in later, or with every frame twice. What comes out has the clients
of each conversation in one zone and the servers in the other, right checksums, no exact duplicates
and, behind bytes that the recording lacks, a connection of its own. Payloads stay as they are.
"""

import ipaddress
import struct

ETHERNET = 1
IPV4, IPV6, VLAN, QINQ = 0x0800, 0x86dd, 0x8100, 0x88a8
GOOSE, SV = 0x88b8, 0x88ba
BACNET = b"\x82\x82"  # service access points of IEEE 802.2 (ANSI/ASHRAE 135, 7)
TCP, UDP = 6, 17
FIN, SYN, RST, ACK = 1, 2, 4, 16
DUPLICATE_S = 0.01  # a mirror port sends a frame again within this time


class Frame:
    """One frame of a recording, taken apart; `kind` is tcp, udp, ethernet or nothing of these."""

    def __init__(self, number, time_s, data):
        self.number, self.time_s, self.data = number, time_s, data
        self.kind = None
        at, self.tags = 12, []
        while len(data) >= at + 4 and int.from_bytes(data[at:at + 2], "big") in (VLAN, QINQ):
            self.tags.append(int.from_bytes(data[at + 2:at + 4], "big") & 0xfff)
            at += 4
        self.tags = tuple(tag for tag in self.tags if tag)  # a priority tag is no VLAN
        self.head = data[:at + 2]
        self.type = int.from_bytes(data[at:at + 2], "big")
        self.ip = at + 2
        if self.type in (GOOSE, SV) or (self.type < 1536 and data[self.ip:self.ip + 2] == BACNET):
            self.kind = "ethernet"
        elif self.type == IPV4:
            self._take_v4(data[self.ip:])
        elif self.type == IPV6:
            self._take_v6(data[self.ip:])

    def _take_v4(self, packet):
        if len(packet) < 20 or packet[0] != 0x45:
            return
        length = int.from_bytes(packet[2:4], "big") or len(packet)  # 0: cut by hardware later
        fragment = int.from_bytes(packet[6:8], "big") & 0x3fff
        if fragment or length > len(packet):
            return
        self.source, self.destination = packet[12:16], packet[16:20]
        self.identity = packet[4:6]
        self._take_transport(packet[9], packet[20:length])

    def _take_v6(self, packet):
        if len(packet) < 40:
            return
        length = int.from_bytes(packet[4:6], "big") or len(packet) - 40
        if 40 + length > len(packet):
            return
        self.source, self.destination = packet[8:24], packet[24:40]
        self.identity = b""
        self._take_transport(packet[6], packet[40:40 + length])

    def _take_transport(self, protocol, segment):
        if protocol == TCP and len(segment) >= 20:
            offset = 4 * (segment[12] >> 4)
            if not 20 <= offset <= len(segment):
                return
            self.kind = "tcp"
            self.sequence = int.from_bytes(segment[4:8], "big")
            self.flags = segment[13]
            self.payload = segment[offset:]
        elif protocol == UDP and len(segment) >= 8:
            self.kind = "udp"
            self.payload = segment[8:int.from_bytes(segment[4:6], "big")]
        else:
            return
        self.protocol, self.segment = protocol, bytearray(segment)
        self.ports = struct.unpack_from(">HH", segment)
        self.ends = ((self.source, self.ports[0]), (self.destination, self.ports[1]))

    def is_to_many(self):
        """Whether it goes to a multicast group or a broadcast address."""
        if len(self.destination) == 16:
            return self.destination[0] == 0xff
        return self.destination[0] >= 0xe0 or bool(self.data[0] & 1 and self.destination[3] == 255)


def read(path):
    """The frames of a pcap file of Ethernet."""
    data = path.read_bytes()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    scale = 1e-9 if 0x4d in data[:4] and 0x3c in data[:4] else 1e-6
    if struct.unpack_from(order + "I", data, 20)[0] != ETHERNET:
        raise ValueError(f"{path} holds no Ethernet")
    frames, at = [], 24
    while at + 16 <= len(data):
        seconds, parts, length, _ = struct.unpack_from(order + "IIII", data, at)
        frames.append(Frame(len(frames) + 1, seconds + parts * scale,
                            data[at + 16:at + 16 + length]))
        at += 16 + length
    return frames


def without_duplicates(frames):
    """Leaves out what a mirror port sent twice: the same packet, its IP identification too."""
    seen, kept = {}, []
    for frame in frames:
        if frame.kind in ("tcp", "udp") and frame.identity not in (b"", b"\0\0"):
            key = (frame.ends, frame.identity, bytes(frame.segment))
            if frame.time_s - seen.get(key, -1) < DUPLICATE_S:
                continue
            seen[key] = frame.time_s
        kept.append(frame)
    return kept


def distance(a, b):
    return (a - b + 0x80000000) % 0x100000000 - 0x80000000


class Connections:
    """Numbers the connections of each pair of TCP ends: a new one behind bytes that are missing, and
    from each frame of `cuts` on."""

    def __init__(self, frames, cuts=()):
        self.cuts = cuts
        self.later = {}  # direction -> segments to come, the next one last
        for frame in reversed(frames):
            if frame.kind == "tcp":
                self.later.setdefault(frame.ends, []).append(frame)
        self.next = {}  # direction -> the number that comes next
        self.current = {}  # pair of ends -> number of its connection

    def number_of(self, frame):
        """Call in the frames' order."""
        pair = tuple(sorted(frame.ends))
        self.later[frame.ends].pop()
        if frame.number in self.cuts:
            self.current[pair] = self.current.get(pair, 0) + 1
        length = len(frame.payload) + bool(frame.flags & SYN) + bool(frame.flags & FIN)
        expected = self.next.get(frame.ends)
        number = self.current.setdefault(pair, 0)
        if frame.flags & SYN:
            if not frame.flags & ACK:
                self.next.pop(frame.ends[::-1], None)
        elif expected is not None and distance(frame.sequence, expected) > 0:
            if frame.flags & RST and not length:
                return number
            if not self._comes_later(frame.ends, expected):
                number += 1
                self.current[pair] = number
        end = (frame.sequence + length) & 0xffffffff
        if expected is None or frame.flags & SYN or distance(end, expected) > 0:
            self.next[frame.ends] = end
        return number

    def _comes_later(self, direction, number):
        for frame in reversed(self.later[direction]):
            if frame.flags & SYN:
                return False
            ahead = distance(number, frame.sequence)
            if 0 <= ahead < len(frame.payload) + bool(frame.flags & FIN):
                return True
        return False


class Addresses:
    """New addresses for the recording's hosts, by side (0 the clients', 1 the servers') and VLAN."""

    def __init__(self):
        self.hosts = {}  # (host, side, vlan) -> number
        self.sides = {}  # host -> the side that it was seen on first
        self.between = {}  # (host, other host) -> the host's side

    def place(self, client, server):
        """Notes which side each is on, if nothing is known."""
        self.sides.setdefault(client, 0)
        self.sides.setdefault(server, 1)

    def side_towards(self, source, destination, to_many):
        """The source's, when both may be client or server: always the same with the same other."""
        if to_many:
            return self.sides.setdefault(source, 0)
        known = self.between.get((source, destination))
        if known is None:
            if source not in self.sides and destination in self.sides:
                self.sides[source] = 1 - self.sides[destination]
            known = self.sides.setdefault(source, 0)
            self.sides.setdefault(destination, 1 - known)
            self.between[(source, destination)] = known
            self.between[(destination, source)] = 1 - known
        return known

    def number(self, host, side, vlan):
        return self.hosts.setdefault((host, side, vlan), len(self.hosts) + 10)

    def ip(self, host, side, vlan):
        number = self.number(host, side, vlan)
        high, low = divmod(number, 250)
        if len(host) == 4:
            return bytes((10, 1 + side, vlan * 8 + high, 1 + low))
        return ipaddress.ip_address(f"fd00:{1 + side}:{vlan:x}::{number:x}").packed

    def mac(self, host, side, vlan):
        return struct.pack(">BBI", 2, 1 + side, self.number(host, side, vlan))

    @staticmethod
    def to_many(host, side, vlan):
        """Multicast groups stay what they are; broadcasts become those of the zone's network."""
        if host[0] in (0xff, *range(0xe0, 0xf0)) and host != b"\xff\xff\xff\xff":
            return host
        return bytes((10, 1 + side, vlan * 8 + 7, 255))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def rebuilt(frame, ends, macs):
    """The frame between other ends ((address, port), (address, port)), with right checksums."""
    (source, from_port), (destination, to_port) = ends
    segment = frame.segment
    struct.pack_into(">HH", segment, 0, from_port, to_port)
    at = 16 if frame.protocol == TCP else 6
    pseudo = source + destination + struct.pack(">II", len(segment), frame.protocol)
    if frame.protocol == UDP and struct.unpack_from(">H", segment, 6)[0] == 0 and len(source) == 4:
        pass  # sent without one
    else:
        struct.pack_into(">H", segment, at, 0)
        struct.pack_into(">H", segment, at, checksum(pseudo + bytes(segment)) or 0xffff)
    old = frame.data[frame.ip:]
    if len(source) == 4:
        header = bytearray(old[:20])
        struct.pack_into(">H", header, 2, 20 + len(segment))
        header[10:20] = b"\0\0" + source + destination
        struct.pack_into(">H", header, 10, checksum(bytes(header)))
    else:
        header = bytearray(old[:8]) + source + destination
        struct.pack_into(">H", header, 4, len(segment))
    return macs[1] + macs[0] + bytes(frame.head[12:]) + bytes(header) + bytes(segment)


class Conversion:
    """`ports`: those of servers, by transport ({"tcp": {502}, "udp": {47808}})."""

    def __init__(self, frames, ports, cuts=()):
        self.frames = without_duplicates(frames)
        self.cuts = cuts
        self.ports = ports
        self.addresses = Addresses()
        self.vlans = {}
        self.begun = set()  # connections
        self.ip_groups, self.ports_seen = set(), set()
        self.stations, self.groups = {}, set()  # of what Ethernet itself carries
        self.numbers = []  # of what was written: the frame of the recording
        self._place_hosts()

    def _server_end(self, frame):
        """0 or 1: the end whose port is a server's; None of another frame, 2 where both are."""
        if frame.kind not in ("tcp", "udp"):
            return None
        known = [port in self.ports[frame.kind] for port in frame.ports]
        if all(known):
            return 2
        return known.index(True) if any(known) else None

    def _place_hosts(self):
        """Roles that ports decide come first, then who spoke first."""
        for both in (False, True):
            for frame in self.frames:
                end = self._server_end(frame)
                if end is None or (end == 2) != both or frame.is_to_many():
                    continue
                hosts = (frame.source, frame.destination)
                if end == 2:
                    self._sides(frame, end)
                else:
                    self.addresses.place(hosts[1 - end], hosts[end])

    def _sides(self, frame, end):
        """The side of the source and that of the destination."""
        if end != 2:
            return (0, 1) if end == 1 else (1, 0)
        first = self.addresses.side_towards(frame.source, frame.destination, frame.is_to_many())
        return first, 1 - first

    def convert(self):
        """(time, frame) of each that a server or a publisher of the ports is at."""
        connections, ports_of, out = Connections(self.frames, self.cuts), {}, []
        for frame in self.frames:
            number = connections.number_of(frame) if frame.kind == "tcp" else 0
            if frame.kind == "tcp" and self._is_first_keepalive(frame, number):
                continue
            if frame.kind == "ethernet":
                made = self._ethernet(frame)
            else:
                end = self._server_end(frame)
                made = None if end is None else self._packet(frame, end, number, ports_of)
            if made is not None:
                self.numbers.append(frame.number)
                out.append((frame.time_s, made))
        return out

    def _is_first_keepalive(self, frame, number):
        """One that is the first of its connection says nothing of where the stream stands."""
        key = (tuple(sorted(frame.ends)), number)
        if frame.flags & SYN or len(frame.payload) != 1:
            self.begun.add(key)
        return key not in self.begun

    def _packet(self, frame, end, number, ports_of):
        vlan = self.vlans.setdefault(frame.tags, len(self.vlans))
        self.ports_seen.add((frame.kind, frame.ports[min(end, 1)]))
        sides = self._sides(frame, end)
        ends, macs = [], []
        for i, (host, port) in enumerate(frame.ends):
            if i == 1 and frame.is_to_many():
                address = self.addresses.to_many(host, sides[1], vlan)
                self.ip_groups.add(str(ipaddress.ip_address(address)))
                ends.append((address, port))
                macs.append(frame.data[:6])
                continue
            if number and i != end:  # a connection of its own has a client's port of its own
                port = ports_of.setdefault((host, port, number), 40000 + len(ports_of))
            ends.append((self.addresses.ip(host, sides[i], vlan), port))
            macs.append(self.addresses.mac(host, sides[i], vlan))
        return rebuilt(frame, ends, macs)

    def _ethernet(self, frame):
        """Stations have other addresses in each VLAN; groups keep theirs."""
        to, source = frame.data[:6], frame.data[6:12]
        if source[0] & 1 or source == bytes(6):
            return None
        vlan = self.vlans.setdefault(frame.tags, len(self.vlans))
        self.ports_seen.add(("ethernet", frame.type if frame.type >= 1536 else 0))
        side = self.addresses.side_towards(source, to, bool(to[0] & 1))
        source = self.addresses.mac(source, side, vlan)
        self.stations[source] = (side, frame.tags)
        if to[0] & 1:
            self.groups.add((to, 1 - side, frame.tags))
        else:
            to = self.addresses.mac(to, 1 - side, vlan)
            self.stations[to] = (1 - side, frame.tags)
        return to + source + frame.data[12:]


def write(path, packets):
    out = [struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, ETHERNET)]
    for time_s, data in packets:
        seconds = int(time_s)
        out += [struct.pack("<IIII", seconds, round((time_s - seconds) * 1e6) % 1000000, len(data),
                            len(data)), data]
    path.write_bytes(b"".join(out))
