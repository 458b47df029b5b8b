#!/usr/bin/env bats
# podman with kelp-oci: the life of containers and pods, networks, volumes and builds.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/engine

setup_file() {
    world_open_podman
}

teardown_file() {
    world_close
}

teardown() {
    remove_containers
    [ ! -e "$BATS_TEST_TMPDIR/run/libpod" ] || end_outside
}

@test "podman finds the runtime and asks its version" {
    run -0 podman info --format '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}} {{.Host.OCIRuntime.Version}}'
    [[ $output == "kelp-oci $KELP_OCI $(basename "$KELP_OCI") version "* ]]
}

@test "run: all three streams, and the command's status" {
    run -7 --separate-stderr container --rm -i busybox sh -c 'cat; echo wrong >&2; exit 7' <<<"from here"
    [ "$output" = "from here" ]
    [ "$stderr" = wrong ]
    run -143 container --rm busybox sh -c 'sh -c "kill -TERM \$\$"; exit $?'
    # process 1 is deaf to what it has no handler for
    run -5 container --rm busybox sh -c 'kill -KILL 1; exit 5'
    # a binary stream of a size that no pipe has
    head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/data"
    container --rm -i busybox cat <"$BATS_TEST_TMPDIR/data" | cmp - "$BATS_TEST_TMPDIR/data"
}

@test "run: 127 for what is not there, 126 for what cannot be executed, with the runtime's words" {
    run -127 container --rm busybox /no/such
    [[ $output == *"/no/such"*[Nn]"o such file or directory"* ]]
    run -127 container --rm busybox no-such
    [[ $output == *no-such* ]]
    run -126 container --rm busybox /etc
    run -126 container --rm busybox /etc/passwd
    [[ ${output,,} == *"permission denied"* ]]
}

@test "run: a path that podman does not know gets no log, and its errors are heard" {
    inside ln -sf "$KELP_OCI" other-name
    run -4 podman --runtime "$(world_path other-name)" run --rm --network none busybox sh -c 'exit 4'
    run -127 podman --runtime "$(world_path other-name)" run --rm --network none busybox /no/such
    [[ $output == *"/no/such"* ]]
    run -0 podman --runtime "$KELP_OCI" --runtime-flag debug run --rm --network none busybox echo fine
    [ "${lines[-1]}" = fine ]
}

@test "create and start: a container that is started twice, with all that it wrote" {
    container --name twice busybox sh -c 'echo again >>/log; cat /log'
    run -0 podman start -a twice
    [ "$output" = $'again\nagain' ]
    run -0 podman diff twice
    grep -qx 'A /log' <<<"$output"
    podman commit -q twice localhost/kept
    run -0 container --rm localhost/kept cat /log
    [ "$output" = $'again\nagain' ]
    podman rmi -f localhost/kept
    podman rm twice
}

@test "logs, top, cp, inspect and rename of one that runs" {
    container -d --name life busybox sh -c 'echo out; echo err >&2; exec sleep 100'
    run -0 --separate-stderr wait_for_logs life out
    run -0 --separate-stderr podman logs life
    [ "$output" = out ]
    [ "$stderr" = err ]
    run -0 podman top life pid,comm
    grep -qE '^1 +sleep' <<<"$output"
    inside sh -c 'echo copied >file'
    podman cp "$(world_path file)" life:/file
    run -0 podman exec life cat /file
    [ "$output" = copied ]
    run -0 podman inspect -f '{{.State.Status}} {{.State.Pid}} {{.OCIRuntime}}' life
    [[ $output == "running "[1-9]*" kelp-oci" ]]
    # the first process is the engine's to reap
    inside grep -q conmon "/proc/$(inside ps -o ppid= -p "${output//[!0-9]/}" | tr -d ' ')/comm"
    podman rename life other
    podman rm -f -t 0 other
}

@test "exec: streams, status, user, environment, directory, privileges, in the background" {
    container -d --name e busybox sleep 100
    run -9 --separate-stderr podman exec -i e sh -c 'cat; echo wrong >&2; exit 9' <<<text
    [ "$output" = text ]
    [ "$stderr" = wrong ]
    run -0 podman exec -u bob -w /home/bob -e A=b e sh -c 'id -un; id -G; pwd; echo $A; touch file; ls -ln file | cut -c-20'
    [ "$output" = $'bob\n1000 2000\n/home/bob\nb\n-rw-r--r--    1 1000' ]
    run -127 podman exec e /no/such
    run -126 podman exec e /etc
    run -137 podman exec e sh -c 'kill -KILL $$'
    podman exec -d e sh -c 'echo there >/there; exec sleep 100'
    wait_for podman exec e test -s /there
    run -0 podman exec --privileged e grep CapEff /proc/self/status
    [[ $output == *000001ffffffffff ]]
    run -0 podman exec e grep CapEff /proc/self/status
    [[ $output == *00000000[0-9a-f]* ]]
    podman exec e sh -c 'for ns in pid mnt net ipc uts cgroup; do [ "$(readlink /proc/1/ns/$ns)" = "$(readlink /proc/self/ns/$ns)" ] || exit; done'
    podman rm -f -t 0 e
}

@test "run -t and exec -t: a terminal of the container's own, as large as the one outside" {
    run -0 on_terminal "podman run --rm -it --network none busybox sh -c 'tty; until stty size | grep -q 99; do sleep 0.1; done; stty size; test -t 0 && test -t 1 && test -t 2'"
    [ "$output" = $'/dev/pts/0\n33 99' ]
    container -d --name t busybox sleep 100
    run -0 on_terminal "podman exec -it t sh -c 'tty; until stty size | grep -q 99; do sleep 0.1; done; stty size'"
    [ "$output" = $'/dev/pts/0\n33 99' ]
    run -3 on_terminal "podman exec -it t sh -c 'exit 3'"
    # a control character is a signal to the foreground of the terminal inside
    run -0 on_terminal "podman exec -it t sh -c 'trap \"echo caught; exit 0\" INT; touch /ready; while :; do sleep 0.1; done'" \
        < <(wait_for podman exec t test -e /ready >&2; printf '\003')
    [[ $output == *caught* ]]
    podman rm -f -t 0 t
}

@test "attach: to a pipe, and to a terminal that is left again" {
    container -d -i --name pipe busybox cat
    run -0 podman attach pipe <<<"to and fro"
    [ "$output" = "to and fro" ]
    run -0 podman wait pipe
    [ "$output" = 0 ]
    container -dit --name term busybox sh -c 'while read -r a b; do echo $((a * b)); done'
    # the two keys that leave are looked for one a read
    run -0 on_terminal podman attach term \
        < <(printf '6 7\r'; wait_for_logs term 42 >&2; printf '\020'; sleep 0.5; printf '\021'; sleep 1)
    [[ $output == *42* ]]
    run -0 podman inspect -f '{{.State.Running}}' term
    [ "$output" = true ]
    podman rm -f -t 0 pipe term
}

@test "kill by name and number, stop with a handler, and the statuses" {
    container -d --name k busybox sh -c 'trap "echo usr1" USR1; trap "exit 3" TERM; echo ready; while :; do sleep 0.05; done'
    wait_for_logs k ready
    podman kill -s USR1 k
    wait_for_logs k usr1
    podman stop -t 10 k
    run -0 podman inspect -f '{{.State.ExitCode}} {{.State.Status}}' k
    [ "$output" = "3 exited" ]
    podman start k
    podman kill -s 9 k
    run -0 podman wait k
    [ "$output" = 137 ]
    run -125 podman kill k
    # deaf to TERM
    podman rm k
    container -d --name k busybox sleep 100
    podman stop -t 0 k
    run -0 podman inspect -f '{{.State.ExitCode}}' k
    [ "$output" = 137 ]
    podman rm k
}

@test "health checks" {
    container -d --name healthy --health-cmd 'test -e /fine' --health-interval disable busybox sleep 100
    run -1 podman healthcheck run healthy
    podman exec healthy touch /fine
    podman healthcheck run healthy
    run -0 podman inspect -f '{{.State.Health.Status}}' healthy
    [ "$output" = healthy ]
    podman rm -f -t 0 healthy
}

@test "pause and limits: what there is no cgroup for is said, or done without as by crun" {
    container -d --name p busybox sleep 100
    run podman pause p
    [ "$status" != 0 ]
    [[ $output == *cgroup* ]]
    run -0 podman inspect -f '{{.State.Status}}' p
    [ "$output" = running ]
    podman rm -f -t 0 p
    run -0 container --rm -m 64m --pids-limit 50 --cpus 0.5 busybox echo fine
    [ "${lines[-1]}" = fine ]
}

# The first process is of no image that this machine lacks.
pod() {
    podman pod create --infra-image localhost/busybox --infra-command 'sleep 1000' "$@"
}

@test "a pod shares its namespaces, and is stopped and started as one" {
    local namespaces='cd /proc/self/ns; for ns in net ipc uts pid; do readlink $ns; done'
    pod --name pod --network none --share net,ipc,uts,pid --hostname together
    podman run -d --pod pod --name one busybox sleep 1000
    run -0 podman run --rm --pod pod --name two busybox sh -c "hostname; $namespaces; ps | grep -c '[s]leep 1000'"
    [ "${lines[0]}" = together ]
    [ "${lines[5]}" = 2 ]
    [ "$(podman exec one sh -c "$namespaces")" = "$(sed '1d;$d' <<<"$output")" ]
    podman pod stop -t 0 pod
    podman pod start pod
    run -0 podman exec one echo again
    [ "$output" = again ]
    podman pod rm -f -t 0 pod
}

@test "network none has a loopback alone, host is the host's" {
    run -0 container --rm busybox sh -c 'ls /sys/class/net; ping -c 1 -q 127.0.0.1 >/dev/null && echo up'
    [ "$output" = $'lo\nup' ]
    run -0 podman run --rm --network host busybox sh -c 'readlink /proc/self/ns/net; test -d /sys/class/net/lo && echo seen'
    [ "$output" = "$(inside readlink /proc/self/ns/net)"$'\nseen' ]
    container -d --name first busybox sleep 100
    run -0 podman run --rm --network container:first busybox readlink /proc/self/ns/net
    [ "$output" = "$(podman exec first readlink /proc/self/ns/net)" ]
    podman rm -f -t 0 first
}

@test "network slirp4netns: the namespace that podman made, with a port of the host's" {
    { [ -w /dev/net/tun ] && command -v slirp4netns >/dev/null; } ||
        skip "the machine lacks slirp4netns or a usable /dev/net/tun"
    run -0 podman run --rm --network slirp4netns busybox ip -4 -o addr show tap0
    [[ $output == *10.0.2.100/24* ]]
    run -0 podman run --rm --network slirp4netns --dns 10.9.8.7 --add-host there:10.9.8.6 busybox cat /etc/resolv.conf /etc/hosts
    grep -q '^nameserver 10.9.8.7' <<<"$output"
    grep -q '^10.9.8.6.there' <<<"$output"
}

@test "volumes: named, of the host, read-only, temporary, of another container" {
    container --rm -v named:/data busybox sh -c 'echo kept >/data/file'
    run -1 container --rm -v named:/data:ro busybox sh -c 'cat /data/file; touch /data/other'
    [[ $output == kept$'\n'*"Read-only file system" ]]
    inside sh -c 'mkdir -p host/sub && echo theirs >host/sub/file && ln -s sub host/link'
    run -1 container --rm -v "$(world_path host)":/a/b/c -v "$(world_path host/sub/file)":/etc/file:ro \
        busybox sh -c 'cat /a/b/c/link/file /etc/file; echo back >/a/b/c/back; touch /etc/file'
    [[ $output == theirs$'\n'theirs$'\n'*"Read-only file system" ]]
    [ "$(inside cat host/back)" = back ]
    run -0 container --rm --mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=0700 busybox sh -c 'df -m /t; stat -c %a /t'
    [[ $output == *" 1 "*$'\n'700 ]]
    container --name source -v /anonymous busybox sh -c 'echo shared >/anonymous/file'
    run -0 container --rm --volumes-from source busybox cat /anonymous/file
    [ "$output" = shared ]
    podman rm -v source
    podman volume rm named
}

@test "volumes: what a mount of the host's is to the container, by its propagation" {
    inside sh -c 'mkdir -p prop/in && mount -t tmpfs none prop && mount --make-shared prop && mkdir prop/in'
    container -d --name prop -v "$(world_path prop)":/slave:rslave -v "$(world_path prop)":/private:rprivate busybox sleep 100
    inside sh -c 'mount -t tmpfs none prop/in && touch prop/in/later'
    run -0 podman exec prop ls /slave/in /private/in
    [ "$output" = $'/private/in:\n\n/slave/in:\nlater' ]
    podman rm -f -t 0 prop
    inside umount prop/in prop
}

@test "build: several stages, users, mounts and a command" {
    inside mkdir -p context
    inside sh -c 'cat >context/Containerfile' <<'END'
FROM localhost/busybox AS first
RUN echo "built by $(id -u)" >/made && chown bob /made
FROM localhost/busybox
COPY --from=first /made /made
RUN --mount=type=tmpfs,target=/scratch touch /scratch/x && mkdir /work && chown bob /work
USER bob
WORKDIR /work
RUN id -un >who && ! touch /root/x 2>/dev/null
CMD ["cat", "/made", "/work/who"]
END
    podman build -q --network none -t localhost/built context
    run -0 container --rm localhost/built
    [ "$output" = $'built by 0\nbob' ]
    run podman build -q --network none - <<<$'FROM localhost/busybox\nRUN exit 9'
    [ "$status" = 9 ]
    podman rmi -f localhost/built
}

@test "restart: as often as was said" {
    container -d --name again --restart on-failure:2 busybox sh -c 'echo try >>/log; exit 6'
    wait_for restarts again 2
    run -0 podman inspect -f '{{.State.ExitCode}}' again
    [ "$output" = 6 ]
    podman rm -f again
}

restarts() {
    [ "$(podman inspect -f '{{.RestartCount}} {{.State.Status}}' "$1")" = "$2 exited" ]
}

@test "many at once" {
    run -0 inside sh -c 'for i in 1 2 3 4 5 6; do podman run --rm --network none busybox sh -c "echo $i; exit $i" & done
        for i in 1 2 3 4 5 6; do wait || :; done; wait'
    [ "$(sort <<<"$output" | tr '\n' ' ')" = "1 2 3 4 5 6 " ]
}

# What all of these have left.
@test "nothing is left of containers that are gone" {
    podman rm -fa -t 0
    wait_for no_state || { cat "$BATS_TEST_TMPDIR/left"; false; }
    run ! inside sh -c 'grep -E " [^ ]*/(merged|rootfs) " /proc/mounts'
    wait_for_not inside pgrep -x 'conmon|slirp4netns'
}

# What the runtime keeps of its containers, without its cache.
no_state() {
    local state

    state=$(inside find "run/$(basename "$KELP_OCI")" -mindepth 1 -path run/kelp-oci/cache -prune -o -print 2>/dev/null)
    [ -z "$state" ] || {
        echo "left: $state" >"$BATS_TEST_TMPDIR/left"
        false
    }
}

# crun leaves such a container where it is when it has no cgroup.
@test "kill and stop where the processes are the host's" {
    container -d --pid host --name h busybox sleep 4711
    wait_for inside pgrep -f 'sleep 4711'
    podman stop -t 0 h
    wait_for_not inside pgrep -f 'sleep 4711'
    podman rm h
}

# podman on the machine itself, in whose namespaces it makes those that the world is otherwise.
outside() {
    env -C "$BATS_TEST_TMPDIR" HOME="$BATS_TEST_TMPDIR" XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR/run" \
        CONTAINERS_CONF="$BATS_TEST_TMPDIR/conf/containers.conf" \
        CONTAINERS_STORAGE_CONF="$BATS_TEST_TMPDIR/conf/storage.conf" \
        timeout "$((60 * KELP_TEST_SLOW))" podman "$@"
}

# Also of the files that are of subordinate ids, and of the process that keeps podman's namespaces.
end_outside() {
    {
        outside rm -fa -t 0
        outside unshare rm -rf "$BATS_TEST_TMPDIR/storage" "$BATS_TEST_TMPDIR/.local"
        outside system migrate
    } >/dev/null 2>&1 || true
}

@test "a user in no namespace, whom podman gives its own" {
    mkdir -p "$BATS_TEST_TMPDIR"/conf "$BATS_TEST_TMPDIR"/.config/containers
    mkdir -m 0700 "$BATS_TEST_TMPDIR/run"
    inside cat conf/containers.conf >"$BATS_TEST_TMPDIR/conf/containers.conf"
    inside cat home/.config/containers/policy.json >"$BATS_TEST_TMPDIR/.config/containers/policy.json"
    printf '[storage]\ndriver = "vfs"\nrootless_storage_path = "%s/storage"\n' "$BATS_TEST_TMPDIR" \
        >"$BATS_TEST_TMPDIR/conf/storage.conf"
    inside tar -C root -c . | outside import -q - localhost/busybox
    run -7 --separate-stderr outside run --rm --network none busybox sh -c 'id -u; exit 7'
    [ "$output" = 0 ]
    run -0 --separate-stderr outside run --rm --network none --userns keep-id busybox id -u
    [ "$output" = "$(id -u)" ]
    outside run -d --name o --network none busybox sleep 100
    run -0 --separate-stderr outside exec o cat /proc/self/uid_map
    [ "$(awk '{ print $1, $2 }' <<<"${lines[0]}")" = "0 $(id -u)" ]
    outside rm -f -t 0 o
}
