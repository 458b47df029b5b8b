# shellcheck shell=bash
# shellcheck disable=SC2034 # used by those who load this
# What the suites of tests/e2e, tests/escape and tests/fault share.  Loaded by: load ../lib/kelp

: "${KELP_SRC:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${KELP_BUILD:=$KELP_SRC/build}"
: "${KELP:=$KELP_BUILD/src/cli/kelp}"
: "${PROBE:=$KELP_BUILD/tests/payload/probe}"
export KELP_SRC KELP_BUILD KELP PROBE

# How many times as long as usual things may take, as in a machine that is emulated.
: "${KELP_TEST_SLOW:=1}"
export KELP_TEST_SLOW

# Removes "$@", also where files belong to subordinate ids.
remove_owned() {
    rm -rf "$@" 2>/dev/null || buildah unshare -- rm -rf "$@"
}

# Waits until a command succeeds, for ten seconds of a usual machine.
wait_for() {
    local i

    for ((i = 0; i < 500 * KELP_TEST_SLOW; i++)); do
        ! "$@" || return 0
        sleep 0.02
    done
    echo "in vain: $*"
    return 1
}

# Whether the sandbox $1 has pid 1, the payload and who looks in it, and nothing else.
has_payload_alone() {
    [ "$("$KELP" exec "$1" sh -c 'echo /proc/[0-9]*' | wc -w)" = 3 ]
}

# says TEXT: it is in $stderr.
says() {
    [[ $stderr == *"$1"* ]] || {
        echo "not said: $1"
        return 1
    }
}

# ended_with PID STATUS: waits for the end of a child whose output is in the file "out".
ended_with() {
    local status=0

    wait "$1" || status=$?
    [ "$status" = "$2" ] || {
        echo "status $status, not $2; the output:"
        cat out
        return 1
    }
}

# Lists of facts are made of these.
ns_facts() {
    local ns

    for ns in user mnt pid net ipc uts cgroup; do
        printf 'ns.%s=%s\n' "$ns" "$(readlink "/proc/self/ns/$ns")"
    done
}

sandbox_env=PATH,HOME,USER,LOGNAME,SHELL,TERM,COLORTERM,LANG,TZ,NO_COLOR,PWD,OLDPWD,SHLVL,_
image_env=PATH,HOME,TERM,HOSTNAME,PWD,OLDPWD,SHLVL,_,LANG,container

# Makes a place to attack in $1:
#   home/    canaries where keys lie          ro/     files of the user, to be shown read-only
#   ws/      the work directory, with names that are protected, and ways out that must not work
# and starts a process that listens on its sockets.
plant() {
    local dir=$1

    mkdir -p "$dir"/home/.ssh "$dir"/home/.aws "$dir"/home/.gnupg "$dir"/run "$dir"/ws/.git/hooks \
        "$dir"/ws/.vscode "$dir"/ws/.idea "$dir"/ws/.husky "$dir"/ws/sub
    echo CANARY >"$dir/home/.ssh/id_ed25519"
    echo CANARY >"$dir/home/.aws/credentials"
    echo CANARY >"$dir/home/.netrc"
    echo CANARY >"$dir/run/secret"
    plant_protected "$dir/ws"
    "$PROBE" plant "$dir/ro"
    ln -s "$dir/home/.ssh/id_ed25519" "$dir/ws/to-key"
    ln -s ../home/.aws/credentials "$dir/ws/to-aws"
    ln -s / "$dir/ws/to-root"
    cp "$PROBE" "$dir/ws/probe"
    plant_listeners "$dir"
}

plant_protected() {
    local ws=$1

    echo 'exit 0' >"$ws/.git/hooks/pre-commit"
    printf '[core]\n\tbare = false\n' >"$ws/.git/config"
    echo 'true' >"$ws/.envrc"
    echo '{}' >"$ws/.vscode/tasks.json"
    echo 'x' >"$ws/.idea/workspace.xml"
    echo 'x' >"$ws/.husky/pre-commit"
    for name in .bashrc .profile .bash_profile .zshrc; do
        echo '# start-up' >"$ws/$name"
    done
}

protected_names=.git/hooks,.git/hooks/pre-commit,.git/config,.envrc,.vscode/tasks.json,.idea
protected_names+=,.idea/workspace.xml,.husky,.husky/pre-commit,.bashrc,.profile,.bash_profile,.zshrc

# The listener lives until listener_stop, or until its end of a pipe is closed with the test.
plant_listeners() {
    local dir=$1 address port

    abstract_name=kelp-test-$$-$RANDOM
    connect_list=
    mkfifo "$dir/listener.pipe"
    # from inside, as the path of a socket is short and that of a test's directory is not
    (
        cd "$dir" || exit 1
        exec python3 "$KELP_SRC/tests/lib/listen.py" "abstract:$abstract_name" unix:ws/socket \
            fifo:ws/fifo unix:run/bus tcp:127.0.0.1/0 tcp:::1/0 tcp:0.0.0.0/0 \
            <"$dir/listener.pipe" >"$dir/listener.log" 2>&1 3>&-
    ) &
    listener_pid=$!
    exec {listener_fd}>"$dir/listener.pipe"
    while ! grep -q '^ready' "$dir/listener.log" 2>/dev/null; do
        kill -0 "$listener_pid" || {
            cat "$dir/listener.log"
            return 1
        }
        sleep 0.02
    done
    while read -r _ address port; do
        connect_list+=${connect_list:+,}${address/0.0.0.0/$(host_address)}/$port
    done < <(grep '^port' "$dir/listener.log")
}

listener_stop() {
    [ -z "${listener_fd:-}" ] || exec {listener_fd}>&-
    [ -z "${listener_pid:-}" ] || wait "$listener_pid" 2>/dev/null || true
}

# An address of this machine that is not loopback, or loopback when it has none.
host_address() {
    local address

    address=$(ip -4 -o addr show scope global 2>/dev/null | awk '{ sub(/\/.*/, "", $4); print $4; exit }')
    echo "${address:-127.0.0.1}"
}

# The facts of a planted place, one a line; paths as they are named on the host.
planted_facts() {
    local dir=$1

    echo "canary=$dir/home/.ssh/id_ed25519,$dir/home/.aws/credentials,$dir/home/.netrc,$dir/run/secret"
    echo "symlink=to-key,to-aws,to-root$dir/home/.netrc"
    echo "abstract=$abstract_name"
    echo "socket=socket,$dir/run/bus"
    echo "fifo=fifo"
    echo "connect=$connect_list"
}

# A rootfs of busybox alone, in $1; the probe lies in its /.
make_rootfs() {
    local root=$1 name

    mkdir -p "$root"/bin "$root"/etc "$root"/tmp "$root"/root "$root"/proc "$root"/sys "$root"/dev
    cp "$(command -v busybox)" "$root/bin/busybox"
    for name in $(busybox --list); do
        [ "$name" = busybox ] || ln -sf busybox "$root/bin/$name"
    done
    echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
    echo 'bob:x:1000:1000:bob:/home/bob:/bin/sh' >>"$root/etc/passwd"
    printf 'root:x:0:\nbob:x:1000:\n' >"$root/etc/group"
    cp "$PROBE" "$root/probe"
}

# Everything below $1 as text: names, kinds, modes, sizes, contents.
tree_hash() {
    (cd "$1" && find . -printf '%p %y %m %U %G %l\n' | sort && find . -type f -exec sha256sum {} + |
        sort) | sha256sum
}
