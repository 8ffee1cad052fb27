"""Keeps the house in order: who includes whom, sizes, dead files, formatting, words, links.

usage: tidy.py            (in the root of the checkout)
"""

import re
import subprocess
import sys
from pathlib import Path

# Folder -> the folders (or single headers) of ours that its files include, besides itself. No more
# than they do include, and without a circle.
MAY_INCLUDE = {
    "dataplane/base": "",
    # What a daemon says to its system, and what it gives up.
    "dataplane/daemon": "base",
    "dataplane/ipc": "base",
    "dataplane/wire": "base",
    "dataplane/capture": "base",
    "dataplane/protocols": "base",
    # The classifier speaks of addresses and VLANs, the matcher of operations.
    "dataplane/policy": "base wire protocols",
    # The tables as protobuf and back, for the service, the compiler and the revisions.
    "dataplane/artefact": "base policy",
    "dataplane/flow": "base wire protocols policy",
    "dataplane/pipeline": "base wire protocols policy flow",
    # What the two of a pair say to each other; flows are plain data.
    "dataplane/replication": "base wire protocols flow",
    # What the self-test sends, and a worker's part of it.
    "dataplane/selftest": "base wire protocols policy flow pipeline",
    "dataplane/ports": "base wire policy flow pipeline replication selftest",
    "dataplane/pair": "base wire ipc replication ports",
    "dataplane/service": "base daemon wire policy flow pipeline selftest ports ipc artefact",
    # The one program that compiles policies and runs the pipeline.
    "dataplane/replay": "base wire capture policy pipeline ports service/naming.h controlplane/policy",
    "dataplane": "base daemon ports pair service",
    # Files of operators: every mistake with its position.
    "controlplane/yaml": "",
    "controlplane/access": "yaml dataplane/base dataplane/artefact/digest.h",
    "controlplane/policy": "yaml access/methods.h dataplane/base dataplane/wire dataplane/policy",
    "controlplane/telemetry": "access revisions/files.h dataplane/base",
    "controlplane/revisions": "access dataplane/base dataplane/wire dataplane/policy "
                              "dataplane/artefact",
    "controlplane/audit": "access/refusal.h revisions/files.h telemetry/json_values.h "
                          "telemetry/sink.h dataplane/base dataplane/artefact/digest.h",
    # To collectors of syslog, from the logs that stand.
    "controlplane/siem": "access yaml audit revisions/files.h telemetry dataplane/base",
    # Pure: what it is told and what it answers, nothing else.
    "controlplane/failover": "dataplane/base dataplane/replication/authentication.h",
    "controlplane/pair": "access failover dataplane/base dataplane/daemon dataplane/ipc "
                         "dataplane/artefact/digest.h",
    # Pure, but for what observes.
    "controlplane/alarms": "access telemetry pair/pair_control.h dataplane/base",
    "controlplane/metrics": "access alarms telemetry dataplane/base dataplane/daemon "
                            "dataplane/ipc/accept.h",
    "controlplane/containment": "access telemetry pair/ask.h revisions/files.h "
                                "revisions/revision_note.h dataplane/base dataplane/daemon dataplane/ipc",
    "controlplane/agent": "access containment telemetry revisions pair dataplane/base dataplane/daemon "
                          "dataplane/ipc dataplane/artefact dataplane/policy/health.h",
    # Interfaces of what it serves; never the agent.
    "controlplane/api": "access audit containment/containing.h telemetry revisions/policies.h "
                        "pair/pair_control.h dataplane/base dataplane/daemon dataplane/ipc/accept.h",
    "controlplane/setup": "dataplane/base dataplane/wire",
    # Recorded traffic to the text of a policy, and against one.
    "controlplane/learn": "policy dataplane/base dataplane/wire dataplane/protocols "
                          "dataplane/policy",
    "controlplane/cli": "access audit metrics/counter_look.h siem/collectors_config.h telemetry yaml policy "
                        "learn setup dataplane/base dataplane/wire dataplane/pipeline/unsound.def "
                        "dataplane/protocols dataplane/policy dataplane/artefact dataplane/capture",
    # bulkheadd.cpp joins them.
    "controlplane": "access agent alarms api audit metrics siem/collectors.h telemetry/event_log.h "
                    "telemetry/notice.h dataplane/base dataplane/daemon",
    "deploy/lab": "",
}
# What a folder's unit tests include besides; all of them may include tests/support.
TESTS_MAY_INCLUDE = {
    "controlplane/policy": "dataplane/artefact",
    "controlplane/revisions": "policy",
    "dataplane/service": "protocols",
}
DATAPLANE_BARE = {"dataplane/base", "dataplane/wire", "dataplane/protocols"}
NO_DPDK = DATAPLANE_BARE | {each for each in MAY_INCLUDE if each.startswith("controlplane")}
NO_PROTOBUF = DATAPLANE_BARE | {"dataplane/policy", "dataplane/flow", "dataplane/pipeline",
                                "dataplane/replication", "dataplane/ports",
                                "controlplane/policy", "controlplane/failover"}
TEST_LIBRARIES = ("gtest/", "gmock/", "rapidcheck")
FILE_LINES_MAX, FUNCTION_LINES_MAX, LINE_MAX = 500, 70, 100
CLANG_FORMAT = "clang-format-19"  # which Debian 12 and 13 both have: releases format differently
# Phrases that readers who know packets stumble over, in comments and messages of the product and in
# documents: (what, what to write). A blank is any space, also where a comment or a string goes on.
WORDS = [
    (r"(is|are|was|were|be|been|being)( not| all| only| then| so)? told",
     "is reported, listed, notified, replicated, or: has the field"),
    (r"tells? (of|apart)|telling of|told apart|cannot be told|untold", "report; distinguish; unsent"),
    (r"whoever", "the host, the sender, the caller that"),
    (r"(speaks?|spoken) of", "name, count, concern"),
    (r"news of", "records, changes, events of"),
    (r"(hears?|heard|hear) of", "receive, learn, be notified of"),
    (r"own accord|in earnest", "by itself; in production"),
    (r"behind (the|its|a) (end|last|first|start|takeover|hand-over|splice|header|message|PDU|gap|loss)",
     "after, beyond; behind is for gateways and firewalls"),
    (r"related traffic|takes? after", "expectation"),
]
# Documents whose names in code quotes must stand in a source, and those that need not.
NAMING = ("ARCHITECTURE.md", "CONTRIBUTING.md")
NAMES_FREE = {"SOCKET", "NAME", "rte_acl", "Manager", "Helper", "Utils", "Common", "snake_case",
              "PascalCase", "kPascalCase"}
WORDS_EXEMPT = ("CHANGELOG.md", "policies/reference.md")  # history; made from the catalogues
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


def row_of(table, folder):
    """The row's entries as paths from the root."""
    plane = folder.split("/")[0]
    return {each if each.startswith(("dataplane/", "controlplane/")) else f"{plane}/{each}"
            for each in table.get(folder, "").split()}


used = {folder: set() for folder in MAY_INCLUDE}


def check_include(path, folder, target, number):
    is_test = path.name.endswith("_test.cpp")
    reached = {folder_of(target), target}
    if folder in reached or folder == "tests" or is_test and target.startswith("tests/support/"):
        return None
    allowed = row_of(MAY_INCLUDE, folder) & reached
    if not is_test:
        used[folder] |= allowed
    if allowed or is_test and row_of(TESTS_MAY_INCLUDE, folder) & reached:
        return None
    return problem(path, f"{folder} must not include {target}", number)


def check_includes(path, text):
    folder = folder_of(path)
    if folder != "tests" and folder not in MAY_INCLUDE:
        return problem(path, f"folder {folder} has no line in tests/tidy/tidy.py")
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'#include\s+[<"]([^>"]+)[>"]', line)
        if not match:
            continue
        target = match.group(1)
        if target.startswith(("dataplane/", "controlplane/", "tests/", "deploy/")):
            check_include(path, folder, target, number)
        if target.startswith("rte_") and folder in NO_DPDK:
            problem(path, f"{folder} must not know DPDK", number)
        if target.endswith(".pb.h") and folder in NO_PROTOBUF:
            problem(path, f"{folder} must not know protobuf", number)
        product = folder != "tests" and not path.name.endswith("_test.cpp")
        if product and target.startswith(TEST_LIBRARIES):
            problem(path, f"the product must not use {target}", number)
    return None


def check_table():
    """The table says what is, and its folders have an order: those that only included ones precede."""
    graph = {}
    for folder in MAY_INCLUDE:
        row = row_of(MAY_INCLUDE, folder)
        for each in sorted(row - used[folder]):
            problem("tests/tidy/tidy.py", f"{folder} does not include {each}")
        graph[folder] = {folder_of(e) if e.endswith(".h") else e for e in row}
    while graph:
        free = {folder for folder, row in graph.items() if not row & graph.keys()}
        if not free:
            return problem("tests/tidy/tidy.py", "a circle among " + ", ".join(sorted(graph)))
        graph = {folder: row for folder, row in graph.items() if folder not in free}
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
        done = subprocess.run([CLANG_FORMAT, "--dry-run", "-Werror", *sources],
                              capture_output=True, text=True)
    except FileNotFoundError:
        return print(f"{CLANG_FORMAT} is not there: formatting was not checked")
    for line in done.stderr.splitlines():
        if "clang-format-violations" in line:
            problem(line.split(":")[0], f"{CLANG_FORMAT} would change it", line.split(":")[1])
    return None


def prose_of(path, text):
    """The text with all but comments and strings blanked out; documents as they are."""
    if path.suffix == ".md":
        return re.sub(r"`[^`\n]*`", lambda code: " " * len(code.group()), text)
    out = list("\0" * len(text))
    for match in re.finditer(r"""//[^\n]*|"(?:\\.|[^"\\\n])*"|'\\?.'|\n\s*""", text):
        if not match.group().startswith("'"):
            out[match.start():match.end()] = match.group()
    return "".join(out)


def check_words(path, text):
    prose = prose_of(path, text)
    for words, instead in WORDS:
        pattern = r"\b(?:" + words.replace(" ", r"[\s/\"]+") + r")\b"
        for match in re.finditer(pattern, prose, re.IGNORECASE):
            said = " ".join(match.group().replace("//", " ").split())
            problem(path, f'"{said}": write {instead}', text.count("\n", 0, match.start()) + 1)


def check_links(path, text):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", text):
        if "://" not in target and not (path.parent / target).exists():
            problem(path, f"links to {target}, which is not there")


def check_names(path, text, sources):
    for code in re.findall(r"`([\w:.]+)(?:\(\))?`", text):
        name = code.split("::")[-1]
        named = re.fullmatch(r"[A-Za-z_]\w+", name) and name not in NAMES_FREE
        if named and not re.search(r"\b" + name + r"\b", sources):
            problem(path, f"names {code}, which stands in no source")


def check_prose(listed):
    sources = "\n".join(Path(f).read_text(errors="ignore") for f in listed
                        if Path(f).suffix in (".h", ".cpp", ".def", ".proto", ".py", ".txt", "") and
                        Path(f).is_file())
    for name in listed:
        path = Path(name)
        if path.suffix not in (".h", ".cpp", ".def", ".proto", ".md") or not path.exists():
            continue
        test = path.suffix != ".md" and (name.startswith("tests/") or name.endswith("_test.cpp"))
        text = path.read_text()
        if not test and name not in WORDS_EXEMPT:
            check_words(path, text)
        if path.suffix == ".md":
            check_links(path, text)
        if name in NAMING:
            check_names(path, text, sources)


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
    check_table()
    check_dead(paths, texts)
    check_prose(listed)
    check_format(paths)
    for line in problems:
        print(line)
    print(f"{len(paths)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
