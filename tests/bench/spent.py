#!/usr/bin/env python3
"""What one command costs, with all its processes.

    spent.py [--peak] OUT COMMAND...

Writes to OUT, as JSON: the seconds of its run, those that processors worked for it, and the most
memory that one of its processes had.  --peak looks every few milliseconds and also writes the most
that all of them had at once (PSS), without the first if that only starts the next one; it takes
the right to read the memory of others, and slows the command down.  What the command prints goes to
the standard error.
"""

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from processes import descendants  # noqa: E402  (the path is set above)

INTERVAL = 0.004


def pss(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("Pss:")), 0)
    except (FileNotFoundError, ProcessLookupError):
        return 0


def watch(pid):
    """Waits for the process; the most that it and its descendants had at once."""
    peak = 0
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        peak = max(peak, sum(pss(member) for member, _ in descendants(pid)))
        time.sleep(INTERVAL)
    return peak


def main():
    args = sys.argv[1:]
    with_peak = args[0] == "--peak"
    out, *command = args[1:] if with_peak else args
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.dup2(2, 1)
        os.execvp(command[0], command)
    peak = watch(pid) if with_peak else None
    _, status, used = os.wait4(pid, 0)
    result = {
        "seconds": time.monotonic() - start,
        "processor": used.ru_utime + used.ru_stime,
        "largest_kib": used.ru_maxrss,
        "peak_kib": peak,
    }
    with open(out, "w") as file:
        json.dump(result, file)
    return os.waitstatus_to_exitcode(status) and 1


sys.exit(main())
