#!/usr/bin/env bats
# The store: names, listing, removal, where it lies, and what is said when something is wrong.

bats_require_minimum_version 1.5.0
load ../image/common

setup_file() {
    make_archives
    make_layout root layout
}

setup() {
    enter_with_archives
}

facts_of_store() {
    (cd store && find . -path ./tmp -prune -o -printf '%p %y %m %s\n' | sort)
}

@test "an import prints the id, and says the name that nobody gave it" {
    run -0 --separate-stderr image import "$BOX"
    [[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
    assert_eq "$stderr" "kelp: the image is called 'box:latest'"
    run -0 --separate-stderr image import "$BOX" given
    [[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
    [ -z "$stderr" ]
    run -0 --separate-stderr image import --path-key 1f "$BOX"
    [ -z "$stderr" ]
    [ -f store/names/box%3Alatest ]
}

@test "the same file gives the same id, twice and elsewhere" {
    local id

    id=$(image import "$BOX" one)
    cp "$BOX" copy.tar
    [ "$(image import copy.tar two)" = "$id" ]
    export STORE=$PWD/second
    [ "$(image import "$BOX")" = "$id" ]
}

@test "names: from the file, given, with a tag, with a registry" {
    image import "$OTHER"
    image import "$BOX" team/app
    image import "$BOX" registry.example:5000/team/app:1.0
    run -0 ls store/names
    assert_eq "$output" "other%3Alatest
registry.example%3A5000%2Fteam%2Fapp%3A1.0
team%2Fapp%3Alatest"
    run -125 image import "$BOX" 'Bad Name'
    assert_refused "'Bad Name' is not a name for an image"
    cp "$BOX" 'My File.tar'
    run -125 image import 'My File.tar'
    assert_refused "give a name behind the file"
}

@test "list: a table" {
    run -0 image list
    assert_eq "$output" "NAME    ID            SIZE     CREATED"
    image import "$BATS_FILE_TMPDIR/layout" laid
    image import "$BOX" a-long-name-for-a-box:1.0
    run -0 image list
    [[ ${lines[0]} =~ ^NAME\ {21,}ID\ {12}SIZE\ {5}CREATED$ ]]
    # a plain root does not say when it was made
    [[ ${lines[1]} =~ ^a-long-name-for-a-box:1.0\ \ [0-9a-f]{12}\ \ [0-9.]+MB\ +\ -$ ]]
    [[ ${lines[2]} =~ ^laid:latest\ .*MB\ +\ [0-9]{4}-[0-9]{2}-[0-9]{2}\ [0-9]{2}:[0-9]{2}$ ]]
    [ "${#lines[@]}" = 3 ]
}

@test "list: JSON" {
    run -0 image list --json
    assert_eq "$output" "[]"
    local id
    id=$(image import "$BOX" box:1)
    image import "$BATS_FILE_TMPDIR/layout" laid
    [ "$(image list --json | jq -r '.[] | select(.name == "box:1").id')" = "$id" ]
    [ "$(image list --json | jq 'map(.layers) | add')" = 2 ]
    [ "$(image list --json | jq -r '.[] | select(.name == "laid:latest").created')" != null ]
    [ "$(image list --json | jq -r '.[] | select(.name == "box:1").created')" = null ]
}

@test "list: by name, those without one last; the ids alone" {
    local name

    for name in c b:2 b:1 a; do
        image import "$BOX" "$name"
    done
    image import "$OTHER" lost
    image import "$BOX" lost
    run -0 image list
    assert_eq "$(awk 'NR > 1 { print $1 }' <<<"$output")" "a:latest
b:1
b:2
c:latest
lost:latest
<none>"
    assert_eq "$(image list --json | jq -r '.[].name')" "$(awk 'NR > 1 { sub("<none>", "null"); print $1 }' <<<"$output")"
    run -0 image list --quiet
    assert_eq "$output" "$(image list --json | jq -r '.[].id[7:19]' | sort -u)"
    # shellcheck disable=SC2086 # several words
    image remove --force $output
    [ -z "$(image list --quiet)" ]
}

@test "a name that is given again moves" {
    local first second

    first=$(image import "$BOX" x)
    run -0 --separate-stderr image import "$OTHER" x
    second=$output
    assert_eq "$stderr" "kelp: the name 'x:latest' stood for another image before: '${first:7:12}', which \`kelp prune\` removes if it has no other one"
    run -0 --separate-stderr image import "$OTHER" x
    [ -z "$stderr" ]
    [ "$first" != "$second" ]
    [ "$(image list --json | jq -r '.[] | select(.name == "x:latest").id')" = "$second" ]
    [ "$(image list --json | jq -r '.[] | select(.name == null).id')" = "$first" ]
    [ "$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"]).digest' store/index.json)" = "$second" ]
    # the one without a name is still there, and goes by its id
    [ -d "$(layer_of "$first")" ]
    run -0 image remove "${first:7:12}"
    assert_eq "$output" "deleted: $first"
    [ "$(image list --json | jq length)" = 1 ]
}

@test "remove: one of two names, then the other" {
    local id

    id=$(image import "$BOX" one)
    image import "$BOX" two:2
    run -0 image remove one
    assert_eq "$output" "untagged: one:latest"
    [ -d "$(layer_of "$id")" ]
    [ "$(jq '.manifests | length' store/index.json)" = 1 ]
    run -0 image remove two:2
    assert_eq "$output" "untagged: two:2
deleted: $id"
    assert_eq "$(find store -type f | sort)" "store/index.json
store/lock
store/oci-layout"
    assert_eq "$(cat store/index.json)" '{"schemaVersion":2,"manifests":[]}'
}

@test "remove: several at once, by name and id; all or nothing" {
    local id before

    id=$(image import "$BOX" one)
    image import "$OTHER" two
    image import "$OTHER" three
    before=$(facts_of_store)
    run -125 image remove one thre
    assert_refused "there is no image 'thre'"
    [[ ${lines[1]} == "hint: did you mean 'three'" ]]
    assert_eq "$(facts_of_store)" "$before"
    image remove "$id" two three
    [ "$(image list --json)" = "[]" ]
}

@test "remove: an id with several names takes --force" {
    local id

    id=$(image import "$BOX" one)
    image import "$BOX" two:2
    run -125 image remove "${id:7:12}"
    assert_refused "the image '${id:7:12}' has 2 names"
    assert_eq "${lines[1]}" "hint: kelp rmi one:latest two:2, or with --force"
    run -0 image remove --force "${id:7:12}"
    assert_eq "$output" "untagged: one:latest
untagged: two:2
deleted: $id"
    image import "$BOX" one
    image remove "$id"
}

@test "remove: what is not there" {
    run -125 image remove nothing
    assert_refused "there is no image 'nothing'"
    image import "$BOX" box
    run -125 image remove bux
    assert_refused "there is no image 'bux'"
    [[ $output == *"did you mean 'box'" ]]
    run -125 image remove 0123456789ab
    assert_refused "there is no image '0123456789ab'"
    run -125 image remove sha256:
    assert_refused "there is no image 'sha256:'"
    run -125 image remove "$(printf 'x\033[31m')"
    assert_refused 'x\x1b[31m'
    run -125 image remove ../../etc/passwd
    assert_refused
}

@test "remove: shared layers and blobs stay as long as somebody needs them" {
    local first

    cp -r "$BATS_FILE_TMPDIR/layout" lay
    first=$(image import lay first)
    umoci config --image lay:v1 --config.env MORE=1
    image import lay second
    [ "$(ls store/unpacked/single | wc -l)" = 1 ]
    image remove first
    run -0 facts "$(layer_of "$(image list --json | jq -r '.[0].id')")"
    [[ $output == *"'etc/passwd'"* ]]
    umoci unpack --rootless --image store:second:latest out
    [ ! -e "store/blobs/sha256/${first:7}" ]
}

@test "remove: an image in use is left alone" {
    local id before

    id=$(image import "$BOX" box)
    before=$(facts_of_store)
    exec {lock}<"$(layer_of "$id")"
    flock -s "$lock"
    run -125 image remove box
    # whoever took the lock is gone, and it was handed on
    assert_refused "the image 'box:latest' is in use by a running sandbox"
    assert_eq "$(facts_of_store)" "$before"
    exec {lock}<&-
    image remove box
}

@test "remove: images of other tools keep their blobs" {
    image import "$BATS_FILE_TMPDIR/layout" mine
    skopeo copy -q "oci:store:mine:latest" "oci:store:theirs:1"
    umoci config --image store:theirs:1 --config.env THEIRS=1
    image remove mine
    umoci unpack --rootless --image store:theirs:1 out
    [ -f out/rootfs/etc/passwd ]
}

@test "an import by path has a key and no name" {
    local id

    id=$(image import --path-key 1f-2.3 -- "$BOX")
    [ -z "$(ls -A store/names)" ]
    [ "$(head -n 2 store/paths/1f-2.3 | tail -n 1)" = "id = $id" ]
    run -0 image list
    [[ ${lines[1]} == "<none> "* ]]
    run -0 image remove "$id"
    [ -z "$(ls -A store/paths)" ]
    run -125 image import --path-key ../x "$BOX"
    assert_refused "cannot be a path key"
}

@test "an image with a key outlives its name" {
    local id

    id=$(image import --path-key k "$BOX" box)
    run -0 image remove box
    assert_eq "$output" "untagged: box:latest"
    [ -d "$(layer_of "$id")" ]
    image remove "$id"
    [ ! -e store/paths/k ]
}

@test "standard input: a pipe and a file" {
    local id

    id=$(image import "$OTHER" file)
    # shellcheck disable=SC2002 # a pipe is meant
    [ "$(cat "$OTHER" | image import - piped)" = "$id" ]
    [ "$(image import - redirected <"$OTHER")" = "$id" ]
    [ "$(image import <(cat "$OTHER") substituted)" = "$id" ]
    run -125 image import - <"$OTHER"
    assert_refused "an image from standard input needs a name"
    run -125 image import - x </dev/null
    assert_refused "cannot import '-': standard input is a device"
    [[ ${lines[1]} == "hint: pipe an archive into it: kelp import - NAME <FILE" ]]
    run -125 script -qec "'$KELP_IMAGE' --store store import - x" /dev/null
    [[ $output == *"cannot import '-': standard input is a terminal"* ]]
    run -125 image import <(:) x
    assert_refused "the file is empty"
}

@test "of several images in an archive one is chosen by name" {
    local args first second

    cp -r "$BATS_FILE_TMPDIR/layout" lay
    umoci tag --image lay:v1 v2
    first=$(image import lay any)
    umoci config --image lay:v2 --config.env TWO=2
    run -125 image import lay
    assert_refused "the layout has 2 images: 'v1', 'v2'"
    [[ ${lines[1]} == "hint: choose one"* ]]
    run -125 image import lay x:nope
    assert_refused "the layout has no tag 'nope' among its 2 images: 'v1', 'v2'"
    [[ ${lines[1]} == "hint: choose one"* ]]
    for args in "lay:v2" "lay:v2 x"; do
        # shellcheck disable=SC2086 # words
        run -125 image import $args
        assert_refused "cannot open 'lay:v2': No such file or directory"
        assert_eq "${lines[1]}" "hint: the tag of a layout is chosen by the name: kelp import lay lay:v2"
    done
    run -125 image import lay:
    assert_eq "${#lines[@]}" 1
    second=$(image import lay x:v2)
    [ "$(image import lay x:v1)" = "$first" ]
    [ "$second" != "$first" ]
}

@test "names inside an archive are not believed" {
    umoci tag --image "$BATS_FILE_TMPDIR/layout:v1" evil 2>/dev/null || true
    skopeo copy -q "oci:$BATS_FILE_TMPDIR/layout:v1" docker-archive:d.tar:docker.io/library/alpine:3
    image import d.tar mine
    assert_eq "$(ls store/names)" "mine%3Alatest"
    assert_eq "$(jq -r '.manifests[].annotations["org.opencontainers.image.ref.name"]' store/index.json)" "mine:latest"
}

@test "a docker-archive without a given name has its own, if that is one and good" {
    local tags id

    skopeo copy -q "oci:$BATS_FILE_TMPDIR/layout:v1" docker-archive:d.tar:registry.example/team/app:7
    run -0 --separate-stderr image import d.tar
    [[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
    assert_eq "$stderr" "kelp: the image is called 'registry.example/team/app:7'"
    id=$output
    assert_eq "$(image list --json | jq -r '.[].name')" "registry.example/team/app:7"
    # from standard input too, where there is no other
    run -0 --separate-stderr image import - <d.tar
    assert_eq "$stderr" "kelp: the image is called 'registry.example/team/app:7'"
    # another image under that name is not replaced without a word
    image import "$BOX" registry.example/team/app:7
    run -0 --separate-stderr image import d.tar
    [[ $stderr == "kelp: the image is called 'registry.example/team/app:7'
kelp: the name 'registry.example/team/app:7' stood for another image before: '"* ]]
    assert_eq "$(image list --json | jq -r '.[] | select(.name == "registry.example/team/app:7").id')" "$id"
    mkdir unpacked
    tar -C unpacked -xf d.tar
    chmod -R u+w unpacked
    for tags in '[]' 'null' '["a:1", "b:1"]' '["Bad Name"]' '["../../x"]' '[1]'; do
        jq -c ".[0].RepoTags = $tags" unpacked/manifest.json >manifest
        cp manifest unpacked/manifest.json
        tar -C unpacked -cf other-name.tar .
        rm -rf store
        image import other-name.tar
        assert_eq "$(image list --json | jq -r '.[].name')" "other-name:latest"
    done
}

@test "a store that is open to others is refused" {
    image import "$BOX" box
    chmod 755 store
    run -125 image list
    assert_refused "is open to others (mode 755)"
    [[ ${lines[1]} == "hint: chmod 700 "* ]]
    chmod 700 store
    image list
    [ "$(stat -c %a store)" = 700 ]
}

@test "a store behind a symlink, and one that cannot be made" {
    mkdir -m 700 real
    ln -s real store
    run -125 image import "$BOX" box
    assert_refused "cannot open the image store"
    export STORE=/proc/nothing/store
    run -125 image import "$BOX" box
    assert_refused "cannot make '/proc/nothing'"
}

@test "missing parents of the store are made for the user alone" {
    export STORE=$PWD/a/b/store
    image import "$BOX" box
    [ "$(stat -c %a a)$(stat -c %a a/b)" = 700700 ]
}

@test "files that are not there or cannot be read" {
    run -125 image import nothing.tar x
    assert_refused "cannot import 'nothing.tar': cannot open 'nothing.tar': No such file or directory"
    cp "$BOX" closed.tar
    chmod 0 closed.tar
    run -125 image import closed.tar x
    assert_refused "Permission denied"
    run -125 image import "$BATS_FILE_TMPDIR/root" x
    assert_refused "is not an OCI layout"
    assert_eq "${lines[1]}" "hint: a root directory needs no import: kelp run DIRECTORY COMMAND; to have it in the store: tar -C DIRECTORY -cf - . | kelp import - NAME"
    [ -z "$(ls -A store/tmp)" ]
}

@test "wrong command lines" {
    local args

    for args in "" "nonsense" "import" "import a b c" "list x" "remove" "import x --nonsense" \
        "import x --path-key" "list --path-key x" "remove --json x" "pull x" "prune x" "list --all" "verify --json" \
        "prune --max-size"; do
        # shellcheck disable=SC2086 # words
        run -125 image $args
        assert_refused
        [[ ${lines[1]} == "hint: kelp-image --store DIR import"* ]]
    done
    run -125 "$KELP_IMAGE" list
    assert_refused "--store DIR is missing"
}

@test "imports at the same time" {
    local i pids=()

    for i in 1 2 3 4 5 6; do
        image import "$BOX" "same" >"id$i" 3>&- &
        pids+=($!)
        image import "$OTHER" "n$i" >/dev/null 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i"
    done
    [ "$(cat id? | sort -u | wc -l)" = 1 ]
    [ "$(image list --json | jq length)" = 7 ]
    [ "$(ls store/unpacked/single | wc -l)" = 2 ]
    [ -z "$(ls -A store/tmp)" ]
}

@test "a store of another tool's making can be used" {
    umoci init --layout store
    chmod 700 store
    image list
    image import "$BOX" box
    umoci new --image store:theirs
    [ "$(image list --json | jq length)" = 1 ]
    image remove box
    run -0 umoci ls --layout store
    assert_eq "$output" "theirs"
}
