"""How a file of tests ends: skipped where nothing ran, and what was left out is listed.

Tests that could not run are no tests that passed. ctest takes exit code 77 for "skipped"; tests/run
lists the parts that a file left out.
"""

import os
import sys
import unittest

SKIPPED = 77
IN_PART = "SKIPPED IN PART"


class _Result(unittest.TextTestResult):
    """Counts what ran to its end, a subtest too: unittest counts what it skips as run."""

    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        self.passed += err is None


def skip(reason):
    """Ends the file of tests: nothing of it can run here."""
    print(f"SKIPPED: {reason}", flush=True)
    sys.exit(SKIPPED)


def expect_root():
    if os.geteuid() != 0:
        skip("network namespaces need root")


def run(needs_root=True, arguments=None):
    """Runs the caller's tests and exits. `arguments` are unittest's, what follows BUILD by default."""
    if needs_root:
        expect_root()
    words = sys.argv[2:] if arguments is None else arguments
    program = unittest.main(argv=[sys.argv[0], *words], exit=False,
                            testRunner=unittest.TextTestRunner(verbosity=2, resultclass=_Result))
    result = program.result
    reasons = sorted({reason for _, reason in result.skipped})
    if result.wasSuccessful() and result.passed == 0:
        skip("; ".join(reasons) or "no test was chosen")
    for reason in reasons:
        print(f"{IN_PART}: {os.path.basename(sys.argv[0])}: {reason}")
    sys.exit(0 if result.wasSuccessful() else 1)
