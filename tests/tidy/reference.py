"""Generated pages are what the program says now: policies/reference.md the catalogues, the guides'
tables of roles and of events.

usage: reference.py BULKHEADCTL [--write]      (in the root of the checkout)
"""

import subprocess
import sys
from pathlib import Path

PAGE = Path("policies/reference.md")
# Guides, and the command whose tables stand in them.
GUIDES = {Path("deploy/guides/authority.md"): ("access", "table"),
          Path("deploy/guides/events.md"): ("events",)}
END = "<!-- end -->"


def said(*words):
    return subprocess.run([sys.argv[1], *words, "--reference"], capture_output=True, text=True,
                          check=True).stdout


def guide_with(path, words):
    begin = f"<!-- bulkheadctl {' '.join(words)} --reference -->\n"
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    assert END in rest, f"{path} has no place for the tables of {' '.join(words)}"
    return before + begin + said(*words) + END + rest.partition(END)[2]


def main():
    pages = {PAGE: said("protocols")}
    pages |= {path: guide_with(path, words) for path, words in GUIDES.items()}
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
