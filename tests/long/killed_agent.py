"""Kills bulkheadd at random moments of push, commit, confirm and rollback: what is enforced is always
what the store says, what was answered stays, and each act that was answered is in the audit log, which
is whole after every kill.

usage: killed_agent.py [--build BUILD] [--kills N] [--seed S]
Needs root.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/lab"))
from lab import Lab, LabError, run, wait_until  # noqa: E402

POLICY = ROOT / "policies/water-works/policy.yaml"


def run_all(lab, kills, chance):
    lab.down()
    lab.prepare()
    lab.start_plc()
    lab.start_dataplane()
    lab.start_agent()
    other = lab.folder / "other.yaml"
    other.write_text(POLICY.read_text().replace("value: 0-1000", "value: 0-999"))
    for path in (POLICY, other):
        lab.ctl("push", path, "--commit")
    begun = time.monotonic()
    lab.ctl("commit", "1")
    takes = time.monotonic() - begun  # with all that a program needs to start
    outcomes = {"done": 0, "not done": 0}
    answered = [("StagePolicy", "1"), ("CommitPolicy", "1"), ("StagePolicy", "2"),
                ("CommitPolicy", "2"), ("CommitPolicy", "1")]
    for number in range(kills):
        rpc = chance.choice(("StagePolicy", "CommitPolicy", "ConfirmPolicy", "RollbackPolicy"))
        try:
            done = kill_during(lab, rpc, chance.uniform(0.3, 1.2) * takes, answered)
        except LabError as error:
            raise LabError(f"kill {number}, {rpc}: {error}") from error
        outcomes["done" if done else "not done"] += 1
    outcomes["answered acts in the log"] = compare(lab, answered)
    return outcomes


def kill_during(lab, rpc, after_seconds, answered):
    """Whether the act was done; what was answered is added."""
    before, staged = active(lab), latest(lab)
    other = 2 if before == 1 else 1
    if rpc == "ConfirmPolicy":
        lab.ctl("commit", other, "--confirm", "10m")
        answered.append(("CommitPolicy", str(other)))
    words = {"StagePolicy": ("push", POLICY), "CommitPolicy": ("commit", other),
             "ConfirmPolicy": ("confirm",), "RollbackPolicy": ("rollback", other)}[rpc]
    act = subprocess.Popen(
        lab.in_ns("fw", lab.bin / "bulkheadctl", "--pki", lab.pki, *words),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after_seconds)
    lab.stop("agent", signal.SIGKILL)
    act.wait()
    whole(lab)
    lab.start_agent()
    wait_until(lambda: not status(lab)["problem"], "a true status", 10)
    now = active(lab)
    awaits = "trial" in status(lab)
    if rpc == "StagePolicy":
        done, number = latest(lab) > staged, latest(lab)
        may_be = (before,)
    else:
        done, number = now == other and not awaits, other
        may_be = (other,) if rpc == "ConfirmPolicy" else (before, other)
    if now not in may_be:
        raise LabError(f"revision {now} is active, which is none of {may_be}")
    if act.returncode == 0:
        if not done:
            raise LabError("it was answered, and is gone")
        answered.append((rpc, str(number)))
    if awaits:
        lab.ctl("confirm")
        answered.append(("ConfirmPolicy", str(other)))
    answer = lab.hmi("write", 42, 1000)["result"]
    if (answer == "ok") != (now == 1):
        raise LabError(f"revision {now} is active, but a write of 1000: {answer}")
    return done


def whole(lab):
    """What the killed agent has left: at most a last record that is incomplete."""
    done = run(lab.bin / "bulkheadctl", "audit", "verify", lab.folder / "state", "--format", "json",
               check=False)
    findings = [json.loads(line) for line in done.stdout.splitlines() if "finding" in line]
    bad = [each for each in findings if each.get("finding") not in (None, "cut")]
    if bad or not done.stdout:
        raise LabError(f"the audit log: {bad or done.stderr}")


def compare(lab, answered):
    """Each answered act is in the log as done, in the order of the answers."""
    rows = iter([(row["rpc"].split("/")[-1], row["details"].get("revision"))
                 for row in lab.ctl_json("audit", "show", "--kind", "act", "--limit", "10000")
                 if row["result"] == "done"])
    for act in answered:
        if act not in rows:  # goes on from where the last one was found
            raise LabError(f"the audit log lacks {act}, which was answered")
    if lab.ctl("audit", "verify", check=False).returncode != 0:
        raise LabError("the audit log is damaged")
    return len(answered)


def status(lab):
    """Whatever its exit code says."""
    return json.loads(lab.ctl("status", "--format", "json", check=False).stdout)


def active(lab):
    rows = [row for row in lab.ctl_json("history") if row["active"]]
    enforced = status(lab)["policy_sha256"]
    if enforced != rows[0]["sha256"]:
        raise LabError(f"enforced is {enforced}, active {rows[0]['sha256']}")
    return rows[0]["revision"]


def latest(lab):
    return max(row["revision"] for row in lab.ctl_json("history"))


def main():
    parser = argparse.ArgumentParser(prog="killed_agent.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    lab = Lab("bhz", options.build)
    try:
        outcomes = run_all(lab, options.kills, random.Random(options.seed))
        print(json.dumps({"kills": options.kills, **outcomes}))
    finally:
        lab.down()


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"killed_agent.py: {error}")
