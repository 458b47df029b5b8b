#!/usr/bin/env bats
# create, start, kill, delete and run, as engines call them.

# shellcheck disable=SC2016 # what is quoted is for an inner shell
# shellcheck disable=SC2154 # run sets output and stderr; bundle.bash has the filters

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/bundle

setup() {
    b=$BATS_TEST_TMPDIR/b
    pids=$BATS_TEST_TMPDIR/pid
}

teardown() {
    oci_end
}

# What is left when the container $1 is gone.
nothing_is_left() {
    [ "$(oci_status "$1")" = gone ]
    [ ! -e "$(oci_root)/$1" ]
}

# Whether process $1 is gone, but perhaps for who has to reap it.
has_ended() {
    ! grep -qv '^State:.Z' <(grep ^State: "/proc/$1/status" 2>/dev/null)
}

# Runs "$@" below a process that orphans come to, and says who the parent of the pid in $pids is then.
below_subreaper() {
    python3 - "$pids" "$@" <<'PY'
import ctypes, os, subprocess, sys

assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0
done = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL)
if done.returncode:
    sys.exit(done.returncode)
pid = int(open(sys.argv[1]).read())
stat = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
print("ours" if int(stat[1]) == os.getpid() else f"of {stat[1]}")
subprocess.run([sys.argv[2], *sys.argv[3:5], "start", sys.argv[-1]], check=True)
print("status", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
}

@test "a container is created, started, stopped and deleted" {
    bundle_make "$b" "$(bundle_sh 'echo here; exec sleep 100')"
    oci create -b "$b" --pid-file "$pids" box >out 3>&-
    has_status box created
    [ ! -s out ]
    [ "$(oci state box | jq -r '.pid, .bundle, .id')" = "$(cat "$pids")"$'\n'"$b"$'\nbox' ]
    oci start box
    has_status box running
    wait_for grep -q here out
    oci kill box KILL
    wait_for has_status box stopped
    [ "$(oci state box | jq .pid)" = 0 ]
    oci delete box
    nothing_is_left box
}

@test "run waits, passes on the exit status, and leaves nothing" {
    bundle_make "$b" "$(bundle_sh 'exit 7')"
    run -7 oci run -b "$b" box
    nothing_is_left box
    bundle_make "$b" "$(bundle_sh 'kill -KILL $$; sleep 1; exit 4')"
    # pid 1 cannot kill itself
    run -4 oci run -b "$b" box
    bundle_make "$b" "$(bundle_sh 'exec sh -c "ulimit -c 0; exit 0"')"
    run -0 oci run -b "$b" --keep box
    has_status box stopped
}

@test "run forwards signals" {
    bundle_make "$b" "$(bundle_sh 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done')"
    "$KELP_OCI" --root "$(oci_root)" run -b "$b" box >out 3>&- &
    pid=$!
    wait_for grep -q ready out
    kill -TERM "$pid"
    ended_with "$pid" 9
    nothing_is_left box
}

@test "run --detach comes back when the command runs" {
    bundle_make "$b" "$(bundle_args sleep 100)"
    oci run -b "$b" --detach --pid-file "$pids" box 3>&-
    has_status box running
    [ "$(cat "/proc/$(cat "$pids")/comm")" = sleep ]
    run -1 oci delete box
    [[ $output == *running* ]]
    oci delete --force box
    nothing_is_left box
    wait_for has_ended "$(cat "$pids")"
}

@test "the current directory is the bundle where none is given" {
    bundle_make "$b" "$(bundle_args echo here)"
    cd "$b"
    [ "$(oci run box)" = here ]
}

@test "the pid file has the number alone, and replaces what was there" {
    bundle_make "$b"
    echo something longer than any number >"$pids"
    oci create -b "$b" --pid-file "$pids" box 3>&-
    [ "$(od -An -c "$pids" | tr -d ' \n0-9')" = "" ]
    kill -0 "$(cat "$pids")"
    [ "$(ls -A "$BATS_TEST_TMPDIR")" = "$(printf 'b\noci\npid')" ]
}

@test "a pid file that cannot be written leaves no container" {
    bundle_make "$b"
    run -1 oci create -b "$b" --pid-file "$BATS_TEST_TMPDIR/none/pid" box
    [[ $output == *none/pid* ]]
    nothing_is_left box
}

@test "the first process is left to whoever reaps for the caller" {
    bundle_make "$b" "$(bundle_sh 'exit 5')"
    run -0 below_subreaper "$KELP_OCI" --root "$(oci_root)" create -b "$b" --pid-file "$pids" box
    [ "$output" = $'ours\nstatus 5' ]
}

@test "with subordinate ids it is, too" {
    has_subids || skip "the machine lacks subordinate ids"
    bundle_make "$b" "$subids" "$(bundle_sh 'exit $(($(wc -l </proc/self/uid_map) + $(id -u)))')"
    run -0 below_subreaper "$KELP_OCI" --root "$(oci_root)" create -b "$b" --pid-file "$pids" box
    [ "$output" = $'ours\nstatus 2' ]
}

@test "an id is used once" {
    bundle_make "$b"
    oci create -b "$b" box 3>&-
    run -1 oci create -b "$b" box
    [[ $output == *"'box'"*exists* ]]
    has_status box created
    for id in '' . .. a/b 'a b' "$(printf '%01100d' 0)"; do
        run -1 oci create -b "$b" -- "$id"
    done
}

@test "what cannot be started is said in the words that engines know" {
    bundle_make "$b" "$(bundle_args nobody-has-this)"
    run -1 oci create -b "$b" box
    [[ $output == *nobody-has-this* ]]
    [[ ${output,,} == *"executable file not found in"* || ${output,,} == *"no such file or directory"* ]]
    nothing_is_left box
    bundle_make "$b" "$(bundle_args /etc/passwd)"
    run -1 oci create -b "$b" box
    [[ ${output,,} == *"permission denied"* ]]
    nothing_is_left box
    bundle_make "$b" '.process.cwd = "/etc/passwd/at/all"'
    run -1 oci create -b "$b" box
    [[ $output == */etc/passwd/at/all* ]]
    nothing_is_left box
}

@test "only what was created can be started" {
    bundle_make "$b"
    run -1 oci start box
    [[ $output == *"container 'box' does not exist"* ]]
    oci create -b "$b" box 3>&-
    oci start box
    wait_for has_status box stopped
    run -1 oci start box
    [[ $output == *"cannot start a container that is stopped"* ]]
    bundle_make "$b" "$(bundle_args sleep 100)"
    oci run -b "$b" -d other 3>&-
    run -1 oci start other
    [[ $output == *"cannot start a container that is running"* ]]
}

@test "a created container can be killed and deleted" {
    bundle_make "$b"
    oci create -b "$b" --pid-file "$pids" one 3>&-
    oci kill one KILL
    wait_for has_status one stopped
    run -1 oci start one
    oci delete one
    oci create -b "$b" --pid-file "$pids" two 3>&-
    oci delete two
    nothing_is_left two
    wait_for has_ended "$(cat "$pids")"
    oci delete --force two
    run -1 oci delete two
}

@test "create killed at any time leaves no process, and delete --force the rest" {
    local pid rest i
    bundle_make "$b" "$(bundle_args sleep 1000)"
    for i in $(seq 1 40); do
        "$KELP_OCI" --root "$(oci_root)" create -b "$b" box >out 2>&1 3>&- &
        pid=$!
        sleep "$(awk -v i="$i" 'BEGIN { print i * 0.0003 }')"
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" || true
        oci delete --force box
        nothing_is_left box
    done
    no_processes_in() {
        rest=$(for pid in /proc/[0-9]*; do
            [ "$(readlink "$pid/root" 2>/dev/null)" != "$b/rootfs" ] || echo "$pid"
        done)
        [ -z "$rest" ] && ! pgrep -u "$(id -u)" -f "root $(oci_root) create"
    }
    wait_for no_processes_in
}

@test "descriptors are preserved as asked, and no others" {
    bundle_make "$b" "$(bundle_sh 'cat <&3; cat <&4; ls /proc/self/fd')"
    echo three >three
    echo four >four
    run -0 --separate-stderr oci run -b "$b" --preserve-fds 2 box 3<three 4<four 5</dev/null 9</dev/null
    [ "$output" = $'three\nfour\n0\n1\n2\n3\n4\n5' ]
    bundle_make "$b" "$(bundle_sh 'ls /proc/self/fd')"
    run -0 --separate-stderr oci run -b "$b" box 3<three 4<four
    [ "$output" = $'0\n1\n2\n3' ]
    run -1 oci run -b "$b" --preserve-fds 2 box 3<three 4<&-
    [[ $output == *preserve-fds* ]]
    nothing_is_left box
}

@test "sockets of a service manager are passed on" {
    bundle_make "$b" "$(bundle_sh 'cat <&3; echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES')"
    echo three >three
    LISTEN_FDS=1 LISTEN_PID=1 LISTEN_FDNAMES=web run -0 --separate-stderr oci run -b "$b" box 3<three
    [ "$output" = $'three\n1 1 web' ]
}

# Takes a terminal on the socket $1 and prints what comes from it.
take_terminal() {
    python3 - "$1" <<'PY'
import array, os, socket, sys

server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(sys.argv[1])
server.listen(1)
print("listening", flush=True)
sock, _ = server.accept()
data, ancillary, _, _ = sock.recvmsg(100, socket.CMSG_SPACE(4))
fd = array.array("i", ancillary[0][2])[0]
while True:
    try:
        more = os.read(fd, 1000)
    except OSError:
        break
    if not more:
        break
    sys.stdout.write(more.decode())
    sys.stdout.flush()
PY
}

@test "a terminal goes to the console socket" {
    bundle_make "$b" '.process.terminal = true' '.process.consoleSize = {height: 33, width: 99}' \
        "$(bundle_sh 'tty; stty size; ls -l /dev/console | cut -c1; echo hidden >/dev/console')"
    take_terminal "$BATS_TEST_TMPDIR/s" >out 3>&- &
    wait_for grep -q listening out
    oci create -b "$b" --console-socket "$BATS_TEST_TMPDIR/s" box 3>&-
    oci start box
    wait_for grep -q hidden out
    [ "$(tr -d '\r' <out)" = $'listening\n/dev/pts/0\n33 99\nc\nhidden' ]
}

@test "a terminal that nobody takes is refused" {
    bundle_make "$b" '.process.terminal = true'
    run -1 oci create -b "$b" box
    [[ $output == *terminal* ]]
    run -1 oci create -b "$b" --console-socket "$BATS_TEST_TMPDIR/none" box
    [[ $output == *none* ]]
    nothing_is_left box
    bundle_make "$b"
    run -1 oci create -b "$b" --console-socket "$BATS_TEST_TMPDIR/none" box
    [[ $output == *console-socket* ]]
}

# A filter with hooks of all kinds, each of which notes its kind, the status it hears and its mount namespace.
all_hooks() {
    jq -nr --arg log "$1" '
        def hook($kind): {path: "/bin/sh", args: ["sh", "-c",
            "read -r x; cat >/dev/null; echo \($kind) $(readlink /proc/self/ns/mnt) >>\($log)"]};
        def inner($kind): {path: "/bin/busybox", args: ["sh", "-c",
            "echo \($kind) $(readlink /proc/self/ns/mnt) >>/mnt/log"]};
        ".hooks = " + ({
            prestart: [hook("prestart"), hook("prestart2")], createRuntime: [hook("createRuntime")],
            createContainer: [hook("createContainer")], startContainer: [inner("startContainer")],
            poststart: [hook("poststart")], poststop: [hook("poststop")]} | tojson)'
}

@test "hooks run in their order and in their namespaces" {
    local log=$b/rootfs/mnt/log here
    here=$(readlink /proc/self/ns/mnt)
    bundle_make "$b" "$(all_hooks "$log")" "$(bundle_sh 'echo command $(readlink /proc/self/ns/mnt) >>/mnt/log; sleep 100')"
    oci create -b "$b" box 3>&-
    [ "$(cut -d' ' -f1 "$log" | paste -sd,)" = prestart,prestart2,createRuntime,createContainer ]
    oci start box
    wait_for grep -q command "$log"
    wait_for grep -q poststart "$log"
    oci kill box KILL
    wait_for has_status box stopped
    oci delete box
    [ "$(cut -d' ' -f1 "$log" | sort | paste -sd,)" = command,createContainer,createRuntime,poststart,poststop,prestart,prestart2,startContainer ]
    [ "$(grep -cF " $here" "$log")" = 5 ]
    [ "$(grep -E '^(createContainer|startContainer|command) ' "$log" | cut -d' ' -f2 | sort -u | wc -l)" = 1 ]
}

@test "hooks hear the state" {
    bundle_make "$b" '.annotations = {"a.b": "c"}' '.hooks = {
        createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "cat >'"$b"'/one"]}],
        createContainer: [{path: "/bin/sh", args: ["sh", "-c", "cat >'"$b"'/two; touch ./mnt/two"]}],
        poststart: [{path: "/bin/sh", args: ["sh", "-c", "cat >'"$b"'/three"]}],
        poststop: [{path: "/bin/sh", args: ["sh", "-c", "cat >'"$b"'/four"]}]}' "$(bundle_args sleep 100)"
    oci create -b "$b" --pid-file "$pids" box 3>&-
    oci start box
    oci delete --force box
    [ "$(jq -r '.status, .pid, .annotations["a.b"]' "$b/one" | paste -sd,)" = "created,$(cat "$pids"),c" ]
    # as it sees itself
    [ "$(jq -r '.status, .pid' "$b/two" | paste -sd,)" = created,1 ]
    # and where it begins
    [ -e "$b/rootfs/mnt/two" ]
    [ "$(jq -r '.status, .pid' "$b/three" | paste -sd,)" = "running,$(cat "$pids")" ]
    [ "$(jq -r .status "$b/four")" = stopped ]
}

@test "a hook that fails before the command ends the container, one behind it does not" {
    local kind
    for kind in prestart createRuntime createContainer; do
        bundle_make "$b" ".hooks = {$kind: [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"exit 3\"]}]}"
        run -1 oci create -b "$b" box
        [[ $output == *"hook ${kind}[0] '/bin/sh'"*3* ]]
        nothing_is_left box
    done
    bundle_make "$b" '.hooks = {startContainer: [{path: "/bin/busybox", args: ["false"]}]}' "$(bundle_args echo no)"
    run -1 oci run -b "$b" box
    [[ $output == *"hook startContainer[0] '/bin/busybox'"*1* ]]
    nothing_is_left box
    bundle_make "$b" '.hooks = {poststart: [{path: "/bin/false"}], poststop: [{path: "/bin/false"}]}' "$(bundle_args echo yes)"
    run -0 --separate-stderr oci run -b "$b" box
    [ "$output" = yes ]
    [[ $stderr == *poststart*poststop* ]]
}

@test "namespaces of others are joined" {
    local pid
    bundle_make "$b" "$(bundle_args sleep 1000)"
    oci run -b "$b" -d --pid-file "$pids" pod 3>&-
    pid=$(cat "$pids")
    ids() {
        (for ns in user net ipc uts pid mnt; do readlink "$1/$ns"; done) | paste -sd' '
    }
    bundle_make "$b" "$(bundle_sh 'for ns in user net ipc uts pid mnt; do readlink /proc/self/ns/$ns; done; hostname')" '
        del(.linux.uidMappings, .linux.gidMappings, .hostname) |
        .linux.namespaces = [
            {type: "mount"}, {type: "pid", path: "'/proc/"$pid"/ns/pid'"}, {type: "network", path: "'/proc/"$pid"/ns/net'"},
            {type: "ipc", path: "'/proc/"$pid"/ns/ipc'"}, {type: "uts", path: "'/proc/"$pid"/ns/uts'"},
            {type: "user", path: "'/proc/"$pid"/ns/user'"}]'
    run -0 --separate-stderr oci run -b "$b" member
    [ "$(head -n 5 <<<"$output")" = "$(for ns in user net ipc uts pid; do readlink "/proc/$pid/ns/$ns"; done)" ]
    [ "$(sed -n 6p <<<"$output")" != "$(readlink "/proc/$pid/ns/mnt")" ]
    [ "$(sed -n 7p <<<"$output")" = box ]
}

@test "a path must be a namespace of that kind" {
    bundle_make "$b" '.linux.namespaces |= map(if .type == "network" then .path = "/proc/self/ns/ipc" else . end)'
    run -1 oci run -b "$b" box
    [[ $output == *"linux.namespaces[3].path: '/proc/self/ns/ipc' is not a network namespace"* ]]
    nothing_is_left box
    bundle_make "$b" '.linux.namespaces |= map(if .type == "uts" then .path = "/etc/passwd" else . end)'
    run -1 oci run -b "$b" box
    [[ $output == *"linux.namespaces[5].path: '/etc/passwd' is not a uts namespace"* ]]
    bundle_make "$b" '.linux.namespaces |= map(if .type == "uts" then .path = "/not/there" else . end)'
    run -1 oci run -b "$b" box
    [[ $output == *"linux.namespaces[5].path"*"/not/there"* ]]
    nothing_is_left box
}

@test "the clock of a time namespace is set off" {
    [ -e /proc/self/ns/time ] || skip "the machine lacks time namespaces"
    local here
    bundle_make "$b" '.linux.namespaces += [{type: "time"}]' \
        '.linux.timeOffsets = {boottime: {secs: 1000000, nanosecs: 0}, monotonic: {secs: 5000, nanosecs: 1}}' \
        "$(bundle_sh 'cut -d. -f1 /proc/uptime; cat /proc/self/timens_offsets')"
    here=$(cut -d. -f1 /proc/uptime)
    run -0 --separate-stderr oci run -b "$b" box
    [ "${lines[0]}" -ge $((here + 1000000)) ]
    [ "$(sed -n 2,3p <<<"$output" | awk '{ print $1, $2, $3 }' | paste -sd,)" = "monotonic 5000 1,boottime 1000000 0" ]
}

@test "a config without a user namespace gets one for a normal user, who is told if he asks" {
    export OCI_DEBUG=1
    bundle_make "$b" "$no_user" "$(bundle_sh 'id -u; cat /proc/self/uid_map')"
    run -0 --separate-stderr oci run -b "$b" box
    [ "${lines[0]}" = 0 ]
    awk -v uid="$(id -u)" '$1 == 0 && $2 == uid && $3 == 1 { found = 1 } END { exit !found }' <<<"$output"
    says "user namespace"
}

@test "what others could have written of a container is not believed" {
    bundle_make "$b" "$(bundle_args sleep 100)"
    oci create -b "$b" box 3>&-
    chmod 0777 "$(oci_root)/box"
    run -1 --separate-stderr oci state box
    says "kelp-oci: container 'box' is not of this user, or others could write to it"
    run -1 oci delete --force box
    chmod 0700 "$(oci_root)/box"
    has_status box created
    oci delete --force box
    nothing_is_left box
}

@test "what waits for start has nothing of the environment that create had" {
    bundle_make "$b" "$(bundle_args sleep 100)"
    SECRET=canary-1 oci create -b "$b" --pid-file "$pids" box 3>&-
    run ! grep -q canary-1 "/proc/$(cat "$pids")/environ" "/proc/$(cat "$pids")/cmdline"
    head -c 1 "/proc/$(cat "$pids")/environ" >/dev/null
    # what has it shows it
    SECRET=canary-1 sleep 100 3>&- &
    grep -q canary-1 "/proc/$!/environ"
    kill "$!"
}

@test "as root of a user namespace none is made" {
    has_subids || skip "the machine lacks subordinate ids"
    bundle_make "$b" "$no_user" "$(bundle_sh 'readlink /proc/self/ns/user; id -u; id -G')" '.process.user.additionalGids = [5, 7]'
    run -0 --separate-stderr unshare --user --map-root-user --map-auto sh -c \
        'readlink /proc/self/ns/user; exec "$@"' sh "$KELP_OCI" --root "$(oci_root)" run -b "$b" box
    [ "${lines[0]}" = "${lines[1]}" ]
    [ "${lines[2]}" = 0 ]
    [ "${lines[3]}" = "0 5 7" ]
}

@test "root of a user namespace maps its ids by itself" {
    has_subids || skip "the machine lacks subordinate ids"
    bundle_make "$b" '.linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}, {containerID: 1, hostID: 3, size: 10}]' \
        '.linux.gidMappings = [{containerID: 0, hostID: 0, size: 1}, {containerID: 1, hostID: 4, size: 10}]' \
        "$(bundle_sh 'cat /proc/self/uid_map /proc/self/gid_map; id -G')" '.process.user.additionalGids = [3]' \
        '.mounts |= map(select(.destination == "/proc" or .destination == "/dev"))'
    run -0 --separate-stderr unshare --user --map-root-user --map-auto "$KELP_OCI" --root "$(oci_root)" run -b "$b" box || { echo "$stderr"; false; }
    [ "$(awk 'NR < 5 { print $1, $2, $3 }' <<<"$output" | paste -sd,)" = "0 0 1,1 3 10,0 0 1,1 4 10" ]
    [ "${lines[4]}" = "0 3" ]
}

@test "a bind of what the container's root may not reach is made by who may" {
    local closed=$BATS_TEST_TMPDIR/closed
    has_subids || skip "the machine lacks subordinate ids"
    chmod a+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$BATS_TEST_TMPDIR"
    mkdir -m 0700 "$closed"
    mkdir "$closed/in"
    echo text >"$closed/in/file"
    bundle_make "$b" '.linux.uidMappings = [{containerID: 0, hostID: 1, size: 10}] | .linux.gidMappings = .linux.uidMappings' \
        ".mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$closed/in\", options: [\"rbind\", \"ro\"]}]" \
        "$(bundle_sh 'cat /mnt/file; grep " /mnt " /proc/self/mountinfo; ! touch /mnt/other 2>/dev/null')"
    run -0 --separate-stderr unshare --user --map-root-user --map-auto --mount --propagation shared sh -c '
        chown -R 1:1 "$1/rootfs"
        "$KELP_OCI" --root "$2" run -b "$1" box
        status=$?
        chown -R 0:0 "$1/rootfs"
        exit $status' sh "$b" "$(oci_root)"
    [ "${lines[0]}" = text ]
    [[ ${lines[1]} == *" /mnt ro"* && ${lines[1]} != *shared:* ]]
    # the container's own rights do not do
    run -1 oci run -b "$b" box
}

@test "the first process of a container has nothing of the host" {
    bundle_make "$b"
    oci create -b "$b" --pid-file "$pids" box 3>&- 7</etc/passwd
    run -0 ls -l "/proc/$(cat "$pids")/fd"
    # beside the standard streams there is the socket alone on which it waits
    [ "$(grep -c ' -> ' <<<"$output")" = 4 ]
    [ "$(grep -c 'socket:' <<<"$output")" = 1 ]
    [ "$(stat -Lc %d:%i "/proc/$(cat "$pids")/root/")" = "$(stat -c %d:%i "$b/rootfs")" ]
    [ "$(wc -l <"/proc/$(cat "$pids")/mountinfo")" -lt 40 ]
    run ! grep -q " $HOME " "/proc/$(cat "$pids")/mountinfo"
}

@test "a service says that it is ready, and nothing else" {
    bundle_make "$b" "$(bundle_args nobody)"
    cat >"$b/say.py" <<'PY'
import os, socket, sys, time
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for text in (b"STATUS=loading", b"MAINPID=1\nREADY=1\nSTATUS=up"):
    sock.sendto(text, os.environ["NOTIFY_SOCKET"])
    time.sleep(0.1)
PY
    cat >listen.py <<'PY'
import socket, sys
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind(sys.argv[1])
print("listening", flush=True)
print(sock.recv(1000).decode(), flush=True)
PY
    export NOTIFY_SOCKET=$BATS_TEST_TMPDIR/service/socket
    mkdir "$BATS_TEST_TMPDIR/service"
    python3 listen.py "$NOTIFY_SOCKET" >heard 3>&- &
    wait_for grep -q listening heard
    # busybox has no datagrams of this kind
    bundle_edit "$b" '.process.args = ["/usr/bin/python3", "/mnt/say.py"] | .mounts += [
        (("/usr", "/lib", "/lib64") | select($there[.]) | {destination: ., source: ., type: "bind", options: ["rbind", "ro"]}),
        {destination: "/mnt", source: $b, type: "bind", options: ["bind", "ro"]}]' --arg b "$b" \
        --argjson there "$(for dir in /usr /lib /lib64; do [ ! -d $dir ] || echo "$dir"; done | jq -Rn '[inputs | {(.): true}] | add')"
    run -0 oci run -b "$b" box
    wait_for grep -qx READY=1 heard
    run ! grep -qE 'STATUS|MAINPID' heard
}

@test "without a network to wait for it works every time" {
    local i kind
    # the processes of a launch overtake each other then
    for kind in "$one_id" "$subids" "$no_user"; do
        [ "$kind" != "$subids" ] || has_subids || continue
        bundle_make "$b" "$kind" '.linux.namespaces |= map(select(.type != "network"))' "$(bundle_args echo here)"
        for i in $(seq 25); do
            run -0 --separate-stderr oci run -b "$b" box
            [ "$output" = here ]
        done
        bundle_edit "$b" '.mounts = [{destination: "/x", type: "nothing", source: "x"}]'
        for i in $(seq 10); do
            run -1 oci run -b "$b" box
            [[ $output == *"mounts[0]"*nothing* ]]
        done
    done
}
