"""Names, and the addresses that they lead to."""

import os
import socket
import struct
import tempfile
import time

from scene import PUBLIC, PUBLIC6, SILENT, Names, Proxy, Server, case, echo, equal, question, read_n, refused


def talks(sock):
    sock.sendall(b"hello")
    equal(read_n(sock, 5), b"hello")
    sock.close()


@case("an allowed name has an address, any other none, at once")
def look_ups():
    with Proxy("rule allow a.test", "rule allow *.b.test:8080", "rule deny x.b.test") as p:
        equal(p.hello, "ready")
        for name, code in [("a.test", 0), ("A.tEsT", 0), ("y.b.test", 0), ("b.test", 3), ("x.b.test", 3),
                           ("c.test", 3), ("test", 3), ("aa.test", 3)]:
            start = time.monotonic()
            answer = p.ask(name)
            equal((name, answer.code, answer.address is not None), (name, code, code == 0))
            if time.monotonic() - start > 0.5:
                raise AssertionError(f"{name} took {time.monotonic() - start:.1f} s")
        equal(p.ask("a.test").address, p.ask("A.TEST").address)
        equal(p.ask("a.test").address[:7], "198.19.")
        # the case of the question comes back, as clients check it against forgery
        if b"\1A\4tEsT\0" not in p.ask("A.tEsT").data:
            raise AssertionError("the question has another case")


@case("what is not an A of an allowed name is empty, and comes from nobody else")
def other_types():
    names = Names({"a.test": ["2001:db8::1"]})
    with Proxy("rule allow a.test", f"dns-server 127.0.0.1 {names.port}") as p:
        for kind in [28, 64, 65, 15, 16, 2, 6, 33, 255, 12, 99, 65535]:
            answer = p.ask("a.test", kind)
            equal((kind, answer.code, answer.n_answers), (kind, 0, 0))
            equal((kind, p.ask("no.test", kind).code), (kind, 3))
        equal(names.asked, [])


@case("localhost is the sandbox's own, and a made-up address has its name")
def localhost():
    with Proxy("rule allow a.test", "rule allow nas.home.arpa") as p:
        equal(p.ask("localhost").address, "127.0.0.1")
        equal(p.ask("x.localhost", 28).address, "::1")
        equal(p.ask("localhost", 15).n_answers, 0)
        back = ".".join(reversed(p.ask("a.test").address.split("."))) + ".in-addr.arpa"
        equal(p.ask(back, 12).name, "a.test")
        equal(p.ask("9.9.19.198.in-addr.arpa", 12).code, 3)
        equal(p.ask("8.8.8.8.in-addr.arpa", 12).code, 3)
        equal(p.ask("1." * 32 + "ip6.arpa", 12).code, 3)
        # the names of a home's own network are names like others
        equal((p.ask("nas.home.arpa").code, p.ask("other.home.arpa").code), (0, 3))


@case("questions that are none are refused or dropped, by UDP and TCP")
def malformed():
    opt = b"\0" + struct.pack(">HHIH", 41, 4096, 0, 0)
    with Proxy("rule allow a.test") as p:
        rows = [(question("a.test", flags=0x8000), None), (b"x" * 11, None), (question("a.test", klass=3), 5),
                (question("a.test", flags=0x2800), 4), (question("a.test", counts=(2, 0, 0, 0)), 1),
                (question(b"\xc0\x0c"), 1), (question("a.test")[:-3], 1), (question(b"\3a\0b\4test\0"), 3),
                (question(b"\6a.test\0"), 3), (question("a.test", extra=opt, counts=(1, 0, 0, 1)), 0)]
        for data, code in rows:
            answer = p.ask_raw(data, 0.3 if code is None else 5)
            equal((data, answer and answer.code), (data, code))
            answers = p.ask_tcp(data)
            equal((data, answers[0].code if answers else None), (data, code))
        equal(p.ask_raw(rows[-1][0]).n_more, 1)
        equal(len(p.ask_tcp(question("a.test"), question("b.test"), question("a.test", 28))), 3)
        equal(p.ask_tcp(raw=b"\xff\xff" + b"x" * 70000), [])
        equal(p.ask("a.test").code, 0)


@case("a connection to a made-up address reaches the name's own, and no other port")
def connects():
    server = Server(echo)
    names = Names({"a.test": [PUBLIC]})
    with Proxy(f"rule allow a.test:{server.port}", f"dns-server 127.0.0.1 {names.port}", "events",
               direct=[server.port, 8081]) as p:
        talks(p.dial("a.test", server.port))
        equal(server.wait(1), 1)
        refused(p, "a.test", 8081)
        line = sorted((row for row in p.wait_lines(3) if row["port"]), key=lambda row: -row["port"])
        equal([(row["name"], row["port"], row["verdict"]) for row in line],
              [("a.test", server.port, "allowed"), ("a.test", 8081, "refused")])
        equal((line[0]["address"], line[0]["in"], line[0]["out"]), (PUBLIC, 5, 5))
        equal(p.events(), ["name 198.19.0.1 a.test",
                           f"host a.test 0 allowed by a.test:{server.port}",
                           f"host a.test {server.port} allowed by a.test:{server.port}",
                           "host a.test 8081 refused no rule allows it"])
        equal(p.close(), (0, ""))


@case("an address that stands for no name, and one that no rule allows, get a reset")
def literals():
    server = Server(echo)
    with Proxy("rule allow *", f"rule allow 198.19.9.9:{server.port}", direct=[server.port]) as p:
        for address in ["198.19.77.7", "198.19.0.0", "198.19.255.255", "127.0.0.1", "192.0.2.1"]:
            refused(p, address, server.port)
        equal(server.seen, 0)
        p.wait_lines(5)
        equal({row["verdict"] for row in p.lines()}, {"refused"})


@case("no name leads to an address that is not public, in whatever clothes")
def special_answers():
    special = ["127.0.0.1", "127.8.9.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
               "100.100.100.200", "168.63.129.16", "198.18.0.1", "0.0.0.0", "0.1.2.3", "192.0.0.192", "192.0.2.1",
               "::1", "::ffff:127.0.0.1", "::ffff:203.0.113.10", "::127.0.0.1", "fe80::1", "fd00:ec2::254",
               "fc00::1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::cb00:710a", "2001::1", "fec0::1",
               "2001:db8:1::1", "224.0.0.1", "255.255.255.255", "240.0.0.1"]
    server = Server(echo, "::")
    here = Server(echo, "::", server.port, here=True)
    names = Names({f"n{i}.test": [address] for i, address in enumerate(special)})
    with Proxy("rule allow *:*", f"dns-server 127.0.0.1 {names.port}", connect=True) as p:
        for i, address in enumerate(special):
            sock, head = p.connect(f"n{i}.test:{server.port}")
            equal((address, head[:12]), (address, b"HTTP/1.1 403"))
            # who asks inside does not learn where the name leads to, and who reads the log learns what would help
            equal((address, sock.recv(1000)), (address, b"kelp: its address is none that may be reached\n"))
            reason = p.wait_lines(i + 1)[i]["reason"]
            if f"--allow {'[' if ':' in address else ''}{address}" not in reason and \
                    "::ffff" not in address and ":7" not in address:
                raise AssertionError(f"{address}: no way out is named")
            sock.close()
        equal((server.seen, here.seen), (0, 0))
        # the control: where a rule opens an address, its name leads there
    with Proxy("rule allow *:*", f"dns-server 127.0.0.1 {names.port}",
               *(f"rule allow {'[' + a + ']' if ':' in a else a}:*" for a in special if "::ffff" not in a),
               connect=True) as p:
        for i, address in enumerate(special):
            if address[0] == "2" and "." in address or address.startswith(("0.", "fe80", "::ffff", "::127", "240")):
                continue  # the kernel has no way there
            sock, head = p.connect(f"n{i}.test:{server.port}")
            equal((address, head[:12]), (address, b"HTTP/1.1 200"))
            talks(sock)
        if server.seen < 10 or here.seen < 3:
            raise AssertionError(f"{server.seen} and {here.seen} reached")


@case("a name that is one address for the judge is none other for the connection")
def rebinding():
    server = Server(echo)
    canary = Server(echo, "0.0.0.0", server.port, here=True)
    flip = Names({"a.test": lambda n: [PUBLIC] if n % 2 else ["127.0.0.1"],
                  "mixed.test": ["127.0.0.1", "10.1.2.3", PUBLIC, "169.254.169.254"]})
    with Proxy(f"rule allow *:{server.port}", f"dns-server 127.0.0.1 {flip.port}", direct=[server.port + 1],
               connect=True) as p:
        good = 0
        for _ in range(60):
            sock, head = p.connect(f"a.test:{server.port}")
            good += head.startswith(b"HTTP/1.1 200")
            sock.close()
        if not 0 < good <= 60:
            raise AssertionError(f"{good} of 60 got through")
        for _ in range(20):
            sock, head = p.connect(f"mixed.test:{server.port}")
            equal(head[:12], b"HTTP/1.1 200")
            talks(sock)
        equal(canary.seen, 0)
        equal({row["address"] for row in p.lines() if row["name"] == "mixed.test"}, {PUBLIC})


@case("a deny rule of a network holds for the answers of an allowed name")
def denied_network():
    server = Server(echo)
    names = Names({"a.test": ["203.0.113.10"], "b.test": ["198.51.100.10"]})
    with Proxy(f"rule allow *:{server.port}", "rule deny 203.0.113.0/24", f"dns-server 127.0.0.1 {names.port}",
               connect=True) as p:
        equal(p.connect(f"a.test:{server.port}")[1][:12], b"HTTP/1.1 403")
        equal(p.connect(f"b.test:{server.port}")[1][:12], b"HTTP/1.1 200")
        equal(server.wait(1), 1)


@case("the next address is tried when one is refused or silent")
def several():
    server = Server(echo, "::")
    names = Names({"a.test": [SILENT, PUBLIC], "b.test": [SILENT, SILENT, PUBLIC6, PUBLIC],
                   "c.test": [PUBLIC], "d.test": [], "six.test": [PUBLIC6]})
    with Proxy("rule allow *:*", f"dns-server 127.0.0.1 {names.port}", connect=True) as p:
        for name in ["a.test", "b.test", "six.test"]:
            start = time.monotonic()
            sock, head = p.connect(f"{name}:{server.port}")
            equal((name, head[:12]), (name, b"HTTP/1.1 200"))
            talks(sock)
            if time.monotonic() - start > 1.5:
                raise AssertionError(f"{name} took {time.monotonic() - start:.1f} s")
        for name in ["c.test:1", "d.test:80", "none.test:80"]:
            start = time.monotonic()
            equal((name, p.connect(name)[1][:12]), (name, b"HTTP/1.1 502"))
            if time.monotonic() - start > 1:
                raise AssertionError(f"{name} took {time.monotonic() - start:.1f} s")


@case("a refused connection outside is a reset inside, at once")
def refused_outside():
    server = Server(echo)
    server.close()
    names = Names({"a.test": [PUBLIC]})
    with Proxy("rule allow a.test:*", f"dns-server 127.0.0.1 {names.port}", direct=[server.port]) as p:
        refused(p, "a.test", server.port)
        equal(p.wait_lines(2)[-1]["verdict"], "failed")
        equal(p.lines()[-1]["reason"], "Connection refused")


@case("names are used up only when connections hold them all")
def exhausted():
    with Proxy("rule allow *", log=False) as p:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.connect(("127.0.0.1", p.dns_port))
        sock.settimeout(5)
        codes = {}
        before = p.pss()
        for i in range(16384 + 50):
            sock.send(question(f"n{i}." + ("x" * 60 + ".") * 3 + "test", ident=i & 0xffff))
            code = sock.recv(600)[3] & 15
            codes[code] = codes.get(code, 0) + 1
        equal(codes, {0: 16384, 2: 50})
        if p.pss() - before > 8192 or p.pss() > 16384:
            raise AssertionError(f"{before} KiB became {p.pss()} KiB")


@case("names are those of this host's own files, as they are now")
def own_files():
    server = Server(echo)
    Names({"a.test": ["203.0.113.21"]}, "127.0.0.53", 53)
    Names({"a.test": ["203.0.113.22"]}, "127.0.0.54", 53)
    with tempfile.TemporaryDirectory() as top:
        conf, hosts = os.path.join(top, "resolv.conf"), os.path.join(top, "hosts")
        write(hosts, "203.0.113.20 b.test\n")
        write(conf, "nameserver 127.0.0.53\n")
        # in a mount namespace of its own, with the two in their places
        place = f"mount --bind {conf} \"$(realpath /etc/resolv.conf)\" && mount --bind {hosts} /etc/hosts && exec \"$@\""
        with Proxy(f"rule allow *:{server.port}", connect=True,
                   wrap=["unshare", "--mount", "sh", "-c", place, "sh"]) as p:
            equal(p.hello, "ready")
            # a line is written when a connection is over, on both sides
            for i, host in enumerate(["a.test", "b.test"]):
                sock, head = p.connect(f"{host}:{server.port}")
                equal((host, head[:12]), (host, b"HTTP/1.1 200"))
                talks(sock)
                equal(len(p.wait_lines(i + 1)), i + 1)
            write(conf, "nameserver 127.0.0.54\n")
            sock, head = p.connect(f"a.test:{server.port}")
            equal(head[:12], b"HTTP/1.1 200")
            talks(sock)
            equal([row["address"] for row in p.wait_lines(3)], ["203.0.113.21", "203.0.113.20", "203.0.113.22"])


def write(path, text):
    with open(path, "w") as f:
        f.write(text)
