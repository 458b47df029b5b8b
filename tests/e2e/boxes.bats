#!/usr/bin/env bats
# Sandboxes that are left running: run -d, ps, stop, kill, wait, rm.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/boxes

teardown() {
    env -u XDG_RUNTIME_DIR "$KELP" rm -f "one-$$" >/dev/null 2>&1 || true
    boxes_teardown
}

@test "run -d prints the id, and the sandbox goes on" {
    run -0 --separate-stderr "$KELP" run -d -- sleep 100
    [[ $output =~ ^[0-9a-f]{12}$ ]]
    [ -z "$stderr" ]
    run -0 "$KELP" ps -q
    [ "$(wc -l <<<"$output")" = 1 ]
    run -0 "$KELP" ps
    [[ ${lines[0]} == "ID "*NAME*IMAGE*COMMAND*CREATED*STATUS ]]
    [[ ${lines[1]} == *"sleep 100"*"Up "* ]]
}

@test "what was started is nobody's child, has a session of its own, and holds nothing of the caller's" {
    # the pipe of the substitution and the descriptor 9 would keep these two waiting
    mkfifo pipe
    { cat pipe && echo ended >ended; } 3>&- &
    exec 9>pipe
    id=$(timeout 10 "$KELP" run -d -- sleep 100)
    exec 9>&-
    await_file ended
    pid=$(field "$id" supervisor_pid)
    [ "$(ps -o sid= -p "$pid" | tr -d ' ')" = "$pid" ]
    [ "$(ps -o tty= -p "$pid" | tr -d ' ')" = '?' ]
    [ "$(readlink "/proc/$pid/cwd")" = / ]
}

@test "a run that cannot start says so as in the foreground, and is no sandbox" {
    run -127 "$KELP" run -d -- no-such-command
    [ "${#lines[@]}" = 1 ]
    [[ $output == "kelp: "*no-such-command* ]]
    run -126 "$KELP" run -d -- /
    run -125 "$KELP" run -d -w /nowhere -- true
    run -125 "$KELP" run -d --name x -v /no/such:/x -- true
    run -0 "$KELP" ps -aq
    [ -z "$output" ]
    nothing_left
}

@test "an id that cannot be printed is an error that names it, and the sandbox goes on" {
    # a pipe that nobody reads any more
    exec 8> >(:)
    wait $!
    for out in /dev/full /dev/fd/8; do
        run -125 --separate-stderr bash -c '"$KELP" run -d -- sleep 100 >"$1"' sh "$out"
        [ -z "$output" ]
        id=$("$KELP" ps -q)
        [[ $stderr == "kelp: sandbox '$id' was started, but its id cannot be written to stdout: "*$'\n'"hint: it runs: \`kelp stop $id\` ends it" ]]
        "$KELP" rm -f "$id"
    done
    exec 8>&-
}

@test "the end of a detached sandbox is known until it is removed" {
    id=$("$KELP" run -d --name one -- sh -c 'exit 3')
    run -0 "$KELP" wait one
    [ "$output" = 3 ]
    run -0 "$KELP" ps -q
    [ -z "$output" ]
    [ "$(field one state) $(field one reason) $(field one exit_code)" = "exited exit 3" ]
    run -0 "$KELP" ps -a
    [[ ${lines[1]} == "$id"*one*"Exited (3)"* ]]
    run -0 "$KELP" rm one
    [ "$output" = one ]
    run -125 "$KELP" rm one
    [ "${lines[0]}" = "kelp: there is no sandbox 'one'" ]
    nothing_left
}

@test "signals and the time limit are told apart" {
    "$KELP" run -d --name a -- sh -c 'kill -9 $$'
    "$KELP" run -d --name b --timeout 100ms -- sleep 100
    run -0 "$KELP" wait a b
    [ "$output" = $'137\n124' ]
    [ "$(field a signal) $(field a reason)" = "KILL signal" ]
    [ "$(field b reason)" = timeout ]
    run -0 "$KELP" ps -a
    [[ $output == *"Exited (124, timeout)"* ]]
}

@test "stop asks first, and kills after a while" {
    "$KELP" run -d --name polite -- sh -c 'trap "exit 7" TERM; echo ready >asked; while :; do sleep 0.05; done'
    "$KELP" run -d --name deaf -- sh -c 'trap "" TERM; echo ready >ready; while :; do sleep 0.05; done'
    await_file asked
    await_file ready
    begin=$(date +%s%N)
    run -0 "$KELP" stop -t 2 polite deaf
    [ "$output" = $'polite\ndeaf' ]
    [ $((($(date +%s%N) - begin) / 1000000)) -ge 1900 ]
    run -0 "$KELP" wait polite deaf
    [ "$output" = $'7\n137' ]
    # what has ended is stopped
    run -0 "$KELP" stop polite
    [ "$output" = polite ]
}

# A sandbox in the foreground whose output nobody takes runs this.
start_untaken() {
    rm -f ready asked
    timeout 100 "$KELP" run -t --name one -- sh -c "$1" >full 3>&- 9>&- &
    started=$!
    await_file ready
}

@test "stop is not put off by output that nobody takes, nor by its own end" {
    local ends='echo text; echo r >ready'
    local stays='echo text; trap "echo r >asked" TERM; echo r >ready; while :; do sleep 0.05; done'
    mkfifo full
    exec 9<>full
    # as much as it holds
    dd if=/dev/zero of=full bs=65536 count=1 status=none
    for command in "$ends" "$stays"; do
        start_untaken "$command"
        run -0 timeout 50 "$KELP" stop -t 1 one
        wait "$started" || true
        nothing_left
    done
    # as long as rm says that it runs, exec does not say that it has ended
    start_untaken "$ends"
    run -125 timeout 50 "$KELP" exec one true
    [ "${lines[0]}" = "kelp: nobody takes the output of sandbox 'one', whose command has ended" ]
    [ "${lines[1]}" = "hint: \`kelp stop one\` ends it" ]
    run -125 "$KELP" rm one
    [ "${lines[0]}" = "kelp: sandbox 'one' runs" ]
    run -0 timeout 50 "$KELP" stop -t 1 one
    wait "$started" || true
    start_untaken "$stays"
    run -0 timeout 50 "$KELP" rm -f one
    wait "$started" || true
    nothing_left
    # what is interrupted has handed the deadline over
    start_untaken "$stays"
    env --default-signal "$KELP" stop -t 1 one 3>&- 9>&- &
    await_file asked
    kill -INT $!
    wait "$started" || true
    nothing_left
    exec 9>&-
}

# Whether the command of a sandbox is stopped.
is_stopped() {
    [[ $(ps -o stat= --ppid "$(field "$1" pid)") == T* ]]
}

@test "stop wakes who is stopped, and needs no patience at 0" {
    "$KELP" run -d --name asleep -- sh -c 'trap "exit 5" TERM; kill -STOP $$; sleep 1'
    wait_for is_stopped asleep
    run -0 "$KELP" stop -t 5 asleep
    run -0 "$KELP" wait asleep
    [ "$output" = 5 ]
    "$KELP" run -d --name deaf -- sh -c 'trap "" TERM; sleep 100'
    run -0 "$KELP" stop -t 0 deaf
    [ "$(field deaf exit_code)" = 137 ]
}

@test "kill sends a signal, or ends all of it" {
    "$KELP" run -d --name one -- sh -c 'trap "echo got >got" USR1; echo r >ready; while :; do sleep 0.05; done'
    await_file ready
    run -0 "$KELP" kill -s USR1 one
    await_file got
    [ "$(field one state)" = running ]
    run -0 "$KELP" kill -s SIGSTOP one
    run -0 "$KELP" kill one
    [ "$(field one state) $(field one exit_code)" = "exited 137" ]
    for signal in -sKILL -sSIGKILL --signal=9; do
        "$KELP" run -d --name two -- sh -c 'trap "" TERM; sleep 100'
        run -0 "$KELP" kill "$signal" two
        [ "$output" = two ]
        run -0 "$KELP" rm two
    done
    run -125 "$KELP" kill one
    [ "${lines[0]}" = "kelp: sandbox 'one' has ended" ]
    run -125 "$KELP" kill -s NONE one
    run -125 "$KELP" stop -t soon one
}

@test "a name is given once, and free again afterwards" {
    "$KELP" run -d --name one -- sleep 100
    run -125 "$KELP" run -d --name one -- true
    [ "${lines[0]}" = "kelp: there is a sandbox 'one' already" ]
    [ "${lines[1]}" = "hint: take another --name; \`kelp stop one\` would end it" ]
    # one in the foreground has a name, too
    run -125 "$KELP" run --name one -- true
    run -0 "$KELP" stop one
    run -125 "$KELP" run --name one -- true
    id=$("$KELP" ps -aq)
    [ "${lines[1]}" = "hint: \`kelp rm $id\` frees the name; \`kelp rm one\` also removes what --keep has kept under it" ]
    run -125 "$KELP" run -d --name one -- true
    [ "${lines[0]}" = "kelp: there is a sandbox 'one' already, which has ended" ]
    run -0 "$KELP" rm one
    run -0 "$KELP" run --name one -- true
    run -0 "$KELP" run --name one -- true
    nothing_left
}

@test "of many that want one name at once one gets it" {
    for i in 1 2 3 4 5 6; do
        "$KELP" run -d --name one -- sleep 100 >"out.$i" 2>/dev/null &
    done
    wait
    [ "$(cat out.* | wc -l)" = 1 ]
    [ "$("$KELP" ps -aq | wc -l)" = 1 ]
}

@test "names and ids, whole or their start; what is not clear is refused" {
    id=$("$KELP" run -d --name one -- sleep 100)
    run -0 "$KELP" stop -t 0 "${id:0:6}"
    run -0 "$KELP" wait "$id"
    run -125 "$KELP" wait on
    run -125 "$KELP" wait ../one
    run -125 "$KELP" wait ''
    run -125 "$KELP" stop
    [ "${lines[0]}" = "kelp: 'kelp stop' needs the NAME or ID of a sandbox" ]
    # of seventeen two begin alike
    for i in $(seq 16); do
        "$KELP" run -d -- true
    done >ids
    echo "$id" >>ids
    digit=$(cut -c1 ids | sort | uniq -d | head -n 1)
    run -125 "$KELP" rm "$digit"
    [[ ${lines[0]} == "kelp: '$digit' begins the ids of several sandboxes: $digit"* ]]
    # nothing is done by halves
    run -125 "$KELP" rm one nix
    run -0 "$KELP" rm one
}

@test "where a sandbox was looked for is said" {
    "$KELP" run -d --name one -- sleep 100
    mkdir -m 0700 other
    for command in "stop one" "kill one" "wait one" "rm one" "logs one" "attach one" "exec one true"; do
        XDG_RUNTIME_DIR=$PWD/other run -125 "$KELP" $command
        [ "$output" = "kelp: there is no sandbox 'one'"$'\n'"hint: kelp ps -a lists those of '$PWD/other/kelp'" ]
    done
    run -0 "$KELP" rm -f one
}

@test "--rm leaves nothing, and the name is free when stop returns" {
    for i in 1 2 3 4 5; do
        "$KELP" run -d --rm --name one -- sleep 100
        "$KELP" stop -t 0 one
    done
    nothing_left
    "$KELP" run -d --rm --name one -- sh -c 'exit 6'
    run "$KELP" wait one
    # it may have been gone before the question
    [[ $output == 6 || $output == "kelp: there is no sandbox 'one'"* ]]
}

@test "rm refuses what runs, unless it is forced" {
    "$KELP" run -d --name one -- sleep 100
    run -125 "$KELP" rm one
    [ "${lines[0]}" = "kelp: sandbox 'one' runs" ]
    run -0 "$KELP" rm -f one
    nothing_left
    "$KELP" run -d --name two -- sleep 100
    "$KELP" run -d --name three -- true
    "$KELP" wait three
    run -0 "$KELP" rm -a
    [ "$output" = three ]
    run -0 "$KELP" rm -fa
    [ "$output" = two ]
    nothing_left
}

@test "a run in the foreground is listed, can be stopped, and leaves nothing" {
    "$KELP" run --name front -- sh -c 'echo r >ready; exec sleep 100' &
    await_file ready
    [ "$(field front state) $(field front detached)" = "running false" ]
    run -0 "$KELP" stop -t 5 front
    status=0
    wait $! || status=$?
    [ "$status" = 143 ]
    nothing_left
}

@test "ps as JSON is JSON, whatever a command is called" {
    "$KELP" run -d --name odd -- sh -c ': "\" \\ '$'\n\t\033[31m\xff'' $(x) é"; sleep 100'
    "$KELP" ps --format json >list
    [ "$(jq -r '.[0].name' list)" = odd ]
    run ! grep -q $'\033' list
    "$KELP" ps --no-trunc >list
    run ! grep -q $'\033' list
    run -0 "$KELP" ps -a --format table
    run -125 "$KELP" ps --format yaml
    [ "${lines[1]}" = "hint: --format table, or --format json" ]
    run -125 "$KELP" ps -q --format json
    run -125 "$KELP" ps odd
    [ "${lines[1]}" = "hint: kelp inspect odd tells of one sandbox" ]
}

@test "whose supervisor was killed is lost, and swept" {
    "$KELP" run -d --name one -- sleep 100
    "$KELP" run -d --rm --name two -- sleep 100
    pids=$("$KELP" ps --format json | jq '.[] | .pid, .supervisor_pid')
    supervisors=$("$KELP" ps --format json | jq '.[].supervisor_pid')
    # shellcheck disable=SC2086 # several
    kill -9 $supervisors
    for pid in $supervisors; do
        gone "$pid"
    done
    run -0 "$KELP" ps -a
    [ "${#lines[@]}" = 2 ]
    [[ ${lines[1]} == *one*"Lost "*" ago" ]]
    for pid in $pids; do
        gone "$pid"
    done
    run -125 "$KELP" wait one
    [ "${lines[0]}" = "kelp: how sandbox 'one' ended is not known" ]
    run -0 "$KELP" run --name two -- true
    run -0 "$KELP" rm one
    nothing_left
}

@test "kill -9 of each process of a sandbox, at random moments" {
    # a sample; all of it with --long
    run -0 python3 "$KELP_SRC/tests/e2e/box-kills.py" "$KELP" "${KELP_TEST_LONG:+100}"
    echo "$output"
    nothing_left
}

@test "many at once are listed at once, and stopped together" {
    local n=30
    [ -z "${KELP_TEST_LONG:-}" ] || n=500
    begin=$(date +%s%N)
    seq "$n" | xargs -P 4 -I{} "$KELP" run -d --name box-{} -- sleep 1000 >ids
    echo "start of $n took $((($(date +%s%N) - begin) / 1000000)) ms"
    [ "$(sort -u ids | wc -l)" = "$n" ]
    best=999999
    for _ in 1 2 3; do
        begin=$(date +%s%N)
        "$KELP" ps >list
        took=$((($(date +%s%N) - begin) / 1000))
        [ "$took" -ge "$best" ] || best=$took
    done
    [ "$(wc -l <list)" = $((n + 1)) ]
    echo "ps of $n took $best us"
    [ "$best" -lt "$((200000 * KELP_TEST_SLOW))" ]
    for number in $(seq 10); do
        run -0 "$KELP" exec "box-$number" echo "in $number"
        [ "$output" = "in $number" ]
    done
    pids=$("$KELP" ps --format json | jq '.[] | .pid, .supervisor_pid')
    begin=$(date +%s%N)
    # with fewer descriptors than sandboxes
    (ulimit -Sn 32 && "$KELP" stop -a -t 5 >stopped)
    echo "stop of $n took $((($(date +%s%N) - begin) / 1000000)) ms"
    [ "$(wc -l <stopped)" = "$n" ]
    "$KELP" rm -a >/dev/null
    nothing_left
    for pid in $pids; do
        gone "$pid"
    done
}

@test "the state directory of others, or open to others, is refused" {
    mkdir -m 0755 "$XDG_RUNTIME_DIR/kelp" 2>/dev/null || chmod 0755 "$XDG_RUNTIME_DIR/kelp"
    run -125 "$KELP" ps
    [[ ${lines[0]} == "kelp: '$XDG_RUNTIME_DIR/kelp' is open to others (mode 755)" ]]
    [ "${lines[1]}" = "hint: chmod 700 '$XDG_RUNTIME_DIR/kelp'" ]
    run -125 "$KELP" run -d -- true
    run -125 "$KELP" run --name x -- true
    # who has asked for nothing of it is told, and goes on
    run -0 "$KELP" run -- true
    [[ $output == "kelp: '$XDG_RUNTIME_DIR/kelp' is open to others (mode 755), ignoring: "* ]]
    rm -r "$XDG_RUNTIME_DIR/kelp"
    ln -s "$PWD" "$XDG_RUNTIME_DIR/kelp"
    run -125 "$KELP" ps
    run -125 "$KELP" run -d -- true
    [ -z "$(ls "$PWD")" ]
    rm "$XDG_RUNTIME_DIR/kelp"
}

@test "a payload never reaches the state directory, wherever a share shows it" {
    # the runtime directory in a directory that is shared, and in the current one
    mkdir -p deep/er/run
    chmod 0700 deep/er/run
    export XDG_RUNTIME_DIR=$PWD/deep/er/run
    "$KELP" run -d --name other -- sleep 100
    [ "$(find "$XDG_RUNTIME_DIR/kelp" -name control | wc -l)" = 1 ]
    look='ls -A deep/er/run/kelp 2>/dev/null; mkdir deep/er/run/kelp/x 2>/dev/null && echo made
        mv deep/er deep/away 2>/dev/null && echo moved; mv deep/er/run deep/er/away 2>/dev/null && echo moved
        rmdir deep/er/run/kelp 2>/dev/null && echo removed; echo ran'
    for options in "" "--writable $PWD" "--readable $PWD" "--writable $PWD/deep/er/run"; do
        run -0 "$KELP" run $options -- sh -c "$look"
        echo "$options: $output"
        [ "$output" = ran ]
    done
    make_rootfs rootfs
    run -0 "$KELP" run -v "$PWD:/x" ./rootfs sh -c "cd /x; $look"
    [ "$output" = ran ]
    # also when nothing was there before, which a payload could make then
    "$KELP" rm -f other
    rm -r "$XDG_RUNTIME_DIR/kelp"
    run -0 "$KELP" run -- sh -c "$look"
    [ "$output" = ran ]
    # the control: without a cover all of it is there to see
    "$KELP" run -d --name other -- sleep 100
    XDG_RUNTIME_DIR=/nowhere run -0 "$KELP" run -- sh -c 'ls deep/er/run/kelp/boxes | wc -l'
    [ "${lines[-1]}" = 1 ]
    "$KELP" rm -f other
}

# As in a user namespace, where the real user's directory belongs to nobody that is known.
@test "a state directory of somebody else is nothing to a run that needs none" {
    local other
    unset XDG_RUNTIME_DIR
    for other in /usr /root; do
        # shellcheck disable=SC2016 # expanded by the inner shells
        run -0 unshare -Urm sh -euc '
            mount -t tmpfs none /tmp
            mkdir -m 0700 /tmp/kelp-0 /tmp/work
            mount --bind "$2" /tmp/kelp-0
            cd /tmp/work
            "$1" run -- echo ran
            "$1" run --writable /tmp -- sh -c "ls -A /tmp/kelp-0; echo ran"
            for command in "run --name one -- true" "run -d -- true" ps "stop one" "exec one true"; do
                "$1" $command && echo "no error of $command"
            done
            umount /tmp/kelp-0
            "$1" ps' sh "$KELP" "$other"
        echo "$output"
        [ "$(grep -cx ran <<<"$output")" = 2 ]
        [ "$(grep -c "^kelp: .*'/tmp/kelp-0' belongs to user 65534$" <<<"$output")" = 5 ]
        [ "$(grep -c '^hint: set XDG_RUNTIME_DIR to a directory of your own with mode 700$' <<<"$output")" = 5 ]
        # the control
        [ "${#lines[@]}" = 14 ]
        [[ ${lines[1]} == "ls: cannot open directory '/tmp/kelp-0': Permission denied" ]]
        [[ ${lines[13]} == ID* ]]
    done
}

# In a /tmp of its own: in the machine's the sockets of others come and go.
@test "without a runtime directory there is one in /tmp, which is covered, too" {
    unset XDG_RUNTIME_DIR
    # shellcheck disable=SC2016 # expanded by the inner shells
    run -0 unshare -Urm sh -ec '
        mount -t tmpfs none /tmp
        mkdir /tmp/work
        cd /tmp/work
        "$1" run -d --name one -- sleep 100 >id
        stat -c "%a %u" /tmp/kelp-0
        "$1" run --writable /tmp -- sh -c "ls -A /tmp/kelp-0; mkdir /tmp/kelp-0/x && echo made; echo ran" 2>err
        ls -A /tmp/kelp-0
        "$1" rm -f one' sh "$KELP"
    echo "$output"
    [ "$output" = $'700 0\nran\nboxes\nnames\none' ]
}

# Cron, su and system units have none of a session's variables.
@test "what sandboxes of another environment have is covered, and cannot be made" {
    # shellcheck disable=SC2016 # expanded by the inner shells
    run -0 unshare -Urm sh -ec '
        mount -t tmpfs none /tmp
        mount -t tmpfs none /run
        mkdir -p /tmp/work /run/user
        mkdir -m 0700 /tmp/session /run/user/0
        cd /tmp/work
        look="cd /
            for d in tmp/kelp-0 run/user/0/kelp \${session#/}/kelp; do
                ls -A \$d
                mkdir \$d/boxes && echo made
                mv \$d \$d.away && echo moved
            done
            echo ran"
        kelp=$1
        try() {
            for session in /nowhere /tmp/session /run/user/0; do
                for share in "--writable /tmp" "--readable /tmp" "--writable /run/user/0 --writable /tmp"; do
                    XDG_RUNTIME_DIR=$session "$kelp" run $share -e session=$session -- sh -c "$look" 2>>err
                done
            done
        }
        # nothing is there before
        try
        for session in /nowhere /tmp/session /run/user/0; do
            XDG_RUNTIME_DIR=$session "$kelp" run -d --name one -- sleep 100 >id
        done
        try
        for session in /nowhere /tmp/session /run/user/0; do
            XDG_RUNTIME_DIR=$session "$kelp" rm -f one
        done' sh "$KELP"
    echo "$output"
    [ "$(grep -cx ran <<<"$output")" = 18 ]
    [ "$(grep -cx one <<<"$output")" = 3 ]
    # nothing else was said
    [ "${#lines[@]}" = 21 ]
}

@test "the state directory is not shared by its name, either" {
    local word
    "$KELP" run -d --name one -- sleep 100 >id
    ln -s "$XDG_RUNTIME_DIR/kelp" link
    socket=$XDG_RUNTIME_DIR/kelp/boxes/$(cat id)/control
    [ -S "$socket" ]
    make_rootfs rootfs
    for word in "-v $XDG_RUNTIME_DIR/kelp:/tmp/z" "-v $XDG_RUNTIME_DIR/kelp/boxes:/tmp/z:ro" \
        "--socket $socket" "--readable $XDG_RUNTIME_DIR/kelp"; do
        run -125 "$KELP" run $word -- true
        [[ $output == *"cannot share '$XDG_RUNTIME_DIR/kelp"*"': it is kelp's own state"* ]]
        run -125 "$KELP" run $word ./rootfs true
        [[ $output == *"cannot share '$XDG_RUNTIME_DIR/kelp"*"': it is kelp's own state"* ]]
    done
    # the control: what is around it
    run -0 "$KELP" run -v "$XDG_RUNTIME_DIR:/tmp/z" -- sh -c 'ls -A /tmp/z/kelp; echo ran'
    [ "${lines[-1]}" = ran ]
    [ "${#lines[@]}" -le 2 ]
    "$KELP" rm -f one
}

@test "a session that somebody has opened to others is told, and not taken for an empty one" {
    "$KELP" run -d --name one -- sleep 100 >id
    chmod 0755 "$XDG_RUNTIME_DIR"
    for command in ps "stop -a" "stop one" "run -d -- true"; do
        run -125 "$KELP" $command
        [[ $output == *"'$XDG_RUNTIME_DIR/kelp' lies in a directory that is open to others"* ]]
        [[ $output == *'hint: chmod 700 "$XDG_RUNTIME_DIR"'* ]]
    done
    # as the hint says
    chmod 700 "$XDG_RUNTIME_DIR"
    run -0 "$KELP" ps -q
    [ "${#lines[@]}" = 1 ]
    "$KELP" rm -f one
}
