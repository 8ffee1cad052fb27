"""What skips is shown as skipped: by the files of tests, by ctest, and for every test that it knows.

usage: outcome_test.py CTEST BUILD
"""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import outcome  # noqa: E402

CTEST, BUILD = sys.argv[1:3]
FILE = """import sys, unittest
sys.path.insert(0, {here!r})
import outcome
class Some(unittest.TestCase):
{body}
outcome.run(needs_root=False)
"""
SKIPS = "    def test_{0}(self):\n        self.skipTest('no {0} here')\n"
PASSES = "    def test_{0}(self):\n        pass\n"
FAILS = "    def test_{0}(self):\n        self.fail()\n"
CLASS_SKIPS = ("    @classmethod\n    def setUpClass(cls):\n"
               "        raise unittest.SkipTest('no network here')\n")
SUBTESTS = """    def test_all(self):
        for skips in {0}:
            with self.subTest(skips):
                if skips: self.skipTest('no subtest here')
"""


class Skips(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def end_of(self, body, *words):
        file = self.folder / "some_test.py"
        file.write_text(FILE.format(here=str(HERE), body=body))
        done = subprocess.run([sys.executable, file, "BUILD", *words], capture_output=True, text=True,
                              check=False)
        return done.returncode, done.stdout

    def test_a_file_that_ran_nothing_is_skipped(self):
        for body, reason in ((SKIPS.format("captures"), "no captures here"),
                             (SKIPS.format("a") + SKIPS.format("b"), "no a here; no b here"),
                             (CLASS_SKIPS + PASSES.format("a"), "no network here"),
                             (SUBTESTS.format([True, True]), "no subtest here"),
                             ("    pass\n", "no test was chosen")):
            with self.subTest(reason):
                self.assertEqual(self.end_of(body), (77, f"SKIPPED: {reason}\n"))

    def test_what_a_file_left_out_is_listed(self):
        listed = "SKIPPED IN PART: some_test.py: no {} here\n"
        self.assertEqual(self.end_of(SKIPS.format("a") + PASSES.format("b")), (0, listed.format("a")))
        self.assertEqual(self.end_of(SUBTESTS.format([True, False])), (0, listed.format("subtest")))
        self.assertEqual(self.end_of(PASSES.format("b")), (0, ""))

    def test_a_failure_stays_one(self):
        self.assertEqual(self.end_of(FAILS.format("a"))[0], 1)
        self.assertEqual(self.end_of(FAILS.format("a") + SKIPS.format("b"))[0], 1)

    def test_every_test_that_may_skip_has_its_property(self):
        shown = subprocess.run([CTEST, "--test-dir", BUILD, "--show-only=json-v1"],
                               capture_output=True, text=True, check=True)
        scripts = units = 0
        for test in json.loads(shown.stdout)["tests"]:
            properties = {each["name"]: each["value"] for each in test.get("properties", [])}
            command = test.get("command", [])
            if any(word.endswith(".py") for word in command):
                self.assertEqual(properties.get("SKIP_RETURN_CODE"), outcome.SKIPPED, test["name"])
                scripts += 1
            elif "unit" in properties.get("LABELS", []):
                self.assertIn("SKIP_REGULAR_EXPRESSION", properties, test["name"])
                units += 1
        self.assertGreater(scripts, 10)
        self.assertGreater(units, 30)

    def test_ctest_shows_it(self):
        """The properties that tests/CMakeLists.txt sets, with a file that skips and one that runs."""
        lines = []
        for name, body in (("skips", SKIPS.format("captures")), ("runs", PASSES.format("a"))):
            file = self.folder / f"{name}_test.py"
            file.write_text(FILE.format(here=str(HERE), body=body))
            lines.append(f'add_test({name} "{sys.executable}" "{file}" BUILD)\n'
                         f"set_tests_properties({name} PROPERTIES SKIP_RETURN_CODE 77)\n")
        (self.folder / "CTestTestfile.cmake").write_text("".join(lines))
        shown = subprocess.run([CTEST, "--test-dir", self.folder], capture_output=True, text=True,
                               check=False)
        self.assertRegex(shown.stdout, r"skips \.+\*+Skipped")
        self.assertRegex(shown.stdout, r"runs \.+ +Passed")


if __name__ == "__main__":
    outcome.run(needs_root=False, arguments=sys.argv[3:])
