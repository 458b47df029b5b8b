#!/usr/bin/env bats
# What an image, or somebody who shares a directory with a container, does to lead the runtime out of the
# root: the names are those of the advisories behind design.md, section 7.
# shellcheck disable=SC2016,SC2154 # the shells of containers expand their own; filters of bundle.bash

bats_require_minimum_version 1.5.0

setup() {
    load ../lib/kelp
    load ../lib/bundle
    load ../lib/mounts
    cd "$BATS_TEST_TMPDIR" || return 1
    # what must stay as it is
    mkdir -p out/etc out/dev
    echo canary >out/etc/passwd
    out=$PWD/out
    up=../../../../../../../../../..
    bundle_make b
    root=$PWD/b/rootfs
    find out -exec stat -c '%n %a %s %Y %Z' {} + | sort >before
}

teardown() {
    oci_end
}

is_untouched() {
    find out -exec stat -c '%n %a %s %Y %Z' {} + | sort >after
    diff before after
}

# Puts a symlink to $2 in the place of $1 in the image.
link_in_image() {
    rm -rf "${root:?}/$1"
    ln -s "$2" "$root/$1"
}

@test "/proc and /sys that are symlinks are no places for kernel file systems (CVE-2019-19921)" {
    local name
    for name in proc sys; do
        for target in "$out" "$up$out" tmp /tmp nowhere; do
            link_in_image "$name" "$target"
            run -1 --separate-stderr box
            says "must be mounted on ordinary directory"
            says "at '/$name'"
        done
        rm "$root/$name"
        mkdir "$root/$name"
    done
    is_untouched
    [ ! -e "$root/nowhere" ]
}

@test "a /dev that is a symlink gets no devices, with and without a mount there (CVE-2026-47766)" {
    local target
    for target in "$out/dev" "$up$out/dev" etc /etc; do
        link_in_image dev "$target"
        run -1 --separate-stderr box
        says "'/dev' must be mounted on ordinary directory"
        run -1 --separate-stderr box 'del(.mounts[1, 2, 3, 4])'
        says "'/dev' must be mounted on ordinary directory"
        # one below it: the way there is resolved in the root, and the nodes are still refused
        run -1 --separate-stderr box 'del(.mounts[1, 2, 4])'
        says "'/dev' must be mounted on ordinary directory"
    done
    is_untouched
    [ ! -e "$root/etc/null" ]
}

@test "a place behind symlinks is in the root, wherever they point (CVE-2021-30465, CVE-2024-45310)" {
    mkdir vol
    echo volume >vol/mark
    ln -s "$out" "$root/absolute"
    ln -s "$up$out" "$root/relative"
    ln -s /absolute/../relative "$root/chain"
    ln -s /not/there "$root/dangling"
    ln -s dangling/../../../yet "$root/further"
    local place
    for place in absolute relative chain dangling further absolute/new relative/etc/sub chain/a/b dangling/x/y; do
        run -0 box "$(mount_at "/$place" bind "$PWD/vol" bind)" \
            "$(bundle_sh "cat /$place/mark; awk '\$5 ~ /mark|^.(proc|sys|dev)/ { next } { print \$5 }' /proc/self/mountinfo | tail -n 1")"
        echo "$place: $output"
        [ "${lines[0]}" = volume ]
        [[ ${lines[1]} == /* ]]
    done
    is_untouched
    # made where the symlinks lead to in the root
    [ -d "$root/not/there/x/y" ]
    [ -d "$root$out/new" ]
}

@test "a file in the place of a symlink, or of a device, makes nothing outside (CVE-2024-45310)" {
    echo file >file
    ln -s "$out/etc/passwd" "$root/etc/target"
    ln -s "$up$out/made" "$root/etc/target2"
    run -0 box "$(mount_at /etc/target bind "$PWD/file" bind)" "$(mount_at /etc/target2 bind "$PWD/file" bind)" \
        "$(bundle_args cat /etc/target /etc/target2)"
    [ "$output" = "$(printf 'file\nfile')" ]
    is_untouched
    ln -s "$out/made" "$root/tmp/pipe"
    run -1 --separate-stderr box '.linux.devices = [{path: "/tmp/zero", type: "c", major: 1, minor: 5}]'
    says "linux.devices[0]"
    box '.linux.devices = [{path: "/tmp/pipe", type: "p"}]' || true
    is_untouched
}

@test "loops, and links of /proc, are no way anywhere (CVE-2024-21626)" {
    ln -s loop2 "$root/loop1"
    ln -s loop1 "$root/loop2"
    local place
    for place in /loop1 /loop1/x /proc/1/root/x /proc/self/root /proc/self/cwd/x /proc/self/fd/3/x /proc/thread-self/root/x; do
        run -1 --separate-stderr box "$(mount_at "$place" tmpfs none)"
        says "mounts[6]: cannot mount 'tmpfs' at '$place'"
    done
    ln -s /proc/self/fd "$root/fds"
    run -1 --separate-stderr box "$(mount_at /fds/3/x tmpfs none)"
    says "mounts[6]"
    run -1 --separate-stderr box '.linux.maskedPaths = ["/proc/1/root/etc"]'
    says "linux.maskedPaths[0]"
    run -1 --separate-stderr box '.linux.maskedPaths = ["/loop1"]'
    says "linux.maskedPaths[0]: cannot mask '/loop1'"
    is_untouched
}

@test "only a null device masks a file, not what an image calls one (CVE-2025-31133)" {
    # no tmpfs on /dev: the image's own
    ln -s /proc/sys/kernel/core_pattern "$root/dev/null"
    run -1 --separate-stderr box 'del(.mounts[1, 2, 3, 4])'
    says "'/dev/null'"
    # a bind of a directory that has one, of which the runtime makes nothing
    mkdir dev
    echo fake >dev/null
    run -1 --separate-stderr box 'del(.mounts[2, 3, 4])' \
        ".mounts[1] = {destination: \"/dev\", type: \"bind\", source: \"$PWD/dev\", options: [\"bind\"]}" \
        '.linux.maskedPaths = ["/etc/passwd"]'
    says "linux.maskedPaths[0]: cannot mask '/etc/passwd': the container has no '/dev/null'"
    ln -sf /etc/group dev/null
    run -1 --separate-stderr box 'del(.mounts[2, 3, 4])' \
        ".mounts[1] = {destination: \"/dev\", type: \"bind\", source: \"$PWD/dev\", options: [\"bind\"]}" \
        '.linux.maskedPaths = ["/etc/passwd"]'
    says "linux.maskedPaths[0]"
    [ "$(ls dev)" = null ]
}

@test "sysctls go to the kernel, not to what is mounted in /proc (CVE-2025-52881)" {
    mkdir -p fake/ipv4
    touch fake/ipv4/ip_forward
    run -0 box "$(mount_at /proc/sys/net bind "$PWD/fake" bind)" '.linux.readonlyPaths = []' \
        '.linux.sysctl = {"net.ipv4.ip_forward": "1"}' "$(bundle_args cat /proc/sys/net/ipv4/ip_forward)" || true
    [ ! -s fake/ipv4/ip_forward ]
    # a /proc that is none at all
    mkdir -p none/sys/net/ipv4
    touch none/sys/net/ipv4/ip_forward
    box ".mounts[0] = {destination: \"/proc\", type: \"bind\", source: \"$PWD/none\", options: [\"bind\"]}" \
        '.linux.sysctl = {"net.ipv4.ip_forward": "1"}' '.linux.maskedPaths = []' || true
    [ ! -s none/sys/net/ipv4/ip_forward ]
}

@test "a terminal is mounted on no symlink (CVE-2025-52565)" {
    command -v script >/dev/null || skip "the machine lacks script(1)"
    ln -s "$up$out/etc/passwd" "$root/dev/console"
    bundle_make b 'del(.mounts[1, 3, 4])' '.process.terminal = true' "$(bundle_args cat /etc/passwd)"
    run script -qefc "$KELP_OCI --root $(oci_root) run --bundle b box" /dev/null
    [ "$status" != 0 ]
    is_untouched
    ln -sf /etc/passwd "$root/dev/console"
    run script -qefc "$KELP_OCI --root $(oci_root) run --bundle b box" /dev/null
    [ "$status" != 0 ]
    grep -q ^root: "$root/etc/passwd"
}

@test "nobody can trace what is about to become the command (CVE-2016-9962)" {
    command -v strace >/dev/null || skip "the machine lacks strace"
    bundle_make b
    strace -f -o trace -e trace=prctl,capset,close_range,execve "$KELP_OCI" --root "$(oci_root)" run --bundle b box
    # hidden, and for good, before it has no more rights than others
    awk -v pid="$(awk '/capset\(/ { print $1; exit }' trace)" '$1 == pid' trace |
        grep -o -e 'SUID_DUMP_[A-Z]*' -e 'capset(' | tail -n 2 >own
    cat own
    [ "$(cat own)" = "$(printf 'SUID_DUMP_DISABLE\ncapset(')" ]
}

@test "a name that is swapped while containers are made leads nowhere else (CVE-2021-30465)" {
    mkdir -p vol/dir vol2
    cat >swap.py <<'X'
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
while not os.path.exists("stop"):
    libc.renameat2(-100, b"vol/dir", -100, b"vol/link", 2)
X
    ln -s "$up$out" vol/link
    python3 swap.py &
    local swapper=$! i made=0 refused=0
    bundle_make b "$(mount_at /vol bind "$PWD/vol" bind)" "$(mount_at /vol/dir/sub tmpfs none)" \
        "$(mount_at /vol/dir/sub/x bind "$PWD/vol2" bind)" '.linux.maskedPaths += ["/vol/dir/sub"]' \
        "$(bundle_sh 'touch /vol/dir/sub/mark 2>/dev/null; true')"
    for ((i = 0; i < ${KELP_TEST_LONG:+10}60; i++)); do
        if oci run --bundle b box >said 2>&1; then
            made=$((made + 1))
        else
            refused=$((refused + 1))
            grep -q -e 'mounts\[' -e 'linux.maskedPaths' said
        fi
    done
    touch stop
    wait "$swapper"
    echo "$made made, $refused refused"
    [ $((made + refused)) = "$i" ]
    is_untouched
    # nothing that was mounted for a container is left
    run -1 grep -F "$PWD" /proc/self/mountinfo
}
