"""What packages are made of: man pages, completions and the bill of materials, of this build's programs.

usage: package_test.py BUILD [unittest arguments]
Whole packages take long: tests/long/packages.py makes them.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(ROOT / "tests/e2e")]
import completion  # noqa: E402
import help_tree  # noqa: E402
import outcome  # noqa: E402
import sbom  # noqa: E402

BIN = (Path(sys.argv[1]) / "bin").resolve()
PROGRAMS = {"bulkheadctl": 1, "bulkhead-replay": 1, "bulkheadd": 8, "bulkhead-dataplane": 8}


def run(*words, check=True, **more):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=check,
                          **more)


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


class Generated(Case):
    def setUp(self):
        super().setUp()
        run(HERE / "generate", BIN, self.folder, "1.2.3", env={"SOURCE_DATE_EPOCH": "86400"})

    def page(self, name):
        return next(self.folder.glob(f"man/{name}.*"))

    def test_the_tree_has_what_the_helps_have(self):
        tree = help_tree.read(BIN / "bulkheadctl")
        commands = {" ".join(command.words[1:]): command for command in tree.walk()}
        for words in ("policy", "policy check", "push", "pair switchover", "pki init", "decode"):
            self.assertIn(words, commands)
        level = next(item for item in tree.items if "--format" in item.names)
        self.assertEqual((level.choices, level.default), (["table", "json"], "table"))
        comment = next(item for item in commands["push"].items if "--comment" in item.names)
        self.assertEqual(comment.names, ["-m", "--comment"])
        # Each word of a help that begins an indented line and has dashes is an option of the tree.
        for words, command in commands.items():
            told = run(BIN / "bulkheadctl", *words.split(), "--help").stdout
            names = set(re.findall(r"^ {1,4}(?:-\w, *)?(--[\w-]+)", told, re.M))
            self.assertEqual(names, {name for item in command.items for name in item.names
                                     if name.startswith("--")}, words)

    def test_a_help_that_is_not_understood_is_an_error(self):
        for text in ("no usage\n", "Text\nUsage: x [OPTIONS]\n\nnot a header\n"):
            with self.assertRaises(ValueError):
                help_tree.parse(["x"], text, "x")

    def test_the_layout_of_a_later_cli11(self):
        text = ("A tool\n\nUsage: /b/x [OPTIONS] SUBCOMMAND\n\n\nOPTIONS:\n"
                "  -h,     --help              Print this help\n"
                "  -o,     --out TEXT:{a,b} [a]\n                              Where\n\n"
                "SUBCOMMANDS:\n  go                          Goes\n")
        tree = help_tree.parse(["x"], text, "/b/x")
        self.assertEqual(tree.usage, "x [OPTIONS] SUBCOMMAND")
        self.assertEqual([item.names for item in tree.items], [["-h", "--help"], ["-o", "--out"]])
        where = tree.items[1]
        self.assertEqual((where.choices, where.default, where.text), (["a", "b"], "a", "Where"))
        self.assertEqual(tree.summaries, {"go": "Goes"})

    def test_man_pages_have_every_option_and_no_error(self):
        groff = shutil.which("groff") or self.skipTest("groff is not there")
        for name, section in PROGRAMS.items():
            page = self.page(name)
            self.assertEqual(page.suffix, f".{section}")
            text = page.read_text()
            self.assertIn("1970-01-02", text)
            self.assertNotIn(str(BIN), text)
            for command in help_tree.read(BIN / name).walk():
                for item in command.items:
                    for each in item.names:
                        if each != "--help" or len(command.words) == 1:
                            self.assertIn(each.replace("-", "\\-"), text)
        for page in self.folder.glob("man/*"):
            done = run(groff, "-t", "-k", "-man", "-ww", "-Tutf8", "-P-cbou", "-rLL=80n", page)
            self.assertEqual(done.stderr, "", page.name)
            self.assertTrue("\nNAME\n" in done.stdout, f"{page.name} has no NAME")
        self.assertTrue(self.page("bulkhead-install").exists())

    def test_each_guide_is_a_page_that_is_installed(self):
        listed = (HERE / "debian/bulkhead-doc.manpages").read_text().split()
        self.assertEqual(sorted(Path(each).name for each in listed),
                         sorted(page.name for page in self.folder.glob("man/*")
                                if page.name.partition(".")[0] not in PROGRAMS))
        for guide in (ROOT / "deploy/guides").glob("*.md"):
            self.assertTrue(self.page(f"bulkhead-{guide.stem}").exists(), guide.name)

    def test_pages_refer_to_pages(self):
        text = self.page("bulkhead-install").read_text()
        self.assertIn("bulkhead\\-pair(7)", text)
        self.assertNotIn("pair.md", text)

    def test_what_guides_link_to_is_installed_with_them(self):
        rules = (HERE / "debian/rules").read_text()
        beside = set(re.findall(r"-path '\./([^'*]+)'", rules))
        for guide in [*(ROOT / "deploy/guides").glob("*.md"), ROOT / "policies/README.md"]:
            for target in re.findall(r"\]\(([^)#\s]+)", guide.read_text()):
                file = (guide.parent / target).resolve()
                if "://" in target or target.endswith(".md"):
                    continue
                self.assertTrue(file.exists(), f"{guide.name}: {target}")
                name = str(file.relative_to(ROOT))
                self.assertTrue(name.startswith("policies/") or name in beside, f"{guide.name}: {target}")

    def complete(self, shell, name, *words):
        """What is offered for the last of the words."""
        if shell == "bash":
            script = ("compopt() { :; }; source $1; shift; COMP_WORDS=(\"$@\"); COMPREPLY=()\n"
                      "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                      f"_{name.replace('-', '_')}; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
            file = self.folder / "bash" / name
        else:
            script = ("file=$1; shift; words=(\"$@\"); CURRENT=$#; PREFIX=${words[CURRENT]}\n"
                      "offer() { for each in \"$@\"; do [[ $each == $PREFIX* ]] && print -r -- "
                      "${each%%:*}; done }\n"
                      "compadd() { shift; offer \"${(@P)1}\" }\n"
                      "_describe() { [[ $1 == -o ]] && shift; offer \"${(@P)2}\" }\n"
                      "_files() { print -rl -- $PREFIX*(N) }\n"
                      "run() { source $file }; run || true")
            file = self.folder / "zsh" / f"_{name}"
        done = run(shell, "-c", script, "-", file, name, *words, cwd=self.folder)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def expect_completions(self, shell):
        self.assertEqual(self.complete(shell, "bulkheadctl", "pol"), ["policy"])
        self.assertEqual(self.complete(shell, "bulkheadctl", "pair", "s"), ["status", "switchover"])
        self.assertEqual(self.complete(shell, "bulkheadctl", "policy", "check", "--fo"), ["--format"])
        self.assertEqual(self.complete(shell, "bulkheadctl", "push", "--commi"), ["--commit"])
        self.assertEqual(self.complete(shell, "bulkheadctl", "events", "--format", "j"), ["json"])
        (self.folder / "mine.yaml").touch()
        self.assertEqual(self.complete(shell, "bulkheadctl", "push", "min"), ["mine.yaml"])
        self.assertEqual(self.complete(shell, "bulkheadctl", "--pki", "mi"), ["mine.yaml"])
        self.assertEqual(self.complete(shell, "bulkhead-dataplane", "--huge-pages", ""),
                         ["auto", "yes", "no"])
        # Every command, and every option of each.
        for name in PROGRAMS:
            for command in help_tree.read(BIN / name).walk():
                offered = self.complete(shell, name, *command.words[1:], "--")
                self.assertEqual(set(offered), {each for each in offered if each.startswith("--")})
                for item in command.items:
                    if item.is_option:
                        self.assertIn(item.names[-1], offered, command.words)

    def test_bash_completes(self):
        self.expect_completions("bash")
        self.assertEqual(self.complete("bash", "bulkheadctl", "events", "--format", "=", "j"), ["json"])

    def test_zsh_completes(self):
        if not shutil.which("zsh"):
            self.skipTest("zsh is not there")
        self.expect_completions("zsh")


class Configuration(Case):
    def lines(self, name):
        """Lines of a conffile with those that are commented out as examples."""
        return [line.removeprefix("#") for line in (HERE / "conf" / name).read_text().splitlines()
                if re.match(r"#?[a-z-]+ = ", line)]

    def test_each_example_is_an_option(self):
        for program, name in (("bulkheadd", "bulkheadd.conf"), ("bulkhead-dataplane", "dataplane.conf")):
            options = {each for item in help_tree.read(BIN / program).items for each in item.names}
            lines = self.lines(name)
            self.assertTrue(lines)
            for line in lines:
                self.assertIn("--" + line.partition(" = ")[0], options)

    def test_the_agent_reads_its_examples(self):
        file = self.folder / "agent.conf"
        file.write_text("\n".join(self.lines("bulkheadd.conf")) + f"\npki = \"{self.folder}\"\n")
        done = run(BIN / "bulkheadd", "--config", file, check=False)
        self.assertEqual(done.returncode, 5, done.stderr)  # a certificate is missing

    def test_the_data_plane_reads_its_examples(self):
        for line in self.lines("dataplane.conf"):
            if not line.startswith("port"):
                continue
            file = self.folder / "dataplane.conf"
            file.write_text(f"{line}\npair = true\n")
            done = run(BIN / "bulkhead-dataplane", "--config", file, "--cpus", "9999", check=False)
            self.assertEqual(done.returncode, 3, done.stderr)  # read, and then the CPU is not there
            self.assertIn("9999", done.stderr)

    def test_the_file_of_collectors_counts_with_its_example_too(self):
        text = (HERE / "conf/collectors.yaml").read_text()
        file = self.folder / "collectors.yaml"
        for written, count in ((text, 0), (re.sub(r"(?m)^#(?=  )", "", text), 1)):
            file.write_text(written)
            done = run(BIN / "bulkheadctl", "collectors", "check", file, "--format", "json")
            self.assertEqual(len(done.stdout.splitlines()), count, done.stderr)


class Packages(Case):
    def test_the_operators_tool_needs_no_dpdk(self):
        self.assertEqual([name for name in sbom.needed(BIN / "bulkheadctl") if "rte" in name], [])
        self.assertTrue([name for name in sbom.needed(BIN / "bulkhead-dataplane") if "rte" in name])

    def test_what_is_installed_is_there(self):
        for file in HERE.glob("debian/*.install"):
            for line in file.read_text().splitlines():
                source = line.split()[0]
                if source.startswith("obj/bin/"):
                    self.assertIn(source.removeprefix("obj/bin/"), PROGRAMS)
                elif not source.startswith("obj/made/"):
                    self.assertTrue((ROOT / source).exists(), source)

    def test_wrong_words_are_refused(self):
        self.assertIn("--release", run(HERE / "build", "--help").stdout)
        for words in (["--release", "sid"], ["--what"], ["--out"]):
            self.assertEqual(run(HERE / "build", *words, check=False).returncode, 2)


class BillOfMaterials(Case):
    """Of a package with this build's bulkheadctl."""

    def setUp(self):
        super().setUp()
        self.deb = self.package("1.0", self.depends())
        self.file = self.folder / "bill.spdx.json"
        self.make(self.deb)

    def depends(self):
        installed = sbom.Installed()
        return sorted({installed.owner_of_library(name) for name in sbom.needed(BIN / "bulkheadctl")})

    def make(self, deb):
        run(HERE / "sbom.py", "make", self.file, deb, env={"SOURCE_DATE_EPOCH": "86400",
                                                           "PATH": "/usr/bin:/bin"})

    def package(self, version, depends):
        tree = self.folder / f"tree-{version}"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "usr/bin").mkdir(parents=True)
        shutil.copy(BIN / "bulkheadctl", tree / "usr/bin")
        (tree / "DEBIAN/control").write_text(
            f"Package: bulkheadctl\nVersion: {version}\nArchitecture: amd64\nMaintainer: a <a@b.c>\n"
            f"Depends: {', '.join(depends)}\nDescription: test\n")
        file = self.folder / f"bulkheadctl_{version}_amd64.deb"
        run("dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, file)
        return file

    def check(self, deb=None):
        return run(HERE / "sbom.py", "check", self.file, deb or self.deb, check=False)

    def expect_problem(self, words, change=None, deb=None):
        document = json.loads(self.file.read_text())
        before = self.file.read_text()
        if change:
            change(document)
            self.file.write_text(json.dumps(document))
        done = self.check(deb)
        self.file.write_text(before)
        self.assertEqual(done.returncode, 1)
        self.assertIn(words, done.stderr)

    def test_it_says_what_is_true(self):
        done = self.check()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        document = json.loads(self.file.read_text())
        self.assertEqual(document["spdxVersion"], "SPDX-2.3")
        self.assertEqual(document["creationInfo"]["created"], "1970-01-02T00:00:00Z")
        names = {each["name"] for each in document["packages"]}
        self.assertTrue({"libc6", "libyaml-cpp0.7", "libyaml-cpp0.8"} & names)

    def test_a_virtual_name_is_its_provider(self):
        """As Debian's spdlog has its dependants name libspdlog1.10-fmt9."""
        depends = self.depends()
        virtual, real = next((virtual, name) for virtual, name in sbom.Installed().provider.items()
                             if name in depends)
        self.assertNotEqual(virtual, real)
        deb = self.package("1.3", [virtual if name == real else name for name in depends])
        self.make(deb)
        done = self.check(deb)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(real, {each["name"] for each in json.loads(self.file.read_text())["packages"]})

    def test_what_is_not_true_is_found(self):
        def is_link(relation):
            return relation["relationshipType"] == "DYNAMIC_LINK"

        def drop_link(document):
            document["relationships"].remove(next(filter(is_link, document["relationships"])))

        def add_link(document):
            link = dict(next(filter(is_link, document["relationships"])))
            link["relatedSpdxElement"] = "SPDXRef-Package-bulkheadctl"
            document["relationships"].append(link)

        def other_version(document):
            next(each for each in document["packages"] if each["name"] == "libc6")["versionInfo"] = "1"

        def drop_dependency(document):
            document["relationships"] = [each for each in document["relationships"]
                                         if each["relationshipType"] != "DEPENDS_ON"]

        def drop_namespace(document):
            del document["documentNamespace"]

        def dangle(document):
            document["packages"] = [each for each in document["packages"] if each["name"] != "libc6"]

        def other_program(document):
            document["files"][0]["checksums"][1]["checksumValue"] = "0" * 64

        for words, change in (("/usr/bin/bulkheadctl links", drop_link), ("does not link", add_link),
                              ("libc6 1 is not what is installed", other_version),
                              ("which the document lacks", drop_dependency),
                              ("has no documentNamespace", drop_namespace),
                              ("which the document lacks", dangle),
                              ("is not in the document as it is in", other_program)):
            with self.subTest(change.__name__):
                self.expect_problem(words, change)

    def test_another_package_is_found(self):
        with self.subTest("altered"):
            self.expect_problem("is not the package that the document describes",
                                deb=self.package("1.1", self.depends()))
        with self.subTest("does not depend on what it links"):
            deb = self.package("1.2", [name for name in self.depends() if name != "libc6"])
            self.expect_problem("links libc6 and does not depend on it", deb=deb)


if __name__ == "__main__":
    outcome.run(needs_root=False)
