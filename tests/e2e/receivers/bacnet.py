"""BACnet/IP: what a device decodes of a request, as it tells itself."""

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
      - {protocol: bacnet, client: hmi, server: plc, access: [session, read, discover]}
      - protocol: bacnet
        client: hmi
        server: plc
        functions: [write_property, write_property_multiple]
        where: {object_type: 2, instance: 101-102, property: 85, priority: 10-16, value: 10-30}
      - protocol: bacnet
        client: hmi
        server: plc
        functions: [write_property, write_property_multiple]
        where: {object_type: 2, instance: 100, property: 85, priority: 10-16}
"""
REAL_20 = "4441a00000"
FORBIDDEN_WRITE = "0c0080029a 1e 0955 2e 44461c3c00 2f 390a 1f"
MARKER = "0c020004d2 1962"  # the device's protocol version
ALL = 0xFFFFFFFF


def octets(text):
    return bytes.fromhex(text.replace(" ", ""))


def confirmed(service, body):
    return octets("01 04 02 05 00") + bytes([service]) + octets(body)


def link(npdu, function=0x0A):
    return bytes([0x81, function]) + struct.pack(">H", 4 + len(npdu)) + npdu


class Bacnet(Target):
    protocol = "bacnet"
    udp = True
    answer_wait_s = 1.0

    def shake_hands(self, session):
        session.state.update(invoke=0, mark=200)

    def npdus(self):
        return [
            confirmed(12, "0c00800064 1955"), confirmed(12, "0c00800064 1957 2903"),
            confirmed(14, "0c00800064 1e 0955 096f 1f"),
            confirmed(14, "0c00800065 1e 0955 1f 0c00800066 1e 0955 1f"),
            confirmed(15, "0c00800064 1955 3e 4441ac0000 3f 490a"),
            confirmed(15, "0c00800065 1955 3e 4441ac0000 3f"),
            confirmed(15, "0c00800064 1955 3e 00 3f 490a"), confirmed(15, "0c00800064 1955 3e 2115 3f 490b"),
            confirmed(16, "0c00800064 1e 0955 2e 4441a00000 2f 390a 1f"),
            confirmed(16, "0c00800064 1e 0955 2e 4441a00000 2f 390a 1f"
                          "0c00800065 1e 0955 2e 4441a40000 2f 390a 1f"),
            confirmed(16, "0c00800064 1e 0955 2e 4441a00000 2f 390a 0955 2e 4441900000 2f 390b 1f"),
            octets("01 00 10 08"), octets("01 00 10 08 0900 19ff"),
        ]

    def forbidden(self):
        return [confirmed(15, "0c0080029a 1955 3e 44461c3c00 3f"), confirmed(16, FORBIDDEN_WRITE),
                confirmed(20, "0900"), confirmed(17, "1901"),
                confirmed(15, "0c00800064 1955 3e 4479c00000 3f 4901")]

    def numbered(self, npdu, session):
        out = bytearray(npdu)
        if len(out) > 5 and out[0] == 1 and not out[1] & 0x28 and out[2] & 0xF0 == 0:
            session.state["invoke"] = session.state["invoke"] % 199 + 1
            out[4] = session.state["invoke"]
        return bytes(out)

    def messages(self, session):
        return [link(npdu) for npdu in self.npdus()]

    def hidden_write(self, session, chance):
        """A value with a tag that readers measure differently, and another write in its content."""
        tail = chance.choice(("2f 3901 1f", "2f 390a 1f", "2f 3901 0955", "3f 4901", "2f 1f"))
        more = chance.choice(("", FORBIDDEN_WRITE, FORBIDDEN_WRITE + "0c0080029a 1e 0955 2e" + REAL_20))
        inner = octets(tail + more)
        number, context = chance.randrange(16), chance.choice((0, 8))
        if len(inner) < 5 and chance.random() < 0.5:
            head = bytes([number << 4 | context | len(inner)])
        else:
            head = bytes([number << 4 | context | 5, len(inner)])
        value = octets(chance.choice(("", REAL_20, "00"))) + head + inner + octets(
            chance.choice((REAL_20, "", "00")))
        if chance.random() < 0.7:
            body = "0c00800064 1e 0955 2e" + value.hex() + "2f 390a 1f"
            return link(self.numbered(confirmed(16, body), session))
        return link(self.numbered(confirmed(15, "0c00800064 1955 3e" + value.hex() + "3f 490a"),
                                  session))

    def mutant(self, session, chance):
        if chance.random() < 0.15:
            return self.hidden_write(session, chance)
        seeds = self.npdus()
        npdu = self.numbered(chance.choice(seeds), session)
        keep = min(chance.choice((0, 2, 6, 6, 6)), len(npdu) - 1)
        npdu = bytes(mutate.changes(npdu, seeds + self.forbidden(), chance, keep))
        way = chance.random()
        if way < 0.04 and len(npdu) > 2:
            npdu = bytes([1, npdu[1] | 0x20]) + octets("0005 01 07 ff") + npdu[2:]
        elif way < 0.08 and len(npdu) > 2:
            npdu = bytes([1, npdu[1] | 0x08]) + octets("0005 01 07") + npdu[2:]
        message = link(npdu, chance.randrange(12) if chance.random() < 0.03 else 0x0A)
        return bytes(mutate.change(message, seeds, chance)) if chance.random() < 0.03 else message

    def marker(self, session):
        session.state["mark"] = 201 + (session.state["mark"] - 200) % 50
        out = bytearray(confirmed(12, MARKER))
        out[4] = session.state["mark"]
        return link(bytes(out))

    def is_marker_answer(self, answer, session):
        return len(answer) > 9 and answer[6] == 0x30 and answer[7] == session.state["mark"]

    def tells_marker(self, line, session):
        return line.get("do") == "read" and line["object"] == [8, 1234] and line["property"] == 98

    def identity(self, octets, session):
        return octets[:8] + octets[9:]

    def judged(self, messages, session):
        return [[one["function"], one["fields"]] for message in messages
                for one in message.get("operations", ())]

    def executed(self, lines, session):
        return [line for line in lines if "do" in line and not self.tells_marker(line, session)]

    def differs(self, judged, executed):
        extra = []
        left = list(judged)
        for done in executed:
            if done["do"] not in ("read", "write"):
                if done["do"].lower() not in {one[0].replace("_", "") for one in judged}:
                    extra.append(done)
                continue
            found = next((one for one in left if self.same(done, *one)), None)
            if found is None:
                extra.append(done)
            else:
                left.remove(found)
        return extra

    @staticmethod
    def same(done, function, fields):
        if done["do"] not in function or done["object"] != [fields.get("object_type"),
                                                            fields.get("instance")]:
            return False
        if done["property"] != fields.get("property") or done["index"] != fields.get("index", ALL):
            return False
        if done["do"] == "read":
            return True
        if (done.get("priority") or 16) != fields.get("priority", 16):
            return False
        value = fields.get("value")
        return value is None or done["value"] is not None and float(done["value"]) == value
