"""S7 communication: what snap7's server makes of a job, as its callbacks tell it."""

import struct

from receivers import mutate
from receivers.campaign import Target

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
      - {protocol: s7comm, client: hmi, server: plc, access: [session, discover]}
      - protocol: s7comm
        client: hmi
        server: plc
        functions: [read_var]
        where: {area: 0x84, db: 1}
      - protocol: s7comm
        client: hmi
        server: plc
        functions: [write_var]
        where: {area: 0x84, db: 1, address: 16-63}
      - protocol: s7comm
        client: hmi
        server: plc
        functions: [write_var]
        where: {area: 0x84, db: 1, address: 104-111, transport_size: 8, value: -100-100}
      - protocol: s7comm
        client: hmi
        server: plc
        functions: [write_var]
        where: {area: 0x84, db: 1, address: [101-102, 105-106], transport_size: 5, value: -100-100}
      - {protocol: s7comm, client: hmi, server: plc, functions: [read_clock, read_szl, message_service]}
"""
DB = 0x84
BITS, BYTES, OCTETS = 3, 4, 9  # transport sizes of data
ELEMENT_BYTES = {1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 4, 8: 4, 0x1C: 2, 0x1D: 2}
MARKER_BYTE = 1000


def tpkt(tpdu):
    return struct.pack(">BBH", 3, 0, 4 + len(tpdu)) + tpdu


def pdu(kind, reference, parameters, data=b""):
    return tpkt(b"\x02\xf0\x80" + struct.pack(">BBHHHH", 0x32, kind, 0, reference, len(parameters),
                                              len(data)) + parameters + data)


def item(size, count, number, first_bit, area=DB):
    return bytes([0x12, 0x0A, 0x10, size]) + struct.pack(">HHB", count, number, area) + \
        first_bit.to_bytes(3, "big")


def written(size, value, last):
    bits = len(value) if size in (OCTETS,) else 1 if size == BITS else 8 * len(value)
    fill = b"\0" if len(value) % 2 and not last else b""
    return bytes([0, size]) + struct.pack(">H", bits) + value + fill


def write_job(*parts):
    parameters = bytes([5, len(parts)]) + b"".join(part[0] for part in parts)
    data = b"".join(written(*part[1], last=at == len(parts) - 1) for at, part in enumerate(parts))
    return 1, parameters, data


def user_data(group, sub_function, payload=b""):
    parameters = bytes([0, 1, 0x12, 4, 0x11, 0x40 | group, sub_function, 0])
    data = bytes([0xFF, 9]) + struct.pack(">H", len(payload)) + payload if payload else \
        bytes([0x0A, 0, 0, 0])
    return 7, parameters, data


class S7(Target):
    protocol = "s7comm"
    answer_wait_s = 1.0

    def shake_hands(self, session):
        session.state["reference"] = 10
        session.ask(tpkt(bytes.fromhex("11e00000000100c0010ac1020100c2020102")))
        session.ask(pdu(1, 1, bytes.fromhex("f0000001000101e0")))

    def parts(self):
        """Jobs as kind, parameters and data."""
        word, real = struct.pack(">h", 7), struct.pack(">f", 1.5)
        return [
            (1, bytes([4, 1]) + item(2, 8, 1, 0), b""),
            (1, bytes([4, 2]) + item(4, 3, 1, 800) + item(1, 1, 1, 801), b""),
            (1, bytes([4, 3]) + item(8, 2, 1, 160) + item(6, 1, 1, 320) + item(5, 1, 1, 8), b""),
            write_job((item(2, 4, 1, 160), (BYTES, b"\1\2\3\4"))),
            write_job((item(1, 1, 1, 163), (BITS, b"\1"))),
            write_job((item(5, 1, 1, 808), (BYTES, word))),
            write_job((item(8, 1, 1, 832), (BYTES, real))),
            write_job((item(8, 1, 1, 864), (7, real))),
            write_job((item(4, 2, 1, 200), (BYTES, b"\1\2\3\4")), (item(2, 1, 1, 240), (BYTES, b"\7"))),
            write_job((item(2, 3, 1, 160), (BYTES, b"\1\2\3")), (item(5, 1, 1, 840), (BYTES, word)),
                      (item(1, 1, 1, 170), (BITS, b"\0"))),
            write_job((item(2, 4, 1, 160), (OCTETS, b"\1\2\3\4"))),
            user_data(4, 1, bytes.fromhex("00110000")), user_data(7, 1), user_data(3, 1),
            user_data(3, 2, b"0A"), user_data(4, 1, bytes.fromhex("04240000")),
        ]

    def messages(self, session):
        return [pdu(kind, self.next(session), parameters, data)
                for kind, parameters, data in self.parts()]

    @staticmethod
    def next(session):
        session.state["reference"] = session.state["reference"] % 0x7FFF + 1
        return session.state["reference"]

    def mutant(self, session, chance):
        parts = self.parts()
        kind, parameters, data = chance.choice(parts)
        way = chance.random()
        if way < 0.3:
            whole = self.messages(session)
            octets = mutate.changes(chance.choice(whole), whole, chance)
            return self.seal(octets, session) if chance.random() < 0.9 else bytes(octets)
        if way < 0.65:
            parameters = mutate.changes(parameters, [each[1] for each in parts], chance)
        else:
            donors = [each[2] for each in parts if each[2]]
            data = mutate.changes(data, donors, chance) if data else chance.choice(donors)
        message = pdu(kind, self.next(session), bytes(parameters), bytes(data))
        if chance.random() < 0.05:
            message = message[:7 + chance.randrange(8)] + message[7 + chance.randrange(8):]
        if chance.random() < 0.1:  # the same in two TPDUs
            at = chance.randrange(7, len(message))
            message = tpkt(b"\x02\xf0" + bytes([chance.choice((0, 0x80))]) + message[7:at]) + \
                tpkt(b"\x02\xf0\x80" + message[at:])
        return message

    def seal(self, octets, session):
        out = bytearray(octets)
        if len(out) >= 4:
            out[2:4] = struct.pack(">H", len(out))
        if len(out) >= 17 and out[7] == 0x32:
            whole = len(out) - 17
            parameters = min(struct.unpack(">H", out[13:15])[0], whole)
            out[13:17] = struct.pack(">HH", parameters, whole - parameters)
        return bytes(out)

    def marker(self, session):
        session.state["mark"] = 0x8000 | self.next(session)
        return pdu(1, session.state["mark"], bytes([4, 1]) + item(2, 1, 1, 8 * MARKER_BYTE))

    def is_marker_answer(self, octets, session):
        return octets[7:9] == b"\x32\x03" and octets[11:13] == struct.pack(">H", session.state["mark"])

    def answer_length(self, octets):
        return 0 if len(octets) < 4 else struct.unpack(">H", octets[2:4])[0]

    def identity(self, octets, session):
        return octets[:11] + octets[13:]

    def judged(self, messages, session):
        effects = []
        for message in messages:
            for one in message.get("operations", ()):
                fields = one["fields"]
                if one["function"] not in ("read_var", "write_var") or "area" not in fields:
                    effects.append([one["function"]])
                    continue
                address = fields["address"]
                first, last = address if isinstance(address, list) else (address, address)
                effects.append([one["function"][:-4], fields["area"], fields.get("db", 0), first,
                                last - first + 1, fields.get("bit"), fields.get("value"),
                                fields.get("transport_size")])
        return effects

    def executed(self, lines, session):
        effects = []
        for line in lines:
            if self.tells_marker(line, session):
                continue
            if "do" in line:
                effects.append([line["do"], line["area"], line["db"], line["first"], line["bytes"],
                                line["data"], line["before"]])
            elif "event" in line:
                effects.append(["event", line["event"], line["p"]])
        return effects

    def tells_marker(self, line, session):
        return (line.get("do"), line.get("area"), line.get("first")) == ("read", DB, MARKER_BYTE)

    def differs(self, judged, executed):
        extra = []
        for each in executed:
            if each[0] == "event":
                if self.event_is_known(each, judged):
                    continue
            elif any(self.same(each, one) for one in judged):
                continue
            extra.append(each)
        return extra

    @staticmethod
    def same(done, one):
        """The octets that were touched, and what one element has become."""
        if len(one) < 8 or done[:5] != one[:5]:
            return False
        if done[0] == "read" or one[6] is None:
            return True
        data = bytes.fromhex(done[5])
        if one[5] is not None:
            before = bytes.fromhex(done[6])
            changed = data[0] ^ before[0] if before else 0
            return data[0] >> one[5] & 1 == one[6] and changed & ~(1 << one[5]) == 0
        form = {2: ">B", 3: ">B", 4: ">H", 5: ">h", 6: ">I", 7: ">i", 8: ">f"}.get(one[7])
        if form is None or struct.calcsize(form) != len(data):
            return True
        value = struct.unpack(form, data)[0]
        return value == one[6] or value != value

    @staticmethod
    def event_is_known(event, judged):
        """snap7's event codes of what was judged; sessions are nobody's business."""
        session = 0x0009FFFF
        if event[1] & session:
            return True
        functions = {one[0] for one in judged}
        first = event[2][0]
        if event[1] == 0x10000000:  # one code for all of the group
            return any(name.startswith("cyclic_") for name in functions)
        wanted = {
            0x00100000: {"read_szl"},
            0x02000000: {"password", "clear_password"},
            0x00200000: {"read_clock", "read_clock_following"} if first == 1 else {"set_clock"},
            0x01000000: {1: {"list_blocks"}, 2: {"list_blocks_of_type"},
                         3: {"list_blocks_of_type"},
                         4: {"get_block_info"}}.get(first, set()),
        }
        return bool(functions & wanted.get(event[1], set()))
