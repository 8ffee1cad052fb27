"""All frames of a device, both ways, in their order.

usage: cable_tap.py DEVICE FILE
Says "begun", and at the end of standard input how many the kernel dropped here. A line a frame in
FILE: `>` for one that the device sends, `<` for one that it receives, and its bytes in hexadecimal.
"""

import select
import socket
import struct
import sys

ALL = 3  # ETH_P_ALL
SOL_PACKET, PACKET_STATISTICS = 263, 6
OUTGOING = 4


def main():
    device, file = sys.argv[1], sys.argv[2]
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
    tap.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE
    tap.bind((device, ALL))
    membership = socket.if_nametoindex(device).to_bytes(4, sys.byteorder) + b"\x01\x00" + bytes(10)
    tap.setsockopt(SOL_PACKET, 1, membership)  # PACKET_ADD_MEMBERSHIP: promiscuous
    print("begun", flush=True)
    with open(file, "w", encoding="ascii") as out:
        while True:
            ready, _, _ = select.select([tap, sys.stdin], [], [])
            if tap in ready:
                frame, address = tap.recvfrom(65535)
                out.write((">" if address[2] == OUTGOING else "<") + frame.hex() + "\n")
            elif sys.stdin in ready:
                break
    _, dropped = struct.unpack("II", tap.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
    print(dropped)


main()
