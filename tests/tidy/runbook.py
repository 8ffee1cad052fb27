"""The runbook has a row for each reason, fault and alarm of the closed lists, with the meaning that
the list gives it, and the first thing to do. Names and meanings are generated; what to do is
written by a person, and kept.

usage: runbook.py [--write]      (in the root of the checkout)
"""

import re
import sys
from pathlib import Path

PAGE = Path("deploy/guides/runbook.md")
REASONS, FAULTS, ALARMS = (Path(name) for name in (
    "dataplane/base/reason.def", "dataplane/protocols/fault.def", "controlplane/alarms/alarms.def"))
LAST_ALLOWED = "not_judged"  # as is_allowed() has it
FIRST_MIN = 15  # shorter is nothing that somebody could do
STRING = r'"(?:\\.|[^"\\])*"'
ROW = rf"BULKHEAD_\w+\((\w+),((?:\s*{STRING})+)\)"


def source(file):
    return re.sub(r"^\s*//.*$", "", file.read_text(encoding="utf-8"), flags=re.M)


def joined(strings):
    """The text of adjacent string literals."""
    return "".join(each[1:-1] for each in re.findall(STRING, strings)).replace('\\"', '"')


def rows_of(file):
    """(name, meaning) of BULKHEAD_X(name, "meaning"), in the list's order."""
    return [(name, joined(strings)) for name, strings in re.findall(ROW, source(file))]


def alarms():
    """(name, severity, meaning, first)."""
    strings = rf"((?:\s*{STRING})+)"
    rows = re.findall(rf"BULKHEAD_ALARM\((\w+), (\w+), \d+, \d+,{strings},{strings}\)",
                      source(ALARMS))
    return [(name, severity, joined(meaning), joined(first))
            for name, severity, meaning, first in rows]


def kept(page):
    """What to do first, by name, as the page has it."""
    return {name: first.strip() for name, first in
            re.findall(r"^\| `(\w+)` \|.*\|([^|]*)\|$", page, re.M)}


def table(rows, firsts):
    lines = ["| name | meaning | first |", "|---|---|---|"]
    lines += [f"| `{name}` | {meaning} | {firsts.get(name, '')} |" for name, meaning in rows]
    return "\n".join(lines) + "\n"


def alarm_table():
    lines = ["| name | severity | meaning | first |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {severity} | {meaning} | {first} |"
              for name, severity, meaning, first in alarms()]
    return "\n".join(lines) + "\n"


def filled(page, mark, text):
    begin, end = f"<!-- {mark} -->\n", "<!-- end -->"
    before, found, rest = page.partition(begin)
    assert found and end in rest, f"{PAGE} has no place for {mark}"
    return before + begin + text + end + rest.partition(end)[2]


def expected(page):
    firsts = kept(page)
    reasons = rows_of(REASONS)
    cut = [name for name, _ in reasons].index(LAST_ALLOWED) + 1
    for mark, text in (("alarms", alarm_table()), ("refused", table(reasons[cut:], firsts)),
                       ("faults", table(rows_of(FAULTS)[1:], firsts)),
                       ("allowed", table(reasons[:cut], firsts))):
        page = filled(page, mark, text)
    return page


def main():
    page = PAGE.read_text(encoding="utf-8")
    wanted = expected(page)
    if "--write" in sys.argv:
        PAGE.write_text(wanted, encoding="utf-8")
        page = wanted
    problems = []
    if page != wanted:
        problems.append(f"{PAGE} has not the closed lists: run tests/tidy/runbook.py --write")
    firsts = kept(wanted)
    names = [name for name, _ in rows_of(REASONS) + rows_of(FAULTS)[1:]] + [row[0] for row in alarms()]
    problems += [f"{PAGE}: {name} has nothing to do first" for name in names
                 if len(firsts.get(name, "")) < FIRST_MIN]
    print("\n".join(problems) or f"{PAGE}: {len(names)} rows")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
