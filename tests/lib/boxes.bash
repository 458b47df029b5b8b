# shellcheck shell=bash
# What the suites of sandboxes that are left running share.  Loaded by: load ../lib/boxes

# State directories, also of reviews, which `kelp ps -a` lists, and a work directory of this test's own.
boxes_setup() {
    export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run XDG_STATE_HOME=$BATS_TEST_TMPDIR/state
    mkdir -p "$XDG_RUNTIME_DIR" "$BATS_TEST_TMPDIR/ws"
    chmod 0700 "$XDG_RUNTIME_DIR"
    cd "$BATS_TEST_TMPDIR/ws" || return 1
}

# Also of a test that has failed.
boxes_teardown() {
    XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run "$KELP" rm -fa >/dev/null 2>&1 || true
}

# What a suite does before and after each test unless it needs more.
setup() {
    boxes_setup
}

teardown() {
    boxes_teardown
}

# The member $2 of the sandbox $1, by name or id.
field() {
    "$KELP" ps -a --format json |
        jq -r --arg word "$1" ".[] | select(.name == \$word or .id == \$word) | .$2"
}

await_file() {
    wait_for test -e "$1"
}

# The process $1 ends, at once or nearly so.
gone() {
    local i

    for ((i = 0; i < 100 * KELP_TEST_SLOW; i++)); do
        # a zombie is nobody's process any more
        [[ $(ps -o stat= -p "$1") == [A-Y]* ]] || return 0
        sleep 0.05
    done
    echo "process $1 lives"
    return 1
}

# Nothing is left of any sandbox but the place of the state directory.
nothing_left() {
    local left

    left=$(find "$XDG_RUNTIME_DIR" -mindepth 1 ! -path "$XDG_RUNTIME_DIR/kelp" \
        ! -path "$XDG_RUNTIME_DIR/kelp/boxes" ! -path "$XDG_RUNTIME_DIR/kelp/names")
    [ -z "$left" ] || {
        echo "left: $left"
        return 1
    }
}
