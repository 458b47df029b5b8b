#!/usr/bin/env bats
# A store in which something was cut short or is damaged: what is swept, what is mended, and what verify
# says of the rest.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../image/common
load ../lib/trace

setup_file() {
    make_archives
}

setup() {
    enter_with_archives
}

@test "an import that is interrupted leaves nothing" {
    mkfifo pipe
    "$KELP_IMAGE" --store store import pipe x 3>&- &
    local importer=$!
    exec {end}>pipe
    head -c 100000 /dev/zero >&"$end"
    while [ -z "$(ls -A store/tmp 2>/dev/null)" ]; do sleep 0.05; done
    kill -TERM "$importer"
    local status=0
    wait "$importer" || status=$?
    [ "$status" = 143 ]
    exec {end}>&-
    [ -z "$(ls -A store/tmp)" ]
    [ "$(image list --json)" = "[]" ]
}

@test "what a killed import left is swept by the next one, what a living one has is not" {
    mkdir -p store
    chmod 700 store
    image list
    image import "$BOX" first
    mkdir -p store/tmp/import-dead/layers/new/sub store/tmp/import-alive
    touch store/tmp/import-dead/layers/new/sub/file store/tmp/file
    exec {lock}<store/tmp/import-alive
    flock -x "$lock"
    image import "$OTHER" second
    assert_eq "$(ls store/tmp)" "import-alive"
    exec {lock}<&-
    image import "$OTHER" second
    [ -z "$(ls -A store/tmp)" ]
}

@test "a session stays when it cannot be told whether somebody holds it" {
    image import "$BOX" x
    mkdir store/tmp/import-1 store/tmp/import-1/blobs
    exec {held}<store/tmp/import-1
    flock -x "$held"
    run -125 strace -f -qq -o trace -e inject=flock:error=ENOLCK:when=3+ \
        "$KELP_IMAGE" --store store import "$BOX" x
    grep -q 'flock(.* = -1 ENOLCK' trace
    [ -d store/tmp/import-1/blobs ]
    exec {held}<&-
    image import "$BOX" x
    [ ! -e store/tmp/import-1 ]
}

@test "verify: all, by name, by id, and what is not there" {
    local one two

    run -0 image verify
    one=$(image import "$BOX" one)
    two=$(image import "$OTHER" two)
    run -0 image verify
    [ -z "$output" ]
    echo >>"$(layer_of "$two")/etc/passwd"
    run -0 image verify one
    run -0 image verify "${one:7:12}"
    run -125 image verify two
    [[ ${lines[0]} == "damaged: layer '"*"': 'etc/passwd' has another size" ]]
    [[ ${lines[1]} == "kelp: the image store is damaged in 1 place" ]]
    run -125 image verify "$two" one
    run -125 image verify three
    assert_refused "there is no image 'three'"
    # by the way that the hint has
    image remove two
    image import "$OTHER" two
    image verify
}

@test "verify does not keep others from the store, but keeps the images that it looks at" {
    image import "$BOX" box
    traced -e trace=flock,clone3 "$KELP_IMAGE" --store store verify
    # the store's lock is let go before the second process starts; that of the layer is not
    grep -qE 'LOCK_SH\) = 0' trace
    [ "$(grep -c 'clone3.*CLONE_NEWUSER' trace)" = 2 ]
}

@test "verify: a layer of no image, as half a store that was removed leaves it, goes by prune" {
    image import "$BOX" box
    mkdir "store/unpacked/single/$(sha256sum </dev/null | cut -c1-64)"
    run -125 image verify
    [[ ${lines[0]} == "damaged: layer '"*"': cannot open its record: No such file or directory" ]]
    [[ ${lines[2]} == "hint: "*"kelp prune what is of no image"* ]]
    image prune
    image verify
}

@test "a crash between the index and the names is mended" {
    local first second

    first=$(image import "$BOX" x)
    second=$(image import "$OTHER" x)
    # as if the second import had been killed before it changed the name
    sed "s/$second/$first/" store/names/x%3Alatest >name
    sed -n '/^layer/p' "store/images/${first#sha256:}" >layers
    sed -e '/^layer/d' -e "/^name/r layers" name >store/names/x%3Alatest
    run -125 image verify
    [[ $output == *"damaged: file 'index.json': it lacks the name 'x:latest'"* ]]
    mkdir store/tmp/import-dead
    run -0 image verify
    [ -z "$(ls store/tmp)" ]
    [ "$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"]).digest' store/index.json)" = "$first" ]
}

@test "a damaged index.json keeps nobody from the store" {
    local id

    for damage in 'echo "{"' 'true' 'echo []'; do
        for change in 'image import "$OTHER" two' 'image remove two'; do
            rm -rf store
            id=$(image import "$BOX" one)
            image import "$OTHER" two
            eval "$damage" >store/index.json
            cp store/index.json damaged
            run -0 image list
            run -125 image verify
            [[ $output == *"damaged: file 'index.json': 'index.json' of the image store"* ]]
            [[ ${lines[-1]} == "hint: the next kelp import or kelp rmi writes 'index.json' anew; "* ]]
            run -125 image prune
            assert_refused "'index.json' of the image store"
            [[ ${lines[1]} == "hint: the next kelp import or kelp rmi writes it anew from the images; kelp prune --all empties the store" ]]
            run -0 --separate-stderr eval "$change"
            [[ $stderr == "kelp: 'index.json' of the image store was damaged or missing, and is written anew, "* ]]
            cmp damaged store/index.json.damaged
            run -0 image verify
            [ "$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "one:latest").digest' store/index.json)" = "$id" ]
            run -0 --separate-stderr image import "$OTHER" three
            [ -z "$stderr" ]
            # what may be another tool's stays as long as nobody knows
            echo theirs >store/blobs/sha256/"$(printf '%064d' 1)"
            run -0 image prune
            [ -e store/blobs/sha256/"$(printf '%064d' 1)" ]
            image remove one
        done
    done
    rm store/index.json.damaged
    image prune
    [ ! -e store/blobs/sha256/"$(printf '%064d' 1)" ]
    touch store/index.json.damaged
    image prune --all
    [ ! -e store/index.json.damaged ]
}

@test "a name that cannot be read stops neither the list nor its own removal" {
    local id other

    id=$(image import "$BOX" one)
    other=$(image import "$OTHER" two)
    echo junk >store/names/one%3Alatest
    echo junk >store/names/JUNK
    echo junk >store/paths/1f-2
    run -0 --separate-stderr image list
    assert_eq "$(awk 'NR > 1 { print $1, $2 }' <<<"$output")" "two:latest ${other:7:12}
<none> ${id:7:12}"
    [[ $stderr == *"kelp: the name 'one:latest' cannot be read: "*"hint: kelp rmi 'one:latest', and import it again"* ]]
    [[ $stderr == *"kelp: the name 'JUNK' cannot be read: "* ]]
    [ "$(image list --json 2>/dev/null | jq length)" = 2 ]
    run -125 image export --output x one
    [[ $output == *"cannot be read"* ]]
    [ ! -e x ]
    run -125 image verify one
    [[ $output == *"cannot be read"* || $output == *"damaged: "* ]]
    # the others come and go, and what it stood for stays, as index.json has it
    image import "$BOX" three
    image import "$OTHER" one:v2
    run -0 --separate-stderr image prune
    [[ $output != *"untagged"* && $output != *"deleted: sha256"* ]]
    [ "$(grep -c "^kelp: the name 'one:latest' cannot be read: " <<<"$stderr")" = 1 ]
    [ "$(grep -c "^kelp: the name 'JUNK' cannot be read: " <<<"$stderr")" = 1 ]
    [[ $stderr == *"hint: kelp rmi 'one:latest', and import it again"* ]]
    run -0 --separate-stderr image remove two one:v2
    assert_eq "$(sort <<<"$output")" "deleted: $other
untagged: one:v2
untagged: two:latest"
    [ "$(grep -c "cannot be read: " <<<"$stderr")" = 2 ]
    run -0 --separate-stderr image remove three
    assert_eq "$output" "untagged: three:latest"
    other=$(image import "$OTHER" two)
    run -0 image remove JUNK one
    assert_eq "$(sort <<<"$output")" "untagged: JUNK
untagged: one:latest"
    image import "$BOX" one
    run -0 image prune
    run -0 image verify
    [ ! -e store/paths/1f-2 ]
}

@test "names that cannot be read, and an index that was lost: what has no name stays" {
    local id other third

    id=$(image import "$BOX" one)
    other=$(image import "$OTHER" two)
    printf '' >store/names/one%3Alatest
    echo '{' >store/index.json
    run -0 --separate-stderr image import "$OTHER" three
    [[ $stderr == *"'index.json' of the image store was damaged or missing"* ]]
    run -0 --separate-stderr image prune
    assert_eq "$output" "freed: 0B"
    [[ $stderr == *"kelp: images without a name stay: "*"kelp: the name 'one:latest' cannot be read: "* ]]
    run -0 --separate-stderr image prune --max-size 0
    [[ $output == *"deleted: $other"* && $output != *"$id"* ]]
    [ -e "store/images/${id#sha256:}" ]
    # an index without what is there has been lost, too
    third=$(image import "$OTHER" three)
    rm store/index.json store/index.json.damaged
    run -0 image prune
    [ -e "store/images/${id#sha256:}" ]
    rm store/index.json
    run -0 --separate-stderr image remove three
    assert_eq "$output" "untagged: three:latest"
    [ -e store/index.json.damaged ]
    [ -e "store/images/${third#sha256:}" ]
    # by its id it is meant, and without the name nothing is in the way
    run -0 image remove "$third"
    run -0 image remove one
    run -0 image prune
    assert_eq "$(grep deleted: <<<"$output")" "deleted: $id"
    run -0 image prune --all
    run -0 image verify
}

@test "a name that was emptied: a run says so, and the way out" {
    local name

    export XDG_DATA_HOME=$PWD/data
    STORE=$PWD/data/kelp/store
    image import "$BOX" good
    image import "$OTHER" bad
    name=$STORE/names/bad%3Alatest
    cp "$name" whole
    for damage in 'printf ""' 'head -c 100 /dev/zero' 'head -c 90 whole' 'head -n -1 whole | head -c -1' 'echo junk'; do
        eval "$damage" >"$name"
        run -125 "$KELP" run --network none bad /bin/busybox true
        assert_eq "$output" "kelp: the name 'bad' is damaged in the image store
hint: kelp rmi 'bad', and import it again"
    done
    "$KELP" run --network none --userns single good /bin/busybox true
    run -0 --separate-stderr "$KELP" rmi good
    [[ $output == "untagged: good:latest"$'\n'"deleted: sha256:"* ]]
    [[ $stderr == "kelp: the name 'bad:latest' cannot be read: "*$'\n'"hint: kelp rmi 'bad:latest', and import it again" ]]
    run -0 --separate-stderr "$KELP" prune
    assert_eq "$output" "freed: 0B"
    [[ $stderr == "kelp: the name 'bad:latest' cannot be read: "* ]]
    # by the way that the hint has
    run -0 --separate-stderr "$KELP" rmi bad
    assert_eq "$output$stderr" "untagged: bad:latest"
    image import "$OTHER" bad
    "$KELP" run --network none --userns single bad /bin/busybox true
    # one that a path was imported as is imported again
    "$KELP" run --network none --userns single "$BOX" /bin/busybox true
    printf '' >"$(echo "$STORE"/paths/*)"
    "$KELP" run --network none --userns single "$BOX" /bin/busybox true
    run -0 --separate-stderr "$KELP" verify
}

@test "an image that cannot be read stops neither the list nor its own removal" {
    local id other

    id=$(image import "$BOX" one)
    other=$(image import "$OTHER" two)
    echo junk >"store/images/${id#sha256:}"
    run -0 --separate-stderr image list
    assert_eq "$(awk 'NR > 1 { print $1, $2 }' <<<"$output")" "two:latest ${other:7:12}"
    [[ $stderr == "kelp: the image '${id#sha256:}' cannot be read: "*"hint: kelp rmi '${id#sha256:}', and import it again" ]]
    run -125 image prune
    assert_refused "cannot be read"
    # by the way that the hint has
    run -0 image remove "${id#sha256:}"
    assert_eq "$output" "untagged: one:latest
deleted: $id"
    image import "$BOX" one
    run -0 image verify
    # its name alone does, too
    echo junk >"store/images/${id#sha256:}"
    run -0 image remove one
    assert_eq "$output" "untagged: one:latest
deleted: $id"
    run -0 image prune
    run -0 image verify
    assert_eq "$(image list --json | jq -r '.[].id')" "$other"
}
