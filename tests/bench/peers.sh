# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of tests/bench/run
# What is compared: one row a command, in $work/rows as "GROUP NAME SHARE COMMAND...", separated by
# tabs; SHARE of the runs of a round are spent on it, in percent, so that slow ones take no hour.

row() {
    local IFS=$'\t'

    printf '%s\n' "$1	$2	$3	${4}" >>"$work/rows"
}

left_out() {
    printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$work/left-out"
}

# busybox as a root directory, as a tarball, and in the stores of kelp and podman.
prepare_image() {
    local applet

    mkdir "$work/image/bin" "$work/image/etc" "$work/image/tmp"
    mkdir "$work/image/proc" "$work/image/sys" "$work/image/dev"
    cp "$(command -v busybox)" "$work/image/bin/busybox"
    for applet in true sh sleep; do
        ln -s busybox "$work/image/bin/$applet"
    done
    chmod 0755 "$work/image"
    [ "$(id -u)" != 0 ] || chown -R "$user:" "$work/image"
    tar -C "$work/image" --owner=0 --group=0 -cf "$work/image.tar" .
}

# bwrap's options for the view that kelp gives.  What it cannot do is not asked of it: no seccomp,
# no Landlock, no limits.
bwrap_view() {
    local dir name

    printf '%s ' bwrap --unshare-all --die-with-parent --new-session --hostname kelp --cap-drop ALL
    for dir in /*; do
        name=${dir#/}
        case $name in
        proc | sys | dev | lost+found) ;;
        home | root | run | mnt | media) printf '%s ' --dir "$dir" ;;
        tmp) printf '%s ' --tmpfs "$dir" ;;
        *)
            if [ -L "$dir" ]; then
                printf '%s ' --symlink "$(readlink "$dir")" "$dir"
            elif [ -d "$dir" ]; then
                printf '%s ' --ro-bind "$dir" "$dir"
            fi
            ;;
        esac
    done
    printf '%s ' --tmpfs /var/tmp --proc /proc --ro-bind /sys /sys --dev /dev --mqueue /dev/mqueue
    printf '%s ' --bind "$work/cwd" "$work/cwd" --chdir "$work/cwd"
    for name in acpi asound interrupts kcore keys latency_stats sched_debug scsi timer_list \
        timer_stats; do
        if [ -d "/proc/$name" ]; then
            printf '%s ' --tmpfs "/proc/$name"
        elif [ -e "/proc/$name" ]; then
            printf '%s ' --ro-bind /dev/null "/proc/$name"
        fi
    done
    for name in bus fs irq sys sysrq-trigger; do
        [ ! -e "/proc/$name" ] || printf '%s ' --ro-bind "/proc/$name" "/proc/$name"
    done
    for name in devices/virtual/powercap firmware; do
        [ ! -d "/sys/$name" ] || printf '%s ' --tmpfs "/sys/$name"
    done
    printf '%s ' --remount-ro /
}

# A bundle for crun: its own example configuration, with a command and our root.
add_crun() {
    if ! command -v crun >/dev/null; then
        left_out image crun "not installed"
        return
    fi
    mkdir "$work/bundle"
    [ "$(id -u)" != 0 ] || chown "$user:" "$work/bundle"
    (cd "$work/bundle" && crun spec --rootless) || die "crun cannot write its configuration"
    python3 - "$work/bundle/config.json" "$work/image" <<'PY'
import json, sys

path, root = sys.argv[1:]
with open(path) as file:
    config = json.load(file)
config["process"].update(terminal=False, args=["true"], cwd="/")
config["process"]["env"] = ["PATH=/bin"]
config["root"] = {"path": root, "readonly": True}
with open(path, "w") as file:
    json.dump(config, file)
PY
    row image crun 100 "crun --root $work/run/crun --cgroup-manager disabled run -b $work/bundle bench"
}

add_podman() {
    if ! command -v podman >/dev/null; then
        left_out image podman "not installed"
        return
    fi
    mkdir -m 0700 "$work/podman"
    [ "$(id -u)" != 0 ] || chown "$user:" "$work/podman"
    if ! as_user "${podman[@]}" import "$work/image.tar" bench >"$work/podman.log" 2>&1; then
        left_out image podman "$(tail -n 1 "$work/podman.log")"
        return
    fi
    row image podman 10 "${podman[*]} run --rm --network none --cgroups disabled localhost/bench true"
}

# What the filter costs a payload: a search through many small files, as builds and editors do it,
# in the floor with kelp's filter and without.
add_filter() {
    local i tree=$work/cwd/files search

    mkdir -p "$tree"
    head -c 4096 /dev/zero | tr '\0' 'x' >"$tree/0"
    for ((i = 1; i < 1000; i++)); do
        cp "$tree/0" "$tree/$i"
    done
    echo needle >"$tree/needle"
    [ "$(id -u)" != 0 ] || chown -R "$user:" "$tree"
    search="grep -r needle $tree $tree $tree $tree $tree"
    row filter with 30 "$floor $search"
    row filter without 30 "$floor --no-filter $search"
}

# A policy whose filter is not one of those that are compiled into kelp.
add_own_policy() {
    printf '%s\n' '[syscalls]' 'deny = keyctl:EACCES @aio mkdir:EROFS' \
        'deny = ioctl(1=TIOCGWINSZ):ENOTTY' >"$work/own.policy"
    chmod 0644 "$work/own.policy"
    row host "kelp, own policy" 100 "$kelp run --network none --policy $work/own.policy -- true"
}

# One more command in a sandbox that is there for as long as this is measured.
add_exec() {
    local i

    as_user "$kelp" run --name bench --network none -- sleep 100000 </dev/null >"$work/exec.log" 2>&1 &
    # shellcheck disable=SC2034 # for clean_up
    entered=$!
    for ((i = 0; i < 500; i++)); do
        ! as_user "$kelp" exec bench true 2>/dev/null || break
        sleep 0.02
    done
    row host "kelp exec" 100 "$kelp exec bench true"
}

add_rows() {
    row host true 100 "true"
    row host floor 100 "$floor true"
    row host kelp 100 "$kelp run --network none -- true"
    add_own_policy
    add_exec
    row host unshare 100 "unshare -Urmpfniu --mount-proc true"
    if command -v bwrap >/dev/null; then
        row host bwrap 100 "$(bwrap_view)true"
        row host "bwrap, a bare view" 100 \
            "bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev --tmpfs /tmp true"
    else
        left_out host bwrap "not installed"
    fi
    as_user "$kelp" import "$work/image.tar" bench >"$work/import.log" 2>&1 ||
        die "kelp cannot import a tarball: $(tail -n 1 "$work/import.log")"
    row image floor 100 "$floor --overlay $work/image true"
    row image kelp 100 "$kelp run --network none --userns single bench true"
    add_crun
    add_podman
    add_filter
}

# Each command must work once; kelp and the floor must, the others are left out when they do not.
check_rows() {
    local group name share command

    mv "$work/rows" "$work/rows.all"
    : >"$work/rows"
    while IFS=$'\t' read -r group name share command; do
        # shellcheck disable=SC2086 # the words of a command
        if as_user $command >"$work/row.log" 2>&1 </dev/null; then
            printf '%s\t%s\t%s\t%s\n' "$group" "$name" "$share" "$command" >>"$work/rows"
        elif [ "$name" = kelp ] || [ "$name" = floor ]; then
            cat "$work/row.log" >&2
            die "'$command' fails"
        else
            left_out "$group" "$name" "$(head -n 1 "$work/row.log")"
        fi
    done <"$work/rows.all"
}
