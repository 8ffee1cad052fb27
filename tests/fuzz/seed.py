"""Seeds for protocol_fuzz: the messages of all policies' cases, and those that
tests/adversarial/accounting has of its own, in a file each.

usage: seed.py CORPUS          (in the root of the checkout)
Each protocol has a folder in CORPUS. The first byte picks the module, by its line in registry.def,
and the direction.
"""

import hashlib
import re
import sys
from pathlib import Path


def messages(modules):
    """Module's index, whether it is an answer, octets."""
    for path in sorted(Path("policies").glob("*/cases.yaml")):
        module = None
        for line in path.read_text(encoding="utf-8").splitlines():
            if match := re.match(r"\s+protocol: (\w+)", line):
                module = modules.index(match.group(1))
            match = re.match(r'\s+(?:message: |- )"([<>]?)\s*((?:[0-9a-f]{2} ?)+)"', line)
            if match and module is not None:
                yield module, match.group(1) == "<", bytes.fromhex(match.group(2))
    for path in sorted(Path("tests/adversarial/accounting/messages").glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith(("<", ">")):
                yield modules.index(path.stem), line[0] == "<", bytes.fromhex(line[1:])


def main():
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    registry = Path("dataplane/protocols/registry.def").read_text(encoding="utf-8")
    modules = re.findall(r"^BULKHEAD_PROTOCOL\((\w+)\)", registry, re.M)
    count = 0
    for module, back, octets in messages(modules):
        seed = bytes([module << 1 | back]) + octets
        folder = corpus / modules[module]
        folder.mkdir(exist_ok=True)
        (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
        count += 1
    print(f"{count} seeds")


if __name__ == "__main__":
    main()
