#!/usr/bin/env python3
"""`kelp-image verify` against damage of every kind: each must be found, and told by its name."""

import os
import random
import stat
import subprocess
import tempfile

import layout
from rawtar import END, directory, file, pax, symlink
from store import Store, image_id
from tap import Tap

FLIPS = int(os.environ.get("KELP_TEST_FLIPS", "60"))


def make_layers():
    below = directory("etc/") + directory("etc/deep/", mode=0o700)
    for i in range(12):
        below += file(f"etc/f{i}", b"content of %d\n" % i * (1 + 50 * i), mode=0o640 + i % 8,
                      mtime=1000000000 + i)
    below += file("etc/deep/closed", b"nobody reads this", mode=0) + file("etc/empty")
    below += pax(SCHILY__xattr__user__note=b"a note") + file("etc/noted", b"x", mode=0o444)
    below += symlink("etc/link", "f1") + file("etc/with blank\n", b"odd")
    above = file("etc/.wh.f2") + file("etc/deep/.wh..wh..opq") + file("etc/new", b"new")
    return [below + END, above + END]


def files_below(top):
    found = []
    for place, _, names in os.walk(top):
        for name in names:
            path = os.path.join(place, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                found.append(path)
    return sorted(found)


class Damage:
    """Does one thing to a file, and undoes it with its times and mode."""

    def __init__(self, path):
        self.path = path
        self.st = os.lstat(path)
        self.parent = os.path.dirname(path)
        self.parent_st = os.lstat(self.parent)
        os.chmod(path, 0o600)
        with open(path, "rb") as f:
            self.data = f.read()
        self.put_attributes()

    def put_attributes(self):
        os.utime(self.path, ns=(self.st.st_atime_ns, self.st.st_mtime_ns))
        os.chmod(self.path, stat.S_IMODE(self.st.st_mode))
        os.utime(self.parent, ns=(self.parent_st.st_atime_ns, self.parent_st.st_mtime_ns))

    def write(self, data):
        os.chmod(self.path, 0o600)
        with open(self.path, "r+b") as f:
            f.truncate()
            f.write(data)
        self.put_attributes()

    def undo(self):
        self.write(self.data)


def verify(store, *args):
    result = store.run("verify", *args)
    return result.returncode, result.stdout.decode("utf-8", "backslashreplace")


def check_found(store, path, what):
    """Damage at `path` must be told, under a name that leads to it."""
    status, out = verify(store)
    relative = os.path.relpath(path, store.path)
    parts = relative.split(os.sep)
    if parts[0] == "unpacked":
        wanted = [parts[2], parts[-1].split(" ")[0]]
    elif parts[0] == "records":
        wanted = [parts[2], "record"]
    else:
        wanted = [parts[-1]]
    if status != 125:
        return [f"{what} of {relative} was not noticed: {out}"]
    if not all(w in out for w in wanted):
        return [f"{what} of {relative} was told as: {out}"]
    return []


def check_flips(tap, store, rng):
    problems = []
    kinds = ["blobs", "names", "paths", "images", "unpacked", "records", "index.json", "oci-layout"]
    for kind in kinds:
        top = os.path.join(store.path, kind)
        paths = files_below(top) if os.path.isdir(top) else [top]
        paths = [p for p in paths if os.path.getsize(p) > 0]
        for _ in range(FLIPS):
            path = rng.choice(paths)
            damage = Damage(path)
            at = rng.randrange(len(damage.data))
            flipped = bytearray(damage.data)
            flipped[at] ^= 1 << rng.randrange(8)
            damage.write(bytes(flipped))
            problems += check_found(store, path, f"a flip at {at}")
            damage.undo()
            if problems:
                break
        tap.check(f"{FLIPS} bits flipped in {kind}", problems)
        problems = []


def changes(path, top):
    """What can happen to a file: its name, a function that does it, and one that undoes it."""
    st = os.lstat(path)
    extra = os.path.join(os.path.dirname(path), "extra")
    away = os.path.join(top, "away")
    mode = stat.S_IMODE(st.st_mode)
    run = subprocess.check_call
    return [
        ("another mode", lambda: os.chmod(path, mode ^ 0o001), lambda: os.chmod(path, mode)),
        ("another time", lambda: os.utime(path, ns=(0, st.st_mtime_ns + 1)),
         lambda: os.utime(path, ns=(0, st.st_mtime_ns))),
        ("an attribute", lambda: run(["setfattr", "-n", "user.extra", "-v", "x", path]),
         lambda: run(["setfattr", "-x", "user.extra", path])),
        ("another name", lambda: os.link(path, extra), lambda: os.unlink(extra)),
        ("a file more", lambda: os.mknod(extra), lambda: os.unlink(extra)),
        ("a file less", lambda: os.rename(path, away), lambda: os.rename(away, path)),
    ]


def check_changes(tap, store, top):
    """Only what is said to change does: the directory's time is put back."""
    paths = [p for p in files_below(os.path.join(store.path, "unpacked")) if "/etc/f" in p]
    for i in range(len(changes(paths[0], top))):
        path = paths[i]
        name, change, undo = changes(path, top)[i]
        parent = os.lstat(os.path.dirname(path))
        change()
        os.utime(os.path.dirname(path), ns=(0, parent.st_mtime_ns))
        told = path if name != "a file more" else os.path.join(os.path.dirname(path), "extra")
        tap.check(name, check_found(store, told, name))
        undo()
        os.utime(os.path.dirname(path), ns=(0, parent.st_mtime_ns))


def check_missing(tap, store, top):
    """Every file of the store in its turn."""
    problems = []
    for path in files_below(store.path):
        relative = os.path.relpath(path, store.path)
        # made anew, or nobody's loss; a name that is gone is one that was removed
        if relative in ("lock", "index.json", "oci-layout") or relative.split("/")[0] in ("names", "paths"):
            continue
        if relative.startswith("unpacked/"):
            continue
        away = os.path.join(top, "away")
        os.rename(path, away)
        status, out = verify(store)
        if status != 125 or os.path.basename(path) not in out:
            problems.append(f"{relative} is missing: {status}, {out}")
        os.rename(away, path)
    tap.check("a file that is missing", problems)


def main():
    tap = Tap()
    rng = random.Random()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="kelp-verify.", dir=memory) as top:
        store = Store(os.path.join(top, "store"))
        lay = layout.Layout(make_layers(), run={"Env": ["A=b"], "Cmd": ["/bin/sh"]})
        lay.write(os.path.join(top, "lay"))
        first = image_id(store.run("import", os.path.join(top, "lay"), "team/one:1"))
        store.run("import", os.path.join(top, "lay"), "two")
        with open(os.path.join(top, "root.tar"), "wb") as f:
            f.write(make_layers()[0])
        store.run("import", "--path-key", "1f-2.3", "--", os.path.join(top, "root.tar"))
        status, out = verify(store)
        tap.check("a store that is whole", [] if (status, out) == (0, "") else [out])
        if not first or status:
            tap.end()
        check_flips(tap, store, rng)
        check_changes(tap, store, top)
        check_missing(tap, store, top)
        status, out = verify(store)
        tap.check("and whole again", [] if (status, out) == (0, "") else [out])
        subprocess.run(["chmod", "-R", "u+rwX", top], check=True)
    tap.end()


main()
