"""The installed programs are hardened, as their own bytes say; a program without one of the measures
is found.

usage: binaries_test.py COMPILER PROGRAM... [-- unittest arguments]
Needs readelf. Programs with debugging information are checked by compilation unit too.
"""

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

# What the compiler notes of each compilation unit (DW_AT_producer), and what it is for.
UNIT_FLAGS = {
    "-fPIE": "position independent code",
    "-fstack-protector-strong": "stack protector",
    "-fstack-clash-protection": "stack clash protection",
    "-fvisibility=hidden": "hidden visibility",
}
OURS = "8bulkhead"  # the namespace in a mangled name


def readelf(path, *options):
    return subprocess.run(["readelf", "-W", *options, path], capture_output=True, text=True,
                          check=True).stdout


def section(path, name):
    found = re.search(rf"\] {re.escape(name)}\s+\S+\s+\S+ (\S+) (\S+)", readelf(path, "-S"))
    if not found:
        return b""
    begin, length = (int(number, 16) for number in found.groups())
    return Path(path).read_bytes()[begin:begin + length]


def producers(path):
    """The compiler and its flags, once for each set of flags."""
    return [text.decode() for text in section(path, ".debug_str").split(b"\0")
            if text.startswith(b"GNU C")]


def image_problems(path):
    """What the kernel and the dynamic linker are not asked to do."""
    head, segments, dynamic = readelf(path, "-h"), readelf(path, "-l"), readelf(path, "-d")
    stack = re.search(r"GNU_STACK .*? (R[W ]E?) ", segments)
    return [what for what, good in (
        ("position independent executable", "DYN" in head and re.search(r"FLAGS_1.*PIE", dynamic)),
        ("read-only relocations", "GNU_RELRO" in segments),
        ("binding at start", re.search(r"FLAGS.*(BIND_NOW|NOW)", dynamic)),
        ("stack that is not executable", stack and "E" not in stack.group(1)),
        ("code without relocations", "TEXTREL" not in dynamic),
        ("libraries from the system's folders alone", not re.search(r"R(UN)?PATH", dynamic)),
    ) if not good]


def code_problems(path):
    """What the compiler was not asked to do."""
    rows = [line.split() for line in readelf(path, "--dyn-syms").splitlines()]
    symbols = [row for row in rows if len(row) >= 8 and row[0][:-1].isdigit()]
    imported = [row[7].split("@")[0] for row in symbols if row[6] == "UND"]
    exported = [row[7] for row in symbols if row[6] != "UND"]
    problems = [what for what, good in (
        ("stack protector", "__stack_chk_fail" in imported),
        ("fortified calls", any(re.fullmatch(r"__\w+_chk", name) for name in imported)),
        ("hidden symbols", not any(OURS in name for name in exported)),
    ) if not good]
    units = producers(path)
    # Without them the probe is left: `orq $0, (%rsp)` in each page of a large frame.
    if not units and bytes.fromhex("48830c2400") not in section(path, ".text"):
        problems.append("stack clash protection")
    for flag, what in UNIT_FLAGS.items():
        problems += [f"{what} in {unit}" for unit in units if flag not in unit]
    return problems


def problems_of(path):
    return image_problems(path) + code_problems(path)


class Programs(unittest.TestCase):
    def test_programs_are_hardened(self):
        for program in PROGRAMS:
            with self.subTest(Path(program).name):
                self.assertEqual(problems_of(program), [])


SOURCE = """
#include <cstdio>
#include <cstring>
namespace bulkhead {
struct Thing {
  virtual ~Thing() = default;
  virtual int of(const char* text);
};
int Thing::of(const char* text) {
  char page[3 * 4096];
  std::strcpy(page, text);
  return std::printf("%s", page);
}
}  // namespace bulkhead
int main(int, char** argv) { return bulkhead::Thing().of(argv[0]); }
"""
COMPILE = ["-O2", "-fPIE", "-fstack-protector-strong", "-fstack-clash-protection",
           "-fvisibility=hidden", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]
LINK = ["-pie", "-rdynamic", "-Wl,-z,relro,-z,now", "-Wl,-z,noexecstack"]


class Planted(unittest.TestCase):
    """A program that lacks one measure, with and without debugging information."""

    def build(self, without=(), extra=()):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "thing.cpp").write_text(SOURCE)
        words = [word for word in COMPILE + LINK if word not in without]
        subprocess.run([COMPILER, *words, *extra, folder / "thing.cpp", "-o", folder / "thing"],
                       check=True, stderr=subprocess.DEVNULL)
        return folder / "thing"

    def expect(self, what, without=(), extra=()):
        for debug in ([], ["-g1"]):
            with self.subTest(what, debug=bool(debug)):
                found = problems_of(self.build(without, [*extra, *debug]))
                self.assertTrue(any(what in each for each in found), found)

    def test_a_hardened_one_passes(self):
        for debug in ([], ["-g1"]):
            self.assertEqual(problems_of(self.build(extra=debug)), [])

    def test_each_measure_is_missed(self):
        self.expect("position independent executable", ["-fPIE", "-pie"], ["-fno-pie", "-no-pie"])
        self.expect("read-only relocations", ["-Wl,-z,relro,-z,now"], ["-Wl,-z,norelro,-z,now"])
        self.expect("binding at start", ["-Wl,-z,relro,-z,now"], ["-Wl,-z,relro,-z,lazy"])
        self.expect("stack that is not executable", ["-Wl,-z,noexecstack"], ["-Wl,-z,execstack"])
        self.expect("libraries from", extra=["-Wl,-rpath,/tmp"])
        self.expect("stack protector", ["-fstack-protector-strong"], ["-fno-stack-protector"])
        self.expect("stack clash", ["-fstack-clash-protection"], ["-fno-stack-clash-protection"])
        self.expect("fortified", ["-D_FORTIFY_SOURCE=2"])
        self.expect("hidden symbols", ["-fvisibility=hidden"])


if __name__ == "__main__":
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    COMPILER, *PROGRAMS = arguments[:split]
    unittest.main(argv=[sys.argv[0], *arguments[split + 1:]], verbosity=2)
