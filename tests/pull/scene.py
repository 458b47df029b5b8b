"""Images, registries that guard them, and what is wrong with a pull."""

import base64
import gzip
import io
import json
import os
import random
import re
import sys
import tarfile
import tempfile
import time

from faulty import Registry
from place import Place

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "image"))
import layout  # noqa: E402  (the path is set above)
import store  # noqa: E402
from tap import Tap  # noqa: E402


def make_layer(name, size=3000, seed=1):
    """A tar of a root with one file that does not compress."""
    data = random.Random(seed).randbytes(size)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for directory in ["bin", "etc"]:
            info = tarfile.TarInfo(directory)
            info.type = tarfile.DIRTYPE
            info.mode = 0o755
            tar.addfile(info)
        info = tarfile.TarInfo("etc/" + name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


ONE = make_layer("one")
BIG = make_layer("big", 400000, 2)


def image(*layers, **more):
    return layout.Layout(list(layers) or [ONE, BIG], **more)


def blob_path(registry, at=-1, tag="1"):
    """The path of the blob of a layer of an image."""
    manifest = json.loads(registry.manifests[tag][1])
    return "/v2/x/blobs/" + manifest["layers"][at]["digest"]


def config_path(registry, tag="1"):
    return "/v2/x/blobs/" + json.loads(registry.manifests[tag][1])["config"]["digest"]


# ------ what a pull leaves ------

def works(place, registry, *args, tag="1", name=None):
    """Problems of a pull that has to succeed."""
    name = name or f"{registry.host}/x:{tag}"
    result = place.pull(*args, name)
    problems = []
    if result.returncode != 0:
        return [f"exit status {result.returncode}", result.stderr.decode("utf-8", "replace")]
    if not store.image_id(result):
        problems.append(f"no id on stdout: {result.stdout!r}")
    if place.names() != [name]:
        problems.append(f"names: {place.names()}")
    if place.leftovers():
        problems.append(f"left in tmp: {place.leftovers()}")
    return problems + place.check_blobs()


def refuses(place, registry, pattern, *args, tag="1", name=None, status=125,
            seconds=60):
    """Problems of a pull that has to fail: it must leave the store as it was."""
    place.kelp("import", "--", place.other, "other")
    before = place.digest()
    start = time.monotonic()
    result = place.pull(*args, name or f"{registry.host}/x:{tag}")
    problems = []
    # lines that say what has come stand before the one that matters
    lines = [x for x in result.stderr.splitlines()
             if not re.match(rb"[0-9a-f]{12} +[0-9.]+[kMG]?B  ", x)]
    result.stderr = b"\n".join(lines)
    if status == 125:
        problems += store.judge_refusal(result, pattern)
    elif result.returncode != status:
        problems.append(f"exit status {result.returncode}")
    if place.digest() != before:
        problems.append("the store is not as it was")
    if place.leftovers():
        problems.append(f"left in tmp: {place.leftovers()}")
    if time.monotonic() - start > seconds:
        problems.append(f"it took more than {seconds} seconds")
    place.kelp("rmi", "other")
    return problems


def hooked(hook):
    registry = Registry(hook)
    registry.add(image(), "1")
    return registry


# ------ tokens ------

class Guarded:
    """A registry that wants tokens, and their server."""

    def __init__(self, **changes):
        self.valid = set()
        self.login = changes.get("login")
        self.answer = changes.get("answer")
        self.member = changes.get("member", "token")
        self.uses = changes.get("uses", 10 ** 6)
        self.realm = changes.get("realm")
        self.scope = changes.get("scope", "repository:x:pull,push")
        self.tokens = Registry(self.give)
        self.registry = Registry(self.guard)
        self.registry.add(image(), "1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tokens.close()
        self.registry.close()

    def give(self, handler, request, n):
        if self.login and not request.body:
            want = "Basic " + base64.b64encode(self.login.encode()).decode()
            if request.headers.get("Authorization") != want:
                handler.reply(401, b'{"details": "incorrect username or password"}')
                return True
        token = f"token-{n}"
        self.valid = {token}
        self.left = self.uses
        body = self.answer if self.answer is not None else json.dumps({self.member: token}).encode()
        handler.reply(200, body, Content_Type="application/json")
        return True

    def guard(self, handler, request, _n):
        header = request.headers.get("Authorization", "")
        if header.startswith("Bearer ") and header[7:] in self.valid and self.left > 0:
            self.left -= 1
            return False
        realm = self.realm or f"http://127.0.0.1:{self.tokens.port}/token"
        handler.error(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=(
            f'Negotiate abc==, Bearer realm="{realm}",service="reg, \\"the\\" one",'
            f'scope="{self.scope}"'))
        return True


# ------ a file of cases ------

cases = []


def case(name):
    def add(function):
        cases.append((name, function))
        return function
    return add


def run():
    """Each case gets a place of its own.  Arguments pick some by their name."""
    tap = Tap()
    wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="kelp-pull.") as top:
        other = os.path.join(top, "other.tar.gz")
        with open(other, "wb") as f:
            f.write(gzip.compress(ONE))
        for i, (name, function) in enumerate(cases):
            if wanted and not any(w in name for w in wanted):
                continue
            place = Place(os.path.join(top, f"home{i}"))
            place.other = other
            place.top = top
            try:
                problems = function(place)
            except Exception as e:  # a case that breaks is one that fails
                problems = [repr(e)]
            tap.check(name, problems)
    tap.end()
