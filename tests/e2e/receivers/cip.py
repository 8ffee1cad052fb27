"""EtherNet/IP: npm has a scanner and no adapter, so what is changed here are the answers that
st-ethernet-ip gets. The value that it takes must be one that the pipeline judged an answer."""

import random
import select
import socket
import struct
import time

import cip_adapter
from cip_adapter import READ_TAG, Adapter
from receivers import mutate

POLICY = """bulkhead: v1
site: receivers
zones:
  supervision: {target: SL2, port: 0, networks: [10.20.0.0/24]}
  control: {target: SL3, port: 1, networks: [10.10.0.0/24]}
assets:
  hmi: {zone: supervision, address: 10.20.0.10}
  plc: {zone: control, address: 10.10.0.20}
conduits:
  plant:
    from: supervision
    to: control
    on_deny: reject
    allow:
      - {protocol: enip, client: hmi, server: plc, access: [session]}
      - {protocol: enip, client: hmi, server: plc, functions: [forward_open, forward_close_other], where: {ROUTED}}
      - {protocol: enip, client: hmi, server: plc, functions: [read_tag], where: {tag: Speed, ROUTED}}
""".replace("ROUTED", "port: 1, link: 0")
PORT = 44818
READ_ANSWERS = {"read_tag"}


class Tags(Adapter):
    """The adapter of the other test without its sockets."""

    def __init__(self):
        self.tags = {"Speed": 40}
        self.connections = {}
        self.next_connection = 0x1000
        self.told_group = b""


class Answers:
    """Stands where the adapter would; the scanner's session goes through the gate."""

    protocol = "enip"
    udp = False
    client = "10.20.0.10@0"
    server = "10.10.0.20@1"

    def __init__(self, gate, scanner, seed, report=None):
        self.gate, self.scanner, self.report = gate, scanner, report
        self.chance = random.Random(seed)
        self.listener = socket.create_server(("127.0.0.1", PORT))
        self.listener.settimeout(10)
        self.figures = dict.fromkeys(("mutants", "passed", "distinct", "executed", "differences",
                                      "crashes", "sessions", "unsettled"), 0)
        self.seen = set()
        self.differences = []
        self.count = 0
        self.passed = []
        cip_adapter.tell = lambda **_: None

    def run(self, passed, mutants_max, seconds_max):
        deadline = time.monotonic() + seconds_max

        def goes_on():
            return (self.figures["passed"] < passed and self.figures["mutants"] < mutants_max
                    and time.monotonic() < deadline)

        while goes_on():
            peer, _ = self.listener.accept()
            peer.settimeout(5)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.gate.open()
            self.figures["sessions"] += 1
            try:
                self.session(peer, goes_on)
            except (OSError, ConnectionError):
                pass
            finally:
                peer.close()
        self.listener.close()
        return self.figures

    def session(self, peer, goes_on):
        tags, explicit = Tags(), {}
        while goes_on():
            header = Adapter.read(peer, 24)
            request = header + Adapter.read(peer, struct.unpack_from("<H", header, 2)[0])
            told = self.gate.client_says(request)
            if told["back"]:
                peer.sendall(bytes.fromhex(told["back"]))
            if told["closed"]:
                return
            if not told["left"]:
                continue
            self.count += 1
            tags.tags["Speed"] = self.count
            body = tags.answer(peer, header[0], request[24:], explicit)
            if body is None:
                continue
            answer = header[:2] + struct.pack("<HII", len(body), 7, 0) + header[12:20] + \
                bytes(4) + body
            reads = len(body) > 24 and body[22] == READ_TAG | 0x80
            if not (self.answer_read(peer, answer) if reads else self.pass_on(peer, answer)):
                return

    def pass_on(self, peer, octets):
        told = self.gate.server_says(octets)
        if told["back"]:
            peer.sendall(bytes.fromhex(told["back"]))
        # One that was cut short is made whole by the octets of the next: what left counts.
        self.passed = [dict(each, hex=told["back"] or each["hex"])
                       for each in told.get("answers", [])]
        return not told["closed"]

    def mutant(self, answer):
        out = bytearray(mutate.changes(answer, [answer], self.chance,
                                       self.chance.choice((0, 24, 40, 46, 48))))
        if len(out) > 24 and self.chance.random() < 0.9:
            out[2:4] = struct.pack("<H", len(out) - 24)
            if len(out) > 46 and self.chance.random() < 0.9:
                out[42:44] = struct.pack("<H", len(out) - 44)
        return bytes(out)

    def answer_read(self, peer, answer):
        """A changed answer, then the right one where nothing came of it."""
        self.scanner.did()
        mutant = self.mutant(answer)
        self.figures["mutants"] += 1
        goes_on = self.pass_on(peer, mutant)
        answers = list(self.passed)
        if answers:
            self.figures["passed"] += 1
            self.seen.add(mutant[:12] + mutant[20:44] + mutant[46:])
            self.figures["distinct"] = len(self.seen)
        elif goes_on:
            goes_on = self.pass_on(peer, answer)
            answers += self.passed
        self.compare(answers, self.heard(peer))
        return goes_on

    def heard(self, peer):
        """What the scanner says next, unless it asks or goes first."""
        deadline = time.monotonic() + 1
        lines = []
        while not lines and time.monotonic() < deadline:
            lines = self.scanner.did(0.01)
            if not lines and select.select([peer], [], [], 0)[0]:
                lines = self.scanner.did(0.05)
                break
        return lines

    def compare(self, answers, lines):
        for line in lines:
            if "took" not in line:
                continue
            self.figures["executed"] += 1
            # A number stands in the answer as it is; other types have been taken apart.
            took, value = line["took"], b""
            if isinstance(took, int) and not isinstance(took, bool) and abs(took) > 1:
                value = struct.pack("<Q", took & 0xFFFFFFFFFFFFFFFF)[:1 if abs(took) < 128 else 2]
            if any(value in bytes.fromhex(message["hex"])[46:] and
                   any(one["function"] in READ_ANSWERS and not one["fields"].get("status")
                       for one in message.get("operations", ())) for message in answers):
                continue
            self.figures["differences"] += 1
            self.differences.append({"took": line["took"], "answers": answers})
            if self.report:
                self.report.write(str(self.differences[-1]) + "\n")
