#!/usr/bin/env bats
# buildah with kelp-oci: run and bud, by both isolations that take a runtime.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/engine

setup_file() {
    world_open_podman
    inside mkdir context
    inside sh -c 'cat >context/Containerfile' <<'END'
FROM localhost/busybox AS first
RUN echo "built by $(id -u)" >/made
FROM localhost/busybox
ARG WORD=none
COPY --from=first /made /made
RUN --mount=type=tmpfs,target=/scratch touch /scratch/x && echo $WORD >/word && mkdir /work && chown bob /work
USER bob
RUN id -un >/work/who
ENTRYPOINT ["cat", "/made", "/word", "/work/who"]
END
    box=$(buildah from localhost/busybox)
    export box
}

teardown_file() {
    world_close
}

buildah() {
    inside timeout "$((60 * KELP_TEST_SLOW))" buildah "$@"
}

# buildah run, without a network, in the container of the suite, by the isolation $1.
run_by() {
    local how=$1
    shift
    buildah run --isolation "$how" --runtime "$KELP_OCI" --network none "$@"
}

# Of a command that is gone buildah has the runtime forget everything.
nothing_kept() {
    [ -z "$(inside find "run/$(basename "$KELP_OCI")" -mindepth 1 -path run/kelp-oci/cache -prune -o -print 2>/dev/null)" ]
}

check_run() {
    run -5 --separate-stderr run_by "$1" "$box" -- sh -c 'echo out; echo err >&2; cat; exit 5' <<<in
    [ "$output" = $'out\nin' ]
    [[ $stderr == err* ]]
    run run_by "$1" "$box" -- /no/such
    [ "$status" != 0 ]
    [[ $output == *"/no/such"* ]]
    run -0 run_by "$1" --user bob --cap-drop all -v "$(world_path root)":/m:ro -e A=b --workingdir /home/bob --hostname name "$box" -- \
        sh -c 'id -un; grep CapBnd /proc/self/status; touch /m/x 2>/dev/null || echo no; echo $A; pwd; hostname; grep -c : /proc/net/dev'
    [ "$output" = $'bob\nCapBnd:\t0000000000000000\nno\nb\n/home/bob\nname\n1' ]
    run -0 on_terminal "buildah run --isolation $1 --runtime $KELP_OCI --network none -t $box -- sh -c 'tty; test -t 0 && echo yes'"
    [ "$output" = $'/dev/pts/0\nyes' ]
    # a command that is killed
    run -137 run_by "$1" "$box" -- sh -c 'sh -c "kill -KILL \$\$"; exit $?'
    nothing_kept
}

check_bud() {
    buildah bud -q --no-cache --isolation "$1" --runtime "$KELP_OCI" --network none --build-arg WORD="$1" -t "localhost/built-$1" context
    run -0 container --rm "localhost/built-$1"
    [ "$output" = "built by 0"$'\n'"$1"$'\nbob' ]
    run buildah bud -q --isolation "$1" --runtime "$KELP_OCI" --network none - <<<$'FROM localhost/busybox\nRUN exit 9'
    [ "$status" = 9 ]
    nothing_kept
}

@test "run by isolation oci" {
    check_run oci
}

@test "run by isolation rootless" {
    check_run rootless
}

@test "bud by isolation oci" {
    check_bud oci
}

@test "bud by isolation rootless" {
    check_bud rootless
}

@test "run by isolation rootless with slirp4netns, and with the host's network" {
    run -0 buildah run --isolation rootless --runtime "$KELP_OCI" --network host "$box" -- sh -c 'readlink /proc/self/ns/net'
    [ "$output" = "$(inside readlink /proc/self/ns/net)" ]
    { [ -w /dev/net/tun ] && command -v slirp4netns >/dev/null; } ||
        skip "the machine lacks slirp4netns or a usable /dev/net/tun"
    run -0 buildah run --isolation rootless --runtime "$KELP_OCI" "$box" -- ip -4 -o addr show tap0
    [[ $output == *10.0.2.100/24* ]]
}

# A namespace's network cannot be set up: buildah deletes a container that was created and never started.
@test "what was created and never started is deleted" {
    run buildah run --isolation oci --runtime "$KELP_OCI" --network private "$box" -- true
    [ "$status" != 0 ]
    wait_for nothing_kept
    wait_for_not inside pgrep -f "create --bundle"
}
