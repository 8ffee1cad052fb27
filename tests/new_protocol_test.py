#!/usr/bin/env python3
"""What dataplane/protocols/new makes builds without a warning and passes its own tests.

usage: new_protocol_test.py CXX LIBRARY...

The script runs in a folder of its own beside the first LIBRARY. What it makes is compiled there, with
the registry that its line stands in, and linked with the modules and the policy that are built
already (LIBRARY..., in the order of their dependencies).
"""

import concurrent.futures
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "skeleton_2"
FLAGS = ["-std=c++20", "-O0", "-D_GLIBCXX_ASSERTIONS", "-Wall", "-Wextra", "-Wshadow",
         "-Wconversion", "-Wno-sign-conversion", "-Werror"]


def make(folder):
    protocols = folder / "dataplane" / "protocols"
    protocols.mkdir(parents=True)
    for name in ("new", "registry.def"):
        shutil.copy(ROOT / "dataplane" / "protocols" / name, protocols)
    new = [sys.executable, protocols / "new"]
    options = ["--title", "A protocol", "--standard", "this test", "--port", "4748"]
    subprocess.run([*new, NAME, *options], check=True)
    # It never writes over what there is, and takes no name that is none.
    for refused in (NAME, "Upper", "a-b"):
        assert subprocess.run([*new, refused], stderr=subprocess.PIPE).returncode != 0, refused
    lines = (protocols / "registry.def").read_text().splitlines()
    assert lines[-1] == f"BULKHEAD_PROTOCOL({NAME})", lines[-1]
    return protocols / NAME


def compile_one(compiler, folder, source, flags):
    made = folder / (source.stem + ".o")
    command = [*compiler, *FLAGS, *flags, "-I", folder, "-I", ROOT, "-c", source, "-o", made]
    subprocess.run(command, check=True)
    return made


def main():
    compiler = [sys.argv[1]]
    ccache = shutil.which("ccache")
    if ccache:
        compiler.insert(0, ccache)
    folder = Path(sys.argv[2]).resolve().parent / "new_protocol"
    shutil.rmtree(folder, ignore_errors=True)
    module = make(folder)
    test = module / f"{NAME}_test.cpp"
    sources = [source for source in sorted(module.glob("*.cpp")) if source != test]
    assert test.exists() and len(sources) == 3 and (module / "README.md").exists()
    sources.append(ROOT / "dataplane" / "protocols" / "registry.cpp")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        compiled = [pool.submit(compile_one, compiler, folder, test, [])]
        compiled += [pool.submit(compile_one, compiler, folder, source, ["-fno-exceptions"])
                     for source in sources]
        objects = [each.result() for each in compiled]
    program = folder / "test"
    subprocess.run([sys.argv[1], *objects, *sys.argv[2:], "-lgtest_main", "-lgtest", "-lpthread",
                    "-o", program], check=True)
    subprocess.run([program, "--gtest_brief=1"], check=True)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
