#!/usr/bin/env bats
# The networks none, user and host.  The user network is shown on a network of the tests' own: see
# network-scene.sh.

load ../lib/kelp
load ../lib/scene

setup() {
    PATH=$PATH:/usr/sbin:/sbin
    cd "$BATS_TEST_TMPDIR" || return 1
    [ -c /dev/net/tun ] || skip "the machine lacks /dev/net/tun"
}

scene() {
    run_scene
}

@test "none: loopback alone, up, and no way out" {
    run "$KELP" run --network none -- ip -o addr
    [ "$status" -eq 0 ]
    [ "$(grep -vc ' lo ' <<<"$output")" -eq 0 ]
    has 'inet 127.0.0.1/8'

    cp "$KELP_SRC/tests/e2e/network-client.py" client.py
    run "$KELP" run --network none -- python3 client.py tcp:192.0.2.1/80 tcp:2001:db8::1/80 \
        udp:192.0.2.1/53 tcp:169.254.169.254/80 udp:224.0.0.251/5353
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -c ': ENETUNREACH$' <<<"$output")" -eq 5 ]
}

@test "none: a server and a client inside find each other" {
    cp "$KELP_SRC"/tests/e2e/network-{client,server}.py .
    run "$KELP" run --network none -- sh -c '
        python3 network-server.py box http:127.0.0.1/8080 http:::1/8080 >log & server=$!
        while ! grep -q ready log; do sleep 0.02; done
        python3 network-client.py tcp:127.0.0.1/8080 tcp:::1/8080
        kill $server'
    echo "$output"
    [ "$status" -eq 0 ]
    has 'reached tcp:127.0.0.1/8080: hello from box to 127.0.0.1'
    has 'reached tcp:::1/8080: hello from box to ::1'
}

@test "host: the same network, said out loud" {
    run "$KELP" run --network host -- ip -o link
    echo "$output"
    [ "$status" -eq 0 ]
    has "^kelp: .*network"
    [ "$(grep -v '^kelp: ' <<<"$output" | cut -d' ' -f1,2)" = "$(ip -o link | cut -d' ' -f1,2)" ]
}

@test "user: fetches from another machine" {
    scene <<'END'
serve neighbour http:203.0.113.2/80
box --network user -- busybox wget -qO- http://203.0.113.2/
box --network user -- ip -o addr
END
    [ "$status" -eq 0 ]
    has 'hello from neighbour to 203.0.113.1'
    has 'tap0 .*inet 10.0.2.100/24'
    lacks 'tap0 .*inet6 [^f]'
    lacks 'v1'
}

@test "user: IPv6 where the host has it, at once" {
    scene <<'END'
with_ipv6
serve neighbour http:2600:db8::2/80
box --network user -- python3 client.py tcp:2600:db8::2/80
END
    [ "$status" -eq 0 ]
    has 'reached tcp:2600:db8::2/80: hello from neighbour to 2600:db8::1'
}

@test "user: no IPv6 where the host has none" {
    scene <<'END'
box --network user -- python3 client.py tcp:2600:db8::2/80
END
    [ "$status" -eq 0 ]
    has 'refused tcp:2600:db8::2/80: ENETUNREACH'
}

@test "user: this host is not reached by any of its names" {
    scene <<'END'
with_ipv6
serve host http:0.0.0.0/80 http:::/80 udp:0.0.0.0/80
own="203.0.113.1 127.0.0.1 ::1 2600:db8::1"
for address in $own; do client "tcp:$address/80"; done
client udp:203.0.113.1/80
echo inside
for address in $own 127.1.2.3 0.0.0.0 10.0.2.2 10.0.2.3 10.0.2.77 :: fd00::2 fd00::3 \
    ::ffff:127.0.0.1 ::127.0.0.1 2002:7f00:1::; do
    what="${what-} tcp:$address/80 udp:$address/80"
    [ "$address" = 0.0.0.0 ] || [ "$address" = :: ] || [ "$address" = ::ffff:127.0.0.1 ] ||
        what="$what tcp:$address/80@tap0"
done
box --network user -- python3 client.py $what
grep -c met host.log
END
    [ "$status" -eq 0 ]
    [ "$(sed '/^inside/,$d' <<<"$output" | grep -c '^reached.*hello from host')" -eq 5 ]
    [ "$(sed '1,/^inside/d' <<<"$output" | grep -c '^refused')" -eq 42 ]
    [ "$(sed '1,/^inside/d' <<<"$output" | grep -c '^reached')" -eq 0 ]
    has 'refused tcp:203.0.113.1/80: EHOSTUNREACH'
    has 'refused tcp:2600:db8::1/80: EHOSTUNREACH'
    [ "${lines[-1]}" -eq 5 ]
}

@test "user: a raw socket does not reach this host either" {
    scene <<'END'
serve host quiet:0.0.0.0/9000
serve neighbour quiet:0.0.0.0/9000
python3 -c 'import socket
for a in "127.0.0.1", "203.0.113.1": socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"control", (a, 9000))'
await_line host.log 'control'
mkdir -p root/usr root/w root/etc root/proc root/sys root/dev root/tmp
for name in bin lib lib64; do ln -s "usr/$name" "root/$name"; done
box --network user --userns single --cap-add NET_RAW -v /usr:/usr:ro -v "$PWD:/w:ro" ./root \
    /usr/bin/python3 /w/client.py tcp:203.0.113.2/9 raw:127.0.0.1/9000 raw:0.0.0.0/9000 \
    raw:203.0.113.1/9000 raw:169.254.169.254/9000 raw:203.0.113.2/9000
# what was sent before these is there when they are
python3 -c 'import socket
for a in "127.0.0.1", "203.0.113.2": socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"last", (a, 9000))'
await_line host.log last
await_line neighbour.log last
cat host.log neighbour.log
END
    [ "$status" -eq 0 ]
    # where raw sockets are refused altogether there is nothing more to see
    if grep -q 'reached raw:203.0.113.2' <<<"$output"; then
        has 'met quiet 203.0.113.1 raw to 203.0.113.2'
    else
        has 'refused raw:127.0.0.1/9000: E'
    fi
    [ "$(grep -c 'met quiet .* control' <<<"$output")" -eq 2 ]
    lacks 'met quiet .* raw to 127\.'
    lacks 'met quiet .* raw to 0\.'
    lacks 'met quiet .* raw to 203.0.113.1'
}

@test "user: link-local, metadata and multicast addresses are not reached" {
    scene <<'END'
for address in 169.254.169.254 169.254.7.7 100.100.100.200 168.63.129.16 192.0.0.192; do
    neighbour ip addr add "$address/32" dev v2
    ip route add "$address" via 203.0.113.2
    all="${all-} tcp:$address/80"
done
serve neighbour http:0.0.0.0/80
client $all
echo inside
box --network user -- python3 client.py $all udp:224.0.0.251/5353 udp:255.255.255.255/67 tcp:240.0.0.1/80
END
    [ "$status" -eq 0 ]
    [ "$(sed '/^inside/,$d' <<<"$output" | grep -c '^reached')" -eq 5 ]
    [ "$(sed '1,/^inside/d' <<<"$output" | grep -c '^refused')" -eq 8 ]
    [ "$(sed '1,/^inside/d' <<<"$output" | grep -c '^refused .*: EHOSTUNREACH')" -ge 6 ]
}

@test "user: a published TCP port, from this host and from another, closed afterwards" {
    scene <<'END'
cp "$KELP_SRC/tests/e2e/network-server.py" server.py
in_background box.log --network user -p 8080:8000 -p 0.0.0.0:8081:8001 -- \
    python3 server.py box http:0.0.0.0/8000 http:0.0.0.0/8001
await_line box.log ready
client tcp:127.0.0.1/8080 tcp:127.0.0.1/8081 tcp:203.0.113.1/8081
neighbour python3 client.py tcp:203.0.113.1/8081 tcp:203.0.113.1/8080
kill "$box_pid"
wait "$box_pid" || echo "ended $?"
client tcp:127.0.0.1/8080 tcp:203.0.113.1/8081
END
    [ "$status" -eq 0 ]
    has 'reached tcp:127.0.0.1/8080: hello from box to 10.0.2.2'
    has 'reached tcp:127.0.0.1/8081: hello from box to 10.0.2.2'
    has 'reached tcp:203.0.113.1/8081: hello from box to 203.0.113.1'
    has 'reached tcp:203.0.113.1/8081: hello from box to 203.0.113.2'
    has 'refused tcp:203.0.113.1/8080: ECONNREFUSED'
    has 'ended 143'
    has 'refused tcp:127.0.0.1/8080: ECONNREFUSED'
    has 'refused tcp:203.0.113.1/8081: ECONNREFUSED'
}

@test "user: answering this host does not mean calling it" {
    scene <<'END'
serve host http:0.0.0.0/80
client tcp:203.0.113.1/80
box --network user -p 0.0.0.0:8081:81 -- python3 client.py tcp:203.0.113.1/80 tcp:10.0.2.2/80 \
    udp:203.0.113.1/80 tcp:203.0.113.1/80@tap0
END
    [ "$status" -eq 0 ]
    [ "$(grep -c '^reached' <<<"$output")" -eq 1 ]
    [ "$(grep -c '^refused' <<<"$output")" -eq 4 ]
}

@test "user: a published UDP port, many peers, answers to each" {
    scene <<'END'
cp "$KELP_SRC/tests/e2e/network-server.py" server.py
in_background box.log --network user -p 5300:5353/udp -p 0.0.0.0:5301:5354/udp -- \
    python3 server.py box udp:127.0.0.1/5353 udp:0.0.0.0/5354
await_line box.log ready
client udp:127.0.0.1/5300 udp:127.0.0.1/5301 udp:203.0.113.1/5301
neighbour python3 client.py udp:203.0.113.1/5301
python3 - <<'PY'
import socket
peers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(400)]
good = 0
for turn in range(2):
    for i, s in enumerate(peers):
        s.settimeout(2)
        s.sendto(b"%d" % i, ("127.0.0.1", 5300))
        good += s.recv(99).endswith(b" %d" % i)
print("answers", good)
PY
END
    [ "$status" -eq 0 ]
    [ "$(grep -c '^reached udp.*hello from box to 127.0.0.1 datagram' <<<"$output")" -eq 4 ]
    has '^answers 800$'
}

@test "user: a port that is taken names its holder" {
    scene <<'END'
cat >both.sh <<'SH'
python3 "$KELP_SRC/tests/e2e/network-server.py" me http:127.0.0.1/8080 udp:127.0.0.1/5300 >me.log 2>&1 &
while ! grep -q ready me.log; do sleep 0.02; done
for port in 8080:80 0.0.0.0:8080:80 5300:53/udp; do
    "$KELP" run --network user -p "$port" -- echo started && exit 1 || echo "status $?"
done
kill $!
SH
unshare -U --map-user="$scene_uid" --map-group="$scene_gid" -- bash both.sh
serve host http:127.0.0.1/8082
box --network user -p 8082:80 -- echo started && exit 1 || echo "status $?"
END
    [ "$status" -eq 0 ]
    lacks '^started'
    [ "$(grep -c '^status 125' <<<"$output")" -eq 4 ]
    has "cannot publish 127.0.0.1:8082/tcp: the port is in use by a process of user $(id -u)"
    has "cannot publish 127.0.0.1:8080/tcp: the port is in use by 'python3' (process [0-9]*)"
    has "cannot publish 0.0.0.0:8080/tcp: the port is in use by 'python3'"
    has "cannot publish 127.0.0.1:5300/udp: the port is in use by 'python3'"
    has '^hint: take another host port: -p PORT:80'
}

@test "user: a port that may not be had says why" {
    scene <<'END'
for port in 80:80 53:53/udp 198.51.100.1:8080:80 '[::1]:8080:80'; do
    box --network user -p "$port" -- echo started && exit 1 || echo "status $?"
done
END
    [ "$status" -eq 0 ]
    lacks '^started'
    [ "$(grep -c '^status 125' <<<"$output")" -eq 4 ]
    has 'cannot publish 127.0.0.1:80/tcp: ports below 1024 need root'
    has 'cannot publish 127.0.0.1:53/udp: ports below 1024 need root'
    has '^hint: .*net.ipv4.ip_unprivileged_port_start'
    has "cannot publish 198.51.100.1:8080/tcp: this host has no address '198.51.100.1'"
    has "'::1'.* not an IPv4 address"
}

@test "user: names are looked up by the host's resolver" {
    scene <<'END'
serve neighbour dns:203.0.113.2/53
echo 'nameserver 203.0.113.2' >resolv.conf
with_resolv_conf resolv.conf
box --network user -- python3 client.py name:known.test name:unknown.test
END
    [ "$status" -eq 0 ]
    has 'reached name:known.test: 203.0.113.9'
    has 'refused name:unknown.test'
}

@test "user: names are looked up by a resolver on the host's loopback, in /run" {
    scene <<'END'
serve host dns:127.0.0.53/53
mkdir upper work
mount -t overlay overlay -o lowerdir=/etc,upperdir=upper,workdir=work,userxattr /etc
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/resolve
printf 'nameserver 127.0.0.53\nsearch test\n' >/run/systemd/resolve/stub-resolv.conf
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
box --network user -- python3 client.py name:known.test name:known udp:127.0.0.53/53
box --network user -- cat /etc/resolv.conf
cat host.log
END
    [ "$status" -eq 0 ]
    has 'reached name:known.test: 203.0.113.9'
    has 'reached name:known: 203.0.113.9'
    has 'refused udp:127.0.0.53/53'
    has '^nameserver 10.0.2.3'
    has '^search test'
}

@test "user: --dns asks whom it names, unless that is this host" {
    scene <<'END'
serve neighbour dns:203.0.113.2/53
serve host dns:203.0.113.1/53
box --network user --dns 203.0.113.2 -- python3 client.py name:known.test
for dns in 203.0.113.1 127.0.0.1 169.254.169.254; do
    box --network user --dns "$dns" -- echo started && exit 1 || echo "status $?"
done
cat neighbour.log
END
    [ "$status" -eq 0 ]
    has 'reached name:known.test: 203.0.113.9'
    has 'met dns .* known.test'
    lacks '^started'
    [ "$(grep -c '^status 125' <<<"$output")" -eq 3 ]
    has "cannot reach the DNS server '203.0.113.1'"
}

@test "user: slirp4netns that is missing or broken" {
    scene <<'END'
printf '#!/bin/sh\necho first words >&2\necho it broke >&2\nexit 3\n' >broken
chmod 755 broken
mount --bind broken "$(command -v slirp4netns)"
box --network user -- echo started && exit 1 || echo "status $?"
mount --bind /dev/null "$(command -v slirp4netns)"
box --network user -- echo started && exit 1 || echo "status $?"
box --network none -- echo others run
END
    [ "$status" -eq 0 ]
    lacks '^started'
    [ "$(grep -c '^status 125' <<<"$output")" -eq 2 ]
    has 'slirp4netns ended with status 3 before it was ready; it said: first words;it broke'
    has 'slirp4netns is not installed'
    has '^hint: sudo apt install slirp4netns'
    has '^others run'
}

@test "user: a /dev/net/tun that cannot be used is told apart" {
    scene <<'END'
fails() {
    echo "== $1"
    box --network user -- echo started && exit 1 || echo "status $?"
}
mount --bind /dev/net/tun /dev/net/tun
mount -o remount,bind,nodev /dev/net/tun
fails nodev
umount /dev/net/tun
# any file of root's that nobody else may open
mount --bind /etc/shadow /dev/net/tun
fails permission
umount /dev/net/tun
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("node")'
mount --bind node /dev/net/tun
fails driver
umount /dev/net/tun
mount -t tmpfs tmpfs /dev/net
fails missing
END
    [ "$status" -eq 0 ]
    lacks '^started'
    [ "$(grep -c '^status 125' <<<"$output")" -eq 4 ]
    has 'lies on a file system mounted nodev'
    has 'this user has no permission'
    has '^hint: sudo chmod 0666 /dev/net/tun'
    has 'the kernel has no driver behind'
    has "there is no '/dev/net/tun' on this machine"
    has '^hint: .* does not give its /dev/net/tun to what runs inside'
    has '^hint: load its module: sudo modprobe tun'
}

@test "user: a slirp4netns that is killed is noticed, and the run goes on" {
    scene <<'END'
serve neighbour http:203.0.113.2/80
in_background box.log --network user -- sh -c 'python3 client.py tcp:203.0.113.2/80
    while [ ! -e go ]; do sleep 0.05; done
    for turn in 1 2 3; do python3 client.py tcp:203.0.113.2/80; done; exit 7'
await_line box.log reached
kill -9 "$(slirp_of "$box_pid")"
await_line box.log 'kelp: slirp4netns'
touch go
wait "$box_pid" || echo "status $?"
cat box.log
END
    [ "$status" -eq 0 ]
    has '^status 7'
    has 'kelp: slirp4netns .* network'
    has 'refused tcp:203.0.113.2/80: ENETUNREACH'
}

@test "user: nothing is left when kelp is killed" {
    scene <<'END'
mount -t tmpfs tmpfs /run
in_background box.log --network user -p 8080:80 -p 5300:53/udp -- sh -c 'echo up; exec sleep 100'
await_line box.log up
slirp=$(slirp_of "$box_pid")
relay=$(pgrep -P "$slirp")
[ -n "$slirp" ] && [ -n "$relay" ]
kill -9 "$box_pid"
await_end "$slirp"
await_end "$relay"
echo "left in /run: $(find /run -mindepth 1)"
ls
client tcp:127.0.0.1/8080
END
    [ "$status" -eq 0 ]
    has '^left in /run: $'
    [ "$(grep -v -e '^left' -e Killed -e '^refused' <<<"$output" | tr '\n' ' ')" = 'box.log client.py scene.sh ' ]
    has 'refused tcp:127.0.0.1/8080: ECONNREFUSED'
}

@test "user: what slirp4netns holds and sees" {
    scene <<'END'
mount -t tmpfs tmpfs /run
touch /run/secret
in_background box.log --network user -p 8080:80 -p 5300:53/udp -- sh -c 'ls -a /run; echo up; exec sleep 100'
await_line box.log up
cat box.log
slirp=$(slirp_of "$box_pid")
for fd in /proc/"$slirp"/fd/*; do echo "slirp $(readlink "$fd")"; done
for fd in /proc/"$(pgrep -P "$slirp")"/fd/*; do echo "relay $(readlink "$fd")"; done
grep -H CapEff /proc/"$slirp"/status /proc/"$(pgrep -P "$slirp")"/status
ls "/proc/$slirp/root" "/proc/$slirp/root/run" || true
kill "$box_pid"
wait "$box_pid" || echo "ended $?"
END
    [ "$status" -eq 0 ]
    lacks secret
    # /dev/null twice, the log, both ends, the API, the namespace, the tap, what it makes itself
    [ "$(grep -c '^slirp socket' <<<"$output")" -le 4 ]
    [ "$(grep -c '^slirp pipe' <<<"$output")" -eq 0 ]
    [ "$(grep -c '^slirp /dev/net/tun' <<<"$output")" -eq 1 ]
    [ "$(grep -c '^relay socket' <<<"$output")" -eq 2 ]
    [ "$(grep -c '^relay' <<<"$output")" -eq 5 ]
    has '/status:CapEff:	0000000000000400'
    has '/status:CapEff:	0000000000000000'
}
