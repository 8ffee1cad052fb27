"""Keeps the house in order: who includes whom, sizes, dead files, formatting.

usage: tidy.py            (in the root of the checkout)
"""

import re
import subprocess
import sys
from pathlib import Path

# Folder -> the folders of ours that its files may include, besides itself.
DATAPLANE_BARE = {"dataplane/base", "dataplane/wire", "dataplane/protocols"}
MAY_INCLUDE = {
    "dataplane/base": set(),
    "dataplane/ipc": {"dataplane/base"},
    "dataplane/wire": {"dataplane/base"},
    "dataplane/protocols": {"dataplane/base"},
    # The classifier speaks of addresses and VLANs, the matcher of operations.
    "dataplane/policy": DATAPLANE_BARE,
    # The tables as protobuf and back, for the service, the compiler and the revisions.
    "dataplane/artefact": DATAPLANE_BARE | {"dataplane/policy"},
    "dataplane/flow": DATAPLANE_BARE | {"dataplane/policy"},
    "dataplane/pipeline": DATAPLANE_BARE | {"dataplane/policy", "dataplane/flow"},
    # What the two of a pair say to each other; flows are plain data.
    "dataplane/replication": DATAPLANE_BARE | {"dataplane/policy", "dataplane/flow"},
    "dataplane/ports": DATAPLANE_BARE | {"dataplane/policy", "dataplane/flow",
                                         "dataplane/pipeline", "dataplane/replication"},
    "dataplane/pair": DATAPLANE_BARE | {"dataplane/policy", "dataplane/flow", "dataplane/pipeline",
                                        "dataplane/replication", "dataplane/ports",
                                        "dataplane/ipc"},
    "dataplane/service": DATAPLANE_BARE | {"dataplane/policy", "dataplane/flow",
                                           "dataplane/pipeline", "dataplane/ports",
                                           "dataplane/pair", "dataplane/ipc",
                                           "dataplane/artefact"},
    # The one program that compiles policies and runs the pipeline.
    "dataplane/replay": {"*"},
    "dataplane": {"dataplane/base", "dataplane/ports", "dataplane/pair", "dataplane/service"},
    "controlplane/policy": DATAPLANE_BARE | {"dataplane/policy", "dataplane/artefact"},
    "controlplane/access": {"dataplane/base"},
    "controlplane/telemetry": {"controlplane/access", "dataplane/base"},
    # The compiler for its test.
    "controlplane/revisions": DATAPLANE_BARE | {"dataplane/policy", "dataplane/artefact",
                                                "controlplane/access", "controlplane/policy"},
    # Pure: what it is told and what it answers, nothing else.
    "controlplane/failover": {"dataplane/base", "dataplane/replication/authentication.h"},
    "controlplane/pair": {"controlplane/access", "controlplane/failover", "dataplane/base",
                          "dataplane/ipc", "dataplane/artefact"},
    "controlplane/agent": {"controlplane/access", "controlplane/telemetry",
                           "controlplane/revisions", "controlplane/failover", "controlplane/pair",
                           "dataplane/base", "dataplane/ipc", "dataplane/artefact"},
    # Interfaces of what it serves; never the agent.
    "controlplane/api": {"controlplane/access", "controlplane/telemetry",
                         "controlplane/revisions/policies.h", "controlplane/pair/pair_control.h",
                         "dataplane/base"},
    "controlplane/cli": DATAPLANE_BARE | {"controlplane/policy", "dataplane/artefact",
                                          "controlplane/access/certificate.h"},
    # bulkheadd.cpp joins them.
    "controlplane": {"controlplane/access", "controlplane/agent", "controlplane/api",
                     "controlplane/pair", "controlplane/revisions", "controlplane/telemetry",
                     "dataplane/base"},
    "deploy/lab": set(),
    "tests": {"*"},
}
NO_DPDK = DATAPLANE_BARE | {"controlplane/policy", "controlplane/failover", "controlplane/agent", "controlplane/api",
                            "controlplane/cli"}
NO_PROTOBUF = DATAPLANE_BARE | {"dataplane/policy", "dataplane/flow", "dataplane/pipeline",
                                "dataplane/ports"}
TEST_LIBRARIES = ("gtest/", "gmock/", "rapidcheck")
FILE_LINES_MAX, FUNCTION_LINES_MAX, LINE_MAX = 500, 70, 100
TOP = {"CMakeLists.txt", "CMakePresets.json", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md",
       "CHANGELOG.md", "LICENSE", "SECURITY.md", "dataplane", "controlplane", "proto", "policies", "tests", "deploy"}

problems = []


def problem(path, what, line=None):
    problems.append(f"{path}{':' + str(line) if line else ''}: {what}")


def folder_of(path):
    parts = str(path).split("/")
    if parts[0] == "tests":
        return "tests"
    return "/".join(parts[:2]) if len(parts) > 2 else parts[0]


def check_includes(path, text):
    folder = folder_of(path)
    allowed = MAY_INCLUDE.get(folder)
    if allowed is None:
        return problem(path, f"folder {folder} has no line in tests/tidy/tidy.py")
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'#include\s+[<"]([^>"]+)[>"]', line)
        if not match:
            continue
        target = match.group(1)
        own = folder_of(target)
        if target.startswith(("dataplane/", "controlplane/", "tests/", "deploy/")):
            support = path.name.endswith("_test.cpp") and target.startswith("tests/support/")
            if own != folder and "*" not in allowed and not {own, target} & allowed and not support:
                problem(path, f"{folder} must not include {target}", number)
        if target.startswith("rte_") and folder in NO_DPDK:
            problem(path, f"{folder} must not know DPDK", number)
        if target.endswith(".pb.h") and folder in NO_PROTOBUF:
            problem(path, f"{folder} must not know protobuf", number)
        product = folder != "tests" and not path.name.endswith("_test.cpp")
        if product and target.startswith(TEST_LIBRARIES):
            problem(path, f"the product must not use {target}", number)
    return None


def check_sizes(path, lines):
    product = not str(path).startswith("tests/") and not path.name.endswith("_test.cpp")
    if product and len(lines) > FILE_LINES_MAX:
        problem(path, f"{len(lines)} lines; does it hold two things?")
    start = None
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_MAX:
            problem(path, f"{len(line)} columns", number)
        if re.match(r"^(  )?\S.*\)( const)?( override)?( noexcept)? \{$", line) and \
                not line.lstrip().startswith(("if", "for", "while", "switch", "}", "namespace")):
            start = number
            closing = line[:len(line) - len(line.lstrip())] + "}"
        elif start and line.rstrip(";") == closing:
            if number - start + 1 > FUNCTION_LINES_MAX:
                problem(path, f"a function of {number - start + 1} lines", start)
            start = None


def check_top_comment(path, lines):
    if not lines or not lines[0].startswith(("//", '"""', "#!", "# ")):
        problem(path, "no sentence on top says what the file owns")


def check_dead(paths, texts):
    everything = "\n".join(texts.values())
    cmake = "\n".join(p.read_text() for p in Path(".").rglob("CMakeLists.txt")
                      if "build" not in p.parts[0])
    for path in paths:
        if path.suffix == ".h" and f'"{path}"' not in everything:
            problem(path, "nothing includes it")
        if path.suffix == ".cpp":
            in_registry = str(path).startswith(("dataplane/protocols/", "dataplane/wire/"))
            if path.name not in cmake and path.stem not in cmake and not in_registry:
                problem(path, "no CMakeLists.txt builds it")


def check_format(paths):
    sources = [str(p) for p in paths if p.suffix in (".h", ".cpp")]
    try:
        done = subprocess.run(["clang-format", "--dry-run", "-Werror", *sources],
                              capture_output=True, text=True)
    except FileNotFoundError:
        return print("clang-format is not there: formatting was not checked")
    for line in done.stderr.splitlines():
        if "clang-format-violations" in line:
            problem(line.split(":")[0], "clang-format would change it", line.split(":")[1])
    return None


def main():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], capture_output=True,
                            text=True, check=True).stdout.split()
    for name in sorted({f.split("/")[0] for f in listed}):
        if name not in TOP and not name.startswith("."):
            problem(name, "is not in the plan of the top folder")
    paths = [Path(f) for f in listed if Path(f).suffix in (".h", ".cpp", ".def") and
             Path(f).exists()]
    texts = {path: path.read_text() for path in paths}
    for path, text in texts.items():
        check_includes(path, text)
        check_sizes(path, text.splitlines())
        check_top_comment(path, text.splitlines())
    check_dead(paths, texts)
    check_format(paths)
    for line in problems:
        print(line)
    print(f"{len(paths)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
