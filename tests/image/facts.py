#!/usr/bin/env python3
"""Prints a root file system as sorted text: kinds, modes, times, targets, contents, hard links.

    facts.py [--no-times] [--no-links] DIRECTORY

Devices are left out, and so are xattrs (the makers of images each have their own there).
Directories count as having u+rwx, and nothing is said of who owns what.
"""

import hashlib
import os
import stat
import sys

options = {a for a in sys.argv[1:] if a.startswith("--")}
top = os.fsencode(sys.argv[-1])
first_names = {}
lines = []


def describe(path, name):
    st = os.lstat(path)
    mode = stat.S_IMODE(st.st_mode)
    time = "" if "--no-times" in options else str(int(st.st_mtime))
    if stat.S_ISDIR(st.st_mode):
        return f"d {mode | 0o700:o} {time}"
    if stat.S_ISLNK(st.st_mode):
        return f"l {os.fsdecode(os.readlink(path))} {time}"
    if stat.S_ISFIFO(st.st_mode):
        return f"p {mode:o} {time}"
    if not stat.S_ISREG(st.st_mode):
        return None
    with open(path, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    link = ""
    if st.st_nlink > 1 and "--no-links" not in options:
        link = " link of " + os.fsdecode(first_names.setdefault((st.st_dev, st.st_ino), name))
    return f"f {mode:o} {time} {st.st_size} {digest[:16]}{link}"


for directory, dirs, files in os.walk(top):
    dirs.sort()
    for entry in sorted(dirs + files):
        path = os.path.join(directory, entry)
        name = os.path.relpath(path, top)
        text = describe(path, name)
        if text:
            lines.append(f"{ascii(os.fsdecode(name))} {text}")
sys.stdout.write("".join(line + "\n" for line in sorted(lines)))
