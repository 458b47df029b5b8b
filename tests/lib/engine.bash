# shellcheck shell=bash
# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside
# Engines of containers, each in a world of the suite's own.  Loaded by: load ../lib/engine
#
# A world is what `podman unshare` makes: a user namespace in which the user is uid 0 and has the
# subordinate ids, with mounts, cgroups, processes and IPC of its own.  /sys/fs/cgroup is cgroup2 alone, and
# what engines keep lies in a tmpfs, which bats itself sees as an empty directory.  So nothing is left of a
# suite when its process 1 has ended, however that came about.
#
# The runtime is $KELP_OCI; KELP_OCI=/usr/bin/crun is the control that tells a mistake of a test from one
# of kelp-oci.

: "${KELP_OCI:=$KELP_BUILD/helpers/oci/kelp-oci}"
export KELP_OCI

# The world: waits for "go", says "ready", and is process 1, which reaps, until it is killed.
world_init='
mount -t tmpfs -o mode=0755 tmpfs "$world" &&
    mount -t cgroup2 cgroup2 /sys/fs/cgroup &&
    mkdir -m 0700 "$world/run" && mkdir "$world"/home "$world"/tmp "$world"/conf &&
    hostname kelp-world
echo $? >"$said"
sleep infinity &
while :; do wait; done'

# The user as uid 0 and the subordinate ids behind it, as podman has them; unshare's own --map-auto leaves
# the last id out.
world_ids() {
    local kind

    echo --map-root-user
    for kind in u g; do
        awk -F: -v user="$(id -un)" -v kind="$kind" '
            $1 == user { name = kind == "u" ? "users" : "groups"; print "--map-" name "=" $2 ",1," $3; exit }
        ' "/etc/sub${kind}id"
    done
}

# Makes the world, in $world; extra arguments are for unshare.  Skips where the machine has no such ids.
world_open() {
    local unshared ids said=$BATS_FILE_TMPDIR/said

    command -v newuidmap >/dev/null && grep -q "^$(id -un):" /etc/subuid /etc/subgid ||
        skip "the machine lacks subordinate ids"
    [ -x "$KELP_OCI" ] || {
        echo "no runtime: '$KELP_OCI'"
        return 1
    }
    world=$BATS_FILE_TMPDIR/e
    mkdir "$world"
    mkfifo "$said"
    mapfile -t ids < <(world_ids)
    said=$said world=$world unshare "${ids[@]}" -mCpiu --fork --kill-child --mount-proc "$@" \
        bash -c "$world_init" >"$BATS_FILE_TMPDIR/world.log" 2>&1 3>&- 4>&- </dev/null &
    unshared=$!
    export world world_pid=$unshared
    read -r -t 10 unshared <"$said" && [ "$unshared" = 0 ] || {
        cat "$BATS_FILE_TMPDIR/world.log"
        return 1
    }
    world_env=(
        "HOME=$world/home" "TMPDIR=$world/tmp" "XDG_RUNTIME_DIR=$world/run" PATH="$PATH:/usr/sbin:/sbin"
        LANG=C.UTF-8 TERM=dumb "USER=$(id -un)" "LOGNAME=$(id -un)" "world=$world" "KELP_OCI=$KELP_OCI"
        "_CONTAINERS_USERNS_CONFIGURED=done" "_CONTAINERS_ROOTLESS_UID=$(id -u)"
        "_CONTAINERS_ROOTLESS_GID=$(id -g)" "CONTAINERS_CONF=$world/conf/containers.conf"
        "CONTAINERS_STORAGE_CONF=$world/conf/storage.conf"
    )
    # the network is the user's own unless -n has made one; into that of others nobody is let
    world_enter=(-t "$world_pid" -U -m -C -i -u "-p/proc/$world_pid/ns/pid_for_children" -S 0 -G 0)
    [[ " $* " != *" -n "* ]] || world_enter+=(-n)
    declare -p world_env world_enter >"$BATS_FILE_TMPDIR/world.env"
}

# Runs a command in the world.
inside() {
    eval "$(sed 's/^declare -a/local -a/' "$BATS_FILE_TMPDIR/world.env")"
    nsenter "${world_enter[@]}" env -i -C "$world" "${world_env[@]}" "$@"
}

# Ends the world and all that runs in it, and waits for that.
world_close() {
    local init

    [ -n "${world_pid:-}" ] || return 0
    read -r init _ <"/proc/$world_pid/task/$world_pid/children" || true
    # the end of process 1 is that of all others, and of the mounts; unshare is told after it
    kill -KILL "${init:-$world_pid}"
    wait_for world_gone
    rmdir "$world"
}

world_gone() {
    [[ $(ps -o stat= -p "$world_pid") != [A-Y]* ]]
}

# Writes the root of an image, busybox alone, to $world/root.
world_rootfs='
mkdir -p root/bin root/etc root/tmp root/proc root/sys root/dev root/root root/home/bob
cp "$(command -v busybox)" root/bin/busybox
for name in $(busybox --list); do
    [ "$name" = busybox ] || ln -s busybox "root/bin/$name"
done
printf "root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1000:bob:/home/bob:/bin/sh\n" >root/etc/passwd
printf "root:x:0:\nbob:x:1000:\nextra:x:2000:bob\n" >root/etc/group
chown 1000:1000 root/home/bob
chmod 1777 root/tmp'

# What podman and buildah read: the runtime by the name that kelp-oci-podman(7) gives it.  The storage is
# overlay where this kernel lets a user have it on a tmpfs, else copies.
world_containers='
mkdir -p home/.config/containers
cat >conf/containers.conf <<END
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "kelp-oci"
runtime_supports_json = ["crun", "runc", "kelp-oci"]
runtime_supports_nocgroup = ["crun", "kelp-oci"]
[engine.runtimes]
kelp-oci = ["$KELP_OCI"]
END
storage() {
    cat >conf/storage.conf <<END
[storage]
driver = "$1"
runroot = "$world/run/storage"
graphroot = "$world/storage"
rootless_storage_path = "$world/storage"
END
}
echo "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}" >home/.config/containers/policy.json
echo "unqualified-search-registries = []" >home/.config/containers/registries.conf
mkdir lower upper work merged
if mount -t overlay -o userxattr,lowerdir=lower,upperdir=upper,workdir=work none merged; then
    umount merged
    storage overlay
else
    storage vfs
fi
rm -r lower upper work merged'

# A world with an image "busybox" in podman's storage.
world_open_podman() {
    world_open "$@"
    inside bash -euc "$world_rootfs"
    inside bash -euc "$world_containers"
    inside sh -c 'tar -C root -c . | podman import -q - localhost/busybox' >/dev/null
}

podman() {
    inside timeout "$((60 * KELP_TEST_SLOW))" podman "$@"
}

# A container of busybox without a network; what follows is for `podman run`.
container() {
    podman run --network none "$@"
}

# On a terminal of its own, of 33 rows and 99 columns; the command is a shell's.  script says the end of its
# input by a NUL, which the terminal shows.
on_terminal() {
    inside timeout "$((60 * KELP_TEST_SLOW))" script -qec "stty rows 33 cols 99; $*" /dev/null | tr -d '\r\0' | sed 's/\^@//g'
    return "${PIPESTATUS[0]}"
}

# What a suite of podman's does after a test that has failed: the next one begins with none.
remove_containers() {
    [ -n "${BATS_TEST_COMPLETED:-}" ] || podman rm -fa -t 0 >/dev/null 2>&1 || true
}

# The name in the world of what lies in its place.
world_path() {
    echo "$world/$1"
}

wait_for_not() {
    wait_for not "$@"
}

not() {
    ! "$@"
}

# Waits until the container $1 has said $2.
wait_for_logs() {
    wait_for said "$@"
}

said() {
    podman logs "$1" 2>&1 | grep -q "$2"
}
