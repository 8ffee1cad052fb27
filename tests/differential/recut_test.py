"""Any cut of a capture's TCP streams gives the same operations.

usage: recut_test.py BULKHEADCTL CAPTURES [PROTOCOL...]
Each segment of each real capture is cut at random places, and, where the capture is small, into
single bytes; decode must tell the same of both, in the same order. After bytes that are no message
decode takes up a stream at the next segment, so a stream is compared up to its first fault.
"""

import json
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ETHERNET = 1
BYTEWISE_MAX = 60000  # payload bytes of a capture
SEED = 104


def packets_of(data):
    """(record header's first 8 bytes, frame) of a little-endian pcap, or nothing of another."""
    if len(data) < 24 or data[:4] != b"\xd4\xc3\xb2\xa1" or \
            struct.unpack_from("<I", data, 20)[0] != ETHERNET:
        return None
    packets, at = [], 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        packets.append((data[at:at + 8], data[at + 16:at + 16 + length]))
        at += 16 + length
    return packets


def headers_of(frame):
    """Where IPv4 and TCP begin; nothing of a frame that has them not."""
    at = 12
    while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    ip = at + 2
    if frame[at:at + 2] != b"\x08\x00" or len(frame) < ip + 40 or frame[ip + 9] != 6:
        return None
    return ip, ip + 4 * (frame[ip] & 15)


def tcp_parts(frame):
    """The same, and the payload of a TCP segment that has some."""
    headers = headers_of(frame)
    if headers is None:
        return None
    ip, tcp = headers
    end = ip + struct.unpack_from(">H", frame, ip + 2)[0]
    payload = tcp + 4 * (frame[tcp + 12] >> 4)
    if end > len(frame) or payload >= end:
        return None
    return ip, tcp, payload, end


def pieces(frame, parts, cuts):
    """The segment as several, each with its own sequence number and length."""
    ip, tcp, payload, end = parts
    sequence = struct.unpack_from(">I", frame, tcp + 4)[0]
    edges = [payload, *sorted(payload + cut for cut in cuts), end]
    for first, last in zip(edges, edges[1:]):
        piece = bytearray(frame[:payload] + frame[first:last])
        struct.pack_into(">H", piece, ip + 2, len(piece) - ip)
        struct.pack_into(">I", piece, tcp + 4, (sequence + first - payload) & 0xffffffff)
        yield bytes(piece)


def recut(packets, cut):
    out = [struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, ETHERNET)]
    for head, frame in packets:
        parts = tcp_parts(frame)
        inside = parts[3] - parts[2] if parts else 0
        frames = pieces(frame, parts, cut(inside)) if inside > 1 else [frame]
        for each in frames:
            out += [head, struct.pack("<II", len(each), len(each)), each]
    return b"".join(out)


def told(bulkheadctl, path):
    """(stream, direction) -> what was told of it up to its first fault"""
    done = subprocess.run([bulkheadctl, "decode", path, "--format", "json"], capture_output=True,
                          text=True, check=True)
    streams, faulty = {}, set()
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if "kind" in message:  # what was not decoded
            continue
        del message["frame"]
        key = (message["stream"], message["direction"])
        if "fault" in message:
            faulty.add(message["stream"])
        if message["stream"] not in faulty:
            streams.setdefault(key, []).append(message)
    return streams, faulty


def same(one, other):
    streams, faulty = one
    others, others_faulty = other
    for key in set(streams) | set(others):
        a, b = streams.get(key, []), others.get(key, [])
        if key[0] in faulty | others_faulty:
            shorter = min(len(a), len(b))
            a, b = a[:shorter], b[:shorter]
        if a != b:
            at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            return f"{key}, message {at}: {a[at:at + 1]} != {b[at:at + 1]}"
    return None


def compare(bulkheadctl, capture, folder):
    """How many operations were compared, and what differs."""
    packets = packets_of(capture.read_bytes())
    if packets is None or not any(tcp_parts(frame) for _, frame in packets):
        return 0, None
    chance = random.Random(SEED)

    def some(inside):
        return chance.sample(range(1, inside), min(inside - 1, chance.randint(1, 5)))
    ways = [some]
    if sum(parts[3] - parts[2] for _, frame in packets if (parts := tcp_parts(frame))) < BYTEWISE_MAX:
        ways.append(lambda inside: range(1, inside))
    whole = told(bulkheadctl, capture)
    for way in ways:
        file = folder / "recut.pcap"
        file.write_bytes(recut(packets, way))
        if difference := same(whole, told(bulkheadctl, file)):
            return 0, difference
    return sum(len(messages) for messages in whole[0].values()), None


def main():
    bulkheadctl, captures, names = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    if not captures.is_dir():
        print(f"SKIPPED: {captures} is not there; it holds real captures that are not part of this "
              "project")
        return 77
    truths = Path(__file__).parent / "truths"
    names = names or sorted(path.stem for path in truths.glob("*.py")
                            if path.stem not in ("__init__", "common"))
    bad = total = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            count = 0
            for capture in sorted((captures / name).glob("*.pcap")):
                compared, difference = compare(bulkheadctl, capture, Path(folder))
                count += compared
                if difference:
                    bad += 1
                    print(f"{capture.name}: {difference}"[:400])
            print(f"{name}: {count} operations, the same at any cut")
            total += count
    return 0 if bad == 0 and total > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
