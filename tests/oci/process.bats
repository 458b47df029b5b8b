#!/usr/bin/env bats
# What a container's command is when it starts, seen from inside.

# shellcheck disable=SC2016 # what is quoted is for the shell inside
# shellcheck disable=SC2154 # $one_id and the like are of ../lib/bundle

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/bundle

setup() {
    box=$BATS_TEST_TMPDIR/box
    unset LISTEN_FDS
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

# The line NAME of what $output has of /proc/self/status.
status_line() {
    sed -n "s/^$1:[[:space:]]*//p" <<<"$output"
}

has_line() {
    [ "$(status_line "$1")" = "$2" ] || {
        echo "$1 is '$(status_line "$1")', not '$2'; $stderr"
        return 1
    }
}

guest='.process.user = {uid: 1000, gid: 1000}'

@test "the five sets of capabilities are exactly those of the config" {
    has_subids || skip "the machine lacks subordinate ids"
    # KILL (5), SETPCAP (8), NET_BIND_SERVICE (10); another user has after exec what is ambient
    inside 'cat /proc/self/status' "$subids" "$guest" '.process.capabilities = {
        bounding: ["CAP_KILL", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE"], permitted: ["CAP_KILL", "CAP_NET_BIND_SERVICE"],
        effective: ["CAP_KILL"], inheritable: ["CAP_KILL", "CAP_NET_BIND_SERVICE"], ambient: ["CAP_KILL"]}'

    [ "$status" = 0 ]
    has_line CapBnd 0000000000000520
    has_line CapInh 0000000000000420
    has_line CapAmb 0000000000000020
    has_line CapPrm 0000000000000020
    has_line CapEff 0000000000000020
    [ -z "$stderr" ]
}

@test "root has no more than the bounding set, and nothing without one" {
    inside 'cat /proc/self/status' '.process.capabilities = {bounding: ["CAP_KILL"], permitted: ["CAP_KILL"]}'
    has_line CapPrm 0000000000000020
    has_line CapEff 0000000000000020

    inside 'cat /proc/self/status' 'del(.process.capabilities)'
    for set in Bnd Inh Amb Prm Eff; do
        has_line "Cap$set" 0000000000000000
    done
}

@test "what cannot be ambient is said to who asks" {
    export OCI_DEBUG=1
    inside 'cat /proc/self/status' '.process.capabilities.ambient = ["CAP_KILL"]'

    [ "$status" = 0 ]
    has_line CapAmb 0000000000000000
    [[ $stderr == *process.capabilities.ambient*ignoring* ]]
}

@test "no_new_privs is set if, and only if, it was asked for" {
    inside 'cat /proc/self/status'
    has_line NoNewPrivs 1
    inside 'cat /proc/self/status' '.process.noNewPrivileges = false'
    has_line NoNewPrivs 0
}

@test "the user, his groups and his umask are those of the config" {
    has_subids || skip "the machine lacks subordinate ids"
    inside 'id -u; id -g; id -G; umask' "$subids" \
        '.process.user = {uid: 7, gid: 8, additionalGids: [9, 10], umask: 63}'
    [ "$output" = $'7\n8\n8 9 10\n0077' ]

    inside 'id -u; id -G; umask' "$subids"
    [ "$output" = $'0\n0\n0022' ]
}

@test "groups that cannot be set are said" {
    inside 'id -g' '.process.user.additionalGids = [0]'
    [ "$status" = 0 ]
    [[ $stderr == *additionalGids*ignoring* ]]
    inside 'id -g'
    [ -z "$stderr" ]
}

@test "an id without a map is an error that names the map" {
    inside 'id' "$guest"
    [ "$status" = 1 ] && [ -z "$output" ]
    [[ $stderr == *"1000"* ]]
}

@test "limits are set exactly, and more than the caller may have is refused" {
    inside 'ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc' '.process.rlimits = [
        {type: "RLIMIT_NOFILE", soft: 77, hard: 99}, {type: "RLIMIT_CORE", soft: 0, hard: 0}]'
    [ "$output" = $'77\n99\n0\n0' ]

    ulimit -Sn 400
    ulimit -Hn 500
    inside 'ulimit -Hn' '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 77, hard: 501}]'
    [ "$status" = 1 ] && [ -z "$output" ]
    [[ $stderr == *"'RLIMIT_NOFILE'"*"not permitted"*"hint: "*500* ]]
    inside 'ulimit -Hn' '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 77, hard: 500}]'
    [ "$output" = 500 ]
}

@test "the oom score is set, and one that is too low for the user refused" {
    inside 'cat /proc/self/oom_score_adj' '.process.oomScoreAdj = 321'
    [ "$output" = 321 ]

    inside 'cat /proc/self/oom_score_adj'
    [ "$output" = "$(cat /proc/self/oom_score_adj)" ]

    inside 'cat /proc/self/oom_score_adj' '.process.oomScoreAdj = -999'
    [ "$status" = 1 ] && [ -z "$output" ]
    [[ $stderr == *"oomScoreAdj -999"* ]]
}

@test "scheduler and I/O priority are set" {
    inside 'busybox ionice; awk "{ print \$19, \$41 }" /proc/self/stat' \
        '.process.scheduler = {policy: "SCHED_BATCH", nice: 19}' \
        '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}'
    [ "$output" = $'best-effort: prio 6\n19 3' ]

    inside 'busybox ionice; awk "{ print \$19, \$41 }" /proc/self/stat'
    [ "$output" = $'none: prio 0\n'"$(nice) 0" ]
}

@test "a scheduler of the real-time class is refused to a user without root" {
    [ "$(ulimit -r)" = 0 ] || skip "the machine lacks a user without real-time priority"
    inside 'true' '.process.scheduler = {policy: "SCHED_FIFO", priority: 1}'
    [ "$status" = 1 ]
    [[ $stderr == *process.scheduler* ]]
}

@test "the personality is that of the config" {
    inside 'uname -m' '.linux.personality = {domain: "LINUX32"}'
    [ "$output" = i686 ] || [ "$(uname -m)" != x86_64 ]
    inside 'uname -m'
    [ "$output" = "$(uname -m)" ]
}

@test "the working directory is entered, and made where it is missing" {
    inside 'pwd' '.process.cwd = "/tmp"'
    [ "$output" = /tmp ]
    inside 'pwd; stat -c %a .' '.process.cwd = "/made/of/new"'
    [ "$output" = $'/made/of/new\n755' ]
    inside 'pwd' '.process.cwd = "/read/only"' '.root.readonly = true'
    [ "$output" = /read/only ]
    inside 'pwd' '.process.cwd = "/etc/passwd"'
    [ "$status" = 1 ]
    [[ $stderr == *"'/etc/passwd'"*"ot a directory"* ]]
}

@test "no working directory leads out of the root" {
    exec 9</
    for fd in 3 4 5 6 7 8 9 10 11 12; do
        inside 'ls' ".process.cwd = \"/proc/self/fd/$fd\""
        [ "$status" = 1 ] && [ -z "$output" ]
        inside 'ls' ".process.cwd = \"/proc/self/fd/$fd/../..\""
        [ "$status" = 1 ] && [ -z "$output" ]
    done
    # control: what does not lead out is no error
    inside 'pwd' '.process.cwd = "/proc/self/root/tmp"'
    [ "$output" = /tmp ]
}

@test "what cannot be executed is said in the words that engines look for" {
    bundle_make "$box" "$(bundle_args no-such-command)"
    run --separate-stderr oci run -b "$box" box
    [ "$status" = 1 ]
    [[ $stderr == *"'no-such-command'"*'executable file not found in $PATH'* ]]

    bundle_edit "$box" "$(bundle_args /no/such)"
    run --separate-stderr oci run -b "$box" box
    [ "$status" = 1 ]
    [[ ${stderr,,} == *"'/no/such': no such file or directory"* ]]

    for it in /etc/passwd /etc; do
        bundle_edit "$box" "$(bundle_args $it)"
        run --separate-stderr oci run -b "$box" box
        [ "$status" = 1 ]
        [[ ${stderr,,} == *"'$it': permission denied"* ]]
    done

    printf '#!/no/such/interpreter\n' >"$box/rootfs/bin/script"
    chmod +x "$box/rootfs/bin/script"
    bundle_edit "$box" "$(bundle_args script)"
    run --separate-stderr oci run -b "$box" box
    [ "$status" = 1 ]
    [[ ${stderr,,} == *"'/bin/script': no such file or directory"*interpreter* ]]
}

@test "create says what cannot be executed, before start" {
    bundle_make "$box" "$(bundle_args no-such-command)"
    run --separate-stderr oci create -b "$box" box
    [ "$status" = 1 ]
    [[ $stderr == *'executable file not found in $PATH'* ]]
    [ "$(oci_status box)" = gone ]
}

@test "the program is looked up in the PATH of the container, from its working directory" {
    bundle_make "$box" '.process.env = ["PATH=/opt::/bin"]' '.process.cwd = "/tmp"' "$(bundle_args tool)"
    mkdir "$box/rootfs/opt"
    ln -s no/where "$box/rootfs/opt/tool"
    printf '#!/bin/sh\necho from $0\n' >"$box/rootfs/tmp/tool"
    chmod 755 "$box/rootfs/tmp/tool"
    run oci run -b "$box" box
    [ "$output" = "from ./tool" ]

    bundle_edit "$box" "$(bundle_args ./tool)"
    run oci run -b "$box" box
    [ "$output" = "from ./tool" ]

    bundle_edit "$box" '.process.env = []' && bundle_edit "$box" "$(bundle_args sh -c 'echo found')"
    run oci run -b "$box" box
    [ "$output" = found ]
}

@test "HOME is of the container's passwd, unless it was given" {
    inside 'echo $HOME'
    [ "$output" = /root ]
    inside 'echo $HOME' '.process.env += ["HOME=/elsewhere"]'
    [ "$output" = /elsewhere ]

    bundle_make "$box" "$(bundle_sh 'echo $HOME')"
    rm "$box/rootfs/etc/passwd"
    mkfifo "$box/rootfs/etc/passwd"
    run timeout 10 "$KELP_OCI" --root "$(oci_root)" run -b "$box" box
    [ "$output" = / ]
}

# oci_fds FDS ARG...: "oci ARG..." by a shell that has these descriptors, and no others.
oci_fds() {
    # bats has its own
    "$BASH" -c 'set -f
        for fd in {3..40}; do eval "exec $fd<&-"; done
        for fd in $1; do eval "exec $fd<$2"; done
        shift 2
        exec "$KELP_OCI" "$@"' - "$1" "$BATS_TEST_TMPDIR/file" --root "$(oci_root)" "${@:2}"
}

@test "no descriptor is inherited but the streams and what is preserved" {
    echo text >"$BATS_TEST_TMPDIR/file"
    # the shell's own, of the directory that it lists, is among them
    bundle_make "$box" "$(bundle_sh 'cd /proc/self/fd && echo *')"
    run oci_fds "$(echo {3..40})" run -b "$box" box
    [ "$output" = "0 1 2 3" ]

    bundle_edit "$box" "$(bundle_sh 'cd /proc/self/fd && echo *; cat <&3')"
    run oci_fds "$(echo {3..40})" run -b "$box" --preserve-fds 2 box
    [ "$output" = $'0 1 2 3 4 5\ntext' ]
    run oci_fds "3 4" run -b "$box" --preserve-fds 2 box
    [ "$output" = $'0 1 2 3 4 5\ntext' ]
}

@test "a descriptor that is to be preserved and is not there is an error" {
    echo text >"$BATS_TEST_TMPDIR/file"
    bundle_make "$box" "$(bundle_args true)"
    for fds in "" "4"; do
        run --separate-stderr oci_fds "$fds" run -b "$box" --preserve-fds 1 box
        [ "$status" = 1 ]
        [[ $stderr == *"--preserve-fds"* ]]
    done
    run oci_fds 3 run -b "$box" --preserve-fds 1 box
    [ "$status" = 0 ]
}

# Signals that a caller ignores or blocks are the command's again.
@test "the command has the default signals" {
    trap '' HUP TERM USR1
    inside 'cat /proc/self/status' "$(bundle_args cat /proc/self/status)"
    has_line SigIgn 0000000000000000
    has_line SigBlk 0000000000000000
}

@test "the command leads a session of its own" {
    bundle_make "$box" "$(bundle_args cat /proc/self/stat)"
    run oci run -b "$box" box
    read -r pid _ _ _ group session _ <<<"$output"
    [ "$pid" = 1 ] && [ "$group" = 1 ] && [ "$session" = 1 ]
}

@test "the session keyring is a fresh one, unless it is to be kept" {
    command -v python3 >/dev/null || skip "the machine lacks python3"
    # keyctl(KEYCTL_JOIN_SESSION_KEYRING), add_key() to it, and a read of what is in the current one
    cat >"$BATS_TEST_TMPDIR/keys.py" <<'PY'
import ctypes, os, sys
libc = ctypes.CDLL(None)
if sys.argv[1] == "make":
    assert libc.syscall(250, 1, None) > 0
    assert libc.syscall(248, b"user", b"kelp-test", b"secret", 6, -3) > 0
    os.execvp(sys.argv[2], sys.argv[2:])
print("found" if libc.syscall(250, 10, -3, b"user", b"kelp-test", 0) > 0 else "none")
PY
    [ "$(uname -m)" = x86_64 ] || skip "the machine lacks the system call numbers of x86-64"
    bundle_make "$box" "$(bundle_args /usr/bin/python3 /keys.py look)" '.mounts += ["/usr", "/lib", "/lib64" |
        {destination: ., source: ., type: "bind", options: ["rbind", "ro"]}]'
    cp "$BATS_TEST_TMPDIR/keys.py" "$box/rootfs/"
    run python3 "$BATS_TEST_TMPDIR/keys.py" make "$KELP_OCI" --root "$(oci_root)" run -b "$box" --no-new-keyring box
    [ "$output" = found ]
    run python3 "$BATS_TEST_TMPDIR/keys.py" make "$KELP_OCI" --root "$(oci_root)" run -b "$box" box
    [ "$output" = none ]
}

@test "labels are said where the kernel has no such security module" {
    grep -Eqs 'apparmor|selinux' /sys/kernel/security/lsm && skip "the machine lacks a kernel without AppArmor and SELinux"
    inside 'echo ran' '.process.apparmorProfile = "some-profile"' '.process.selinuxLabel = "a_u:b_r:c_t:s0"'
    [ "$output" = ran ]
    [[ $stderr == *process.apparmorProfile*some-profile*ignoring* ]]
    [[ $stderr == *process.selinuxLabel*c_t*ignoring* ]]
}

@test "a container does not run its runtime" {
    for it in /proc/self/exe /proc/1/exe; do
        bundle_make "$box" "$(bundle_args $it --version)"
        run --separate-stderr oci run -b "$box" box
        [ "$status" = 1 ] && [ -z "$output" ]
        [[ $stderr == *"the runtime itself"* ]]
    done
}

# CVE-2019-5736: the file is the user's own, and so the container's root's.
@test "a runtime that belongs to the user is out of the container's reach" {
    bundle_make "$box" "$(bundle_args sleep 60)"
    mkdir "$BATS_TEST_TMPDIR/own"
    own=$BATS_TEST_TMPDIR/own/kelp-oci
    cp "$KELP_OCI" "$own"
    chmod 0755 "$own"
    before=$(sha256sum "$own"; stat -c %a:%Y "$own")

    # control: what is not guarded can be changed by its reference
    mkdir "$BATS_TEST_TMPDIR/other"
    cp "$(command -v busybox)" "$BATS_TEST_TMPDIR/other/busybox"
    bundle_edit "$box" ".mounts += [{destination: \"/other\", source: \"$BATS_TEST_TMPDIR/other\", type: \"bind\", options: [\"bind\"]}]"
    bundle_edit "$box" "$(bundle_args /other/busybox chmod 0711 /proc/self/exe)"
    oci run -b "$box" control
    [ "$(stat -c %a "$BATS_TEST_TMPDIR/other/busybox")" = 711 ]

    # the created container's first process is still the runtime, and a script has it for its interpreter
    printf '#!/proc/self/exe\n' >"$box/rootfs/bin/script"
    chmod 755 "$box/rootfs/bin/script"
    bundle_edit "$box" "$(bundle_args sleep 60)"
    "$own" --root "$(oci_root)" create -b "$box" box </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 3>&-
    cat "$BATS_TEST_TMPDIR/out"
    run timeout 10 "$own" --root "$(oci_root)" exec box sh -c '
        chmod 0777 /proc/1/exe; echo x >>/proc/1/exe; touch /proc/1/exe;
        (exec 5</proc/1/exe; echo x >/proc/self/fd/5; chmod 0777 /proc/self/fd/5); echo tried'
    [[ $output == *tried* ]]
    run "$own" --root "$(oci_root)" exec box script
    [ "$status" != 0 ]
    [ "$before" = "$(sha256sum "$own"; stat -c %a:%Y "$own")" ]
    run readlink "/proc/$(oci state box | jq .pid)/exe"
    [[ $output != "$own" ]]
}
