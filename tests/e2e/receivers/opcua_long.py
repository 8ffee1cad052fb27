"""OPC UA: writes and calls whose last value is longer than what is put together, in many chunks."""

import struct

from receivers import mutate
from receivers.opcua import CALL, NULL, VALUE, WRITE, OpcUa, array, call_item, double, named, numeric, \
    text, write_item

HEAD = 300  # of a body, behind its header: where its operations stand
ELEMENT_OCTETS = {2: 1, 4: 2, 6: 4, 8: 8, 10: 4, 11: 8, 13: 8, 14: 16, 19: 4}
STRING, BYTE_STRING, XML_ELEMENT = 12, 15, 16
# Values that are read to their end, or not at all: none is long.
OTHERS = (0x15, 0x16, 0x17, 0x18, 0x19, 0x8C, 0x8F, 0x98, 0x96, 0xC3, 0xCB, 0x1F, 0x20)
CHUNK_OCTETS = ((8168,), (65511,), (40000,), (9000, 65000, 300), (65400, 20), (500, 60000),
                (30000, 1))


class LongRequests(OpcUa):
    def is_begun(self, told, settled):
        return told["closed"] or not settled

    def bait(self):
        """The body of a request that no rule grants."""
        return numeric(0, WRITE) + bytes(32) + array([write_item(named(1, "Line.Limit"), double(9.0))])

    def content(self, chance, size):
        pieces = self.forbidden() + [b"MSGF" + struct.pack("<I", 24 + len(self.bait())) + bytes(16) +
                                     self.bait(), NULL, bytes(7)]
        piece = chance.choice(pieces)
        return (piece * (size // len(piece) + 1))[:size]

    def value(self, chance):
        size = chance.choice((chance.randint(65400, 66600), chance.randint(66000, 120000)))
        more = chance.choice((-1, 1, 4, 25)) if chance.random() < 0.1 else 0
        way = chance.random()
        if way < 0.55:
            kind = chance.choice((STRING, BYTE_STRING, XML_ELEMENT))
            return bytes([kind]) + struct.pack("<i", size + more) + self.content(chance, size)
        if way < 0.85:
            kind = chance.choice(list(ELEMENT_OCTETS))
            count = size // ELEMENT_OCTETS[kind]
            return bytes([kind | 0x80]) + struct.pack("<i", count + more) + \
                self.content(chance, count * ELEMENT_OCTETS[kind])
        return bytes([chance.choice(OTHERS)]) + text(self.content(chance, size))

    def long_body(self, chance):
        value = self.value(chance)
        if chance.random() < 0.3:
            arguments = [value]
            if chance.random() < 0.2:
                arguments.insert(chance.randrange(2), b"\x0b" + bytes(8))
            call = numeric(0, 85) + numeric(1, 2000) + array(arguments)
            return CALL, array([call] + [call_item(numeric(0, 85), numeric(1, 2001))] *
                               (chance.random() < 0.06))
        node = self.odd_node(chance) if chance.random() < 0.08 else numeric(1, 1000)
        mask = chance.choice((3, 5, 9, 0x21, 0x41, 0)) if chance.random() < 0.08 else 1
        items = [write_item(node, bytes([mask]) + value)]
        if chance.random() < 0.1:
            items.insert(chance.randrange(2), write_item(named(1, "Line.Limit"), double(9.0)))
        tail = chance.choice(self.forbidden() + [bytes(4)]) if chance.random() < 0.1 else b""
        return WRITE, array(items) + tail

    def chunk(self, session, kind, body, request=0, step=1):
        state = session.state
        state["sequence"] += step
        head = struct.pack("<IIII", state["channel"], state["token"], state["sequence"],
                           state["request"] + request)
        return kind + struct.pack("<I", 8 + len(head) + len(body)) + head + body

    def parts(self, whole, chance):
        """The body of each chunk; some are lost, doubled or swapped."""
        sizes, parts, at = chance.choice(CHUNK_OCTETS), [], 0
        while at < len(whole):
            size = chance.choice(sizes)
            parts.append(whole[at:at + size])
            at += size
        way, at = chance.randrange(20), chance.randrange(len(parts))
        if way == 0:
            parts.insert(at, b"")
        elif way == 1:
            parts.insert(at, parts[at])
        elif way == 2 and len(parts) > 1:
            del parts[at]
        elif way == 3:
            parts[at], parts[-1] = parts[-1], parts[at]
        elif way == 4:
            parts[-1] += self.content(chance, chance.randint(1, 60))
        elif way == 5:
            parts[-1] = parts[-1][:-chance.randint(1, 30)]
        return parts

    def chunks(self, session, whole, chance):
        session.state["request"] += 1
        parts = self.parts(whole, chance)
        way, odd, out = chance.randrange(16), chance.randrange(len(parts)), []
        for at, part in enumerate(parts):
            kind, request, step = b"MSGF" if at == len(parts) - 1 else b"MSGC", 0, 1
            if at == odd and way == 0:
                kind = chance.choice((b"MSGF", b"MSGA", b"MSGC", b"CLOF", b"CLOC", b"OPNF", b"MSGf"))
            elif at == odd and way == 1:
                request = chance.choice((1, -1, 7))
            elif at == odd and way == 2:
                step = chance.choice((0, 2, -1, 1000))
            elif at == odd and way == 3:
                out.append(self.chunk(session, chance.choice((b"MSGF", b"MSGC", b"MSGA", b"CLOF")),
                                      self.bait(), chance.choice((0, 1, 7))))
            one = bytearray(self.chunk(session, kind, part, request, step))
            if at == odd and way == 4:
                one[chance.randrange(24)] ^= 1 << chance.randrange(8)
            out.append(bytes(one))
        return b"".join(out)

    def mutant(self, session, chance):
        service, body = self.long_body(chance)
        header = self.header(session, session.state["request"] + 1)
        head = numeric(0, service) + header + body[:HEAD]
        if chance.random() < 0.3:
            keep = chance.choice((0, 4, len(header) + 4, len(header) + 4))
            head = bytes(mutate.change(head, [head] + self.forbidden(), chance, keep))
        return self.chunks(session, head + body[HEAD:], chance)

    def identity(self, octets, session):
        return super().identity(octets[:24 + HEAD], session) + struct.pack("<I", len(octets))
