#!/usr/bin/env bats
# Exit statuses, orphans and pipes.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

@test "exit codes 0 to 255 are the payload's" {
    for code in $(seq 0 255); do
        status=0
        "$KELP" -- sh -c "exit $code" || status=$?
        [ "$status" = "$code" ] || {
            echo "status $status, not $code"
            false
        }
    done
}

@test "death by signal N is 128+N" {
    # those whose default is to end a process
    for number in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 24 25 26 27 29 30 31 34 50 64; do
        status=0
        "$KELP" -- sh -c "ulimit -c 0; kill -$number \$\$; sleep 5" 2>err || status=$?
        [ "$status" = $((128 + number)) ] || {
            echo "status $status, not 128+$number"
            cat err
            false
        }
        [ ! -s err ]
    done
}

@test "125, 126 and 127 are kelp's words, with one line" {
    run -127 "$KELP" -- no-such-command
    [ "${#lines[@]}" = 1 ]
    [[ $output == "kelp: "*no-such-command* ]]
    touch plain
    run -126 "$KELP" -- ./plain
    [[ ${lines[0]} == "kelp: "*plain* ]]
    run -126 "$KELP" -- /
    run -125 "$KELP" run --workdir /nowhere/at/all -- true
    [[ ${lines[0]} == "kelp: "*/nowhere/at/all* ]]
}

@test "--status-fd tells a payload's 125 from kelp's" {
    run -125 "$KELP" run --status-fd 4 -- sh -c 'exit 125' 4>events
    [ "$(jq -r .event events | tr '\n' ' ')" = "started exited " ]
    [ "$(jq -r 'select(.event == "exited") | "\(.code) \(.reason)"' events)" = "125 exit" ]
    run -137 "$KELP" run --status-fd 4 -- sh -c 'kill -9 $$' 4>events
    [ "$(jq -r 'select(.event == "exited") | "\(.signal) \(.reason)"' events)" = "KILL signal" ]
    run -124 "$KELP" run --timeout 100ms --status-fd 4 -- sleep 10 4>events
    [ "$(jq -r 'select(.event == "exited") | .reason' events)" = timeout ]
}

@test "signals that the caller blocked or ignored are as usual inside" {
    run -0 env --ignore-signal=PIPE,USR1,INT --block-signal=TERM,HUP "$KELP" -- \
        grep -E '^Sig(Blk|Ign)' /proc/self/status
    [ "${lines[0]}" = "SigBlk:"$'\t'"0000000000000000" ]
    [ "${lines[1]}" = "SigIgn:"$'\t'"0000000000000000" ]
}

@test "pid 1 reaps orphans" {
    run -0 "$KELP" -- sh -c '
        for i in $(seq 1 300); do (true & true) & done; wait
        (sleep 0.1 & exec sleep 0.05) &
        wait
        for i in $(seq 200); do
            left=$(ps -e -o stat=,comm= | grep -c ^Z)
            [ "$left" != 0 ] || break
            sleep 0.05
        done
        echo "$left"'
    [ "$output" = 0 ]
}

@test "orphans' statuses are not taken for the payload's" {
    run -9 "$KELP" -- sh -c 'for i in $(seq 1 200); do (sh -c "exit 77" &) ; done; sleep 0.2; exit 9'
}

@test "what is left behind dies with the payload" {
    SECONDS=0
    run -3 "$KELP" -- sh -c '
        (setsid sh -c "trap \"\" TERM HUP INT; sleep 30; echo late" &)
        nohup sleep 30 & echo early; exit 3'
    [ "$output" = early ]
    [ "$SECONDS" -lt $((10 * KELP_TEST_SLOW)) ]
}

@test "output of children that ended before is not lost" {
    run -0 "$KELP" -- sh -c 'for i in 1 2 3 4 5; do (echo $i) & done; wait'
    [ "$(sort <<<"$output" | tr '\n' ' ')" = "1 2 3 4 5 " ]
}

# shellcheck disable=SC2094 # cmp only reads
@test "pipes: input to its end, output byte for byte" {
    seq 1 700000 >numbers
    "$KELP" -- cat <numbers | cmp - numbers
    # shellcheck disable=SC2002 # a pipe is meant
    cat numbers | "$KELP" -- cat | cmp - numbers
    run -0 "$KELP" -- sh -c 'wc -c' <numbers
    [ "$output" = "$(stat -c %s numbers)" ]
}

@test "pipes: whoever stops reading ends who writes" {
    set +o pipefail
    [ "$(yes | timeout 20 "$KELP" -- head -n 1)" = y ]
    [ "$(timeout 20 "$KELP" -- yes | head -n 1)" = y ]
    env --default-signal=PIPE timeout 20 "$KELP" -- yes | true
    [ "${PIPESTATUS[0]}" = 141 ]
}

nobody_reads() {
    ! (trap '' PIPE; echo x >&4) 2>/dev/null
}

@test "pipes: a stream that the payload closes is closed" {
    # the reader sees the end while the payload still runs
    "$KELP" -- sh -c 'exec >&-; while [ ! -e seen ]; do sleep 0.02; done' | (cat && touch seen)
    # the writer is told that nobody reads
    mkfifo in
    "$KELP" -- sh -c 'exec <&-; while [ ! -e told ]; do sleep 0.02; done' <in &
    exec 4>in
    wait_for nobody_reads
    exec 4>&-
    touch told
    wait $!
}

@test "closed standard streams are no way to other files" {
    "$KELP" -- sh -c 'ls -l /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 >list' <&- >&- 2>&-
    [ "$(grep -c /dev/null list)" -ge 2 ]
}

@test "-t makes a terminal where there is none" {
    run -0 "$KELP" run -t -- sh -c 'tty; test -t 0 && test -t 1 && test -t 2 && stty size' </dev/null
    [ "${lines[0]}" = $'/dev/pts/0\r' ]
    [ "${lines[1]}" = $'24 80\r' ]
}

@test "-t: input from a pipe, and its end" {
    # echoed by the terminal, then copied by the payload
    [ "$(printf 'one\ntwo\n' | timeout 20 "$KELP" run -t -- cat | grep -c one)" = 2 ]
    # a line without a newline, too
    [ "$(printf 'one' | timeout 20 "$KELP" run -t -- sh -c 'stty -echo; echo ready; cat' | tail -n 1 | tr -d '\r')" = one ] ||
        [ "$(printf 'one' | timeout 20 "$KELP" run -t -- cat | tr -d '\r')" = oneone ]
}

# Types what the commands $2 print into the shell $1, and expects that it ends with its input.
# Killed when it does not: an interactive shell ignores a TERM.
type_into() {
    echo "$1: $2"
    run -0 timeout -s KILL 30 bash -c "($2) | \"\$KELP\" run -t -- env PS1='> ' $1"
    [[ $output == *$'\n'*42$'\r'* ]]
}

@test "-t: the end of a pipe ends a shell, also one with a line editor" {
    local shell

    for shell in bash sh; do
        type_into "$shell" 'echo "echo \$((40+2))"'
        type_into "$shell" 'sleep 1; echo "echo \$((40+2))"; sleep 1'
        type_into "$shell" 'echo "sleep 1; echo \$((40+2))"'
    done
    # what runs in the shell is told, too
    type_into bash 'echo "cat; echo \$((40+2))"'
    type_into bash 'sleep 1; echo "cat; echo \$((40+2))"; sleep 1'
}

@test "-t: the end of a pipe is told again to whoever missed it" {
    local out

    # each read of lines is told, with the modes as they were
    out=$(printf 'one\n' | timeout -s KILL 30 "$KELP" run -t -- sh -c 'cat; cat; cat; echo end' | tr -d '\r')
    [ "${out##*$'\n'}" = end ]
    # as a line editor misses it that was in the other mode when it came
    out=$(printf '' | timeout -s KILL 30 "$KELP" run -t -- sh -c '
        stty -icanon -echo
        dd bs=1 count=1 status=none >/dev/null
        dd bs=1 count=1 status=none | od -An -tx1' | tr -d ' \r')
    [ "$out" = 04 ]
}

@test "-t: whoever stops reading ends the payload" {
    set +o pipefail
    [ "$(timeout 20 "$KELP" run -t -- yes </dev/null | head -n 1 | tr -d '\r')" = y ]
}

@test "-t: all of a big output arrives" {
    "$KELP" run -t -- sh -c 'stty -onlcr; seq 1 700000' </dev/null >got
    seq 1 700000 | cmp - got
}

@test "-t: the last words are not lost" {
    for i in $(seq 1 50); do
        [ "$("$KELP" run -t -- sh -c "printf 'last-$i'; kill -9 \$\$" </dev/null)" = "last-$i" ] || {
            echo "run $i lost its output"
            false
        }
    done
}
