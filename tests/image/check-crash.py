#!/usr/bin/env python3
"""kill -9 at random moments of an import, and streams that are cut off or have flipped bits."""

import ctypes
import gzip
import io
import os
import random
import signal
import subprocess
import tarfile
import tempfile
import time

import layout
import tree
from store import PROGRAM, Store, image_id, judge_refusal
from tap import Tap

KILLS = int(os.environ.get("KELP_TEST_KILLS", "100"))
FLIPS = int(os.environ.get("KELP_TEST_FLIPS", "60"))
PR_SET_CHILD_SUBREAPER = 36


def make_tar(n):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for i in range(n):
            info = tarfile.TarInfo(f"etc/d{i % 20}/f{i}")
            data = b"content of %d\n" % i * 20
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def reap_all():
    """Orphans of a killed import become ours: wait until the last one is gone."""
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        pass


def names(store):
    return os.listdir(os.path.join(store.path, "names"))


def check_whole(store, name, expected):
    problems = []
    found = [tree.listing(layer) for layer in store.layers(name)]
    if found != expected:
        problems.append("the image is not whole")
    for blob in os.listdir(os.path.join(store.path, "blobs/sha256")):
        with open(os.path.join(store.path, "blobs/sha256", blob), "rb") as f:
            if layout.sha(f.read()) != "sha256:" + blob:
                problems.append(f"blob {blob} is damaged")
    return problems


class Crashes:
    def __init__(self, store, archive):
        self.store = store
        self.archive = archive
        result = store.run("import", archive, "whole")
        self.id = image_id(result)
        self.expected = [tree.listing(layer) for layer in store.layers(self.id)]
        store.run("remove", "whole")
        start = time.monotonic()
        store.run("import", archive, "whole")
        self.time = time.monotonic() - start
        store.run("remove", "whole")
        self.counts = {"without": 0, "with": 0}

    def kill(self, delay):
        process = subprocess.Popen([PROGRAM, "--store", self.store.path, "import", self.archive,
                                    "whole"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        reap_all()

    def judge(self):
        problems = []
        listed = self.store.run("list")
        if listed.returncode != 0:
            problems.append("list fails: " + listed.stderr.decode())
        has_name = b"whole:latest" in listed.stdout
        self.counts["with" if has_name else "without"] += 1
        if has_name:
            problems += check_whole(self.store, self.id, self.expected)
        again = self.store.run("import", self.archive, "whole")
        if image_id(again) != self.id:
            problems.append("the second import fails: " + again.stderr.decode())
        else:
            problems += check_whole(self.store, self.id, self.expected)
        if self.store.leftovers():
            problems.append(f"left in tmp: {self.store.leftovers()}")
        removed = self.store.run("remove", "whole")
        if removed.returncode != 0:
            problems.append("remove fails: " + removed.stderr.decode())
        for left in ["unpacked/single", "blobs/sha256", "names", "images"]:
            if os.listdir(os.path.join(self.store.path, left)):
                problems.append(f"something is left in {left}")
        return problems


def check_kills(tap, top):
    archive = os.path.join(top, "many.tar.gz")
    with open(archive, "wb") as f:
        f.write(gzip.compress(make_tar(200), 1))
    crashes = Crashes(Store(os.path.join(top, "killed")), archive)
    rng = random.Random()
    for i in range(KILLS):
        delay = rng.uniform(0, crashes.time * 1.1)
        crashes.kill(delay)
        problems = crashes.judge()
        if problems:
            tap.check(f"kill {i} after {delay * 1000:.1f} ms", problems)
            return
    print(f"# {crashes.counts['without']} without the image, {crashes.counts['with']} with it, "
          f"in {crashes.time * 1000:.0f} ms each")
    tap.check(f"{KILLS} times kill -9 at random moments of an import",
              [] if crashes.counts["without"] else ["no kill came in time"])


def check_stream(tap, top, name, data, must_refuse):
    """`must_refuse`: any change to the data has to be noticed."""
    store = Store(os.path.join(top, "streams"))
    path = os.path.join(top, "stream")
    rng = random.Random(1)
    end = len(data.rstrip(b"\0"))  # behind it there is only padding
    refused = 0

    def run(content):
        with open(path, "wb") as f:
            f.write(content)
        return store.run("import", path, "stream")

    result = run(data)
    if not image_id(result):
        tap.check(name, [result.stderr])
        return
    good = [tree.digest(layer) for layer in store.layers(image_id(result))]
    before = store.digest()
    for i in range(FLIPS):
        at = rng.randrange(len(data))
        flipped = data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1:]
        changed = data[:at] if i % 3 == 0 else flipped
        what = f"cut at {at}" if i % 3 == 0 else f"flip at {at}"
        result = run(changed)
        problems = []
        if result.returncode == 0:
            found = [tree.digest(layer) for layer in store.layers(image_id(result))]
            if must_refuse and found != good:
                problems.append("a change was not noticed")
            if i % 3 == 0 and at < end:
                problems.append("the cut was not noticed")
            store.run("remove", image_id(result))
            run(data)
        else:
            refused += 1
            problems += judge_refusal(result, ".")
            if store.digest() != before:
                problems.append("the store is not as it was")
        if store.leftovers():
            problems.append(f"left in tmp: {store.leftovers()}")
        if problems:
            tap.check(f"{name}: {what}", problems)
            return
    tap.check(f"{name}: {FLIPS} cuts and flips, {refused} refused",
              [] if refused >= FLIPS // 3 - 2 else ["too few were refused"])


def main():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    tap = Tap()
    plain = make_tar(20)
    # in memory where that can be: nothing here survives the machine, and syncing takes its time
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="kelp-crash.", dir=memory) as top:
        check_kills(tap, top)
        check_stream(tap, top, "a plain tar", plain, False)
        check_stream(tap, top, "gzip", gzip.compress(plain, 1), True)
        for tool in ["xz", "zstd"]:
            packed = subprocess.run([tool, "-q", "-c"], input=plain, stdout=subprocess.PIPE,
                                    check=True).stdout
            check_stream(tap, top, tool, packed, True)
        image = layout.Layout([plain], packed=False).write_archive(os.path.join(top, "oci.tar"))
        with open(image, "rb") as f:
            check_stream(tap, top, "an OCI archive", f.read(), True)
        path = layout.write_tar(os.path.join(top, "docker.tar"), layout.docker_files([plain]))
        with open(path, "rb") as f:
            check_stream(tap, top, "a docker-archive", f.read(), True)
    tap.end()


main()
