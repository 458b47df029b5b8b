#!/usr/bin/env bats
# [syscalls] in a policy of one's own: what it changes inside and what it leaves, what it never can, what
# is said of it, and that nothing of it is kept.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../image/common

setup_file() {
    export XDG_DATA_HOME=$BATS_FILE_TMPDIR/data
    export seen=$BATS_FILE_TMPDIR/seen rootfs=$BATS_FILE_TMPDIR/rootfs
    mkdir "$BATS_FILE_TMPDIR/ws" && cd "$BATS_FILE_TMPDIR/ws" || return 1
    cp "$KELP_BUILD/helpers/seccomp/probe-syscalls" .
    "$KELP" run -- ./probe-syscalls >"$seen"
    [ "$(wc -l <"$seen")" -gt 1000 ]
    make_rootfs "$rootfs"
}

setup() {
    work=$BATS_TEST_TMPDIR/work
    export HOME=$BATS_TEST_TMPDIR/home
    mkdir -p "$work" "$HOME"
    cd "$work" || return 1
    cp "$KELP_BUILD/helpers/seccomp/probe-syscalls" .
    cat >call.py <<'END'
# call.py NAME ARG...: prints what a system call answers, by x86_64's or aarch64's number
import ctypes, errno, os, sys
numbers = {"x86_64": {"keyctl": 250, "ioctl": 16, "socket": 41, "ptrace": 101, "bpf": 321,
                      "io_uring_setup": 425, "mount": 165, "io_setup": 206, "clone": 56,
                      "getpgid": 121, "chown": 92, "prctl": 157},
           "aarch64": {"keyctl": 219, "ioctl": 29, "socket": 198, "ptrace": 117, "bpf": 280,
                       "io_uring_setup": 425, "mount": 40, "io_setup": 0, "clone": 220,
                       "getpgid": 155, "chown": 55, "prctl": 167}}[os.uname().machine]
libc = ctypes.CDLL(None, use_errno=True)
args = [ctypes.c_ulong(int(a, 0)) for a in sys.argv[2:]]
got = libc.syscall(ctypes.c_long(numbers.get(sys.argv[1]) or int(sys.argv[1])), *args)
print("ok" if got >= 0 else errno.errorcode[ctypes.get_errno()])
END
}

# policy LINE...: my.policy with these lines in [syscalls].
policy() {
    printf '%s\n' '[syscalls]' "$@" >my.policy
}

# inside CALL ARG...: what the call answers under my.policy.
inside() {
    "$KELP" run --policy ./my.policy "${options[@]}" -- python3 call.py "$@" 2>"$BATS_TEST_TMPDIR/err"
}

# answers WANT CALL ARG...
answers() {
    local want=$1 got status=0

    shift
    got=$(inside "$@") || status=$?
    [ "$got" = "$want" ] || {
        echo "$*: '$got' (status $status), not '$want'; $(cat "$BATS_TEST_TMPDIR/err"); $(cat my.policy)"
        return 1
    }
}

# What differs from the built-in policy inside, as the probe of all calls sees it.
changes() {
    "$KELP" run --policy ./my.policy "${options[@]}" -- ./probe-syscalls 2>"$BATS_TEST_TMPDIR/err" |
        diff "$seen" - | grep '^[<>]' || true
}

# wrong PATTERN...: nothing runs, exit 125, and each pattern is a line of the errors.
wrong() {
    run -125 "$KELP" run --policy ./my.policy "${options[@]}" -- touch ran
    local pattern
    for pattern; do
        grep -qF -e "$pattern" <<<"$output" || {
            echo "'$pattern' is not in: $output"
            return 1
        }
    done
    [ ! -e ran ]
}

@test "a call is refused with the error of its word, and nothing else changes" {
    policy 'deny = keyctl:EACCES @aio:EIO' 'deny = getpgid'
    answers EACCES keyctl 0
    answers EIO io_setup 1 0
    answers EPERM getpgid 0
    # keyctl is another error, the calls of @aio and getpgid are refused now
    run -0 changes
    [ "$(grep -c "^>" <<<"$output")" -ge 2 ] && [ "$(grep -c "^>" <<<"$output")" -le 8 ]
    run -0 "$KELP" run -- python3 call.py keyctl 0
    [ "$output" = ENOSYS ]
}

@test "without a word that counts the filter is the built-in one" {
    policy 'deny = @mount' 'allow = @default-allow'
    run -0 changes
    [ -z "$output" ]
}

@test "arguments decide, in all of their 32 bits and no more" {
    policy 'deny = ioctl(1=TIOCGWINSZ):EXDEV' 'deny = prctl(0=PR_GET_NAME):EXDEV'
    answers EXDEV ioctl 0 0x5413
    answers EXDEV ioctl 0 0x700005413
    answers EBADF ioctl 99 0x5414
    answers EXDEV prctl 16 0
    policy 'deny = socket:EXDEV' 'allow = socket(0=AF_UNIX)'
    answers ok socket 1 1 0
    answers EXDEV socket 2 1 0
    answers EXDEV socket 10 1 0
    policy 'deny = socket(1=SOCK_DGRAM):EXDEV'
    answers EXDEV socket 2 2 0
    answers EXDEV socket 2 0x80002 0
    answers ok socket 2 1 0
}

@test "deny beats allow in one file, and a file beats the policy that it extends" {
    policy 'allow = keyctl' 'deny = keyctl:EACCES'
    answers EACCES keyctl 0
    policy 'deny = keyctl:EACCES' 'allow = keyctl'
    answers EACCES keyctl 0
    policy 'allow = keyctl'
    run -0 inside keyctl 99999
    [ "$output" != ENOSYS ] && [ "$output" != EPERM ]
}

@test "a weakening is allowed by name and said" {
    policy 'allow = ptrace bpf' 'deny = getpgid'
    # PTRACE_TRACEME
    answers ok ptrace 0 0 0 0
    grep -qxF "kelp: ./my.policy:2 allows system calls that 'sandbox' refuses: ptrace bpf" "$BATS_TEST_TMPDIR/err"
    policy 'deny = getpgid' 'allow = lseek'
    run -0 "$KELP" run --policy ./my.policy -- true
    [ -z "$output" ]
}

@test "default, kill and log" {
    policy 'default = EPERM'
    answers EPERM 1000
    policy 'default = kill'
    run -159 inside 1000
    policy 'deny = keyctl:kill'
    run -159 inside keyctl 0
    policy 'log = getpgid ioctl'
    answers ok getpgid 0
    answers EPERM ioctl 0 0x5412
}

@test "a project's file does not soften a kill" {
    policy 'deny = keyctl:kill getpgid:kill socket(0=AF_INET):kill'
    for words in keyctl:EACCES @keyring 'keyctl getpgid socket' 'socket(0=AF_INET):EACCES'; do
        printf '[syscalls]\ndeny = %s\n' "$words" >.kelp.policy
        run -159 inside keyctl 0
        run -159 inside getpgid 0
        run -159 inside socket 2 1 0
    done
    # what is not deadly is refused as it says
    printf '[syscalls]\ndeny = 1000:EXDEV\n' >.kelp.policy
    answers EXDEV 1000
    policy 'default = kill'
    printf '[syscalls]\ndeny = 1000\n' >.kelp.policy
    run -159 inside 1000
}

@test "a number serves where there is no name" {
    policy 'deny = 1000:EXDEV'
    answers EXDEV 1000
    answers ENOSYS 1001
}

@test "every wrong word is told with its line, and nothing runs" {
    policy 'allow = ptrce' 'deny = @moutn keyctl:EPREM' 'deny = ioctl(1=TIOCSIT)' 'log = @bfp' \
        'default = allow' 'alow = read' 'deny = read(0=1)' 'deny = socket(0=AF_UNIX, 1=1)' 'deny ='
    wrong "./my.policy:2: allow: unknown system call 'ptrce'" "did you mean 'ptrace'" \
        "./my.policy:3: deny: unknown group of system calls '@moutn'" "did you mean '@mount'" \
        "./my.policy:4: deny: 'TIOCSIT' is not a known value of argument 1 of 'ioctl'" \
        "./my.policy:5: log: unknown group of system calls '@bfp'" \
        "./my.policy:6: default: 'default' is ENOSYS, EPERM or kill, not 'allow'" \
        "./my.policy:7: unknown key 'alow'" "did you mean 'allow'" \
        "./my.policy:8: deny: the arguments of 'read' cannot be judged by a filter" \
        "a comma in 'socket(0=AF_UNIX,'" \
        "./my.policy:10: 'deny' has no value"
    policy 'deny = keyctl:EPREM'
    wrong "./my.policy:2: deny: 'EPREM' is not an error" "did you mean 'EPERM'"
    policy 'deny = execve'
    wrong "./my.policy:2: without 'execve' no command can be started"
    policy 'log = bpf'
    wrong "./my.policy:2: 'bpf' is in 'log', but is not allowed"
}

@test "what confines is not a policy's to open" {
    policy 'allow = mount' 'allow = @new-mount-api @file-handle' 'allow = ioctl(1=TIOCSTI)' \
        'allow = socket(0=AF_VSOCK)' 'allow = clone(0&CLONE_NEWUSER)'
    wrong "./my.policy:2: 'mount' cannot be allowed" "--allow-userns is for sandboxes inside this one" \
        "./my.policy:3: '@new-mount-api' cannot be allowed" "./my.policy:3: '@file-handle' cannot" \
        "./my.policy:4: 'ioctl(1=TIOCSTI)' stays refused" \
        "./my.policy:5: 'socket(0=AF_VSOCK)' stays refused" \
        "./my.policy:6: 'clone(0&CLONE_NEWUSER)' stays refused"
    options=(--allow-userns)
    policy 'allow = ioctl(1=TIOCSTI)'
    wrong "stays refused"
}

@test "allowing a whole call does not open what kelp refuses of it" {
    policy 'allow = ioctl socket socketpair clone prctl personality' 'allow = @process @basic-io @network' \
        'allow = ioctl(1!=0)' 'allow = socket(0!=0)' 'allow = clone(0!=0)'
    run -0 changes
    [ -z "$output" ]
    answers EPERM ioctl 0 0x5412
    answers EPERM ioctl 0 0x100005412
    answers EAFNOSUPPORT socket 40 1 0
    answers EPERM clone 0x10000011 0 0 0 0
}

# All that a policy can open at once: what the probe of attacks looks for behind it stays shut.
@test "the walls behind the filter do not lean on it" {
    cp "$PROBE" probe
    policy 'allow = @default-allow @debug @keyring @module @reboot @bpf @perf @io-uring @userfault' \
        'allow = @page-gift @cpu-emulation @lsm @inode-flags @obsolete @raw-io @clock @swap @privileged' \
        'allow = @numa @chroot ioctl socket socketpair clone prctl personality'
    local check
    for check in tty-ioctls netlink personality abi pid1 trace userns unshare setns mount-table kernel-files; do
        run -0 --separate-stderr "$KELP" run --policy ./my.policy -- ./probe "$check"
        run ! grep '^open' <<<"$output"
    done
    # shellcheck disable=SC2154 # run sets it
    [[ $stderr == *"my.policy:4 allows system calls that 'sandbox' refuses: "*"@numa"* ]]
}

@test "--allow-userns and --fake-root go with a policy of one's own" {
    policy 'deny = keyctl:EACCES'
    options=(--allow-userns)
    answers EACCES keyctl 0
    run -0 "$KELP" run --policy ./my.policy --allow-userns -- unshare -Ur id -u
    [ "${lines[-1]}" = 0 ]
    printf '[policy]\nextends = container\n[syscalls]\ndeny = fchmodat2:EACCES\n' >my.policy
    run -0 "$KELP" run --network none --userns single --policy ./my.policy "$rootfs" chown 1:1 /etc
    printf '[policy]\nextends = container\n[syscalls]\ndeny = chown:EACCES fchownat:EACCES\n' >my.policy
    run -1 "$KELP" run --network none --userns single --policy ./my.policy "$rootfs" chown 1:1 /etc
    [[ $output == *"ermission denied"* ]]
}

@test "--dry-run lists what differs, with its line" {
    policy 'allow = ptrace' 'deny = ioctl(1=TIOCGWINSZ):ENOTTY mkdirat:EROFS' 'allow = lseek'
    run -0 "$KELP" run --policy ./my.policy --dry-run -- true
    grep -qE '^seccomp +sandbox and 4 words of your own, [0-9]+ instructions$' <<<"$output"
    grep -qE '^ +ptrace +allow +\(\./my\.policy:2\)$' <<<"$output"
    grep -qE '^ +mkdirat +EROFS +\(\./my\.policy:3\)$' <<<"$output"
    grep -qE '^ +ioctl\(1=TIOCGWINSZ\):ENOTTY +ENOTTY +\(\./my\.policy:3\)$' <<<"$output"
    run ! grep -q lseek <<<"$output"
}

# What a run leaves for the next one could be changed between them, by a sandbox that was given the
# home to write to: there is nothing, and what somebody plants is not looked at.
@test "no filter is kept from run to run" {
    policy 'deny = keyctl:EACCES'
    export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache XDG_STATE_HOME=$BATS_TEST_TMPDIR/state
    mkdir "$XDG_CACHE_HOME" "$XDG_STATE_HOME"
    answers EACCES keyctl 0
    run -0 find "$HOME" "$XDG_CACHE_HOME" "$XDG_STATE_HOME" -mindepth 1
    [ -z "$output" ]
    # a payload that may write to all of them leaves what it likes
    run -0 "$KELP" run --writable "$HOME" --writable "$XDG_CACHE_HOME" -- sh -c "
        for dir in '$HOME/.cache' '$XDG_CACHE_HOME'; do
            mkdir -p \"\$dir/kelp/filters\"
            for name in my.policy sandbox 0 a b; do
                head -c 4096 /dev/zero >\"\$dir/kelp/filters/\$name\"
            done
        done"
    [ -e "$XDG_CACHE_HOME/kelp/filters/sandbox" ]
    answers EACCES keyctl 0
    # and none of it is opened, or needed
    run -0 strace -f -e trace=%file -o "$BATS_TEST_TMPDIR/trace" \
        "$KELP" run --policy ./my.policy -- true
    grep -q my.policy "$BATS_TEST_TMPDIR/trace"
    # where caches are hidden is asked for by its name alone
    run grep -e filters -e '/cache/' "$BATS_TEST_TMPDIR/trace"
    run ! grep -vE '/cache/kelp/caches", .*O_PATH|readlink\("[^"]*/cache/kelp(/caches)?", ' <<<"$output"
    chmod 000 "$XDG_CACHE_HOME"
    answers EACCES keyctl 0
    chmod 700 "$XDG_CACHE_HOME"
}

@test "the manual names every group" {
    local group n=0

    while read -r group; do
        grep -qF -e "*$group*" "$KELP_SRC/doc/kelp-policy.5.scd" || {
            echo "$group is not in the manual"
            return 1
        }
        n=$((n + 1))
    done < <(sed -n 's/^group \(@[a-z-]*\) .*/\1/p' "$KELP_SRC/policies/syscalls.groups" | sort -u)
    [ "$n" -gt 30 ]
}
