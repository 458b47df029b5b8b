# shellcheck shell=bash
# The scene of the suites of other runtimes: a normal user in a mount namespace of his own whose
# /sys/fs/cgroup is cgroup2 alone, and in a pid namespace whose first process reaps, so that nothing
# outlives the suite and what a runtime leaves to be reaped is.

# Prints what the script $1 says of itself.
scene_usage() {
    sed -n '2,/^set -u/{/^set -u/d;s/^# \{0,1\}//;p}' "$1"
}

scene_die() {
    echo "$1" >&2
    exit 2
}

scene_has_pure_cgroup2() {
    [ "$(stat -f -c %T /sys/fs/cgroup 2>/dev/null)" = cgroup2fs ]
}

# Runs as root, in the new namespaces: scene_prepare USER WORK SCRIPT ARG...
scene_prepare() {
    local user=$1 work=$2 home
    shift 2

    home=$(getent passwd "$user" | cut -d: -f6)
    if ! scene_has_pure_cgroup2; then
        umount --recursive --lazy /sys/fs/cgroup 2>/dev/null
        mount -t cgroup2 none /sys/fs/cgroup || scene_die "a cgroup2 cannot be mounted on /sys/fs/cgroup"
    fi
    # some of crun's tests look for a process id of five digits
    echo 10000 2>/dev/null >/proc/sys/kernel/ns_last_pid
    mkdir "$work/run" && chmod 0700 "$work/run"
    chown "$user:" "$work" "$work/run"
    cd "$work" || return
    setpriv --reuid="$user" --regid="$user" --init-groups --inh-caps=-all \
        env -i HOME="$home" USER="$user" LOGNAME="$user" LANG=C.UTF-8 TERM=dumb \
        PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin XDG_RUNTIME_DIR="$work/run" \
        SCENE_WORK="$work" bash "$@" </dev/null
}

# Leaves a normal user in the scene, with the directory $SCENE_WORK for him alone; root is made the
# user $1, running SCRIPT anew, and that does not come back: scene_enter USER SCRIPT ARG...
scene_enter() {
    local user=$1 script=$2 status
    shift 2

    [ -z "${SCENE_WORK:-}" ] || return 0
    SCENE_WORK=$(mktemp -d "${TMPDIR:-/tmp}/kelp-oci.XXXXXX") || exit 1
    if [ "$(id -u)" != 0 ]; then
        # what containers made belongs to subordinate ids
        trap 'scene_in_userns rm -rf "$SCENE_WORK"' EXIT
        scene_has_pure_cgroup2 || scene_die "the machine lacks a pure cgroup2; root can make one"
        return 0
    fi
    chmod 0755 "$SCENE_WORK"
    cp -r "$(dirname "$script")" "$SCENE_WORK/oci" || exit 1
    unshare --mount --pid --fork --kill-child --mount-proc bash -c '. "$0" && scene_prepare "$@"' \
        "$SCENE_WORK/oci/scene.sh" "$user" "$SCENE_WORK" "$SCENE_WORK/oci/$(basename "$script")" "$@" &
    # its end is that of all in the scene
    trap 'kill -KILL $!' INT TERM
    wait $!
    status=$?
    rm -rf "$SCENE_WORK"
    exit "$status"
}

# Prints the first subordinate id of the user in the file $1.
scene_subid() {
    awk -F: -v user="$(id -un)" '$1 == user && $3 >= 65536 { print $2; exit }' "$1"
}

# Runs a command as uid 0 of a user namespace, which is how podman runs a runtime.
scene_in_userns() {
    unshare --user --map-root-user --map-auto --mount "$@"
}
