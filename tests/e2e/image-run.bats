#!/usr/bin/env bats
# Images from archives, from `kelp import` to what runs inside.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../image/common

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    make_busybox_root root
    echo root-file >root/etc/base
    make_layout root layout
    umoci config --image layout:v1 --config.workingdir /tmp --config.entrypoint /bin/sh \
        --config.entrypoint -c --config.cmd 'echo default $FOO; pwd'
    skopeo copy -q oci:layout:v1 docker-archive:docker.tar:x:v1
    skopeo copy -q oci:layout:v1 oci-archive:oci.tar
    tar -C root --sort=name -cJf rootfs.tar.xz .
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    export XDG_DATA_HOME=$PWD/data
}

teardown() {
    remove_owned "$XDG_DATA_HOME"
}

@test "import, images, run, rmi" {
    run -0 "$KELP" import "$BATS_FILE_TMPDIR/docker.tar" app
    [[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
    run -0 "$KELP" images
    [[ ${lines[1]} == app:latest\ * ]]
    run -0 "$KELP" run app
    assert_eq "$output" "default bar
/tmp"
    run -0 "$KELP" run app 'echo given; id -u'
    assert_eq "$output" "given
0"
    run -0 "$KELP" rmi app
    run -125 "$KELP" run app
    assert_refused "there is no image 'app'"
}

@test "an image is run by its id, whole or as images shows it" {
    local id other

    id=$("$KELP" import "$BATS_FILE_TMPDIR/docker.tar" app)
    other=$("$KELP" import "$BATS_FILE_TMPDIR/rootfs.tar.xz" app)
    [ "$id" != "$other" ]
    # what has no name any more
    run -0 "$KELP" images
    [[ $output == *"<none>"*"${id:7:12}"* ]]
    for word in "$id" "${id#sha256:}" "${id:7:12}" "${id:0:30}"; do
        run -0 "$KELP" run "$word"
        assert_eq "$output" "default bar
/tmp"
    done
    run -0 "$KELP" run --userns single "${other:7:12}" /bin/busybox cat /etc/base
    assert_eq "$output" root-file
    # shorter ones are none
    run -125 "$KELP" run "${id:7:11}"
    assert_refused "there is no image '${id:7:11}'"
    run -125 "$KELP" run 0123456789ab
    assert_refused "there is no image '0123456789ab'"
    [[ ${lines[1]} == "hint: \`kelp images\` lists the images" ]]
    run -125 "$KELP" run "sha256:$(printf '%064d' 7)"
    assert_refused "there is no image 'sha256:0000"
    # a name goes before an id
    "$KELP" import "$BATS_FILE_TMPDIR/rootfs.tar.xz" "${id:7:12}"
    run -0 "$KELP" run --userns single "${id:7:12}" /bin/busybox cat /etc/base
    assert_eq "$output" root-file
    run -0 "$KELP" run "${id:7:13}"
    # which of two
    cp "$XDG_DATA_HOME/kelp/store/images/${id#sha256:}" \
        "$XDG_DATA_HOME/kelp/store/images/${id:7:30}$(printf '%034d' 1)"
    run -125 "$KELP" run "${id:0:30}"
    assert_refused "more than one image has an id with '${id:7:23}'"
}

@test "a tag that is not there: those that are" {
    "$KELP" import "$BATS_FILE_TMPDIR/docker.tar" deb:trixie
    "$KELP" import "$BATS_FILE_TMPDIR/docker.tar" deb:bookworm
    "$KELP" import "$BATS_FILE_TMPDIR/docker.tar" registry.example:5000/tiny
    for command in run rmi verify; do
        run -125 "$KELP" "$command" deb
        assert_refused "there is no image 'deb'"
        [[ ${lines[1]} == "hint: there is deb:bookworm, deb:trixie" ]]
        run -125 "$KELP" "$command" registry.example:5000/tiny:lates
        [[ ${lines[1]} == "hint: there is registry.example:5000/tiny:latest" ]]
        run -125 "$KELP" "$command" dep:bookworm
        [[ ${lines[1]} == "hint: did you mean 'deb:bookworm'" ]]
    done
}

@test "a name that docker takes for another one, and one of another registry" {
    local command

    "$KELP" import "$BATS_FILE_TMPDIR/docker.tar" docker.io/library/alpine:latest
    "$KELP" import "$BATS_FILE_TMPDIR/docker.tar" docker.io/foo/bar:v3
    "$KELP" import "$BATS_FILE_TMPDIR/docker.tar" 127.0.0.1:5103/tiny
    for command in run rmi verify "export -o out.tar"; do
        # shellcheck disable=SC2086 # an option
        set -- $command
        run -125 "$KELP" "$@" alpine
        assert_refused "there is no image 'alpine'"
        [[ ${lines[1]} == "hint: 'docker.io/library/alpine:latest' is here, which is another name" ]]
        run -125 "$KELP" "$@" foo/bar:v3
        [[ ${lines[1]} == "hint: 'docker.io/foo/bar:v3' is here, which is another name" ]]
        run -125 "$KELP" "$@" foo/bar
        [[ ${lines[1]} == "hint: there is docker.io/foo/bar:v3" ]]
        run -125 "$KELP" "$@" 127.0.0.1:5101/tiny
        [[ $output != *5103* ]]
    done
    run -125 "$KELP" run 127.0.0.1:5101/tiny
    [[ ${lines[1]} == "hint: kelp pull 127.0.0.1:5101/tiny, kelp import FILE "* ]]
}

@test "what has a digest can only be pulled" {
    local name

    name=alpine@sha256:$(printf '%064d' 7)
    run -125 "$KELP" run "$name" true
    assert_eq "$output" "kelp: there is no image '$name'
hint: kelp pull $name"
}

@test "a path is imported once: the second run starts no helper" {
    local file

    for file in docker.tar oci.tar layout rootfs.tar.xz; do
        run -0 "$KELP" run --userns single --entrypoint /bin/busybox "$BATS_FILE_TMPDIR/$file" cat /etc/base
        assert_eq "$output" root-file
        run -0 strace -f -qq -e trace=execve -o "trace-$file" \
            "$KELP" run --userns single --entrypoint /bin/busybox "$BATS_FILE_TMPDIR/$file" cat /etc/base
        assert_eq "$output" root-file
        [ "$(grep -c kelp-image "trace-$file")" = 0 ]
    done
    # the archive that changed is another image
    cp "$BATS_FILE_TMPDIR/docker.tar" mine.tar
    "$KELP" run ./mine.tar
    echo changed >"$BATS_TEST_TMPDIR/base"
    mkdir etc
    mv base etc/base
    umoci init --layout other
    umoci new --image other:v1
    umoci insert --rootless --image other:v1 "$BATS_FILE_TMPDIR/root" /
    umoci insert --rootless --image other:v1 etc /etc
    skopeo copy -q oci:other:v1 docker-archive:new.tar:x:v1
    mv new.tar mine.tar
    run -0 "$KELP" run ./mine.tar /bin/busybox cat /etc/base
    assert_eq "$output" changed
}

@test "what a run changes is gone in the next one, and not in the store" {
    local before

    "$KELP" import "$BATS_FILE_TMPDIR/rootfs.tar.xz" box
    before=$(facts "$XDG_DATA_HOME"/kelp/store/unpacked/single/*)
    run -0 "$KELP" run box /bin/sh -c 'b=busybox; $b rm /etc/base /bin/ls && echo x >/etc/passwd && $b mkdir /new && $b chmod 777 /root'
    run -0 "$KELP" run box /bin/sh -c 'busybox cat /etc/base; test -e /new || echo gone'
    assert_eq "$output" "root-file
gone"
    assert_eq "$(facts "$XDG_DATA_HOME"/kelp/store/unpacked/single/*)" "$before"
}

@test "a hostile archive is an error of kelp run" {
    python3 -B - "$KELP_SRC/tests/image" <<'EOF'
import sys
sys.path.insert(0, sys.argv[1])
from rawtar import END, directory, file
with open("evil.tar", "wb") as f:
    f.write(directory("etc/") + file("../../evil\x1b[31m", "x") + END)
EOF
    run -125 "$KELP" run ./evil.tar true
    [[ $output == *"'..'"* ]]
    [[ $output != *$'\e'* ]]
    [ -z "$(ls -A "$XDG_DATA_HOME/kelp/store/tmp")" ]
}

@test "a working directory that is not there is made, but in nothing that is shared" {
    make_rootfs "$BATS_TEST_TMPDIR/made"
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir -p share
    run -0 "$KELP" run -w /a/b ./made sh -c 'pwd; stat -c "%u %a" . ..'
    [ "$output" = $'/a/b\n0 755\n0 755' ]
    run -0 "$KELP" run --read-only -w /a/b ./made pwd
    [ ! -e made/a ]
    run -125 "$KELP" run -v ./share:/v -w /v/x ./made pwd
    [[ $output == *"there is no '/v/x', and nothing is made in what is shared" ]]
    [ -z "$(ls -A share)" ]
    run -125 "$KELP" run -w /etc/passwd/x ./made pwd
    ln -s /nowhere/else made/way
    run -125 "$KELP" run -w /way ./made pwd
    ln -sfn /v made/way
    run -125 "$KELP" run -v ./share:/v -w /way/x ./made pwd
    [ -z "$(ls -A share)" ]
}
