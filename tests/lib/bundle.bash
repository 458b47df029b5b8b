# shellcheck shell=bash
# shellcheck disable=SC2034,SC2016 # used by those who load this; $uid and the like are jq's
# What the suites of tests/oci share.  Loaded by: load ../lib/kelp, then load ../lib/bundle
#
#   bundle_make DIR [FILTER...]    a bundle: busybox as its root, and a config.json changed by each jq filter
#   bundle_edit DIR FILTER [ARG...]  changes the config.json by jq
#   oci COMMAND...                 kelp-oci with a --root of the test's own
#
# Filters to choose from: $one_id and $subids (a user namespace with these maps), $no_user (none),
# $no_mounts, and "$(bundle_args WORD...)" for the command, "$(bundle_sh SCRIPT)" for one of the shell.

: "${KELP_OCI:=$KELP_BUILD/helpers/oci/kelp-oci}"
export KELP_OCI

one_id='.linux.uidMappings = [{containerID: 0, hostID: $uid, size: 1}] |
    .linux.gidMappings = [{containerID: 0, hostID: $gid, size: 1}]'
subids='.linux.uidMappings = [{containerID: 0, hostID: $uid, size: 1},
        {containerID: 1, hostID: $subuid, size: $subuids}] |
    .linux.gidMappings = [{containerID: 0, hostID: $gid, size: 1},
        {containerID: 1, hostID: $subgid, size: $subgids}]'
no_user='del(.linux.uidMappings, .linux.gidMappings) | .linux.namespaces |= map(select(.type != "user"))'
no_mounts='.mounts = []'

# Prints a filter that sets the command.
bundle_args() {
    jq -nr '".process.args = " + ($ARGS.positional | tojson)' --args -- "$@"
}

bundle_sh() {
    bundle_args sh -c "$1"
}

# Prints the field $2 of the user's line in /etc/subuid or /etc/subgid, 0 without one.
subid_field() {
    awk -F: -v user="$(id -un)" -v uid="$(id -u)" -v field="$2" '
        ($1 == user || $1 == uid) && !found { print $field; found = 1 } END { if (!found) print 0 }' "$1"
}

# The root of a container: busybox, under the names that tests call.
bundle_rootfs() {
    local dir=$1 applet made=${BATS_FILE_TMPDIR:-$1.made}/rootfs

    if [ ! -d "$made" ]; then
        mkdir -p "$made.new"/{bin,dev,etc,home,mnt,proc,root,run,sys,tmp,usr,var}
        chmod 1777 "$made.new/tmp"
        cp "$(command -v busybox)" "$made.new/bin/busybox"
        for applet in sh true false cat echo ls id env pwd sleep stat touch mkdir rm ln cp mv test [ \
            mount umount hostname ip ps kill head tail tr sed awk grep wc sort seq date dd chmod chown \
            readlink find mknod mountpoint umask uname tty stty nc df sysctl nice; do
            ln -s busybox "$made.new/bin/$applet"
        done
        printf 'root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000::/home:/bin/sh\n' >"$made.new/etc/passwd"
        printf 'root:x:0:\nguest:x:1000:\n' >"$made.new/etc/group"
        mv "$made.new" "$made"
    fi
    cp -a "$made" "$dir"
}

# What engines write for a container without a terminal.
bundle_config() {
    jq -n '{
        ociVersion: "1.0.2",
        process: {
            terminal: false, user: {uid: 0, gid: 0}, args: ["true"], cwd: "/",
            env: ["PATH=/bin", "TERM=dumb"], noNewPrivileges: true,
            capabilities: (["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"] |
                {bounding: ., effective: ., permitted: .}),
            rlimits: [{type: "RLIMIT_NOFILE", hard: 1024, soft: 1024}]
        },
        root: {path: "rootfs", readonly: false},
        hostname: "box",
        mounts: [
            {destination: "/proc", type: "proc", source: "proc"},
            {destination: "/dev", type: "tmpfs", source: "tmpfs",
                options: ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {destination: "/dev/pts", type: "devpts", source: "devpts",
                options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
            {destination: "/dev/shm", type: "tmpfs", source: "shm",
                options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
            {destination: "/dev/mqueue", type: "mqueue", source: "mqueue",
                options: ["nosuid", "noexec", "nodev"]},
            {destination: "/sys", type: "sysfs", source: "sysfs",
                options: ["nosuid", "noexec", "nodev", "ro"]}
        ],
        linux: {
            namespaces: (["user", "mount", "pid", "network", "ipc", "uts", "cgroup"] | map({type: .})),
            maskedPaths: ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                "/proc/scsi", "/sys/firmware"],
            readonlyPaths: ["/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                "/proc/sysrq-trigger"]
        }
    }'
}

bundle_edit() {
    local dir=$1 filter=$2
    shift 2

    jq --argjson uid "$(id -u)" --argjson gid "$(id -g)" \
        --argjson subuid "$(subid_field /etc/subuid 2)" --argjson subuids "$(subid_field /etc/subuid 3)" \
        --argjson subgid "$(subid_field /etc/subgid 2)" --argjson subgids "$(subid_field /etc/subgid 3)" \
        "$@" "$filter" "$dir/config.json" >"$dir/config.json.new" && mv "$dir/config.json.new" "$dir/config.json"
}

# One id unless a filter says otherwise.
bundle_make() {
    local dir=$1 filter=$one_id more
    shift

    mkdir -p "$dir"
    [ -d "$dir/rootfs" ] || bundle_rootfs "$dir/rootfs"
    bundle_config >"$dir/config.json"
    for more; do
        filter+=" | $more"
    done
    bundle_edit "$dir" "$filter"
}

# Fails the test where the machine has no ids for $subids.
has_subids() {
    [ "$(subid_field /etc/subuid 3)" -gt 0 ] && command -v newuidmap >/dev/null
}

oci_root() {
    echo "${BATS_TEST_TMPDIR:?}/oci"
}

oci() {
    "$KELP_OCI" --root "$(oci_root)" ${OCI_DEBUG:+--debug} "$@"
}

# The status of the container $1, "gone" without one.
oci_status() {
    local state

    state=$(oci state "$1" 2>/dev/null) && jq -re .status <<<"$state" || echo gone
}

has_status() {
    [ "$(oci_status "$1")" = "$2" ]
}

# For teardown: whatever a test left goes.
oci_end() {
    local id

    [ -d "$(oci_root)" ] || return 0
    # "..." is an id, too
    find "$(oci_root)" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | while read -r id; do
        oci delete --force "$id" || true
    done
}
