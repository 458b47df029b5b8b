#!/usr/bin/env python3
"""kelp apply is killed before each of its system calls, or a sample of them, and repeated: it ends as one
that was left alone, and nothing of its own lies about."""

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
KILLS = int(os.environ.get("KELP_TEST_KILLS") or (100 if os.environ.get("KELP_TEST_LONG") else 12))
SEED = int(os.environ.get("KELP_TEST_SEED") or random.randrange(1 << 32))


def inject(scene, review, *how):
    """Runs an apply under the injector; returns what its report says."""
    report = f"{scene.top}/report"
    subprocess.run([INJECT, "-a", *how, "-p", "nobody", "-o", report, "--", trees.KELP, "apply", review],
                   env=scene.env, cwd=scene.ours, stdin=subprocess.DEVNULL, capture_output=True,
                   check=False)
    with open(report, encoding="utf-8") as f:
        return dict(word.split("=", 1) for word in f.read().split() if "=" in word)


class Place:
    """A scene whose review can be applied again and again."""

    def __init__(self, base, seed):
        self.scene = trees.Scene(base, seed)
        self.review = self.scene.review()
        self.scene.carry_out(self.scene.plain, self.scene.edits, 2)
        self.wanted = edits.look(self.scene.plain)


def new_place(base, name, seed):
    os.mkdir(f"{base}/{name}")
    return Place(f"{base}/{name}", seed)


def remove(path):
    subprocess.run(["chmod", "-R", "u+rwX", path], check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(path)


def check_one(place, point, rng):
    """One kill, sometimes a second one while it is repeated, and the end of it."""
    wrong = []
    report = inject(place.scene, place.review, "-k", str(point), "-s", "KILL")
    if report["hit"] != "1":
        wrong.append(f"nothing was killed: {report}")
    if place.scene.ids() and rng.random() < 0.3:
        inject(place.scene, place.review, "-k", str(rng.randrange(point) + 1), "-s", "KILL")
    if place.scene.ids():
        done = place.scene.kelp("apply", place.review)
        # killed while the review was being removed, when all was done
        if b"there is no review" not in done.stderr:
            wrong += trees.expect(done, 0)
    wrong += edits.compare(place.wanted, edits.look(place.scene.ours))
    wrong += [f"left: {left}" for left in place.scene.ids()]
    return wrong


def main():
    tap = Tap()
    base = tempfile.mkdtemp(prefix="kelp-review-")
    rng = random.Random(SEED)
    wrong = []
    n_seeds = max(1, KILLS // 10)
    for i in range(KILLS):
        seed = f"{SEED}-{i % n_seeds}"
        counted = new_place(base, "counted", seed)
        if not counted.review:
            remove(f"{base}/counted")
            continue
        total = int(inject(counted.scene, counted.review)["points"])
        wrong += edits.compare(counted.wanted, edits.look(counted.scene.ours))
        remove(f"{base}/counted")
        place = new_place(base, "killed", seed)
        point = rng.randrange(total) + 1
        found = check_one(place, point, rng)
        if found:
            wrong += [f"seed {seed} killed before call {point} of {total}"] + found
        remove(f"{base}/killed")
        if len(wrong) > 40:
            break
    tap.check(f"an apply that is killed is repeated, {KILLS} times", wrong)
    os.rmdir(base)
    tap.end()


if __name__ == "__main__":
    main()
