"""Somebody on the pair link or in a zone, who sends as fast as he can.

usage: pair_flood.py greet HOST PORT         TLS greetings, a connection each
       pair_flood.py datagrams SOURCE HOST PORT   datagrams in the peer's name
       pair_flood.py frames DEVICE           what appliances say in-band, recorded for a moment
Goes on until it is ended, and then says how many there were.
"""

import json
import signal
import socket
import ssl
import struct
import sys
import time

ETHERTYPE = 0x88B5  # of what appliances say in-band
HEARTBEAT = b"BULK" + bytes([3, 0]) + struct.pack("!H", 136) + bytes(128)


def greeting():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    client = context.wrap_bio(incoming, outgoing, server_hostname="alpha")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    return b""


def greet(host, port):
    hello = greeting()

    def once():
        with socket.socket() as connection:
            connection.settimeout(0.2)
            connection.connect((host, int(port)))
            connection.sendall(hello)
    return once


def datagrams(source, host, port):
    """RFC 768 without a checksum, RFC 791; the kernel fills in the rest of the IP header."""
    length = 8 + len(HEARTBEAT)
    udp = struct.pack("!HHHH", int(port), int(port), length, 0) + HEARTBEAT
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 0, 0, 64, socket.IPPROTO_UDP, 0,
                     socket.inet_aton(source), socket.inet_aton(host))
    sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    return lambda: sender.sendto(ip + udp, (host, 0))


def frames(device):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
    wire.bind((device, ETHERTYPE))
    wire.settimeout(0.05)
    recorded, until = [], time.monotonic() + 0.3
    while time.monotonic() < until:
        try:
            recorded.append(wire.recv(2048))
        except TimeoutError:
            continue
    if not recorded:
        sys.exit("nothing was said in-band")
    turn = iter(())

    def once():
        nonlocal turn
        frame = next(turn, None)
        if frame is None:
            turn = iter(recorded)
            frame = next(turn)
        wire.send(frame)
    return once


def main():
    once = {"greet": greet, "datagrams": datagrams, "frames": frames}[sys.argv[1]](*sys.argv[2:])
    over = False

    def end(*_):
        nonlocal over
        over = True
    signal.signal(signal.SIGTERM, end)
    print("begun", flush=True)
    sent, begun = 0, time.monotonic()
    while not over:
        try:
            once()
            sent += 1
        except OSError:  # it is refused, or there is no room
            continue
    print(json.dumps({"sent": sent, "a_second": round(sent / (time.monotonic() - begun))}),
          flush=True)


if __name__ == "__main__":
    main()
