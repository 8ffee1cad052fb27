"""What hosts notice of a failover.

usage: probe.py echo ADDRESS PORT                UDP, answers each datagram
       probe.py udp ADDRESS PORT SECONDS         a datagram each millisecond
       probe.py modbus ADDRESS PORT SECONDS      one session, a request after the other
       probe.py lwip ADDRESS PORT SECONDS TAP OWN
                                                 the same from a host with lwIP as its TCP, on a
                                                 tap device, with an address of its own
       probe.py flows ADDRESS PORT COUNT         as many UDP sessions, a datagram each; over several
                                                 ports from PORT on, 50,000 each
       probe.py tell GROUP PORT SECONDS          a datagram to the group each ten milliseconds
       probe.py listen GROUP PORT SECONDS        counts what comes to the group
"udp", "modbus" and "lwip" say "begun" at their first answer; clients end with one JSON line:
longest_gap_ms is the longest time between two answers; gaps has all that were longer than two
milliseconds, with when they began by the monotonic clock.
"""

import json
import os
import select
import socket
import struct
import sys
import time

READ, WRITE = 3, 6
NOTED = 0.002  # seconds
LATEST = 0.2  # seconds that the last answers may take
FORBIDDEN = 60  # a register that the water works' policy does not grant


def echo(address, port):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, port))
    print("begun", flush=True)
    while True:
        data, sender = server.recvfrom(64)
        server.sendto(data, sender)


class Gaps:
    def __init__(self):
        self.last = self.begun = time.monotonic()
        self.longest = 0.0
        self.all = []
        self.any = False

    def answered(self):
        now = time.monotonic()
        if not self.any:  # what is measured begins here
            self.any, self.last = True, now
            print("begun", flush=True)
        self.longest = max(self.longest, now - self.last)
        if now - self.last > NOTED:
            self.all.append((self.last, round((now - self.last) * 1000, 2)))
        self.last = now

    def result(self):
        self.answered()  # what is still missing counts
        return {"longest_gap_ms": round(self.longest * 1000, 2), "gaps": list(self.all)}


def udp(address, port, seconds):
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    probe.connect((address, port))
    probe.setblocking(False)
    gaps = Gaps()
    sent = answered = 0
    end = gaps.begun + seconds
    while (now := time.monotonic()) < end:
        if now >= gaps.begun + sent / 1000:
            try:
                probe.send(struct.pack("!Q", sent))
            except OSError:
                pass  # no buffer, or told that nobody listens: it is lost
            sent += 1
        wait = max(0.0, gaps.begun + sent / 1000 - time.monotonic())
        if select.select([probe], [], [], wait)[0]:
            answered += take_all(probe, gaps)
    told = gaps.result()
    while select.select([probe], [], [], LATEST)[0]:  # those that are still under way
        answered += take_all(probe, gaps)
    return {"sent": sent, "answered": answered, "lost": sent - answered, **told}


def take_all(probe, gaps):
    answered = 0
    try:
        while probe.recv(64):
            answered += 1
            gaps.answered()
    except OSError:
        pass
    return answered


def of_group(address, option):
    """A socket for which the group is behind the one cable of the lab's hosts."""
    member = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    place = socket.inet_aton(address) + struct.pack("=Ii", 0, socket.if_nametoindex("eth0"))
    member.setsockopt(socket.IPPROTO_IP, option, place)
    return member


def tell(address, port, seconds):
    speaker = of_group(address, socket.IP_MULTICAST_IF)
    sent = 0
    print("begun", flush=True)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        speaker.sendto(struct.pack("!Q", sent), (address, port))
        sent += 1
        time.sleep(0.01)
    return {"sent": sent}


def listen(address, port, seconds):
    listener = of_group(address, socket.IP_ADD_MEMBERSHIP)
    listener.bind((address, port))
    heard = 0
    print("begun", flush=True)
    end = time.monotonic() + seconds
    while (left := end + LATEST - time.monotonic()) > 0:
        if select.select([listener], [], [], left)[0]:
            listener.recv(64)
            heard += 1
    return {"heard": heard}


def flows(address, port, count):
    per_port, first, together = 50_000, 10_000, 200
    answered = 0
    for begin in range(0, count, together):
        clients = []
        for number in range(begin, min(begin + together, count)):
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            client.bind(("", first + number % per_port))
            client.connect((address, port + number // per_port))
            client.setblocking(False)
            clients.append(client)
        answered += ask_all(clients)
        for client in clients:
            client.close()
    return {"answered": answered}


def ask_all(clients):
    """How many were answered, each after five tries at most."""
    waiting = set(clients)
    for _ in range(5):
        for client in waiting:
            client.send(b"hello")
        end = time.monotonic() + 0.5
        while waiting and (left := end - time.monotonic()) > 0:
            for client in select.select(list(waiting), [], [], left)[0]:
                if client.recv(16) == b"hello":
                    waiting.remove(client)
    return len(clients) - len(waiting)


def connect(address, port):
    session = socket.create_connection((address, port), timeout=3)
    session.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return session


def lwip(address, port, seconds, tap, own):
    from lwip_host import Host  # needs a library that others do not
    return modbus(address, port, seconds, Host(tap, own).connect)


def modbus(address, port, seconds, connect=connect):
    """Reads, and now and then a write that the policy forbids. A session that is lost is opened
    again, so that one loss is counted once."""
    counts = {"answered": 0, "refused": 0, "wrong": 0, "lost_sessions": 0, "unanswered": 0}
    gaps = Gaps()
    session = None
    number = 0
    end = gaps.begun + seconds
    while time.monotonic() < end:
        try:
            if session is None:
                session = connect(address, port)
            number += 1
            forbidden = number % 50 == 0
            request = (struct.pack("!HHHBBHH", number & 0xffff, 0, 6, 1, WRITE, FORBIDDEN, 1)
                       if forbidden else
                       struct.pack("!HHHBBHH", number & 0xffff, 0, 6, 1, READ, number % 100, 2))
            session.sendall(request)
            answer = receive(session)
            if answer[:2] != request[:2]:
                counts["wrong"] += 1
            elif forbidden:
                right = answer[7] == 0x80 | WRITE
                counts["refused" if right else "wrong"] += 1
            else:
                right = answer[7] == READ and answer[8] == 4
                counts["answered" if right else "wrong"] += 1
            gaps.answered()
            time.sleep(0.002)
        except socket.timeout:
            counts["unanswered"] += 1
            if session is not None:
                session.close()
                session = None
        except OSError:
            counts["lost_sessions"] += 1
            if session is not None:
                session.close()
                session = None
            time.sleep(0.01)
    return {**counts, **gaps.result()}


def receive(session):
    data = b""
    while len(data) < 6 or len(data) < 6 + struct.unpack("!H", data[4:6])[0]:
        more = session.recv(512)
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


def main():
    mode, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if mode == "echo":
        echo(address, port)
    run = {"udp": udp, "modbus": modbus, "lwip": lwip, "flows": flows, "tell": tell,
           "listen": listen}[mode]
    amount = int(sys.argv[4]) if mode == "flows" else float(sys.argv[4])
    print(json.dumps(run(address, port, amount, *sys.argv[5:])), flush=True)
    os._exit(0)  # lwIP's threads never end


if __name__ == "__main__":
    main()
