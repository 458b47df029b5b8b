#!/usr/bin/env bash
# Images as other tools make them, each as an OCI layout DIRECTORY/NAME with the tag v1.
#
#   make-images.bash DIRECTORY NAME...
#
# Runs in a user namespace with all subordinate ids, as root of it: buildah unshare.
# KELP_TEST_DEBIAN_TAR is a Debian root that mmdebstrap made.
set -eu

top=$1
shift
cd "$top"

# Takes the tree $2 as the first layer of image $1, by umoci.
make_of_tree() {
    umoci init --layout "$1"
    umoci new --image "$1:v1"
    umoci insert --image "$1:v1" "$2" /
    umoci config --image "$1:v1" --config.cmd /bin/sh
}

small_tree() {
    mkdir -p "$1"/bin "$1"/etc "$1"/tmp "$1"/root "$1"/opt/{keep,drop,replaced,opaque}/deep "$1"/usr/lib
    cp "$(command -v busybox)" "$1/bin/busybox"
    ln -s busybox "$1/bin/sh"
    ln -s usr/lib "$1/lib"
    echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
    for name in a b c; do
        for dir in keep drop replaced opaque; do
            echo "$name" >"$1/opt/$dir/$name"
            echo "$name" >"$1/opt/$dir/deep/$name"
        done
        echo "$name" >"$1/usr/lib/$name"
    done
    chmod 1777 "$1/tmp"
    chmod 700 "$1/root"
    find "$1" -exec touch -h -d '2001-02-03 04:05:06' {} +
}

# Unpacks image $1, has the function $2 change the tree that it is in, and makes a layer of that.
change() {
    umoci unpack --image "$1:v1" "$1.bundle"
    (cd "$1.bundle/rootfs" && "$2")
    umoci repack --image "$1:v1" "$1.bundle"
    rm -rf "$1.bundle"
}

# File capabilities, as setcap would write them for cap_net_raw.
set_capability() {
    python3 -c 'import os, struct, sys
os.setxattr(sys.argv[1], "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0))' "$1"
}

# ------ small images: what is odd in them ------

make_busybox() {
    small_tree busybox.tree
    make_of_tree busybox busybox.tree
}

own_and_mark() {
    mkdir -m 2770 var
    chown 33:34 var
    local uid n=0
    for uid in 0 1 33 1000 65534; do
        for mode in 0 400 644 755 2755 4755 6711; do
            n=$((n + 1))
            echo "$n" >"var/$n"
            chown "$uid:$n" "var/$n"
            chmod "$mode" "var/$n"
            touch -d "@$((1000000000 + n * 1000003)).$n" "var/$n"
        done
    done
    mkfifo -m 620 var/fifo
    chown 5:5 var/fifo
    ln var/1 var/same
    ln var/1 etc/same
    ln -s /nowhere/at/all var/dangling
    chown -h 7:8 var/dangling
    setfattr -n user.note -v 'a note' var/2
    setfattr -n user.note -v 'of a directory' var
    # a fifo and a link can have none
    cp bin/busybox bin/ping
    set_capability bin/ping
    head -c 3000000 /dev/zero >var/zeros
    mkdir -p "var/$(printf 'n%.0s' $(seq 200))/$(printf 'm%.0s' $(seq 200))" 'var/a b' $'var/\xc3\xa9'
    echo x >$'var/\xff\xfe'
}

make_owners() {
    small_tree owners.tree
    make_of_tree owners owners.tree
    change owners own_and_mark
}

remove_files() {
    rm opt/keep/a opt/keep/deep/b usr/lib/c etc/passwd
    rm opt/drop/a
    mkdir opt/drop/a
    echo x >opt/drop/a/x
    ln -sfn /etc opt/drop/b
    ln opt/keep/b opt/keep/linked
}

make_gone_files() {
    small_tree gone-files.tree
    make_of_tree gone-files gone-files.tree
    change gone-files remove_files
    change gone-files put_back
}

put_back() {
    echo again >opt/keep/a
    rm -r opt/drop/a
}

# By buildah, which leaves out sockets.
make_gone_directories() {
    small_tree gone-directories.tree
    local from="buildah --storage-driver vfs --root $PWD/storage --runroot $PWD/run" name root
    name=$($from from scratch)
    $from add -q "$name" "$PWD/gone-directories.tree" / >/dev/null
    $from commit -q "$name" "below" >/dev/null
    $from rm "$name" >/dev/null
    name=$($from from --pull-never below)
    root=$($from mount "$name")
    (
        cd "$root"
        rm -r opt/drop opt/replaced opt/keep/deep
        echo file >opt/keep/deep
        mkdir -m 711 opt/replaced
        echo new >opt/replaced/new
        rm lib
        mkdir lib
        echo a >lib/own
        mv opt/opaque opt/moved
        python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("etc/socket")'
        mkfifo etc/fifo
    )
    $from commit -q "$name" "oci:$PWD/gone-directories:v1" >/dev/null
    $from rm "$name" >/dev/null
    rm -rf storage run
}

make_opaque() {
    small_tree opaque.tree
    make_of_tree opaque opaque.tree
    mkdir new
    echo new >new/new
    umoci insert --opaque --image opaque:v1 new /opt/opaque
    umoci insert --image opaque:v1 new /opt/keep/deep
    umoci insert --whiteout --image opaque:v1 /opt/drop
    umoci insert --opaque --image opaque:v1 new /opt/drop
    rm -r new
}

make_layers_127() {
    local i

    small_tree layers.tree
    make_of_tree layers-127 layers.tree
    for i in $(seq 126); do
        echo "$i" >number
        case $((i % 6)) in
        0) umoci insert --whiteout --image layers-127:v1 "/opt/n/$((i - 3))" ;;
        1) umoci insert --image layers-127:v1 number "/opt/n/last" ;;
        *) umoci insert --image layers-127:v1 number "/opt/n/$i" ;;
        esac
    done
    [ "$(umoci stat --image layers-127:v1 --json | jq '[.history[] | select(.empty_layer | not)] | length')" = 127 ]
}

# ------ Debian ------

# The archive $2 as image $1, by buildah, which leaves out devices.
make_of_tar() {
    local from="buildah --storage-driver vfs --root $PWD/storage --runroot $PWD/run" name

    name=$($from from scratch)
    $from add -q "$name" "$2" / >/dev/null
    $from config --cmd /bin/sh "$name"
    $from commit -q "$name" "oci:$PWD/$1:v1" >/dev/null
    $from rm "$name" >/dev/null
    rm -rf storage run
}

make_debian() {
    make_of_tar debian "$KELP_TEST_DEBIAN_TAR"
}

change_debian() {
    rm -r usr/share/doc usr/share/common-licenses var/lib/dpkg/info
    mkdir usr/share/doc
    echo new >usr/share/doc/new
    rm usr/bin/env
    ln usr/bin/nproc usr/bin/env
    chown -R 101:102 var/log
    chmod 4711 usr/bin/id
    set_capability usr/bin/cat
    setfattr -n user.note -v x etc/passwd
    mkfifo var/fifo
    mv usr/share/bash-completion usr/share/moved
}

# Its layers compressed by zstd, which not every umoci can read: the same by gzip is beside it.
make_debian_changed() {
    make_of_tar plain "$KELP_TEST_DEBIAN_TAR"
    change plain change_debian
    skopeo copy -q --dest-compress --dest-compress-format zstd oci:plain:v1 oci:debian-changed:v1
    mv plain debian-changed.gzip
}

# With packages that have capabilities, set-id files and groups of their own.
make_debian_packages() {
    mmdebstrap --quiet --mode=root --variant=minbase --include=iputils-ping,sudo,cron,at,exim4-base \
        --skip=check/qemu bookworm packages.tar
    make_of_tar debian-packages packages.tar
    rm packages.tar
}

# The next release, by way of docker save's format: its layers are not compressed.
make_debian_next() {
    mmdebstrap --quiet --mode=root --variant=essential trixie next.tar
    make_of_tar next next.tar
    skopeo copy -q oci:next:v1 docker-archive:next.docker:next:v1
    skopeo copy -q docker-archive:next.docker oci:debian-next:v1
    rm -rf next next.tar next.docker
}

for name; do
    "make_${name//-/_}"
    rm -rf ./*.tree
done
