"""Modbus: what its receivers, libmodbus and pymodbus, make of a request, as their memory tells it."""

import struct

from receivers.campaign import Target

MARKER_REGISTER = 777

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
      - protocol: modbus
        client: hmi
        server: plc
        functions: [read_coils, read_discrete_inputs, read_holding_registers, read_input_registers]
        where: {unit: 1, address: 0-199}
      - protocol: modbus
        client: hmi
        server: plc
        functions: [read_holding_registers]
        where: {unit: 1, address: 777}
      - protocol: modbus
        client: hmi
        server: plc
        functions: [write_single_coil, write_multiple_coils]
        where: {unit: 1, address: 10-60}
      - protocol: modbus
        client: hmi
        server: plc
        functions: [write_single_register, write_multiple_registers]
        where: {unit: 1, address: 20-160, value: 0-40000}
      - {protocol: modbus, client: hmi, server: plc, functions: [mask_write_register], where: {unit: 1, address: 20-60}}
      - {protocol: modbus, client: hmi, server: plc, functions: [OTHERS], where: {unit: 1}}
"""
OTHERS = ("read_exception_status", "return_query_data", "return_diagnostic_register",
          "get_comm_event_counter", "get_comm_event_log", "report_server_id", "read_file_record",
          "read_fifo_queue", "read_device_identification", "read_write_multiple_registers")
READ_FUNCTIONS = {1: "coils", 2: "inputs", 3: "registers", 4: "input_registers"}


def adu(transaction, pdu, unit=1):
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


class Modbus(Target):
    protocol = "modbus"
    # libmodbus throws away what stands behind a request that it refuses.
    first_answer_wait_s = 0.1
    answer_wait_s = 1.0

    @staticmethod
    def policy(known):
        """The policy, with those of the other functions that the module knows by these names."""
        return POLICY.replace("OTHERS", ", ".join(name for name in OTHERS if name in known))

    def shake_hands(self, session):
        session.state["transaction"] = 1

    def messages(self, session):
        transaction = session.state["transaction"] = (session.state["transaction"] + 1) & 0x7FFF
        pdus = [bytes([fc]) + struct.pack(">HH", first, count)
                for fc in (1, 2, 3, 4) for first, count in ((0, 8), (20, 12), (100, 9))]
        pdus += [
            bytes([5]) + struct.pack(">HH", 12, 0xFF00), bytes([5]) + struct.pack(">HH", 30, 0),
            bytes([6]) + struct.pack(">HH", 40, 5), bytes([6]) + struct.pack(">HH", 99, 700),
            bytes([15]) + struct.pack(">HHB", 12, 16, 2) + b"\xa5\x3c",
            bytes([15]) + struct.pack(">HHB", 20, 11, 2) + b"\xff\x05",
            bytes([16]) + struct.pack(">HHB", 40, 3, 6) + bytes.fromhex("000100020003"),
            bytes([16]) + struct.pack(">HHB", 60, 60, 120) + bytes(range(120)),
            bytes([22]) + struct.pack(">HHH", 50, 0x00F2, 0x0025),
            bytes([23]) + struct.pack(">HHHHB", 100, 4, 30, 2, 4) + bytes.fromhex("00070008"),
            bytes([7]), bytes([8]) + bytes.fromhex("0000a537"), bytes([8]) + bytes.fromhex("00020000"),
            bytes([11]), bytes([12]), bytes([17]), bytes.fromhex("2b0e0100"),
            bytes.fromhex("140e" "06000400010002" "06000300090002"), bytes([24]) + struct.pack(">H", 40),
        ]
        return [adu(transaction, pdu) for pdu in pdus]

    def seal(self, octets, session):
        out = bytearray(octets)
        if len(out) < 8:
            out += bytes(8 - len(out))
        out[4:6] = struct.pack(">H", len(out) - 6)
        return bytes(out)

    def marker(self, session):
        session.state["marker"] = session.state.get("marker", 0x8000) + 1 & 0xFFFF | 0x8000
        return adu(session.state["marker"], bytes([3]) + struct.pack(">HH", MARKER_REGISTER, 1))

    def is_marker_answer(self, octets, session):
        return octets[:2] == struct.pack(">H", session.state["marker"])

    def answer_length(self, octets):
        return 0 if len(octets) < 6 else 6 + struct.unpack(">H", octets[4:6])[0]

    def judged(self, messages, session):
        effects = []
        for message in messages:
            for one in message.get("operations", ()):
                effects += self.effects(one)
        return effects

    def effects(self, one):
        fields, function = one["fields"], one["function"]
        def span(name):
            value = fields[name]
            return range(value[0], value[1] + 1) if isinstance(value, list) else range(value, value + 1)
        if function in ("write_single_coil", "write_multiple_coils"):
            values = one.get("values") or [fields["value"]]
            first = one.get("first", span("address")[0])
            return [["coil", first + i, int(bool(value))] for i, value in enumerate(values)]
        if function in ("write_single_register", "write_multiple_registers") or \
                function.startswith(("read_write_multiple", "write_of_read_write", "read_write")) and \
                "values" in one or function == "read_write_multiple_registers" and "value" in fields:
            values = one.get("values") or [fields["value"]]
            first = one.get("first", span("address")[0])
            return [["register", first + i, value] for i, value in enumerate(values)]
        if function == "mask_write_register":
            return [["mask", span("address")[0], fields["and_mask"], fields["or_mask"]]]
        return []

    def executed(self, lines, session):
        """The marker's own line has no writes. A masked write is told by what was before it."""
        effects = []
        for line in lines:
            if line.get("function") == 22:
                effects += [["masked", int(at), value] for at, value in line["registers"].items()]
                continue
            effects += [["coil", int(at), value] for at, value in line.get("coils", {}).items()]
            effects += [["register", int(at), value]
                        for at, value in line.get("registers", {}).items()]
        return effects

    def differs(self, judged, executed):
        extra = []
        for each in executed:
            if each[0] == "masked":
                masks = [j for j in judged if j[0] == "mask" and j[1] == each[1]]
                before = 0xA000 + each[1]
                if masks and (before & masks[0][2] | masks[0][3] & ~masks[0][2] & 0xFFFF) == each[2]:
                    continue
                extra.append(each)
            elif each not in judged:
                extra.append(each)
        return extra
