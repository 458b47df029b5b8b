#!/usr/bin/env python3
"""Archives whose files belong to many ids, and what `stat` has to say of them.

    owned.py archive FILE [ID]    with a file that belongs to ID at the end
    owned.py expect FILE          a line for each file: mode, uid, gid, name
    owned.py xattrs DIRECTORY     the file capabilities below it, as this user namespace sees them
"""

import io
import os
import random
import struct
import sys
import tarfile

CAPABILITY = "security.capability"
KINDS = [tarfile.REGTYPE, tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE]


def capability(bits):
    """Version 2, without the bit that makes it effective: capabilities(7)."""
    return struct.pack("<IIIII", 0x02000000, bits, 0, 0, 0)


def add(tar, name, kind, mode, uid, gid, data=b"", link="", xattrs=None):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.uid, info.gid = kind, mode, uid, gid
    info.linkname, info.mtime = link, 1000000000
    info.pax_headers = {"SCHILY.xattr." + k: v.decode("latin1")
                        for k, v in (xattrs or {}).items()}
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def add_busybox(tar):
    with open(os.environ.get("BUSYBOX", "/bin/busybox"), "rb") as f:
        add(tar, "bin", tarfile.DIRTYPE, 0o755, 0, 0)
        add(tar, "bin/busybox", tarfile.REGTYPE, 0o755, 0, 0, f.read())
    add(tar, "bin/sh", tarfile.SYMTYPE, 0o777, 0, 0, link="busybox")
    add(tar, "etc", tarfile.DIRTYPE, 0o755, 0, 0)
    add(tar, "etc/passwd", tarfile.REGTYPE, 0o644, 0, 0, b"root:x:0:0::/root:/bin/sh\n")


def make(path, last):
    rng = random.Random(7)
    ids = [0, 1, 5, 33, 100, 1000, 65533, 65535, 65536]
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        add_busybox(tar)
        add(tar, "x", tarfile.DIRTYPE, 0o2770, 33, 34)
        directories = ["x"]
        for i in range(150):
            kind = rng.choice(KINDS)
            name = f"{rng.choice(directories)}/{i}"
            mode = rng.randrange(0o10000)
            if kind == tarfile.FIFOTYPE:
                mode &= 0o777
            add(tar, name, kind, mode, rng.choice(ids), rng.choice(ids),
                b"data" if kind == tarfile.REGTYPE else b"", "/etc/passwd")
            if kind == tarfile.DIRTYPE:
                directories.append(name)
        add(tar, "x/capable", tarfile.REGTYPE, 0o755, 0, 0, b"c",
            xattrs={CAPABILITY: capability(1 << 13)})
        add(tar, "x/theirs", tarfile.REGTYPE, 0o4555, 5, 5, b"c",
            xattrs={CAPABILITY: capability(1 << 10), "user.note": b"n"})
        if last is not None:
            add(tar, "x/last", tarfile.REGTYPE, 0o644, last, 0)


def expect(path):
    with tarfile.open(path) as tar:
        for info in tar:
            if info.name.startswith("x"):
                mode = 0o777 if info.issym() else info.mode
                print(f"{mode:o} {info.uid} {info.gid} /{info.name}")


def xattrs(top):
    for directory, _, files in os.walk(top):
        for name in sorted(files):
            path = os.path.join(directory, name)
            for attr in sorted(os.listxattr(path, follow_symlinks=False)):
                value = os.getxattr(path, attr, follow_symlinks=False)
                print(name, attr, value.hex() if attr == CAPABILITY else value.decode())


def main():
    if sys.argv[1] == "archive":
        make(sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None)
    elif sys.argv[1] == "expect":
        expect(sys.argv[2])
    else:
        xattrs(sys.argv[2])


main()
