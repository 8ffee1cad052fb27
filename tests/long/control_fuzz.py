"""Random messages to every gRPC method of an agent, and random frames to both sockets of its data
plane; both live on, and the policy stays in force.

usage: control_fuzz.py [--build BUILD] [--messages N] [--frames N] [--seed S]
Needs root.
"""

import argparse
import json
import random
import socket
import struct
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/lab"))
from lab import LabError  # noqa: E402
from pair import PairLab  # noqa: E402

POLICY = ROOT / "policies/water-works/policy.yaml"


def message(chance, depth=0):
    """Fields of protobuf, right in form more often than chance has them."""
    out = b""
    for _ in range(chance.randrange(6)):
        field, kind = chance.randrange(1, 16), chance.choice((0, 1, 2, 2, 2, 5))
        out += bytes([field << 3 | kind])
        if kind == 0:
            out += bytes([chance.randrange(256) | 128, chance.randrange(128)])
        elif kind == 2:
            inner = message(chance, depth + 1) if depth < 3 else chance.randbytes(4)
            out += bytes([min(127, len(inner))]) + inner[:127]
        else:
            out += chance.randbytes(8 if kind == 1 else 4)
    return out


def send_frames(path, count, chance):
    sent = 0
    while sent < count:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(2)
            peer.connect(str(path))
            try:
                for _ in range(50):
                    body = message(chance)
                    length = len(body) if chance.random() < 0.98 else chance.randrange(1 << 32)
                    peer.sendall(struct.pack("!I", length) + body)
                    sent += 1
            except OSError:  # it hangs up on what cannot be read
                pass
    return sent


def main():
    parser = argparse.ArgumentParser(prog="control_fuzz.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--frames", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    lab = PairLab("bhf", options.build)
    lab.down()
    try:
        lab.prepare()
        lab.start()
        lab.ctl("push", POLICY, "--commit")
        active = lab.await_active(seconds=40)
        pids = {role: lab.pid(f"{role}-{active}") for role in ("agent", "dataplane")}
        digest = lab.status(active)["policy_sha256"]
        done = subprocess.run(lab.in_ns(
            active, lab.bin / "grpc_probe", "127.0.0.1:7443", lab.folder_of(active) / "pki", "fuzz",
            options.messages, options.seed), stdout=subprocess.PIPE, text=True, check=True)
        chance = random.Random(options.seed)
        frames = {suffix or "questions": send_frames(
            Path(str(lab.folder_of(active) / "dataplane.sock") + suffix), options.frames, chance)
            for suffix in ("", ".pair")}
        status = lab.status(active)
        for role, pid in pids.items():
            if lab.pid(f"{role}-{active}") != pid:
                raise LabError(f"{role} ended: {lab.log(f'{role}-{active}')[-400:]}")
        if status["policy_sha256"] != digest or not status["pair"]["forwards"]:
            raise LabError(f"it is not as it was: {status}")
        print(json.dumps({"grpc": done.stdout.splitlines()[0], "frames": frames}))
    finally:
        lab.down()


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"control_fuzz.py: {error}")
