#!/usr/bin/env bats
# `kelp export`: what other tools make of the archives, and what comes back from them.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../image/common
load ../lib/trace

# An image of three layers, one of them there twice, with a configuration: box:1.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    make_busybox_root root
    make_layout root layout
    umoci config --image layout:v1 --config.entrypoint /bin/sh --author alice --config.label a=b
    mkdir etc2 && echo more >etc2/more
    umoci insert --rootless --image layout:v1 --opaque root/usr/share /etc
    umoci insert --rootless --image layout:v1 etc2 /opt
    umoci insert --rootless --image layout:v1 --whiteout /usr/share/doc/one
    export XDG_DATA_HOME=$PWD/data
    "$KELP" import layout box:1 >id
    "$KELP" export box:1 -o oci.tar
    "$KELP" export box:1 --format docker-archive --output=docker.tar
}

teardown_file() {
    remove_owned "$BATS_FILE_TMPDIR/data"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    export HOME=$PWD/home XDG_DATA_HOME=$BATS_FILE_TMPDIR/data
    mkdir home
    FROM=$BATS_FILE_TMPDIR STORE=$XDG_DATA_HOME/kelp/store
    id=$(cat "$FROM/id")
    config=$(jq -r .config.digest "$STORE/blobs/sha256/${id:7}")
}

diff_ids() {
    jq -c .rootfs.diff_ids
}

wanted_diff_ids() {
    diff_ids <"$STORE/blobs/sha256/${config:7}"
}

@test "an OCI archive: its entries, in their order" {
    run -0 tar -tvf "$FROM/oci.tar"
    [ "${lines[0]##* }" = oci-layout ]
    [ "${lines[1]##* }" = index.json ]
    [ "${lines[2]##* }" = blobs/ ]
    [ "${lines[3]##* }" = blobs/sha256/ ]
    assert_eq "$(tar -tf "$FROM/oci.tar" | tail -n +5)" \
        "$(tar -tf "$FROM/oci.tar" | tail -n +5 | LC_ALL=C sort -u)"
    [ -z "$(grep -v ' 0/0 .* 1970-01-01 00:00 ' <<<"$output")" ]
    mkdir out && tar -C out -xf "$FROM/oci.tar"
    (cd out/blobs/sha256 && sha256sum --quiet -c <(for f in *; do echo "$f  $f"; done))
    [ "$(jq -r '.manifests[0].digest' out/index.json)" = "$id" ]
    [ "$(jq -r '.manifests[0].annotations[]' out/index.json)" = box:1 ]
    [ "$(jq '.manifests | length' out/index.json)" = 1 ]
}

@test "a docker-archive: its entries, in their order" {
    run -0 tar -tf "$FROM/docker.tar"
    [ "${lines[0]}" = manifest.json ]
    [ "${lines[1]}" = "${config:7}.json" ]
    [ "${#lines[@]}" = $((2 + $(wanted_diff_ids | jq 'unique | length'))) ]
    mkdir out && tar -C out -xf "$FROM/docker.tar"
    [ "sha256:$(sha256sum <"out/${config:7}.json" | cut -d' ' -f1)" = "$config" ]
    [ "$(jq -r '.[0].RepoTags[0]' out/manifest.json)" = box:1 ]
    assert_eq "$(jq -c '.[0].Layers | map("sha256:" + rtrimstr(".tar"))' out/manifest.json)" "$(wanted_diff_ids)"
    (cd out && sha256sum --quiet -c <(for f in *.tar; do echo "${f%.tar}  $f"; done))
}

@test "the same image gives the same bytes" {
    umask 077
    sleep 1.1
    "$KELP" export "${id:7:12}" -o by-id.tar
    "$KELP" export box:1 -o again.tar
    cmp again.tar "$FROM/oci.tar"
    "$KELP" export --format=docker-archive box:1 -o - | cmp - "$FROM/docker.tar"
    # an id has no name to give away
    [ "$(tar -xOf by-id.tar index.json | jq -c '.manifests[0] | has("annotations")')" = false ]
    "$KELP" export --format docker-archive "$id" -o - | tar -xOf - manifest.json | jq -e '.[0].RepoTags == []'
    # from another store, too
    XDG_DATA_HOME=$PWD/second "$KELP" import "$FROM/oci.tar" box:1
    XDG_DATA_HOME=$PWD/second "$KELP" export box:1 -o third.tar
    cmp third.tar "$FROM/oci.tar"
}

@test "skopeo reads both, and what it makes of them is the image" {
    skopeo copy -q "oci-archive:$FROM/oci.tar" dir:dir
    [ "sha256:$(sha256sum <dir/manifest.json | cut -d' ' -f1)" = "$id" ]
    skopeo copy -q "oci-archive:$FROM/oci.tar:box:1" oci:named:x
    skopeo copy -q "docker-archive:$FROM/docker.tar" dir:dir2
    [ "$(jq -r .config.digest dir2/manifest.json)" = "$config" ]
    [ "$(skopeo inspect --config "docker-archive:$FROM/docker.tar:box:1" | diff_ids)" = "$(wanted_diff_ids)" ]
}

@test "what skopeo writes of it comes back the same" {
    skopeo copy -q "oci-archive:$FROM/oci.tar" oci-archive:one.tar:x
    skopeo copy -q "docker-archive:$FROM/docker.tar" docker-archive:two.tar:x:1
    export XDG_DATA_HOME=$PWD/data
    [ "$("$KELP" import one.tar one)" = "$id" ]
    two=$("$KELP" import two.tar two)
    [ "$(jq -r .config.digest "$XDG_DATA_HOME/kelp/store/blobs/sha256/${two:7}")" = "$config" ]
    [ "$(ls "$XDG_DATA_HOME/kelp/store/unpacked/single" | wc -l)" = "$(wanted_diff_ids | jq 'unique | length')" ]
}

@test "kelp reads both" {
    export XDG_DATA_HOME=$PWD/data
    [ "$("$KELP" import "$FROM/oci.tar" one)" = "$id" ]
    two=$("$KELP" import - two <"$FROM/docker.tar")
    [ "$(jq -r .config.digest "$XDG_DATA_HOME/kelp/store/blobs/sha256/${two:7}")" = "$config" ]
    run -0 "$KELP" run --network none two -c 'cat /opt/more; ls /etc; echo $FOO'
    assert_eq "$output" "$(STORE=$STORE XDG_DATA_HOME=$FROM/data "$KELP" run --network none box:1 -c 'cat /opt/more; ls /etc; echo $FOO')"
}

@test "umoci reads it" {
    mkdir out && tar -C out -xf "$FROM/oci.tar"
    umoci unpack --rootless --image out:box:1 bundle >/dev/null 2>&1
    umoci unpack --rootless --image "$FROM/layout:v1" wanted >/dev/null 2>&1
    assert_eq "$(facts bundle/rootfs)" "$(facts wanted/rootfs)"
}

# As a normal user, with a storage of its own.
with_storage() {
    "$1" --storage-driver vfs --root "$PWD/storage" --runroot "$PWD/runroot" "${@:2}"
}

@test "buildah reads both" {
    with_storage buildah pull -q "oci-archive:$FROM/oci.tar" >pulled
    [ "$(cat pulled)" = "${config:7}" ]
    with_storage buildah pull -q "docker-archive:$FROM/docker.tar" >pulled
    [ "$(cat pulled)" = "${config:7}" ]
    name=$(with_storage buildah from --pull-never "$(cat pulled)")
    run -0 with_storage buildah run --isolation chroot "$name" -- /bin/busybox cat /opt/more
    [[ $output == *more* ]]
    buildah unshare rm -rf storage runroot
}

@test "podman loads both, and what it saves comes back the same" {
    run -0 with_storage podman load -q -i "$FROM/docker.tar"
    [[ $output == *"localhost/box:1"* ]]
    run -0 with_storage podman load -q -i "$FROM/oci.tar"
    [[ $output == *"localhost/box:1"* ]]
    [ "$(with_storage podman image inspect --format '{{.Id}}' box:1)" = "${config:7}" ]
    with_storage podman save -q --format oci-archive -o saved.tar box:1
    XDG_DATA_HOME=$PWD/data "$KELP" import saved.tar saved >saved
    [ "$(jq -r .config.digest "$PWD/data/kelp/store/blobs/sha256/$(cut -c8- saved)")" = "$config" ]
    buildah unshare rm -rf storage runroot
}

@test "what was committed is exported like any other" {
    cp -r "$FROM/data" data
    export XDG_DATA_HOME=$PWD/data
    "$KELP" run --network none --userns single --keep --name one --entrypoint /bin/sh box:1 -c 'echo new >/new'
    "$KELP" commit one made
    "$KELP" rm one
    "$KELP" export made -o made.tar
    "$KELP" export made --format docker-archive -o made.docker
    skopeo copy -q docker-archive:made.docker oci:out:x
    umoci unpack --rootless --image out:x bundle >/dev/null 2>&1
    [ "$(cat bundle/rootfs/new)" = new ]
    with_storage buildah pull -q oci-archive:made.tar
    buildah unshare rm -rf storage runroot
}

@test "an image with docker's own types" {
    skopeo copy -q --format v2s2 "oci:$FROM/layout:v1" dir:d
    # an OCI layout of the same documents, as a pull from a registry leaves it
    mkdir -p lay/blobs/sha256
    for f in d/*; do
        cp "$f" "lay/blobs/sha256/$(sha256sum <"$f" | cut -d' ' -f1)"
    done
    echo '{"imageLayoutVersion":"1.0.0"}' >lay/oci-layout
    jq -n --arg d "sha256:$(sha256sum <d/manifest.json | cut -d' ' -f1)" --argjson s "$(stat -c %s d/manifest.json)" \
        '{schemaVersion:2,manifests:[{mediaType:"application/vnd.docker.distribution.manifest.v2+json",digest:$d,size:$s}]}' >lay/index.json
    export XDG_DATA_HOME=$PWD/data
    "$KELP" import lay dock
    "$KELP" export dock -o dock.tar
    skopeo copy -q oci-archive:dock.tar oci:out:x
    "$KELP" export dock --format docker-archive -o dock.docker
    skopeo copy -q docker-archive:dock.docker oci:out:y
    [ "$(skopeo inspect --config oci:out:x | diff_ids)" = "$(skopeo inspect --config oci:out:y | diff_ids)" ]
}

@test "the file: replaced whole, or left as it was" {
    echo old >file.tar
    chmod 600 file.tar
    "$KELP" export box:1 -o file.tar
    cmp file.tar "$FROM/oci.tar"
    # what was closed to others stays so
    [ "$(stat -c %a file.tar)" = 600 ]
    "$KELP" export box:1 -o new.tar
    [ "$(stat -c %a new.tar)" = 644 ]
    rm new.tar
    mkdir dir
    run -125 "$KELP" export box:1 -o dir
    assert_refused "cannot export 'box:1': cannot open 'dir': Is a directory"
    run -125 "$KELP" export box:1 -o dir/
    assert_refused "'dir/' is not the name of a file"
    run -125 "$KELP" export box:1 -o none/file
    assert_refused "cannot open 'none'"
    # what is no file is written to
    ln -s file2.tar link
    "$KELP" export box:1 -o link
    [ -L link ]
    cmp file2.tar "$FROM/oci.tar"
    mkfifo fifo
    cat fifo >from-fifo &
    "$KELP" export box:1 -o fifo
    wait $!
    cmp from-fifo "$FROM/oci.tar"
    run -125 "$KELP" export box:1 -o /dev/full
    assert_eq "$output" "kelp: cannot export 'box:1': cannot write '/dev/full': No space left on device
hint: the file system of '/dev/full' is full"
    # shellcheck disable=SC2016 # for the inner shell
    run -125 bash -o pipefail -c 'trap "" PIPE; "$KELP" export box:1 -o - | true'
    assert_refused "cannot export 'box:1': cannot write 'standard output': "
    assert_eq "$(ls -A)" $'dir\nfifo\nfile.tar\nfile2.tar\nfrom-fifo\nhome\nlink'
}

@test "a file system that has no files without a name" {
    command -v strace >/dev/null || skip "the machine lacks strace"
    local flag

    mkdir out
    flag=$(traced "$KELP_IMAGE" --store "$STORE" export box:1 --output out/file.tar && grep -c O_TMPFILE trace)
    [ "$flag" = 1 ]
    n=$(grep -n 'openat(' trace | grep -n O_TMPFILE | cut -d: -f1)
    strace -f -qq -o trace -e inject=openat:error=EOPNOTSUPP:when="$n" \
        "$KELP_IMAGE" --store "$STORE" export box:1 --output out/file.tar
    cmp out/file.tar "$FROM/oci.tar"
    assert_eq "$(ls -A out)" file.tar
}

@test "a damaged store is told, and no file is left" {
    local layer

    cp -r "$FROM/data" data
    export XDG_DATA_HOME=$PWD/data
    layer=$(jq -r '.layers[0].digest' "data/kelp/store/blobs/sha256/${id:7}")
    printf X | dd of="data/kelp/store/blobs/sha256/${layer:7}" bs=1 seek=1000 conv=notrunc status=none
    for format in oci-archive docker-archive; do
        run -125 "$KELP" export box:1 --format $format -o out.tar
        assert_refused
        [[ $output == *damaged* ]]
        [ ! -e out.tar ]
    done
    run -125 "$KELP" export box:1 -o - 2>&1
    [[ $output == *"'${layer:7}' in the image store is damaged"* ]]
    rm "data/kelp/store/blobs/sha256/${config:7}"
    run -125 "$KELP" export box:1 -o out.tar
    assert_refused "${config:7}"
    [ ! -e out.tar ]
}

@test "what is asked for has to make sense" {
    run -125 "$KELP" export box:1
    assert_eq "$output" "kelp: where the archive is to go is missing
hint: kelp export box:1 -o FILE, or -o - for standard output"
    run -125 "$KELP" export
    assert_refused "'kelp export' needs the NAME of an image"
    run -125 "$KELP" export box:1 -o
    assert_refused "option '-o' needs a value"
    "$KELP" export box:1 -ojoined=1.tar
    "$KELP" export box:1 -o joined.tar
    cmp joined=1.tar joined.tar
    run -125 "$KELP" images -qo
    assert_refused "unknown option '-qo'"
    run -125 "$KELP" export bix:1 -o x
    assert_refused "there is no image 'bix:1'"
    [[ $output == *"did you mean 'box:1'" ]]
    run -125 "$KELP" export box:1 --format tar -o x
    assert_refused "cannot export 'box:1': unknown format 'tar'"
    run -125 "$KELP" export box:1 --format docker -o x
    [[ ${lines[1]} == "hint: did you mean 'docker-archive'" ]]
    run -125 "$KELP" export box:1 --format oci-archiv -o x
    [[ ${lines[1]} == "hint: did you mean 'oci-archive'" ]]
    run -125 "$KELP" export box:1 x.tar
    assert_refused "unexpected word 'x.tar'"
    [[ ${lines[1]} == "hint: kelp export box:1 -o x.tar" ]]
    run -125 "$KELP" export box:1 --json -o x
    assert_refused "unknown option '--json'"
    run -125 "$KELP" export box:1 --outputt x
    [[ ${lines[1]} == "hint: did you mean '--output'" ]]
    run -125 "$KELP" images --jsn
    [[ ${lines[1]} == "hint: did you mean '--json'" ]]
    run -125 "$KELP" rmi --forse x
    [[ ${lines[1]} == "hint: did you mean '--force'" ]]
    run -125 "$KELP" images -x
    [[ ${lines[1]} == "hint: kelp images --help" ]]
    assert_eq "$("$KELP" images -q)" "$("$KELP" images --json | jq -r '.[].id[7:19]' | sort -u)"
    run -125 script -qec "$KELP export box:1 -o -" /dev/null
    [[ $output == *"an archive is not for a terminal"* ]]
    XDG_DATA_HOME=$PWD/none run -125 "$KELP" export box:1 -o x
    assert_refused "the image store is empty"
    [ ! -e x ]
}

@test "who reads the store is confined to it" {
    command -v strace >/dev/null || skip "the machine lacks strace"
    traced "$KELP_IMAGE" --store "$STORE" export box:1 --output out.tar
    grep -qE 'clone3\(.*CLONE_NEWNS.*CLONE_NEWUSER.*CLONE_NEWNET' trace
    local reader

    reader=$(sed -n 's/^\([0-9]*\) .*landlock_restrict_self.* = 0/\1/p' trace)
    # one rule, to read; the rest of what it has is open
    [ "$(grep -c "^$reader .*landlock_add_rule" trace)" = 1 ]
    [ -z "$(grep "^$reader .*landlock_add_rule" trace | grep WRITE)" ]
    stays_in_open_directories "$reader"
}
