#!/usr/bin/env python3
"""Kills one process of a detached sandbox at a random moment, again and again.

  box-kills.py KELP [TIMES]

After each kill what is left must be what a command finds and sweeps: no process lives, a second
sandbox of that name starts, and then nothing is left in the state directory.
"""
import ctypes
import os
import random
import signal
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
SCRIPT = "sleep 1000 & setsid sleep 1000 & sleep 1000"

kelp = sys.argv[1]
times = int(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2] else 10


def run(*args):
    return subprocess.run([kelp, *args], capture_output=True, text=True, timeout=60)


def parents():
    """The parent of every process that is none of a zombie."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] not in "ZX":
            found[int(name)] = int(fields[1])
    return found


def descendants():
    """All that is below this process, which what has lost its parent comes to."""
    found = parents()
    below = {os.getpid()}
    while True:
        more = {pid for pid, parent in found.items() if parent in below} - below
        if not more:
            return sorted(below - {os.getpid()})
        below |= more


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def await_nobody(what):
    end = time.monotonic() + 20
    while descendants():
        reap()
        if time.monotonic() > end:
            left = [(pid, open(f"/proc/{pid}/cmdline", "rb").read()) for pid in descendants()]
            raise SystemExit(f"{what}: processes live: {left}")
        time.sleep(0.005)
    reap()


def kill_one(number):
    """Starts a sandbox, and kills one process of it, which may be the one that starts it."""
    # half of them on their way up, half of them later
    delay = random.uniform(0, 0.03 if number % 2 else 0.2)
    start = subprocess.Popen([kelp, "run", "-d", "--name", "victim", "--", "sh", "-c", SCRIPT],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(delay)
    there = descendants()
    victim = random.choice(there) if there else start.pid
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        pass
    start.wait(timeout=60)
    return f"kill {number} after {delay * 1000:.1f} ms, one of {len(there)}"


def check(what):
    listed = run("ps", "-a")
    if listed.returncode != 0:
        raise SystemExit(f"{what}: ps: {listed.stderr}")
    # what was not hit, or not hit in the heart, goes on: it is ended as anybody would
    removed = run("rm", "-fa")
    if removed.returncode != 0:
        raise SystemExit(f"{what}: rm: {removed.stderr}")
    await_nobody(what)
    second = run("run", "-d", "--name", "victim", "--", "true")
    if second.returncode != 0:
        raise SystemExit(f"{what}: a second one: {second.stderr}")
    waited = run("wait", "victim")
    if waited.stdout != "0\n":
        raise SystemExit(f"{what}: the second one: {waited}")
    run("rm", "victim")
    await_nobody(what)
    state = os.path.join(os.environ["XDG_RUNTIME_DIR"], "kelp")
    left = os.listdir(os.path.join(state, "boxes")) + os.listdir(os.path.join(state, "names"))
    if left:
        raise SystemExit(f"{what}: left in the state directory: {left}")


def main():
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise SystemExit("cannot become the parent of orphans")
    seed = int(os.environ.get("KELP_SEED", time.time_ns() % 1000000))
    random.seed(seed)
    print(f"seed {seed}")
    for number in range(times):
        what = kill_one(number)
        print(what)
        check(what)


main()
