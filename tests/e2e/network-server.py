#!/usr/bin/env python3
"""Servers of the network tests.  network-server.py NAME KIND:ADDRESS/PORT...

http   answers any request with "hello from NAME to PEER"
udp    answers a datagram with the same, and with what it got
dns    answers "A known.test" with 203.0.113.9, AAAA with nothing, all else with NXDOMAIN
quiet  takes datagrams and says nothing
A line "met KIND ADDRESS DATA" on standard output tells of each that came; "ready" that all listen.
"""
import selectors
import socket
import sys

name = sys.argv[1]
waiting = selectors.DefaultSelector()


def say(*words):
    print(*words, flush=True)


def open_socket(kind, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM if kind == "http" else socket.SOCK_DGRAM)
    if kind == "http":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((address, int(port)))
    if kind == "http":
        s.listen(16)
    return s


def on_http(s):
    c, peer = s.accept()
    c.settimeout(5)
    try:
        c.recv(65536)
        say("met http", peer[0])
        c.sendall(f"HTTP/1.0 200 OK\r\n\r\nhello from {name} to {peer[0]}\n".encode())
        c.close()
    except OSError as e:
        say("lost http", peer[0], e)


def on_udp(s):
    data, peer = s.recvfrom(65536)
    say("met udp", peer[0], data.decode("latin-1"))
    s.sendto(f"hello from {name} to {peer[0]} ".encode() + data, peer)


def on_quiet(s):
    data, peer = s.recvfrom(65536)
    say("met quiet", peer[0], data.decode("latin-1"))


def on_dns(s):
    q, peer = s.recvfrom(65536)
    labels, at = [], 12
    while q[at]:
        labels.append(q[at + 1 : at + 1 + q[at]].decode("latin-1"))
        at += 1 + q[at]
    kind = int.from_bytes(q[at + 1 : at + 3], "big")
    asked = ".".join(labels).lower()
    say("met dns", peer[0], asked)
    known = asked == "known.test"
    has_a = known and kind == 1
    head = q[:2] + (b"\x81\x80" if known else b"\x81\x83") + b"\0\1" + bytes([0, has_a]) + b"\0\0\0\0"
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton("203.0.113.9") if has_a else b""
    s.sendto(head + q[12 : at + 5] + answer, peer)


handlers = {"http": on_http, "udp": on_udp, "dns": on_dns, "quiet": on_quiet}
for spec in sys.argv[2:]:
    what, _, where = spec.partition(":")
    host, _, number = where.rpartition("/")
    waiting.register(open_socket(what, host, number), selectors.EVENT_READ, handlers[what])
say("ready")
while True:
    for key, _ in waiting.select():
        key.data(key.fileobj)
