"""The appliance's disk image: a root of Debian with kernel and systemd, in which Bulkhead is not installed
yet. Its packages lie in /root/packages, what they depend on is installed.

Made from a root that debootstrap makes once (build/roots/RELEASE.clean, which deploy/tests/root uses too)
without a loop device: mke2fs copies the folder.
"""

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/lab"))
from debian import CleanRoot  # noqa: E402
from lab import run  # noqa: E402

PACKAGES = ("bulkhead", "bulkheadctl")
# What an appliance has anyhow; python3 for what the test does in it.
SYSTEM = ("systemd-sysv", "udev", "kmod", "iproute2", "pciutils", "procps", "e2fsprogs", "nftables",
          "chrony", "dbus", "python3", "zstd")
# The disk and its file system are all that the first steps of the kernel need.
INITRD_MODULES = ("virtio_pci", "virtio_blk", "ext4")
# What would only take the emulator's time.
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
          "e2scrub_reap.service", "fstrim.timer", "man-db.timer", "getty@tty1.service",
          "systemd-networkd-wait-online.service", "systemd-timesyncd.service")
IMAGE_BYTES = 3 << 30
PATIENCE_S = 1500  # on a host with other work
MANAGEMENT, MANAGEMENT_MAC = "192.0.2.10", "02:00:00:00:99:10"  # the address of the guide

# Commands of the test, a line each: number and base64; answered with number, exit code and base64.
SHELL = r"""#!/bin/bash
exec 3<>/dev/ttyS1
stty -F /dev/ttyS1 raw -echo
echo "ready" >&3
while IFS=' ' read -r -u 3 number code; do
  [ -n "$code" ] || continue
  output=$(bash -c "$(echo "$code" | base64 -d)" </dev/null 2>&1 3>&- | base64 -w 0; exit "${PIPESTATUS[0]}")
  echo "$number $? $output" >&3
done
"""
SHELL_UNIT = """[Unit]
Description=Commands of the test
DefaultDependencies=no
After=systemd-remount-fs.service systemd-udevd.service
[Service]
ExecStart=/usr/local/sbin/machine-shell
Restart=always
RestartSec=1
OOMScoreAdjust=-1000
[Install]
WantedBy=sysinit.target
"""


def depended_on(debs):
    """What the packages depend on and recommend, except each other."""
    wanted = []
    for deb in debs:
        for field in ("Pre-Depends", "Depends", "Recommends"):
            listed = run("dpkg-deb", "-f", deb, field).stdout.replace("\n", " ")
            wanted += [each.strip() for each in listed.split(",") if each.strip()]
    return [each for each in dict.fromkeys(wanted) if not each.startswith("bulkhead")]


def inside(root, *words, timeout=PATIENCE_S):
    """Runs a command in a root, with a /proc and /dev that end with it."""
    script = ('mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && exec chroot "$0" env -i '
              'PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"')
    return run("unshare", "--mount", "--fork", "sh", "-ec", script, root, *words, timeout=timeout)


def write(root, name, text, mode=0o644):
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.write_text(text)
    file.chmod(mode)


class System:
    """Roots that are made once for a release and kept in build/roots: clean, and with all but Bulkhead."""

    def __init__(self, release, tell):
        self.release, self.tell = release, tell
        self.root = ROOT / f"build/roots/{release}.machine"

    def make(self, needed):
        stamp = "\n".join([*SYSTEM, *INITRD_MODULES, *needed])
        complete = self.root / ".complete"
        if complete.exists() and complete.read_text() == stamp:
            return self.root
        self.tell(f"a clean root of {self.release} (made by debootstrap once)")
        clean = CleanRoot(self.release, "machine").keep()
        shutil.rmtree(self.root, ignore_errors=True)
        run("cp", "-a", clean, self.root, timeout=PATIENCE_S)
        complete.unlink()
        self.tell(f"Debian's packages into {self.root} (once)")
        self._install(needed)
        complete.write_text(stamp)
        return self.root

    def _install(self, needed):
        for name in ("resolv.conf", "hosts"):
            shutil.copy(f"/etc/{name}", self.root / "etc")
        write(self.root, "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        # Documents of Debian's packages are not read here.
        excluded = self.root / "etc/dpkg/dpkg.cfg.d/machine"
        excluded.write_text("path-exclude=/usr/share/doc/*\npath-exclude=/usr/share/locale/*\n"
                            "force-unsafe-io\n")
        inside(self.root, "apt-get", "update")
        self._apt("install", "initramfs-tools")
        write(self.root, "etc/initramfs-tools/modules", "\n".join(INITRD_MODULES) + "\n")
        write(self.root, "etc/initramfs-tools/conf.d/machine", "MODULES=list\nCOMPRESS=zstd\n")
        self._apt("install", *SYSTEM)
        self._apt("install", "linux-image-amd64")
        self._apt("satisfy", ", ".join(needed))
        inside(self.root, "apt-get", "clean")
        (self.root / "usr/sbin/policy-rc.d").unlink()
        excluded.unlink()

    def _apt(self, what, *names):
        inside(self.root, "apt-get", what, "-y", "--no-install-recommends", *names)


class Image:
    """Files of a folder: `root`, from which `kernel`, `initrd` and `disk` are made."""

    def __init__(self, folder, release, tell):
        self.folder, self.release, self.tell = Path(folder), release, tell
        self.root = self.folder / "root"
        self.kernel, self.initrd, self.disk = (self.folder / name for name in ("kernel", "initrd", "disk"))

    def make(self, debs):
        system = System(self.release, self.tell).make(depended_on(debs))
        self.tell("the image")
        shutil.rmtree(self.root, ignore_errors=True)
        # Linked files are replaced and never written to: see write().
        run("cp", "-al", system, self.root, timeout=PATIENCE_S)
        self._set_up()
        for deb in debs:
            shutil.copy(deb, self.root / "root/packages")
        for name, file in (("vmlinuz", self.kernel), ("initrd.img", self.initrd)):
            (found,) = sorted((self.root / "boot").glob(f"{name}-*"))
            shutil.copy(found, file)
        self._write_disk()

    def _set_up(self):
        write(self.root, "etc/fstab", "/dev/vda / ext4 errors=remount-ro 0 1\n")
        write(self.root, "etc/hostname", "appliance\n")
        write(self.root, "etc/hosts", "127.0.0.1 localhost appliance\n")
        write(self.root, "etc/systemd/network/10-management.network",
              f"[Match]\nMACAddress={MANAGEMENT_MAC}\n[Network]\nAddress={MANAGEMENT}/24\n"
              "LinkLocalAddressing=no\nIPv6AcceptRA=no\n")
        write(self.root, "usr/local/sbin/machine-shell", SHELL, 0o755)
        write(self.root, "etc/systemd/system/machine-shell.service", SHELL_UNIT)
        shutil.copy(ROOT / "tests/e2e/hold_thread.py", self.root / "usr/local/sbin")
        (self.root / "root/packages").mkdir(exist_ok=True)
        inside(self.root, "systemctl", "enable", "systemd-networkd.service", "machine-shell.service")
        inside(self.root, "systemctl", "mask", *MASKED)
        # The same number at each boot spares the journal a new folder each time.
        write(self.root, "etc/machine-id", "b0b0b0b0b0b04b0b8b0b0b0b0b0b0b0b\n")

    def _write_disk(self):
        self.disk.unlink(missing_ok=True)
        with open(self.disk, "wb") as file:
            file.truncate(IMAGE_BYTES)
        run("mke2fs", "-q", "-F", "-t", "ext4", "-L", "root", "-d", self.root, self.disk,
            timeout=PATIENCE_S)

    def check(self):
        """The file system after everything: its journal is replayed, then all of it is read."""
        done = run("e2fsck", "-f", "-p", self.disk, check=False, timeout=PATIENCE_S)
        return done.returncode, re.sub(r"\s+", " ", done.stdout)[-400:]


def missing_tools():
    """Each as the command that mends it."""
    needed = {"qemu-system-x86_64": "qemu-system-x86", "mke2fs": "e2fsprogs", "debootstrap": "debootstrap",
              "ip": "iproute2", "unshare": "util-linux", "dpkg-deb": "dpkg"}
    packages = sorted({package for tool, package in needed.items() if not shutil.which(tool)})
    return f"apt-get install --no-install-recommends {' '.join(packages)}" if packages else ""

