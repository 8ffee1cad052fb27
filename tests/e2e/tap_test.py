"""An appliance at a switch's mirror port: what enforcing would refuse is said, everything passes between
the hosts, and nothing comes out of the port.

The switch is switch_lab.py's; the data plane listens at mon0, with a policy for two zone ports that it
does not have.

usage: tap_test.py BUILD [unittest arguments]
Needs root.
"""

import collections
import json
import shutil
import socket
import struct
import sys
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import cable_tap  # noqa: E402
import outcome  # noqa: E402
from e2e_test import BUILD, POLICY, LabCase  # noqa: E402
from lab import HMI, HMI_MAC, PLC, PLC_MAC, LabError, run, wait_until  # noqa: E402
from switch_lab import SwitchLab  # noqa: E402

# BACnet's ReadProperty of an analog input's present value (ANSI/ASHRAE 135, 15.5).
READ_PROPERTY = bytes.fromhex("810a001101040005010c0c000000011955")
TAP = "net_af_packet0,iface=mon0"


class TapLab(SwitchLab):
    """The firewall's namespace is the one at the mirror port."""

    namespaces = ("sup", "ctl", "fw", "sw")
    monitor = "fw"


def policy():
    """Without the rate of writes, and with BACnet for what is not TCP."""
    return POLICY.read_text().replace("        rate: 5/s\n", "").replace(
        "      - {service: ping",
        "      - {protocol: bacnet, client: hmi, server: plc1, access: [read]}\n"
        "      - {service: ping")


def question(source=HMI, source_mac=HMI_MAC, tag=b"", port=40000):
    ends = bytes.fromhex((PLC_MAC + source_mac).replace(":", ""))
    udp = struct.pack(">HHHH", port, 47808, 8 + len(READ_PROPERTY), 0) + READ_PROPERTY
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0x4000, 64, 17, 0,
                     socket.inet_aton(source), socket.inet_aton(PLC))
    total = sum(struct.unpack(">10H", ip))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ends + tag + b"\x08\x00" + ip[:10] + struct.pack(">H", total ^ 0xffff) + ip[12:] + udp


class TapCase(LabCase):
    prefix = "bhtp"
    tap = TAP

    @classmethod
    def setUpClass(cls):
        cls.lab = TapLab(cls.prefix, BUILD)
        cls.lab.down()
        cls.addClassCleanup(cls.lab.down)
        cls.lab.prepare()
        cls.lab.start_plc()
        cls.lab.start_mirror()

    def setUp(self):
        self.lab.stop("agent")
        self.lab.stop("dataplane")
        shutil.rmtree(self.lab.folder / "state", ignore_errors=True)
        self.lab.start_dataplane(*self.dataplane_options, "--tap", self.tap, ports=())
        self.lab.start_agent()
        self.addCleanup(self.lab.stop, "dataplane")
        self.addCleanup(self.lab.stop, "agent")

    def rows(self):
        return self.lab.ctl_json("counters")

    def foretold(self):
        """How many messages or packets by reason."""
        counts = collections.Counter()
        for row in self.rows():
            if row["verdict"] == "would_deny":
                counts[row["reason"]] += row["messages"]
        return counts

    def granted(self, protocol):
        return sum(row["messages"] for row in self.rows()
                   if row["protocol"] == protocol and row["verdict"] == "allow" and
                   row["reason"] == "granted")

    def worker_sum(self, name):
        # Without a policy something is wrong.
        done = self.lab.ctl("status", "--format", "json", check=False)
        return sum(worker[name] for worker in json.loads(done.stdout)["workers"])

    def all_heard(self, frames=None):
        """Until the mirror has brought all that was said."""
        before = [-1]
        def settled():
            now = self.worker_sum("tapped")
            was, before[0] = before[0], now
            time.sleep(0.15)
            return now == was and (frames is None or now >= frames)
        wait_until(settled, "the tap to hear all", 20)


class Listens(TapCase):
    def count_out(self):
        """Counts what comes out of the tap port, at the other end of its cable."""
        end = cable_tap.begin(self, self.lab, "sw", "m0")
        return lambda: tuple(map(len, end()))

    def test_what_would_be_refused_is_said_and_nothing_is_sent(self):
        out = self.count_out()
        self.commit(policy())
        for number in range(6):
            self.assertEqual(self.lab.hmi("read", 0, 10)["result"], "ok")
            self.assertEqual(self.lab.hmi("write", 42, 700)["result"], "ok")
            self.assertEqual(self.lab.hmi("write", 60 + number, 7)["result"], "ok",
                             "no rule grants that, and nobody stands in the way")
        ask = self.session()
        self.assertEqual(ask("write 42 2000")["result"], "ok")
        self.assertEqual(ask("read 0 1")["result"], "ok")
        self.assertEqual(self.lab.at_plc(60)[0], 7)
        self.all_heard()
        foretold = self.foretold()
        self.assertEqual(foretold.pop("values_not_granted"), 7)
        # Who asks for a host of its own zone, or for nobody.
        self.assertLessEqual(set(foretold), {"no_rule", "own_link_only"}, foretold)
        self.assertEqual(self.granted("modbus"), 6 + 6 + 1)
        self.assertFalse([row for row in self.rows() if row["verdict"] == "deny"])
        events = self.lab.ctl_json("events", "--kind", "would_deny")
        mine = [event for event in events if event["reason"] == "values_not_granted"]
        self.assertEqual(sum(event.get("count", 1) for event in mine), 7)
        self.assertEqual(mine[0]["conduit"], "scada")
        mirrored, sent = out()
        self.assertGreater(mirrored, 100)
        self.assertEqual(sent, 0, "something came out of the tap port")

    def test_status_is_loud(self):
        self.commit(policy())
        self.lab.hmi("read", 0, 10)
        self.all_heard(8)
        status = self.lab.ctl_json("status")[0]
        self.assertTrue(status["ports"][0]["tap"])
        self.assertEqual(status["ports"][0]["packets_out"], 0)
        self.assertGreater(self.worker_sum("tap_copies"), 3)
        text = self.lab.ctl("status").stdout
        self.assertIn(f"TAP: nothing is enforced on port 0 ({self.tap})", text)
        self.assertIn("listening, and enforcing nothing", text)
        self.assertNotIn("enforcing\n", text.replace("listening, and enforcing nothing\n", ""))

    def test_before_a_policy_nothing_is_said(self):
        self.lab.hmi("read", 0, 1)
        self.all_heard(8)
        self.assertFalse(self.rows())

    def test_a_copy_is_not_another_message(self):
        self.commit(policy())
        for number in range(10):
            self.lab.send_at("sup", "eth0", question(port=40000 + number))
        self.all_heard(20)
        # On a busy machine the mirror itself may be late with one.
        self.assertIn(self.granted("bacnet"), range(10, 13))

    def test_tags_of_the_mirror_do_not_count(self):
        self.commit(policy())
        for number, tag in enumerate((b"\x81\x00\x00\x64", b"\x88\xa8\x00\x01\x81\x00\x00\x02")):
            self.lab.send_at("sw", "m0", question(tag=tag, port=40000 + number))
        wait_until(lambda: self.granted("bacnet") == 2, "both to be judged", 10)
        self.assertFalse(self.foretold()["unknown_zone"])

    def test_who_is_in_no_zone(self):
        self.commit(policy())
        self.lab.send_at("sw", "m0", question("192.0.2.1", "02:00:00:00:77:77"))
        wait_until(lambda: self.foretold()["unknown_zone"] == 1, "the frame to be counted", 10)
        events = self.lab.ctl_json("events", "--kind", "would_deny")
        self.assertEqual([event["reason"] for event in events], ["unknown_zone"])

    def test_what_stays_in_a_zone_is_left_out(self):
        self.commit(policy())
        inside = question("10.10.0.77", "02:00:00:00:77:77")
        self.lab.send_at("sw", "m0", inside)
        wait_until(lambda: self.worker_sum("tap_within") == 1, "the frame to be counted", 10)
        self.assertFalse(self.foretold())


class Workers(Listens):
    """Each session at its worker."""

    prefix = "bhtw"
    dataplane_options = ("--workers", "2")
    tap = TAP + ",qpairs=2"


class Gaps(TapCase):
    """A mirror that loses frames: nothing is foretold that enforcing would not refuse."""

    prefix = "bhtg"

    def test_lost_frames_alarm_nobody(self):
        self.commit(policy())
        writes = 0
        for seed in range(3):
            self.lab.start_mirror(loss=0.3, seed=seed + 1)
            ask = self.session()
            for number in range(60):
                self.assertEqual(ask("read 0 10")["result"], "ok")
                if number % 10 == 3:
                    self.assertEqual(ask(f"write 60 {number}")["result"], "ok")
                    writes += 1
        self.all_heard()
        foretold = self.foretold()
        found = foretold.pop("values_not_granted", 0)
        self.assertLessEqual(set(foretold), {"no_rule", "own_link_only"}, foretold)
        # A frame is lost where both copies are: one in eleven, and what is behind it in its session
        # waits for an acknowledgement; on a busy machine the mirror is late with more.
        self.assertLessEqual(found, writes)
        self.assertGreater(found, writes // 6)
        self.assertGreater(self.granted("modbus"), 90)
        # It goes on: what is whole is judged as before.
        self.lab.start_mirror()
        self.assertEqual(self.lab.hmi("write", 60, 1)["result"], "ok")
        wait_until(lambda: self.foretold()["values_not_granted"] == found + 1, "the refusal", 10)

    def test_a_session_that_was_open_before(self):
        ask = self.session()
        self.assertEqual(ask("read 0 10")["result"], "ok")
        self.commit(policy())
        self.assertEqual(ask("read 0 10")["result"], "ok")
        self.assertEqual(ask("write 60 1")["result"], "ok")
        wait_until(lambda: self.foretold()["values_not_granted"] == 1, "the refusal", 10)


class Nonsense(TapCase):
    prefix = "bhtn"

    def setUp(self):
        """Each test starts what it tries."""

    def start_problem(self, *words, ports=()):
        self.lab.stop("dataplane")
        try:
            self.lab.start_dataplane(*words, ports=ports)
        except LabError as error:
            return str(error)
        return ""

    def test_of_a_pair(self):
        self.assertIn("--tap is not for one of a --pair", self.start_problem("--pair", "--tap", TAP))

    def test_no_port_at_all(self):
        self.assertIn("--port is missing", self.start_problem())

    def test_no_room_to_judge(self):
        self.assertIn("a tap port judges nothing with observed-sessions 0",
                      self.start_problem("--tap", TAP, "--observed-sessions", "0"))

    def test_a_zone_on_a_tap_port(self):
        run(*self.lab.in_ns("fw", "ip", "link", "add", "other0", "type", "veth", "peer", "other1"))
        for name in ("other0", "other1"):
            run(*self.lab.in_ns("fw", "ip", "link", "set", name, "up"))
        self.lab.start_dataplane("--tap", TAP, ports=("net_af_packet1,iface=other0",))
        self.addCleanup(self.lab.stop, "dataplane")
        self.lab.start_agent()
        self.addCleanup(self.lab.stop, "agent")
        done = self.lab.ctl("push", POLICY, "--commit", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("zone control is on port 1, which is a tap: it only listens",
                      done.stdout + done.stderr)


if __name__ == "__main__":
    outcome.run()
