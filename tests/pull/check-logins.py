#!/usr/bin/env python3
"""`kelp pull` from a registry that wants a login, or sends on to others: who is asked, with what."""

import json
import os
import socket
import subprocess

import scene
from faulty import Registry
from scene import Guarded, blob_path, case, hooked, image, refuses, works

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


scene.run()
