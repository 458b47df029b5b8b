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


def run_import(top, path, feeder=None):
    """One import, its status, what it said, and what the largest of its processes took.

    `feeder`: a command whose output is imported, in the place of the file."""
    actions = []
    if feeder:
        process = subprocess.Popen(feeder, stdout=subprocess.PIPE)
        actions.append((os.POSIX_SPAWN_DUP2, process.stdout.fileno(), 0))
    with open(os.path.join(top, "out"), "w+") as out:
        actions += [(os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, out.fileno(), 2)]
        pid = os.posix_spawn(IMAGE, [IMAGE, "--store", os.path.join(top, "store"), "import", "--",
                                     "-" if feeder else path, "name"],
                             os.environ, file_actions=actions)
        _, status, used = os.wait4(pid, 0)
        out.seek(0)
        said = out.read()
    if feeder:
        process.stdout.close()
        process.wait()
    return os.waitstatus_to_exitcode(status), said, used.ru_maxrss * 1024


def remove(top, path=None):
    store = os.path.join(top, "store")
    subprocess.run(["chmod", "-R", "u+rwX", store], check=True)
    subprocess.run(["rm", "-rf", store, *([path] if path else [])], check=True)


def check(tap, top, name, path, may_fail=False, feeder=None):
    status, said, used = run_import(top, path, feeder)
    problems = []
    if status != 0 and not (may_fail and status == 125 and "No space left on device" in said):
        problems.append(f"status {status}: {said}")
    if used > MOST:
        problems.append(f"{used / MIB:.0f} MiB")
    tap.check(name, problems)
    remove(top, path)


def check_refused(tap, top, name, path, message, hint):
    """Before the memory is taken; in two lines."""
    status, said, used = run_import(top, path)
    problems = []
    lines = said.splitlines()
    if status != 125 or len(lines) != 2 or message not in lines[0] or lines[1] != f"hint: {hint}":
        problems.append(f"status {status}: {said}")
    if used > 25 * MIB:
        problems.append(f"{used / MIB:.0f} MiB")
    tap.check(name, problems)
    remove(top)


def check_windows(tap, top):
    """What is just allowed, what is just not, and that the hint helps."""
    archive = os.path.join(top, "archive")
    xz = ["xz", "-q", "--threads=1", "--lzma2=preset=0,dict=32MiB"]
    check(tap, top, "zstd with a window of 32 MiB",
          write_packed(archive, ["zstd", "-q", "-1", "--long=25"], noise(40 * MIB)))
    check(tap, top, "xz with a dictionary of 32 MiB", write_packed(archive, xz, huge_file(40 * MIB)))
    write_packed(archive, ["zstd", "-q", "-1", "--long=26"], huge_file(40 * MIB))
    check_refused(tap, top, "zstd with a window of 64 MiB is refused", archive,
                  "the zstd stream takes a window of 64 MiB, and the limit is 32 MiB",
                  "zstd -dc --long=31 FILE | kelp import - NAME")
    check(tap, top, "and taken as its hint says", archive,
          feeder=["zstd", "-dcq", "--long=31", archive])
    write_packed(archive, xz[:3] + ["--lzma2=preset=0,dict=48MiB"], huge_file(40 * MIB))
    check_refused(tap, top, "xz with a dictionary of 48 MiB is refused", archive,
                  "the xz stream takes 49 MiB of memory, and the limit is 33 MiB",
                  "xz -dc FILE | kelp import - NAME")
    check(tap, top, "and taken as its hint says", archive, feeder=["xz", "-dcq", archive])


def write_wide_layer(path):
    image = layout.Layout([b"".join(noise(40 * MIB))], packed=False)
    (plain,) = image.blobs.values()
    packed = subprocess.run(["zstd", "-q", "-1", "--long=26"], input=plain,
                            stdout=subprocess.PIPE, check=True).stdout
    image.blobs.clear()
    image.layers = [image.add(packed, layout.LAYER + "+zstd")]
    image.write(path)


def check_layer(tap, top):
    """Of an image nobody has the layer as a file."""
    path = os.path.join(top, "layout")
    # a process begins with the peak of the one that started it, so another one makes this
    maker = os.fork()
    if maker == 0:
        write_wide_layer(path)
        os._exit(0)
    os.waitpid(maker, 0)
    other = os.path.join(top, "other")
    check_refused(tap, top, "a layer of zstd with a window of 64 MiB is refused", path,
                  "layer 1: the zstd stream takes a window of 64 MiB, and the limit is 32 MiB",
                  "skopeo copy --dest-compress-format gzip IMAGE oci:DIRECTORY:TAG")
    subprocess.run(["skopeo", "--insecure-policy", "copy", "-q", "--dest-compress-format", "gzip",
                    f"oci:{path}", f"oci:{other}:tag"], check=True, stdin=subprocess.DEVNULL)
    check(tap, top, "and taken as its hint says", other)
    subprocess.run(["rm", "-rf", path], check=True)
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
        check_windows(tap, top)
        check_layer(tap, top)
    tap.end()


main()
