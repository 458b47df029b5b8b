#!/usr/bin/env bats
# What a config.json may have that a container goes on without, and what it must not.

# shellcheck disable=SC2016 # what is quoted is for the shell inside
# shellcheck disable=SC2154 # $one_id and the like are of ../lib/bundle

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/bundle

setup() {
    box=$BATS_TEST_TMPDIR/box
}

teardown() {
    oci_end
}

# inside SCRIPT [FILTER...]: runs the script of the shell in a container, as `run` does.
inside() {
    local script=$1
    shift

    bundle_make "$box" "$(bundle_sh "$script")" "$@"
    run --separate-stderr oci run --bundle "$box" box
}

# told TEXT...: the container ran, and this is all that was said.
told() {
    [ "$status" = 0 ] || {
        echo "status $status: $stderr"
        return 1
    }
    [ "$stderr" = "$(printf 'kelp-oci: %s\n' "$@")" ] || {
        echo "said: $stderr"
        return 1
    }
}

# refused TEXT: it did not, because of this.
refused() {
    [ "$status" = 1 ] && [ -z "$output" ]
    says "kelp-oci: $1"
    [ ! -e "$(oci_root)/box" ]
}

@test "nothing is said of what an engine writes" {
    inside 'echo ran'
    [ "$output" = ran ]
    [ -z "$stderr" ]
}

@test "members that nobody knows are ignored without a word, whatever they have" {
    inside 'true' '.new = {deep: [1, null, {}]} | .process.new = true | .linux.resources = {new: "x"}'
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    # a number that has no place in 64 bits
    sed -i '0,/{/s//{"huge": 99999999999999999999999,/' "$box/config.json"
    run --separate-stderr oci run --bundle "$box" box
    [ "$status" = 0 ]
    [ -z "$stderr" ]
}

@test "null is absence" {
    inside 'cat /proc/sys/kernel/hostname' '.hostname = null | .hooks = {prestart: null} | .linux.seccomp = null |
        .linux.resources = {memory: null} | .process.rlimits = null'
    [ "$status" = 0 ]
    [ -z "$stderr" ]
}

@test "sections of other platforms are said and ignored" {
    inside 'true' '.windows = {} | .vm = {kernel: {path: "/x"}} | .freebsd = {jail: {vnet: "new"}}'
    told 'windows: is for another platform, ignoring' 'vm: is for another platform, ignoring' \
        'freebsd: is for another platform, ignoring'
}

@test "a capability that nobody knows is said once and ignored" {
    inside 'grep CapBnd /proc/self/status' '.process.capabilities = (["CAP_KILL", "CAP_OF_TOMORROW"] |
        {bounding: ., effective: ., permitted: .})'
    told "process.capabilities: unknown capability 'CAP_OF_TOMORROW', ignoring"
    [[ $output == *0000000000000020 ]]
}

@test "words that set no variable are said and ignored, and the last of two counts" {
    inside 'env | sort' '.process.env = ["PATH=/bin", "A=1", "NAME", "A=2", "B=x=y"]'
    told 'process.env[2]: is not NAME=VALUE, ignoring'
    [[ $output == *$'A=2\nB=x=y'* && $output != *A=1* && $output != *NAME* ]]
}

@test "options that mean nothing to a bind mount are said" {
    inside 'true' '.mounts += [{destination: "/mnt", source: "/usr", options: ["bind", "ro", "size=5"]}]'
    told 'mounts[6].options: some of them mean nothing to a bind mount, ignoring'
}

@test "the policy of memory is that of the config, also of exec" {
    [ -e /proc/self/numa_maps ] || skip "the machine lacks NUMA"
    inside 'head -n 1 /proc/self/numa_maps' \
        '.linux.memoryPolicy = {mode: "MPOL_INTERLEAVE", nodes: "0", flags: ["MPOL_F_STATIC_NODES"]}'
    [[ $output == *' interleave=static:0 '* ]]
    inside 'true' '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "1023"}'
    refused 'cannot set linux.memoryPolicy: Invalid argument'

    bundle_edit "$box" '.process.args = ["sleep", "100"] | .linux.memoryPolicy.nodes = "0"'
    oci run --detach --bundle "$box" box </dev/null >/dev/null 3>&-
    run -0 oci exec box head -n 1 /proc/self/numa_maps
    [[ $output == *' bind:0 '* ]]
}

@test "network devices cannot be moved" {
    inside 'true' '.linux.netDevices = {eth0: {}}'
    refused 'linux.netDevices.eth0: network devices cannot be moved without root'
}

@test "resctrl is nothing that a user has" {
    inside 'true' '.linux.intelRdt = {closID: "x"}'
    refused 'config.json: linux.intelRdt: '
}

@test "what version 1 of cgroups alone had is no error where there is no cgroup" {
    [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] || skip "the machine lacks a /sys/fs/cgroup of version 1"
    inside 'true' '.linux.resources.memory.swappiness = 5'
    told "linux.resources.memory.swappiness: '/sys/fs/cgroup' is not version 2 of cgroups, ignoring"
}

@test "a config in a pipe or a directory is none" {
    bundle_make "$box"
    rm "$box/config.json"
    mkfifo "$box/config.json"
    run --separate-stderr oci run --bundle "$box" box
    refused "'$box/config.json' is not a regular file"
    rm "$box/config.json"
    mkdir "$box/config.json"
    run --separate-stderr oci run --bundle "$box" box
    refused "'$box/config.json' is not a regular file"
}
