#!/usr/bin/env python3
"""`kelp pull` from a registry that misbehaves: it ends in the right image or in one clear line."""

import json
import os
import socket
import subprocess
import sys
import threading
import time

import faulty
import scene
from faulty import Registry, send_endless, send_many, send_range
from place import KELP
from scene import (BIG, ONE, Guarded, blob_path, case, config_path, hooked, image, make_layer,
                   refuses, works)

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "image"))
import layout  # noqa: E402  (the path is set above)
import store  # noqa: E402

DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OWN = "amd64" if os.uname().machine == "x86_64" else "arm64"

# ------ plain pulls ------

@case("an image, by TLS tried first and then plain HTTP")
def plain(place):
    with hooked(None) as r:
        problems = works(place, r)
        again = place.pull("-q", f"{r.host}/x:1")
        if again.returncode != 0 or again.stderr or not store.image_id(again):
            problems.append(f"a second, quiet pull: {again}")
        if len(r.asked("/blobs/")) != 3:
            problems.append(f"{len(r.asked('/blobs/'))} requests for blobs")
        return problems


@case("layers that are plain and zstd")
def packings(place):
    problems = []
    for packed in ["plain", "zstd"]:
        made = image(packed=False)
        if packed == "zstd":
            for i, plain_layer in enumerate([ONE, BIG]):
                data = subprocess.run(["zstd", "-q", "-c"], input=plain_layer, check=True,
                                      stdout=subprocess.PIPE).stdout
                made.layers[i] = made.add(data, layout.LAYER + "+zstd")
        with Registry() as r:
            r.add(made, "1")
            problems += works(place, r)
        place.clear()
    return problems


@case("blobs that the store has are not fetched")
def shared(place):
    with Registry() as r:
        r.add(image(ONE, BIG), "1")
        r.add(image(ONE, BIG, run={"Env": ["A=1"]}), "2")
        problems = works(place, r)
        before = len(r.asked("/blobs/"))
        if place.pull(f"{r.host}/x:2").returncode != 0:
            problems.append("the second image fails")
        if len(r.asked("/blobs/")) != before + 1:
            problems.append("more than the configuration was fetched")
        return problems + place.check_blobs()


@case("what the pull counts on in the store stays while it is pruned, and goes later")
def pruned_meanwhile(place):
    done = []

    def hook(_handler, request, _n):
        if request.path == config_path(r, "2"):
            done.append(place.kelp("rmi", f"{r.host}/x:1"))
            done.append(place.kelp("prune", "--all"))
        return False
    with Registry(hook) as r:
        r.add(image(ONE, BIG), "1")
        r.add(image(ONE, BIG, run={"Env": ["A=1"]}), "2")
        place.pull(f"{r.host}/x:1")
        problems = works(place, r, tag="2")
        if [x.returncode for x in done] != [0, 0]:
            problems.append(f"rmi and prune: {done}")
        elif b"left to the next prune, as an import is at work" not in done[0].stdout:
            problems.append(f"nobody says that something was left: {done[0].stdout}")
        if len(r.asked(blob_path(r, tag="2"))) != 1:
            problems.append("the layer was fetched again")
        if place.kelp("verify").returncode != 0:
            problems.append("verify fails")
        place.clear()
        place.kelp("prune")
        for left in ["unpacked/single", "blobs/sha256"]:
            if os.listdir(os.path.join(place.store, left)):
                problems.append(f"something is left in {left}")
        return problems


@case("a layer that is listed twice is fetched once")
def twice(place):
    with Registry() as r:
        r.add(image(ONE, BIG, ONE), "1")
        problems = works(place, r)
        if len(r.asked(blob_path(r))) != 1:
            problems.append("it was fetched again")
        return problems


@case("several at once, and not more than four")
def at_once(place):
    def slow(handler, request, _n):
        if "/blobs/" in request.path:
            time.sleep(0.2)
        return False
    with Registry(slow) as r:
        r.add(image(*[make_layer(f"l{i}", 2000, i) for i in range(12)]), "1")
        problems = works(place, r)
        if not 2 <= r.most <= 4:
            problems.append(f"{r.most} at once")
        return problems


@case("a type that says nothing: the document decides")
def no_type(place):
    problems = []
    for media_type in ["application/json", "text/plain; charset=utf-8", ""]:
        with Registry() as r:
            r.add(image(), "1")
            r.manifests["1"] = (media_type, r.manifests["1"][1])
            problems += works(place, r)
        place.clear()
    return problems


@case("by digest: pulled, run as it was named, removed")
def pinned(place):
    with hooked(None) as r:
        digest = layout.sha(r.manifests["1"][1])
        name = f"{r.host}/x@{digest}"
        problems = works(place, r, name=name)
        dry = place.kelp("run", "--dry-run", name, "/bin/true")
        if dry.returncode != 0 or digest.encode() not in dry.stdout:
            problems.append(f"cannot be run: {dry.stderr}")
        if place.kelp("rmi", name).returncode != 0 or place.names():
            problems.append("cannot be removed")
        refused = place.kelp("import", place.other, name)
        if refused.returncode != 125 or b"has a digest" not in refused.stderr:
            problems.append(f"an import may give the name: {refused}")
        return problems


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


# ------ documents ------

@case("an image for several platforms: this one, another one, and one that is not there")
def platforms(place):
    with Registry() as r:
        entries = []
        for name, platform in [("own", {"os": "linux", "architecture": OWN}),
                               ("v6", {"os": "linux", "architecture": "arm", "variant": "v6"}),
                               ("v7", {"os": "linux", "architecture": "arm", "variant": "v7"}),
                               ("att", {"os": "unknown", "architecture": "unknown"})]:
            digest = r.add(image(ONE, run={"Env": ["N=" + name]}), name)
            entries.append({"mediaType": layout.MANIFEST, "digest": digest,
                            "size": len(r.manifests[digest][1]), "platform": platform})
        entries.reverse()
        for kind, tag in [(layout.INDEX, "1"), (DOCKER_LIST, "2")]:
            r.add_manifest(json.dumps({"schemaVersion": 2, "mediaType": kind,
                                       "manifests": entries}).encode(), kind, tag)
        problems = []
        for args, tag, want in [((), "1", "own"), ((), "2", "own"),
                                (("--platform", "linux/arm/v7"), "1", "v7"),
                                (("--platform=linux/arm/v6",), "1", "v6"),
                                (("--platform", "linux/arm/v8"), "1", "v7")]:
            problems += works(place, r, *args, tag=tag)
            dry = place.kelp("run", "--dry-run", f"{r.host}/x:{tag}", "/bin/true")
            with open(f"{place.store}/names/" + os.listdir(f"{place.store}/names")[0],
                      encoding="utf-8") as f:
                if f"env = N={want}\n" not in f.read():
                    problems.append(f"{args} is not {want}: {dry.stderr}")
            place.clear()
        problems += refuses(place, r, "there is no image for linux/s390x", "--platform",
                            "linux/s390x")
        problems += refuses(place, r, "'linux/' is not a platform", "--platform", "linux/")
        return problems


@case("an index in an index, schema 1, no image, no JSON")
def odd_documents(place):
    with Registry() as r:
        r.add(image(), "good")
        manifest = json.loads(r.manifests["good"][1])
        nested = {"mediaType": layout.INDEX, "digest": "sha256:" + "a" * 64, "size": 9,
                  "platform": {"os": "linux", "architecture": OWN}}
        r.add_manifest(json.dumps({"schemaVersion": 2, "manifests": [nested]}).encode(),
                       layout.INDEX, "nested")
        r.add_manifest(b'{"schemaVersion": 1}',
                       "application/vnd.docker.distribution.manifest.v1+prettyjws", "old")
        helm = dict(manifest, config=dict(manifest["config"],
                                          mediaType="application/vnd.cncf.helm.config.v1+json"))
        r.add_manifest(json.dumps(helm).encode(), layout.MANIFEST, "helm")
        r.add_manifest(b"<html>hello</html>", "text/html", "html")
        r.add_manifest(b"", layout.MANIFEST, "empty")
        both = dict(manifest, manifests=[])
        r.add_manifest(json.dumps(both).encode(), layout.MANIFEST, "both")
        problems = []
        for tag, pattern in [("nested", "an index in an index"), ("old", "schema 1"),
                             ("helm", "not a container image"), ("html", "not valid JSON"),
                             ("empty", "is empty"), ("both", "not what it pretends to be")]:
            problems += refuses(place, r, pattern, tag=tag)
        return problems


@case("control characters in what a registry says")
def control(place):
    def hook(handler, _request, _n):
        handler.error(403, "DENIED\x1b[31m", "no\n\x1b]0;title\x07 hint: x\u202e\x9b1m")
        return True
    with hooked(hook) as r:
        return refuses(place, r, r"DENIED\\x1b\[31m, no.*\\x1b\]0;title\\x07.*\\xe2\\x80\\xae")


@case("no such tag, no such repository, a blob that is not there")
def not_there(place):
    def hook(handler, request, _n):
        if request.path.startswith("/v2/none/"):
            handler.error(404, "NAME_UNKNOWN", "repository name not known to registry")
            return True
        return False
    with hooked(hook) as r:
        problems = refuses(place, r, "the image '2': .* says 404 .not found.: MANIFEST_UNKNOWN",
                           tag="2")
        problems += refuses(place, r, "NAME_UNKNOWN", name=f"{r.host}/none:1")
        del r.blobs[blob_path(r).rsplit("/", 1)[1]]
        return problems + refuses(place, r, "the blob 'sha256:[0-9a-f]{64}': .* says 404")


# ------ redirects ------

def redirected(place, to, pattern, **more):
    def hook(handler, request, _n):
        if request.path != target:
            return False
        handler.reply(307, Location=to(r), **more)
        return True
    with Registry(hook) as r:
        r.add(image(), "1")
        target = blob_path(r)
        return refuses(place, r, pattern)


@case("redirects to files, other protocols, a link-local address, nowhere, and in a circle")
def bad_redirects(place):
    return redirected(place, lambda r: "file:///etc/passwd", "is not a URL|neither https") + \
        redirected(place, lambda r: "ftp://127.0.0.1/x", "neither https nor http") + \
        redirected(place, lambda r: f"http://u:p@{r.host}/x", "has a user name in it") + \
        redirected(place, lambda r: "http://169.254.169.254/latest", "the local link") + \
        redirected(place, lambda r: None, "without saying where") + \
        redirected(place, blob_path, "more than 5 redirects")


@case("a login does not follow a redirect to another host")
def no_login_elsewhere(place):
    def hook(handler, request, _n):
        if "Authorization" not in request.headers:
            handler.error(401, "UNAUTHORIZED", "who are you", WWW_Authenticate='Basic realm="x"')
        elif "/blobs/" in request.path:
            handler.reply(307, Location=f"http://localhost:{other.port}{request.path}?sig=1")
        else:
            return False
        return True
    with Registry() as other, hooked(hook) as r:
        other.blobs = r.blobs
        place.login(r.host)
        problems = works(place, r)
        if len(other.requests) != 3:
            problems.append(f"{len(other.requests)} requests at the other host")
        if [x for x in other.requests if "Authorization" in x.headers]:
            problems.append("the other host got the login")
        return problems


@case("another host that fails: the registry is asked for a new address")
def back_to_origin(place):
    def elsewhere(handler, _request, n):
        if n == 0:
            handler.reply(403, b"expired")
            return True
        return False

    def hook(handler, request, _n):
        if "/blobs/" in request.path:
            handler.reply(302, Location=f"http://localhost:{other.port}{request.path}")
            return True
        return False
    with Registry(elsewhere) as other, hooked(hook) as r:
        other.blobs = r.blobs
        return works(place, r)


# ------ tokens ------

@case("a token: asked for with service and scope, used for all")
def token(place):
    problems = []
    for member in ["token", "access_token"]:
        with Guarded(member=member) as g:
            problems += works(place, g.registry)
            asked = g.tokens.requests
            if len(asked) != 1 or asked[0].query != {"service": 'reg, "the" one',
                                                     "scope": "repository:x:pull"}:
                problems.append(f"asked for: {asked}")
            if "Authorization" in asked[0].headers:
                problems.append("there was a login")
        place.clear()
    return problems


@case("a token for a login, which the registry itself does not get")
def token_login(place):
    with Guarded(login="alice:open sesame") as g:
        place.login(g.registry.host)
        problems = works(place, g.registry)
        for request in g.registry.requests:
            if request.headers.get("Authorization", "").startswith("Basic"):
                problems.append("the login was sent to the registry")
        if g.tokens.requests[0].query.get("account") != "alice":
            problems.append("no account in the question")
        return problems


@case("a token that runs out in the middle")
def token_ends(place):
    with Guarded(uses=2) as g:
        problems = works(place, g.registry)
        if len(g.tokens.requests) < 2:
            problems.append("there was no second token")
        return problems


@case("an identity token, posted and not in the address")
def identity(place):
    with Guarded() as g:
        place.write(".docker/config.json", json.dumps(
            {"auths": {g.registry.host: {"identitytoken": "s3cr3t+/="}}}))
        problems = works(place, g.registry)
        asked = g.tokens.requests[0]
        if asked.query or b"refresh_token=s3cr3t%2b%2f%3d" not in asked.body.lower() or \
                b"grant_type=refresh_token" not in asked.body:
            problems.append(f"asked: {asked}")
        return problems


@case("tokens that cannot be had or used")
def bad_tokens(place):
    problems = []
    for answer, pattern in [(b"{}", "no token"), (b"[]", "."), (b"<html>", "not valid JSON"),
                            (b'{"token": "a\\r\\nX-Evil: 1"}', "no token that can be used"),
                            (b'{"token": "' + b"x" * 70000 + b'"}', "no token that can be used"),
                            (b'{"token": "' + b"x" * 300000 + b'"}', "larger than"),
                            (b'{"token": "stale"}', "wants a login for 'x'")]:
        with Guarded(answer=answer) as g:
            problems += refuses(place, g.registry, pattern)
    for realm, pattern in [("ftp://127.0.0.1/x", "neither https nor http"),
                           ("http://169.254.169.254/x", "the local link"),
                           ("nonsense", "is not a URL")]:
        with Guarded(realm=realm) as g:
            problems += refuses(place, g.registry, pattern)
    return problems


@case("a wrong password: which file it is from, and not what it is")
def wrong_password(place):
    with Guarded(login="alice:right") as g:
        place.login(g.registry.host, password="wrong-as-wrong")
        problems = refuses(place, g.registry,
                           "does not accept the login of '.*/.docker/config.json' for 'x': "
                           "incorrect username or password")
        result = place.pull(f"{g.registry.host}/x:1")
        if b"wrong-as" in result.stderr + result.stdout:
            problems.append("the password is printed")
        return problems


# ------ logins ------

HELPER = """#!/bin/sh
# a credential helper that writes down how it was called
{ echo "$*"; cat; echo; env | sort; } >"$HOME/helper.log"
%s
"""


@case("a credential helper: what it gets, what it gives")
def helper(place):
    with Guarded(login="bob:from helper") as g:
        place.write("bin/docker-credential-test", HELPER %
                    """echo '{"ServerURL":"x","Username":"bob","Secret":"from helper"}'""", 0o755)
        place.write(".docker/config.json", json.dumps(
            {"credHelpers": {g.registry.host: "test"}, "auths": {g.registry.host: {}}}))
        place.env["SECRET_TOKEN"] = "x"
        problems = works(place, g.registry)
        with open(place.home + "/helper.log", encoding="utf-8") as f:
            log = f.read().splitlines()
        if log[:2] != ["get", g.registry.host]:
            problems.append(f"called as {log}")
        if {x.split("=")[0] for x in log[2:]} - {"HOME", "PATH", "PWD", "_", "SHLVL"}:
            problems.append(f"environment {log}")
        place.write("bin/docker-credential-test", HELPER %
                    "echo credentials not found in native keychain; exit 1", 0o755)
        place.clear()
        return problems + refuses(place, g.registry, "wants a login")


@case("a credential helper that is missing or fails is told, and a public image still comes")
def no_helper(place):
    with hooked(None) as r:
        place.write(".docker/config.json", json.dumps({"credsStore": "nowhere"}))
        result = place.pull(f"{r.host}/x:1")
        problems = []
        if result.returncode != 0 or b"'docker-credential-nowhere' is not in PATH" not in \
                result.stderr:
            problems.append(f"{result}")
        place.write(".docker/config.json", json.dumps({"credsStore": "../../bin/sh"}))
        return problems + refuses(place, r, "is not the name of a credential helper")


@case("files of logins: the order, and one that is broken")
def login_files(place):
    with Guarded(login="alice:right") as g:
        host = g.registry.host
        place.login(host, password="wrong")
        entry = {"auths": {host + "/x": {"username": "alice", "password": "right"},
                           host: {"username": "alice", "password": "wrong"}}}
        place.write("config/containers/auth.json", json.dumps(entry))
        problems = works(place, g.registry)
        place.clear()
        place.write("config/containers/auth.json", '{"auths": {"h": {"auth": "c2VjcmV0OnNlY3JldA')
        problems += refuses(place, g.registry, "auth.json' cannot be used: it is not valid JSON")
        result = place.pull(f"{host}/x:1")
        if b"c2Vj" in result.stderr:
            problems.append("what is in the file is printed")
        return problems


# ------ mirrors ------

@case("mirrors: the first that has it; else the registry")
def mirrors(place):
    with hooked(None) as r, Registry() as empty, Registry() as mirror:
        mirror.blobs = r.blobs
        mirror.manifests = r.manifests
        conf = "[example.invalid:5000]\n"
        conf += f"mirror = http://{empty.host}/a/\nmirror = http://{mirror.host}/cache/b\n"
        place.write("config/kelp/registries.conf", conf)
        problems = works(place, r, name="example.invalid:5000/x:1")
        if not empty.asked("/v2/a/x/manifests/1") or \
                not mirror.asked("/v2/cache/b/x/manifests/1"):
            problems.append(f"asked: {empty.requests} {mirror.requests}")
        place.clear()
        conf = f"[{r.host}]\nmirror = http://{empty.host}\n"
        place.write("config/kelp/registries.conf", conf)
        result = place.pull(f"{r.host}/x:1")
        if result.returncode != 0 or b"the mirror '" + empty.host.encode() not in result.stderr:
            problems.append(f"{result}")
        return problems


@case("registries.conf: a slip is an error with its line")
def bad_conf(place):
    problems = []
    with hooked(None) as r:
        for conf, pattern in [("[x]\nmiror = https://y\n", r"registries.conf:2: unknown key 'miror'"),
                              ("mirror = https://y\n", "conf:1: .*before the first"),
                              ("[x]\n\n#\nmirror = http://y\n", "conf:4: .*is not https"),
                              ("[x\n", "conf:1: a section is"),
                              ("[x]\ninsecure = maybe\n", "conf:2: ")]:
            place.write("config/kelp/registries.conf", conf)
            problems += refuses(place, r, pattern)
    return problems


# ------ TLS ------

def certificates(top):
    """A CA and the certificate of a server; made once."""
    name = os.path.join(top, "server")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "registry.bash")
    subprocess.run(["bash", "-c", '. "$1" && make_ca "$2" && make_certificate "$2" server '
                    'IP:127.0.0.1,DNS:localhost', "bash", script, top], check=True)
    return name


@case("TLS: never from https to http, by redirect or for a token")
def downgrade(place):
    certificate = certificates(place.top)
    ca = os.path.join(place.top, "ca.pem")
    with Registry() as plain_server:
        def hook(handler, request, _n):
            if mode == "redirect" and "/blobs/" in request.path:
                handler.reply(307, Location=f"http://{plain_server.host}{request.path}")
                return True
            if mode == "token":
                handler.error(401, "UNAUTHORIZED", "x", WWW_Authenticate=(
                    f'Bearer realm="http://{plain_server.host}/token",service="s"'))
                return True
            return False
        with Registry(hook, certificate) as r:
            r.add(image(), "1")
            mode = "none"
            problems = works(place, r, "--ca", ca)
            place.clear()
            mode = "redirect"
            problems += refuses(place, r, "leads from https to http", "--ca", ca)
            mode = "token"
            problems += refuses(place, r, "token server .* is not https", "--ca", ca)
            # a server that speaks TLS is never spoken to without, whatever its certificate
            problems += refuses(place, r, "certificate of '127.0.0.1' is not valid", "--insecure")
            if plain_server.requests:
                problems.append("the plain server was asked")
            return problems


@case("nobody listens, nobody answers to the name, a file without certificates")
def nobody(place):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        problems = refuses(place, None, f"cannot connect to '127.0.0.1' port {port}: Connection "
                           "refused", name=f"127.0.0.1:{port}/x:1")
    path = place.write("not-a-ca", "hello\n")
    return problems + refuses(place, None, "has no certificate", "--ca", path,
                              name="localhost:1/x:1")


# ------ killed ------

@case("SIGTERM: the session goes, and the status says so")
def terminated(place):
    waiting = threading.Event()

    def hook(handler, request, _n):
        if "/blobs/" not in request.path:
            return False
        waiting.set()
        time.sleep(20)
        return False
    with hooked(hook) as r:
        process = subprocess.Popen([KELP, "pull",
                                    f"{r.host}/x:1"], env=place.env, cwd=place.home,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        waiting.wait(20)
        process.terminate()
        _, err = process.communicate(timeout=20)
        problems = []
        if process.returncode != 128 + 15 or b"interrupted" not in err:
            problems.append(f"status {process.returncode}, {err}")
        if place.leftovers():
            problems.append(f"left in tmp: {place.leftovers()}")
        return problems


scene.run()
