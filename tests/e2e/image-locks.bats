#!/usr/bin/env bats
# Images that are in use, and changes of the store at the same time.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../image/common
load ../lib/trace

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    make_busybox_root root
    tar -C root --sort=name -cf box.tar .
    echo other >root/etc/other
    tar -C root --sort=name -cf other.tar .
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    export XDG_DATA_HOME=$PWD/data
    STORE=$XDG_DATA_HOME/kelp/store
    BOX=$BATS_FILE_TMPDIR/box.tar
    OTHER=$BATS_FILE_TMPDIR/other.tar
}

# Starts a sandbox of "$@" that says "up" and waits for a line in the fifo "go"; its pid in $box.
start_box() {
    mkfifo up go
    "$KELP" run --network none "$@" /bin/sh -c 'echo up; read -r line; echo "$line"' <go >up 3>&- &
    box=$!
    exec {go}>go {up}<up
    read -r line <&"$up"
    [ "$line" = up ]
}

end_box() {
    echo end >&"$go"
    read -r line <&"$up"
    [ "$line" = end ]
    wait "$box"
    exec {go}>&- {up}<&-
}

@test "rmi of an image in use says by whom, and changes nothing" {
    local before

    "$KELP" import "$BOX" box
    before=$(cd "$STORE" && find . -type f -printf '%p %s\n' | sort)
    start_box --userns single --name web box
    run -125 "$KELP" rmi box
    assert_refused "the image 'box:latest' is in use by process $box ('"
    [[ $output == *" run --network none --userns single --name web box /bin/sh "* ]]
    assert_eq "$(cd "$STORE" && find . -type f -printf '%p %s\n' | sort)" "$before"
    end_box
    "$KELP" rmi box
}

@test "a name may move while a sandbox runs from what it stood for" {
    local first

    first=$("$KELP" import "$BOX" box)
    start_box --userns single box
    "$KELP" import "$OTHER" box
    run -125 "$KELP" rmi "${first:7:12}"
    assert_refused "is in use by process $box"
    run -0 "$KELP" run --userns single box /bin/busybox cat /etc/other
    assert_eq "$output" other
    # the other image can go
    "$KELP" rmi box
    end_box
    "$KELP" rmi "${first:7:12}"
    [ -z "$(ls "$STORE/unpacked/single")" ]
}

@test "the lock is gone with the launcher, also when it is killed" {
    "$KELP" import "$BOX" box
    start_box --userns single box
    kill -KILL "$box"
    wait "$box" || true
    "$KELP" rmi box
}

@test "the lock is taken under the store's, and no process of the sandbox has a copy" {
    "$KELP" import "$BOX" box
    run -0 traced -y -e trace=flock,clone3,close "$KELP" run --userns single --network none box /bin/busybox true
    # the store, the layer, the store again, and only then a process
    run -0 grep -nE 'flock\(|CLONE_NEWUSER|close\([0-9]+<[^>]*/store/lock>' trace
    [[ ${lines[0]} == *"/store/lock>, LOCK_SH) = 0" ]]
    [[ ${lines[1]} == *"/unpacked/single/"*">, LOCK_SH) = 0" ]]
    [[ ${lines[2]} == *"close("*"/store/lock>)"* ]]
    [[ ${lines[3]} == *CLONE_NEWUSER* ]]
    start_box --userns single box
    run -0 sh -c 'for pid in $(pgrep -P "$1"); do ls -l /proc/$pid/fd 2>/dev/null; done | grep -c unpacked || true' sh "$box"
    assert_eq "$output" 0
    [ "$(grep -c FLOCK /proc/locks)" -ge 1 ]
    end_box
}

@test "a layer that was lost is an error that says what to do" {
    "$KELP" import "$BOX" box
    rm -rf "$STORE"/unpacked/single/*
    run -125 "$KELP" run --userns single box /bin/busybox true
    assert_refused "image 'box': cannot open the layer '"
    [[ ${lines[1]} == "hint: import the image again"* ]]
}

@test "a store without a lock yet, and one that cannot be written to" {
    "$KELP" import "$BOX" box
    rm "$STORE/lock"
    "$KELP" run --userns single box /bin/busybox true
    [ "$(stat -c %a "$STORE/lock")" = 600 ]
    # shellcheck disable=SC2016 # for the inner shell
    unshare -Urm sh -c 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift &&
        exec "$@"' sh "$STORE" "$KELP_IMAGE" --store "$STORE" list
}

# Changes the image under the runs' feet, until the file "enough" is there: another one under its
# name, the old one removed as soon as nobody uses it, everything else pruned.
churn() {
    local i=0

    while [ ! -e enough ]; do
        i=$((i + 1))
        "$KELP" import "churn$((i % 2)).tar" box >>churn.log 2>&1 || touch churn.failed
        "$KELP" rmi "${ids[(i + 1) % 2]:7}" >>churn.log 2>&1 || true
        "$KELP" prune >>churn.log 2>&1 || touch churn.failed
    done
}

# $1 runs: what is not whole inside is a run that fails.
run_and_look() {
    seq "$1" | xargs -P 8 -I '{}' sh -c '"$KELP" run --userns single --network none -w / box \
        /bin/busybox md5sum -c /sums >out.{} 2>&1 || echo "run {}: $(cat out.{})" >>failed; rm -f out.{}'
}

@test "two hundred runs while their image is replaced, removed and pruned" {
    local i ids=() memory

    # in memory where that can be: a disk that syncs would leave time for a few changes only
    memory=$(mktemp -d -p /dev/shm kelp-locks.XXXXXX 2>/dev/null || mktemp -d)
    export XDG_DATA_HOME=$memory
    STORE=$memory/kelp/store
    for i in 0 1; do
        cp -a "$BATS_FILE_TMPDIR/root" "root$i"
        mkdir -p "root$i/data"
        for n in $(seq 60); do
            head -c 3000 /dev/urandom >"root$i/data/$n"
        done
        (cd "root$i" && busybox md5sum etc/passwd data/* bin/busybox >sums)
        tar -C "root$i" --sort=name -cf "churn$i.tar" .
        ids+=("$("$KELP" import "churn$i.tar" box)")
    done
    churn 3>&- &
    run_and_look 200
    # where the machine is busy, the changes take longer than the runs
    until [ -e churn.failed ] || [ "$(grep -c '^sha256:' churn.log)" -gt 10 ]; do
        run_and_look 20
    done
    touch enough
    wait
    cat failed churn.log 2>/dev/null | head -n 20
    [ ! -e failed ]
    [ ! -e churn.failed ]
    "$KELP" verify
    "$KELP" prune --all
    [ -z "$(find "$STORE"/{tmp,unpacked/single,blobs/sha256} -mindepth 1)" ]
    rm -rf "$memory"
}
