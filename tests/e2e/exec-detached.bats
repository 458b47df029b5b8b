#!/usr/bin/env bats
# kelp exec into sandboxes that are left running (run -d), of every kind, and at their end.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside
# shellcheck disable=SC2154 # $output and the like are bats' own

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/boxes

setup() {
    boxes_setup
    export HOME=$BATS_TEST_TMPDIR/home XDG_DATA_HOME=$BATS_TEST_TMPDIR/data XDG_STATE_HOME=$BATS_TEST_TMPDIR/state
    mkdir -p "$HOME"
}

# Starts `kelp exec ARG...` in the background: its pid is in $client, its output in "out".
start() {
    rm -f started
    "$KELP" exec "$@" >out 2>&1 </dev/null 3>&- &
    client=$!
}

# The client ends with status $1, and "out" has the line $2.
ends_with() {
    local status=0

    wait "$client" || status=$?
    echo "status $status, not $1? the output:"
    cat out
    [ "$status" = "$1" ] && grep -qxF -- "$2" out
}

# That the sandbox $1 comes to have nothing in it but its payload.
is_empty_again() {
    wait_for has_payload_alone "$1" || {
        "$KELP" exec "$1" ps ax
        return 1
    }
}

@test "output, input, status, environment, directory and user" {
    MARK=of-the-sandbox "$KELP" run -d --name box -e MARK --ulimit nofile=77 -- sleep 1000
    run -7 "$KELP" exec box sh -c 'pwd; id -u; echo "$MARK"; ulimit -n; tr "\0" " " </proc/2/cmdline; exit 7'
    [ "$output" = "$PWD"$'\n'"$(id -u)"$'\nof-the-sandbox\n77\nsleep 1000 ' ]
    run -0 sh -c 'seq 50000 | "$KELP" exec box sh -c "cat; echo no >&2" 2>err | cksum'
    [ "$output" = "$(seq 50000 | cksum)" ]
    [ "$(cat err)" = no ]
    run -0 "$KELP" exec -e A=1 -w /tmp -u "$(id -u):$(id -g)" box sh -c 'echo "$A $PWD"'
    [ "$output" = "1 /tmp" ]
    run -143 "$KELP" exec box sh -c 'kill -TERM $$'
    run -127 "$KELP" exec box no-such-command
    run -0 "$KELP" exec -t box sh -c 'tty; stty size' </dev/null
    [[ ${lines[0]} == /dev/pts/* ]]
    is_empty_again box
}

@test "a command is of the kind that the payload is, to the last line" {
    local facts
    mapfile -t facts < <(ns_facts)
    cp "$PROBE" probe
    umask 027
    "$KELP" run -d --name box --ulimit nproc=500 -- \
        sh -c "./probe fingerprint ${facts[*]} </dev/null >of-payload 2>&1; >ready; exec sleep 1000"
    await_file ready
    umask 022
    "$KELP" exec box sh -c "./probe fingerprint ${facts[*]} </dev/null >of-command 2>&1; exit 0"
    diff of-payload of-command
    [ "$(wc -l <of-command)" -gt 60 ]
    # the control: what differs is seen
    "$KELP" exec -e NEW=1 box sh -c "./probe fingerprint ${facts[*]} </dev/null >of-command 2>&1; exit 0"
    run ! diff -q of-payload of-command
}

@test "what kelp and its user have in their environment is not the command's" {
    export OUTER=secret AWS_SECRET_ACCESS_KEY=secret LD_PRELOAD='' BASH_ENV=/nowhere
    "$KELP" run -d --name box -- sleep 1000
    run -0 "$KELP" exec box env
    [[ $output != *secret* && $output != *LD_PRELOAD* && $output != *BASH_ENV* && $output != *KELP* ]]
    # the control: what was asked for is
    run -0 "$KELP" exec -e OUTER box env
    [[ $output == *OUTER=secret* ]]
}

@test "twenty at once each get their own, and leave nothing" {
    local i clients=()
    "$KELP" run -d --name box -- sleep 1000
    for ((i = 1; i <= 20; i++)); do
        "$KELP" exec box sh -c "echo $i; cat; exit $i" <<<"in $i" >"out.$i" 2>&1 3>&- &
        clients+=($!)
    done
    for ((i = 1; i <= 20; i++)); do
        status=0
        wait "${clients[i - 1]}" || status=$?
        [ "$status" = "$i" ]
        [ "$(cat "out.$i")" = "$i"$'\n'"in $i" ]
    done
    is_empty_again box
}

@test "commands in a sandbox that is stopped end with it, and none begins any more" {
    "$KELP" run -d --name box -- sh -c 'trap "" TERM; echo up >up; while :; do sleep 0.05; done'
    await_file up
    start box sh -c 'echo in >started; exec sleep 1000'
    await_file started
    begin=$SECONDS
    "$KELP" stop -t $((2 * KELP_TEST_SLOW)) box >stopped 3>&- &
    # until then it is entered as ever, or told to have ended
    for ((i = 0; SECONDS - begin < 60; i++)); do
        run "$KELP" exec box echo in
        [ "$status:$output" = 0:in ] || break
    done
    echo "after $i: $status: $output"
    [ "$i" -gt 2 ]
    # what has begun may have said so before
    [ "$status:${lines[0]}" = "125:kelp: sandbox 'box' has ended" ] ||
        [ "$status:${lines[-1]}" = "137:kelp: sandbox 'box' has ended, and the command with it" ]
    ends_with 137 "kelp: sandbox 'box' has ended, and the command with it"
    run -125 "$KELP" exec box true
    [ "${lines[0]}" = "kelp: sandbox 'box' has ended" ]
    [ "${lines[1]}" = "hint: kelp ps lists those that run" ]
    run -0 "$KELP" wait box
    [ "$output" = 137 ]
}

@test "at each moment of the end a command runs, or it is said that the sandbox has ended" {
    local i k bad=0 n=5
    [ -z "${KELP_TEST_LONG:-}" ] || n=50
    for ((i = 0; i < n; i++)); do
        "$KELP" run -d --name "box-$i" -- sleep 1000 >/dev/null
        for k in 1 2 3 4; do
            while "$KELP" exec "box-$i" echo in; do :; done >"out.$k" 2>&1 3>&- &
        done
        sleep "0.0$((i % 10))"
        "$KELP" kill "box-$i"
        wait
        [ "$("$KELP" wait "box-$i")" = 137 ]
        for k in 1 2 3 4; do
            grep -vxE "in|hint: .*|kelp: sandbox 'box-$i' has ended(, and the command with it)?" "out.$k" && bad=1
        done
        "$KELP" rm "box-$i"
    done
    [ "$bad" = 0 ]
    nothing_left
}

@test "where pid 1 was killed the command goes, too, and that is said" {
    "$KELP" run -d --name box -- sleep 1000
    start box sh -c 'echo in >started; exec sleep 1000'
    await_file started
    kill -9 "$(field box pid)"
    ends_with 137 "kelp: sandbox 'box' has ended, and the command with it"
    run -125 "$KELP" exec box true
    [ "${lines[0]}" = "kelp: sandbox 'box' has ended" ]
    run -0 "$KELP" wait box
    [ "$output" = 137 ]
}

@test "where the supervisor was killed the command goes, too, and that is said" {
    "$KELP" run -d --name box -- sleep 1000
    start box sh -c 'echo in >started; exec sleep 1000'
    await_file started
    kill -9 "$(field box supervisor_pid)"
    ends_with 137 "kelp: sandbox 'box' has ended, and the command with it"
    run -125 "$KELP" exec box true
    [ "${lines[0]}" = "kelp: sandbox 'box' has ended" ]
}

@test "a new sandbox of the same name is another one" {
    "$KELP" run -d --name box -- sleep 1001
    start box sh -c 'echo in >started; exec sleep 1000'
    await_file started
    "$KELP" rm -f box
    "$KELP" run -d --name box -- sleep 1002
    # the old client speaks of the one that it was in
    ends_with 137 "kelp: sandbox 'box' has ended, and the command with it"
    run -0 "$KELP" exec box sh -c 'tr "\0" " " </proc/2/cmdline'
    [ "$output" = "sleep 1002 " ]
    is_empty_again box
}

@test "images: root, a user by number and by name, one of nobody's" {
    make_rootfs root
    for userns in single $(! has_subids_here || echo subids); do
        "$KELP" run -d --name "$userns" --network none --userns "$userns" ./root sleep 1000
        run -0 "$KELP" exec "$userns" sh -c 'id -u; pwd; echo "$HOME"; cat /etc/hostname 2>/dev/null; echo in >/root/file'
        [ "${lines[0]} ${lines[1]} ${lines[2]}" = "0 / /root" ]
        run -0 "$KELP" exec -w /root "$userns" cat file
        [ "$output" = in ]
        run -125 "$KELP" exec -u nobody-such "$userns" true
        [ "${lines[0]}" = "kelp: there is no user 'nobody-such' in the sandbox" ]
        run -125 "$KELP" exec -u 0:nothing "$userns" true
        [ "${lines[0]}" = "kelp: there is no group 'nothing' in the sandbox" ]
        is_empty_again "$userns"
    done
    # one id is all that there is
    run -125 "$KELP" exec -u bob single true
    [[ ${lines[0]} == "kelp: user 1000 "* ]]
    has_subids_here || return 0
    run -0 "$KELP" exec -u bob subids sh -c 'id -u; id -g; echo "$HOME"; touch /root/x 2>/dev/null || echo refused'
    [ "$output" = $'1000\n1000\n/home/bob\nrefused' ]
    run -0 "$KELP" exec -u 1000:0 subids sh -c 'id -u; id -g; grep CapEff /proc/self/status'
    [ "$output" = $'1000\n0\nCapEff:\t0000000000000000' ]
    # the terminal is that user's
    run -0 "$KELP" exec -t -u bob subids sh -c 'stat -c %u $(tty)' </dev/null
    [[ $output == 1000* ]]
}

# bats' own load does not see escape.bash, which is for the suites of checks.
has_subids_here() {
    command -v newuidmap >/dev/null && grep -q "^$(id -un):" /etc/subuid /etc/subgid 2>/dev/null
}

@test "root of an image may be told to be somebody else for the payload, and exec for the command" {
    has_subids_here || skip "the machine lacks subordinate ids of this user"
    make_rootfs root
    "$KELP" run -d --name box --network none -u bob --userns subids ./root sleep 1000
    run -0 "$KELP" exec box id -u
    [ "$output" = 1000 ]
    run -0 "$KELP" exec -u root box id -u
    [ "$output" = 0 ]
}

# That a command has the payload's network, which is not the host's, with the interfaces $2.
same_network() {
    local look='readlink /proc/self/ns/net; cut -d: -f1 /proc/net/dev | tr -d " "'

    await_file "$1.net.done"
    run -0 "$KELP" exec "$1" sh -c "$look"
    diff <(echo "$output") "$1.net"
    [ "${lines[0]}" != "$(readlink /proc/self/ns/net)" ]
    [[ " ${lines[*]} " == *" $2 "* ]]
}

network_box() {
    local name=$1
    shift

    "$KELP" run -d --name "$name" "$@" -- \
        sh -c "{ readlink /proc/self/ns/net; cut -d: -f1 /proc/net/dev | tr -d ' '; } >$name.net; >$name.net.done; exec sleep 1000"
}

@test "networks: none and filtered" {
    network_box none --network none
    same_network none lo
    network_box filtered --allow good.test
    same_network filtered net0
    # what is not allowed is not for the command, either
    run "$KELP" exec filtered python3 -c 'import socket
try:
    socket.create_connection(("1.1.1.1", 80), 3)
except OSError as e:
    print("refused", type(e).__name__)'
    [[ $output == refused* ]]
}

@test "network: user" {
    [ -r /dev/net/tun ] && [ -w /dev/net/tun ] && command -v slirp4netns >/dev/null ||
        skip "the machine lacks slirp4netns or a usable /dev/net/tun"
    network_box user --network user
    same_network user lo
}

@test "under review what a command writes is in the review" {
    echo one >a
    "$KELP" run -d --name box --review --writable . -- sleep 1000
    run -0 "$KELP" exec box sh -c 'echo two >a; echo new >b; cat a'
    [ "$output" = two ]
    [ "$(cat a)" = one ]
    [ ! -e b ]
    "$KELP" stop -t 0 box
    run -0 "$KELP" diff
    local id=${lines[-1]%% *}
    run -0 "$KELP" diff "$id"
    [ "$output" = $'M  a\nA  b' ]
    "$KELP" apply "$id"
    [ "$(cat a b)" = $'two\nnew' ]
}

@test "in a sandbox at its limit of processes a command starts none" {
    "$KELP" run -d --name box --pids-limit 20 -- python3 -c 'import os, time
try:
    for _ in range(40):
        if os.fork() == 0:
            time.sleep(1000)
except OSError:
    open("full", "w").close()
time.sleep(1000)'
    await_file full
    # one that stays so is ended, and the command with it
    run timeout 20 "$KELP" exec box sh -c '(echo one)'
    echo "$status: $output"
    [ "$status" != 0 ]
    [ "$status" != 124 ]
    [[ $output != one* ]]
    # the control: below it a command starts some
    "$KELP" run -d --name other --pids-limit 20 -- sleep 1000
    run -0 "$KELP" exec other sh -c '(echo one)'
    [ "$output" = one ]
}

@test "a client that is killed takes its command along" {
    "$KELP" run -d --name box -- sleep 1000
    start box sh -c 'echo in >started; exec sleep 1001'
    await_file started
    kill -9 "$client"
    is_empty_again box
}

@test "--rm: what ran by exec does not keep the sandbox" {
    "$KELP" run -d --rm --name box -- sleep 1000
    start box sh -c 'trap "" TERM HUP INT; echo in >started; while :; do sleep 0.1; done'
    await_file started
    "$KELP" stop -t 5 box
    ends_with 137 "kelp: sandbox 'box' has ended, and the command with it"
    nothing_left
}
