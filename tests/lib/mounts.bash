# shellcheck shell=bash
# shellcheck disable=SC2016 # the inner shell expands its own
# What the suites of tests/oci that look at mounts share.  Loaded behind ../lib/bundle.
#
#   mount_at PLACE TYPE SOURCE [OPTION...]   prints a filter that adds a mount
#   box FILTER...                            runs a container whose config these change
#   nested PROPAGATION SCRIPT                runs the script as root of a user namespace with mounts of its
#                                            own, where a container needs no user namespace ($no_user)
#   attrs PLACE [FILE]                       what mountinfo says of the topmost mount there

mount_at() {
    local place=$1 type=$2 source=$3
    shift 3

    jq -nr --arg place "$place" --arg type "$type" --arg source "$source" '".mounts += [" +
        ({destination: $place, type: $type, source: $source, options: $ARGS.positional} | tojson) + "]"' \
        --args -- "$@"
}

box() {
    bundle_make "$BATS_TEST_TMPDIR/b" "$@" && oci run --bundle "$BATS_TEST_TMPDIR/b" box
}

nested() {
    BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR unshare -Urm --propagation "$1" bash -euc '
        . "$KELP_SRC/tests/lib/kelp.bash"
        . "$KELP_SRC/tests/lib/bundle.bash"
        . "$KELP_SRC/tests/lib/mounts.bash"
        cd "$BATS_TEST_TMPDIR"
        '"$2"
}

# "ro,nosuid,relatime - rw,size=4k": of the mount, and of its superblock; and its propagation in between.
attrs() {
    awk -v place="$1" '$5 == place { found = $6; for (i = 7; $i != "-"; i++) found = found " " $i
        found = found " - " $NF } END { print found }' "${2:-/dev/stdin}"
}

# Fails unless the words $2 of "attrs" are among those of the mount, and $3 are not; "-" is none.
has_attrs() {
    local have=",${1%% *},${1##* }," word

    for word in $2; do
        [ "$word" = - ] || [[ $have == *",$word,"* ]] || {
            echo "no '$word' in '$1'"
            return 1
        }
    done
    for word in $3; do
        [ "$word" = - ] || [[ $have != *",$word,"* ]] || {
            echo "'$word' in '$1'"
            return 1
        }
    done
}
