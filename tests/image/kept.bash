# shellcheck shell=bash
# shellcheck disable=SC2034 # $kept and $STORE are for those who load this
# What the suites of sandboxes that are kept share.  Loaded by: load ../image/kept

# A home of this test's own, with its store and the sandboxes that it keeps.  Names of sandboxes are
# its own, too: other suites run at the same time, as the same user.
enter_home() {
    cd "$BATS_TEST_TMPDIR" || return 1
    export HOME=$PWD/home XDG_DATA_HOME=$PWD/data XDG_RUNTIME_DIR=$PWD/run
    mkdir home
    mkdir -m 0700 run
    kept=$XDG_DATA_HOME/kelp/kept STORE=$XDG_DATA_HOME/kelp/store
}

# Runs the rest of "$@", an image and its command, in a sandbox that is kept as $1.
keep() {
    "$KELP" run --network none --userns single --keep --name "$@"
}

# Removes that home, and the sandbox "one" in it.
remove_home() {
    [ ! -d "$kept/one" ] || "$KELP" rm one
    remove_owned "$XDG_DATA_HOME"
}
