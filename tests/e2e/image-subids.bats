#!/usr/bin/env bats
# Layers for subordinate ids: files belong to whom the archive says.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../image/common

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    BUSYBOX=$(command -v busybox)
    export BUSYBOX
    owned archive owned.tar
    owned archive beyond.tar 1000000000
    make_busybox_root root
}

setup() {
    command -v newuidmap >/dev/null || skip "the machine lacks newuidmap"
    cd "$BATS_TEST_TMPDIR" || return 1
    export XDG_DATA_HOME=$PWD/data
    STORE=$XDG_DATA_HOME/kelp/store
}

# What bats itself could not remove.
teardown() {
    remove_owned "$BATS_TEST_TMPDIR/data"
}

owned() {
    python3 -B "$KELP_SRC/tests/image/owned.py" "$@"
}

box() {
    "$KELP" run --network none "$@"
}

# As root of a namespace with all subordinate ids, mapped as kelp maps them.
inside() {
    buildah unshare -- "$@"
}

# Every name below /x of the image $1, with its mode and owner.
listing() {
    box --userns subids "$1" /bin/busybox find /x -exec /bin/busybox stat -c '%a %u %g %n' '{}' ';' |
        sort -k 4
}

@test "owners and modes are those of the archive, set-id bits and all" {
    "$KELP" import "$BATS_FILE_TMPDIR/owned.tar" owned
    listing owned >got
    owned expect "$BATS_FILE_TMPDIR/owned.tar" | sort -k 4 >wanted
    diff wanted got
    [ "$(wc -l <got)" -gt 150 ]
}

@test "file capabilities stay, noted for the user's namespace" {
    "$KELP" import "$BATS_FILE_TMPDIR/owned.tar" owned
    box --userns subids owned /bin/busybox true
    run -0 inside python3 -B "$KELP_SRC/tests/image/owned.py" xattrs "$STORE/unpacked/subids"
    assert_eq "$output" "capable security.capability 0000000200200000000000000000000000000000
theirs security.capability 0000000200040000000000000000000000000000
theirs user.note n"
    # with one id there is nobody to give them to
    run -0 owned xattrs "$STORE/unpacked/single"
    assert_eq "$output" "theirs user.note n"
}

@test "unpacked by the first run, once; one id has its own" {
    "$KELP" import "$BATS_FILE_TMPDIR/owned.tar" owned
    [ -z "$(ls "$STORE/unpacked/subids")" ]
    run -0 box --userns single owned /bin/busybox stat -c '%u %g' /x/theirs
    assert_eq "$output" "0 0"
    [ -z "$(ls "$STORE/unpacked/subids")" ]
    # the default takes subordinate ids where they work
    run -0 --separate-stderr box owned /bin/busybox stat -c '%u %g' /x/theirs
    assert_eq "$output$stderr" "5 5"
    [ "$(ls "$STORE/unpacked/subids")" = "$(ls "$STORE/unpacked/single")" ]
    strace -f -qq -o trace -e trace=execve "$KELP" run --network none owned /bin/busybox true
    [ "$(grep -c kelp-image trace)" = 0 ]
    [ -z "$(ls -A "$STORE/tmp")" ]
    # a plain directory has no layers
    box --userns subids "$BATS_FILE_TMPDIR/root" /bin/busybox true
}

@test "rmi removes both, though plain rm cannot" {
    "$KELP" import "$BATS_FILE_TMPDIR/owned.tar" owned
    box owned /bin/busybox true
    cp -r "$STORE/unpacked/single" plain 2>/dev/null || true
    run ! rm -rf "$STORE"/unpacked/subids/*
    "$KELP" rmi owned
    [ -z "$(find "$STORE"/unpacked/*/* "$STORE"/tmp/* 2>/dev/null)" ]
}

@test "an image in use by a run with subordinate ids stays" {
    "$KELP" import "$BATS_FILE_TMPDIR/owned.tar" owned
    mkfifo go up
    "$KELP" run --network none --userns subids owned /bin/sh -c 'echo up; read -r line' <go >up 3>&- &
    exec {go}>go
    read -r line <up
    [ "$line" = up ]
    run -125 "$KELP" rmi owned
    assert_refused "is in use by process $! ("
    echo >&"$go"
    wait "$!"
    "$KELP" rmi owned
}

@test "an id that the user does not have: an error that names it, or one id with a line that does" {
    "$KELP" import "$BATS_FILE_TMPDIR/beyond.tar" beyond
    run -125 box --userns subids beyond /bin/busybox true
    assert_refused "entry 'x/last' belongs to uid 1000000000, and you have the ids 0 to "
    [[ ${lines[1]} == "hint: a longer range in '/etc/subuid', or --userns single"* ]]
    [ -z "$(find "$STORE"/unpacked/subids/* "$STORE"/tmp/* 2>/dev/null)" ]
    run -0 --separate-stderr box beyond /bin/busybox stat -c %u /x/last
    assert_eq "$output" 0
    [[ $stderr == *"belongs to uid 1000000000"*"running with one id"* ]]
    [ "$(wc -l <<<"$stderr")" = 1 ]
}

@test "layers on top of others: whiteouts, opaque directories, owners of what is implied" {
    owned archive owned.tar
    mkdir -p new/x/fresh
    python3 -B - "$KELP_SRC/tests/image" <<'EOF2'
import sys
sys.path.insert(0, sys.argv[1])
import layout
from rawtar import END, file
with open("owned.tar", "rb") as f:
    below = f.read()
above = file("x/.wh.capable") + file("x/new", "n") + file("fresh/er/f", "f") + END
layout.Layout([below, above]).write("lay")
EOF2
    "$KELP" import lay two
    run -0 box --userns subids two /bin/busybox stat -c '%a %u %g' /x /x/new /fresh
    assert_eq "$output" "2770 33 34
644 0 0
755 0 0"
    run -1 box --userns subids two /bin/busybox stat /x/capable
    [ "$(ls "$STORE/unpacked/subids" | wc -l)" = 2 ]
}

@test "first runs at the same time" {
    local i pids=()

    "$KELP" import "$BATS_FILE_TMPDIR/owned.tar" owned
    for i in 1 2 3 4; do
        box --userns subids owned /bin/busybox stat -c '%u %g' /x/theirs >"out$i" 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i"
    done
    assert_eq "$(cat out? | sort -u)" "5 5"
    [ -z "$(ls -A "$STORE/tmp")" ]
}

@test "a store that cannot be written to: one id, with a line that says why" {
    "$KELP" import "$BATS_FILE_TMPDIR/owned.tar" tree
    chmod a-w "$STORE" "$STORE"/* "$STORE"/unpacked/* "$STORE"/records/*
    run -0 --separate-stderr "$KELP" run --network none tree /bin/busybox cat /proc/self/uid_map
    [ "$(wc -l <<<"$output")" = 1 ]
    [[ $stderr == *"cannot unpack for subordinate ids: "*"ermission denied"* ]]
    run -125 "$KELP" run --network none --userns subids tree /bin/busybox true
    assert_refused "cannot unpack for subordinate ids"
    [[ $output == *"hint: make the store writable for one run, or: --userns single"* ]]
    run -0 "$KELP" verify
    run -0 "$KELP" verify tree
    run -0 "$KELP" images
    chmod u+w "$STORE" "$STORE"/* "$STORE"/unpacked/* "$STORE"/records/*
    "$KELP" run --network none --userns subids tree /bin/busybox true
}

@test "other subordinate ids: what has the old ones is unpacked again" {
    local layer inode

    "$KELP" import "$BATS_FILE_TMPDIR/owned.tar" owned
    box --userns subids owned /bin/busybox true
    layer=$(echo "$STORE"/unpacked/subids/*)
    inode=$(stat -c %i.%w "$layer")
    # as if the range had been shorter: every id is still the same
    sed -i '1,2s/[0-9]*$/65000/' "$STORE/subids.map"
    run -0 box --userns subids owned /bin/busybox stat -c %u /x/theirs
    assert_eq "$output" 5
    [ "$(stat -c %i.%w "$layer")" = "$inode" ]
    # as if there had been two, the other way round
    awk -F '[:,]' 'NR <= 2 {
        print $1 ":" $2 ":" $3 ",1:" $5 + 30000 ":" $6 - 30000 "," $6 - 29999 ":" $5 ":30000"
        next
    } { print }' "$STORE/subids.map" >map
    cp map "$STORE/subids.map"
    run -0 box --userns subids owned /bin/busybox stat -c %u /x/theirs
    assert_eq "$output" 5
    [ "$(stat -c %i.%w "$layer")" != "$inode" ]
    run ! diff map "$STORE/subids.map"
    "$KELP" rmi owned
}

@test "what a killed unpacking left is swept, whoever it belongs to" {
    "$KELP" import "$BATS_FILE_TMPDIR/owned.tar" owned
    box --userns subids owned /bin/busybox true
    inside cp -a "$STORE/unpacked/subids" "$STORE/tmp/import-dead"
    inside sh -c 'mkdir "$1/tmp/closed" && touch "$1/tmp/closed/file" && chown -R 7:8 "$1/tmp/closed" &&
        chmod 0 "$1/tmp/closed"' sh "$STORE"
    run ! rm -rf "$STORE/tmp/"*
    "$KELP" import "$BATS_FILE_TMPDIR/owned.tar" again
    [ -z "$(ls -A "$STORE/tmp")" ]
}

# What rm -r leaves of a store with layers for subordinate ids: those of theirs alone.
leave_remnant() {
    "$KELP" import "$BATS_FILE_TMPDIR/owned.tar" owned
    box --userns subids owned /bin/busybox true
    inside sh -c 'cd "$1"/unpacked/subids/* && mkdir -m 1777 x/sticky && echo x >x/sticky/f &&
        chown 5:6 x/sticky && chown 7:8 x/sticky/f && mkdir -m 700 x/shut && echo x >x/shut/f &&
        chown -R 5:6 x/shut' sh "$STORE"
    run -1 rm -rf "$STORE"
    assert_eq "$(ls "$STORE") $(ls "$STORE/unpacked")" "unpacked subids"
}

@test "what rm -r left of the store goes by prune, and verify tells it" {
    local option

    for option in --all --max-size=1G; do
        leave_remnant
        run -125 "$KELP" verify
        [[ $output == *"damaged: layer of unpacked/subids '"* ]]
        run -0 "$KELP" prune "$option"
        [[ $output == "deleted: layers of no image: 1"* ]]
        [ -z "$(find "$STORE"/unpacked/subids "$STORE"/tmp -mindepth 1)" ]
        run -0 "$KELP" verify
    done
    # a record that is damaged tells no more than none
    leave_remnant
    echo junk >"$STORE/subids.map"
    run -0 "$KELP" prune --all
    [ ! -e "$STORE/subids.map" ]
    [ -z "$(find "$STORE"/unpacked/subids "$STORE"/tmp -mindepth 1)" ]
}

@test "what was taken out and could not be removed goes by the next command" {
    local command

    for command in prune verify "import $BATS_FILE_TMPDIR/owned.tar again"; do
        leave_remnant
        mkdir -p "$STORE/tmp/import-left/gone"
        mv "$STORE"/unpacked/subids/* "$STORE/tmp/import-left/gone/layer"
        # shellcheck disable=SC2086 # words
        run -0 "$KELP" $command
        [ -z "$(ls -A "$STORE/tmp")" ]
        rm -rf "$STORE"
    done
}

@test "what cannot be removed without subordinate ids: who can, and verify tells it" {
    leave_remnant
    # kelp-image alone knows of no ids
    run -125 "$KELP_IMAGE" --store "$STORE" prune --all
    assert_refused "Operation not permitted"
    [[ ${lines[1]} == "hint: "*"\`kelp doctor\`"*"; or as root: rm -r '$STORE/tmp/import-"*"'" ]]
    run -125 "$KELP_IMAGE" --store "$STORE" prune --all
    assert_refused "was left by a command that was ended, and cannot be removed"
    [[ ${lines[1]} == "hint: "*"; or as root: rm -r '$STORE/tmp/import-"*"'" ]]
    run -125 "$KELP_IMAGE" --store "$STORE" verify
    [[ ${lines[0]} == "damaged: 'tmp/import-"*"' was left by a command that was ended, and cannot be removed" ]]
    run -0 "$KELP" prune
    [ -z "$(ls -A "$STORE/tmp")" ]
    run -0 "$KELP" verify
}

@test "a layer that rm -r has left a part of is unpacked again" {
    leave_remnant
    [ ! -e "$(echo "$STORE"/unpacked/subids/*)/bin/busybox" ]
    "$KELP" import "$BATS_FILE_TMPDIR/owned.tar" owned
    box --userns subids owned /bin/busybox true
    run -0 "$KELP" verify
    "$KELP" rmi owned
}

@test "a blob that is damaged is not unpacked" {
    local blob

    "$KELP" import "$BATS_FILE_TMPDIR/owned.tar" owned
    blob=$(ls -S "$STORE"/blobs/sha256/* | head -n 1)
    printf 'X' | dd of="$blob" bs=1 seek=5000 conv=notrunc status=none
    run -125 box --userns subids owned /bin/busybox true
    assert_refused "is damaged: its digest is"
    # auto too: this is no matter of ids
    run -125 box owned /bin/busybox true
    assert_refused "is damaged: its digest is"
    box --userns single owned /bin/busybox true
}

@test "the process that gives files away has what that takes, and the other walls" {
    local pid status=

    # large enough to be met at work; a traced newuidmap has no rights
    { seq 2000000 && cat; } <"$BUSYBOX" >large
    cp "$BATS_FILE_TMPDIR/owned.tar" large.tar
    for i in 1 2 3 4 5 6 7 8; do cp large "large$i"; done
    tar --owner=5:5 --group=6:6 -rf large.tar large?
    "$KELP" import large.tar large
    "$KELP" run --network none --userns subids large /bin/busybox true 3>&- &
    while kill -0 "$!" 2>/dev/null; do
        for pid in $(pgrep -P "$(pgrep -P $! kelp-image)" 2>/dev/null); do
            status=$(cat "/proc/$pid/status" 2>/dev/null) || true
            [[ $status != *$'Seccomp:\t2'* ]] || break 2
        done
    done
    wait "$!"
    # CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETFCAP
    [[ $status == *$'CapPrm:\t000000008000001b'* ]]
    [[ $status == *$'CapEff:\t000000008000001b'* ]]
    [[ $status == *$'NoNewPrivs:\t1'* ]]
    [[ $status == *$'Seccomp:\t2'* ]]
}

@test "who wants to look at them or remove them, and gets no ids, is told who knows why" {
    local command

    "$KELP" import "$BATS_FILE_TMPDIR/owned.tar" owned
    box --userns subids owned /bin/busybox true
    for command in verify 'rmi owned'; do
        # newuidmap has no rights in there
        # shellcheck disable=SC2086 # words
        run unshare -U --map-user="$(id -u)" --map-group="$(id -g)" -- "$KELP" $command
        [ "$status" -ne 0 ]
        [[ $output == *"newuidmap' refused the map (status 1)"* ]]
        [[ ${lines[-1]} == 'hint: `kelp doctor` says what is wrong with subordinate ids' ]]
    done
}

@test "verify looks at layers for subordinate ids, too" {
    local layer

    "$KELP" import "$BATS_FILE_TMPDIR/owned.tar" owned
    box --userns subids owned /bin/busybox true
    run -0 "$KELP" verify
    [ -z "$output" ]
    layer=$(echo "$STORE"/unpacked/subids/*)
    inside sh -c 'chown 5:6 "$1/x/theirs"; printf d >"$1/x/capable"' sh "$layer"
    run -125 "$KELP" verify owned
    [[ $output == *"damaged: layer 'subids/${layer##*/}': 'x/theirs' has another mode"* ]]
    [[ $output == *"damaged: layer 'subids/${layer##*/}': 'x/capable' has another"* ]]
    [[ $output == *"the image store is damaged in 2 places"* ]]
    inside chmod 4555 "$layer/x/theirs"
    run -125 "$KELP" verify owned
    [[ $output == *"'x/theirs' has another group"* ]]
}

@test "verify does not look at layers for subordinate ids that came meanwhile" {
    local blob tracer

    command -v strace >/dev/null || skip "the machine lacks strace"
    gzip -n <"$BATS_FILE_TMPDIR/owned.tar" >owned.tar.gz
    "$KELP" import owned.tar.gz owned
    blob=$(sha256sum <owned.tar.gz)
    blob=${blob%% *}
    # who opens the blob to hash it stops there
    unshare -Ur strace -f -qq -o trace -P "$blob" -e trace=openat -e inject=openat:signal=STOP:when=1 \
        "$KELP_IMAGE" --store "$STORE" verify >said 2>&1 3>&- &
    tracer=$!
    until grep -qs 'stopped by SIGSTOP' trace; do
        kill -0 "$tracer"
        sleep 0.05
    done
    [ -z "$(ls "$STORE/unpacked/subids")" ]
    box --userns subids owned /bin/busybox true
    [ -n "$(ls "$STORE/unpacked/subids")" ]
    kill -CONT "$(sed -n 's/^\([0-9]*\) .*stopped by SIGSTOP.*/\1/p' trace)"
    wait "$tracer" || {
        cat said
        false
    }
    [ ! -s said ]
    run -0 "$KELP" verify
    [ -z "$output" ]
}
