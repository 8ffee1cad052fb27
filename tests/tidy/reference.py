"""policies/reference.md is what the catalogues say now.

usage: reference.py BULKHEADCTL [--write]      (in the root of the checkout)
"""

import subprocess
import sys
from pathlib import Path

PAGE = Path("policies/reference.md")


def main():
    made = subprocess.run([sys.argv[1], "protocols", "--reference"], capture_output=True, text=True,
                          check=True).stdout
    if "--write" in sys.argv:
        PAGE.write_text(made, encoding="utf-8")
    if PAGE.read_text(encoding="utf-8") != made:
        print(f"{PAGE} is not what the catalogues say: run tests/tidy/reference.py BULKHEADCTL --write")
        return 1
    print(f"{PAGE}: {made.count(chr(10))} lines, as the catalogues say")
    return 0


if __name__ == "__main__":
    sys.exit(main())
