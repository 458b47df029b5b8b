#!/usr/bin/env python3
"""`kelp pull` from addresses that are public, private or link-local, directly and through proxies."""

import gzip
import http.server
import os
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.parse

from faulty import Registry
from place import Place

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "image"))
import layout  # noqa: E402  (the path is set above)
import store  # noqa: E402
from rawtar import END, directory, file  # noqa: E402
from tap import Tap  # noqa: E402

PUBLIC, OTHER, PRIVATE, LINK = "203.0.113.5", "203.0.113.6", "10.9.8.7", "169.254.169.254"
ROOT = directory("etc/") + file("etc/hello", "hello\n") + END


def serve(address, hook=None, certificate=None):
    registry = Registry(hook, certificate, address)
    registry.add(layout.Layout([ROOT]), "1")
    return registry


def works(place, name, *args):
    result = place.pull(*args, name)
    problems = [] if store.image_id(result) else [f"{args}: {result}"]
    place.clear()
    return problems


def refuses(place, name, pattern, *args):
    problems = store.judge_refusal(place.pull(*args, name), pattern)
    if place.names() or place.leftovers():
        problems.append("something is left")
    return problems


def name_hosts(*lines):
    """What names stand for; the file is a mount, so it cannot be replaced."""
    with open("/etc/hosts", "w", encoding="utf-8") as f:
        f.write("".join(line + "\n" for line in ["127.0.0.1 localhost", *lines]))


def redirecting(to):
    """A hook: `to` is asked for each blob."""
    def hook(handler, request, _n):
        if "/blobs/" not in request.path:
            return False
        handler.reply(307, Location=f"http://{to}{request.path}")
        return True
    return hook


def plain(place):
    """Plain HTTP only with --insecure, or as registries.conf says."""
    with serve(PUBLIC) as r:
        name = f"{r.host}/x:1"
        problems = refuses(place, name, f"'{PUBLIC}' port {r.port} does not speak TLS")
        if r.requests:
            problems.append("it was asked without TLS")
        problems += works(place, name, "--insecure")
        place.write("config/kelp/registries.conf", f"[{r.host}]\ninsecure = yes\n")
        problems += works(place, name)
        place.write("config/kelp/registries.conf", f"[{PUBLIC}]\ninsecure = yes\n")
        return problems + refuses(place, name, "does not speak TLS")


def nearer(place):
    """What is public does not lead to what is nearer, by redirect or for a token."""
    problems = []
    for origin, target, reason in [(PUBLIC, PRIVATE, "a local network"),
                                   (PUBLIC, "127.0.0.1", "this machine"),
                                   (PUBLIC, LINK, "the local link"),
                                   (PRIVATE, "127.0.0.1", "this machine"),
                                   (PRIVATE, LINK, "the local link"),
                                   (PUBLIC, OTHER, None), (PRIVATE, PUBLIC, None),
                                   ("127.0.0.1", PRIVATE, None), (LINK, LINK, None)]:
        for kind in ["redirect", "token"]:
            with serve(target) as other:
                def hook(handler, request, _n, kind=kind, other=other):
                    if kind == "token" and "Authorization" not in request.headers:
                        handler.error(401, "UNAUTHORIZED", "x", WWW_Authenticate=(
                            f'Bearer realm="http://{other.host}/token"'))
                        return True
                    if kind == "redirect" and "/blobs/" in request.path:
                        handler.reply(307, Location=f"http://{other.host}{request.path}")
                        return True
                    return False

                def token(handler, request, _n):
                    if request.path != "/token":
                        return False
                    handler.reply(200, b'{"token": "t"}')
                    return True
                other.hook = token
                with serve(origin, hook) as r:
                    found = works(place, f"{r.host}/x:1", "--insecure") if reason is None else \
                        refuses(place, f"{r.host}/x:1", "leads to an address of " + reason,
                                "--insecure")
                    if reason and other.requests:
                        found.append("it was asked")
                    problems += [f"{kind} from {origin} to {target}"] + found if found else []
    return problems


def judge_redirect(place, name, other, reason, *args):
    """Problems of the pull of `name`, which leads to `other`; `reason`: why it must not, or None."""
    place.clear()
    if reason is None:
        problems = works(place, name, "--insecure", *args)
        return problems if other.requests else problems + ["it was not asked"]
    problems = refuses(place, name, "leads to an address of " + reason, "--insecure", *args)
    return problems + ["it was asked"] if other.requests else problems


def several(place):
    """A name of several addresses counts as the one that answered."""
    problems = []
    for lines, origin, target, reason in [
            ([f"{PUBLIC} two.test", "127.0.0.1 two.test"], PUBLIC, "127.0.0.1", "this machine"),
            (["127.0.0.1 two.test", f"{PUBLIC} two.test"], PUBLIC, PRIVATE, "a local network"),
            ([f"{PUBLIC} two.test", "::1 two.test"], PUBLIC, "127.0.0.1", "this machine"),
            (["::1 two.test", f"{PUBLIC} two.test"], PUBLIC, PRIVATE, "a local network"),
            ([f"{LINK} two.test", f"{PRIVATE} two.test"], PRIVATE, LINK, "the local link"),
            ([f"{PUBLIC} two.test", "127.0.0.1 two.test"], "127.0.0.1", PRIVATE, None),
            (["127.0.0.1 two.test"], "127.0.0.1", PRIVATE, None),
            ([f"{PUBLIC} two.test", "::1 two.test"], PUBLIC, OTHER, None)]:
        name_hosts(*lines)
        with serve(target) as other, serve(origin, redirecting(other.host)) as r:
            found = judge_redirect(place, f"two.test:{r.port}/x:1", other, reason)
            problems += [f"{lines} to {target}"] + found if found else []
    name_hosts()
    return problems


def moving(place):
    """A registry whose name changes its address counts as the furthest one."""
    problems = []
    for first, second in [(PUBLIC, "127.0.0.1"), ("127.0.0.1", PUBLIC), (PRIVATE, PUBLIC)]:
        with serve(PRIVATE) as other:
            redirect = redirecting(other.host)

            def hook(handler, request, n, second=second, redirect=redirect):
                # blobs are asked for by other connections, and the name is looked up for them
                if "/manifests/" in request.path:
                    name_hosts(f"{second} moving.test")
                return redirect(handler, request, n)
            name_hosts(f"{first} moving.test")
            with serve(first, hook) as r, Registry(hook, None, second, r.port) as again:
                found = judge_redirect(place, f"moving.test:{r.port}/x:1", other,
                                       "a local network")
                if not r.asked("/manifests/") or not again.asked("/blobs/"):
                    found.append("it did not move")
                problems += [f"from {first} to {second}"] + found if found else []
    name_hosts()
    return problems


class Proxy(http.server.BaseHTTPRequestHandler):
    """GET http://HOST/PATH and CONNECT HOST:PORT, both to the server's `target`, or where they say."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        url = urllib.parse.urlsplit(self.path)
        target = self.server.target or (url.hostname, url.port)
        with socket.create_connection(target) as out:
            out.sendall(f"GET {url.path} HTTP/1.0\r\nHost: {url.netloc}\r\n\r\n".encode())
            while data := out.recv(65536):
                self.wfile.write(data)
        self.close_connection = True

    def do_CONNECT(self):
        self.server.seen.append((self.path, dict(self.headers)))
        self.send_response(200)
        self.end_headers()
        with socket.create_connection(self.server.target) as out:
            def copy(source, sink):
                try:
                    while data := source.recv(65536):
                        sink.sendall(data)
                    sink.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
            back = threading.Thread(target=copy, args=(out, self.connection), daemon=True)
            back.start()
            copy(self.connection, out)
            back.join()
        self.close_connection = True


def behind_proxy(place):
    """What leads past a proxy is judged as without one; through it, what is written as an address."""
    problems = []
    server = http.server.ThreadingHTTPServer((PRIVATE, 0), Proxy)
    server.target = None
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place.env["HTTP_PROXY"] = f"http://{PRIVATE}:{server.server_address[1]}"
    name_hosts(f"{PUBLIC} public.test", f"{PRIVATE} private.test")
    for origin, target, exempt, reason in [
            (PUBLIC, PRIVATE, PRIVATE, "a local network"),
            (PUBLIC, PRIVATE, "10.0.0.0/8", "a local network"),
            (PUBLIC, "private.test", ".test", "a local network"),
            (PUBLIC, "127.0.0.1", "", "this machine"),
            (PUBLIC, "localhost", "", "this machine"),
            (PUBLIC, "private.test", "*", "a local network"),
            # through it
            (PUBLIC, PRIVATE, "", "a local network"),
            (PUBLIC, PRIVATE, PUBLIC, "a local network"),
            (PUBLIC, LINK, "", "the local link"),
            ("public.test", PRIVATE, "", "a local network"),
            # nothing is lost: a name is the proxy's to resolve, and so is all that is public
            (PUBLIC, "private.test", "", None),
            (PUBLIC, OTHER, "", None),
            (PUBLIC, OTHER, OTHER, None),
            (PRIVATE, OTHER, PRIVATE, None),
            (PRIVATE, PRIVATE, "", None),
            ("private.test", PRIVATE, ".test", None)]:
        address = {"private.test": PRIVATE, "public.test": PUBLIC, "localhost": "127.0.0.1"}
        place.env["NO_PROXY"] = exempt
        del server.seen[:]
        with serve(address.get(target, target)) as other, \
                serve(address.get(origin, origin), redirecting(f"{target}:{other.port}")) as r:
            found = judge_redirect(place, f"{origin}:{r.port}/x:1", other, reason)
            if reason and [x for x in server.seen if f"{target}:{other.port}" in x[0]]:
                found.append("the proxy was asked for it")
            if not exempt and not server.seen:
                found.append("the proxy was not asked")
            problems += [f"{origin} to {target} without {exempt}"] + found if found else []
    del place.env["HTTP_PROXY"], place.env["NO_PROXY"]
    name_hosts()
    return problems


def proxies(place):
    """Proxies are used as the variables say, and see no login of a registry behind TLS."""
    top = place.home
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "registry.bash")
    subprocess.run(["bash", "-c", '. "$1" && make_ca "$2" && make_certificate "$2" server '
                    'DNS:registry.test', "bash", script, top], check=True)
    ca = os.path.join(top, "ca.pem")
    server = http.server.ThreadingHTTPServer((OTHER, 0), Proxy)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proxy = f"http://{OTHER}:{server.server_address[1]}"

    def guard(handler, request, _n):
        if "Authorization" in request.headers:
            return False
        handler.error(401, "UNAUTHORIZED", "x", WWW_Authenticate='Basic realm="x"')
        return True
    problems = []
    with serve(PUBLIC, guard, os.path.join(top, "server")) as r:
        server.target = (PUBLIC, r.port)
        place.login("registry.test")
        for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"]:
            place.env[variable] = proxy
            problems += works(place, "registry.test/x:1", "--ca", ca)
            place.env["NO_PROXY"] = "other.test,registry.test"
            problems += refuses(place, "registry.test/x:1", "cannot be found", "--ca", ca)
            del place.env[variable], place.env["NO_PROXY"]
        if not server.seen or {x[0] for x in server.seen} != {"registry.test:443"}:
            problems.append(f"the proxy saw {server.seen}")
        if [x for x in server.seen if "Authorization" in x[1]]:
            problems.append("the proxy saw a login")
    server.seen.clear()
    with serve(PUBLIC) as r:
        server.target = (PUBLIC, r.port)
        for variable in ["HTTP_PROXY", "http_proxy"]:
            place.env[variable] = proxy
            # TLS is tried first, and not through this proxy
            problems += works(place, f"{r.host}/x:1", "--insecure")
            del place.env[variable]
        if not server.seen:
            problems.append("the proxy was not asked")
    return problems


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="kelp-pull.") as top:
        for i, function in enumerate([plain, nearer, several, moving, behind_proxy, proxies]):
            place = Place(os.path.join(top, f"home{i}"))
            with open(os.path.join(place.home, "empty.tar.gz"), "wb") as f:
                f.write(gzip.compress(ROOT))
            place.kelp("import", "empty.tar.gz", "first")
            place.clear()
            try:
                problems = function(place)
            except Exception as e:  # a case that breaks is one that fails
                problems = [repr(e)]
            tap.check(function.__doc__.rstrip("."), problems)
    tap.end()


main()
