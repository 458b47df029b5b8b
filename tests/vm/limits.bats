#!/usr/bin/env bats
# Limits that a cgroup keeps: where systemd has delegated one, and where the one above is ours.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

# alone COMMAND...: as the one process of a cgroup that systemd has delegated.
alone() {
    systemd-run --user --scope --quiet --property=Delegate=yes -- "$@"
}

# below SCRIPT: in a cgroup below one that was delegated and has no processes; $cg is its path.
below() {
    alone bash -c '
        cg=/sys/fs/cgroup$(sed -n "s/^0:://p" /proc/self/cgroup)
        mkdir "$cg/shell" && echo $$ >"$cg/shell/cgroup.procs" || exit 9
        '"$1"
}

# ends_with CODE REASON OPTION...: what "kelp run" ends with, and the reason that it tells.
ends_with() {
    local code=$1 reason=$2 status=0

    shift 2
    alone "$KELP" run --status-fd 4 "$@" 4>events 2>err || status=$?
    if [ "$status $(jq -r 'select(.event == "exited") | .reason' events)" != "$code $reason" ]; then
        echo "status $status, not $code, or not of $reason:"
        cat err events
        false
    fi
}

@test "it is said that a cgroup keeps all limits" {
    run -0 alone "$KELP" run -m 100m --cpus 0.5 --pids-limit 9 --dry-run -- true
    for line in 'memory        100m' 'processors    0.500' 'processes     9'; do
        grep -qx "$line, by a cgroup of its own" <<<"$output"
    done
    run -0 alone "$KELP" doctor
    grep -q '^ok       cgroups  *a cgroup for each sandbox limits memory, processors and processes' <<<"$output"
    # nobody has delegated this one to a kelp that is not alone in it
    run -125 "$KELP" run --cpus 1 -- true
    [[ ${lines[1]} == "hint: start it as systemd-run --user --scope "* ]]
}

@test "the kernel was told, the sandbox is in it alone, and it is gone afterwards" {
    mkfifo fifo
    below '
        "$KELP" run -m 100m --cpus 0.5 --pids-limit 9 -- sh -c "echo started; read word" <fifo >started &
        exec 3>fifo
        until grep -q started started; do sleep 0.1; done
        (cd "$cg"/kelp-*/ && grep -H . memory.max memory.swap.max memory.oom.group cpu.max pids.max &&
            wc -l <cgroup.procs) >seen
        echo >&3
        wait
        ls -d "$cg"/kelp-* >left 2>/dev/null'  || true
    diff seen - <<END
memory.max:104857600
memory.swap.max:0
memory.oom.group:1
cpu.max:50000 100000
pids.max:10
2
END
    [ ! -s left ]
}

@test "memory: all that the kernel holds for it counts, and all of it is ended" {
    ends_with 137 memory -m 64m -- python3 -c 'import os
fd = os.memfd_create("x")
while True: os.write(fd, b"1" * (1 << 20))'
    [ "$(cat err)" = "kelp: the limit of 64 MiB of memory ended the run" ]
    # also when a child has taken it
    ends_with 137 memory -m 64m -- sh -c 'python3 -c "x = b\"1\" * (200 << 20)"; echo survived >&2'
    ends_with 0 exit -m 200m -- python3 -c 'x = b"1" * (100 << 20)'
    ends_with 0 exit -m 6m -- true
}

@test "what enters later is limited with the others" {
    alone "$KELP" run --name limited -m 64m --pids-limit 4 --status-fd 4 -- sleep 100 4>events &
    until "$KELP" exec limited true 2>/dev/null; do sleep 0.3; done
    run ! "$KELP" exec limited sh -c 'sleep 1 & sleep 1 & sleep 1 & sleep 1 & wait'
    [[ $output == *"annot fork"* ]]
    run ! "$KELP" exec limited python3 -c 'x = b"1" * (200 << 20)'
    wait
    [ "$(jq -r 'select(.event == "exited") | .reason' events)" = memory ]
}

@test "processes: refused, counted, and ended where there is nothing else" {
    ends_with 2 pids --pids-limit 3 -- sh -c 'sleep 1 & sleep 1 & sleep 1 & wait'
    ends_with 0 exit --pids-limit 4 -- sh -c 'sleep 1 & sleep 1 & sleep 1 & wait'
    ends_with 0 exit --pids-limit 1 -- true
    ends_with 137 pids --pids-limit 20 -- python3 -c 'import os
while True:
    try: os.fork()
    except OSError: pass'
}

@test "processors: a fifth of one takes longer than a whole" {
    local burn='import time
while time.process_time() < 1: pass' start fast

    start=$EPOCHREALTIME
    ends_with 0 exit --cpus 1 -- python3 -c "$burn"
    fast=$((${EPOCHREALTIME/./} - ${start/./}))
    start=$EPOCHREALTIME
    ends_with 0 exit --cpus 0.2 -- python3 -c "$burn"
    [ $((${EPOCHREALTIME/./} - ${start/./})) -gt $((fast + 2000000)) ]
}

@test "what a killed kelp has left is removed by the next one, and not before its time" {
    run -0 below '
        "$KELP" run -m 100m -- sleep 100 & pid=$!
        until ls -d "$cg"/kelp-*; do sleep 0.1; done
        "$KELP" run -m 100m -- true
        ls "$cg" | grep -c "^kelp-"
        kill -9 "$pid"
        { wait; } 2>/dev/null
        sleep 11
        "$KELP" run -m 100m -- true
        ls "$cg" | grep -c "^kelp-"; true' 2>/dev/null
    # the shell may tell of the kill in between
    [ "$(grep -xE '[0-9]+' <<<"$output")" = $'1\n0' ]
}
