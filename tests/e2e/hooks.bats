#!/usr/bin/env bats
# What supervisors hold on to: --pidfile, --ready-fd, and how they go with --status-fd and -d.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/boxes

setup() {
    boxes_setup
    mkdir ../pids
    pids=$BATS_TEST_TMPDIR/pids
}

# Starts `kelp run "$@"` in the background with a ready line in ../ready, and waits for it.
start() {
    mkfifo ../ready
    "$KELP" run --ready-fd 5 "$@" 5>../ready 3>&- &
    kelp=$!
    timeout 20 cat ../ready >../line
    [ "$(cat ../line)" = ready ]
}

left() {
    find "$pids" -mindepth 1
}

@test "the pidfile names the supervisor for as long as the command runs" {
    start --pidfile "$pids/one" -- sleep 100
    [ "$(cat "$pids/one")" = "$kelp" ]
    [ "$(wc -l <"$pids/one") $(stat -c %a "$pids/one")" = "1 644" ]
    [ "$(left)" = "$pids/one" ]
    # what it names passes signals on, and ends with the command
    kill -TERM "$(cat "$pids/one")"
    status=0
    wait "$kelp" || status=$?
    [ "$status" = 143 ]
    [ -z "$(left)" ]
}

@test "the pidfile of a detached run names its supervisor, not who has started it" {
    id=$("$KELP" run -d --pidfile "$pids/one" -- sleep 100)
    # it is there when the one who has started it is gone
    pid=$(cat "$pids/one")
    [ "$pid" = "$(field "$id" supervisor_pid)" ]
    "$KELP" stop -t 0 "$id"
    gone "$pid"
    [ -z "$(left)" ]
}

@test "the pidfile is found by a relative name, and ends with every kind of end" {
    cd ../pids
    run -3 "$KELP" run -w / --pidfile ./one --hide . -- sh -c 'exit 3'
    [ -z "$(left)" ]
    cd ../ws
    run -0 "$KELP" run --pidfile ../pids/one -- true
    run -137 "$KELP" run --pidfile ../pids/one -- sh -c 'kill -9 $$'
    run -124 "$KELP" run --pidfile ../pids/one --timeout 100ms -- sleep 100
    run -127 "$KELP" run --pidfile ../pids/one -- no-such-command
    run -125 "$KELP" run --pidfile ../pids/one -w /nowhere -- true
    run -127 "$KELP" run -d --pidfile ../pids/one -- no-such-command
    [ -z "$(left)" ]
}

# One more run, and whether its pidfile, or that of one before, was looked into.
run_and_look() {
    "$KELP" run --pidfile "$pids/one" -- true
    [ -s ../looked ]
}

@test "a pidfile is whole whenever there is one" {
    # without the rename of a whole file, one of these looks would find it empty
    : >../looked
    (
        exec 3>&-
        while [ ! -e ../stop ]; do
            text=$(cat "$pids/one" 2>/dev/null) || continue
            printf '%s\n' "$text" >>../looked
        done
    ) &
    for _ in $(seq 1 10); do
        "$KELP" run --pidfile "$pids/one" -- true
    done
    wait_for run_and_look
    touch ../stop
    wait
    run -1 grep -vxE '[0-9]+' ../looked
}

@test "one pidfile is not for two runs, and the second leaves the first its own" {
    start --pidfile "$pids/one" -- sleep 100
    run -125 "$KELP" run --pidfile "$pids/one" -- touch ran
    [ "${lines[0]}" = "kelp: the pidfile '$pids/one' belongs to a run that goes on" ]
    [[ ${lines[1]} == "hint: "* ]]
    [ ! -e ran ]
    [ "$(cat "$pids/one")" = "$kelp" ]
    kill "$kelp"
    wait "$kelp" || true
    [ -z "$(left)" ]
}

@test "a pidfile that a killed run has left is replaced" {
    start --pidfile "$pids/one" -- sleep 100
    kill -9 "$kelp"
    wait "$kelp" || true
    [ "$(cat "$pids/one")" = "$kelp" ]
    run -0 "$KELP" run --pidfile "$pids/one" -- true
    [ -z "$(left)" ]
    # another one is put there meanwhile: it is not ours to remove
    run -0 "$KELP" run --pidfile "$pids/one" --ready-fd 9 -- cat 9> >(
        read -r _
        echo 1 >"$pids/two"
        mv "$pids/two" "$pids/one"
    ) < <(wait_for grep -qx 1 "$pids/one")
    [ "$(cat "$pids/one")" = 1 ]
}

@test "what is no pidfile of ours is not replaced" {
    echo 'alias x=y' >"$pids/bashrc"
    mkdir "$pids/dir"
    ln -s bashrc "$pids/link"
    ln -s nowhere "$pids/dangling"
    mkfifo "$pids/fifo"
    for name in bashrc dir link dangling fifo; do
        run -125 timeout 10 "$KELP" run --pidfile "$pids/$name" -- touch ran
        [ "${lines[0]}" = "kelp: '$pids/$name' is there and is no pidfile of yours" ]
        [[ ${lines[1]} == "hint: "* ]]
    done
    [ ! -e ran ]
    [ "$(cat "$pids/bashrc")" = 'alias x=y' ]
    [ ! -e "$pids/nowhere" ]
    [ "$(left | wc -l)" = 5 ]
}

@test "a pidfile that the sandbox could write is refused" {
    mkdir -p sub/deep
    ln -s "$PWD/sub" ../pids/sub
    for path in one ./one sub/deep/one "$pids/sub/one"; do
        run -125 "$KELP" run --status-fd 9 --pidfile "$path" -- touch ran 9>../status
        [[ ${lines[0]} == "kelp: the sandbox could write the pidfile '"*"one': '$PWD' is writable in it" ]]
        [[ ${lines[1]} == "hint: "*'$XDG_RUNTIME_DIR'* ]]
        [ "$(jq -r '.event + " " + .step' ../status)" = "setup-failed go" ]
    done
    # by another name of its directory, or under a part that is read-only here
    run -125 "$KELP" run -v "$pids:/x" --pidfile "$pids/one" -- touch ran
    [[ ${lines[0]} == *"could write the pidfile"* ]]
    run -125 "$KELP" run --readable sub --pidfile sub/one -- touch ran
    [ ! -e ran ]
    # what only shows it may: here is no way to write
    run -0 "$KELP" run -v "$pids:/x:ro" --pidfile "$pids/one" -- sh -c '[ -s /x/one ] && ! echo 1 >/x/one'
    [ "$(left)" = "$pids/sub" ]
    # the hint works when typed
    run -0 "$KELP" run --pidfile "$XDG_RUNTIME_DIR/one" -- true
}

@test "a pidfile that cannot be made is an error before the command runs" {
    run -125 "$KELP" run --pidfile "$pids/no/one" -- touch ran
    [ "${lines[0]}" = "kelp: cannot open '$pids/no', where the pidfile is to be: No such file or directory" ]
    run -125 "$KELP" run --pidfile /proc/one -- touch ran
    run -125 "$KELP" run --pidfile /usr/one -- touch ran
    [ "${lines[0]}" = "kelp: cannot make the pidfile '/usr/one': Permission denied" ]
    [[ ${lines[1]} == "hint: "* ]]
    for name in '' "$pids/" /; do
        run -125 "$KELP" run --pidfile "$name" -- touch ran
        [ "${lines[0]}" = "kelp: option '--pidfile': '$name' is not the name of a file" ]
    done
    # a full disk: nothing is left of the attempt
    run -0 unshare -Urm sh -c '
        mount -t tmpfs -o size=4k none "$1" && head -c 4096 /dev/zero >"$1/full" || exit 1
        "$KELP" run --pidfile "$1/one" -- touch ran
        [ $? = 125 ] && ls -A "$1"' sh "$pids"
    [ "$output" = "kelp: cannot write '$pids/one': No space left on device"$'\nfull' ]
    [ ! -e ran ]
    [ -z "$(left)" ]
}

@test "the line of --ready-fd comes when the command runs, and the end of the file behind it" {
    # the status and the pidfile are there by then
    start --status-fd 6 --pidfile "$pids/one" -- sleep 100 6>../status
    [ "$(jq -r .event ../status)" = started ]
    [ "$(cat "$pids/one")" = "$kelp" ]
    # start() has seen the end of the file; the command goes on, and nobody has the other end
    kill -0 "$kelp"
    kill "$kelp"
    wait "$kelp" || true
}

@test "nobody has the descriptor of --ready-fd but kelp, whatever helps the run" {
    if [ -c /dev/net/tun ]; then
        start --network user --explain -- sleep 100
    else
        start --explain -- sleep 100
    fi
    kill "$kelp"
    wait "$kelp" || true
    rm ../ready
    start -t -- sleep 100
    kill "$kelp"
    wait "$kelp" || true
    run -0 "$KELP" run --ready-fd 5 -- sh -c 'ls /proc/self/fd' 5>/dev/null
    [ "$output" = $'0\n1\n2\n3' ]
}

@test "--ready-fd of a detached run" {
    mkfifo ../ready
    cat ../ready >../line &
    id=$("$KELP" run -d --ready-fd 5 -- sleep 100 5>../ready)
    wait $!
    [ "$(cat ../line)" = ready ]
    [ "$(field "$id" state)" = running ]
}

@test "a command that does not run leaves the descriptor of --ready-fd without a line" {
    for words in "-- no-such-command" "-w /nowhere -- true" "--badopt -- true" "-d -- no-such-command" \
        "--pidfile one -- true" "--dry-run -- true"; do
        # shellcheck disable=SC2086 # words are meant
        timeout 20 "$KELP" run --ready-fd 5 $words 5>../line 2>../err >../out || true
        [ ! -s ../line ]
    done
}

@test "a descriptor of --ready-fd that cannot be written" {
    run -125 "$KELP" run --ready-fd 9 -- touch ran 9<"$KELP"
    [[ $output == "kelp: the ready descriptor 9 is open for reading alone"$'\n'"hint: "* ]]
    run -125 "$KELP" run --ready-fd 78 -- touch ran
    [[ $output == "kelp: descriptor 78 is not open"$'\n'"hint: "*"78>FILE" ]]
    [ ! -e ran ]
    # whoever has stopped listening does not end the run
    run -3 "$KELP" run --ready-fd 9 -- sh -c 'exit 3' 9>/dev/full
    [ "$output" = "kelp: the run goes on: cannot write to the descriptor 9 of --ready-fd: No space left on device" ]
    mkfifo ../ready
    exec 8<>../ready 9>../ready 8<&-
    run -3 "$KELP" run --ready-fd 9 -- sh -c 'exit 3'
    [[ $output == "kelp: the run goes on: "*"Broken pipe" ]]
}
