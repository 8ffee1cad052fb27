#!/usr/bin/env python3
"""The whole appliance between two Linux kernels, beside what a user has today on the same cables.

Ways: bulkhead on net_af_packet and on net_af_xdp ports, and a Linux bridge whose nftables rules let
the same hosts and ports through (stateless: bridge connection tracking is missing in many kernels).
Measured in turns: UDP datagrams of 22 bytes (64-byte frames) and a TCP stream with iperf3, both
plain services; Modbus requests of libmodbus, 2,000 a second, which bulkhead inspects; and of the
appliance alone what it costs idle and how long the first packet after a second of silence takes.
The two hosts and the firewall share this machine's cores, so the figures tell of ways, not of
hardware. Needs root.

Exit codes: 0 measured, 1 a way failed, 2 wrong usage.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "deploy" / "lab"))
from lab import HMI, PLC, Lab, LabError, run  # noqa: E402

POLICY = f"""bulkhead: v1
site: bench
zones:
  supervision: {{port: 0, networks: [10.20.0.0/24]}}
  control: {{port: 1, networks: [10.10.0.0/24]}}
conduits:
  scada:
    from: supervision
    to: control
    allow:
      - {{protocol: modbus, client: {HMI}, server: {PLC}, access: [read, write]}}
      - {{service: tcp/5201, client: {HMI}, server: {PLC}}}
      - {{service: udp/5201, client: {HMI}, server: {PLC}}}
      - {{service: udp/5000, client: {HMI}, server: {PLC}}}
"""
RULES = f"""table bridge bulkhead_bench {{
  chain forward {{
    type filter hook forward priority 0; policy drop;
    ether type arp accept
    ip saddr {HMI} ip daddr {PLC} tcp dport {{ 502, 5201 }} accept
    ip saddr {HMI} ip daddr {PLC} udp dport {{ 5000, 5201 }} accept
    ip saddr {PLC} ip daddr {HMI} tcp sport {{ 502, 5201 }} accept
    ip saddr {PLC} ip daddr {HMI} udp sport {{ 5000, 5201 }} accept
  }}
}}
"""
# Kernel's time of arrival less the sender's time, a datagram at a time.
HEAR = """if True:
    import json, socket, struct, sys
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
    s.bind(("0.0.0.0", 5000))
    s.settimeout(5)
    print("ready", flush=True)
    took = []
    for _ in range(int(sys.argv[1])):
        data, extra, _, _ = s.recvmsg(64, 64)
        seconds, nanoseconds = struct.unpack("qq", extra[0][2][:16])
        took.append((seconds * 10**9 + nanoseconds - struct.unpack("q", data[:8])[0]) / 1000)
    print(json.dumps(took))
    """
SAY = """if True:
    import socket, struct, sys, time
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((sys.argv[1], 5000))
    for _ in range(int(sys.argv[2])):
        time.sleep(float(sys.argv[3]))
        s.send(struct.pack("q", time.time_ns()) + bytes(14))
    """


class Way:
    """One firewall in the lab, from its start to its end."""

    def __init__(self, name, build):
        self.name = name
        self.lab = Lab(f"bhb{os.getpid()}", build)

    def __enter__(self):
        self.lab.prepare()
        try:
            self.start()
            self.lab.start_plc()
        except Exception:
            self.lab.down()
            raise
        return self

    def __exit__(self, *_):
        self.lab.down()

    def start(self):
        if self.name == "nftables":
            run(*self.lab.in_ns("fw", "ip", "link", "add", "br0", "type", "bridge"))
            for port in ("zone0", "zone1"):
                run(*self.lab.in_ns("fw", "ip", "link", "set", port, "master", "br0"))
            run(*self.lab.in_ns("fw", "ip", "link", "set", "br0", "up"))
            run(*self.lab.in_ns("fw", "nft", "-f", "-"), text_input=RULES)
            return
        self.lab.start_dataplane(ports=[f"net_{self.name}{i},iface=zone{i}" for i in (0, 1)])
        self.lab.start_agent()
        policy = self.lab.folder / "bench.yaml"
        policy.write_text(POLICY)
        self.lab.ctl("push", policy, "--commit")

    def iperf(self, seconds, *words):
        server = subprocess.Popen(self.lab.in_ns("ctl", "iperf3", "-s", "-1", "-B", PLC),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(0.3)
            done = run(*self.lab.in_ns("sup", "iperf3", "-c", PLC, "-t", seconds, "-J", *words),
                       timeout=seconds + 30)
            return json.loads(done.stdout)["end"]
        finally:
            server.kill()
            server.wait()

    def datagrams_per_second(self, seconds):
        end = self.iperf(seconds, "-u", "-l", "22", "-b", "0")["sum"]
        return (end["packets"] - end["lost_packets"]) / end["seconds"]

    def megabits_per_second(self, seconds):
        return self.iperf(seconds)["sum_received"]["bits_per_second"] / 1e6

    def requests(self, seconds):
        load = run(*self.lab.in_ns("sup", self.lab.bin / "lab-hmi", PLC, 502, "load", 2000,
                                   seconds), timeout=seconds + 30)
        return json.loads(load.stdout.splitlines()[-1])

    def one_way_us(self, count, pause):
        hearing = subprocess.Popen(self.lab.in_ns("ctl", "python3", "-c", HEAR, count),
                                   stdout=subprocess.PIPE, text=True)
        hearing.stdout.readline()
        run(*self.lab.in_ns("sup", "python3", "-c", SAY, PLC, count, pause))
        return json.loads(hearing.communicate(timeout=20)[0])

    def idle_share(self, seconds):
        pid = self.lab.pid("dataplane")
        if pid is None:
            return None

        def used():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        time.sleep(1)
        before, began = used(), time.monotonic()
        time.sleep(seconds)
        return (used() - before) / (time.monotonic() - began)


def measure(way, seconds):
    load = way.requests(seconds)
    if load["failed"]:
        raise LabError(f"{load['failed']} requests failed")
    way.one_way_us(2, 0)  # addresses are resolved by now
    return {"datagrams_per_second": way.datagrams_per_second(seconds),
            "tcp_megabits_per_second": way.megabits_per_second(seconds),
            "request_p50_us": load["p50_us"], "request_p99_us": load["p99_us"],
            "first_after_silence_us": statistics.median(way.one_way_us(5, 1)),
            "idle_share": way.idle_share(3)}


def rows_of(figures):
    for name, rounds in figures.items():
        if isinstance(rounds, str):
            yield {"way": name, "error": rounds}
            continue
        row = {"way": name, "rounds": len(rounds)}
        for key in rounds[0]:
            values = [each[key] for each in rounds]
            row[key] = None if None in values else round(statistics.median(values), 4)
        yield row


def table(rows):
    lines = [f"{'WAY':<10} {'UDP kpps':>9} {'TCP Mbit/s':>11} {'MODBUS p50':>11} {'p99 us':>8} "
             f"{'FIRST us':>9} {'IDLE':>7}"]
    for row in rows:
        if "error" in row:
            lines.append(f"{row['way']:<10} failed: {row['error']}")
            continue
        idle = "-" if row["idle_share"] is None else f"{row['idle_share']:.2%}"
        lines.append(f"{row['way']:<10} {row['datagrams_per_second'] / 1000:>9.1f} "
                     f"{row['tcp_megabits_per_second']:>11.0f} {row['request_p50_us']:>11.0f} "
                     f"{row['request_p99_us']:>8.0f} {row['first_after_silence_us']:>9.0f} "
                     f"{idle:>7}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    ways = ("af_packet", "af_xdp", "nftables")
    parser.add_argument("--way", action="append", choices=ways, help="only these")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    options = parser.parse_args()
    figures = {name: [] for name in options.way or ways}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        for name, rounds in figures.items():
            if isinstance(rounds, str):
                continue
            try:
                with Way(name, options.build) as way:
                    rounds.append(measure(way, options.seconds))
            except (LabError, subprocess.SubprocessError, ValueError) as error:
                figures[name] = str(error).strip().splitlines()[-1]
    rows = list(rows_of(figures))
    print("\n".join(map(json.dumps, rows)) if options.format == "json" else table(rows))
    return 1 if any("error" in row for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
