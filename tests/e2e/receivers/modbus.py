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
      - {protocol: modbus, client: hmi, server: plc, functions: [
          read_exception_status, return_query_data, return_diagnostic_register,
          get_comm_event_counter, get_comm_event_log, report_server_id, read_file_record,
          read_fifo_queue, read_device_identification, read_write_multiple_registers], where: {unit: 1}}
"""
BEFORE = 0xA000  # as the servers have it


def adu(transaction, pdu, unit=1):
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


class Modbus(Target):
    protocol = "modbus"
    # libmodbus throws away what stands behind a request that it refuses.
    first_answer_wait_s = 0.1
    answer_wait_s = 1.0

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

    def identity(self, octets, session):
        return octets[2:]

    def judged(self, messages, session):
        effects = []
        for message in messages:
            # Behind the MBAP header stands the function that all operations of the message share.
            effects.append(["function", int(message["hex"][14:16], 16)])
            for one in message.get("operations", ()):
                effects += self.effects(one)
        return effects

    @staticmethod
    def effects(one):
        fields, function = one["fields"], one["function"]
        address = fields.get("address", 0)
        first = one.get("first", address[0] if isinstance(address, list) else address)
        if function == "mask_write_register":
            return [["mask", first, fields["and_mask"], fields["or_mask"]]]
        values = one.get("values") or [fields["value"]] if "value" in fields or "values" in one else []
        if function in ("write_single_coil", "write_multiple_coils"):
            return [["coil", first + at, int(bool(value))] for at, value in enumerate(values)]
        if "write" in function:
            return [["register", first + at, value] for at, value in enumerate(values)]
        return []

    def tells_marker(self, line, session):
        return line.get("function") == 3 and line["first"] == MARKER_REGISTER

    def executed(self, lines, session):
        effects = []
        for line in lines:
            if "function" in line and not line.get("refused") and \
                    not self.tells_marker(line, session):
                effects.append(["function", line["function"]])
            effects += [["coil", int(at), value] for at, value in line.get("coils", {}).items()]
            effects += [["register", int(at), value]
                        for at, value in line.get("registers", {}).items()]
        return effects

    def differs(self, judged, executed):
        extra = []
        masks = {one[1]: one[2:] for one in judged if one[0] == "mask"}
        for each in executed:
            if each in judged:
                continue
            if each[0] == "register" and each[1] in masks:
                and_mask, or_mask = masks[each[1]]
                before = BEFORE + each[1]
                if before & and_mask | or_mask & ~and_mask & 0xFFFF == each[2]:
                    continue
            extra.append(each)
        return extra


class Pymodbus(Modbus):
    first_answer_wait_s = 0.0
