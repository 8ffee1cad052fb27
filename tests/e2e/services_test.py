"""Both daemons under a service manager, which is this test: what they report to it, what it hears when
a thread is stuck, which rights they keep, and that they enforce without a network or a manager's help.

usage: services_test.py BUILD [unittest arguments]
Needs root, and setpriv. The lab's picture stands in deploy/lab/lab.py.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from e2e_test import BUILD, POLICY  # noqa: E402
from failures import WORKER, spawn  # noqa: E402
from lab import ZONE_PORTS, Lab, LabError, run, wait_until  # noqa: E402

WATCHDOG_S = 1.2
DATAPLANE_USER, AGENT_USER, STRANGER = 64001, 64002, 64003
CAP_NET_ADMIN = 1 << 12
NO_JOURNAL = "connect: No such file or directory"


class Manager:
    """The service manager's end of a daemon's NOTIFY_SOCKET."""

    def __init__(self, path):
        path.unlink(missing_ok=True)
        self.path, self.heard = path, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        path.chmod(0o777)
        self.socket.setblocking(False)

    def hear(self):
        while True:
            try:
                self.heard.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return self.heard

    def wait_for(self, text, seconds=20):
        wait_until(lambda: any(text in message for message in self.hear()), f"`{text}`", seconds)

    def count(self, text, seconds):
        """How many such messages come in so long."""
        self.hear()
        self.heard.clear()
        time.sleep(seconds)
        return sum(text in message for message in self.hear())


class ManagedLab(Lab):
    """Each daemon has a manager, and may have a user of its own."""

    roles = ("holder",) + Lab.roles
    as_user = {}  # by role: words in front of the program

    def prepare(self):
        super().prepare()
        self.runtime = self.folder / "runtime"  # of DPDK
        self.runtime.mkdir()
        self.runtime.chmod(0o777)
        self.managers = {role: Manager(self.folder / f"{role}.notify")
                         for role in ("dataplane", "agent")}

    def spawn(self, name, words, role):
        manager = self.managers.get(role)
        if manager is None:
            return super().spawn(name, words, role)
        manager.hear()
        manager.heard.clear()
        log = self.folder / f"{role}.log"
        log.touch()
        stream = log.stat()
        return super().spawn(name, [
            *self.as_user.get(role, ()), "env", f"NOTIFY_SOCKET={manager.path}",
            f"WATCHDOG_USEC={int(WATCHDOG_S * 1e6)}",
            f"RUNTIME_DIRECTORY={self.runtime}", f"JOURNAL_STREAM={stream.st_dev}:{stream.st_ino}", *words], role)

    def passes(self):
        try:
            return self.hmi("read", 0, 1, timeout=15)["result"] == "ok"
        except (LabError, subprocess.TimeoutExpired):
            return False


def threads_of(pid):
    return [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]


def status_of(pid, thread):
    lines = Path(f"/proc/{pid}/task/{thread}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def set_up(case, prefix):
    lab = ManagedLab(prefix, BUILD)
    lab.down()
    case.addClassCleanup(lab.down)
    lab.prepare()
    lab.start_plc()
    return lab


class Watched(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = set_up(cls, "bhw")
        cls.lab.start_dataplane()
        cls.lab.start_agent()
        cls.lab.ctl("push", POLICY, "--commit")
        for role, manager in cls.lab.managers.items():
            manager.wait_for("READY=1")
        cls.lab.managers["dataplane"].wait_for("STATUS=enforces the policy of water-works")

    def test_both_say_that_they_go_on(self):
        for role, manager in self.lab.managers.items():
            self.assertGreaterEqual(manager.count("WATCHDOG=1", 2 * WATCHDOG_S), 4, role)

    def expect_missed(self, role, thread, named):
        manager = self.lab.managers[role]
        self.assertGreater(manager.count("WATCHDOG=1", WATCHDOG_S), 1, "before")
        spawn(self.lab, "fw", [sys.executable, HERE / "hold_thread.py", self.lab.pid(role), thread],
              "holder", "held")
        self.addCleanup(self.lab.stop, "holder")
        time.sleep(WATCHDOG_S / 2 + 1)
        silent_s = WATCHDOG_S + 0.5
        self.assertEqual(manager.count("WATCHDOG=1", silent_s), 0, f"{thread} stands still")
        if named:
            self.assertIn(named, self.lab.log(role))
        self.lab.stop("holder")
        manager.wait_for("WATCHDOG=1", 10)

    def test_a_stuck_worker_is_missed(self):
        self.expect_missed("dataplane", WORKER, "worker 0 stands still")

    def test_a_stuck_lease_thread_is_missed(self):
        self.expect_missed("dataplane", "bulkhead-datapl", "thread lease stands still")

    def test_a_stuck_service_thread_is_missed(self):
        self.expect_missed("dataplane", "service", None)

    def test_an_end_is_announced(self):
        manager = self.lab.managers["dataplane"]
        self.lab.stop("dataplane")
        manager.wait_for("STOPPING=1", 1)
        self.lab.start_dataplane()
        wait_until(self.lab.passes, "the policy", 20)

    def test_the_bypass_is_called_as_the_unit_says(self):
        command = self.lab.folder / "bypass"
        command.write_text('#!/bin/sh\necho "$@" >> "$0.called"\n[ ! -e "$0.hangs" ] || sleep 60\n'
                           '[ ! -e "$0.fails" ]\n')
        command.chmod(0o755)
        config = self.lab.folder / "bypass.conf"
        config.write_text(f'port = "net_null0"\nbypass = ["{command}", "eth1"]\n')
        unit = (HERE.parents[1] / "deploy/systemd/bulkhead-dataplane.service").read_text()

        def call(key, *more):
            prefix, words = re.search(rf"^{key}=([-+]+)(.*--call-bypass.*)$", unit, re.M).groups()
            words = words.replace("/etc/bulkhead/dataplane.conf", str(config))
            words = words.replace("/usr/sbin/bulkhead-dataplane", str(self.lab.bin / "bulkhead-dataplane"))
            # The times as short as a test may take; systemd itself ends what it calls after a stop.
            words = re.sub(r" \d+s ", " 1s ", words).split()
            done = run(*words, *more, check=False, timeout=20)
            return 0 if "-" in prefix else done.returncode

        calls = ("ExecStartPre", "ExecStartPost", "ExecStopPost")
        self.assertEqual([call(key) for key in calls], [0, 0, 0])
        said = Path(f"{command}.called").read_text()
        self.assertEqual(said, "eth1 starting\neth1 enforcing\neth1 stopped\n")
        Path(f"{command}.fails").touch()
        self.assertEqual([call(key) for key in calls], [0, 1, 0], "zones still joined: not started")
        Path(f"{command}.fails").unlink()
        Path(f"{command}.hangs").touch()
        self.assertEqual([call(key) for key in calls[:2]], [0, 124], "zones still joined, for all it says")
        Path(f"{command}.hangs").unlink()
        done = run(self.lab.bin / "bulkhead-dataplane", "--config", config, "--pair", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("would be a loop", done.stderr)
        config.write_text('port = "net_null0"\n')
        self.assertEqual(call("ExecStartPost"), 0, "without a bypass there is nothing to do")

    def test_the_journal_gets_priorities(self):
        lines = self.lab.log("dataplane").splitlines()
        self.assertTrue(lines)
        # DPDK from 24.11 on writes into the journal itself, and says so where there is none.
        no_journal = not Path("/run/systemd/journal/socket").exists()
        bare = [line for line in lines if not re.match(r"<[3-7]>", line)]
        self.assertEqual([line for line in bare if not (no_journal and line == NO_JOURNAL)], [])

    def test_a_late_interface_is_waited_for(self):
        self.lab.stop("dataplane")
        manager = self.lab.managers["dataplane"]
        rename = ("ip", "-n", self.lab.ns("fw"), "link", "set")
        run(*rename, "zone1", "down")
        run(*rename, "zone1", "name", "later")
        words = [word for port in ZONE_PORTS for word in ("--port", port)]
        self.lab.spawn("fw", [self.lab.bin / "bulkhead-dataplane", "--await-ports", "--socket",
                              self.lab.folder / "dataplane.sock", *words, "--memory-mib", "256",
                              "--buffers", "16384", "--flows", "4096"], "dataplane")
        manager.wait_for("waiting for port 1: interface zone1", 10)
        pid = self.lab.pid("dataplane")
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        time.sleep(2)
        after = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks = sum(int(after[i]) - int(fields[i]) for i in (11, 12))
        self.assertLess(ticks, 10, "ticks of 10 ms in two seconds of waiting")
        self.assertFalse(any("READY" in message for message in manager.hear()))
        self.assertFalse(self.lab.passes())
        run(*rename, "later", "name", "zone1")
        run(*rename, "zone1", "up")
        manager.wait_for("READY=1", 20)
        wait_until(self.lab.passes, "the policy", 20)


class Xdp(unittest.TestCase):
    def test_ports_of_net_af_xdp_open_again(self):
        """Their program stays on the interface, whose rights the data plane has given up."""
        lab = set_up(type(self), "bhx")
        ports = ("net_af_xdp0,iface=zone0", "net_af_xdp1,iface=zone1")
        for how in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
            lab.start_dataplane(ports=ports)
            lab.managers["dataplane"].wait_for("READY=1")
            lab.stop("dataplane", how)


class Rights(unittest.TestCase):
    """Each daemon has a user of its own; the sockets' folder gives the agent's group to them."""

    @classmethod
    def setUpClass(cls):
        cls.lab = set_up(cls, "bhr")
        folder = cls.lab.folder
        cls.sockets = folder / "sockets"
        cls.sockets.mkdir()
        os.chown(cls.sockets, DATAPLANE_USER, AGENT_USER)
        cls.sockets.chmod(0o2750)
        (folder / "state").mkdir()
        for path in (folder / "state", cls.lab.pki, *cls.lab.pki.iterdir()):
            os.chown(path, AGENT_USER, AGENT_USER)
        cls.lab.as_user = {"dataplane": as_user(DATAPLANE_USER, "+net_raw,+net_admin"),
                           "agent": as_user(AGENT_USER, "-all")}
        cls.start()
        cls.lab.ctl("push", POLICY, "--commit")

    @classmethod
    def start(cls):
        lab = cls.lab
        words = [word for port in ZONE_PORTS for word in ("--port", port)]
        lab.spawn("fw", [lab.bin / "bulkhead-dataplane", "--socket", cls.sockets / "dataplane.sock",
                         *words, "--memory-mib", "256", "--buffers", "16384", "--flows", "4096"],
                  "dataplane")
        lab.managers["dataplane"].wait_for("READY=1")
        cls.start_agent()

    @classmethod
    def start_agent(cls, *more):
        lab = cls.lab
        lab.spawn("fw", [lab.bin / "bulkheadd", "--socket", cls.sockets / "dataplane.sock",
                         "--state", lab.folder / "state", "--pki", lab.pki, *more], "agent")
        lab.managers["agent"].wait_for("READY=1")

    def test_every_thread_has_what_it_needs_alone(self):
        dataplane, agent = self.lab.pid("dataplane"), self.lab.pid("agent")
        # Its one child sets interfaces (`link: follow`).
        (carriers,) = [int(pid) for pid in
                       Path(f"/proc/{dataplane}/task/{dataplane}/children").read_text().split()]
        self.assertEqual(status_of(carriers, carriers)["CapEff"], f"{CAP_NET_ADMIN:016x}")
        for role, pid, allowed in (("dataplane", dataplane, 0), ("agent", agent, 0),
                                   ("carriers", carriers, CAP_NET_ADMIN)):
            self.assertTrue(role == "carriers" or len(threads_of(pid)) > 2)
            for thread in threads_of(pid):
                status = status_of(pid, thread)
                for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                    self.assertEqual(int(status[name], 16) & ~allowed, 0,
                                     f"{name} of {role}'s thread {status['Name']}")
                self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"),
                                 f"{role}'s thread {status['Name']}")

    def test_memory_is_private(self):
        """The files of a process without dumps in /proc belong to root."""
        for role in ("dataplane", "agent"):
            self.assertEqual(Path(f"/proc/{self.lab.pid(role)}/mem").stat().st_uid, 0)

    def test_nothing_secret_stands_in_proc(self):
        secrets = [file.read_text().splitlines()[1] for file in self.lab.pki.glob("*.key")]
        self.assertTrue(secrets)
        for role in ("dataplane", "agent"):
            folder = Path(f"/proc/{self.lab.pid(role)}")
            seen = (folder / "cmdline").read_text() + (folder / "environ").read_text()
            self.assertIn("dataplane.sock", seen)
            for secret in secrets:
                self.assertNotIn(secret, seen)

    def connect_as(self, user, group):
        code = f"import socket; socket.socket(socket.AF_UNIX).connect('{self.sockets}/dataplane.sock')"
        return subprocess.run(["setpriv", "--reuid", str(user), "--regid", str(group),
                               "--clear-groups", sys.executable, "-c", code],
                              capture_output=True).returncode == 0

    def test_the_socket_is_the_agents(self):
        info = (self.sockets / "dataplane.sock").stat()
        self.assertEqual((info.st_uid, info.st_gid, info.st_mode & 0o777),
                         (DATAPLANE_USER, AGENT_USER, 0o660))
        self.assertFalse(self.connect_as(STRANGER, STRANGER))
        self.assertTrue(self.connect_as(STRANGER, AGENT_USER))
        # Whoever connects in spite of the file is refused by what the kernel says of it.
        self.sockets.chmod(0o2755)
        (self.sockets / "dataplane.sock").chmod(0o666)
        self.addCleanup(self.sockets.chmod, 0o2750)
        self.addCleanup((self.sockets / "dataplane.sock").chmod, 0o660)
        self.assertTrue(self.connect_as(STRANGER, STRANGER))
        wait_until(lambda: f"of user {STRANGER} and group {STRANGER} was refused"
                   in self.lab.log("dataplane"), "the refusal", 5)

    def test_enforces_after_a_power_cut_without_network_or_manager(self):
        for role in ("agent", "dataplane"):
            self.lab.stop(role, signal.SIGKILL)
        begin = time.monotonic()
        words = [word for port in ZONE_PORTS for word in ("--port", port)]
        self.lab.spawn("fw", [self.lab.bin / "bulkhead-dataplane", "--socket",
                              self.sockets / "dataplane.sock", *words, "--memory-mib", "256",
                              "--buffers", "16384", "--flows", "4096"], "dataplane")
        self.lab.managers["dataplane"].wait_for("READY=1")
        self.assertFalse(self.lab.passes(), "nobody has said yet what is granted")
        waited_s = time.monotonic() - begin
        begin = time.monotonic()
        # An address that this machine does not have.
        self.start_agent("--listen", "192.0.2.99:7443")
        wait_until(self.lab.passes, "the committed policy", 20)
        print(f"ready and refusing after {waited_s:.1f} s (a read that times out included), "
              f"enforcing {time.monotonic() - begin:.1f} s after the agent's start", flush=True)
        self.assertNotEqual(self.lab.hmi("write", 60, 1)["result"], "ok")
        self.assertIn("does not have the address 192.0.2.99 yet", self.lab.log("agent"))
        self.lab.stop("agent")
        self.start_agent()


def as_user(user, capabilities):
    words = ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups",
             "--inh-caps", capabilities]
    return words + (["--ambient-caps", capabilities] if capabilities != "-all" else [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
