"""Times for which a core ran nothing that asked, whatever its priority: a kernel that does not preempt
itself, or a host that gave the core to another machine.

usage: stalls.py CORE      prints, at each line that it reads, what it has seen since the one before
Needs root.
"""

import json
import os
import select
import subprocess
import sys
import time

EVERY = 0.002  # seconds
TOLD = 0.010  # seconds that a stall lasts at least
KEPT = 100  # times that are told; the others are counted


class Stalls:
    """The watch of one core, in a process of its own."""

    def __init__(self, core):
        self.core = core
        self.watch = subprocess.Popen([sys.executable, __file__, str(core)], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def take(self):
        """What was seen since the last time: how often, and the longest and all times in ms."""
        self.watch.stdin.write("\n")
        self.watch.stdin.flush()
        return json.loads(self.watch.stdout.readline())

    def end(self):
        self.watch.stdin.close()
        self.watch.wait(timeout=10)


def watch(core):
    os.sched_setaffinity(0, [core])
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(os.sched_get_priority_max(os.SCHED_FIFO)))
    count, times, longest = 0, [], 0.0
    while True:
        begun = time.monotonic()
        asked = select.select([sys.stdin], [], [], EVERY)[0]
        late = time.monotonic() - begun - (0 if asked else EVERY)
        if late > TOLD and not asked:
            count, longest = count + 1, max(longest, late)
            if len(times) < KEPT:
                times.append([round(begun, 3), round(late * 1000, 1)])
        if asked:
            if not sys.stdin.readline():
                return
            print(json.dumps({"count": count, "longest_ms": round(longest * 1000, 1),
                              "times": times}), flush=True)
            count, times, longest = 0, [], 0.0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    watch(int(sys.argv[1]))
