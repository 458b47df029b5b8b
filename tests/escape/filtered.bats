#!/usr/bin/env bats
# Ways around the filtered network, seen from inside.  Each is tried without kelp first, where it works:
# what cannot be reached anyway shows nothing.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/filtered

setup() {
    filtered_setup
}

# What was said before the line `inside` and what after it.
outside() {
    sed '/^inside$/,$d' <<<"$output"
}

inside() {
    sed '0,/^inside$/d' <<<"$output"
}

@test "addresses as numbers, of every kind, by TCP and UDP" {
    scene <<'END'
with_ipv6
for address in 169.254.169.254 10.1.2.3 100.100.100.200 198.51.100.7; do
    neighbour ip addr add "$address/32" dev v2
    ip route add "$address" via 203.0.113.2
    all="${all-} tcp:$address/80"
    udp="${udp-} udp:$address/53"
done
all="$all tcp:203.0.113.2/80 udp:203.0.113.2/53 tcp:2600:db8::2/80 udp:2600:db8::2/53"
serve neighbour http:0.0.0.0/80 http:::/80 udp:0.0.0.0/53 udp:::/53
hosts '203.0.113.2 good.test'
client $all
echo inside
box --allow good.test -- python3 client.py $all $udp tcp:::ffff:203.0.113.2/80 udp:224.0.0.251/5353 \
    udp:255.255.255.255/67 udp:203.0.113.2/443
grep -c met neighbour.log
END
    [ "$status" -eq 0 ]
    [ "$(outside | grep -c '^reached')" -eq 8 ]
    [ "$(inside | grep -c '^refused .*: \(ENETUNREACH\|EACCES\)$')" -eq 16 ]
    [ "$(inside | grep -c '^reached')" -eq 0 ]
    [ "${lines[-1]}" -eq 8 ]
}

@test "this host, under all of its addresses and names" {
    scene <<'END'
with_ipv6
serve host http:0.0.0.0/80 http:::/80 udp:0.0.0.0/80
hosts '203.0.113.2 good.test' '127.0.0.1 rebind.test' '203.0.113.1 self.test'
own='127.0.0.1 ::1 203.0.113.1 2600:db8::1'
for address in $own; do client "tcp:$address/80"; done
client tcp:rebind.test/80
echo inside
for address in $own 127.1.2.3 0.0.0.0 :: ::ffff:127.0.0.1 198.18.0.1 198.18.0.2 198.18.0.3; do
    what="${what-} tcp:$address/80 udp:$address/80"
done
# 198.18.0.1 has the port, for the name, and no more than that
box --allow good.test --allow rebind.test -- python3 client.py $what tcp:rebind.test/80 tcp:self.test/80
grep -c met host.log
END
    [ "$status" -eq 0 ]
    [ "$(outside | grep -c '^reached.*hello from host')" -eq 5 ]
    [ "$(inside | grep -c '^reached.*hello')" -eq 0 ]
    [ "$(inside | grep -c '^refused')" -ge 23 ]
    inside | grep -q '^refused tcp:self.test/80: .*not known'
    [ "${lines[-1]}" -eq 5 ]
}

@test "names that lead to private, link-local and metadata addresses, unless a rule names those" {
    scene <<'END'
for address in 10.1.2.3 192.168.7.7 169.254.169.254 100.64.1.1; do
    neighbour ip addr add "$address/32" dev v2
    ip route add "$address" via 203.0.113.2
done
serve neighbour http:0.0.0.0/80
hosts '10.1.2.3 a.test' '192.168.7.7 b.test' '169.254.169.254 c.test' '100.64.1.1 d.test' '127.0.0.1 e.test'
what='tcp:a.test/80 tcp:b.test/80 tcp:c.test/80 tcp:d.test/80'
client $what
echo inside
box --allow '*.test' -- python3 client.py $what tcp:e.test/80
box --allow '*.test' --allow 0.0.0.0/0 -- python3 client.py tcp:c.test/80 tcp:e.test/80
echo named
box --allow '*.test' --allow 10.0.0.0/8 -- python3 client.py $what
END
    [ "$status" -eq 0 ]
    [ "$(outside | grep -c '^reached')" -eq 4 ]
    [ "$(inside | sed '/^named/,$d' | grep -c '^reached.*hello')" -eq 0 ]
    [ "$(sed '1,/^named/d' <<<"$output" | grep -c '^reached.*hello')" -eq 1 ]
    has '^reached tcp:a.test/80: hello'
}

@test "DNS to anybody else, and names that are not allowed by our own" {
    scene <<'END'
serve neighbour dns:203.0.113.2/53 http:203.0.113.2/53 http:203.0.113.2/853
cat >ask.py <<'PY'
import socket, struct, sys
def ask(server, name, kind, tcp=False):
    q = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + b"".join(bytes([len(p)]) + p for p in name.encode().split(b".")) + struct.pack("!BHH", 0, kind, 1)
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
    s.settimeout(2)
    try:
        s.connect((server, 53))
        s.send((struct.pack("!H", len(q)) if tcp else b"") + q)
        a = s.recv(4096)[2 if tcp else 0:]
        return f"code {a[3] & 15} answers {a[7]}"
    except OSError as e:
        return f"refused {e.strerror or e}"
for server in sys.argv[1:]:
    for name in "known.test", "secret-data.evil.test":
        for kind in 1, 28, 16, 255, 252:
            for tcp in False, True:
                if tcp and server == "203.0.113.2":
                    continue
                print(server, name, kind, "tcp" if tcp else "udp", ask(server, name, kind, tcp))
PY
python3 ask.py 203.0.113.2
client tcp:203.0.113.2/53 tcp:203.0.113.2/853
echo inside
: >neighbour.log
box --allow known.test --dns 203.0.113.2 -- sh -c 'python3 ask.py 203.0.113.2 198.18.0.1
    python3 client.py tcp:203.0.113.2/53 tcp:203.0.113.2/853'
sed 's/^met/the server met/' neighbour.log
END
    [ "$status" -eq 0 ]
    outside | grep -q '^203.0.113.2 known.test 1 udp code 0 answers 1'
    [ "$(outside | grep -c '^reached')" -eq 2 ]
    [ "$(inside | grep -c '^203.0.113.2 .* refused')" -eq 10 ]
    [ "$(inside | grep -c '^refused tcp:203.0.113.2')" -eq 2 ]
    [ "$(inside | grep -c '^198.18.0.1 known.test 1 .* code 0 answers 1')" -eq 2 ]
    [ "$(inside | grep -c '^198.18.0.1 secret-data.* code [35] answers 0')" -eq 10 ]
    ! grep '^the server met.*secret' <<<"$output"
}

@test "UDP to a host that is allowed, as QUIC would" {
    scene <<'END'
serve neighbour http:203.0.113.2/443 udp:203.0.113.2/443
hosts '203.0.113.2 good.test'
client udp:good.test/443
echo inside
box --allow good.test -- python3 client.py udp:good.test/443 udp:198.19.0.1/443 udp:198.18.0.1/443 tcp:good.test/443
grep -c 'met udp' neighbour.log
END
    [ "$status" -eq 0 ]
    [ "$(outside | grep -c '^reached')" -eq 1 ]
    inside | grep -q '^refused udp:good.test/443: ECONNREFUSED'
    inside | grep -q '^reached tcp:good.test/443: hello'
    [ "$(inside | grep -c '^refused')" -eq 3 ]
    [ "${lines[-1]}" -eq 1 ]
}

@test "the proxies for those who insist do not lead further" {
    scene <<'END'
serve neighbour http:203.0.113.2/80 http:203.0.113.2/81
serve_more host http:127.0.0.1/80
hosts '203.0.113.2 good.test bad.test' '127.0.0.1 rebind.test'
cat >insist.py <<'PY'
import socket, struct
def talk(port, *parts):
    s = socket.create_connection(("198.18.0.1", port), 3)
    s.settimeout(3)
    answer = b""
    try:
        for part in parts:
            s.sendall(part)
            answer = s.recv(4096)
            if not answer:
                break
    except OSError as e:
        return str(e).encode()
    return answer
get = b"GET / HTTP/1.0\r\n\r\n"
for to in ("good.test:80", "bad.test:80", "good.test:81", "203.0.113.2:80", "127.0.0.1:80", "[::1]:80",
           "rebind.test:80", "2130706433:80", "0x7f.1:80", "198.18.0.1:1080", "198.19.0.1:81", "good.test@bad.test:80",
           "localhost:80", "[::ffff:127.0.0.1]:80", "good.test:80\0.bad.test:80", "0:80", "169.254.169.254:80"):
    a = talk(3128, b"CONNECT " + to.encode() + b" HTTP/1.1\r\nHost: good.test\r\n\r\n", get)
    print("connect", repr(to), "through" if b"hello from" in a else "not")
    host, port = to.rsplit(":", 1)
    name = host.strip("[]").encode()
    a = talk(1080, b"\5\1\0", b"\5\1\0\3" + bytes([len(name)]) + name + struct.pack("!H", int(port)), get)
    print("socks", repr(to), "through" if b"hello from" in a else "not")
for ip in "203.0.113.2", "127.0.0.1", "169.254.169.254":
    a = talk(1080, b"\5\1\0", b"\5\1\0\1" + socket.inet_aton(ip) + b"\0\x50", get)
    print("socks4", ip, "through" if b"hello from" in a else "not")
a = talk(3128, b"GET http://bad.test/ HTTP/1.1\r\nHost: good.test\r\n\r\n")
print("get bad", "through" if b"hello from" in a else "not")
a = talk(3128, b"GET http://good.test/ HTTP/1.1\r\nHost: bad.test\r\n\r\n")
print("get good", "through" if b"hello from" in a else "not")
a = talk(1080, b"\5\1\0", b"\5\3\0\1\0\0\0\0\0\0")
print("associate", "through" if a[1:2] == b"\0" else "not")
a = talk(1080, b"\5\1\0", b"\5\2\0\1\0\0\0\0\0\x50")
print("bind", "through" if a[1:2] == b"\0" else "not")
PY
client tcp:127.0.0.1/80 tcp:203.0.113.2/81 tcp:bad.test/80 tcp:rebind.test/80
echo inside
box --allow good.test:80 --allow rebind.test:80 -- python3 insist.py
END
    [ "$status" -eq 0 ]
    [ "$(outside | grep -c '^reached')" -eq 4 ]
    inside | grep -qx "connect 'good.test:80' through"
    inside | grep -qx "socks 'good.test:80' through"
    [ "$(inside | grep -c ' through$')" -eq 3 ]
    inside | grep -qx 'get good through'
    [ "$(inside | grep -c ' not$')" -eq 38 ]
}

@test "raw and packet sockets, routes and addresses of one's own, as root of an image" {
    scene <<'END'
serve neighbour http:203.0.113.2/80 quiet:203.0.113.2/9000
hosts '203.0.113.2 good.test'
mkdir -p root/usr root/w root/etc root/proc root/sys root/dev root/tmp
for name in bin sbin lib lib64; do ln -s "usr/$name" "root/$name"; done
cat >inside.sh <<'SH'
cd /w
python3 client.py tcp:good.test/80 raw:203.0.113.2/9000
python3 - <<'PY'
import socket
try:
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    print("packet socket")
except OSError as e:
    print("no packet socket:", e.strerror)
PY
ip route add default via 198.18.0.1 && echo routed
ip addr add 203.0.113.77/32 dev net0 && echo addressed
python3 client.py tcp:203.0.113.2/80 udp:203.0.113.2/9000 raw:203.0.113.2/9000 tcp:203.0.113.2/443
ip link set net0 down; ip link set net0 up; ip link set net0 address 02:00:00:00:00:01
ip route add default via 198.18.0.1
python3 client.py tcp:203.0.113.2/80 tcp:203.0.113.1/80
ip link del net0 && echo removed
python3 client.py tcp:good.test/80 tcp:203.0.113.2/80
SH
python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"control", ("203.0.113.2", 9000))'
await_line neighbour.log control
client tcp:203.0.113.2/80
echo inside
box --allow good.test --userns single --cap-add NET_RAW --cap-add NET_ADMIN -v /usr:/usr:ro -v "$PWD:/w:ro" ./root \
    /bin/sh /w/inside.sh 2>&1
# what was sent before this is there when it is
python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"last", ("203.0.113.2", 9000))'
await_line neighbour.log last
sed 's/^/log: /' neighbour.log
END
    [ "$status" -eq 0 ]
    inside | grep -q '^reached tcp:good.test/80: hello'
    inside | grep -qx routed
    inside | grep -qx addressed
    inside | grep -qx removed
    inside | grep -q '^no packet socket'
    [ "$(inside | grep -c '^reached tcp:')" -eq 1 ]
    [ "$(inside | grep -c '^reached udp:')" -eq 0 ]
    # the control and the last one
    [ "$(grep -c '^log: met quiet' <<<"$output")" -eq 2 ]
    [ "$(grep -c '^log: met http' <<<"$output")" -eq 2 ]
}

@test "devices that NET_ADMIN can put at the gateway's end lead nowhere either" {
    scene <<'END'
serve neighbour http:203.0.113.2/80
hosts '203.0.113.2 good.test'
mkdir -p root/usr root/w root/etc root/proc root/sys root/dev root/tmp
for name in bin sbin lib lib64; do ln -s "usr/$name" "root/$name"; done
cat >other-end.py <<'PY'
import socket, struct
def attr(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)
def make(name, kind, data=b""):
    """A device at the gateway's end, which has the number 0: IFLA_TARGET_NETNSID."""
    body = struct.pack("=BxHiII", 0, 0, 0, 1, 1) + attr(46, struct.pack("=i", 0)) + attr(3, name + b"\0")
    body += attr(18, attr(1, kind + b"\0") + attr(2, data))
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    s.send(struct.pack("=IHHII", 16 + len(body), 16, 0x605, 1, 0) + body)
    return struct.unpack_from("=i", s.recv(4096), 16)[0]
print("made", make(b"evil0", b"bridge"), make(b"evil1", b"veth", attr(1, struct.pack("=BxHiII", 0, 0, 0, 0, 0) + attr(3, b"own1\0"))))
PY
cat >inside.sh <<'SH'
cd /w
python3 other-end.py
python3 client.py tcp:good.test/80
ip link set own1 up && ip addr add 203.0.113.9/24 dev own1 && echo second wire
ip route add default via 198.18.0.1
python3 client.py tcp:203.0.113.2/80 tcp:203.0.113.1/80 tcp:198.18.0.1/80 udp:203.0.113.2/53
SH
box --allow good.test --userns single --cap-add NET_ADMIN -v /usr:/usr:ro -v "$PWD:/w:ro" ./root /bin/sh /w/inside.sh 2>&1
END
    [ "$status" -eq 0 ]
    has '^made 0 0$'
    has '^second wire$'
    has '^reached tcp:good.test/80: hello'
    [ "$(grep -c '^refused' <<<"$output")" -eq 4 ]
}

@test "raw and packet sockets, routes and devices, without capabilities" {
    scene <<'END'
hosts '203.0.113.2 good.test'
cat >inside.py <<'PY'
import ctypes, socket
for family, kind, proto in ((socket.AF_INET, socket.SOCK_RAW, 255), (socket.AF_INET6, socket.SOCK_RAW, 58),
                            (socket.AF_PACKET, socket.SOCK_RAW, 0), (40, socket.SOCK_STREAM, 0)):
    try:
        socket.socket(family, kind, proto)
        print("open", family)
    except OSError as e:
        print("closed", family)
libc = ctypes.CDLL(None, use_errno=True)
for name, number in ("io_uring_setup", 425), ("setns", 308), ("unshare", 272):
    r = libc.syscall(number, 0x40000000 if number == 272 else -1, 0)
    print("closed" if r < 0 else "open", name)
PY
box --allow good.test -- sh -c 'python3 inside.py; ip route add default via 198.18.0.1 || echo closed route
    ip link del net0 || echo closed link; ip addr add 203.0.113.7/24 dev net0 || echo closed address'
END
    [ "$status" -eq 0 ]
    [ "$(grep -c '^closed' <<<"$output")" -eq 10 ]
    lacks '^open'
}

@test "unix sockets: abstract ones, and those of the proxies" {
    scene <<'END'
hosts '203.0.113.2 good.test'
cat >listen.py <<'PY'
import socket
s = socket.socket(socket.AF_UNIX)
s.bind("\0kelp-filtered-test")
s.listen()
print("ready", flush=True)
while True:
    s.accept()[0].send(b"hello")
PY
cat >call.py <<'PY'
import socket
try:
    s = socket.socket(socket.AF_UNIX)
    s.connect("\0kelp-filtered-test")
    print("reached", s.recv(9))
except OSError as e:
    print("refused", e.strerror)
PY
python3 listen.py >listen.log 2>&1 3>&- &
await_line listen.log ready
python3 call.py
echo inside
box --allow good.test -p 8080:80 -- sh -c 'python3 call.py; wc -l </proc/net/unix; ls /proc/*/comm | wc -l
    cat /proc/[0-9]*/comm; ls -l /proc/self/fd'
END
    [ "$status" -eq 0 ]
    outside | grep -q '^reached'
    inside | grep -q '^refused'
    ! inside | grep -e kelp-proxy -e socket
}

@test "the proxies are out of reach: not seen, not signalled" {
    scene <<'END'
serve neighbour http:203.0.113.2/80
hosts '203.0.113.2 good.test'
cat >reach.sh <<'SH'
while [ ! -s pids ]; do sleep 0.02; done
for pid in $(cat pids); do
    [ -e "/proc/$pid" ] && echo "seen $pid"
    kill -9 "$pid" && echo "killed $pid"
done
python3 - <<'PY'
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.kill(-1, signal.SIGTERM)
PY
python3 client.py tcp:good.test/80
SH
in_background box.log --allow good.test -p 8080:80 -- sh -c "trap '' TERM; sh reach.sh"
for ((i = 0; i < 500 * KELP_TEST_SLOW && $(proxies_of "$box_pid" | wc -l) < 2; i++)); do sleep 0.02; done
proxies=$(proxies_of "$box_pid")
# small numbers are in use inside, too
for proxy in $proxies; do [ "$proxy" -le 100 ] || echo "$proxy"; done >pids.new
mv pids.new pids
wait "$box_pid" || echo "ended $?"
cat box.log
echo "proxies $(wc -w <<<"$proxies")"
END
    [ "$status" -eq 0 ]
    has '^proxies 2'
    has '^reached tcp:good.test/80: hello'
    [ "$(grep -c 'No such process' <<<"$output")" -eq 2 ]
    lacks '^seen'
    lacks '^killed'
}

@test "the network of another sandbox" {
    scene <<'END'
serve neighbour http:203.0.113.2/80
hosts '203.0.113.2 one.test two.test'
in_background box.log --allow one.test -- sh -c 'python3 client.py tcp:one.test/80; while [ ! -e go ]; do sleep 0.02; done; python3 client.py tcp:one.test/80'
await_line box.log reached
echo inside
box --allow two.test -- python3 client.py tcp:one.test/80 tcp:198.19.0.1/80 tcp:198.19.0.2/80 tcp:198.18.0.2/80 \
    tcp:198.19.255.254/80
touch go
wait "$box_pid"
cat box.log
END
    [ "$status" -eq 0 ]
    [ "$(inside | grep -c '^refused')" -eq 5 ]
    [ "$(inside | grep -c '^reached tcp:one.test/80: hello')" -eq 2 ]
}

@test "10,000 connections that say nothing, and the one after them" {
    scene <<'END'
serve neighbour http:203.0.113.2/80
hosts '203.0.113.2 good.test'
cat >many.py <<'PY'
import resource, socket, subprocess, time
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
at_once = min(hard - 50, 5000)
made = 0
start = time.time()
while made < 10000:
    socks = []
    for i in range(at_once):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("198.18.0.1", (3128, 1080, 53, 80)[i % 4]))
        socks.append(s)
    made += len(socks)
    for s in socks:
        s.close()
print("made", made)
subprocess.run(["python3", "client.py", "tcp:good.test/80"])
PY
box --allow good.test -- python3 many.py
END
    [ "$status" -eq 0 ]
    has '^made 10000'
    has '^reached tcp:good.test/80: hello from neighbour'
}
