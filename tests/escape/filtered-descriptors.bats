#!/usr/bin/env bats
# A descriptor of somebody outside would be a way around the filtered network: a socket that the proxy, the
# launcher or a helper holds, or one that a friend outside hands over.  None can be had from inside.  Each
# way is tried without kelp first, where it works.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/filtered

setup() {
    filtered_setup
    cp "$KELP_SRC/tests/lib/descriptors.py" .
}

# described: a scene with a forbidden server on port 81, and a sandbox with all that opens one more
# descriptor in the launcher and its helpers; then what standard input says.
described() {
    scene < <(
        cat <<'END'
serve neighbour http:203.0.113.2/80
serve_more neighbour http:203.0.113.2/81
hosts '203.0.113.2 good.test'
: >net.log
all=(--allow good.test:80 -p 8080:80 --explain --net-log net.log --status-fd 9)
try() {
    python3 descriptors.py "$@"
}
END
        cat
    )
    [ "$status" -eq 0 ]
}

outside() {
    sed '/^inside$/,$d' <<<"$output"
}

inside() {
    sed '0,/^inside$/d' <<<"$output"
}

# n_of outside|inside PATTERN: how many lines match
n_of() {
    "$1" | grep -c -- "$2" || true
}

@test "no descriptor comes along, whatever the launcher was started with and has opened" {
    described <<'END'
exec 20<>/dev/tcp/203.0.113.2/81 21</proc/self/ns/net 22</ 23<descriptors.py
try mine </dev/null
echo inside
box "${all[@]}" -- python3 descriptors.py mine </dev/null 9>status
END
    [ "$(n_of outside '^descriptor 20 a socket$')" = 1 ]
    [ "$(n_of outside '^descriptor 2[123] no socket$')" = 3 ]
    [ "$(inside)" = "descriptor 0 no socket"$'\n'"descriptor 1 no socket"$'\n'"descriptor 2 no socket" ]
}

@test "those of processes outside, and of process 1, are out of reach" {
    described <<'END'
try pids "$neighbour_pid"
try take | grep child
echo inside
printf '[syscalls]\nallow = pidfd_getfd ptrace kcmp process_vm_readv\n' >open.policy
in_background box.log "${all[@]}" --policy ./open.policy -- sh -c '
    while [ ! -e pids ]; do sleep 0.02; done
    python3 descriptors.py pids $(cat pids)
    python3 descriptors.py pid1
    python3 descriptors.py take' 9>status
for ((i = 0; i < 500 * KELP_TEST_SLOW && $(proxies_of "$box_pid" | wc -l) < 2; i++)); do sleep 0.02; done
# the launcher, its proxies, the observer, and one of nobody's concern; small numbers are in use inside
for pid in "$box_pid" $(pgrep -P "$box_pid") "$neighbour_pid"; do
    [ "$pid" -le 100 ] || echo "$pid"
done >pids.new
wc -l <pids.new
mv pids.new pids
wait "$box_pid" || echo "ended $?"
cat box.log
echo default
box --allow good.test -- python3 descriptors.py take
END
    # the control: a process can be looked into, and a child's descriptor be taken
    [ "$(n_of outside '^had')" = 5 ]
    [ "$(n_of outside '^refused')" = 0 ]
    n=$(inside | head -n 1)
    [ "$n" -ge 5 ]
    [ "$(n_of inside '^refused process .* ENOENT$')" = "$n" ]
    [ "$(n_of inside '^refused descriptors of process .* ENOENT$')" = "$n" ]
    [ "$(n_of inside '^refused pidfd of [0-9]* ESRCH$')" = "$n" ]
    [ "$(n_of inside '^refused /proc/1/')" = 68 ]
    # of a child, where a policy allows it; of process 1 by no policy
    inside | sed '/^default$/,$d' | grep '^had descriptor of a child'
    [ "$(inside | sed '/^default$/,$d' | grep -c '^refused descriptor [0-9]* of process 1 EPERM$')" = 64 ]
    inside | sed '1,/^default$/d' | grep '^refused descriptor of a child EPERM$'
    [ "$(inside | sed '1,/^default$/d' | grep -c '^refused descriptor [0-9]* of process 1 EPERM$')" = 64 ]
    inside | grep '^had /proc entry of a child'
    [ "$(inside | grep '^had' | grep -vc -e 'of a child' -e '^had pidfd of process 1')" = 0 ]
}

# Of kelp's sockets one alone has a name, by which other kelps reach the supervisor: here it lies below
# the directory that the sandbox has, where a cover is on it.
@test "nobody hands one over: neither kelp's own socket is reached, nor a friend's" {
    described <<'END'
mkdir -m 0700 run
export XDG_RUNTIME_DIR=$PWD/run
for name in @kelp-friend "$PWD/friend"; do
    python3 descriptors.py serve "$name" 203.0.113.2 81 >"serve.${name##*[/@]}" 2>&1 3>&- &
    await_line "serve.${name##*[/@]}" ready
done
try unix @kelp-friend "$PWD/friend"
sort /proc/net/unix >before
in_background box.log "${all[@]}" -- sh -c '
    while [ ! -e names ]; do sleep 0.02; done
    python3 descriptors.py unix $(cat names)
    echo control
    python3 descriptors.py pass good.test 80
    python3 descriptors.py unix' 9>status
for ((i = 0; i < 500 * KELP_TEST_SLOW && $(proxies_of "$box_pid" | wc -l) < 2; i++)); do sleep 0.02; done
await_line status started
sort /proc/net/unix >after
control=$(echo "$PWD"/run/kelp/boxes/*/control)
try unix "$control" | grep from
# of all that has come with this sandbox: flags of one that listens, and names
comm -13 before after | awk '
    { n++ }
    $8 ~ "^/proc/self/fd/[0-9]+/control$" && $4 == "00010000" && $5 == "0005" { own++; next }
    $4 != "00000000" || NF > 7 { print "kelp listens:", $0 } END { print "kelp has sockets:", n; print "kelp listens for kelp:", own }'
awk -v own="$control" 'NF > 7 && $8 != "Path" { print $8 } END { print own }' after >names.new
mv names.new names
echo inside
wait "$box_pid" || echo "ended $?"
cat box.log
END
    [ "$(n_of outside '^had from .*hello from neighbour')" = 2 ]
    [ "$(n_of outside '^socket 00010000')" = 2 ]
    # there were some to look at
    outside | grep '^kelp has sockets: [1-9]'
    [ "$(n_of outside '^kelp listens: ')" = 0 ]
    [ "$(n_of outside '^kelp listens for kelp: 1$')" = 1 ]
    # the control: it is there, and takes messages, not a stream
    [ "$(n_of outside '^refused from /.*/control EPROTOTYPE$')" = 1 ]
    [ "$(inside | sed '/^control$/,$d' | grep -c '^refused from')" = 4 ]
    [ "$(inside | sed '/^control$/,$d' | grep -cE '^refused from /.*/control (ENOENT|EACCES)$')" = 2 ]
    [ "$(inside | sed '/^control$/,$d' | grep -c -e '^socket' -e '^had')" = 0 ]
    # the control: between two processes inside it works, and what listens there is seen
    inside | grep '^had passed by a child hello from neighbour'
    inside | grep '^had passed by another hello from neighbour'
    inside | sed '1,/^control$/d' | grep '^socket 00010000 .* @kelp-inside'
}
