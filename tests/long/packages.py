"""Two builds of the packages in different folders are the same to the bit, and no folder's name is in
them.

usage: packages.py [--release bookworm|trixie] [--folder FOLDER]
Takes two builds; see deploy/package/build. The first is in its usual folder, where ccache may know its
objects; the second is in another, and compiles. Results stay in FOLDER (build/packages-twice).
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def build(release, out, *more, **variables):
    words = [ROOT / "deploy/package/build", "--out", out, *more]
    words += ["--release", release] if release else []
    subprocess.run([str(word) for word in words], check=True, env={**os.environ, **variables})
    made = [*out.glob("*.deb"), *out.glob("*.spdx.json")]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in made}


def names_in(deb, words):
    """Which of the words stand in a file of the package."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "-R", deb, folder], check=True)
        data = b"".join(file.read_bytes() for file in sorted(Path(folder).rglob("*"))
                        if file.is_file() and not file.is_symlink())
    return [word for word in words if word.encode() in data]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", choices=("bookworm", "trixie"))
    parser.add_argument("--folder", type=Path, default=ROOT / "build/packages-twice")
    words = parser.parse_args()
    first = build(words.release, words.folder / "first")
    # Unlike in length too: a longer name moves what comes behind it.
    prefix = "bulkhead-a-folder-with-a-much-longer-name-than-the-usual-one-"
    with tempfile.TemporaryDirectory(prefix=prefix) as other:
        second = build(words.release, words.folder / "second", "--folder", other, CCACHE_DISABLE="1")
        folders = [other, str(ROOT)]
    failed = not first or set(first) != set(second)
    for name in sorted(set(first) | set(second)):
        same = first.get(name) == second.get(name)
        failed |= not same
        print(f"{'same ' if same else 'OTHER'}  {first.get(name, '-')[:16]}  {name}")
        if same and name.endswith(".deb"):
            for found in names_in(words.folder / "first" / name, folders):
                failed = True
                print(f"       {name} has the name of the folder {found} in it")
    print("the same to the bit" if not failed else "NOT the same")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
