#!/usr/bin/env python3
"""The report of tests/bench/import: tables in Markdown, and the bars.

    import-report.py [--quick] [--json FILE] [--readme FILE] --machine TEXT --layer FILE WORK

Reads what import left in WORK; exits with 1 when a bar is missed.
"""

import argparse
import contextlib
import gzip
import io
import json
import os
import statistics
import sys

from report import compare, lines_of, put_into

NAMES = {
    "tar": "`tar xzf` of the layer",
    "tar-sync": "the same, and `sync -f`, which kelp's time has in it",
    "kelp": "**`kelp import`**",
    "again": "**`kelp import`** of the same image again",
    "umoci": "`umoci unpack`, rootless",
    "podman": "`podman pull oci:`",
}

# What must hold, and what is a gross regression.
BARS = [
    # of, against, at most, at most in a quick run
    ("kelp", "tar", 1.4, 2.5),
    ("kelp", "podman", 0.25, 0.5),
    ("kelp", "umoci", 0.3, 0.6),
]
AGAIN_BAR = (50, 250)  # ms
MEMORY_BAR = (64 << 10, 64 << 10)  # KiB


def read_rows(work):
    rows = {}
    for name in NAMES:
        runs = [json.loads(line) for line in lines_of(f"{work}/times.{name}")]
        if not runs:
            continue
        seconds = [run["seconds"] for run in runs]
        rows[name] = {
            "median": statistics.median(seconds),
            "least": min(seconds),
            "processor": statistics.median(run["processor"] for run in runs),
            "largest_kib": max(run["largest_kib"] for run in runs),
            "peak_kib": None,
            "runs": len(runs),
        }
        if os.path.exists(f"{work}/peak.{name}"):
            with open(f"{work}/peak.{name}") as file:
                rows[name]["peak_kib"] = json.load(file)["peak_kib"]
    return rows


def mib(kib):
    return "" if kib is None else f"{kib / 1024:.0f}"


def print_rows(rows):
    print("\n| | median s | least | × tar | processor s | MiB of the largest process | of all "
          "together | runs |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for name, row in rows.items():
        print(f"| {NAMES[name]} | {row['median']:.2f} | {row['least']:.2f} "
              f"| {row['median'] / rows['tar']['median']:.2f} | {row['processor']:.2f} "
              f"| {mib(row['largest_kib'])} | {mib(row['peak_kib'])} | {row['runs']} |")


def print_bars(rows, is_quick):
    """Returns how many are missed; a quick run compares the least of each."""
    measure = "least" if is_quick else "median"
    found = []
    for of, against, bar, gross in BARS:
        has_both = of in rows and against in rows
        found.append((f"{of} / {against}", rows[of][measure] / rows[against][measure]
                      if has_both else None, bar, gross))
    found.append(("ms of a second import", rows["again"][measure] * 1000, *AGAIN_BAR))
    kelp = rows["kelp"]
    found.append(("KiB of kelp's processes", kelp["peak_kib"] or kelp["largest_kib"], *MEMORY_BAR))
    return compare(found, is_quick, lambda value: f"{value:.2f}" if value < 10 else f"{value:.0f}")


def plain_size(layer):
    """Uncompressed bytes; what gzip itself notes of them is cut at 4 GiB."""
    size = 0
    with gzip.open(layer) as file:
        while chunk := file.read(1 << 20):
            size += len(chunk)
    return size


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--readme")
    parser.add_argument("--machine", default="")
    parser.add_argument("--layer")
    parser.add_argument("work")
    args = parser.parse_args()

    rows = read_rows(args.work)
    packed, plain = os.path.getsize(args.layer), plain_size(args.layer)
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        print(f"measured on {args.machine}")
        print(f"\nan image of one gzip layer, {plain / 1e6:.0f} MB as a tar archive and "
              f"{packed / 1e6:.0f} MB compressed")
        print_rows(rows)
        missed = print_bars(rows, args.quick)
        for line in lines_of(f"{args.work}/left-out"):
            print("\nleft out: " + ": ".join(line.split("\t")))
    print(text.getvalue(), end="")
    if args.readme:
        put_into(args.readme, text.getvalue(), "import")
    if args.json:
        with open(args.json, "w") as file:
            json.dump({"machine": args.machine, "plain": plain, "packed": packed, "rows": rows},
                      file, indent=1)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
