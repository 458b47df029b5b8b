"""Looks for descriptors of others.  descriptors.py WHAT...: a line for each thing tried.

mine          those that this program was started with
pids PID...   processes that are not to be seen
pid1          those of process 1
take          of a child, and of process 1, by pidfd_getfd(2)
unix NAME...  sockets with a name, as /proc/net/unix has them; who is reached hands out a descriptor
pass          the control: between two processes, by SCM_RIGHTS, both related and not
"""
import ctypes
import errno
import os
import socket
import stat
import sys

libc = ctypes.CDLL(None, use_errno=True)
PIDFD_OPEN, PIDFD_GETFD = 434, 438
MOST = 64


def call(number, *args):
    got = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) for a in args])
    if got < 0:
        raise OSError(ctypes.get_errno(), "system call")
    return got


def attempt(what, function, *args):
    try:
        got = function(*args)
        print("had", what, "" if got is None else got, flush=True)
        return got
    except OSError as e:
        print("refused", what, errno.errorcode[e.errno], flush=True)
        return None


def mine():
    for fd in range(MOST):
        try:
            mode = os.fstat(fd).st_mode
        except OSError:
            continue
        print("descriptor", fd, "a socket" if stat.S_ISSOCK(mode) else "no socket", flush=True)


def pids(*numbers):
    for number in numbers:
        attempt(f"process {number}", os.listdir, f"/proc/{number}")
        attempt(f"descriptors of process {number}", os.listdir, f"/proc/{number}/fd")
        attempt(f"pidfd of {number}", call, PIDFD_OPEN, int(number), 0)


def pid1():
    for name in "fd", "fdinfo", "task/1/fd", "map_files":
        attempt(f"/proc/1/{name}", os.listdir, f"/proc/1/{name}")
    for fd in range(MOST):
        attempt(f"/proc/1/fd/{fd}", os.open, f"/proc/1/fd/{fd}", os.O_RDONLY)


def child():
    """Another process, with a descriptor that this one has not; ends with the returned one."""
    (gone, stay), (said, say) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(stay)
        os.write(say, b"%d\n" % os.open("/dev/zero", os.O_RDONLY))
        os.read(gone, 1)
        os._exit(0)
    os.close(gone)
    os.close(say)
    return pid, int(os.read(said, 16)), stay


def take():
    pid, fd, stay = child()
    attempt("/proc entry of a child", os.open, f"/proc/{pid}/fd/{fd}", os.O_RDONLY)
    attempt("descriptor of a child", call, PIDFD_GETFD, call(PIDFD_OPEN, pid, 0), fd, 0)
    os.close(stay)
    pidfd = attempt("pidfd of process 1", call, PIDFD_OPEN, 1, 0)
    for fd in range(MOST):
        attempt(f"descriptor {fd} of process 1", call, PIDFD_GETFD, pidfd, fd, 0)


def received(s):
    """What can be read from the descriptor that comes."""
    s.settimeout(3)
    fds = socket.recv_fds(s, 16, 4)[1]
    if not fds:
        raise OSError(errno.ENOMSG, "nothing came")
    with socket.socket(fileno=fds[0]) as got:
        got.settimeout(3)
        got.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return b"".join(iter(lambda: got.recv(4096), b"")).split(b"\n")[-2].decode()


def reach(name):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(3)
        s.connect("\0" + name[1:] if name[0] == "@" else name)
        return received(s)


def unix(*names):
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as f:
        for line in list(f)[1:]:
            words = line.split()
            if len(words) > 7 or int(words[3], 16) & 0x10000:
                print("socket", " ".join(words[3:]), flush=True)
    for name in names:
        attempt(f"from {name}", reach, name)


def hand_out(s, host, port):
    with socket.create_connection((host, int(port)), 3) as to:
        socket.send_fds(s, [b"x"], [to.fileno()])


def serve(name, host, port):
    """Gives a connection to there to whoever comes."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("\0" + name[1:] if name[0] == "@" else name)
    listener.listen()
    print("ready", flush=True)
    while True:
        with listener.accept()[0] as s:
            hand_out(s, host, port)


def passes(host, port):
    here, there = socket.socketpair()
    if os.fork() == 0:
        hand_out(there, host, port)
        os._exit(0)
    attempt("passed by a child", received, here)
    read, write = os.pipe()
    if os.fork() == 0:
        os.dup2(write, 1)
        serve("@kelp-inside", host, port)
    os.read(read, 6)
    attempt("passed by another", reach, "@kelp-inside")


commands = {"mine": mine, "pids": pids, "pid1": pid1, "take": take, "unix": unix, "serve": serve, "pass": passes}
commands[sys.argv[1]](*sys.argv[2:])
