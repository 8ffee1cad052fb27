#!/usr/bin/env python3
"""bulkhead-bench: the fast path on one core beside dpdk-testpmd, in turns and in one run.

Each work is a plan of sessions with real TCP (bench-rig) that goes through a whole worker and its
ports. What it costs to make the packets counts as receiving them; testpmd (macswap, one core) gets
frames of the same kind from net_pcap ports with infinite_rx, which copy each as well. Machines are
noisy: rounds alternate, medians count, and the spread is (largest - smallest) / median.

Exit codes: 0 all works were measured, 1 one of them failed, 2 wrong usage.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
LARGE = ["--zones", 100, "--rules", 10]  # 10,000 conduits with 10 rules each


class Work(NamedTuple):
    what: str
    rig: list          # options of bench-rig
    capture: str       # what testpmd gets
    goal: float = None  # of testpmd's rate
    quick: bool = True


WORKS = {
    "plain_10k": Work("plain TCP service, 60-byte frames, 10,000 sessions",
                      ["--work", "plain", "--flows", 10_000], "plain", 0.40),
    "modbus_1": Work("Modbus, one session with 16 requests under way",
                     ["--work", "modbus", "--flows", 1], "modbus", 0.25),
    "modbus_10k": Work("Modbus, 10,000 sessions, 200 of them begin anew each second",
                       ["--work", "modbus", "--flows", 10_000, "--churn", 200], "modbus", 0.25),
    "modbus_10k_zipf": Work("the same, some sessions far busier than others",
                            ["--work", "modbus", "--flows", 10_000, "--order", "zipf"], "modbus",
                            quick=False),
    "modbus_1m": Work("Modbus, 1,000,000 sessions, answers acknowledged on their own",
                      ["--work", "modbus", "--flows", 1_000_000, "--memory-mib", 2048], "modbus",
                      0.25),
    "new_flows": Work("first packets of sessions, to their verdict, among 10,000 conduits",
                      ["--work", "new_flows", "--flows", 500_000, "--memory-mib", 1024, *LARGE],
                      "plain"),
    "policy_10": Work("Modbus, 10,000 sessions over 9 conduits with 90 rules",
                      ["--work", "modbus", "--flows", 10_000, "--zones", 3, "--rules", 10],
                      "modbus"),
    "refusals": Work("the same while another host has 10,000 openings a second refused",
                     ["--work", "modbus", "--flows", 10_000, "--zones", 3, "--rules", 10,
                      "--refused", 10_000], "modbus"),
    "policy_10000": Work("the same over 10,000 conduits with 100,000 rules",
                         ["--work", "modbus", "--flows", 10_000, *LARGE], "modbus"),
    "policy_devices": Work("the same over one conduit with a rule for each of 4,000 devices",
                           ["--work", "modbus", "--flows", 10_000, "--devices", 4000], "modbus",
                           quick=False),
    "workers_2": Work("Modbus, 10,000 sessions shared by two workers on a core each",
                      ["--work", "modbus", "--flows", 10_000, "--workers", 2], "modbus"),
    "half_load": Work("Modbus, 10,000 sessions at half of the rate that saturates the worker",
                      ["--work", "modbus", "--flows", 10_000, "--pace", 0.5], "modbus"),
    "modbus_100k": Work("Modbus, 100,000 sessions, 200 of them begin anew each second",
                        ["--work", "modbus", "--flows", 100_000, "--churn", 200,
                         "--memory-mib", 1024], "modbus", quick=False),
    "modbus_100k_pair": Work("the same, and a peer is told of all sessions and their changes",
                             ["--work", "modbus", "--flows", 100_000, "--churn", 200,
                              "--memory-mib", 1024, "--peer"], "modbus", quick=False),
    "observed": Work("modbus_10k in an observed conduit: each frame leaves as it came, and a copy is judged",
                     ["--work", "modbus", "--flows", 10_000, "--churn", 200, "--observe"],
                     "modbus", quick=False),
    "tap": Work("the same at a tap port, which hears both directions and sends nothing",
                ["--work", "modbus", "--flows", 10_000, "--churn", 200, "--tap"], "modbus",
                quick=False),
    "swap": Work("Modbus, 10,000 sessions at full load, the policy of 90 rules changes 5 times a "
                 "second", ["--work", "modbus", "--flows", 10_000, "--zones", 3, "--rules", 10,
                            "--swaps", 5], "modbus"),
}


class Failed(Exception):
    pass


def rig(build, words, seconds):
    done = subprocess.run([build / "bin/bench-rig", *map(str, words), "--seconds", str(seconds)],
                          capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise Failed(done.stderr.strip() or f"bench-rig ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def until_prompt(process):
    """What testpmd says before it asks for the next command: it takes its time to begin."""
    said = ""
    while not said.endswith("testpmd> "):
        character = process.stdout.read(1)
        if not character:
            raise Failed(f"testpmd has ended:\n{said[-1500:]}")
        said += character
    return said


def testpmd(capture, seconds):
    """Packets a second that one core forwards, in millions."""
    process = subprocess.Popen(
        ["dpdk-testpmd", "--no-huge", "-m", "512", "--no-pci", "--no-telemetry", "--lcores=0,1",
         "--file-prefix=bulkheadbench",
         *(f"--vdev=net_pcap{i},rx_pcap={capture}{i}.pcap,infinite_rx=1" for i in (0, 1)), "--",
         "-i", "--forward-mode=macswap", "--nb-cores=1", "--total-num-mbufs=32768"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    out = until_prompt(process)
    for words, pause in (("start", 0.3), ("show port stats all", seconds),
                         ("show port stats all", 0), ("stop", 0)):
        process.stdin.write(words + "\n")
        process.stdin.flush()
        out += until_prompt(process)
        time.sleep(pause)
    out += process.communicate("quit\n", timeout=60)[0]
    rates = [int(rate) for rate in re.findall(r"Rx-pps:\s+(\d+)", out)]
    if len(rates) < 4:
        raise Failed(f"testpmd said nothing of its rate:\n{out[-1500:]}")
    if sum(rates[-2:]) == 0:
        raise Failed("testpmd forwarded nothing: does another program have its core?")
    return sum(rates[-2:]) / 1e6


def spread(values):
    return round((max(values) - min(values)) / statistics.median(values), 3)


def timed(action):
    begun = time.monotonic()
    action()
    return time.monotonic() - begun


def say(line):
    print(line, file=sys.stderr, flush=True)


def seconds_of(work, options):
    """Waits are rare, and large tables slow until they are in the caches: those need longer."""
    if work in ("half_load", "swap"):
        return options.seconds * 5
    return max(options.seconds, 0.6 if work in ("new_flows", "policy_10000") else 0)


class Run:
    """Rounds of all works, testpmd between them."""

    def __init__(self, options, works, folder):
        self.options, self.works, self.folder = options, works, Path(folder)
        self.figures = {work: [] for work in works}
        self.references = {}
        self.stages = {}
        self.failures = {}
        self.begun = time.monotonic()

    def make_captures(self):
        for capture in sorted({WORKS[work].capture for work in self.works}):
            rig_capture = [self.options.build / "bin/bench-rig", "--work", capture, "--flows",
                           "4096", "--capture", self.folder / capture]
            subprocess.run(rig_capture, check=True, capture_output=True)
            self.references[capture] = []

    def artefact(self, plan):
        """The build makes the largest policy; the others are made when they are first needed."""
        policy = [word for option, value in zip(plan[::2], plan[1::2])
                  if option in ("--zones", "--rules", "--devices") for word in (option, value)]
        name = "-".join(map(str, policy))
        built = self.options.build / "bench" / name
        return built if built.exists() else self.folder / name

    def measure(self, work, *words, seconds=None):
        plan = WORKS[work].rig
        large = "--zones" in plan or "--devices" in plan
        kept = ["--artefact", self.artefact(plan)] if large else []
        try:
            return rig(self.options.build, [*plan, *kept, *words],
                       seconds or seconds_of(work, self.options))
        except (Failed, subprocess.TimeoutExpired) as error:
            self.failures[work] = str(error)
            say(f"{work}: {error}")
            return None

    def rounds(self):
        took = {}  # seconds, of a measurement with all that it needs
        for number in range(self.options.rounds):
            say(f"round {number + 1} of {self.options.rounds}")
            for capture, rates in self.references.items():
                if self.has_time_for(took.get(capture)):
                    took[capture] = timed(lambda: rates.append(
                        testpmd(f"{self.folder}/{capture}", self.options.seconds)))
            for work in self.works:
                if work not in self.failures and self.has_time_for(took.get(work)):
                    took[work] = timed(lambda: self.figures[work].append(self.measure(work)))

    def has_time_for(self, seconds):
        """Everything is measured once; what would end behind the limit is not measured again."""
        limit = self.options.limit
        return not limit or seconds is None or \
            time.monotonic() - self.begun + 1.2 * seconds < limit

    def measure_stages(self):
        for work in self.works if self.options.stages else []:
            if work not in self.failures and not self.figures[work][-1].get("inside"):
                measured = self.measure(work, "--stages")
                self.stages[work] = measured and measured["stages"]

    def row(self, work):
        if work in self.failures:
            return {"work": work, "error": self.failures[work]}
        figures = self.figures[work]
        middle = sorted(figures, key=lambda figure: figure["mpps"])[len(figures) // 2]
        mpps = [figure["mpps"] for figure in figures]
        row = {"work": work, "mpps": round(statistics.median(mpps), 3), "spread": spread(mpps),
               "rounds": len(figures),
               "cycles_per_packet": statistics.median(f["cycles_per_packet"] for f in figures),
               "making_cycles": statistics.median(f["making_cycles"] for f in figures),
               "workers": middle["workers"], "flows": middle["flows"],
               "refused": middle["refused"],
               "memory_mib": middle["memory_mib"]}
        reference = self.references.get(WORKS[work].capture)
        if reference:
            row["testpmd_mpps"] = round(statistics.median(reference), 3)
            row["testpmd_spread"] = spread(reference)
            row["ratio"] = round(row["mpps"] / row["testpmd_mpps"], 4)
            if WORKS[work].goal:
                row["goal"] = WORKS[work].goal
        if "peer" in middle:
            row["peer"] = middle["peer"]
        for key in ("inside", "after_swap", "machine"):
            if key in middle:
                row[key] = median_times([figure[key] for figure in figures])
        if "swaps" in middle:
            row["swaps"] = sum(figure["swaps"] for figure in figures)
        if self.stages.get(work):
            row["stages"] = self.stages[work]
        return row


def median_times(times):
    """Medians of each quantile; the histogram is of all rounds together."""
    merged = {}
    for each in times:
        for upper, count in each["histogram_us"]:
            merged[upper] = merged.get(upper, 0) + count
    middle = {key: statistics.median(each[key] for each in times)
              for key in times[0] if key.endswith("_us") and key != "histogram_us"}
    return {"packets": sum(each["packets"] for each in times), **middle,
            "histogram_us": sorted(merged.items())}


def measure(options, works):
    """Rows of medians, in the order of WORKS."""
    with tempfile.TemporaryDirectory(prefix="bulkhead-bench") as folder:
        run = Run(options, works, folder)
        if options.testpmd:
            run.make_captures()
        run.rounds()
        run.measure_stages()
        return [run.row(work) for work in works]


# What one row says of another: name, the two works, how they compare, the goal.
COMPARISONS = (
    ("a million sessions against ten thousand", "modbus_1m", "modbus_10k", "mpps", "at least 0.5"),
    ("10,000 refusals a second against none", "refusals", "policy_10", "mpps", "at least 0.97"),
    ("100,000 rules against 90", "policy_10000", "policy_10", "cycles_per_packet", "at most 1.2"),
    ("a rule for each of 4,000 devices against 90 rules", "policy_devices", "policy_10",
     "cycles_per_packet", "at most 1.2"),
    ("two workers against one", "workers_2", "modbus_10k", "mpps", "at least 1.9"),
    ("observed against enforced", "observed", "modbus_10k", "mpps", "none"),
    ("heard at a tap port against enforced", "tap", "modbus_10k", "mpps", "none"),
    ("with a peer that is told of 100,000 sessions against without", "modbus_100k_pair",
     "modbus_100k", "mpps", "none"),
)


def table(rows):
    lines = [f"{'WORK':<16} {'MPPS':>7} {'ROUNDS':>6} {'SPREAD':>7} {'CYCLES':>7} {'TESTPMD':>8} {'RATIO':>7} "
             f"{'GOAL':>5}  WHAT"]
    good = {row["work"]: row for row in rows if "error" not in row}
    for row in rows:
        if "error" in row:
            lines.append(f"{row['work']:<16} failed: {row['error']}")
            continue
        lines.append(
            f"{row['work']:<16} {row['mpps']:>7.2f} {row['rounds']:>6} {row['spread']:>7.1%} "
            f"{row['cycles_per_packet']:>7.0f} {row.get('testpmd_mpps', '-'):>8} "
            f"{row.get('ratio', '-'):>7} {row.get('goal', '-'):>5}  {WORKS[row['work']].what}")
    lines.append("")
    for name, one, other, key, goal in COMPARISONS:
        if one in good and other in good:
            lines.append(f"{name}: {good[one][key] / good[other][key]:.2f} (goal: {goal})")
    for row in good.values():
        for key, name in (("inside", "time inside"), ("after_swap", "in 100 ms after a swap"),
                          ("machine", "this machine's own pauses at that pace")):
            if key in row:
                lines.append(f"{row['work']}, {name}, us: " + ", ".join(
                    f"{label} {row[key][field]:.1f}" for label, field in
                    (("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p999_us"),
                     ("p99.99", "p9999_us"), ("max", "max_us"))))
    for row in good.values():
        if "peer" in row:
            lines.append(f"{row['work']}: a peer that joins has all {row['peer']['sessions']} "
                         f"sessions after {row['peer']['all_seconds']:.2f} s at full load")
    for row in good.values():
        if "stages" in row:
            lines.append(f"{row['work']}, cycles a packet: " + ", ".join(
                f"{stage} {cycles:.0f}" for stage, cycles in row["stages"].items()))
    return "\n".join(lines)


def parse_options():
    parser = argparse.ArgumentParser(prog="bulkhead-bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true",
                        help="3 short rounds of the most important works, under 50 seconds: on a "
                             "slow machine the long ones have fewer rounds")
    length.add_argument("--full", action="store_true",
                        help="7 rounds of 2 seconds each of all works, and stages (default)")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of each measurement")
    parser.add_argument("--work", action="append", choices=list(WORKS), metavar="NAME",
                        help=f"only these: {', '.join(WORKS)}")
    parser.add_argument("--stages", action="store_true", help="cycles a packet in each stage")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("--plot", type=Path, metavar="FILE",
                        help="draw the rows into this .svg or .png (needs python3-matplotlib)")
    parser.add_argument("--build", type=Path, default=HERE.parent.parent / "build",
                        help="build folder with bin/bench-rig")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 7)
    options.seconds = options.seconds or (0.2 if options.quick else 2)
    options.stages = options.stages or not options.quick
    options.limit = 46 if options.quick else None
    options.testpmd = shutil.which("dpdk-testpmd") is not None
    return options


def draw(rows, path):
    """In a process of its own: matplotlib belongs to the system's python."""
    done = subprocess.run(["/usr/bin/python3", HERE / "plot.py", path], text=True,
                          input="\n".join(json.dumps(row) for row in rows), capture_output=True)
    if done.returncode != 0:
        raise Failed(f"no plot: {done.stderr.strip().splitlines()[-1]}")


def main():
    options = parse_options()
    if not (options.build / "bin/bench-rig").exists():
        say(f"{options.build}/bin/bench-rig is not there: build with -DBULKHEAD_TESTS=ON, or name "
            "the build folder with --build")
        return 2
    if not options.testpmd:
        say("dpdk-testpmd is not there (Debian: dpdk-dev): no comparison")
    chosen = [work for work in WORKS if WORKS[work].quick or not options.quick]
    rows = measure(options, options.work or chosen)
    if options.format == "json":
        for row in rows:
            print(json.dumps(row))
    else:
        print(table(rows))
    if options.plot:
        draw(rows, options.plot)
        say(f"drawn into {options.plot}")
    return 1 if any("error" in row for row in rows) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, subprocess.CalledProcessError) as error:
        sys.exit(f"bulkhead-bench: {error}")
