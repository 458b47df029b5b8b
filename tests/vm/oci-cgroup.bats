#!/usr/bin/env bats
# Containers of kelp-oci in cgroups that a real systemd gives: asked for by --systemd-cgroup, as podman does,
# and where one was delegated to the caller.

# shellcheck disable=SC2016,SC2154 # the scripts in quotes are for the shell inside; run sets $stderr

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/bundle

limits='.linux.resources = {memory: {limit: 104857600}, pids: {limit: 30}, cpu: {quota: 50000, period: 100000}}'

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    mkdir conf
    printf '%s\n' '[engine]' 'runtime = "kelp-oci"' 'cgroup_manager = "systemd"' 'events_logger = "file"' \
        'runtime_supports_json = ["kelp-oci"]' 'runtime_supports_nocgroup = ["kelp-oci"]' \
        '[engine.runtimes]' "kelp-oci = [\"$KELP_OCI\"]" >conf/containers.conf
    printf '%s\n' '[storage]' 'driver = "overlay"' "graphroot = \"$PWD/graph\"" "runroot = \"$PWD/runroot\"" \
        >conf/storage.conf
    export CONTAINERS_CONF=$PWD/conf/containers.conf CONTAINERS_STORAGE_CONF=$PWD/conf/storage.conf
}

# The image "box", for those who ask podman.
has_image() {
    podman image exists box || {
        bundle_rootfs image
        tar -C image -c . | podman import --quiet - box
    }
}

teardown_file() {
    podman rm -fa >/dev/null 2>&1 || true
    podman unshare rm -rf "$BATS_FILE_TMPDIR/graph" "$BATS_FILE_TMPDIR/runroot"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    unit=kelptest-$BATS_TEST_NUMBER
}

teardown() {
    oci_end
    podman rm -fa >/dev/null 2>&1 || true
}

# scoped SCRIPT [FILTER...]: a bundle "b" that has a scope of systemd's
scoped() {
    bundle_make b "$(bundle_sh "$1")" ".linux.cgroupsPath = \"user.slice:kelptest:$BATS_TEST_NUMBER\"" "${@:2}"
}

# The cgroup of the container $1, as a directory.
cgroup_of() {
    echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(oci state "$1" | jq .pid)/cgroup")"
}

is_gone() {
    [ "$(systemctl --user show -P LoadState "$unit.scope")" = not-found ]
}

# outside COMMAND...: as the user, and not below the user's own systemd, as in a login
outside() {
    sudo systemd-run --pipe --wait --quiet --collect --uid="$(id -u)" --gid="$(id -g)" \
        --setenv=XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" --setenv=HOME="$HOME" --setenv=PATH="$PATH" \
        --working-directory="$PWD" -- "$@"
}

@test "a scope for a container, with its limits from the first moment" {
    scoped 'cat /proc/self/cgroup; sleep 1000' "$limits"
    oci --systemd-cgroup create -b b c
    dir=$(cgroup_of c)
    [[ $dir == */user.slice/"$unit".scope/container ]]
    [ "$(cat "$dir/memory.max")" = 104857600 ]
    [ "$(cat "$dir/pids.max")" = 30 ]
    [ "$(cat "$dir/cpu.max")" = "50000 100000" ]
    # who held the scope has gone
    oci start c
    [ "$(cat "$dir/cgroup.procs")" = "$(oci state c | jq .pid)" ]
    [ -z "$(cat "$dir/../cgroup.procs")" ]
    oci --systemd-cgroup delete --force c
    wait_for is_gone
    [ ! -d "$dir" ]
}

@test "its end is the end of the scope, and its id can be used again" {
    scoped true
    oci --systemd-cgroup run -b b c
    wait_for is_gone
    oci --systemd-cgroup run -b b c
}

@test "without a path and with an id that is no name of a unit" {
    bundle_make b "$(bundle_sh 'sleep 1000')"
    oci --systemd-cgroup create -b b a+b
    [[ $(cgroup_of a+b) == *'/kelp-oci-a\x2bb.scope/container' ]]
    oci --systemd-cgroup delete --force a+b
}

@test "pause, resume, update, exec" {
    scoped 'while :; do sleep 0.05; done' "$limits"
    oci --systemd-cgroup create -b b c
    oci start c
    dir=$(cgroup_of c)
    oci pause c
    has_status c paused
    grep -qx 'frozen 1' "$dir/cgroup.events"
    oci resume c
    has_status c running
    echo '{"pids": {"limit": 20}, "memory": {"limit": 73400320}}' >more.json
    oci update --resources more.json c
    [ "$(cat "$dir/pids.max")" = 20 ]
    [ "$(cat "$dir/memory.max")" = 73400320 ]
    oci exec --detach --pid-file pid c sleep 1000
    grep -qx "$(cat pid)" "$dir/cgroup.procs"
    oci ps --format json c | jq -e --argjson pid "$(cat pid)" 'index($pid) != null'
    oci kill --all c KILL
    wait_for has_status c stopped
}

@test "from a login, from which nobody but systemd can move a process there" {
    scoped 'sleep 1000' "$limits"
    outside "$KELP_OCI" --root "$(oci_root)" --systemd-cgroup create -b b c
    dir=$(cgroup_of c)
    [[ $dir == */user.slice/"$unit".scope/container ]]
    [ "$(cat "$dir/memory.max")" = 104857600 ]
    outside "$KELP_OCI" --root "$(oci_root)" start c
    outside "$KELP_OCI" --root "$(oci_root)" exec --detach --pid-file pid c sleep 1000
    grep -qx "$(cat pid)" "$dir/cgroup.procs"
    outside "$KELP_OCI" --root "$(oci_root)" delete --force c
    wait_for is_gone
}

@test "memory is limited, not just said to be" {
    scoped 'x=$(dd if=/dev/zero bs=1M count=300 2>/dev/null | tr "\0" x); echo ${#x}' "$limits" \
        '.linux.resources.memory.swap = 104857600'
    run oci --systemd-cgroup run -b b c
    [ "$status" != 0 ]
    [[ $output != *314572800* ]]
}

@test "where a cgroup is delegated to the caller the container has one without being asked" {
    bundle_make b "$(bundle_sh 'cat /proc/self/cgroup; sleep 1000')" "$limits"
    systemd-run --user --scope --quiet --property=Delegate=yes -- "$KELP_OCI" --root "$(oci_root)" create -b b c
    dir=$(cgroup_of c)
    [[ $dir == */oci-c ]]
    [ "$(cat "$dir/pids.max")" = 30 ]
    oci start c
    oci pause c
    has_status c paused
    oci delete --force c
    [ ! -d "$dir" ]
}

@test "where none is, limits are said to be none" {
    bundle_make b "$(bundle_args true)" "$limits"
    run -0 --separate-stderr outside "$KELP_OCI" --root "$(oci_root)" run -b b c
    says "no cgroup was delegated to you, ignoring"
}

@test "podman run -m, --pids-limit and --cpus" {
    has_image
    run -0 podman run --rm --network=none -m 64m --pids-limit 30 --cpus 0.5 box sh -c '
        cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max'
    [[ $output == *$'67108864\n30\n50000 100000' ]]
    run podman run --rm --network=none -m 32m box sh -c \
        'x=$(dd if=/dev/zero bs=1M count=200 2>/dev/null | tr "\0" x); echo ${#x}'
    [ "$status" != 0 ]
    [[ $output != *209715200* ]]
}

@test "podman pause, unpause, update, stats, exec and stop" {
    has_image
    podman run -d --name p --network=none -m 64m box sh -c 'while :; do sleep 0.05; done'
    podman pause p
    [ "$(podman inspect -f '{{.State.Status}}' p)" = paused ]
    podman unpause p
    podman update --cpus 0.3 --memory 70m p
    [ "$(podman exec p cat /sys/fs/cgroup/cpu.max)" = "30000 100000" ]
    [ "$(podman exec p cat /sys/fs/cgroup/memory.max)" = 73400320 ]
    podman stats --no-stream --format '{{.PIDs}}' p >pids
    [[ $(cat pids) =~ ^[1-9] ]]
    podman stop -t 1 p
    podman rm p
}

@test "podman in a login, and by cgroupfs" {
    has_image
    run -0 outside env CONTAINERS_CONF="$CONTAINERS_CONF" CONTAINERS_STORAGE_CONF="$CONTAINERS_STORAGE_CONF" \
        podman run --rm --network=none -m 64m box cat /sys/fs/cgroup/memory.max
    [[ $output == *67108864 ]]
    run -0 podman --cgroup-manager cgroupfs run --rm --network=none box echo fine
    [[ $output == *fine ]]
}
