"""A pair whose control plane is used as hard as it can be: what its sessions notice, whether it turns
over, and what memory its agents take.

usage: control_plane.py [--build BUILD] [--flows N] [--minutes M] [--seconds S] [--rules N]
                        [--large-rules N] [--part NAME]...
Needs root. Parts, one after the other for S seconds each, and then `all` of them together for M
minutes:
  flows        `flows --limit` of all sessions, and 100 questions a second
  commits      policies of N rules, committed in turns
  artefacts    a policy of --large-rules (their default makes 46 MB), pushed by five at once
  connections  10,000 connections that say nothing, and as many that begin a handshake, again and
               again, from another address than those who manage
  streams      120 event followers of 15 certificates and 127 of one, none of which reads
  comments     comments and names without a limit
Beside each part: 20 Modbus sessions and a datagram each millisecond through the pair.

Of several cores the last one is for what stands for other machines, and for the agents' threads without
real-time priority; data planes and real-time threads have the others, as `setup` leaves workers
cores of their own. "stalls" are the times for which even a thread of the highest real-time priority
got no core, longer than 10 ms: what the machine or its kernel did, not the product.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/lab"))
sys.path.insert(0, str(ROOT / "tests/e2e"))
from control_test import BEGUN, HOLD, resident_mib  # noqa: E402
from lab import PLC, LabError, run, wait_until, write_access  # noqa: E402
from pair import NAMES, PairLab  # noqa: E402
from stalls import Stalls  # noqa: E402
from weights import set_apart, weigh, weighed  # noqa: E402

UDP_PORT = 9000
PROBE = ROOT / "tests/e2e/probe.py"
FLOWS_PER_PORT = 50_000
SESSIONS = 20
RATE = 100  # questions a second
# Clients are other machines: they take no core from an appliance.
BEHIND, AHEAD = weighed(19), weighed(-5)
APPLIANCE_NICE = {"dataplane": -20, "agent": -10}
SERVER_NICE = -10
BACK_SECONDS = 60  # until the agents have their idle size again
CLIENTS = 16  # certificates
CLIENTS_OF_RULE = 10  # of the large policy
FOLLOWERS_EACH = 8
FOLLOWERS_OF_ONE = 127
PUSHERS = 5
PARTS = ("flows", "commits", "artefacts", "connections", "streams", "comments")


def policy_of(rules, echoes, other, clients=1):
    """The water works, and conduits beside it that have as many rules as are missing."""
    text = (ROOT / "policies/water-works/policy.yaml").read_text().replace(
        "    allow:\n", "    allow:\n" + "".join(
            f"      - {{service: udp/{port}, client: hmi, server: plc1}}\n" for port in echoes), 1)
    side = 6 if clients == 1 else 40
    zones = "".join(f"  s{i}: {{port: 0, networks: [10.{60 + i}.0.0/16]}}\n"
                    f"  c{i}: {{port: 1, networks: [10.{120 + i}.0.0/16]}}\n" for i in range(side))
    text = text.replace("zones:\n", "zones:\n" + zones, 1)
    each = -(-rules // side ** 2)
    if each > 4096:
        raise LabError("a conduit has no more than 4,096 rules")
    lines = []
    for i in range(side):
        for j in range(side):
            lines.append(f"  x{i}-{j}:\n    from: s{i}\n    to: c{j}\n    allow:\n")
            for rule in range(each):
                names = [f"10.{60 + i}.{rule // 250 + 16 * n}.{rule % 250 + 1}"
                         for n in range(clients)]
                lines.append(f"      - {{service: tcp/{2000 + rule + other}, client: "
                             f"{names[0] if clients == 1 else '[' + ', '.join(names) + ']'}, "
                             f"server: 10.{120 + j}.{rule // 250}.{rule % 250 + 1}}}\n")
    return text + "".join(lines)


class Crowd:
    def __init__(self, options):
        self.clients = {}  # their roles, by name
        self.options = options
        self.lab = PairLab("bhw", options.build)
        self.echoes = range(UDP_PORT, UDP_PORT + max(1, -(-options.flows // FLOWS_PER_PORT)))
        self.lab.roles = (*PairLab.roles, *(f"echo{port}" for port in self.echoes))
        self.policies = []
        self.stop = threading.Event()
        self.large = None
        self.stalls = []
        self.counts = {"questions": 0, "slowest_ms": 0, "commits": 0, "failed_commits": 0,
                       "flow_lists": 0, "pushed": 0, "push_refused": 0, "followers": 0,
                       "comments_refused": 0}
        self.problems = []
        self.lock = threading.Lock()

    def start(self):
        lab, flows = self.lab, self.options.flows
        lab.down()
        lab.prepare()
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[-1:])
        self.stalls = [Stalls(core) for core in cores]
        lab.start_plc()
        # All come from one host, whose share is three quarters.
        size = ("--flows", str(max(4096, flows + flows // 2)), "--memory-mib", "3072", "--buffers",
                "16384", "--datagram-time", "3600")
        for which in ("a", "b"):
            lab.start_dataplane(which, *size)
            lab.start_agent(which)
            for part, nice in APPLIANCE_NICE.items():
                weigh(lab.pid(f"{part}-{which}"), nice)
                set_apart(lab.pid(f"{part}-{which}"), cores[:-1] or cores, part == "dataplane")
        self.policies = [self.compile(f"policy{other}", self.options.rules, other)
                         for other in (0, 1)]
        if {"artefacts", "all"} & set(self.options.part or PARTS):
            self.large = self.compile("large", self.options.large_rules, 0, CLIENTS_OF_RULE)
        for number in range(CLIENTS):
            self.make_client(f"client{number}")
        wait_until(lambda: lab.ctl("push", self.policies[0], "--commit", check=False,
                                   timeout=120).returncode == 0, "the first commit", 240)
        self.active = lab.await_active(seconds=40)
        for port in self.echoes:
            lab.spawn("ctl", [sys.executable, PROBE, "echo", PLC, port], f"echo{port}")
        for role in ("plc", *(f"echo{port}" for port in self.echoes)):
            weigh(lab.pid(role), SERVER_NICE)
        time.sleep(1)
        if flows:
            done = subprocess.run(lab.in_ns("sup", sys.executable, PROBE, "flows", PLC, UDP_PORT,
                                            flows), stdout=subprocess.PIPE, text=True, check=True)
            print(f"sessions: {done.stdout.split(chr(10))[-2]}", file=sys.stderr, flush=True)
        wait_until(lambda: lab.ctl("pair", "status", which=self.active, check=False).returncode == 0,
                   "the pair to be well", 240)

    def compile(self, name, rules, other, clients=1):
        source, compiled = (self.lab.folder / f"{name}{end}" for end in (".yaml", ".bhp"))
        source.write_text(policy_of(rules, self.echoes, other, clients))
        self.lab.ctl("policy", "compile", source, "-o", compiled, timeout=900)
        print(f"{rules} rules: {compiled.stat().st_size / 1e6:.1f} MB", file=sys.stderr, flush=True)
        return compiled

    def make_client(self, name):
        """A certificate of its own, good on both appliances."""
        self.clients[name] = "viewer, operator, engineer"
        for which in NAMES:
            write_access(self.lab.folder_of(which), **self.clients)
        run(self.lab.bin / "bulkheadctl", "pki", "client", self.lab.pki, name)
        folder = self.client(name)
        folder.mkdir()
        for source, target in (("ca.crt", "ca.crt"), (f"{name}.crt", "client.crt"),
                               (f"{name}.key", "client.key")):
            shutil.copy(self.lab.pki / source, folder / target)

    def client(self, name):
        return self.lab.folder / f"pki-{name}"

    # --- the parts -----------------------------------------------------------------------------
    def repeat(self, do):
        while not self.stop.is_set():
            try:
                do()
            except Exception as error:  # a part that breaks is told, not lost
                with self.lock:
                    self.problems.append(str(error)[:300])
                time.sleep(1)

    def flows(self):
        def ask():
            done = subprocess.run(self.lab.in_ns(
                self.active, *AHEAD, self.lab.bin / "grpc_probe", "127.0.0.1:7443",
                self.lab.folder_of(self.active) / "pki", "load", RATE, 5),
                stdout=subprocess.PIPE, text=True, timeout=60, check=True)
            told = json.loads(done.stdout)
            with self.lock:
                self.counts["questions"] += told["answered"]
                self.counts["slowest_ms"] = max(self.counts["slowest_ms"], told["slowest_ms"])
        def list_flows():
            subprocess.run(self.lab.in_ns(
                self.active, *BEHIND, self.lab.bin / "bulkheadctl", "--pki",
                self.lab.folder_of(self.active) / "pki", "flows", "--limit",
                str(self.options.flows or 1000), "--format", "json"), stdout=subprocess.DEVNULL,
                timeout=300, check=True)
            with self.lock:
                self.counts["flow_lists"] += 1
        return [lambda: self.repeat(ask), lambda: self.repeat(list_flows),
                lambda: self.repeat(list_flows)]

    def commits(self):
        at = [0]
        def commit():
            at[0] += 1
            done = self.lab.ctl("push", self.policies[at[0] % 2], "--commit", which=self.active,
                                check=False, timeout=200)
            with self.lock:
                self.counts["commits" if done.returncode == 0 else "failed_commits"] += 1
                if done.returncode:
                    self.problems.append(done.stderr[-300:])
        return [lambda: self.repeat(commit)]

    def connections(self):
        def hold(text):
            process = subprocess.Popen(
                self.lab.in_ns(self.active, *BEHIND, sys.executable, "-c", HOLD, 10_000, text, 10,
                               "127.0.0.2"),
                stdout=subprocess.DEVNULL)
            while process.poll() is None and not self.stop.is_set():
                time.sleep(0.1)
            process.kill()
            process.wait()
        return [lambda: self.repeat(lambda: hold("")), lambda: self.repeat(lambda: hold(BEGUN))]

    def artefacts(self):
        def push(name):
            done = run(*self.lab.in_ns(self.active, *BEHIND, self.lab.bin / "bulkheadctl", "--pki",
                                       self.client(name), "push", self.large),
                       check=False, timeout=600)
            with self.lock:
                self.counts["pushed" if done.returncode == 0 else "push_refused"] += 1
                if done.returncode and "already" not in done.stderr:
                    self.problems.append(done.stderr[-300:])
            if done.returncode:
                self.stop.wait(1)
        return [lambda name=f"client{n}": self.repeat(lambda: push(name)) for n in range(PUSHERS)]

    def streams(self):
        def follow(name, count):
            done = subprocess.run(
                self.lab.in_ns(self.active, *BEHIND, self.lab.bin / "grpc_probe", "127.0.0.1:7443",
                               self.client(name), "follow", count, 20),
                stdout=subprocess.PIPE, text=True, timeout=90, check=True)
            with self.lock:
                self.counts["followers"] += json.loads(done.stdout)["streams"]
        crowds = [(f"client{n}", FOLLOWERS_EACH) for n in range(CLIENTS - 1)]
        crowds.append((f"client{CLIENTS - 1}", FOLLOWERS_OF_ONE))
        return [lambda crowd=crowd: self.repeat(lambda: follow(*crowd)) for crowd in crowds]

    def comments(self):
        def push():
            done = self.lab.ctl("push", self.policies[0], "-m", "x" * 100_000, which=self.active,
                                check=False, timeout=200)
            with self.lock:
                self.counts["comments_refused"] += done.returncode != 0
            self.stop.wait(1)
        return [lambda: self.repeat(push)]

    # --- what is noticed -------------------------------------------------------------------------
    def takeovers(self):
        return sum((self.lab.pair(which) or {"takeovers": 0})["takeovers"] for which in ("a", "b"))

    def memory(self):
        return {which: round(resident_mib(self.lab.pid(f"agent-{which}"))) for which in ("a", "b")}

    def run(self, name, parts, seconds):
        self.stop.clear()
        self.problems.clear()
        self.counts = dict.fromkeys(self.counts, 0)
        before = self.takeovers()
        for stalls in self.stalls:
            stalls.take()
        probes = [subprocess.Popen(
            self.lab.in_ns("sup", *AHEAD, sys.executable, PROBE, mode, PLC, port, seconds),
            stdout=subprocess.PIPE, text=True)
            for mode, port in [("udp", UDP_PORT)] + [("modbus", 502)] * SESSIONS]
        threads = [threading.Thread(target=work, daemon=True)
                   for part in parts for work in getattr(self, part)()]
        idle = self.memory()
        for thread in threads:
            thread.start()
        most = dict(idle)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            now = self.memory()
            most = {which: max(most[which], now[which]) for which in most}
            time.sleep(0.2)
        self.stop.set()
        results = [json.loads(probe.communicate(timeout=60)[0].splitlines()[-1]) for probe in probes]
        for thread in threads:
            thread.join()
        time.sleep(BACK_SECONDS)
        udp, modbus = results[0], results[1:]
        return {"part": name, "seconds": seconds, "takeovers": self.takeovers() - before,
                "datagrams_lost": udp["lost"], "longest_gap_ms": udp["longest_gap_ms"],
                "lost_sessions": sum(r["lost_sessions"] for r in modbus),
                "unanswered": sum(r["unanswered"] for r in modbus),
                "wrong": sum(r["wrong"] for r in modbus),
                "answered": sum(r["answered"] for r in modbus), **self.counts,
                "agent_mib_idle": idle, "agent_mib_most": most, "agent_mib_after": self.memory(),
                "stalls": {str(stalls.core): stalls.take() for stalls in self.stalls},
                "last_changes": {which: (self.lab.pair(which) or {}).get("last_change")
                                 for which in ("a", "b")},
                "problems": sorted(set(self.problems))[:3]}


def main():
    parser = argparse.ArgumentParser(prog="control_plane.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--flows", type=int, default=250_000)
    parser.add_argument("--rules", type=int, default=100_000)
    parser.add_argument("--large-rules", type=int, default=170_000)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--part", action="append", choices=(*PARTS, "all"))
    parser.add_argument("--seconds", type=int, default=60, help="of each part alone")
    options = parser.parse_args()
    crowd = Crowd(options)
    try:
        crowd.start()
        for name in options.part or (*PARTS, "all"):
            parts = PARTS if name == "all" else (name,)
            seconds = int(options.minutes * 60) if name == "all" else options.seconds
            print(json.dumps(crowd.run(name, parts, seconds)), flush=True)
    finally:
        for stalls in crowd.stalls:
            stalls.end()
        crowd.lab.down()


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"control_plane.py: {error}")
