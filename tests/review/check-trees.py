#!/usr/bin/env python3
"""Random trees and random edits under review: applied they give exactly what a run without review gives,
discarded they leave every byte and time, and what was changed meanwhile is a conflict and is kept."""

import os
import random
import shutil
import subprocess
import sys
import tempfile

import edits

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "image"))
from tap import Tap  # noqa: E402  (the path is set above)

BUILD = os.environ["KELP_BUILD"]
KELP = os.environ.get("KELP", f"{BUILD}/src/cli/kelp")
TREES = int(os.environ.get("KELP_TEST_TREES") or (1000 if os.environ.get("KELP_TEST_LONG") else 20))
SEED = int(os.environ.get("KELP_TEST_SEED") or random.randrange(1 << 32))
PROGRAM = edits.__file__


class Scene:
    """A tree twice: `plain` is changed as it is, `ours` under review."""

    def __init__(self, top, seed):
        self.top = top
        self.rng = random.Random(seed)
        self.plain, self.ours = f"{top}/plain/ws", f"{top}/ours/ws"
        self.env = dict(os.environ, XDG_STATE_HOME=f"{top}/state", HOME=f"{top}/home")
        for name in ("plain", "ours", "home", "tool", "outside"):
            os.mkdir(f"{top}/{name}")
        os.mkdir(self.plain)
        os.mkdir(self.ours)
        with open(f"{top}/outside/canary", "w", encoding="utf-8") as f:
            f.write("CANARY")
        shutil.copy(PROGRAM, f"{top}/tool/edits.py")
        model, start = edits.make_tree(self.rng, self.rng.randrange(5, 60))
        self.carry_out(self.plain, start, 1)
        self.carry_out(self.ours, start, 1)
        self.edits = edits.Editor(model).run(self.rng.randrange(1, 40))
        edits.write_edits(f"{top}/tool/edits.json", self.edits)

    def carry_out(self, where, what, clock):
        here = os.getcwd()
        os.chdir(where)
        edits.work(what, clock)
        os.chdir(here)

    def kelp(self, *args, **more):
        return subprocess.run([KELP, *args], env=self.env, cwd=self.ours, capture_output=True,
                              stdin=subprocess.DEVNULL, check=False, **more)

    def review(self):
        """The id of the review; None: nothing was changed."""
        tool = f"{self.top}/tool"
        done = self.kelp("run", "--review", "--writable", ".", "--readable", tool,
                         "--", "/usr/bin/python3", "-B", f"{tool}/edits.py", f"{tool}/edits.json", "2")
        if done.returncode != 0:
            raise AssertionError(f"the run failed: {done.stderr.decode(errors='replace')}")
        ids = self.ids()
        return ids[0] if ids else None

    def ids(self):
        where = f"{self.top}/state/kelp/reviews"
        return os.listdir(where) if os.path.isdir(where) else []

    def outside(self):
        return edits.look(f"{self.top}/outside", exact=True)


def expect(done, status):
    if done.returncode == status:
        return []
    return [f"status {done.returncode} in place of {status}: {done.stdout!r} {done.stderr!r}"[:2000]]


def without_times(seen):
    return {p: fact[:1] + fact[2:] if fact[0].startswith("d") else fact for p, fact in seen.items()}


def compare_ends(scene, review):
    """Times of directories alone are nothing to review, so without one they may differ."""
    plain, ours = edits.look(scene.plain), edits.look(scene.ours)
    if not review:
        plain, ours = without_times(plain), without_times(ours)
    return edits.compare(plain, ours)


def check_applied(scene):
    before = edits.look(scene.ours, exact=True)
    review = scene.review()
    wrong = edits.compare(before, edits.look(scene.ours, exact=True))
    scene.carry_out(scene.plain, scene.edits, 2)
    if review:
        wrong += expect(scene.kelp("diff", "--patch", review), 0)
        wrong += expect(scene.kelp("apply", review), 0)
    wrong += compare_ends(scene, review)
    return wrong + [f"left: {left}" for left in scene.ids()]


def check_discarded(scene):
    before = edits.look(scene.ours, exact=True)
    review = scene.review()
    if review:
        expect(scene.kelp("diff", review), 0)
        wrong = expect(scene.kelp("discard", review), 0)
    else:
        wrong = []
    wrong += edits.compare(before, edits.look(scene.ours, exact=True))
    return wrong + [f"left: {left}" for left in scene.ids()]


def check_conflicts(scene):
    """The user changes files that were changed under review: they stay, and the rest is applied."""
    before = edits.look(scene.ours)
    review = scene.review()
    scene.carry_out(scene.plain, scene.edits, 2)
    wanted = edits.look(scene.plain)
    files = [p for p in before if before[p][0].startswith("-rw") and before[p] != wanted.get(p)
             and len(before[p][-1]) == 1]
    theirs = scene.rng.sample(sorted(files), min(len(files), 3))
    for path in theirs:
        with open(os.path.join(scene.ours, path), "ab") as f:
            f.write(b"the user's own\n")
    if not review or not theirs:
        return []
    wrong = []
    done = scene.kelp("diff", review)
    for path in theirs:
        kept = edits.look(os.path.join(scene.ours, path), exact=True)
        wrong += [] if done.stdout.count(b"(conflict") >= 1 else [f"no conflict is shown: {theirs}"]
        wrong += expect(scene.kelp("apply", review), 1)
        now = edits.look(os.path.join(scene.ours, path), exact=True)
        wrong += edits.compare(kept, now)
    wrong += expect(scene.kelp("apply", "--overwrite", review), 0)
    return wrong + edits.compare(edits.look(scene.plain), edits.look(scene.ours))


def check_in_parts(scene):
    """Path by path, in any order, it comes to the same."""
    review = scene.review()
    scene.carry_out(scene.plain, scene.edits, 2)
    wrong = []
    if review:
        names = sorted(set(edits.look(scene.plain)) | set(edits.look(scene.ours)))
        for path in scene.rng.sample(names, min(len(names), 4)):
            done = scene.kelp("apply", review, "--", path or ".")
            if done.returncode not in (0, 125) or (done.returncode == 125 and
                                                   b"no change at" not in done.stderr):
                wrong += expect(done, 0)
            if not scene.ids():
                break
        if scene.ids():
            wrong += expect(scene.kelp("apply", review), 0)
    return wrong + compare_ends(scene, review)


KINDS = [check_applied, check_applied, check_discarded, check_conflicts, check_in_parts]


def run_one(base, i):
    top = f"{base}/{i}"
    os.mkdir(top)
    scene = Scene(top, f"{SEED}-{i}")
    canary = scene.outside()
    kind = KINDS[i % len(KINDS)]
    wrong = kind(scene)
    wrong += edits.compare(canary, scene.outside())
    if wrong:
        wrong.insert(0, f"tree {i} of seed {SEED}, {kind.__name__}")
        if os.environ.get("KELP_TEST_KEEP"):
            return wrong
    subprocess.run(["chmod", "-R", "u+rwX", top], check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(top)
    return wrong


def main():
    tap = Tap()
    base = tempfile.mkdtemp(prefix="kelp-review-", dir=os.environ.get("KELP_TEST_KEEP"))
    wrong = {kind: [] for kind in KINDS}
    first = int(os.environ.get("KELP_TEST_FIRST") or 0)
    for i in range(first, first + TREES):
        wrong[KINDS[i % len(KINDS)]] += run_one(base, i)
        if sum(map(len, wrong.values())) > 60:
            break
    for kind, lines in wrong.items():
        tap.check(f"random trees, {TREES} in all: {kind.__name__}", lines)
    if not os.environ.get("KELP_TEST_KEEP"):
        os.rmdir(base)
    tap.end()


if __name__ == "__main__":
    main()
