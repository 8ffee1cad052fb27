#!/usr/bin/env python3
"""The bill of materials of Debian packages, SPDX 2.3, and the check that it says what is true.

usage: sbom.py make OUT.spdx.json [--headers DEPS] [--driver PACKAGE ...] DEB ...
       sbom.py check IN.spdx.json DEB ...

Runs where the packages were built: which package a library belongs to, and in which version, is what
dpkg knows there. --headers has the list of `ninja -t deps`: what is compiled in. --driver names a
package that a program loads while it runs.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

INFO = Path("/var/lib/dpkg/info")
# What packages depend on without linking it: maintainer scripts and tools.
NOT_LINKED = {"adduser", "init-system-helpers", "pci.ids", "pciutils", "systemd",
              "systemd-standalone-sysusers", "systemd-sysusers", "systemd-tmpfiles",
              "systemd-standalone-tmpfiles"}


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout


def names_of(text):
    """Names in a field of a package, without versions and architectures."""
    return [re.split(r"[\s(:]", each.strip())[0] for each in text.split(",") if each.strip()]


class Installed:
    """The packages of this machine, and whose file a path is."""

    def __init__(self):
        self.versions, self.source, self.owner, self.provider = {}, {}, {}, {}
        rows = run("dpkg-query", "-W", "-f",
                   "${Package}\t${Version}\t${Architecture}\t${source:Package}\t${db:Status-Status}\t"
                   "${Provides}\n")
        for row in rows.splitlines():
            name, version, architecture, source, state, provides = row.split("\t")
            if state == "installed":
                self.versions[name] = (version, architecture)
                self.source[name] = source
                for each in names_of(provides):
                    self.provider.setdefault(each, name)
        for file in INFO.glob("*.list"):
            name = file.name.removesuffix(".list").partition(":")[0]
            for path in file.read_text(encoding="utf-8", errors="replace").splitlines():
                self.owner.setdefault(path, name)
        self.libraries = {}
        for line in run("/sbin/ldconfig", "-p").splitlines():
            if match := re.match(r"\s+(\S+) \(libc6,x86-64.*\) => (\S+)", line) or \
                    re.match(r"\s+(\S+) \(libc6[^)]*\) => (\S+)", line):
                self.libraries.setdefault(match.group(1), match.group(2))

    def real(self, name):
        """The installed package of this name, or the one that provides it."""
        return name if name in self.versions else self.provider.get(name)

    def owner_of(self, path):
        """/lib and /usr/lib are one folder; dpkg knows a file under one of the names."""
        for each in (path, os.path.realpath(path)):
            for name in (each, each.removeprefix("/usr"), "/usr" + each):
                if name in self.owner:
                    return self.owner[name]
        return None

    def owner_of_library(self, soname):
        path = self.libraries.get(soname)
        owner = self.owner_of(path) if path else None
        if owner is None:
            sys.exit(f"sbom: no package on this machine has {soname}")
        return owner


def digests(path):
    data = Path(path).read_bytes()
    return [{"algorithm": name, "checksumValue": hashlib.new(name.lower(), data).hexdigest()}
            for name in ("SHA1", "SHA256")]


def needed(path):
    out = run("readelf", "-d", "-W", str(path))
    return sorted(set(re.findall(r"\(NEEDED\)\s+Shared library: \[([^\]]+)\]", out)))


class Deb:
    """A package's fields, and its programs with what they link."""

    def __init__(self, path):
        self.path = Path(path)
        fields = run("dpkg-deb", "-f", str(path), "Package", "Version", "Architecture", "Depends",
                     "Recommends", "Pre-Depends")
        joined = re.sub(r"\n\s+", " ", fields)
        self.fields = dict(line.split(": ", 1) for line in joined.splitlines() if ": " in line)
        self.name, self.version = self.fields["Package"], self.fields["Version"]
        self.programs = {}  # path in the package -> (digests, needed)
        with tempfile.TemporaryDirectory() as folder:
            run("dpkg-deb", "-x", str(path), folder)
            for file in sorted(Path(folder).rglob("*")):
                if file.is_file() and not file.is_symlink() and file.open("rb").read(4) == b"\x7fELF":
                    self.programs["/" + str(file.relative_to(folder))] = (digests(file), needed(file))

    def names(self, field):
        """Names in a field, alternatives too, without versions."""
        text = self.fields.get(field, "")
        return [names_of(group.replace("|", ",")) for group in text.split(",") if group.strip()]


def identifier(kind, *words):
    return f"SPDXRef-{kind}-" + "-".join(re.sub(r"[^A-Za-z0-9.]", "-", word) for word in words)


def debian_package(name, installed):
    version, architecture = installed.versions[name]
    return {"SPDXID": identifier("Package", name), "name": name, "versionInfo": version,
            "supplier": "Organization: Debian", "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False, "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
            "sourceInfo": f"built from Debian's source package {installed.source[name]}",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                              "referenceLocator": f"pkg:deb/debian/{name.replace('+', '%2B')}@"
                                                  f"{version.replace('+', '%2B').replace(':', '%3A')}"
                                                  f"?arch={architecture}"}]}


def own_package(deb):
    return {"SPDXID": identifier("Package", deb.name), "name": deb.name, "versionInfo": deb.version,
            "packageFileName": deb.path.name, "supplier": "Organization: Bulkhead",
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
            "checksums": digests(deb.path), "licenseConcluded": "Apache-2.0",
            "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION"}


def headers_owners(file, installed):
    """Packages whose headers were read by the compiler."""
    paths = {os.path.normpath(line.strip()) for line in Path(file).read_text().splitlines()
             if line.startswith("    /usr/")}
    return sorted({owner for path in paths if (owner := installed.owner_of(path))})


class Document:
    def __init__(self, installed):
        self.installed, self.packages, self.files, self.relations = installed, {}, {}, set()

    def relate(self, subject, kind, other):
        self.relations.add((subject, kind, other))

    def add_debian(self, name):
        entry = debian_package(name, self.installed)
        self.packages[entry["SPDXID"]] = entry
        return entry["SPDXID"]

    def add(self, deb, own):
        me = own_package(deb)
        self.packages[me["SPDXID"]] = me
        self.relate("SPDXRef-DOCUMENT", "DESCRIBES", me["SPDXID"])
        for path, (sums, sonames) in deb.programs.items():
            file = {"SPDXID": identifier("File", deb.name, path.strip("/")), "fileName": "." + path,
                    "checksums": sums, "fileTypes": ["BINARY"], "licenseConcluded": "Apache-2.0",
                    "copyrightText": "NOASSERTION"}
            self.files[file["SPDXID"]] = file
            self.relate(me["SPDXID"], "CONTAINS", file["SPDXID"])
            for soname in sonames:
                library = self.add_debian(self.installed.owner_of_library(soname))
                self.relate(file["SPDXID"], "DYNAMIC_LINK", library)
        for group in deb.names("Depends") + deb.names("Pre-Depends"):
            chosen = next((name if name in own else self.installed.real(name) for name in group
                           if name in own or self.installed.real(name)), None)
            if chosen in own:
                self.relate(me["SPDXID"], "DEPENDS_ON", identifier("Package", chosen))
            elif chosen:
                self.relate(me["SPDXID"], "DEPENDS_ON", self.add_debian(chosen))

    def text(self, name, epoch):
        relations = [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}
                     for a, kind, b in sorted(self.relations)]
        body = {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
                "name": name,
                "creationInfo": {"created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch)),
                                 "creators": ["Organization: Bulkhead", "Tool: deploy/package/sbom.py"]},
                "packages": [self.packages[key] for key in sorted(self.packages)],
                "files": [self.files[key] for key in sorted(self.files)],
                "relationships": relations}
        content = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        body["documentNamespace"] = f"https://spdx.org/spdxdocs/{name}-{content[:32]}"
        return json.dumps(body, indent=1, sort_keys=True) + "\n"


def make(words):
    installed = Installed()
    debs = [Deb(path) for path in words.debs]
    document = Document(installed)
    own = {deb.name for deb in debs}
    for deb in debs:
        document.add(deb, own)
    programs = [deb for deb in debs if deb.programs]
    for owner in headers_owners(words.headers, installed) if words.headers else []:
        entry = document.add_debian(owner)
        for deb in programs:
            document.relate(entry, "BUILD_DEPENDENCY_OF", identifier("Package", deb.name))
    for driver in words.driver:
        document.relate(document.add_debian(driver), "RUNTIME_DEPENDENCY_OF",
                        identifier("Package", programs[0].name))
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    Path(words.file).write_text(document.text(f"bulkhead-{debs[0].version}", epoch), encoding="utf-8")


def check_form(document):
    """What SPDX 2.3 requires of a document."""
    for key in ("spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo"):
        if not document.get(key):
            yield f"the document has no {key}"
    ids = [each.get("SPDXID") for each in document["packages"] + document["files"]]
    for each in {one for one in ids if ids.count(one) > 1}:
        yield f"{each} stands twice"
    for package in document["packages"]:
        for key in ("SPDXID", "name", "downloadLocation", "versionInfo"):
            if not package.get(key):
                yield f"package {package.get('name')} has no {key}"
    known = {"SPDXRef-DOCUMENT", *ids}
    for relation in document["relationships"]:
        for key in ("spdxElementId", "relatedSpdxElement"):
            if relation[key] not in known:
                yield f"a relationship names {relation[key]}, which the document lacks"


def check_package(deb, document, installed, related):
    """The packages that are built against what the document says of them."""
    me = identifier("Package", deb.name)
    entry = next((each for each in document["packages"] if each["SPDXID"] == me), None)
    if entry is None:
        yield f"{deb.name} is not in the document"
        return
    if entry.get("checksums") != digests(deb.path):
        yield f"{deb.path.name} is not the package that the document describes"
    groups = [{*group, *filter(None, map(installed.real, group))}
              for group in deb.names("Depends") + deb.names("Pre-Depends")]
    depends = set().union(*groups)
    linked = set()
    contained = related(me, "CONTAINS")
    for path, (sums, sonames) in deb.programs.items():
        file = identifier("File", deb.name, path.strip("/"))
        listed = next((each for each in document["files"] if each["SPDXID"] == file), None)
        if listed is None or listed["checksums"] != sums or file not in contained:
            yield f"{path} is not in the document as it is in {deb.name}"
            continue
        truth = {identifier("Package", installed.owner_of_library(name)) for name in sonames}
        for each in sorted(truth ^ related(file, "DYNAMIC_LINK")):
            yield f"{path} {'links' if each in truth else 'does not link'} {each}"
        linked |= {installed.owner_of_library(name) for name in sonames}
    for name in sorted(linked - depends):
        yield f"{deb.name} links {name} and does not depend on it"
    said = related(me, "DEPENDS_ON")
    for group in groups:
        if not said & {identifier("Package", name) for name in group} and not group & NOT_LINKED:
            yield f"{deb.name} depends on {' | '.join(sorted(group))}, which the document lacks"


def check(words):
    document = json.loads(Path(words.file).read_text(encoding="utf-8"))
    installed = Installed()

    def related(subject, kind):
        return {each["relatedSpdxElement"] for each in document["relationships"]
                if each["spdxElementId"] == subject and each["relationshipType"] == kind}

    problems = list(check_form(document))
    for deb in map(Deb, words.debs):
        problems += check_package(deb, document, installed, related)
    for package in document["packages"]:
        truth = installed.versions.get(package["name"])
        if package["supplier"] == "Organization: Debian" and (
                truth is None or truth[0] != package["versionInfo"]):
            problems.append(f"{package['name']} {package['versionInfo']} is not what is installed here")
    for problem in problems:
        print(f"sbom: {problem}", file=sys.stderr)
    if not problems:
        links = sum(each["relationshipType"] == "DYNAMIC_LINK" for each in document["relationships"])
        print(f"{Path(words.file).name}: {len(document['packages'])} packages, "
              f"{len(document['files'])} programs, {links} links, as they are")
    return 1 if problems else 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__.partition("usage: ")[2].partition("\n\n")[0])
    commands = parser.add_subparsers(required=True)
    for name, function in (("make", make), ("check", check)):
        command = commands.add_parser(name)
        command.set_defaults(function=function)
        command.add_argument("file")
        command.add_argument("debs", nargs="+")
        command.add_argument("--headers")
        command.add_argument("--driver", action="append", default=[])
    words = parser.parse_args()
    return words.function(words) or 0


if __name__ == "__main__":
    sys.exit(main())
