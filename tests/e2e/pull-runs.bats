#!/usr/bin/env bats
# Runs of an image that is pulled again, removed and pruned at the same time: a registry has two
# images, which take turns under one name.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../image/common
load ../pull/registry

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    PORT=$(free_port)
    mkdir reg
    start_registry "$PWD/reg" "$PORT"
    echo "$registry_pid" >pids
    make_busybox_root root
    make_layout root layout
    for i in 0 1; do
        make_image "$i"
    done
    # what its list of sums does not say
    umoci tag --image layout:1 bad
    echo other >other
    umoci insert --rootless --image layout:bad other /data/5
    push bad
    export NAME=127.0.0.1:$PORT/box PORT DIR=$PWD
}

teardown_file() {
    xargs kill <"$BATS_FILE_TMPDIR/pids" 2>/dev/null || true
}

push() {
    skopeo copy -q --dest-tls-verify=false "oci:layout:$1" "docker://127.0.0.1:$PORT/box:$1"
    skopeo inspect --raw --tls-verify=false "docker://127.0.0.1:$PORT/box:$1" >"manifest.$1"
}

# Three layers: the root that both have, data of its own, and the sums of all files.
make_image() {
    local i=$1 n

    mkdir -p "data$i"
    for n in $(seq 60); do
        head -c 5000 /dev/urandom >"data$i/$n"
    done
    cp -a root "tree$i"
    cp -a "data$i" "tree$i/data"
    (cd "tree$i" && busybox md5sum etc/passwd usr/share/doc/one data/* bin/busybox) >"sums$i"
    umoci tag --image layout:v1 "$i"
    umoci insert --rootless --image "layout:$i" "data$i" /data
    umoci insert --rootless --image "layout:$i" "sums$i" /sums
    push "$i"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    # in memory where that can be: a disk that syncs would leave time for a few changes only
    MEMORY=$(mktemp -d -p /dev/shm kelp-runs.XXXXXX 2>/dev/null || mktemp -d)
    export HOME=$PWD XDG_DATA_HOME=$MEMORY
    STORE=$MEMORY/kelp/store
}

teardown() {
    touch enough
    wait
    remove_owned "$MEMORY"
}

# The tag "now" becomes the image $1.
serve() {
    curl -sf -X PUT --data-binary "@$DIR/manifest.$1" -o /dev/null \
        -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
        "http://127.0.0.1:$PORT/v2/box/manifests/now"
}

# Until the file "enough" is there: the other image is pulled, and the old one removed as soon as
# nobody uses it.
pull_again() {
    local i=0

    while [ ! -e enough ]; do
        i=$((1 - i))
        serve "$i" || touch serve.failed
        "$KELP" pull -q "$NAME:now" >>pull.log 2>&1 || touch pull.failed
        "$KELP" rmi "${ids[1 - i]:7}" >>rmi.log 2>&1 || true
    done
}

prune_again() {
    while [ ! -e enough ]; do
        "$KELP" prune >>prune.log 2>&1 || touch prune.failed
    done
}

# What a run does: it looks at all its files several times, while others start.
look='for i in 1 2 3; do
    /bin/busybox md5sum -c /sums >/tmp/out 2>&1 || { /bin/busybox grep -v OK /tmp/out; exit 1; }
    /bin/busybox sleep 1
done; [ $(/bin/busybox wc -l </tmp/out) = 63 ]'

# $1 runs at once, in each mode of ids that there is.
run_and_look() {
    local i modes="single single single single single"

    ! command -v newuidmap >/dev/null || modes="single subids single single auto"
    export look
    # shellcheck disable=SC2086 # words
    for i in $(seq $(($1 / 5))); do
        printf '%s\n' $modes
    done | nl -w 1 -s ' ' | xargs -P 200 -L 1 sh -c '
        "$KELP" run --userns "$1" --network none -w / "$NAME:now" /bin/sh -c "$look" >"out.$0" 2>&1 </dev/null ||
            echo "run $0 with $1: $? $(cat "out.$0")" >>failed
        echo >>ended'
}

@test "control: a file that is not what it should be is a run that fails" {
    "$KELP" pull -q "$NAME:1" >id
    run -0 "$KELP" run --userns single --network none -w / "$NAME:1" /bin/sh -c "$look"
    "$KELP" pull -q "$NAME:bad" >id
    run -1 "$KELP" run --userns single --network none -w / "$NAME:bad" /bin/sh -c "$look"
    [[ $output == *"data/5: FAILED"* ]]
}

@test "two hundred runs at once while their image is pulled again, removed and pruned" {
    local i ids=()

    for i in 1 0; do
        serve "$i"
        ids[i]=$("$KELP" pull -q "$NAME:now")
    done
    [ "${ids[0]}" != "${ids[1]}" ]
    pull_again 3>&- &
    prune_again 3>&- &
    run_and_look 200
    [ "$(wc -l <ended)" = 200 ]
    # where the machine is busy, the pulls take longer than the runs
    until [ -e pull.failed ] || [ -e serve.failed ] || [ "$(grep -c '^sha256:' pull.log)" -ge 8 ]; do
        run_and_look 10
    done
    touch enough
    wait
    cat failed 2>/dev/null | head -n 20
    grep -v "^sha256:" pull.log || true
    [ ! -e failed ]
    [ ! -e serve.failed ]
    [ ! -e pull.failed ]
    [ ! -e prune.failed ]
    # nothing was said but what runs say of themselves
    [ -z "$(cat out.* | grep -v '^kelp: running with one id' || true)" ]
    # both were taken, and both were used while the other came
    [ "$(sort -u pull.log | grep -c '^sha256:')" = 2 ]
    grep -q 'is in use by process' rmi.log
    "$KELP" verify
    "$KELP" prune --all
    [ -z "$(find "$STORE"/{tmp,unpacked/single,unpacked/subids,blobs/sha256} -mindepth 1)" ]
}
