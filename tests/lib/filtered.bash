# shellcheck shell=bash
# What the suites of the filtered network share, in e2e and escape.  Loaded by: load ../lib/filtered

filtered_setup() {
    PATH=$PATH:/usr/sbin:/sbin
    cd "$BATS_TEST_TMPDIR" || return 1
    unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY no_proxy NO_PROXY
}

# Runs the commands of standard input in the scene; all output, and the status, as of `run`.
scene() {
    {
        printf '. "%s" %s %s\n' "$KELP_SRC/tests/e2e/network-scene.sh" "$(id -u)" "$(id -g)"
        cat "$KELP_SRC/tests/lib/filtered-scene.sh" -
    } >scene.sh
    run timeout 60 unshare -Urnm --kill-child --fork bash scene.sh
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
