"""kelp-proxy by itself, in a user and network namespace of the test's own.

What plays the sandbox and kelp-proxy share a namespace, which has the made-up addresses as its own.
Behind it is another one that plays the world: it answers under every address there is, so that
whatever is connected to would be reached.
"""

import contextlib
import ctypes
import json
import os
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "image"))
from tap import Tap  # noqa: E402  (the path is set above)

PROXY = os.path.join(os.environ["KELP_BUILD"], "helpers/proxy/kelp-proxy")
FAKES = "198.19.0.0/16"
SILENT = "203.0.113.66"  # swallows what is sent there
PUBLIC = "203.0.113.10"
PUBLIC6 = "2001:db8:9::10"

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
world_fd = -1


def ip(*lines):
    for line in lines:
        subprocess.run(["ip", *line.split()], check=True)


def enter():
    """Starts this program again inside, and makes the world."""
    global world_fd
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    if os.environ.get("KELP_SCENE") != "1":
        os.environ["KELP_SCENE"] = "1"
        os.environ["PATH"] += ":/usr/sbin:/sbin"
        os.execvp("unshare", ["unshare", "--user", "--map-root-user", "--net", "--", sys.executable, "-B", *sys.argv])
    world = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    world.stdout.readline()
    world_fd = os.open(f"/proc/{world.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    ip("link set lo up", f"link add near type veth peer name far netns {world.pid}",
       "address add 192.0.2.1/24 dev near", "address add 2001:db8:1::1/64 dev near nodad", "link set near up",
       f"route add local {FAKES} dev lo")
    with in_world():
        ip("link set lo up", "address add 192.0.2.2/24 dev far", "address add 2001:db8:1::2/64 dev far nodad",
           "link set far up", "route add 192.0.2.1/32 dev far table local",
           "route add local default dev lo table local", f"route add blackhole {SILENT} table local",
           "-6 route add 2001:db8:1::1/128 dev far table local", "-6 route add local default dev lo table local")
    ip("route add default via 192.0.2.2", "-6 route add default via 2001:db8:1::2")


@contextlib.contextmanager
def in_world():
    """This thread is in the world meanwhile: a socket stays where it was made."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    if libc.setns(world_fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    try:
        yield
    finally:
        libc.setns(own, CLONE_NEWNET)
        os.close(own)


cases = []


def case(name):
    def add(function):
        cases.append((name, function))
        return function
    return add


def run():
    """Each case fails by an exception.  Arguments pick some by a part of their name."""
    enter()
    tap = Tap()
    for name, function in cases:
        if len(sys.argv) > 1 and not any(word in name for word in sys.argv[1:]):
            continue
        problems = []
        try:
            function()
        except Exception:
            problems = [traceback.format_exc()]
        tap.check(name, problems)
    tap.end()


def equal(got, want):
    if got != want:
        raise AssertionError(f"{got!r} instead of {want!r}")


class Names:
    """A server of names: each name has a list of addresses, or a function of how often it was asked."""

    def __init__(self, table, address="127.0.0.1", port=0):
        self.table = table
        self.asked = []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address, port))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                data, peer = self.sock.recvfrom(4096)
            except OSError:
                return
            name, at = read_name(data, 12)
            kind = struct.unpack(">H", data[at:at + 2])[0]
            self.asked.append((name, kind))
            entry = self.table.get(name)
            addresses = entry(len(self.asked)) if callable(entry) else entry
            self.sock.sendto(self.answer(data[:at + 4], kind, addresses), peer)

    @staticmethod
    def answer(question, kind, addresses):
        records = []
        for a in addresses or []:
            family = socket.AF_INET6 if ":" in a else socket.AF_INET
            if kind == (28 if family == socket.AF_INET6 else 1):
                packed = socket.inet_pton(family, a)
                records.append(struct.pack(">HHHIH", 0xC00C, kind, 1, 1, len(packed)) + packed)
        flags = 0x8180 if addresses is not None else 0x8183
        return question[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + question[12:] + b"".join(records)

    def close(self):
        self.sock.close()


def read_name(data, at):
    labels = []
    while data[at]:
        labels.append(data[at + 1:at + 1 + data[at]].decode())
        at += 1 + data[at]
    return ".".join(labels).lower(), at + 1


def question(name, kind=1, ident=1, flags=0x0100, extra=b"", counts=(1, 0, 0, 0), klass=1):
    """A question of DNS; `name` is text, or the bytes of the wire."""
    if isinstance(name, str):
        name = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
    return struct.pack(">HHHHHH", ident, flags, *counts) + name + struct.pack(">HH", kind, klass) + extra


class Answer:
    def __init__(self, data):
        self.data = data
        self.id, self.flags, self.n_questions, self.n_answers, _, self.n_more = struct.unpack(">HHHHHH", data[:12])
        self.code = self.flags & 15
        self.address = None
        self.name = None
        if not self.n_questions:
            return
        self.question, at = read_name(data, 12)
        at += 4
        if self.n_answers:
            kind, _, self.ttl, size = struct.unpack(">HHIH", data[at + 2:at + 12])
            body = data[at + 12:at + 12 + size]
            if kind in (1, 28):
                self.address = socket.inet_ntop(socket.AF_INET if size == 4 else socket.AF_INET6, body)
            else:
                self.name = read_name(body, 0)[0]


class Proxy:
    """One kelp-proxy.  Listeners are made here and handed over as the launcher does it."""

    def __init__(self, *lines, direct=(), connect=False, socks=False, dns=True, forward=(), log=True, env=None,
                 nofile=None, wrap=(), pass_more=()):
        self.fds = []
        self.text = list(lines)
        for port in direct:
            self.listen("listen", "0.0.0.0", port)
        for address, port in forward:
            self.forward_port = self.listen("forward", "127.0.0.1", 0, f" {address} {port}")
        if connect:
            self.connect_port = self.listen("connect", "127.0.0.1", 0)
        if socks:
            self.socks_port = self.listen("socks", "127.0.0.1", 0)
        if dns:
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.bind(("127.0.0.1", 0))
            self.dns_port = self.udp.getsockname()[1]
            self.add("dns-udp", self.udp)
            self.dns_tcp_port = self.listen("dns-tcp", "127.0.0.1", 0)
            self.text.append(f"fakes {FAKES}")
        self.log = None
        if log:
            self.log = tempfile.TemporaryFile("w+b", buffering=0)
            self.add("log", self.log)
        self.start(self.text, self.fds, env, nofile, wrap, pass_more)

    def start(self, text, files, env, nofile, wrap, pass_more=()):
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(20)
        config = tempfile.TemporaryFile("w+b", buffering=0)
        config.write(("\n".join(text) + "\n").encode())
        keep_fds = [f.fileno() for f in files] + [theirs.fileno(), config.fileno(), *pass_more]
        command = [*wrap, PROXY, str(theirs.fileno()), str(config.fileno())]
        if nofile:
            command = ["prlimit", f"--nofile={nofile}", *command]
        self.process = subprocess.Popen(command, pass_fds=keep_fds, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)
        theirs.close()
        config.close()
        for f in files:
            if f is not getattr(self, "log", None):
                f.close()
        self.hello = self.control.recv(4096).decode()

    def listen(self, word, address, port, rest=""):
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ":" in address:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(4096)
        self.add(word, sock, rest)
        return sock.getsockname()[1]

    def add(self, word, f, rest=""):
        self.fds.append(f)
        self.text.append(f"{word} {f.fileno()}{rest}")

    def dial(self, host, port, seconds=5):
        """As a program in the sandbox does it: the name is looked up, its address connected to."""
        address = host
        if not host[0].isdigit():
            answer = self.ask(host)
            if answer.address is None:
                raise socket.gaierror(host)
            address = answer.address
        return socket.create_connection((address, port), seconds)

    def connect(self, authority, more=b"", seconds=5):
        """By CONNECT; returns the socket and the head of the answer."""
        sock = socket.create_connection(("127.0.0.1", self.connect_port), seconds)
        sock.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode() + more)
        return sock, read_head(sock)

    def socks(self, request, more=b"", seconds=5):
        sock = socket.create_connection(("127.0.0.1", self.socks_port), seconds)
        sock.sendall(b"\5\1\0" + request + more)
        if read_n(sock, 2) != b"\5\0":
            return sock, None
        answer = read_n(sock, 10)
        return sock, answer[1] if len(answer) == 10 else None

    def events(self, seconds=0.3):
        found = []
        self.control.settimeout(seconds)
        with contextlib.suppress(OSError):
            while True:
                data = self.control.recv(4096)
                if not data:
                    break
                found.append(data.decode())
        return found

    def lines(self):
        """What the log has; every line must be JSON."""
        return [json.loads(line) for line in os.pread(self.log.fileno(), 1 << 24, 0).decode().splitlines()]

    def wait_lines(self, n, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end and len(self.lines()) < n:
            time.sleep(0.01)
        return self.lines()

    def ask(self, name, kind=1, **more):
        return self.ask_raw(question(name, kind, **more))

    def ask_raw(self, data, seconds=5):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(seconds)
            sock.sendto(data, ("127.0.0.1", self.dns_port))
            try:
                return Answer(sock.recv(4096))
            except socket.timeout:
                return None

    def ask_tcp(self, *messages, raw=None):
        with socket.create_connection(("127.0.0.1", self.dns_tcp_port), 5) as sock:
            sock.sendall(raw if raw is not None else b"".join(struct.pack(">H", len(m)) + m for m in messages))
            answers = []
            with contextlib.suppress(OSError):
                while len(answers) < len(messages):
                    size = read_n(sock, 2)
                    if len(size) < 2:
                        break
                    answers.append(Answer(read_n(sock, struct.unpack(">H", size)[0])))
            return answers

    def pss(self):
        """KiB."""
        with open(f"/proc/{self.process.pid}/smaps_rollup") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Pss:"))

    def ticks(self):
        """Of the processor, that it has used."""
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def n_fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fdinfo"))

    def close(self):
        self.control.close()
        status = self.process.wait(20)
        said = self.process.stderr.read().decode()
        self.process.stderr.close()
        return status, said

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.control.close()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Server:
    """Serves each connection in a thread by `serve(sock)`: of the world, under all its addresses."""

    def __init__(self, serve, address="0.0.0.0", port=0, here=False):
        with contextlib.nullcontext() if here else in_world():
            self.make(address, port)
        self.serve_one = serve
        self.seen = 0
        threading.Thread(target=self.run, daemon=True).start()

    def make(self, address, port):
        self.sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((address, port))
        self.sock.listen(4096)
        self.port = self.sock.getsockname()[1]

    def run(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            self.seen += 1
            threading.Thread(target=self.one, args=(sock,), daemon=True).start()

    def wait(self, n):
        """How many have come, once there are so many or it has taken too long."""
        end = time.monotonic() + 5
        while self.seen < n and time.monotonic() < end:
            time.sleep(0.01)
        return self.seen

    def one(self, sock):
        with sock, contextlib.suppress(OSError):
            self.serve_one(sock)

    def close(self):
        # a close alone would leave it to the thread that waits for connections
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


def echo(sock):
    while True:
        data = sock.recv(65536)
        if not data:
            break
        sock.sendall(data)


def read_n(sock, n):
    """MSG_WAITALL is nothing for a socket with a time limit."""
    data = b""
    while len(data) < n:
        more = sock.recv(n - len(data))
        if not more:
            break
        data += more
    return data


def read_all(sock):
    pieces = []
    while True:
        data = sock.recv(65536)
        if not data:
            return b"".join(pieces)
        pieces.append(data)


def socks_name(name, port, command=1):
    name = name if isinstance(name, bytes) else name.encode()
    return bytes([5, command, 0, 3, len(name)]) + name + struct.pack(">H", port)


def socks_address(text, port, command=1):
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    return bytes([5, command, 0, 4 if ":" in text else 1]) + socket.inet_pton(family, text) + struct.pack(">H", port)


def is_reset(sock):
    try:
        data = sock.recv(100)
    except ConnectionResetError:
        return
    raise AssertionError(f"no reset but {data!r}")


def refused(p, host, port):
    """By a reset, within half a second; it may come while connect() is still about to return."""
    start = time.monotonic()
    with contextlib.suppress(ConnectionResetError):
        is_reset(p.dial(host, port))
    if time.monotonic() - start > 0.5:
        raise AssertionError(f"that took {time.monotonic() - start:.1f} s")


def read_head(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(1)
        if not more:
            break
        data += more
    return data
