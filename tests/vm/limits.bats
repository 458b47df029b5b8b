#!/usr/bin/env bats
# Limits that a cgroup keeps: where systemd has delegated one, where the one above is ours, and where the
# user's systemd is asked for one.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/limits

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    via=alone
}

teardown() {
    "$KELP" rm -fa >/dev/null 2>&1 || true
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

@test "it is said that a cgroup keeps all limits" {
    run -0 alone "$KELP" run -m 100m --cpus 0.5 --pids-limit 9 --dry-run -- true
    for line in 'memory        100m' 'processors    0.500' 'processes     9'; do
        grep -qx "$line, by a cgroup of its own" <<<"$output"
    done
    run -0 alone "$KELP" doctor
    grep -q '^ok       cgroups  *a cgroup for each sandbox limits memory, processors and processes' <<<"$output"
    # nobody has delegated this one to a kelp that is not alone in it, and nobody can be asked
    mkdir bin
    cp "$KELP" bin
    run -125 bin/kelp run --cpus 1 -- true
    [[ ${lines[1]} == "hint: start it as systemd-run --user --scope "* ]]
}

# Each member of .limits of the sandbox $1 that is there, with who enforces it.
enforced() {
    "$KELP" inspect "$1" | jq -r '.[0].limits | to_entries[] | select(.value) | "\(.key) \(.value.by)"' | paste -sd,
}

@test "a scope is asked for where no cgroup is ours, and goes with the run" {
    run -0 "$KELP" run -m 100m --cpus 0.5 --pids-limit 9 --dry-run -- true
    for line in 'memory        100m' 'processors    0.500' 'processes     9'; do
        grep -qx "$line, by a cgroup of its own, in a scope that your systemd is asked for" <<<"$output"
    done
    run -0 "$KELP" doctor
    grep -q '^ok       cgroups  *a cgroup for each sandbox, in a scope of your systemd, limits memory' <<<"$output"
    "$KELP" run --name scoped -m 100m --cpus 0.5 --pids-limit 9 -- sleep 100 &
    until "$KELP" exec scoped true 2>/dev/null; do sleep 0.3; done
    [ "$(enforced scoped)" = "memory scope,milli_cpus scope,processes scope" ]
    cg=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$("$KELP" inspect scoped | jq '.[0].pid')/cgroup")
    [[ $cg == */kelp-*.scope/kelp-* ]]
    [ "$(cat "$cg/memory.max" "$cg/cpu.max" "$cg/pids.max")" = $'104857600\n50000 100000\n10' ]
    "$KELP" stop -t 0 scoped
    wait
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ -d "${cg%/*}" ] || break
        sleep 0.5
    done
    [ ! -d "${cg%/*}" ]
    [ -z "$(systemctl --user list-units --all --no-legend 'kelp-*.scope')" ]
    # who cannot ask does without, and says so; a run without limits asks nobody
    DBUS_SESSION_BUS_ADDRESS=unix:path=/none run -0 "$KELP" run -m 64m -- echo fine
    [[ ${lines[0]} == "kelp: cannot reach the message bus at 'unix:path=/none': "*"; kelp looks at the sandbox from outside instead" ]]
    DBUS_SESSION_BUS_ADDRESS=unix:path=/none run -125 "$KELP" run --cpus 1 -- true
    DBUS_SESSION_BUS_ADDRESS=unix:path=/none run -0 "$KELP" run -- echo fine
    [ "$output" = fine ]
}

@test "what is started in the background is in a cgroup, too: ours, or in a scope" {
    alone "$KELP" run -d --name delegated -m 64m -- sleep 300
    [ "$(enforced delegated)" = "memory cgroup" ]
    "$KELP" run -d --name scoped -m 64m -- sh -c 'sleep 5; python3 -c "x = b\"1\" * (200 << 20)"'
    [ "$(enforced scoped)" = "memory scope" ]
    run -0 "$KELP" wait scoped
    [ "$output" = 137 ]
    [ "$("$KELP" inspect scoped | jq -r '.[0].reason')" = memory ]
    # as a unit that forks
    systemd-run --user --quiet --unit=kelp-forks --same-dir --property=Type=forking --property=Delegate=yes \
        -- "$KELP" run -d --name forked -m 64m --pids-limit 20 -- sleep 300 || {
        journalctl --user -n 30 --no-pager -u kelp-forks.service
        false
    }
    [ "$(enforced forked)" = "memory cgroup,processes cgroup" ]
    systemctl --user is-active kelp-forks.service
    systemctl --user stop kelp-forks.service
    "$KELP" stop -t 0 delegated
    run -0 "$KELP" ps -q
    [ -z "$output" ]
}

@test "stats are those of the cgroup" {
    "$KELP" run -d --name seen -m 200m --pids-limit 20 --cpus 0.5 -- \
        python3 -c 'import os
os.fork()
x = os.memfd_create("x")
os.write(x, b"1" * (50 << 20))
while True: pass'
    # each of the two writes as much, which no process has mapped
    for _ in $(seq 60); do
        run -0 "$KELP" stats --json seen
        ! jq -e '.[0].memory > 104857600' <<<"$output" || break
        sleep 1
    done
    # half a processor is all that they get, and more or less what they take
    jq -e '.[0] | .memory > 104857600 and .memory < 209715200 and .memory_limit == 209715200 and
        .processes == 2 and .processes_limit == 20 and
        .cpu_percent > 5 and .cpu_percent < 90 and .milli_cpus_limit == 500' <<<"$output" || {
        echo "$output"
        false
    }
}

@test "six hogs, each ended by its limit, and the machine answers meanwhile: a cgroup of ours" {
    latency hogs --cpus 0.5
    [ "$(cat latency)" -lt $((2000 * KELP_TEST_SLOW)) ]
}

@test "six hogs, each ended by its limit, and the machine answers meanwhile: a scope" {
    # shellcheck disable=SC2034 # of ends_with
    via=
    latency hogs --cpus 0.5
    [ "$(cat latency)" -lt $((2000 * KELP_TEST_SLOW)) ]
}

@test "what has entered goes with the cgroup, and whoever waits for it is told so" {
    alone "$KELP" run --name killed --pids-limit 300 -- sleep 100 3>&- &
    until "$KELP" exec killed true 2>/dev/null; do sleep 0.3; done
    "$KELP" exec killed python3 -c 'import os
while True:
    try: os.fork()
    except OSError: pass' 2>err 3>&- &
    pid=$!
    sleep 3
    start=$SECONDS
    "$KELP" kill killed
    status=0
    wait "$pid" || status=$?
    [ "$status" = 137 ]
    [ "$(cat err)" = "kelp: sandbox 'killed' has ended, and the command with it" ] || {
        cat err
        false
    }
    [ $((SECONDS - start)) -lt $((5 * KELP_TEST_SLOW)) ]
    wait
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
