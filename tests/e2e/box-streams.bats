#!/usr/bin/env bats
# What a sandbox in the background writes and reads: logs, attach, inspect.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/boxes

# What a sandbox does until "go" is there: whoever has read of it is attached.
ticks='while [ ! -e go ]; do echo tick; sleep 0.05; done'

# read_tick FILE: a reader has written to it what it has read.
read_tick() {
    wait_for grep -qx tick "$1"
}

@test "logs gives back every byte, each to its own stream" {
    head -c 100000 /dev/urandom >bytes
    "$KELP" run -d --name one -- sh -c 'cat bytes; echo error >&2; printf end'
    "$KELP" wait one
    "$KELP" logs one >out 2>err
    cmp <(cat bytes && printf end) out
    [ "$(cat err)" = error ]
}

@test "the log has all that kelp says of the end, however much" {
    long=$(printf '%0180d' 0)
    mkdir -p r{1..190}/"$long/$long/.git"
    make="for i in \$(seq 190); do mkdir r\$i/$long/$long/.git/rebase-merge; done; mkdir .git; echo x >.envrc"
    "$KELP" run -- sh -c "$make" 2>foreground
    # more than a pipe takes
    [ "$(wc -c <foreground)" -gt 65536 ]
    [ "$(wc -l <foreground)" = 192 ]
    rm -r .git .envrc r*/"$long/$long"/.git/rebase-merge
    # nor does it matter what the command leaves behind
    "$KELP" run -d --name one -- sh -c "$make; sleep 1000 & head -c 200000 /dev/zero | tr '\\0' e >&2; echo >&2"
    run -0 "$KELP" wait one
    "$KELP" logs one 2>all
    grep ^kelp: all >background
    cmp foreground background
}

@test "logs -n prints the last lines, -t their times" {
    "$KELP" run -d --name one -- sh -c 'seq 100; printf last'
    "$KELP" wait one
    run -0 "$KELP" logs -n 3 one
    [ "$output" = $'99\n100\nlast' ]
    run -0 "$KELP" logs --tail 0 one
    [ -z "$output" ]
    run -0 "$KELP" logs --tail=all one
    [ "${#lines[@]}" = 101 ]
    run -0 "$KELP" logs -tn2 one
    [[ ${lines[0]} =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z\ 100$ ]]
    run -125 "$KELP" logs -n many one
    run -125 "$KELP" logs
    run -125 "$KELP" logs one two
}

@test "logs -f goes on until the end, and loses nothing" {
    "$KELP" run -d --name one -- sh -c 'for i in $(seq 20); do echo $i; sleep 0.02; done'
    run -0 timeout 20 "$KELP" logs -f one
    [ "$output" = "$(seq 20)" ]
    # of what has ended it is the same
    run -0 timeout 20 "$KELP" logs -f one
    [ "$output" = "$(seq 20)" ]
    "$KELP" run -d --rm --name two -- sh -c "$ticks; echo text"
    timeout 20 "$KELP" logs -f two >out 3>&- &
    read_tick out
    touch go
    ended_with $! 0
    [ "$(grep -vx tick out)" = text ]
    # and of one that is killed with its supervisor
    "$KELP" run -d --name three -- sh -c 'echo text; sleep 100'
    timeout 20 "$KELP" logs -f three >out 3>&- &
    wait_for grep -qx text out
    kill -9 "$(field three supervisor_pid)"
    ended_with $! 0
    [ "$(cat out)" = text ]
}

@test "a log is bounded, and its last part is there" {
    "$KELP" run -d --name one -- sh -c 'yes 0123456789012345678901234567890123456789 | head -n 400000; echo end'
    run -0 "$KELP" wait one
    directory=$("$KELP" inspect one | jq -r '.[0].directory')
    [ "$(cat "$directory"/log* | wc -c)" -le 8388608 ]
    [ "$(cat "$directory"/log* | wc -c)" -ge 4000000 ]
    run -0 "$KELP" logs -n 2 one
    [ "$output" = $'0123456789012345678901234567890123456789\nend' ]
    # every record is whole
    "$KELP" logs one >out
    # but for the first line, whose start may be gone
    [ "$(tail -n +2 out | sort -u)" = $'0123456789012345678901234567890123456789\nend' ]
}

@test "logs -f follows into the next file" {
    "$KELP" run -d --name one -- sh -c 'sleep 0.5; seq -f %0100.0f 45000'
    timeout 60 "$KELP" logs -f one >out
    [ "$(wc -l <out)" = 45000 ]
    cmp out <(seq -f %0100.0f 45000)
}

@test "who does not read does not hold the payload up" {
    "$KELP" run -d --name one -- sh -c "$ticks; yes | head -c 3000000; echo written >written"
    mkfifo pipe
    (exec <pipe && read -r _ && touch go && exec sleep 100) 3>&- &
    sleeper=$!
    "$KELP" attach one >pipe 2>err 3>&- &
    attached=$!
    await_file written
    run -0 "$KELP" wait one
    kill "$sleeper"
    wait "$attached" || true
    run -0 "$KELP" logs -n 1 one
    [ "$output" = y ]
}

@test "attach shows what is written from then on, and ends as the sandbox does" {
    "$KELP" run -d --name one -- sh -c "$ticks; echo out; echo err >&2; exit 7"
    timeout 20 "$KELP" attach one >out 2>err 3>&- &
    read_tick out
    touch go
    ended_with $! 7
    [ "$(grep -vx tick out)" = out ]
    [ "$(cat err)" = err ]
    run -125 "$KELP" attach one
    [ "${lines[0]}" = "kelp: sandbox 'one' has ended" ]
    [ "${lines[1]}" = "hint: kelp logs one has what it wrote" ]
}

@test "attach and logs -f end as others do when nobody reads their output any more" {
    "$KELP" run -d --name one -- yes
    for command in attach "logs -f"; do
        run -0 --separate-stderr bash -c '"$KELP" $1 one | head -n 1; echo "${PIPESTATUS[@]}"' sh "$command"
        [ "$output" = $'y\n141 0' ]
        [ -z "$stderr" ]
    done
    [ "$(field one state)" = running ]
}

@test "what is typed reaches a sandbox that was started with -i, and its end, too" {
    "$KELP" run -d -i --name one -- sort
    run -0 timeout 20 "$KELP" attach one < <(printf 'b\na\n')
    [ "$output" = $'a\nb' ]
    # more than the pipes take
    "$KELP" run -d -i --name two -- wc -c
    head -c 3000000 /dev/zero | timeout 20 "$KELP" attach two >out
    [ "$(cat out)" = 3000000 ]
    # without -i there is nothing to type into
    "$KELP" run -d --name three -- sh -c "$ticks; cat; echo end"
    timeout 20 "$KELP" attach three <<<text >out 3>&- &
    read_tick out
    touch go
    ended_with $! 0
    [ "$(grep -vx tick out)" = end ]
    "$KELP" run -d -i --name four -- head -n 1
    run -124 timeout 2 "$KELP" attach --no-stdin four <<<text
}

@test "signals of the attached are passed on, unless they are not to be" {
    "$KELP" run -d --name one -- sh -c 'trap "exit 9" INT; while :; do echo tick; sleep 0.05; done'
    "$KELP" attach --sig-proxy=false one >out 3>&- &
    read_tick out
    kill -INT $!
    ended_with $! 0
    [ "$(field one state)" = running ]
    "$KELP" attach one >again 3>&- &
    read_tick again
    kill -INT $!
    ended_with $! 9
}

@test "several are attached at once, and the death of one is nothing to the others" {
    "$KELP" run -d --name one -- sh -c "$ticks; echo text"
    "$KELP" attach one >a 3>&- &
    first=$!
    "$KELP" attach one >b 3>&- &
    second=$!
    read_tick a
    read_tick b
    kill -9 "$first"
    wait "$first" || true
    touch go
    wait "$second"
    [ "$(grep -vx tick b)" = text ]
}

@test "a sandbox in the foreground has neither a log nor streams to attach to" {
    "$KELP" run --name one -- sh -c 'echo r >ready; sleep 100' 3>&- &
    await_file ready
    run -125 "$KELP" logs one
    [ "${lines[1]}" = "hint: it runs in the foreground, where it was started" ]
    run -125 "$KELP" attach one
    [ "${lines[0]}" = "kelp: sandbox 'one': it runs in the foreground, where it was started" ]
    [ "${lines[1]}" = "hint: kelp exec -it one sh starts a shell in it" ]
    run -0 "$KELP" exec -it one sh -c 'echo in it' </dev/null
    "$KELP" stop -t 0 one
    wait
}

@test "a terminal of its own, as a user at a terminal sees it" {
    cases=$(python3 "$BATS_TEST_DIRNAME/attach.py" --list)
    [ "$(wc -w <<<"$cases")" -ge 5 ]
    for name in $cases; do
        run -0 timeout 60 python3 "$BATS_TEST_DIRNAME/attach.py" "$name"
        boxes_teardown
    done
}

@test "inspect tells all, of several, as JSON" {
    "$KELP" run -d --name one --timeout 100s -- sleep 100
    "$KELP" run -d --name two -t -- true
    "$KELP" wait two
    run -0 "$KELP" inspect one two
    [ "$(jq -r '.[].name' <<<"$output" | tr '\n' ' ')" = "one two " ]
    [ "$(jq -r '.[0] | "\(.state) \(.exit_code) \(.tty) \(.policy)"' <<<"$output")" = "running null false sandbox" ]
    [ "$(jq -r '.[1] | "\(.state) \(.exit_code) \(.tty) \(.pid)"' <<<"$output")" = "exited 0 true null" ]
    [ -d "$(jq -r '.[0].directory' <<<"$output")" ]
    run -125 "$KELP" inspect one nix
    [ "${lines[1]}" = "hint: kelp ps -a lists the sandboxes and the reviews, kelp images --json the images" ]
    run -125 "$KELP" inspect
}

@test "a log that is just put aside for the next one is read" {
    "$KELP" run -d --name one -- sh -c "$ticks; echo end"
    touch go
    "$KELP" wait one
    directory=$("$KELP" inspect one | jq -r '.[0].directory')
    mv "$directory/log" "$directory/log.1"
    run -0 "$KELP" logs one
    [ "${lines[-1]}" = end ]
    run -0 "$KELP" logs -n 1 one
    [ "$output" = end ]
    run -0 timeout 20 "$KELP" logs -f one
    [ "${lines[-1]}" = end ]
    rm "$directory/log.1"
    run -125 "$KELP" logs one
    [ "${lines[0]}" = "kelp: sandbox 'one' has no log" ]
}

@test "kelp's own messages of a detached run are in its log" {
    "$KELP" run -d --name one --timeout 100ms -- sleep 100
    "$KELP" wait one
    run -0 "$KELP" logs one
    [ "$output" = "kelp: the time limit ended the run" ]
}

@test "a full file system costs the log, and not the run" {
    # a runtime directory of a megabyte, in namespaces of their own
    cat >scene.sh <<'SCENE'
mount -t tmpfs -o size=1m,mode=0700 none "$XDG_RUNTIME_DIR"
"$KELP" run -d --name one -- sh -c 'seq 200000; echo end'
"$KELP" wait one
"$KELP" logs one 2>&1 | grep -q 'some output is missing' && echo told
"$KELP" ps -a
SCENE
    run -0 unshare -Urm bash scene.sh
    echo "$output"
    [ "${lines[1]} ${lines[2]}" = "0 told" ]
    [[ ${lines[-1]} == *"Exited (0)"* ]]
}
