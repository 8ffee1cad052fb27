"""A small EtherNet/IP adapter, from the layouts of the CIP Networks Library: the device that a real
scanner is put against. It has tags (Speed and Guard, DINT), explicit and implicit connections, and
tells each tag that was written and each output that arrived.

usage: cip_adapter.py ADDRESS
Prints a line of JSON for each thing that happened.
"""

import json
import socket
import struct
import sys
import threading
import time

PORT, IO_PORT = 44818, 2222
GROUP = "239.192.1.32"
TO_MANY = 1
REGISTER, SEND_RR, SEND_UNIT = 0x65, 0x6F, 0x70
READ_TAG, WRITE_TAG, FORWARD_OPEN, FORWARD_CLOSE, UNCONNECTED_SEND = 0x4C, 0x4D, 0x54, 0x4E, 0x52
DINT = 0xC4
PATH_UNKNOWN, NOT_SUPPORTED = 0x05, 0x08

lock = threading.Lock()


def tell(**what):
    with lock:
        print(json.dumps(what), flush=True)


class Adapter:
    def __init__(self, address):
        self.address = address
        self.tags = {"Speed": 40, "Guard": 1}
        self.connections = {}  # (serial, vendor, originator) -> Producer
        self.next_connection = 0x1000
        self.told_group = b""  # the item that goes with the answer under way
        self.io = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.io.bind((address, IO_PORT))
        self.io.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))

    def serve(self):
        server = socket.create_server((self.address, PORT))
        threading.Thread(target=self.hear_outputs, daemon=True).start()
        tell(step="listening")
        while True:
            peer, _ = server.accept()
            threading.Thread(target=self.session, args=(peer,), daemon=True).start()

    def hear_outputs(self):
        while True:
            packet, _ = self.io.recvfrom(2048)
            connection, = struct.unpack_from("<I", packet, 6)
            value = struct.unpack_from("<I", packet, len(packet) - 4)[0]
            tell(reached="output", connection=connection, bytes=len(packet) - 18, value=value)

    def session(self, peer):
        explicit = {}  # the client's connection identifiers, by ours
        try:
            while True:
                header = self.read(peer, 24)
                command, length, _, _, context, _ = struct.unpack("<HHII8sI", header)
                data = self.read(peer, length)
                answer = self.answer(peer, command, data, explicit)
                if answer is not None:
                    peer.sendall(struct.pack("<HHII8sI", command, len(answer), 7, 0, context, 0)
                                 + answer)
        except (ConnectionError, OSError):
            peer.close()

    @staticmethod
    def read(peer, count):
        data = b""
        while len(data) < count:
            part = peer.recv(count - len(data))
            if not part:
                raise ConnectionError
            data += part
        return data

    def answer(self, peer, command, data, explicit):
        if command == REGISTER:
            return data
        if command == SEND_RR:
            self.told_group = b""
            cip = self.cip(peer, data[16:], explicit)
            return struct.pack("<IHHHHHH", 0, 0, 3 if self.told_group else 2, 0, 0, 0xB2,
                               len(cip)) + cip + self.told_group
        if command == SEND_UNIT:
            connection, = struct.unpack_from("<I", data, 12)
            sequence, = struct.unpack_from("<H", data, 20)
            cip = struct.pack("<H", sequence) + self.cip(peer, data[22:], explicit)
            return struct.pack("<IHHHHIHH", 0, 0, 2, 0xA1, 4, explicit[connection], 0xB1,
                               len(cip)) + cip
        return None

    def cip(self, peer, request, explicit):
        service, words = request[0], request[1]
        path, data = request[2:2 + 2 * words], request[2 + 2 * words:]
        if service == UNCONNECTED_SEND and path[:2] == b"\x20\x06":
            length, = struct.unpack_from("<H", data, 2)
            return self.cip(peer, data[4:4 + length], explicit)
        handler = {READ_TAG: self.read_tag, WRITE_TAG: self.write_tag}.get(service)
        if handler:
            status, body = handler(path, data)
        elif service == FORWARD_OPEN:
            status, body = self.forward_open(peer, data, explicit)
        elif service == FORWARD_CLOSE:
            status, body = self.forward_close(data)
        else:
            status, body = NOT_SUPPORTED, b""
        return bytes([service | 0x80, 0, status, 0]) + body

    @staticmethod
    def tag_of(path):
        return path[2:2 + path[1]].decode() if path[:1] == b"\x91" else ""

    def read_tag(self, path, _):
        tag = self.tag_of(path)
        if tag not in self.tags:
            return PATH_UNKNOWN, b""
        return 0, struct.pack("<Hi", DINT, self.tags[tag])

    def write_tag(self, path, data):
        tag, value = self.tag_of(path), struct.unpack_from("<i", data, 4)[0]
        tell(reached="write_tag", tag=tag, value=value)
        self.tags[tag] = value
        return 0, b""

    def forward_open(self, peer, data, explicit):
        """CIP 3-5.5.2"""
        to_originator, = struct.unpack_from("<I", data, 6)
        name = struct.unpack_from("<HHI", data, 10)
        interval_us, size = struct.unpack_from("<IH", data, 28)
        implicit = data[34] & 0x0F == 1
        host = peer.getpeername()[0]
        if size >> 13 == TO_MANY:
            host = GROUP
            self.told_group = struct.pack("<HH", 0x8001, 16) + struct.pack(  # EIP 2-6.3.3
                ">HH4s8x", socket.AF_INET, IO_PORT, socket.inet_aton(GROUP))
        connection, self.next_connection = self.next_connection, self.next_connection + 1
        tell(reached="forward_open", implicit=implicit, path=data[36:].hex())
        if implicit:
            self.connections[name] = Producer(self.io, host, to_originator, interval_us,
                                              (size & 0x1FF) - 2)
        else:
            explicit[connection] = to_originator
        return 0, struct.pack("<IIHHIIIBB", connection, to_originator, *name,
                              struct.unpack_from("<I", data, 22)[0], interval_us, 0, 0)

    def forward_close(self, data):
        name = struct.unpack_from("<HHI", data, 2)
        producer = self.connections.pop(name, None)
        tell(reached="forward_close", known=producer is not None)
        if producer:
            # It goes on sending, so that whoever looks sees what the firewall makes of it.
            producer.closed = True
        return 0, struct.pack("<HHIBB", *name, 0, 0)


class Producer:
    """The inputs of an implicit connection (EIP 2-6.4), at their interval."""

    def __init__(self, io, host, connection, interval_us, size):
        self.io, self.host, self.connection = io, host, connection
        self.interval_s, self.size = interval_us / 1e6, size
        self.closed = False
        threading.Thread(target=self.produce, daemon=True).start()

    def produce(self):
        for count in range(1, 1 << 31):
            time.sleep(self.interval_s)
            data = struct.pack("<HI", count & 0xFFFF, count).ljust(2 + self.size, b"\0")
            packet = struct.pack("<HHHIIHH", 2, 0x8002, 8, self.connection, count, 0xB1,
                                 len(data)) + data
            self.io.sendto(packet, (self.host, IO_PORT))


if __name__ == "__main__":
    Adapter(sys.argv[1]).serve()
