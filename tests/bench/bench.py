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

HERE = Path(__file__).resolve().parent
# Name, what it is, options of the rig, the capture that testpmd gets.
WORKS = {
    "plain_10k": ("plain TCP service, 60-byte frames, 10,000 sessions",
                  ["--work", "plain", "--flows", 10_000], "plain"),
    "modbus_1": ("Modbus, one session with 16 requests under way",
                 ["--work", "modbus", "--flows", 1], "modbus"),
    "modbus_10k": ("Modbus, 10,000 sessions, 200 of them begin anew each second",
                   ["--work", "modbus", "--flows", 10_000, "--churn", 200], "modbus"),
    "modbus_10k_zipf": ("the same, some sessions far busier than others",
                        ["--work", "modbus", "--flows", 10_000, "--order", "zipf"], "modbus"),
    "modbus_1m": ("Modbus, 1,000,000 sessions, answers acknowledged on their own",
                  ["--work", "modbus", "--flows", 1_000_000, "--memory-mib", 2048], "modbus"),
    "new_flows": ("first packets of sessions, to their verdict, among 10,000 conduits",
                  ["--work", "new_flows", "--flows", 500_000, "--memory-mib", 1024,
                   "--zones", 100, "--rules", 10], "plain"),
    "policy_10": ("Modbus, 10,000 sessions over 9 conduits with 90 rules",
                  ["--work", "modbus", "--flows", 10_000, "--zones", 3, "--rules", 10], "modbus"),
    "policy_10000": ("the same over 10,000 conduits with 100,000 rules",
                     ["--work", "modbus", "--flows", 10_000, "--zones", 100, "--rules", 10],
                     "modbus"),
    "policy_devices": ("the same over one conduit with a rule for each of 4,000 devices",
                       ["--work", "modbus", "--flows", 10_000, "--devices", 4000], "modbus"),
}


class Failed(Exception):
    pass


def rig(build, words, seconds):
    done = subprocess.run([build / "bin/bench-rig", *map(str, words), "--seconds", str(seconds)],
                          capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise Failed(done.stderr.strip() or f"bench-rig ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def testpmd(capture, seconds):
    """Packets a second that one core forwards, in millions."""
    process = subprocess.Popen(
        ["dpdk-testpmd", "--no-huge", "-m", "512", "--no-pci", "--no-telemetry", "--lcores=0,1",
         "--file-prefix=bulkheadbench",
         *(f"--vdev=net_pcap{i},rx_pcap={capture}{i}.pcap,infinite_rx=1" for i in (0, 1)), "--",
         "-i", "--forward-mode=macswap", "--nb-cores=1", "--total-num-mbufs=32768"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for words, pause in (("start", 0.3), ("show port stats all", seconds),
                         ("show port stats all", 0), ("stop", 0), ("quit", 0)):
        process.stdin.write(words + "\n")
        process.stdin.flush()
        time.sleep(pause)
    out = process.communicate(timeout=60)[0]
    rates = [int(rate) for rate in re.findall(r"Rx-pps:\s+(\d+)", out)]
    if len(rates) < 4:
        raise Failed(f"testpmd said nothing of its rate:\n{out[-1500:]}")
    return sum(rates[-2:]) / 1e6


def spread(values):
    return round((max(values) - min(values)) / statistics.median(values), 3)


def say(line):
    print(line, file=sys.stderr, flush=True)


def measure(options, works):
    """Rounds of all works, testpmd between them; rows of medians, in the order of WORKS."""
    figures = {work: [] for work in works}
    references = {}
    failures = {}
    captures = sorted({WORKS[work][2] for work in works})
    with tempfile.TemporaryDirectory(prefix="bulkhead-bench") as folder:
        if options.testpmd:
            for capture in captures:
                subprocess.run(
                    [options.build / "bin/bench-rig", "--work", capture, "--flows", "4096",
                     "--capture", f"{folder}/{capture}"], check=True, capture_output=True)
        for number in range(options.rounds):
            say(f"round {number + 1} of {options.rounds}")
            for capture in captures if options.testpmd else []:
                references.setdefault(capture, []).append(
                    testpmd(f"{folder}/{capture}", options.seconds))
            for work in works:
                if work in failures:
                    continue
                try:
                    figures[work].append(rig(options.build, WORKS[work][1], options.seconds))
                except (Failed, subprocess.TimeoutExpired) as error:
                    failures[work] = str(error)
                    say(f"{work}: {error}")
    rows = []
    for work in works:
        if work in failures:
            rows.append({"work": work, "error": failures[work]})
            continue
        mpps = [figure["mpps"] for figure in figures[work]]
        row = {"work": work, "mpps": round(statistics.median(mpps), 3), "spread": spread(mpps),
               "rounds": options.rounds,
               "cycles_per_packet": statistics.median(f["cycles_per_packet"]
                                                      for f in figures[work]),
               "making_cycles": statistics.median(f["making_cycles"] for f in figures[work]),
               "flows": figures[work][-1]["flows"], "memory_mib": figures[work][-1]["memory_mib"]}
        reference = references.get(WORKS[work][2])
        if reference:
            row["testpmd_mpps"] = round(statistics.median(reference), 3)
            row["testpmd_spread"] = spread(reference)
            row["ratio"] = round(row["mpps"] / row["testpmd_mpps"], 4)
        rows.append(row)
    return rows


def table(rows):
    lines = [f"{'WORK':<16} {'MPPS':>7} {'SPREAD':>7} {'CYCLES':>7} {'TESTPMD':>8} {'RATIO':>7}  WHAT"]
    for row in rows:
        if "error" in row:
            lines.append(f"{row['work']:<16} failed: {row['error']}")
            continue
        lines.append(
            f"{row['work']:<16} {row['mpps']:>7.2f} {row['spread']:>7.1%} "
            f"{row['cycles_per_packet']:>7.0f} {row.get('testpmd_mpps', '-'):>8} "
            f"{row.get('ratio', '-'):>7}  {WORKS[row['work']][0]}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(prog="bulkhead-bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="3 short rounds, under 50 seconds")
    length.add_argument("--full", action="store_true", help="7 rounds of 2 seconds each (default)")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of each measurement")
    parser.add_argument("--work", action="append", choices=list(WORKS), metavar="NAME",
                        help=f"only these: {', '.join(WORKS)}")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("--build", type=Path, default=HERE.parent.parent / "build",
                        help="build folder with bin/bench-rig")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 7)
    options.seconds = options.seconds or (0.2 if options.quick else 2)
    options.testpmd = shutil.which("dpdk-testpmd") is not None
    if not (options.build / "bin/bench-rig").exists():
        say(f"{options.build}/bin/bench-rig is not there: build with -DBULKHEAD_TESTS=ON, or name "
            "the build folder with --build")
        return 2
    if not options.testpmd:
        say("dpdk-testpmd is not there (Debian: dpdk-dev): no comparison")
    rows = measure(options, options.work or list(WORKS))
    if options.format == "json":
        for row in rows:
            print(json.dumps(row))
    else:
        print(table(rows))
    return 1 if any("error" in row for row in rows) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, subprocess.CalledProcessError) as error:
        sys.exit(f"bulkhead-bench: {error}")
