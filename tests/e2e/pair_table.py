"""How long a failover takes, and what sessions notice: a table over many runs, beside keepalived's on
the same bridges.

usage: pair_table.py [--build BUILD] [--runs N] [--failure NAME...] [--heartbeat MS]
                     [--without-keepalived] [--lwip] [--rto-min MS] [--json]
Needs root. A run is: the pair is well, hosts talk (a UDP datagram each millisecond, a Modbus session
with a request after the other), something fails, it is mended. 30 runs of everything take three
quarters of an hour.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "deploy/lab"))
from failures import FAILURES, Failure  # noqa: E402
from keepalived_lab import KeepalivedLab  # noqa: E402
from lab import PLC, LabError, run, wait_until  # noqa: E402
from pair import OTHER, PairLab  # noqa: E402

UDP_PORT = 9000
PANEL = "10.20.0.11"  # the host with lwIP, at the switch of zone 0
SECONDS = 2  # of each probe
QUIET_SECONDS = 0.5  # before something fails
FELT_SECONDS = 0.5  # behind it, what the hosts notice is its doing
SHORTEST_MS = 2.0  # shorter gaps are not noted
SWITCHOVER = "switchover"


def switch_over(lab, which):
    lab.ctl("pair", "switchover", which=which)


class Bulkhead:
    name = "bulkhead"
    speaker = "agent"  # the program whose log says why something turned
    failures = {**FAILURES, SWITCHOVER: Failure(switch_over, lambda lab, which: None)}

    def __init__(self, options, policy):
        self.lab = PairLab("bhm", options.build)
        self.lab.set_heartbeat(options.heartbeat)
        self.policy = policy

    def start(self):
        self.lab.prepare()
        self.lab.start()
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(self.policy)
            file.flush()
            self.lab.ctl("push", file.name, "--commit")

    def await_well(self):
        """Both say that either can go."""
        wait_until(lambda: all(self.lab.ctl("pair", "status", which=which,
                                            check=False).returncode == 0 for which in ("a", "b")),
                   "the pair to be well", 40)
        return self.lab.active()[0]

    def last_change(self, which):
        said = self.lab.pair(which)
        return f", {which}: {said['last_change']}" if said else ""


class Keepalived:
    name = "keepalived"
    speaker = "keepalived"
    failures = {
        "power lost": Failure(KeepalivedLab.power_off, KeepalivedLab.power_on),
        "cable of zone 0 pulled": FAILURES["cable of zone 0 pulled"],
        "cable of zone 1 pulled": FAILURES["cable of zone 1 pulled"],
        SWITCHOVER: Failure(KeepalivedLab.stop_router, KeepalivedLab.start_router),
    }

    def __init__(self, options, _):
        self.lab = KeepalivedLab("bhk", options.build)
        self.lab.advert_seconds = options.advert

    def start(self):
        self.lab.prepare()
        self.lab.start()

    def await_well(self):
        self.lab.await_settled(40)
        time.sleep(0.5)
        return self.lab.await_settled()

    def last_change(self, which):
        return ""


def plug_in_panel(lab):
    run(*lab.in_ns("sw", "ip", "tuntap", "add", "panel", "mode", "tap"))
    run(*lab.in_ns("sw", "ip", "link", "set", "panel", "master", "br0", "up"))


def shorten_timers(lab, milliseconds):
    """The shortest retransmission timer of the Linux hosts, which is 200 ms."""
    for host, far in (("sup", "10.10.0.0/24"), ("ctl", "10.20.0.0/24")):
        run(*lab.in_ns(host, "ip", "route", "change", far, "dev", "eth0", "rto_min",
                       f"{milliseconds}ms"))


def measure(peer, name, failure, lwip):
    """One run: what the hosts noticed."""
    lab = peer.lab
    first = peer.await_well()
    words = {"udp": ("sup", UDP_PORT), "modbus": ("sup", 502)}
    if lwip:
        words["lwip"] = ("sw", 502, "panel", PANEL)
    probes = {mode: subprocess.Popen(
        lab.in_ns(host, sys.executable, HERE / "probe.py", mode, PLC, port, SECONDS, *more),
        stdout=subprocess.PIPE, text=True) for mode, (host, port, *more) in words.items()}
    for probe in probes.values():
        probe.stdout.readline()
    time.sleep(QUIET_SECONDS)
    begun = time.monotonic()
    failure.begin(lab, first)
    ended = time.monotonic()
    results = {mode: json.loads(probe.communicate(timeout=60)[0].splitlines()[-1])
               for mode, probe in probes.items()}
    turned = lab.active() == [OTHER[first]] if failure.turns else lab.active() == [first]
    why = peer.last_change(OTHER[first] if failure.turns else first)
    failure.mend(lab, first)
    udp = results["udp"]
    return {"of": peer.name, "failure": name, "turned": turned, "why": why, **results,
            "gap_ms": longest_gap(udp, begun, ended + FELT_SECONDS),
            "request_ms": longest_gap(results["modbus"], begun, ended + FELT_SECONDS),
            "lwip_ms": longest_gap(results["lwip"], begun, ended + FELT_SECONDS) if lwip else 0.0,
            "quiet_ms": longest(ms for at, ms in udp["gaps"] if at + ms / 1000 <= begun),
            "later_ms": longest(ms for at, ms in udp["gaps"] if at >= ended + FELT_SECONDS)}


def longest(gaps):
    return max(gaps, default=SHORTEST_MS)


def longest_gap(probe, begin, end):
    """In ms, of those that the time between them has a part of."""
    return longest(ms for at, ms in probe["gaps"] if at < end and at + ms / 1000 > begin)


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def row_of(name, of, runs):
    gaps = [run["gap_ms"] for run in runs]
    requests = [run["request_ms"] for run in runs]
    lwip = [run["lwip_ms"] for run in runs]
    counts = {key: sum(run[mode][key] for run in runs for mode in ("modbus", "lwip") if mode in run)
              for key in ("answered", "lost_sessions", "unanswered", "wrong", "refused")}
    return {"failure": name, "of": of, "runs": len(runs), "min_ms": min(gaps),
            "median_ms": statistics.median(gaps), "p95_ms": quantile(gaps, 0.95),
            "max_ms": max(gaps),
            "quiet_ms": statistics.median(run["quiet_ms"] for run in runs),
            "request_median_ms": statistics.median(requests), "request_max_ms": max(requests),
            "lwip_median_ms": statistics.median(lwip), "lwip_max_ms": max(lwip),
            "datagrams_lost": sum(run["udp"]["lost"] for run in runs), **counts,
            "not_turned": sum(not run["turned"] for run in runs)}


COLUMNS = (("MIN", "min_ms"), ("MEDIAN", "median_ms"), ("P95", "p95_ms"), ("MAX", "max_ms"),
           ("QUIET", "quiet_ms"), ("REQUEST", "request_median_ms"), ("LWIP", "lwip_median_ms"),
           ("DATAGRAMS", "datagrams_lost"), ("SESSIONS", "lost_sessions"),
           ("UNANSWERED", "unanswered"), ("WRONG", "wrong"), ("NOT TURNED", "not_turned"))
LEGEND = """
MIN to MAX: longest time without an answer to a datagram each millisecond, in ms, from when it
fails until half a second later. QUIET: the same in the half second before, median: this machine's
own. REQUEST: as MEDIAN, of a Modbus session; LWIP: of one more, from a host with lwIP as its TCP
(--lwip). Sums over all runs: DATAGRAMS that were lost, TCP SESSIONS that were; requests UNANSWERED
and answered WRONG, where a router that refuses nothing has none; NOT TURNED: another appliance was
active than should have been."""


def print_table(rows):
    print(f"{'FAILURE':<24} {'OF':<11} {'RUNS':>4} " + " ".join(
        f"{title:>{max(7, len(title))}}" for title, _ in COLUMNS))
    for row in rows:
        row = {**row, "wrong": row["wrong"] if row["of"] == Bulkhead.name else "-"}
        print(f"{row['failure']:<24} {row['of']:<11} {row['runs']:>4} " + " ".join(
            f"{row[key] if not key.endswith('_ms') else format(row[key], '.1f'):>{max(7, len(title))}}"
            for title, key in COLUMNS))
    print(LEGEND)


def run_all(peer_type, options, policy):
    peer = peer_type(options, policy)
    peer.lab.down()
    rows = []
    try:
        peer.start()
        if options.lwip:
            plug_in_panel(peer.lab)
        if options.rto_min:
            shorten_timers(peer.lab, options.rto_min)
        peer.lab.start_plc()
        peer.lab.spawn("ctl", [sys.executable, HERE / "probe.py", "echo", PLC, UDP_PORT], "echo")
        for name, failure in peer.failures.items():
            if options.failure and name not in options.failure:
                continue
            runs = []
            for number in range(options.runs):
                try:
                    runs.append(measure(peer, name, failure, options.lwip))
                except LabError as error:  # what was measured before it counts
                    said = "".join(f"\n{which}:\n{peer.lab.log(f'{peer.speaker}-{which}')[-2000:]}"
                                   for which in ("a", "b"))
                    print(f"{peer.name}: {name}: {error}{said}", file=sys.stderr, flush=True)
                    return [*rows, row_of(name, peer.name, runs)] if runs else rows
                print(f"{peer.name}: {name}: run {number + 1} of {options.runs}: "
                      f"{runs[-1]['gap_ms']} ms, {runs[-1]['later_ms']} ms later on, "
                      f"{runs[-1]['udp']['lost']} lost{runs[-1]['why']}", file=sys.stderr, flush=True)
            rows.append(row_of(name, peer.name, runs))
    finally:
        peer.lab.down()
    return rows


def policy():
    """The water works', with the datagrams and the host with lwIP beside it."""
    text = (ROOT / "policies/water-works/policy.yaml").read_text()
    text = text.replace("assets:\n", f"assets:\n  panel: {{zone: supervision, address: {PANEL}}}\n")
    return text.replace("    allow:\n", f"""    allow:
      - {{service: udp/{UDP_PORT}, client: hmi, server: plc1}}
      - {{protocol: modbus, client: panel, server: plc1, access: [read, session]}}
""")


def main():
    parser = argparse.ArgumentParser(prog="pair_table.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--heartbeat", type=int, default=10, metavar="MS",
                        help="of the pair, in ms (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--failure", action="append", choices=list(Bulkhead.failures))
    parser.add_argument("--without-keepalived", action="store_true")
    parser.add_argument("--advert", default=KeepalivedLab.advert_seconds,
                        help="seconds between keepalived's adverts (default: %(default)s)")
    parser.add_argument("--lwip", action="store_true",
                        help="one more session, from a host with lwIP (Debian's liblwip0)")
    parser.add_argument("--rto-min", type=int, metavar="MS",
                        help="shortest retransmission timer of the Linux hosts (default: theirs)")
    parser.add_argument("--json", action="store_true", help="a line a row")
    options = parser.parse_args()
    rows = run_all(Bulkhead, options, policy())
    if not options.without_keepalived:
        options.lwip, options.rto_min = False, None
        rows += run_all(Keepalived, options, policy())
    if options.json:
        for row in rows:
            print(json.dumps(row))
    else:
        print_table(rows)


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"pair_table.py: {error}")
