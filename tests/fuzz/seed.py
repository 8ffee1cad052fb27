"""Seeds for the fuzzers, in a file each.

usage: seed.py CORPUS          (in the root of the checkout)
For protocol_fuzz: the messages of all policies' cases, and those that tests/adversarial/accounting
has of its own. Each protocol has a folder in CORPUS. The first byte picks the module, by its line
in registry.def, and the direction.
For audit_fuzz: logs of two records.
For the ends of sockets: a seed a line of tests/fuzz/messages/NAME.txt, as protobuf's text; its
first word is the first byte, or a method of agent_fuzz.cpp. Requests to a data plane have none, and
several stand in a line. For access_fuzz: the access files of the guide.
"""

import hashlib
import json
import re
import subprocess
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


def encode(kind, text):
    home = next(path for path in Path("proto/bulkhead/v1").glob("*.proto")
                if f"message {kind} " in path.read_text(encoding="utf-8"))
    done = subprocess.run(["protoc", "-Iproto", f"--encode=bulkhead.v1.{kind}", str(home)],
                          input=text.encode(), capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"seed.py: {text}: {done.stderr.decode()}")
    return done.stdout


def escaped(octets):
    return "".join(f"\\{octet:03o}" for octet in octets)


def socket_messages():
    """Fuzzer, octets."""
    folder = Path("tests/fuzz/messages")
    policy = encode("CompiledPolicy", (folder / "policy.txt").read_text(encoding="utf-8"))
    digest = hashlib.sha256(policy)
    stored = encode("GetPolicyResponse",
                    f'revision {{ number: 1 site: "fuzz" sha256: "{digest.hexdigest()}" '
                    f'generation: 2 }} artefact {{ format: 1 sha256: "{escaped(digest.digest())}" '
                    f'policy: "{escaped(policy)}" }}')
    harness = Path("tests/fuzz/agent_fuzz.cpp").read_text(encoding="utf-8")
    methods = re.findall(r'"(\w+Service/\w+)"', harness[harness.index("kMethods[] = {"):]
                         .split("}", 1)[0])
    for path in sorted(set(folder.glob("*.txt")) - {folder / "policy.txt"}):
        for line in path.read_text(encoding="utf-8").splitlines():
            line = line.replace("@policy@", escaped(policy)).replace("@stored@", escaped(stored))
            if path.stem in ("questions", "lease"):
                bodies = [encode(*part.split(" ", 1)) for part in line.split(" ;; ")]
                yield path.stem, b"\0" + b"".join(
                    len(body).to_bytes(2, "big") + body for body in bodies)
                yield path.stem, b"\1" + b"".join(
                    len(body).to_bytes(4, "big") + body for body in bodies)
                continue
            first, kind, *text = line.split(" ", 2)
            first = methods.index(first) if first in methods else int(first)
            yield path.stem, bytes([first]) + encode(kind, "".join(text))


def access_files():
    """The guide's, which has each kind of identity and of roles."""
    guide = Path("deploy/guides/authority.md").read_text(encoding="utf-8")
    return [block.encode() for block in re.findall(r"^```yaml\n(access: .*?)^```", guide, re.M | re.S)]


def audit_logs():
    """A segment with room, an export, and the two with the first record's text changed."""
    lines, previous = [], "0" * 64
    for number, more in enumerate(({"kind": "start", "text": "agent"}, {"kind": "stop"}), 1):
        record = {"number": number, "previous": previous, "wall_ns": 1796000000000000000,
                  "boot": "5f0c1d7e", "boot_ns": 7000000000, **more}
        text = json.dumps(record, separators=(",", ":"))
        previous = hashlib.sha256(text.encode()).hexdigest()
        lines.append(f"{previous} {text}\n")
    for body in ("".join(lines), "".join(lines).replace("agent", "Agent")):
        yield b"\0" + f"bulkhead-audit 1\n{body}".encode() + bytes(64)
        yield b"\0" + f"bulkhead-audit 1 2:{previous}\n{body}".encode()
    yield b"\1" + "".join(line.split(" ", 1)[1] for line in lines).encode()


def write(folder, seed):
    folder.mkdir(exist_ok=True)
    (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)


def main():
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    registry = Path("dataplane/protocols/registry.def").read_text(encoding="utf-8")
    modules = re.findall(r"^BULKHEAD_PROTOCOL\((\w+)\)", registry, re.M)
    count = 0
    for module, back, octets in messages(modules):
        write(corpus / modules[module], bytes([module << 1 | back]) + octets)
        count += 1
    for fuzzer, octets in socket_messages():
        write(corpus / fuzzer, octets)
        count += 1
    for octets in access_files():
        write(corpus / "access", octets)
        count += 1
    for octets in audit_logs():
        write(corpus / "audit", octets)
        count += 1
    print(f"{count} seeds")


if __name__ == "__main__":
    main()
