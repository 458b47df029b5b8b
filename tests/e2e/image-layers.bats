#!/usr/bin/env bats
# Images of several layers, as overlayfs shows them.  The oracle is `umoci unpack`, which merges the
# layers itself.

bats_require_minimum_version 1.5.0
load ../image/common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

# Starts an image of busybox with some files to change: lay:v1, unpacked in work/rootfs.
start_image() {
    make_busybox_root root
    mkdir -p root/opt/keep/deep root/opt/drop root/opt/replaced root/var/lib/x
    echo a >root/opt/keep/a
    echo b >root/opt/keep/b
    echo c >root/opt/keep/deep/c
    echo d >root/opt/drop/d
    echo e >root/opt/replaced/e
    ln -s keep root/opt/link
    echo f >root/var/lib/x/f
    umoci init --layout lay
    umoci new --image lay:v1
    umoci insert --rootless --image lay:v1 root /
    umoci unpack --rootless --image lay:v1 work
}

# Makes what was changed in work/rootfs a layer.
add_layer() {
    umoci repack --refresh-bundle --image lay:v1 work >/dev/null
}

# What kelp shows of the image $1 (a layout, an archive) against what umoci makes of lay:v1.
compare() {
    local id

    [ -e oracle ] || umoci unpack --rootless --image lay:v1 oracle
    id=$(image import "$1" "${2:-under-test}")
    # overlayfs splits the names of a file that was linked below
    merged "$id" python3 -B "$KELP_SRC/tests/image/facts.py" --no-links merged >got
    facts --no-links oracle/rootfs >wanted
    diff wanted got
}

@test "files that were changed, added and removed" {
    start_image
    echo changed >work/rootfs/opt/keep/a
    rm work/rootfs/opt/keep/b
    mkdir work/rootfs/opt/new
    echo n >work/rootfs/opt/new/n
    chmod 711 work/rootfs/opt/new
    add_layer
    rm -r work/rootfs/opt/drop
    chmod 600 work/rootfs/opt/keep/a
    add_layer
    echo again >work/rootfs/opt/keep/b
    rm work/rootfs/opt/new/n
    add_layer
    compare lay
    [ "$(grep -c ^layer store/names/under-test%3Alatest)" = 4 ]
}

@test "a directory that becomes a file, a link, and a directory again" {
    start_image
    rm -r work/rootfs/opt/replaced
    echo file >work/rootfs/opt/replaced
    rm work/rootfs/opt/link
    mkdir work/rootfs/opt/link
    echo x >work/rootfs/opt/link/x
    add_layer
    rm work/rootfs/opt/replaced
    ln -s keep work/rootfs/opt/replaced
    rm -r work/rootfs/opt/link
    ln -s drop work/rootfs/opt/link
    add_layer
    rm work/rootfs/opt/replaced
    mkdir work/rootfs/opt/replaced
    add_layer
    compare lay
    [ -z "$(grep -F "'opt/replaced/" got)" ]
}

@test "opaque directories" {
    start_image
    for _ in 1 2; do
        umoci insert --rootless --image lay:v1 --opaque root/usr/share /opt/keep
        umoci insert --rootless --image lay:v1 root/etc /opt/keep/deep
    done
    umoci insert --rootless --image lay:v1 --whiteout /var/lib/x
    compare lay
    [ -z "$(grep -F "'opt/keep/a'" got)" ]
    grep -qF "'opt/keep/doc/one'" got
    [ -z "$(grep -F "'var/lib/x" got)" ]
}

@test "the same through a docker-archive and an OCI archive" {
    start_image
    rm work/rootfs/opt/keep/a
    rm -r work/rootfs/opt/replaced
    mkdir work/rootfs/opt/replaced
    echo new >work/rootfs/opt/replaced/new
    add_layer
    umoci insert --rootless --image lay:v1 --opaque root/usr/share /opt/keep
    skopeo copy -q oci:lay:v1 docker-archive:docker.tar:x:v1
    skopeo copy -q oci:lay:v1 oci-archive:oci.tar
    compare lay one
    compare docker.tar two
    compare oci.tar three
    # layers are stored once
    [ "$(ls store/unpacked/single | wc -l)" = 3 ]
}

@test "a layer of buildah's, with removals and a directory made anew" {
    local builder="buildah --storage-driver vfs --root $PWD/storage --runroot $PWD/run" name

    start_image
    name=$($builder from oci:lay:v1)
    $builder commit -q "$name" oci:built:v1 >/dev/null
    $builder rm "$name" >/dev/null
    buildah unshare rm -rf storage run
    compare built
}

@test "directories that a layer has no entry for look like those below" {
    start_image
    chmod 700 work/rootfs/opt work/rootfs/var
    add_layer
    python3 -B - "$KELP_SRC/tests/image" <<'EOF'
import sys
sys.path.insert(0, sys.argv[1])
import layout
from rawtar import END, file
layout.write_tar("top.tar", {"opt/keep/deep/new": b"x", "fresh/er/file": b"y"})
EOF
    umoci raw add-layer --image lay:v1 top.tar
    image import lay under-test
    run -0 merged "$(image list --json | jq -r '.[0].id')" stat -c %a merged/opt merged/opt/keep/deep merged/fresh
    assert_eq "$output" "700
755
755"
}

@test "a layer that is there twice" {
    start_image
    umoci insert --rootless --image lay:v1 root/etc /etc
    umoci raw add-layer --image lay:v1 <(tar -C root --mtime=@1 --sort=name -cf - etc) || true
    tar -C root --mtime=@1 --sort=name -cf twice.tar etc
    umoci raw add-layer --image lay:v1 twice.tar
    umoci insert --rootless --image lay:v1 root/usr /usr
    umoci raw add-layer --image lay:v1 twice.tar
    compare lay
    # overlayfs takes no directory twice
    assert_eq "$(sort store/names/*latest | uniq -d | grep ^layer)" ""
}

# 'good' and 'bad' have the same layer above others; 'lie' and 'again' say that they have it.
write_layouts() {
    python3 -B - "$KELP_SRC/tests/image" <<'EOF'
import sys
sys.path.insert(0, sys.argv[1])
import layout
from rawtar import END, directory, file

top = file("etc/secret", "secret") + END
own = file("own", "x") + END


def base(mode, note):
    return directory("etc", mode) + file("base", note) + END


layout.Layout([base(0o755, "good"), top]).write("good")
layout.Layout([base(0o777, "bad"), top]).write("bad")
for name, lower in ("lie", base(0o755, "good")), ("again", own):
    lie = layout.Layout([lower, own])
    lie.config["rootfs"]["diff_ids"][1] = layout.sha(top)
    lie.write(name)
EOF
}

@test "what another image has below a layer does not show in this one" {
    write_layouts
    image import bad bad >/dev/null
    image import good good >good.id
    run -0 merged "$(cat good.id)" stat -c %a merged/etc
    assert_eq "$output" 755
    image import bad bad >bad.id
    run -0 merged "$(cat bad.id)" stat -c %a merged/etc
    assert_eq "$output" 777
    image verify
}

@test "an image does not get another one's layer by naming its diff-id" {
    write_layouts
    image import good good >/dev/null
    # above the same layers, and above one that the image has twice
    for name in lie again; do
        run -125 image import "$name" "$name"
        [[ ${lines[0]} == *"the layer with the diff-id '"*"' is damaged: its diff-id is '"* ]]
        # by itself, too
        run -125 "$KELP_IMAGE" --store empty import "$name" "$name"
    done
    assert_eq "$(ls store/names)" good%3Alatest
}

@test "an opaque root hides all layers below" {
    start_image
    mkdir only
    echo x >only/x
    umoci insert --rootless --image lay:v1 --opaque only /
    compare lay
    grep -q "'x'" got
    [ "$(wc -l <got)" = 1 ]
    [ "$(grep -c ^layer store/names/under-test%3Alatest)" = 1 ]
}

@test "an image that shares layers costs only what is new" {
    start_image
    image import lay base
    umoci insert --rootless --image lay:v1 root/etc /opt/etc
    run -0 strace -f -e trace=openat -o trace "$KELP_IMAGE" --store store import lay more
    # the layer that is there is not unpacked again
    [ "$(grep -c '"busybox", O_WRONLY' trace)" = 0 ]
    image remove base
    compare lay more
}

@test "layers of another image cannot be had by naming their digests" {
    local digest

    start_image
    image import lay private
    digest=$(jq -r '.manifests[0].digest' lay/index.json)
    digest=$(jq -r '.layers[0].digest' "lay/blobs/sha256/${digest#sha256:}")
    # the same image without the content of its layer
    truncate -s "$(stat -c %s "lay/blobs/sha256/${digest#sha256:}")" hollow
    cp -f hollow "lay/blobs/sha256/${digest#sha256:}"
    run -125 image import lay stolen
    assert_refused "is damaged: its digest is"
    [ "$(image list --json | jq length)" = 1 ]
}

@test "the binaries run from the merged root" {
    start_image
    rm work/rootfs/opt/keep/a
    add_layer
    run -0 merged "$(image import lay x)" chroot merged /bin/sh -c 'ls /opt/keep; rm /opt/keep/b; ls /opt/keep'
    assert_eq "$output" "b
deep
deep"
}

@test "a directory in a set-group-ID one has the mode that its entry says" {
    mkdir -p root/shared/plain
    chmod 2775 root/shared
    chmod 755 root/shared/plain
    tar -C root -cf root.tar .
    layer=$(layer_of "$(image import root.tar x)")
    [ "$(stat -c %a "$layer/shared" "$layer/shared/plain")" = $'2775\n755' ]
}

@test "zeros become holes, and are read as zeros" {
    local id layer file

    make_busybox_root root
    # at the start, in the middle and at the end; nothing else; less than a block; whole blocks
    python3 - <<'END'
MIB = 1 << 20
for name, data in {
    "start": bytes(8 * MIB) + b"x",
    "middle": b"x" * 5000 + bytes(8 * MIB) + b"x" * 5000,
    "end": b"x" + bytes(8 * MIB),
    "all": bytes(8 * MIB),
    "odd": bytes(8 * MIB + 1),
    "small": bytes(100),
    "mixed": b"".join((b"\0" * 4096, b"\0" * 4095 + b"x", b"x" + b"\0" * 4095)[i * i % 3] for i in range(500)),
}.items():
    with open(f"root/{name}", "wb") as f:
        f.write(data)
END
    tar -C root -cf root.tar .
    gzip -k root.tar
    for file in root.tar root.tar.gz; do
        id=$(STORE=$PWD/$file.store image import "$file" x)
        layer=$(STORE=$PWD/$file.store layer_of "$id")
        for name in start middle end all odd small mixed; do
            cmp "root/$name" "$layer/$name"
        done
        for name in start middle end all odd; do
            [ "$(stat -c %b "$layer/$name")" -le 1024 ]
        done
        STORE=$PWD/$file.store image verify
    done
}
