#!/usr/bin/env python3
"""The memory of an import, whatever the image: 64 MiB, with the 10 of the process that waits."""

import glob
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


def apart(function, *args):
    """A process begins with the peak of the one that started it, so another one does this."""
    maker = os.fork()
    if maker == 0:
        function(*args)
        os._exit(0)
    if os.waitpid(maker, 0)[1] != 0:
        raise ChildProcessError(function.__name__)


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


def noise(size, end=rawtar.END):
    rng = random.Random(2)
    yield rawtar.header("usr/noise", size=size)
    for _ in range(size // MIB):
        yield rng.randbytes(MIB)
    yield end


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


def map_numbers(count, is_dense):
    """A map whose entries have numbers, or the shortest that libarchive takes for one."""
    return [b"", b""] * count if is_dense else [b"%d" % n for i in range(count) for n in (2 * i, 0)]


def sparse_00(count, is_dense=False):
    numbers = map_numbers(count, is_dense)
    pairs = zip(numbers[::2], numbers[1::2])
    return rawtar.pax_raw(rawtar.pax_record("GNU.sparse.size", "99999999") + b"".join(
        rawtar.pax_record("GNU.sparse.offset", offset) + rawtar.pax_record("GNU.sparse.numbytes", size)
        for offset, size in pairs)) + rawtar.file("usr/sparse-00")


def sparse_01(count, is_dense=False):
    return rawtar.pax(GNU__sparse__size="99999999",
                      GNU__sparse__map=b",".join(map_numbers(count, is_dense))) + \
        rawtar.file("usr/sparse-01")


def sparse_10(count, is_dense=False):
    lines = b"%d\n" % count + b"".join(n + b"\n" for n in map_numbers(count, is_dense))
    return rawtar.pax(GNU__sparse__major="1", GNU__sparse__minor="0", GNU__sparse__name="usr/sparse-10",
                      GNU__sparse__realsize="99999999") + \
        rawtar.file("usr/GNUSparseFile.0/sparse-10", rawtar.padded(lines))


def sparse_old(count):
    return rawtar.old_sparse("usr/sparse-old", [(2 * i, 0) for i in range(count)])


def largest_maps():
    """While the window of the decompressor is full, and stays so."""
    maps = [sparse_00(15000), sparse_01(32000), sparse_01(32000, True), sparse_10(32000),
            sparse_10(32000, True), sparse_old(45000)]
    for layout_of in maps:
        yield from noise(40 * MIB, b"")
        yield layout_of
    yield from noise(40 * MIB)


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


def check_refused(tap, top, name, path, message, hint=None):
    """Before the memory is taken; in one line, or two with a hint."""
    status, said, used = run_import(top, path)
    problems = []
    first, *more = said.splitlines() or [""]
    if status != 125 or message not in first or more != ([f"hint: {hint}"] if hint else []):
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


# each with a part of what is said about it
LARGER_MAPS = {
    # of one pax header libarchive takes 1 MiB
    "0.0": (lambda: sparse_00(25000, True), "Special header too large"),
    "0.0, in many headers": (lambda: in_many_headers(sparse_00(10000), 8), "65536 separators"),
    "0.1": (lambda: sparse_01(100000, True), "65536 separators"),
    "0.1, in many headers": (lambda: in_many_headers(sparse_01(20000, True), 30),
                             "65536 separators"),
    "1.0": (lambda: sparse_10(1000000, True), "65536 separators"),
    "1.0, with numbers": (lambda: sparse_10(1000000), "65536 separators"),
    "old": (lambda: sparse_old(50000), "1088 KiB"),
}


def in_many_headers(entry, count):
    return entry[:-rawtar.BLOCK] * count + rawtar.file("usr/many")


def check_maps(tap, top):
    """Of sparse files, in each of the formats that there are."""
    archive = os.path.join(top, "archive")
    zstd = ["zstd", "-q", "-1", "--long=25"]
    apart(lambda: write_packed(archive, zstd, largest_maps()))
    check(tap, top, "the largest maps of sparse files", archive)
    for name, (make, message) in LARGER_MAPS.items():
        for packer in ("cat", "gzip"):
            apart(lambda m=make, p=packer: write_packed(archive, [p], [m(), rawtar.END]))
            check_refused(tap, top, f"a larger one is refused: {name}, {packer}", archive, message)


def check_holes(tap, top):
    """Those of real archives are within the limits."""
    plain = os.path.join(top, "usr", "holes")
    os.mkdir(os.path.dirname(plain))
    with open(plain, "wb") as out:
        for i in range(5000):
            out.seek(i * 8192)
            out.write(b"%04d" % i * 1024)
    archive = os.path.join(top, "archive")
    for kind in ("--format=gnu", "--format=posix --sparse-version=0.0",
                 "--format=posix --sparse-version=0.1", "--format=posix --sparse-version=1.0"):
        subprocess.run(["tar", "-C", top, "-cSf", archive, *kind.split(), "usr"], check=True)
        status, said, used = run_import(top, archive)
        problems = []
        if status != 0 or used > MOST:
            problems.append(f"status {status}, {used / MIB:.0f} MiB: {said}")
        found = glob.glob(os.path.join(top, "store/unpacked/single/*/usr/holes"))
        if os.path.getsize(archive) > 25 * MIB:
            problems.append("the archive is not sparse")
        if len(found) != 1 or subprocess.run(["cmp", plain, *found], check=False).returncode != 0:
            problems.append("the file is another one")
        tap.check(f"5000 holes: tar {kind}", problems)
        remove(top, archive)


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
    apart(write_wide_layer, path)
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
        check_maps(tap, top)
        check_holes(tap, top)
        check_layer(tap, top)
    tap.end()


main()
