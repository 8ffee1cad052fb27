"""Debian in a folder: a clean root of a release with packages in it, and systemd started in it as the first
process of namespaces of its own (processes, mounts, control groups), in a network namespace of the lab.

No mount outlives the command or the machine that it was made for. Needs root and, for systemd, control groups
of version 2 in this kernel.
"""

import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/lab"))
from lab import LabError, run, start_time, wait_until  # noqa: E402

NUMBERS = {"bookworm": 12, "trixie": 13}
PACKAGES = ("bulkhead", "bulkheadctl", "bulkhead-doc")
MIRROR = "http://deb.debian.org/debian"
WORDS_OF_APT = 'APT::Get::Assume-Yes "true";\nDPkg::Use-Pty "false";\n'
ENVIRONMENT = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8",
               "DEBIAN_FRONTEND=noninteractive")

# With proc, devices and an empty /run, while one command lasts.
_CHROOT = """
  root=$1; shift
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/run"
  exec chroot "$root" "$@"
"""

# In a control group of its own, then in all other namespaces.
_BOOT = """
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mkdir -p "/sys/fs/cgroup/$2"
  echo $$ >"/sys/fs/cgroup/$2/cgroup.procs"
  exec unshare --mount --pid --fork --kill-child --uts --ipc --cgroup sh -euc "$3" - "$1"
"""
_FIRST_PROCESS = """
  mount --make-rprivate /
  mount --bind "$1" "$1"
  cd "$1"
  mount -t proc proc proc
  mount -t sysfs -o ro sysfs sys
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  mount -t tmpfs -o mode=755 tmpfs dev
  for node in null zero full random urandom tty; do cp -a "/dev/$node" dev/; done
  touch dev/console
  mount --bind dev/null dev/console
  mkdir dev/pts dev/shm
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
  mount -t tmpfs -o mode=1777 tmpfs dev/shm
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  mount -t tmpfs -o mode=755 tmpfs run
  # Each start has an id of its own, by which systemd knows what a start before it has left.
  cat proc/sys/kernel/random/uuid >run/boot_id
  mount --bind run/boot_id proc/sys/kernel/random/boot_id
  rm run/boot_id
  hostname appliance
  pivot_root . mnt
  umount -l /mnt
  exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
"""
_REMOVE_GROUP = """
  mount -t cgroup2 cgroup2 /mnt
  [ ! -d "/mnt/$1" ] || find "/mnt/$1" -depth -type d -exec rmdir {} +
"""


class Step:
    """Prints what is done, and how long it took."""

    def __init__(self, what):
        self.what = what

    def __enter__(self):
        self.begun = time.monotonic()
        return self

    def __exit__(self, kind, *_):
        print(f"{time.monotonic() - self.begun:7.1f} s  {self.what}{' FAILED' if kind else ''}",
              flush=True)


class CleanRoot:
    """A root that nothing but debootstrap has touched, copied from one that is kept."""

    def __init__(self, release, name):
        self.release = release
        self.kept = ROOT / f"build/roots/{release}.clean"
        self.path = ROOT / f"build/roots/{release}.{name}"

    def keep(self):
        """The one that is kept, made by debootstrap the first time."""
        if not (self.kept / ".complete").exists():
            shutil.rmtree(self.kept, ignore_errors=True)
            self.kept.parent.mkdir(parents=True, exist_ok=True)
            run("debootstrap", "--variant=minbase", self.release, self.kept, MIRROR, timeout=3000)
            (self.kept / ".complete").touch()
        return self.kept

    def make(self, *packages):
        """With packages of Debian's own."""
        self.keep()
        self.remove()
        run("cp", "-a", self.kept, self.path, timeout=300)
        for name in ("resolv.conf", "hosts"):
            shutil.copy(f"/etc/{name}", self.path / "etc")
        (self.path / "etc/apt/apt.conf.d/90test").write_text(WORDS_OF_APT)
        self.offer(self.release)
        if packages:
            self.inside("apt-get", "install", "--no-install-recommends", *packages)

    def offer(self, release):
        """What apt takes packages from."""
        (self.path / "etc/apt/sources.list").write_text(
            f"deb {MIRROR} {release} main\ndeb {MIRROR} {release}-updates main\n"
            f"deb {MIRROR}-security {release}-security main\n")
        self.inside("apt-get", "update")

    def inside(self, *words, check=True, timeout=900):
        return run("unshare", "--mount", "sh", "-euc", _CHROOT, "-", self.path, *ENVIRONMENT, *words,
                   check=check, timeout=timeout)

    def bring(self, debs):
        """The packages, in /root/packages; their names there."""
        folder = self.path / "root/packages"
        folder.mkdir(exist_ok=True)
        for deb in debs:
            shutil.copy(deb, folder)
        return [f"/root/packages/{deb.name}" for deb in debs]

    def fetch(self, *words):
        """What they depend on in the cache of apt: a lab has no way to Debian's archive."""
        self.inside("apt-get", "install", "--download-only", *words)

    def files(self):
        """Everything but what apt and dpkg themselves keep."""
        kept = ("var/lib/dpkg", "var/lib/apt", "var/cache", "var/log", "proc", "dev", "sys", "root")
        found = set()
        for folder, folders, names in os.walk(self.path):
            here = os.path.relpath(folder, self.path)
            folders[:] = [name for name in folders
                          if os.path.normpath(os.path.join(here, name)) not in kept]
            found.update(os.path.normpath(os.path.join(here, name)) for name in names + folders)
        return found

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Machine:
    """systemd in a root, as a process of a lab."""

    def __init__(self, root, lab, namespace):
        self.root, self.lab, self.namespace = root, lab, namespace
        self.role = f"machine-{namespace}"
        self.group = f"{lab.prefix}-{self.role}"

    def boot(self, seconds=90):
        """Returns once systemd has started what starts at boot."""
        self.lab.spawn(self.namespace, ["sh", "-euc", _BOOT, "-", self.root.path, self.group,
                                        _FIRST_PROCESS], self.role)
        end = time.monotonic() + seconds
        while self.run("systemctl", "is-active", "multi-user.target", check=False).returncode != 0:
            if self.lab.pid(self.role) is None:
                raise LabError(f"systemd ended: {self.lab.log(self.role)[-400:]}")
            if time.monotonic() > end:
                raise LabError(f"systemd has not started in {seconds} s")
            time.sleep(0.1)

    def first_process(self):
        parent = self.lab.pid(self.role)
        children = Path(f"/proc/{parent}/task/{parent}/children")
        found = children.read_text().split() if parent and children.exists() else []
        return found[0] if found else None

    def run(self, *words, check=True, timeout=600):
        """A command in the machine, by root."""
        first = self.first_process()
        if first is None:
            return run("false", check=check)
        return run("nsenter", "--target", first, "--all", "--root", "--wd", *ENVIRONMENT, *words,
                   check=check, timeout=timeout)

    def shell(self, script, **more):
        return self.run("sh", "-euc", script, **more)

    def cut_power(self):
        first = self.first_process()
        self.lab.stop(self.role, signal.SIGKILL)
        if first:  # it ends after all others of its namespace
            wait_until(lambda: not start_time(first), "the machine to end", 20)
        run("unshare", "--mount", "sh", "-euc", _REMOVE_GROUP, "-", self.group, check=False)

    def of_unit(self, unit, key):
        return self.run("systemctl", "show", "--value", "-p", key, unit).stdout.strip()

    def is_active(self, unit):
        return self.of_unit(unit, "ActiveState") == "active"

    def versions(self):
        return self.run("dpkg-query", "-W", "-f=${Version}\n", *PACKAGES).stdout.split()

    def journal(self, unit):
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit, check=False).stdout


def packages_of(folder, release, names=PACKAGES):
    """These packages of a release in a folder, the newest of each."""
    found = {name: sorted(folder.glob(f"{name}_*~deb{NUMBERS[release]}_*.deb")) for name in names}
    missing = [name for name in names if not found[name]]
    if missing:
        raise LabError(f"{folder} has no {', '.join(missing)} for {release}: deploy/package/build "
                       f"--release {release} makes them")
    return [found[name][-1] for name in names]


def version_of(deb):
    return deb.stem.split("_")[1]


def newer(debs, folder, changes_conffile=False):
    """The same packages as the next version: what an upgrade does depends on names and versions, and on the
    configuration files that the next version changes."""
    made = []
    folder.mkdir(exist_ok=True)
    for deb in debs:
        tree = folder / deb.stem
        run("dpkg-deb", "-R", deb, tree)
        control = tree / "DEBIAN/control"
        text = control.read_text()
        version = re.search(r"^Version: (.*)$", text, re.M).group(1)
        later = "9.9.9~" + version.rpartition("~")[2]
        control.write_text(text.replace(version, later))
        conffile = tree / "etc/bulkhead/dataplane.conf"
        if changes_conffile and conffile.exists():
            conffile.write_text(conffile.read_text() + "\n# A word of the next version.\n")
        made.append(folder / f"{deb.name.partition('_')[0]}_{later}.deb")
        run("dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, made[-1], timeout=300)
    return made
