#!/usr/bin/env python3
"""kill -9 at random moments of a pull, of each of its processes: the store stays whole, the next pull
works, and nothing is left."""

import ctypes
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

from faulty import Registry
from place import KELP, Place

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "image"))
import layout  # noqa: E402  (the path is set above)
from tap import Tap  # noqa: E402

KILLS = int(os.environ.get("KELP_TEST_KILLS", "60"))
PR_SET_CHILD_SUBREAPER = 36


def slowly(_handler, request, _n):
    if "/blobs/" in request.path:
        time.sleep(0.005)
    return False


def make_image():
    import io
    import tarfile
    layers = []
    for i in range(6):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for j in range(20):
                info = tarfile.TarInfo(f"etc/{i}/{j}")
                data = random.Random(i * 100 + j).randbytes(5000)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        layers.append(buffer.getvalue())
    return layout.Layout(layers)


def children(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as f:
                found += [int(x) for x in f.read().split()]
    except OSError:
        pass
    for child in list(found):
        found += children(child)
    return found


def alive(pids):
    return [p for p in pids if os.path.exists(f"/proc/{p}")]


def reap_all():
    """Orphans become ours: wait until the last one is gone."""
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        pass


def start(place, name):
    return subprocess.Popen([KELP, "pull", name], env=place.env, cwd=place.home,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def kill_one(place, name, delay, rng):
    """Kills kelp-pull itself, or one of its children.  Returns whether there was one to kill."""
    process = start(place, name)
    time.sleep(delay)
    family = [process.pid] + children(process.pid)
    victim = rng.choice(family)
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    reap_all()
    return victim == process.pid, process.returncode, alive(family)


def judge(place, name):
    problems = place.check_blobs()
    listed = place.kelp("images")
    if listed.returncode != 0:
        problems.append(f"images fails: {listed.stderr}")
    again = place.pull(name)
    if again.returncode != 0:
        problems.append(f"the next pull fails: {again.stderr}")
    if place.leftovers():
        problems.append(f"left in tmp: {place.leftovers()}")
    if place.names() != [name]:
        problems.append(f"names: {place.names()}")
    run = place.kelp("run", "--dry-run", name, "/bin/true")
    if run.returncode != 0:
        problems.append(f"cannot be run: {run.stderr}")
    problems += place.check_blobs()
    place.clear()
    for left in ["unpacked/single", "blobs/sha256", "names", "images"]:
        if os.listdir(os.path.join(place.store, left)):
            problems.append(f"something is left in {left}")
    return problems


def check(tap, top):
    rng = random.Random()
    place = Place(os.path.join(top, "home"))
    with Registry(slowly) as registry:
        registry.add(make_image(), "1")
        name = f"{registry.host}/x:1"
        begin = time.monotonic()
        place.pull(name)
        whole = time.monotonic() - begin
        place.clear()
        failed = 0
        for i in range(KILLS):
            delay = rng.uniform(0, whole * 1.1)
            itself, status, left = kill_one(place, name, delay, rng)
            failed += status != 0
            problems = [f"still alive: {left}"] if left else []
            problems += judge(place, name)
            if problems:
                who = "itself" if itself else "a child"
                tap.check(f"kill {i} of {who} after {delay * 1000:.1f} ms: {status}", problems)
                return
        print(f"# {failed} of {KILLS} pulls were ended, {whole * 1000:.0f} ms each")
        tap.check(f"{KILLS} times kill -9 at random moments of a pull",
                  [] if failed else ["no kill came in time"])


def main():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    tap = Tap()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="kelp-pull.", dir=memory) as top:
        check(tap, top)
    tap.end()


main()
