#!/usr/bin/env bats
# The terminal of a container: over a console socket, and in the foreground of `run` and `exec`.

# shellcheck disable=SC2016 # what is quoted is for the shell inside
# shellcheck disable=SC2154 # $subids is of ../lib/bundle

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/bundle

setup() {
    command -v python3 >/dev/null || skip "the machine lacks python3"
    box=$BATS_TEST_TMPDIR/box
    said=$BATS_TEST_TMPDIR/said
    socket=$BATS_TEST_TMPDIR/console
}

teardown() {
    oci_end
}

terminal='.process.terminal = true'

# listen [WORD=TEXT...]: types as console.py says; what the terminal says goes to $said.
listen() {
    rm -f "$socket" "$said" "$said.ready"
    python3 "$KELP_SRC/tests/lib/console.py" "$socket" "$said.ready" "$@" >"$said" 2>&1 3>&- &
    listener=$!
    wait_for test -e "$said.ready"
}

# Not below "run": the listener is a child of this shell.
heard() {
    status=0
    wait "$listener" || status=$?
    output=$(tr -d '\r' <"$said" | tail -n +2)
}

# in_container SCRIPT [FILTER...]: create and start with a console socket.
in_container() {
    local script=$1
    shift

    bundle_make "$box" "$terminal" "$(bundle_sh "$script")" "$@"
    oci create -b "$box" --console-socket "$socket" box </dev/null >"$BATS_TEST_TMPDIR/log" 2>&1 3>&-
    oci start box
}

# on_terminal ARG...: "oci ARG..." on a terminal of its own, 24 lines of 80 columns unless $size says more.
on_terminal() {
    local command

    command="${size:+stty $size; }exec $(printf '%q ' "$KELP_OCI" --root "$(oci_root)" "$@")"
    TERM=xterm SHELL=/bin/sh script -qec "$command" /dev/null | tr -d '\r'
}

script_tty='[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && tty && stty size && echo hello >/dev/tty && ls -l /dev/console | cut -c1'

@test "the master goes over the console socket with its name, in one message" {
    listen
    in_container "$script_tty" '.process.consoleSize = {height: 7, width: 70}'
    heard
    [ "$status" = 0 ]
    [ "$output" = $'/dev/pts/0\n7 70\nhello\nc' ]
    [ "$(head -n 1 "$said" | tr -d '\r')" = /dev/ptmx ]
}

@test "the size is that of consoleSize" {
    listen
    in_container 'stty size' '.process.consoleSize = {height: 33, width: 111}'
    heard
    [ "$output" = "33 111" ]
}

@test "the terminal is the controlling one of a session of the command's own, and /dev/console is it" {
    listen
    # tpgid and tty_nr of proc_pid_stat(5)
    in_container 'read pid x x x group session tty front x </proc/self/stat; [ $group = $front ] && [ $session = 1 ] &&
        [ $tty != 0 ] && echo leads; echo to the console >/dev/console'
    heard
    [ "$output" = $'leads\nto the console' ]
}

@test "the terminal belongs to the command's user, who can open it by name" {
    has_subids || skip "the machine lacks subordinate ids"
    listen
    in_container 'stat -c %u $(tty); echo again >$(tty)' "$subids" '.process.user = {uid: 5, gid: 6}'
    heard
    [ "$output" = $'5\nagain' ]
}

@test "what is typed arrives, and Ctrl-C is a signal for the command alone" {
    listen $'ready=typed\n' $'got typed=\003'
    in_container 'trap "echo interrupted; exit" INT; echo ready; read line; echo "got $line"; sleep 30'
    heard
    [[ $output == *"got typed"*interrupted* ]]
}

@test "a terminal needs a console socket, and a console socket a terminal" {
    bundle_make "$box" "$terminal" "$(bundle_args true)"
    run oci create -b "$box" box
    [ "$status" = 1 ] && [[ $output == *--console-socket* ]]
    run oci create -b "$box" --console-socket /no/such/socket box
    [ "$status" = 1 ] && [[ $output == *"'/no/such/socket'"* ]]
    [ "$(oci_status box)" = gone ]
}

@test "an image that puts something else at /dev/ptmx gets no terminal" {
    listen
    bundle_make "$box" "$terminal" "$(bundle_args true)" '.mounts |= map(select(.destination | startswith("/dev") | not))'
    mkdir -p "$box/rootfs/dev/pts"
    printf x >"$box/rootfs/dev/ptmx"
    run oci create -b "$box" --console-socket "$socket" box
    [ "$status" = 1 ]
    [[ $output == *"'/dev/ptmx' of the container"* ]]
    heard
    [ "$status" != 0 ]
}

@test "run copies between the caller's terminal and the container's" {
    bundle_make "$box" "$terminal" "$(bundle_sh "$script_tty"'; read line; echo "got $line"; exit 5')"
    size="rows 44 cols 99"
    run on_terminal run -b "$box" box < <(sleep 0.5; echo typed)
    # the echo of what is typed may come in between
    for line in /dev/pts/0 "44 99" hello c "got typed"; do
        [[ $output == *"$line"* ]] || {
            echo "no '$line' in: $output"
            return 1
        }
    done
    bundle_edit "$box" "$(bundle_sh 'exit 5')"
    run on_terminal run -b "$box" box </dev/null
    [ "$status" = 0 ]
}

@test "run with a terminal and no terminal outside copies as well" {
    bundle_make "$box" "$terminal" "$(bundle_sh 'tty; read line; echo "got $line"; exit 5')"
    run oci run -b "$box" box < <(echo typed)
    [ "$status" = 5 ]
    [[ $output == */dev/pts/0*"got typed"* ]]
}

@test "exec -t has a terminal of the container's, exec without has none" {
    bundle_make "$box" "$(bundle_args sleep 600)"
    oci create -b "$box" box </dev/null >"$BATS_TEST_TMPDIR/log" 2>&1 3>&-
    oci start box
    size="rows 22 cols 88"
    run on_terminal exec -t box sh -c "tty; stty size" </dev/null
    [[ $output == *$'/dev/pts/0\n22 88'* ]]
    run oci exec --tty box sh -c 'tty; exit 6' </dev/null
    [ "$status" = 6 ] && [[ $output == /dev/pts/0* ]]
    run oci exec box tty </dev/null
    [ "$output" = "not a tty" ]
}

@test "exec sends its terminal over the console socket" {
    bundle_make "$box" "$(bundle_args sleep 600)"
    oci create -b "$box" box </dev/null >"$BATS_TEST_TMPDIR/log" 2>&1 3>&-
    oci start box
    listen
    oci exec --tty --detach --console-socket "$socket" --pid-file "$BATS_TEST_TMPDIR/pid" box sh -c 'tty; echo done' 3>&-
    heard
    [ "$output" = $'/dev/pts/0\ndone' ]
    run oci exec --tty --detach box true
    [ "$status" = 255 ] && [[ $output == *--console-socket* ]]
    run oci exec --console-socket "$socket" box true
    [ "$status" = 255 ] && [[ $output == *terminal* ]]
}

@test "a long output arrives whole, and its reader's end ends the copy" {
    bundle_make "$box" "$terminal" "$(bundle_sh 'seq 1 20000')"
    [ "$(oci run -b "$box" box </dev/null | tr -d '\r' | tail -n 1)" = 20000 ]
    [ "$(oci run -b "$box" box </dev/null | wc -l)" = 20000 ]
    run timeout 20 "$BASH" -c '"$KELP_OCI" --root "$1" run -b "$2" box </dev/null | head -n 1' - "$(oci_root)" "$box"
    [ "$status" = 0 ] && [ "${output%$'\r'}" = 1 ]
}
