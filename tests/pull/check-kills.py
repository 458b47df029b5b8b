#!/usr/bin/env python3
"""kill -9 of any process of import, pull, commit, rmi, prune and of a first run, at moments spread over
all of its time: the store stays whole, what was killed can be done again, and nothing is left."""

import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

from faulty import Registry
from place import KELP, Place

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "image"))
import kills  # noqa: E402  (the path is set above)
import layout  # noqa: E402
import tree  # noqa: E402
from tap import Tap  # noqa: E402

KILLS = int(os.environ.get("KELP_TEST_KILLS") or (100 if os.environ.get("KELP_TEST_LONG") else 8))
TRIES = 40
BOX = ["--network", "none"]
PLACES = ["unpacked/single", "unpacked/subids", "records/single", "records/subids", "blobs/sha256",
          "names", "images", "tmp"]


def add(tar, name, data=b"", mode=0o644, kind=tarfile.REGTYPE, link="", uid=0):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.uid, info.size = kind, mode, link, uid, len(data)
    tar.addfile(info, io.BytesIO(data))


def make_layer(seed, root=False):
    """A layer of many files, whose ids need subordinate ones; `root`: with busybox."""
    rng = random.Random(seed)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        if root:
            with open(shutil.which("busybox"), "rb") as f:
                add(tar, "bin/busybox", f.read(), 0o755)
            add(tar, "bin/sh", kind=tarfile.SYMTYPE, link="busybox")
        for i in range(60):
            add(tar, f"etc/{seed}/{i}", rng.randbytes(2000), uid=i % 3)
    return buffer.getvalue()


def slowly(_handler, request, _n):
    """As a network is: or the fetching would be over before anybody could be killed."""
    if "/blobs/" in request.path:
        time.sleep(0.005)
    return False


class Scene:
    """A command: what has to be there before, and what is there afterwards."""

    def __init__(self, name, args, prepare, result=None, needs=None):
        self.name = name
        self.args = args
        self.prepare = prepare
        self.result = result  # the name of the image that it makes
        self.needs = needs    # the name of the image that it removes


class Crashes:
    """One store, in which something is done and killed, and done again."""

    def __init__(self, top, registry):
        self.place = Place(os.path.join(top, "home"))
        self.problems = []
        self.registry = registry
        made = layout.Layout([make_layer(0, root=True)] + [make_layer(i) for i in (1, 2, 3)])
        registry.add(made, "1")
        self.archive = made.write_archive(os.path.join(top, "whole.tar"))
        self.wanted = {}  # name -> id and digests of its layers

    def expect(self, *args):
        result = self.place.kelp(*args)
        if result.returncode != 0:
            self.problems.append(f"{' '.join(args)} fails: {result.stdout}{result.stderr}")
        return result

    def look(self, name):
        """What an image is: its id, and all that its layers have."""
        images = os.path.join(self.place.store, "names")
        file = os.path.join(images, name.replace(":", "%3A").replace("/", "%2F"))
        with open(file, encoding="utf-8") as f:
            layers = [line.split()[2] for line in f if line.startswith("layer = ")]
        unpacked = os.path.join(self.place.store, "unpacked/single")
        return [tree.digest(os.path.join(unpacked, layer)) for layer in layers]

    def empty(self):
        self.expect("prune", "--all")

    def import_it(self):
        self.expect("import", self.archive, "whole")

    def import_afresh(self):
        self.empty()
        self.import_it()

    def import_and_run(self):
        self.import_it()
        if has_subids():
            self.expect("run", *BOX, "--userns", "subids", "whole", "/bin/busybox", "true")

    def keep(self):
        self.import_it()
        self.expect("run", *BOX, "--keep", "--name", "one", "whole", "/bin/sh", "-c",
                    "for i in $(/bin/busybox seq 80); do echo $i >/etc/1/new$i; done; "
                    "/bin/busybox rm -r /etc/2 /etc/3/7")

    def forget_commit(self):
        if "made:latest" in self.place.names():
            self.expect("rmi", "made")

    def scenes(self):
        pulled = f"{self.registry.host}/x:1"
        listed = [Scene("import", ["import", self.archive, "whole"], self.empty, "whole:latest"),
                  Scene("pull", ["pull", pulled], self.empty, pulled),
                  Scene("rmi", ["rmi", "whole"], self.import_and_run, needs="whole:latest"),
                  Scene("prune --all", ["prune", "--all"], self.import_and_run)]
        if has_subids():
            run = ["run", *BOX, "--userns", "subids", "whole", "/bin/busybox", "true"]
            listed.append(Scene("the first run", run, self.import_afresh, "whole:latest"))
        return listed

    def check_result(self, name):
        if name not in self.place.names():
            return [f"there is no image {name}"]
        found = self.look(name)
        if found != self.wanted.setdefault(name, found):
            return [f"the image {name} is not whole"]
        return []

    def judge(self, scene):
        """What the kill left is whole; what was killed can be done again."""
        self.expect("verify")
        names = self.place.names()
        if scene.result in names:
            self.problems += self.check_result(scene.result)
        if not scene.needs or scene.needs in names:
            self.expect(*scene.args)
        self.expect("verify")
        if scene.result:
            self.problems += self.check_result(scene.result)
        elif "whole:latest" in self.place.names():
            self.problems.append("the image is still there")
        self.problems += self.place.check_blobs()
        if self.place.leftovers():
            self.problems.append(f"left in tmp: {self.place.leftovers()}")

    def time_of(self, scene):
        """The middle one of three: it is killed at moments of that."""
        times = []
        for _ in range(3):
            scene.prepare()
            start = time.monotonic()
            self.expect(*scene.args)
            times.append(time.monotonic() - start)
        if scene.result:
            self.problems += self.check_result(scene.result)
        return sorted(times)[1]

    def kill(self, scene, killer, delay):
        """Again and earlier, until it hits somebody.  Returns what was done."""
        for _ in range(TRIES):
            scene.prepare()
            name, wrong = killer.run([KELP, *scene.args], delay, env=self.place.env,
                                     cwd=self.place.home)
            self.problems += wrong
            if name or self.problems:
                break
            delay *= 0.8
        else:
            self.problems.append("it ends before anybody can be killed")
        return f"{name} was killed after {delay * 1000:.1f} ms"

    def run(self, tap, scene, rng):
        """Returns how many of those that were killed worked for the command."""
        killer = kills.Killer(rng)
        whole = self.time_of(scene)
        done = "nobody was killed"
        for i in range(KILLS):
            if self.problems:
                break
            # one in each of as many parts of the time
            done = self.kill(scene, killer, (i + rng.random()) / KILLS * whole)
            self.judge(scene)
        problems, self.problems = self.problems, []
        if problems:
            problems.insert(0, done)
        print(f"# {scene.name}: {whole * 1000:.0f} ms; killed: {killer}")
        tap.check(f"{KILLS} times kill -9 of a process of {scene.name}", problems)
        return sum(n for name, n in killer.killed.items() if not name.endswith("/0"))

    def check_empty(self, tap):
        self.empty()
        for left in PLACES:
            if os.listdir(os.path.join(self.place.store, left)):
                self.problems.append(f"something is left in {left}")
        tap.check("nothing is left of all that", self.problems)
        self.problems = []


def has_subids():
    user = subprocess.run(["id", "-un"], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    for file in ["/etc/subuid", "/etc/subgid"]:
        with open(file, encoding="ascii") as f:
            if not any(line.startswith(user + ":") for line in f):
                return False
    return bool(shutil.which("newuidmap") and shutil.which("newgidmap"))


def check_controls(tap, crashes):
    """What is judged here is seen when it is wrong."""
    scene = crashes.scenes()[0]

    def told(what, part):
        found, crashes.problems = crashes.problems, []
        tap.check(f"control: {what} is noticed",
                  [] if any(part in x for x in found) else [f"told: {found}"])

    crashes.time_of(scene)
    layers = os.path.join(crashes.place.store, "unpacked/single")
    victim = os.path.join(layers, sorted(os.listdir(layers))[0])
    path = next(os.path.join(d, f[0]) for d, _, f in os.walk(victim) if f)
    os.truncate(path, 1)
    crashes.judge(scene)
    told("a file that was cut short", "verify fails")
    crashes.empty()
    crashes.import_it()
    os.unlink(path_of_blob(crashes.place))
    crashes.judge(Scene("rmi of another", ["rmi", "whole"], None, "whole:latest"))
    told("a blob that is gone", "verify fails")
    crashes.empty()
    # a process that outlives its parent and takes no notice of its end
    kills.PATIENCE, before = 1, kills.PATIENCE
    pidfile = os.path.join(crashes.place.home, "pid")
    left = kills.Killer(random.Random(1)).run(
        ["sh", "-c", f"sleep 60 & echo $! >{pidfile}.new; mv {pidfile}.new {pidfile}; exec true"],
        0.5)[1]
    kills.PATIENCE = before
    crashes.problems += left
    told("a process that is left", "still alive")
    with open(pidfile, encoding="ascii") as f:
        os.kill(int(f.read()), 15)
    kills.reap_all()


def path_of_blob(place):
    blobs = os.path.join(place.store, "blobs/sha256")
    return max((os.path.join(blobs, x) for x in os.listdir(blobs)), key=os.path.getsize)


def check(tap, top, rng):
    with Registry(slowly) as registry:
        crashes = Crashes(top, registry)
        check_controls(tap, crashes)
        below = 0
        for scene in crashes.scenes():
            below += crashes.run(tap, scene, rng)
        if not has_subids():
            tap.check("the first run # skip the machine lacks subordinate ids", [])
        crashes.check_empty(tap)
        crashes.keep()
        scene = Scene("commit", ["commit", "one", "made"], crashes.forget_commit, "made:latest")
        below += crashes.run(tap, scene, rng)
        crashes.expect("rm", "one")
        crashes.check_empty(tap)
        tap.check("not only the commands themselves were hit, but who works for them, too",
                  [] if below > KILLS // 2 else [f"{below} of them"])


def main():
    kills.become_subreaper()
    tap = Tap()
    seed = int(os.environ.get("KELP_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"# KELP_TEST_SEED={seed}")
    # in memory where that can be: nothing here survives the machine, and syncing takes its time
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="kelp-kills.", dir=memory) as top:
        check(tap, top, random.Random(seed))
    tap.end()


main()
