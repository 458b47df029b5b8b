#!/usr/bin/env bats
# The root of a container around its mounts: propagation, what is masked and read-only, devices, sysctls.
# shellcheck disable=SC2016,SC2154 # the shells of containers expand their own; filters of bundle.bash

bats_require_minimum_version 1.5.0

setup() {
    load ../lib/kelp
    load ../lib/bundle
    load ../lib/mounts
    cd "$BATS_TEST_TMPDIR" || return 1
}

teardown() {
    oci_end
}

mounter='.process.capabilities |= with_entries(.value += ["CAP_SYS_ADMIN"])'

# A root with propagation $1 in which something is mounted behind a copy of it: is it seen in the copy?
seen_in_copy() {
    box "$mounter" ".linux.rootfsPropagation = \"$1\"" "$(bundle_sh '
        mount -o bind / /mnt || { echo no copy; exit; }
        mkdir -p /home/x; mount -o bind /bin /home/x; ls /mnt/home/x | grep -c "^sh$"')"
}

@test "rootfsPropagation: each of the four words, seen inside" {
    [ "$(seen_in_copy shared)" = 1 ]
    [ "$(seen_in_copy rshared)" = 1 ]
    [ "$(seen_in_copy slave)" = 0 ]
    [ "$(seen_in_copy rslave)" = 0 ]
    [ "$(seen_in_copy private)" = 0 ]
    [ "$(seen_in_copy rprivate)" = 0 ]
    [ "$(seen_in_copy unbindable)" = "no copy" ]
    [ "$(seen_in_copy runbindable)" = "no copy" ]
}

# Starts a container with the bind $1 (its words) of "src", changed by filter $2; mounts something on src/out,
# lets the container mount on src/in and says who sees what: "in" and "out" of the other.
both_sides() {
    WORD=$1 FILTER=$2 MOUNTER=$mounter nested shared 'mkdir src; mount -t tmpfs none src; mkdir src/in src/out
        box "$no_user" "$(mount_at /src bind "$PWD/src" rbind "$WORD")" "$FILTER" "$MOUNTER" "$(bundle_sh "
            mount -t tmpfs none /src/in && touch /src/in/mark /src/ready
            until [ -e /src/go ]; do sleep 0.02; done; ls /src/out; touch /src/done
            until [ -e /src/end ]; do sleep 0.02; done")" >seen &
        wait_for test -e src/ready
        mount -t tmpfs none src/out; touch src/out/out
        touch src/go; wait_for test -e src/done
        ls src/in >outside; touch src/end; wait
        { cat seen; sed s/mark/in/ outside; } | tr "\n" " "'
    rmdir src
}

@test "propagation to and from the host, as the words of a bind and of the root say" {
    [ "$(both_sides rprivate .)" = "" ]
    [ "$(both_sides rslave '.linux.rootfsPropagation = "rslave"')" = "out " ]
    [ "$(both_sides rshared '.linux.rootfsPropagation = "rshared"')" = "out in " ]
    # without a word of the root's, nothing of the host's is shared with it
    [ "$(both_sides rshared .)" = "" ]
}

@test "what is mounted for a container is mounted nowhere else" {
    nested shared 'cat /proc/self/mountinfo >before
        box "$no_user" "$(mount_at /a tmpfs none)" ".linux.rootfsPropagation = \"rslave\""
        run -1 box "$no_user" "$(mount_at /a tmpfs none)" "$(mount_at /b nofs none)" || true
        cat /proc/self/mountinfo >after' || true
    cmp before after
}

masking='.linux.maskedPaths = ["/proc/keys", "/etc/passwd", "/secret", "/secret/below", "/link", "/etc/passwd/x", "/none"]'

@test "masked: files have nothing in them, directories nothing below, nothing can be put there" {
    bundle_make b
    mkdir -p b/rootfs/secret/below b/rootfs/usr/real
    touch b/rootfs/secret/key b/rootfs/usr/real/key
    ln -s /usr/real b/rootfs/link
    local look='wc -c </etc/passwd; wc -c </proc/keys; ls -A /secret /usr/real | grep -c key
        touch /secret/new 2>/dev/null && echo new; echo x 2>/dev/null >/etc/passwd; rm -f /etc/passwd 2>/dev/null && echo gone
        stat -c %t:%T /etc/passwd; grep -c -e " /secret ro," -e " /usr/real ro," -e " /proc/keys ro," /proc/self/mountinfo; true'

    run -0 box "$masking" "$(bundle_sh "$look")"
    [ "$output" = "$(printf '%s\n' 0 0 0 1:3 3)" ]
    [ -e b/rootfs/secret/key ]
    [ -s b/rootfs/etc/passwd ]
    # without it all of that is there
    run -0 box '.linux.maskedPaths = []' "$(bundle_sh "$look")"
    [ "${lines[0]}" -gt 0 ]
    [ "${lines[2]}" = 2 ]
    [ "${lines[3]}" = new ]
}

@test "masks of a config are over what a mount of it brings" {
    mkdir -p v/d
    echo secret >v/f
    echo secret >v/d/f
    run -0 box "$(mount_at /v bind "$PWD/v" bind)" '.linux.maskedPaths = ["/v/f", "/v/d"]' \
        "$(bundle_sh 'cat /v/f; ls -A /v/d')"
    [ "$output" = "" ]
    [ "$(cat v/f v/d/f)" = "$(printf 'secret\nsecret')" ]
}

@test "read-only paths, with what is mounted below" {
    run -0 box "$(mount_at /etc/m tmpfs none)" '.linux.readonlyPaths = ["/proc/sys", "/etc", "/bin/busybox", "/none", "/etc/passwd/x"]' \
        "$(bundle_sh 'for f in /etc/x /etc/m/x /bin/busybox /proc/sys/kernel/sem; do
            { echo 1 >>$f; } 2>/dev/null && echo WRITTEN $f; done; touch /bin/new && ls /etc/passwd /proc/self/exe')"
    [ "$output" = "$(printf '%s\n' /etc/passwd /proc/self/exe)" ]
    run -0 box '.linux.readonlyPaths = []' "$(bundle_sh 'touch /etc/x && echo WRITTEN')"
    [ "$output" = WRITTEN ]
}

@test "a read-only root has writable mounts" {
    run -0 box '.root.readonly = true' "$(mount_at /made/here tmpfs none)" "$(mount_at /ro tmpfs none ro)" \
        "$(bundle_sh 'touch /x 2>/dev/null && echo WRITTEN; touch /ro/x 2>/dev/null && echo WRITTEN
            touch /made/here/x /dev/shm/x && awk "\$5 == \"/\" { print \$6 }" /proc/self/mountinfo')"
    [[ $output == ro,* ]]
    [ "${#lines[@]}" = 1 ]
    run -0 box '.root.readonly = false' "$(bundle_args touch /x)"
    [ -e b/rootfs/x ]
}

@test "what is in /dev: the nodes that every container has, and links" {
    local host
    host=$(stat -c '%t:%T %n' /dev/full /dev/null /dev/random /dev/tty /dev/urandom /dev/zero)
    run -0 box "$(bundle_sh 'stat -c "%t:%T %n" /dev/full /dev/null /dev/random /dev/tty /dev/urandom /dev/zero
        for l in core fd ptmx stderr stdin stdout; do readlink /dev/$l; done; ls /dev | tr "\n" " "
        echo x >/dev/null; head -c 1 /dev/zero | wc -c; echo x 2>/dev/null >/dev/full || echo full; head -c 3 /dev/urandom | wc -c')"
    [ "$(head -n 6 <<<"$output")" = "$host" ]
    [ "$(sed -n 7,12p <<<"$output" | tr '\n' ' ')" = "/proc/kcore /proc/self/fd pts/ptmx /proc/self/fd/2 /proc/self/fd/0 /proc/self/fd/1 " ]
    [ "$(sed -n 13p <<<"$output")" = "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero 1" ]
    [ "$(tail -n 2 <<<"$output")" = "$(printf 'full\n3')" ]
    # the same where /dev is the image's own, which is left with no more than places for mounts
    run -0 box 'del(.mounts[1, 2, 3, 4])' "$(bundle_sh 'stat -c "%t:%T %n" /dev/null; echo x >/dev/null; ls -A /dev | wc -l')"
    [ "$output" = "$(printf '%s\n' '1:3 /dev/null' 12)" ]
    [ -f b/rootfs/dev/null ]
    [ ! -s b/rootfs/dev/null ]
}

@test "a bind of the host's /dev stays what it is" {
    local before
    before=$(ls -A /dev)
    run -0 box 'del(.mounts[2, 3, 4])' '.mounts[1] = {destination: "/dev", type: "bind", source: "/dev", options: ["rbind"]}' \
        "$(bundle_args stat -c %t:%T /dev/null /proc/keys)"
    [ "$output" = "$(printf '1:3\n1:3')" ]
    [ "$(ls -A /dev)" = "$before" ]
}

device() {
    jq -nr --arg path "$1" --arg type "$2" --argjson major "$3" --argjson minor "$4" '".linux.devices += [" +
        ({path: $path, type: $type, major: $major, minor: $minor} | tojson) + "]"'
}

@test "linux.devices: a ptmx is that of the container's own devpts" {
    [ "$(box '.linux.devices = [{path: "/dev/ptmx", type: "c", major: 5, minor: 2}]' "$(bundle_args readlink /dev/ptmx)")" = pts/ptmx ]
}

@test "linux.devices: the host's node of that name, if it is that device" {
    run -0 box "$(device /dev/zero c 1 5)" "$(device /dev/deep/pipe p 0 0)" "$(device /pipe p 0 0)" \
        "$(bundle_sh 'stat -c %t:%T /dev/zero; test -p /dev/deep/pipe && test -p /pipe && echo pipes')"
    [ "$output" = "$(printf '1:5\npipes')" ]
    run -1 --separate-stderr box "$(device /dev/zero c 1 9)"
    says "linux.devices[0]: cannot add the device '/dev/zero'"
    says "another device than c 1:9"
    run -1 --separate-stderr box "$(device /dev/none c 1 3)"
    says "linux.devices[0]: cannot add the device '/dev/none'"
    says "No such file or directory"
    run -1 --separate-stderr box "$(device /dev/null b 1 3)"
    says "another device than b 1:3"
}

@test "sysctls: the container's own" {
    local host
    host=$(cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/sem)
    run -0 box '.linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.sem": "10 20 30 40", "net.ipv4.ping_group_range": "0 0"}' \
        "$(bundle_sh 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/sem; touch /proc/sys/kernel/sem 2>/dev/null
            echo 0 2>/dev/null >/proc/sys/net/ipv4/ip_forward || echo read-only')"
    [ "$(tr '\t' ' ' <<<"$output")" = "$(printf '%s\n' 1 '10 20 30 40' read-only)" ]
    [ "$(cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/sem)" = "$host" ]
    # the same without a /proc in the container, or with one that is read-only
    box 'del(.mounts[0])' '.linux.sysctl = {"net.ipv4.ip_forward": "1"}' 'del(.linux.maskedPaths, .linux.readonlyPaths)'
    run -0 box '.mounts[0].options = ["ro"]' '.linux.sysctl = {"net.ipv4.ip_forward": "1"}' \
        "$(bundle_args cat /proc/sys/net/ipv4/ip_forward)"
    [ "$output" = 1 ]
    run -1 --separate-stderr box '.linux.sysctl = {"net.ipv4.none": "1"}'
    says "linux.sysctl"
    run -1 --separate-stderr box '.linux.sysctl = {"net.ipv4.ip_forward": "bogus"}'
    says "linux.sysctl"
    run -1 --separate-stderr box '.linux.sysctl = {"vm.swappiness": "1"}'
    says "linux.sysctl"
}

@test "cgroups: the container's own part, or the host's, read-only" {
    local host
    export OCI_DEBUG=1
    host=$(awk -F: '$1 == 0 { print $3 }' /proc/self/cgroup)
    run -0 --separate-stderr box "$(mount_at /sys/fs/cgroup cgroup cgroup nosuid noexec nodev relatime ro)" \
        "$(bundle_sh 'cat /proc/self/mountinfo >/tmp/table; test -r /sys/fs/cgroup/cgroup.procs && cat /proc/self/cgroup | tail -n 1')"
    [ "$output" = 0::/ ]
    has_attrs "$(attrs /sys/fs/cgroup b/rootfs/tmp/table)" "ro nosuid noexec nodev relatime" -
    [ "$(grep -c ' - cgroup2 ' b/rootfs/tmp/table)" = 1 ]
    run -0 --separate-stderr box "$(mount_at /sys/fs/cgroup cgroup cgroup rw)" \
        '.linux.namespaces |= map(select(.type != "cgroup"))' \
        "$(bundle_sh 'cat /proc/self/mountinfo; awk -F: "\$1 == 0 { print \$3 }" /proc/self/cgroup')"
    says "is the host's own '/sys/fs/cgroup', read-only"
    has_attrs "$(attrs /sys/fs/cgroup <<<"$output")" ro -
    [ "$(tail -n 1 <<<"$output")" = "$host" ]
}

@test "without a mount namespace nothing is mounted" {
    local without='.linux.namespaces |= map(select(.type != "mount"))'
    run -1 --separate-stderr box "$without"
    says "need a mount namespace"
    run -1 --separate-stderr box "$without" "$no_mounts"
    says "need a mount namespace"
    run -1 grep -F "$PWD" /proc/self/mountinfo
}

@test "--no-pivot" {
    bundle_make b "$(bundle_sh 'ls /; ls /proc/1/root/ | wc -l; cat /etc/passwd | head -n 1')"
    run -0 oci run --no-pivot --bundle b box
    [ "$(tail -n 1 <<<"$output")" = "root:x:0:0:root:/root:/bin/sh" ]
    [[ $output != *boot* ]]
}

@test "a missing working directory is made" {
    run -0 box '.process.cwd = "/var/work/here"' "$(bundle_args pwd)"
    [ "$output" = /var/work/here ]
}

@test "no descriptor of the host reaches the command" {
    run -0 box "$(bundle_sh 'for f in /proc/self/fd/*; do echo "${f##*/} $(readlink $f)"; done')" </dev/null
    [ "$(awk '$1 > 2 && NF > 1 && $2 !~ /^\/proc\//' <<<"$output")" = "" ]
}
