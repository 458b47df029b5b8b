#!/usr/bin/env bats
# kelp-oci: every command, its options in every spelling, and what it says when it can't.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside
# shellcheck disable=SC2154,SC2317,SC2094 # bats sets stderr and calls functions; `state` is no file

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/bundle

setup_file() {
    export XDG_RUNTIME_DIR=$BATS_FILE_TMPDIR/run
    mkdir -m 0700 "$XDG_RUNTIME_DIR"
}

setup() {
    b=$BATS_TEST_TMPDIR/b
    cd "$BATS_TEST_TMPDIR" || return 1
}

teardown() {
    # what slow_create() waits for
    touch go
    oci_end
}

sleeper() {
    bundle_make "$b" "$(bundle_args sleep 1000)" "$@"
}

# refused TEXT COMMAND...: it fails with one line, of which TEXT is a part, and at most a hint.
refused() {
    local text=$1
    shift

    run -1 --separate-stderr "$@"
    [ "$output" = "" ]
    [[ ${stderr_lines[0]} == "kelp-oci: "*"$text"* ]] || {
        echo "not '$text' but: $stderr"
        return 1
    }
    [ "${#stderr_lines[@]}" = 1 ] || [[ ${#stderr_lines[@]} == 2 && ${stderr_lines[1]} == "hint: "* ]] || {
        echo "too much is said: $stderr"
        return 1
    }
}

running() {
    oci create -b "$b" "$1" && oci start "$1"
}

# Whether the line $1 is in the file that the container writes to.
wrote() {
    grep -qx "$1" "$b/rootfs/out"
}

@test "the version, as engines show it" {
    for word in --version -v; do
        run -0 --separate-stderr "$KELP_OCI" "$word"
        [[ ${lines[0]} =~ ^kelp-oci\ version\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
        [ "${lines[1]}" = "spec: 1.3.0" ]
        [ "$stderr" = "" ]
    done
}

@test "help of all, and of each command" {
    local all

    all=$("$KELP_OCI" --help)
    [ "$("$KELP_OCI" -h)" = "$all" ]
    [ "$("$KELP_OCI" help)" = "$all" ]
    for command in create start run state kill delete exec list ps pause resume update features; do
        grep -q "^  $command " <<<"$all"
        run -0 "$KELP_OCI" "$command" --help
        [[ $output == *"kelp-oci [GLOBAL OPTIONS] $command"* ]]
        [ "$("$KELP_OCI" help "$command")" = "$output" ]
        [ "$("$KELP_OCI" --debug "$command" -h)" = "$output" ]
    done
    refused "unknown command 'strat'" "$KELP_OCI" help strat
    run -1 sh -c '"$KELP_OCI" --help >/dev/full'
    run -1 sh -c '"$KELP_OCI" --version >/dev/full'
}

# has_options COMMAND FILE: its help has a line for each option in that file.
has_options() {
    local option

    while read -r option; do
        "$KELP_OCI" "$1" --help | grep -qE -- "--$option( |\$)" || {
            echo "$1 --help does not tell of --$option"
            return 1
        }
    done < <(grep -oE '\{ (\.name = )?"[a-z-]+",' "$KELP_SRC/helpers/oci/$2" | grep -oE '[a-z-]{3,}' | grep -vx name)
}

@test "help tells of each option that there is, and of no other" {
    local command option

    for command in create start run state kill delete exec list ps pause resume update features; do
        while read -r option; do
            # known: it asks for its value, for the id, or for something else; not known: it says so
            run --separate-stderr oci "$command" "$option"
            [[ $stderr != *"unknown option"* ]] || {
                echo "$command $option: $stderr"
                return 1
            }
        done < <("$KELP_OCI" "$command" --help | grep -- '^  .*--' | grep -o -- '--[a-z-]*')
    done
    for command in run kill delete exec list ps update; do
        has_options "$command" "cmd-$command.c"
    done
    has_options create create.c
    has_options run create.c
}

@test "the manual page tells of each option, too" {
    local command option

    while read -r option; do
        grep -q -- "\\*$option\\*" "$KELP_SRC/doc/kelp-oci.8.scd" || {
            echo "doc/kelp-oci.8.scd does not tell of $option"
            return 1
        }
    done < <(for command in "" create start run state kill delete exec list ps pause resume update features; do
        # shellcheck disable=SC2086 # no word for all
        "$KELP_OCI" $command --help
    done | grep -- '^  .*--' | grep -o -- '--[a-z-]*' | sort -u)
}

@test "global options in both spellings" {
    sleeper
    for words in "--root $PWD/x --log $PWD/log --log-format json --cgroup-manager disabled --rootless auto --debug" \
        "--root=$PWD/x --log=$PWD/log --log-format=json --cgroup-manager=disabled --rootless=true --debug=true" \
        "--systemd-cgroup=false --root $PWD/x --log=$PWD/log --log-format text --rootless false --cgroup-manager cgroupfs"; do
        # shellcheck disable=SC2086 # these are words
        "$KELP_OCI" $words create --bundle "$b" one
        "$KELP_OCI" --root "$PWD/x" state one | jq -e '.status == "created"'
        # shellcheck disable=SC2086
        "$KELP_OCI" $words delete one
        [ "$(ls -A x)" = "" ]
    done
}

@test "global options that are wrong" {
    refused "unknown option '--rot'" "$KELP_OCI" --rot x list
    [ "${stderr_lines[1]}" = "hint: did you mean '--root'" ]
    refused "option '--root' needs a value" "$KELP_OCI" --root
    refused "there is no format 'xml'" "$KELP_OCI" --log-format xml list
    refused "there is no manager 'x'" "$KELP_OCI" --cgroup-manager x list
    refused "--rootless is true, false or auto, not 'x'" "$KELP_OCI" --rootless=x list
    refused "--root is empty" "$KELP_OCI" --root= list
    refused "which command?" "$KELP_OCI"
    refused "unknown command 'strat'" "$KELP_OCI" strat one
    [ "${stderr_lines[1]}" = "hint: did you mean 'start'" ]
    refused "cannot open the log file '/nonexistent/log': No such file or directory" "$KELP_OCI" --log /nonexistent/log list
    refused "unknown option '--root'" "$KELP_OCI" list --root x
    touch file
    refused "cannot open the directory '$PWD/file' of all containers: Not a directory" "$KELP_OCI" --root "$PWD/file" list
}

@test "where the state is: --root, or XDG_RUNTIME_DIR" {
    sleeper
    "$KELP_OCI" --root "$PWD/a/b" create -b "$b" one
    [ "$(stat -c %a a)" = 700 ]
    "$KELP_OCI" create -b "$b" one
    [ -d "$XDG_RUNTIME_DIR/kelp-oci/one" ]
    [ "$("$KELP_OCI" list -q)" = one ]
    "$KELP_OCI" delete one
    refused "container 'one' does not exist" "$KELP_OCI" delete one
    "$KELP_OCI" --root a/b delete one
}

@test "a log as lines of JSON, and errors on standard error as well" {
    refused "container 'none' does not exist" oci --log "$PWD/log" --log-format json state none
    refused "unknown option '--x\"y'" oci --log "$PWD/log" --log-format=json kill '--x"y'
    refused "" oci --log "$PWD/log" --log-format=json start $'a\nb\\\x01\xff'
    [ "$(wc -l <log)" = 3 ]
    # each line is one on its own
    while read -r line; do
        jq -e '(.msg | type == "string") and .level == "error" and
            (.time | fromdateiso8601 > 1700000000) and (keys | length == 3)' <<<"$line"
    done <log
    [ "$(sed -n 1p log | jq -r .msg)" = "container 'none' does not exist" ]
    sed -n 2p log | jq -re .msg | grep -F '"y'
    # without a file they are said where text would be
    run -1 --separate-stderr oci --log-format json state none
    [ "$(jq -r .msg <<<"$stderr")" = "container 'none' does not exist" ]
}

@test "a log as text" {
    refused "container 'none' does not exist" oci --log "$PWD/log" state none
    refused "container 'other' does not exist" oci --log "$PWD/log" --log-format text state other
    [ "$(wc -l <log)" = 2 ]
    grep -E '^time="[0-9T:-]+Z" level=error msg="container '"'other'"' does not exist"$' log
    # nobody else gets it
    [ "$(stat -c %a log)" = 644 ] || [ "$(stat -c %a log)" = 600 ]
}

@test "from create to delete" {
    sleeper '.annotations = {"org.example": "yes", "b": ""}'
    oci create --bundle "$b" --pid-file pid one
    oci state one >state
    jq -e --arg b "$b" --arg pid "$(cat pid)" '.ociVersion == "1.0.2" and .id == "one" and .status == "created" and
        (.pid | tostring) == $pid and .bundle == $b and .annotations == {"org.example": "yes", "b": ""} and
        .rootfs == $b + "/rootfs" and (.created | test("^20[0-9-]+T[0-9:.]+Z$"))' state
    oci start one
    has_status one running
    oci kill one KILL
    wait_for has_status one stopped
    oci state one | jq -e '.pid == 0'
    oci delete one
    refused "container 'one' does not exist" oci state one
    [ "$(ls -A "$(oci_root)")" = "" ]
}

@test "create: where the bundle is" {
    sleeper
    oci create -b "$b" one
    oci create -b="$b" two
    oci create --bundle="$b" three
    oci create four --bundle "$b"
    cd "$b"
    oci create five
    cp config.json other.json
    oci create --config other.json six
    oci create -f "$b/other.json" -b . seven
    [ "$(oci list -q | wc -l)" = 7 ]
    [ "$(oci list --format json | jq -r '.[].bundle' | sort -u)" = "$b" ]
    refused "'$BATS_TEST_TMPDIR/none/config.json': No such file or directory" oci create -b "$BATS_TEST_TMPDIR/none" eight
    refused "No such file or directory" oci create -b / eight
    [ "$(oci list -q | wc -l)" = 7 ]
}

@test "create: ids" {
    sleeper
    refused "ID is missing" oci create -b "$b"
    refused "unexpected word 'two'" oci create -b "$b" one two
    for id in '' . .. a/b 'a b' a:b $'a\n' "$(printf 'x%.0s' {1..256})"; do
        run -1 --separate-stderr oci create -b "$b" "$id"
        [ "${#stderr_lines[@]}" -le 2 ]
    done
    for id in a A.b_c+d-e ... "$(printf 'x%.0s' {1..255})"; do
        oci create -b "$b" "$id"
        has_status "$id" created
    done
    refused "container 'a' already exists" oci create -b "$b" a
    has_status a created
}

@test "create: the pid file is whole, and of the first process" {
    sleeper
    oci create -b "$b" --pid-file pid one
    [[ $(cat pid) =~ ^[0-9]+$ ]]
    [ "$(tr '\0' ' ' <"/proc/$(cat pid)/comm" | wc -w)" = 1 ]
    oci start one
    [ "$(cat "/proc/$(cat pid)/comm")" = sleep ]
    refused "No such file or directory" oci create -b "$b" --pid-file none/pid two
    has_status two gone
    [ "$(echo pid*)" = pid ]
}

@test "create: descriptors that are preserved, and no others" {
    bundle_make "$b" "$(bundle_sh 'ls -l /proc/self/fd >/out 2>/dev/null; cat <&3 >>/out')"
    echo text >text
    exec 7<text 8<text
    oci create -b "$b" --preserve-fds 2 one 3<text 4</dev/null 7<text
    oci start one
    exec 7<&- 8<&-
    wait_for has_status one stopped
    [ "$(grep -c -- '->' "$b/rootfs/out")" = 5 ]
    wrote text
    refused "--preserve-fds: 'x'" oci create -b "$b" --preserve-fds x two
    refused "--preserve-fds" oci create -b "$b" --preserve-fds=-1 two
    run -1 oci create -b "$b" --preserve-fds 40 two
    has_status two gone
}

@test "create: options that engines pass" {
    sleeper
    oci create -b "$b" --no-new-keyring one
    oci create -b "$b" --no-pivot two
    oci start one
    oci start two
    has_status one running
    has_status two running
    refused "--console-socket: config.json has no process.terminal" oci create -b "$b" --console-socket /nonexistent three
    bundle_edit "$b" '.process.terminal = true'
    refused "/nonexistent" oci create -b "$b" --console-socket /nonexistent three
    refused "process.terminal" oci create -b "$b" three
    has_status three gone
}

@test "start: only what was created, once" {
    sleeper
    refused "ID is missing" oci start
    refused "unknown option '--all'" oci start --all one
    refused "container 'one' does not exist" oci start one
    running one
    refused "cannot start a container that is running" oci start one
    has_status one running
    oci kill one KILL
    wait_for has_status one stopped
    refused "cannot start a container that is stopped" oci start one
}

@test "the words of a command that is not there, or may not be executed" {
    bundle_make "$b" "$(bundle_args nonexistent)"
    refused "executable file not found" oci run -b "$b" one
    bundle_edit "$b" '.process.args = ["/etc/passwd"]'
    refused "ermission denied" oci run -b "$b" one
    bundle_edit "$b" '.process.args = ["/nonexistent"]'
    refused "o such file or directory" oci run -b "$b" one
    [ "$(oci list -q)" = "" ]
}

@test "kill: the signal in every spelling" {
    bundle_make "$b" "$(bundle_sh 'for s in TERM USR1 USR2 RTMIN+1; do trap "echo $s >>/out" $s 2>/dev/null; done
        trap "echo 35 >>/out" 35; echo up >>/out; while :; do sleep 0.05; done')"
    running one
    wait_for wrote up
    oci kill one
    wait_for wrote TERM
    for word in 10 USR1 SIGUSR1 usr1 sigusr1; do
        oci kill one "$word"
        wait_for wrote USR1
        sed -i /USR1/d "$b/rootfs/out"
    done
    oci kill --all one USR2
    wait_for wrote USR2
    sed -i /USR2/d "$b/rootfs/out"
    oci kill -a one 12
    wait_for wrote USR2
    for word in RTMIN+1 SIGRTMIN+1 35; do
        oci kill one "$word"
        wait_for wrote 35
        sed -i /35/d "$b/rootfs/out"
    done
    oci kill one 9
    wait_for has_status one stopped
}

@test "kill: of what does not run, or with what is no signal" {
    refused "ID is missing" oci kill
    refused "container 'one' does not exist" oci kill one
    sleeper
    running one
    refused "'FOO' is not a signal" oci kill one FOO
    refused "'00' is not a signal" oci kill one 00
    # whether there is anybody
    oci kill one 0
    refused "'65' is not a signal" oci kill one 65
    refused "'RTMIN+99' is not a signal" oci kill one RTMIN+99
    refused "unexpected word 'x'" oci kill one TERM x
    refused "unknown option '-9'" oci kill -9 one
    oci kill one KILL
    wait_for has_status one stopped
    # the words that engines look for
    refused "container not running" oci kill one
    refused "container not running" oci kill one KILL
    # nothing is left of it, so all of it have got the signal
    oci kill --all one KILL
    oci kill --all one 0
    has_status one stopped
}

@test "kill: of what was only created" {
    sleeper
    oci create -b "$b" one
    oci kill one KILL
    wait_for has_status one stopped
    oci delete one
}

@test "kill --all: without a pid namespace, too" {
    bundle_make "$b" '.linux.namespaces |= map(select(.type != "pid"))' \
        '(.mounts[] | select(.type == "proc")) |= {destination: "/proc", type: "bind", source: "/proc", options: ["rbind"]}' \
        'del(.linux.maskedPaths, .linux.readonlyPaths)' "$(bundle_sh 'sleep 1001 & exec sleep 1002')"
    running one
    wait_for [ "$(oci ps --format json one | jq length)" != 0 ]
    two_run() { [ "$(oci ps --format json one | jq length)" = 2 ]; }
    wait_for two_run
    mapfile -t pids < <(oci ps --format json one | jq '.[]')
    oci kill --all one 15
    wait_for has_status one stopped
    gone() { ! grep -qs '^State:.[RSD]' "/proc/${pids[0]}/status" "/proc/${pids[1]}/status"; }
    wait_for gone
    oci delete one
    # and delete --force does the same
    running two
    two_run() { [ "$(oci ps --format json two | jq length)" = 2 ]; }
    wait_for two_run
    mapfile -t pids < <(oci ps --format json two | jq '.[]')
    oci delete --force two
    wait_for gone
}

@test "delete: what runs is kept, unless it is forced" {
    sleeper
    running one
    refused "cannot delete container 'one': it is running" oci delete one
    has_status one running
    pid=$(oci state one | jq .pid)
    oci delete --force one
    has_status one gone
    ! kill -0 "$pid" 2>/dev/null || grep -q '^State:.Z' "/proc/$pid/status"
    running one
    oci delete -f one
    running one
    oci delete one --force=true
    oci create -b "$b" one
    oci delete one
    has_status one gone
}

@test "delete: of what is not there" {
    refused "container 'one' does not exist" oci delete one
    run -0 --separate-stderr oci delete --force one
    [ "$output$stderr" = "" ]
    run -0 --separate-stderr oci --debug delete -f one
    [[ $stderr == *"container 'one' does not exist"* ]]
    refused "ID is missing" oci delete
    refused "ID is missing" oci delete --force
    refused "no id of a container" oci delete --force ../x
    refused "unexpected word 'two'" oci delete one two
}

@test "delete: whatever lies in a container's directory" {
    local root

    root=$(oci_root)
    mkdir -p "$root"/{empty,damaged,odd}
    echo '{"pid": 1' >"$root/damaged/state.json"
    echo x >"$root/odd/config.json"
    touch "$root/odd/.state.new" "$root/odd/start"
    for id in empty damaged odd; do
        oci delete "$id"
        has_status "$id" gone
    done
    # what is somebody else's is no container, and stays
    echo mine >file
    ln -s "$PWD" "$root/link"
    run -1 oci delete --force link
    [ "$(cat file)" = mine ]
    rm "$root/link"
}

@test "kill and delete by a regular expression" {
    sleeper
    for id in web-1 web-2 other; do
        running "$id"
    done
    oci kill --regex '^web-[0-9]+$' KILL
    wait_for has_status web-1 stopped
    wait_for has_status web-2 stopped
    has_status other running
    # those that can be deleted are
    refused "cannot delete container 'other': it is running" oci delete -r .
    [ "$(oci list -q)" = other ]
    oci delete --force --regex 'no-*such'
    [ "$(oci list -q)" = other ]
    oci delete -f -r 'oth*'
    [ "$(oci list -q)" = "" ]
    refused "'[' is no regular expression" oci delete --regex '['
}

@test "list" {
    [ "$(oci list -q)" = "" ]
    [ "$(oci list --format json)" = "[]" ]
    sleeper
    running two
    oci create -b "$b" one
    [ "$(oci list -q)" = $'one\ntwo' ]
    [ "$(oci list --quiet)" = $'one\ntwo' ]
    for words in "--format json" --format=json "-f json" -fjson -f=json; do
        # shellcheck disable=SC2086 # these are words
        [ "$(oci list $words | jq -r '.[] | .id + " " + .status + " " + .owner')" = \
            "one created $(id -un)"$'\n'"two running $(id -un)" ]
    done
    oci list --format=table >table
    [ "$(oci list)" = "$(cat table)" ]
    [ "$(awk 'NR == 1 { print $1, $2, $3, $4, $5, $6 }' table)" = "ID PID STATUS BUNDLE CREATED OWNER" ]
    [ "$(awk 'NR > 1 { print $1, $3, $4 }' table)" = "one created $b"$'\n'"two running $b" ]
    refused "--format is table or json, not 'x'" oci list -f x
    refused "unexpected word 'one'" oci list one
}

@test "list: survives what is damaged" {
    local root

    sleeper
    running one
    root=$(oci_root)
    mkdir "$root"/{bad,empty}
    echo '{}' >"$root/bad/state.json"
    touch "$root/file"
    ln -s one "$root/link"
    run -0 --separate-stderr oci list --format json
    [ "$(jq -r '.[] | .id + " " + .status' <<<"$output")" = $'bad stopped\nempty stopped\none running' ]
    [ "$stderr" = "kelp-oci: the state of container 'bad' is damaged" ]
    refused "the state of container 'bad' is damaged" oci state bad
    refused "the state of container 'bad' is damaged" oci start bad
    refused "the state of container 'bad' is damaged" oci kill bad
    rm "$root/file" "$root/link"
}

@test "ps" {
    bundle_make "$b" "$(bundle_sh 'sleep 1001 & sleep 1002 & echo up >/out; wait')"
    running one
    wait_for wrote up
    three_run() { [ "$(oci ps --format json one | jq length)" = 3 ]; }
    wait_for three_run
    pid=$(oci state one | jq .pid)
    oci ps -f json one | jq -e --argjson pid "$pid" 'index($pid) == 0'
    oci ps --format=table one >table
    [ "$(wc -l <table)" = 4 ]
    grep -q 'sleep 1002' table
    oci ps one -o pid,args | grep -qx " *$pid sh -c .*"
    refused "has no column PID" oci ps one -o args
    run -1 oci ps one --nonsense
    refused "ID is missing" oci ps
    refused "--format is table or json, not 'x'" oci ps -f x one
    refused "container 'none' does not exist" oci ps none
    oci kill one KILL
    wait_for has_status one stopped
    [ "$(oci ps --format json one)" = "[]" ]
}

@test "pause, resume and update without a cgroup" {
    sleeper
    oci --cgroup-manager disabled create -b "$b" one
    refused "cannot resume container 'one': it is created" oci resume one
    refused "cannot pause container 'one': it is created" oci pause one
    oci start one
    refused "cannot pause container 'one': it has no cgroup" oci pause one
    refused "cannot resume container 'one': it has no cgroup" oci resume one
    refused "cannot update container 'one': the container has no cgroup" oci update --memory 64m one
    for command in pause resume; do
        refused "ID is missing" oci "$command"
        refused "container 'none' does not exist" oci "$command" none
        refused "unexpected word 'x'" oci "$command" one x
    done
    oci kill one KILL
    wait_for has_status one stopped
    refused "cannot pause container 'one': it is stopped" oci pause one
    refused "cannot update container 'one': it is stopped" oci update --memory 64m one
}

@test "update: what is wrong with a limit" {
    refused "update: no limit is given" oci update one
    refused "update: ID is missing" oci update --memory 1m
    refused "update: --memory: 'x' is not a size" oci update --memory x one
    refused "update: --memory: '-2' is not a size" oci update --memory=-2 one
    refused "update: --pids-limit: 'many'" oci update --pids-limit many one
    refused "update: --cpu-share: '-1'" oci update --cpu-share=-1 one
    refused "update: resources: cpu.cpus" oci update --cpuset-cpus x one
    refused "update: resources: cpu.idle" oci update --cpu-idle 2 one
    refused "--resources has all limits" oci update -r - --memory 1m one
    refused "update: " oci update -r /nonexistent one
    refused "update: unknown option '--memry'" oci update --memry 1m one
    for text in '' '[' '[]' '{"memory": 1}' '{"memory": {"limit": "x"}}'; do
        run -1 --separate-stderr oci update --resources - one <<<"$text"
        [[ $stderr == "kelp-oci: update: "*resources* ]]
        [ "${#stderr_lines[@]}" -le 2 ]
    done
    # what is good is asked of a container, which is not there
    for words in "-r -" "--resources -" "--resources=-"; do
        # shellcheck disable=SC2086 # these are words
        refused "container 'one' does not exist" oci update $words one <<<'{"memory": {"limit": 1048576}, "pids": {"limit": 5}}'
    done
    refused "container 'one' does not exist" oci update --memory 64m --memory-reservation 1g --memory-swap -1 \
        --cpu-share 100 --cpu-quota 1000 --cpu-period 10000 --cpuset-cpus 0-1 --cpuset-mems 0 --pids-limit -1 \
        --blkio-weight 100 --cpu-idle 0 --cpu-burst 10 one
}

@test "features: as the specification has them" {
    "$KELP_OCI" features >features
    jq -e '.ociVersionMin == "1.0.0" and .ociVersionMax == "1.3.0" and (.hooks | length == 6) and
        (.mountOptions | index("rro") and index("ridmap") and index("tmpcopyup")) and
        (.potentiallyUnsafeConfigAnnotations == []) and
        (.linux | (.namespaces | length == 8) and (.capabilities | index("CAP_CHOWN") and length >= 41 and
            all(test("^CAP_[A-Z_]+$"))) and .cgroup.v2 == true and .cgroup.v1 == false and
            .seccomp.enabled == true and .mountExtensions.idmap.enabled == true and .intelRdt.enabled == false)' features
    refused "unexpected word 'x'" "$KELP_OCI" features x
}

@test "features: each word of seccomp that they list is taken" {
    "$KELP_OCI" features >features
    for action in $(jq -r '.linux.seccomp.actions[]' features); do
        bundle_make "$b" "$(bundle_args true)" ".linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\",
            syscalls: [{names: [\"reboot\"], action: \"$action\"}]}"
        [ "$action" != SCMP_ACT_NOTIFY ] || bundle_edit "$b" '.linux.seccomp.listenerPath = "/nonexistent"'
        run --separate-stderr oci run -b "$b" one
        # who listens is not there
        [ "$status" = 0 ] || [[ $action == SCMP_ACT_NOTIFY && $stderr == *"'/nonexistent'"* ]] || {
            echo "$action: $stderr"
            return 1
        }
    done
    for arch in $(jq -r '.linux.seccomp.archs[]' features); do
        bundle_edit "$b" ".linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", architectures: [\"$arch\"]}"
        run --separate-stderr oci run -b "$b" one
        # a filter has no room for one of the other byte order
        [ "$status" = 0 ] || [[ $stderr == *"libseccomp refuses '$arch'"* ]] || {
            echo "$arch: $stderr"
            return 1
        }
    done
    for operator in $(jq -r '.linux.seccomp.operators[]' features); do
        bundle_edit "$b" ".linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [{names: [\"reboot\"],
            action: \"SCMP_ACT_ERRNO\", args: [{index: 0, value: 1, op: \"$operator\"}]}]}"
        oci run -b "$b" one
    done
    for flag in $(jq -r '.linux.seccomp.supportedFlags[]' features); do
        bundle_edit "$b" ".linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", flags: [\"$flag\"],
            syscalls: [{names: [\"reboot\"], action: \"SCMP_ACT_ERRNO\"}]}"
        oci run -b "$b" one
    done
}

@test "run: the command's exit status, and nothing left" {
    bundle_make "$b" "$(bundle_sh 'cat; echo said >&2; exit 7')"
    run -7 --separate-stderr oci run -b "$b" one <<<input
    [ "$output" = input ]
    [ "$stderr" = said ]
    [ "$(oci list -q)" = "" ]
    # pid 1 cannot kill itself, and tells of its child's end
    bundle_edit "$b" '.process.args = ["sh", "-c", "sh -c \"kill -9 \\$\\$\"; exit $?"]'
    run -137 oci run --bundle="$b" one
    bundle_edit "$b" '.process.args = ["sleep", "1000"]'
    oci run -d -b "$b" --pid-file pid one
    has_status one running
    [ "$(oci state one | jq .pid)" = "$(cat pid)" ]
    refused "container 'one' already exists" oci run -b "$b" one
    has_status one running
    oci delete --force one
    oci run --detach -b "$b" one
    oci delete --force one
    bundle_edit "$b" '.process.args = ["true"]'
    oci run --keep -b "$b" one
    has_status one stopped
    oci delete one
}

@test "run: killed from elsewhere" {
    sleeper
    oci run -b "$b" one 3>&- &
    wait_for has_status one running
    oci kill one 15
    # as pid 1 it has no handler, and is not hit
    oci kill one 9
    status=0
    wait $! || status=$?
    [ "$status" = 137 ]
    has_status one gone
}

@test "two creates of one id: one of them has it" {
    sleeper
    for i in 1 2 3 4 5; do
        pids=()
        for k in a b c; do
            oci create -b "$b" --pid-file "pid.$k" one 2>"err.$k" 3>&- &
            pids+=($!)
        done
        made=0
        for pid in "${pids[@]}"; do
            ! wait "$pid" || made=$((made + 1))
        done
        [ "$made" = 1 ] || {
            echo "round $i: $made"
            cat err.*
            return 1
        }
        [ "$(cat err.* | sort -u)" = "kelp-oci: container 'one' already exists" ]
        [ "$(cat pid.*)" = "$(oci state one | jq .pid)" ]
        oci delete one
        rm pid.* err.*
    done
}

@test "start twice at once: one of them does it" {
    sleeper
    for i in 1 2 3 4 5; do
        oci create -b "$b" one
        pids=()
        for k in a b c; do
            oci start one 2>"err.$k" 3>&- &
            pids+=($!)
        done
        started=0
        for pid in "${pids[@]}"; do
            ! wait "$pid" || started=$((started + 1))
        done
        [ "$started" = 1 ] || {
            echo "round $i: $started"
            cat err.*
            return 1
        }
        has_status one running
        oci delete --force one
        rm err.*
    done
}

# A create that takes its time: a hook that waits for the file "go".
slow_create() {
    sleeper ".hooks = {createRuntime: [{path: \"/bin/sh\", args: [\"sh\", \"-c\",
        \"touch $PWD/reached; while [ ! -e $PWD/go ]; do sleep 0.02; done\"]}]}"
    rm -f go reached
    oci create -b "$b" one 3>&- &
    wait_for test -e reached
}

@test "during create: it is being created" {
    slow_create
    has_status one creating
    [ "$(oci list --format json | jq -r '.[].status')" = creating ]
    refused "cannot signal container 'one': it is being created" oci kill one KILL
    refused "container 'one' already exists" oci create -b "$b" one
    touch go
    wait $!
    has_status one created
}

@test "delete during create: it waits, and nothing is left" {
    slow_create
    creator=$!
    oci delete --force one 3>&- &
    deleter=$!
    sleep 0.2
    has_status one creating
    touch go
    wait "$creator"
    wait "$deleter"
    has_status one gone
}

@test "create is killed: what is left has stopped, and can be deleted" {
    slow_create
    creator=$(pgrep -f "^$KELP_OCI --root $(oci_root) create" | head -1)
    kill -KILL "$creator"
    wait_for has_status one stopped
    refused "cannot start a container that is stopped" oci start one
    refused "already exists" oci create -b "$b" one
    touch go
    oci delete one
    has_status one gone
}

@test "delete twice at once" {
    sleeper
    for _ in 1 2 3; do
        running one
        pids=()
        for k in a b c; do
            oci delete --force one 3>&- 2>"err.$k" &
            pids+=($!)
        done
        for pid in "${pids[@]}"; do
            wait "$pid"
        done
        [ "$(cat err.*)" = "" ]
        has_status one gone
    done
}
