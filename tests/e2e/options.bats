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
    refused "unknown command 'ls'"$'\n'"hint: to run it: kelp run -- ls -la" ls -la
    refused "unknown command 'no-such-program'"$'\n'"hint: kelp help lists the commands" no-such-program
    refused "unknown command 'stast'"$'\n'"hint: did you mean 'kelp stats'" stast
    refused "unknown command 'exce'"$'\n'"hint: did you mean 'kelp exec'" exce
    refused "unknown option '--volum'"$'\n'"hint: did you mean '--volume'" run --volum a:/b -- true
    refused "unknown option '--it'*" --it
    refused "unknown option '-V'"$'\n'"hint: did you mean 'kelp --version'" -V
    refused "unknown option '-Z'*" run -Z -- true
    refused "unknown option '--'*" run --=x -- true
    refused "unknown option '--a\\\\x1b[[]1mb'*" run $'--a\e[1mb' -- true
}

@test "docker's words for commands" {
    local word

    refused "unknown command 'load'"$'\n'"hint: it is 'kelp import FILE *'" load
    refused "unknown command 'save'"$'\n'"hint: it is 'kelp export NAME -o FILE'" save x
    refused "unknown command 'cp'"$'\n'"hint: *-v SRC:DST*; to run the program: kelp run -- cp a b" cp a b
    refused "unknown command 'system'"$'\n'"hint: did you mean 'kelp prune'" system prune
    refused "unknown command 'image'"$'\n'"hint: it is 'kelp rmi'" image rm x
    refused "unknown command 'image'"$'\n'"hint: it is 'kelp import FILE *'" image load
    refused "unknown command 'image'"$'\n'"hint: it is 'kelp images'" image ls
    refused "unknown command 'container'"$'\n'"hint: it is 'kelp ps'" container ls
    refused "unknown command 'container'"$'\n'"hint: did you mean 'kelp run'" container run x
    refused "unknown command 'pause'"$'\n'"hint: kelp kill -s STOP NAME halts *" pause x
    refused "unknown command 'top'"$'\n'"hint: kelp stats *; to run the program: kelp run -- top" top
    refused "unknown command 'list'"$'\n'"hint: it is 'kelp ps', *" list
    refused "unknown command 'container'"$'\n'"hint: it is 'kelp ps'" container list
    refused "unknown command 'container'"$'\n'"hint: kelp kill -s STOP *" container pause x
    refused "unknown command 'pss'"$'\n'"hint: did you mean 'kelp ps'" pss
    refused "unknown command 'rmm'"$'\n'"hint: did you mean 'kelp rm'" rmm x
    refused "unknown command 'xps'"$'\n'"hint: kelp help lists the commands" xps
    for word in unpause port status show remove delete rename update events search enter shell review \
        tag push build create start restart history info login logout container \
        image system volume network; do
        refused "unknown command '$word'"$'\n'"hint: *" "$word"
        refused "there is no help about '$word'"$'\n'"hint: *" help "$word"
    done
    # what a hint says is there
    grep -o 'kelp [a-z]*' "$KELP_SRC/src/cli/foreign.c" | sort -u | while read -r _ word; do
        [ -z "$word" ] || [ "$word" = "can" ] || "$KELP" help "$word" >/dev/null
    done
}

@test "options behind the image or behind --" {
    mkdir -p root/bin
    hinted 127 "command not found: '-it'" "options stand before the image: kelp run -it ./root sh" \
        run ./root -it sh
    hinted 127 "command not found: '--network'" \
        "options stand before the image: kelp run -e 'A=b c' --network none ./root cat '/a b'" \
        run -e 'A=b c' ./root --network none cat '/a b'
    hinted 127 "cannot execute '--volume=/a:/b': *" \
        "options stand before the image: kelp run --volume=/a:/b ./root x" run ./root --volume=/a:/b x
    hinted 127 "command not found: '--rm'" "options stand before the image: kelp run --rm ./root id" \
        run ./root --rm -- id
    hinted 127 "command not found: '-it'" "options stand before the image: kelp run -it ./root" run ./root -it
    hinted 127 "command not found: '--'" \
        "behind an image the command needs no '--': kelp run ./root id" run ./root -- id
    # one that is refused there, too
    hinted 127 "command not found: '-d'" "options stand before the image: kelp run -d ./root id" run ./root -d id
    hinted 127 "command not found: '-it'" "options stand before '--': kelp run -it -- sh" run -- -it sh
    hinted 127 "command not found: '-it'" "options stand before '--': kelp run -it -- sh" -- -it sh
    hinted 127 "command not found: '--rm'" "options stand before '--': kelp run --rm -- COMMAND" run -- --rm
    hinted 127 "command not found: '--'" "one '--' is enough: kelp run -- id" run -- -- id
    run -127 "$KELP" run --status-fd 9 -- -it sh 9>status
    [ "$(jq -r .hint status)" = "options stand before '--': kelp run --status-fd 9 -it -- sh" ]
}

@test "a command that was not set apart by -- is suggested with it" {
    refused "there is no image 'sh'"$'\n'"hint: did you mean: kelp run -- sh -c 'echo it'\\\\''s'" \
        run sh -c "echo it's"
    refused "*hint: did you mean: kelp run -e A=1 -w / -- env" run -e A=1 -w / env
    refused "there is no image 'nosuchthing'"$'\n'"hint: kelp pull nosuchthing, kelp import FILE nosuchthing*" \
        run nosuchthing
    touch rootfs.tar
    refused "there is no image 'rootfs.tar'"$'\n'"hint: for the file of that name write ./rootfs.tar" \
        run rootfs.tar
    refused "cannot find image './none.tar': No such file or directory" run ./none.tar
    printf '#!/bin/sh\n' >script && chmod +x script
    refused "'./script' is a program and not an image"$'\n'"hint: did you mean: kelp run -- ./script -x" \
        run ./script -x
    # nor a hint that fails as well
    refused "option '--timeout': 'bb' is not a time"$'\n'"hint: *" run --timeout bb id
    refused "option '--timeout': 'bb' is not a time"$'\n'"hint: *" run --timeout bb nosuchthing
    refused "there is no image 'ls'"$'\n'"hint: kelp pull ls, *" run --read-only ls
    refused "there is no image 'bb@sha256:abc'"$'\n'"hint: a digest is *64 hex digits" run bb@sha256:abc
    refused "there is no image 'docker://bb'"$'\n'"hint: names have no scheme: kelp pull bb" run docker://bb
    refused "there is no image 'team/Box'"$'\n'"hint: names of images are lower case" run team/Box
    mkfifo fifo
    refused "image './fifo' is neither a file nor a directory" run ./fifo
}

@test "a review is of a view of this host" {
    mkdir -p root
    refused "option '--review' is for views of this host"$'\n'"hint: *--keep" run --review ./root true
}

@test "options of later versions are refused as such" {
    for name in mount init secret memory-swap; do
        refused "option '--$name' is not yet supported"$'\n'"hint: *" run "--$name" x -- true
        refused "option '--$name' is not yet supported"$'\n'"hint: *" run "--$name=x" -- true
    done
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
    refused "*'/proc/self/fd/9' cannot lie in /proc"$'\n'"hint: start elsewhere with -w" run -w /proc/self/fd/9 -- true
    refused "option '--network': unknown network mode 'nome'"$'\n'"hint: did you mean 'none'" \
        run --network nome -- true
    refused "option '--publish': *" run -p 80 -- true
    refused "*but there is no network"$'\n'"hint: add --network filtered, *--network user" run -p 8080:80 -- true
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
    refused "option '--read-only' is for images"$'\n'"hint: *is read-only anyway*" run --read-only -- true
    refused "option '--keep' is for images"$'\n'"hint: *keeps nothing but *" run --keep -- true
    refused "option '--pull' is for images"$'\n'"hint: *needs no image" run --pull missing -- true
    refused "option '--policy': cannot open './none.policy': No such file*" \
        run --policy ./none.policy -- true
    refused "unknown policy 'sandbx'"$'\n'"hint: did you mean 'sandbox'" run --policy sandbx -- true
    refused "option '--env-file': cannot open 'none': No such file*" run --env-file none -- true
    refused "option '--env-file': '.' is not a regular file" run --env-file . -- true
}

@test "directories of the kernel's are neither images nor shares nor places to work" {
    local place

    refused "cannot share '/': that would be this host as a whole"$'\n'"hint: kelp run -- COMMAND *" run / ls
    for place in /proc /sys /dev; do
        refused "'$place' is no image: it is the kernel's own"$'\n'"hint: *" run "$place" ls
    done
    refused "*cannot share '/dev': it is the host's own"$'\n'"hint: share a device with --device /dev/NAME" \
        run -v /dev:/d -- ls /d
    for place in /proc /sys /dev /dev/shm; do
        cd "$place"
        refused "the current directory '$place' would be writable, but *"$'\n'"hint: cd *" run -- pwd
        cd "$BATS_TEST_TMPDIR"
    done
}

@test "what other tools call it" {
    refused "unknown option '--net'"$'\n'"hint: did you mean '--network'" run --net user -- true
    refused "unknown option '--bind'"$'\n'"hint: -v SRC:DST *" run --bind a b -- true
    refused "unknown option '--ro-bind'"$'\n'"hint: -v SRC:DST:ro *" run --ro-bind a b -- true
    refused "unknown option '--chdir'"$'\n'"hint: did you mean '--workdir'" run --chdir / -- true
    refused "unknown option '--setenv'"$'\n'"hint: -e NAME=VALUE *" run --setenv a b -- true
    refused "unknown option '--unshare-net'"$'\n'"hint: there is no network *" run --unshare-net -- true
    refused "there is no image '-'"$'\n'"hint: *kelp import - NAME*" run -
    refused "unknown option '-q'"$'\n'"hint: *kelp pull*" run -q --pull missing x
    refused "unknown option '--insecure'"$'\n'"hint: *kelp pull*" run --insecure --pull missing x
}

@test "one's own name is a user of a view of this host" {
    run -0 "$KELP" run -u "$(id -un)" -- id -u
    [ "$output" = "$(id -u)" ]
    refused "'nobody-else': names of users*" run -u nobody-else -- id
}

# ARGS... exit with $1, with the error $2 and the hint $3.
hinted() {
    local status=$1 error=$2 hint=$3
    shift 3
    run -"$status" "$KELP" "$@"
    echo "$output"
    # shellcheck disable=SC2053 # patterns are meant
    [[ ${lines[0]} == "kelp: "$error ]] && [[ ${lines[1]} == "hint: "$hint ]] && [ "${#lines[@]}" = 2 ]
}

@test "a command that was taken for an image, or for something else" {
    printf '#!/bin/sh\necho hi\n' >script.sh
    hinted 125 "'./script.sh' is a program and not an image" \
        "chmod +x it, and then: kelp run -- ./script.sh a" run ./script.sh a
    chmod +x script.sh
    hinted 125 "'./script.sh' is a program and not an image" \
        "did you mean: kelp run -- ./script.sh a" run ./script.sh a
    refused "cannot find image './none': No such file or directory" run ./none
    refused "cannot find image './none': No such file or directory" run ./none id
    mkdir -p oci && touch oci/oci-layout oci/index.json
    for image in ./oci:v2 oci:v2; do
        hinted 125 "*'$image'*" \
            "the tag of a layout is chosen by the name: kelp import ${image%:*} oci:v2" run "$image" id
    done
    refused "cannot find image './oci:': No such file or directory" run ./oci: id
    hinted 127 "command not found: 'ls'" "'.' is no root file system; *kelp run -- ls" run . ls
    hinted 127 "command not found: 'ls -la'" "the words stand without quotes: -- ls -la" run -- 'ls -la'
    hinted 127 "command not found: 'CC=a b'" "a variable is set by an option: -e 'CC=a b'" \
        run -- 'CC=a b' make
    hinted 127 "command not found: 'cd'" "it is a word of the shell: sh -c 'cd ...'" run -- cd /tmp
}

@test "a command that this host has, and the sandbox does not show" {
    export HOME=$BATS_TEST_TMPDIR/home
    mkdir -p "$HOME/own tools"
    printf '#!/bin/sh\n' >"$HOME/own tools/own-tool"
    chmod +x "$HOME/own tools/own-tool"
    hinted 127 "cannot execute '$HOME/own tools/own-tool': No such file or directory" \
        "this host has it, and the sandbox does not show it: --readable '$HOME/own tools/own-tool'" \
        run -- "$HOME/own tools/own-tool"
    PATH=$PATH:$HOME/own\ tools hinted 127 "command not found: 'own-tool'" \
        "this host has it, and the sandbox does not show it: --readable '$HOME/own tools/own-tool'" run -- own-tool
    run -0 "$KELP" run --readable "$HOME/own tools/own-tool" -- "$HOME/own tools/own-tool"
    # the last rule of its place decides
    hinted 127 "cannot execute '$HOME/own tools/own-tool': No such file or directory" \
        "this host has it, and the sandbox does not show it: --readable '$HOME/own tools/own-tool'" \
        run --readable "$HOME" --tmpfs "$HOME/own tools" -- "$HOME/own tools/own-tool"
    # to show a directory makes no command of it
    mkdir "$HOME/tools"
    run -127 "$KELP" run -- "$HOME/tools"
    [[ $output != *hint:* ]]
}

@test "an empty name" {
    refused "the name of the image is empty" rmi ''
    refused "the name of the image is empty" verify ''
    refused "the name of the image is empty" rmi x ''
    refused "the name of the image is empty" export '' -o x
    refused "the name of the sandbox is empty" rm ''
    refused "the name of the sandbox is empty" rm x ''
    refused "the name of the sandbox is empty" commit '' x
    refused "the name of the image is empty" commit x ''
    refused "the name of the file is empty" import ''
}

@test "what there is to do about it" {
    local option

    hinted 125 "*'.' is not SRC:DST *" "at the same place: --writable . or --readable ." run -v . -- true
    hinted 125 "*'y' is not an absolute path" "*: ./x:/y" run -v ./x:y -- true
    hinted 125 "*is asked for twice*" "leave one of them out" run -v ./a:/mnt/a -v ./b:/mnt/a -- true
    hinted 125 "*'' is not NAME or NAME=VALUE" "NAME=VALUE sets it, *" run -e '' -- true
    for option in --env-file --policy; do
        hinted 125 "*'$option': cannot open './no': *" "the name counts *" run "$option" ./no -- true
    done
    for option in --readable --writable --hide --socket; do
        hinted 125 "option $option: cannot open *" "*" run "$option" ./no -- true
    done
    hinted 125 "option --hide: cannot open *" "there is nothing to hide: check the name" run --hide ./no -- true
    hinted 125 "option --hide: cannot open *" "*patterns are for policies: *" run --hide '*.pem' -- true
    printf '[files]\nhidden = ./no\n' >hide.policy
    hinted 125 "./hide.policy:2: cannot open *" "*with a '-' in front it may be absent" \
        run --policy ./hide.policy -- true
    hinted 125 "option --device: cannot open *" "*" run --device /dev/no -- true
    hinted 125 "option --volume: cannot open *" "*mkdir -p it first" run -v ./no:/tmp/x -- true
    hinted 125 "option --volume: cannot open *" "*check the name*" run -v ./no.conf:/tmp/x -- true
    hinted 125 "option --volume: cannot open *" "a socket is shared with --socket, *" \
        run -v "$work/docker.sock:/tmp/x" -- true
    hinted 125 "*'foo' is not an IP address" "a server is named by *" run --dns foo -- true
    hinted 125 "*'foo' is not NAME:IP" "like *" run --add-host foo -- true
    hinted 125 "*'localhost' is not an IP address" "like 8080:80, *" run --network user -p localhost:5303:80 -- true
    hinted 125 "*'1.2.3.4' is not an IPv6 address" "like 8080:80, *" run --network user -p '[1.2.3.4]:1:80' -- true
    hinted 125 "*'80' is not *" "like 8080:80, *" run --network user -p 80 -- true
    hinted 125 "*port: '99999' *" "ports are *" run --network user -p 99999:80 -- true
    hinted 125 "*port range '1-2'*" "name each port *" run --network user -p 1-2:80 -- true
    hinted 125 "*protocol 'sctp'*" "slirp4netns *" run --network user -p 1:1/sctp -- true
    hinted 125 "*'nofile' is not NAME=SOFT *" "like *" run --ulimit nofile -- true
    hinted 125 "user id 99999999 is not mapped*" "leave --user out*" run -u 99999999 -- true
    mkdir -p rootfs/bin gone shut
    hinted 125 "*unknown capability 'FOO'" "like NET_ADMIN*" run --cap-add FOO ./rootfs true
    hinted 125 "*unknown capability 'CHWON'" "did you mean 'CHOWN'" run --cap-add CHWON ./rootfs true
    cd gone
    rmdir ../gone
    hinted 125 "the current directory is gone" "cd to one that is there" run -- true
    cd ../shut
    chmod 000 .
    hinted 125 "*cannot stat the current directory: *" "cd to one that you may enter" run -- true
    cd ..
    chmod 755 shut
}

@test "descriptors that are not there" {
    refused "option '--keep-fd': *" run --keep-fd 2 -- true
    refused "descriptor 77 is not open"$'\n'"hint: *77>FILE" run --keep-fd 77 -- true
    refused "descriptor 78 is not open"$'\n'"hint: *78>FILE" run --status-fd 78 -- true
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
    head -c 4200000 /dev/zero | tr '\0' '#' >d.policy
    refused "option '--policy': 'd.policy' is larger than 4194304 bytes" \
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
    refused "the current directory is gone"$'\n'"hint: cd to one that is there" run -- true
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

@test "--status-fd tells of words that are not understood" {
    local words

    for words in "--status-fd 9 --badopt" "--badopt --status-fd 9" "--badopt --status-fd=9" \
        "--status-fd=9 -Z" "--status-fd 9 --timeout never" "--timeout never --status-fd 9" \
        "--status-fd 9 --tty=yes"; do
        echo "$words"
        # shellcheck disable=SC2086 # words are meant
        run -125 "$KELP" run $words -- true 9>status
        [[ $(cat status) == '{"event":"setup-failed","step":"options",'* ]]
        [ "$(wc -l <status)" = 1 ]
    done
    # behind "--" the words are the command's
    run -125 "$KELP" run --badopt -- echo --status-fd 9 9>status
    [ ! -s status ]
}

@test "--status-fd names a step that the manual explains" {
    local name

    run -125 "$KELP" run --status-fd 9 -v ./no:/x -- true 9>status
    [[ $(cat status) == '{"event":"setup-failed","step":"sources",'* ]]
    while read -r name; do
        grep -q "\*$name\*" "$KELP_SRC/doc/kelp.1.scd" || {
            echo "kelp(1) does not name the step '$name'"
            false
        }
    done < <(sed -n 's/.*\[STEP_[A-Z_]*\] = "\(.*\)",.*/\1/p' "$KELP_SRC/src/sandbox/step.c" | grep -v '^none$')
}

@test "--status-fd that cannot be written" {
    run -125 "$KELP" run --status-fd 9 -- touch ran 9<"$KELP"
    [[ $output == "kelp: the status descriptor 9 is open for reading alone"$'\n'"hint: "* ]]
    [ ! -e ran ]
    run -3 "$KELP" run --status-fd 9 -- sh -c 'exit 3' 9>/dev/full
    [ "$output" = "kelp: the run goes on: cannot write to the status descriptor 9: No space left on device" ]
    run -3 bash -c '"$KELP" run --status-fd 9 -- sh -c "sleep 0.2; exit 3" 9> >(exec <&-)'
    [ "$(wc -l <<<"$output")" = 1 ]
    run -125 "$KELP" run --status-fd 9 --network foo -- true 9>/dev/full
    [[ $output == *"cannot write to the status descriptor 9: No space left on device"* ]]
}

@test "--status-fd tells of a failure before there is a plan" {
    run -125 "$KELP" run --status-fd 9 --network foo -- true 9>status
    [ "$(jq -r '.event + " " + .step' status)" = "setup-failed options" ]
    [ "$(jq -r .error status)" = "option '--network': unknown network mode 'foo'" ]
    [ "$(jq -r .hint status)" = "none, user, filtered and host are known" ]
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
        entrypoint network publish dns add-host hostname policy userns fake-root cap-add cap-drop allow-userns \
        keep-fd timeout shm-size ulimit memory cpus pids-limit limits name keep dry-run status-fd ready-fd pidfile detach rm interactive tty; do
        grep -q -e "--$name " <<<"$output"
    done
    [ "$(awk '{ print length }' <<<"$output" | sort -n | tail -1)" -le 100 ]
    run -0 "$KELP" help run
    [[ $output == *"--dry-run"* ]]
    run -0 "$KELP" help import
    [[ ${lines[0]} == "Usage:  kelp import"* ]]
    run -0 "$KELP" help doctor
    run -0 "$KELP" help help
    refused "there is no help about 'nosuch'"$'\n'"hint: kelp help lists the commands" help nosuch
    refused "there is no help about 'pul'"$'\n'"hint: did you mean 'kelp pull'" help pul
    refused "unexpected word 'pull'"* help run pull
    refused "unknown option '-x'"* help -x
    run -0 "$KELP" --version
    [[ ${lines[0]} == "kelp "[0-9]*.[0-9]*.[0-9]* ]]
    run -0 "$KELP" help version
    [[ ${lines[0]} == "Usage:  kelp version" ]]
    refused "unexpected word 'x'"* version x
    refused "unexpected word 'x'"* --version x
    run -125 "$KELP"
    for name in --help --version help "help run" "run --help" "run -h" version "version --help" \
        "doctor --help"; do
        run -125 sh -c "\"\$KELP\" $name >/dev/full"
        [ "$output" = "kelp: cannot write to stdout" ]
    done
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

@test "a home that can be changed as a whole is said to be so" {
    local said="kelp: the whole home can be changed (option"

    mkdir -p "$work/home/a"
    export HOME=$work/home
    cd "$HOME/a"
    for options in "--writable $HOME" "-v $HOME:/mnt/home" "--writable $work"; do
        # shellcheck disable=SC2086 # several words
        run -0 --separate-stderr "$KELP" run $options -- true
        [[ $stderr == *"$said"* ]]
    done
    for options in "" "--writable $HOME/a" "--readable $HOME" "-v $HOME:/mnt/home:ro"; do
        # shellcheck disable=SC2086 # several words
        run -0 --separate-stderr "$KELP" run $options -- true
        [[ $stderr != *"$said"* ]]
    done
}

@test "a home is known as a whole by what a source turns out to be" {
    local said="kelp: the whole home can be changed (option"

    mkdir -p "$work/real/home/a"
    ln -s real link
    ln -s real/home home
    export HOME=$work/home
    cd "$work/real/home/a"
    for options in "--writable $HOME" "--writable $work/real/home" "-v $HOME:/mnt/home" "--writable $work/link" \
        "-v $work/link/home:/mnt/home" "-v $work/real:/mnt/home"; do
        # shellcheck disable=SC2086 # several words
        run -0 --separate-stderr "$KELP" run $options -- true
        [ "$(grep -cF "$said" <<<"$stderr")" = 1 ]
    done
    for options in "--writable $work/link/home/a" "-v $HOME:/mnt/home:ro"; do
        # shellcheck disable=SC2086 # several words
        run -0 --separate-stderr "$KELP" run $options -- true
        [[ $stderr != *"$said"* ]]
    done
    # of a run that is refused nothing is said
    run -125 --separate-stderr "$KELP" run -v /:/mnt/all -- true
    [[ $stderr == *"cannot share '/'"* && $stderr != *"$said"* ]]
}

@test "the account's own home is one, too, whatever HOME says" {
    mkdir -p account other/a
    awk -F: -v OFS=: -v uid="$(id -u)" -v home="$work/account" '$3 == uid { $6 = home } { print }' /etc/passwd >passwd
    cd other/a
    HOME=$work/other run -0 --separate-stderr unshare -Urm sh -ec 'mount --bind "$1" /etc/passwd
        exec unshare -U --map-user="$2" --map-group="$3" -- "$4" run -v "$5:/mnt/home" -- true' \
        sh "$work/passwd" "$(id -u)" "$(id -g)" "$KELP" "$work/account"
    [[ $stderr == *"kelp: the whole home can be changed (option"* ]]
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
