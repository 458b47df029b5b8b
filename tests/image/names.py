#!/usr/bin/env python3
"""Archives of names that a reader may be tempted to change, and what is in a directory, as bytes.

    names.py make FORMAT ARCHIVE ROOT    the tree ROOT with such names in n/, as pax, gnu, ustar or raw
    names.py list DIRECTORY              what is in it: names, targets of symlinks, hard links

`raw` is pax without a word about its charset, as tools in Go write it.
"""

import os
import sys
import tarfile

import rawtar

PLAIN = [
    b"u\xcc\x88",                      # decomposed, NFD
    b"\xc3\xbc",                       # composed, NFC
    b"\xe1\x84\x80\xe1\x85\xa1",       # Hangul, in two and in one
    b"\xea\xb0\x80",
    b"\xe2\x84\xab",                   # ANGSTROM SIGN, which composes to another character
    b"\xe0\xa5\x98",                   # decomposes even in NFC
    b"\xfc",                           # Latin-1
    b"\xc0\xaf\xed\xa0\x80\xff",       # overlong, a surrogate, no UTF-8 at all
    b" a\nb=c%41\\",
    b"plain",
]
# longer than a field of ustar, than a component may be, and than both of its fields
LONG = [
    b"n" * 101,
    b"u\xcc\x88" * 60,
    b"\xfc" * 255,
    b"/".join([b"u\xcc\x88" * 30] * 4),
    b"/".join([b"\xfc" * 90] * 4),
]


def names(form):
    """ustar has no room for long ones."""
    return PLAIN if form == "ustar" else PLAIN + LONG


def library_tar(form, path, root):
    formats = {"pax": tarfile.PAX_FORMAT, "gnu": tarfile.GNU_FORMAT, "ustar": tarfile.USTAR_FORMAT}
    with tarfile.open(path, "w", format=formats[form], encoding="utf-8", errors="surrogateescape") as tar:
        tar.add(root, ".")
        for i, name in enumerate(names(form)):
            text = os.fsdecode(b"n/" + name)
            info = tarfile.TarInfo(text)
            info.size = 0
            tar.addfile(info)
            info = tarfile.TarInfo(f"n/s{i}")
            info.type, info.linkname = tarfile.SYMTYPE, os.fsdecode(name)
            tar.addfile(info)
            info = tarfile.TarInfo(f"n/h{i}")
            info.type, info.linkname = tarfile.LNKTYPE, text
            tar.addfile(info)


def raw_tar(path, root):
    with tarfile.open(path, "w") as tar:
        tar.add(root, ".")
    with open(path, "rb") as f:
        data = f.read().rstrip(b"\0")
    data = rawtar.padded(data)
    for i, name in enumerate(names("raw")):
        data += rawtar.pax(path=b"n/" + name) + rawtar.file("x")
        data += rawtar.pax(linkpath=name) + rawtar.symlink(f"n/s{i}", "x")
        data += rawtar.pax(linkpath=b"n/" + name) + rawtar.hardlink(f"n/h{i}", "x")
    with open(path, "wb") as f:
        f.write(data + bytes(1024))


def wanted(form):
    """What list_directory() shows of n/."""
    lines = []
    for i, name in enumerate(names(form)):
        lines.append(b"f " + name)
        lines.append(b"l s%d -> %s" % (i, name))
        lines.append(b"h h%d = %s" % (i, name))
    return lines


def list_directory(top):
    top = os.fsencode(top)
    lines, first = [], {}
    files = [os.path.join(d, f) for d, _, fs in os.walk(top) for f in fs]
    # the names that are links of others come last
    for path in sorted(files, key=lambda p: (os.path.basename(p)[:1] == b"h", p)):
        name = os.path.relpath(path, top)
        st = os.lstat(path)
        if os.path.islink(path):
            lines.append(b"l %s -> %s" % (name, os.readlink(path)))
        elif st.st_ino in first:
            lines.append(b"h %s = %s" % (name, first[st.st_ino]))
        else:
            first[st.st_ino] = name
            lines.append(b"f " + name)
    return lines


def main(command, *args):
    if command == "make":
        if args[0] == "raw":
            raw_tar(*args[1:])
        else:
            library_tar(*args)
        lines = wanted(args[0])
    else:
        lines = list_directory(args[0])
    for line in sorted(lines):
        print(ascii(line))


main(*sys.argv[1:])
