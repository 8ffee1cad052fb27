"""OPC UA: what a server decodes of a request on a channel without security, as it tells itself."""

import re
import struct

from receivers import mutate
from receivers.campaign import SessionEnded, Target

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
      - {protocol: opcua, client: hmi, server: plc, access: [session, discover]}
      - {protocol: opcua, client: hmi, server: plc, functions: [read, create_monitored_items], where: {namespace: 0-1}}
      - {protocol: opcua, client: hmi, server: plc, functions: [create_subscription]}
      - protocol: opcua
        client: hmi
        server: plc
        functions: [write]
        where: {namespace: 1, node_name: Line.Speed, attribute: 13, value: 0-100}
      - protocol: opcua
        client: hmi
        server: plc
        functions: [write]
        where: {namespace: 1, node: 1000, attribute: 13}
      - {protocol: opcua, client: hmi, server: plc, functions: [call], where: {namespace: 0, node: 85, method_namespace: 1, method: 2000}}
"""
GET_ENDPOINTS, CREATE_SESSION, ACTIVATE_SESSION = 428, 461, 467
READ, WRITE, CALL, BROWSE, MONITOR, REGISTER, SUBSCRIBE = 631, 673, 712, 527, 751, 560, 787
DELETE_NODES, HISTORY_UPDATE = 500, 700
NULL = b"\xff\xff\xff\xff"
VALUE = 13


def text(value):
    octets = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<i", len(octets)) + octets


def numeric(namespace, identifier):
    if namespace == 0 and identifier < 256:
        return bytes([0, identifier])
    if namespace < 256 and identifier < 65536:
        return struct.pack("<BBH", 1, namespace, identifier)
    return struct.pack("<BHI", 2, namespace, identifier)


def named(namespace, name):
    return struct.pack("<BH", 3, namespace) + text(name)


def double(value):
    return struct.pack("<BBd", 1, 11, value)  # a data value with a variant only


def array(items):
    return struct.pack("<i", len(items)) + b"".join(items)


def read_item(node, attribute=VALUE):
    return node + struct.pack("<I", attribute) + NULL + b"\0\0" + NULL


def write_item(node, value, attribute=VALUE):
    return node + struct.pack("<I", attribute) + NULL + value


def call_item(node, method):
    return node + method + NULL


class OpcUa(Target):
    protocol = "opcua"
    answer_wait_s = 2.0
    url = "opc.tcp://10.10.0.20:4840/line"

    def shake_hands(self, session):
        state = session.state
        state.update(sequence=0, request=0, channel=0, token=0, authentication=b"\0\0")
        hello = struct.pack("<IIIII", 0, 65535, 65535, 0, 0) + text(self.url)
        session.ask(b"HELF" + struct.pack("<I", 8 + len(hello)) + hello)
        state["sequence"] += 1
        state["request"] += 1
        opening = struct.pack("<I", 0) + text("http://opcfoundation.org/UA/SecurityPolicy#None") + \
            NULL + NULL + struct.pack("<II", state["sequence"], state["request"]) + \
            numeric(0, 446) + self.header(session, 1) + struct.pack("<III", 0, 0, 1) + NULL + \
            struct.pack("<I", 3600000)
        answer = session.ask(b"OPNF" + struct.pack("<I", 8 + len(opening)) + opening)
        at = answer.index(b"SecurityPolicy#None") + len("SecurityPolicy#None") + 8 + 8
        at += 4 + self.response_header_octets(answer[at + 4:])
        state["channel"], state["token"] = struct.unpack("<II", answer[at + 4:at + 12])
        self.open_session(session)

    def open_session(self, session):
        described = text("urn:client") + text("urn:client") + b"\0" + struct.pack("<I", 1) + NULL * 3
        created = session.ask(self.message(session, CREATE_SESSION, described + NULL + text(self.url) +
                                           text("receivers") + text(bytes(32)) + NULL +
                                           struct.pack("<dI", 20000.0, 0)))
        if created[24:28] != numeric(0, 464):
            raise SessionEnded("no session")
        at = 28 + self.response_header_octets(created[28:])
        at += self.node_octets(created[at:])
        session.state["authentication"] = created[at:at + self.node_octets(created[at:])]
        policy = re.search(rb"[\w.#-]*anonymous[\w.#-]*", created[at:], re.IGNORECASE)
        token = text(policy.group(0) if policy else b"anonymous")
        identity = numeric(0, 321) + b"\1" + text(token)
        activated = session.ask(self.message(session, ACTIVATE_SESSION, NULL * 4 + identity + NULL * 2))
        if activated[24:28] != numeric(0, 470):
            raise SessionEnded("not activated")

    @staticmethod
    def node_octets(octets):
        kind = octets[0] & 0x3F
        if kind in (3, 5):
            return 7 + max(0, struct.unpack("<i", octets[3:7])[0])
        return {0: 2, 1: 4, 2: 7, 4: 19}[kind]

    @staticmethod
    def response_header_octets(octets):
        """Without diagnostics, and with an empty additional header."""
        strings = struct.unpack("<i", octets[17:21])[0]
        return 8 + 4 + 4 + 1 + 4 + (0 if strings <= 0 else 0) + 3

    def header(self, session, handle):
        return session.state["authentication"] + struct.pack("<qII", 133500000000000000, handle, 0) + \
            NULL + struct.pack("<I", 10000) + b"\0\0\0"

    def message(self, session, service, body):
        return self.numbered(session, numeric(0, service) +
                             self.header(session, session.state["request"] + 1) + body)

    def numbered(self, session, body, kind=b"MSGF"):
        state = session.state
        state["sequence"] += 1
        state["request"] += 1
        head = struct.pack("<IIII", state["channel"], state["token"], state["sequence"],
                           state["request"])
        return kind + struct.pack("<I", 8 + len(head) + len(body)) + head + body

    def bodies(self, session):
        """Granted requests: their service and what stands behind the header."""
        speed, other = named(1, "Line.Speed"), numeric(1, 1000)
        read = struct.pack("<dI", 0.0, 3)
        return [
            (READ, read + array([read_item(speed)])),
            (READ, read + array([read_item(speed), read_item(other), read_item(numeric(0, 2258))])),
            (WRITE, array([write_item(speed, double(5.0))])),
            (WRITE, array([write_item(other, double(6.0))])),
            (WRITE, array([write_item(speed, double(7.0)), write_item(other, double(8.0))])),
            (WRITE, array([write_item(other, struct.pack("<BBI", 1, 7, 12)),
                           write_item(other, struct.pack("<BBiII", 1, 0x87, 2, 1, 2))])),
            (WRITE, array([write_item(other, struct.pack("<BB", 1, 12) + text("some text"))])),
            (WRITE, array([write_item(other, b"\1\x16" + numeric(0, 321) + b"\1" +
                                      text(text("anonymous")))])),
            (CALL, array([call_item(numeric(0, 85), numeric(1, 2000))])),
            (BROWSE, b"\0\0" + struct.pack("<qI", 0, 0) + struct.pack("<I", 10) +
             array([numeric(0, 85) + struct.pack("<I", 0) + numeric(0, 33) + b"\1" +
                    struct.pack("<II", 0, 63)])),
            (SUBSCRIBE, struct.pack("<dIII", 1000.0, 100, 10, 0) + b"\0\0"),
            (MONITOR, struct.pack("<II", 1, 3) + array([
                read_item(speed) + struct.pack("<IId", 2, 1, 1000.0) + b"\0\0\0" +
                struct.pack("<IB", 1, 1)])),
        ]

    def forbidden(self):
        """What no rule grants, for splices."""
        limit, guard = named(1, "Line.Limit"), numeric(1, 1001)
        return [
            array([write_item(limit, double(9.0))]), write_item(guard, double(9999.0)),
            write_item(named(1, "Line.Speed"), double(500.0)), write_item(limit, double(1.0)),
            array([call_item(numeric(0, 85), numeric(1, 2001))]), array([guard + b"\1"]),
        ]

    # Node identifiers whose first octet has flags, or whose form has room.
    def odd_node(self, chance):
        inner = chance.choice(self.forbidden() + [b"", b"\0" * 4])
        flags = chance.choice((0x80, 0x40, 0xC0, 0))
        kind = chance.choice((0, 1, 2, 3, 4, 5, 6))
        node = {0: bytes([0, 85]), 1: struct.pack("<BBH", 1, 1, 1000),
                2: struct.pack("<BHI", 2, 1, 1000), 3: named(1, "Line.Speed"),
                4: struct.pack("<BH", 4, 1) + bytes(16), 5: struct.pack("<BH", 5, 1) + text("Line.Speed"),
                6: struct.pack("<BH", 6, 1)}[kind]
        node = bytes([node[0] | flags]) + node[1:]
        if flags & 0x80 and chance.random() < 0.8:
            node += text(inner)
        if flags & 0x40 and chance.random() < 0.8:
            node += struct.pack("<I", chance.choice((0, 1, 1000)))
        return node

    def odd_value(self, chance):
        """Data values and variants with masks, arrays, dimensions and extension objects."""
        inner = chance.choice(self.forbidden())
        mask = chance.choice((1, 3, 5, 9, 0x11, 0x21, 0x41, 0x81, 0x3F, 0))
        kind = chance.choice((0, 1, 7, 11, 12, 15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1F, 0x20, 0x3F, 0x4B,
                              0x87, 0x8B, 0xCB, 0xC7, 0x8C, 0x97))
        value = bytes([mask, kind])
        if kind & 0x80:
            value += struct.pack("<i", chance.choice((-1, 0, 1, 2, 2**31 - 1)))
        if kind & 0x3F == 0x16:
            value += numeric(0, 321) + bytes([chance.choice((0, 1, 2))]) + text(inner)
        elif kind & 0x3F in (12, 15):
            value += text(inner)
        elif kind & 0x3F == 0x19:
            value += bytes([chance.choice((0, 1, 0x10, 0x7F, 0xFF))]) + text(inner)
        else:
            value += struct.pack("<d", 5.0)[:{1: 1, 7: 4}.get(kind & 0x3F, 8)]
        if kind & 0x40:
            value += struct.pack("<iI", 1, chance.choice((0, 1, 2)))
        if mask & 2:
            value += struct.pack("<I", 0)
        return value + chance.choice((b"", b"", inner, bytes(chance.randrange(1, 9))))

    def odd_body(self, chance):
        items = []
        for _ in range(chance.choice((1, 1, 2))):
            node = self.odd_node(chance) if chance.random() < 0.5 else numeric(1, 1000)
            value = self.odd_value(chance) if chance.random() < 0.6 else double(5.0)
            items.append(write_item(node, value))
        if chance.random() < 0.3:
            items.append(chance.choice(self.forbidden()))
        body = struct.pack("<i", len(items) - (chance.random() < 0.2)) + b"".join(items)
        return WRITE, body

    def mutant(self, session, chance):
        bodies = self.bodies(session)
        service, body = chance.choice(bodies)
        way = chance.random()
        header = bytearray(self.header(session, session.state["request"] + 1))
        others = [each[1] for each in bodies] + self.forbidden()
        if way < 0.35:
            service, body = self.odd_body(chance)
        elif way < 0.85:
            body = mutate.changes(body, others, chance)
        elif way < 0.95:
            header = mutate.changes(header, [bytes(header)] + self.forbidden(), chance)
        kind = b"MSG" + (chance.choice((b"F", b"C", b"A", b"f", b"F")) if chance.random() < 0.03 else b"F")
        type_id = numeric(0, service)
        if chance.random() < 0.04:
            type_id = chance.choice((struct.pack("<BHI", 2, 0, service), bytes([0x81]) + type_id[1:],
                                     bytes([0, service & 0xFF]), numeric(1, service)))
        message = self.numbered(session, type_id + bytes(header) + bytes(body), kind)
        if chance.random() < 0.04:
            message = bytearray(message)
            message[chance.randrange(24)] ^= 1 << chance.randrange(8)
        return bytes(message)

    def messages(self, session):
        return [body for _, body in self.bodies(session)]

    def marker(self, session):
        message = self.message(session, READ, struct.pack("<dI", 0.0, 3) +
                               array([read_item(numeric(0, 2256))]))
        session.state["mark"] = session.state["request"]
        return message

    def is_marker_answer(self, octets, session):
        return octets[:3] == b"MSG" and octets[20:24] == struct.pack("<I", session.state["mark"])

    def answer_length(self, octets):
        return 0 if len(octets) < 8 else struct.unpack("<I", octets[4:8])[0]

    def identity(self, octets, session):
        """Without channel, sequence, request and the session's token."""
        behind = octets[24:].split(session.state["authentication"], 1)
        return octets[:3] + behind[0] + (behind[1][:8] + behind[1][12:] if len(behind) > 1 else b"")

    def judged(self, messages, session):
        return [[one["function"], one["fields"]] for message in messages
                for one in message.get("operations", ())]

    def tells_marker(self, line, session):
        return line.get("do") == "Read" and \
            [item[:2] for item in line["items"]] == [[[0, 2256, ""], VALUE]]

    def executed(self, lines, session):
        effects = []
        for line in lines:
            if "do" not in line or line["do"] in ("method", "GetEndpoints"):
                continue
            if self.tells_marker(line, session):
                continue
            effects.append([line["do"], line["items"]])
        return effects

    NAMES = {"Read": ("read",), "Write": ("write",), "Call": ("call",), "Browse": ("browse",),
             "RegisterNodes": ("register_nodes",), "CreateMonitoredItems": ("create_monitored_items",)}

    @staticmethod
    def service_name(name):
        return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower().replace("_to_node_ids", "")

    @staticmethod
    def is_node(item, fields, prefix=""):
        namespace, kind, name = item
        key = {"": ("namespace", "node", "node_name"),
               "method_": ("method_namespace", "method", "method_name")}[prefix]
        if fields.get(key[0]) != namespace:
            return False
        if isinstance(kind, int):
            return fields.get(key[1]) == kind
        return fields.get(key[2], "\0").encode("latin-1").endswith(bytes.fromhex(name))

    def item_is_judged(self, name, item, fields):
        if not self.is_node(item[0], fields):
            return False
        if name == "Call":
            return self.is_node(item[1], fields, "method_")
        if name in ("Read", "Write", "CreateMonitoredItems") and fields.get("attribute") != item[1]:
            return False
        if name == "Write" and "value" in fields:
            return item[3] is not None and abs(item[3] - fields["value"]) <= 1e-9 * abs(item[3])
        return True

    def differs(self, judged, executed):
        extra = []
        for name, items in executed:
            functions = self.NAMES.get(name)
            if functions is None:
                if not any(one[0] == self.service_name(name) for one in judged):
                    extra.append([name, items])
                continue
            pool = [fields for function, fields in judged if function in functions]
            for item in items:
                found = next((fields for fields in pool if self.item_is_judged(name, item, fields)), None)
                if found is None:
                    extra.append([name, item])
                else:
                    pool.remove(found)
            if not items and not any(one[0] in functions for one in judged):
                extra.append([name, items])
        return extra
