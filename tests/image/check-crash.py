#!/usr/bin/env python3
"""kill -9 at random moments of all that changes the store, and streams that are cut off or flipped."""

import ctypes
import gzip
import io
import os
import random
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time

import layout
import tree
from store import PROGRAM, Store, image_id, judge_refusal
from tap import Tap

KILLS = int(os.environ.get("KELP_TEST_KILLS", "60"))
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


def descendants(pid):
    """The process and all below it."""
    found = [pid]
    for at in found:
        try:
            with open(f"/proc/{at}/task/{at}/children", encoding="ascii") as f:
                found += [int(child) for child in f.read().split()]
        except OSError:
            pass
    return found


def kill_one(process, rng):
    """The program, or one of the processes that work for it."""
    try:
        os.kill(rng.choice(descendants(process.pid)), signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    reap_all()


def subordinate_maps():
    """As kelp hands them to kelp-image; None where there are none."""
    lines = []
    for file, own, name in (("subuid", os.getuid(), "uids"), ("subgid", os.getgid(), "gids")):
        user = subprocess.run(["id", "-un"], stdout=subprocess.PIPE, check=True).stdout.decode()
        with open("/etc/" + file, encoding="ascii") as f:
            ranges = [line.split(":") for line in f if line.startswith(user.strip() + ":")]
        if not ranges:
            return None
        lines.append(f"{name} = 0:{own}:1,1:{ranges[0][1]}:{ranges[0][2].strip()}\n")
    for tool in ("newuidmap", "newgidmap"):
        path = shutil.which(tool)
        if not path:
            return None
        lines.append(f"{tool} = {path}\n")
    return "".join(lines)


class Crashes:
    """One store, in which something is done and killed, and done again."""

    def __init__(self, store, archive, rng):
        self.store = store
        self.archive = archive
        self.rng = rng
        self.problems = []
        self.id = image_id(store.run("import", archive, "whole"))
        self.expected = [tree.listing(layer) for layer in store.layers(self.id)]
        self.maps = subordinate_maps()
        self.counts = {"without": 0, "with": 0}

    def expect(self, *args):
        result = self.store.run(*args)
        if result.returncode != 0:
            self.problems.append(f"{args[0]} fails: {result.stdout}{result.stderr}")
        return result

    def empty(self):
        self.expect("prune", "--all")
        for left in ["unpacked/single", "unpacked/subids", "records/single", "records/subids",
                     "blobs/sha256", "names", "images", "tmp"]:
            if os.listdir(os.path.join(self.store.path, left)):
                self.problems.append(f"something is left in {left}")

    def time_of(self, prepare, args):
        """The longest of three: it is killed at a random moment of that."""
        longest = 0
        for _ in range(3):
            prepare()
            start = time.monotonic()
            self.expect(*args)
            longest = max(longest, time.monotonic() - start)
        return longest

    def kill(self, args, delay):
        process = subprocess.Popen([PROGRAM, "--store", self.store.path, *args],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        kill_one(process, self.rng)

    def judge(self, args):
        """What the kill left is whole; what was killed can be done again, and all of it goes."""
        has_name = b"whole:latest" in self.expect("list").stdout
        self.counts["with" if has_name else "without"] += 1
        if has_name:
            self.problems += check_whole(self.store, self.id, self.expected)
        self.expect("verify")
        if has_name or args[0] != "remove":
            self.expect(*args)
        self.expect("verify")
        if image_id(self.expect("import", self.archive, "whole")) != self.id:
            self.problems.append("it is another image")
        self.problems += check_whole(self.store, self.id, self.expected)
        if self.store.leftovers():
            self.problems.append(f"left in tmp: {self.store.leftovers()}")
        self.expect("verify")

    def run(self, tap, name, kills, prepare, args):
        longest = self.time_of(prepare, args)
        for i in range(kills):
            delay = self.rng.uniform(0, longest * 1.1)
            prepare()
            self.kill(args, delay)
            self.judge(args)
            if self.problems:
                tap.check(f"{name}: kill {i} after {delay * 1000:.1f} ms", self.problems)
                self.problems = []
                return
        print(f"# {self.counts['without']} without the image, {self.counts['with']} with it, "
              f"in {longest * 1000:.0f} ms each")
        tap.check(f"{kills} times kill -9 at random moments of {name}", [])
        self.counts = {"without": 0, "with": 0}

    def import_it(self):
        self.expect("import", self.archive, "whole")

    def unpack_args(self):
        return ["unpack", "--ids", self.maps, "sha256:" + self.id]

    def import_and_unpack(self):
        self.import_it()
        if self.maps:
            self.expect(*self.unpack_args())

    def import_afresh(self):
        self.empty()
        self.import_it()


def check_kills(tap, top):
    archive = os.path.join(top, "many.tar.gz")
    with open(archive, "wb") as f:
        f.write(gzip.compress(make_tar(200), 1))
    rng = random.Random()
    crashes = Crashes(Store(os.path.join(top, "killed")), archive, rng)
    few = max(KILLS // 4, 1)
    crashes.run(tap, "import", KILLS - few, crashes.empty, ["import", archive, "whole"])
    crashes.run(tap, "remove", few, crashes.import_and_unpack, ["remove", "whole"])
    crashes.run(tap, "prune --all", few, crashes.import_and_unpack, ["prune", "--all"])
    if crashes.maps:
        crashes.run(tap, "unpack for subordinate ids", few, crashes.import_afresh,
                    crashes.unpack_args())
    else:
        tap.check("unpack # SKIP the machine lacks subordinate ids", [])
    crashes.empty()
    tap.check("nothing is left of all that", crashes.problems)


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
