# shellcheck shell=bash
# What the suites of the filtered network share, in e2e and escape.  Loaded by: load ../lib/filtered

load ../lib/scene

filtered_setup() {
    PATH=$PATH:/usr/sbin:/sbin
    cd "$BATS_TEST_TMPDIR" || return 1
    unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY no_proxy NO_PROXY
}

scene() {
    run_scene "$KELP_SRC/tests/lib/filtered-scene.sh"
}
