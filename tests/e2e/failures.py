"""What can go wrong with an appliance of a pair, and how it is mended. Each has the lab and the
appliance that is active."""

import signal
import time
from typing import Callable, NamedTuple

from pair import OTHER


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


FAILURES = {
    "data plane killed": Failure(kill("dataplane"), lambda lab, which: lab.start_dataplane(which)),
    "agent killed": Failure(kill("agent"), lambda lab, which: lab.start_agent(which)),
    "power lost": Failure(power_off, power_on),
    "data plane frozen": Failure(freeze("dataplane"), thaw("dataplane")),
    "agent frozen": Failure(freeze("agent"), thaw("agent")),
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
