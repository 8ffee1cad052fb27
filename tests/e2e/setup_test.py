"""`bulkheadctl setup` on a machine in namespaces of its own, from interfaces to an enforcing appliance.

usage: setup_test.py BUILD [unittest arguments]
Needs root and nft. /etc is a copy of the test's own, and no service is started by it: the daemons run
with the configuration that was written, as their units would run them.

    bhs-sup eth0 -- eth1 [bhs-fw] eth2 -- eth0 bhs-ctl
                            eth0 192.0.2.10
                              |
    bhs-mgmt: 192.0.2.5 (admitted) and 192.0.2.66
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import outcome  # noqa: E402
from e2e_test import BUILD, POLICY, ROOT  # noqa: E402
from lab import Lab, LabError, run, wait_until  # noqa: E402

OWN, ADMITTED, STRANGER = "192.0.2.10", "192.0.2.5", "192.0.2.66"
USERS = {"bulkhead": 64001, "bulkhead-dp": 64002}
FOREIGN = "table inet mine {\n chain input { type filter hook input priority 5; accept; }\n}\n"
# Serves one connection after the other and says from where each came.
LISTENER = ("import socket, sys\n"
            "s = socket.create_server((sys.argv[1], int(sys.argv[2])))\n"
            "print('listening', flush=True)\n"
            "while True:\n"
            "    c, _ = s.accept()\n"
            "    c.recv(1)\n")
CONNECT = ("import socket, sys\n"
           "s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 1.5, (sys.argv[3], 0))\n"
           "print('connected', flush=True)\n"
           "s.settimeout(None)\n"
           "s.recv(1) if len(sys.argv) > 4 else None\n")
# A datagram, and time for the neighbour to answer.
ASK = ("import socket, sys, time\n"
       "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'?', (sys.argv[1], 9))\n"
       "time.sleep(1.5)\n")


class Appliance(Lab):
    namespaces = ("rogue", "sup", "ctl", "mgmt", "fw")
    roles = ("listener", "session", *Lab.roles)

    def __init__(self):
        super().__init__("bhs", BUILD)
        self.work = self.folder / "work"  # of who types commands
        self.path = self.folder / "path"

    def make_network(self):
        super().make_network()
        for old, new in (("zone0", "eth1"), ("zone1", "eth2")):
            run(*self.in_ns("fw", "ip", "link", "set", old, "down"))
            run(*self.in_ns("fw", "ip", "link", "set", old, "name", new))
            run(*self.in_ns("fw", "ip", "link", "set", new, "up"))
        run("ip", "link", "add", "eth0", "netns", self.ns("mgmt"), "type", "veth",
            "peer", "name", "eth0", "netns", self.ns("fw"))
        for name, addresses in (("fw", [OWN]), ("mgmt", [ADMITTED, STRANGER])):
            for address in addresses:
                run(*self.in_ns(name, "ip", "addr", "add", f"{address}/24", "dev", "eth0"))
            run(*self.in_ns(name, "ip", "link", "set", "eth0", "up"))

    def prepare(self):
        self.folder.mkdir(parents=True)
        for folder in (self.work, self.path):
            folder.mkdir()
        (self.path / "bulkheadctl").symlink_to(self.bin / "bulkheadctl")
        self.make_network()

    def command(self, *words, check=True, text_input=None, where="fw", ssh=None):
        surroundings = [f"PATH={self.path}:{os.environ['PATH']}"]
        if ssh:
            surroundings.append(f"SSH_CONNECTION={ssh}")
        done = subprocess.run(
            self.in_ns(where, "env", "-u", "SSH_CONNECTION", *surroundings, *words), text=True,
            capture_output=True, input=text_input, cwd=self.work, timeout=60)
        if check and done.returncode != 0:
            raise LabError(f"{words}: {done.stdout}{done.stderr}")
        return done

    def setup(self, *words, **more):
        return self.command("bulkheadctl", "setup", "--no-services", *words, **more)

    def rules(self):
        return run(*self.in_ns("fw", "nft", "-s", "list", "ruleset")).stdout

    def listen(self, port):
        self.spawn("fw", [sys.executable, "-c", LISTENER, OWN, port], "listener")
        wait_until(lambda: "listening" in self.log("listener"), "the listener", 5)

    def reaches(self, source, port):
        return run(*self.in_ns("mgmt", sys.executable, "-c", CONNECT, OWN, port, source),
                   check=False).returncode == 0

    def answers_in_zone(self):
        """Whether the host's own kernel answers for its address in a zone (ARP)."""
        run(*self.in_ns("fw", "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0",
                        "net.ipv4.conf.eth1.rp_filter=0"))
        run(*self.in_ns("sup", "ip", "route", "replace", f"{OWN}/32", "dev", "eth0"))
        run(*self.in_ns("sup", "ip", "neigh", "flush", "dev", "eth0"))
        run(*self.in_ns("sup", sys.executable, "-c", ASK, OWN))
        return "lladdr" in run(*self.in_ns("sup", "ip", "neigh", "show", OWN)).stdout

    def start_daemons(self):
        state, socket = self.folder / "state", self.folder / "dataplane.sock"
        self.spawn("fw", [self.bin / "bulkhead-dataplane", "--config", "/etc/bulkhead/dataplane.conf",
                          "--socket", socket, "--memory-mib", "256", "--buffers", "16384", "--flows",
                          "4096"], "dataplane")
        listening = self.in_ns("fw", "grep", "-q", socket, "/proc/net/unix")
        self._await("dataplane", lambda: run(*listening, check=False).returncode == 0)
        self.spawn("fw", [self.bin / "bulkheadd", "--config", "/etc/bulkhead/bulkheadd.conf",
                          "--socket", socket, "--state", state], "agent")


def etc_of():
    """Each file's digest and kind, but for what every tool writes by itself."""
    found = {}
    for path in sorted(Path("/etc").rglob("*")):
        if path.is_file() and not path.is_symlink():
            info = path.stat()
            found[str(path)] = (hashlib.sha256(path.read_bytes()).hexdigest(), info.st_mode,
                                info.st_uid, info.st_gid)
    return found


def commands_of(document, heading):
    """The lines of the first block under a heading."""
    text = (ROOT / document).read_text(encoding="utf-8").partition(f"\n{heading}\n")[2]
    lines = [line.partition("  #")[0].rstrip() for line in text.split("```")[1].strip().splitlines()]
    assert lines, f"{document} has no commands under {heading}"
    return lines


GUIDE = commands_of("deploy/guides/install.md", "## On an appliance")
AT_A_MIRROR = commands_of("deploy/guides/install.md", "## At a mirror port")
ASKED = ("--zone-port", "supervision=eth1", "--zone-port", "control=eth2", "--management", OWN,
         "--admit", "192.0.2.5")


class Setup(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        shutil.copytree("/etc", f"{folder.name}/etc", symlinks=True)
        run("mount", "--bind", f"{folder.name}/etc", "/etc")
        self.addCleanup(run, "umount", "--lazy", "/etc")
        shutil.rmtree("/etc/bulkhead", ignore_errors=True)
        for name, number in USERS.items():
            if f"\n{name}:" not in Path("/etc/passwd").read_text():
                with open("/etc/passwd", "a", encoding="utf-8") as file:
                    file.write(f"{name}:x:{number}:{number}::/:/usr/sbin/nologin\n")
                with open("/etc/group", "a", encoding="utf-8") as file:
                    file.write(f"{name}:x:{number}:\n")
        Path("/etc/bulkhead").mkdir()
        for file in (ROOT / "deploy/package/conf").iterdir():
            shutil.copy(file, "/etc/bulkhead")
        self.lab = Appliance()
        self.lab.down()
        self.addCleanup(self.lab.down)
        self.lab.prepare()

    def test_the_guides_lines_make_an_enforcing_appliance(self):
        lab = self.lab
        readme = commands_of("README.md", "## On an appliance")
        self.assertEqual(readme, GUIDE, "README.md and the guide say the same")
        self.assertEqual(len(readme), 5)
        self.assertTrue(readme[0].startswith("apt-get install "))
        lab.start_plc()
        begun = time.monotonic()
        first, *middle, last = readme[1:]
        said = lab.command("sh", "-ec", first.replace("setup", "setup --no-services")).stdout
        self.assertIn("no certificate yet", said)
        for line in middle:
            lab.command("sh", "-ec", line)
        lab.command("sh", "-ec", last.replace("setup", "setup --no-services"))
        # As a management host: what it has of the authority, and nothing of the appliance.
        lab.start_daemons()
        ctl = ("bulkheadctl", "--server", f"{OWN}:7443", "--pki", "authority")
        wait_until(lambda: lab.command(*ctl, "history", check=False, where="mgmt").returncode == 0,
                   "the agent", 20)
        self.assertNotEqual(lab.hmi("read", 0, 1)["result"], "ok", "no policy yet")
        lab.command(*ctl, "push", POLICY, "--commit", where="mgmt")
        self.assertEqual(lab.hmi("read", 0, 1)["result"], "ok")
        print(f"enforcing {time.monotonic() - begun:.1f} s after the first command", flush=True)
        self.assertNotEqual(lab.hmi("write", 42, 5000)["result"], "ok")
        self.assertNotEqual(lab.hmi("read", 0, 1, host="rogue")["result"], "ok")
        status = json.loads(lab.command(*ctl, "status", "--format", "json", where="mgmt").stdout)
        self.assertEqual((status["problem"], status["time"]["state"]), ("", "unknown"))
        self.assertEqual([port["device"] for port in status["ports"]],
                         ["net_af_packet0,iface=eth1", "net_af_packet1,iface=eth2"])
        # The key that certifies is nowhere on the appliance; its own key is the agent's to read.
        pki = Path("/etc/bulkhead/pki")
        self.assertEqual(sorted(file.name for file in pki.iterdir()),
                         ["ca.crt", "server.crt", "server.csr", "server.key"])
        info = (pki / "server.key").stat()
        self.assertEqual((info.st_mode & 0o777, info.st_uid, info.st_gid),
                         (0o640, 0, USERS["bulkhead"]))

    def test_an_appliance_at_a_mirror_port_that_later_stands_between_the_zones(self):
        lab = self.lab
        ctl = ("bulkheadctl", "--server", f"{OWN}:7443", "--pki", "authority")
        lab.start_plc()
        listens, stands = (line.replace("setup", "setup --no-services") for line in AT_A_MIRROR)
        _, *signing, certified = GUIDE[1:]
        run(*lab.in_ns("fw", "ip", "link", "set", "eth1", "down"))  # as it is after a boot
        said = lab.command("sh", "-ec", listens).stdout
        self.assertIn("port 0, a tap that only listens: net_af_packet0,iface=eth1", said)
        for line in (*signing, certified.replace("setup", "setup --no-services")):
            lab.command("sh", "-ec", line)
        lab.start_daemons()
        wait_until(lambda: lab.command(*ctl, "history", check=False, where="mgmt").returncode == 0,
                   "the agent", 20)
        lab.command(*ctl, "push", POLICY, "--commit", where="mgmt")
        said = lab.command(*ctl, "status", where="mgmt").stdout
        self.assertIn("TAP: nothing is enforced on port 0 (net_af_packet0,iface=eth1)", said)

        def port():
            done = lab.command(*ctl, "status", "--format", "json", where="mgmt")
            return json.loads(done.stdout)["ports"][0]
        before = port()["packets_in"]
        self.assertNotEqual(lab.hmi("read", 0, 1)["result"], "ok", "nobody joins the zones")
        wait_until(lambda: port()["packets_in"] > before, "the tap to hear the HMI", 10)
        self.assertEqual((port()["tap"], port()["packets_out"]), (True, 0))
        screen = lab.command(*ctl, "top", "--once", where="mgmt").stdout
        self.assertRegex(screen, r"listening, and enforcing nothing: revision \d+ of water-works")
        self.assertRegex(screen, r"TAP 0: [\d,.]+ frames/s, .*net_af_packet0,iface=eth1")
        for role in ("agent", "dataplane"):
            lab.stop(role)
        lab.command("sh", "-ec", stands)
        conf = Path("/etc/bulkhead/dataplane.conf").read_text().partition("# From here on")[2]
        self.assertNotIn("tap =", conf)
        lab.start_daemons()
        wait_until(lambda: lab.hmi("read", 0, 1)["result"] == "ok", "the zones to be joined", 20)
        self.assertNotEqual(lab.hmi("write", 42, 5000)["result"], "ok")

    def test_the_pairs_guide_makes_one_of_a_pair(self):
        lab = self.lab
        lines = commands_of("deploy/guides/pair.md", "## Set up")
        self.assertEqual(len(lines), 5)
        run(*lab.in_ns("fw", "ip", "addr", "add", "198.51.100.1/24", "dev", "eth0"))
        for line in lines:
            lab.command("sh", "-ec", line.replace("setup", "setup --no-services"))
        info = Path("/etc/bulkhead/pki/pair.key").stat()
        self.assertEqual((info.st_mode & 0o777, info.st_gid), (0o640, USERS["bulkhead"]))
        self.assertIn("ip saddr 198.51.100.2 ip daddr 198.51.100.1 meta l4proto { tcp, udp } th dport 7444 "
                      "accept", lab.rules())
        lab.start_daemons()  # an agent ends whose certificate the other would turn away
        ctl = ("bulkheadctl", "--server", f"{OWN}:7443", "--pki", "authority")

        def status():
            said = lab.command(*ctl, "pair", "status", "--format", "json", check=False, where="mgmt").stdout
            return json.loads(said) if said.strip() else None
        wait_until(status, "the agent", 20)
        said = status()
        self.assertEqual((said["self"]["name"], said["peer"]["name"]), ("alpha", "bravo"))

    def test_a_second_time_changes_nothing(self):
        self.lab.setup("--yes", *ASKED)
        before, rules = etc_of(), self.lab.rules()
        again = self.lab.setup("--yes")  # what was asked for is kept
        self.assertIn("nothing had to be changed", again.stdout)
        self.assertRegex(again.stdout, r"\d+\.\ds")
        self.assertNotIn(" done ", again.stdout)
        self.assertEqual((etc_of(), self.lab.rules()), (before, rules))
        # What somebody else takes away comes back, and no more.
        run(*self.lab.in_ns("fw", "nft", "delete", "table", "inet", "bulkhead_host"))
        lines = [json.loads(line) for line in
                 self.lab.setup("--yes", "--format", "json").stdout.splitlines()]
        self.assertEqual((lines[-1]["changed"], lines[-1]["done"]), (1, True))
        self.assertEqual(self.lab.rules().count("bulkhead_host"), rules.count("bulkhead_host"))

    def test_a_dry_run_prints_the_order_and_changes_nothing(self):
        before = etc_of()
        said = self.lab.setup("--dry-run", *ASKED).stdout
        self.assertEqual((etc_of(), self.lab.rules()), (before, ""))
        order = ["/etc/bulkhead/setup.conf", "/etc/bulkhead/dataplane.conf", "server.csr",
                 "/etc/bulkhead/bulkheadd.conf", "/etc/bulkhead/host.nft", "put the packet filter in force"]
        places = [said.find(each) for each in order]
        self.assertEqual(places, sorted(places), said)
        self.assertNotIn(-1, places)
        self.assertNotIn(" done ", said)
        done = self.lab.setup("--yes", *ASKED).stdout
        for line in re.findall(r"\d+\. due +(.*)", said):
            self.assertRegex(done, r"\d+\. done +" + re.escape(line))

    def test_the_managements_interface_is_not_taken(self):
        lab = self.lab
        lab.listen(2222)
        lab.spawn("mgmt", [sys.executable, "-c", CONNECT, OWN, "2222", ADMITTED, "stay"], "session")
        wait_until(lambda: "connected" in lab.log("session"), "a session", 5)
        before = etc_of()
        taken = lab.setup("--yes", "--zone-port", "eth0", "--zone-port", "eth2", "--management", OWN,
                          "--admit", ADMITTED, check=False)
        self.assertEqual(taken.returncode, 1)
        self.assertIn(f"eth0 carries the management of this machine: a session of {ADMITTED}",
                      taken.stderr)
        self.assertIn(f"a session of {ADMITTED}", lab.setup("--interfaces").stdout)
        locked = lab.setup("--yes", *ASKED, check=False, ssh=f"{STRANGER} 50000 {OWN} 22")
        self.assertEqual(locked.returncode, 1)
        self.assertIn(f"this session comes from {STRANGER}, which --admit does not hold", locked.stderr)
        # As under sudo, which hands no variable down: the shell above has it.
        below = ("sh", "-c", "env -u SSH_CONNECTION bulkheadctl setup --no-services \"$@\"; exit $?", "-",
                 "--yes", *ASKED[:-1], STRANGER)
        locked = lab.command(*below, check=False, ssh=f"{ADMITTED} 50000 {OWN} 2222")
        self.assertEqual(locked.returncode, 1)
        self.assertIn(f"this session comes from {ADMITTED}, which --admit does not hold", locked.stderr)
        self.assertEqual((etc_of(), lab.rules()), (before, ""))

    def test_the_host_admits_its_management_and_nothing_else(self):
        lab = self.lab
        run(*lab.in_ns("fw", "nft", "-f", "-"), text_input=FOREIGN)
        foreign = lab.rules()
        lab.listen(7443)
        self.assertTrue(lab.reaches(STRANGER, 7443), "before")
        self.assertTrue(lab.answers_in_zone(), "before")
        lab.setup("--yes", *ASKED)
        self.assertTrue(lab.reaches(ADMITTED, 7443))
        self.assertFalse(lab.reaches(STRANGER, 7443))
        self.assertFalse(lab.answers_in_zone(), "the kernel answers for itself in a zone")
        lab.stop("listener")
        lab.listen(9999)
        self.assertFalse(lab.reaches(ADMITTED, 9999))
        self.assertTrue(lab.rules().startswith(foreign), "a table of others has changed")
        lab.setup("--yes", "--no-host-firewall")
        self.assertEqual(lab.rules(), foreign)
        self.assertIn("nothing had to be changed", lab.setup("--yes").stdout)
        lab.setup("--yes", "--admit", ADMITTED)
        self.assertIn("bulkhead_host", lab.rules())

    def test_what_fails_is_undone(self):
        before = etc_of()
        Path("/etc/systemd/system").mkdir(parents=True, exist_ok=True)
        run("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", "/etc/systemd/system")
        self.addCleanup(run, "umount", "--lazy", "/etc/systemd/system", check=False)
        failed = self.lab.setup("--yes", *ASKED, check=False)
        self.assertEqual(failed.returncode, 1, failed.stdout)
        self.assertIn("Read-only file system", failed.stdout)
        self.assertIn("what was done has been undone", failed.stdout)
        run("umount", "/etc/systemd/system")
        self.assertEqual((etc_of(), self.lab.rules()), (before, ""))
        self.lab.setup("--yes", *ASKED)

    def test_what_is_broken_off_is_undone(self):
        """Ctrl-C while a step runs: the step ends, and all before it is taken back."""
        before, lab = etc_of(), self.lab
        run("mount", "-t", "tmpfs", "tmpfs", "/usr/local/sbin")
        self.addCleanup(run, "umount", "--lazy", "/usr/local/sbin", check=False)
        slow, begun = Path("/usr/local/sbin/nft"), lab.folder / "begun"
        slow.write_text(f'#!/bin/sh\n[ "$1" != -f ] || {{ touch {begun}; sleep 1; }}\n'
                        f'exec {shutil.which("nft", path="/usr/sbin:/sbin")} "$@"\n')
        slow.chmod(0o755)
        words = lab.in_ns("fw", "bulkheadctl", "setup", "--no-services", "--yes", *ASKED)
        with subprocess.Popen(words, text=True, stdout=subprocess.PIPE, start_new_session=True,
                              env={**os.environ, "PATH": f"{lab.path}:{os.environ['PATH']}"}) as setup:
            wait_until(begun.exists, "the packet filter's step", 20)
            self.assertNotEqual(etc_of(), before)
            os.killpg(setup.pid, signal.SIGINT)
            said = setup.communicate(timeout=60)[0]
        self.assertEqual(setup.returncode, 1, said)
        self.assertRegex(said, r"done +put the packet filter in force")
        self.assertIn("broken off before this step", said)
        self.assertIn("what was done has been undone", said)
        self.assertEqual((etc_of(), lab.rules()), (before, ""))

    def test_a_certificate_for_another_key_is_refused(self):
        lab = self.lab
        ctl = ("bulkheadctl", "pki")
        lab.setup("--yes", *ASKED)
        lab.command(*ctl, "init", "authority")
        lab.command(*ctl, "init", "other")
        signed = lab.command(*ctl, "sign", "authority", "/etc/bulkhead/pki/server.csr", "--out",
                             "server.crt")
        self.assertIn(OWN, signed.stdout)
        for certificate, authority, why in (
                ("authority/server.crt", "authority", "is not for this appliance's key"),
                ("server.crt", "other", "is not valid under the authority's")):
            refused = lab.setup("--yes", "--certificate", certificate, "--authority",
                                f"{authority}/ca.crt", check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn(why, refused.stderr)
        self.assertFalse(Path("/etc/bulkhead/pki/server.crt").exists())
        shutil.copy(lab.work / "authority/ca.key", "/etc/bulkhead/pki")
        self.assertIn("an authority's key lies on this appliance",
                      lab.setup("--yes", check=False).stderr)

    def test_questions_lead_to_the_same(self):
        lab = self.lab
        before = etc_of()
        management = f"here\n{OWN}\n{ADMITTED}\n\n\nnone\n"
        answers = "eth9 eth2\nsupervision=eth1 control=eth2\n\n\n" + management
        no = lab.setup(text_input=answers + "no\n", check=False)
        self.assertEqual((no.returncode, etc_of()), (1, before), no.stderr)
        self.assertEqual(no.stdout.count("that is not"), 2)
        lab.setup(text_input=answers + "yes\n")
        asked = etc_of()
        lab.setup("--yes", *ASKED)
        self.assertEqual(etc_of(), asked)
        self.assertEqual(lab.setup(text_input="eth1\n", check=False).returncode, 2, "input that ends")
        # One port has to be there; a tap may be the only one.
        said = lab.setup(text_input="none\nnone\neth9\neth1\n\n" + management + "yes\n").stdout
        self.assertEqual(said.count("that is not one or more of those above, and there is no zone port"), 2)
        asked = etc_of()
        self.assertIn('tap = ["net_af_packet0,iface=eth1"]', Path("/etc/bulkhead/dataplane.conf").read_text())
        self.assertIn("nothing had to be changed", lab.setup("--yes", "--zone-port", "none").stdout)
        self.assertEqual(etc_of(), asked)


if __name__ == "__main__":
    if os.geteuid() == 0 and "BULKHEAD_OWN_MOUNTS" not in os.environ:
        os.environ["BULKHEAD_OWN_MOUNTS"] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, __file__, *sys.argv[1:]])
    if not shutil.which("nft"):
        outcome.skip("nft is not there")
    outcome.run()
