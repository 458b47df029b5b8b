"""Clients that ask: CONNECT, plain HTTP, SOCKS; and the proxy of this host."""

import socket
import time

from scene import (PUBLIC, PUBLIC6, Names, Proxy, Server, case, echo, equal, read_all, read_head, read_n, socks_address,
                   socks_name)


def asked_by(sock):
    """An HTTP server that says what it was asked, and all that follows."""
    head = read_head(sock)
    sock.settimeout(0.3)
    rest = b""
    try:
        while True:
            data = sock.recv(65536)
            if not data:
                break
            rest += data
    except socket.timeout:
        pass
    seen.append((head, rest))
    body = head + b"|" + rest
    sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


seen = []


def make(serve, *lines, **more):
    server = Server(serve, "::")
    names = Names({"a.test": [PUBLIC], "six.test": [PUBLIC6], "private.test": ["10.1.2.3"]})
    proxy = Proxy(f"rule allow a.test:{server.port}", f"rule allow six.test:{server.port}",
                  f"rule allow private.test:{server.port}", f"dns-server 127.0.0.1 {names.port}", *lines,
                  connect=True, socks=True, **more)
    equal(proxy.hello, "ready")
    return server, proxy


def pairs(sock):
    sock.sendall(b"more")
    equal(read_n(sock, 4), b"more")
    sock.close()


@case("CONNECT: to what is allowed; what follows the request is the server's")
def connect():
    server, proxy = make(echo)
    with proxy as p:
        for host in ["a.test", "A.Test", "a.test.", "six.test"]:
            sock, head = p.connect(f"{host}:{server.port}", b"early")
            equal(head, b"HTTP/1.1 200 Connection established\r\n\r\n")
            equal(read_n(sock, 5), b"early")
            pairs(sock)
        # in pieces
        sock = socket.create_connection(("127.0.0.1", p.connect_port), 5)
        for byte in f"CONNECT a.test:{server.port} HTTP/1.1\r\n\r\n".encode():
            sock.sendall(bytes([byte]))
        equal(read_head(sock)[:12], b"HTTP/1.1 200")
        # a made-up address, as clients send on what they have looked up themselves
        sock, head = p.connect(f"{p.ask('a.test').address}:{server.port}")
        equal(head[:12], b"HTTP/1.1 200")
        pairs(sock)
        equal({row["name"] for row in p.wait_lines(5) if row["port"]}, {"a.test", "six.test"})


@case("CONNECT: to no other port, name or address, however it is written")
def connect_refused():
    server, proxy = make(echo)
    here = Server(echo, "::", server.port, here=True)
    port = server.port
    with proxy as p:
        for authority in ["a.test:1", f"b.test:{port}", f"test:{port}", f"xa.test:{port}", f"{PUBLIC}:{port}",
                          f"[{PUBLIC6}]:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", f"[::ffff:127.0.0.1]:{port}",
                          f"10.1.2.3:{port}", f"private.test:{port}", f"localhost:{port}", f"0.0.0.0:{port}",
                          f"[::]:{port}", f"192.0.2.1:{port}", f"198.19.200.1:{port}"]:
            start = time.monotonic()
            equal((authority, p.connect(authority)[1][:12]), (authority, b"HTTP/1.1 403"))
            if time.monotonic() - start > 0.5:
                raise AssertionError("it took too long")
        for authority in [f"0x7f.1:{port}", f"2130706433:{port}", f"0177.0.0.1:{port}", f"127.1:{port}",
                          f"a.test@127.0.0.1:{port}", f"a.test#.evil.test:{port}", f"a.test%00:{port}",
                          f"a.test:{port}:{port}", "a.test", f"a.test:{port}/", f"[::1%lo]:{port}", f":{port}"]:
            equal((authority, p.connect(authority)[1][:12]), (authority, b"HTTP/1.1 400"))
        sock = socket.create_connection(("127.0.0.1", p.connect_port), 5)
        sock.sendall(b"CONNECT a.test\0.evil.test:443 HTTP/1.1\r\n\r\n")
        equal(read_head(sock)[:12], b"HTTP/1.1 400")
        equal((server.seen, here.seen), (0, 0))


@case("CONNECT: a head that is too long, or no request at all, ends the connection")
def connect_nonsense():
    server, proxy = make(echo)
    with proxy as p:
        for data in [b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n\r\n", b"\r\n\r\n",
                     b"CONNECT a.test:443 HTTP/1.1\r\nA: " + b"x" * 8192, b"x" * 9000,
                     b"CONNECT a.test:443 HTTP/1.1\nHost: x\n\n\r\n\r\n",
                     b"CONNECT a.test:443 HTTP/1.1\r\nA: b\r\n folded\r\n\r\n"]:
            sock = socket.create_connection(("127.0.0.1", p.connect_port), 5)
            sock.sendall(data)
            equal((data[:40], read_head(sock)[:12]), (data[:40], b"HTTP/1.1 400"))
        equal(server.seen, 0)


@case("plain requests go to their host alone, whatever follows them")
def plain():
    server, proxy = make(asked_by)
    with proxy as p:
        first = (f"GET http://A.test:{server.port}/x?y HTTP/1.1\r\nHost: evil.test\r\nProxy-Connection: keep-alive\r\n"
                 "Proxy-Authorization: Basic eDp5\r\nAccept: */*\r\n\r\n").encode()
        second = f"GET http://127.0.0.1:{server.port}/ HTTP/1.1\r\nHost: evil.test\r\n\r\n".encode()
        sock = socket.create_connection(("127.0.0.1", p.connect_port), 5)
        sock.sendall(first + second)
        answer = read_all(sock)
        equal(answer[:15], b"HTTP/1.1 200 OK")
        head = f"GET /x?y HTTP/1.1\r\nHost: a.test:{server.port}\r\nConnection: close\r\nAccept: */*\r\n\r\n".encode()
        equal(seen[-1], (head, second))
        # both lengths, chunks, and another request behind them: one host has it all
        body = (f"POST http://a.test:{server.port}/ HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
                f"0\r\n\r\nGET http://evil.test/ HTTP/1.1\r\n\r\n").encode()
        sock = socket.create_connection(("127.0.0.1", p.connect_port), 5)
        sock.sendall(body)
        read_all(sock)
        equal(server.wait(2), 2)
        for url in ["http://b.test/", f"http://127.0.0.1:{server.port}/", f"http://private.test:{server.port}/"]:
            sock = socket.create_connection(("127.0.0.1", p.connect_port), 5)
            sock.sendall(f"GET {url} HTTP/1.1\r\nHost: a.test\r\n\r\n".encode())
            equal((url, read_head(sock)[:12]), (url, b"HTTP/1.1 403"))
        equal(server.wait(2), 2)


@case("SOCKS5: CONNECT to names and addresses, by the same rules")
def socks():
    server, proxy = make(echo, f"rule allow {PUBLIC}:*")
    here = Server(echo, "::", server.port, here=True)
    with proxy as p:
        for request in [socks_name("a.test", server.port), socks_name("A.TEST.", server.port),
                        socks_name("six.test", server.port), socks_address(PUBLIC, server.port),
                        socks_address(p.ask("a.test").address, server.port)]:
            sock, code = p.socks(request, b"early")
            equal((request, code), (request, 0))
            equal(read_n(sock, 5), b"early")
            pairs(sock)
        for request in [socks_name("b.test", server.port), socks_name("a.test", 1), socks_address("127.0.0.1", server.port),
                        socks_address("::1", server.port), socks_address("::ffff:127.0.0.1", server.port),
                        socks_address("::ffff:203.0.113.10", server.port), socks_address(PUBLIC6, server.port),
                        socks_address("0.0.0.0", server.port), socks_name("private.test", server.port)]:
            equal((request, p.socks(request)[1]), (request, 2))
        equal((server.wait(5), here.seen), (5, 0))
        equal(p.socks(socks_address(PUBLIC, 1))[1], 5)


@case("SOCKS5: no names with tricks, no BIND, no UDP, no login, no SOCKS4")
def socks_refused():
    server, proxy = make(echo)
    with proxy as p:
        for name in [b"a.test\0", b"a.test\0.b.test", b"b.test\0a.test", b"a.test#.b.test", b"a.test/", b"a.test@b.test",
                     b"127.0.0.1 ", b"0x7f.1", b"2130706433", b"127.1", b" a.test", b"a.test\r\n", b"[::1]", b"::1",
                     b"a" * 64 + b".test", b"x." * 127 + b"a", b"", b"\xff\xfe"]:
            equal((name, p.socks(socks_name(name, server.port))[1]), (name, 1))
        equal(p.socks(socks_name("a.test", server.port, 2))[1], 7)
        equal(p.socks(socks_address("0.0.0.0", 0, 3))[1], 7)
        equal(p.socks(b"\5\1\0\2" + b"x" * 6)[1], 8)
        for hello, answer in [(b"\5\1\2", b"\5\xff"), (b"\4\1\0\x50\1\2\3\4\0", b""), (b"GET / HTTP/1.1\r\n\r\n", b"")]:
            sock = socket.create_connection(("127.0.0.1", p.socks_port), 5)
            sock.sendall(hello)
            try:
                equal(read_all(sock), answer)
            except ConnectionResetError:
                equal(answer, b"")
        equal(server.seen, 0)


@case("the proxy of this host gets all but what is exempt, and its login")
def upstream():
    def serve(sock):
        head = read_head(sock)
        asked.append(head)
        if b"refused" in head:
            sock.sendall(b"HTTP/1.1 403 No\r\n\r\n")
            return
        # in two pieces, with the first words of the server behind it
        sock.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        time.sleep(0.1)
        sock.sendall(b"y\r\n\r\nwelcome")
        echo(sock)
    asked = []
    upstream = Server(serve, here=True)
    server, proxy = make(echo, f"upstream 127.0.0.1 {upstream.port} eDp5", "no-proxy six.test .else",
                         "rule allow refused.test:*", "rule allow 10.9.9.9:*", "rule allow 198.51.100.7:*",
                         "rule allow localhost:*", "rule allow *.localhost:*")
    with proxy as p:
        sock, head = p.connect(f"a.test:{server.port}")
        equal(head, b"HTTP/1.1 200 Connection established\r\n\r\n")
        equal(read_n(sock, 7), b"welcome")
        pairs(sock)
        equal(asked[-1], f"CONNECT a.test:{server.port} HTTP/1.1\r\nHost: a.test:{server.port}\r\n"
                         "Proxy-Authorization: Basic eDp5\r\n\r\n".encode())
        sock, code = p.socks(socks_name("a.test", server.port))
        equal((code, read_n(sock, 7)), (0, b"welcome"))
        sock, head = p.connect("198.51.100.7:99")
        equal((head[:12], asked[-1][:27]), (b"HTTP/1.1 200", b"CONNECT 198.51.100.7:99 HTT"))
        # past it: what is exempt, and what is near
        for authority in [f"six.test:{server.port}", f"10.9.9.9:{server.port}"]:
            sock, head = p.connect(authority)
            equal((authority, head[:12]), (authority, b"HTTP/1.1 200"))
            pairs(sock)
        # that is this host, which the other proxy would take for itself, and no rule has its address
        for authority in ["localhost:80", "LOCALHOST.:80", "a.localhost:80"]:
            equal((authority, p.connect(authority)[1][:12] in [b"HTTP/1.1 403", b"HTTP/1.1 502"]), (authority, True))
        equal((server.wait(2), len(asked)), (2, 3))
        equal(p.connect("refused.test:443")[1][:12], b"HTTP/1.1 502")
        equal(p.connect("b.test:443")[1][:12], b"HTTP/1.1 403")
        equal(len(asked), 4)
        reasons = [row["reason"] for row in p.wait_lines(6) if row["name"] == "refused.test"]
        equal(reasons, ["the proxy of this host says 403"])


@case("a proxy of this host that is gone or speaks nonsense is said")
def upstream_broken():
    def serve(sock):
        read_head(sock)
        sock.sendall(answers.pop(0))
    answers = [b"", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"x" * 9000, b"HTTP/1.1 200 OK\r\n"]
    upstream = Server(serve, here=True)
    _, proxy = make(echo, f"upstream 127.0.0.1 {upstream.port}")
    with proxy as p:
        for _ in range(3):
            equal(p.connect(f"a.test:{p.connect_port}")[1][:12], b"HTTP/1.1 403")
    server, proxy = make(echo, f"upstream 127.0.0.1 {upstream.port}")
    with proxy as p:
        for _ in range(4):
            equal(p.connect(f"a.test:{server.port}")[1][:12], b"HTTP/1.1 502")
        upstream.close()
        equal(p.connect(f"a.test:{server.port}")[1][:12], b"HTTP/1.1 502")
    _, proxy = make(echo, "upstream no.test 3128")
    with proxy as p:
        equal(p.connect("a.test:1")[1][:12], b"HTTP/1.1 403")
