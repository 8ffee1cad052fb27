"""A session of many requests over the kernel's TCP, of which every third is refused by the policy.

usage: modbus_client.py HOST PORT REQUESTS [--pieces whole|two|bytes] [--mss N] [--pymodbus]
Prints one JSON line: how many were answered, refused, answered wrongly, and how long they took.
"""

import argparse
import json
import socket
import statistics
import struct
import sys
import time

READ, WRITE = 3, 6
GRANTED, FORBIDDEN = 45, 60  # registers of the policy of the tests


def exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


def send(connection, request, pieces):
    if pieces == "whole":
        connection.sendall(request)
    elif pieces == "two":
        connection.sendall(request[:7])
        connection.sendall(request[7:])
    else:
        for byte in request:
            connection.sendall(bytes([byte]))


def plain(options):
    """Raw requests over a socket with Nagle's algorithm on."""
    connection = socket.socket()
    if options.mss:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, options.mss)
    connection.settimeout(options.timeout)
    connection.connect((options.host, options.port))
    for number in range(options.requests):
        refused = number % 3 == 2
        address, value = (FORBIDDEN if refused else GRANTED), number % 1000
        if number % 3 == 0:
            pdu = struct.pack(">BHH", READ, 0, 1 + number % 100)
        else:
            pdu = struct.pack(">BHH", WRITE, address, value)
        transaction = number % 65536
        begin = time.monotonic()
        send(connection, struct.pack(">HHHB", transaction, 0, len(pdu) + 1, 1) + pdu,
             options.pieces)
        got, _, length, _ = struct.unpack(">HHHB", exactly(connection, 7))
        body = exactly(connection, length - 1)
        taken = time.monotonic() - begin
        if refused:
            right = got == transaction and body == bytes([WRITE | 0x80, 2])
        elif number % 3 == 0:
            right = got == transaction and body[0] == READ and len(body) == 2 + 2 * (1 + number % 100)
        else:
            right = got == transaction and body == pdu
        yield refused, right, taken
    connection.close()


def with_pymodbus(options):
    from pymodbus.client import ModbusTcpClient
    client = ModbusTcpClient(options.host, port=options.port, timeout=30)
    if not client.connect():
        raise ConnectionError("refused")
    for number in range(options.requests):
        refused = number % 3 == 2
        begin = time.monotonic()
        if number % 3 == 0:
            answer = client.read_holding_registers(0, count=1 + number % 100, slave=1)
            right = not answer.isError() and len(answer.registers) == 1 + number % 100
        else:
            address = FORBIDDEN if refused else GRANTED
            answer = client.write_register(address, number % 1000, slave=1)
            right = answer.isError() == refused
            if refused:
                right = right and getattr(answer, "exception_code", None) == 2
        yield refused, right, time.monotonic() - begin
    client.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("requests", type=int)
    parser.add_argument("--pieces", choices=("whole", "two", "bytes"), default="whole")
    parser.add_argument("--mss", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=30)
    parser.add_argument("--pymodbus", action="store_true")
    options = parser.parse_args()
    outcome = {"answered": 0, "refused": 0, "wrong": 0, "error": ""}
    times = []
    try:
        for refused, right, taken in (with_pymodbus if options.pymodbus else plain)(options):
            outcome["wrong" if not right else "refused" if refused else "answered"] += 1
            times.append(taken)
    except OSError as error:
        outcome["error"] = str(error) or type(error).__name__
    if times:
        outcome["p50_ms"] = round(statistics.median(times) * 1000, 3)
        outcome["max_ms"] = round(max(times) * 1000, 3)
    print(json.dumps(outcome))


if __name__ == "__main__":
    sys.exit(main())
