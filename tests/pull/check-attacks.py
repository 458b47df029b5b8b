#!/usr/bin/env python3
"""`kelp pull` from a registry that is after the login, after other repositories, or after our time."""

import base64
import json
import os
import sys
import threading
import time

import scene
from faulty import Registry
from place import Place
from scene import ONE, Guarded, blob_path, case, config_path, hooked, image, refuses, works

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "image"))
import layout  # noqa: E402  (the path is set above)

SECRET = "S3CRET-S3CRET"


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def tells(place, registry):
    """Problems of a pull that must not print the secret, whatever becomes of it."""
    result = place.pull(f"{registry.host}/x:1")
    said = (result.stdout + result.stderr).decode("utf-8", "replace")
    return [f"the secret is printed: {said}"] if SECRET in said else []


# ------ the login ------

def guarded_by_login(header, moved):
    """A hook: nothing without `header`, and each blob somewhere else, as `moved(path)` says."""
    def hook(handler, request, _n):
        if request.headers.get("Authorization") != header:
            handler.error(401, "UNAUTHORIZED", "who are you", WWW_Authenticate='Basic realm="x"')
        elif request.path.startswith("/v2/x/blobs/"):
            handler.reply(307, Location=moved(request.path))
        else:
            return False
        return True
    return hook


@case("a login and redirects without a host: the same host gets it, and nobody reads it")
def relative(place):
    problems = []
    for to in ["/v2/x/moved", "../moved", "../../../v2/x/../x/moved", "?x=1#y"]:
        def moved(path, to=to):
            return to if to.startswith("?") else to + "/blobs/" + path.rsplit("/", 1)[1]
        with hooked(guarded_by_login(basic("alice", SECRET), moved)) as r:
            place.login(r.host, password=SECRET)
            problems += refuses(place, r, "more than 5 redirects") if to.startswith("?") else \
                works(place, r)
            place.clear()
            problems += tells(place, r)
            place.clear()
    return problems


@case("a token server that redirects without a host")
def relative_token(place):
    with Guarded(login="alice:" + SECRET) as g:
        def moved(handler, request, n):
            if request.path == "/token":
                handler.reply(307, Location="/second/token?service=x")
                return True
            return g.give(handler, request, n)
        g.tokens.hook = moved
        place.login(g.registry.host, password=SECRET)
        problems = works(place, g.registry)
        place.clear()
        problems += tells(place, g.registry)
        if not g.tokens.asked("/second/token"):
            problems.append("it was not followed")
        return problems


@case("a user name in a redirect or for a token server is refused, and not quoted")
def quoted(place):
    problems = []
    for url, why in [("http://u:%s@127.0.0.1:1/x", "has a user name in it"),
                     ("http://%s@127.0.0.1:1/x", "has a user name in it"),
                     ("http://:%s@127.0.0.1:1/x", "has a user name in it"),
                     ("http://u:%s@127.0.0.1:99999/x", "is not a URL"),
                     ("ftp://u:%s@127.0.0.1/x", "neither https nor http")]:
        url %= SECRET

        def hook(handler, request, _n, url=url):
            if "/blobs/" not in request.path:
                return False
            handler.reply(307, Location=url)
            return True
        with hooked(hook) as r:
            problems += refuses(place, r, "the redirect .*" + why) + tells(place, r)
        with Guarded(realm=url) as g:
            problems += refuses(place, g.registry, "the token server .*" + why)
            problems += tells(place, g.registry)
    return problems


@case("logins arrive as they are")
def exact(place):
    problems = []
    for user, password in [("alice", "a:b"), ("a", "\u00e4\u20ac @/?#%41"), ("u" * 500, "p" * 12000)]:
        with hooked(guarded_by_login(
                basic(user, password),
                lambda path: "/v2/x/moved/blobs/" + path.rsplit("/", 1)[1])) as r:
            place.login(r.host, user, password)
            found = works(place, r)
            place.clear()
            problems += [f"{user[:9]} {password[:9]}"] + found if found else []
    return problems


# ------ the repository ------

@case("a token is asked for one repository, and to read it, whatever the challenge says")
def scopes(place):
    problems = []
    for scope in ["repository:other/private:pull", "repository:x:delete,push:pull",
                  "repository:x:pull repository:other/private:pull", "repository:x:*",
                  "registry:catalog:*", "aws", "", "repository:x:pull"]:
        for kind in ["login", "identity"]:
            with Guarded(scope=scope) as g:
                if kind == "login":
                    place.login(g.registry.host)
                else:
                    place.write(".docker/config.json", json.dumps(
                        {"auths": {g.registry.host: {"identitytoken": "s"}}}))
                found = works(place, g.registry)
                place.clear()
                for asked in g.tokens.requests:
                    got = asked.query.get("scope") if kind == "login" else \
                        dict(x.split("=") for x in asked.body.decode().lower().split("&"))["scope"]
                    if got.replace("%3a", ":") != "repository:x:pull":
                        found.append(f"asked for {got}")
                problems += [f"{kind}, {scope}:"] + found if found else []
    return problems


# ------ the time ------

def drip(handler, data, media_type=None):
    """A hundred bytes a second: above the rate below which a connection counts as dead."""
    handler.reply(200, Content_Type=media_type, Content_Length=len(data))
    for i in range(0, len(data), 100):
        handler.wfile.write(data[i:i + 100])
        handler.wfile.flush()
        time.sleep(1)


def slow_manifest(place):
    def hook(handler, request, _n):
        if "/manifests/" not in request.path:
            return False
        drip(handler, r.manifests["1"][1] + b" " * 100000, layout.MANIFEST)
        return True
    with hooked(hook) as r:
        return in_time(place, r, "the image '1' has not come within 60 seconds")


def slow_token(place):
    with Guarded(answer=b"") as g:
        def give(handler, _request, _n):
            drip(handler, b" " * 100000)
            return True
        g.tokens.hook = give
        return in_time(place, g.registry, "the token has not come within 60 seconds")


def slow_config(place):
    def hook(handler, request, _n):
        if request.path != config_path(r):
            return False
        drip(handler, r.blobs[request.path.rsplit("/", 1)[1]])
        return True
    with Registry(hook) as r:
        r.add(image(ONE, run={"Env": ["A=" + "x" * 20000]}), "1")
        return in_time(place, r, "the blob 'sha256:[0-9a-f]{64}' has not come within 60 seconds")


def cut_manifest(place):
    """Each try brings a little more than the last one, and none all."""
    def hook(handler, request, n):
        if "/manifests/" not in request.path:
            return False
        data = r.manifests["1"][1]
        handler.reply(200, data[:10 + n], Content_Type=layout.MANIFEST, Content_Length=len(data))
        handler.cut()
        return True
    with hooked(hook) as r:
        problems = in_time(place, r, "127.0.0.1")
        if max(r.counts.values()) > 8:
            problems.append(f"{max(r.counts.values())} tries")
        return problems


def slow_layer(place):
    """What is large may take as long as it takes."""
    def hook(handler, request, _n):
        if request.path != blob_path(r):
            return False
        drip(handler, r.blobs[request.path.rsplit("/", 1)[1]])
        return True
    with Registry(hook) as r:
        r.add(image(scene.make_layer("slow", 6600)), "1")
        start = time.monotonic()
        problems = works(place, r)
        if time.monotonic() - start < 62:
            problems.append("it was not slow enough to show anything")
        return problems


def in_time(place, registry, pattern):
    start = time.monotonic()
    problems = refuses(place, registry, pattern, seconds=80)
    return problems + [f"after {time.monotonic() - start:.0f} seconds"] if problems else []


@case("documents that come slowly are given up, a layer that does is not")
def slowly(place):
    found = {}

    def run(function):
        own = Place(os.path.join(place.home, function.__name__))
        own.other = place.other
        try:
            found[function.__name__] = function(own)
        except Exception as e:  # one that breaks is one that fails
            found[function.__name__] = [repr(e)]
    threads = [threading.Thread(target=run, args=(f,))
               for f in [slow_manifest, slow_token, slow_config, cut_manifest, slow_layer]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [f"{name}: {problem}" for name, problems in found.items() for problem in problems]


scene.run()
