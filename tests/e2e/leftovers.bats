#!/usr/bin/env bats
# Nothing is left of a run: no process, mount, file, socket, IPC object or terminal.

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    dir=$BATS_TEST_TMPDIR
    leak=$KELP_BUILD/tests/fault/leak
    # the place of the state directory stays, and nothing in it
    mkdir -m 0700 "$dir"/{home,tmp,run,run/kelp,run/kelp/boxes,run/kelp/names,ws}
    export HOME=$dir/home TMPDIR=$dir/tmp XDG_RUNTIME_DIR=$dir/run
    export XDG_DATA_HOME=$dir/data XDG_CACHE_HOME=$dir/cache XDG_STATE_HOME=$dir/state
    make_rootfs "$dir/rootfs"
    cd "$dir/ws" || return 1
}

state() {
    cat /proc/self/mountinfo
    (cd "$dir" && find . | sort)
    # what other tests make there, side by side with this one, is kelp-NAME.RANDOM
    find /dev/shm -iname '*kelp*' ! -path '/dev/shm/kelp-*.??????*' 2>/dev/null || true
}

# Runs the command; the state after it must be that before, and no descendant may live.
leaves_nothing() {
    local before

    before=$(state)
    # no process has this name, so none is killed
    run "$leak" -n nobody -- "$@"
    echo "$output"
    [[ $output == *"left=0 hung=0"* ]]
    diff <(echo "$before") <(state)
}

@test "a run that ends by itself" {
    leaves_nothing "$KELP" run -- sh -c 'touch /tmp/a /dev/shm/b; exit 3'
}

@test "a run that leaves daemons behind" {
    leaves_nothing "$KELP" run -- sh -c 'setsid sleep 100 & (setsid sh -c "trap \"\" TERM HUP; sleep 100" &) ; sleep 0.1'
}

@test "a container" {
    leaves_nothing "$KELP" run --network none "$dir/rootfs" sh -c 'touch /a /tmp/b; sleep 100 & true'
}

@test "a network" {
    [ -w /dev/net/tun ] || skip "the machine lacks a usable /dev/net/tun"
    leaves_nothing "$KELP" run --network user -p 127.0.0.1:0:80 -- true
    leaves_nothing "$KELP" run --network user -- true
}

@test "a filtered network" {
    touch "$dir/ws/log"
    leaves_nothing "$KELP" run --allow good.test --host-port 22 --net-log "$dir/ws/log" -- true
    leaves_nothing "$KELP" run --allow good.test --net-log "$dir/ws/log" -- sh -c 'sleep 100 & exit 3'
    leaves_nothing "$KELP" run --allow good.test -p 127.0.0.1:1:80 -- true
}

@test "runs that fail before they start" {
    leaves_nothing "$KELP" run -- /no/such/program
    leaves_nothing "$KELP" run -v /no/such:/x -- true
    leaves_nothing "$KELP" run --network none "$dir/rootfs" absent
    leaves_nothing "$KELP" run no-such-image true
}

@test "a time limit" {
    leaves_nothing "$KELP" run --timeout 200ms -- sh -c 'trap "" TERM; sleep 100 & sleep 100'
}

@test "200 runs in a row, two at a time" {
    local before
    before=$(state)
    seq 200 | xargs -P 2 -I{} "$KELP" run -- true
    diff <(echo "$before") <(state)
}

@test "limits of the user: too few processes or descriptors end in one line, and in nothing left" {
    local n
    for n in 3 4 5 6 8 10 12 16 20 30 40; do
        run "$leak" -n nobody -- bash -c "ulimit -n $n; exec \"\$@\"" bash "$KELP" run -- true
        [[ $output == *"left=0 hung=0 status="@(0|125)* ]] || {
            echo "nofile $n: $output"
            false
        }
    done
}

@test "a full or read-only TMPDIR is no matter" {
    export TMPDIR=/proc
    run -0 "$KELP" run -- true
    run -0 env -u TMPDIR -u XDG_RUNTIME_DIR "$KELP" run -- true
}
