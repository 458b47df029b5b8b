#!/usr/bin/env python3
"""Measures runtimes for tests/bench/oci, and reports: tables in Markdown and the bars.

    oci-times.py [--quick] [--rounds N] [--json FILE] [--readme FILE] --machine TEXT --kelp FILE WORK

WORK has the bundles.  Exits with 1 when a bar is missed.
"""

import argparse
import contextlib
import ctypes
import io
import json
import os
import shutil
import statistics
import sys
import tempfile
import time

from report import put_into, summary

SCENES = {
    "single": "one id",
    "subids": "subordinate ids",
    "seccomp": "subordinate ids, seccomp",
}
KINDS = ["run", "create+start+delete", "create", "start", "delete"]
# of kelp-oci / crun: at most, and at most in a quick run, whose machine is seldom quiet
BARS = {"run": (0.35, 0.6), "create+start+delete": (0.5, 0.8)}


class Runtime:
    def __init__(self, name, command, state):
        self.name = name
        self.root = f"{state}/{name}"
        self.command = [command, "--root", self.root]
        if name == "crun":
            self.command += ["--cgroup-manager", "disabled"]
        os.makedirs(self.root, exist_ok=True)
        self.null = os.open(os.devnull, os.O_RDWR)

    def call(self, *words):
        """How long a command takes, in seconds."""
        actions = [(os.POSIX_SPAWN_DUP2, self.null, fd) for fd in (0, 1)]
        began = time.perf_counter()
        pid = os.posix_spawn(self.command[0], self.command + list(words), os.environ, file_actions=actions)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        spent = time.perf_counter() - began
        if status:
            raise RuntimeError(f"'{self.name} {' '.join(words)}' exits with {status}")
        return spent

    def measure(self, bundle, pid_file):
        """{kind: seconds} of one container each way."""
        spent = {"run": self.call("run", "--bundle", bundle, "bench")}
        spent["create"] = self.call("create", "--bundle", bundle, "--pid-file", pid_file, "bench")
        with open(pid_file) as file:
            pid = int(file.read())
        spent["start"] = self.call("start", "bench")
        # an orphan, which comes to us
        os.waitpid(pid, 0)
        spent["delete"] = self.call("delete", "bench")
        spent["create+start+delete"] = spent["create"] + spent["start"] + spent["delete"]
        return spent


def find_runtimes(kelp, work, state):
    """Those that work here; what is left out, with the reason."""
    found, left_out = [], []
    for name in ("kelp-oci", "crun", "runc"):
        path = kelp if name == "kelp-oci" else shutil.which(name)
        if not path:
            left_out.append((name, "not installed"))
            continue
        runtime = Runtime(name, path, state)
        try:
            runtime.measure(f"{work}/single", f"{work}/pid")
        except RuntimeError as error:
            if name == "kelp-oci":
                raise
            left_out.append((name, str(error)))
            continue
        found.append(runtime)
    return found, left_out


def measure_all(runtimes, scenes, rounds, work):
    """{(scene, runtime, kind): [seconds, ...]}"""
    times = {}
    for i in range(-2, rounds):
        # there and back again, so that nobody always comes after the same neighbour
        for runtime in runtimes if i % 2 else reversed(runtimes):
            for scene in scenes:
                spent = runtime.measure(f"{work}/{scene}", f"{work}/pid")
                for kind, seconds in spent.items() if i >= 0 else ():
                    times.setdefault((scene, runtime.name, kind), []).append(seconds)
    return times


def ratio(rows, scene, name, kind, measure="median_ms"):
    against = rows.get((scene, "crun", kind))
    return rows[scene, name, kind][measure] / against[measure] if against else None


def print_scene(rows, scene, names):
    print(f"\n{SCENES[scene]}\n")
    print("| | " + " | ".join(f"{name}, ms" for name in names) + " | kelp-oci / crun |")
    print("|---|" + "--:|" * (len(names) + 1))
    for kind in KINDS:
        cells = []
        for name in names:
            row = rows[scene, name, kind]
            cells.append(f"{row['median_ms']:.2f} ({row['p10_ms']:.2f} to {row['p90_ms']:.2f})")
        value = ratio(rows, scene, "kelp-oci", kind)
        title = kind if kind in BARS else f"- {kind}"
        print(f"| {title} | {' | '.join(cells)} | {'' if value is None else f'{value:.2f}'} |")


def print_bars(rows, scenes, is_quick):
    """Returns how many are missed."""
    missed = 0
    print("\n| what | measured | at most | |\n|---|--:|--:|---|")
    for scene in scenes:
        for kind, (bar, gross) in BARS.items():
            limit = gross if is_quick else bar
            value = ratio(rows, scene, "kelp-oci", kind, "p10_ms" if is_quick else "median_ms")
            what = f"{SCENES[scene]}: {kind}, kelp-oci / crun"
            if value is None:
                print(f"| {what} |  | {limit} | not measured |")
                continue
            missed += value > limit
            print(f"| {what} | {value:.3f} | {limit} | {'ok' if value <= limit else 'MISSED'} |")
    return missed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--json")
    parser.add_argument("--readme")
    parser.add_argument("--machine", default="")
    parser.add_argument("--kelp", required=True)
    parser.add_argument("work")
    args = parser.parse_args()

    # what a runtime leaves to whoever reaps for its caller comes to us: PR_SET_CHILD_SUBREAPER
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    scenes = [scene for scene in SCENES if os.path.exists(f"{args.work}/{scene}")]
    rounds = args.rounds or (15 if args.quick else 60)
    # as engines have it: in memory
    with tempfile.TemporaryDirectory(dir="/dev/shm") as state:
        runtimes, left_out = find_runtimes(args.kelp, args.work, state)
        times = measure_all(runtimes, scenes, rounds, args.work)
    rows = {key: summary(seconds) for key, seconds in times.items()}

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        print(f"measured on {args.machine}, {rounds} runs each: median (10th to 90th percentile)")
        for scene in scenes:
            print_scene(rows, scene, [runtime.name for runtime in runtimes])
        missed = print_bars(rows, scenes, args.quick)
        for name, why in left_out:
            print(f"\nleft out: {name}: {why}")
        for scene in SCENES.keys() - set(scenes):
            print(f"\nleft out: {SCENES[scene]}: the machine lacks subordinate ids")
    print(text.getvalue(), end="")
    if args.readme:
        put_into(args.readme, text.getvalue(), "oci")
    if args.json:
        with open(args.json, "w") as file:
            json.dump({"machine": args.machine, "rows": [
                {"scene": s, "runtime": n, "kind": k, **row} for (s, n, k), row in rows.items()]},
                file, indent=1)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
