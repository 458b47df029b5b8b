#!/usr/bin/env python3
"""Writes archives that an import must refuse or survive.

    hostile.py OUTPUT CANARY [--slow]

CANARY is a directory that nothing may ever write to.  OUTPUT/cases.tsv has a line for each case:
name, file, verdict and a pattern.  Verdicts: "refuse" (exit 125 and the pattern in the message),
"ok" (the unpacked layer is what OUTPUT/NAME.expect lists, if there is one), "any" (either).
"""

import bz2
import gzip
import json
import lzma
import os
import random
import subprocess
import sys
import zipfile
import zlib

import layout
from rawtar import (END, directory, file, gnu_long, hardlink, header, padded, pax, pax_raw,
                    pax_record, symlink)

out, canary = sys.argv[1], sys.argv[2]
cases = []
HELLO = directory("etc/") + file("etc/hello", "hello\n")


def case(name, path, verdict, pattern="", expect=None):
    cases.append("\t".join([name, path, verdict, pattern]))
    if expect is not None:
        with open(os.path.join(out, name + ".expect"), "w", errors="surrogateescape") as f:
            f.write("".join(line + "\n" for line in sorted(expect)))


def path_of(name):
    return os.path.join(out, name)


def put(name, data):
    with open(path_of(name), "wb") as f:
        f.write(data)
    return path_of(name)


def tar(name, data, verdict, pattern="", expect=None, end=END):
    case(name, put(name + ".tar", HELLO + data + end), verdict, pattern, expect)


BASE = ["d 755 ", "d 755 etc", "f 644 etc/hello"]


def names():
    parents = canary[1:].split("/")
    inside = ["d 755 " + "/".join(parents[:i + 1]) for i in range(len(parents))]
    tar("absolute", file(canary + "/evil"), "ok",
        expect=BASE + inside + [f"f 644 {canary[1:]}/evil"])
    tar("absolute-directory", directory("//" + canary + "/evil/"), "ok",
        expect=BASE + inside + [f"d 755 {canary[1:]}/evil"])
    tar("absolute-root", directory("/", 0o711), "ok",
        expect=["d 711 ", "d 755 etc", "f 644 etc/hello"])
    tar("absolute-dotdot", file("/../etc/evil"), "refuse", r"'\.\.'")
    tar("dotdot", file("../evil"), "refuse", r"'\.\.'")
    tar("dotdot-inside", file("etc/../../../evil"), "refuse", r"'\.\.'")
    tar("dotdot-last", directory("etc/.."), "refuse", r"'\.\.'")
    tar("dotdot-alone", directory(".."), "refuse", r"'\.\.'")
    tar("no-name", header(""), "refuse", "no name")
    tar("dots-and-slashes", file("./etc/.//./x"), "ok", expect=BASE + ["f 644 etc/x"])
    tar("long-component", gnu_long("x" * 256) + file("x" * 99), "refuse", "255")
    tar("long-path", gnu_long("/".join(["x" * 200] * 25)) + file("x"), "refuse", "4095")
    tar("deep", gnu_long("/".join("x" * 200)) + file("x"), "refuse", "128")
    tar("nul-in-pax-path", pax(path=b"etc/good\0/../../evil") + file("etc/fallback"), "any")
    tar("escapes-in-name", file("etc/\x1b]0;owned\x07/../\x1b[2J"), "refuse", r"x1b\]0")
    tar("bidi-in-name", file("../\u202etxt.exe"), "refuse", "xe2.x80.xae")
    tar("latin1", file(b"etc/caf\xe9"), "ok")
    tar("latin1-pax", pax(path=b"etc/caf\xe9") + file("etc/x") + pax(linkpath=b"caf\xe9") +
        symlink("etc/l", "y"), "ok", expect=BASE + ["f 644 etc/caf\udce9", "l 777 etc/l"])
    tar("utf8-pax", pax(path="etc/caf\u00e9") + file("etc/x"), "ok",
        expect=BASE + ["f 644 etc/caf\u00e9"])
    tar("case-tricks", directory("A/") + directory("a/") + file("A/x") + file("a/X") +
        file(".WH.etc"), "ok",
        expect=BASE + ["d 755 A", "d 755 a", "f 644 A/x", "f 644 a/X", "f 644 .WH.etc"])


def links():
    tar("symlink-write", symlink("out", canary) + file("out/evil"), "refuse", "symbolic link")
    tar("symlink-relative", symlink("out", "../../../../../../.." + canary) + file("out/evil"),
        "refuse", "symbolic link")
    tar("symlink-in-layer", symlink("out", "etc") + file("out/evil"), "refuse", "symbolic link")
    tar("symlink-mkdir", symlink("out", canary) + directory("out/d/"), "refuse", "symbolic link")
    tar("symlink-swap", directory("d/") + symlink("d", canary) + file("d/evil"), "refuse",
        "symbolic link")
    tar("symlink-replaced", symlink("out", canary + "/file") + file("out", "new"), "ok",
        expect=BASE + ["f 644 out"])
    tar("symlink-chmod", symlink("out", canary) + directory("out", 0o777), "ok",
        expect=BASE + ["d 777 out"])
    tar("symlink-whiteout", symlink("out", canary) + file("out/.wh.file"), "ok",
        expect=BASE + ["l 777 out"])
    tar("symlink-opaque", symlink("out", canary) + file("out/.wh..wh..opq"), "ok",
        expect=BASE + ["l 777 out"])
    tar("symlink-empty", symlink("out", ""), "refuse", "symlink|target")
    tar("hardlink-absolute", hardlink("out", canary + "/file"), "refuse",
        "nothing in its layer")
    tar("hardlink-dotdot", hardlink("out", "../../../../../.." + canary + "/file"), "refuse",
        r"'\.\.'")
    tar("hardlink-by-symlink", symlink("s", canary) + hardlink("out", "s/file"), "refuse",
        "nothing in its layer")
    tar("hardlink-to-symlink", symlink("s", canary + "/file") + hardlink("out", "s") +
        file("out", "new"), "ok", expect=BASE + ["l 777 s", "f 644 out"])
    tar("hardlink-directory", hardlink("out", "etc"), "refuse", "something else than a file")
    tar("hardlink-missing", hardlink("out", "nothing"), "refuse", "nothing in its layer")
    tar("hardlink-itself", hardlink("etc/hello", "etc/hello"), "refuse", "itself")
    tar("hardlink-root", hardlink("out", "."), "refuse", "root")
    tar("hardlink-over-root", hardlink("./", "etc/hello"), "refuse", "root")
    tar("hardlink-good", hardlink("out", "etc/hello") + hardlink("out", "./etc/hello"), "ok",
        expect=BASE + ["f 644 out"])


def whiteouts():
    for name in [".wh.", ".wh..", ".wh...", ".wh..wh.x", ".wh..wh..wh..opq", ".wh..wh.plnk",
                 "etc/.wh.", "etc/.wh...", ".wh..wh..opqx"]:
        tar("whiteout " + name.replace("/", "+"), file(name), "refuse", "whiteout")
    tar("whiteout-slash", file(".wh./"), "refuse", "whiteout")
    tar("whiteout-inside", file(".wh.x/y"), "refuse", "inside a whiteout")
    tar("whiteout-directory", directory(".wh.x/"), "refuse", "whiteout")
    tar("whiteout-symlink", symlink(".wh.x", canary), "refuse", "whiteout")
    tar("whiteout-hardlink", hardlink(".wh.x", "etc/hello"), "refuse", "whiteout")
    tar("whiteout-data", file(".wh.x", "data"), "refuse", "whiteout")
    tar("whiteout-device", header(".wh.x", b"3", major=1, minor=3), "refuse", "whiteout")
    tar("whiteout-good", file("etc/.wh.gone"), "ok", expect=BASE + ["c 0 etc/gone"])
    tar("whiteout-twice", file("etc/.wh.gone") * 2, "ok", expect=BASE + ["c 0 etc/gone"])
    tar("whiteout-own-file", file("etc/.wh.hello"), "ok", expect=BASE)
    tar("whiteout-then-file", file("etc/.wh.x") + file("etc/x"), "ok",
        expect=BASE + ["f 644 etc/x"])
    tar("whiteout-then-parent", file(".wh.d") + file("d/x"), "ok",
        expect=BASE + ["d 755 d opaque", "f 644 d/x"])
    tar("whiteout-then-directory", file(".wh.d") + directory("d/"), "ok",
        expect=BASE + ["d 755 d opaque"])
    tar("whiteout-own-directory", file(".wh.etc"), "ok",
        expect=["d 755 ", "d 755 etc opaque", "f 644 etc/hello"])
    tar("opaque-twice", file("etc/.wh..wh..opq") * 2, "ok",
        expect=["d 755 ", "d 755 etc opaque", "f 644 etc/hello"])
    tar("opaque-drops-whiteouts", file("d/.wh.x") + file("d/.wh..wh..opq") + file("d/.wh.y"), "ok",
        expect=BASE + ["d 755 d opaque"])
    tar("opaque-root", file(".wh..wh..opq"), "ok",
        expect=["d 755  opaque", "d 755 etc", "f 644 etc/hello"])
    tar("opaque-directory", directory("etc/.wh..wh..opq/"), "refuse", "whiteout")


def kinds():
    tar("root-symlink", symlink("./", canary), "refuse", "root can only be a directory")
    tar("root-file", header(".", b"0"), "refuse", "root can only be a directory")
    tar("root-mode-0", directory("./", 0), "ok",
        expect=["d 700 ", "d 755 etc", "f 644 etc/hello"])
    tar("mode-0", directory("d/", 0) + file("d/f", mode=0), "ok",
        expect=BASE + ["d 700 d", "f 0 d/f"])
    tar("setuid", file("su", "x", mode=0o6755) + directory("sticky/", 0o1777), "ok",
        expect=BASE + ["f 6755 su", "d 1777 sticky"])
    tar("device-0-0", header("x", b"3"), "refuse", "0:0")
    tar("devices", header("null", b"3", major=1, minor=3) + header("sda", b"4", major=8), "ok",
        expect=BASE)
    tar("fifo", header("pipe", b"6", mode=0o600), "ok", expect=BASE + ["p 600 pipe"])
    tar("replaced-directory", directory("d/") + file("d/x") + file("d"), "refuse", "not empty")
    tar("replaced-whiteouts", file("d/.wh.x") + file("d", "new"), "ok",
        expect=BASE + ["f 644 d"])
    tar("replaced-empty-directory", directory("d/") + file("d"), "ok", expect=BASE + ["f 644 d"])
    tar("replaced-file", file("f") + directory("f/") + file("f/x"), "ok",
        expect=BASE + ["d 755 f", "f 644 f/x"])
    tar("file-as-parent", file("f") + file("f/x"), "refuse", "not a directory")
    tar("twice", file("f", "old") + file("f", "new", mode=0o600), "ok",
        expect=BASE + ["f 600 f"])
    tar("times", file("a", mtime=-2**40) + file("b", mtime=2**62) + file("c", mtime=-1), "ok")
    tar("unknown-type", header("x", b"Z"), "any")
    xattrs = {
        "SCHILY__xattr__user__overlay__opaque": "y",
        "SCHILY__xattr__user__overlay__whiteout": "y",
        "SCHILY__xattr__trusted__overlay__opaque": "y",
        "SCHILY__xattr__user__note": "kept",
    }
    capability = pax_record("SCHILY.xattr.security.capability",
                            bytes.fromhex("0100000200200000000000000000000000000000"))
    records = b"".join(pax_record(k.replace("__", "."), v) for k, v in xattrs.items())
    tar("xattrs", pax_raw(records + capability) + file("x"), "ok",
        expect=BASE + ["f 644 x user.note"])


def sizes():
    tar("size-64-gib", header("x", size=64 << 30), "refuse", "32 GiB")
    tar("size-negative", header("x", size=-1), "refuse", "")
    tar("size-of-max", header("x", size=2**63 - 1), "refuse", "")
    tar("pax-size-differs", pax(size="1024") + file("x", b"a" * 512), "any")
    many = b"".join(header(f"f{i}", size=4 << 30) for i in range(9))
    tar("sum-of-sizes", many, "refuse", "")
    sparse = path_of("sparse")
    with open(sparse, "wb") as f:
        f.truncate(10 << 30)
        f.seek(5 << 30)
        f.write(b"middle")
    for kind in ["gnu", "posix"]:
        archive = path_of(f"sparse-{kind}.tar")
        subprocess.run(["tar", "-C", out, "-S", "--format", kind, "--mode=644", "-cf", archive,
                        "sparse"], check=True)
        case(f"sparse-{kind}", archive, "ok", expect=["d 755 ", "f 644 sparse 10737418240 sparse"])
    os.unlink(sparse)


def packed_zeros(compress, size):
    """A tar with one file of zeros, through a streaming compressor."""
    yield compress.compress(HELLO + header("zeros", size=size))
    for _ in range(size >> 20):
        yield compress.compress(b"\0" * (1 << 20))
    yield compress.compress(END)
    yield compress.flush()


def bombs():
    gz = zlib.compressobj(9, zlib.DEFLATED, 31)
    case("gzip-bomb", put("bomb.gz", b"".join(packed_zeros(gz, 192 << 20))), "refuse", "1000 times")
    xz = lzma.LZMACompressor(preset=0)
    case("xz-bomb", put("bomb.xz", b"".join(packed_zeros(xz, 192 << 20))), "refuse", "1000 times")
    plain = b"".join(packed_zeros(zlib.compressobj(0, zlib.DEFLATED, 31), 192 << 20))
    plain = zlib.decompress(plain, 31)
    packed = subprocess.run(["zstd", "-q", "-c"], input=plain, stdout=subprocess.PIPE, check=True)
    case("zstd-bomb", put("bomb.zst", packed.stdout), "refuse", "1000 times")
    twice = gzip.compress(gzip.compress(HELLO + END))
    case("gzip-in-gzip", put("twice.gz", twice), "refuse", "more than once")
    twice = lzma.compress(gzip.compress(HELLO + END))
    case("gzip-in-xz", put("twice.xz", twice), "refuse", "more than once")
    # devices leave nothing behind, so that this is about counting and not about the file system
    rng = random.Random(1)
    blocks = [header("dev/x", b"3", major=1, minor=3, mtime=rng.getrandbits(30))
              for _ in range(5000)]
    data = b"".join(blocks)
    gz = zlib.compressobj(1, zlib.DEFLATED, 31)
    parts = [gz.compress(HELLO)] + [gz.compress(data) for _ in range(200)]
    parts += [gz.compress(END), gz.flush()]
    case("million-entries", put("million.gz", b"".join(parts)), "refuse", "1000000 entries")


def formats():
    with zipfile.ZipFile(path_of("x.zip"), "w") as z:
        z.writestr("etc/hello", "hello")
    case("zip", path_of("x.zip"), "refuse", "unsupported format.*zip")
    os.makedirs(path_of("src/etc"))
    with open(path_of("src/etc/hello"), "w") as f:
        f.write("hello")
    archive = subprocess.run("find . | cpio -o -H newc 2>/dev/null || true", shell=True,
                             cwd=path_of("src"), stdout=subprocess.PIPE, check=True).stdout
    case("cpio", put("x.cpio", archive or b"070701" + b"0" * 104), "refuse",
         "unsupported format.*cpio")
    case("7z", put("x.7z", b"7z\xbc\xaf\x27\x1c" + b"\0" * 600), "refuse",
         "unsupported format.*7z")
    case("ar", put("x.deb", b"!<arch>\n" + b"debian-binary   " * 40), "refuse",
         "unsupported format.*ar")
    case("bzip2", put("x.bz2", bz2.compress(HELLO + END)), "refuse", "unsupported format.*bzip2")
    case("squashfs", put("x.sqfs", b"hsqs" + b"\0" * 600), "refuse", "unsupported format.*squashfs")
    case("text", put("x.txt", b"hello world\n" * 100), "refuse", "unsupported format")
    case("empty", put("empty.tar", b""), "refuse", "empty")
    case("only-zeros", put("zeros.tar", b"\0" * 10240), "ok", expect=["d 755 "])
    case("fifo-in-place", "/dev/null", "refuse", "neither a file nor a directory")
    tar("no-end", b"", "refuse", "cut off", end=b"")
    tar("data-behind-end", b"", "refuse", "behind the end", end=END + file("evil"))
    case("nested-magic", put("bzh.tar", file("BZh91AY", "x") + END), "ok",
         expect=["d 755 ", "f 644 BZh91AY"])


def digests():
    def changed(name, change, pattern, **more):
        image = layout.Layout([HELLO + END], **more)
        change(image)
        case(name, image.write(path_of(name)), "refuse", pattern)

    def flip(image, at):
        digest = image.layers[0]["digest"]
        data = image.blobs[digest]
        image.blobs[digest] = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]

    # the byte of a gzip header that names the system: nothing but the digest covers it
    changed("layer-digest", lambda i: flip(i, 9), "damaged: its digest")
    changed("layer-crc", lambda i: flip(i, -5), "gzip stream is damaged")
    # the first byte of a file's content
    changed("plain-layer-digest", lambda i: flip(i, 1024), "damaged: its digest", packed=False)
    changed("layer-size", lambda i: i.layers[0].update(size=7), "wrong size")
    changed("layer-missing", lambda i: i.blobs.clear(), "No such file")
    changed("diff-id", lambda i: i.config["rootfs"].update(diff_ids=[layout.sha(b"x")]),
            "diff-id is")
    changed("diff-id-count", lambda i: i.config["rootfs"]["diff_ids"].append(layout.sha(b"x")),
            "1 layers.*2")
    for label, text in [("path", "sha256:../../../../etc/passwd"), ("short", "sha256:abc"),
                        ("upper", "sha256:" + "A" * 64), ("sha512", "sha512:" + "a" * 128),
                        ("long", "sha256:" + "a" * 65), ("empty", "")]:
        changed("digest-" + label, lambda i, t=text: i.layers[0].update(digest=t), "not a digest")
        changed("diff-id-" + label,
                lambda i, t=text: i.config["rootfs"].update(diff_ids=[t]), "not a digest")

    def tampered(name, pattern, select):
        image = layout.Layout([HELLO + END])
        files = image.finish()
        target = [k for k, v in files.items() if select(k, v)][0]
        files[target] += b" "
        case(name, layout.write_tar(path_of(name + ".tar"), files), "refuse", pattern)

    tampered("manifest-digest", "the manifest.*damaged", lambda k, v: b'"schemaVersion"' in v and
             k.startswith("blobs"))
    tampered("config-digest", "the configuration.*damaged", lambda k, v: b'"diff_ids"' in v)


def documents():
    def changed(name, pattern, **attributes):
        image = layout.Layout([HELLO + END])
        for key, value in attributes.items():
            setattr(image, key, value)
        case(name, image.write(path_of(name)), "refuse", pattern)
        return image

    nested = b'{"schemaVersion":2,"x":' + b"[" * 10000 + b"]" * 10000 + b',"manifests":[]}'
    changed("json-depth", "deeper than 32", index=nested)
    values = b'{"schemaVersion":2,"manifests":[' + b"0," * 70000 + b"0]}"
    changed("json-values", "more than 65536", index=values)
    changed("json-twice", "not valid JSON.*duplicate", index=b'{"schemaVersion":2,'
            b'"manifests":[],"manifests":[]}')
    changed("json-nul", "not valid JSON", index=b'{"schemaVersion":2,"x":"a\\u0000b"}')
    changed("json-utf8", "not valid JSON", index=b'{"schemaVersion":2,"x":"\xff"}')
    changed("json-cut", "not valid JSON", index=b'{"schemaVersion":2,')
    changed("json-list", "not an object", index=b"[]")
    changed("json-escapes", "not valid JSON", index=b'{"\x1b]0;owned\x07')
    big = layout.Layout([HELLO + END]).write(path_of("json-large"))
    with open(os.path.join(big, "index.json"), "ab") as f:
        f.truncate(100 << 20)
    case("json-large", big, "refuse", "larger than 4194304")
    changed("index-is-manifest", "pretends", index_extra={"layers": []})
    changed("index-has-config", "pretends", index_extra={"config": {}})
    changed("manifest-is-index", "pretends", manifest_extra={"manifests": []})
    changed("index-type-manifest", "says that it is", index_extra={"mediaType": layout.MANIFEST})
    changed("manifest-type-index", "says that it is", manifest_extra={"mediaType": layout.INDEX})
    changed("descriptor-type-index", "says that it is", index_type=layout.INDEX)
    changed("descriptor-type-unknown", "no image for", index_type="application/x-unknown")
    changed("config-is-manifest", "is a manifest", config={"layers": [], "rootfs": {}})
    changed("config-type", "not a container image", config_type="application/vnd.example+json")
    changed("config-list", "not an object", config=[])
    changed("config-number", "is not an object", config={"rootfs": 1})
    changed("config-no-rootfs", "no 'rootfs'", config={"os": "linux"})
    changed("config-os", "not for linux", config={"os": "windows"})
    changed("layers-number", "is not an array", manifest_extra={"layers": 1})
    changed("layers-string", "is not an object", manifest_extra={"layers": ["x"]})
    changed("layers-none", "no layers", manifest_extra={"layers": []})
    many = [{"mediaType": layout.LAYER, "digest": layout.sha(b"x"), "size": 1}] * 501
    changed("layers-many", "more than 500 layers", manifest_extra={"layers": many})
    changed("schema", "schemaVersion", manifest_extra={"schemaVersion": 1})
    changed("index-empty", "no image for", index_extra={"manifests": []})
    runs = {
        "env-many": ({"Env": ["A=1"] * 1001}, "too many environment variables"),
        "env-large": ({"Env": ["A=" + "x" * 140000]}, "environment variables are larger"),
        "env-number": ({"Env": [1]}, "'Env'"),
        "env-object": ({"Env": {}}, "'Env'.*not an array"),
        "command-many": ({"Cmd": ["x"] * 1001}, "too many command arguments"),
        "command-string": ({"Cmd": "sh"}, "'Cmd'.*not an array"),
        "workdir-long": ({"WorkingDir": "/" + "x" * 5000}, "working directory"),
        "workdir-number": ({"WorkingDir": 1}, "'WorkingDir'"),
        "user-slash": ({"User": "../../etc"}, "the image's user"),
        "user-newline": ({"User": "root\nenv = LD_PRELOAD=x"}, "the image's user"),
        "stop-signal": ({"StopSignal": "SIGNONSENSE"}, "stop signal"),
    }
    for name, (run, pattern) in runs.items():
        image = layout.Layout([HELLO + END], run=run)
        case("run-" + name, image.write(path_of("run-" + name)), "refuse", pattern)


def layouts():
    image = layout.Layout([HELLO + END]).write(path_of("layout-symlink"))
    os.rename(image + "/index.json", image + "/real.json")
    os.symlink("real.json", image + "/index.json")
    case("layout-symlink", image, "refuse", "symbolic links|Too many levels")
    image = layout.Layout([HELLO + END]).write(path_of("layout-fifo"))
    os.unlink(image + "/index.json")
    os.mkfifo(image + "/index.json")
    case("layout-fifo", image, "refuse", "not a file")
    os.makedirs(path_of("plain-directory/etc"))
    case("plain-directory", path_of("plain-directory"), "refuse", "not an OCI layout")
    inner = layout.Layout([HELLO + END])
    index = {"schemaVersion": 2, "mediaType": layout.INDEX,
             "manifests": json.loads(inner.finish()["index.json"])["manifests"]}
    middle = inner.add(layout.dump(index), layout.INDEX)
    outer = inner.add(layout.dump({"schemaVersion": 2, "manifests": [middle]}), layout.INDEX)
    inner.index = {"schemaVersion": 2, "manifests": [outer]}
    case("index-in-index", inner.write(path_of("index-in-index")), "refuse", "index in an index")
    files = layout.Layout([HELLO + END]).finish()
    archive = path_of("member-twice.tar")
    layout.write_tar(archive, files)
    with open(archive, "rb") as f:
        data = f.read().rstrip(b"\0")
    data = padded(data) + file("index.json", files["index.json"]) + END
    case("member-twice", put("member-twice.tar", data), "refuse", "twice")


def docker():
    layer = HELLO + END

    def archive(name, files, verdict, pattern):
        path = layout.write_tar(path_of(name + ".tar"), files)
        case(name, path, verdict, pattern)

    archive("docker-diff-id", layout.docker_files(
        [layer], config={"rootfs": {"diff_ids": [layout.sha(b"x")]}}), "refuse", "diff-id is")
    for label, path in [("absolute", canary + "/file"), ("dotdot", "../../etc/passwd"),
                        ("missing", "nothing/layer.tar")]:
        archive("docker-layer-" + label, layout.docker_files([layer], entry={"Layers": [path]}),
                "refuse", "the archive has no")
    archive("docker-config-absolute", layout.docker_files([layer], entry={
        "Config": canary + "/file"}), "refuse", "the archive has no")
    files = layout.docker_files([layer])
    files["layer0/layer.tar"] = canary + "/file"
    archive("docker-link-outside", files, "refuse", "the archive has no")
    files = layout.docker_files([layer])
    files["layer0/layer.tar"] = "../layer1/layer.tar"
    files["layer1/layer.tar"] = "../layer0/layer.tar"
    archive("docker-link-loop", files, "refuse", "loop of links")
    archive("docker-layers-many", layout.docker_files([layer], entry={
        "Layers": ["layer0/layer.tar"] * 501}), "refuse", "more than 500 layers")
    for name, text in [("number", b"1"), ("empty", b"[]"), ("object", b"{}"), ("strings", b'["x"]'),
                       ("no-config", b'[{"Layers":["x"]}]'), ("layers", b'[{"Config":"x"}]')]:
        files = layout.docker_files([layer])
        files["manifest.json"] = text
        archive("docker-manifest-" + name, files, "refuse", "manifest.json|no layers")
    two = layout.docker_files([layer])
    entry = json.loads(two["manifest.json"])[0]
    two["manifest.json"] = layout.dump([entry, dict(entry, RepoTags=["\x1b[31mred:1"])])
    archive("docker-two-images", two, "refuse", "2 images.*test:1.*x1b.31mred")


def main():
    os.makedirs(out, exist_ok=True)
    for part in [names, links, whiteouts, kinds, sizes, bombs, formats, digests, documents,
                 layouts, docker]:
        part()
    with open(path_of("cases.tsv"), "w") as f:
        f.write("".join(line + "\n" for line in cases))


main()
