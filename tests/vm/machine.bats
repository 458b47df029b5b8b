#!/usr/bin/env bats
# The virtual machine is what it was made for: else the other suites would prove nothing.

bats_require_minimum_version 1.5.0
load ../lib/kelp

# Where this process is in the tree of cgroups.
own_cgroup() {
    echo "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)"
}

@test "the user is a normal one, in a session of systemd's, with a bus of its own" {
    [ "$(id -u)" = 1000 ]
    [ "$(sed -n 's/^CapEff:\t//p' /proc/self/status)" = 0000000000000000 ]
    [ -S "/run/user/1000/bus" ]
    systemctl --user --quiet is-active dbus.socket
}

@test "its cgroup is delegated: memory, processes and processor time" {
    local cgroup

    cgroup=$(own_cgroup)
    [[ $cgroup == *"/user@1000.service/"* ]]
    [ -O "$cgroup" ]
    for controller in cpu memory pids; do
        grep -qw "$controller" "$cgroup/cgroup.controllers"
    done
}

# limited PROPERTY=VALUE COMMAND...: in a cgroup beside this one, since one with processes in it gives
# no controllers to those below.
limited() {
    systemd-run --user --quiet --pipe --wait --collect --property="$1" -- "${@:2}" 2>&1
}

@test "a limit on processes bites" {
    local forks='for i in 1 2 3 4 5 6 7 8; do sleep 3 & done; wait'

    run -2 limited TasksMax=5 sh -c "$forks"
    [[ $output == *"Cannot fork"* ]]
    run -0 limited TasksMax=50 sh -c "$forks"
}

@test "a limit on memory bites" {
    run ! limited MemoryMax=50M python3 -c 'b"x" * (100 << 20)'
    run -0 limited MemoryMax=200M python3 -c 'b"x" * (100 << 20)'
}

@test "there is no network but loopback" {
    [ "$(ip -o link | awk '{ print $2 }')" = lo: ]
}

@test "kelp doctor finds nothing missing, and a sandbox starts" {
    run -0 "$KELP" doctor
    run ! grep '^missing' <<<"$output"
    cd "$BATS_TEST_TMPDIR"
    run -0 "$KELP" run -- id -u
    [ "$output" = 1000 ]
    run -7 "$KELP" run -- sh -c 'exit 7'
}
