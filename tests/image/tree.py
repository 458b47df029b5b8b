"""What is in a directory, as text that can be compared."""

import hashlib
import os
import stat

KINDS = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFCHR: "c",
         stat.S_IFBLK: "b", stat.S_IFIFO: "p", stat.S_IFSOCK: "s"}


def walk(top):
    yield "", os.lstat(top)
    for directory, names, files in os.walk(os.fsencode(top)):
        for name in names + files:
            path = os.path.join(directory, name)
            yield os.fsdecode(os.path.relpath(path, os.fsencode(top))), os.lstat(path)


def xattrs(path):
    return os.listxattr(path, follow_symlinks=False)


def listing(top):
    """A line for each entry: kind, mode, path, and what is special about it."""
    lines = []
    for name, st in walk(top):
        path = os.path.join(top, name)
        kind = KINDS[stat.S_IFMT(st.st_mode)]
        line = f"{kind} {stat.S_IMODE(st.st_mode):o} {name}"
        if kind == "f" and st.st_blocks * 512 < st.st_size // 2:
            line += f" {st.st_size} sparse"
        for attr in sorted(xattrs(path)) if kind in "fd" else []:
            line += " opaque" if attr == "user.overlay.opaque" else f" {attr}"
        lines.append(line)
    return sorted(lines)


def digest(top):
    """One hash of names, kinds, modes, times of files, link targets, xattrs and contents."""
    h = hashlib.sha256()
    for name, st in sorted(walk(top), key=lambda entry: os.fsencode(entry[0])):
        path = os.path.join(top, name)
        kind = KINDS[stat.S_IFMT(st.st_mode)]
        parts = [name, kind, oct(st.st_mode), str(st.st_uid), str(st.st_gid)]
        if kind == "l":
            parts.append(os.readlink(path))
        if kind == "f":
            parts.append(str(st.st_size))
            if st.st_size < 64 << 20 and st.st_mode & 0o400:
                with open(path, "rb") as f:
                    parts.append(hashlib.sha256(f.read()).hexdigest())
        if kind in "fd":
            parts += sorted(xattrs(path))
        h.update(os.fsencode("\0".join(parts)) + b"\n")
    return h.hexdigest()
