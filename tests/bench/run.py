"""The whole pipeline on one worker beside dpdk-testpmd on the same kind of ports, in turns.

usage: run.py [--build FOLDER] [--rounds N] [--seconds S] [--flows N]

Both run on net_ring ports: bulkhead with a generator of Modbus sessions on the other core, testpmd
(macswap) with its packets going round. Machines are noisy: rounds alternate and the medians count.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path


def bulkhead(build, flows, seconds):
    done = subprocess.run([build / "bin/pipeline_bench", str(flows), str(seconds)],
                          capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        sys.exit(f"pipeline_bench failed: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])


def testpmd(seconds):
    """Packets a second and cycles a packet of one forwarding core."""
    process = subprocess.Popen(
        ["dpdk-testpmd", "--no-huge", "-m", "512", "--no-pci", "--no-telemetry", "--lcores=0,1",
         "--file-prefix=benchpmd", "--vdev=net_ring0", "--vdev=net_ring1", "--", "-i",
         "--forward-mode=macswap", "--nb-cores=1", "--record-core-cycles", "--total-num-mbufs=8192"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for words, pause in (("start tx_first 16", 1), ("show port stats all", seconds),
                         ("show port stats all", 0), ("stop", 0), ("quit", 0)):
        process.stdin.write(words + "\n")
        process.stdin.flush()
        time.sleep(pause)
    out = process.communicate(timeout=30)[0]
    rates = [int(rate) for rate in re.findall(r"Rx-pps:\s+(\d+)", out)]
    cycles = re.search(r"CPU cycles/packet=([0-9.]+)", out)
    if len(rates) < 4:
        sys.exit(f"testpmd said nothing of its rate:\n{out[-2000:]}")
    return {"packets_per_second": sum(rates[-2:]),
            "cycles_per_packet": float(cycles.group(1)) if cycles else None}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--flows", type=int, default=10000)
    options = parser.parse_args()
    with_testpmd = shutil.which("dpdk-testpmd") is not None
    if not with_testpmd:
        print("dpdk-testpmd is not there (package dpdk-dev): no comparison")
    ours, theirs = [], []
    for number in range(options.rounds):
        ours.append(bulkhead(options.build, options.flows, options.seconds))
        print(f"round {number + 1}: bulkhead {json.dumps(ours[-1])}", flush=True)
        if with_testpmd:
            theirs.append(testpmd(options.seconds))
            print(f"round {number + 1}: testpmd  {json.dumps(theirs[-1])}", flush=True)
    result = {"rounds": options.rounds,
              "packets_per_second": statistics.median(r["packets_per_second"] for r in ours),
              "cycles_per_packet": statistics.median(r["cycles_per_packet"] for r in ours)}
    if theirs:
        result["testpmd_packets_per_second"] = statistics.median(
            r["packets_per_second"] for r in theirs)
        result["ratio"] = round(result["packets_per_second"] /
                                result["testpmd_packets_per_second"], 4)
    print(json.dumps(result))
    if not all(r["round_trips"] > 0 and r["flows_tracked"] >= options.flows for r in ours):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
