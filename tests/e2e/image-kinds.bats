#!/usr/bin/env bats
# Root file systems of busybox and Debian as each kind of archive, made by tools that are not kelp's.

bats_require_minimum_version 1.5.0
load ../image/common

# busybox/ and debian/: root (a tree), root.tar and what it becomes.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    mkdir busybox debian
    make_busybox_root busybox/root
    tar -C busybox/root --sort=name -cf busybox/root.tar .
    make_debian
    make_kinds busybox
    make_kinds debian
    facts busybox/root >busybox/facts
    mkdir debian/root
    # devices are all that a user cannot unpack
    ! tar -C debian/root -xpf debian/root.tar 2>&1 | grep -v 'Cannot mknod\|previous errors' || return 1
    facts debian/root >debian/facts
}

# KELP_TEST_DEBIAN_TAR saves the time of making one.
make_debian() {
    if [ -n "${KELP_TEST_DEBIAN_TAR:-}" ]; then
        cp "$KELP_TEST_DEBIAN_TAR" debian/root.tar
        return
    fi
    local path excluded=()

    # what takes the most room and no packaging script needs
    for path in share/doc share/locale share/man share/zoneinfo 'lib/*/gconv' 'lib/*/perl-base/unicore'; do
        excluded+=("--dpkgopt=path-exclude=/usr/$path/*")
    done
    mmdebstrap --quiet --mode=unshare --variant=essential "${excluded[@]}" \
        bookworm debian/root.tar >debian/log 2>&1 || {
        cat debian/log
        : >debian/missing
        cp busybox/root.tar debian/root.tar
    }
}

make_kinds() {
    local dir=$1

    gzip -1 -k "$dir/root.tar"
    xz -0 -T2 -k "$dir/root.tar"
    zstd -q -1 "$dir/root.tar"
    # buildah adds the tar as a layer; skopeo turns that into the other kinds
    local from="buildah --storage-driver vfs --root $PWD/$dir/storage --runroot $PWD/$dir/run"
    local name
    name=$($from from scratch)
    $from add -q "$name" "$dir/root.tar" / >/dev/null
    $from config --cmd /bin/sh --env FOO=bar --workingdir /tmp --port 80 --user 0:0 \
        --stop-signal SIGINT "$name"
    $from commit -q "$name" "oci:$PWD/$dir/layout:v1" >/dev/null
    $from rm "$name" >/dev/null
    buildah unshare rm -rf "$dir/storage" "$dir/run"
    skopeo copy -q "oci:$dir/layout:v1" "docker-archive:$dir/docker.tar:test:v1"
    skopeo copy -q "oci:$dir/layout:v1" "oci-archive:$dir/oci.tar"
    gzip -1 -c "$dir/docker.tar" >"$dir/docker.tar.gz"
}

need_debian() {
    [ ! -e "$BATS_FILE_TMPDIR/debian/missing" ] ||
        skip "the machine lacks a mirror of Debian"
}

# Imports $1/$2, compares what was unpacked, runs something of it, and removes it.
check() {
    local dir=$1 file=$2 id

    [ "$dir" != debian ] || need_debian
    id=$(image import "$BATS_FILE_TMPDIR/$dir/$file" under-test)
    [[ $id =~ ^sha256:[0-9a-f]{64}$ ]]
    assert_eq "$(facts "$(layer_of "$id")")" "$(cat "$BATS_FILE_TMPDIR/$dir/facts")"
    run -0 unshare -Ur chroot "$(layer_of "$id")" /bin/sh -c 'echo runs; test -u /bin/su; echo $?'
    [ "${lines[0]}" = runs ]
    [ "$dir" != debian ] || [ "${lines[1]}" = 0 ]
    [ -z "$(ls -A "$BATS_TEST_TMPDIR/store/tmp")" ]
    image remove under-test
    [ -z "$(ls -A "$BATS_TEST_TMPDIR/store/unpacked/single")" ]
    [ -z "$(ls -A "$BATS_TEST_TMPDIR/store/blobs/sha256")" ]
}

@test "busybox: a plain tar" { check busybox root.tar; }
@test "busybox: gzip" { check busybox root.tar.gz; }
@test "busybox: xz" { check busybox root.tar.xz; }
@test "busybox: zstd" { check busybox root.tar.zst; }
@test "busybox: a docker-archive" { check busybox docker.tar; }
@test "busybox: a compressed docker-archive" { check busybox docker.tar.gz; }
@test "busybox: an OCI archive" { check busybox oci.tar; }
@test "busybox: an OCI layout" { check busybox layout; }
@test "Debian: a plain tar" { check debian root.tar; }
@test "Debian: gzip" { check debian root.tar.gz; }
@test "Debian: xz" { check debian root.tar.xz; }
@test "Debian: zstd" { check debian root.tar.zst; }
@test "Debian: a docker-archive" { check debian docker.tar; }
@test "Debian: a compressed docker-archive" { check debian docker.tar.gz; }
@test "Debian: an OCI archive" { check debian oci.tar; }
@test "Debian: an OCI layout" { check debian layout; }

@test "the configuration comes along, from each kind that has one" {
    local file id

    for file in docker.tar oci.tar layout; do
        id=$(image import "$BATS_FILE_TMPDIR/busybox/$file" "x-${file%.tar}")
        run -0 sed -n '/^\[run\]/,$p' "$BATS_TEST_TMPDIR/store/names/x-${file%.tar}%3Alatest"
        assert_eq "$output" "[run]
env = FOO=bar
command = /bin/sh
workdir = /tmp
user = 0:0
stop-signal = INT
expose = 80/tcp"
    done
}

@test "devices are left out with one notice" {
    need_debian
    run -0 --separate-stderr image import "$BATS_FILE_TMPDIR/debian/root.tar.zst" x
    [[ $stderr =~ ^"kelp: "[0-9]+" device nodes in the image were left out: a sandbox has its own /dev"$ ]]
    [ -z "$(find "$(layer_of "$output")" -type c -o -type b)" ]
}

@test "other tools read the store" {
    image import "$BATS_FILE_TMPDIR/busybox/root.tar" box
    image import "$BATS_FILE_TMPDIR/busybox/docker.tar" team/app:1.0
    image import "$BATS_FILE_TMPDIR/busybox/root.tar.zst" packed
    run -0 skopeo inspect "oci:$BATS_TEST_TMPDIR/store:box:latest"
    skopeo copy -q "oci:$BATS_TEST_TMPDIR/store:packed:latest" "oci:$BATS_TEST_TMPDIR/copy:x"
    run -0 umoci ls --layout "$BATS_TEST_TMPDIR/store"
    [[ $output == *box:latest* && $output == *team/app:1.0* ]]
    umoci unpack --rootless --image "$BATS_TEST_TMPDIR/store:box:latest" "$BATS_TEST_TMPDIR/out"
    assert_eq "$(facts "$BATS_TEST_TMPDIR/out/rootfs")" "$(cat "$BATS_FILE_TMPDIR/busybox/facts")"
    # its garbage collection takes nothing that is ours
    umoci gc --layout "$BATS_TEST_TMPDIR/store"
    skopeo copy -q "oci:$BATS_TEST_TMPDIR/store:team/app:1.0" "oci:$BATS_TEST_TMPDIR/copy:y"
}
