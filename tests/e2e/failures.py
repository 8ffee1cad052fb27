"""What can go wrong with an appliance of a pair, and how it is mended. Each has the lab and the
appliance that is active."""

import signal
import sys
import time
from pathlib import Path
from typing import Callable, NamedTuple

from lab import wait_until
from pair import LINK, OTHER, PAIR_PORT

HERE = Path(__file__).resolve().parent


class Failure(NamedTuple):
    begin: Callable
    mend: Callable
    turns: bool = True  # the other becomes active


def kill(role):
    return lambda lab, which: lab.stop(f"{role}-{which}", signal.SIGKILL)


def freeze(role):
    return lambda lab, which: lab.send_signal(f"{role}-{which}", signal.SIGSTOP)


def thaw(role):
    return lambda lab, which: lab.send_signal(f"{role}-{which}", signal.SIGCONT)


def spawn(lab, name, words, role, begun):
    """A helper that says when it has begun."""
    (lab.folder / f"{role}.log").unlink(missing_ok=True)
    lab.spawn(name, words, role)
    wait_until(lambda: begun in lab.log(role) or lab.pid(role) is None, f"{role} to begin", 10)
    if begun not in lab.log(role):
        raise RuntimeError(f"{role}: {lab.log(role)}")


def hold_thread(role, thread):
    """One thread waits for something, and the others of its process go on."""
    return lambda lab, which: spawn(
        lab, which, [sys.executable, HERE / "hold_thread.py", str(lab.pid(f"{role}-{which}")), thread],
        "holder", "held")


def free_thread(lab, _):
    lab.stop("holder")


def flood(lab, name, role, *words):
    # Another machine's cores.
    spawn(lab, name, ["nice", "-n", "10", sys.executable, HERE / "pair_flood.py", *words], role,
          "begun")


def flood_link(lab, which):
    """From the standby's place on it: connections to the one that accepts them, which is the one
    whose name sorts higher, and datagrams in the peer's name to the active one."""
    flood(lab, "a", "flood-greetings", "greet", LINK["b"], str(PAIR_PORT))
    flood(lab, OTHER[which], "flood-datagrams", "datagrams", LINK[OTHER[which]], LINK[which],
          str(PAIR_PORT))


def flood_zone(lab, _):
    flood(lab, "sup", "flood-frames", "frames", "eth0")


def end_floods(lab, _):
    for role in ("flood-greetings", "flood-datagrams", "flood-frames"):
        lab.stop(role)


def power_off(lab, which):
    """Everything of the appliance falls silent at once, and no connection of it is closed."""
    for role in ("dataplane", "agent"):
        lab.send_signal(f"{role}-{which}", signal.SIGSTOP)
    time.sleep(0.2)
    lab.cut_pair_link()
    for role in ("agent", "dataplane"):
        lab.stop(f"{role}-{which}", signal.SIGKILL)


def power_on(lab, which):
    lab.mend_pair_link()
    lab.start_dataplane(which)
    lab.start_agent(which)


def cut_two(lab, which):
    lab.cut_pair_link()
    lab.pull(which, 0)


def mend_two(lab, which):
    lab.put_back(which, 0)
    lab.mend_pair_link()


WORKER = "(rte-worker|dpdk-worker|lcore-worker)"  # as DPDK names them, by its release

FAILURES = {
    "data plane killed": Failure(kill("dataplane"), lambda lab, which: lab.start_dataplane(which)),
    "agent killed": Failure(kill("agent"), lambda lab, which: lab.start_agent(which)),
    "power lost": Failure(power_off, power_on),
    "data plane frozen": Failure(freeze("dataplane"), thaw("dataplane")),
    "agent frozen": Failure(freeze("agent"), thaw("agent")),
    "worker blocked": Failure(hold_thread("dataplane", WORKER), free_thread),
    "client thread blocked": Failure(hold_thread("agent", "lease"), free_thread),
    "flood on the link": Failure(flood_link, end_floods, turns=False),
    "flood in a zone": Failure(flood_zone, end_floods, turns=False),
    "cable of zone 0 pulled": Failure(lambda lab, which: lab.pull(which, 0),
                                      lambda lab, which: lab.put_back(which, 0)),
    "cable of zone 1 pulled": Failure(lambda lab, which: lab.pull(which, 1),
                                      lambda lab, which: lab.put_back(which, 1)),
    "pair link cut": Failure(lambda lab, which: lab.cut_pair_link(),
                             lambda lab, which: lab.mend_pair_link(), turns=False),
    "pair link and zone 0 cut": Failure(cut_two, mend_two),
    "standby frozen": Failure(lambda lab, which: freeze("dataplane")(lab, OTHER[which]),
                              lambda lab, which: thaw("dataplane")(lab, OTHER[which]),
                              turns=False),
    "standby killed": Failure(lambda lab, which: power_off(lab, OTHER[which]),
                              lambda lab, which: power_on(lab, OTHER[which]), turns=False),
}
