#!/usr/bin/env python3
"""`kelp pull` of images of all kinds: the right one comes, and comes whole."""

import json
import os
import subprocess
import sys
import threading
import time

import scene
from faulty import Registry
from place import KELP
from scene import BIG, ONE, blob_path, case, config_path, hooked, image, make_layer, refuses, works

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "image"))
import layout  # noqa: E402  (the path is set above)
import store  # noqa: E402

DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
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


@case("a web server that is no registry")
def no_registry(place):
    def page(handler, _request, _n):
        handler.reply(200, b"<html>It works!</html>", Content_Type="text/html")
        return True
    with hooked(page) as r:
        problems = refuses(place, r, "the manifest is not valid JSON: ")
        result = place.pull(f"{r.host}/x:1")
        if f"hint: is '{r.host}' a registry?".encode() not in result.stderr.splitlines():
            problems.append(f"{result}")
        return problems


@case("a connection that breaks is told with the port")
def broken(place):
    def hang_up(handler, _request, _n):
        handler.cut()
        return True
    with hooked(hang_up) as r:
        host, port = r.host.split(":")
        return refuses(place, r, f"'{host}' port {port}: ")


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


@case("a mirror without TLS: a hint where it may speak plain HTTP")
def plain_mirror(place):
    with hooked(None) as r, Registry() as mirror:
        place.write("config/kelp/registries.conf",
                    f"[{r.host}]\nmirror = https://{mirror.host}/a\n")
        result = place.pull(f"{r.host}/x:1")
        hint = b"hint: if it speaks plain HTTP, its line in registries.conf has to begin with http://"
        if result.returncode != 0 or hint not in result.stderr.splitlines():
            return [f"{result}"]
        # a mirror that does not have it is no trouble
        place.clear()
        place.write("config/kelp/registries.conf",
                    f"[{r.host}]\nmirror = http://{mirror.host}/a\n")
        result = place.pull(f"{r.host}/x:1")
        if result.returncode != 0 or b"hint: " in result.stderr:
            return [f"{result}"]
    return []


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
