"""Observed conduits between two Linux kernels: what goes into the appliance comes out of it, byte for
byte and in order, while what enforcing would refuse is told.

     sup -- zone0 [shim: loss, overtaking] far0 -- near0 [dataplane] near1 -- far1 [shim] zone1 -- ctl
                                                              near2 -- far2 -- saf

far0 and far1 are the cables beside the appliance: all that crosses them is recorded. The conduit to
ctl observes; the one to saf, a zone of safety, enforces meanwhile.

usage: observe_test.py BUILD [unittest arguments]
Needs root.
"""

import collections
import datetime
import ipaddress
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import cable_tap  # noqa: E402
import outcome  # noqa: E402
import stream_test  # noqa: E402
from e2e_test import BUILD, POLICY, LabCase  # noqa: E402
from lab import HMI, HMI_MAC, PLC, PLC_MAC, run, turn_offloads_off, wait_until  # noqa: E402
from stream_test import LOSSY_REQUESTS  # noqa: E402

assert BUILD
# Datagrams that the kernel sends in three fragments each.
FRAGMENTED = """
import socket, sys, time
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(int(sys.argv[2])):
    peer.sendto(bytes([number]) * 3000, (sys.argv[1], 5000))
    time.sleep(0.002)
"""
RELAY, RELAY_MAC = "10.30.0.5", "02:00:00:00:30:05"
ENFORCING = f"""
  trip:
    from: supervision
    to: safety
    on_deny: reject
    allow: [{{protocol: modbus, client: hmi, server: relay, access: [read, session]}}]
"""
# Bytes that are no message, behind one that is.
NO_MESSAGES = """
import socket, sys
for garbage in (b"\\x00\\x01\\x00\\x09\\x00\\x06\\x01\\x03\\x00\\x00\\x00\\x01", b"GET / HTTP/1.1\\r\\n\\r\\n",
                b"\\x00\\x01\\x00\\x00\\xff\\xff\\x01\\x03", bytes(300)):
    peer = socket.create_connection((sys.argv[1], 502), timeout=20)
    peer.settimeout(2)
    peer.sendall(bytes.fromhex("000100000006010300000001"))
    peer.recv(64)
    peer.sendall(garbage)
    try:
        peer.recv(64)
    except OSError:
        pass
    peer.close()
"""
SUPERVISION, CONTROL, SAFETY = (ipaddress.ip_network(n) for n in (
    "10.20.0.0/24", "10.10.0.0/24", "10.30.0.0/24"))


def observing(until, more=""):
    """The water works' policy, whose one conduit observes until then."""
    return POLICY.read_text().replace("        rate: 5/s\n", "").replace(
        "    from: supervision", f"    mode: observe\n    until: {until}\n{more}"
                                 "    from: supervision")


def beside_one_that_enforces(text):
    """The same with the zone of safety and its conduit."""
    return text.replace("assets:\n", "  safety: {port: 2, networks: [10.30.0.0/24]}\nassets:\n"
                        f"  relay: {{zone: safety, address: {RELAY}, mac: \"{RELAY_MAC}\"}}\n"
                        ) + ENFORCING


def utc_in(seconds):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def is_of_conduit(frame, own_zone):
    """Not what a host asks in its own zone, and nothing to or from the zone of safety."""
    if frame[12:14] == b"\x08\x00" and len(frame) >= 34:
        return not any(ipaddress.ip_address(frame[at:at + 4]) in SAFETY for at in (26, 30))
    if frame[12:14] != b"\x08\x06":
        return True
    sender, target = (ipaddress.ip_address(frame[at:at + 4]) for at in (28, 38))
    if sender in SAFETY or target in SAFETY:
        return False
    return target not in own_zone or sender == target


def segments(frames):
    """Of each TCP stream, the numbers and lengths of its segments with payload."""
    streams = collections.defaultdict(list)
    for frame in frames:
        if len(frame) < 54 or frame[12:15] != b"\x08\x00\x45" or frame[23] != 6:
            continue
        length = int.from_bytes(frame[16:18], "big") - 20 - (frame[46] >> 4) * 4
        if length > 0:
            streams[frame[26:38]].append((int.from_bytes(frame[38:42], "big"), length))
    return streams.values()


def repeated(frames):
    return sum(len(stream) - len(set(stream)) for stream in segments(frames))


def overtaken(frames):
    """New segments that follow one with a higher number."""
    return sum(one > other and (other, length) not in stream[:at + 1]
               for stream in segments(frames)
               for at, ((one, _), (other, length)) in enumerate(zip(stream, stream[1:])))


def checksummed(header):
    total = sum(int.from_bytes(header[i:i + 2], "big") for i in range(0, len(header), 2))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return header[:10] + (total ^ 0xffff).to_bytes(2, "big") + header[12:]


def malformed_frames():
    """What no policy lets pass."""
    ends = bytes.fromhex((PLC_MAC + HMI_MAC).replace(":", ""))
    addresses = b"".join(ipaddress.ip_address(a).packed for a in (HMI, PLC))
    def ip(protocol, payload, first=0x45, ttl=64, fragment=0):
        header = bytes([first, 0]) + (20 + len(payload)).to_bytes(2, "big") + b"\x12\x34" + \
            fragment.to_bytes(2, "big") + bytes([ttl, protocol, 0, 0]) + addresses
        return ends + b"\x08\x00" + checksummed(header) + payload
    tcp = bytes.fromhex("9c4001f6000000010000000250") + bytes([0x3f]) + bytes(6)
    return [
        ip(6, tcp),                                   # all flags at once, no checksum
        ip(6, tcp[:12]),                              # a header that is cut
        ip(6, tcp[:13] + b"\x10" + bytes(2) + b"\xde\xad" + bytes(2)),  # a wrong checksum
        ip(17, b"\x00\x01\x00\x02\xff\xff\x00\x00hi"),  # a length beyond the packet
        ip(89, b"ospf"),                              # a transport that is not known
        ip(17, bytes(16), fragment=0x2000),           # a fragment whose rest never comes
        ip(17, bytes(16), first=0x46),                # options
        ip(17, bytes(16), ttl=1),
        ends + b"\x08\x00" + b"\x45\x00",             # an IP header that is cut
        ends + b"\x88\xb8" + bytes(40),               # GOOSE of zeros, to one station
        b"\x01\x0c\xcd\x01\x00\x01" + ends[6:] + b"\x88\xb8\x00\x01\x00\x08" + bytes(40),
        ends + b"\x12\x34" + bytes(46),
        b"\xff" * 6 + ends[6:] + b"\x88\x92" + bytes(46),
    ]


class ByteForByte(stream_test.Lossy):
    prefix = "bhob"

    @classmethod
    def zone_ports(cls):
        """net_af_packet's sockets get IPv4 fragments put together by the kernel."""
        cls.add_safety()
        ports = super().zone_ports() + ["net_af_packet2,iface=near2"]
        return [port.replace("net_af_packet", "net_af_xdp") for port in ports]

    @classmethod
    def add_safety(cls):
        lab = cls.lab
        run("ip", "netns", "del", lab.ns("saf"), check=False)
        run("ip", "netns", "add", lab.ns("saf"))
        cls.addClassCleanup(run, "ip", "netns", "del", lab.ns("saf"), check=False)
        cls.addClassCleanup(lab.stop, "relay")
        run("ip", "link", "add", "eth0", "netns", lab.ns("saf"), "address", RELAY_MAC, "type", "veth",
            "peer", "name", "near2", "netns", lab.ns("fw"))
        for name, device in (("saf", "eth0"), ("fw", "near2")):
            turn_offloads_off(lab.in_ns(name, "ethtool", "-K", device))
        for words in (("link", "set", "lo", "up"), ("addr", "add", f"{RELAY}/24", "dev", "eth0"),
                      ("link", "set", "eth0", "up"), ("route", "add", "10.20.0.0/24", "dev", "eth0")):
            run(*lab.in_ns("saf", "ip", *words))
        run(*lab.in_ns("fw", "ip", "link", "set", "near2", "up"))
        run(*lab.in_ns("sup", "ip", "route", "add", "10.30.0.0/24", "dev", "eth0"))
        lab.spawn("saf", [lab.bin / "lab-plc", RELAY], "relay")

    def test_every_request_has_its_answer(self):
        """Not of the lossy stream's test: nothing is refused here."""

    def tap(self, device, namespace="fw"):
        return cable_tap.begin(self, self.lab, namespace, device)

    def talk(self):
        """Granted and refused requests, in pieces, datagrams in fragments, and nonsense."""
        frames = self.write("".join(frame.hex() + "\n" for frame in malformed_frames()), ".hex")
        refused = 0
        for stamps, mss, pieces in ((1, 0, "whole"), (0, 88, "whole"), (1, 536, "two"),
                                    (1, 0, "bytes")):
            self.set_timestamps(stamps)
            done = self.client("--mss", mss, "--pieces", pieces, requests=LOSSY_REQUESTS)
            # A third expects to be refused, and the PLC answers it; it closes sessions whose pieces
            # come late.
            refused += done["wrong"]
            self.assertEqual(done["refused"], 0)
            if pieces == "whole":
                self.assertEqual((done["error"], done["wrong"]), ("", LOSSY_REQUESTS // 3))
            run(*self.lab.in_ns("sup", sys.executable, HERE / "frames_peer.py", "send", "eth0",
                                frames))
        for host, to, count in (("sup", PLC, 40), ("sup", RELAY, 5), ("rogue", PLC, 10),
                                ("ctl", HMI, 40)):
            run(*self.lab.in_ns(host, sys.executable, "-c", FRAGMENTED, to, count))
        run(*self.lab.in_ns("sup", sys.executable, "-c", NO_MESSAGES, PLC))
        self.lab.hmi("read", 0, 1, host="rogue")
        self.ask_the_relay()
        return refused

    def ask_the_relay(self):
        """Its conduit enforces."""
        self.assertEqual(self.lab.hmi("read", 0, 1, server=RELAY)["result"], "ok")
        self.assertEqual(self.lab.hmi("write", 45, 7, server=RELAY)["result"], "exception 1")
        own = self.lab.hmi("read", 45, 1, host="saf", server=RELAY)
        self.assertEqual(own["values"], [45], "as it was at first")

    def check_relay(self, heard):
        """Nothing but sessions of the HMI, ARP between them, and announcements."""
        for frame in heard:
            if frame[12:14] == b"\x08\x06":
                continue
            self.assertEqual(frame[12:14], b"\x08\x00", frame.hex())
            self.assertEqual((frame[23], ipaddress.ip_address(frame[26:30]),
                              int.from_bytes(frame[36:38], "big")),
                             (6, ipaddress.ip_address(HMI), 502), frame.hex())

    def test_what_goes_in_comes_out(self):
        self.commit(beside_one_that_enforces(observing(utc_in(3600))))
        ends = [self.tap(*words) for words in (("far0",), ("far1",), ("eth0", "saf"))]
        refused = self.talk()
        time.sleep(1)
        (into0, from0), (into1, from1), (_, at_relay) = (end() for end in ends)
        for sent, left, zone in ((into0, from1, SUPERVISION), (into1, from0, CONTROL)):
            expected = [frame for frame in sent if is_of_conduit(frame, zone)]
            left = [frame for frame in left if is_of_conduit(frame, zone)]
            self.assertGreater(len(expected), 300)
            counted = collections.Counter(left)
            counted.subtract(expected)
            self.assertEqual(len(left), len(expected),
                             [(frame.hex(), count) for frame, count in counted.items() if count])
            fragments = [frame for frame in left if frame[12:14] == b"\x08\x00" and
                         int.from_bytes(frame[20:22], "big") & 0x3fff]
            self.assertGreater(len(fragments), 100)
            for number, (one, other) in enumerate(zip(expected, left)):
                self.assertEqual(one.hex(), other.hex(), f"frame {number}")
        # What was to be shown has happened: each two frames of a hundred were lost and overtaken.
        self.assertGreater(repeated(into0), 5)
        self.assertGreater(overtaken(into0) + overtaken(into1), 0)
        for frame in malformed_frames():
            self.assertIn(frame, from1)
        self.check_relay(at_relay)
        self.check_told(refused)

    def check_told(self, answered):
        rows = [row for row in self.lab.ctl_json("counters") if row["verdict"] == "would_deny"]
        reasons = {row["reason"] for row in rows}
        for reason in ("values_not_granted", "no_rule", "bad_transport_checksum",
                       "unknown_transport", "ip_options", "malformed_ip", "ethertype_not_granted",
                       "protocol_fault"):
            self.assertIn(reason, reasons)
        refused = sum(row["messages"] for row in rows if row["reason"] == "values_not_granted")
        # Each once; of sessions that were closed the last may have no answer.
        self.assertIn(refused - answered, (0, 1, 2))
        denied = [row for row in self.lab.ctl_json("counters") if row["verdict"] == "deny"
                  and row["reason"] != "not_for_another_zone"]
        # What cannot be read is judged for the zone of safety, too, and is of no conduit there.
        self.assertEqual({row["conduit"] for row in denied}, {"", "trip"}, denied)
        self.assertIn(("trip", "function_not_granted"),
                      {(row["conduit"], row["reason"]) for row in denied})
        for kind in ("would_deny", "observe"):
            self.assertTrue(self.lab.ctl_json("events", "--kind", kind), kind)
        status = self.lab.ctl_json("status")[0]
        self.assertFalse(status["observed"][0]["ended"])
        worker = status["workers"][0]
        self.assertGreater(worker["observed"], 600)
        self.assertGreaterEqual(worker["would_deny"], refused)
        self.assertIn("OBSERVES until", self.lab.ctl("status").stdout)


class ItsEnd(LabCase):
    prefix = "bhoe"

    def test_it_enforces_when_its_time_has_come_also_without_an_agent(self):
        self.commit(observing(utc_in(12)))
        self.assertEqual(self.lab.hmi("write", 60, 1)["result"], "ok", "no rule grants that")
        self.lab.stop("agent")
        def is_refused():
            return self.lab.hmi("write", 60, 2)["result"] != "ok"
        wait_until(is_refused, "the conduit to enforce", 20)
        self.lab.start_agent()
        wait_until(lambda: self.lab.ctl_json("status")[0].get("observed", [{}])[0].get("ended"),
                   "status to say so", 5)
        self.assertIn("and enforces now", self.lab.ctl("status").stdout)
        def is_said():
            events = self.lab.ctl_json("events", "--kind", "observe")
            return any("enforces from now on" in event.get("text", "") for event in events)
        wait_until(is_said, "an event that says so", 5)

    def test_a_policy_whose_time_is_over_does_not_compile(self):
        path = self.write(observing(utc_in(-60)))
        done = self.lab.ctl("push", path, "--commit", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("would enforce at once", done.stdout + done.stderr)


class ItsHours(LabCase):
    """Within the hours that the policy names the agent commits that it enforces."""

    prefix = "bhoh"

    def observing_into_its_hours(self):
        begin = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)
        end = begin + datetime.timedelta(minutes=20)
        return observing(f"{begin:%Y-%m-%d}",
                         f"    ends_between: {begin:%H:%M}-{end:%H:%M}\n    confirm: 10s\n")

    def enforces(self):
        return self.lab.hmi("write", 60, 1)["result"] == "exception 2"

    def test_ends_by_a_commit_that_is_confirmed_or_returns(self):
        self.commit(self.observing_into_its_hours())
        wait_until(self.enforces, "the agent to end it", 20)
        wait_until(lambda: not self.enforces(), "what nobody confirmed to return", 20)
        self.assertIn("OBSERVES until", self.lab.ctl("status").stdout)
        self.commit(self.observing_into_its_hours().replace("site: water", "site: waters"))
        wait_until(self.enforces, "the agent to end this one", 20)
        self.lab.ctl("confirm")
        history = self.lab.ctl_json("history")
        newest = max(history, key=lambda revision: revision["revision"])
        self.assertEqual((newest["active"], newest["comment"].split(" revision")[0]),
                         (True, "ends the observation of"), history)
        events = self.lab.ctl_json("events", "--kind", "observe")
        self.assertTrue(any("confirm it, or observing goes on" in event.get("text", "")
                            for event in events), events)


class TakeUp(LabCase):
    """A session that is open when observing ends goes on, where the policy says so."""

    prefix = "bhot"

    def test_with_midstream_resume(self):
        self.commit(observing(utc_in(8), "    midstream: resume\n"))
        ask = self.session()
        self.assertEqual(ask("read 0 1")["result"], "ok")
        self.assertEqual(ask("write 60 5")["result"], "ok")
        def is_refused():
            return ask("write 60 6")["result"] == "exception 2"
        wait_until(is_refused, "the conduit to enforce", 20)
        self.assertEqual(ask("read 0 1")["result"], "ok", "in the same session")


if __name__ == "__main__":
    outcome.run()
