# shellcheck shell=bash
# For suites that show a network on one of the tests' own, see network-scene.sh.  Loaded by:
# load ../lib/scene

# Runs the commands of the files named and of standard input in the scene; all output, and the
# status, as of `run`.
run_scene() {
    {
        printf '. "%s" %s %s\n' "$KELP_SRC/tests/e2e/network-scene.sh" "$(id -u)" "$(id -g)"
        cat "$@" -
    } >scene.sh
    run timeout "$((60 * KELP_TEST_SLOW))" unshare -Urnm --kill-child --fork bash scene.sh
    echo "$output"
}

has() {
    grep -q -- "$1" <<<"$output" || {
        echo "missing: $1"
        return 1
    }
}

lacks() {
    ! grep -- "$1" <<<"$output"
}
