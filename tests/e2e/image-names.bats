#!/usr/bin/env bats
# Names of files, targets of links and names of attributes are bytes, from an archive to a sandbox and
# back.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../image/common

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    mkdir -p root/bin
    cp "$(command -v busybox)" root/bin/busybox
    ln -s busybox root/bin/sh
    tar -C root -cf root.tar .
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    export HOME=$PWD/home XDG_DATA_HOME=$PWD/data
    mkdir home
    kept=$XDG_DATA_HOME/kelp/kept STORE=$XDG_DATA_HOME/kelp/store
}

teardown() {
    [ ! -d "$kept/one" ] || "$KELP" rm one
    remove_owned "$XDG_DATA_HOME"
}

keep() {
    "$KELP" run --network none --userns single --keep --name one "$@"
}

names() {
    LC_ALL=C.UTF-8 python3 -B "$KELP_SRC/tests/image/names.py" "$@"
}

@test "an archive's: pax, GNU tar's, ustar, and pax without a charset" {
    local form id

    for form in pax gnu ustar raw; do
        names make $form $form.tar "$BATS_FILE_TMPDIR/root" >wanted
        # the caller's locale does not matter
        id=$(LC_ALL=C.UTF-8 "$KELP" import $form.tar $form)
        names list "$(layer_of "$id")/n" >got
        diff wanted got
        id=$(LC_ALL=C "$KELP" import $form.tar $form)
        names list "$(layer_of "$id")/n" >got
        diff wanted got
        run -0 "$KELP" run --network none --userns single $form busybox sh -c \
            'cd /n; for f in *; do [ -f "$f" ] || [ -d "$f" ] || echo "$f"; done'
        assert_eq "$output" ""
    done
}
