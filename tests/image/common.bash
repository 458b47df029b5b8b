# shellcheck shell=bash
# shellcheck disable=SC2034 # $BOX and $OTHER are for those who load this
# What the suites of images share.  Loaded by: load ../image/common

: "${KELP_SRC:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${KELP_BUILD:=$KELP_SRC/build}"
: "${KELP_IMAGE:=$KELP_BUILD/helpers/image/kelp-image}"
export KELP_SRC KELP_BUILD KELP_IMAGE

# kelp-image on the store of this test.
image() {
    "$KELP_IMAGE" --store "${STORE:-$BATS_TEST_TMPDIR/store}" "$@"
}

# The directory of the last layer of image $1 (an id as import prints it).
layer_of() {
    local store=${STORE:-$BATS_TEST_TMPDIR/store} layer

    layer=$(sed -n 's/^layer = //p' "$store/images/${1#sha256:}" | tail -n 1)
    echo "$store/unpacked/single/$layer"
}

# The layers of image $1 as overlayfs wants them: the topmost first.
lower_of() {
    local store=${STORE:-$BATS_TEST_TMPDIR/store} layer list=

    while read -r layer; do
        list=$store/unpacked/single/$layer${list:+:$list}
    done < <(sed -n 's/^layer = //p' "$store/images/${1#sha256:}")
    echo "$list"
}

# Runs "$@" with the layers of image $1 mounted on $MERGED, as a launcher mounts them.
merged() {
    local lower

    lower=$(lower_of "$1")
    shift
    MERGED=$BATS_TEST_TMPDIR/merged
    mkdir -p "$MERGED" "$BATS_TEST_TMPDIR/over"
    export MERGED
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare -Urm sh -c '
        mount -t tmpfs none "$1" && mkdir "$1/upper" "$1/work" &&
        mount -t overlay none -o "userxattr,lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$3" &&
        shift 3 && exec "$@"' sh "$BATS_TEST_TMPDIR/over" "$lower" "$MERGED" "$@"
}

# Everything in a root file system as text, but for devices and what a mount point adds.
facts() {
    python3 -B "$KELP_SRC/tests/image/facts.py" "$@"
}

# A small root file system of busybox in $1.
make_busybox_root() {
    local root=$1

    mkdir -p "$root"/bin "$root"/etc "$root"/tmp "$root"/root "$root"/usr/share/doc
    cp "$(command -v busybox)" "$root/bin/busybox"
    ln -s busybox "$root/bin/sh"
    ln "$root/bin/busybox" "$root/bin/ls"
    echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
    echo 'one' >"$root/usr/share/doc/one"
    chmod 1777 "$root/tmp"
    chmod 700 "$root/root"
    chmod 4755 "$root/bin/busybox"
    chmod 640 "$root/etc/passwd"
    touch -d '2001-02-03 04:05:06' "$root/etc/passwd" "$root/usr/share" "$root/usr"
}

# Two archives for all tests of a file; `root` is the tree of the second.
make_archives() {
    cd "$BATS_FILE_TMPDIR" || return 1
    make_busybox_root root
    tar -C root --sort=name -cf box.tar .
    echo other >root/etc/other
    tar -C root --sort=name -czf other.tar.gz .
}

# The directory of a test, which finds them in $BOX and $OTHER.
enter_with_archives() {
    cd "$BATS_TEST_TMPDIR" || return 1
    BOX=$BATS_FILE_TMPDIR/box.tar
    OTHER=$BATS_FILE_TMPDIR/other.tar.gz
}

# The tree $1 as an OCI layout $2 with the tag v1, by umoci.
make_layout() {
    umoci init --layout "$2"
    umoci new --image "$2:v1"
    umoci insert --rootless --image "$2:v1" "$1" /
    umoci config --image "$2:v1" --config.cmd /bin/sh --config.env FOO=bar
}

assert_eq() {
    [ "$1" = "$2" ] || {
        diff <(echo "$1") <(echo "$2") | head -n 40
        return 1
    }
}

# What failed must have said so in the usual form, with exit status 125.
assert_refused() {
    echo "$output"
    [ "$status" = 125 ]
    [[ ${lines[0]} == "kelp: "* ]]
    [ -z "${1:-}" ] || [[ $output == *"$1"* ]]
}
