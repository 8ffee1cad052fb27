"""Runs the evasion captures of this folder through bulkhead-replay.

usage: run.py BULKHEAD_REPLAY
"""

import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SERVER_PORT = 502


def frames(path):
    data = path.read_bytes()
    at = 24
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16:at + 16 + length]
        at += 16 + length


def server_streams(path):
    """What the server may accept: the first or the last copy of each byte. None on a bad frame."""
    first, last, base = {}, {}, None
    for data in frames(path):
        header = (data[14] & 15) * 4
        tcp = data[14 + header:14 + struct.unpack_from(">H", data, 16)[0]]
        ports, sequence = struct.unpack_from(">HH", tcp), struct.unpack_from(">I", tcp, 4)[0]
        if ports[1] != SERVER_PORT:
            continue
        if tcp[13] & 2:
            base = sequence + 1 if base is None else base
            continue
        for place, byte in enumerate(tcp[(tcp[12] >> 4) * 4:], sequence - (base or 0)):
            first.setdefault(place, byte)
            last[place] = byte
    streams = []
    for seen in (first, last):
        stream = bytearray()
        while len(stream) in seen:
            stream.append(seen[len(stream)])
        streams.append(bytes(stream).hex())
    return streams


def check(replay, case):
    expected = json.loads(case.with_suffix(".json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.pcap"
        done = subprocess.run([replay, "--policy", HERE / "policy.yaml", "--out", out, "--format",
                               "json", case], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            return [f"bulkhead-replay: {done.stderr.strip()}"]
        verdicts = [json.loads(line) for line in done.stdout.splitlines()]
        reasons = {verdict["reason"] for verdict in verdicts}
        problems = [f"reason {reason} was not given, but {sorted(reasons)}"
                    for reason in expected["reasons"] if reason not in reasons]
        for how, stream in zip(("first", "last"), server_streams(out)):
            if stream != expected["reaches_server"]:
                problems.append(f"a server where the {how} copy wins gets {stream or 'nothing'}, "
                                f"not {expected['reaches_server'] or 'nothing'}")
        return problems + check_measured(replay, case, verdicts)


def check_measured(replay, case, verdicts):
    """In bursts and again and again, each round has the verdicts of the replay."""
    rounds = 3
    done = subprocess.run([replay, "--policy", HERE / "policy.yaml", "--measure", "--loop",
                           str(rounds), "--format", "json", case],
                          capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        return [f"bulkhead-replay --measure: {done.stderr.strip()}"]
    measured = json.loads(done.stdout)
    expected = {kind: rounds * sum(verdict["verdict"] == word for verdict in verdicts)
                for kind, word in (("allowed", "allow"), ("denied", "deny"))}
    return [f"measured {measured[kind]} {kind}, not {count}"
            for kind, count in expected.items() if measured[kind] != count]


def main():
    cases = sorted(HERE.glob("*.pcap"))
    failed = 0
    for case in cases:
        problems = check(sys.argv[1], case)
        failed += bool(problems)
        print(f"{'FAIL' if problems else 'ok  '}  {case.stem}")
        for problem in problems:
            print(f"        {problem}")
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
