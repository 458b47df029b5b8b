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
    assert_eq "${lines[1]}" "hint: kelp ps lists the sandboxes that run, kelp stop ends one"
    assert_eq "$(cd "$STORE" && find . -type f -printf '%p %s\n' | sort)" "$before"
    end_box
    "$KELP" rmi box
}

# Two images of the same layers, oci:v1 and oci:v2.
import_twins() {
    umoci init --layout oci
    umoci new --image oci:v1
    umoci insert --image oci:v1 "$BATS_FILE_TMPDIR/root" /
    umoci config --image oci:v1 --tag v2 --config.env A=2
    "$KELP" import oci oci:v1
    "$KELP" import oci oci:v2
    [ "$("$KELP" images --json | jq 'length')" = 2 ]
    [ "$(ls "$STORE/unpacked/single" | wc -l)" = 1 ]
}

# The image $1 is used by the sandbox that runs, and stays; its layers, too.
assert_runs_from() {
    "$KELP" run --network none --userns single "$1" /bin/busybox cat /etc/passwd >/dev/null
    [ "$(ls "$STORE/unpacked/single" | wc -l)" = 1 ]
}

@test "of images with the same layers the one that runs is in use, and no other" {
    local mode modes=(single)

    import_twins
    ! command -v newuidmap >/dev/null || modes+=(subids)
    for mode in "${modes[@]}"; do
        start_box --userns "$mode" oci:v2
        run -125 "$KELP" rmi oci:v2
        assert_refused "the image 'oci:v2' is in use by process $box ('"
        # not even with its other half, and that one is not blamed
        run -125 "$KELP" rmi oci:v1 oci:v2
        assert_refused "the image 'oci:v2' is in use by process $box ('"
        run -0 "$KELP" rmi oci:v1
        [[ $output == *"untagged: oci:v1"*"deleted: sha256:"* ]]
        assert_runs_from oci:v2
        end_box
        rm up go
        "$KELP" import oci oci:v1
    done
    # the other way round, and by id
    start_box --userns single oci:v1
    run -125 "$KELP" rmi --force "$("$KELP" images --json | jq -r '.[]|select(.name=="oci:v1").id')"
    assert_refused "the image 'oci:v1' is in use by process $box ('"
    "$KELP" rmi oci:v2
    assert_runs_from oci:v1
    end_box
    "$KELP" rmi oci:v1
    remove_owned "$XDG_DATA_HOME"
}

@test "prune leaves the one that runs of images with the same layers, and takes the other" {
    local option id

    for option in --all --max-size=0; do
        import_twins
        start_box --userns single oci:v2
        run -0 "$KELP" prune "$option" --dry-run
        [[ $output == *"would untag: oci:v1"* && $output != *"would untag: oci:v2"* ]]
        run -0 "$KELP" prune "$option"
        grep -q "^kelp: the image 'oci:v2' is in use by process $box ('" <<<"$output"
        [[ $output != *"'oci:v1' is in use"* ]]
        assert_eq "$("$KELP" images --json | jq -r '.[].name')" oci:v2
        assert_runs_from oci:v2
        end_box
        rm -rf up go oci
        "$KELP" prune --all
    done
    # without a name
    import_twins
    start_box --userns single oci:v2
    id=$("$KELP" images --json | jq -r '.[]|select(.name=="oci:v2").id')
    "$KELP" import "$BOX" oci:v2
    "$KELP" rmi oci:v1
    run -0 "$KELP" prune
    grep -q "^kelp: the image '${id#sha256:}' is in use by process $box ('" <<<"$output"
    "$KELP" run --network none --userns single "$id" /bin/busybox true
    end_box
    run -0 "$KELP" prune
    grep -qxF "deleted: $id" <<<"$output"
}

@test "an image that comes again while it runs stays in use" {
    import_twins
    start_box --userns single oci:v2
    "$KELP" import oci oci:v2
    "$KELP" export oci:v2 -o again.tar
    "$KELP" import again.tar again
    "$KELP" rmi oci:v2
    run -125 "$KELP" rmi again
    assert_refused "the image 'again:latest' is in use by process $box ('"
    end_box
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
    # the store, the image, the layer, the store again, and only then a process
    run -0 grep -nE 'flock\(|CLONE_NEWUSER|close\([0-9]+<[^>]*/store/lock>' trace
    [[ ${lines[0]} == *"/store/lock>, LOCK_SH) = 0" ]]
    [[ ${lines[1]} == *"/store/images/"*">, LOCK_SH) = 0" ]]
    [[ ${lines[2]} == *"/unpacked/single/"*">, LOCK_SH) = 0" ]]
    [[ ${lines[3]} == *"close("*"/store/lock>)"* ]]
    [[ ${lines[4]} == *CLONE_NEWUSER* ]]
    start_box --userns single box
    run -0 sh -c 'ls -l /proc/$1/fd | grep -cE "unpacked|store/images"' sh "$box"
    assert_eq "$output" 2
    run -0 sh -c 'for pid in $(pgrep -P "$1"); do ls -l /proc/$pid/fd 2>/dev/null; done | grep -cE "unpacked|store/images" || true' sh "$box"
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
    # shellcheck disable=SC2016 # for the inner shell
    run -0 unshare -Urm sh -c 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift &&
        exec "$@"' sh "$STORE" "$KELP" run --userns single --network none box /bin/busybox echo fine
    assert_eq "$output" fine
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
