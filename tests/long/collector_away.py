"""A collector that is away for a minute under 10,000 refusals a second, and comes back.

usage: collector_away.py [--build BUILD] [--seconds N]
Needs root and rsyslogd. Ends with 1 unless every event arrives, once counted and in order, and the
refusals that they stand for are as many as the data plane has counted.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    sys.argv = [sys.argv[0], str(options.build)]  # as the tests beside take it
    sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "deploy/lab")]
    from collector_test import Away, problems, say  # noqa: PLC0415
    away = Away("bhcol", options.build.resolve())
    try:
        found = away.run(options.seconds)
    finally:
        away.end()
    wrong = problems(found)
    for each in wrong:
        print(each)
    if not wrong:
        say(found)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
