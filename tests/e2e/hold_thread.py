"""Holds one thread of a process, as if it waited for something: the others go on.

usage: hold_thread.py PID NAME
NAME is a regular expression of how the thread's own name begins. Says "held", and lets go when it is ended,
or when the process is: nobody else hears of its end before.
"""

import ctypes
import os
import re
import signal
import sys
from pathlib import Path

PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000  # threads too


def main():
    pid, name = int(sys.argv[1]), sys.argv[2]
    threads = [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()
               if re.match(name, (task / "comm").read_text())]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if len(threads) != 1:
        sys.exit(f"{len(threads)} threads of {pid} are named {name}")
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        if libc.ptrace(request, threads[0], None, None) != 0:
            sys.exit(f"ptrace: {os.strerror(ctypes.get_errno())}")
    os.waitpid(threads[0], WALL)
    print("held", flush=True)
    while signal.sigtimedwait({signal.SIGTERM, signal.SIGINT}, 0.1) is None:
        if os.waitpid(threads[0], WALL | os.WNOHANG)[0] != 0:
            return


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
