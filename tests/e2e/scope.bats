#!/usr/bin/env bats
# Limits by a scope of the user's systemd: what is asked for, and what becomes of each answer.  The
# systemd here is one that only answers; what a real one gives is in tests/vm/limits.bats.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    helper=$KELP_BUILD/helpers/scope/kelp-scope
    started=()
    # no path of a socket may be long
    bus=$(mktemp -d /tmp/kelp-bus.XXXXXX)
    export DBUS_SESSION_BUS_ADDRESS=unix:path=$bus/socket XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
    mkdir -m 700 run
}

teardown() {
    [ ${#started[@]} = 0 ] || kill -CONT "${started[@]}" 2>/dev/null || true
    [ ${#started[@]} = 0 ] || kill "${started[@]}" 2>/dev/null || true
    rm -rf "$bus"
}

start_bus() {
    printf '%s\n' '<busconfig><type>session</type>' "<listen>unix:path=$bus/socket</listen>" \
        '<policy context="default"><allow send_destination="*"/><allow receive_type="*"/>' \
        '<allow own="*"/></policy></busconfig>' >bus.conf
    dbus-daemon --config-file=bus.conf --nofork --nopidfile 3>&- >bus.log 2>&1 &
    daemon=$!
    started+=("$daemon")
    until [ -S "$bus/socket" ]; do
        kill -0 "$daemon"
        sleep 0.05
    done
}

# fake HOW: a systemd on the bus that answers so
fake() {
    start_bus
    mkfifo ready
    # the one that has modules of packages
    /usr/bin/python3 "$KELP_SRC/tests/lib/fake-systemd.py" "$1" "${2:-/x/kelp-1.scope}" asked 3>&- >ready 2>fake.log &
    started+=($!)
    read -r _ <ready
}

# As where a login has given a systemd with all controllers: for fake root in a mount namespace.
with_manager() {
    unshare -Urm sh -euc '
        mount -t tmpfs none /run
        mkdir -p /run/user/0 /run/systemd/system
        touch /run/user/0/bus
        at=$(findmnt -nt cgroup2 -o TARGET | head -n 1)
        mount -t tmpfs none "$at"
        mkdir -p "$at/user.slice/user-0.slice/user@0.service"
        echo cpu memory pids >"$at/user.slice/user-0.slice/user@0.service/cgroup.controllers"
        exec "$@"' sh "$@"
}

@test "what is asked for, and the answer" {
    fake well /x/y.slice/kelp-1.scope
    run -0 "$helper" 4711 kelp-1.scope
    [ "$output" = /x/y.slice/kelp-1.scope ]
    [ "$(jq -c . asked)" = '{"name":"kelp-1.scope","mode":"fail","properties":{"Description":"A sandbox of kelp","PIDs":[4711],"Delegate":1,"CollectMode":"inactive-or-failed"},"others":[]}' ]
}

@test "each way to fail has its words" {
    local status=0

    run -125 "$helper" 4711
    [ "${lines[1]}" = "hint: kelp-scope [--attach] PID UNIT [SLICE|BELOW]" ]
    run -125 "$helper" 4711 kelp-1.scope
    [ "${lines[0]}" = "kelp: cannot reach the message bus at '$DBUS_SESSION_BUS_ADDRESS': No such file or directory" ]
    [[ ${lines[1]} == "hint: "*"dbus-user-session"* ]]
    start_bus
    run -125 "$helper" 4711 kelp-1.scope
    [ "${lines[0]}" = "kelp: no systemd of yours is on the message bus" ]
    # whoever is stopped does not stop us
    kill -STOP "$daemon"
    "$helper" 4711 kelp-1.scope || status=$?
    [ "$status" = 142 ]
}

@test "a systemd that refuses, fails, says nothing or nonsense" {
    local how
    declare -A words=(
        [refuse]='your systemd gives no scope: there is no room'
        [failed]="your systemd could not start the scope: its job ended as 'failed'"
        [silent]='your systemd does not start the scope'
        [broken]='your systemd does not tell the cgroup of the scope: *'
    )

    for how in "${!words[@]}"; do
        fake "$how"
        run -125 "$helper" 4711 kelp-1.scope
        # shellcheck disable=SC2053 # a pattern
        [[ ${lines[0]} == "kelp: "${words[$how]} ]]
        kill "${started[@]}"
        started=()
        rm -f ready "$bus/socket"
    done
}

@test "kelp run asks where a limit needs it, and not for --dry-run" {
    fake well
    run -0 with_manager "$KELP" run -m 64m --cpus 1.5 --pids-limit 9 --dry-run -- true
    for line in 'memory        64m' 'processors    1.500' 'processes     9'; do
        grep -qx "$line, by a cgroup of its own, in a scope that your systemd is asked for" <<<"$output"
    done
    run -0 with_manager "$KELP" doctor
    grep -q '^ok       cgroups  *a cgroup for each sandbox, in a scope of your systemd, limits memory' <<<"$output"
    run -0 with_manager "$KELP" run --timeout 60 --ulimit nofile=100 -- true
    [ ! -e asked ]
}

@test "a scope that we are not in is no place: looks instead, which is said, or no run" {
    fake well
    run -0 with_manager "$KELP" run -m 64m --pids-limit 9 -- echo fine
    [ "$output" = "kelp: kelp is not in the scope that your systemd has told of; kelp looks at the sandbox from outside instead
fine" ]
    [ "$(jq -r .name asked | grep -cE '^kelp-[0-9]+-[0-9a-f]+\.scope$')" = 1 ]
    run -137 with_manager "$KELP" run -m 64m -- python3 -c 'x = []
while True: x.append(bytearray(b"1" * (1 << 20)))'
    [ "${lines[1]}" = "kelp: the limit of 64 MiB of memory ended the run" ]
    run -125 with_manager "$KELP" run --cpus 1 -- touch made
    [ "${lines[0]}" = "kelp: a limit on processors needs a cgroup: kelp is not in the scope that your systemd has told of" ]
    [ "${lines[1]}" = "hint: go without: --limits best-effort" ]
    [ ! -e made ]
    run -0 with_manager "$KELP" run --cpus 1 --limits best-effort -- echo fine
    [ "${lines[0]}" = "kelp: nothing here enforces the limit on processors, ignoring" ]
}

@test "without a bus that answers the reason is named" {
    run -125 with_manager "$KELP" run --cpus 1 -- true
    [[ ${lines[0]} == "kelp: a limit on processors needs a cgroup: cannot reach the message bus at "* ]]
    [[ ${lines[1]} == "hint: it is that of a login with dbus-user-session installed; or go without: --limits best-effort" ]]
    run -0 with_manager "$KELP" run -m 64m -- echo fine
    [[ ${lines[0]} == "kelp: cannot reach the message bus at "*"; kelp looks at the sandbox from outside instead" ]]
    [ "${lines[1]}" = fine ]
}

@test "who asks is a program of its own: kelp links nothing of systemd" {
    run -0 readelf -d "$KELP"
    [[ $output != *libsystemd* ]]
    run -0 readelf -d "$helper"
    [[ $output == *libsystemd* ]]
}
