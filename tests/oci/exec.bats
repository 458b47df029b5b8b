#!/usr/bin/env bats
# One more command in a container that runs, seen from inside and by who lies in wait there.

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

# up [FILTER...]: a container that runs until it is ended.
up() {
    bundle_make "$box" "$(bundle_args sleep 600)" "$@"
    oci create -b "$box" box </dev/null >"$BATS_TEST_TMPDIR/log" 2>&1 3>&-
    oci start box
}

inside() {
    run --separate-stderr oci exec box "$@"
}

first() {
    oci state box | jq .pid
}

# process_file FILTER: prints the name of a file with the container's process, changed.
process_file() {
    jq ".process | $1" "$box/config.json" >"$BATS_TEST_TMPDIR/process.json"
    echo "$BATS_TEST_TMPDIR/process.json"
}

binds='.mounts += ["/usr", "/lib", "/lib64" | {destination: ., source: ., type: "bind", options: ["rbind", "ro"]}]'

# What the runtime itself says is 255, as with runc: a command's own is seldom that.
@test "the exit status is passed on, and a signal's as a shell has it" {
    up
    inside false
    [ "$status" = 1 ]
    inside true
    [ "$status" = 0 ]
    inside sh -c 'exit 42'
    [ "$status" = 42 ]
    inside sh -c 'kill -TERM $$'
    [ "$status" = 143 ]
    inside echo "two  words" --not-an-option
    [ "$output" = "two  words --not-an-option" ]
}

@test "the command is in all namespaces of the container, and in its root" {
    up
    kinds='user mnt pid net ipc uts cgroup time'
    inside sh -c "for ns in $kinds; do readlink /proc/1/ns/\$ns; done"
    [ "$status" = 0 ]
    its=$output
    [ "$(wc -l <<<"$its")" = 8 ]
    inside sh -c "for ns in $kinds; do readlink /proc/self/ns/\$ns; done"
    [ "$output" = "$its" ]
    # control: they are not the caller's
    for ns in user mnt pid net ipc uts cgroup; do
        [[ $its != *"$(readlink "/proc/self/ns/$ns")"* ]]
    done
    inside sh -c 'pwd; ls / | grep -c .; hostname'
    [ "$output" = "/"$'\n'"$(($(find "$box/rootfs" -mindepth 1 -maxdepth 1 | wc -l)))"$'\n'box ]
}

@test "ids, capabilities, no_new_privs, groups and filters are the container's" {
    has_subids || skip "the machine lacks subordinate ids"
    up "$subids" '.process.user = {uid: 7, gid: 8, additionalGids: [9]}' \
        '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"],
            syscalls: [{names: ["mkdir"], action: "SCMP_ACT_ERRNO"}]}'
    inside sh -c 'grep -E "^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)" /proc/self/status'
    its=$output
    inside sh -c 'grep -E "^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)" /proc/1/status'
    [ "$output" = "$its" ]
    [[ $its == *"Seccomp:"?2* ]]
    inside mkdir /tmp/x
    [ "$status" = 1 ]
}

@test "--user, --additional-gids, --cwd, --env, --cap and --no-new-privs change it" {
    has_subids || skip "the machine lacks subordinate ids"
    up "$subids" '.process.noNewPrivileges = false'
    run oci exec --user 5:6 -g 9 --additional-gids 10 --cwd /tmp -e A=1 --env PATH=/bin:/x --env=A=2 box \
        sh -c 'id -u; id -g; id -G; pwd; echo $A $PATH $TERM; grep NoNewPrivs /proc/self/status'
    [ "$output" = $'5\n6\n6 9 10\n/tmp\n2 /bin:/x dumb\nNoNewPrivs:\t0' ]

    run oci exec --no-new-privs --cap CAP_SYS_CHROOT box grep -E 'NoNew|CapBnd|CapInh' /proc/self/status
    [ "$output" = $'CapInh:\t0000000000000000\nCapBnd:\t0000000020040420\nNoNewPrivs:\t1' ]
    inside grep CapBnd /proc/self/status
    [ "$output" = $'CapBnd:\t0000000020000420' ]

    run oci exec --cap CAP_OF_NOBODY box true
    [ "$status" = 0 ] && [[ $output == *CAP_OF_NOBODY*ignoring* ]]
}

@test "--user takes numbers alone, and never means root by mistake" {
    up
    for user in "" guest +1 -1 "1 " 0x1 4294967295 4294967296 1: :1 1:2:3; do
        run --separate-stderr oci exec --user "$user" box id -u
        [ "$status" = 255 ] && [ -z "$output" ]
        [[ $stderr == *--user* ]]
    done
    run oci exec --user 0:0 box id -u
    [ "$output" = 0 ]
}

@test "--process takes all from the file, and nothing beside it" {
    up
    file=$(process_file '.args = ["sh", "-c", "pwd; echo $A; umask"] | .cwd = "/tmp" | .env += ["A=file"] | .user.umask = 7')
    run oci exec --process "$file" box
    [ "$output" = $'/tmp\nfile\n0007' ]
    # what it leaves out is the container's
    file=$(process_file '{args: ["sh", "-c", "echo $TERM; grep CapBnd /proc/self/status"], cwd: "/", user: {uid: 0, gid: 0}}')
    run oci exec -p "$file" box
    [ "$output" = $'dumb\nCapBnd:\t0000000020000420' ]
    run oci exec --process "$file" --cwd /tmp box
    [ "$status" = 255 ] && [[ $output == *--cwd*--process* ]]
    run oci exec --process "$file" box true
    [ "$status" = 255 ]
    run oci exec box
    [ "$status" = 255 ] && [[ $output == *"no command"* ]]
}

@test "limits and priorities of the file are the command's" {
    up
    file=$(process_file '.args = ["sh", "-c", "ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj; grep Cpus_allowed_list /proc/self/status"] |
        .rlimits = [{type: "RLIMIT_NOFILE", soft: 33, hard: 44}] | .oomScoreAdj = 444 | .execCPUAffinity = {initial: "0", final: "0"}')
    run oci exec --process "$file" box
    [ "$output" = $'33\n44\n444\nCpus_allowed_list:\t0' ]
    inside cat /proc/self/oom_score_adj
    [ "$output" = "$(cat /proc/self/oom_score_adj)" ]
}

@test "what cannot be executed is said in the words that engines look for" {
    up
    inside no-such-command
    [ "$status" = 255 ] && [[ $stderr == *'executable file not found in $PATH'* ]]
    inside /no/such
    [ "$status" = 255 ] && [[ ${stderr,,} == *"no such file or directory"* ]]
    inside /etc/passwd
    [ "$status" = 255 ] && [[ ${stderr,,} == *"permission denied"* ]]
    inside sh -c 'ls -d /proc/[0-9]* | wc -l'
    [ "$output" = 4 ]
}

@test "the working directory is one of the container's, and is not made" {
    up
    exec 9</
    run oci exec --cwd /no/such box pwd
    [ "$status" = 255 ] && [[ $output == *"'/no/such'"* ]]
    for fd in 3 4 5 6 7 8 9 10 11 12 13 14; do
        run --separate-stderr oci exec --cwd "/proc/self/fd/$fd" box ls
        [ "$status" = 255 ] && [ -z "$output" ]
    done
    run oci exec --cwd tmp box pwd
    [ "$status" = 255 ]
}

@test "the streams are the caller's, and no other descriptor is there" {
    up
    run "$BASH" -c 'for fd in {3..30}; do eval "exec $fd</"; done; exec "$KELP_OCI" --root "$1" exec box sh -c "cd /proc/self/fd && echo *"' - "$(oci_root)"
    [ "$output" = "0 1 2 3" ]
    run "$BASH" -c 'for fd in {3..30}; do eval "exec $fd<&-"; done; exec 3<<<kept; exec "$KELP_OCI" --root "$1" exec --preserve-fds 1 box cat /proc/self/fd/3' - "$(oci_root)"
    [ "$output" = kept ]
    run "$BASH" -c 'exec 3<&-; exec "$KELP_OCI" --root "$1" exec --preserve-fds 1 box true' - "$(oci_root)"
    [ "$status" = 255 ] && [[ $output == *--preserve-fds* ]]
    [ "$(echo to and fro | oci exec box sh -c 'cat; echo err >&2' 2>"$BATS_TEST_TMPDIR/err")" = "to and fro" ]
    [ "$(cat "$BATS_TEST_TMPDIR/err")" = err ]
}

@test "--pid-file has the command's pid when exec ends, or when it was executed" {
    up
    file=$BATS_TEST_TMPDIR/pid
    oci exec --detach --pid-file "$file" box sleep 300 </dev/null 3>&-
    pid=$(cat "$file")
    [ "$(cat "/proc/$pid/comm")" = sleep ]
    [ "$(awk '/^NSpid/ { print NF }' "/proc/$pid/status")" = 3 ]
    [ "$(readlink "/proc/$pid/ns/pid")" = "$(readlink "/proc/$(first)/ns/pid")" ]

    run oci exec -d --pid-file /no/such/dir/pid box sleep 301
    [ "$status" = 255 ]
    inside sh -c 'ps -o args | grep -c "[s]leep 301"'
    [ "$output" = 0 ]
}

# Who waits for it collects its exit status: conmon and containerd's shim are subreapers.
@test "--detach leaves the command to the caller's subreaper" {
    command -v python3 >/dev/null || skip "the machine lacks python3"
    up
    run python3 -c '
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
exe, root, file = sys.argv[1:]
subprocess.run([exe, "--root", root, "exec", "-d", "--pid-file", file, "box", "sh", "-c", "exit 7"], check=True)
pid, status = os.waitpid(int(open(file).read()), 0)
print(os.waitstatus_to_exitcode(status))' "$KELP_OCI" "$(oci_root)" "$BATS_TEST_TMPDIR/pid"
    [ "$output" = 7 ]
}

@test "signals are forwarded to the command" {
    up
    for signal in TERM INT HUP USR1; do
        # no function: its own pid is wanted
        "$KELP_OCI" --root "$(oci_root)" exec box \
            sh -c "trap 'echo got; exit 3' $signal; echo ready; while :; do sleep 0.05; done" \
            >"$BATS_TEST_TMPDIR/out.$signal" 3>&- &
        wait_for grep -qs ready "$BATS_TEST_TMPDIR/out.$signal"
        kill -s "$signal" $!
        status=0
        wait $! || status=$?
        [ "$status" = 3 ]
        grep -q got "$BATS_TEST_TMPDIR/out.$signal"
    done
}

@test "a container that does not run is refused" {
    run oci exec none true
    [ "$status" = 255 ] && [[ $output == *"'none' does not exist"* ]]
    up
    kill -9 "$(first)"
    wait_for has_status box stopped
    run oci exec box true
    [ "$status" = 255 ] && [[ $output == *"not running"* ]]
}

@test "a created container can be entered" {
    bundle_make "$box" "$(bundle_args sleep 600)"
    oci create -b "$box" box </dev/null >"$BATS_TEST_TMPDIR/log" 2>&1 3>&-
    inside pwd
    [ "$output" = / ]
}

@test "a word that exec does not know is an error" {
    up
    run oci exec --no-such-option box true
    [ "$status" = 255 ] && [[ $output == *no-such-option* ]]
    run oci exec
    [ "$status" = 255 ]
}

# CVE-2016-9962, CVE-2019-5736: whoever is inside sees each process as soon as it is born there.
@test "nothing of the runtime can be seen or traced while a command is on its way" {
    [ -x /usr/bin/python3 ] || skip "the machine lacks python3"
    up "$binds" '.process.capabilities |= map_values(. + ["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE"])'
    cat >"$box/rootfs/watch.py" <<'PY'
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
seen, tries, caught = set(), 0, 0
known = set(os.listdir("/proc"))
print("up", flush=True)
while not os.path.exists("/tmp/stop"):
    for pid in os.listdir("/proc"):
        if not pid.isdigit() or pid in known:
            continue
        tries += 1
        base = "/proc/" + pid
        try:
            comm = open(base + "/comm").read().strip()
        except OSError:
            continue
        if not comm.startswith("kelp"):
            caught += comm == "sleep"
            continue
        for name in ("exe", "cwd", "root"):
            try:
                to = os.readlink(f"{base}/{name}")
                if open(base + "/comm").read().startswith("kelp"):
                    seen.add(f"{name} {to}")
            except OSError:
                pass
        for name in ("environ", "mem", "maps", "auxv"):
            try:
                if open(f"{base}/{name}", "rb").read(1) and open(base + "/comm").read().startswith("kelp"):
                    seen.add(name)
            except OSError:
                pass
        try:
            for fd in os.listdir(base + "/fd"):
                to = os.readlink(f"{base}/fd/{fd}")
                if open(base + "/comm").read().startswith("kelp"):
                    seen.add(f"fd {to}")
        except OSError:
            pass
        # PTRACE_SEIZE; whoever traced it lets go by ending
        child = os.fork()
        if child == 0:
            got = libc.ptrace(0x4206, int(pid), 0, 0) == 0
            os._exit(got and open(base + "/comm").read().startswith("kelp"))
        if os.waitpid(child, 0)[1]:
            seen.add("ptrace")
print(f"tries {tries > 0} control {caught > 0} seen {sorted(seen)}", flush=True)
PY
    oci exec box /usr/bin/python3 /watch.py >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    wait_for grep -qs up "$BATS_TEST_TMPDIR/out"
    for _ in {1..60}; do
        oci exec box sleep 0.01
    done
    oci exec box touch /tmp/stop
    wait $!
    cat "$BATS_TEST_TMPDIR/out"
    grep -qx "tries True control True seen \[\]" "$BATS_TEST_TMPDIR/out"
}
