"""A control station and a controlled one (IEC 60870-5-104) that confirms set points as it rounds them.

usage: iec104_peer.py serve ADDRESS | iec104_peer.py command ADDRESS
`command` interrogates, sets a point, and prints what the station confirmed, terminated and reported.
"""

import json
import socket
import struct
import sys

PORT = 2404
START, START_CON = bytes.fromhex("680407000000"), bytes.fromhex("68040b000000")
C_IC_NA_1, C_SE_NC_1, M_ME_NC_1 = 100, 50, 13
ACTIVATION, CONFIRMATION, TERMINATION, INTERROGATED = 6, 7, 10, 20
POINT = 4001


class Link:
    """Numbers messages as 5.1 says, and acknowledges each with the next."""

    def __init__(self, connection):
        self.connection = connection
        self.sent = self.received = 0

    def read(self):
        head = self.connection.recv(2, socket.MSG_WAITALL)
        return self.connection.recv(head[1], socket.MSG_WAITALL) if len(head) == 2 else b""

    def read_or_end(self):
        try:
            return self.read()
        except ConnectionError:
            return b""

    def asdu(self):
        """The next one; nothing at the end."""
        while body := self.read_or_end():
            if body[0] & 1 == 0:
                self.received += 1
                return body[4:]
            if body[0] & 3 == 3:
                self.connection.sendall(START_CON)
        return b""

    def send(self, kind, cause, point, information):
        asdu = struct.pack("<BBBBH", kind, 1, cause, 0, 1) + point.to_bytes(3, "little") + information
        control = struct.pack("<HH", self.sent << 1, self.received << 1)
        self.connection.sendall(bytes([0x68, len(asdu) + 4]) + control + asdu)
        self.sent += 1


def serve(address):
    value = 20.0
    with socket.create_server((address, PORT)) as server:
        print("listening", flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                link = Link(connection)
                while asdu := link.asdu():
                    if asdu[0] == C_IC_NA_1:
                        link.send(C_IC_NA_1, CONFIRMATION, 0, asdu[9:])
                        link.send(M_ME_NC_1, INTERROGATED, POINT, struct.pack("<fB", value, 0))
                        link.send(C_IC_NA_1, TERMINATION, 0, asdu[9:])
                    elif asdu[0] == C_SE_NC_1:
                        value = float(round(struct.unpack("<f", asdu[9:13])[0]))
                        confirmed = struct.pack("<f", value) + asdu[13:]
                        print(json.dumps({"reached": value}), flush=True)
                        link.send(C_SE_NC_1, CONFIRMATION, POINT, confirmed)
                        link.send(C_SE_NC_1, TERMINATION, POINT, confirmed)


def command(address):
    with socket.create_connection((address, PORT), timeout=5) as connection:
        connection.sendall(START)
        link = Link(connection)
        link.read()
        said = []
        for kind, information in ((C_IC_NA_1, b"\x14"), (C_SE_NC_1, struct.pack("<fB", 21.4, 0)),
                                  (C_SE_NC_1, struct.pack("<fB", 90.0, 0)), (C_IC_NA_1, b"\x14")):
            link.send(kind, ACTIVATION, POINT if kind == C_SE_NC_1 else 0, information)
            while True:
                asdu = link.asdu()
                if not asdu:
                    print(json.dumps({"said": said, "ended": True}))
                    return
                value = round(struct.unpack("<f", asdu[9:13])[0], 3) if len(asdu) > 12 else None
                said.append([asdu[0], asdu[2], value])
                if asdu[2] & 0x3F == TERMINATION or asdu[2] & 0x40:
                    break
        print(json.dumps({"said": said, "ended": False}))


if __name__ == "__main__":
    {"serve": serve, "command": command}[sys.argv[1]](sys.argv[2])
