#!/usr/bin/env python3
"""The memory of an import, whatever the image: 64 MiB, with the 10 of the process that waits."""

import os
import random
import subprocess
import tempfile

import layout
import rawtar
from tap import Tap

IMAGE = os.path.join(os.environ["KELP_BUILD"], "helpers/image/kelp-image")
MIB = 1 << 20
MOST = 54 * MIB


def write_packed(path, packer, pieces):
    with open(path, "wb") as out:
        with subprocess.Popen(packer, stdin=subprocess.PIPE, stdout=out) as process:
            for piece in pieces:
                process.stdin.write(piece)
    return path


def huge_file(size):
    """Of bytes that compress well, but less than a bomb does."""
    block = random.Random(1).randbytes(4096) * 256
    yield rawtar.header("usr/huge", size=size)
    for _ in range(size // len(block)):
        yield block
    yield rawtar.END


def noise(size):
    rng = random.Random(2)
    yield rawtar.header("usr/noise", size=size)
    for _ in range(size // MIB):
        yield rng.randbytes(MIB)
    yield rawtar.END


def long_names(count):
    """Files with names of 240 bytes in one directory; each header but the name is the same."""
    head, _, tail = rawtar.gnu_long("usr/" + "x" * 240).partition(b"usr/" + b"x" * 240)
    own = rawtar.header("long")
    pieces = []
    for i in range(count):
        pieces.append(head + b"usr/%0240d" % (i * 7919 % count) + tail + own)
        if len(pieces) == 1000:
            yield b"".join(pieces)
            pieces.clear()
    yield b"".join(pieces) + rawtar.END


def many_attributes(count):
    """As many on each file as are taken, and as much of them as a header may have: 1 MiB."""
    small = {f"SCHILY__xattr__user__a{i}": "v" * 32 for i in range(64)}
    large = {f"SCHILY__xattr__user__a{i}": "v" * 60000 for i in range(16)}
    attributes = rawtar.pax(**small)
    for i in range(count):
        yield attributes + rawtar.file(f"usr/{i}", b"x")
    yield rawtar.pax(**large) + rawtar.file("usr/large", b"x") + rawtar.END


def many_layers(count):
    return layout.Layout([b"".join(rawtar.file(f"usr/{i}/{j}", b"x" * 50) for j in range(20)) +
                          rawtar.END for i in range(count)])


def check(tap, top, name, path, may_fail=False):
    """One import; what it takes is that of the largest of its processes."""
    store = os.path.join(top, "store")
    with open(os.path.join(top, "out"), "w+") as out:
        pid = os.posix_spawn(IMAGE, [IMAGE, "--store", store, "import", "--", path, "name"],
                             os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1),
                                                       (os.POSIX_SPAWN_DUP2, out.fileno(), 2)])
        _, status, used = os.wait4(pid, 0)
        out.seek(0)
        said = out.read()
    problems = []
    if status != 0 and not (may_fail and os.waitstatus_to_exitcode(status) == 125 and
                            "No space left on device" in said):
        problems.append(f"status {status}: {said}")
    if used.ru_maxrss * 1024 > MOST:
        problems.append(f"{used.ru_maxrss / 1024:.0f} MiB")
    tap.check(name, problems)
    subprocess.run(["chmod", "-R", "u+rwX", store], check=True)
    subprocess.run(["rm", "-rf", store, path], check=True)


def main():
    tap = Tap()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="kelp-memory.", dir=memory) as top:
        archive = os.path.join(top, "archive")
        gzip = ["gzip", "-1"]
        check(tap, top, "a file of 200 MiB", write_packed(archive, gzip, huge_file(200 * MIB)))
        check(tap, top, "150000 names of 240 bytes",
              write_packed(archive, ["cat"], long_names(150000)))
        # a file system may have room for fewer attributes
        check(tap, top, "64 attributes a file, and 1 MiB of them",
              write_packed(archive, gzip, many_attributes(1000)), may_fail=True)
        check(tap, top, "127 layers", many_layers(127).write(os.path.join(top, "layout")))
        check(tap, top, "zstd with a window of 32 MiB",
              write_packed(archive, ["zstd", "-q", "-1", "--long=25"], noise(40 * MIB)))
    tap.end()


main()
