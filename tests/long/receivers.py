"""receivers_test.py for hours: every receiver that Debian and npm have, seed after seed.

usage: receivers.py BUILD [--passed 10000] [--seeds 1-5] [--stack NAME]... [--report FOLDER]
Needs root, and the stacks as tests/e2e/receivers_test.py has fetched them. Prints a line for each
stack and seed; a difference is a line of JSON in FOLDER/STACK-SEED.jsonl. Ends with 1 if there is one.
"""

import argparse
import os
import sys
from pathlib import Path

E2E = Path(__file__).resolve().parent.parent / "e2e"
sys.path.insert(0, str(E2E))
from receivers import stacks  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--passed", type=int, default=10000, help="mutants that pass")
    parser.add_argument("--seeds", default="1-5")
    parser.add_argument("--stack", action="append")
    parser.add_argument("--report", type=Path, default=Path("receivers"))
    options = parser.parse_args()
    options.report.mkdir(parents=True, exist_ok=True)
    first, _, last = options.seeds.partition("-")
    build = options.build.resolve()
    known = stacks.stacks(build)
    found = False
    for seed in range(int(first), int(last or first) + 1):
        for name in options.stack or known:
            stack = known[name]
            if stack.needs and not stack.needs.exists():
                print(f"{name}: skipped, {stack.needs} is not there")
                continue
            with (options.report / f"{name}-{seed}.jsonl").open("w") as report:
                campaign = stacks.run_campaign(build, stack, seed, options.passed, 24 * 3600,
                                               report=report)
            print(f"seed {seed}\n{stacks.table([(name, campaign)])}", flush=True)
            found = found or campaign.figures["differences"] > 0
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    if "BULKHEAD_OWN_NAMESPACE" not in os.environ:
        os.environ["BULKHEAD_OWN_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, __file__, *sys.argv[1:]])
    stacks.in_own_namespace()
    main()
