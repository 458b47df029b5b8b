#!/usr/bin/env bats
# The checks of tests/escape in a container of podman's, with kelp-oci and with crun under the same
# config.json: what leads out of the one leads out of the other.

# shellcheck disable=SC2154 # what is planted is of ../lib/kelp

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/engine

setup_file() {
    command -v crun >/dev/null || skip "the machine lacks crun"
    place=$BATS_FILE_TMPDIR/place
    export place SECRET=open-sesame AWS_SECRET_ACCESS_KEY=open-sesame
    plant "$place" 3>&- 4>&-
    shm=$(ipcmk -M 4096 | tr -dc 0-9)
    listener=$listener_pid
    export shm listener abstract_name connect_list
    world_open_podman
    cp "$PROBE" "$BATS_FILE_TMPDIR/probe"
    chmod 755 "$BATS_FILE_TMPDIR/probe"
    inside sh -c "cp '$BATS_FILE_TMPDIR/probe' root/probe && tar -C root -c . | podman import -q - localhost/probe" >/dev/null
}

teardown_file() {
    world_close
    [ -z "${listener:-}" ] || kill "$listener"
    [ -z "${shm:-}" ] || ipcrm -m "$shm"
}

# What the host knows and the inside cannot; $1 are the capabilities that the container has.
facts() {
    ns_facts
    planted_facts "$place"
    printf '%s\n' "caps=$1" sysv=yes net=none "host_pid=$listener" "dir=$place/ro" "outside=$place/ro/open" \
        secret=open-sesame readonly=/proc,/sys "env=PATH,HOME,TERM,HOSTNAME,PWD,OLDPWD,SHLVL,_,LANG,container"
}

# probed RUNTIME NAME CAPS OPTION...: what the probe says in a container; it goes to $BATS_TEST_TMPDIR/NAME.
probed() {
    local runtime=$1 out=$BATS_TEST_TMPDIR/$2 caps=$3
    shift 3

    mapfile -t known < <(facts "$caps")
    podman --runtime "$runtime" run --rm --network none -v "$place/ws:/ws" -w /ws -v "$place/ro:$place/ro:ro" \
        "$@" localhost/probe /probe all "${known[@]}" </dev/null >"$out.raw" 2>&1 || true
    tr -d '\r\0' <"$out.raw" >"$out"
    grep -Eq '^(ok|also|open) ' "$out" || {
        tail -n 20 "$out"
        return 1
    }
    # how many mounts lack a flag, and an example of them
    sed -n 's/^open mount-table: \([0-9]*\) of [0-9]* mounts \(without [a-z]*\|with [a-z]*\).*/\1 \2/p' "$out" >"$out.mounts"
    # numbers of processes, descriptors and namespaces differ from run to run
    sed -n '/^open mount-table/d; s/^open //p' "$out" | sed 's/[0-9]\+/N/g' | sort -u >"$out.open"
    sed -n 's/^\(ok\|also\|open\) \([^:]*\):.*/\2/p' "$out" | sort -u >"$out.checks"
}

# No flag is on fewer mounts with kelp-oci than with crun.
compare_mounts() {
    local n what its

    while read -r n what; do
        its=$(sed -n "s/ $what$//p" "$BATS_TEST_TMPDIR/crun.mounts")
        [ "$n" -le "${its:-0}" ] || {
            echo "$n mounts $what, ${its:-0} with crun"
            return 1
        }
    done <"$BATS_TEST_TMPDIR/kelp.mounts"
}

# not_weaker CAPS OPTION...: nothing is open with kelp-oci that is not with crun, and all was looked at.
not_weaker() {
    local more

    probed crun crun "$@"
    probed kelp-oci kelp "$@"
    diff "$BATS_TEST_TMPDIR/crun.checks" "$BATS_TEST_TMPDIR/kelp.checks"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/kelp.checks")" -gt 30 ]
    compare_mounts
    more=$(comm -13 "$BATS_TEST_TMPDIR/crun.open" "$BATS_TEST_TMPDIR/kelp.open")
    echo "$(wc -l <"$BATS_TEST_TMPDIR/kelp.open") open with kelp-oci, $(wc -l <"$BATS_TEST_TMPDIR/crun.open") with crun"
    [ -z "$more" ] || {
        echo "open with kelp-oci alone: $more"
        return 1
    }
}

# CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT SETFCAP
podman_caps=800405fb

@test "a container as podman makes it" {
    not_weaker "$podman_caps"
}

@test "a container on a terminal" {
    not_weaker "$podman_caps" -t
}

@test "a container of another user, without capabilities, read-only" {
    not_weaker 0 --user 1000:1000 --cap-drop ALL --read-only --security-opt no-new-privileges
}

@test "a container with ids of its own" {
    not_weaker "$podman_caps" --userns keep-id
}

@test "a container that has the processes of the host" {
    not_weaker "$podman_caps" --pid host
}

@test "a privileged container" {
    not_weaker 1ffffffffff --privileged
}

@test "control: a weaker container is told from a stronger one" {
    probed crun crun 0 --user 1000:1000 --cap-drop ALL
    probed kelp-oci kelp 0 --privileged --pid host
    [ -n "$(comm -13 "$BATS_TEST_TMPDIR/crun.open" "$BATS_TEST_TMPDIR/kelp.open")" ]
}

# The fingerprint in the file $1, without what is of the one container alone: its namespaces, its name, the
# number of its keyring, and how its storage is mounted.
common() {
    sed -E '/^(mount|namespace|hostname) /d; /^env HOSTNAME=/d; s/^(answer keyctl worked).*/\1/' "$1"
}

# What both are, seen from inside: the same call is answered the same, the same is mounted and set.
@test "the fingerprints of both differ in nothing that confines" {
    for runtime in crun kelp-oci; do
        podman --runtime "$runtime" run --rm --network none localhost/probe /probe fingerprint >"$BATS_TEST_TMPDIR/$runtime" </dev/null
        [ -s "$BATS_TEST_TMPDIR/$runtime" ]
    done
    diff <(common "$BATS_TEST_TMPDIR/crun") <(common "$BATS_TEST_TMPDIR/kelp-oci")
}
