#!/usr/bin/env bats
# Signals that come from outside, without a terminal; terminal.bats has those that keys make.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside
# shellcheck disable=SC2030,SC2031,SC2153 # each test has its own $kelp, which is not $KELP

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

# Starts kelp in the background with these arguments: its pid is in $kelp, its output in "out".
# The shell has given its background job an ignored SIGINT, which kelp would honour.
start() {
    : >out
    setsid env --default-signal "$KELP" "$@" >out 2>&1 </dev/null 3>&- &
    kelp=$!
}

# Waits until all of the line $1 is in "out".
wait_line() {
    wait_for grep -qx "$1" out || {
        cat out
        return 1
    }
}

# Waits for the end of kelp and checks its exit status.
ends_with() {
    ended_with "$kelp" "$1"
}

has_child() {
    child=$(ps -o pid= --ppid "$1" | tr -d ' ')
    [ -n "$child" ]
}

# The only child of process $1, as soon as there is one.
child_of() {
    local child

    wait_for has_child "$1" >&2
    echo "$child"
}

has_ended() {
    local state

    state=$(ps -o stat= -p "$1") || return 0
    [[ $state == Z* ]]
}

is_gone() {
    wait_for has_ended "$1"
}

has_state() {
    [[ $(ps -o stat= -p "$1") == "$2"* ]]
}

wait_state() {
    wait_for has_state "$1" "$2"
}

@test "every signal that can be caught is passed on" {
    cat >catch.py <<'PY'
import signal, time
def got(number, frame):
    print(number, flush=True)
numbers = [n for n in range(1, 65) if n not in (9, 17, 19, 32, 33)]
for n in numbers:
    signal.signal(n, got)
print("ready", flush=True)
while True:
    time.sleep(1)
PY
    start -- python3 catch.py
    wait_line ready
    # SIGTERM last: a second one would be taken for impatience
    for number in $(seq 1 14) $(seq 16 64) 15; do
        case $number in 9 | 17 | 19 | 32 | 33) continue ;; esac
        kill -"$number" "$kelp"
        wait_line "$number"
    done
    kill -KILL "$kelp"
    ends_with 137
}

@test "the whole process group of the payload gets a signal" {
    start -- sh -c 'sh -c "trap \"echo child; exit\" USR1; echo one; while :; do sleep 0.02; done" &
        trap "wait; echo parent; exit 3" USR1; echo two; while :; do sleep 0.02; done'
    wait_line one
    wait_line two
    kill -USR1 "$kelp"
    ends_with 3
    grep -qx child out
    grep -qx parent out
}

@test "a payload that left the group is signalled itself" {
    start -- python3 -c '
import os, signal, time
signal.signal(signal.SIGUSR1, lambda *a: os._exit(6))
if os.fork() == 0:
    os._exit(0)
os.setpgid(0, os.getppid())
print("ready", flush=True)
time.sleep(20)'
    wait_line ready
    kill -USR1 "$kelp"
    ends_with 6
}

@test "SIGTERM, SIGINT, SIGHUP and SIGQUIT end a payload that does not catch them" {
    for number in 15 2 1 3; do
        start -- sh -c 'echo ready; sleep 100'
        wait_line ready
        kill -"$number" "$kelp"
        ends_with $((128 + number))
    done
}

@test "a second SIGTERM kills when the grace is over, and not before" {
    start -- sh -c 'trap "echo term" TERM; echo ready; while :; do sleep 0.02; done'
    wait_line ready
    kill -TERM "$kelp"
    wait_line term
    kill -TERM "$kelp"
    sleep 0.5
    kill -0 "$kelp"
    sleep 2
    kill -TERM "$kelp"
    ends_with 137
}

@test "nohup: an ignored SIGHUP is not passed on" {
    setsid env --default-signal nohup "$KELP" -- \
        sh -c 'trap "echo hup" HUP; echo ready; while :; do sleep 0.02; done' >out 2>&1 </dev/null 3>&- &
    kelp=$!
    wait_line ready
    kill -HUP "$kelp"
    kill -USR2 "$kelp"
    ends_with 140
    run ! grep -qx hup out
}

@test "SIGSTOP and SIGCONT of kelp: the run goes on" {
    start -- sh -c 'echo ready; while [ ! -e go ]; do sleep 0.02; done; exit 4'
    wait_line ready
    kill -STOP "$kelp"
    wait_state "$kelp" T
    touch go
    sleep 0.2
    kill -CONT "$kelp"
    ends_with 4
}

@test "SIGTSTP stops the payload, SIGCONT continues it" {
    start -- sh -c 'echo ready; while [ ! -e go ]; do sleep 0.02; done; exit 4'
    wait_line ready
    payload=$(child_of "$(child_of "$kelp")")
    kill -TSTP "$kelp"
    wait_state "$payload" T
    # without a terminal nobody could continue kelp, so it does not stop
    wait_state "$kelp" S
    kill -CONT "$kelp"
    wait_state "$payload" S
    touch go
    ends_with 4
}

@test "a stopped payload that is continued from inside goes on" {
    start -- sh -c '(until grep -q "^State:.T" /proc/$$/status; do sleep 0.02; done; kill -CONT $$) & kill -STOP $$; echo back; exit 5'
    wait_line back
    ends_with 5
}

@test "kill -9 of kelp leaves no process" {
    start -- sh -c 'setsid sleep 100 & echo ready; sleep 100'
    wait_line ready
    init=$(child_of "$kelp")
    mapfile -t inside < <(ps -o pid= --ppid "$init" | tr -d ' ')
    [ ${#inside[@]} -ge 1 ]
    kill -KILL "$kelp"
    ends_with 137
    for pid in "$init" "${inside[@]}"; do
        is_gone "$pid"
    done
}

@test "kill -9 of pid 1 and of the payload: 137, and no process is left" {
    for depth in init payload; do
        start -- sh -c 'setsid sleep 100 & echo ready; exec sleep 100'
        wait_line ready
        init=$(child_of "$kelp")
        payload=$(ps -o pid=,args= --ppid "$init" | awk '$2 == "sleep" { print $1; exit }')
        kill -KILL "${!depth}"
        ends_with 137
        is_gone "$init"
        is_gone "$payload"
    done
}

# Popen() returns when kelp has been executed.  A child of bash may still be bash when the signal comes,
# which then is lost now and then.
@test "a signal at any moment of a start ends the run as it ends a command" {
    run -0 python3 - "$KELP" <<'PY'
import subprocess, sys, time
for i in range(60):
    kelp = subprocess.Popen([sys.argv[1], "--", "sleep", "100"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(i % 10 / 1000)
    kelp.terminate()
    said = kelp.communicate()[0]
    # -15: it came before kelp could hold it back
    if kelp.returncode not in (143, -15) or said:
        sys.exit(f"{i}: status {kelp.returncode}: {said}")
PY
}

@test "signals do not cost the exit status" {
    for _ in $(seq 1 40); do
        start -- sh -c 'trap : USR1 WINCH; echo ready; i=0; while [ $i -lt 300 ]; do i=$((i+1)); done; exit 7'
        wait_line ready
        while kill -USR1 "$kelp" 2>/dev/null && kill -WINCH "$kelp" 2>/dev/null; do :; done
        ends_with 7
    done
}

@test "--timeout ends the run with 124" {
    start run --timeout 2s -- sh -c 'trap "echo term; exit 0" TERM; echo ready; while :; do sleep 0.02; done'
    ends_with 124
    grep -qx term out
}

@test "--timeout kills what does not end, children too, and a stopped one" {
    SECONDS=0
    start run --timeout 2s -- sh -c 'trap "" TERM; echo ready; setsid sleep 100 & while :; do sleep 0.02; done'
    wait_line ready
    init=$(child_of "$kelp")
    ends_with 124
    is_gone "$init"
    [ "$SECONDS" -lt $((10 * KELP_TEST_SLOW)) ]
    start run --timeout 200ms -- sh -c 'kill -STOP $$'
    ends_with 124
}

@test "--timeout is no matter to a command that is done before" {
    start run --timeout 30s -- sh -c 'exit 3'
    ends_with 3
}

@test "SIGTERM, kelp stop and --timeout become the image's stop signal" {
    mkdir -m 0700 run
    export XDG_RUNTIME_DIR=$PWD/run
    make_rootfs root
    tar -C root -cf layer.tar .
    umoci init --layout oci
    umoci new --image oci:latest
    umoci raw add-layer --image oci:latest layer.tar
    umoci config --image oci:latest --config.stopsignal=SIGUSR1
    script='trap "echo usr1; exit 4" USR1; trap "echo term; exit 5" TERM; echo ready; while :; do sleep 0.02; done'
    start run "$PWD/oci" sh -c "$script"
    wait_line ready
    kill -TERM "$kelp"
    ends_with 4
    grep -qx usr1 out
    start run --name stopped "$PWD/oci" sh -c "$script"
    wait_line ready
    "$KELP" stop -t 60 stopped
    ends_with 4
    start run --timeout 2s "$PWD/oci" sh -c "$script"
    ends_with 124
    grep -qx usr1 out
}

needs_slirp() {
    [ -w /dev/net/tun ] || skip "the machine lacks a usable /dev/net/tun"
}

@test "a Ctrl-C for the payload leaves its network alone" {
    needs_slirp
    start run --network user -- sh -c 'trap "echo int" INT; echo ready
        while [ ! -e go ]; do sleep 0.02; done; ip -o link show tap0; exit 3'
    wait_line ready
    kill -INT -- "-$kelp"
    wait_line int
    touch go
    ends_with 3
    grep -q "tap0:.*UP" out
}

@test "slirp4netns ends: said once, and the run goes on" {
    needs_slirp
    start run --network user -- sh -c 'echo ready; while [ ! -e go ]; do sleep 0.02; done; exit 3'
    wait_line ready
    pkill -KILL -P "$kelp" slirp4netns
    wait_line "kelp: slirp4netns has ended: .*"
    touch go
    ends_with 3
    [ "$(grep -c "slirp4netns has ended" out)" = 1 ]
}
