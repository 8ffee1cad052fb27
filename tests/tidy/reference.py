"""Generated pages are what the program says now: policies/reference.md the catalogues, and the guide's
table of roles the rows of RPCs.

usage: reference.py BULKHEADCTL [--write]      (in the root of the checkout)
"""

import subprocess
import sys
from pathlib import Path

PAGE = Path("policies/reference.md")
GUIDE = Path("deploy/guides/authority.md")
BEGIN, END = "<!-- bulkheadctl access table --reference -->\n", "<!-- end -->"


def said(*words):
    return subprocess.run([sys.argv[1], *words, "--reference"], capture_output=True, text=True,
                          check=True).stdout


def guide_with(table):
    before, _, rest = GUIDE.read_text(encoding="utf-8").partition(BEGIN)
    assert END in rest, f"{GUIDE} has no place for the table of roles"
    return before + BEGIN + table + END + rest.partition(END)[2]


def main():
    pages = {PAGE: said("protocols"), GUIDE: guide_with(said("access", "table"))}
    different = [path for path, text in pages.items() if path.read_text(encoding="utf-8") != text]
    for path in different:
        if "--write" in sys.argv:
            path.write_text(pages[path], encoding="utf-8")
        else:
            print(f"{path} is not what the program says: run tests/tidy/reference.py BULKHEADCTL --write")
    if different and "--write" not in sys.argv:
        return 1
    print(", ".join(f"{path}: {text.count(chr(10))} lines" for path, text in pages.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
