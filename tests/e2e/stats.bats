#!/usr/bin/env bats
# kelp stats: what sandboxes use of what they may use.  That of a cgroup is in tests/vm/limits.bats.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/boxes

# stat NAME EXPRESSION: of jq, on what --json tells of one sandbox
stat_is() {
    run -0 "$KELP" stats --json "$1"
    jq -e "length == 1 and (.[0] | $2)" <<<"$output"
}

both_are_ready() {
    [ "$(find . -name 'ready[0-9]*' | wc -l)" = 2 ]
}

@test "memory, processes and their limits, of all that is in the sandbox" {
    "$KELP" run -d --name eater -m 300m --pids-limit 20 -- python3 -c 'import os, time
os.fork()
x = bytearray(b"1" * (50 << 20))
open(f"ready{os.getpid()}", "w")
time.sleep(100)'
    "$KELP" run -d --name idle -- sh -c 'touch ready-idle; exec sleep 100'
    await_file ready-idle
    wait_for both_are_ready
    stat_is eater '.memory > 104857600 and .memory < 157286400 and .memory_limit == 314572800 and
        .processes == 2 and .processes_limit == 20 and .milli_cpus_limit == null'
    stat_is idle '.memory > 0 and .memory < 10485760 and .memory_limit == null and .processes == 1 and
        .cpu_percent < 5'
    # what has entered counts, threads among it, and is no part of another one
    "$KELP" exec idle python3 -c 'import threading, time
threading.Thread(target=time.sleep, args=(100,)).start()
x = bytearray(b"1" * (50 << 20))
open("ready-thread", "w")
time.sleep(100)' 3>&- &
    await_file ready-thread
    stat_is idle '.processes == 3 and .memory > 52428800 and .memory < 104857600'
    stat_is eater '.processes == 2'
}

@test "processors: of what runs now, also in children that end; not of what waits" {
    "$KELP" run -d --name burner -- sh -c 'while :; do :; done'
    "$KELP" run -d --name forker -- python3 -c 'import subprocess
while True: subprocess.run(["python3", "-c", "for i in range(10 ** 6): pass"])'
    wait_for stat_is burner '.cpu_microseconds > 50000'
    # on a machine that others keep busy it is not all of one
    stat_is burner '.cpu_percent > 10 and .cpu_percent < 130'
    wait_for stat_is forker '.cpu_microseconds > 50000'
}

is_drawn_anew() {
    [ "$(grep -c $'\e\[H' out)" -ge 2 ]
}

@test "a table without escapes where there is no terminal, and one that is drawn anew where there is" {
    "$KELP" run -d --name a -m 64m -- sleep 100
    "$KELP" run --rm -d -- sleep 100
    run -0 "$KELP" stats
    [ ${#lines[@]} = 3 ]
    [[ ${lines[0]} =~ ^"ID "\ +"NAME   CPU "\ +"MEMORY / LIMIT "\ +"PROCESSES / LIMIT"$ ]]
    # of two that were made in one second either may be the older one
    grep -qE '^[0-9a-f]{12} +a +[0-9.]+% +[0-9.]+ [KM]iB / 64.0 MiB +1 / -$' <<<"$output"
    grep -qE '^[0-9a-f]{12} +[0-9.]+% +[0-9.]+ [KM]iB / - +1 / -$' <<<"$output"
    [[ $output != *$'\e'* ]]
    run -0 timeout -s INT 20 script -qec "'$KELP' stats --no-stream a" /dev/null </dev/null
    [[ $output != *$'\e'* ]]
    # as long as one that was named runs
    timeout 20 script -qec "'$KELP' stats a" /dev/null </dev/null >out 3>&- &
    wait_for is_drawn_anew
    "$KELP" stop -t 0 a
    ended_with $! 0
}

@test "what is not there, has ended, or makes no sense" {
    "$KELP" run -d --name gone -- true
    "$KELP" wait gone
    run -125 "$KELP" stats gone
    [ "${lines[0]}" = "kelp: sandbox 'gone' has ended" ]
    [ "${lines[1]}" = "hint: kelp ps lists those that run" ]
    run -125 "$KELP" stats none
    [ "${lines[0]}" = "kelp: there is no sandbox 'none'" ]
    run -0 "$KELP" stats --json
    [ "$output" = "[]" ]
    run -0 "$KELP" stats
    [ ${#lines[@]} = 1 ]
    run -125 "$KELP" stats --jsno
    [[ ${lines[1]} == "hint: "*"--json"* ]]
}

@test "inspect says of each limit by what it is enforced" {
    "$KELP" run -d --name limited -m 64m --pids-limit 20 --cpus 1 --limits best-effort -- sleep 100
    "$KELP" run -d --name free -- sleep 100
    run -0 "$KELP" inspect limited
    # by a cgroup where this machine lets kelp have one
    jq -e '.[0].limits | .memory.limit == 67108864 and (.memory.by | IN("looks", "cgroup", "scope")) and
        .processes.limit == 20 and (.processes.by | IN("rlimit", "cgroup", "scope")) and
        .milli_cpus.limit == 1000 and (.milli_cpus.by | IN("nothing", "cgroup", "scope"))' <<<"$output"
    run -0 "$KELP" inspect free
    [ "$(jq -c '.[0].limits' <<<"$output")" = '{"memory":null,"milli_cpus":null,"processes":null}' ]
}
