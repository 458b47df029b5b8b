#!/usr/bin/env python3
"""kelp apply is killed before one of its system calls, or one of them fails, and it is repeated: it ends
as one that was left alone, and nothing of its own lies about.  And whichever call of a run under review
fails, the user's own files are as they were."""

import importlib
import os
import random
import shutil
import subprocess
import sys
import tempfile

import edits

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "image"))
from tap import Tap  # noqa: E402  (the path is set above)

trees = importlib.import_module("check-trees")

BUILD = os.environ["KELP_BUILD"]
INJECT = f"{BUILD}/tests/fault/inject"
POINTS = int(os.environ.get("KELP_TEST_KILLS") or (100 if os.environ.get("KELP_TEST_LONG") else 4))
SEED = int(os.environ.get("KELP_TEST_SEED") or random.randrange(1 << 32))
ERRORS = ["EIO", "ENOSPC", "EMFILE"]


def inject(scene, command, how, payload="nobody"):
    """Runs a command under the injector: what its report says, and what was on standard error."""
    report = f"{scene.top}/report"
    done = subprocess.run([INJECT, "-a", *how, "-p", payload, "-o", report, "--", trees.KELP, *command],
                          env=scene.env, cwd=scene.ours, stdin=subprocess.DEVNULL,
                          capture_output=True, check=False)
    with open(report, encoding="utf-8") as f:
        return dict(word.split("=", 1) for word in f.read().split()), done.stderr


class Place:
    """A tree with a review of it, and what has to become of both."""

    def __init__(self, base, name, seed):
        self.top = f"{base}/{name}"
        os.mkdir(self.top)
        self.scene = trees.Scene(self.top, seed)
        self.review = self.scene.review()
        self.scene.carry_out(self.scene.plain, self.scene.edits, 2)
        self.wanted = edits.look(self.scene.plain)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["chmod", "-R", "u+rwX", self.top], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.top)

    def check_end(self, may_doubt=False):
        """Left to itself the apply ends.  `may_doubt`: a file that was put back, as what came out of its
        place could not be looked at, has a new time of its inode: it is a conflict to be on the safe
        side, and there is a word for that."""
        wrong = []
        if self.scene.ids():
            done = self.scene.kelp("apply", self.review)
            if may_doubt and done.returncode == 1 and b"(conflict" in done.stderr:
                done = self.scene.kelp("apply", "--overwrite", self.review)
            # killed while the review was being removed, when all was done
            if b"there is no review" not in done.stderr:
                wrong += trees.expect(done, 0)
        wrong += edits.compare(self.wanted, edits.look(self.scene.ours))
        return wrong + [f"left: {left}" for left in self.scene.ids()]


def apply_one(place, point, how):
    report, err = inject(place.scene, ["apply", place.review], ["-k", str(point), *how])
    wrong = [] if report["hit"] == "1" else [f"nothing was hit: {report}"]
    # one of the first calls is that of the C library, which relocates a program that is linked statically
    if how[0] == "-e" and report["exit"] == "127" and b"error while loading" in err:
        return wrong
    if how[0] == "-e" and report["exit"] not in ("0", "1", "125"):
        wrong.append(f"status {report['exit']}: {err!r}")
    if how[0] == "-e" and report["exit"] == "125" and not err.startswith(b"kelp: "):
        wrong.append(f"no reason: {err!r}")
    return wrong


def check_applies(base, rng, kind):
    wrong = []
    total = {}
    for i in range(POINTS):
        seed = f"{SEED}-{i % max(1, POINTS // 10)}"
        if seed not in total:
            with Place(base, "counted", seed) as place:
                if not place.review:
                    total[seed] = 0
                    continue
                report, _ = inject(place.scene, ["apply", place.review], [])
                total[seed] = int(report["points"])
                wrong += place.check_end()
        if not total[seed]:
            continue
        with Place(base, "hit", seed) as place:
            point = rng.randrange(total[seed]) + 1
            how = ["-s", "KILL"] if kind == "kill" else ["-e", rng.choice(ERRORS)]
            found = apply_one(place, point, how)
            if place.scene.ids() and rng.random() < 0.3:
                inject(place.scene, ["apply", place.review], ["-k", str(rng.randrange(point) + 1), *how])
            found += place.check_end(may_doubt=kind == "error")
            if found:
                wrong += [f"seed {seed}, {how[1]} at call {point} of {total[seed]}"] + found
        if len(wrong) > 40:
            break
    return wrong


def check_runs(base, rng):
    """No call that fails lets a run under review write to the files themselves."""
    wrong = []
    with Place(base, "runs", f"{SEED}") as place:
        scene = place.scene
        if place.review:
            scene.kelp("discard", place.review)
        command = ["run", "--review", "--writable", ".", "--", "sh", "-c", "echo evil >evil; rm -rf *"]
        before = edits.look(scene.ours, exact=True)
        total = int(inject(scene, command, [], "sh")[0]["points"])
        for _ in range(3 * POINTS):
            point = rng.randrange(total) + 1
            error = rng.choice(["EPERM", "ENOSYS", "EIO", "EINVAL"])
            report, err = inject(scene, command, ["-k", str(point), "-e", error], "sh")
            found = edits.compare(before, edits.look(scene.ours, exact=True))
            if found:
                wrong += [f"{error} at call {point} of {total}: {report} {err!r}"] + found
                break
        for review in scene.ids():
            scene.kelp("discard", review)
    return wrong


def main():
    tap = Tap()
    base = tempfile.mkdtemp(prefix="kelp-review-")
    rng = random.Random(SEED)
    tap.check(f"an apply that is killed is repeated, {POINTS} times", check_applies(base, rng, "kill"))
    tap.check(f"an apply that fails is repeated, {POINTS} times", check_applies(base, rng, "error"))
    tap.check(f"a run that fails changes nothing itself, {3 * POINTS} times", check_runs(base, rng))
    os.rmdir(base)
    tap.end()


if __name__ == "__main__":
    main()
