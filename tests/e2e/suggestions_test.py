"""Each message that an example policy refuses, sent over real sockets: the first suggestion of `why`,
pasted where it says, lets it arrive.

usage: suggestions_test.py BUILD [unittest arguments]
Needs root.
"""

import ctypes
import json
import os
import re
import socket
import unittest

import yaml

import outcome
from e2e_test import ROOT, fresh_lab
from lab import run, wait_until

SITES = ["water-works", "substation", "packaging-line", "building", "railway"]
PORTS = {"modbus": 502, "dnp3": 20000, "iec104": 2404, "mms": 102, "s7comm": 102, "s7comm_plus": 102,
         "enip": 44818, "opcua": 4840, "genisys": 10001, "bacnet": 47808}
OF_POLICY = ("values_not_granted", "function_not_granted", "no_rule", "no_conduit")
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL("libc.so.6", use_errno=True)


def octets(text):
    return bytes.fromhex(re.sub(r"[ :\n]", "", text))


def socket_in(lab, name, kind):
    """A socket stays in the namespace in which it was made."""
    spaces = [os.open("/proc/self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{lab.ns(name)}", os.O_RDONLY)]
    try:
        if LIBC.setns(spaces[1], CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        return socket.socket(socket.AF_INET, kind)
    finally:
        LIBC.setns(spaces[0], CLONE_NEWNET)
        for each in spaces:
            os.close(each)


def arrived(end, count, seconds):
    end.settimeout(seconds)
    got = b""
    try:
        while len(got) < count:
            data = end.recv(65536)
            if not data:
                break
            got += data
    except OSError:
        pass
    return len(got)


class Talk:
    """One session between two hosts of the lab."""

    def __init__(self, lab, client, server, port, datagrams):
        self.datagrams = datagrams
        kind = socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM
        self.listener = socket_in(lab, "ctl", kind)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((server, port))
        self.client = socket_in(lab, "sup", kind)
        self.client.bind((client, 0))
        self.client.settimeout(3)
        self.server = self.listener
        if not datagrams:
            self.listener.listen()
            self.client.connect((server, port))
            self.listener.settimeout(3)
            self.server = self.listener.accept()[0]
        else:
            self.client.connect((server, port))

    def say(self, from_client, data, seconds):
        """Whether all of it came to the other end."""
        try:
            if from_client:
                self.client.send(data)
            elif self.datagrams:
                self.server.sendto(data, self.client.getsockname())
            else:
                self.server.send(data)
        except OSError:
            return False
        return arrived(self.server if from_client else self.client, len(data), seconds) == len(data)

    def close(self):
        for each in (self.client, self.server, self.listener):
            each.close()


class Site:
    """An example policy for the lab's two ports and stations: refusals reset, so that no host sends
    again what was refused."""

    def __init__(self, name):
        folder = ROOT / "policies" / name
        text = (folder / "policy.yaml").read_text().replace("on_deny: reject", "on_deny: reset")
        text = re.sub(r'(address: [\d.]+), mac: "[^"]*"', r"\1", text)
        if "  bay: " in text:  # a zone without IP, at a third port
            text = re.sub(r"  (bay|bay_ied|merging_unit|trip_group|sample_group): .*\n", "", text)
            text = text.split("  bay_bus:")[0]
        self.text = text
        self.model = yaml.load(text, yaml.BaseLoader)
        self.cases = yaml.load((folder / "cases.yaml").read_text(), yaml.BaseLoader)["cases"]

    def address(self, name):
        asset = self.model["assets"].get(name, {})
        if "behind" in asset:
            return self.address(asset["behind"])
        address = asset.get("address")
        return address if isinstance(address, str) and ":" not in address else None

    def hosts(self):
        for name, asset in self.model["assets"].items():
            if "zone" in asset and self.address(name):
                yield "sup" if self.model["zones"][asset["zone"]]["port"] == "0" else "ctl", self.address(name)

    def refused(self):
        """(what, client, server, case)"""
        for case in self.cases:
            ends = self.address(case["client"]), self.address(case["server"])
            if "message" in case and case.get("verdict", case.get("expect")) == "deny" and all(ends):
                yield case.get("what", case["message"]), *ends, case


class Suggestions(unittest.TestCase):
    def setUp(self):
        self.lab = fresh_lab(self, "bhsug")
        self.lab.stop("plc")

    def play(self, client, server, case):
        """Whether the case's message arrives."""
        protocol = case["protocol"]
        talk = Talk(self.lab, client, server, PORTS[protocol], protocol == "bacnet")
        try:
            for turn in case.get("before", []):
                self.assertTrue(talk.say(turn.strip()[0] == ">", octets(turn.strip()[1:]), 3), turn)
            return talk.say(case.get("from") != "server", octets(case["message"]), 0.7)
        finally:
            talk.close()

    def refusals_after(self, number):
        return [each for each in self.lab.ctl_json("events", "--kind", "deny", "--recent", "50")
                if each["number"] > number and each["reason"] in (*OF_POLICY, "protocol_fault")]

    def commit(self, text):
        path = self.lab.folder / "p.yaml"
        path.write_text(text)
        self.lab.ctl("push", path, "--commit")

    def newest(self):
        return self.lab.ctl_json("events", "--recent", "1")[-1]["number"]

    def follow(self, site, client, server, case):
        """Plays it, does as `why` says, and plays it again. Whether there was a suggestion."""
        self.commit(site.text)
        before = self.newest()
        self.assertFalse(self.play(client, server, case))
        wait_until(lambda: self.refusals_after(before), "the refusal", 10)
        event = self.refusals_after(before)[0]
        if event["reason"] not in OF_POLICY:
            return False
        found = self.lab.ctl("why", event["number"], "--suggest", "--format", "json", check=False).stdout
        answer = json.loads(found)
        if answer.get("no_suggestion"):
            self.assertIn("assets stand behind", answer["no_suggestion"])
            return False
        suggestion = answer["suggestions"][0]
        self.assertEqual(suggestion["kind"], "rule", suggestion)
        lines = site.text.splitlines(keepends=True)
        self.commit("".join([*lines[:suggestion["line"]], suggestion["yaml"], *lines[suggestion["line"]:]]))
        self.assertTrue(self.play(client, server, case), f"{event}\n{suggestion}")
        return True

    def test_each_lets_its_message_pass(self):
        for name in SITES:
            site = Site(name)
            for host, address in site.hosts():
                run(*self.lab.in_ns(host, "ip", "addr", "add", f"{address}/32", "dev", "eth0"), check=False)
            for zone in site.model["zones"].values():
                for host in ("sup", "ctl"):
                    for network in zone["networks"]:
                        run(*self.lab.in_ns(host, "ip", "route", "replace", network, "dev", "eth0"))
            followed = 0
            for what, client, server, case in site.refused():
                with self.subTest(f"{name}: {what}"):
                    followed += self.follow(site, client, server, case)
            self.assertGreaterEqual(followed, 5, f"{name}: nearly nothing was suggested")


if __name__ == "__main__":
    outcome.run()
