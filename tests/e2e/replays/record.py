"""Writes what a device sends and hears to a pcap file until it is ended: record.py DEVICE FILE"""

import socket
import struct
import sys
import time

ETH_P_ALL = 3


def main():
    heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    heard.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    heard.bind((sys.argv[1], 0))
    with open(sys.argv[2], "wb", buffering=0) as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        print("recording", flush=True)
        while True:
            frame, now = heard.recv(70000), time.time()
            file.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(frame), len(frame))
                       + frame)


if __name__ == "__main__":
    main()
