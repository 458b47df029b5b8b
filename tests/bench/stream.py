#!/usr/bin/env python3
"""One TCP stream, as fast as it goes.

stream.py serve ADDRESS PORT           answers "d": sends until the end; "u": takes until the end
stream.py down|up ADDRESS PORT SECONDS prints Gbit/s, after a warm-up of a tenth of the time
stream.py hold ADDRESS PORT COUNT FILE  makes COUNT connections, says so, and waits until FILE is there
"""
import os
import resource
import socket
import sys
import threading
import time

BLOCK = 1 << 20


def serve_one(c):
    data = memoryview(bytearray(BLOCK))
    try:
        if c.recv(1) == b"d":
            while True:
                c.sendall(data)
        while c.recv_into(data):
            pass
    except OSError:
        pass
    c.close()


def raise_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def serve(address, port):
    raise_limit()
    threading.stack_size(1 << 16)
    listener = socket.create_server((address, port), backlog=2000)
    print("ready", flush=True)
    while True:
        c, _ = listener.accept()
        threading.Thread(target=serve_one, args=(c,), daemon=True).start()


def measure(way, address, port, seconds):
    c = socket.create_connection((address, port))
    data = memoryview(bytearray(BLOCK))
    c.sendall(way[0].encode())
    moved, start, end = 0, None, time.monotonic() + seconds * 1.1
    while True:
        n = c.recv_into(data) if way == "down" else c.send(data)
        now = time.monotonic()
        if start is None and now > end - seconds:
            start, moved = now, 0
        elif start:
            moved += n
        if now > end:
            break
    print(f"{moved * 8 / (now - start) / 1e9:.2f}")


def hold(address, port, count, flag):
    raise_limit()
    socks = []
    for _ in range(count):
        s = socket.create_connection((address, port))
        s.sendall(b"u")
        socks.append(s)
    print("holding", len(socks), flush=True)
    while not os.path.exists(flag):
        time.sleep(0.02)


what, where, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
if what == "serve":
    serve(where, number)
elif what == "hold":
    hold(where, number, int(sys.argv[4]), sys.argv[5])
else:
    measure(what, where, number, float(sys.argv[4]))
