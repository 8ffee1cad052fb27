"""Asks the PLC again and again, each time on a new Modbus session, and tells when that works.

usage: reach.py ADDRESS PORT SECONDS
A line of JSON a try: when by the machine's monotonic clock, and whether an answer came.
"""

import json
import socket
import sys
import time

TRY_S = 0.1
# Unit 1: read holding register 40.
REQUEST = bytes.fromhex("000100000006010300280001")


def answers(address, port):
    try:
        with socket.create_connection((address, port), timeout=TRY_S) as session:
            session.settimeout(TRY_S)
            session.sendall(REQUEST)
            answer = session.recv(64)
            return len(answer) > 8 and answer[7] == REQUEST[7]
    except OSError:
        return False


def main():
    address, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        good = answers(address, port)
        print(json.dumps({"at": time.monotonic(), "answers": good}), flush=True)
        time.sleep(0.02)


main()
