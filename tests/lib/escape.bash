# shellcheck shell=bash
# shellcheck disable=SC2154 # $dir and the rest are made by plant
# Runs all checks of the probe in one sandbox and judges each.  Needs tap.bash and kelp.bash.

# CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT SETFCAP
container_caps=800405fb

escape_setup() {
    dir=$tap_tmp/place
    plant "$dir" || exit 1
    tap_at_exit listener_stop
    shm=$(ipcmk -M 4096 | tr -dc 0-9)
    tap_at_exit "ipcrm -m $shm"
    export SECRET=open-sesame AWS_SECRET_ACCESS_KEY=open-sesame SSH_AUTH_SOCK=$dir/run/bus
    export XDG_RUNTIME_DIR=$dir/run HOME=$dir/home
}

# What holds in every sandbox.
common_facts() {
    ns_facts
    planted_facts "$dir"
    printf '%s\n' hostname=kelp secret=open-sesame "host_pid=$listener_pid" "dir=$dir/ro" \
        "outside=$dir/ro/open" sysv=yes
}

host_facts() {
    common_facts
    printf '%s\n' caps=0 fake=no maps=single "uid=$(id -u)" "gid=$(id -g)" "outer_uid=$(id -u)" \
        "outer_gid=$(id -g)" "env=$sandbox_env" "protected=$protected_names" \
        pinned=.git,.vscode setuid=/usr/bin/su,/usr/bin/newuidmap \
        readonly=/,/usr,/usr/bin,/etc,/etc/passwd,/bin/sh,/proc,/sys,/dev,/boot,/var,/lib
}

image_facts() {
    common_facts
    printf '%s\n' "caps=$container_caps" uid=0 gid=0 "env=$image_env" readonly=/proc,/sys
}

# What must be in place for a check before its absence is no mistake: "all" but these.
escape_checks() {
    local without=,$1,

    "$PROBE" list | while read -r name _; do
        [[ $without == *,$name,* ]] || echo "$name"
    done
}

# judge_check NAME OUTPUT-FILE
judge_check() {
    if ! grep -Eq "^(ok|also|open) $1:" "$2"; then
        echo "the probe said nothing of '$1':"
        tail -n 3 "$2"
        return 1
    fi
    ! grep "^open $1:" "$2"
}

probe_ran() {
    grep -Eq '^(ok|also|open) ' "$1" || {
        tail -n 20 "$1"
        return 1
    }
}

# escape_mode NAME WITHOUT-CHECKS COMMAND...: runs the command, which is a whole "kelp run ... probe
# all FACTS", and makes a test point of each check.
escape_mode() {
    local mode=$1 without=$2 out=$tap_tmp/out.$1 name
    shift 2

    (cd "$dir/ws" && "$@") >"$out.raw" 2>&1 </dev/null
    # script(1) sends a NUL when its own input ends, which the terminal may echo into a line
    tr -d '\r\0' <"$out.raw" >"$out"
    tap_test "$mode: the probe runs" probe_ran "$out"
    probe_ran "$out" >/dev/null || return 0
    for name in $(escape_checks "$without"); do
        tap_test "$mode: $name" judge_check "$name" "$out"
    done
}

# The same on a terminal, which the host side knows as another one.
on_terminal() {
    local command

    command=$(printf '%q ' "$@")
    TERM=xterm script -qec "$command tty=\$(stat -L -c %d:%r /dev/stdin)" /dev/null </dev/null
}

has_tun() {
    [ -r /dev/net/tun ] && [ -w /dev/net/tun ] && command -v slirp4netns >/dev/null
}

# Subordinate ids of the user who runs this, and the programs that hand them out.
has_subids() {
    command -v newuidmap >/dev/null && grep -q "^$(id -un):" /etc/subuid /etc/subgid 2>/dev/null
}
