"""A pair on a machine whose cores are fully loaded by other work: nobody may take over.

usage: pair_loaded.py [--build BUILD] [--seconds N] [--burners N] [--heartbeat MS] [--keepalived ADVERT]
Needs root. Ends with 1 if another has become active meanwhile. With --keepalived two of its routers
are put to the same test, with an advert each ADVERT seconds: what is the fastest that is stable?
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/lab"))
from keepalived_lab import KeepalivedLab  # noqa: E402
from lab import LabError  # noqa: E402
from pair import PairLab  # noqa: E402


class Pair:
    def __init__(self, options):
        self.lab = PairLab("bhl", options.build)
        self.lab.set_heartbeat(options.heartbeat)

    def start(self):
        self.lab.prepare()
        self.lab.start_plc()
        self.lab.start()
        self.lab.ctl("push", ROOT / "policies/water-works/policy.yaml", "--commit")
        self.lab.await_active(seconds=40)

    def takeovers(self):
        said = [self.lab.pair(which) for which in ("a", "b")]
        return sum(status["takeovers"] for status in said if status)

    def changes(self):
        """What either agent said of it."""
        return [f"{which}: {line}" for which in ("a", "b")
                for line in self.lab.log(f"agent-{which}").splitlines() if "pair" in line or "cannot" in line]


class Routers:
    def __init__(self, options):
        self.lab = KeepalivedLab("bhl", options.build)
        self.lab.advert_seconds = options.keepalived

    def start(self):
        self.lab.prepare()
        self.lab.start()
        self.lab.await_settled(40)

    def takeovers(self):
        return len(self.changes())

    def changes(self):
        return [f"{which}: {line}" for which in ("a", "b")
                for line in self.lab.log(f"keepalived-{which}").splitlines()
                if "Entering MASTER STATE" in line]


def run(options):
    pair = (Routers if options.keepalived else Pair)(options)
    pair.lab.down()
    burners = []
    try:
        pair.start()
        time.sleep(3)
        before = pair.takeovers()
        burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
                   for _ in range(options.burners)]
        end = time.monotonic() + options.seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(30, left))
            print(f"{pair.takeovers() - before} takeovers; {max(0, end - time.monotonic()):.0f} s "
                  "to go", file=sys.stderr, flush=True)
        turned = pair.takeovers() - before
        if turned:
            print("\n".join(pair.changes()), file=sys.stderr)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
        pair.lab.down()
    print(f"{options.seconds} s with {options.burners} busy processes on {os.cpu_count()} cores: "
          f"{turned} takeovers")
    return 1 if turned else 0


def main():
    parser = argparse.ArgumentParser(prog="pair_loaded.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--burners", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument("--heartbeat", type=int, default=10, metavar="MS",
                        help="of the pair, in ms (default: %(default)s)")
    parser.add_argument("--keepalived", metavar="ADVERT", help="seconds between its adverts")
    return run(parser.parse_args())


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"pair_loaded.py: {error}")
