"""The stream engine between two Linux kernels: refusals in living sessions, requests in pieces, loss
and reordering, with real Modbus clients and server.

usage: stream_test.py BUILD [unittest arguments]
Needs root.
"""

import json
import os
import sys
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import outcome  # noqa: E402
from e2e_test import BUILD, POLICY, LabCase  # noqa: E402
from lab import PLC, PLC_MAC, run, wait_until  # noqa: E402

assert BUILD
REQUESTS = 1000
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's pymodbus belongs to
# Lost frames cost a retransmission time-out each: fewer requests in every run of the tests.
LOSSY_REQUESTS = int(os.environ.get("BULKHEAD_LOSSY_REQUESTS", "150"))
UNLIMITED = POLICY.read_text().replace("        rate: 5/s\n", "")


class StreamCase(LabCase):
    prefix = "bhst"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        policy = cls.lab.folder / "unlimited.yaml"
        policy.write_text(UNLIMITED)
        cls.lab.ctl("push", policy, "--commit")

    def client(self, *words, requests=REQUESTS, timeout=280):
        done = run(*self.lab.in_ns("sup", SYSTEM_PYTHON, HERE / "modbus_client.py", PLC, 502,
                                   requests, *words), timeout=timeout)
        return json.loads(done.stdout)

    def expect_all(self, outcome, requests=REQUESTS):
        refused = requests // 3
        self.assertEqual((outcome["error"], outcome["wrong"], outcome["refused"],
                          outcome["answered"]), ("", 0, refused, requests - refused))

    def set_timestamps(self, value):
        for host in ("sup", "ctl"):
            run(*self.lab.in_ns(host, "sysctl", "-qw", f"net.ipv4.tcp_timestamps={value}"))


class Refusals(StreamCase):
    """No loss: each refusal is answered at once, and the PLC hears of none."""

    def test_every_third_request_is_refused_and_the_session_lives(self):
        for stamps in (1, 0):
            for mss in (0, 88, 536):
                with self.subTest(timestamps=stamps, mss=mss):
                    self.set_timestamps(stamps)
                    before = len(self.lab.plc_requests())
                    self.expect_all(self.client("--mss", mss))
                    self.assertEqual(len(self.lab.plc_requests()) - before, REQUESTS - REQUESTS // 3)

    def test_requests_in_pieces_with_nagle_take_less_than_five_milliseconds(self):
        for pieces in ("two", "bytes"):
            with self.subTest(pieces):
                outcome = self.client("--pieces", pieces)
                self.expect_all(outcome)
                self.assertLess(outcome["p50_ms"], 5)

    def test_pymodbus_sees_the_exception_and_goes_on(self):
        self.expect_all(self.client("--pymodbus", requests=300), 300)

    def test_libmodbus_sees_the_exception_and_goes_on(self):
        ask = self.session()
        for number in range(20):
            self.assertEqual(ask(f"write 45 {number}")["result"], "ok")
            self.assertEqual(ask(f"write 60 {number}")["result"], "exception 2")
            self.assertEqual(ask(f"write 45 {2000 + number}")["result"], "exception 3")
            self.assertEqual(ask("read 0 10")["result"], "ok")
        self.assertEqual(self.lab.at_plc(60), [60])

    def test_operators_see_that_it_was_rejected(self):
        self.client(requests=3)
        self.assertEqual(self.denied("values_not_granted")["action"], "reject")

    def test_status_names_every_limit_and_what_is_used(self):
        ask = self.session()
        ask("read 0 1")
        worker = self.lab.ctl_json("status")[0]["workers"][0]
        limits = {limit["name"]: limit for limit in worker["limits"]}
        self.assertGreaterEqual(limits["flows"]["used"], 1)
        self.assertEqual((limits["held-bytes"]["max"], limits["held-bytes"]["unit"]),
                         (65536, "bytes"))
        self.assertIn("half-open", limits)
        self.assertGreaterEqual(worker["rejected"], 0)


class SynFlood(StreamCase):
    """Half-open sessions are bounded; sessions that stand do not notice the flood."""

    prefix = "bhsf"
    SPARE, SPARE_MAC = "10.20.0.77", "02:00:00:00:20:77"  # granted, but nobody answers there

    def half_open(self):
        limits = self.lab.ctl_json("status")[0]["workers"][0]["limits"]
        return next(limit for limit in limits if limit["name"] == "half-open")

    def test_standing_sessions_do_not_notice(self):
        spare = f"  spare: {{zone: supervision, address: {self.SPARE}}}\nconduits:"
        self.commit(UNLIMITED.replace("conduits:", spare).replace(
            "client: hmi, server: plc1, access: [read, session]",
            "client: [hmi, spare], server: plc1, access: [read, session]"))
        load = self.load(500, 6)
        time.sleep(1)
        flood = run(*self.lab.in_ns("sup", sys.executable, HERE / "syn_flood.py", "eth0",
                                    self.SPARE_MAC, self.SPARE, PLC_MAC, PLC, 502, 3))
        half_open = self.half_open()
        result = self.result_of(load)
        self.assertEqual((result["sent"], result["failed"]), (3000, 0), result)
        self.assertGreater(int(flood.stdout), 2 * half_open["max"], "too slow to flood anything")
        self.assertLess(half_open["used"], half_open["max"] // 4)
        wait_until(lambda: "source_unproven" in {row["reason"]
                                                 for row in self.lab.ctl_json("counters")},
                   "challenges to be counted", 10)


class WithoutAcknowledging(StreamCase):
    """What the mechanism is for: without it, a request in two writes never gets its answer."""

    prefix = "bhsn"
    dataplane_options = ("--acknowledge-held", "0")

    def test_a_request_in_two_writes_hangs(self):
        self.expect_all(self.client(requests=3), 3)
        outcome = self.client("--pieces", "two", "--timeout", 4, requests=1)
        self.assertEqual((outcome["error"], outcome["answered"]), ("timed out", 0))


class Lossy(StreamCase):
    """Two lossy cables: 2 % of the frames are lost and 2 % overtaken, on each side."""

    prefix = "bhsw"

    @classmethod
    def zone_ports(cls):
        ports = []
        for number in (0, 1):
            near, far = f"near{number}", f"far{number}"
            run(*cls.lab.in_ns("fw", "ip", "link", "add", near, "type", "veth", "peer", "name",
                               far))
            for device in (near, far):
                run(*cls.lab.in_ns("fw", "ethtool", "-K", device, "tx", "off", "rx", "off"))
                run(*cls.lab.in_ns("fw", "ip", "link", "set", device, "up"))
            cls.lab.spawn("fw", [sys.executable, HERE / "shim.py", f"zone{number}", far, 2, 2,
                                 number], f"shim{number}")
            ports.append(f"net_af_packet{number},iface={near}")
        return ports

    def test_every_request_has_its_answer(self):
        for stamps, mss, pieces in ((1, 0, "whole"), (0, 88, "two"), (1, 88, "bytes"),
                                    (0, 1460, "whole")):
            with self.subTest(timestamps=stamps, mss=mss, pieces=pieces):
                self.set_timestamps(stamps)
                before = len(self.lab.plc_requests())
                self.expect_all(self.client("--mss", mss, "--pieces", pieces,
                                            requests=LOSSY_REQUESTS), LOSSY_REQUESTS)
                self.assertEqual(len(self.lab.plc_requests()) - before,
                                 LOSSY_REQUESTS - LOSSY_REQUESTS // 3)


if __name__ == "__main__":
    outcome.run()
