#!/usr/bin/env bats
# podman's options, seen from inside a container of kelp-oci.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/engine

setup_file() {
    world_open_podman
}

teardown_file() {
    world_close
}

teardown() {
    remove_containers
}

# A container that is gone with its command: in $output what that says, without podman's warnings.
in_container() {
    run -0 --separate-stderr container --rm "$@"
    echo "$stderr"
}

# The mask NAME of /proc/self/status, which is in $output.
mask() {
    sed -n "s/^$1:[[:space:]]*0*//p" <<<"$output" | grep . || echo 0
}

@test "--userns keep-id: the user's own id, also where it is another one inside" {
    local id
    id=$(id -u)
    in_container --userns keep-id busybox sh -c 'id -u; touch /tmp/x; stat -c %u /tmp/x /bin; cat /proc/self/uid_map'
    [ "$(head -n 3 <<<"$output" | tr '\n' ' ')" = "$id $id 0 " ]
    [ "$(tail -n +4 <<<"$output" | awk '{ print $1, $2, $3 }')" = "0 1 $id"$'\n'"$id 0 1"$'\n'"$((id + 1)) $((id + 1)) $((65536 - id))" ]
    in_container --userns keep-id:uid=5,gid=6 busybox sh -c 'id -u; id -g; touch /tmp/x; stat -c %u:%g /tmp/x'
    [ "$output" = $'5\n6\n5:6' ]
    inside sh -c 'mkdir mine && touch mine/file'
    in_container --userns keep-id -v "$(world_path mine)":/mine busybox sh -c 'stat -c %u /mine/file; touch /mine/new'
    [ "$output" = "$id" ]
    [ "$(inside stat -c %u mine/new)" = 0 ]
    in_container --userns keep-id --pid host busybox true
}

@test "--userns nomap and auto" {
    in_container --userns nomap busybox cat /proc/self/uid_map
    [ "$(awk '{ print $1, $2, $3 }' <<<"$output")" = "0 1 65536" ]
    in_container --userns auto:size=1000 busybox cat /proc/self/uid_map
    [ "$(awk '{ print $1, $3 }' <<<"$output")" = "0 1000" ]
}

@test "--uidmap and --gidmap" {
    in_container --uidmap 0:100:1000 --gidmap 0:200:1000 busybox \
        sh -c 'cat /proc/self/uid_map /proc/self/gid_map; touch /x; stat -c %u:%g /x /bin'
    [ "$(awk '{ print $1, $2, $3 }' <<<"$output" | tr '\n' ' ')" = "0 100 1000 0 200 1000 0:0   0:0   " ]
}

@test "--user, --group-add, --umask, --workdir" {
    in_container --user bob busybox sh -c 'id -u; id -g; id -G'
    [ "$output" = $'1000\n1000\n1000 2000' ]
    in_container --user 1234:1235 --group-add 7 --group-add 8 busybox sh -c 'id -u; id -G'
    [ "$output" = $'1234\n1235 7 8' ]
    in_container --umask 0077 -w /home/bob busybox sh -c 'umask; pwd; touch /x; stat -c %a /x'
    [ "$output" = $'0077\n/home/bob\n600' ]
}

@test "--cap-add and --cap-drop: all five sets" {
    in_container --cap-drop all --cap-add net_raw,chown busybox cat /proc/self/status
    [ "$(mask CapEff) $(mask CapPrm) $(mask CapBnd) $(mask CapInh) $(mask CapAmb)" = "2001 2001 2001 0 0" ]
    in_container --cap-drop all --cap-add net_raw --user bob busybox cat /proc/self/status
    [ "$(mask CapEff) $(mask CapPrm) $(mask CapBnd) $(mask CapInh) $(mask CapAmb)" = "2000 2000 2000 2000 2000" ]
    in_container --user bob busybox cat /proc/self/status
    [ "$(mask CapEff) $(mask CapPrm) $(mask CapAmb)" = "0 0 0" ]
    [ "$(mask CapBnd)" != 0 ]
    in_container --cap-drop all busybox cat /proc/self/status
    [ "$(mask CapEff) $(mask CapPrm) $(mask CapBnd) $(mask CapInh) $(mask CapAmb)" = "0 0 0 0 0" ]
}

@test "--privileged: every capability, no filter, and mounts of its own" {
    in_container --privileged busybox sh -c 'cat /proc/self/status; mount -t tmpfs none /tmp && touch /tmp/x && echo mounted'
    [ "$(mask CapEff)" = 1ffffffffff ]
    [ "$(mask Seccomp)" = 0 ]
    [[ $output == *mounted ]]
    run -1 container --rm busybox mount -t tmpfs none /tmp
}

@test "--read-only, with and without what is temporary" {
    in_container --read-only busybox sh -c 'touch /x 2>/dev/null || echo no; for d in /tmp /run /dev/shm /var/tmp; do touch $d/x && echo $d; done'
    [ "$output" = $'no\n/tmp\n/run\n/dev/shm\n/var/tmp' ]
    in_container --read-only --read-only-tmpfs=false -v vol:/v busybox \
        sh -c 'touch /x 2>/dev/null || echo no; touch /tmp/x 2>/dev/null || echo no; touch /v/x && echo yes; touch /dev/x 2>/dev/null || echo dev'
    [[ $output == $'no\nno\nyes'* ]]
}

@test "--tmpfs: size, mode and flags" {
    run container --rm --tmpfs /t:size=1m,mode=1700,noexec busybox sh -c 'grep " /t " /proc/mounts; stat -c %a /t; cp /bin/busybox /t/'
    [[ $output == *noexec*size=1024k* && $output == *1700* && $output == *"No space left"* ]]
}

@test "--ulimit, and those of the caller" {
    in_container --ulimit nofile=100:200 --ulimit core=0 --ulimit nproc=999 busybox sh -c 'ulimit -n; ulimit -Hn; ulimit -c; grep processes /proc/self/limits | tr -s " "'
    [ "$output" = $'100\n200\n0\nMax processes 999 999 processes ' ]
    in_container --ulimit host busybox sh -c 'ulimit -Hn'
    [ "$output" = "$(inside bash -c 'ulimit -Hn')" ]
}

@test "--sysctl of the container's own namespaces, and none of the host's" {
    local ours
    ours=$(inside cat /proc/sys/kernel/shm_rmid_forced)
    in_container --sysctl net.ipv4.ip_default_ttl=7 --sysctl kernel.shm_rmid_forced=1 --sysctl net.ipv4.ping_group_range='0 1' \
        busybox cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ping_group_range
    [ "$output" = $'7\n1\n0\t1' ]
    [ "$(inside cat /proc/sys/kernel/shm_rmid_forced)" = "$ours" ]
    run -125 podman run --rm --network host --sysctl net.ipv4.ip_default_ttl=7 busybox true
    # read-only from inside
    run -1 container --rm busybox sh -c 'echo 9 >/proc/sys/net/ipv4/ip_default_ttl'
}

@test "--pid host and container, --ipc, --uts, --cgroupns" {
    local ns
    for ns in pid uts cgroupns; do
        in_container --"$ns" host busybox readlink "/proc/self/ns/${ns%ns}"
        [ "$output" = "$(inside readlink "/proc/self/ns/${ns%ns}")" ]
    done
    container -d --name first --ipc shareable --hostname first busybox sh -c 'touch /dev/shm/shared; sleep 100'
    wait_for podman exec first test -e /dev/shm/shared
    in_container --pid container:first --ipc container:first busybox sh -c 'ps | grep -c "[s]leep 100"; ls /dev/shm'
    [ "${lines[-1]}" = shared ]
    [ "${lines[0]}" -ge 1 ]
    podman rm -f -t 0 first
}

@test "--security-opt: filter, no_new_privs, masks" {
    in_container busybox cat /proc/self/status
    [ "$(mask Seccomp)" = 2 ]
    in_container --security-opt seccomp=unconfined --security-opt no-new-privileges busybox cat /proc/self/status
    [ "$(mask Seccomp) $(mask NoNewPrivs)" = "0 1" ]
    in_container busybox sh -c 'wc -c </proc/keys; ls /proc/acpi 2>/dev/null | wc -l; touch /proc/irq/x 2>/dev/null || echo no'
    [ "$output" = $'0\n0\nno' ]
    in_container --security-opt mask=/etc/group:/home busybox sh -c 'wc -c </etc/group; ls /home | wc -l'
    [ "$output" = $'0\n0' ]
    in_container --security-opt unmask=ALL busybox sh -c 'grep -c " /proc" /proc/mounts'
    [ "$output" = 1 ]
    in_container --security-opt label=disable --security-opt apparmor=unconfined busybox echo fine
    [ "$output" = fine ]
}

# A filter that gives mkdir an errno of its own, and ends who asks for another personality.
@test "--security-opt seccomp: a profile of the user's" {
    inside sh -c 'cat >profile.json' <<'END'
{ "defaultAction": "SCMP_ACT_ALLOW", "architectures": [ "SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64" ], "syscalls": [
  { "names": [ "mkdir", "mkdirat" ], "action": "SCMP_ACT_ERRNO", "errnoRet": 122 },
  { "names": [ "kill" ], "action": "SCMP_ACT_ERRNO", "errnoRet": 28, "args": [ { "index": 1, "value": 10, "op": "SCMP_CMP_EQ" } ] },
  { "names": [ "sethostname", "no_such_call" ], "action": "SCMP_ACT_KILL_PROCESS" } ] }
END
    run -0 --separate-stderr container --rm --security-opt seccomp="$(world_path profile.json)" busybox \
        sh -c 'mkdir /x 2>&1; kill -10 1 2>&1; kill -0 1 && echo yes; hostname x; echo $?'
    [[ $output == *"quota exceeded"*"No space left on device"*yes*159 ]]
}

@test "--init: a reaper that is none of the image's" {
    [ -x /usr/bin/catatonit ] || [ -x /usr/libexec/podman/catatonit ] || skip "the machine lacks catatonit"
    run -7 container --rm --init --init-path "$(inside sh -c 'command -v catatonit || echo /usr/libexec/podman/catatonit')" busybox \
        sh -c 'cat /proc/1/comm; exit 7'
    [ "$output" = podman-init ]
}

@test "--cgroups disabled, as containers.conf lets this runtime have it" {
    in_container --cgroups disabled busybox echo fine
    [ "$output" = fine ]
    container -d --cgroups disabled --name none busybox sleep 100
    podman exec none true
    podman rm -f -t 0 none
    inside ln -sf "$KELP_OCI" unknown
    run -125 podman --runtime "$(world_path unknown)" run --rm --cgroups disabled --network none busybox true
    [[ $output == *NoCgroups* ]]
}

@test "--device: of the host, by another name, and in a directory of its own" {
    in_container --device /dev/zero:/dev/sub/nought busybox sh -c 'head -c 4 /dev/sub/nought | wc -c; test -c /dev/sub/nought && echo device'
    [ "$output" = $'4\ndevice' ]
    in_container busybox sh -c 'cd /dev && for n in null zero full random urandom tty; do test -c $n || echo $n; done
        for n in fd stdin stdout stderr ptmx; do readlink $n; done'
    [ "$output" = $'/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx' ]
}

@test "--shm-size, --oom-score-adj, --env, --hostname, --tz, --entrypoint, --personality" {
    in_container --shm-size 2m --oom-score-adj 500 -e A='b c' --hostname name --entrypoint /bin/sh busybox \
        -c 'df -k /dev/shm | tail -n 1 | tr -s " " | cut -d" " -f2; cat /proc/self/oom_score_adj; echo "$A"; hostname; echo $container'
    [ "$output" = $'2048\n500\nb c\nname\npodman' ]
    [ "$(uname -m)" != x86_64 ] || {
        in_container --personality LINUX32 busybox uname -m
        [ "$output" = i686 ]
    }
    run -255 container --rm --timeout 1 busybox sleep 100
}

@test "--rootfs: a directory that is no image, and an overlay of it" {
    run -3 podman run --rm --network none --rootfs "$(world_path root)" sh -c 'id -u; exit 3'
    [ "$output" = 0 ]
    in_container --read-only --rootfs "$(world_path root)":O sh -c 'echo fine'
    [ "$output" = fine ]
}

@test "--mount with every propagation, and mounts in mounts" {
    local kind
    for kind in private rprivate slave rslave shared rshared; do
        in_container -v "$(world_path root)":/m:"$kind",ro busybox grep " /m " /proc/self/mountinfo
        [[ $output == *" /m ro"* ]]
        case $kind in
        *private) [[ $output != *shared:* && $output != *master:* ]] ;;
        *shared) [[ $output == *shared:* ]] ;;
        *slave) [[ $output != *shared:* ]] ;;
        esac
    done
    in_container -v "$(world_path root)":/m/a/b -v "$(world_path root)":/m/a/b/tmp/c:ro --tmpfs /m/a/b/home:notmpcopyup busybox \
        sh -c 'ls /m/a/b/tmp/c/bin/sh; touch /m/a/b/home/x && ls /m/a/b/home'
    [ "$output" = $'/m/a/b/tmp/c/bin/sh\nx' ]
}

@test "--systemd always: what it would find is there" {
    in_container --systemd always busybox sh -c 'for d in /run /run/lock /tmp /var/log/journal; do grep -q " $d tmpfs " /proc/mounts || echo "no $d"; done; echo $container'
    [ "$output" = podman ]
}
