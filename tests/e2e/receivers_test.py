"""What real receivers execute of what the pipeline lets through is what it judged: changed messages
of granted ones, in sessions through a pipeline in memory, to the stacks that Debian and npm have.

usage: receivers_test.py BUILD [unittest arguments]
Needs root for a network namespace of its own, node and npm. tests/long/receivers.py does the same
for longer.
"""

import os
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import outcome  # noqa: E402
from receivers import modbus, stacks  # noqa: E402

BUILD = Path(sys.argv[1]).resolve()
PASSED = 1000
ANSWERS_PASSED = 100
LONG_PASSED = 100
SECONDS_MAX = 20
SEED = 1


class Receivers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stacks = stacks.stacks(BUILD)

    def run_stack(self, name):
        stack = self.stacks[name]
        if stack.needs and not stack.needs.exists():
            self.skipTest(f"{name} is not there: {stack.needs}")
        campaign = stacks.run_campaign(BUILD, stack, SEED, PASSED, SECONDS_MAX)
        told = stacks.table([(name, campaign)])
        print(told)
        self.assertEqual(campaign.figures["differences"], 0, told)
        # Most of what passed was answered, and a part of it did something.
        self.assertGreater(campaign.figures["passed"], PASSED // 10, told)
        self.assertGreater(campaign.figures["distinct"], campaign.figures["passed"] // 10, told)
        self.assertGreater(campaign.figures["executed"], campaign.figures["passed"] // 4, told)
        self.assertLess(campaign.figures["unsettled"], campaign.figures["passed"] // 4, told)

    def test_libmodbus(self):
        self.run_stack("libmodbus")

    def test_pymodbus(self):
        self.run_stack("pymodbus")

    def test_node_opcua(self):
        self.run_stack("node-opcua")

    def test_node_opcua_long(self):
        """Requests of many chunks, that leave piece by piece: what is refused at its end is not done."""
        stack = self.stacks["node-opcua-long"]
        if not stack.needs.exists():
            self.skipTest("node-opcua is not there")
        campaign = stacks.run_campaign(BUILD, stack, SEED, LONG_PASSED, SECONDS_MAX)
        told = stacks.table([("node-opcua-long", campaign)])
        print(told)
        self.assertEqual(campaign.figures["differences"], 0, told)
        self.assertGreater(campaign.figures["executed"], LONG_PASSED // 20, told)

    def test_node_bacnet(self):
        self.run_stack("node-bacnet")

    def test_node_snap7(self):
        self.run_stack("node-snap7")

    def test_st_ethernet_ip(self):
        """A client: the value that it takes was judged an answer to its question."""
        stack = self.stacks["st-ethernet-ip"]
        if not stack.needs.exists():
            self.skipTest("st-ethernet-ip is not there")
        campaign = stacks.run_campaign(BUILD, stack, SEED, ANSWERS_PASSED, SECONDS_MAX)
        told = stacks.table([("st-ethernet-ip", campaign)])
        print(told)
        self.assertEqual(campaign.figures["differences"], 0, told)
        self.assertGreater(campaign.figures["executed"], 20, told)

    def test_half_a_judgement_is_found(self):
        """Judged without the written values, every write differs."""

        class Half(modbus.Modbus):
            def judged(self, messages, session):
                return [one for one in super().judged(messages, session) if one[0] == "function"]

        campaign = stacks.run_campaign(BUILD, self.stacks["libmodbus"], SEED, 100, SECONDS_MAX, Half)
        self.assertGreater(campaign.figures["differences"], 10)


if __name__ == "__main__":
    if "BULKHEAD_OWN_NAMESPACE" not in os.environ:
        outcome.expect_root()
        from stacks_test import fetch_peers  # noqa: E402
        try:
            fetch_peers()
        except unittest.SkipTest as reason:
            outcome.skip(reason)
        os.environ["BULKHEAD_OWN_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, __file__, *sys.argv[1:]])
    stacks.in_own_namespace()
    outcome.run()
