"""What arrives at a host, and when, by the machine's clock of the day.

usage: arrivals.py DEVICE SOURCE_MAC
Says "begun", and at the end of standard input one JSON line: for each kind of frame from that MAC
address (arp, udp, tcp, write: a Modbus request of function 6) how many came, and when the last one.
"""

import json
import select
import socket
import struct
import sys

SO_TIMESTAMPNS = 35
ALL = 3  # ETH_P_ALL


def kind_of(frame):
    ethertype = frame[12:14]
    if ethertype == b"\x08\x06":
        return "arp"
    if ethertype != b"\x08\x00":
        return "other"
    if frame[23] == 17:
        return "udp"
    if frame[23] != 6:
        return "other"
    tcp = 14 + 4 * (frame[14] & 15)
    payload = frame[tcp + 4 * (frame[tcp + 12] >> 4):14 + struct.unpack("!H", frame[16:18])[0]]
    return "write" if len(payload) > 7 and payload[7] == 6 else "tcp"


def main():
    device, source = sys.argv[1], bytes.fromhex(sys.argv[2].replace(":", ""))
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
    tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    tap.bind((device, 0))
    print("begun", flush=True)
    seen = {}
    while True:
        ready, _, _ = select.select([tap, sys.stdin], [], [])
        if tap in ready:
            frame, extra, _, _ = tap.recvmsg(2048, 64)
            if frame[6:12] == source:
                seconds, ns = struct.unpack("qq", extra[0][2])
                count, _ = seen.get(kind_of(frame), (0, 0))
                seen[kind_of(frame)] = (count + 1, seconds * 10**9 + ns)
        elif sys.stdin in ready:
            break
    print(json.dumps({kind: {"count": count, "last_ns": last} for kind, (count, last) in seen.items()}))


main()
