"""Writes what passes an interface, both directions, as `tcpdump -s 0 -w FILE` would, for machines
that have none.

usage: record.py DEVICE FILE
Says "records" once it does, and goes on until it is ended.
"""

import socket
import struct
import sys
import time

ALL = 3  # ETH_P_ALL


def main():
    device, file = sys.argv[1:]
    peer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
    peer.bind((device, 0))
    with open(file, "wb", buffering=0) as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        print("records", flush=True)
        while True:
            frame = peer.recv(65535)
            now = time.time()
            head = struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(frame), len(frame))
            out.write(head + frame)


if __name__ == "__main__":
    main()
