#!/usr/bin/env bats
# --explain and system calls: for each that a policy refuses it names the line that allows it.  That line,
# in a policy that extends the one that was used, makes the call pass; without it, it did not.

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    export HOME=$BATS_TEST_TMPDIR/home
    mkdir -p "$HOME" "$BATS_TEST_TMPDIR/ws"
    cd "$BATS_TEST_TMPDIR/ws"
    cat >call.py <<'END'
# call.py CALL ARG...: what it answers: "ok", or the name of an error; @ is this process
import ctypes, errno, os, sys
numbers = {  # of x86_64 and aarch64
    "ptrace": (101, 117), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "get_mempolicy": (239, 236), "set_mempolicy": (238, 237), "move_pages": (279, 239),
    "vmsplice": (278, 75), "userfaultfd": (323, 282), "adjtimex": (159, 171), "clock_adjtime": (305, 266),
    "io_setup": (206, 0), "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    "seccomp": (317, 277), "socket": (41, 198), "socketpair": (53, 199), "getpgid": (121, 155),
    "prctl": (157, 167), "ioctl": (16, 29), "personality": (135, 92), "unshare": (272, 97),
    "io_uring_enter": 426, "pidfd_getfd": 438, "landlock_create_ruleset": 444, "lsm_get_self_attr": 459}
number = numbers.get(sys.argv[1]) or int(sys.argv[1])
if isinstance(number, tuple):
    number = number[{"x86_64": 0, "aarch64": 1}[os.uname().machine]]
words = [str(os.getpid()) if word == "@" else word for word in sys.argv[2:]]
libc = ctypes.CDLL(None, use_errno=True)
got = libc.syscall(ctypes.c_long(number), *[ctypes.c_ulong(int(word, 0) % 2**64) for word in words])
print("ok" if got >= 0 else errno.errorcode[ctypes.get_errno()])
END
    n_shown=0
}

# explained POLICY CALL ARG...: what it answered is in $answer, what was refused in $refused
explained() {
    local policy=$1

    shift
    answer=$("$KELP" run --explain --status-fd 3 --policy "$policy" "${options[@]}" "${image:---}" \
        python3 "$PWD/call.py" "$@" 3>events 2>err </dev/null) || {
        cat err
        return 1
    }
    # a python3 of the home is a script, whose own reads are told, too
    refused=$(grep '"event":"refused","kind":"s' events) || true
}

# extending POLICY LINE: line.policy is POLICY with that line
extending() {
    printf '[policy]\nextends = %s\n%s\n' "$1" "${2%%]*}]"$'\n'"${2#*] }" >line.policy
}

# allowed_by_its_line POLICY LINE BEFORE AFTER CALL ARG...: under the policy the call is answered
# BEFORE, and LINE is named; with it the answer is AFTER, which the kernel alone gives, and nothing is told.
allowed_by_its_line() {
    local policy=$1 line=$2 before=$3 after=$4

    shift 4
    explained "$policy" "$@"
    echo "$policy, $*: $answer $refused"
    [ "$answer" = "$before" ]
    [ "$(wc -l <<<"$refused")" = 1 ]
    [ "$(jq -r .policy <<<"$refused")" = "$line" ]
    # where every run starts there is nothing to stand in front of
    grep -qxF -e "hint: a policy with $line" -e "hint: a policy behind '$policy' with $line" \
        -e "hint: a policy behind 'strict.policy' with $line" err
    extending "$policy" "$line"
    explained ./line.policy "$@"
    echo "with $line: $answer $refused"
    [ "$answer" = "$after" ]
    [ -z "$refused" ]
    n_shown=$((n_shown + 1))
}

# The same of a call by its own name.
allowed_by_name() {
    allowed_by_its_line "$1" "[syscalls] allow = $4" "${@:2}"
}

@test "the default policy's refusals: each line that is named makes its call pass" {
    allowed_by_name sandbox EPERM ok ptrace 0 0 0 0
    allowed_by_name sandbox ENOSYS EFAULT add_key 0 0 0 0 0
    allowed_by_name sandbox ENOSYS EFAULT request_key 0 0 0 0
    allowed_by_name sandbox ENOSYS ENOTSUP keyctl 9999
    allowed_by_name sandbox EPERM ok process_vm_readv @ 0 0 0 0 0
    allowed_by_name sandbox EPERM ok process_vm_writev @ 0 0 0 0 0
    allowed_by_name sandbox EPERM ok kcmp @ @ 1 0 0
    allowed_by_name sandbox EPERM EBADF pidfd_getfd -1 0 0
    allowed_by_name sandbox ENOSYS ok get_mempolicy 0 0 0 0 0
    allowed_by_name sandbox ENOSYS ok set_mempolicy 0 0 0
    allowed_by_name sandbox EPERM EBADF vmsplice -1 0 0 0
    allowed_by_name sandbox EPERM EFAULT adjtimex 0
    allowed_by_name sandbox ENOSYS EBADF io_uring_enter -1 0 0 0 0 0
    [ "$n_shown" = 13 ]
}

@test "other policies' refusals: each line that is named makes its call pass" {
    local policy

    for policy in agent build ci npm; do
        allowed_by_name "$policy" EPERM ok ptrace 0 0 0 0
        allowed_by_name "$policy" EPERM ok kcmp @ @ 1 0 0
    done
    # what an observer needs strict refuses, as the hint says
    printf '[policy]\nextends = strict\n[syscalls]\nallow = sendmsg\n' >seen.policy
    allowed_by_name ./seen.policy EPERM EFAULT io_setup 1 0
    allowed_by_name ./seen.policy EPERM ok shmget 0 4096 0x180
    allowed_by_name ./seen.policy EPERM ok semget 0 1 0x180
    allowed_by_name ./seen.policy EPERM ok msgget 0 0x180
    allowed_by_name ./seen.policy EPERM EFAULT mq_open 0 0 0 0
    allowed_by_name ./seen.policy EPERM EFAULT seccomp 2 0 0
    allowed_by_name ./seen.policy EPERM ok ptrace 0 0 0 0
    [ "$n_shown" = 15 ]
}

@test "a container's refusals: each line that is named makes its call pass" {
    local name

    mkdir -p root/usr root/etc root/proc root/sys root/dev root/tmp "root$PWD"
    for name in bin sbin lib lib64; do ln -s "usr/$name" "root/$name"; done
    image=./root
    options=(--network none -v /usr:/usr:ro -v "$PWD:$PWD:ro")
    allowed_by_name container EPERM ok process_vm_readv @ 0 0 0 0 0
    allowed_by_name container EPERM ok kcmp @ @ 1 0 0
    allowed_by_name container EPERM EBADF vmsplice -1 0 0 0
    [ "$n_shown" = 3 ]
}

@test "a call without a name is allowed by its number" {
    # the kernel does not know it either
    allowed_by_its_line sandbox '[syscalls] allow = 1000' ENOSYS ENOSYS 1000
    explained sandbox 1000
    [ "$(jq -r .call <<<"$refused")" = 1000 ]
    grep -q '^kelp: refused: system call 1000() (' err
}

@test "sockets: the line for the call that a policy refuses, as a whole or of a kind" {
    printf '[policy]\nextends = strict\n[syscalls]\nallow = sendmsg\n' >seen.policy
    allowed_by_its_line ./seen.policy '[syscalls] allow = socket socketpair' EPERM ok socket 1 1 0
    allowed_by_its_line ./seen.policy '[syscalls] allow = socket socketpair' EPERM EFAULT socketpair 1 1 0 0
    printf '[syscalls]\ndeny = socket(0=AF_INET):EACCES socket(1=SOCK_DGRAM)\n' >kind.policy
    allowed_by_its_line ./kind.policy '[syscalls] allow = socket' EACCES ok socket 2 1 0
    allowed_by_its_line ./kind.policy '[syscalls] allow = socket' EPERM ok socket 10 0x80002 0
    explained ./kind.policy socket 10 1 0
    [ "$answer" = ok ] && [ -z "$refused" ]
}

@test "arguments that a policy refuses: the line for their call" {
    printf '[syscalls]\ndeny = prctl(0=PR_GET_NAME):EXDEV ioctl(1=0x5499) personality(0=8)\n' >kind.policy
    allowed_by_its_line ./kind.policy '[syscalls] allow = prctl' EXDEV EFAULT prctl 16 0
    allowed_by_its_line ./kind.policy '[syscalls] allow = ioctl' EPERM EBADF ioctl -1 0x5499
    allowed_by_its_line ./kind.policy '[syscalls] allow = personality' EPERM ok personality 8
}

# vain POLICY CALL ARG...: it is refused, and nothing is said to allow it, rightly so.
vain() {
    local policy=$1 before

    shift
    explained "$policy" "$@"
    echo "$policy, $*: $answer $refused"
    [ "$answer" != ok ]
    [ "$(jq -r '.policy, .option' <<<"$refused" | sort -u)" = null ]
    grep -qx 'hint: no option allows it' err
    before=$answer
    extending "$policy" "[syscalls] allow = $1"
    "$KELP" run --policy ./line.policy -- true || return 0
    explained ./line.policy "$@"
    [ "$answer" = "$before" ] && [ -n "$refused" ]
}

@test "what no line allows is said to be so, also beside lines that refuse the same call" {
    vain sandbox socket 40 1 0
    vain sandbox ioctl 0 0x5412
    vain sandbox personality 0x40000
    vain sandbox unshare 0x20000
    printf '[syscalls]\ndeny = ioctl(1=0x5499) socket(0=AF_INET) personality(0=8)\n' >kind.policy
    vain ./kind.policy socket 40 1 0
    vain ./kind.policy ioctl 0 0x100005412
    vain ./kind.policy personality 0x40008
}

@test "a project's own file: its refusal is to be changed there" {
    printf '[syscalls]\ndeny = getpgid prctl(0=PR_GET_NAME)\n' >.kelp.policy
    for call in 'getpgid 0' 'prctl 16 0'; do
        # shellcheck disable=SC2086 # a call and its arguments
        explained sandbox $call
        [ "$answer" = EPERM ]
        [ "$(jq -r .policy <<<"$refused")" = null ]
        grep -qx "hint: no policy comes behind the project's own file: change it there" err
    done
    rm .kelp.policy
    explained sandbox getpgid 0
    [ "$answer" = ok ] && [ -z "$refused" ]
}
