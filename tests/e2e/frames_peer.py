"""Frames that Ethernet itself carries, on a real device.

usage: frames_peer.py send DEVICE FILE | frames_peer.py hear DEVICE ETHERTYPE COUNT SECONDS
FILE holds a frame a line in hexadecimal. `hear` ends after so many frames or seconds and prints them.
"""

import socket
import sys
import time

PACKET_OUTGOING = 4


def send(device, file):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((device, 0))
        with open(file, encoding="ascii") as lines:
            for line in lines:
                raw.send(bytes.fromhex(line))
                time.sleep(0.002)


def hear(device, ethertype, count, seconds):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ethertype)) as raw:
        raw.bind((device, ethertype))
        # Groups that the device does not belong to.
        membership = socket.if_nametoindex(device).to_bytes(4, sys.byteorder) + b"\x01\x00" + bytes(10)
        raw.setsockopt(263, 1, membership)  # SOL_PACKET, PACKET_ADD_MEMBERSHIP: promiscuous
        print("listening", flush=True)
        deadline = time.monotonic() + seconds
        while count > 0 and (left := deadline - time.monotonic()) > 0:
            raw.settimeout(left)
            try:
                frame, address = raw.recvfrom(65535)
            except TimeoutError:
                return
            if address[2] != PACKET_OUTGOING:
                print(frame.hex(), flush=True)
                count -= 1


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(sys.argv[2], sys.argv[3])
    else:
        hear(sys.argv[2], int(sys.argv[3], 0), int(sys.argv[4]), float(sys.argv[5]))
