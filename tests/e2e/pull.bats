#!/usr/bin/env bats
# kelp pull from a real registry: Debian's docker-registry with TLS and logins, on 127.0.0.1.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../image/common
load ../pull/registry
load ../lib/trace

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    make_ca "$PWD"
    make_certificate "$PWD" good DNS:localhost,IP:127.0.0.1
    make_certificate "$PWD" expired IP:127.0.0.1 -startdate 20200101000000Z -enddate 20200201000000Z
    make_certificate "$PWD" other DNS:registry.example
    htpasswd -Bbn alice 'open sesame' >htpasswd
    mkdir certs reg && cp ca.pem certs/ca.crt
    PORT=$(free_port)
    start_registry "$PWD/reg" "$PORT" "$PWD/good" "$PWD/htpasswd"
    echo "$registry_pid" >pids
    make_busybox_root root
    make_layout root layout
    push oci:layout:v1 team/box:1
    push oci:layout:v1 team/box:docker --format v2s2
    push_index
    export REG=127.0.0.1:$PORT CA=$PWD/ca.pem DIR=$PWD
}

teardown_file() {
    xargs kill <"$BATS_FILE_TMPDIR/pids" 2>/dev/null || true
}

push() {
    local from=$1 to=$2
    shift 2

    skopeo copy -q --dest-cert-dir certs --dest-creds 'alice:open sesame' "$@" "$from" \
        "docker://127.0.0.1:$PORT/$to"
}

# team/multi:1: this architecture and one that no machine has.
push_index() {
    local arch digest size
    arch=$(umoci stat --image layout:v1 --json | jq -r '.config.architecture // empty')
    arch=${arch:-$(dpkg --print-architecture)}
    digest=$(jq -r '.manifests[0].digest' layout/index.json)
    size=$(jq -r '.manifests[0].size' layout/index.json)
    push oci:layout:v1 team/multi:single
    jq -n --arg d "$digest" --argjson s "$size" --arg a "$arch" '{schemaVersion: 2,
        mediaType: "application/vnd.oci.image.index.v1+json", manifests: [
            {mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $s,
             platform: {os: "linux", architecture: $a}},
            {mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $s,
             platform: {os: "linux", architecture: "pdp11"}}]}' >index.json
    curl -sf --cacert ca.pem -u 'alice:open sesame' -X PUT --data-binary @index.json \
        -H 'Content-Type: application/vnd.oci.image.index.v1+json' \
        "https://127.0.0.1:$PORT/v2/team/multi/manifests/1"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    export HOME=$PWD XDG_DATA_HOME=$PWD/data
    unset XDG_CONFIG_HOME XDG_RUNTIME_DIR
    login "$REG" alice 'open sesame' .docker/config.json
}

store_is_empty() {
    [ -z "$(find data -path '*/tmp/*' -o -path '*/blobs/sha256/*' -o -path '*/names/*' 2>/dev/null)" ]
}

@test "pull, images, run, pull again, rmi" {
    run -0 --separate-stderr "$KELP" pull --ca "$CA" "$REG/team/box:1"
    [[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
    [[ $stderr == *fetched* ]]
    [[ $stderr != *$'\033'* ]]
    local id=$output
    run -0 "$KELP" images
    [[ ${lines[1]} == "$REG/team/box:1 "* ]]
    run -0 "$KELP" run "$REG/team/box:1" /bin/sh -c 'echo $FOO'
    assert_eq "$output" bar
    run -0 --separate-stderr "$KELP" pull -q --ca "$CA" "$REG/team/box:1"
    assert_eq "$output$stderr" "$id"
    run -0 skopeo inspect --raw "oci:data/kelp/store:$REG/team/box:1"
    run -0 "$KELP" rmi "$REG/team/box:1"
    store_is_empty
}

@test "an id that cannot be printed is no trouble of the store" {
    run -125 --separate-stderr sh -c '"$@" >/dev/full' sh "$KELP" pull -q --ca "$CA" "$REG/team/box:1"
    assert_eq "$stderr" "kelp: the import is done, but the image's id cannot be printed: No space left on device"
    run -125 --separate-stderr sh -c '"$@" >/dev/full' sh "$KELP" pull -q --ca "$CA" "$REG/team/box:1"
    assert_eq "$stderr" "kelp: cannot pull '$REG/team/box:1': the image is here, but its id cannot be printed: No space left on device"
    run -0 "$KELP" run "$REG/team/box:1" /bin/sh -c 'echo works'
}

@test "docker's own kind of manifest, and the same layers are not fetched twice" {
    "$KELP" pull -q --ca "$CA" "$REG/team/box:1"
    run -0 "$KELP" pull --ca "$CA" "$REG/team/box:docker"
    [[ $output == *"is here already"* ]]
    run -0 "$KELP" run "$REG/team/box:docker" /bin/sh -c 'echo works'
    assert_eq "$output" works
}

@test "an index: this platform, another one, and the digest of the index" {
    run -0 "$KELP" pull -q --ca "$CA" "$REG/team/multi:1"
    run -0 "$KELP" run "$REG/team/multi:1" /bin/sh -c 'echo works'
    assert_eq "$output" works
    run -0 "$KELP" pull -q --ca "$CA" --platform linux/pdp11 "$REG/team/multi:1"
    run -125 "$KELP" pull --ca "$CA" --platform linux/vax "$REG/team/multi:1"
    assert_refused "there is no image for linux/vax"
    [[ $output == *"hint: choose by --platform: there is linux/"*"linux/pdp11"* ]]
    local pinned
    pinned="$REG/team/multi@sha256:$(sha256sum "$DIR/index.json" | cut -d' ' -f1)"
    run -0 "$KELP" pull -q --ca "$CA" "$pinned"
    run -0 "$KELP" run "$pinned" /bin/sh -c 'echo pinned'
    assert_eq "$output" pinned
    run -0 "$KELP" verify "$pinned"
    run -0 "$KELP" export "$pinned" -o pinned.tar
    run -0 "$KELP" rmi "$pinned"
}

@test "a name that moves is said" {
    local old

    tar -C "$DIR/root" -cf mine.tar .
    old=$("$KELP" import mine.tar "$REG/team/box:1")
    run -0 --separate-stderr "$KELP" pull --ca "$CA" "$REG/team/box:1"
    [[ $stderr == *"kelp: the name '$REG/team/box:1' stood for another image before: '${old:7:12}', "* ]]
    # not when the id alone is asked for
    "$KELP" import mine.tar "$REG/team/box:1"
    run -0 --separate-stderr "$KELP" pull -q --ca "$CA" "$REG/team/box:1"
    [ -z "$stderr" ]
}

@test "an image of one platform is not taken for another one's" {
    local own

    own=$(skopeo inspect --config --cert-dir "$DIR/certs" --creds 'alice:open sesame' \
        "docker://$REG/team/box:1" | jq -r .architecture)
    run -125 "$KELP" pull --ca "$CA" --platform linux/vax "$REG/team/box:1"
    assert_refused "cannot pull '$REG/team/box:1': the image is for linux/$own, not linux/vax"
    [[ ${lines[1]} == "hint: choose by --platform: there is linux/$own" ]]
    store_is_empty
    # neither is one that is here already
    run -0 "$KELP" pull -q --ca "$CA" --platform "linux/$own" "$REG/team/box:1"
    run -125 "$KELP" pull --ca "$CA" --platform linux/vax "$REG/team/box:1"
    assert_refused "the image is for linux/$own, not linux/vax"
    for word in linux vax "$own" linux/ /; do
        run -125 "$KELP" pull --ca "$CA" --platform "$word" "$REG/team/box:1"
        assert_refused "'$word' is not a platform"
        [[ ${lines[1]} == "hint: a platform is OS/ARCH[/VARIANT], like linux/arm64" ]]
    done
}

@test "an image of one other platform is taken when it is asked for" {
    PORT=${REG#*:}
    umoci config --image "$DIR/layout:v1" --tag foreign --os linux --architecture vax
    (cd "$DIR" && push oci:layout:foreign team/foreign:1)
    run -125 "$KELP" pull --ca "$CA" "$REG/team/foreign:1"
    assert_refused "the image is for linux/vax, not linux/"
    [[ ${lines[1]} == "hint: --platform linux/vax takes it all the same, but it cannot run here" ]]
    store_is_empty
    run -0 --separate-stderr "$KELP" pull --ca "$CA" --platform linux/vax "$REG/team/foreign:1"
    [[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
    [ "$(grep -c fetched <<<"$stderr")" = 2 ]
    [[ $stderr != *"is here already"* ]]
}

@test "a wrong password, and none" {
    login "$REG" alice wrong .docker/config.json
    run -125 "$KELP" pull --ca "$CA" "$REG/team/box:1"
    assert_refused "does not accept the login of '$HOME/.docker/config.json'"
    [[ ${lines[1]} == "hint: log in again: docker login $REG"* ]]
    rm -r .docker
    run -125 "$KELP" pull --ca "$CA" "$REG/team/box:1"
    assert_refused "wants a login for 'team/box'"
    store_is_empty
}

@test "a login from containers' auth.json" {
    rm -r .docker
    login "$REG" alice 'open sesame' run/containers/auth.json
    XDG_RUNTIME_DIR=$PWD/run run -0 "$KELP" pull -q --ca "$CA" "$REG/team/box:1"
    rm -r data
    login "$REG/team" alice 'open sesame' .config/containers/auth.json
    run -0 "$KELP" pull -q --ca "$CA" "$REG/team/box:1"
}

@test "a credential helper that does not wait for what it is asked" {
    command -v strace >/dev/null || skip "the machine lacks strace"
    mkdir bin
    cp "$(type -P true)" bin/docker-credential-hasty
    echo '{"credsStore": "hasty"}' >.docker/config.json
    # it is gone when it is written to
    PATH=$PWD/bin:$PATH run -125 strace -f -qq -o trace -e inject=write:delay_enter=300000 \
        "$KELP" pull --ca "$CA" "$REG/team/box:1"
    grep -q ' = -1 EPIPE' trace
    assert_refused "wants a login for 'team/box'"
}

@test "a fetcher that is killed when it has said that it is done is an error" {
    command -v strace >/dev/null || skip "the machine lacks strace"
    run strace -f -qq -o trace -e inject=exit_group:signal=KILL \
        "$KELP" pull --ca "$CA" "$REG/team/box:1"
    [ "$status" != 0 ]
    assert_eq "$(ls -A data/kelp/store/names)" ""
    [[ $output == *"the process that talks to the registry was ended (status 137)"* ]]
}

@test "no such tag and no such repository" {
    run -125 "$KELP" pull --ca "$CA" "$REG/team/box:2"
    assert_refused "the image '2': '$REG' says 404 (not found): MANIFEST_UNKNOWN"
    [[ ${lines[1]} == "hint: is the tag right? "* ]]
    # a digest has none
    run -125 "$KELP" pull --ca "$CA" "$REG/team/box@sha256:$(printf '%064d' 0)"
    assert_refused "says 404"
    [[ ${lines[1]} == "hint: is the digest right? "*"'team/box' of '$REG'" ]]
    run -125 "$KELP" pull --ca "$CA" "$REG/nobody/nothing"
    assert_refused "says 404"
    store_is_empty
}

@test "a certificate that is not trusted, that has expired, that is another's" {
    local kind port
    run -125 "$KELP" pull "$REG/team/box:1"
    assert_refused "the certificate of '127.0.0.1' is not valid"
    [[ ${lines[1]} == "hint: "*"--ca FILE" ]]
    for kind in expired other; do
        port=$(free_port)
        mkdir "$kind"
        start_registry "$PWD/$kind" "$port" "$DIR/$kind"
        echo "$registry_pid" >>"$DIR/pids"
        run -125 "$KELP" pull --ca "$CA" "127.0.0.1:$port/x"
        case $kind in
        expired) assert_refused "the certificate of '127.0.0.1' is not valid: certificate has expired" ;;
        other) assert_refused "the certificate of '127.0.0.1' is not for that name" ;;
        esac
    done
    store_is_empty
}

@test "plain HTTP on this machine" {
    local port
    port=$(free_port)
    mkdir plain
    start_registry "$PWD/plain" "$port"
    echo "$registry_pid" >>"$DIR/pids"
    skopeo copy -q --dest-tls-verify=false "oci:$DIR/layout:v1" "docker://127.0.0.1:$port/box:1"
    run -0 "$KELP" pull -q "127.0.0.1:$port/box:1"
    run -0 "$KELP" pull -q "localhost:$port/box:1"
    run -0 "$KELP" run "localhost:$port/box:1" /bin/sh -c 'echo works'
    assert_eq "$output" works
}

@test "a host that cannot be found, a network that is not there" {
    # without a network nobody is asked
    run -125 unshare -rn "$KELP" pull registry.invalid/x
    assert_refused "the host 'registry.invalid' cannot be found"
    run -125 unshare -rn "$KELP" pull 192.0.2.7/x
    assert_refused "cannot connect to '192.0.2.7' port 443"
    [[ $output == *"hint: this machine has no way there"* ]]
    run -125 unshare -rn sh -c 'ip link set lo up; "$@"' sh "$KELP" pull 127.0.0.1:1/x
    assert_refused "cannot connect to '127.0.0.1' port 1: Connection refused"
    [[ $output == *"hint: is that the host and the port of a registry, and does it run? "* ]]
    run -125 unshare -rn "$KELP" pull alpine
    assert_refused "cannot pull 'alpine': the host 'registry-1.docker.io' cannot be found"
    store_is_empty
}

@test "a proxy is used as the environment says" {
    HTTPS_PROXY=http://127.0.0.1:1 run -125 unshare -rn sh -c 'ip link set lo up; "$@"' sh \
        "$KELP" pull registry.invalid/x
    assert_refused "cannot connect to the proxy on the way to 'registry.invalid'"
    # never for what is on this machine
    HTTPS_PROXY=http://127.0.0.1:1 run -0 "$KELP" pull -q --ca "$CA" "$REG/team/box:1"
}

@test "run --pull: never, missing, always" {
    mkdir -p .config/kelp
    printf '[%s]\nca = %s\n' "$REG" "$CA" >.config/kelp/registries.conf
    run -125 "$KELP" run "$REG/team/box:1" /bin/sh -c true
    assert_refused "there is no image '$REG/team/box:1'"
    [[ ${lines[1]} == "hint: kelp pull $REG/team/box:1, "* ]]
    run -125 "$KELP" run --pull never "$REG/team/box:1" /bin/sh -c true
    run -0 --separate-stderr "$KELP" run --pull missing "$REG/team/box:1" /bin/sh -c 'echo ran'
    assert_eq "$output" ran
    rm .config/kelp/registries.conf
    # it is there: nobody is asked
    run -0 "$KELP" run --pull=missing "$REG/team/box:1" /bin/sh -c 'echo ran'
    assert_eq "$output" ran
    run -125 "$KELP" run --pull always "$REG/team/box:1" /bin/sh -c 'echo ran'
    assert_refused "cannot pull '$REG/team/box:1': the certificate of"
    run -125 "$KELP" run --pull sometimes "$REG/team/box:1" /bin/sh -c true
    assert_refused "option '--pull': 'sometimes' is not never, missing or always"
    run -125 "$KELP" run --pull always -- true
    assert_refused "option '--pull' is for images"
}

@test "a slip of the pen" {
    run -125 "$KELP" pull
    assert_refused "'kelp pull' needs the NAME of an image"
    run -125 "$KELP" pull --quite x
    assert_refused "unknown option '--quite'"
    [[ ${lines[1]} == "hint: did you mean '--quiet'" ]]
    run -125 "$KELP" pull a b
    assert_refused "unexpected word 'b'"
    run -125 "$KELP" pull --ca
    assert_refused "option '--ca' needs a value"
    run -125 "$KELP" pull --ca /nonexistent x
    assert_refused "cannot open '/nonexistent'"
    run -125 "$KELP" pull Alpine
    assert_refused "'Alpine' is not a name for an image"
    run -125 "$KELP" pull 127.0.0.1:5101
    assert_refused "cannot pull '127.0.0.1:5101': '127.0.0.1:5101' names a registry, and no image of it"
    [[ ${lines[1]} == "hint: kelp pull 127.0.0.1:5101/NAME" ]]
    run -125 "$KELP" pull 127.0.0.1:99999/tiny
    assert_refused "the port of the registry '127.0.0.1:99999' is wrong: ports are 1 to 65535"
    run -125 "$KELP" pull docker://alpine
    assert_refused "'docker://alpine' is not a name for an image"
    [[ ${lines[1]} == "hint: names have no scheme: leave out 'docker://'" ]]
    run -125 "$KELP" pull alpine@sha256:abc
    assert_refused "is not a digest"
    run -125 "$KELP" pull alpine@md5:d41d8cd98f00b204e9800998ecf8427e
    assert_refused "is not a digest"
    run -0 "$KELP" pull --help
    [[ $output == "Usage:  kelp pull"* ]]
}

@test "progress on a terminal: bars that are taken away again" {
    run -0 script -qec "stty cols 70; TERM=xterm '$KELP' pull --ca '$CA' '$REG/team/box:1'" /dev/null
    [[ $output == *" of "*"MB"* ]]
    # the last thing that is drawn is gone before the id
    [[ $output == *$'\033[J'* || $output != *$'\033'* ]]
    run -0 script -qec "TERM=dumb '$KELP' pull --ca '$CA' '$REG/team/multi:single'" /dev/null
    [[ $output != *$'\033'* ]]
}

# The libraries of program $1: those that it loads, and those that its link command names, for what is
# linked statically is not loaded.
libraries_of() {
    {
        readelf -d "$KELP_BUILD/$1" | sed -n 's/.*(NEEDED).*\[lib\([^]]*\)\.so.*/\1/p'
        ninja -C "$KELP_BUILD" -t commands "$1" | tail -n 1 | tr ' ' '\n' |
            sed -n 's/^-l//p; s:^/.*/lib\([^/]*\)\.\(a\|so\)[.0-9]*$:\1:p'
    } | sort -u | xargs
}

@test "who links what: kelp no library of images, kelp-pull no unpacker, kelp-image no network" {
    local image pull proxy relink

    run -0 libraries_of src/cli/kelp
    [[ $output == cap || $output == "c cap" ]]
    # linked by the same command, but dynamically, it loads these alone
    relink=$(ninja -C "$KELP_BUILD" -t commands src/cli/kelp | tail -n 1 |
        sed -E "s: -o [^ ]+: -o $PWD/dynamic:; s: -static-pie: :; s:[^ ]*/libcap\.a:-lcap:")
    (cd "$KELP_BUILD" && $relink)
    run -0 readelf -d dynamic
    assert_eq "$(grep -o 'NEEDED.*' <<<"$output" | grep -o '\[lib.*\]' | sort | xargs)" '[libc.so.6] [libcap.so.2]'
    image=$(libraries_of helpers/image/kelp-image) pull=$(libraries_of helpers/pull/kelp-pull)
    # which shows that libraries are seen
    [[ " $image " == *" archive "* && " $image " == *" jansson "* && " $pull " == *" curl "* ]]
    [[ " $pull " != *" archive "* && " $image " != *" curl "* && " $image " != *" ssl "* ]]
    # nor has the way out of a filtered network more than it is for
    proxy=$(readelf -d "$KELP_BUILD/helpers/proxy/kelp-proxy" | grep -o '\[lib.*\]' | sort | xargs)
    assert_eq "$proxy" '[libc.so.6] [libcares.so.2] [libseccomp.so.2]'
}

# What it then cannot do is tested from inside, by the unit test of confine.c.
@test "whoever connects is confined before" {
    run -0 traced -e trace=landlock_restrict_self,prctl,seccomp,connect \
        "$KELP" pull -q --ca "$CA" "$REG/team/box:1"
    # what it connects to cannot be seen: it is not dumpable
    local pid
    pid=$(awk '/connect\(.*EINPROGRESS/ { print $1; exit }' trace)
    [ -n "$pid" ]
    awk -v pid="$pid" '
        $1 == pid && /NO_NEW_PRIVS/ { privs = 1 }
        $1 == pid && /PR_SET_DUMPABLE/ { dump = 1 }
        $1 == pid && /PR_SET_PDEATHSIG/ { death = 1 }
        $1 == pid && /landlock_restrict_self\(.*= 0/ { lock = 1 }
        $1 == pid && /seccomp\(/ { filter = 1 }
        $1 == pid && /connect\(/ { exit !(privs && dump && death && lock && filter) }' trace
    # and nobody else connects
    [ "$(awk '/connect\(.*EINPROGRESS/ { print $1 }' trace | sort -u | wc -l)" = 1 ]
}
