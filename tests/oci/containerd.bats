#!/usr/bin/env bats
# containerd with kelp-oci as the runtime of its runc shim.  The daemon is root of a user namespace, as in
# its rootless set-up, of which Debian packages all but rootlesskit.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/engine

setup_file() {
    world_open -n
    # sockets of shims, and the streams of ctr, lie in /run/containerd
    inside mount -t tmpfs -o mode=0755 none /run
    inside bash -euc "$world_rootfs"
    inside sh -c 'mkdir cd && cat >cd/config.toml' <<END
version = 2
root = "$world/cd/root"
state = "$world/cd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt"]
[grpc]
address = "$world/cd/sock"
END
    inside sh -c 'containerd -c "$world/cd/config.toml" >cd/log 2>&1 &' 3>&- 4>&-
    wait_for ctr version >/dev/null 2>&1
    load_image
}

teardown_file() {
    world_close
}

teardown() {
    [ -n "${BATS_TEST_COMPLETED:-}" ] || inside tail -n 20 cd/log
}

# ctr passes on to the task any signal that it can.
ctr() {
    inside timeout -s KILL "$((30 * KELP_TEST_SLOW))" ctr -a "$world/cd/sock" "$@"
}

# An image as `docker save` writes it: one layer, and what names it.
load_image() {
    inside bash -euc '
        mkdir image
        tar -C root -c . >image/layer.tar
        id=$(sha256sum <image/layer.tar) id=${id%% *}
        printf "%s" "{\"architecture\": \"$(case $(uname -m) in aarch64) echo arm64 ;; *) echo amd64 ;; esac)\", \"os\": \"linux\", \"config\": {\"Env\": [\"PATH=/bin\"], \"Cmd\": [\"sh\"]}, \"rootfs\": {\"type\": \"layers\", \"diff_ids\": [\"sha256:$id\"]}}" >image/config.json
        printf "%s" "[{\"Config\": \"config.json\", \"RepoTags\": [\"localhost/busybox:latest\"], \"Layers\": [\"layer.tar\"]}]" >image/manifest.json
        tar -C image -c . >image.tar'
    ctr image import --snapshotter native image.tar >/dev/null
}

# ctr run; without a cgroup, which no user is given here.
ctr_run() {
    ctr run --runc-binary "$KELP_OCI" --cgroup '' --snapshotter native "$@"
}

begin() {
    ctr_run -d localhost/busybox:latest "$1" sleep 1000
}

end() {
    ctr task kill -s KILL "$1" || true
    wait_for stopped "$1"
    ctr task rm "$1" || true
    ctr container rm "$1"
}

stopped() {
    [[ $(ctr task ls) != *"$1 "*RUNNING* ]]
}

# ctr passes an end of its input on only when the task has been made by then.
@test "run: streams and status" {
    run -4 --separate-stderr ctr_run --rm localhost/busybox:latest one sh -c 'cat; echo wrong >&2; id -u; exit 4' \
        < <(echo in; sleep 1)
    [ "$output" = $'in\n0' ]
    [ "$stderr" = wrong ]
    run ctr_run --rm localhost/busybox:latest one /no/such
    [ "$status" != 0 ]
    # the shim finds the reason in the runtime's log
    [[ $output == *"OCI runtime create failed: "*"/no/such"*[Nn]"o such file or directory"* ]]
    run -0 ctr container ls -q
    [ "$output" = "" ]
}

# What a command prints last was seen lost where it ended at once, so this one stays a moment.
@test "run: another snapshotter, a directory for a root, options" {
    run -0 ctr run --rm --runc-binary "$KELP_OCI" --cgroup '' --rootfs "$world/root" two /bin/sh -c 'echo fine'
    [ "$output" = fine ]
    run -0 ctr_run --rm --read-only --env A=b --cwd /tmp --cap-drop CAP_CHOWN --mount type=bind,src="$world/root",dst=/m,options=rbind:ro \
        localhost/busybox:latest two sh -c 'pwd; echo $A; chown 1 /tmp 2>/dev/null || echo no; ls -d /m/bin; touch /x 2>/dev/null || echo no; grep -c : /proc/net/dev; grep Seccomp: /proc/self/status; sleep 0.3'
    [[ $output == $'/tmp\nb\nno\n/m/bin\nno\n1\nSeccomp:\t'* ]]
    run -0 ctr_run --rm --seccomp --net-host localhost/busybox:latest two grep Seccomp: /proc/self/status
    [ "$output" = $'Seccomp:\t2' ]
    run -0 on_terminal "ctr -a $world/cd/sock run --rm -t --runc-binary $KELP_OCI --cgroup '' --snapshotter native localhost/busybox:latest two sh -c 'tty; stty size'"
    [[ $output == */dev/pts/0* ]]
}

@test "tasks: exec, kill, and the list" {
    begin three
    run -0 ctr task ls
    grep -qE '^three +[0-9]+ +RUNNING' <<<"$output"
    run -3 --separate-stderr ctr task exec --exec-id a three sh -c 'echo in; echo err >&2; exit 3'
    [ "$output" = in ]
    [ "$stderr" = err ]
    run ctr task exec --exec-id b three /no/such
    [ "$status" != 0 ]
    [[ $output == *"/no/such"* ]]
    run -0 on_terminal "ctr -a $world/cd/sock task exec -t --exec-id c three tty"
    [[ $output == */dev/pts/0* ]]
    run -0 ctr task exec --exec-id d --user 1000 --cwd /tmp three sh -c 'id -u; pwd'
    [ "$output" = $'1000\n/tmp' ]
    ctr task kill -s KILL three
    wait_for stopped three
    run -0 ctr task ls
    grep -qE '^three +[0-9]+ +STOPPED' <<<"$output"
    run ctr task rm three
    ctr container rm three
}

@test "a signal that the command handles" {
    ctr_run -d localhost/busybox:latest four sh -c 'trap "exit 7" TERM; while :; do sleep 0.05; done'
    ctr task exec --exec-id a four true
    ctr task kill -s TERM four
    wait_for stopped four
    # the status that the shim has collected
    run ctr task rm four
    [[ $output == *"7"* ]]
    ctr container rm four
}

@test "pause and ps without a cgroup: a refusal that says so, or an answer" {
    begin five
    run ctr task pause five
    [ "$status" != 0 ]
    [[ $output == *"OCI runtime pause failed"*cgroup* ]]
    run -0 ctr task ls
    grep -qE '^five +[0-9]+ +RUNNING' <<<"$output"
    run ctr task ps five
    [[ $output == *cgroup* ]] || grep -qE '^[0-9]+' <<<"$(tail -n +2 <<<"$output")"
    end five
}

@test "several at once, and a daemon that comes back to them" {
    local i
    for i in 1 2 3; do begin "many-$i" & done
    wait
    [ "$(ctr task ls -q | grep -c many-)" = 3 ]
    inside pkill -x containerd
    wait_for_not inside pgrep -x containerd
    inside sh -c 'containerd -c "$world/cd/config.toml" >>cd/log 2>&1 &' 3>&- 4>&-
    wait_for ctr version >/dev/null 2>&1
    run -0 ctr task exec --exec-id again many-2 echo again
    [ "$output" = again ]
    for i in 1 2 3; do end "many-$i"; done
}

@test "nothing is left of them" {
    [ -z "$(ctr task ls -q)$(ctr container ls -q)" ]
    wait_for_not inside pgrep -f containerd-shim
    run -0 inside find /run/containerd/runc cd/state/io.containerd.runtime.v2.task -mindepth 2
    [ "$output" = "" ]
    run ! inside grep -F "$world/cd/state" /proc/mounts
}
