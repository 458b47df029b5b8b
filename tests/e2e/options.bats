#!/usr/bin/env bats
# The command line as a user meets it: every mistake is exit 125, nothing on stdout, and one clear
# line on stderr, with a hint where there is something to do.

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    work=$BATS_TEST_TMPDIR/work
    mkdir -p "$work" "$BATS_TEST_TMPDIR/data"
    cd "$work"
    export XDG_DATA_HOME=$BATS_TEST_TMPDIR/data
}

# refused PATTERN ARGS...: kelp refuses ARGS with one line that matches the glob PATTERN.
refused() {
    local pattern=$1 status=0 out err lines

    shift
    out=$("$KELP" "$@" 2>"$BATS_TEST_TMPDIR/err" </dev/null) || status=$?
    err=$(cat "$BATS_TEST_TMPDIR/err")
    lines=$(grep -c '^kelp: ' "$BATS_TEST_TMPDIR/err")
    # shellcheck disable=SC2053 # a pattern is meant
    if [ "$status" != 125 ] || [ -n "$out" ] || [ "$lines" != 1 ] || [[ $err != "kelp: "$pattern ]] ||
        grep -qv -e '^kelp: ' -e '^hint: ' "$BATS_TEST_TMPDIR/err"; then
        printf 'kelp %s\nstatus %s\nstdout: %s\nstderr: %s\nexpected: %s\n' "$*" "$status" "$out" \
            "$err" "$pattern"
        return 1
    fi
}

@test "unknown commands and options name the nearest known one" {
    refused "unknown command 'rnu'"$'\n'"hint: did you mean 'kelp run'" rnu
    refused "unknown command 'npm'"$'\n'"hint: to run it: kelp run -- npm" npm install
    refused "unknown option '--volum'"$'\n'"hint: did you mean '--volume'" run --volum a:/b -- true
    refused "unknown option '--it'*" --it
    refused "unknown option '-Z'*" run -Z -- true
    refused "unknown option '--'*" run --=x -- true
    refused "unknown option '--a\\\\x1b[[]1mb'*" run $'--a\e[1mb' -- true
}

@test "a command that was not set apart by -- is suggested with it" {
    refused "there is no image 'sh'"$'\n'"hint: did you mean: kelp run -- sh -c 'echo it'\\\\''s'" \
        run sh -c "echo it's"
    refused "*hint: did you mean: kelp run -e A=1 -w / -- env" run -e A=1 -w / env
    refused "there is no image 'nosuchthing'"$'\n'"hint: kelp import FILE nosuchthing*" \
        run nosuchthing
    touch rootfs.tar
    refused "there is no image 'rootfs.tar'"$'\n'"hint: for the file of that name write ./rootfs.tar" \
        run rootfs.tar
    refused "cannot find image './none.tar': No such file or directory" run ./none.tar
    printf '#!/bin/sh\n' >script && chmod +x script
    refused "'./script' is a program and not an image"$'\n'"hint: did you mean: kelp run -- ./script -x" \
        run ./script -x
    mkfifo fifo
    refused "image './fifo' is neither a file nor a directory" run ./fifo
}

@test "commands and options of later versions are refused as such" {
    for name in exec ps logs attach stop kill rm stats diff apply discard pull export commit \
        policy learn; do
        refused "'kelp $name' is not yet supported" "$name"
    done
    for name in memory cpus pids-limit mount detach init pull allow host-port review explain fake-root \
        limits keep secret; do
        refused "option '--$name' is not yet supported" run "--$name" x -- true
        refused "option '--$name' is not yet supported" run "--$name=x" -- true
    done
    refused "option '--detach' is not yet supported" run -itd -- true
    refused "option '--memory' is not yet supported" run -m 1g -- true
}

@test "nothing to run" {
    refused "there is neither an image nor '-- COMMAND'*" run
    refused "there is neither an image nor '-- COMMAND'*" run -it
    refused "there is no command to run*" run --
    refused "there is no command to run*" --
    refused "the name of the command is empty" run -- ""
    refused "the name of the image is empty" run ""
}

@test "values that make no sense" {
    refused "option '--volume': *" run -v /a -- true
    refused "option '--volume': named volume 'data'*" run -v data:/x -- true
    refused "*'/proc' must be an ordinary directory" run -v /tmp:/proc -- true
    refused "*'/dev' must be an ordinary directory*" run -v /tmp:/dev -- true
    refused "*'/' itself cannot be replaced*" run --writable / -- true
    refused "option '--tmpfs': *" run --tmpfs /x:size=lots -- true
    refused "option '--env': *" run -e =x -- true
    refused "option '--workdir' needs a value*" run -w -- true
    refused "*'/proc/self/fd/9' cannot lie in /proc" run -w /proc/self/fd/9 -- true
    refused "option '--network': unknown network mode 'nome'"$'\n'"hint: did you mean 'none'" \
        run --network nome -- true
    refused "option '--publish': *" run -p 80 -- true
    refused "*but there is no network"$'\n'"hint: add --network user" run -p 8080:80 -- true
    refused "option '--dns': *" run --dns localhost -- true
    refused "option '--add-host': *" run --add-host db -- true
    refused "option '--hostname': *" run --hostname a/b -- true
    refused "option '--name': *" run --name ../x -- true
    refused "option '--user': *" run -u 0x1 -- true
    refused "user id 0 is not mapped*" run -u 0 -- true
    refused "option '--userns': *" run --userns many -- true
    refused "option '--cap-add' is for images*" run --cap-add CHOWN -- true
    refused "option '--cap-drop': unknown capability 'CHWON'*" run --cap-drop CHWON -- true
    refused "option '--ulimit': unknown limit 'nofiles'*" run --ulimit nofiles=1 -- true
    refused "option '--shm-size': *" run --shm-size 0 -- true
    refused "option '--timeout': *" run --timeout never -- true
    refused "option '--device': *" run --device fuse -- true
    refused "option '--read-only' is for images*" run --read-only -- true
    refused "option '--policy': cannot open './none.policy': No such file*" \
        run --policy ./none.policy -- true
    refused "unknown policy 'sandbx'"$'\n'"hint: did you mean 'sandbox'" run --policy sandbx -- true
    refused "option '--env-file': cannot open 'none': No such file*" run --env-file none -- true
    refused "option '--env-file': '.' is not a regular file" run --env-file . -- true
}

@test "descriptors that are not there" {
    refused "option '--keep-fd': *" run --keep-fd 2 -- true
    refused "descriptor 77 is not open" run --keep-fd 77 -- true
    refused "descriptor 78 is not open" run --status-fd 78 -- true
    refused "option '--status-fd': *" run --status-fd 1 -- true
}

@test "a policy with a slip of the pen" {
    printf '[files]\nreadble = /opt\n' >a.policy
    refused "a.policy:2: unknown key 'readble'"$'\n'"hint: did you mean 'readable'" \
        run --policy a.policy -- true
    printf '[policy]\nextends = sandbox\n[nework]\nmode = host\n' >b.policy
    refused "b.policy:3: unknown section 'nework'"$'\n'"hint: did you mean 'network'" \
        run --policy b.policy -- true
    printf '[files]\nreadable = /opt\0x\n' >c.policy
    refused "option '--policy': 'c.policy' is no text: it holds a NUL byte" \
        run --policy c.policy -- true
    head -c 300000 /dev/zero | tr '\0' '\n' >d.policy
    refused "option '--policy': 'd.policy' is larger than 262144 bytes" \
        run --policy d.policy -- true
    mkfifo e.policy
    refused "option '--policy': 'e.policy' is not a regular file" run --policy e.policy -- true
}

@test "every problem is told at once" {
    run -125 "$KELP" run --network foo -p 0:1 --userns x -e '' -- true
    [ "${#lines[@]}" -ge 4 ]
    [ "$(grep -c '^kelp: option' <<<"$output")" = 4 ]
}

@test "a home or a shared directory is not made writable by being stood in" {
    HOME=$work refused "the current directory '$work' would be writable, but it is your home"* \
        run -- true
    HOME=$work/deeper refused "*but your home lies in it"* run -- true
    cd / && refused "*but it is the root of the file system"* run -- true
    cd /tmp && refused "*but others share it"* run -- true
}

@test "a current directory that is gone" {
    mkdir gone && cd gone && rmdir ../gone
    refused "the current directory is gone" run -- true
}

@test "the store of images is the user's own" {
    mkdir -p "$XDG_DATA_HOME/kelp/store"
    chmod 777 "$XDG_DATA_HOME/kelp/store"
    refused "the store '*' can be written to by others"$'\n'"hint: chmod go-w *" run busybox
    XDG_DATA_HOME=/var refused "there is no image 'x:y'*" run x:y
}

@test "the commands of images" {
    for name in import images rmi; do
        run -0 "$KELP" "$name" --help
        [[ ${lines[0]} == "Usage:  kelp $name"* ]]
        refused "unknown option '--foo'"$'\n'"hint: kelp $name --help" "$name" --foo
    done
    refused "'kelp import' needs a FILE"$'\n'"hint: kelp import --help" import
    refused "unexpected word 'c'*" import a b c
    refused "unexpected word 'a'*" images a
    refused "'kelp rmi' needs the NAME of an image"* rmi
    refused "there is no image 'nosuch'"* rmi nosuch
    run -0 "$KELP" images
    echo garbage >file.tar
    refused "cannot import './file.tar': *" run ./file.tar
    refused "cannot import 'file.tar': *" import file.tar
    [ -z "$("$KELP" images --json | jq -r '.[]')" ]
}

@test "--status-fd tells of a failure before there is a plan" {
    run -125 "$KELP" run --status-fd 9 --network foo -- true 9>status
    [ "$(jq -r '.event + " " + .step' status)" = "setup-failed options" ]
    [ "$(jq -r .error status)" = "option '--network': unknown network mode 'foo'" ]
    [ "$(jq -r .hint status)" = "none, user and host are known" ]
    [ "$(wc -l <status)" = 1 ]
    run -125 "$KELP" run --status-fd 9 --memory=1 nosuch 9>status
    run -125 "$KELP" run --status-fd 9 $'no\e"such' 9>status
    [ "$(jq -r .error status)" = "there is no image 'no\\x1b\"such'" ]
}

@test "help and version" {
    run -0 "$KELP" --help
    [[ $output == *"kelp run [OPTIONS] -- COMMAND"* ]]
    run -0 "$KELP" run --help
    for name in volume writable readable hide tmpfs socket device read-only env env-file workdir user \
        entrypoint network publish dns add-host hostname policy userns cap-add cap-drop allow-userns \
        keep-fd timeout shm-size ulimit name dry-run status-fd rm interactive tty; do
        grep -q -e "--$name " <<<"$output"
    done
    [ "$(awk '{ print length }' <<<"$output" | sort -n | tail -1)" -le 100 ]
    run -0 "$KELP" help run
    [[ $output == *"--dry-run"* ]]
    run -0 "$KELP" help import
    [[ ${lines[0]} == "Usage:  kelp import"* ]]
    run -0 "$KELP" help doctor
    run -0 "$KELP" help help
    refused "unknown command 'nosuch'"* help nosuch
    run -0 "$KELP" --version
    [[ ${lines[0]} == "kelp "[0-9]*.[0-9]*.[0-9]* ]]
    run -125 "$KELP"
}

@test "--dry-run prints the plan and runs nothing" {
    run -0 --separate-stderr "$KELP" run --dry-run -e SECRET=hush --network user -p 8080:80 \
        --timeout 5m --hostname box -- touch made
    [ ! -e made ]
    [ -z "$stderr" ]
    [[ $output == *"policy        sandbox"* ]]
    [[ $output == *"network       user"* ]]
    [[ $output == *"tcp port 8080 of 127.0.0.1 is 80 inside"* ]]
    [[ $output == *"hostname      box"* ]]
    [[ $output == *"namespaces    user mount pid net ipc uts cgroup"* ]]
    [[ $output == *"capabilities  none"* ]]
    [[ $output =~ seccomp\ +sandbox,\ [0-9]+\ instructions ]]
    [[ $output == *" SECRET"* ]]
    [[ $output != *hush* ]]
    [[ $output == *"command       touch made"* ]]
    [[ $output =~ bind\ +"$work"\ +rw,nosuid,nodev ]]
    run -125 sh -c '"$KELP" run --dry-run -- true >/dev/full'
    [ "$output" = "kelp: cannot write to stdout" ]
}

@test "started with nothing open" {
    status=0
    "$KELP" run --network foo -- true <&- >&- 2>&- || status=$?
    [ "$status" = 125 ]
}

@test "options may be bundled, glued and given with =" {
    run -0 "$KELP" run --dry-run -iw/ -e A=1 -eB=2 --env=C=3 --env D=4 -- true
    [[ $output == *"environment "*" A B C D"* ]]
    [[ $output == *"directory     /"* ]]
}

@test "what follows the command belongs to it" {
    run -0 "$KELP" run --dry-run -- echo --network host -v a:b --
    [[ $output == *"command       echo --network host -v a:b --"* ]]
    [[ $output == *"network       none"* ]]
    run -0 "$KELP" run --dry-run -- --bind / /
    [[ $output == *"command       --bind / /"* ]]
}

@test "a policy of the user's own is added to the built-in one" {
    mkdir -p tools
    printf '[files]\nreadable = ./tools\n[environment]\nset = "A=b c"\n[network]\nmode = user\n' >my.policy
    run -0 "$KELP" run --dry-run --policy my.policy -- true
    [[ $output == *"policy        my.policy"* ]]
    [[ $output == *"network       user"* ]]
    [[ $output =~ environment\ .*\ A ]]
    [[ $output == *"$work/tools"*"(my.policy:2)"* ]]
    run -0 "$KELP" run --dry-run --network none --policy my.policy -- true
    [[ $output == *"network       none"* ]]
}

@test "an option for a view of this host tells which run it is for" {
    mkdir root
    run -0 "$KELP" run --dry-run --read-only --cap-add NET_RAW --entrypoint sh ./root -c true
    [[ $output == *"root          image ./root, the directory $work/root, read-only"* ]]
    [[ $output == *"NET_RAW"* ]]
    [[ $output == *"command       sh -c true"* ]]
}
