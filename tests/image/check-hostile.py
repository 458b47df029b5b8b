#!/usr/bin/env python3
"""Imports every archive of hostile.py: a clear error or a harmless result, and nothing else changes."""

import os
import subprocess
import sys
import tempfile

import layout
import tree
from store import Store, image_id, judge_refusal
from tap import Tap

RSS_LIMIT = 64 << 10  # KiB


def read_expected(path):
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8", errors="surrogateescape") as f:
        return f.read().splitlines()


def check_ok(store, result, expected):
    if result.returncode != 0:
        return [f"exit status {result.returncode}: {result.stderr.decode('utf-8', 'replace')}"]
    name = image_id(result)
    if not name:
        return [f"no id on stdout: {result.stdout!r}"]
    problems = []
    if expected is not None:
        found = tree.listing(store.layers(name)[-1])
        if found != expected:
            problems += ["unpacked:"] + [ascii(line) for line in found]
            problems += ["expected:"] + [ascii(line) for line in expected]
    removed = store.run("remove", name)
    if removed.returncode != 0:
        problems.append("cannot be removed: " + removed.stderr.decode("utf-8", "replace"))
    return problems


def check_case(store, canary, line, directory_of_cases):
    name, path, verdict, pattern = line.split("\t")
    before = store.digest()
    canary_before = tree.digest(canary)
    result = store.run("import", "--", path, "hostile")
    expected = read_expected(os.path.join(directory_of_cases, name + ".expect"))
    if verdict == "refuse" or (verdict == "any" and result.returncode != 0):
        problems = judge_refusal(result, pattern)
    else:
        problems = check_ok(store, result, expected)
    if tree.digest(canary) != canary_before:
        problems.append("the canary was changed")
    if store.digest() != before:
        problems.append("the store is not as it was")
    if store.leftovers():
        problems.append(f"left in tmp: {store.leftovers()}")
    return problems


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="kelp-hostile.") as top:
        canary = os.path.join(top, "canary")
        cases = os.path.join(top, "cases")
        os.mkdir(canary)
        with open(os.path.join(canary, "file"), "w", encoding="utf-8") as f:
            f.write("CANARY")
        maker = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hostile.py")
        subprocess.run([sys.executable, maker, cases, canary], check=True)
        store = Store(os.path.join(top, "store"))
        good = layout.write_tar(os.path.join(top, "good.tar"), {"etc/motd": b"good"})
        with open(good, "rb") as f:
            assert f.read(8) == b"etc/motd"
        result = store.run("import", good, "good")
        tap.check("a good archive", [] if image_id(result) else [result.stderr])
        with open(os.path.join(cases, "cases.tsv"), encoding="utf-8") as f:
            for line in f.read().splitlines():
                tap.check(line.split("\t")[0], check_case(store, canary, line, cases))
        tap.check("no process took more than 64 MiB",
                  [] if store.rss < RSS_LIMIT else [f"the largest was {store.rss} KiB"])
    tap.end()


main()
