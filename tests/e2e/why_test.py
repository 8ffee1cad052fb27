"""From a refusal to the rule that it lacked: why, its suggestion taken, and when rules were last used.

usage: why_test.py BUILD [unittest arguments]
Needs root.
"""

import datetime
import json
import signal
import sys
import unittest

import outcome
from e2e_test import POLICY, fresh_lab
from lab import HMI, PLC, PLC_MAC, run, wait_until


def with_lines(text, line, lines):
    """The text with lines after one of its lines, as somebody pastes them."""
    before = text.splitlines(keepends=True)
    return "".join(before[:line]) + lines + "".join(before[line:])


class WhyCase(unittest.TestCase):
    def setUp(self):
        self.lab = fresh_lab(self, "bhwhy")
        self.lab.ctl("push", POLICY, "--commit")

    def refusal(self, reason):
        """The number of the newest refusal for that reason."""
        def find():
            return self.lab.ctl_json("events", "--kind", "deny", "--reason", reason, "--recent", "1")
        wait_until(find, f"an event of {reason}", 10)
        return find()[-1]["number"]

    def events_over(self, transport):
        return [event for event in self.lab.ctl_json("events", "--kind", "deny")
                if event.get("transport") == transport]

    def why(self, number, *words, code=0):
        done = self.lab.ctl("why", number, *words, "--format", "json", check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def rules(self, *words):
        return {rule["rule"]: rule for rule in self.lab.ctl_json("rules", *words)}


class Why(WhyCase):
    def test_a_value_and_the_rule_that_lacks_it(self):
        self.assertEqual(self.lab.hmi("write", 42, 5000)["result"], "exception 3")
        number = self.refusal("values_not_granted")
        found = self.why(number, "--suggest")
        # Modbus V1.1b3, 6.6: function 6, address 42, value 5000.
        self.assertTrue(found["message"]["bytes"].endswith("06002a1388"), found["message"])
        operation = found["message"]["operations"][0]
        self.assertEqual((operation["function"], operation["refused"]), ("write_single_register", True))
        self.assertEqual(operation["fields"],
                         {"unit": 1, "address": [42, 42], "value": [5000, 5000]})
        # The rule for reading lacks the function, that for writing the value; others lack more.
        self.assertEqual([(rule["rule"], [each["what"] for each in rule["failures"]])
                          for rule in found["rules"]], [(1, ["function"]), (2, ["value"])])
        near = found["rules"][1]
        self.assertEqual(near["failures"], [{"what": "value", "given": "5000", "granted": "0-1000"}])
        line = POLICY.read_text().splitlines()[near["line"] - 1]
        self.assertIn("protocol: modbus", line)
        stream = self.lab.ctl_json("events", "--recent", "1")[0]
        self.assertNotIn("message", stream, "whoever follows events gets no bytes of messages")

        # The smallest change, as its author pastes it.
        suggestion = found["suggestions"][0]
        self.assertEqual(suggestion["allows"],
                         [f"{HMI} may ask {PLC} (TCP 502) for modbus write_single_register with "
                          "unit 1 and address 42 and value 5000"])
        changed = self.lab.folder / "changed.yaml"
        changed.write_text(with_lines(POLICY.read_text(), suggestion["line"], suggestion["yaml"]))
        self.lab.ctl("push", changed, "--commit")
        self.assertEqual(self.lab.hmi("write", 42, 5000)["result"], "ok")
        self.assertEqual(self.lab.at_plc(42), [5000])
        self.assertEqual(self.lab.hmi("write", 42, 5001)["result"], "exception 3")
        # What was refused before is asked of the policy that refused it.
        self.assertEqual(self.why(number)["policy"]["revision"], 1)
        self.assertEqual(self.why(number, "--suggest", "--policy", changed, code=1)["no_suggestion"],
                         "the policy grants it: another rule is not what it needs")

    def test_a_session_that_no_rule_names(self):
        # ARP alone says nothing of what the two want of each other.
        self.lab.hmi("read", 0, 1, host="rogue")
        self.assertIn("ARP passes between hosts that a rule names",
                      self.why(self.refusal("no_rule"), "--suggest", code=1)["no_suggestion"])
        run(*self.lab.in_ns("rogue", "ip", "neigh", "replace", PLC, "lladdr", PLC_MAC, "dev",
                            "rogue0"))
        self.lab.hmi("read", 0, 1, host="rogue")
        wait_until(lambda: self.events_over("tcp"), "an event of TCP", 10)
        found = self.why(self.events_over("tcp")[-1]["number"], "--suggest")
        self.assertEqual(found["message"]["operations"], [])
        clients = [rule["failures"] for rule in found["rules"] if rule["rule"] <= 2]
        self.assertIn("client", {failure["what"] for failures in clients for failure in failures})
        self.assertEqual(found["suggestions"][0]["kind"], "rule")
        # No message was seen yet: the least that opens a session is suggested, and it is inspected.
        self.assertIn("protocol: modbus", found["suggestions"][0]["yaml"])
        self.assertIn("access: [session]", found["suggestions"][0]["yaml"])

    def test_what_only_would_be_refused(self):
        day = datetime.date.today() + datetime.timedelta(days=30)
        observing = self.lab.folder / "observing.yaml"
        observing.write_text(POLICY.read_text().replace(
            "    on_deny: reject\n", f"    on_deny: reject\n    mode: observe\n    until: {day}\n", 1))
        self.lab.ctl("push", observing, "--commit")
        self.assertEqual(self.lab.hmi("write", 42, 5000)["result"], "ok")
        wait_until(lambda: self.lab.ctl_json("events", "--kind", "would_deny"), "the event", 10)
        event = self.lab.ctl_json("events", "--kind", "would_deny")[-1]
        text = self.lab.ctl("why", event["number"], "--suggest").stdout
        self.assertIn("write_single_register (code 6, class write): enforcing would refuse it\n", text)
        self.assertIn("where: {unit: 1, address: 42, value: 5000}", text)

    def test_what_no_rule_helps_and_what_is_gone(self):
        self.assertNotEqual(self.lab.ctl("why", 999999, check=False).returncode, 0)
        self.lab.hmi("write", 42, 5000)
        number = self.refusal("values_not_granted")
        text = self.lab.ctl("why", number).stdout
        self.assertIn("value is 5000, the rule has 0-1000", text)
        policy = next(event for event in self.lab.ctl_json("events", "--kind", "policy"))
        self.assertEqual(self.why(policy["number"])["rules"], [])
        # Another policy is in force, and the one that refused it has left the disk.
        other = self.lab.folder / "other.yaml"
        other.write_text(POLICY.read_text().replace("0-1000", "0-999"))
        self.lab.ctl("push", other, "--commit")
        self.lab.stop("agent", signal.SIGKILL)
        (self.lab.folder / "state/revisions/1").unlink()
        self.lab.start_agent()
        gone = self.why(number, code=1)
        self.assertIn("is not on the appliance's disk any more", gone["policy"]["problem"])
        self.assertEqual(gone["message"]["operations"][0]["function"], "write_single_register")
        self.assertIn(2, [rule["rule"] for rule in self.why(number, "--policy", POLICY)["rules"]])


class Rules(WhyCase):
    def test_last_uses_outlive_both_processes_and_the_policy(self):
        self.lab.hmi("read", 0, 1)
        wait_until(lambda: self.rules()[1]["last_used"], "the use of rule 1", 70)
        before = self.rules()
        self.assertIsNone(before[2]["last_used"])
        self.assertIn("class read", before[1]["text"])
        self.assertEqual(set(self.rules("--unused", "1h")), set(before) - {1})
        self.assertFalse(self.rules("--unused", "90d")[2]["counted_long_enough"])
        self.assertEqual(set(self.rules("--conduit", "scada")), set(before))
        none = self.lab.ctl("rules", "--unused", "90d", "--conduit", "scda", check=False)
        self.assertEqual(none.returncode, 1, none.stdout)
        self.assertIn("no rules in a conduit scda: did you mean scada?", none.stderr)
        self.lab.stop("agent")
        self.lab.stop("dataplane", signal.SIGKILL)
        self.lab.start_dataplane()
        self.lab.start_agent()
        wait_until(lambda: self.lab.ctl("rules", check=False).returncode == 0, "the rules", 20)
        after = self.rules()
        self.assertEqual(after[1]["last_used"], before[1]["last_used"])
        self.assertEqual(after[1]["counted_since"], before[1]["counted_since"])
        # A rule before them: numbers change, rules do not.
        text = POLICY.read_text()
        first = "      - {protocol: modbus, client: hmi, server: plc1, access: [read, session]}\n"
        self.assertIn(first, text)
        moved = self.lab.folder / "moved.yaml"
        moved.write_text(text.replace(
            first, "      - {service: ssh, client: hmi, server: plc1}\n" + first))
        self.lab.ctl("push", moved, "--commit")
        wait_until(lambda: self.rules().get(1, {}).get("text", "").find("ssh") >= 0,
                   "the rules of the new policy", 20)
        now = self.rules()
        self.assertEqual(now[2]["last_used"], before[1]["last_used"])
        self.assertEqual(now[2]["counted_since"], before[1]["counted_since"])
        self.assertIsNone(now[1]["last_used"])


if __name__ == "__main__":
    outcome.run()
