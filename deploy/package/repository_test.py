"""A repository that deploy/package/repository signs: apt takes its packages, and refuses what was altered.

usage: repository_test.py BUILD [unittest arguments]
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parents[1] / "tests/e2e"))
import outcome  # noqa: E402


def run(*words, check=True, **more):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=check,
                          **more)


class Repository(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for program in ("reprepro", "gpg", "apt-get"):
            if not shutil.which(program):
                raise unittest.SkipTest(f"{program} is not there")
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.top = Path(folder.name)
        cls.home = cls.top / "gnupg"
        cls.home.mkdir(mode=0o700)
        cls.env = {**os.environ, "GNUPGHOME": str(cls.home), "LC_ALL": "C.UTF-8"}
        cls.addClassCleanup(run, "gpgconf", "--kill", "all", check=False, env=cls.env)
        cls.key, cls.other = cls.make_key("one@bulkhead.example"), cls.make_key("two@bulkhead.example")
        cls.packages = cls.top / "packages"
        cls.packages.mkdir()
        for number in (12, 13):
            cls.make_package(cls.packages, "bulkheadctl", f"1.0~deb{number}")

    @classmethod
    def make_key(cls, name):
        run("gpg", "--batch", "--passphrase", "", "--quick-gen-key", name, "ed25519", "sign", "1d",
            env=cls.env)
        listed = run("gpg", "--list-keys", "--with-colons", name, env=cls.env).stdout
        return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))

    @classmethod
    def make_package(cls, folder, name, version, content="a program"):
        tree = cls.top / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "usr/bin").mkdir(parents=True)
        (tree / "usr/bin" / name).write_text(content)
        (tree / "DEBIAN/control").write_text(
            f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nSection: net\n"
            "Priority: optional\nMaintainer: a <a@bulkhead.example>\nDescription: test\n")
        file = folder / f"{name}_{version}_amd64.deb"
        run("dpkg-deb", "--root-owner-group", "-b", tree, file)
        return file

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.out = self.folder / "repository"
        self.publish()

    def publish(self, key=None, packages=None, check=True):
        return run(HERE / "repository", "--key", key or self.key, "--packages",
                   packages or self.packages, "--out", self.out, check=check, env=self.env)

    def apt(self, *words, release="bookworm"):
        """apt-get with lists, keys and a state of the test's own."""
        own = self.folder / "apt"
        for name in ("state/lists/partial", "cache/archives/partial", "etc", "got"):
            (own / name).mkdir(parents=True, exist_ok=True)
        (own / "status").touch()
        shutil.copy(self.key_file, own / "key.gpg")
        (own / "sources.list").write_text(
            f"deb [arch=amd64 signed-by={own}/key.gpg] copy:{self.out} {release} main\n")
        options = {"Dir::Etc": own / "etc", "Dir::Etc::sourcelist": own / "sources.list",
                   "Dir::Etc::sourceparts": "/dev/null", "Dir::State": own / "state",
                   "Dir::State::status": own / "status", "Dir::Cache": own / "cache",
                   "APT::Architecture": "amd64", "APT::Sandbox::User": "root"}
        flags = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return run("apt-get", *flags, *words, check=False, env=self.env, cwd=own / "got")

    @property
    def key_file(self):
        return self.out / "bulkhead.gpg"

    def got(self):
        return [file.name for file in (self.folder / "apt/got").glob("*.deb")]

    def refused(self, done):
        """apt-get update ends with 0 after some errors; what it took is what counts."""
        return done.returncode != 0 or "\nW: " in "\n" + done.stderr or "\nE: " in "\n" + done.stderr

    def test_apt_takes_what_is_signed(self):
        for release, number in (("bookworm", 12), ("trixie", 13)):
            done = self.apt("update", release=release)
            self.assertFalse(self.refused(done), done.stderr)
            done = self.apt("download", "bulkheadctl", release=release)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"bulkheadctl_1.0~deb{number}_amd64.deb", self.got())

    def fetched(self):
        """By an installation that stops before dpkg: of apt 3 `download` leaves what it refuses."""
        done = self.apt("install", "--download-only", "--yes", "bulkheadctl")
        return done.returncode, [file.name for file in (self.folder / "apt/cache/archives").glob("*.deb")]

    def test_an_altered_package_is_refused(self):
        self.apt("update")
        self.assertEqual(self.fetched(), (0, ["bulkheadctl_1.0~deb12_amd64.deb"]))
        shutil.rmtree(self.folder / "apt/cache/archives")
        deb = next(self.out.glob("pool/**/bulkheadctl_*~deb12_*.deb"))
        with open(deb, "r+b") as file:
            file.seek(-8, os.SEEK_END)
            file.write(b"\0")
        self.assertEqual(self.fetched(), (100, []))

    def test_an_altered_index_is_refused(self):
        for index in self.out.glob("dists/bookworm/main/binary-amd64/Packages*"):
            data = index.read_bytes()
            index.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        self.assertTrue(self.refused(self.apt("update")))
        self.assertNotEqual(self.apt("download", "bulkheadctl").returncode, 0)

    def test_a_forged_release_is_refused(self):
        """Altered, signed by another key, and not signed at all."""
        release = self.out / "dists/bookworm/InRelease"
        signed = release.read_text()
        for how in ("altered", "other", "unsigned"):
            with self.subTest(how):
                (release.parent / "Release.gpg").unlink(missing_ok=True)
                if how == "altered":
                    release.write_text(signed.replace("Label: Bulkhead", "Label: Bulkhaed"))
                elif how == "other":
                    release.unlink()
                    run("gpg", "--batch", "--yes", "-u", self.other, "--clearsign", "-o", release,
                        release.parent / "Release", env=self.env)
                else:
                    release.unlink()
                self.assertTrue(self.refused(self.apt("update")))
                self.assertNotEqual(self.apt("download", "bulkheadctl").returncode, 0)

    def test_one_version_has_one_content(self):
        self.publish()  # what is there is there
        packages = self.folder / "packages"
        packages.mkdir()
        self.make_package(packages, "bulkheadctl", "1.0~deb12", "another program")
        done = self.publish(packages=packages, check=False)
        self.assertNotEqual(done.returncode, 0)

    def test_wrong_words_are_refused(self):
        self.assertEqual(run(HERE / "repository", check=False).returncode, 2)
        self.assertEqual(self.publish(key="0" * 40, check=False).returncode, 1)
        empty = self.folder / "empty"
        empty.mkdir()
        self.assertIn("no packages", self.publish(packages=empty, check=False).stderr)


if __name__ == "__main__":
    outcome.run(needs_root=False)
