#!/usr/bin/env python3
"""`kelp pull` from a registry that misbehaves: it ends in the right image or in one clear line."""

import json
import os
import sys
import time

import faulty
import scene
from faulty import Registry, send_endless, send_many, send_range
from scene import ONE, blob_path, case, config_path, hooked, image, refuses, works

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "image"))
import layout  # noqa: E402  (the path is set above)

# ------ tries again ------

@case("429 with Retry-After, then an answer")
def too_many(place):
    def hook(handler, request, n):
        if n == 0 and ("/manifests/" in request.path or "/blobs/" in request.path):
            handler.error(429, "TOOMANYREQUESTS", "slow down", Retry_After=1)
            return True
        return False
    with hooked(hook) as r:
        start = time.monotonic()
        problems = works(place, r)
        if time.monotonic() - start < 2:
            problems.append("it did not wait")
        return problems


@case("429 with a Retry-After of an hour")
def come_back(place):
    def hook(handler, _request, _n):
        handler.error(429, "TOOMANYREQUESTS", "slow down", Retry_After=3600)
        return True
    with hooked(hook) as r:
        return refuses(place, r, "429 .too many requests.: TOOMANYREQUESTS, slow down")


@case("500 twice, then an answer")
def trouble(place):
    def hook(handler, request, n):
        if n < 2:
            handler.error([500, 503][n], "UNKNOWN", "in trouble")
            return True
        return False
    with hooked(hook) as r:
        return works(place, r)


@case("500 for ever")
def more_trouble(place):
    def hook(handler, request, _n):
        if "/blobs/" in request.path:
            handler.reply(500, b"<html>oops</html>", Content_Type="text/html")
            return True
        return False
    with hooked(hook) as r:
        problems = refuses(place, r, "says 500 .internal error.$")
        if max(r.counts.values()) > 8:
            problems.append(f"{max(r.counts.values())} tries")
        return problems


@case("an answer that is cut off at 24 places, each time with a little more")
def many_cuts(place):
    def hook(handler, request, n):
        if request.path == target and n < 24:
            send_range(handler, request, r.blobs[target.rsplit("/", 1)[1]], 1 + 700 * n)
            return True
        return False
    with Registry(hook) as r:
        r.add(image(), "1")
        target = blob_path(r)
        problems = works(place, r)
        starts = [faulty.start_of(x) for x in r.asked(target)]
        if len(starts) != 25 or starts != sorted(set(starts)):
            problems.append(f"asked for from {starts}")
        return problems


@case("a connection that ends at 20 places of head and body")
def cut_anywhere(place):
    problems = []
    with Registry() as r:
        r.add(image(), "1")
        for target in ["/v2/x/manifests/1", blob_path(r)]:
            data = r.manifests["1"][1] if "manifests" in target else \
                r.blobs[target.rsplit("/", 1)[1]]
            head = (f"HTTP/1.1 200 OK\r\nContent-Type: {r.manifests['1'][0]}\r\n"
                    f"Content-Length: {len(data)}\r\n\r\n").encode()
            whole = head + data
            for i in range(10):
                at = [0, 3, 12, 30, len(head) - 2, len(head), len(head) + 1, len(head) + 100,
                      len(whole) // 2, len(whole) - 1][i]

                def hook(handler, request, n, target=target, whole=whole, at=at):
                    if request.path == target and n == 0:
                        handler.wfile.write(whole[:at])
                        handler.cut()
                        return True
                    return False
                r.hook = hook
                r.counts.clear()
                found = works(place, r)
                problems += [f"{target} cut at {at}:"] + found if found else []
                place.clear()
    return problems


@case("a server that ignores Range: from the start again")
def no_range(place):
    def hook(handler, request, n):
        if request.path != target:
            return False
        data = r.blobs[target.rsplit("/", 1)[1]]
        handler.reply(200, data if n == 2 else data[:len(data) // 2],
                      Content_Length=len(data))
        handler.cut()
        return True
    with Registry(hook) as r:
        r.add(image(), "1")
        target = blob_path(r)
        return works(place, r)


@case("a server that always cuts at the same place")
def same_cut(place):
    def hook(handler, request, _n):
        if request.path != target:
            return False
        data = r.blobs[target.rsplit("/", 1)[1]]
        handler.reply(200, data[:9999], Content_Length=len(data))
        handler.cut()
        return True
    with Registry(hook) as r:
        r.add(image(), "1")
        target = blob_path(r)
        problems = refuses(place, r, "127.0.0.1")
        if r.counts[target] > 8:
            problems.append(f"{r.counts[target]} tries")
        return problems


@case("416 for the rest: from the start again")
def no_rest(place):
    def hook(handler, request, n):
        if request.path == target and n == 0:
            send_range(handler, request, r.blobs[target.rsplit("/", 1)[1]], 5000)
            return True
        if request.path == target and n == 1:
            handler.reply(416)
            return True
        return False
    with Registry(hook) as r:
        r.add(image(), "1")
        target = blob_path(r)
        return works(place, r)


# ------ lies ------

def lie(what):
    """A pull of an image for which the server sends something else for `target(registry)`."""
    def check(place, target, pattern):
        def hook(handler, request, _n):
            if request.path != target_path:
                return False
            what(handler, request, r)
            return True
        with Registry(hook) as r:
            r.add(image(), "1")
            target_path = target(r)
            return refuses(place, r, pattern)
    return check


def changed(data):
    return data[:-1] + bytes([data[-1] ^ 1])


@lie
def other_blob(handler, request, r):
    handler.reply(200, changed(r.blobs[request.path.rsplit("/", 1)[1]]))


@lie
def short_blob(handler, request, r):
    handler.reply(200, r.blobs[request.path.rsplit("/", 1)[1]][:-7])


@lie
def long_blob(handler, request, r):
    handler.reply(200, r.blobs[request.path.rsplit("/", 1)[1]] + b"x")


@lie
def endless_blob(handler, request, _r):
    send_endless(handler)


@lie
def wrong_range(handler, request, r):
    data = r.blobs[request.path.rsplit("/", 1)[1]]
    handler.reply(206, data, Content_Range=f"bytes 7-{len(data) - 1}/{len(data)}")


BOTH = "sha256:[0-9a-f]{64}.*sha256:[0-9a-f]{64}"

for title, liar, path, message in [
        ("a layer with another digest", other_blob, blob_path, "sent '" + BOTH),
        ("a configuration with another digest", other_blob, config_path, "sent '" + BOTH),
        ("a layer that is shorter than it says", short_blob, blob_path, "ended after .* bytes"),
        ("a configuration that is longer", long_blob, config_path, "is larger than"),
        ("a layer that is longer", long_blob, blob_path, "is larger than"),
        ("a layer without an end", endless_blob, blob_path, "is larger than"),
        ("a range that nobody asked for", wrong_range, blob_path, "another range")]:
    case(title)(lambda place, liar=liar, path=path, message=message: liar(place, path, message))


@case("a manifest whose digest is not the one in the head")
def head_digest(place):
    def hook(handler, request, _n):
        if "/manifests/" not in request.path:
            return False
        media_type, data = r.manifests["1"]
        handler.reply(200, data, Content_Type=media_type,
                      Docker_Content_Digest="sha256:" + "0" * 64)
        return True
    with hooked(hook) as r:
        return refuses(place, r, BOTH)


@case("another manifest than the digest that was asked for")
def other_manifest(place):
    with hooked(None) as r:
        asked = "sha256:" + "5" * 64
        r.manifests[asked] = r.manifests["1"]
        return refuses(place, r, BOTH, name=f"{r.host}/x@{asked}")


@case("a diff-id that is not that of its layer")
def diff_id(place):
    made = image()
    made.config["rootfs"]["diff_ids"][1] = "sha256:" + "7" * 64
    with Registry() as r:
        r.add(made, "1")
        return refuses(place, r, "diff-id")


@case("two sizes for one digest")
def two_sizes(place):
    made = image(ONE, ONE)
    made.layers[1]["size"] += 1
    with Registry() as r:
        r.add(made, "1")
        return refuses(place, r, "two sizes")


# ------ too much ------

@case("a manifest of 5 MiB, and one without an end")
def huge_manifest(place):
    def hook(handler, request, _n):
        if request.path.endswith("/manifests/endless"):
            send_endless(handler)
            return True
        return False
    with hooked(hook) as r:
        r.add_manifest(r.manifests["1"][1] + b" " * (5 << 20), layout.MANIFEST, "large")
        return refuses(place, r, "larger than 4194304 bytes", tag="large") + \
            refuses(place, r, "larger than 4194304 bytes", tag="endless")


@case("10,000 layers")
def many_layers(place):
    problems = []
    for n, pattern in [(300, "more than 500 layers"), (5000, "more than 65536 values")]:
        made = image()
        made.layers *= n
        with Registry() as r:
            r.add(made, "1")
            problems += refuses(place, r, pattern)
            if r.asked("/blobs/"):
                problems.append("blobs were fetched")
    return problems


@case("a configuration of more than 4 MiB, a layer of more than 32 GiB")
def large_parts(place):
    problems = []
    for part, size in [("config", 5 << 20), ("layers", 33 << 30)]:
        with Registry() as r:
            r.add(image(), "1")
            manifest = json.loads(r.manifests["1"][1])
            (manifest[part] if part == "config" else manifest[part][0])["size"] = size
            r.add_manifest(json.dumps(manifest).encode(), layout.MANIFEST, "1")
            problems += refuses(place, r, f"has {size} bytes, more than")
            if r.asked("/blobs/"):
                problems.append("blobs were fetched")
    return problems


@case("a head without an end")
def endless_head(place):
    def hook(handler, _request, _n):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        send_many(handler, (b"X-%d: %s\r\n" % (i, b"y" * 1000) for i in range(100000)))
        return True
    with hooked(hook) as r:
        return refuses(place, r, "the head of the answer is larger|too large|Too large|too long")


scene.run()
