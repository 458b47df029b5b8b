#!/usr/bin/env python3
"""Listens on the console socket PATH, as conmon and containerd's shim do, and prints what a terminal says.

console.py PATH READY [WORD=TEXT...]: makes READY once it listens; types each TEXT once the terminal has
said its WORD, one after another.
The first line of its output is the name that came with the terminal.
"""
import array
import os
import select
import socket
import sys

path, ready = sys.argv[1:3]
to_type = [pair.split("=", 1) for pair in sys.argv[3:]]
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(path)
server.listen(1)
open(ready, "w").close()
peer = server.accept()[0]
# one message, as runc's own receiver demands: a name, and exactly one descriptor
name, control, flags, _ = peer.recvmsg(4096, socket.CMSG_SPACE(16))
fds = array.array("i")
for _, kind, data in control:
    if kind == socket.SCM_RIGHTS:
        fds.frombytes(data)
assert len(fds) == 1 and name and not flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC), (fds, name, flags)
print(name.decode(), flush=True)
master = fds[0]
so_far = ""
while True:
    select.select([master], [], [])
    try:
        said = os.read(master, 4096)
    except OSError:
        break
    if not said:
        break
    sys.stdout.buffer.write(said)
    sys.stdout.flush()
    so_far += said.decode(errors="replace")
    while to_type and to_type[0][0] in so_far:
        os.write(master, to_type.pop(0)[1].encode())
