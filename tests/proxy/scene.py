"""kelp-proxy on loopback: what plays the sandbox, servers outside, and a server of names."""

import array
import contextlib
import json
import os
import socket
import struct
import subprocess
import tempfile
import threading
import time

PROXY = os.path.join(os.environ.get("KELP_BUILD", "build"), "helpers/proxy/kelp-proxy")
FAKES = "198.19.0.0/16"


class Names:
    """A server of names: each name has a list of addresses, or a function of how often it was asked."""

    def __init__(self, table):
        self.table = table
        self.asked = []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
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
                 keep=True, nofile=None):
        self.fds = []
        self.text = list(lines)
        self.ports = []
        for address, port in direct:
            self.ports.append(self.listen("listen", address, port))
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
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(20)
        config = tempfile.TemporaryFile("w+b", buffering=0)
        config.write(("\n".join(self.text) + "\n").encode())
        keep_fds = [f.fileno() for f in self.fds] + [theirs.fileno(), config.fileno()]
        command = [PROXY, str(theirs.fileno()), str(config.fileno())]
        if nofile:
            command = ["prlimit", f"--nofile={nofile}", *command]
        self.process = subprocess.Popen(command, pass_fds=keep_fds, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)
        theirs.close()
        config.close()
        for f in self.fds:
            if f is not self.log:
                f.close()
        self.hello = self.control.recv(4096).decode()

    def listen(self, word, address, port, rest=""):
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(4096)
        self.add(word, sock, rest)
        return sock.getsockname()[1]

    def add(self, word, f, rest=""):
        self.fds.append(f)
        self.text.append(f"{word} {f.fileno()}{rest}")

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
                    size = sock.recv(2, socket.MSG_WAITALL)
                    if len(size) < 2:
                        break
                    answers.append(Answer(sock.recv(struct.unpack(">H", size)[0], socket.MSG_WAITALL)))
            return answers

    def pss(self):
        """KiB."""
        with open(f"/proc/{self.process.pid}/smaps_rollup") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Pss:"))

    def n_fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

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
    """Serves each connection in a thread by `serve(sock)`."""

    def __init__(self, serve, address="127.0.0.1", port=0):
        self.sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((address, port))
        self.sock.listen(4096)
        self.port = self.sock.getsockname()[1]
        self.seen = 0
        self.serve_one = serve
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            self.seen += 1
            threading.Thread(target=self.one, args=(sock,), daemon=True).start()

    def one(self, sock):
        with sock, contextlib.suppress(OSError):
            self.serve_one(sock)

    def close(self):
        self.sock.close()


def echo(sock):
    while True:
        data = sock.recv(65536)
        if not data:
            break
        sock.sendall(data)


def read_all(sock):
    pieces = []
    while True:
        data = sock.recv(65536)
        if not data:
            return b"".join(pieces)
        pieces.append(data)


def read_head(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(1)
        if not more:
            break
        data += more
    return data


class Tap:
    """Prints a line a check."""

    def __init__(self):
        self.n = 0
        self.failed = 0

    def check(self, name, good, *why):
        self.n += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.n} {name}", flush=True)
        if not good:
            for line in why:
                print(f"# {line}", flush=True)

    def run(self, checks):
        for check in checks:
            try:
                check(self)
            except Exception as error:  # a check that breaks is one that fails
                import traceback
                self.check(check.__name__, False, *traceback.format_exc().splitlines(), repr(error))
        print(f"1..{self.n}", flush=True)
        return self.failed > 0
