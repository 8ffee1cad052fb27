"""Writes the evasion captures and what must come of them into this folder.

usage: make.py
"""

import json
import struct
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLIENT, SERVER = bytes([10, 20, 0, 10]), bytes([10, 10, 0, 20])
CLIENT_MAC, SERVER_MAC = bytes.fromhex("020000002010"), bytes.fromhex("020000001020")
CLIENT_ISN, SERVER_ISN = 1000, 9000
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32


def adu(transaction, pdu):
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, 1) + pdu


def write(address, value=7, transaction=1):
    return adu(transaction, struct.pack(">BHH", 6, address, value))


def read(address, count=1, transaction=1):
    return adu(transaction, struct.pack(">BHH", 3, address, count))


GOOD, BAD = write(0), write(200)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip(source, destination, payload, identification=0, fragment=0x4000):
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), identification, fragment, 64, 6,
                         0) + source + destination
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + payload


def segment(from_client, sequence, acknowledgement, flags, payload=b"", options=b"", urgent=0,
            spoil=False):
    ends = (40000, 502) if from_client else (502, 40000)
    source, destination = (CLIENT, SERVER) if from_client else (SERVER, CLIENT)
    offset = (5 + len(options) // 4) << 4
    header = struct.pack(">HHIIBBHHH", *ends, sequence & 0xffffffff, acknowledgement & 0xffffffff,
                         offset, flags, 65535, 0, urgent) + options
    pseudo = source + destination + struct.pack(">BBH", 0, 6, len(header) + len(payload))
    total = checksum(pseudo + header + payload) ^ (0x1111 if spoil else 0)
    return header[:16] + struct.pack(">H", total) + header[18:] + payload


def frame(from_client, packet):
    macs = SERVER_MAC + CLIENT_MAC if from_client else CLIENT_MAC + SERVER_MAC
    return macs + b"\x08\x00" + packet


class Case:
    """Frames in order; the handshake comes first. Places count payload bytes from the first."""

    def __init__(self, name, about, reaches, reasons=()):
        self.name, self.about, self.reaches, self.reasons = name, about, reaches, reasons
        self.frames = []
        self.whole(True, CLIENT_ISN, 0, SYN)
        self.whole(False, SERVER_ISN, CLIENT_ISN + 1, SYN | ACK)
        self.whole(True, CLIENT_ISN + 1, SERVER_ISN + 1, ACK)

    def whole(self, from_client, sequence, acknowledgement, flags, **more):
        source, destination = (CLIENT, SERVER) if from_client else (SERVER, CLIENT)
        packet = ip(source, destination,
                    segment(from_client, sequence, acknowledgement, flags, **more))
        self.frames.append(frame(from_client, packet))

    def data(self, place, payload, flags=ACK | PSH, **more):
        self.whole(True, CLIENT_ISN + 1 + place, SERVER_ISN + 1, flags, payload=payload, **more)
        return self

    def acked(self, count):
        self.whole(False, SERVER_ISN + 1, CLIENT_ISN + 1 + count, ACK)
        return self

    def fragments(self, place, payload, cuts):
        """One segment in IP fragments; `cuts`: (begin, end, last, bytes to change) of its payload."""
        body = segment(True, CLIENT_ISN + 1 + place, SERVER_ISN + 1, ACK | PSH, payload)
        for begin, end, last, other in cuts:
            piece = (other or body)[begin:end]
            self.frames.append(frame(True, ip(CLIENT, SERVER, piece, 77,
                                              begin // 8 | (0 if last else 0x2000))))
        return self

    def save(self):
        with open(HERE / f"{self.name}.pcap", "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
            for number, data in enumerate(self.frames):
                out.write(struct.pack("<IIII", 1700000000, number * 100, len(data), len(data)))
                out.write(data)
        (HERE / f"{self.name}.json").write_text(json.dumps({
            "about": self.about, "reaches_server": self.reaches.hex(),
            "reasons": sorted(self.reasons)}, indent=1) + "\n")


def split(data, size):
    return [(at, data[at:at + size]) for at in range(0, len(data), size)]


def cases():
    yield Case("whole_message", "no attack: one granted message", GOOD).data(0, GOOD)
    yield Case("forbidden_message", "no attack: one message that is not granted", b"",
               ["values_not_granted"]).data(0, BAD)

    case = Case("byte_by_byte", "a forbidden message, a byte a segment", b"",
                ["values_not_granted"])
    for place, byte in split(BAD, 1):
        case.data(place, byte)
    yield case

    case = Case("backwards", "a granted message, a byte a segment, the last first", GOOD)
    for place, byte in reversed(split(GOOD, 1)):
        case.data(place, byte)
    yield case

    yield Case("hidden_behind_granted", "a forbidden message behind a granted one in one segment",
               GOOD, ["values_not_granted"]).data(0, GOOD + BAD)
    yield Case("hidden_across_segments", "the forbidden one begins in the granted one's segment",
               GOOD, ["values_not_granted"]).data(0, GOOD + BAD[:5]).data(17, BAD[5:])

    case = Case("overlap_before_release", "the address is sent twice while it is held: first granted,"
                " then forbidden", GOOD, ["tcp_inconsistent_retransmission"])
    yield case.data(0, GOOD[:10]).data(8, BAD[8:10]).data(10, GOOD[10:])
    case = Case("overlap_out_of_order", "the same, behind a gap", GOOD,
                ["tcp_inconsistent_retransmission"])
    yield case.data(8, GOOD[8:]).data(8, BAD[8:]).data(0, GOOD[:8])
    case = Case("overlap_after_release", "a released message is sent again with another address",
                GOOD, ["tcp_inconsistent_retransmission"])
    yield case.data(0, GOOD).data(0, BAD)
    case = Case("overlap_with_more", "a repetition that differs brings new bytes with it", GOOD,
                ["tcp_inconsistent_retransmission"])
    yield case.data(0, GOOD).data(0, BAD + GOOD)
    case = Case("repetition_after_acknowledgement", "a repetition of acknowledged bytes, changed",
                GOOD)
    yield case.data(0, GOOD).acked(len(GOOD)).data(0, BAD)

    yield Case("data_on_syn", "data in the SYN of a second session", b"",
               ["tcp_data_on_syn"]).data(0, GOOD, SYN)
    yield Case("urgent", "urgent data, which stacks take out of the stream or leave in it", b"",
               ["tcp_urgent"]).data(0, GOOD, ACK | PSH | URG, urgent=3)
    yield Case("bad_checksum", "a segment that only the inspector would take", GOOD,
               ["bad_transport_checksum"]).data(0, BAD, spoil=True).data(0, GOOD)
    yield Case("no_flags", "data without ACK", b"", ["tcp_bad_flags"]).data(0, GOOD, 0)
    yield Case("syn_and_fin", "SYN and FIN at once", b"", ["tcp_bad_flags"]).data(0, b"", SYN | FIN)
    yield Case("unknown_option", "an option that was never negotiated", b"",
               ["tcp_unknown_option"]).data(0, GOOD, options=b"\x1e\x04\0\0")
    yield Case("reset_out_of_window", "a RST that the server would not take, then a forbidden"
               " message", b"", ["tcp_reset_out_of_sequence", "values_not_granted"]).data(
                   -5000, b"", RST).data(0, BAD)
    yield Case("byte_at_fin", "a byte at the number of the FIN", GOOD,
               ["tcp_after_end"]).data(0, GOOD, ACK | PSH | FIN).data(len(GOOD), b"\x07")
    yield Case("fin_in_message", "the end of the stream in the middle of a message", b"",
               ["stream_ended_in_message"]).data(0, GOOD[:7], ACK | PSH | FIN)
    yield Case("out_of_window", "a message beyond the window", b"",
               ["tcp_out_of_window"]).data(200000, GOOD)

    size = 20 + len(GOOD)
    yield Case("fragments", "no attack: a granted message in two IP fragments", GOOD).fragments(
        0, GOOD, [(0, 24, False, None), (24, size, True, None)])
    yield Case("fragments_backwards", "the last fragment first", GOOD).fragments(
        0, GOOD, [(24, size, True, None), (0, 24, False, None)])
    bad = segment(True, CLIENT_ISN + 1, SERVER_ISN + 1, ACK | PSH, BAD)
    yield Case("fragments_overlap", "two fragments that overlap and differ", b"",
               ["fragment_conflict"]).fragments(
                   0, GOOD, [(0, 32, False, None), (24, size, True, bad)])
    yield Case("fragments_first_twice", "the first fragment twice, changed", b"",
               ["fragment_conflict"]).fragments(
                   0, GOOD, [(0, 24, False, None), (0, 24, False, bad), (24, size, True, None)])
    yield Case("tiny_first_fragment", "the TCP header itself in two fragments", b"",
               ["values_not_granted"]).fragments(
                   0, BAD, [(0, 8, False, None), (8, size, True, None)])


def main():
    for case in cases():
        case.save()


if __name__ == "__main__":
    main()
