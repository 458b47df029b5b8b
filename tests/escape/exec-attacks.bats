#!/usr/bin/env bats
# A payload that lies in wait for kelp exec.  tests/escape/exec.tap has what the command itself can do.

# shellcheck disable=SC2016 # what is quoted is for the shell inside
# shellcheck disable=SC2154 # $dir is made by enter_workspace

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/attack

setup() {
    enter_workspace
    export XDG_RUNTIME_DIR=$dir/run XDG_DATA_HOME=$dir/data
    mkdir -m 0700 "$XDG_RUNTIME_DIR"
    echo CANARY-of-the-host >"$HOME/key"
}

teardown() {
    [ -z "${supervisor:-}" ] || kill -9 "$supervisor" 2>/dev/null || true
}

# sandbox ARG...: "kelp run --name box ARG...", which must say "up".
sandbox() {
    rm -f "$dir/log"
    "$KELP" run --name box "$@" >"$dir/log" 2>&1 </dev/null 3>&- &
    supervisor=$!
    wait_for grep -qsx up "$dir/log" || {
        cat "$dir/log"
        return 1
    }
}

# Ends what goes on until "stop" is there.
end_it() {
    local pid=$supervisor

    touch stop
    supervisor=
    wait "$pid"
}

# Looks at every process but those it knows, as fast as it can, for all that would show one of kelp on
# its way: its program, its descriptors, its memory, its arguments, its directories.
write_watcher() {
    cat >watch.py <<'PY'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
until = sys.argv[1]
seen = set()
tries = 0
known = set(sys.argv[2:]) | {str(os.getpid())}
print("up", flush=True)
while not os.path.exists(until):
    for pid in os.listdir("/proc"):
        if not pid.isdigit() or pid in known:
            continue
        base = "/proc/" + pid
        tries += 1
        for name in ("exe", "cwd", "root"):
            try:
                to = os.readlink(f"{base}/{name}")
                if "kelp" in to.rsplit("/", 1)[-1]:
                    seen.add(f"{name} {to}")
            except OSError:
                continue
        try:
            is_kelp = open(f"{base}/comm").read().startswith("kelp")
            words = open(f"{base}/cmdline", "rb").read()
            if b"run" in words.split(b"\0") or b"watch-me" in words:
                seen.add(f"arguments {words!r}")
        except OSError:
            continue
        if not is_kelp:
            continue
        for name in ("environ", "mem", "maps", "auxv", "syscall", "stack", "map_files", "fd", "ns"):
            try:
                path = f"{base}/{name}"
                if os.path.isdir(path):
                    for entry in os.listdir(path):
                        seen.add(f"{name} {os.readlink(f'{path}/{entry}')}")
                elif open(path, "rb").read(16):
                    seen.add(name)
            except OSError:
                continue
        # in a process of its own, whose end lets the other one go
        tracer = os.fork()
        if tracer == 0:
            os._exit(libc.ptrace(0x4206, int(pid), 0, 0) == 0)
        if os.waitpid(tracer, 0)[1] != 0:
            seen.add("ptrace")
        fd = libc.syscall(434, int(pid), 0)
        if fd >= 0 and libc.syscall(438, fd, 0, 0) >= 0:
            seen.add("pidfd_getfd")
        if fd >= 0:
            os.close(fd)
print(f"watched {tries}", *sorted(seen), sep="\n", flush=True)
PY
}

# What the watcher has written: that it is up, and how often it has tried.
has_seen_nothing() {
    cat "$dir/log"
    [ "$(grep -c . "$dir/log")" = 2 ] && [ "$(sed -n 's/^watched //p' "$dir/log")" -gt 20 ]
}

@test "a payload that watches sees nothing of a process that enters" {
    local i
    write_watcher
    sandbox -e MARK=watch-me -- python3 watch.py stop 1
    for ((i = 0; i < 100; i++)); do
        "$KELP" exec -e OTHER=watch-me box true || {
            cat "$dir/log"
            return 1
        }
    done
    end_it
    has_seen_nothing
}

@test "the control: the same watcher sees kelp outside" {
    local i
    write_watcher
    python3 watch.py stop >"$dir/log" 2>&1 3>&- &
    supervisor=$!
    for ((i = 0; i < 10; i++)); do
        "$KELP" run -- sleep 0.2
    done
    end_it || cat "$dir/log"
    cat "$dir/log"
    grep -q '^exe .*/kelp$' "$dir/log"
    grep -q '^arguments' "$dir/log"
    grep -q '^ptrace' "$dir/log"
}

# The number of a descriptor tells who has opened what by it: all are tried.
@test "a working directory that leads to descriptors leads nowhere" {
    local fd
    sandbox -- sh -c 'ln -s /proc/self/fd links; echo up; exec sleep 300'
    for ((fd = 0; fd < 30; fd++)); do
        run "$KELP" exec -w "$PWD/links/$fd" box sh -c 'cat ../home/key home/key key; ls -a ..' 9</ 8<"$HOME"
        [[ $output != *CANARY* ]]
        run "$KELP" exec -w "/proc/self/fd/$fd/../.." box cat "$HOME/key"
        [[ $output != *CANARY* ]]
    done
    # the control: as a link it is followed
    ln -s /tmp to-tmp
    run -0 "$KELP" exec -w "$PWD/to-tmp" box pwd -P
    [ "$output" = /tmp ]
}

@test "a command that is a link to who executes it is none, and kelp is the same afterwards" {
    local before name
    cp "$KELP" "$dir/kelp"
    mkdir -p "$dir/rootfs"
    make_rootfs "$dir/rootfs"
    for name in exe:exe fd3:fd/3 fd4:fd/4 fd5:fd/5 fd6:fd/6 fd7:fd/7 fd8:fd/8; do
        ln -s "/proc/self/${name#*:}" "$dir/rootfs/to-${name%:*}"
    done
    mkdir "$dir/rootfs/links"
    ln -s /proc/self/cwd/bin/busybox "$dir/rootfs/links/echo"
    KELP=$dir/kelp sandbox --network none --userns single "$dir/rootfs" sh -c 'echo up; exec sleep 300'
    before=$(sha256sum <"$dir/kelp" && stat -c '%a %u %g %s %Y %Z %h' "$dir/kelp")
    for name in exe fd3 fd4 fd5 fd6 fd7 fd8; do
        run ! "$dir/kelp" exec box "/to-$name" version
        echo "$name: $status $output"
        [ "$status" = 126 ] || [ "$status" = 127 ]
        [[ $output == "kelp: cannot execute '/to-$name'"* ]]
    done
    # the control: a link of that kind that leads to a program of the image is executed
    run -0 "$dir/kelp" exec -w / box /links/echo ran
    [ "$output" = ran ]
    [ "$(sha256sum <"$dir/kelp" && stat -c '%a %u %g %s %Y %Z %h' "$dir/kelp")" = "$before" ]
}

@test "what the payload plants in its environment and libraries is none of the command's" {
    sandbox -- sh -c 'export LD_PRELOAD=$PWD/evil.so LD_LIBRARY_PATH=$PWD PATH=$PWD EVIL=1
        printf "#!/bin/sh\necho CANARY\n" >true; chmod +x true; echo up; exec /bin/sleep 300'
    run -0 "$KELP" exec box sh -c 'true; env'
    [[ $output != *CANARY* && $output != *EVIL* && $output != *LD_* ]]
}

@test "root of an image that rewrites its passwd and moves its directories gains nothing" {
    mkdir -p "$dir/rootfs" "$dir/data-dir/in"
    make_rootfs "$dir/rootfs"
    cp "$PROBE" "$dir/rootfs/probe"
    sandbox --network none --userns single --cap-drop ALL -v "$dir/data-dir:/mnt/d" "$dir/rootfs" sh -c '
        mkdir -p /new; mv /mnt /old; ln -s / /new/d; ln -s /new /mnt
        echo "root:x:0:0:root:/proc/1/root:/proc/self/exe" >/etc/passwd
        echo "who:x:77:77::/:" >>/etc/passwd
        rm -rf /etc/group; mkfifo /etc/group; echo up; exec sleep 300'
    run -0 timeout 20 "$KELP" exec box sh -c 'id -u; grep -E "^(Cap(Prm|Eff|Bnd)|NoNewPrivs|Seccomp):" /proc/self/status'
    [ "${lines[0]}" = 0 ]
    [[ ${lines[1]}${lines[2]}${lines[3]} =~ ^(Cap...:.0000000000000000){3}$ ]]
    [[ ${lines[4]} == NoNewPrivs:*1 && ${lines[5]} == Seccomp:*2 ]]
    # an id without one on the host, and a file that never ends, are refused
    run -125 timeout 20 "$KELP" exec -u who box true
    [[ $output == *"has no id on the host"* ]]
    run -125 timeout 20 "$KELP" exec -u 0:grp box true
    [[ $output == *"'/etc/group' of the sandbox is not a regular file"* ]]
}

@test "a volume that the payload has moved away keeps nobody out, and is what it was" {
    mkdir -p "$dir/rootfs" "$dir/data-dir"
    make_rootfs "$dir/rootfs"
    sandbox --network none --userns single -v "$dir/data-dir:/mnt/d" "$dir/rootfs" sh -c '
        mv /mnt /old && mkdir /mnt && ln -s /proc /mnt/d; echo up; exec sleep 300'
    run -0 "$KELP" exec box sh -c 'echo in >/old/d/file && cat /old/d/file'
    [ "$output" = in ]
    [ "$(cat "$dir/data-dir/file")" = in ]
}

@test "a command of kelp exec and the payload cannot signal or trace each other" {
    sandbox -- sh -c 'echo up; while :; do for p in /proc/[0-9]*; do p=${p#/proc/}
        [ "$p" -le 2 ] || ! grep -q "^sleep.777" "/proc/$p/cmdline" 2>/dev/null || kill -9 "$p"; done; done' 2>/dev/null
    run timeout 3 "$KELP" exec box sleep 777
    [ "$status" = 124 ]
    run -1 "$KELP" exec box sh -c 'kill -9 2'
    [[ $output == *"not permitted"* ]]
}

# An image in which python runs, and all that "kelp run" takes for one; "stop" in this directory ends
# the watcher.
python_image() {
    make_rootfs "$dir/rootfs"
    ln -s usr/lib "$dir/rootfs/lib"
    ln -s usr/lib64 "$dir/rootfs/lib64"
    # shellcheck disable=SC2034 # for the test
    image=(--network none --userns single -v /usr:/usr:ro -v "$PWD:/w" -w /w "$dir/rootfs")
}

@test "nor does root of an image with every capability that can be had" {
    local i image
    write_watcher
    python_image
    sandbox --cap-add ALL -e MARK=watch-me "${image[@]}" /usr/bin/python3 watch.py stop 1
    for ((i = 0; i < 50; i++)); do
        "$KELP" exec -e OTHER=watch-me box true
    done
    # what it can do to one of its own: it is root, with the means
    run -0 "$KELP" exec box grep CapEff /proc/self/status
    [[ $output != *0000000000000000 ]]
    end_it
    has_seen_nothing
}

# Signals reach other commands where the kernel has no scopes for them.
has_signal_scope() {
    sandbox -- sh -c 'echo up; exec sleep 300'
    ! "$KELP" exec box kill -0 2 2>/dev/null || return 1
    kill -9 "$supervisor"
    wait "$supervisor" || true
}

@test "a payload that kills and stops all that is new hits nobody" {
    local i
    has_signal_scope || skip "the machine lacks scopes of Landlock for signals"
    cat >hunt.py <<'PY'
import os, signal, time
own = {"1", str(os.getpid())}
print("up", flush=True)
while not os.path.exists("stop"):
    for pid in os.listdir("/proc"):
        if not pid.isdigit() or pid in own:
            continue
        for number in (signal.SIGSTOP, signal.SIGKILL):
            try:
                os.kill(int(pid), number)
                print("hit", flush=True)
            except OSError:
                pass
    # numbers that are not listed yet, and groups
    for pid in range(2, 400):
        for target in (pid, -pid):
            if str(pid) in own or target == -os.getpgrp():
                continue
            try:
                os.kill(target, signal.SIGKILL)
                print("hit", flush=True)
            except OSError:
                pass
PY
    sandbox -- python3 hunt.py
    for ((i = 0; i < 10; i++)); do
        [ "$(timeout 20 "$KELP" exec box echo in)" = in ]
    done
    end_it
    [ "$(cat "$dir/log")" = up ]
}

@test "a payload that floods pid 1 with orphans keeps nobody out" {
    local i
    cat >flood.py <<'PY'
import os
print("up", flush=True)
while not os.path.exists("stop"):
    # as many as pid 1 has not reaped yet, and no more than may be: at its limit it would keep itself out
    if len(os.listdir("/proc")) > 300:
        continue
    first = os.fork()
    if first == 0:
        for _ in range(20):
            if os.fork() == 0:
                os._exit(0)
        os._exit(0)
    os.waitpid(first, 0)
PY
    sandbox --ulimit nproc=500 -- python3 flood.py
    for ((i = 0; i < 20; i++)); do
        [ "$(timeout 20 "$KELP" exec box echo in)" = in ]
    done
    end_it
}

@test "a shell that the payload has planted is as confined as what it replaces" {
    local facts fingerprint
    mapfile -t facts < <(ns_facts)
    make_rootfs "$dir/rootfs"
    sandbox --network none --userns single "$dir/rootfs" sh -c '
        cp /probe /planted; mv /planted /bin/sh; echo up; exec sleep 300'
    fingerprint=$("$KELP" exec box /probe fingerprint "${facts[@]}")
    [ "$(wc -l <<<"$fingerprint")" -gt 60 ]
    [ "$("$KELP" exec box sh fingerprint "${facts[@]}")" = "$fingerprint" ]
}

@test "no memory of the command's, nor of who enters, is left in a file" {
    local joiner most
    most=$(ulimit -Hc)
    ulimit -Sc "$most"
    sandbox -- sh -c 'echo up; cat /proc/self/oom_score_adj; exec sleep 300'
    run -139 "$KELP" exec box sh -c 'ulimit -c unlimited 2>/dev/null; kill -SEGV $$'
    "$KELP" exec box sleep 300 >out 2>&1 3>&- &
    client=$!
    until joiner=$(pgrep -P "$supervisor" -x kelp-exec); do sleep 0.02; done
    # while it watches: before, it has no name
    kill -SEGV "$joiner"
    wait "$client" && false
    cat out
    run -0 find "$dir" -name 'core*'
    [ -z "$output" ]
    # the control: here a program that dies so leaves one, where this machine has it so
    if [ "$(cat /proc/sys/kernel/core_pattern)" = core ] && [ "$most" != 0 ]; then
        sh -c 'kill -SEGV $$' || true
        ls core*
    fi
    # nor is it spared, or taken, before the payload when memory is short
    run -0 "$KELP" exec box cat /proc/self/oom_score_adj
    [ "$output" = "$(sed -n 2p "$dir/log")" ]
}
