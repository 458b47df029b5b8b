# shellcheck shell=bash
# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside
# What the suites of limits share.  Loaded by: load ../lib/limits

# ends_with CODE REASON OPTION...: what "kelp run" ends with, and the reason that it tells; started by
# $via where that is set.
ends_with() {
    local code=$1 reason=$2 status=0

    shift 2
    ${via:-} "$KELP" run --status-fd 4 "$@" 4>events 2>err || status=$?
    if [ "$status $(jq -r 'select(.event == "exited") | .reason' events)" != "$code $reason" ]; then
        echo "status $status, not $code, or not of $reason:"
        cat err events
        false
    fi
}

# The longest that a process of this machine was kept from its turn, in milliseconds, while "$@" ran: in
# a file.
latency() {
    local pid

    python3 -c 'import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print(round(worst * 1000)), sys.exit()))
worst = 0
while True:
    start = time.monotonic()
    time.sleep(0.02)
    worst = max(worst, time.monotonic() - start - 0.02)' >latency 3>&- &
    pid=$!
    "$@"
    kill "$pid"
    wait "$pid"
}

# hogs OPTION...: each of them is ended by its limit; the options are for those of processors.
hogs() {
    ends_with 137 pids --pids-limit 50 -- python3 -c 'import os
while True:
    try: os.fork()
    except OSError: pass'
    ends_with 137 memory -m 64m -- python3 -c 'x = []
while True: x.append(bytearray(b"1" * (1 << 20)))'
    # what is full or used up is for the command to see: it is not ended
    ends_with 1 exit --tmpfs /mnt:size=1m -- sh -c 'head -c 2m /dev/zero >/mnt/file'
    grep -q 'No space left on device' err
    ends_with 152 signal --ulimit cpu=1:2 "$@" -- sh -c 'while :; do :; done'
    ends_with 124 timeout --timeout 2s "$@" -- sh -c 'while :; do :; done'
    ends_with 1 exit --ulimit nofile=20 -- python3 -c 'x = [open("/dev/null") for i in range(30)]'
    grep -q 'Too many open files' err
    ends_with 124 timeout --timeout 500ms -- sh -c 'trap "" TERM; while :; do sleep 0.1; done'
}
