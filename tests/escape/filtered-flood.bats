#!/usr/bin/env bats
# 10,000 connections at one time that lead to nothing, against the proxy of a filtered network: it stays
# small, other sandboxes notice nothing, and so it is for the one that made them when they are gone.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/filtered

setup() {
    filtered_setup
    cat >flood.py <<'END'
# flood.py COUNT HOST:PORT... -- COMMAND...: holds that many connections, made in turn, which say nothing;
# runs the command with them open, gives them up by a reset, and runs it again.
import os, resource, select, socket, struct, subprocess, sys, time
split = sys.argv.index("--")
count, command = int(sys.argv[1]), sys.argv[split + 1:]
targets = [(socket.gethostbyname(host), int(port)) for host, port in (t.rsplit(":", 1) for t in sys.argv[2:split])]
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

def hold(number, share, say, hear):
    poll, all, made = select.poll(), {}, 0
    for i in range(share):
        s = socket.socket()
        s.setblocking(False)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.connect_ex(targets[(number + i) % len(targets)])
        all[s.fileno()] = s
        poll.register(s, select.POLLOUT)
        # as fast as they are taken, and no faster
        while len(all) - made > 50:
            made += finish(poll)
    while len(all) - made > 0:
        made += finish(poll)
    os.write(say, b"made\n")
    os.read(hear, 1)
    ended = select.poll()
    for fd in all:
        ended.register(fd, 0)
    os.write(say, f"{len(ended.poll(0))}\n".encode())

def finish(poll):
    """A connection that is made and reset at once was made, too."""
    ready = poll.poll(10000)
    if not ready:
        sys.exit("a connection is not taken")
    for fd, _ in ready:
        poll.unregister(fd)
    return len(ready)

share = min(hard - 50, 2500)
children = []
for number in range(0, count, share):
    (say, said), (hear, heard) = os.pipe(), os.pipe()
    if os.fork() == 0:
        # the end of its pipe is the word to go, and nobody else may keep that open
        for fd in (heard, *(other for _, other in children)):
            os.close(fd)
        hold(number, min(share, count - number), said, hear)
        os._exit(0)
    os.close(said)
    os.close(hear)
    children.append((os.fdopen(say), heard))
for out, _ in children:
    if out.readline() != "made\n":
        sys.exit("they are not all there")
print("held", count, "by", len(children), flush=True)
start = time.time()
subprocess.run(command)
print("answered in %.1f" % (time.time() - start), flush=True)
# a time to look at what it costs
open("held", "w").close()
while not os.path.exists("looked"):
    time.sleep(0.05)
for _, heard in children:
    os.close(heard)
print("gone before", sum(int(out.readline()) for out, _ in children), flush=True)
for _ in children:
    os.wait()
print("given up", flush=True)
start = time.time()
subprocess.run(command)
print("answered in %.1f" % (time.time() - start), flush=True)
END
}

# flooded TARGET...: in a scene: a sandbox that floods these, and one that goes on meanwhile.
flooded() {
    scene < <(
        cat <<'END'
serve neighbour http:203.0.113.2/80
# beyond the neighbour, who forwards nothing and says nothing
hosts '203.0.113.2 good.test other.test' '198.51.100.66 silent.test'
in_background other.log --allow other.test -- sh -c '
    while [ ! -e looked ]; do python3 client.py tcp:other.test/80; sleep 0.05; done'
other_pid=$box_pid
await_line other.log reached
other_proxy=$(proxies_of "$other_pid")
END
        printf 'in_background box.log --allow good.test:80 --allow silent.test:80 -- python3 flood.py 10000 %s -- ' "$*"
        cat <<'END'
python3 client.py tcp:good.test/80
for ((i = 0; i < 1500; i++)); do
    [ ! -e held ] && kill -0 "$box_pid" || break
    sleep 0.02
done
proxy=$(proxies_of "$box_pid")
awk '/^Vm(RSS|HWM)/ { print "proxy", $1, $2 }' "/proc/$proxy/status"
awk '/^VmHWM/ { print "other", $1, $2 }' "/proc/$other_proxy/status"
touch looked
wait "$box_pid" || echo "it ended with $?"
wait "$other_pid" || echo "the other ended with $?"
cat box.log
sed 's/^/other: /' other.log
END
    )
}

# What holds whatever was flooded.
nothing_else_happened() {
    [ "$status" -eq 0 ]
    has '^held 10000 by [0-9]'
    has '^given up'
    lacks 'ended with'
    # 16 MB, at the worst moment
    awk '/^proxy Vm/ { if ($3 > 16384) exit 1; n++ } END { exit n != 2 }' <<<"$output"
    awk '/^other Vm/ { if ($3 > 16384) exit 1; n++ } END { exit n != 1 }' <<<"$output"
    # the other sandbox was answered every time
    [ "$(grep -c '^other: reached tcp:other.test/80: hello' <<<"$output")" -ge 5 ]
    [ "$(grep -c '^other: ' <<<"$output")" = "$(grep -c '^other: reached' <<<"$output")" ]
    # whether it was answered or not, it was so at once
    awk '/^answered in/ { if ($3 >= 3) exit 1; n++ } END { exit n != 2 }' <<<"$output"
    # and when they are gone all is as before
    [ "$(sed '1,/^given up/d' <<<"$output" | grep -c '^reached tcp:good.test/80: hello')" = 1 ]
}

@test "10,000 at one time that do not say where to: they give way to those who do" {
    flooded 198.18.0.1:3128 198.18.0.1:1080 198.18.0.1:3128 198.18.0.1:53
    nothing_else_happened
    [ "$(sed '/^given up/,$d' <<<"$output" | grep -c '^reached tcp:good.test/80: hello')" = 1 ]
}

@test "10,000 at one time to a host that never answers: the next one is told at once" {
    flooded silent.test:80
    nothing_else_happened
    # more than the proxy has room for; those that it took it keeps
    gone=$(sed -n 's/^gone before //p' <<<"$output")
    [ "$gone" -ge $((10000 - 4096)) ]
    [ "$gone" -lt 10000 ]
    [ "$(sed '/^given up/,$d' <<<"$output" | grep -c '^refused tcp:good.test/80: \(ECONNRESET\|EPIPE\)$')" = 1 ]
}

# Who asked for a connection and never says that he has heard the answer.  The sandbox may make raw
# packets and takes its own address away, so that the gateway's answers find nobody.
@test "10,000 requests for a connection that nobody completes, of a root with NET_RAW and NET_ADMIN" {
    scene <<'END'
serve neighbour http:203.0.113.2/80
hosts '203.0.113.2 good.test other.test'
mkdir -p root/usr root/w root/etc root/proc root/sys root/dev root/tmp
for name in bin sbin lib lib64; do ln -s "usr/$name" "root/$name"; done
cat >syn.py <<'PY'
import socket, struct, time
def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
source, target = socket.inet_aton("198.18.0.2"), socket.inet_aton("198.18.0.1")
def heard():
    with open("/proc/net/dev") as f:
        return next(int(line.split()[2]) for line in f if line.split()[0] == "net0:")
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
before = heard()
for i in range(10000):
    port = (3128, 1080, 80, 53)[i % 4]
    tcp = struct.pack("!HHIIBBHHH", 1024 + i, port, i, 0, 0x50, 2, 65535, 0, 0)
    tcp = tcp[:16] + struct.pack("!H", checksum(source + target + struct.pack("!BBH", 0, 6, 20) + tcp)) + tcp[18:]
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, i, 0, 64, 6, 0, source, target)
    s.sendto(head + tcp, ("198.18.0.1", 0))
print("sent", 10000)
# each was taken for a request: it was answered, and the answer leads to nobody
start = time.time()
while heard() - before < 8000 and time.time() - start < 5:
    time.sleep(0.05)
print("answers", heard() - before)
PY
cat >inside.sh <<'SH'
cd /w
python3 client.py tcp:good.test/80
# another address to send from, and a way: nobody has the one that they seem to come from
ip addr del 198.18.0.2/30 dev net0
ip addr add 10.99.0.1/32 dev net0
ip route add 198.18.0.0/15 dev net0
python3 syn.py
ip addr del 10.99.0.1/32 dev net0
ip addr add 198.18.0.2/30 dev net0
ip route replace 198.19.0.0/16 via 198.18.0.1
echo again
python3 client.py tcp:good.test/80 tcp:good.test/80 tcp:good.test/80
echo >/w/done
while [ ! -e /w/looked ]; do sleep 0.05; done
SH
in_background other.log --allow other.test -- sh -c '
    while [ ! -e looked ]; do python3 client.py tcp:other.test/80; sleep 0.05; done'
other_pid=$box_pid
await_line other.log reached
in_background box.log --allow good.test --userns single --cap-add NET_RAW --cap-add NET_ADMIN -v /usr:/usr:ro \
    -v "$PWD:/w" ./root /bin/sh /w/inside.sh
for ((i = 0; i < 1500; i++)); do
    [ ! -e done ] && kill -0 "$box_pid" || break
    sleep 0.02
done
awk '/^Vm(RSS|HWM)/ { print "proxy", $1, $2 }' "/proc/$(proxies_of "$box_pid")/status"
touch looked
wait "$box_pid" || echo "it ended with $?"
wait "$other_pid" || echo "the other ended with $?"
cat box.log
sed 's/^/other: /' other.log
END
    [ "$status" -eq 0 ]
    has '^sent 10000'
    [ "$(sed -n 's/^answers //p' <<<"$output")" -ge 8000 ]
    lacks 'ended with'
    [ "$(grep -c '^reached tcp:good.test/80: hello' <<<"$output")" = 4 ]
    awk '/^proxy Vm/ { if ($3 > 16384) exit 1; n++ } END { exit n != 2 }' <<<"$output"
    [ "$(grep -c '^other: reached' <<<"$output")" -ge 5 ]
    [ "$(grep -c '^other: ' <<<"$output")" = "$(grep -c '^other: reached' <<<"$output")" ]
}
