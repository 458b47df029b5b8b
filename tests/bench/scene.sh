# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of the script that sources it
# Where the benchmarks run: as a normal user, in a directory of their own that is gone afterwards.
# Started by root they become the user of the tests, in a mount namespace of their own that gives
# crun and podman the cgroup file system they want.

# shellcheck source=tests/lib/user.sh
. "$top/tests/lib/user.sh"

# Comes back in that mount namespace; the arguments are those of the script.
scene_enter() {
    user=$(id -un)
    if [ "$(id -u)" = 0 ]; then
        if [ -z "${KELP_BENCH_INSIDE:-}" ]; then
            export KELP_BENCH_INSIDE=1
            exec unshare --mount --propagation private -- "$0" "$@"
        fi
        [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] ||
            mount -t cgroup2 none /sys/fs/cgroup || die "cannot mount cgroup2"
        test_user_make || die "cannot make the user '$test_user'"
        user=$test_user
    fi
    home=$(getent passwd "$user" | cut -d: -f6)
}

# Makes the directory $work below $1, and what the commands find in their environment.
scene_make() {
    work=$(mktemp -d "$1/kelp-bench.XXXXXX") || exit 1
    clean_env=(HOME="$home" USER="$user" LOGNAME="$user" SHELL=/bin/sh PATH=/usr/bin:/bin:/usr/sbin:/sbin
        LANG=C.UTF-8 TERM=dumb XDG_DATA_HOME="$work/data" XDG_RUNTIME_DIR="$work/run"
        XDG_CONFIG_HOME="$work/config" XDG_CACHE_HOME="$work/cache")
    drop=()
    # ahead of whatever else the machine does
    [ "$(id -u)" != 0 ] ||
        drop=(nice -n -20 setpriv --reuid="$user" --regid="$user" --init-groups --inh-caps=-all)
    podman=(podman --root "$work/podman" --runroot "$work/run/podman" --cgroup-manager cgroupfs)
    trap clean_up EXIT
    trap 'exit 130' INT TERM
    cp /proc/loadavg "$work/load"
    awk '$1 > 1 { exit 1 }' "$work/load" ||
        echo "$0: other work runs on this machine; its times come out too long" >&2
    mkdir -m 0700 "$work/cwd" "$work/run" "$work/data" "$work/config" "$work/cache" "$work/image" \
        "$work/rounds"
    [ "$(id -u)" != 0 ] || chown -R "$user:" "$work"
}

as_user() {
    (cd "$work/cwd" && "${drop[@]}" env -i "${clean_env[@]}" "$@")
}

clean_up() {
    local pause=$work/run/libpod/tmp/pause.pid

    [ -z "${entered:-}" ] || as_user "$kelp" kill bench >/dev/null 2>&1
    if [ -n "$(find "$work" -maxdepth 2 -name '*podman*' -print -quit)" ]; then
        as_user "${podman[@]}" unshare rm -rf "$work/podman" "$work/rounds" >/dev/null 2>&1
        # podman keeps a process of its own for the next command
        [ ! -s "$pause" ] || kill "$(cat "$pause")" 2>/dev/null
    fi
    chmod -R u+rwX "$work" 2>/dev/null
    rm -rf "$work"
}

machine() {
    echo "$(nproc) cores ($(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1))," \
        "Linux $(uname -r | cut -d- -f1), load $(cut -d' ' -f1 "$work/load") before"
}
