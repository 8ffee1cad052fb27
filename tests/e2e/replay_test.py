"""Conversations of real captures between two Linux kernels, through the data plane: for protocols of
which no free stack is at hand. What is granted arrives byte for byte, both ways; under a policy that
grants another function alone, nothing arrives.

usage: replay_test.py BUILD [unittest arguments]
Needs root, and captures beside the checkout (../shared/pcaps); skips where they are absent.
"""

import json
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "differential")]
import outcome  # noqa: E402
from e2e_test import BUILD, LabCase  # noqa: E402
from lab import PLC, run, wait_until  # noqa: E402
from recut_test import headers_of, packets_of, tcp_parts  # noqa: E402
from stacks_test import HEAD  # noqa: E402

CAPTURES = HERE.parents[2] / "shared/pcaps"
TURNS_MAX = 40
# Protocol, capture with a conversation that is whole, port of the server, and a function that is not
# in it.
CONVERSATIONS = (
    ("dnp3", "dnp3/suricata_dnp3_eve.pcap", 20000, "warm_restart"),
    ("iec104", "iec104/iec104.pcap", 2404, "c_rp_na_1"),
    ("mms", "mms/iso9506-1-mms.pcap", 102, "kill"),
    ("mms", "mms/8d7c7db0-9804-012b-b2a6-0016cb8cea27.pcap", 102, "kill"),
    ("s7comm_plus", "s7commplus/S7-1511_db3_var1_HMI.pcap", 102, "invoke"),
    ("modbus", "umas/umas_first_half.pcap", 502, "umas_stop_plc"),
)


def conversation_of(path, port):
    """The first conversation that the capture has whole: [from_client, bytes], turn by turn."""
    flows, order = {}, []
    for _, frame in packets_of(path.read_bytes()):
        head = tcp_head(frame)
        if head is None:
            continue
        source, destination, sequence, flags = head
        is_client = destination[1] == port
        if not is_client and source[1] != port:
            continue
        key = (source, destination) if is_client else (destination, source)
        if key not in flows:
            if not (flags & 2 and is_client):
                continue  # its beginning is not in the capture
            flows[key] = {"turns": [], "next": {}}
            order.append(key)
        flow = flows[key]
        if flags & 2:
            flow["next"][is_client] = sequence + 1
        parts = tcp_parts(frame)
        if parts and flow["next"].get(is_client) == sequence:
            payload = frame[parts[2]:parts[3]]
            flow["next"][is_client] += len(payload)
            if flow["turns"] and flow["turns"][-1][0] == is_client:
                flow["turns"][-1][1] += payload
            else:
                flow["turns"].append([is_client, payload])
    best = max((flows[key]["turns"] for key in order), key=len, default=[])
    return [[from_client, payload.hex()] for from_client, payload in best[:TURNS_MAX]]


def tcp_head(frame):
    """Both ends, sequence number and flags of a TCP segment over IPv4; nothing of another frame."""
    headers = headers_of(frame)
    if headers is None:
        return None
    ip, tcp = headers
    source = (frame[ip + 12:ip + 16], int.from_bytes(frame[tcp:tcp + 2], "big"))
    destination = (frame[ip + 16:ip + 20], int.from_bytes(frame[tcp + 2:tcp + 4], "big"))
    return source, destination, int.from_bytes(frame[tcp + 4:tcp + 8], "big"), frame[tcp + 13]


class Replays(LabCase):
    prefix = "bhr"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.stop("plc")

    def functions_of(self, protocol):
        done = run(self.lab.bin / "bulkheadctl", "protocols", protocol, "--format", "json")
        return [json.loads(line)["function"] for line in done.stdout.splitlines()
                if "function" in json.loads(line)]

    def converse(self, turns, port):
        """What the client and the server say of it."""
        file = self.lab.folder / "conversation.json"
        file.write_text(json.dumps(turns))
        words = ["python3", HERE / "replay_peer.py"]
        server = subprocess.Popen(
            [str(w) for w in self.lab.in_ns("ctl", *words, "server", PLC, port, file)],
            stdout=subprocess.PIPE, text=True)
        try:
            self.assertTrue(json.loads(server.stdout.readline())["listening"])
            client = run(*self.lab.in_ns("sup", *words, "client", PLC, port, file), check=False,
                         timeout=120)
            out, _ = server.communicate(timeout=60)
        finally:
            server.kill()
            server.wait()
            server.stdout.close()
        return json.loads(client.stdout.splitlines()[-1]), json.loads(out.splitlines()[-1])

    def test_what_is_granted_arrives_byte_for_byte(self):
        for protocol, capture, port, _ in CONVERSATIONS:
            with self.subTest(capture):
                turns = conversation_of(CAPTURES / capture, port)
                self.assertGreater(len(turns), 4)
                names = ", ".join(self.functions_of(protocol))
                self.commit(HEAD + f"      - {{protocol: {protocol}, client: hmi, server: plc, "
                            f"functions: [{names}]}}\n")
                client, server = self.converse(turns, port)
                self.assertEqual((client["error"], server["error"]), ("", ""))
                sizes = [sum(len(text) // 2 for from_client, text in turns if from_client == side)
                         for side in (True, False)]
                self.assertEqual([server["heard"], client["heard"]], sizes)

    def test_without_a_grant_nothing_arrives(self):
        for protocol, capture, port, other in CONVERSATIONS:
            with self.subTest(capture):
                turns = conversation_of(CAPTURES / capture, port)
                self.commit(HEAD + f"      - {{protocol: {protocol}, client: hmi, server: plc, "
                            f"functions: [{other}]}}\n")
                client, server = self.converse(turns, port)
                self.assertNotEqual(client["error"], "")
                self.assertEqual(server["heard"], 0)


class Published(LabCase):
    """What Ethernet itself carries, on the devices of two kernels."""

    prefix = "bhrp"
    SECONDS = 8

    def hear(self, ethertype, frames, count):
        """What arrives in the other zone when the frames are sent."""
        file = self.lab.folder / "frames.txt"
        file.write_text("".join(frame.hex() + "\n" for frame in frames))
        words = ["python3", HERE / "frames_peer.py"]
        ear = subprocess.Popen(
            [str(w) for w in self.lab.in_ns("ctl", *words, "hear", "eth0", hex(ethertype), count,
                                            self.SECONDS)], stdout=subprocess.PIPE, text=True)
        try:
            ear.stdout.readline()
            run(*self.lab.in_ns("sup", *words, "send", "eth0", file))
            out, _ = ear.communicate(timeout=self.SECONDS + 20)
        finally:
            ear.kill()
            ear.wait()
            ear.stdout.close()
        return [bytes.fromhex(line) for line in out.split()]

    def policy_for(self, protocol, source, group, where):
        mac = lambda raw: ":".join(f"{octet:02x}" for octet in raw)  # noqa: E731
        return HEAD.replace("  plc:", f"  publisher: {{zone: supervision, mac: \"{mac(source)}\"}}\n"
                            f"  group: {{zone: control, mac: \"{mac(group)}\"}}\n  plc:") + (
            f"      - {{protocol: {protocol}, client: publisher, server: group, "
            f"functions: [publish], where: {{{where}}}}}\n")

    def test_goose(self):
        frames = [frame for _, frame in packets_of((CAPTURES / "goose/GOOSE.pcap").read_bytes())
                  if frame[12:14] == b"\x88\xb8"][:20]
        source, group = frames[0][6:12], frames[0][:6]
        # Then its publisher begins anew, before the last message has lost its time to live.
        frames = [frame for frame in frames if frame[6:12] == source and frame[:6] == group][:3]
        self.assertGreater(len(frames), 2)
        reference = "gocb_ref: GEDeviceF650/LLN0$GO$gcb01"
        self.commit(self.policy_for("goose", source, group, reference))
        heard = self.hear(0x88b8, frames, len(frames))
        messages = [frame[14:14 + int.from_bytes(frame[16:18], "big")] for frame in frames]
        self.assertEqual([frame[14:14 + len(message)] for frame, message in zip(heard, messages)],
                         messages)
        self.assertEqual(self.hear(0x88b8, frames, 1), [], "all of it again: a replay")
        self.commit(self.policy_for("goose", source, group, "gocb_ref: another"))
        self.assertEqual(self.hear(0x88b8, frames, 1), [])


if __name__ == "__main__":
    if not CAPTURES.is_dir():
        outcome.skip(f"{CAPTURES} is not there; it holds real captures that are not part of this "
                     "project")
    outcome.run()
