"""Two controllers with one address, a client of theirs, and how the second tells that it has it now.

usage: takeover_peer.py serve
       takeover_peer.py announce DEVICE ADDRESS arp_request|arp_reply|neighbour
       takeover_peer.py poll ADDRESS SECONDS
`serve` answers Modbus reads on every address of the machine. `poll` asks ten times a second, by a new
connection and by one that it keeps as long as it works, and prints when each was answered.
"""

import json
import socket
import socketserver
import struct
import sys
import threading
import time

PORT = 502
READ = bytes.fromhex("000100000006010300000001")
ANSWER = bytes.fromhex("0001000000050103020007")
EVERY_S = 0.1
PATIENCE_S = 0.3  # after which a client takes its connection for dead


class Controller(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            while self.request.recv(len(READ)):
                self.request.sendall(ANSWER)
        except OSError:
            pass


class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6  # IPv4 too
    allow_reuse_address = True
    daemon_threads = True


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def announcement(mac, address, form):
    if form == "neighbour":  # RFC 4861, 7.2.6: override, to all nodes
        host = socket.inet_pton(socket.AF_INET6, address)
        everyone = socket.inet_pton(socket.AF_INET6, "ff02::1")
        body = struct.pack("!BBHI", 136, 0, 0, 0x20000000) + host + b"\x02\x01" + mac
        pseudo = host + everyone + struct.pack("!II", len(body), 58)
        body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
        header = struct.pack("!IHBB", 0x60000000, len(body), 58, 255) + host + everyone
        return bytes.fromhex("333300000001") + mac + b"\x86\xdd" + header + body
    host = socket.inet_aton(address)  # RFC 5227, 3
    operation, target = (1, bytes(6)) if form == "arp_request" else (2, mac)
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + mac + host + target + host
    return b"\xff" * 6 + mac + b"\x08\x06" + body


def announce(device, address, form):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((device, 0))
        raw.send(announcement(raw.getsockname()[4], address, form))


def ask(connection):
    connection.sendall(READ)
    return connection.recv(len(ANSWER)) == ANSWER


def connect(address):
    return socket.create_connection((address, PORT), timeout=PATIENCE_S)


def poll(address, seconds):
    answered = {"new": [], "kept": []}
    end = time.monotonic() + seconds

    def by_new_ones():
        while time.monotonic() < end:
            try:
                with connect(address) as connection:
                    if ask(connection):
                        answered["new"].append(time.monotonic())
            except OSError:
                continue
            time.sleep(EVERY_S)

    def by_one():
        kept = None
        while time.monotonic() < end:
            try:
                kept = kept or connect(address)
                if ask(kept):
                    answered["kept"].append(time.monotonic())
                    time.sleep(EVERY_S)
                    continue
            except OSError:
                pass
            if kept:
                kept.close()
            kept = None

    threads = [threading.Thread(target=each) for each in (by_new_ones, by_one)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(answered))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        with Server(("::", PORT), Controller) as server:
            print("listening", flush=True)
            server.serve_forever()
    elif sys.argv[1] == "announce":
        announce(*sys.argv[2:])
    else:
        poll(sys.argv[2], float(sys.argv[3]))
