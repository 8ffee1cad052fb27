"""Everything that watches an appliance goes wrong at once, under refusals: its disk fills, a collector
accepts and stalls, scrapers hang, followers never read. What is enforced does not notice, and the
agent's memory stays bounded.

usage: watchers_test.py BUILD [unittest arguments]
Needs root. tests/long/hostile_watchers.py does the same for minutes.
"""

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

import outcome
from e2e_test import BUILD, POLICY
from lab import HMI, PLC, Lab, LabError, run, wait_until
from syslog_test import collector

REQUESTS_PER_SECOND = 200
REFUSALS_PER_SECOND = 10_000
DISK_MIB = 32
HOSTS = 64  # each has a share of the events of its own
FOLLOWERS, SCRAPERS, STALLED = 8, 40, 3
# Event pages of followers, answers of scrapers, batches of collectors and gRPC's buffers, each bounded.
MEMORY_MAX = 96 << 20
METRICS_PORT, COLLECTOR_PORT = 9464, 6515

# Datagrams that no rule grants, from each of the hosts in turn; so many at once each 10 ms.
SEND = f"""
import socket, sys, time
count, burst = int(sys.argv[1]), {REFUSALS_PER_SECOND // 100}
peers = []
for host in range({HOSTS}):
    each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    each.bind((f"10.20.0.{{100 + host}}", 0))
    peers.append(each)
print("begun", flush=True)
due = time.monotonic()
for at in range(count):
    peers[at % {HOSTS}].sendto(b"refused", ("{PLC}", 7000 + at % 1000))
    if at % burst == burst - 1:
        due += 0.01
        time.sleep(max(0.0, due - time.monotonic()))
"""
# Accepts, and never reads: with little room, so that the kernel takes little instead.
DEAF = f"""
import socket, time
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
listener.bind(("127.0.0.1", {COLLECTOR_PORT}))
listener.listen(64)
print("begun", flush=True)
kept = []
while True:
    kept.append(listener.accept())
"""
# Asks again and again, and reads nothing.
HANG = f"""
import socket, time
kept = []
for _ in range({SCRAPERS}):
    each = socket.socket()
    each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    each.connect(("127.0.0.1", {METRICS_PORT}))
    each.sendall(b"GET /metrics HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n" * 20)
    kept.append(each)
print("begun", flush=True)
time.sleep(3600)
"""


class Watched:
    """An appliance whose state is on a small disk, and all that goes wrong around it."""

    def __init__(self, prefix, build):
        self.lab = Lab(prefix, build)
        self.children = []
        self.memory = {"agent": [], "dataplane": []}
        self.state = self.lab.folder / "state"
        self.sampling = None

    def start(self):
        self.lab.down()
        run("umount", "-l", self.state, check=False)  # of a run that was interrupted
        self.lab.prepare()
        self.state.mkdir()
        run("mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", self.state)
        (self.lab.folder / "collectors.yaml").write_text("siem: v1\ncollectors:\n" + "".join(
            collector(f"deaf{i}", COLLECTOR_PORT, transport="tcp", format="json", audit="true")
            for i in range(STALLED)))
        self.lab.start_plc()
        self.lab.start_dataplane()
        self.lab.start_agent()
        self.lab.ctl("push", POLICY, "--commit")
        for host in range(HOSTS):
            run(*self.lab.in_ns("sup", "ip", "addr", "add", f"10.20.0.{100 + host}/24", "dev", "eth0"))
        run(*self.lab.in_ns("sup", "ip", "route", "replace", "10.10.0.0/24", "dev", "eth0", "src", HMI))

    def end(self):
        for child in self.children:
            child.send_signal(signal.SIGCONT)
            child.kill()
            child.wait()
            if child.stdout:
                child.stdout.close()
        self.lab.stop("agent", signal.SIGKILL)
        run("umount", "-l", self.state, check=False)
        self.lab.down()

    def spawn(self, host, *words):
        child = subprocess.Popen(self.lab.in_ns(host, *words), stdout=subprocess.PIPE, text=True)
        self.children.append(child)
        return child

    def python(self, host, code, *words):
        child = self.spawn(host, sys.executable, "-c", code, *words)
        assert child.stdout.readline() == "begun\n"
        return child

    def sample(self):
        for role, samples in self.memory.items():
            status = Path(f"/proc/{self.lab.pid(role)}/status").read_text()
            samples.append(int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) << 10)

    def sample_for(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.sample()
            time.sleep(0.5)

    def status(self):
        done = self.lab.ctl("status", "--format", "json", check=False)
        return json.loads(done.stdout)

    def alarms(self):
        return {row["alarm"] for row in self.status()["alarms"]}

    def fill(self):
        """All but 64 KiB; events and audit records want more."""
        self.filler = self.state / "filler"
        self.filler.write_bytes(bytes(shutil.disk_usage(self.state).free - (64 << 10)))

    def refusals(self, seconds):
        return self.python("sup", SEND, int(REFUSALS_PER_SECOND * seconds))

    def go_wrong(self):
        """All of it, under requests and refusals, which have begun."""
        deaf = self.python("fw", DEAF)
        hanging = self.python("fw", HANG)
        followers = [self.spawn("fw", self.lab.bin / "bulkheadctl", "--pki", self.lab.pki, "events",
                                "--follow", "--resume", "0", "--format", "json")
                     for _ in range(FOLLOWERS)]  # nobody reads what they say
        for each in followers[::2]:  # and these do not even take it from the network
            each.send_signal(signal.SIGSTOP)
        self.fill()
        return [deaf, hanging, *followers]

    def clear_samples(self):
        for samples in self.memory.values():
            samples.clear()

    def await_alarms(self, long):
        """Of a collector only after half a minute and more."""
        wanted = {"disk_full", "collector_away"} if long else {"disk_full"}
        wait_until(lambda: wanted <= self.alarms(), f"{wanted} to be raised", 60)
        wait_until(lambda: {each["state"] for each in self.status()["collectors"]} == {"stalled"},
                   "each collector to be stalled", 60)

    def run(self, seconds):
        """What was found, with the memory of both daemons before, meanwhile and afterwards."""
        load = self.lab.in_ns("sup", self.lab.bin / "lab-hmi", PLC, 502, "load", REQUESTS_PER_SECOND,
                              int(seconds) + 6)
        requests = subprocess.Popen(load, stdout=subprocess.PIPE, text=True)
        self.children.append(requests)
        flood = self.refusals(seconds + 4)
        self.sample_for(2)
        before = {role: max(samples) for role, samples in self.memory.items()}
        wrong = self.go_wrong()
        self.clear_samples()
        self.sample_for(seconds)
        during = {role: max(samples) for role, samples in self.memory.items()}
        self.await_alarms(long=seconds >= 45)
        problem = self.status()["events"]["problem"]
        refused = self.lab.hmi("write", 42, 5000)["result"]
        for child in wrong:
            child.send_signal(signal.SIGCONT)
            child.kill()
            child.wait()
        self.filler.unlink()
        flood.wait()
        result = json.loads(requests.communicate(timeout=120)[0].splitlines()[-1])
        wait_until(lambda: "disk_full" not in self.alarms(), "the disk's alarm to end", 60)
        written_again = self.writes_again()
        self.clear_samples()
        self.sample_for(2)
        return {"requests": result, "refused": refused, "before": before, "during": during,
                "after": {role: samples[-1] for role, samples in self.memory.items()},
                "problem": problem, "events": self.status()["events"],
                "refusals": sum(row["messages"] for row in self.lab.ctl_json("counters")
                                if row["verdict"] == "deny"),
                "written_again": written_again}

    def writes_again(self):
        """Whether a refusal is an event now that the disk has room."""
        before = self.status()["events"]["last"]
        self.lab.hmi("write", 60, 1)
        try:
            wait_until(lambda: any("address" in event.get("fields", {}) and
                                   event["fields"]["address"] == [60, 60]
                                   for event in self.lab.ctl_json(
                                       "events", "--resume", before, "--limit", 10_000, "--reason",
                                       "values_not_granted")), "the event", 30)
        except LabError:
            return False
        return self.status()["events"]["problem"] == ""


def problems(found):
    """What is not as it must be."""
    wrong = []
    requests = found["requests"]
    if requests["failed"] or requests["result"] != "ok":
        wrong.append(f"{requests['failed']} of {requests['sent']} requests were lost")
    if found["refused"] != "exception 3":
        wrong.append(f"a write that is not granted got: {found['refused']}")
    for role in found["before"]:
        more = found["during"][role] - found["before"][role]
        if more > MEMORY_MAX:
            wrong.append(f"{role} took {more >> 20} MiB more")
    if "full" not in found["problem"]:
        wrong.append("the disk was not full")
    if not found["written_again"]:
        wrong.append("events are not written again")
    return wrong


def say(found):
    requests = found["requests"]
    memory = "; ".join(
        f"{role} {found['before'][role] >> 20}, {found['during'][role] >> 20}, "
        f"{found['after'][role] >> 20}" for role in ("agent", "dataplane"))
    print(f"{requests['sent']:,} requests, none lost, half within {requests['p50_us']} us, 99 % within "
          f"{requests['p99_us']} us; {found['refusals']:,} refusals, {found['events']['lost']:,} events "
          f"lost and told; MiB before, meanwhile and afterwards: {memory}", flush=True)


class HostileWatchers(unittest.TestCase):
    def test_enforcement_does_not_notice_and_memory_is_bounded(self):
        outcome.expect_root()
        watched = Watched("bhwat", BUILD)
        self.addCleanup(watched.end)
        watched.start()
        found = watched.run(8)
        self.assertEqual(problems(found), [], found)
        say(found)

    def test_collectors_that_accept_and_stall_are_alarms(self):
        """Their kernel takes connections and some bytes all the while, and the agent connects anew."""
        outcome.expect_root()
        watched = Watched("bhwas", BUILD)
        self.addCleanup(watched.end)
        watched.start()
        watched.python("fw", DEAF)
        watched.refusals(100)
        wait_until(lambda: [row["subject"] for row in watched.status()["alarms"]
                            if row["alarm"] == "collector_away"] ==
                   [f"deaf{i}" for i in range(STALLED)], "the alarm of each collector", 90)


if __name__ == "__main__":
    outcome.run()
