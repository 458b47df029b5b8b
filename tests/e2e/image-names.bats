#!/usr/bin/env bats
# Names of files, targets of links and names of attributes are bytes, from an archive to a sandbox and
# back.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../image/common
load ../image/kept

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    mkdir -p root/bin
    cp "$(command -v busybox)" root/bin/busybox
    ln -s busybox root/bin/sh
    tar -C root -cf root.tar .
}

setup() {
    enter_home
}

teardown() {
    remove_home
}

names() {
    LC_ALL=C.UTF-8 python3 -B "$KELP_SRC/tests/image/names.py" "$@"
}

@test "an archive's: pax, GNU tar's, ustar, and pax without a charset" {
    local form id

    for form in pax gnu ustar raw; do
        names make $form $form.tar "$BATS_FILE_TMPDIR/root" >wanted
        # the caller's locale does not matter
        id=$(LC_ALL=C.UTF-8 "$KELP" import $form.tar $form)
        names list "$(layer_of "$id")/n" >got
        diff wanted got
        id=$(LC_ALL=C "$KELP" import $form.tar $form)
        names list "$(layer_of "$id")/n" >got
        diff wanted got
        run -0 "$KELP" run --network none --userns single $form busybox sh -c \
            'cd /n; for f in *; do [ -f "$f" ] || [ -d "$f" ] || echo "$f"; done'
        assert_eq "$output" ""
    done
}

@test "a sandbox's: commit, export, and import again" {
    local id again

    names make gnu gnu.tar "$BATS_FILE_TMPDIR/root" >wanted
    "$KELP" import "$BATS_FILE_TMPDIR/root.tar" box
    # GNU tar's format has no charset, and busybox knows none
    keep one -v "$PWD/gnu.tar:/gnu.tar:ro" box busybox sh -c 'cd / && busybox tar -xf /gnu.tar n; [ -d /n ]' 2>/dev/null
    names list "$kept/one/upper/n" >got
    diff wanted got
    id=$("$KELP" commit one made)
    names list "$(layer_of "$id")/n" >got
    diff wanted got
    for format in oci-archive docker-archive; do
        "$KELP" export made --format $format -o $format.tar
        again=$(XDG_DATA_HOME=$PWD/second "$KELP" import $format.tar made)
        names list "$(STORE=$PWD/second/kelp/store layer_of "$again")/n" >got
        diff wanted got
    done
    "$KELP" run --network none --userns single made busybox sh -c 'cd /n; for f in *; do
        busybox readlink "$f" || :; echo "$f"; done' >shown
    "$KELP" run --network none --userns single --keep --name one box busybox sh -c 'cd /n; for f in *; do
        busybox readlink "$f" || :; echo "$f"; done' >wanted
    cmp wanted shown
    umoci unpack --rootless --image "$STORE:made:latest" out
    names list "$kept/one/upper/n" >wanted
    names list out/rootfs/n >got
    diff wanted got
    # where all are UTF-8 nothing is said about a charset, for which GNU tar has a warning
    "$KELP" rm one
    keep one box busybox sh -c 'busybox mkdir /n; echo nfd >"$(printf "/n/u\314\210")"; echo nfc >"$(printf "/n/\303\274")"'
    "$KELP" commit one utf8
    "$KELP" export utf8 --format docker-archive -o utf8.tar
    run -0 --separate-stderr tar -tf <(tar -xOf utf8.tar --wildcards '*.tar' --exclude=manifest.json)
    assert_eq "$stderr" ""
}

@test "attributes: the names of user.*, and what cannot be kept is counted" {
    command -v setfattr >/dev/null || skip "the machine lacks setfattr"
    local id name names=(user.a=b user.%41 'user.a b' $'user.a\nb' $'user.\xc3\xbc' $'user.\xff' user.%3D user.plain user.=)

    "$KELP" import "$BATS_FILE_TMPDIR/root.tar" box
    keep one box busybox sh -c 'echo x >/x; busybox mkdir /d'
    for name in "${names[@]}"; do
        setfattr -n "$name" -v "value of $name" "$kept/one/upper/x"
        setfattr -n "$name" -v "" "$kept/one/upper/d"
    done
    run -0 --separate-stderr "$KELP" commit one made
    assert_eq "$stderr" ""
    id=$output
    python3 - "$kept/one/upper" "$(layer_of "$id")" <<'END'
import os, sys
def look(top, name):
    path = os.path.join(top, name)
    return {n: os.getxattr(path, n) for n in os.listxattr(path) if n.startswith("user.") and "overlay" not in n}
for name in "x", "d":
    want, got = (look(top, name) for top in sys.argv[1:])
    assert len(want) == 9 and want == got, (want, got)
END
    # as other tools read them: all but those whose key would end at the '='
    umoci unpack --rootless --image "$STORE:made:latest" out
    for name in 'user.%41' 'user.a b' $'user.a\nb' $'user.\xc3\xbc' user.%3D user.plain; do
        [ "$(getfattr --only-values -n "$name" out/rootfs/x)" = "value of $name" ]
    done
    # those of the overlay's name are escaped on disk, by a kernel that lets a sandbox have them
    setfattr -n user.overlay.overlay.opaque -v y "$kept/one/upper/x"
    run -0 --separate-stderr "$KELP" commit one less
    assert_eq "$stderr" "kelp: 1 extended attribute was left out: an image has no user.overlay.* and no access control lists"
    setfattr -n user.overlay.overlay.x -v y "$kept/one/upper/d"
    run -0 --separate-stderr "$KELP" commit one less
    assert_eq "$stderr" "kelp: 2 extended attributes were left out: an image has no user.overlay.* and no access control lists"
}

@test "hard links of symlinks and fifos, too" {
    local layer

    "$KELP" import "$BATS_FILE_TMPDIR/root.tar" box
    keep one box busybox sh -c 'busybox ln -s x /l; busybox ln /l /m; busybox mkfifo /p; busybox ln /p /q; echo >/f; busybox ln /f /g'
    [ "$(stat -c %h "$kept/one/upper"/[lmpqfg] | sort -u)" = 2 ]
    layer=$(layer_of "$("$KELP" commit one made)")
    [ "$(stat -c %h "$layer"/[lmpqfg] | sort -u)" = 2 ]
    [ "$(stat -c %i "$layer/l")" = "$(stat -c %i "$layer/m")" ]
    [ "$(stat -c %i "$layer/p")" = "$(stat -c %i "$layer/q")" ]
    [ -p "$layer/q" ] && [ "$(readlink "$layer/m")" = x ]
    run -0 "$KELP" verify
    umoci unpack --rootless --image "$STORE:made:latest" out
    [ "$(stat -c %i out/rootfs/p)" = "$(stat -c %i out/rootfs/q)" ]
}

@test "hard links of fifos, for subordinate ids" {
    command -v newuidmap >/dev/null || skip "the machine lacks newuidmap"
    "$KELP" import "$BATS_FILE_TMPDIR/root.tar" box
    "$KELP" run --network none --userns subids --keep --name one box busybox sh -c \
        'busybox mkfifo /p; busybox chown 5:6 /p; busybox ln /p /q; busybox ln -s x /l; busybox chown -h 7:8 /l; busybox ln /l /m'
    "$KELP" commit one made
    run -0 "$KELP" run --network none --userns subids made busybox stat -c '%h %u:%g %n' /p /q /l /m
    assert_eq "$output" $'2 5:6 /p\n2 5:6 /q\n2 7:8 /l\n2 7:8 /m'
}
