#!/usr/bin/env python3
"""Who listens to SCMP_ACT_NOTIFY: takes the listener of one container, and answers its calls.

    seccomp-agent.py SOCKET STATE LOG [NUMBER=ERRNO...]

Prints a line when it can be connected to.  The message that came with the listener is written to STATE.
Each call that is asked about is written to LOG, its number in a line; one that is named fails with the error, all
others go on.  Ends with the container.
"""

import array
import errno
import fcntl
import os
import select
import socket
import struct
import sys

RECV = 0xC0502100
SEND = 0xC0182101
CONTINUE = 1
CALL = "QII" + "iIQ6Q"

path, state, log = sys.argv[1:4]
refused = dict(map(int, word.split("=")) for word in sys.argv[4:])

server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(path)
server.listen(1)
print("ready", flush=True)
connection, _ = server.accept()
data, control, _, _ = connection.recvmsg(1 << 16, socket.CMSG_SPACE(16))
fds = array.array("i")
for level, kind, bytes_ in control:
    assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
    fds.frombytes(bytes_)
assert len(fds) == 1, f"{len(fds)} descriptors came"
while more := connection.recv(1 << 16):
    data += more
with open(state, "wb") as file:
    file.write(data)

ready = select.poll()
ready.register(fds[0], select.POLLIN)
with open(log, "w", encoding="utf-8") as calls:
    while True:
        if any(event & select.POLLHUP for _, event in ready.poll()):
            sys.exit(0)
        call = bytearray(struct.calcsize(CALL))
        try:
            fcntl.ioctl(fds[0], RECV, call)
            ident, _, _, number = struct.unpack_from(CALL, call)[:4]
            print(number, file=calls, flush=True)
            error = refused.get(number, 0)
            fcntl.ioctl(fds[0], SEND, struct.pack("QqiI", ident, 0, -error, 0 if error else CONTINUE))
        except OSError as e:
            # whoever called was killed meanwhile
            if e.errno not in (errno.ENOENT, errno.EINTR):
                os._exit(1)
