#!/usr/bin/env bats
# The container's cgroup by name: where it is made, what is in it, how it is frozen, killed and removed.
# Needs one that is delegated: a scope of the user's systemd, or $KELP_TEST_CGROUP, which is the path below
# a pure cgroup2 of a directory that is ours, in whose child "shell" the test runs.

# shellcheck disable=SC2016,SC2154 # the scripts in quotes are for the shell inside; run sets $stderr

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/bundle

setup_file() {
    export KELP_TEST_LACKS=
    if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
        KELP_TEST_LACKS="a pure cgroup2"
        return 0
    fi
    [ -z "${KELP_TEST_CGROUP:-}" ] || return 0
    if ! systemctl --user is-system-running >/dev/null 2>&1 && ! systemctl --user list-units >/dev/null 2>&1; then
        KELP_TEST_LACKS="a systemd of the user's"
        return 0
    fi
    # one process holds the scope, in a child, for the scope to have other children
    systemd-run --user --scope --quiet --property=Delegate=yes -- sh -c 'cd "/sys/fs/cgroup$(sed -n "s/^0:://p" /proc/self/cgroup)" &&
        mkdir shell && echo $$ >shell/cgroup.procs && pwd >"$0" && exec sleep 10000' \
        "$BATS_FILE_TMPDIR/cgroup" 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/holder"
    wait_for test -s "$BATS_FILE_TMPDIR/cgroup"
    KELP_TEST_CGROUP=$(cut -c15- "$BATS_FILE_TMPDIR/cgroup")
    export KELP_TEST_CGROUP
}

teardown_file() {
    [ ! -e "$BATS_FILE_TMPDIR/holder" ] || kill "$(cat "$BATS_FILE_TMPDIR/holder")"
}

setup() {
    [ -z "$KELP_TEST_LACKS" ] || skip "the machine lacks $KELP_TEST_LACKS"
    cd "$BATS_TEST_TMPDIR" || return 1
    path=$KELP_TEST_CGROUP/box-$BATS_TEST_NUMBER
    dir=/sys/fs/cgroup$path
}

teardown() {
    [ -z "$KELP_TEST_LACKS" ] || return 0
    oci_end
    [ ! -d "$dir" ] || find "$dir" -depth -type d -exec rmdir {} +
}

# grouped SCRIPT [FILTER...]: a bundle "b" with the cgroup of the test
grouped() {
    bundle_make b "$(bundle_sh "$1")" ".linux.cgroupsPath = \"$path\"" "${@:2}"
}

# started SCRIPT [FILTER...]: the container "c" of it
started() {
    grouped "$@"
    oci create -b b c
    oci start c
}

has_controller() {
    grep -qw "$1" "/sys/fs/cgroup$KELP_TEST_CGROUP/cgroup.controllers"
}

event() {
    sed -n "s/^$1 //p" "$dir/cgroup.events"
}

# has_members [NAME] N: so many processes are in the cgroup, or in one below it
has_members() {
    [ "$(wc -l <"$dir/${2:+$1/}cgroup.procs")" = "${2:-$1}" ]
}

is_empty() {
    [ "$(event populated)" = 0 ]
}

# In a cgroup below the container's, from the host: nested NAME
nested() {
    mkdir -p "$dir/$1"
    sh -c 'echo $$ >"$0/cgroup.procs"; exec sleep 1000' "$dir/$1" 3>&- &
    wait_for has_members "$1" 1
}

@test "the container is born there, and it goes with the container" {
    started 'sleep 1000 & wait'
    wait_for has_members 2
    [ "$(sed -n 's/^0:://p' "/proc/$(oci state c | jq .pid)/cgroup")" = "$path" ]
    oci delete --force c
    [ ! -d "$dir" ]
}

@test "its own cgroup is the root of what it sees" {
    grouped 'cat /proc/self/cgroup'
    run -0 oci run -b b c
    [[ $'\n'$output == *$'\n'"0::/" ]]
    [ ! -d "$dir" ]
}

@test "what a failed create has made goes, too" {
    grouped 'true' '.process.args = ["/nonexistent"]'
    run oci create -b b c
    [ "$status" != 0 ] || oci delete --force c
    [ ! -d "$dir" ]
}

@test "pause and resume" {
    started 'while :; do echo x >>/tmp/log; sleep 0.01; done'
    oci pause c
    [ "$(event frozen)" = 1 ]
    has_status c paused
    run -255 --separate-stderr oci exec c true
    says paused
    run -1 oci pause c
    oci resume c
    [ "$(event frozen)" = 0 ]
    has_status c running
    oci exec c true
}

@test "a paused container can be killed and deleted" {
    started 'sleep 1000'
    oci pause c
    oci kill c KILL
    wait_for has_status c stopped
    oci delete c
    started 'sleep 1000'
    oci pause c
    oci delete --force c
    [ ! -d "$dir" ]
}

@test "cgroups below it count, and go" {
    started 'sleep 1000'
    nested inner/most
    oci ps --format json c >pids
    jq -e --argjson pid $! 'index($pid) != null' pids
    oci kill --all c KILL
    wait_for has_status c stopped
    wait_for is_empty
    oci delete c
    [ ! -d "$dir" ]
}

@test "kill --all reaches everybody" {
    is_ready() {
        [ -e b/rootfs/tmp/ready1 ] && [ -e b/rootfs/tmp/ready2 ]
    }
    started '(trap "touch /tmp/other" TERM; touch /tmp/ready1; while [ ! -e /tmp/other ]; do sleep 0.05; done) &
        trap "touch /tmp/one" TERM; touch /tmp/ready2; while [ ! -e /tmp/one ]; do sleep 0.05; done; wait'
    wait_for is_ready
    oci kill --all c TERM
    wait_for has_status c stopped
    [ -e b/rootfs/tmp/one ] && [ -e b/rootfs/tmp/other ]
}

@test "one that has processes is nobody's" {
    mkdir "$dir"
    nested .
    pid=$!
    grouped true
    run -1 --separate-stderr oci run -b b c
    says "'$path' has processes already"
    kill -0 $pid
    kill $pid
    wait $pid || true
    wait_for is_empty
    # an empty one is taken
    oci run -b b c
}

@test "paths that are none, and that are not ours" {
    for bad in / // /. ''; do
        bundle_make b "$(bundle_args true)" ".linux.cgroupsPath = \"$bad\""
        if [ -n "$bad" ]; then
            run -1 --separate-stderr oci run -b b c
            says "linux.cgroupsPath: '$bad' is the cgroup of all"
        else
            oci run -b b c
        fi
    done
    bundle_make b "$(bundle_args true)" '.linux.cgroupsPath = "/kelp-not-ours/x"'
    run -1 --separate-stderr oci run -b b c
    says "linux.cgroupsPath: cannot make the cgroup '/kelp-not-ours/x': Permission denied"
    says "hint: "
}

@test "without cgroups nothing is made, and limits are said to be none" {
    grouped true '.linux.resources.memory.limit = 100000000'
    run -0 --separate-stderr oci --cgroup-manager disabled run -b b c
    says "linux.resources.memory.limit: no cgroup is wanted, ignoring"
    [ ! -d "$dir" ]
}

@test "limits are kept from the first moment, or refused" {
    started 'sleep 1000' '.linux.resources = {pids: {limit: 30}, memory: {limit: 100000000}}' || {
        run ! has_controller memory
        run -1 --separate-stderr oci create -b b c
        says "no controller"
        says "hint: "
        [ ! -d "$dir" ]
        return
    }
    [ "$(cat "$dir/pids.max")" = 30 ]
    [ "$(cat "$dir/memory.max")" = 99999744 ]
    echo '{"pids": {"limit": 40}}' | oci update --resources - c
    [ "$(cat "$dir/pids.max")" = 40 ]
    run -2 --separate-stderr oci exec c sh -c 'for i in $(seq 50); do sleep 100 & done'
    says "can't fork"
}

@test "exec joins it, also where the container has made cgroups of its own" {
    started 'sleep 1000'
    oci exec --detach --pid-file pid c sleep 1000
    grep -qx "$(cat pid)" "$dir/cgroup.procs"
    has_controller pids || return 0
    mkdir "$dir/inner"
    while read -r pid; do
        echo "$pid" >"$dir/inner/cgroup.procs"
    done <<<"$(cat "$dir/cgroup.procs")"
    echo +pids >"$dir/cgroup.subtree_control"
    oci exec --detach --pid-file pid c sleep 1000
    grep -qx "$(cat pid)" "$dir/inner/cgroup.procs"
    oci delete --force c
    [ ! -d "$dir" ]
}
