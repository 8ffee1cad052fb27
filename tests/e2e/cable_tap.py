"""All frames of a device, both ways, in their order.

usage: cable_tap.py DEVICE FILE
Says "begun", and at the end of standard input how many the kernel dropped here. A line a frame in
FILE: `>` for one that the device sends, `<` for one that it receives, and its bytes in hexadecimal.
begin() does so for a test.
"""

import select
import socket
import struct
import subprocess
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


def begin(case, lab, namespace, device):
    """Returns what ends it: the frames that the device sent, and those that it received."""
    file = lab.folder / f"{namespace}-{device}.tap"
    process = subprocess.Popen(
        [str(word) for word in lab.in_ns(namespace, sys.executable, __file__, device, file)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    case.addCleanup(process.kill)
    case.assertEqual(process.stdout.readline(), "begun\n")

    def end():
        process.stdin.close()
        case.assertEqual(process.stdout.readline(), "0\n", "the tap itself lost frames")
        process.wait()
        process.stdout.close()
        lines = file.read_text().splitlines()
        return tuple([bytes.fromhex(line[1:]) for line in lines if line[0] == way]
                     for way in "><")
    return end


if __name__ == "__main__":
    main()
