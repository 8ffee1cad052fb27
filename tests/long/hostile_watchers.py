"""A disk that fills, collectors that accept and stall, scrapers that hang and followers that never read,
all together, under 10,000 refusals a second.

usage: hostile_watchers.py [--build BUILD] [--seconds N]
Needs root. Prints what requests noticed and the memory of both daemons; ends with 1 if a request was
lost, if memory was not bounded, or if the appliance does not recover.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--seconds", type=float, default=120)
    options = parser.parse_args()
    sys.argv = [sys.argv[0], str(options.build)]  # as the tests beside take it
    sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "deploy/lab")]
    from watchers_test import Watched, problems, say  # noqa: PLC0415
    watched = Watched("bhwlo", options.build.resolve())
    try:
        watched.start()
        found = watched.run(options.seconds)
    finally:
        watched.end()
    say(found)
    for each in problems(found):
        print(each)
    return 1 if problems(found) else 0


if __name__ == "__main__":
    sys.exit(main())
