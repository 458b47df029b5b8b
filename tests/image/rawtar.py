"""Tar headers by hand: everything that a tar library would refuse to write."""

BLOCK = 512


def number(value, width):
    """Octal, or base 256 for what does not fit or is negative."""
    if 0 <= value < 8 ** (width - 1):
        return b"%0*o\0" % (width - 1, value)
    raw = (value & ((1 << (8 * width)) - 1)).to_bytes(width, "big")
    return bytes([raw[0] | 0x80]) + raw[1:]


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def header(name, kind=b"0", size=0, mode=0o644, link="", mtime=0, major=0, minor=0):
    block = bytearray(BLOCK)

    def put(at, data):
        block[at:at + len(data)] = data

    put(0, as_bytes(name)[:100])
    put(100, number(mode, 8))
    put(108, number(0, 8))
    put(116, number(0, 8))
    put(124, number(size, 12))
    put(136, number(mtime, 12))
    put(148, b" " * 8)
    put(156, kind)
    put(157, as_bytes(link)[:100])
    put(257, b"ustar\x0000")
    put(329, number(major, 8))
    put(337, number(minor, 8))
    put(148, b"%06o\0 " % sum(block))
    return bytes(block)


def padded(data):
    return data + b"\0" * (-len(data) % BLOCK)


def pax_record(key, value):
    body = b" " + as_bytes(key) + b"=" + as_bytes(value) + b"\n"
    size = len(body) + 1
    while len(str(size)) + len(body) != size:
        size = len(str(size)) + len(body)
    return str(size).encode() + body


def pax(**records):
    return pax_raw(b"".join(pax_record(k.replace("__", "."), v) for k, v in records.items()))


def pax_raw(data):
    return header("PaxHeaders/x", b"x", len(data)) + padded(data)


def file(name, data=b"", **more):
    data = as_bytes(data)
    return header(name, b"0", len(data), **more) + padded(data)


def directory(name, mode=0o755, **more):
    return header(name, b"5", mode=mode, **more)


def symlink(name, target, **more):
    return header(name, b"2", mode=0o777, link=target, **more)


def hardlink(name, target, **more):
    return header(name, b"1", link=target, **more)


def gnu_long(name):
    data = as_bytes(name) + b"\0"
    return header("././@LongLink", b"L", len(data)) + padded(data)


def old_sparse(name, entries):
    """In the oldest format, where the map goes on in blocks behind the header; without data."""
    def fields(part, count):
        return b"".join(number(at, 12) + number(size, 12) for at, size in part).ljust(24 * count, b"\0")

    block = bytearray(header(name, b"S"))
    block[257:265] = b"ustar  \0"
    block[345:386] = b"\0" * 41
    block[386:482] = fields(entries[:4], 4)
    block[482] = len(entries) > 4
    block[483:495] = number(entries[-1][0] + entries[-1][1], 12)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    blocks = [bytes(block)]
    for i in range(4, len(entries), 21):
        more = b"\1" if i + 21 < len(entries) else b"\0"
        blocks.append((fields(entries[i:i + 21], 21) + more).ljust(BLOCK, b"\0"))
    return b"".join(blocks)


END = b"\0" * (2 * BLOCK)
