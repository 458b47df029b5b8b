#!/usr/bin/env python3
"""Unpacks layers one above the other by GNU tar, as the OCI image specification says (layer.md): what
a layer takes away goes first, then it is extracted over what is there.

    layers.py DIRECTORY LAYER...
"""

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile


def plain(path):
    """The layer as an uncompressed file."""
    with open(path, "rb") as f:
        magic = f.read(4)
    out = tempfile.NamedTemporaryFile(dir=os.path.dirname(path))
    if magic[:2] == b"\x1f\x8b":
        with gzip.open(path) as f:
            shutil.copyfileobj(f, out)
    elif magic == b"\x28\xb5\x2f\xfd":
        out.write(subprocess.run(["zstd", "-q", "-d", "-c", path], stdout=subprocess.PIPE,
                                 check=True).stdout)
    else:
        with open(path, "rb") as f:
            shutil.copyfileobj(f, out)
    # what `umoci insert` makes has no end, for which tarfile calls it damaged
    out.write(bytes(-out.tell() % 512 + 1024))
    out.flush()
    return out


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def take_away(root, members):
    """Whiteouts, and what another kind of file is to replace.  A directory that only lost an entry
    keeps its time: no tool that unpacks images takes the removal for a change of it."""
    for name, info in members:
        path = os.path.join(root, name)
        parent, base = os.path.split(path)
        if not os.path.isdir(parent):
            continue
        st = os.stat(parent)
        if base == ".wh..wh..opq":
            for entry in os.listdir(parent):
                remove(os.path.join(parent, entry))
        elif base.startswith(".wh."):
            remove(os.path.join(parent, base[len(".wh."):]))
        elif os.path.lexists(path) and (os.path.islink(path) or not os.path.isdir(path) or
                                        not info.isdir()):
            remove(path)
        os.utime(parent, ns=(st.st_atime_ns, st.st_mtime_ns))


def main():
    root = sys.argv[1]
    for layer in sys.argv[2:]:
        with plain(layer) as f:
            with tarfile.open(f.name) as tar:
                members = [(m.name.strip("/"), m) for m in tar]
            take_away(root, [m for m in members if m[0] not in ("", ".")])
            subprocess.run(["tar", "-x", "-p", "-C", root, "--same-owner", "--numeric-owner",
                            "--xattrs", "--xattrs-include=*", "--delay-directory-restore",
                            "--exclude=.wh.*", "-f", f.name], check=True)


main()
