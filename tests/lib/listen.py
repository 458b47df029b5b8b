#!/usr/bin/env python3
"""Listens on what its arguments name until its standard input ends; prints "ready" when it does.

unix:PATH  abstract:NAME  tcp:ADDRESS/PORT (0: any; the port is printed)  fifo:PATH
A line "met WHAT" says that somebody came.
"""
import os
import selectors
import socket
import sys

waiting = selectors.DefaultSelector()


def listen(spec):
    kind, _, where = spec.partition(":")
    if kind == "fifo":
        os.mkfifo(where)
        fd = os.open(where, os.O_RDWR | os.O_NONBLOCK)
        waiting.register(fd, selectors.EVENT_READ, ("fifo", spec, fd))
        return
    if kind == "tcp":
        address, _, port = where.rpartition("/")
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family)
        sock.bind((address, int(port)))
        print("port", address, sock.getsockname()[1])
    else:
        sock = socket.socket(socket.AF_UNIX)
        sock.bind("\0" + where if kind == "abstract" else where)
    sock.listen(50)
    waiting.register(sock, selectors.EVENT_READ, ("sock", spec, sock))


def main():
    for spec in sys.argv[1:]:
        listen(spec)
    print("ready", flush=True)
    waiting.register(0, selectors.EVENT_READ, ("end", "", None))
    while True:
        for key, _ in waiting.select():
            kind, spec, what = key.data
            if kind == "end":
                return
            if kind == "fifo":
                os.read(what, 4096)
            else:
                what.accept()[0].close()
            print("met", spec, flush=True)


main()
