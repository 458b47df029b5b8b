#!/usr/bin/env python3
"""Archives of every kind that are cut off or have a bit flipped: refused, or the same as before."""

import gzip
import io
import os
import random
import subprocess
import tarfile
import tempfile

import layout
import tree
from store import Store, image_id, judge_refusal
from tap import Tap

FLIPS = int(os.environ.get("KELP_TEST_FLIPS", "60"))


def make_tar(n):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for i in range(n):
            info = tarfile.TarInfo(f"etc/d{i % 20}/f{i}")
            data = b"content of %d\n" % i * 20
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def check_stream(tap, top, name, data, must_refuse):
    """`must_refuse`: any change to the data has to be noticed."""
    store = Store(os.path.join(top, "streams"))
    path = os.path.join(top, "stream")
    rng = random.Random(1)
    end = len(data.rstrip(b"\0"))  # behind it there is only padding
    refused = 0

    def run(content):
        with open(path, "wb") as f:
            f.write(content)
        return store.run("import", path, "stream")

    result = run(data)
    if not image_id(result):
        tap.check(name, [result.stderr])
        return
    good = [tree.digest(layer) for layer in store.layers(image_id(result))]
    before = store.digest()
    for i in range(FLIPS):
        at = rng.randrange(len(data))
        flipped = data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1:]
        changed = data[:at] if i % 3 == 0 else flipped
        what = f"cut at {at}" if i % 3 == 0 else f"flip at {at}"
        result = run(changed)
        problems = []
        if result.returncode == 0:
            found = [tree.digest(layer) for layer in store.layers(image_id(result))]
            if must_refuse and found != good:
                problems.append("a change was not noticed")
            if i % 3 == 0 and at < end:
                problems.append("the cut was not noticed")
            store.run("remove", image_id(result))
            run(data)
        else:
            refused += 1
            problems += judge_refusal(result, ".")
            if store.digest() != before:
                problems.append("the store is not as it was")
        if store.leftovers():
            problems.append(f"left in tmp: {store.leftovers()}")
        if problems:
            tap.check(f"{name}: {what}", problems)
            return
    tap.check(f"{name}: {FLIPS} cuts and flips, {refused} refused",
              [] if refused >= FLIPS // 3 - 2 else ["too few were refused"])


def packed(tool, data, *options):
    return subprocess.run([tool, "-q", "-c", *options], input=data, stdout=subprocess.PIPE,
                          check=True).stdout


def many_pieces(data):
    """Each format in as many pieces as it has a word for."""
    third = len(data) // 3
    pieces = [data[:third], data[third:2 * third], data[2 * third:]]
    skipped = b"\x5f\x2a\x4d\x18\x04\0\0\0skip"
    with tempfile.NamedTemporaryFile(prefix="a-name.") as f:
        f.write(pieces[0])
        f.flush()
        named = subprocess.run(["gzip", "-c", f.name], stdout=subprocess.PIPE, check=True).stdout
    return {
        "gzip": named + b"".join(packed("gzip", p) for p in pieces[1:]),
        "xz": (b"\0" * 8).join(packed("xz", p, "--block-size=4096") for p in pieces),
        "zstd": skipped.join([b"", *(packed("zstd", p) for p in pieces), b""]),
    }


def main():
    tap = Tap()
    plain = make_tar(20)
    # in memory where that can be: nothing here survives the machine, and syncing takes its time
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="kelp-crash.", dir=memory) as top:
        check_stream(tap, top, "a plain tar", plain, False)
        check_stream(tap, top, "gzip", gzip.compress(plain, 1), True)
        for tool in ["xz", "zstd"]:
            check_stream(tap, top, tool, packed(tool, plain), True)
        for name, data in many_pieces(plain).items():
            check_stream(tap, top, f"{name}, of many pieces", data, True)
        image = layout.Layout([plain], packed=False).write_archive(os.path.join(top, "oci.tar"))
        with open(image, "rb") as f:
            check_stream(tap, top, "an OCI archive", f.read(), True)
        path = layout.write_tar(os.path.join(top, "docker.tar"), layout.docker_files([plain]))
        with open(path, "rb") as f:
            check_stream(tap, top, "a docker-archive", f.read(), True)
    tap.end()


main()
