#!/usr/bin/env python3
"""How much memory a running sandbox takes.

    memory.py COUNT COMMAND...      COMMAND ends in "sleep SECONDS"

Starts COUNT sandboxes at once, waits until every payload runs, and prints the proportional set
size in KiB of everything that is not the payload, for one sandbox.
"""

import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from processes import descendants  # noqa: E402  (the path is set above)

PAYLOAD = "sleep"
PATIENCE = 60


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1])
    raise ValueError(f"no Pss of process {pid}")


def wait_for_payloads(launchers):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if all(any(name_of(pid) == PAYLOAD for pid, _ in descendants(box.pid)[1:]) for box in launchers):
            return
        time.sleep(0.1)
    sys.exit(f"memory.py: not every sandbox came up within {PATIENCE} s")


def main():
    count, command = int(sys.argv[1]), sys.argv[2:]
    launchers = []
    try:
        for _ in range(count):
            launchers.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))
        wait_for_payloads(launchers)
        own = [pid for box in launchers for pid, _ in descendants(box.pid)
               if name_of(pid) != PAYLOAD]
        print(round(sum(pss(pid) for pid in own) / count))
    finally:
        for box in launchers:
            os.kill(box.pid, signal.SIGKILL)
        for box in launchers:
            box.wait()


main()
