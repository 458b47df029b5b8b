#!/usr/bin/env python3
"""The report of tests/bench/run: tables in Markdown, the bars, and the chart.

    report.py [--quick] [--svg FILE] [--json FILE] [--readme FILE] --machine TEXT WORK

Reads what run left in WORK; exits with 1 when a bar is missed.
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import sys

from chart import draw

GROUPS = {
    "host": "a read-only view of this host, no network",
    "image": "an image of busybox, one id, no network",
}
NOTES = {
    ("host", "true"): "no sandbox at all",
    ("host", "floor"): "the same system calls, nothing else",
    ("host", "kelp, own policy"): "a file with words in [syscalls]",
    ("host", "kelp exec"): "one more command in a sandbox that runs",
    ("host", "bwrap"): "the same view, without seccomp and Landlock",
    ("host", "bwrap, a bare view"): "one bind of /",
    ("host", "unshare"): "namespaces and /proc alone",
    ("image", "floor"): "the same system calls, nothing else",
}

# What must hold (kept in step with the design), and what is a gross regression.
BARS = [
    # group, of, against, at most, at most in a quick run
    ("host", "kelp", "floor", 1.25, 1.6),
    ("host", "kelp", "bwrap", 0.55, 0.8),
    ("host", "kelp, own policy", "kelp", 1.05, 1.3),
    ("host", "kelp exec", "floor", 0.7, 0.9),
    ("image", "kelp", "floor", 1.5, 1.9),
    ("image", "kelp", "crun", 0.2, 0.6),
    ("image", "kelp", "podman", 0.03, 0.08),
]
MEMORY_BAR = (250, 350)
FILTER_BAR = (1.03, 1.3)


def lines_of(path):
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return file.read().splitlines()


def read_times(work):
    """{(group, name): [seconds, ...]} in the order of the rows."""
    rows = [line.split("\t") for line in lines_of(f"{work}/rows")]
    keys = {command: (group, name) for group, name, _, command in rows}
    times = {key: [] for key in keys.values()}
    for line in lines_of(f"{work}/times"):
        result = json.loads(line)["results"][0]
        times[keys[result["command"]]] += result["times"]
    return times


def summary(seconds):
    tenths = statistics.quantiles(seconds, n=10, method="inclusive")
    return {
        "median_ms": statistics.median(seconds) * 1000,
        "p10_ms": tenths[0] * 1000,
        "p90_ms": tenths[8] * 1000,
        "runs": len(seconds),
    }


def ratio(rows, group, name, against, measure="median_ms"):
    if (group, name) not in rows or (group, against) not in rows:
        return None
    return rows[group, name][measure] / rows[group, against][measure]


def cell(number):
    return "" if number is None else f"{number:.2f}"


def print_group(rows, group):
    against = "bwrap" if group == "host" else "crun"
    print(f"\n{GROUPS[group]}\n")
    print(f"| `{'COMMAND' if group == 'host' else 'IMAGE'} true` | median ms | p10 to p90 "
          f"| × floor | × {against} | runs |")
    print("|---|--:|--:|--:|--:|--:|")
    for key, row in rows.items():
        if key[0] != group:
            continue
        name = f"**{key[1]}**" if key[1] == "kelp" else key[1]
        if key in NOTES:
            name += f" ({NOTES[key]})"
        print(f"| {name} | {row['median_ms']:.2f} | {row['p10_ms']:.2f} to {row['p90_ms']:.2f} "
              f"| {cell(ratio(rows, group, key[1], 'floor'))} "
              f"| {cell(ratio(rows, group, key[1], against))} | {row['runs']} |")


def read_memory(work):
    return {name: int(kib) for name, kib in (line.split() for line in lines_of(f"{work}/memory"))}


def read_rate(work):
    """{how many at a time: sandboxes in a second}, the median of all rounds."""
    found = {}
    for line in lines_of(f"{work}/rate"):
        width, boxes, spent_ns = (int(word) for word in line.split())
        found.setdefault(width, []).append(boxes * 1e9 / spent_ns)
    return {width: statistics.median(rates) for width, rates in found.items()}


def print_rate(rate):
    print("\n| `kelp run -d --network none -- sleep 1000` | in a second |")
    print("|---|--:|")
    for width, per_second in rate.items():
        print(f"| {'one after another' if width == 1 else f'{width} at a time'} | {per_second:.0f} |")


def compare(found, is_quick, show):
    """Prints each (what, value or None, bar, gross bar); returns how many are missed."""
    missed = 0
    print("\n| what | measured | at most | |\n|---|--:|--:|---|")
    for what, value, bar, gross in found:
        limit = gross if is_quick else bar
        if value is None:
            print(f"| {what} |  | {limit} | not measured |")
            continue
        missed += value > limit
        print(f"| {what} | {show(value)} | {limit} | {'ok' if value <= limit else 'MISSED'} |")
    return missed


def print_bars(rows, memory, filter_cost, is_quick):
    """Prints every bar; returns how many are missed.

    What disturbs a run only adds to it: a quick run, whose machine is seldom quiet, compares the
    lower tenths, a full one the medians.
    """
    found = []
    measure = "p10_ms" if is_quick else "median_ms"
    for group, of, against, bar, gross in BARS:
        value = ratio(rows, group, of, against, measure)
        found.append((f"{group}: {of} / {against}", value, bar, gross))
    found.append(("KiB of a running sandbox, 50 at once", memory.get("kelp"), *MEMORY_BAR))
    found.append(("seccomp: a search through 5000 files, with / without", filter_cost, *FILTER_BAR))
    return compare(found, is_quick, lambda value: f"{value:.3f}" if isinstance(value, float) else value)


def print_report(rows, rate, memory, filter_cost, args):
    """Returns how many bars are missed."""
    print(f"measured on {args.machine}")
    for group in GROUPS:
        print_group(rows, group)
    if rate:
        print_rate(rate)
    if memory:
        print("\n| memory of a running sandbox (PSS of all but the payload, 50 at once) | KiB |")
        print("|---|--:|")
        for name, kib in memory.items():
            print(f"| {name} | {kib} |")
    missed = print_bars(rows, memory, filter_cost, args.quick)
    for line in lines_of(f"{args.work}/left-out"):
        group, name, why = line.split("\t")
        print(f"\nleft out: {name} ({group}): {why}")
    return missed


def put_into(path, text, mark="bench"):
    """Replaces what stands between the two marks of a page."""
    begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    with open(path) as file:
        page = file.read()
    if begin not in page or end not in page:
        sys.exit(f"report.py: '{path}' lacks the marks '{begin.strip()}' and '{end}'")
    head, rest = page.split(begin, 1)
    with open(path, "w") as file:
        file.write(head + begin + text + end + rest.split(end, 1)[1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--svg")
    parser.add_argument("--json")
    parser.add_argument("--readme")
    parser.add_argument("--machine", default="")
    parser.add_argument("work")
    args = parser.parse_args()

    rows = {key: summary(times) for key, times in read_times(args.work).items()}
    rate = read_rate(args.work)
    memory = read_memory(args.work)
    filter_cost = ratio(rows, "filter", "with", "without", "p10_ms")

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        missed = print_report(rows, rate, memory, filter_cost, args)
    print(text.getvalue(), end="")
    if args.readme:
        put_into(args.readme, text.getvalue())
    if args.svg:
        with open(args.svg, "w") as file:
            file.write(draw(rows, GROUPS, args.machine))
    if args.json:
        with open(args.json, "w") as file:
            json.dump({"machine": args.machine, "detached_per_second": rate, "memory_kib": memory, "filter_cost": filter_cost,
                       "rows": [{"group": g, "name": n, **row} for (g, n), row in rows.items()]},
                      file, indent=1)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
