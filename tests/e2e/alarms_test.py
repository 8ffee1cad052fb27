"""Alarms and roles end to end: an address that is used with another MAC address, and a containment
that only the role which the policy names may release.

usage: alarms_test.py BUILD [unittest arguments]
Needs root. The lab's picture stands in deploy/lab/lab.py.
"""

import sys

import outcome
from access_test import AccessCase
from e2e_test import POLICY, LabCase
from lab import HMI, HMI_MAC, PLC, PLC_MAC, run, wait_until, write_access
from pair_test import HERE

OTHER_MAC = "02:00:00:00:66:66"


class MacChanged(LabCase):
    prefix = "bhalm"

    def alarm(self):
        rows = self.lab.ctl_json("status")[0]["alarms"]
        return next((row for row in rows if row["alarm"] == "mac_changed"), None)

    def flood(self, mac):
        run(*self.lab.in_ns("sup", sys.executable, HERE / "syn_flood.py", "eth0", mac, HMI, PLC_MAC,
                            PLC, 502, 0.02))

    def test_an_address_that_is_used_with_another_mac_is_an_alarm(self):
        self.commit(POLICY)
        self.flood(HMI_MAC)
        # The flood had the host's share of openings; its resets give it back.
        wait_until(lambda: self.lab.hmi("read", 0, 1)["result"] == "ok", "the HMI to read", 15)
        self.assertIsNone(self.alarm())
        self.flood(OTHER_MAC)
        wait_until(self.alarm, "the alarm to be raised", 15)
        raised = self.alarm()
        self.assertEqual((raised["severity"], raised["subject"]), ("warning", OTHER_MAC))
        for part in (f"{OTHER_MAC} on port 0", f"as {HMI}",
                     "the MAC address is not the one bound to this asset"):
            self.assertIn(part, raised["text"])
        self.assertIn("alarm: mac_changed (warning, since ", self.lab.ctl("status").stdout)
        told = [event for event in self.lab.ctl_json("events") if event.get("alarm") == "mac_changed"]
        self.assertEqual([event.get("cleared", False) for event in told], [False])
        wait_until(lambda: self.lab.hmi("read", 0, 1)["result"] == "ok",
                   "the host itself to be served", 15)


class Release(AccessCase):
    prefix = "bhrel"

    def test_only_the_role_that_the_policy_names_releases(self):
        self.commit(POLICY.read_text().replace("site:", "containment: {release: approver}\nsite:"))
        write_access(self.lab.folder, alice="operator", bob="approver", carol="administrator")
        alice, bob, carol = (self.client(name) for name in ("alice", "bob", "carol"))
        done = self.ctl_as(alice, "contain", "control", "--level", "isolate", "--reason", "drill")
        self.assertEqual(done.returncode, 0, done.stderr)
        for pki, who in ((alice, "alice"), (carol, "carol")):
            refused = self.ctl_as(pki, "contain", "release", "control")
            self.assertEqual(refused.returncode, 1, refused.stdout)
            self.assertIn("approver", refused.stderr)
            self.assertNotEqual(self.lab.hmi("read", 0, 1, timeout=30)["result"], "ok", who)
        self.assertEqual(len(self.lab.ctl_json("contain", "list")), 1)
        denied = [row for row in self.lab.ctl_json("audit", "show")
                  if "ReleaseContainment" in str(row) and "alice" in str(row)]
        self.assertTrue(denied, "the refused release is recorded")
        done = self.ctl_as(bob, "contain", "release", "control")
        self.assertEqual(done.returncode, 0, done.stderr)
        wait_until(lambda: self.lab.hmi("read", 0, 1)["result"] == "ok", "the HMI to read again", 10)
        # A policy that names none leaves it to those who may contain.
        self.commit(POLICY)
        self.ctl_as(alice, "contain", "control", "--level", "read-only", "--reason", "drill")
        self.assertEqual(self.ctl_as(bob, "contain", "release", "control").returncode, 1)
        self.assertEqual(self.ctl_as(alice, "contain", "release", "control").returncode, 0)


if __name__ == "__main__":
    outcome.run()
