#!/usr/bin/env bats
# kelp prune: what goes, what stays, and in which order.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../image/common

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    make_busybox_root root
    for i in 1 2 3; do
        head -c 1000000 /dev/urandom >root/etc/random
        tar -C root --sort=name -cf "box$i.tar" .
    done
    make_layout root layout
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    export XDG_DATA_HOME=$PWD/data
    STORE=$XDG_DATA_HOME/kelp/store
    TARS=$BATS_FILE_TMPDIR
}

teardown() {
    remove_owned "$XDG_DATA_HOME"
}

box() {
    "$KELP" run --network none "$@"
}

names() {
    "$KELP" images --json | jq -r '.[].name' | sort | xargs
}

# Everything in the store but its times.
all() {
    (cd "$STORE" && find . -printf '%p %y %s\n' | grep -v '^\./tmp ' | sort)
}

is_empty_store() {
    [ -z "$(find "$STORE"/{names,paths,images,tmp,blobs/sha256,unpacked/single,unpacked/subids} -mindepth 1)" ]
    assert_eq "$(cat "$STORE/index.json")" '{"schemaVersion":2,"manifests":[]}'
}

@test "without options: what has no name, and nothing else" {
    local old path

    old=$("$KELP" import "$TARS/box1.tar" box)
    "$KELP" import "$TARS/box2.tar" box
    box --userns single "$TARS/box3.tar" /bin/busybox true
    path=$("$KELP" images --json | jq -r --arg old "$old" '.[] | select(.name == null and .id != $old).id')
    run -0 "$KELP" prune
    assert_eq "$(grep -v freed <<<"$output" | sort)" "$(printf 'deleted: %s\n' "$old" "$path" | sort)"
    [[ ${lines[-1]} =~ ^freed:\ [1-9][0-9.]*MB$ ]]
    assert_eq "$(names)" "box:latest"
    [ "$(ls "$STORE/unpacked/single" | wc -l)" = 1 ]
    [ -z "$(ls "$STORE/paths")" ]
    box --userns single box /bin/busybox true
    run -0 "$KELP" prune
    assert_eq "$output" "freed: 0B"
    # what is gone can be had again
    box --userns single "$TARS/box3.tar" /bin/busybox true
}

@test "--dry-run says the same and does nothing" {
    local before planned

    "$KELP" import "$TARS/box1.tar" box
    "$KELP" import "$TARS/box2.tar" box
    "$KELP" import "$TARS/box3.tar" third
    mkdir "$STORE/tmp/import-dead" "$STORE/unpacked/single/$(printf '%064d' 1)"
    echo x >"$STORE/tmp/import-dead/x"
    before=$(all)
    for options in "" --all "--max-size 4M" "--max-size=1k"; do
        # shellcheck disable=SC2086 # words
        run -0 "$KELP" prune $options --dry-run
        assert_eq "$(all)" "$before"
        cp -a "$STORE" saved
        planned=$output
        # shellcheck disable=SC2086 # words
        run -0 "$KELP" prune $options
        assert_eq "$(sed 's/^would untag/untagged/; s/^would delete/deleted/; s/^would free/freed/' <<<"$planned" | sort)" "$(sort <<<"$output")"
        rm -rf "$STORE"
        mv saved "$STORE"
    done
}

@test "--all empties the store, of subordinate ids and other tools' images too" {
    "$KELP" import "$TARS/layout" one
    skopeo copy -q "oci:$STORE:one:latest" "oci:$STORE:theirs:1"
    umoci config --image "$STORE:theirs:1" --config.env THEIRS=1
    "$KELP" import "$TARS/box2.tar" two
    if command -v newuidmap >/dev/null; then
        box --userns subids two /bin/busybox true
        [ -n "$(ls "$STORE/unpacked/subids")" ]
    fi
    run -0 "$KELP" prune --all
    [[ $output == *"untagged: one:latest"*"untagged: two:latest"*freed:* ]]
    is_empty_store
    [ ! -e "$STORE/subids.map" ]
    rm -r "$STORE"
    run -0 "$KELP" prune --all
    assert_eq "$output" "freed: 0B"
    "$KELP" import "$TARS/box2.tar" two
    box two /bin/busybox true
}

@test "other tools' images keep all blobs without --all" {
    "$KELP" import "$TARS/layout" one
    skopeo copy -q "oci:$STORE:one:latest" "oci:$STORE:theirs:1"
    umoci config --image "$STORE:theirs:1" --config.env THEIRS=1
    "$KELP" rmi one
    run -0 "$KELP" prune
    assert_eq "$output" "freed: 0B"
    umoci unpack --rootless --image "$STORE:theirs:1" out
}

@test "what is in use stays, and is named" {
    "$KELP" import "$TARS/box1.tar" one
    "$KELP" import "$TARS/box2.tar" two
    mkfifo go up
    "$KELP" run --network none --userns single one /bin/sh -c 'echo up; read -r line' <go >up 3>&- &
    exec {go}>go
    read -r line <up
    [ "$line" = up ]
    run -0 --separate-stderr "$KELP" prune --all
    [[ $output == *"untagged: two:latest"* ]]
    assert_eq "${stderr%% by *}" "kelp: the image 'one:latest' is in use"
    [[ $stderr == *"process $! ("* ]]
    assert_eq "$(names)" "one:latest"
    run -0 --separate-stderr "$KELP" prune --max-size 1k
    assert_eq "${output%%:*}" "freed"
    echo >&"$go"
    wait "$!"
    run -0 --separate-stderr "$KELP" prune --max-size 1k
    [ -z "$stderr" ]
    is_empty_store
}

@test "--max-size: those that were not used for the longest time go first" {
    "$KELP" import "$TARS/box1.tar" one
    "$KELP" import "$TARS/box2.tar" two
    "$KELP" import "$TARS/box3.tar" three
    touch -d '3 days ago' "$STORE/names/one%3Alatest"
    touch -d '5 days ago' "$STORE/names/two%3Alatest"
    touch -d '4 days ago' "$STORE/names/three%3Alatest"
    touch -d '6 days ago' "$STORE"/images/*
    run -0 "$KELP" prune --max-size 100M
    assert_eq "$output" "freed: 0B"
    # each takes about 6 MB: the root and its blob
    run -0 "$KELP" prune --max-size 15M
    [[ $output == *"untagged: two:latest"* ]]
    assert_eq "$(names)" "one:latest three:latest"
    # a run is a use
    box --userns single three /bin/busybox true
    run -0 "$KELP" prune --max-size 8M
    assert_eq "$(names)" "three:latest"
    # by the id, too
    "$KELP" import "$TARS/box1.tar" one
    touch -d '3 days ago' "$STORE/names/one%3Alatest" "$STORE"/images/*
    touch -d '5 days ago' "$STORE/names/three%3Alatest"
    id=$("$KELP" images --json | jq -r '.[] | select(.name == "three:latest").id')
    imported=$("$KELP" images --json | jq -c 'map([.name, .imported]) | sort')
    box --userns single "$id" /bin/busybox true
    assert_eq "$("$KELP" images --json | jq -c 'map([.name, .imported]) | sort')" "$imported"
    run -0 "$KELP" prune --max-size 8M
    assert_eq "$(names)" "three:latest"
    run -0 "$KELP" prune --max-size 0
    is_empty_store
}

@test "what belongs to no image, and what killed commands left" {
    local blob

    "$KELP" import "$TARS/box1.tar" box
    blob=$(printf '%064d' 2)
    echo x >"$STORE/blobs/sha256/$blob"
    mkdir -p "$STORE/unpacked/single/$blob/x" "$STORE/tmp/import-dead/layers"
    run -0 "$KELP" prune
    assert_eq "$(grep -v ^freed <<<"$output")" "deleted: layers of no image: 1
deleted: blobs of no image: 1
deleted: leftovers of commands that were ended: 1"
    [ ! -e "$STORE/blobs/sha256/$blob" ]
    [ ! -e "$STORE/unpacked/single/$blob" ]
    [ -z "$(ls "$STORE/tmp")" ]
    box --userns single box /bin/busybox true
}

@test "what an import at work may count on stays, though its image goes" {
    local blobs layers

    "$KELP" import "$TARS/box1.tar" one
    "$KELP" import "$TARS/box2.tar" two
    blobs=$(ls "$STORE/blobs/sha256") layers=$(ls "$STORE/unpacked/single")
    run -0 flock -s "$STORE/tmp" "$KELP" rmi one
    [[ $output == *"untagged: one:latest"*"deleted: sha256:"*"left to the next prune, as an import is at work"* ]]
    run -0 flock -s "$STORE/tmp" "$KELP" prune --all
    [[ $output == *"untagged: two:latest"*"left to the next prune"*"freed: 0B" ]]
    [ -z "$(names)" ]
    assert_eq "$(ls "$STORE/blobs/sha256")" "$blobs"
    assert_eq "$(ls "$STORE/unpacked/single")" "$layers"
    "$KELP" verify
    # an import waits for a prune at work, and what was left is used again
    run -0 "$KELP" import "$TARS/box1.tar" one
    run -0 "$KELP" prune
    [[ $output == "deleted: layers of no image: 1"*"deleted: blobs of no image: "*freed:* ]]
    [ "$(ls "$STORE/unpacked/single" | wc -l)" = 1 ]
    box --userns single one /bin/busybox true
    run -0 "$KELP" prune --all
    is_empty_store
}

@test "a store that cannot be read can be emptied" {
    local id file

    for file in index.json images/; do
        id=$("$KELP" import "$TARS/box1.tar" box)
        [ "$file" = index.json ] || file+=${id#sha256:}
        echo '{' >"$STORE/$file"
        run -125 "$KELP" prune
        assert_refused
        run -0 "$KELP" prune --all
        [[ $output == freed:\ [1-9]*MB ]]
        is_empty_store
    done
}

@test "a name that cannot be read goes with --all, and stops nobody" {
    local one two

    one=$("$KELP" import "$TARS/box1.tar" one)
    two=$("$KELP" import "$TARS/box2.tar" two)
    echo '{' >"$STORE/names/one%3Alatest"
    run -0 --separate-stderr "$KELP" prune
    assert_eq "$output" "freed: 0B"
    [ "$(grep -c ^kelp: <<<"$stderr")" = 1 ]
    box --userns single --keep --name kept two /bin/busybox true
    run -0 --separate-stderr "$KELP" prune --all
    assert_eq "$(grep -v freed <<<"$output" | sort)" "deleted: $one
untagged: one:latest"
    assert_eq "$stderr" "kelp: the image 'two:latest' is in use by the sandbox 'kept', which is kept"
    box --userns single --keep --name kept two /bin/busybox true
    "$KELP" rm kept
    run -0 "$KELP" prune --all
    [[ $output == *"deleted: $two"* ]]
    is_empty_store
}

@test "wrong command lines" {
    run -125 "$KELP" prune x
    assert_refused "unexpected word 'x'"
    run -125 "$KELP" prune --max-size
    assert_refused "option '--max-size' needs a value"
    run -125 "$KELP" prune --max-size lots
    assert_refused "'lots'"
    run -125 "$KELP" prune --all=yes
    assert_refused "option '--all' takes no value"
    run -125 "$KELP" prune --all --max-size 1M
    assert_refused "--all leaves nothing for --max-size"
    run -0 "$KELP" prune --help
    [[ $output == "Usage:  kelp prune "* ]]
}
