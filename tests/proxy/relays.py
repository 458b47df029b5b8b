"""Bytes both ways: ends, resets, pressure, and many at a time."""

import contextlib
import hashlib
import os
import queue
import socket
import struct
import threading
import time

from scene import PUBLIC, Names, Proxy, Server, case, echo, equal, is_reset, read_all, read_n


def make(serve, *lines, **more):
    server = Server(serve)
    names = Names({"a.test": [PUBLIC]})
    proxy = Proxy(f"rule allow a.test:{server.port}", f"dns-server 127.0.0.1 {names.port}", *lines,
                  direct=[server.port], **more)
    equal(proxy.hello, "ready")
    return server, proxy


@case("what is sent arrives as it was, both ways at a time")
def whole():
    server, proxy = make(echo)
    data = os.urandom(24 << 20)
    with proxy as p:
        sock = p.dial("a.test", server.port)
        threading.Thread(target=lambda: (sock.sendall(data), sock.shutdown(socket.SHUT_WR)), daemon=True).start()
        equal(hashlib.sha256(read_all(sock)).digest(), hashlib.sha256(data).digest())
        row = p.wait_lines(2)[-1]
        equal((row["in"], row["out"]), (len(data), len(data)))


@case("urgent bytes pass like others, both ways, and nobody spins for them")
def urgent():
    def serve(sock):
        equal(read_n(sock, 8), b"one!two?")
        sock.sendall(b"a")
        sock.send(b"b", socket.MSG_OOB)
        sock.sendall(b"c")
        sock.send(b"d", socket.MSG_OOB)
        # and one with the end right behind what follows it
        equal(read_n(sock, 3), b"end")
        sock.sendall(b"e")
        sock.send(b"f", socket.MSG_OOB)
        sock.sendall(b"g")

    server, proxy = make(serve)
    with proxy as p:
        sock = p.dial("a.test", server.port)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        sock.sendall(b"one")
        sock.send(b"!", socket.MSG_OOB)
        sock.sendall(b"two")
        sock.send(b"?", socket.MSG_OOB)
        equal(read_n(sock, 4), b"abcd")
        before = p.ticks()
        time.sleep(0.5)
        if p.ticks() - before > 10:
            raise AssertionError(f"{p.ticks() - before} ticks in half a second")
        sock.sendall(b"end")
        time.sleep(0.2)
        equal(read_all(sock), b"efg")


@case("who has said all can still be answered")
def half_close():
    def count(sock):
        time.sleep(0.2)
        sock.sendall(b"%d bytes" % len(read_all(sock)))
        time.sleep(0.2)
        sock.sendall(b", and more")

    def speaks_first(sock):
        sock.sendall(b"all of it")
        sock.shutdown(socket.SHUT_WR)
        heard.put(read_all(sock))
    heard = queue.Queue()
    server, proxy = make(count)
    with proxy as p:
        sock = p.dial("a.test", server.port)
        sock.sendall(b"x" * 100000)
        sock.shutdown(socket.SHUT_WR)
        equal(read_all(sock), b"100000 bytes, and more")
    server, proxy = make(speaks_first)
    with proxy as p:
        sock = p.dial("a.test", server.port)
        equal(read_all(sock), b"all of it")
        time.sleep(0.3)
        sock.sendall(b"late words")
        sock.close()
        p.wait_lines(2)
        # the line is written when the proxy is done, which the server may hear of later
        equal(heard.get(timeout=10), b"late words")


@case("a reset passes through, from either side, with what came before it")
def resets():
    now = struct.pack("ii", 1, 0)

    def hang_up(sock):
        sock.sendall(b"before")
        sock.recv(1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)

    def wait(sock):
        try:
            sock.recv(100)
            ends.append(sock.recv(100))
        except OSError as error:
            ends.append(type(error))
    ends = []
    server, proxy = make(hang_up)
    with proxy as p:
        sock = p.dial("a.test", server.port)
        equal(read_n(sock, 6), b"before")
        sock.sendall(b"x")
        is_reset(sock)
    server, proxy = make(wait)
    with proxy as p:
        sock = p.dial("a.test", server.port)
        sock.sendall(b"hello")
        time.sleep(0.2)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
        sock.close()
        p.wait_lines(2)
        end = time.monotonic() + 5
        while not ends and time.monotonic() < end:
            time.sleep(0.01)
        equal(ends, [ConnectionResetError])


@case("a reader who does not read stops the writer, and costs nothing")
def pressure():
    sent = []

    def flood(sock):
        sock.settimeout(1)
        n = 0
        try:
            while n < 1 << 30:
                n += sock.send(b"x" * 65536)
        except socket.timeout:
            pass
        sent.append(n)
        sock.settimeout(20)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1)
    server, proxy = make(flood)
    with proxy as p:
        before = p.pss()
        sock = p.dial("a.test", server.port)
        end = time.monotonic() + 20
        while not sent and time.monotonic() < end:
            time.sleep(0.05)
        if not sent or sent[0] > 64 << 20:
            raise AssertionError(f"{sent} bytes went nowhere")
        if p.pss() - before > 512:
            raise AssertionError(f"{before} KiB became {p.pss()} KiB")
        # a stopped connection takes no processor
        spent = cpu(p.process.pid)
        time.sleep(0.5)
        equal(cpu(p.process.pid) - spent, 0)
        equal(len(read_all(sock)), sent[0])


def cpu(pid):
    """Clock ticks."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


@case("half-closed connections whose other half is stopped take no processor")
def idle_halves():
    def serve(sock):
        sock.shutdown(socket.SHUT_WR)
        time.sleep(3)
    server, proxy = make(serve)
    with proxy as p:
        socks = [p.dial("a.test", server.port) for _ in range(20)]
        for sock in socks:
            equal(sock.recv(1), b"")
            sock.setblocking(False)
            try:
                while True:
                    sock.send(b"x" * 65536)
            except BlockingIOError:
                pass
            # its end waits behind what is stopped
            sock.shutdown(socket.SHUT_WR)
        time.sleep(0.3)
        spent = cpu(p.process.pid)
        time.sleep(1)
        if cpu(p.process.pid) - spent > 2:
            raise AssertionError(f"{cpu(p.process.pid) - spent} ticks in a second of nothing")


@case("a thousand connections at a time, in 16 MB")
def thousand():
    server, proxy = make(echo, log=False)
    with proxy as p:
        address = p.ask("a.test").address
        socks = [socket.create_connection((address, server.port), 20) for _ in range(1000)]
        for i, sock in enumerate(socks):
            sock.sendall(b"%04d" % i)
        for i, sock in enumerate(socks):
            equal(read_n(sock, 4), b"%04d" % i)
        pss, fds = p.pss(), p.n_fds()
        for sock in socks:
            sock.sendall(b"x" * 30000)
        for sock in socks:
            equal(len(read_n(sock, 30000)), 30000)
        print(f"# 1000 connections: {pss} KiB, then {p.pss()} KiB; {fds} descriptors, then {p.n_fds()}")
        if max(pss, p.pss()) > 16384 or max(fds, p.n_fds()) > 2000 + 200:
            raise AssertionError("that is too much")
        for sock in socks:
            sock.close()
        end = time.monotonic() + 10
        while p.n_fds() > 200 and time.monotonic() < end:
            time.sleep(0.05)
        if p.n_fds() > 200:
            raise AssertionError(f"{p.n_fds()} descriptors stay")


@case("ten thousand clients that never say where to do not hurt the others")
def half_open():
    server, proxy = make(echo, log=False, connect=True, socks=True)
    with proxy as p:
        good = p.dial("a.test", server.port)
        good.sendall(b"hello")
        equal(read_n(good, 5), b"hello")
        silent = []
        for i in range(10000):
            silent.append(socket.create_connection(("127.0.0.1", p.connect_port if i % 2 else p.socks_port), 20))
            if i % 3 == 0:
                silent[-1].sendall(b"CONNECT a.te" if i % 2 else b"\5\1\0\5")
        good.sendall(b"still")
        equal(read_n(good, 5), b"still")
        other = p.dial("a.test", server.port)
        other.sendall(b"again")
        equal(read_n(other, 5), b"again")
        # those that waited for longest made place
        try:
            if silent[0].recv(10) not in (b"", b"\5\0"):
                raise AssertionError("the first one was not dropped")
        except ConnectionResetError:
            pass
        if p.pss() > 65536 or p.n_fds() > 4500:
            raise AssertionError(f"{p.pss()} KiB, {p.n_fds()} descriptors")


@case("open connections are full: one more is refused, those that are open go on")
def full():
    server, proxy = make(echo, log=False, nofile=600)
    with proxy as p:
        address = p.ask("a.test").address
        socks, refused = [], 0
        for _ in range(60):
            try:
                sock = socket.create_connection((address, server.port), 5)
                sock.sendall(b"x")
                if sock.recv(1) != b"x":
                    refused += 1
                else:
                    socks.append(sock)
            except (ConnectionResetError, BrokenPipeError):
                refused += 1
        if not socks or not refused:
            raise AssertionError(f"{len(socks)} open, {refused} refused")
        for sock in socks:
            sock.sendall(b"y")
            equal(sock.recv(1), b"y")
        socks.pop().close()
        time.sleep(0.2)
        sock = socket.create_connection((address, server.port), 5)
        sock.sendall(b"z")
        equal(sock.recv(1), b"z")


@case("a forwarder leads to its one address, and to either localhost")
def forwards():
    for family in ["127.0.0.1", "::1"]:
        server = Server(echo, family, here=True)
        with Proxy(dns=False, log=False, forward=[("localhost", server.port)]) as p:
            equal(p.hello, "ready")
            sock = socket.create_connection(("127.0.0.1", p.forward_port), 5)
            sock.sendall(b"hello")
            equal(read_n(sock, 5), b"hello")
        server.close()
    with Proxy(dns=False, log=False, forward=[("127.0.0.1", 1)]) as p:
        # the reset may come while connect() is still about to return
        with contextlib.suppress(ConnectionResetError):
            is_reset(socket.create_connection(("127.0.0.1", p.forward_port), 5))
