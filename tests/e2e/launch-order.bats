#!/usr/bin/env bats
# The order of a launch, as strace sees it: the user namespace and its maps come first.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/trace

others='CLONE_NEW(NS|PID|NET|IPC|UTS|CGROUP|TIME)'

setup() {
    command -v strace >/dev/null
    mkdir -p "$BATS_TEST_TMPDIR/home" "$BATS_TEST_TMPDIR/ws"
    export HOME=$BATS_TEST_TMPDIR/home
    cd "$BATS_TEST_TMPDIR/ws" || return 1
}

trace() {
    traced -y \
        -e trace=clone,clone3,unshare,setns,write,pwrite64,mount,pivot_root,fsopen,open_tree,openat,prctl,seccomp,execve,landlock_restrict_self,keyctl,close_range \
        "$KELP" run "$@"
}

# The number of the first line that matches.
line_of() {
    grep -nE -m 1 -- "$1" trace | cut -d: -f1
}

last_line_of() {
    grep -nE -- "$1" trace | tail -n 1 | cut -d: -f1
}

check_order() {
    local user maps first

    user=$(line_of 'CLONE_NEWUSER')
    maps=$(last_line_of 'write\([0-9]+<[^>]*/(uid|gid)_map>|execve\("[^"]*new[ug]idmap')
    first=$(grep -nE "$others" trace | grep -v 'CLONE_NEWUSER' | head -n 1 | cut -d: -f1)
    echo "userns at $user, maps at $maps, others at $first"
    [ -n "$user" ] && [ -n "$maps" ] && [ -n "$first" ]
    # read back before that, by whoever wrote them (newuidmap answers for itself)
    [ "$(line_of 'openat\([0-9]+<[^>]*>, "uid_map", O_RDONLY')" -lt "$first" ]
    [ "$(line_of 'openat\([0-9]+<[^>]*>, "gid_map", O_RDONLY')" -lt "$first" ]
    # no other namespace in the call that makes the user namespace
    run ! grep -E 'CLONE_NEWUSER' <(grep -E "$others" trace)
    [ "$user" -lt "$maps" ]
    [ "$maps" -lt "$first" ]
}

@test "host view: the user namespace, its maps, then the others" {
    trace -- true
    check_order
}

@test "image: the user namespace, its maps, then the others" {
    make_rootfs rootfs
    trace --network none --userns single "$PWD/rootfs" true
    check_order
}

@test "nothing is mounted before the namespaces, and the payload is confined before it is executed" {
    local first mount pid landlock filter payload table
    trace -- true
    first=$(grep -nE "$others" trace | grep -v 'CLONE_NEWUSER' | head -n 1 | cut -d: -f1)
    mount=$(line_of 'mount\(|fsopen\(|open_tree\(')
    [ "$first" -lt "$mount" ]
    # of the process itself that executes it: seccomp is the last thing, Landlock comes before
    payload=$(last_line_of 'execve\(.*= 0$')
    pid=$(sed -n "${payload}s/ .*//p" trace)
    landlock=$(line_of "^$pid .*landlock_restrict_self\(")
    filter=$(line_of "^$pid .*seccomp\(SECCOMP_SET_MODE_FILTER")
    echo "$pid: $landlock $filter $payload"
    [ "$landlock" -lt "$filter" ] && [ "$filter" -lt "$payload" ]
    run ! grep -E "^$pid .*(landlock_|PR_CAPBSET_DROP|PR_SET_NO_NEW_PRIVS|capset|openat|mount)" \
        <(sed -n "$filter,${payload}p" trace)
    # pid 1 has looked at its mounts and is behind its own filter by then
    table=$(last_line_of 'openat\(.*"/proc/self/mountinfo"')
    [ "$(sed -n "${table}s/ .*//p" trace)" != "$pid" ] && [ "$table" -lt "$payload" ]
    [ "$(grep -cE '^[0-9]+ .*seccomp\(SECCOMP_SET_MODE_FILTER' <(sed -n "1,${payload}p" trace))" = 2 ]
}

@test "setgroups is denied before the group map is written" {
    traced -y -e trace=write,pwrite64 "$KELP" run -- true
    [ "$(line_of 'setgroups>, "deny')" -lt "$(line_of 'gid_map>')" ]
}

@test "no helper and no program but the payload is executed for a host view" {
    traced -e trace=execve,execveat "$KELP" run -- /bin/true
    run grep -cE 'exec[a-z]*\(.*= 0$' trace
    [ "$output" = 2 ]
}
