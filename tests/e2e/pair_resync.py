"""A standby that joins while the active one forwards for many sessions: how long until it has them
all, what that takes of memory, and whether packets wait for it.

usage: pair_resync.py [--build BUILD] [--flows N] [--runs N] [--json]
Needs root. Each run kills the standby, starts it again and waits until it is proven equal.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "deploy/lab"))
from lab import PLC, LabError, wait_until  # noqa: E402
from pair import OTHER, PairLab  # noqa: E402

UDP_PORT = 9000
FLOWS_PER_PORT = 50_000  # source ports of one address
ROLES = ("dataplane", "agent")


def resident_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024)
    return 0


class Resync:
    def __init__(self, options):
        self.lab = PairLab("bhr", options.build)
        self.options = options
        self.echoes = range(UDP_PORT, UDP_PORT + -(-options.flows // FLOWS_PER_PORT))
        self.lab.roles = (*PairLab.roles, *(f"echo{port}" for port in self.echoes))

    def start(self):
        lab, flows = self.lab, self.options.flows
        lab.down()
        lab.prepare()
        # Sessions must not end while they are counted.
        self.size = ("--flows", str(flows + flows // 4), "--memory-mib", "1024", "--buffers",
                     "16384", "--datagram-time", "3600")
        for which in ("a", "b"):
            lab.start_dataplane(which, *self.size)
            lab.start_agent(which)
        ports = "".join(f"      - {{service: udp/{port}, client: hmi, server: plc1}}\n"
                        for port in self.echoes)
        text = (ROOT / "policies/water-works/policy.yaml").read_text().replace(
            "    allow:\n", "    allow:\n" + ports)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            lab.ctl("push", file.name, "--commit")
        self.active = lab.await_active(seconds=40)

    def open_flows(self):
        """Sessions of UDP, each with one datagram each way."""
        for port in self.echoes:
            self.lab.spawn("ctl", [sys.executable, HERE / "probe.py", "echo", PLC, port],
                           f"echo{port}")
            wait_until(lambda role=f"echo{port}": "begun" in self.lab.log(role), "an echo", 10)
        done = subprocess.run(
            self.lab.in_ns("sup", sys.executable, HERE / "probe.py", "flows", PLC, UDP_PORT,
                           self.options.flows),
            stdout=subprocess.PIPE, text=True, timeout=600, check=True)
        return json.loads(done.stdout.splitlines()[-1])["answered"]

    def sessions(self, which):
        return sum(worker["flows"] for worker in self.lab.status(which)["workers"])

    def run(self):
        lab, standby = self.lab, OTHER[self.active]
        for role in reversed(ROLES):
            lab.stop(f"{role}-{standby}", signal.SIGKILL)
        time.sleep(1)
        before = {role: resident_mib(lab.pid(f"{role}-{self.active}")) for role in ROLES}
        probe = subprocess.Popen(
            lab.in_ns("sup", sys.executable, HERE / "probe.py", "udp", PLC, UDP_PORT, 10),
            stdout=subprocess.PIPE, text=True)
        lab.start_dataplane(standby, *self.size)
        lab.start_agent(standby)
        begun = time.monotonic()
        wait_until(lambda: lab.pair(standby)["flows_equal"], "the standby to have all", 120)
        seconds = time.monotonic() - begun
        result = json.loads(probe.communicate(timeout=60)[0].splitlines()[-1])
        after = {role: resident_mib(lab.pid(f"{role}-{self.active}")) for role in ROLES}
        return {"seconds": round(seconds, 2), "longest_gap_ms": result["longest_gap_ms"],
                "sessions": self.sessions(standby),
                "active_mib": before, "active_mib_after": after,
                "standby_mib": {role: resident_mib(lab.pid(f"{role}-{standby}"))
                                for role in ROLES}}


def main():
    parser = argparse.ArgumentParser(prog="pair_resync.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--flows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="a line a run")
    options = parser.parse_args()
    resync = Resync(options)
    try:
        resync.start()
        answered = resync.open_flows()
        print(f"{answered} sessions are open", file=sys.stderr, flush=True)
        runs = [resync.run() for _ in range(options.runs)]
    finally:
        resync.lab.down()
    if options.json:
        for run in runs:
            print(json.dumps(run))
        return
    last = runs[-1]
    print(f"{last['sessions']} sessions: equal {statistics.median(run['seconds'] for run in runs)} s "
          f"after the standby's agent was up (median of {len(runs)}; "
          f"{min(run['seconds'] for run in runs)} to {max(run['seconds'] for run in runs)}); longest "
          f"gap of the 1 kHz probe meanwhile {max(run['longest_gap_ms'] for run in runs)} ms")
    for who in ("active_mib", "active_mib_after", "standby_mib"):
        print(f"{who}: " + ", ".join(f"{role} {mib}" for role, mib in last[who].items()))


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"pair_resync.py: {error}")
