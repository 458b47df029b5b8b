# shellcheck shell=bash
# What the suites of kelp run --review share.  Loaded by: load ../lib/reviews

# A home, state directories and a work directory of this test's own, all of them in $dir.
reviews_setup() {
    dir=$BATS_TEST_TMPDIR
    export HOME=$dir/home XDG_STATE_HOME=$dir/state XDG_RUNTIME_DIR=$dir/run
    mkdir -m 0700 "$XDG_RUNTIME_DIR"
    mkdir "$HOME" "$dir/ws"
    cd "$dir/ws" || return 1
}

# Also what a command has closed can be removed.
reviews_teardown() {
    chmod -R u+rwX "$dir"
}

# What a suite does after each test unless it needs more.
teardown() {
    reviews_teardown
}

# The ids of all.
reviews() {
    ls "$XDG_STATE_HOME/kelp/reviews"
}

# Runs it, and shows what it says when the test fails.
kelp() {
    run --separate-stderr "$KELP" "$@"
    echo "$output"
    echo "$stderr"
}
