#!/usr/bin/env bats
# Root of an image with one id: package managers and what they need, without subordinate ids, and the
# same with them.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/escape
load ../image/common

# debian: the name of an image, where there is one; rootfs: a busybox; repo: packages of our own.
setup_file() {
    export XDG_DATA_HOME=$BATS_FILE_TMPDIR/data
    export rootfs=$BATS_FILE_TMPDIR/rootfs repo=$BATS_FILE_TMPDIR/repo
    make_rootfs "$rootfs"
    cd "$BATS_FILE_TMPDIR" || return 1
    if [ -n "${KELP_TEST_DEBIAN_TAR:-}" ] && command -v dpkg-deb >/dev/null; then
        "$KELP" import "$KELP_TEST_DEBIAN_TAR" debian >/dev/null
        mkdir "$repo"
        make_package 1.0
        make_package 1.1
    fi
}

setup() {
    export HOME=$BATS_TEST_TMPDIR/home
    mkdir -p "$HOME" "$BATS_TEST_TMPDIR/ws"
    cd "$BATS_TEST_TMPDIR/ws" || return 1
}

# demo, whose files belong to a user that its script makes, in $repo, and a line about it in the index.
make_package() {
    local version=$1 deb=demo_$1_all.deb

    rm -rf package
    mkdir -p package/usr/bin package/etc package/control
    (
        cd package || exit 1
        printf '#!/bin/sh\necho demo %s\n' "$version" >usr/bin/demo
        cp usr/bin/demo usr/bin/demo-mail
        chmod 755 usr/bin/*
        echo 'color = green' >etc/demo.conf
        printf 'Package: demo\nVersion: %s\nArchitecture: all\nMaintainer: ann <ann@example.org>\n' \
            "$version" >control/control
        printf 'Depends: passwd\nDescription: a service with a user of its own\n' >>control/control
        echo /etc/demo.conf >control/conffiles
        md5sum usr/bin/* >control/md5sums
        demo_postinst >control/postinst
        demo_postrm >control/postrm
        chmod 755 control/post*
        echo 2.0 >debian-binary
        tar -C control --owner=root:0 --group=root:0 -cf control.tar .
        tar --owner=root:0 --group=root:0 -cf data.tar ./usr/bin/demo ./etc
        tar --owner=daemon:1 --group=mail:8 --mode=2755 -rf data.tar ./usr/bin/demo-mail
        ar rc "$repo/$deb" debian-binary control.tar data.tar
    )
    {
        cat package/control/control
        echo "Filename: ./$deb"
        echo "Size: $(stat -c %s "$repo/$deb")"
        echo "SHA256: $(sha256sum "$repo/$deb" | cut -d' ' -f1)"
        echo
    } >>"$repo/Packages"
}

demo_postinst() {
    cat <<'END'
#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
getent passwd demo >/dev/null ||
    useradd --system --user-group --home-dir /var/lib/demo --shell /usr/sbin/nologin demo
install -d -o demo -g demo -m 2750 /var/lib/demo
[ -p /var/lib/demo/queue ] || mkfifo /var/lib/demo/queue
chown -R demo:demo /var/lib/demo
chown root:demo /etc/demo.conf
chmod 640 /etc/demo.conf
dpkg-statoverride --list /usr/bin/demo >/dev/null ||
    dpkg-statoverride --update --add root demo 4750 /usr/bin/demo
su -s /bin/sh demo -c 'echo started >/var/lib/demo/state'
END
}

demo_postrm() {
    cat <<'END'
#!/bin/sh
set -e
[ "$1" = purge ] || exit 0
dpkg-statoverride --remove /usr/bin/demo
rm -rf /var/lib/demo
userdel demo
END
}

# The ways to have ids that work here.
id_modes() {
    echo single
    ! has_subids || echo subids
}

need_debian() {
    command -v dpkg-deb >/dev/null || skip "the machine lacks dpkg-deb"
    [ -n "${KELP_TEST_DEBIAN_TAR:-}" ] || skip "the machine lacks a mirror of Debian"
}

# in_debian OPTION... SCRIPT: with the packages in /repo as all that apt knows of.
in_debian() {
    local script=${*: -1}

    "$KELP" run --network none -v "$repo:/repo:ro" "${@:1:$#-1}" debian sh -ec '
        export DEBIAN_FRONTEND=noninteractive
        rm -rf /etc/apt/sources.list.d
        echo "deb [trusted=yes] copy:/repo ./" >/etc/apt/sources.list
        '"$script" </dev/null
}

@test "Debian: apt-get update, install, upgrade and purge a package with a user of its own" {
    local mode owner

    need_debian
    for mode in $(id_modes); do
        owner=root:root
        [ "$mode" = single ] || owner=demo:demo
        run -0 in_debian --userns "$mode" '
            apt-get update && apt-get install -y demo=1.0
            id demo && demo && dpkg -V demo
            apt-get upgrade -y
            demo && dpkg -V demo
            [ -z "$(dpkg --audit)" ]
            dpkg -s demo | grep Status
            stat -c "%U:%G %a %n" /var/lib/demo/queue /usr/bin/demo
            cat /var/lib/demo/state
            apt-get purge -y demo
            ! id demo 2>&1 || exit 9
            ls /var/lib/demo /etc/demo.conf /usr/bin/demo 2>&1 || ! dpkg -s demo 2>&1'
        [[ $output == *"(demo)"*"demo 1.0"*"demo 1.1"*"Status: install ok installed"* ]]
        [[ $output == *"$owner 644 /var/lib/demo/queue"* ]]
        [[ $output == *"${owner/demo:/root:} 4750 /usr/bin/demo"* ]]
        [[ $output == *"started"*"no such user"*"'demo' is not installed"* ]]
    done
}

@test "Debian: dpkg alone, and its database" {
    local mode

    need_debian
    for mode in $(id_modes); do
        run -0 in_debian --userns "$mode" '
            dpkg --unpack /repo/demo_1.0_all.deb
            dpkg --configure -a
            dpkg-divert --add --rename --divert /usr/bin/demo.other /usr/bin/demo
            dpkg -i /repo/demo_1.1_all.deb
            demo.other
            dpkg-divert --remove --rename /usr/bin/demo
            dpkg-statoverride --list | grep demo
            dpkg -L demo | grep -x /usr/bin/demo-mail
            dpkg -S /usr/bin/demo-mail
            dpkg -r demo && dpkg -s demo | grep Status && dpkg -P demo
            [ -z "$(dpkg --audit)" ]'
        [[ $output == *"demo 1.1"*"root demo 4750 /usr/bin/demo"*"deinstall ok config-files"* ]]
    done
}

@test "Debian: a package of its own, from a mirror" {
    local mode

    need_debian
    has_tun || skip "the machine lacks slirp4netns or a usable /dev/net/tun"
    timeout 10 bash -c 'exec 3<>/dev/tcp/deb.debian.org/80' 2>/dev/null ||
        skip "the machine lacks a mirror of Debian"
    for mode in $(id_modes); do
        run -0 "$KELP" run --network user --userns "$mode" debian sh -ec '
            export DEBIAN_FRONTEND=noninteractive
            apt-get update && apt-get install -y --no-install-recommends dbus cron
            id messagebus && dpkg -s dbus | grep Status
            stat -c "%a %n" /usr/bin/crontab
            dpkg -V cron dbus-daemon' </dev/null
        [[ $output == *"(messagebus)"*"install ok installed"*"2755 /usr/bin/crontab"* ]]
    done
}

@test "Debian: without it apt-get and dpkg fail" {
    need_debian
    run ! in_debian --userns single --fake-root off 'apt-get update'
    [[ $output == *"setgroups"*"Operation not permitted"* ]]
    run ! in_debian --userns single --fake-root off '
        echo "APT::Sandbox::User \"root\";" >/etc/apt/apt.conf.d/root
        apt-get update && apt-get install -y demo'
    [[ $output == *"error processing archive"*"Invalid argument"* ]]
    run ! in_debian --userns single --fake-root off 'dpkg -i /repo/demo_1.0_all.deb'
    [[ $output == *"Invalid argument"* ]]
}

@test "Debian: tools that give files to others and become others" {
    local mode

    need_debian
    for mode in $(id_modes); do
        run -0 in_debian --userns "$mode" '
            mkdir /w && cd /w && mkdir a && echo x >a/file && ln -s file a/link && mkfifo a/fifo
            tar --owner=daemon:1 --group=mail:8 -cf a.tar a && rm -r a && tar -xpf a.tar
            [ -p a/fifo ] && [ -L a/link ]
            cp -a a b && chown -R daemon:mail b && chown -h games a/link && chgrp mail a/file
            install -o daemon -g mail -m 4755 a/file c && stat -c %a c
            useradd -m -G mail joe && usermod -aG daemon joe && echo joe:secret | chpasswd
            groupadd -r staff2 && adduser --disabled-password --gecos "" jim && deluser jim
            su -s /bin/sh daemon -c true && runuser -u daemon -- true
            setpriv --reuid=daemon --regid=mail --init-groups true
            start-stop-daemon --start --chuid daemon:mail --exec /bin/true
            chroot --userspec=daemon:mail / true
            perl -e "(\$(, \$)) = (8, \"8 8\"); (\$<, \$>) = (1, 1); die if \$!"
            id -Gn joe'
        [[ $output == *4755*"joe daemon mail"* || $output == *4755*"joe mail daemon"* ]]
    done
}

@test "busybox, a static program: owners, archives, other users" {
    local mode

    # as root would have made it, with owners that are nobody here
    mkdir tree
    echo hi >tree/file
    tar --owner=4711 --group=815 -cf tree.tar tree
    for mode in $(id_modes); do
        run -0 "$KELP" run --network none --userns "$mode" -v "$PWD:/in:ro" "$rootfs" sh -ec '
            tar -C /tmp -xpf /in/tree.tar && cat /tmp/tree/file
            cp -a /tmp/tree /copy && chown -R 33:33 /tmp/tree
            find /copy | cpio -o -H newc >/c && cd /tmp && cpio -id </c
            touch /f && chown bob:bob /f && chgrp 8 /f && chown -h 9 /bin/sh
            su bob -c true
            stat -c %u:%g /f'
        [ "${lines[0]}" = hi ]
        [ "$mode" = single ] || [[ $output == *1000:8 ]]
        [ "$mode" != single ] || [[ $output == *0:0 ]]
    done
}

@test "off: the kernel answers, and nothing was done either way" {
    local args=(run --network none --userns single)

    run -0 "$KELP" "${args[@]}" "$rootfs" sh -c 'chown 5:6 /etc/group && stat -c %u:%g /etc/group'
    [ "$output" = 0:0 ]
    run -1 "$KELP" "${args[@]}" --fake-root off "$rootfs" chown 5:6 /etc/group
    [[ $output == *"Invalid argument"* ]]
    run -0 "$KELP" "${args[@]}" "$rootfs" sh -c 'mknod /x c 1 3 && mkfifo /p && [ -p /p ] && [ ! -e /x ]'
    run -1 "$KELP" "${args[@]}" --fake-root off "$rootfs" mknod /x c 1 3
    [[ $output == *"Operation not permitted"* ]]
    # what is shared keeps its owner
    touch mine
    run -0 "$KELP" "${args[@]}" -v "$PWD:/w" "$rootfs" chown 5:6 /w/mine
    [ "$(stat -c %u:%g mine)" = "$(id -u):$(id -g)" ]
}

@test "on by default where there is one id, and there alone" {
    run -0 "$KELP" run --dry-run --userns single "$rootfs" true
    [[ $output == *"fake root     on: "*"seccomp       container+fakeroot, "* ]]
    run -0 "$KELP" run --dry-run --userns single --allow-userns "$rootfs" true
    [[ $output == *"seccomp       container+userns+fakeroot, "* ]]
    run -0 "$KELP" run --dry-run --userns single --fake-root off "$rootfs" true
    [[ $output == *"fake root     off"*"seccomp       container, "* ]]
    run -0 "$KELP" run --dry-run -- true
    [[ $output != *"fake root"* ]]
    # said quietly: a default is no weakening
    run -0 --separate-stderr "$KELP" run --network none --userns single "$rootfs" true
    [ -z "$stderr" ]
}

@test "on means one id, and is an error where there is no root to fake" {
    run -0 --separate-stderr "$KELP" run --network none --fake-root on "$rootfs" sh -c \
        'chown 5:6 /etc/group && wc -l </proc/self/uid_map'
    [ "$output" = 1 ]
    [ -z "$stderr" ]
    run -125 "$KELP" run --fake-root on -- true
    assert_refused "a view of this host has no root to fake: the command runs as you"
    run -125 "$KELP" run --fake-root on --userns subids "$rootfs" true
    assert_refused "--fake-root on goes with one id"
}

@test "with subordinate ids nothing is faked" {
    has_subids || skip "the machine lacks subordinate ids of this user"
    run -0 "$KELP" run --network none "$rootfs" sh -c 'touch /f; chown 5:6 /f; stat -c %u:%g /f'
    [ "$output" = 5:6 ]
    run -1 "$KELP" run --network none "$rootfs" sh -c 'mknod /x c 1 3'
    run -0 "$KELP" run --dry-run "$rootfs" true
    [[ $output == *"fake root     off while the subordinate ids work"* ]]
}

# Here the ids are in /etc/subuid, and newuidmap refuses them: they are not this namespace's.
@test "where subordinate ids turn out not to work, the one id gets it too" {
    has_subids || skip "the machine lacks subordinate ids of this user"
    run -0 --separate-stderr unshare -U --map-current-user "$KELP" run --network none "$rootfs" sh -c \
        'chown 5:6 /etc/group && stat -c %u:%g /etc/group'
    [ "$output" = 0:0 ]
    [[ $stderr == *"kelp: "*"running with one id"* ]]
}

@test "apt's file is put into the image's own directory alone" {
    local file=/etc/apt/apt.conf.d/99kelp-fake-root args=(run --network none --userns single)

    run -0 "$KELP" "${args[@]}" "$rootfs" sh -c 'ls /etc'
    [[ $output != *apt* ]]
    cp -r "$rootfs" own
    mkdir -p own/etc/apt/apt.conf.d
    run -0 "$KELP" "${args[@]}" ./own cat "$file"
    [ "$output" = 'APT::Sandbox::User "root";' ]
    run -0 "$KELP" "${args[@]}" --fake-root off ./own ls /etc/apt/apt.conf.d
    [ -z "$output" ]
    # a file in the place of the directory, and a directory that is shared, are left alone
    rmdir own/etc/apt/apt.conf.d
    touch own/etc/apt/apt.conf.d
    run -0 "$KELP" "${args[@]}" ./own cat /etc/apt/apt.conf.d
    mkdir -p shared/apt.conf.d
    run -0 "$KELP" "${args[@]}" -v "$PWD/shared:/etc/apt" ./own ls /etc/apt/apt.conf.d
    [ -z "$output$(ls -A shared/apt.conf.d)" ]
    [ "$(ls -A own/etc/apt)" = apt.conf.d ]
}
