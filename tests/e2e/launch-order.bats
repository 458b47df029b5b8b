#!/usr/bin/env bats
# The order of a launch, as strace sees it: the user namespace and its maps come first.

bats_require_minimum_version 1.5.0
load ../lib/kelp

others='CLONE_NEW(NS|PID|NET|IPC|UTS|CGROUP|TIME)'

setup() {
    command -v strace >/dev/null
    mkdir -p "$BATS_TEST_TMPDIR/home" "$BATS_TEST_TMPDIR/ws"
    export HOME=$BATS_TEST_TMPDIR/home
    cd "$BATS_TEST_TMPDIR/ws" || return 1
}

trace() {
    strace -f -o trace -y \
        -e trace=clone,clone3,unshare,setns,write,pwrite64,mount,pivot_root,fsopen,open_tree,prctl,seccomp,execve,landlock_restrict_self,keyctl,close_range \
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

@test "nothing is mounted before the namespaces, and the payload is filtered before it is executed" {
    local first mount filter payload
    trace -- true
    first=$(grep -nE "$others" trace | grep -v 'CLONE_NEWUSER' | head -n 1 | cut -d: -f1)
    mount=$(line_of 'mount\(|fsopen\(|open_tree\(')
    filter=$(last_line_of 'seccomp\(SECCOMP_SET_MODE_FILTER')
    payload=$(last_line_of 'execve\(.*= 0$')
    echo "$first $mount $filter $payload"
    [ "$first" -lt "$mount" ]
    [ "$filter" -lt "$payload" ]
    # seccomp is the last thing: no other confinement after it in the payload
    run ! grep -E 'landlock_restrict_self|PR_CAPBSET_DROP|PR_SET_NO_NEW_PRIVS' <(sed -n "$filter,\$p" trace)
}

@test "setgroups is denied before the group map is written" {
    strace -f -y -o trace -e trace=write,pwrite64 "$KELP" run -- true
    [ "$(line_of 'setgroups>, "deny')" -lt "$(line_of 'gid_map>')" ]
}

@test "no helper and no program but the payload is executed for a host view" {
    strace -f -o trace -e trace=execve,execveat "$KELP" run -- /bin/true
    run grep -cE 'exec[a-z]*\(.*= 0$' trace
    [ "$output" = 2 ]
}
