#!/usr/bin/env bats
# linux.seccomp: what a profile does to the container, what is said of a bad one, what is kept of a good
# one, and who listens.  Which filter each profile becomes is in tests/unit/test-oci-seccomp.c.

# shellcheck disable=SC2016,SC2154 # the scripts in quotes are for the shell inside, and jq's; run sets $stderr

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/bundle

archs='"architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]'

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
    agent=
}

teardown() {
    [ -z "$agent" ] || kill "$agent" 2>/dev/null || true
    oci_end
}

# profiled SCRIPT PROFILE [FILTER...]: a bundle "b" for the script under the profile
profiled() {
    local script=$1 profile=$2
    shift 2

    bundle_make b "$(bundle_sh "$script")" "$@" ".linux.seccomp = $profile"
}

# A profile that refuses the calls named, all else is allowed: refusing ERRNO NAME...
refusing() {
    jq -nc '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: $ARGS.positional, action: "SCMP_ACT_ERRNO",
        errnoRet: ($errno | tonumber)}]}' --arg errno "$1" --args -- "${@:2}"
}

entries() {
    find "$XDG_CACHE_HOME" -name '*.filter' 2>/dev/null | sort
}

@test "a refused call fails with the error that is asked for" {
    profiled 'mkdir /tmp/x' "$(refusing 28 mkdir mkdirat)"
    run -1 --separate-stderr oci run -b b c
    says "No space left on device"
    profiled 'mkdir /tmp/x' "$(refusing 28 rmdir)"
    oci run -b b c
}

@test "three architectures, an allow list, and the default's own error" {
    profiled 'mkdir /tmp/x' "{defaultAction: \"SCMP_ACT_ERRNO\", defaultErrnoRet: 38, $archs, syscalls: [{
        names: [\"execve\", \"brk\", \"mmap\", \"munmap\", \"mprotect\", \"read\", \"write\", \"exit_group\", \"arch_prctl\",
            \"getuid\", \"geteuid\", \"getpid\", \"getppid\", \"rt_sigaction\", \"rt_sigprocmask\", \"openat\", \"close\",
            \"fcntl\", \"dup2\", \"stat\", \"newfstatat\", \"prctl\", \"readlink\", \"umask\", \"getcwd\", \"wait4\", \"fork\",
            \"vfork\", \"clone\", \"set_tid_address\", \"set_robust_list\", \"rseq\", \"prlimit64\", \"getrandom\"],
        action: \"SCMP_ACT_ALLOW\"}]}"
    run -1 --separate-stderr oci run -b b c
    says "Function not implemented"
}

@test "conditions on arguments" {
    profiled 'kill -0 $$ && kill -URG $$ && ! kill -USR2 $$' '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{
        names: ["kill"], action: "SCMP_ACT_ERRNO", args: [{index: 1, value: 12, op: "SCMP_CMP_EQ"}]}]}'
    oci run -b b c
}

@test "a call may end the process, and one of all 64 bits be compared" {
    profiled 'chmod 700 /tmp; chmod 4700 /tmp' '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{
        names: ["chmod"], action: "SCMP_ACT_KILL_PROCESS",
        args: [{index: 1, value: "MASK", valueTwo: 2048, op: "SCMP_CMP_MASKED_EQ"}]}, {
        names: ["fchmodat"], action: "SCMP_ACT_KILL_PROCESS",
        args: [{index: 2, value: "MASK", valueTwo: 2048, op: "SCMP_CMP_MASKED_EQ"}]}]}'
    # jq has no such number
    sed -i 's/"MASK"/18446744073709549568/' b/config.json
    run -159 oci run -b b c
}

@test "with and without no_new_privs, and as another user" {
    for more in . '.process.noNewPrivileges = false' '.process.noNewPrivileges = false | del(.process.capabilities)'; do
        profiled '! mkdir /tmp/x && grep Seccomp: /proc/self/status' "$(refusing 1 mkdir mkdirat)" "$more"
        run -0 oci run -b b c
        [[ $output == *"Seccomp:"*2 ]]
    done
    has_subids || skip "the machine lacks subordinate ids"
    profiled '! mkdir /tmp/x && id -u' "$(refusing 1 mkdir mkdirat)" "$subids" '.process.user = {uid: 7, gid: 7}' \
        '.process.noNewPrivileges = false'
    run -0 oci run -b b c
    [ "${lines[-1]}" = 7 ]
}

@test "flags that need nobody's answer" {
    profiled 'true' "$(refusing 1 mkdir | jq -c '.flags = ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
        "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]')"
    oci run -b b c
}

@test "exec is under the profile, too" {
    profiled 'sleep 1000' "$(refusing 28 mkdir mkdirat)"
    oci create -b b c
    oci start c
    run -1 --separate-stderr oci exec c mkdir /tmp/x
    says "No space left on device"
}

@test "a bad profile is one line with its path, and no container" {
    profiled 'true' '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["open"], action: "SCMP_ACT_ERRNO"}, {
        names: ["open"], action: "SCMP_ACT_ERRNO", args: [{index: 1, value: 1, op: "SCMP_CMP_SQ"}]}]}'
    run -1 --separate-stderr oci run -b b c
    says "linux.seccomp.syscalls[1].args[0].op: unknown operator 'SCMP_CMP_SQ'"
    [ "$(oci_status c)" = gone ]
    [ -z "$(entries)" ]
}

@test "what is compiled is kept, and the helper is not asked again" {
    mkdir alone
    cp "$KELP_OCI" alone/kelp-oci
    profiled '! mkdir /tmp/x' "$(refusing 28 mkdir mkdirat)"
    run -1 --separate-stderr alone/kelp-oci --root oci run -b b c
    says "the helper 'kelp-oci-seccomp' is not installed"
    oci run -b b c
    [ "$(entries | wc -l)" = 1 ]
    alone/kelp-oci --root oci run -b b c
    # not for a profile that is nearly the same
    profiled '! rmdir /tmp/x' "$(refusing 28 mkdir mkdira)"
    run -1 alone/kelp-oci --root oci run -b b c
}

@test "what is damaged, or could be somebody else's, is compiled anew" {
    local file

    profiled '! mkdir /tmp/x' "$(refusing 28 mkdir mkdirat)"
    oci run -b b c
    file=$(entries)
    for damage in 'truncate -s -1 "$0"' 'printf x >>"$0"' 'chmod 666 "$0"' 'touch -d "2 days ago" "$0"' \
        'printf x | dd of="$0" bs=1 seek=$(($(stat -c %s "$0") - 20)) conv=notrunc status=none' \
        'rm "$0"; ln -s /dev/zero "$0"' 'rm "$0"; mkfifo "$0"' 'rm "$0"; mkdir "$0"'; do
        sh -c "$damage" "$file"
        oci run -b b c
    done
    # the last one is in the way, and stays
    [ -d "$file" ]
    [ "$(find "$XDG_CACHE_HOME/kelp/oci-filters" -name 'new-*' | wc -l)" = 0 ]
}

@test "without a place to keep it there is no word, and the profile holds" {
    profiled '! mkdir /tmp/x' "$(refusing 28 mkdir mkdirat)"
    for home in /proc /nonexistent relative ''; do
        XDG_CACHE_HOME=$home HOME=/nonexistent XDG_RUNTIME_DIR='' run -0 --separate-stderr oci run -b b c
        [[ $stderr != *kelp* ]]
    done
    XDG_CACHE_HOME='' HOME='' XDG_RUNTIME_DIR='' oci run -b b c
}

@test "a name that nobody knows is told of where the container is less confined for it" {
    profiled true "$(refusing 1 mkdir no_such_call)"
    run -0 --separate-stderr oci run -b b c
    says "linux.seccomp.syscalls[0].names: no rule for 'no_such_call'"
    profiled true '{defaultAction: "SCMP_ACT_LOG", syscalls: [{names: ["no_such_call"], action: "SCMP_ACT_ALLOW"}]}'
    run -0 --separate-stderr oci run -b b c
    [[ $stderr != *no_such_call* ]]
}

# listen [NUMBER=ERRNO...]: an agent on the socket "s"
listen() {
    # a path of a socket is short
    rm -rf s
    mkfifo ready
    python3 "$KELP_SRC/tests/lib/seccomp-agent.py" s state calls "$@" >ready 3>&- 2>agent.log &
    agent=$!
    read -r _ <ready
    rm ready
}

# What is asked about the calls named: notifying NAME...
notifying() {
    jq -nc '{defaultAction: "SCMP_ACT_ALLOW", listenerPath: $path, listenerMetadata: "who: me",
        syscalls: [{names: $ARGS.positional, action: "SCMP_ACT_NOTIFY"}]}' --arg path "$PWD/s" --args -- "$@"
}

@test "who listens gets the state as the specification has it, and answers" {
    listen 83=17 258=17
    profiled 'mkdir /tmp/x' "$(notifying mkdir mkdirat)" '.annotations = {"a.b": "c"}'
    run -1 --separate-stderr oci run -b b c
    says "File exists"
    wait "$agent"
    jq -e --arg dir "$PWD/b" '.ociVersion == "1.0.2" and .fds == ["seccompFd"] and .metadata == "who: me" and
        (.pid | type) == "number" and .state.id == "c" and .state.pid == .pid and .state.bundle == $dir and
        .state.annotations == {"a.b": "c"} and .state.ociVersion == "1.0.2"' state
}

@test "even the calls of which a container is started may be asked about" {
    listen
    profiled 'echo all done' "$(notifying execve execveat sendmsg sendto write writev close wait4 rt_sigaction futex \
        exit_group nanosleep clock_gettime munmap)"
    run -0 oci run -b b c
    [ "$output" = "all done" ]
    wait "$agent"
    # the first one is the container's own
    [ "$(head -n 1 calls)" = 59 ]
}

@test "nothing of the sending stays in the container" {
    listen
    profiled 'sleep 0.2; ps -o pid,stat,comm; ls /proc/self/fd' "$(notifying mkdir)"
    run -0 oci run -b b c
    [[ $output != *kelp* && $output != *Z* ]]
}

@test "exec into a container that somebody listens to" {
    listen
    profiled 'sleep 1000' "$(notifying mkdir mkdirat)"
    oci create -b b c
    oci start c
    kill "$agent"
    run -255 oci exec c mkdir /tmp/x
    rm -f s
    listen 83=28 258=28
    run -1 --separate-stderr oci exec c mkdir /tmp/x
    says "No space left on device"
    jq -e '.state.id == "c" and .pid != .state.pid' state
}

@test "without anybody who listens there is no container" {
    profiled true "$(notifying mkdir)"
    run -1 --separate-stderr oci run -b b c
    says "linux.seccomp.listenerPath"
    says "No such file or directory"
    [ "$(oci_status c)" = gone ]
    profiled true "$(refusing 1 mkdir | jq -c '.listenerPath = "/nonexistent/socket"')"
    oci run -b b c
    profiled true "$(notifying mkdir | jq -c 'del(.listenerPath, .listenerMetadata)')"
    run -1 --separate-stderr oci run -b b c
    says "linux.seccomp.listenerPath: 'SCMP_ACT_NOTIFY' needs it"
}
