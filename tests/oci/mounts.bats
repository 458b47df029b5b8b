#!/usr/bin/env bats
# The mounts of a config.json, seen from inside, with what the host sees beside it.
# shellcheck disable=SC2016,SC2154 # the shells of containers expand their own; filters of bundle.bash

bats_require_minimum_version 1.5.0

setup() {
    load ../lib/kelp
    load ../lib/bundle
    load ../lib/mounts
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir src src/below
    echo content >src/file
}

teardown() {
    oci_end
}

# WORD:HAS:HAS-NOT, "+" between several
new_words='
    ro:ro:-
    rw:rw:ro
    ro+rw:rw:ro
    nosuid:nosuid:-
    nosuid+suid:-:nosuid
    nodev:nodev:-
    nodev+dev:-:nodev
    noexec:noexec:-
    noexec+exec:-:noexec
    nosymfollow:nosymfollow:-
    nosymfollow+symfollow:-:nosymfollow
    noatime:noatime:relatime
    noatime+atime:relatime:noatime
    nodiratime:nodiratime:-
    nodiratime+diratime:-:nodiratime
    relatime:relatime:noatime
    strictatime:-:relatime+noatime
    strictatime+nostrictatime:relatime:noatime
    strictatime+norelatime:-:relatime+noatime
    rro:ro:-
    rro+rrw:-:ro
    rnosuid:nosuid:-
    rnosuid+rsuid:-:nosuid
    rnodev:nodev:-
    rnodev+rdev:-:nodev
    rnoexec:noexec:-
    rnoexec+rexec:-:noexec
    rnosymfollow:nosymfollow:-
    rnosymfollow+rsymfollow:-:nosymfollow
    rnoatime:noatime:relatime
    rnoatime+ratime:relatime:noatime
    rnodiratime:nodiratime:-
    rrelatime:relatime:noatime
    rstrictatime:-:relatime+noatime
    sync:sync:-
    sync+async:-:sync
    dirsync:dirsync:-
    lazytime:lazytime:-
    lazytime+nolazytime:-:lazytime
    silent:rw:-
    silent+loud:rw:-
    defaults:rw+relatime:ro'

# Of binds: what lies on the file system is as it is.
bind_words=$(grep -v -e sync -e lazytime -e silent <<<"$new_words")

# Prints filters for a mount of type $1 and source $2 with each line of words, at /m/0, /m/1, ...
mounts_of_words() {
    local type=$1 source=$2 n=0 line words
    shift 2

    for line; do
        IFS=+ read -ra words <<<"${line%%:*}"
        mount_at "/m/$n" "$type" "$source" "${words[@]}"
        n=$((n + 1))
    done
}

# Looks at them in the mount table in the file $1.
check_words() {
    local table=$1 n=0 line have not
    shift

    for line; do
        IFS=: read -r _ have not <<<"$line"
        have=${have//+/ } not=${not//+/ }
        echo "$line"
        has_attrs "$(attrs "/m/$n" "$table")" "$have" "$not"
        n=$((n + 1))
    done
}

@test "every word of a new file system" {
    local lines filters
    mapfile -t lines < <(tr -s ' ' '\n' <<<"$new_words" | grep .)
    mapfile -t filters < <(mounts_of_words tmpfs none "${lines[@]}")

    box "${filters[@]}" "$(bundle_args cat /proc/self/mountinfo)" >table
    check_words table "${lines[@]}"
}

@test "every word of a bind, in a user namespace that owns its source" {
    local lines
    mapfile -t lines < <(tr -s ' ' '\n' <<<"$bind_words" | grep .)
    mounts_of_words bind "$PWD/own" "${lines[@]}" >filters

    nested private 'mkdir own; mount -t tmpfs none own; mapfile -t filters <filters
        box "$no_user" "${filters[@]}" "$(bundle_args cat /proc/self/mountinfo)" >table'
    check_words table "${lines[@]}"
}

@test "a bind keeps the attributes of its source that no word names" {
    nested private 'mkdir own; mount -t tmpfs -o ro,nosuid,nodev,noexec none own
        box "$no_user" "$(mount_at /a bind "$PWD/own" bind)" "$(mount_at /b bind "$PWD/own" bind exec rw)" \
            "$(bundle_args cat /proc/self/mountinfo)" >table'
    has_attrs "$(attrs /a table)" "ro nosuid nodev noexec" -
    has_attrs "$(attrs /b table)" "nosuid nodev" noexec
}

@test "what another user namespace has locked stays, and is said" {
    nested private 'mkdir own; mount -t tmpfs none own; mount -o remount,bind,ro,nosuid,noexec own
        box "$(mount_at /a bind "$PWD/own" bind rw suid exec strictatime)" \
            "$(bundle_args cat /proc/self/mountinfo)" >table 2>said'
    has_attrs "$(attrs /a table)" "ro nosuid noexec relatime" -
    grep -F "mounts[6]: no 'rw' for '/a'" said
    grep -F "mounts[6]: no 'suid' for '/a'" said
    grep -F "mounts[6]: no 'exec' for '/a'" said
    grep -F "mounts[6]: no other access times for '/a'" said
    # the others of the same bind are had all the same
    nested private 'mkdir own2; mount -t tmpfs none own2; mount -o remount,bind,ro own2
        box "$(mount_at /a bind "$PWD/own2" bind rw nosuid nodev)" \
            "$(bundle_args cat /proc/self/mountinfo)" >table 2>said'
    has_attrs "$(attrs /a table)" "ro nosuid nodev" -
}

@test "ro is of the one mount, rro of all below, and only in the container" {
    nested private 'mkdir -p own; mount -t tmpfs none own; mkdir own/sub; mount -t tmpfs none own/sub
        box "$no_user" "$(mount_at /a bind "$PWD/own" rbind ro)" "$(mount_at /b bind "$PWD/own" rbind rro)" \
            "$(mount_at /c bind "$PWD/own" rbind)" "$(mount_at /d bind "$PWD/own" bind)" \
            "$(bundle_sh "cat /proc/self/mountinfo; for f in /a/x /a/sub/x /b/x /b/sub/x /c/x /c/sub/x; do
                touch \$f 2>/dev/null && echo WRITTEN \$f; done; ls /d/sub | wc -l")" >table
        touch own/host own/sub/host'
    has_attrs "$(attrs /a table)" ro -
    has_attrs "$(attrs /a/sub table)" rw ro
    has_attrs "$(attrs /b table)" ro -
    has_attrs "$(attrs /b/sub table)" ro -
    [ "$(attrs /d/sub table)" = "" ] || [ "$(attrs /d/sub table)" = " - " ]
    [ "$(grep WRITTEN table)" = "$(printf 'WRITTEN %s\n' /a/sub/x /c/x /c/sub/x)" ]
    # a bind that is not recursive shows the directory below, not what is mounted there
    [ "$(tail -n 1 table)" = 0 ]
}

@test "a recursive bind's attributes come off again below, where they may" {
    nested private 'mkdir own; mount -t tmpfs none own; mkdir own/sub; mount -t tmpfs -o nosuid,noexec none own/sub
        mount -o remount,bind,ro own/sub
        box "$no_user" "$(mount_at /a bind "$PWD/own" rbind rrw rsuid rexec rnodev)" \
            "$(bundle_args cat /proc/self/mountinfo)" >table'
    has_attrs "$(attrs /a/sub table)" "rw nodev" "ro nosuid noexec"
}

@test "a bind that would uncover what is below it says to take rbind" {
    run -1 --separate-stderr box "$(mount_at /a bind / bind)"
    says "mounts[6]: cannot mount '/' at '/a'"
    says "use 'rbind'"
    box "$(mount_at /a bind / rbind)" "$(bundle_args test -d /a/proc/1)"
}

@test "mounts come in the order of the config, one over another" {
    mkdir one two
    echo one >one/name
    echo two >two/name
    run -0 box "$(mount_at /a bind "$PWD/one" bind)" "$(mount_at /a bind "$PWD/two" bind)" \
        "$(mount_at /a/deep/er tmpfs none)" "$(mount_at /b/c bind "$PWD/two" bind)" \
        "$(mount_at /b tmpfs none)" \
        "$(bundle_sh 'cat /a/name; ls /b | wc -l; awk "\$5 ~ /^.[ab](\$|\/)/ { print \$5 }" /proc/self/mountinfo')"
    [ "$output" = "$(printf '%s\n' two 0 /a /a /a/deep/er /b/c /b)" ]
    # what was missing was made where it was mounted
    [ -d two/deep/er ]
    [ ! -e one/deep ]
}

@test "missing mount points are made: directories, files, also below a mount that is read-only at the end" {
    box "$(mount_at /a/b/c tmpfs none)" "$(mount_at /a/file bind "$PWD/src/file" bind)" \
        "$(mount_at /r tmpfs none ro)" "$(mount_at /r/x/y tmpfs none)" \
        "$(mount_at /r/f bind "$PWD/src/file" bind ro)" \
        "$(bundle_sh 'touch /a/b/c/x; cat /a/file /r/f; touch /r/x/y/z && ! touch /r/no 2>/dev/null')"
    # by the user, not by another
    [ "$(stat -c %U b/rootfs/a/b/c)" = "$(id -un)" ]
    [ -d b/rootfs/a/b/c ]
    [ -f b/rootfs/a/file ]
}

@test "a bind of a file, a socket, a symlink, what is not there" {
    ln -s src/file link
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'
    run -0 box "$(mount_at /f bind "$PWD/link" bind ro)" "$(mount_at /s bind "$PWD/sock" bind)" \
        "$(mount_at /etc/hostname bind "$PWD/src/file" bind)" \
        "$(bundle_sh 'cat /f; test -S /s && cat /etc/hostname; ! echo x 2>/dev/null >/f')"
    [ "$output" = "$(printf 'content\ncontent')" ]
    [ "$(cat src/file)" = content ]
    run -1 --separate-stderr box "$(mount_at /f bind "$PWD/none" bind)"
    says "mounts[6]: cannot mount '$PWD/none' at '/f'"
    says "No such file or directory"
    run -1 --separate-stderr box "$(mount_at /etc bind "$PWD/src/file" bind)"
    says "'/etc' is a directory, what is to be mounted is none"
    run -1 --separate-stderr box "$(mount_at /bin/sh bind "$PWD/src" bind)"
    says "'/bin/sh' is no directory, what is to be mounted is one"
}

@test "a source that only the engine may open, in its own user namespace" {
    has_subids || skip "the machine lacks subordinate ids"
    # the container's root is another id than the owner of the directory
    local others='.linux.uidMappings = [{containerID: 0, hostID: 1000, size: 1000}] | .linux.gidMappings = .linux.uidMappings'
    mkdir -m 700 closed
    mkdir closed/dir
    chmod 755 closed/dir . "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test"
    echo inside >closed/dir/f
    OTHERS=$others BATS_TEST_TMPDIR=$PWD unshare -Urm --map-auto bash -euc '
        . "$KELP_SRC/tests/lib/bundle.bash"; . "$KELP_SRC/tests/lib/mounts.bash"
        bundle_make b "$OTHERS" "$(mount_at /x bind "$PWD/closed/dir" bind ro)" \
            "$(mount_at /y bind "$PWD/closed/dir/f" rbind)" "$(mount_at /z bind "$PWD/src" bind)" \
            "$(bundle_sh "cat /x/f /y /z/file; ! touch /x/no 2>/dev/null; id -u; ls -a /proc/self/fd | wc -w")"
        chown -R 1000:1000 b/rootfs
        oci run --bundle b box
        chown -R 0:0 b/rootfs' >said
    [ "$(cat said)" = "$(printf '%s\n' inside inside content 0 6)" ]
    # directly nobody has that right
    run -1 --separate-stderr box "$subids" '.linux.uidMappings |= [.[1] | .containerID = 0] | .linux.gidMappings |= [.[1] | .containerID = 0]' \
        "$(mount_at /x bind "$PWD/closed/dir" bind)"
    says "mounts[6]: cannot mount '$PWD/closed/dir' at '/x': cannot open '$PWD/closed/dir': Permission denied"
}

@test "a relative source is the bundle's" {
    mkdir b
    echo bundle >b/inside
    [ "$(box "$(mount_at /f bind inside bind)" "$(bundle_args cat /f)")" = bundle ]
}

@test "the options of a tmpfs" {
    run -0 box "$(mount_at /a tmpfs none size=64k mode=0712 nr_inodes=100)" "$(mount_at /b tmpfs none)" \
        "$(bundle_sh 'stat -c %a /a /b; df -k /a | awk "NR == 2 { print \$2 }"
            dd if=/dev/zero of=/a/x bs=1k count=65 2>/dev/null || echo full')"
    [ "$output" = "$(printf '%s\n' 712 1777 64 full)" ]
    run -1 --separate-stderr box "$(mount_at /x tmpfs none size=bogus)"
    says "mounts[6]: cannot mount 'tmpfs' at '/x'"
    says size
    run -1 --separate-stderr box "$(mount_at /x tmpfs none nonsense=1)"
    says "mounts[6]: cannot mount 'tmpfs' at '/x'"
    says nonsense
}

@test "the owner of a tmpfs is an id of the container's" {
    has_subids || skip "the machine lacks subordinate ids"
    run -0 box "$subids" "$(mount_at /a tmpfs none uid=7,gid=8)" "$(bundle_args stat -c %u:%g /a)"
    [ "$output" = 7:8 ]
    run -1 --separate-stderr box "$(mount_at /a tmpfs none uid=7)"
    says "mounts[6]: cannot mount 'tmpfs' at '/a'"
}

@test "tmpcopyup: a tmpfs that begins with what it covers" {
    bundle_make b
    mkdir -p b/rootfs/var/d/sub
    echo one >b/rootfs/var/d/one
    ln -s one b/rootfs/var/d/link
    ln -s /etc/passwd b/rootfs/var/d/sub/out
    mkfifo b/rootfs/var/d/fifo
    chmod 4751 b/rootfs/var/d/one
    chmod 1700 b/rootfs/var/d/sub
    touch -d 2001-02-03 b/rootfs/var/d/one b/rootfs/var/d
    run -0 box "$(mount_at /var/d tmpfs none tmpcopyup)" "$(bundle_sh '
        cd /var/d; cat one; readlink link; readlink sub/out; test -p fifo && stat -c "%a %Y" one sub . | cut -c 1-15
        echo changed >one; rm link; grep -c " /var/d .* tmpfs " /proc/self/mountinfo')"
    [ "${lines[0]}" = one ]
    [ "${lines[1]}" = one ]
    [ "${lines[2]}" = /etc/passwd ]
    [ "${lines[3]}" = "4751 $(date -d 2001-02-03 +%s)" ]
    [[ ${lines[4]} == 1700* ]]
    [ "${lines[5]}" = "755 $(date -d 2001-02-03 +%s)" ]
    [ "${lines[6]}" = 1 ]
    # the image is as it was
    [ "$(cat b/rootfs/var/d/one)" = one ]
    [ -L b/rootfs/var/d/link ]
    # a mode of the config's own wins, and what is not there yet is empty
    run -0 box "$(mount_at /var/d tmpfs none tmpcopyup mode=0700)" "$(mount_at /new tmpfs none tmpcopyup)" \
        "$(bundle_sh 'stat -c %a /var/d; ls /var/d | wc -l; ls /new | wc -l')"
    [ "$output" = "$(printf '%s\n' 700 4 0)" ]
    run -1 --separate-stderr box "$(mount_at /a bind "$PWD/src" bind tmpcopyup)"
    says tmpcopyup
}

@test "a file system that does not exist, one that needs root" {
    run -1 --separate-stderr box "$(mount_at /x nofs none)"
    says "mounts[6]: cannot mount 'nofs' at '/x'"
    says "No such device"
    run -1 --separate-stderr box "$(mount_at /x ext4 /dev/null)"
    says "mounts[6]: cannot mount 'ext4' at '/x'"
    run -1 --separate-stderr box "$(mount_at / tmpfs none)"
    says "mounts[6]: cannot mount 'tmpfs' at '/'"
}

@test "proc: its options; of another pid namespace there is none" {
    run -0 box '.mounts[0].options = ["hidepid=invisible", "nosuid", "noexec", "nodev"]' \
        "$(bundle_args cat /proc/self/mountinfo)"
    has_attrs "$(attrs /proc <<<"$output")" "nosuid noexec nodev hidepid=invisible" -
    run -0 box '.mounts[0].options = ["ro"]' "$(bundle_sh 'echo 1 2>/dev/null >/proc/self/oom_score_adj || echo ro')"
    [ "$output" = ro ]
    run -1 --separate-stderr box '.linux.namespaces |= map(select(.type != "pid"))'
    says "mounts[0]: cannot mount 'proc' at '/proc'"
    says "pid namespace"
    # the way out that the hint names
    box '.linux.namespaces |= map(select(.type != "pid"))' 'del(.linux.maskedPaths, .linux.readonlyPaths)' \
        '.mounts[0] = {destination: "/proc", type: "bind", source: "/proc", options: ["rbind"]}' \
        "$(bundle_args test -d /proc/self)"
}

@test "sysfs: new in a network namespace of its own, else the host's, read-only" {
    local host
    export OCI_DEBUG=1
    host=$(ls /sys/class/net)
    [ "$(box "$(bundle_args ls /sys/class/net)")" = lo ]
    run -0 --separate-stderr box '.linux.namespaces |= map(select(.type != "network"))' \
        "$(bundle_sh 'ls /sys/class/net; cat /proc/self/mountinfo >/tmp/table; ls /sys/fs/cgroup | wc -l')"
    [ "$output" = "$(printf '%s\n0' "$host")" ]
    says "'/sys' is the host's own '/sys', read-only"
    has_attrs "$(attrs /sys b/rootfs/tmp/table)" "ro nosuid nodev noexec" -
    # none of what came along is writable
    [ "$(awk '$5 ~ /^.sys(\/|$)/ && $6 !~ /^ro,/' b/rootfs/tmp/table)" = "" ]
    run -1 --separate-stderr box '.linux.namespaces |= map(select(.type != "network"))' \
        '.mounts[5].options -= ["ro"]'
    says "mounts[5]: cannot mount 'sysfs' at '/sys'"
}

@test "mqueue and devpts are the container's own" {
    run -0 box "$(bundle_sh 'ls /dev/pts; ls -la /dev/ptmx | sed "s/.*> //"; ls /dev/mqueue | wc -l; touch /dev/mqueue/x')"
    [ "$output" = "$(printf '%s\n' ptmx pts/ptmx 0)" ]
    run -1 --separate-stderr box '.linux.namespaces |= map(select(.type != "ipc"))'
    says "mounts[4]: cannot mount 'mqueue' at '/dev/mqueue'"
    says "ipc namespace"
    run -1 --separate-stderr box '.mounts[2].options += ["gid=5"]'
    says "mounts[2]: cannot mount 'devpts' at '/dev/pts'"
    says "linux.gidMappings has no group 5"
}

@test "an idmap that the kernel gives to root alone is refused by its name" {
    run -1 --separate-stderr box "$(mount_at /x bind "$PWD/src" bind idmap)"
    says "mounts[6]: cannot mount '$PWD/src' at '/x': cannot map its ids"
    run -1 --separate-stderr box "$(mount_at /x bind "$PWD/src" bind)" \
        '.mounts[6].uidMappings = [{containerID: 0, hostID: 0, size: 1}] | .mounts[6].gidMappings = .mounts[6].uidMappings'
    says "mounts[6]: cannot mount '$PWD/src' at '/x': cannot map its ids"
}

@test "an overlay" {
    mkdir low low2 up work
    echo low >low/f
    echo low2 >low2/g
    run -0 box "$(mount_at /o overlay overlay "lowerdir=$PWD/low:$PWD/low2,upperdir=$PWD/up,workdir=$PWD/work,userxattr")" \
        "$(bundle_sh 'cat /o/f /o/g; echo new >/o/f; cat /o/f')"
    [ "$output" = "$(printf '%s\n' low low2 new)" ]
    [ "$(cat low/f)" = low ]
    [ "$(cat up/f)" = new ]
    chmod -R u+rwx work
    # more than the kernel takes as one value
    local i name dirs=
    name=$(printf '%0120d' 0)
    for i in 1 2 3 4; do
        mkdir "$name$i"
        touch "$name$i/f$i"
        dirs+=:$PWD/$name$i
    done
    run -0 box "$(mount_at /o overlay overlay "lowerdir=${dirs#:}")" "$(bundle_args ls /o)"
    [ "$output" = "$(printf 'f%s\n' 1 2 3 4)" ]
}

@test "remount changes what is mounted, a propagation alone does, too" {
    run -0 box "$(mount_at /a tmpfs none)" '.mounts += [{destination: "/a", options: ["remount", "nosuid", "noexec"]}]' \
        '.mounts += [{destination: "/a", options: ["shared"]}]' "$(bundle_args cat /proc/self/mountinfo)"
    has_attrs "$(attrs /a <<<"$output")" "nosuid noexec" -
    [[ $(attrs /a <<<"$output") == *shared:* ]]
    [ "$(grep -c ' /a ' <<<"$output")" = 1 ]
    run -1 --separate-stderr box '.mounts += [{destination: "/nothing", options: ["remount", "ro"]}]'
    says "at '/nothing'"
}
