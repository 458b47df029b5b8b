#!/usr/bin/env bats
# kelp exec: one more command in a sandbox that runs.  tests/escape/exec.tap shows what holds it.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup_file() {
    export XDG_RUNTIME_DIR=$BATS_FILE_TMPDIR/run HOME=$BATS_FILE_TMPDIR/home
    mkdir -m 0700 "$XDG_RUNTIME_DIR"
    mkdir -p "$HOME" "$BATS_FILE_TMPDIR/ws"
    cd "$BATS_FILE_TMPDIR/ws" || return 1
    MARK=of-the-sandbox "$KELP" run --name box -e MARK --ulimit nofile=77 -- \
        sh -c 'echo up; exec sleep 300' >up 2>&1 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/pid"
    wait_for grep -qx up up
}

# Also of a test that has failed.
teardown_file() {
    "$KELP" rm -fa >/dev/null 2>&1 || true
}

setup() {
    cd "$BATS_FILE_TMPDIR/ws" || return 1
}

inside() {
    "$KELP" exec box "$@"
}

# The command lines of the sandbox, and a last line, without which it did not tell them.
lines_inside() {
    inside sh -c 'cat /proc/[0-9]*/cmdline 2>/dev/null; echo; echo told' | tr '\0' ' '
}

runs_inside() {
    [[ $(lines_inside) == *"$1"*$'\ntold' ]]
}

is_gone_inside() {
    local all

    all=$(lines_inside)
    [[ $all == *$'\ntold' && $all != *"$1"* ]]
}

# Starts `kelp exec box ARG...` in the background: its pid is in $client, its output in "out".
start() {
    : >out
    setsid env --default-signal "$KELP" exec box "$@" >out 2>&1 </dev/null 3>&- &
    client=$!
    wait_for grep -qx started out
}

ends_with() {
    ended_with "$client" "$1"
}

# One line of kelp's own that says $2, and status $1.
fails_with() {
    [ "$status" != "$1" ] || [[ ${lines[0]} != "kelp: $2" ]] || return 0
    echo "status $status, not $1, or not '$2': $output"
    return 1
}

@test "it runs beside the payload, with the payload's ids, directory and environment" {
    run -0 inside sh -c 'pwd; id -u; echo "$MARK"; tr "\0" " " </proc/2/cmdline'
    [ "${lines[0]}" = "$PWD" ]
    [ "${lines[1]}" = "$(id -u)" ]
    [ "${lines[2]}" = of-the-sandbox ]
    [ "${lines[3]}" = "sleep 300 " ]
}

@test "each namespace is the payload's" {
    local of_payload='readlink /proc/self/ns/mnt /proc/self/ns/pid /proc/self/ns/net /proc/self/ns/ipc
        readlink /proc/self/ns/uts /proc/self/ns/cgroup /proc/self/ns/user'
    "$KELP" run --name other -- sh -c "$of_payload; echo; exec sleep 300" >ns 2>&1 3>&- &
    wait_for grep -qx '' ns
    run -0 "$KELP" exec other sh -c "$of_payload"
    "$KELP" kill other
    [ "$output" = "$(sed '/^$/d' ns)" ]
    [ "${#lines[@]}" = 7 ]
}

@test "streams are the client's own" {
    run -0 sh -c 'echo words | "$KELP" exec box sh -c "cat; echo no >&2" 2>err'
    [ "$output" = words ]
    [ "$(cat err)" = no ]
    seq 200000 >big
    "$KELP" exec box cat <big >copy
    cmp big copy
}

@test "a pipe ends when the command closes it" {
    run -0 timeout "$((5 * KELP_TEST_SLOW))" sh -c '("$KELP" exec box sh -c "exec >&-; sleep 200" 2>/dev/null &) | cat'
    kill -9 "$(joiner)"
    wait_for is_gone_inside "sleep 200"
}

@test "the exit status is the command's" {
    run -7 inside sh -c 'exit 7'
    run -143 inside sh -c 'kill -TERM $$'
    run -137 inside sh -c 'kill -KILL $$'
    [ -z "$output" ]
}

@test "variables, directory and user can be others" {
    OWN=mine run -0 "$KELP" exec -e A=1 --env OWN -e MARK= -w /tmp -u "$(id -u):$(id -g)" box \
        sh -c 'echo "$A $OWN <$MARK> $PWD $(id -u)"'
    [ "$output" = "1 mine <> /tmp $(id -u)" ]
    # what is not set outside is taken away
    run -0 env -u NONE "$KELP" exec -eMARK -e NONE box sh -c 'echo "${MARK-none}"'
    [ "$output" = none ]
}

@test "limits are the payload's" {
    run -0 inside sh -c 'ulimit -n; ulimit -c'
    [ "${lines[0]}" = 77 ]
    [ "${lines[1]}" = 0 ]
}

@test "a command that is not there is 127, one that cannot be executed 126" {
    run -127 inside no-such-command
    fails_with 127 "command not found: 'no-such-command'"
    run -126 inside /etc/passwd
    fails_with 126 "cannot execute '/etc/passwd': Permission denied"
    run -126 inside /etc
    fails_with 126 "cannot execute '/etc': it is a directory"
}

@test "what kelp itself cannot do is 125, in one line with its reason" {
    run -125 "$KELP" exec no-such-box true
    fails_with 125 "there is no sandbox 'no-such-box'"
    run -125 "$KELP" exec -w /no/such box true
    fails_with 125 "cannot enter the working directory '/no/such': No such file or directory"
    run -125 "$KELP" exec -w here box true
    fails_with 125 "--workdir: 'here' is not an absolute path"
    run -125 "$KELP" exec -u +0 box true
    fails_with 125 "--user: '+0' is neither a number nor a name of a user"
    run -125 "$KELP" exec -u 4294967295 box true
    [ "$status" = 125 ]
    run -125 "$KELP" exec -u 0 box true
    fails_with 125 "user 0 has no id on the host to stand for it"
    run -125 "$KELP" exec box true </
    fails_with 125 "standard stream 0 is a directory of the host"
    # nothing read-only can be made of what has no name
    run -125 "$KELP" exec box true </proc/self/ns/mnt
    fails_with 125 "descriptor 0 is a file whose name cannot be found"
}

@test "words that are not understood are told, with a hint that works" {
    run -125 "$KELP" exec
    fails_with 125 "'kelp exec' needs the NAME or ID of a sandbox"
    run -125 "$KELP" exec box
    [ "${lines[1]}" = "hint: kelp exec -it box sh" ]
    run -125 "$KELP" exec --evn A=1 box true
    [ "${lines[1]}" = "hint: did you mean '--env'" ]
    run -125 "$KELP" exec -e
    fails_with 125 "option '--env' needs a value"
    run -125 "$KELP" exec -e =x box true
    fails_with 125 "--env: '=x' is not NAME or NAME=VALUE"
    run -0 "$KELP" exec --help
    [[ $output == Usage:* ]]
}

# hinted STATUS MESSAGE HINT WORDS...: the two lines, and nothing else
hinted() {
    local expected=$1 message=$2 hint=$3

    shift 3
    run "-$expected" "$KELP" exec "$@"
    [ "$output" = "kelp: $message"$'\n'"hint: $hint" ] || {
        echo "kelp exec $*: $output"
        return 1
    }
}

@test "a command that is not found has a hint where its words have one" {
    hinted 127 "command not found: '-it'" "options stand before the sandbox: kelp exec -it box bash" box -it bash
    hinted 127 "command not found: '-e'" \
        "options stand before the sandbox: kelp exec -e 'A=b c' --workdir=/tmp box echo 'x y'" \
        box -e 'A=b c' --workdir=/tmp echo 'x y'
    hinted 127 "command not found: '-i'" "options stand before the sandbox: kelp exec -i box COMMAND" box -i
    hinted 127 "command not found: 'ls -l'" "the words stand without quotes: kelp exec box ls -l" box 'ls -l'
    hinted 127 "command not found: 'cd'" "it is a word of the shell: sh -c 'cd ...'" box cd /
    hinted 127 "command not found: 'A=b c'" "a variable is set by an option: -e 'A=b c'" box 'A=b c' env
    # what is no option of kelp's, and what was found
    run -127 "$KELP" exec box --no-such-option
    [ "$output" = "kelp: command not found: '--no-such-option'" ]
    run -2 "$KELP" exec box sh -c 'exit 2'
    [ -z "$output" ]
}

@test "options that docker exec has, and words that only run can take" {
    local behind="in the background of your shell: kelp exec NAME COMMAND </dev/null >FILE 2>&1 &"
    hinted 125 "unknown option '-d'" "$behind" -d box true
    hinted 125 "unknown option '--detach'" "$behind" --detach box true
    hinted 125 "unknown option '--privileged'" \
        "it has the rights of the sandbox: kelp run --cap-add gives those" --privileged box true
    hinted 125 "--workdir: 'tmp' is not an absolute path" \
        "it is one inside, from the root of the sandbox: -w /tmp" -w tmp box true
    run -0 "$KELP" exec -w /tmp box true
    hinted 125 "cannot enter the working directory '/no/such': No such file or directory" \
        "the sandbox has no such directory; -w / starts at its root" -w /no/such box true
    run -0 "$KELP" exec -w / box true
    hinted 125 "user 0 has no id on the host to stand for it" \
        "leave --user out: a view of this host has your own id alone" -u root box true
    hinted 125 "there is no user 'nosuch' in the sandbox" \
        "its /etc/passwd has the names; a number is looked up nowhere" -u nosuch box true
    hinted 125 "there is no group 'nosuch' in the sandbox" \
        "its /etc/group has the names; a number is looked up nowhere" -u "$(id -u):nosuch" box true
}

@test "options behind the sandbox are the command's" {
    run -0 "$KELP" exec box echo -t --help
    [ "$output" = "-t --help" ]
    run -0 "$KELP" exec -- box -- echo -t
    [ "$output" = -t ]
}

@test "an id and the start of one do as well as a name" {
    local id
    id=$("$KELP" ps | awk '$2 == "box" { print $1 }')
    run -0 "$KELP" exec "$id" echo in
    run -0 "$KELP" exec "${id:0:5}" echo in
    [ "$output" = in ]
}

@test "signals reach the command and its group" {
    start sh -c 'trap "echo got; exit 5" USR1; echo started; while :; do sleep 0.1; done'
    kill -USR1 "$client"
    ends_with 5
    grep -qx got out
    start sh -c 'echo started; exec sleep 301'
    kill -INT "$client"
    ends_with 130
}

@test "a client that is killed takes its command along" {
    start sh -c 'echo started; exec sleep 302'
    kill -9 "$client"
    wait_for is_gone_inside "sleep 302"
}

@test "a command that ignores SIGHUP is killed" {
    start sh -c 'trap "" HUP; echo started; while :; do sleep 0.1; done; : 303'
    kill -9 "$client"
    wait_for is_gone_inside ": 303"
}

@test "the end of the sandbox is that of the command, and the client says so" {
    "$KELP" run --name short -- sleep 300 3>&- &
    wait_for "$KELP" exec short true
    : >out
    "$KELP" exec short sh -c 'echo started; exec sleep 300' >out 2>&1 3>&- &
    client=$!
    wait_for grep -qx started out
    "$KELP" kill short
    ends_with 137
    grep -qx "kelp: sandbox 'short' has ended, and the command with it" out
    run -125 "$KELP" exec short true
    [[ $output == *"'short'"* ]]
}

@test "whoever asks while the sandbox ends hears that it has ended" {
    local i told
    for ((i = 0; i < 15; i++)); do
        rm -f up
        "$KELP" run --name "end$i" -- sh -c 'echo >up; sleep 0.1' 3>&- &
        wait_for test -e up
        while told=$("$KELP" exec "end$i" true 2>&1); do :; done
        echo "$told"
        # while it ran, while it ended, or after that
        [[ $told == "kelp: sandbox 'end$i' has ended"* || $told == *"no sandbox 'end$i'"* ]]
        wait $!
    done
}

@test "a supervisor that is killed takes the command along" {
    "$KELP" run --name lost -- sleep 300 3>&- &
    local supervisor=$!
    wait_for "$KELP" exec lost true
    : >out
    "$KELP" exec lost sh -c 'echo started; exec sleep 304' >out 2>&1 3>&- &
    client=$!
    wait_for grep -qx started out
    kill -9 "$supervisor"
    ends_with 137
    grep -qx "kelp: sandbox 'lost' has ended, and the command with it" out
    wait_for sh -c '! pgrep -u "$(id -u)" -f "^sleep 304"'
}

# The process that has entered the sandbox for the last `kelp exec box`.
joiner() {
    pgrep -n -P "$(cat "$BATS_FILE_TMPDIR/pid")" -x kelp-exec
}

has_no_dead_inside() {
    [ "$(inside sh -c 'cat /proc/[0-9]*/stat 2>/dev/null | grep -c ") Z "')" = 0 ]
}

@test "a joiner that is killed takes the command along, and the sandbox goes on" {
    start sh -c 'echo started; exec sleep 305'
    kill -9 "$(joiner)"
    ends_with 137
    grep -qx "kelp: the process that had entered sandbox 'box' was killed, and the command with it" out
    wait_for is_gone_inside "sleep 305"
    # nor does anything dead stay, which would keep the sandbox from its end
    wait_for has_no_dead_inside
}

@test "a joiner that is killed takes along what the command has started" {
    start sh -c '(sleep 307; :) & echo started; sleep 308; :'
    wait_for runs_inside "sleep 308"
    kill -9 "$(joiner)"
    ends_with 137
    wait_for is_gone_inside "sleep 308"
    wait_for is_gone_inside "sleep 307"
}

@test "a command that does not want to die with the joiner is killed by the supervisor" {
    start python3 -c 'import ctypes, time
ctypes.CDLL(None).prctl(1, 0)
print("started", flush=True)
time.sleep(306)'
    kill -9 "$(joiner)"
    ends_with 137
    wait_for is_gone_inside "time.sleep(306)"
}

@test "two hundred commands leave nothing in the sandbox" {
    local i
    for ((i = 0; i < 200; i++)); do
        inside true
    done
    wait_for has_payload_alone box
}

@test "a file on standard input cannot be changed by way of it" {
    echo text >"$HOME/file"
    chmod 0640 "$HOME/file"
    run "$KELP" exec box sh -c 'cat; chmod 0777 /proc/self/fd/0; echo x >/proc/self/fd/0' \
        <"$HOME/file"
    [ "${lines[0]}" = text ]
    [ "$(stat -c %a "$HOME/file")" = 640 ]
    [ "$(cat "$HOME/file")" = text ]
    # the control: where it is the sandbox's own it can
    run -0 "$KELP" exec box sh -c 'echo a >own; chmod 0751 /proc/self/fd/0 <own; stat -c %a own'
    [ "$output" = 751 ]
}

@test "no terminal outside, and -t: a terminal inside" {
    run -0 "$KELP" exec -t box sh -c 'tty; stty size' </dev/null
    [[ ${lines[0]} == /dev/pts/* ]]
}
