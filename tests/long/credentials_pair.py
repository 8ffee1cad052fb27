"""A pair whose certificates, authority and lists of revoked certificates are exchanged again and again,
under a thousand requests a second: no request is lost, nobody takes over, the pair link stands.

usage: credentials_pair.py [--build BUILD] [--seconds S] [--rate N]
Needs root. Half of the requests go to each appliance, from eight clients that connect anew every
three seconds, so that earlier and later connections are served. They ask for the last commit, for
an appliance answers four such questions of one certificate at once; listings would be refused beyond
their limit. Beside them: 10 Modbus sessions through the pair. A round of exchanges is
  server     the certificate of each appliance, for the same key
  revoked    the list: an operator's certificate, and the former one of each appliance
  authority  a second one is trusted, then certifies appliances and clients, then stands alone
"""

import argparse
import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/lab"))
from lab import PLC, LabError, run, wait_until, write_access  # noqa: E402
from pair import NAMES, PairLab  # noqa: E402

POLICY = ROOT / "policies/water-works/policy.yaml"
PROBE = ROOT / "tests/e2e/probe.py"
METHOD = "PolicyService/GetCommit"
CLIENTS_EACH = 4  # of an appliance
LIFE_SECONDS = 3  # of a connection
SESSIONS = 10
IN_FORCE_SECONDS = 15  # a look a second, files of two seconds, and a machine without cores


class Load:
    """Requests until it is stopped."""

    def __init__(self, lab, rate):
        self.lab, self.rate = lab, rate
        self.keys = lab.pki  # of the clients; another folder from the next connection on
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.asked = self.answered = self.slowest_ms = 0
        self.lost = []
        self.threads = [threading.Thread(target=self.ask, args=(which,), daemon=True)
                        for which in NAMES for _ in range(CLIENTS_EACH)]

    def start(self):
        for number, thread in enumerate(self.threads):
            thread.start()
            time.sleep(LIFE_SECONDS / len(self.threads) * (number > 0))

    def ask(self, which):
        while not self.stop.is_set():
            done = subprocess.run(
                self.lab.in_ns(which, self.lab.bin / "grpc_probe", "127.0.0.1:7443", self.keys,
                               "load", self.rate // (2 * CLIENTS_EACH), LIFE_SECONDS, METHOD),
                capture_output=True, text=True, timeout=60, check=False)
            with self.lock:
                told = json.loads(done.stdout) if done.returncode == 0 else {
                    "asked": 1, "answered": 0, "slowest_ms": 0}
                self.asked += told["asked"]
                self.answered += told["answered"]
                self.slowest_ms = max(self.slowest_ms, told["slowest_ms"])
                if told["asked"] != told["answered"]:
                    self.lost.append(f"{which}: {(done.stderr or done.stdout).strip()[-300:]}")

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()


class Exchanges:
    def __init__(self, lab, load):
        self.lab, self.load = lab, load
        self.counts = {"server": 0, "revoked": 0, "authority": 0}
        self.rounds = 0

    def pki(self, *words):
        run(self.lab.bin / "bulkheadctl", "pki", *words)

    def keys_of(self, which):
        return self.lab.folder_of(which) / "pki"

    def put(self, which, **files):
        """Files into an appliance's folder, each in one step; returns once they are in force."""
        folder = self.keys_of(which)
        before = self.in_force(which)
        for target, source in files.items():
            target = target.replace("_", ".")
            shutil.copy(source, folder / (target + ".next"))
            (folder / (target + ".next")).replace(folder / target)
        wait_until(lambda: self.in_force(which) > before,
                   f"{', '.join(files)} of {which} to be in force", IN_FORCE_SECONDS)

    def in_force(self, which):
        """How often credentials came into force."""
        return self.lab.log(f"agent-{which}").count(" are in force: ")

    def servers(self):
        authority = self.lab.pki
        for which, name in NAMES.items():
            former = self.lab.folder / f"former-{which}.crt"
            shutil.copy(authority / f"{name}.crt", former)
            self.pki("renew", authority, authority / f"{name}.crt")
            self.put(which, server_crt=authority / f"{name}.crt")
            self.counts["server"] += 1

    def revoked(self):
        authority = self.lab.pki
        former = [self.lab.folder / f"former-{which}.crt" for which in NAMES]
        name = f"gone{self.rounds}"
        self.pki("client", authority, name)
        for certificate in (authority / f"{name}.crt", *former):
            self.pki("revoke", authority, certificate)
            for which in NAMES:
                self.put(which, ca_crl=authority / "ca.crl")
            self.counts["revoked"] += 1

    def authority(self):
        """Everybody trusts both before anybody shows a certificate of the new one."""
        former, new = self.lab.pki, self.lab.folder / f"authority{self.rounds}"
        self.pki("init", new)
        both = new / "both.crt"
        both.write_text((former / "ca.crt").read_text() + (new / "ca.crt").read_text())
        for which in NAMES:
            # Its list is of the former authority: one of the new one is made below.
            (self.keys_of(which) / "ca.crl").unlink(missing_ok=True)
            self.put(which, ca_crt=both)
        clients = self.lab.folder / f"clients{self.rounds}"
        clients.mkdir()
        shutil.copy(both, clients / "ca.crt")
        for file in ("client.crt", "client.key"):
            shutil.copy(new / file, clients / file)
        self.load.keys = clients
        for which, name in NAMES.items():
            self.pki("server", new, name, "--host", "127.0.0.1")
            self.put(which, server_crt=new / f"{name}.crt", server_key=new / f"{name}.key")
        time.sleep(2 * LIFE_SECONDS)  # earlier clients are gone
        for which in NAMES:
            self.put(which, ca_crt=new / "ca.crt")
        for which in NAMES:
            for file in ("client.crt", "client.key"):
                shutil.copy(new / file, self.keys_of(which) / file)
        self.lab.pki = new
        self.load.keys = new
        self.counts["authority"] += 1

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end or self.rounds == 0:
            self.rounds += 1
            self.servers()
            self.revoked()
            self.authority()


def seen(lab):
    """Takeovers of both, and whether the pair is well."""
    both = [lab.pair(which) for which in NAMES]
    if not all(both):
        raise LabError("an agent does not answer")
    return (sum(each["takeovers"] for each in both),
            all(each["link_up"] and each["peer_heard"] for each in both))


def measure(lab, options):
    lab.down()
    lab.prepare()
    for which in NAMES:
        write_access(lab.folder_of(which))
    lab.start_plc()
    lab.start()
    lab.ctl("push", POLICY, "--commit")
    active = lab.await_active(seconds=40)
    standby = "b" if active == "a" else "a"
    wait_until(lambda: (lab.pair(standby) or {}).get("self", {}).get("ready"), "a standby", 60)
    lab.ctl("push", POLICY, "--commit", which=active)
    lab.ctl("commit", "1", which=standby, check=False)  # so that there is a last commit to ask for
    before, _ = seen(lab)
    load = Load(lab, options.rate)
    exchanges = Exchanges(lab, load)
    sessions = [subprocess.Popen(
        lab.in_ns("sup", sys.executable, PROBE, "modbus", PLC, 502, options.seconds),
        stdout=subprocess.PIPE, text=True) for _ in range(SESSIONS)]
    begun = time.monotonic()
    load.start()
    try:
        exchanges.run(options.seconds - 30)
        load.stop.wait(LIFE_SECONDS)
    finally:
        load.end()
        passed = time.monotonic() - begun
        told = [json.loads(each.communicate(timeout=300)[0].splitlines()[-1]) for each in sessions]
    wait_until(lambda: seen(lab)[1], "the pair link to stand", 20)
    after, _ = seen(lab)
    return {"seconds": round(passed), "rounds": exchanges.rounds, "exchanges": exchanges.counts,
            "asked": load.asked, "a_second": round(load.asked / passed),
            "lost": load.asked - load.answered, "slowest_ms": load.slowest_ms,
            "takeovers": after - before,
            "lost_sessions": sum(each["lost_sessions"] for each in told),
            "unanswered": sum(each["unanswered"] for each in told), "problems": load.lost[:3]}


def main():
    parser = argparse.ArgumentParser(prog="credentials_pair.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--rate", type=int, default=1000)
    options = parser.parse_args()
    lab = PairLab("bhcr", options.build)
    try:
        result = measure(lab, options)
    finally:
        lab.down()
    print(json.dumps(result))
    bad = [key for key in ("lost", "takeovers", "lost_sessions", "unanswered") if result[key]]
    if bad:
        raise LabError(f"not nothing: {', '.join(bad)}")


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"credentials_pair.py: {error}")
