#!/usr/bin/env bats
# What the processes of a launch hand to each other, and what becomes of them when it fails.

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    mkdir -p "$BATS_TEST_TMPDIR/home" "$BATS_TEST_TMPDIR/ws"
    export HOME=$BATS_TEST_TMPDIR/home
    cd "$BATS_TEST_TMPDIR/ws" || return 1
}

# Runs kelp as the only child of a process that inherits every orphan; fails when one is left.
alone() {
    python3 - "$KELP" "$@" <<'PY'
import ctypes, os, subprocess, sys

ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
status = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL).returncode
try:
    left = os.waitpid(-1, 0)
    # what has ended already is no orphan at work, but kelp should have reaped it
    sys.exit(f"left {left}")
except ChildProcessError:
    sys.exit(status)
PY
}

@test "a list of a thousand mounts arrives whole" {
    local i args=()
    for ((i = 0; i < 1000; i++)); do
        mkdir -p "src/a-name-that-is-long-enough-for-the-list-to-take-several-messages-$i"
        args+=(-v "$PWD/src/a-name-that-is-long-enough-for-the-list-to-take-several-messages-$i:/mnt/$i")
    done
    touch "src/a-name-that-is-long-enough-for-the-list-to-take-several-messages-999/last"
    run -0 "$KELP" run "${args[@]}" -- sh -c 'ls /mnt/999; ls /mnt | wc -l'
    [ "$output" = $'last\n1000' ]
}

@test "a launch that fails on a source leaves no process" {
    local i
    for ((i = 0; i < 20; i++)); do
        run -125 alone run -v "$PWD/absent:/mnt/x" -- true
        [[ $output == *absent* ]]
        run -125 alone run --network host -v "$PWD/absent:/mnt/x" -- true
    done
    run -0 alone run -- true # control: this way it can succeed
}

@test "the reason of a failure in the root is the one that is told, every time" {
    local i
    mkdir -p rootfs/bin
    ln -s /tmp rootfs/proc
    for ((i = 0; i < 40; i++)); do
        run -125 "$KELP" run --network none ./rootfs /bin/sh
        [[ $output == *"'/proc'"* ]] || {
            echo "$output"
            return 1
        }
    done
}

@test "the payload may use every processor that kelp may" {
    local i want
    want=$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status)
    for ((i = 0; i < 30; i++)); do
        run -0 "$KELP" run -- sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status
        [ "$output" = "$want" ]
    done
    # and no more than that
    run -0 taskset -c 0 "$KELP" run -- nproc
    [ "$output" = 1 ]
}

@test "a tmpfs has the mode that it was given, with a size and without" {
    run -0 "$KELP" run --tmpfs /mnt/a:mode=3775 --tmpfs /mnt/b:mode=3775,size=1m --tmpfs /mnt/c:mode=0700 -- \
        stat -c %a /mnt/a /mnt/b /mnt/c /tmp /var/tmp
    [ "$output" = $'3775\n3775\n700\n1777\n1777' ]
}

@test "what lies in one scratch directory is in no other" {
    run -0 "$KELP" run --tmpfs /mnt/a -- sh -c 'echo x >/tmp/in-tmp; echo x >/mnt/a/in-a
        ls -A /tmp /var/tmp /mnt/a; mv /tmp/in-tmp /var/tmp/ && ls /var/tmp; ls -A /proc/0 /proc/rooms 2>&1'
    [[ $output == *$'/mnt/a:\nin-a\n\n/tmp:\nin-tmp\n\n/var/tmp:\nin-tmp'* ]]
    run "$KELP" run -- sh -c 'ln /etc/passwd /tmp/x; echo x >/tmp/f; ln /tmp/f /var/tmp/f'
    [ "$status" != 0 ]
}
