"""Kills bulkheadd at random moments of push, commit, commit --confirm, confirm, rollback, and rollback of
what awaits confirmation: what is enforced is always a whole revision, the one that the store says and
none that was in force before the last act; what was answered stays; each act that was answered is in
the audit log, which is whole after every kill.

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
        act = chance.choice(tuple(ACTS))
        try:
            done = kill_during(lab, act, chance.uniform(0.3, 1.2) * takes, answered)
        except LabError as error:
            raise LabError(f"kill {number}, {act}: {error}") from error
        outcomes["done" if done else "not done"] += 1
    outcomes["answered acts in the log"] = compare(lab, answered)
    return outcomes


# What each act asks for of the revision that is not in force; what it may leave in force if it was not
# answered, and what it must leave if it was: "before" or "other", and whether that awaits confirmation.
ACTS = {
    "push": ("StagePolicy", ("push", POLICY), {("before", False)}, ("before", False)),
    "commit": ("CommitPolicy", ("commit", "OTHER"), {("before", False), ("other", False)},
               ("other", False)),
    "try": ("CommitPolicy", ("commit", "OTHER", "--confirm", "10m"),
            {("before", False), ("other", True)}, ("other", True)),
    "confirm": ("ConfirmPolicy", ("confirm",), {("other", True), ("other", False)},
                ("other", False)),
    "rollback": ("RollbackPolicy", ("rollback", "OTHER"), {("before", False), ("other", False)},
                 ("other", False)),
    "return": ("RollbackPolicy", ("rollback",), {("other", True), ("before", False)},
               ("before", False)),
}


def kill_during(lab, act, after_seconds, answered):
    """Whether the act was done; what was answered is added."""
    before, staged = active(lab), latest(lab)
    other = 2 if before == 1 else 1
    rpc, words, may_leave, must_leave = ACTS[act]
    if act in ("confirm", "return"):
        lab.ctl("commit", other, "--confirm", "10m")
        answered.append(("CommitPolicy", str(other)))
    client = subprocess.Popen(
        lab.in_ns("fw", lab.bin / "bulkheadctl", "--pki", lab.pki,
                  *(other if word == "OTHER" else word for word in words)),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after_seconds)
    lab.stop("agent", signal.SIGKILL)
    client.wait()
    whole(lab)
    lab.start_agent()
    wait_until(lambda: not status(lab)["problem"], "a true status", 10)
    now = active(lab)
    left = ("other" if now == other else "before" if now == before else now, "trial" in status(lab))
    if left not in may_leave:
        raise LabError(f"it has left {left}, not one of {sorted(may_leave)}")
    done = latest(lab) > staged if act == "push" else left == must_leave
    if client.returncode == 0:
        if not done:
            raise LabError(f"it was answered, and is gone: {left}")
        answered.append((rpc, str(latest(lab) if act == "push" else now)))
    if left[1]:
        lab.ctl("confirm")
        answered.append(("ConfirmPolicy", str(other)))
    answer = lab.hmi("write", 42, 1000)["result"]
    if (answer == "ok") != (now == 1):
        raise LabError(f"revision {now} is active, but a write of 1000: {answer}")
    expect_whole_revisions(lab, staged)
    return done


def expect_whole_revisions(lab, staged):
    """None is damaged, none is gone, and the newest can be read and is what its digest says."""
    if (lab.folder / "state/damaged").exists():
        raise LabError("a revision was set aside as damaged")
    if latest(lab) < staged:
        raise LabError(f"revision {staged} is gone")
    lab.ctl("policy", "show", latest(lab))


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
