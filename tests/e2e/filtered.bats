#!/usr/bin/env bats
# The network `filtered`: what is reached, by which names, and how it comes and goes.  On a network of
# the tests' own, see network-scene.sh; what must not be reached is in tests/escape/filtered.bats.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/filtered

setup() {
    filtered_setup
}

@test "a name that is allowed, on its ports, by programs that know of nothing" {
    scene <<'END'
serve neighbour http:203.0.113.2/80 http:203.0.113.2/443 http:203.0.113.2/8080
hosts '203.0.113.2 good.test other.test'
box --allow good.test -- python3 client.py name:good.test tcp:good.test/80 tcp:good.test/443 \
    tcp:good.test/8080 name:other.test tcp:other.test/80
box --allow good.test:8080 -- python3 client.py tcp:good.test/8080 tcp:good.test/80
box --allow 'other.test:8000-8100' -- busybox wget -qO- http://other.test:8080/
END
    [ "$status" -eq 0 ]
    has '^reached name:good.test: 198\.19\.'
    has '^reached tcp:good.test/80: hello from neighbour to 203.0.113.1'
    has '^reached tcp:good.test/443: hello from neighbour'
    has '^refused tcp:good.test/8080: ECONNREFUSED'
    has '^refused name:other.test: .*Name or service not known'
    has '^refused tcp:other.test/80: .*Name or service not known'
    has '^reached tcp:good.test/8080: hello'
    [ "$(grep -c '^refused tcp:good.test/80: ECONNREFUSED' <<<"$output")" -eq 1 ]
    has '^hello from neighbour to 203.0.113.1'
}

@test "every name below one, every name, and what is denied of them" {
    scene <<'END'
serve neighbour http:203.0.113.2/80
hosts '203.0.113.2 good.test a.good.test b.a.good.test agood.test bad.good.test'
box --allow '*.good.test' --deny bad.good.test -- python3 client.py tcp:a.good.test/80 \
    tcp:b.a.good.test/80 tcp:good.test/80 tcp:agood.test/80 tcp:bad.good.test/80
echo all
box --allow '*' --deny '*.a.good.test' -- python3 client.py tcp:good.test/80 tcp:b.a.good.test/80 \
    tcp:agood.test/80
END
    [ "$status" -eq 0 ]
    [ "$(sed '/^all/,$d' <<<"$output" | grep '^reached' | cut -d: -f2 | xargs)" = \
        'a.good.test/80 b.a.good.test/80' ]
    [ "$(sed '/^all/,$d' <<<"$output" | grep -c '^refused .*not known')" -eq 3 ]
    [ "$(sed '1,/^all/d' <<<"$output" | grep '^reached' | cut -d: -f2 | xargs)" = 'good.test/80 agood.test/80' ]
    [ "$(sed '1,/^all/d' <<<"$output" | grep -c '^refused .*not known')" -eq 1 ]
    has "^kelp: '\*' (option --allow) allows every host"
}

@test "addresses and networks that are allowed, of both families" {
    scene <<'END'
with_ipv6
serve neighbour http:0.0.0.0/80 http:::/80
neighbour ip addr add 203.0.113.3/24 dev v2
box --allow 203.0.113.2 --allow 2600:db8::2 -- python3 client.py tcp:203.0.113.2/80 \
    tcp:2600:db8::2/80 tcp:203.0.113.3/80 tcp:2600:db8::3/80 tcp:203.0.113.2/81
echo networks
box --allow 203.0.113.0/24 --deny 203.0.113.3 --allow '[2600:db8::/32]:80' -- python3 client.py \
    tcp:203.0.113.2/80 tcp:203.0.113.3/80 tcp:2600:db8::2/80
echo everything
box --allow 0.0.0.0/0:80 --allow '[::/0]:80' -- python3 client.py tcp:203.0.113.2/80 tcp:2600:db8::2/80 tcp:198.18.0.2/80
END
    [ "$status" -eq 0 ]
    one=$(sed '/^networks/,$d' <<<"$output")
    [ "$(grep -c '^reached' <<<"$one")" -eq 2 ]
    grep -q '^refused tcp:203.0.113.3/80: ENETUNREACH' <<<"$one"
    grep -q '^refused tcp:2600:db8::3/80: ENETUNREACH' <<<"$one"
    grep -q '^refused tcp:203.0.113.2/81: ECONNREFUSED' <<<"$one"
    two=$(sed '1,/^networks/d; /^everything/,$d' <<<"$output")
    [ "$(grep -c '^reached' <<<"$two")" -eq 2 ]
    grep -q '^refused tcp:203.0.113.3/80: E' <<<"$two"
    three=$(sed '1,/^everything/d' <<<"$output")
    [ "$(grep -c '^reached' <<<"$three")" -eq 2 ]
    has "'0.0.0.0/0:80' (option --allow) allows every host"
}

@test "the wire to the proxy is not paced, whatever this host does on its own" {
    scene <<'END'
with_ipv6
serve neighbour http:203.0.113.2/80 http:2600:db8::2/80
cat >congestion.py <<'EOF'
import socket, sys
for place in sys.argv[1:]:
    address, port = place.split("/")
    c = socket.create_connection((address, int(port)), 5)
    print(place, c.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode())
EOF
box --allow 203.0.113.2 --allow 2600:db8::2 -- python3 congestion.py 203.0.113.2/80 2600:db8::2/80 \
    198.18.0.1/3128 198.18.0.1/1080 198.18.0.1/53
echo "outside: $(python3 congestion.py 203.0.113.2/80)"
END
    [ "$status" -eq 0 ]
    [ "$(grep -c '^[0-9].* reno$' <<<"$output")" -eq 5 ]
    has "^outside: 203.0.113.2/80 $(</proc/sys/net/ipv4/tcp_congestion_control)$"
}

@test "nothing is allowed: an own DNS that says no at once" {
    scene <<'END'
serve neighbour http:203.0.113.2/80 dns:203.0.113.2/53
start=$(date +%s%N)
box --network filtered -- python3 client.py name:good.test tcp:203.0.113.2/80
echo "took $((($(date +%s%N) - start) / 1000000))"
box --network filtered -- cat /etc/resolv.conf
box --network filtered -- ip -o addr
END
    [ "$status" -eq 0 ]
    has '^refused name:good.test: .*not known'
    has '^refused tcp:203.0.113.2/80: ENETUNREACH'
    [ "$(sed -n 's/^took //p' <<<"$output")" -lt "$((1500 * KELP_TEST_SLOW))" ]
    has '^nameserver 198.18.0.1'
    has 'net0 .*inet 198.18.0.2/30'
    lacks 'inet6 [^:]'
}

@test "--dns says whom the proxy asks" {
    scene <<'END'
serve neighbour http:203.0.113.2/80 dns:203.0.113.2/53
neighbour ip addr add 203.0.113.9/24 dev v2
serve_more neighbour http:203.0.113.9/80
box --allow known.test --dns 203.0.113.2 -- python3 client.py tcp:known.test/80 tcp:unknown.test/80
box --allow known.test --dns 203.0.113.2 -- cat /etc/resolv.conf
cat neighbour.log
END
    [ "$status" -eq 0 ]
    has '^reached tcp:known.test/80: hello from'
    has '^refused tcp:unknown.test/80'
    has '^met dns 203.0.113.1 known.test'
    lacks '^met dns .* unknown.test'
    has '^nameserver 198.18.0.1'
    lacks '^nameserver 203'
}

@test "names of the host's own file, of --add-host, and of the host" {
    scene <<'END'
serve neighbour http:203.0.113.2/80
hosts '203.0.113.2 good.test' '203.0.113.2 secret.test'
box --allow good.test --add-host added.test:203.0.113.2 --add-host far.test:203.0.113.3 \
    --allow 203.0.113.2 --hostname me -- \
    sh -c 'cat /etc/hosts; python3 client.py tcp:good.test/80 tcp:added.test/80 tcp:far.test/80 name:me name:localhost'
END
    [ "$status" -eq 0 ]
    has '^203.0.113.2 added.test'
    lacks secret
    lacks '^203.0.113.2 good'
    has '^reached tcp:good.test/80'
    has '^reached tcp:added.test/80'
    has '^refused tcp:far.test/80: ENETUNREACH'
    has '^reached name:me: 127.0.1.1'
    has '^reached name:localhost: '
}

@test "an image has its names from the gateway, too" {
    scene <<'END'
serve neighbour http:203.0.113.2/80
hosts '203.0.113.2 good.test'
image
box --userns single --allow good.test ./root sh -c 'cat /etc/resolv.conf;
    busybox wget -qO- http://good.test/; busybox wget -qO- -T 3 http://other.test/ || echo "wget $?"'
END
    [ "$status" -eq 0 ]
    has '^nameserver 198.18.0.1'
    has '^hello from neighbour'
    has '^wget 1'
}

@test "without newuidmap and without slirp4netns" {
    scene <<'END'
serve neighbour http:203.0.113.2/80
hosts '203.0.113.2 good.test'
image
for name in slirp4netns newuidmap newgidmap; do
    program=$(command -v "$name") || continue
    mount --bind /dev/null "$program"
done
box --allow good.test ./root busybox wget -qO- http://good.test/
box --allow good.test -- python3 client.py tcp:good.test/80
END
    [ "$status" -eq 0 ]
    has '^hello from neighbour'
    has '^reached tcp:good.test/80'
}

@test "an image with subordinate ids" {
    command -v newuidmap >/dev/null && grep -q "^$(id -un):" /etc/subuid ||
        skip "the machine lacks subordinate ids of this user"
    export XDG_DATA_HOME=$PWD/data
    make_rootfs root
    run -0 "$KELP" run --allow good.test --userns subids ./root ip addr
    has 'inet 198.18.0.2/30'
    run "$KELP" run --allow good.test --userns subids ./root nslookup other.test
    echo "$output"
    has '^Server:.*198.18.0.1'
    has NXDOMAIN
    "$KELP" prune >/dev/null
}

@test "who allows localhost is told that it is the sandbox's own, and what lends this host's" {
    run -0 "$KELP" run --allow localhost:8080 --allow localhost -- true
    [ "${lines[0]}" = "kelp: 'localhost:8080' (option --allow): inside, that name is the sandbox's own loopback" ]
    [ "${lines[1]}" = "hint: --host-port PORT lends a port of this host's own" ]
    [ "${#lines[@]}" -eq 2 ]
    run -0 "$KELP" run --allow local.test --deny localhost -- true
    [ -z "$output" ]
}

@test "a port of this host that is lent, and no other" {
    scene <<'END'
serve host http:127.0.0.1/5432 http:127.0.0.1/5433
box --host-port 5432 -- python3 client.py tcp:127.0.0.1/5432 tcp:::1/5432 tcp:localhost/5432 tcp:127.0.0.1/5433
END
    [ "$status" -eq 0 ]
    [ "$(grep -c '^reached .*/5432: hello from host to 127.0.0.1' <<<"$output")" -eq 3 ]
    has '^refused tcp:127.0.0.1/5433: ECONNREFUSED'
    has "^kelp: port 5432 of this host's 127.0.0.1 is lent to the sandbox"
}

@test "published ports, of both families, closed afterwards" {
    scene <<'END'
with_ipv6
cp "$KELP_SRC/tests/e2e/network-server.py" server.py
in_background box.log --network filtered -p 8080:8000 -p 0.0.0.0:8081:8001 -p '[::1]:8080:8000' -- \
    python3 server.py box http:127.0.0.1/8000 http:0.0.0.0/8001
await_line box.log ready
client tcp:127.0.0.1/8080 tcp:::1/8080 tcp:127.0.0.1/8081 tcp:203.0.113.1/8081
neighbour python3 client.py tcp:203.0.113.1/8081 tcp:203.0.113.1/8080
kill "$box_pid"
wait "$box_pid" || echo "ended $?"
client tcp:127.0.0.1/8080 tcp:::1/8080 tcp:203.0.113.1/8081
serve host http:127.0.0.1/8082
box --network filtered -p 8082:80 -- echo started && exit 1 || echo "status $?"
END
    [ "$status" -eq 0 ]
    [ "$(grep -c '^reached .*hello from box to 127.0.0.1' <<<"$output")" -eq 5 ]
    has '^refused tcp:203.0.113.1/8080: ECONNREFUSED'
    has '^ended 143'
    [ "$(grep -c '^refused .*: ECONNREFUSED' <<<"$output")" -eq 4 ]
    lacks '^started'
    has '^status 125'
    has 'cannot publish 127.0.0.1:8082/tcp: the port is in use by'
}

@test "the sandbox may have the same ports itself" {
    scene <<'END'
serve neighbour http:203.0.113.2/8080
hosts '203.0.113.2 good.test'
cp "$KELP_SRC/tests/e2e/network-server.py" server.py
box --allow good.test:8080 -- sh -c '
    python3 server.py box http:0.0.0.0/8080 http:::/8080 >log & server=$!
    while ! grep -q ready log; do sleep 0.02; done
    python3 client.py tcp:127.0.0.1/8080 tcp:198.18.0.2/8080 tcp:good.test/8080
    kill $server'
END
    [ "$status" -eq 0 ]
    has '^reached tcp:127.0.0.1/8080: hello from box'
    has '^reached tcp:198.18.0.2/8080: hello from box'
    has '^reached tcp:good.test/8080: hello from neighbour'
}

@test "a rule for a port that the gateway has itself" {
    scene <<'END'
serve neighbour http:203.0.113.2/53 http:203.0.113.2/3128 http:203.0.113.2/1080
hosts '203.0.113.2 good.test'
box --allow good.test:53 --allow good.test:3128 --allow good.test:1080 -- python3 client.py \
    tcp:good.test/53 tcp:good.test/3128 tcp:good.test/1080 name:good.test
END
    [ "$status" -eq 0 ]
    [ "$(grep -c '^reached tcp:good.test/.*hello from neighbour' <<<"$output")" -eq 3 ]
    has '^reached name:good.test'
}

@test "as many ports as there may be" {
    scene <<'END'
serve neighbour http:203.0.113.2/4096 http:203.0.113.2/1
hosts '203.0.113.2 good.test'
box --allow good.test:1-4096 -- python3 client.py tcp:good.test/4096 tcp:good.test/1 tcp:good.test/4097
END
    [ "$status" -eq 0 ]
    [ "$(grep -c '^reached' <<<"$output")" -eq 2 ]
    has '^refused tcp:good.test/4097: ECONNREFUSED'
}

@test "the log: every host that was asked for; a link is not followed" {
    scene <<'END'
serve neighbour http:203.0.113.2/80
hosts '203.0.113.2 good.test'
mkdir logs work
cd work
cp ../client.py .
box --allow good.test --net-log ../logs/net -- python3 client.py tcp:good.test/80 tcp:bad.test/80
box --allow good.test --net-log ../logs/net -- python3 client.py tcp:good.test/443
jq -r '.name + " " + .verdict' ../logs/net
stat -c %a ../logs/net
ln -s ../canary ../logs/link
mkfifo ../logs/fifo
for log in link fifo none/at-all; do
    box --allow good.test --net-log "../logs/$log" -- echo started && exit 1 || echo "status $?"
done
ls ..
END
    [ "$status" -eq 0 ]
    has '^good.test allowed'
    has '^bad.test refused'
    [ "$(grep -c '^good.test ' <<<"$output")" -ge 2 ]
    has '^600'
    [ "$(grep -c '^status 125' <<<"$output")" -eq 3 ]
    lacks '^started'
    lacks canary$
    has "is a symlink, which is not followed"
    has '^hint: name the file itself'
}

@test "a log that may not grow has an end, and the network has none" {
    scene <<'END'
serve neighbour http:203.0.113.2/80
hosts '203.0.113.2 good.test'
head -c 4096 /dev/zero >log
ulimit -f 4
box --allow good.test --net-log log -- python3 client.py tcp:good.test/80 tcp:bad.test/80 tcp:good.test/80
stat -c 'size %s' log
END
    [ "$status" -eq 0 ]
    [ "$(grep -c '^reached tcp:good.test/80' <<<"$output")" -eq 2 ]
    has 'cannot write the log of the network: File too large'
    has '^size 4096'
}

@test "the host's own HTTP proxy is gone through, and its password stays outside" {
    scene <<'END'
cat >proxy.py <<'PY'
import socket
s = socket.create_server(("203.0.113.2", 3128))
print("ready", flush=True)
while True:
    c, _ = s.accept()
    print("asked " + c.recv(4096).decode().replace("\r\n", "|"), flush=True)
    c.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    c.recv(4096)
    c.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello by the proxy\n")
    c.close()
PY
nsenter -t "$neighbour_pid" -n -- python3 proxy.py >proxy.log 2>&1 3>&- &
await_line proxy.log ready
serve neighbour http:203.0.113.2/80
hosts '203.0.113.2 direct.test'
export https_proxy=http://ann:s3cret@203.0.113.2:3128 no_proxy=direct.test
box --allow nowhere.test --allow direct.test -- sh -c 'python3 client.py tcp:nowhere.test/443 tcp:direct.test/80 tcp:203.0.113.2/3128; env'
box --allow nowhere.test --dry-run -- true | grep ^upstream
box --allow 203.0.113.7 -- echo alone 2>&1 | sed 's/^/by address: /'
cat proxy.log
END
    [ "$status" -eq 0 ]
    has '^reached tcp:nowhere.test/443: hello by the proxy'
    has '^reached tcp:direct.test/80: hello from neighbour'
    has '^refused tcp:203.0.113.2/3128: ENETUNREACH'
    has '^asked CONNECT nowhere.test:443 HTTP/1.1|.*Basic YW5uOnMzY3JldA=='
    has '^upstream      203.0.113.2 port 3128, of https_proxy'
    has '^kelp: the proxy of https_proxy looks names up, and may lead them to this host'
    has '^by address: alone'
    lacks '^by address: kelp'
    lacks s3cret
    lacks '^https_proxy'
}

@test "the events of the status stream, and the plan that is printed" {
    scene <<'END'
box --allow good.test:22 --deny bad.test --host-port 7 --status-fd 3 -- true 3>status
jq -c . status
box --dry-run --allow good.test:22 --deny bad.test --host-port 7 -- true | grep -A5 ^network
END
    [ "$status" -eq 0 ]
    has '{"event":"network","mode":"filtered","rules":2,"host-ports":1}'
    has '{"event":"rule","verdict":"allow","rule":"good.test:22","origin":"option --allow"}'
    has '{"event":"rule","verdict":"deny","rule":"bad.test","origin":"option --deny"}'
    has '^network       filtered: '
    has '^allowed       good.test:22  (option --allow)'
    has '^denied        bad.test  (option --deny)'
    has "^host port     7 of the host's 127.0.0.1 is lent"
}

@test "a policy of one's own has hosts" {
    scene <<'END'
serve neighbour http:203.0.113.2/80
hosts '203.0.113.2 good.test other.test'
printf '[network]\nallow = good.test *.example\ndeny = bad.example\n' >my.policy
box --policy ./my.policy -- python3 client.py tcp:good.test/80 tcp:other.test/80
box --policy ./my.policy --allow other.test -- python3 client.py tcp:good.test/80 tcp:other.test/80
box --policy ./my.policy --network none -- python3 client.py tcp:good.test/80 tcp:other.test/80
box --policy ./my.policy --network user -- echo started && exit 1 || echo "status $?"
END
    [ "$status" -eq 0 ]
    [ "$(grep -c '^reached tcp:good' <<<"$output")" -eq 2 ]
    [ "$(grep -c '^reached tcp:other' <<<"$output")" -eq 1 ]
    [ "$(grep -c '^refused' <<<"$output")" -eq 3 ]
    has '^status 125'
    has "my.policy:3: 'bad.example' can be denied in a filtered network alone"
}

@test "a proxy that is missing, broken, silent or odd: nothing starts" {
    scene <<'END'
own_kelp
fails() {
    box --allow good.test -- echo started && exit 1 || echo "status $?"
}
stand_in 'exec sleep 20'
cp -r kelp slow
KELP=$PWD/slow/src/cli/kelp in_background slow.log --allow good.test -- echo started
stand_in 'exit 3'
fails
stand_in 'kill -9 $$'
fails
stand_in 'exec python3 -c "import os, sys; os.write(int(sys.argv[1]), b\"error no such luck\\nlook elsewhere\")" "$1"'
fails
stand_in 'printf started >&"$1"; sleep 1'
fails
rm kelp/helpers/proxy/kelp-proxy
fails
wait "$box_pid" || echo "status $?"
cat slow.log
END
    [ "$status" -eq 0 ]
    lacks '^started'
    [ "$(grep -c '^status 125' <<<"$output")" -eq 6 ]
    has "^kelp: --network filtered: the helper 'kelp-proxy' is not installed"
    has '^kelp: --network filtered: kelp-proxy ended with status 3 before it was ready'
    has '^kelp: --network filtered: kelp-proxy was killed by signal 9 (KILL) before it was ready'
    has '^kelp: --network filtered: no such luck'
    has '^hint: look elsewhere'
    has '^kelp: --network filtered: kelp-proxy says what nobody asked for'
    has '^kelp: --network filtered: kelp-proxy was not ready within 8 seconds'
}

@test "namespaces or descriptors that run out: nothing starts, and it says why" {
    scene <<'END'
unshare -U --map-user="$scene_uid" --map-group="$scene_gid" -- sh -c '
    ulimit -n 150; "$KELP" run --allow good.test:1-100 --allow "[2001:db8::1]:1-100" -- echo started || echo "status $?"
    ulimit -n 64; "$KELP" run --allow good.test:1-100 -- echo started || echo "status $?"'
unshare -Ur sh -c 'echo 1 >/proc/sys/user/max_net_namespaces; "$KELP" run --allow good.test -- echo started || echo "status $?"'
END
    [ "$status" -eq 0 ]
    lacks '^started'
    [ "$(grep -c '^status 125' <<<"$output")" -eq 3 ]
    has '^kelp: --network filtered: the limit of 64 open files is too low for the 100 ports of the rules'
    # an address of IPv6 has listeners of its own
    has '^kelp: --network filtered: the limit of 150 open files is too low for the 200 ports of the rules'
    has '^hint: .*ulimit -n'
    has '^kelp: --network filtered: cannot create the network namespace of the gateway: No space left'
    has '^hint: .*user.max_net_namespaces is 1 here'
}

@test "a proxy that is killed is noticed; the sandbox has no network then, and the run goes on" {
    scene <<'END'
serve neighbour http:203.0.113.2/80
hosts '203.0.113.2 good.test'
in_background box.log --allow good.test -p 8080:80 -- sh -c 'grep net0: /proc/net/dev
    python3 client.py tcp:good.test/80
    while [ ! -e go ]; do sleep 0.05; done
    python3 client.py tcp:198.19.0.1/80 tcp:good.test/80
    # the kernel takes the wire away some time after its other end has no owner
    for turn in $(seq 400); do grep -q net0: /proc/net/dev || break; sleep 0.05; done
    echo gone
    for turn in 1 2 3; do python3 client.py tcp:198.19.0.1/80 tcp:good.test/80; done; exit 7'
await_line box.log reached
for proxy in $(proxies_of "$box_pid"); do kill -9 "$proxy"; done
await_line box.log 'kelp: kelp-proxy has ended: the sandbox is'
await_line box.log 'kelp: kelp-proxy has ended: the sandbox.s ports'
touch go
wait "$box_pid" || echo "status $?"
cat box.log
END
    [ "$status" -eq 0 ]
    has '^status 7'
    has '^ *net0:'
    [ "$(sed '/^gone/,$d' <<<"$output" | grep -c '^reached')" -eq 1 ]
    [ "$(sed '1,/^gone/d' <<<"$output" | grep -c '^refused tcp:198.19.0.1/80: ENETUNREACH')" -eq 3 ]
    [ "$(grep -c '^refused tcp:198.19.0.1/80' <<<"$output")" -eq 4 ]
    [ "$(grep -c '^refused tcp:good.test/80' <<<"$output")" -eq 4 ]
}

@test "nothing is left when kelp, its pid 1, or the proxies are killed" {
    scene <<'END'
serve neighbour http:203.0.113.2/80
hosts '203.0.113.2 good.test'
for who in kelp init; do
    in_background "$who.log" --allow good.test -p 8080:80 -- sh -c 'echo up; exec sleep 100'
    await_line "$who.log" up
    proxies=$(proxies_of "$box_pid")
    victim=$box_pid
    [ "$who" = kelp ] || victim=$(pgrep -P "$box_pid" -x kelp-init)
    [ "$(wc -w <<<"$proxies")" -eq 2 ]
    kill -9 "$victim"
    for proxy in $proxies; do await_end "$proxy"; done
    await_end "$box_pid"
    client tcp:127.0.0.1/8080
done
END
    [ "$status" -eq 0 ]
    [ "$(grep -c '^refused tcp:127.0.0.1/8080: ECONNREFUSED' <<<"$output")" -eq 2 ]
}

@test "what the proxies hold and see" {
    scene <<'END'
hosts '203.0.113.2 good.test'
in_background box.log --allow good.test -p 8080:80 -- sh -c 'echo up; exec sleep 100'
await_line box.log up
mine=$(readlink /proc/self/ns/net)
for proxy in $(proxies_of "$box_pid"); do
    grep -H -e CapEff -e CapPrm -e NoNewPrivs -e '^Seccomp:' "/proc/$proxy/status" | sed "s/^.*status:/p /"
    [ "$(ls "/proc/$proxy/fd" 2>/dev/null | wc -l)" -eq 0 ] && echo closed
    cut -d' ' -f6 "/proc/$proxy/stat" | grep -qx "$proxy" && echo own session
    sed -n 's/^Max open files *\([0-9]*\) *\([0-9]*\) .*/limit \1 \2/p' "/proc/$proxy/limits"
done
kill "$box_pid"
wait "$box_pid" || echo "ended $?"
END
    [ "$status" -eq 0 ]
    [ "$(grep -c '^p CapEff:	0000000000000000' <<<"$output")" -eq 2 ]
    [ "$(grep -c '^p CapPrm:	0000000000000000' <<<"$output")" -eq 2 ]
    [ "$(grep -c '^p NoNewPrivs:	1' <<<"$output")" -eq 2 ]
    [ "$(grep -c '^p Seccomp:	2' <<<"$output")" -eq 2 ]
    [ "$(grep -cx 'own session' <<<"$output")" -eq 2 ]
    # also root of the surrounding user namespace may not look into them
    [ "$(grep -cx closed <<<"$output")" -eq 2 ]
    # what 4,096 connections need, or all that they may have
    awk -v hard="$(ulimit -Hn)" '
        $1 == "limit" && $3 == hard && ($2 == hard || ($2 >= 6 * 4096 && $2 < 6.5 * 4096)) { n++ }
        END { exit n != 2 }' <<<"$output"
}
