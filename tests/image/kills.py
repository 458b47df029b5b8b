"""Ends programs by SIGKILL: one process of all that work for them, at a moment of their time."""

import collections
import ctypes
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from processes import descendants  # noqa: E402  (the path is set above)

PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 20  # seconds that what is left of a killed program has to end by itself


def become_subreaper():
    """Orphans of what is killed become ours, so that their end can be waited for."""
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError("cannot become a subreaper")


def role(pid, depth):
    """What a report calls it: its name, and how deep below the command it works."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            text = f.read()
    except OSError:
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    return None if rest.split()[0] == "Z" else f"{name}/{depth}"


def reap_all():
    """Waits for all children, adopted ones too; returns those that do not come to an end."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.001)
        except ChildProcessError:
            return []
    return [role(pid, depth) for pid, depth in descendants(os.getpid())[1:]]


class Killer:
    """Counts whom it has killed."""

    def __init__(self, rng):
        self.rng = rng
        self.killed = collections.Counter()
        self.late = 0

    def strike(self, pid):
        """Whoever lives of the family of `pid`; newuidmap, which is root's, cannot be killed."""
        family = [(p, role(p, depth)) for p, depth in descendants(pid)]
        family = [(p, name) for p, name in family if name]
        self.rng.shuffle(family)
        for victim, name in family:
            try:
                os.kill(victim, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
            self.killed[name] += 1
            return name
        self.late += 1
        return None

    def run(self, args, delay, **more):
        """Starts a program and strikes.  Returns who was hit (None: it had ended), and what is wrong
        afterwards."""
        process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, **more)
        time.sleep(delay)
        name = self.strike(process.pid)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return name, ["it does not come to an end"]
        left = reap_all()
        return name, [f"still alive: {left}"] if left else []

    def __str__(self):
        told = [f"{n} {name}" for name, n in self.killed.most_common()]
        return ", ".join(told + [f"{self.late} came too late"])
