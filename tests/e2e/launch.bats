#!/usr/bin/env bats
# What the processes of a launch hand to each other, and what becomes of them when it fails.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/escape

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

@test "a list of many mounts arrives whole" {
    # in a shell of its own: bats looks at each command of a test
    cat >many <<'SH'
name=a-name-that-is-long-enough-for-the-list-to-take-several-messages
for ((i = 0; i < 700; i++)); do
    mkdir -p "src/$name-$i"
    args+=(-v "$PWD/src/$name-$i:/mnt/$i:ro")
done
touch "src/$name-699/last"
exec "$KELP" run "${args[@]}" -- sh -c 'ls /mnt/699; ls /mnt | wc -l'
SH
    run -0 bash many
    [ "$output" = $'last\n700' ]
}

# Loops in a shell of their own: bats looks at each command of a test.
@test "a launch that fails on a source leaves no process" {
    local network
    for network in none host; do
        run -125 alone run --network $network -v "$PWD/absent:/mnt/x" -- true
        [[ $output == *absent* ]]
    done
    run -0 alone run -- true # control: this way it can succeed
}

@test "the reason of a failure in the root is the one that is told, every time" {
    mkdir -p rootfs/bin
    ln -s /tmp rootfs/proc
    run bash -c 'for i in $(seq 40); do "$KELP" run --network none ./rootfs /bin/sh 2>&1; done | sort | uniq -c'
    echo "$output"
    [[ $output == *40*"'/proc' of the image"* ]]
    [ ${#lines[@]} = 1 ]
}

@test "the payload may use every processor that kelp may" {
    local want
    want=$(grep Cpus_allowed_list /proc/self/status)
    run bash -c 'for i in $(seq 60); do "$KELP" run -- grep Cpus_allowed_list /proc/self/status; done | sort -u'
    [ "$output" = "$want" ]
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
        ls -A /mnt/a; ls -A /var/tmp; mv /tmp/in-tmp /var/tmp/; ls -A /var/tmp; ls -d /proc/0 2>&1; true'
    [ "$output" = $'in-a\nin-tmp\nls: cannot access \'/proc/0\': No such file or directory' ]
    run "$KELP" run -- sh -c 'echo x >/tmp/f; ln /tmp/f /var/tmp/f'
    [ "$status" != 0 ]
}

@test "whoever is in thousands of groups runs sandboxes, and finds them again" {
    has_subids || skip "the machine lacks subordinate ids of this user"
    mkdir -m 0700 "$BATS_TEST_TMPDIR/run"
    export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
    cat >many <<'SH'
[ "$(id -G | wc -w)" -ge 2000 ] &&
    "$KELP" run -- true && "$KELP" run -d --name crowd -- sleep 100 && "$KELP" exec crowd echo found
status=$?
"$KELP" stop -t 0 crowd
exit $status
SH
    run -0 unshare --user --map-auto --map-root-user setpriv --groups "$(seq -s, 1000 2999)" bash many
    [[ $output == *found* ]]
}
