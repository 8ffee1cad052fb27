"""The whole way on real traffic: hosts, daemons, gRPC and disks, in namespaces of the test's own.

usage: e2e_test.py BUILD [unittest arguments]
Needs root. The lab's picture stands in deploy/lab/lab.py.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/lab"))
import demo  # noqa: E402
import outcome  # noqa: E402
from lab import HMI, HMI_MAC, PLC, ZONE_PORTS, Lab, run, wait_until  # noqa: E402

BUILD = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT / "build"
POLICY = ROOT / "policies/water-works/policy.yaml"
READ_ONLY = POLICY.read_text().split("      - protocol: modbus")[0]
NO_MODBUS = (READ_ONLY.split("      - {protocol")[0] +
             "      - {service: ping, client: hmi, server: plc1}\n")


def wake_us():
    """What the kernel takes to wake a process that sleeps on a socket: the median of 40, as rare
    as the requests that it is compared with."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    child = os.fork()
    if child == 0:
        near.close()
        while far.recv(16):
            far.send(b"%d" % time.monotonic_ns())
        os._exit(0)
    far.close()
    taken = []
    for _ in range(40):
        time.sleep(0.05)
        began = time.monotonic_ns()
        near.send(b"now")
        taken.append(int(near.recv(32)) - began)
    near.send(b"")
    near.close()
    os.waitpid(child, 0)
    return sorted(taken)[len(taken) // 2] // 1000


def fresh_lab(case, prefix):
    """A lab that runs, without a policy, for one test alone."""
    lab = Lab(prefix, BUILD)
    lab.down()
    case.addCleanup(lab.down)
    lab.prepare()
    lab.start_plc()
    lab.start_dataplane()
    lab.start_agent()
    return lab


def modbus_session(case, lab, port=502):
    """A libmodbus session that stays open: ask(words) sends one command and gives the answer."""
    process = subprocess.Popen(
        lab.in_ns("sup", lab.bin / "lab-hmi", PLC, port, "-"), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def close():
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
    case.addCleanup(close)

    def ask(words):
        process.stdin.write(words + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())
    return ask


class LabCase(unittest.TestCase):
    """Each class has a lab; each test starts from the water works policy unless it says otherwise."""

    prefix = "bht"
    policy = POLICY
    dataplane_options = ()
    dataplane = Lab.dataplane

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(cls.prefix, BUILD)
        cls.lab.dataplane = cls.dataplane
        cls.lab.down()
        cls.addClassCleanup(cls.lab.down)
        cls.lab.prepare()
        cls.lab.start_plc()
        cls.lab.start_dataplane(*cls.dataplane_options, ports=cls.zone_ports())
        cls.lab.start_agent()

    @classmethod
    def zone_ports(cls):
        """The devices that the data plane opens, once the lab's network stands."""
        return ZONE_PORTS

    def write(self, text, suffix=".yaml"):
        handle, path = tempfile.mkstemp(suffix=suffix)
        self.addCleanup(os.unlink, path)
        os.write(handle, text.encode() if isinstance(text, str) else text)
        os.close(handle)
        return path

    def commit(self, text_or_path):
        path = text_or_path if isinstance(text_or_path, Path) else self.write(text_or_path)
        self.lab.ctl("push", path, "--commit")

    def session(self, port=502):
        return modbus_session(self, self.lab, port)

    def load(self, per_second, seconds, host="sup"):
        return subprocess.Popen(
            self.lab.in_ns(host, self.lab.bin / "lab-hmi", PLC, 502, "load", per_second, seconds),
            text=True, stdout=subprocess.PIPE)

    def denied(self, reason):
        """The newest event, once it is a refusal for this reason: events reach the agent in steps."""
        def newest():
            events = [e for e in self.lab.ctl_json("events") if e["kind"] == "deny"]
            return events[-1] if events and events[-1]["reason"] == reason else None
        wait_until(newest, f"an event with the reason {reason}", 5)
        return newest()

    def result_of(self, process):
        out, _ = process.communicate(timeout=60)
        return json.loads(out.splitlines()[-1])


class Enforcement(LabCase):
    def test_0_before_any_policy_nothing_passes(self):
        self.assertNotEqual(self.lab.hmi("read", 0, 1)["result"], "ok")
        self.assertEqual(self.lab.ctl("status", check=False).returncode, 1)
        reasons = {row["reason"] for row in self.lab.ctl_json("counters")}
        self.assertEqual(reasons, {"no_policy"})

    def test_1_the_table_of_the_quickstart(self):
        self.commit(POLICY)
        expected = [  # at the client, at the PLC, verdict, rule, reason
            ({"ok"}, True, "allow", 1, "granted"),
            ({"ok"}, True, "allow", 2, "granted"),
            ({"exception 3"}, False, "deny", 2, "values_not_granted"),
            ({"exception 2"}, False, "deny", 2, "values_not_granted"),
            ({"exception 1"}, False, "deny", 0, "function_not_granted"),
            ({"unreachable", "timeout"}, False, "deny", 0, "no_rule"),
            ({"refused", "reset"}, False, "deny", 0, "no_rule"),
        ]
        for row, (client, plc, verdict, rule, reason) in zip(demo.ATTEMPTS, expected):
            with self.subTest(row[0]):
                outcome = demo.attempt(self.lab, *row)
                self.assertIn(outcome["client"], client)
                self.assertEqual(outcome["reached"], plc)
                self.assertEqual(
                    (outcome["verdict"], outcome["rule"], outcome["reason"]),
                    (verdict, rule, reason))
        self.assertEqual(self.lab.at_plc(42), [700])
        self.assertEqual(self.lab.at_plc(60), [60])

    def test_2_every_register_of_a_write_counts(self):
        self.commit(POLICY)
        self.lab.hmi("write", 44, 1, 2, 3)
        self.assertEqual(self.lab.at_plc(44, 3), [1, 2, 3])
        for words, answer in ((("write", 48, 7, 7, 7), "exception 2"),
                              (("write", 44, 9, 9, 1001), "exception 3"),
                              (("write", 38, 5, 5, 5), "exception 2")):
            before = self.lab.at_plc(words[1], 3)
            self.assertEqual(self.lab.hmi(*words)["result"], answer)
            self.assertEqual(self.lab.at_plc(words[1], 3), before)

    def test_3_a_rate_limits_writes(self):
        self.commit(POLICY)
        time.sleep(1.1)
        ask = self.session()
        results = [ask("write 40 1")["result"] for _ in range(7)]
        self.assertEqual(results[:5], ["ok"] * 5)
        self.assertNotEqual(results[5], "ok")
        self.assertIn("rate_exceeded", {row["reason"] for row in self.lab.ctl_json("counters")})

    def test_4_a_commit_cuts_the_sessions_that_it_forbids(self):
        self.commit(POLICY)
        ask = self.session()
        self.assertEqual(ask("read 0 1")["result"], "ok")
        self.commit(NO_MODBUS)
        seen = len(self.lab.plc_requests())
        self.assertEqual(ask("read 0 1")["result"], "reset")
        self.assertEqual(len(self.lab.plc_requests()), seen)

    def test_5_a_commit_keeps_the_sessions_that_it_grants(self):
        self.commit(POLICY)
        ask = self.session()
        self.assertEqual(ask("write 41 5")["result"], "ok")
        self.commit(READ_ONLY)
        self.assertEqual(ask("read 41 1")["result"], "ok")
        self.assertNotEqual(ask("write 41 6")["result"], "ok")
        self.assertEqual(self.lab.at_plc(41), [5])

    def test_6_commits_under_a_thousand_requests_a_second_lose_none(self):
        self.commit(POLICY)
        load = self.load(1000, 4)
        commits = 0
        while load.poll() is None:
            self.commit(READ_ONLY if commits % 2 == 0 else POLICY)
            commits += 1
            time.sleep(0.2)
        result = self.result_of(load)
        self.assertEqual((result["sent"], result["failed"]), (4000, 0))
        self.assertGreaterEqual(commits, 5)

    def test_7_idle_workers_wake_in_well_under_a_millisecond(self):
        self.commit(POLICY)
        # Two ways through a worker that went to sleep in between, against none; medians, for noise.
        through = self.result_of(self.load(20, 2))
        direct = self.result_of(self.load(20, 2, host="ctl"))
        added = through["p50_us"] - direct["p50_us"]
        # What two wakes cost here without any of our code: an idle virtual CPU may be slow to start.
        wake = wake_us()
        print(f"two ways: {added} us, a wake of this machine: {wake} us", file=sys.stderr)
        self.assertLess(added - 2 * wake, 1000)

    def test_7_an_idle_appliance_costs_less_than_two_percent_of_a_core(self):
        self.commit(POLICY)
        pid = self.lab.pid("dataplane")

        def cpu_seconds():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        def share_of_a_core():
            before, began = cpu_seconds(), time.monotonic()
            time.sleep(5)
            return (cpu_seconds() - before) / (time.monotonic() - began)

        time.sleep(1)
        # Neighbours of the machine make each of its cycles dearer: the best of up to three.
        shares = [share_of_a_core()]
        while shares[-1] >= 0.02 and len(shares) < 3:
            shares.append(share_of_a_core())
        print(f"idle: {min(shares):.2%} of a core", file=sys.stderr)
        self.assertLess(min(shares), 0.02)

    def test_8_what_operators_see(self):
        self.commit(POLICY)
        ask = self.session()
        ask("read 0 1")
        self.lab.hmi("write", 42, 5000)
        flow = [f for f in self.lab.ctl_json("flows") if f["state"] == "established"][0]
        self.assertEqual((flow["protocol"], flow["conduit"], flow["rule"]), ("modbus", "scada", 1))
        event = self.denied("values_not_granted")
        self.assertEqual(event["fields"], {"unit": [1, 1], "address": [42, 42],
                                           "value": [5000, 5000]})
        self.assertEqual(event["destination"], f"{PLC}:502")
        status = self.lab.ctl_json("status")[0]
        self.assertEqual((status["problem"], status["site"]), ("", "water-works"))
        watching = subprocess.Popen(
            self.lab.in_ns("fw", self.lab.bin / "bulkheadctl", "--pki", self.lab.pki, "events",
                           "--follow", "--recent", "0", "--format", "json"),
            text=True, stdout=subprocess.PIPE)
        self.addCleanup(watching.stdout.close)
        time.sleep(0.3)
        self.lab.hmi("write", 60, 1)
        self.assertEqual(json.loads(watching.stdout.readline())["fields"]["address"], [60, 60])
        watching.terminate()
        watching.wait()

    def test_8_health_and_reflection_answer_any_grpc_tool(self):
        said = run(*self.lab.in_ns("fw", self.lab.bin / "grpc_probe", "127.0.0.1:7443",
                                   self.lab.pki)).stdout
        self.assertTrue(said.startswith("SERVING"), said)
        for service in ("bulkhead.v1.PolicyService", "bulkhead.v1.TelemetryService",
                        "grpc.health.v1.Health"):
            self.assertIn(service, said)

    def test_9_plain_services_and_ipv6(self):
        self.commit(POLICY)
        server, client = "2001:db8:10::20", "2001:db8:20::10"
        for name, own, far in (("sup", client, "2001:db8:10::/64"),
                               ("ctl", server, "2001:db8:20::/64")):
            run(*self.lab.in_ns(name, "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=0"))
            run("ip", "-n", self.lab.ns(name), "addr", "add", f"{own}/64", "dev", "eth0", "nodad")
            run("ip", "-n", self.lab.ns(name), "route", "add", far, "dev", "eth0")
        text = POLICY.read_text()
        for zone, net in (("10.20.0.0/24", "2001:db8:20::/64"), ("10.10.0.0/24", "2001:db8:10::/64")):
            text = text.replace(f"[{zone}]", f'[{zone}, "{net}"]')
        self.commit(text + f'      - {{service: tcp/8080, client: "{client}", server: "{server}"}}\n')
        listener = subprocess.Popen(self.lab.in_ns("ctl", sys.executable, "-c", (
            "import socket; s = socket.create_server(('::', 8080), family=socket.AF_INET6);"
            "print('ready', flush=True); c, _ = s.accept(); c.sendall(c.recv(100)[::-1])")),
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (listener.kill(), listener.wait(), listener.stdout.close()))
        listener.stdout.readline()
        ask = ("import socket, sys; s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 3);"
               "s.sendall(b'abc'); print(s.recv(100).decode())")
        done = run(*self.lab.in_ns("sup", sys.executable, "-c", ask, server, 8080), check=False)
        self.assertEqual(done.stdout.strip(), "cba", done.stderr)
        done = run(*self.lab.in_ns("sup", sys.executable, "-c", ask, server, 8081), check=False)
        self.assertNotEqual(done.returncode, 0)


class Restarts(LabCase):
    def test_each_daemon_comes_back_to_the_policy(self):
        self.commit(POLICY)
        enforcing = lambda: self.lab.ctl("status", check=False).returncode == 0  # noqa: E731
        self.lab.stop("dataplane", signal.SIGKILL)
        self.lab.start_dataplane()
        wait_until(enforcing, "the agent to bring the policy back", 5)
        self.assertEqual(self.lab.hmi("read", 0, 1)["result"], "ok")
        self.assertEqual(self.lab.hmi("write", 42, 5000)["result"], "exception 3")

        load = self.load(1000, 3)
        time.sleep(0.5)
        self.lab.stop("agent", signal.SIGKILL)
        time.sleep(1)
        self.assertEqual(self.lab.hmi("write", 42, 5000)["result"], "exception 3")
        self.lab.start_agent()
        wait_until(enforcing, "the agent to find the data plane", 5)
        result = self.result_of(load)
        self.assertEqual((result["sent"], result["failed"]), (3000, 0))

        for role in ("agent", "dataplane"):
            self.lab.stop(role, signal.SIGKILL)
        self.assertNotEqual(self.lab.hmi("read", 0, 1)["result"], "ok")
        self.lab.start_agent()
        self.assertEqual(self.lab.ctl("status", check=False).returncode, 1)
        self.lab.start_dataplane()
        wait_until(enforcing, "both to come back", 5)
        self.assertEqual(self.lab.hmi("read", 0, 1)["result"], "ok")
        history = self.lab.ctl_json("history")
        self.assertEqual([r["revision"] for r in history if r["active"]], [1])

    def test_sessions_are_reset_by_a_data_plane_that_does_not_know_them(self):
        self.commit(POLICY)
        ask = self.session()
        self.assertEqual(ask("read 0 1")["result"], "ok")
        self.lab.stop("dataplane", signal.SIGKILL)
        self.lab.start_dataplane()
        wait_until(lambda: self.lab.ctl("status", check=False).returncode == 0, "the policy", 5)
        self.assertEqual(ask("read 0 1")["result"], "reset")


    def test_sessions_go_on_where_the_conduit_fails_open(self):
        """Judged, where it shows where a message begins; a service without messages as it is."""
        text = POLICY.read_text().replace("    to: control\n", "    to: control\n    fail: open\n")
        self.commit(text + "      - {service: tcp/8080, client: hmi, server: plc1}\n")
        ask, echo = self.session(), self.echo_session(8080)
        self.assertEqual(ask("read 0 1")["result"], "ok")
        self.assertEqual(echo("one"), "one")
        self.lab.stop("dataplane", signal.SIGKILL)
        self.lab.start_dataplane()
        wait_until(lambda: self.lab.ctl("status", check=False).returncode == 0, "the policy", 5)
        self.assertEqual(echo("two"), "two")
        self.assertEqual(ask("read 0 1")["result"], "ok")
        self.assertEqual(ask("write 42 5000")["result"], "exception 3")
        states = {flow["protocol"]: flow["state"] for flow in self.lab.ctl_json("flows")}
        self.assertEqual(states, {"": "unjudged", "modbus": "established"})
        self.commit(POLICY)  # it fails closed again
        self.assertEqual(echo("three"), "")

    def echo_session(self, port):
        """A TCP session of a line after the other: echo(line) gives what comes back, nothing if it
        has ended."""
        def python(host, code):
            process = subprocess.Popen(self.lab.in_ns(host, sys.executable, "-c", code), text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL)
            self.addCleanup(lambda: (process.kill(), process.communicate()))
            self.assertEqual(process.stdout.readline(), "ready\n")
            return process
        python("ctl", f"""import socket
with socket.create_server(("", {port})) as server:
    print("ready", flush=True)
    client = server.accept()[0]
    while data := client.recv(100):
        client.sendall(data)""")
        client = python("sup", f"""import socket
server = socket.create_connection(("{PLC}", {port}), 3)
print("ready", flush=True)
while True:
    try:
        server.sendall(input().encode())
        print(server.recv(100).decode(), flush=True)
    except OSError:
        print(flush=True)""")

        def echo(line):
            client.stdin.write(line + "\n")
            client.stdin.flush()
            return client.stdout.readline().strip()
        return echo


class Tagged(LabCase):
    """Both zones on VLAN 10, whose tag net_af_packet hands beside the frame."""

    # Sends the frame given in hexadecimal, or waits for an ARP frame and tells its VLAN.
    SEND = ("import socket, sys; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW);"
            "s.bind(('eth0', 0)); s.send(bytes.fromhex(sys.argv[1]))")
    HEAR = """
import socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(("eth0", 3))
s.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA: where the kernel puts the tag
s.settimeout(2)
print("ready", flush=True)
try:
    while True:
        frame, aux, _, _ = s.recvmsg(2000, 200)
        if frame[12:14] == bytes.fromhex("0806"):
            status, _, _, _, _, tci, _ = struct.unpack("IIIHHHH", aux[0][2][:20])
            print("vlan", tci & 0xfff if status & 16 else 0)
            break
except TimeoutError:
    print("nothing")
"""

    def arp_heard(self, tag):
        frame = ("ff" * 6 + HMI_MAC + tag + "0806" + "0001080006040001" + HMI_MAC +
                 socket.inet_aton(HMI).hex() + "00" * 6 + socket.inet_aton(PLC).hex())
        hearing = subprocess.Popen(self.lab.in_ns("ctl", sys.executable, "-c", self.HEAR),
                                   stdout=subprocess.PIPE, text=True)
        hearing.stdout.readline()
        run(*self.lab.in_ns("sup", sys.executable, "-c", self.SEND, frame.replace(":", "")))
        return hearing.communicate(timeout=10)[0].strip()

    def test_tags_are_enforced_and_kept(self):
        self.commit(POLICY)
        self.assertEqual(self.arp_heard(""), "vlan 0")
        self.assertEqual(self.arp_heard("8100000a"), "nothing")
        text = POLICY.read_text().replace("port: 0,", "port: 0, vlan: 10,")
        self.commit(text.replace("port: 1,", "port: 1, vlan: 10,"))
        self.assertEqual(self.arp_heard(""), "nothing")
        self.assertEqual(self.arp_heard("8100000a"), "vlan 10")

    def test_tagged_sessions(self):
        for name, address, far in (("sup", HMI, "10.10.0.0/24"), ("ctl", PLC, "10.20.0.0/24")):
            ns = self.lab.ns(name)
            made = run("ip", "-n", ns, "link", "add", "link", "eth0", "name", "eth0.10", "type",
                       "vlan", "id", "10", check=False)
            if made.returncode != 0:
                self.skipTest("this kernel has no 8021q module; the frames above stand for it")
            run("ip", "-n", ns, "addr", "flush", "dev", "eth0")
            run("ip", "-n", ns, "addr", "add", f"{address}/24", "dev", "eth0.10")
            run("ip", "-n", ns, "link", "set", "eth0.10", "up")
            run("ip", "-n", ns, "route", "replace", far, "dev", "eth0.10")
        text = POLICY.read_text().replace("port: 0,", "port: 0, vlan: 10,")
        self.commit(text.replace("port: 1,", "port: 1, vlan: 10,"))
        self.assertEqual(self.lab.hmi("read", 0, 1)["result"], "ok")
        self.assertEqual(self.lab.hmi("write", 42, 5000)["result"], "exception 3")


class TwoWorkers(LabCase):
    """Sessions are steered to the worker that owns them."""

    dataplane_options = ("--workers", "2")

    @classmethod
    def zone_ports(cls):
        return [f"net_af_packet{i},iface=zone{i},qpairs=2" for i in (0, 1)]

    def test_sessions_of_both_workers_work(self):
        self.commit(POLICY)
        sessions = [self.session() for _ in range(8)]
        for ask in sessions:
            for _ in range(5):
                self.assertEqual(ask("read 0 1")["result"], "ok")
        workers = {flow["worker"] for flow in self.lab.ctl_json("flows")}
        self.assertEqual(workers, {0, 1})
        self.assertEqual(sessions[0]("write 60 1")["result"], "exception 2")
        self.assertEqual(sessions[1]("read 0 1")["result"], "ok")


class Jumbo(LabCase):
    """Frames of nine thousand bytes, whole from end to end."""

    dataplane_options = ("--mtu", "9000")
    HEAR = """if True:
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("0.0.0.0", 5000))
        s.settimeout(5)
        print("ready", flush=True)
        print(len(s.recv(65535)))
        """
    SEND = """if True:
        import socket, sys
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
        s.sendto(bytes(int(sys.argv[1])), (sys.argv[2], 5000))
        """

    @classmethod
    def zone_ports(cls):
        for namespace, device in (("sup", "eth0"), ("ctl", "eth0"), ("fw", "zone0"),
                                  ("fw", "zone1")):
            run("ip", "-n", cls.lab.ns(namespace), "link", "set", device, "mtu", "9000")
        return [f"net_af_packet{i},iface=zone{i},framesz=9216,blocksz=73728" for i in (0, 1)]

    def test_a_datagram_of_a_jumbo_frame_arrives_whole(self):
        self.commit(POLICY.read_text().replace(
            "    allow:\n", "    allow:\n      - {service: udp/5000, client: any, server: any}\n", 1))
        for length in (1000, 4000, 8972):
            with self.subTest(bytes=length):
                hearing = subprocess.Popen(
                    self.lab.in_ns("ctl", sys.executable, "-c", self.HEAR),
                    stdout=subprocess.PIPE, text=True)
                hearing.stdout.readline()
                run(*self.lab.in_ns("sup", sys.executable, "-c", self.SEND, length, PLC))
                self.assertEqual(hearing.communicate(timeout=10)[0].strip(), str(length))
        self.assertEqual(self.lab.hmi("read", 0, 1)["result"], "ok")


class BadInput(LabCase):
    def test_without_a_valid_client_certificate_nothing_answers(self):
        self.commit(POLICY)
        other = Path(tempfile.mkdtemp()) / "pki"
        self.addCleanup(lambda: run("rm", "-rf", other.parent))
        run(self.lab.bin / "bulkheadctl", "pki", "init", other)
        run("cp", self.lab.pki / "ca.crt", other / "ca.crt")  # trusts us; we do not trust it
        done = run(*self.lab.in_ns("fw", self.lab.bin / "bulkheadctl", "--pki", other, "status"),
                   check=False)
        self.assertEqual(done.returncode, 3)
        # A client that speaks TLS and HTTP/2, with our certificate and without one.
        speak = """
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1] + "/ca.crt")
context.set_alpn_protocols(["h2"])
if sys.argv[2] == "with":
    context.load_cert_chain(sys.argv[1] + "/client.crt", sys.argv[1] + "/client.key")
heard = 0
try:
    peer = socket.create_connection(("127.0.0.1", 7443), 3)
    peer = context.wrap_socket(peer, server_hostname="localhost")
    peer.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + bytes(3) + b"\\4" + bytes(5))
    heard = len(peer.recv(100))
except OSError:
    pass
print("answered" if heard else "silent")
"""
        for which, expected in (("with", "answered"), ("without", "silent")):
            done = run(*self.lab.in_ns("fw", sys.executable, "-c", speak, self.lab.pki, which))
            self.assertEqual(done.stdout.strip(), expected)

    def test_a_policy_with_errors_changes_nothing(self):
        self.commit(POLICY)
        before = self.lab.ctl_json("status")[0]["policy_sha256"]
        text = POLICY.read_text()
        line = text[:text.index("write_single_register")].count("\n") + 1
        bad = self.write(text.replace("write_single_register", "write_singel_register"))
        done = self.lab.ctl("push", bad, "--commit", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{bad}:{line}:21: error: unknown function write_singel_register: did you mean "
                      "write_single_register?", done.stderr)
        self.assertEqual(self.lab.ctl_json("status")[0]["policy_sha256"], before)
        self.assertEqual(self.lab.hmi("read", 0, 1)["result"], "ok")

    def test_damaged_artefacts_are_refused(self):
        good = self.write(b"", ".bhp")
        run(self.lab.bin / "bulkheadctl", "policy", "compile", POLICY, "-o", good)
        bytes_ = Path(good).read_bytes()
        flipped = bytes_[:100] + bytes([bytes_[100] ^ 4]) + bytes_[101:]
        for damaged in (flipped, bytes_[:-5], b"\x08\x02" + bytes_[2:], b"nonsense" * 9):
            done = self.lab.ctl("push", self.write(damaged, ".bhp"), check=False)
            self.assertEqual(done.returncode, 1, done.stdout)
        self.assertEqual(self.lab.ctl("push", good).returncode, 0)

    def test_garbage_on_the_data_planes_socket_is_survived(self):
        self.commit(POLICY)
        for garbage in (b"\0\0\0\5hello", b"\xff" * 64, b"\0\0\0\0", os.urandom(4096)):
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(str(self.lab.folder / "dataplane.sock"))
                peer.sendall(garbage)
        self.assertEqual(self.lab.hmi("read", 0, 1)["result"], "ok")

    def exit_of(self, *words, lines=1):
        done = run(*self.lab.in_ns("fw", *words), check=False)
        self.assertEqual(len(done.stderr.strip().splitlines()), lines, done.stderr)
        return done.returncode, done.stderr

    def test_daemons_that_cannot_start_say_why(self):
        dataplane, agent = self.lab.bin / "bulkhead-dataplane", self.lab.bin / "bulkheadd"
        config = self.write("prot = \"net_null0\"\n", ".toml")
        code, said = self.exit_of(dataplane, "--config", config, "--port", "net_null0")
        self.assertEqual((code, "prot" in said), (2, True), said)
        good = self.write('port = ["net_null0,size=64", "net_null1"]\nmemory-mib = 128\n'
                          'buffers = 1024\nworkers = 1\n', ".toml")
        code, said = self.exit_of(dataplane, "--config", good, "--socket", "/proc/x/y")
        self.assertEqual((code, "/proc/x/y" in said), (5, True), said)
        code, said = self.exit_of(dataplane, "--port", "net_af_packet7,iface=missing",
                                  "--memory-mib", "128", "--buffers", "1024")
        self.assertEqual((code, "is not there" in said), (4, True), said)
        code, said = self.exit_of(dataplane, "--port", "net_null0", "--memory-mib", "128",
                                  "--buffers", "1024", "--socket",
                                  self.lab.folder / "dataplane.sock")
        self.assertEqual((code, "is in use" in said), (5, True), said)
        common = ("--pki", self.lab.pki, "--listen", "127.0.0.1:7444")
        code, said = self.exit_of(agent, *common, "--state", self.lab.folder / "state")
        self.assertEqual((code, "another bulkheadd" in said), (3, True), said)
        code, said = self.exit_of(agent, "--pki", self.lab.pki, "--state",
                                  self.lab.folder / "state2")
        self.assertEqual((code, "cannot listen" in said), (4, True), said)
        code, said = self.exit_of(agent, "--pki", "/nonexistent", "--state",
                                  self.lab.folder / "state3")
        self.assertEqual((code, "pki init" in said), (5, True), said)

    def test_a_full_disk_leaves_the_policy_as_it_was(self):
        self.lab.stop("agent")
        state = self.lab.folder / "small"
        state.mkdir()
        run("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", state)
        self.addCleanup(run, "umount", "-l", state)
        self.lab.spawn("fw", [self.lab.bin / "bulkheadd", "--socket",
                              self.lab.folder / "dataplane.sock", "--state", state, "--pki",
                              self.lab.pki], "agent")
        def stop_and_restore():
            self.lab.stop("agent")
            self.lab.start_agent()
        self.addCleanup(stop_and_restore)
        wait_until(lambda: self.lab.ctl("history", check=False).returncode == 0, "the agent", 30)
        self.commit(POLICY)
        disk = os.statvfs(state)  # the audit log has its space
        (state / "filler").write_bytes(b"x" * (disk.f_bavail * disk.f_frsize - 48 * 1024))
        large = self.write(POLICY.read_text() + "# " + "x" * 20000 + "\n")
        codes, said = [], ""
        for _ in range(6):
            done = self.lab.ctl("push", large, "--commit", check=False)
            codes.append(done.returncode)
            said += done.stderr
        self.assertIn(1, codes)
        self.assertIn("No space left on device", said)
        self.assertEqual(self.lab.hmi("read", 0, 1)["result"], "ok")
        self.lab.stop("agent", signal.SIGKILL)
        self.lab.spawn("fw", [self.lab.bin / "bulkheadd", "--socket",
                              self.lab.folder / "dataplane.sock", "--state", state, "--pki",
                              self.lab.pki], "agent")
        wait_until(lambda: self.lab.ctl("status", check=False).returncode == 0, "the agent", 30)


if __name__ == "__main__":
    outcome.run()
