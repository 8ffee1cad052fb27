"""A lab shares the cores of one machine, which on a plant are of several: an appliance's are its own.
These give its processes weight over those that stand for other machines.

With autogroups (sched(7)) a process's nice value counts within its session alone, and a session has
one of its own."""

import os
from pathlib import Path


def weighed(nice):
    """What a program's words follow, so that it is in a session of its own with this nice value."""
    return ("setsid", "nice", "-n", max(nice, 0), "sh", "-c",
            '{ echo "$0" > /proc/self/autogroup; } 2>/dev/null; exec "$@"', nice)


def weigh(pid, nice):
    """The same of a program that runs, in a session of its own."""
    autogroup = Path(f"/proc/{pid}/autogroup")
    if autogroup.exists():
        autogroup.write_text(str(nice))


def set_apart(pid, cores, all_threads):
    """Gives a program's threads of real-time priority, or all, these cores."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        thread = int(task.name)
        if all_threads or os.sched_getscheduler(thread) in (os.SCHED_FIFO, os.SCHED_RR):
            os.sched_setaffinity(thread, cores)
