#!/usr/bin/env bats
# Machines that refuse: each cause is named by kelp doctor and by kelp run, with what mends it.  A
# virtual machine alone is changed in this way; every test puts back what it changed, and shows that
# kelp works again.

# shellcheck disable=SC2016 # the scripts in quotes are for inner shells

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/facts

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    undo=()
    works
}

# What a test changed is put back, the last first; then kelp works as before.
teardown() {
    local i

    cd / || return 1
    for ((i = ${#undo[@]} - 1; i >= 0; i--)); do
        sudo sh -c "${undo[i]}"
    done
    works
}

works() {
    (cd "$BATS_TEST_TMPDIR" && "$KELP" run -- true)
}

# change DO UNDO: shell text, done by root
change() {
    undo+=("$2")
    sudo sh -euc "$1"
}

# setting NAME VALUE
setting() {
    change "sysctl -qw $1=$2" "sysctl -qw '$1=$(sysctl -n "$1")'"
}

# hints TEXT...: $output is an error of kelp's whose hint has all texts; below what a helper says
hints() {
    local text

    for text; do
        [[ $'\n'$output == *$'\nkelp: '*$'\nhint: '*"$text"* ]] || {
            echo "'$text' is not in: $output"
            return 1
        }
    done
}

@test "user namespaces are for root alone: the switch, and the command that turns it" {
    setting kernel.unprivileged_userns_clone 0
    run -1 "$KELP" doctor --json
    assert_fact "user namespaces" missing "kernel.unprivileged_userns_clone is 0" \
        "sysctl -w kernel.unprivileged_userns_clone=1" /etc/sysctl.d/
    run -125 "$KELP" run -- true
    hints "kernel.unprivileged_userns_clone is 0" "sysctl -w kernel.unprivileged_userns_clone=1"
}

@test "no user namespace is left for anybody: the limit, and the command that raises it" {
    setting user.max_user_namespaces 0
    run -1 "$KELP" doctor --json
    assert_fact "user namespaces" missing "user.max_user_namespaces is 0" "sysctl -w user.max_user_namespaces="
    run -125 "$KELP" run -- true
    hints "user.max_user_namespaces is 0" "sysctl -w user.max_user_namespaces="
}

# confined COMMAND...: under a profile of AppArmor that leaves all but capabilities.  These kernels have
# no switch that gives one to who makes a namespace, as Ubuntu's has: unit tests tell of that.
confined() {
    sh -euc 'echo "exec vm-bare" >/proc/self/attr/apparmor/exec; exec "$@"' sh "$@"
}

@test "AppArmor leaves no rights in a user namespace: the profile by its name" {
    change 'apparmor_parser -r <<"END"
profile vm-bare { file, mount, umount, pivot_root, network, signal, ptrace, unix, dbus, }
END' 'echo "profile vm-bare { }" | apparmor_parser -R'
    run -1 confined "$KELP" doctor --json
    assert_fact "user namespaces" missing "Permission denied" \
        "the security profile 'vm-bare (enforce)' that kelp runs under" "start kelp outside of"
    run -125 confined "$KELP" run -- true
    hints "the security profile 'vm-bare (enforce)' that kelp runs under" "start kelp outside of"
    run -0 "$KELP" run -- true
}

@test "the fix that doctor prints mends it" {
    local fix

    setting kernel.unprivileged_userns_clone 0
    run -1 "$KELP" doctor --json
    fix=$(jq -r '.facts[] | select(.name == "user namespaces") | .fix' <<<"$output" | head -n 1)
    [[ $fix == "sudo sysctl "* ]]
    sh -c "$fix"
    works
}

@test "no driver of tap devices: the module, for doctor and for --network user alone" {
    # the kernel loads it by itself for who opens the node, if it may
    change 'echo "install tun /bin/false" >/etc/modprobe.d/none.conf; rmmod tun' \
        'rm /etc/modprobe.d/none.conf; modprobe tun'
    run -0 "$KELP" doctor --json
    assert_fact /dev/net/tun missing "the kernel module 'tun' is not loaded" "modprobe tun"
    run -125 "$KELP" run --network user -- true
    [[ $output == "kelp: --network user: the kernel has no driver behind '/dev/net/tun'"* ]]
    hints "modprobe tun"
    run -0 "$KELP" run -- true
}

@test "no node of tap devices, and one that is closed to the user" {
    change 'mv /dev/net/tun /dev/net/away' 'mv /dev/net/away /dev/net/tun'
    run -0 "$KELP" doctor --json
    assert_fact /dev/net/tun missing "there is no device node" "mknod -m 666 /dev/net/tun c 10 200"
    run -125 "$KELP" run --network user -- true
    hints "there is no device node" "mknod -m 666 /dev/net/tun"
    change 'mknod -m 600 /dev/net/tun c 10 200' 'rm /dev/net/tun'
    run -0 "$KELP" doctor --json
    assert_fact /dev/net/tun missing "the mode of /dev/net/tun is 0600" "chmod 666 /dev/net/tun"
    run -125 "$KELP" run --network user -- true
    [[ $output == "kelp: --network user: cannot open '/dev/net/tun': this user has no permission"* ]]
    hints "chmod 0666 /dev/net/tun"
}

@test "no newuidmap: the package, for doctor and for subordinate ids alone" {
    change 'mv /usr/bin/newuidmap /usr/bin/away' 'mv /usr/bin/away /usr/bin/newuidmap'
    run -0 "$KELP" doctor --json
    assert_fact newuidmap weaker "'newuidmap' is not installed" "install uidmap"
    make_rootfs "$PWD/root"
    run -125 "$KELP" run --userns subids "$PWD/root" true
    [[ $output == "kelp: --userns subids: 'newuidmap' is not installed"* ]]
    hints "install uidmap"
    run -0 "$KELP" run --userns single "$PWD/root" true
}

@test "newuidmap without its bit" {
    change 'chmod u-s /usr/bin/newuidmap' 'chmod u+s /usr/bin/newuidmap'
    run -0 "$KELP" doctor --json
    assert_fact newuidmap weaker "has lost its setuid bit" "chmod u+s /usr/bin/newuidmap"
    make_rootfs "$PWD/root"
    run -125 "$KELP" run --userns subids "$PWD/root" true
    hints "has lost its setuid bit" "chmod u+s /usr/bin/newuidmap"
}

# The command as the user, in a mount namespace that root has changed.
under() {
    sudo --preserve-env env HOME="$HOME" unshare --mount sh -euc "$1"'; shift; exec setpriv --reuid=1000 --regid=1000 --init-groups "$@"' \
        sh "$@"
}

@test "a handler of core dumps, and a hard limit that leaves no way around it" {
    setting kernel.core_pattern '"|/bin/false %p"'
    run -0 "$KELP" run -- true
    ulimit -Hc 0
    run -125 "$KELP" run -- true
    hints "LimitCORE=1" "--ulimit core=0"
    run -0 "$KELP" run --ulimit core=0 -- true
    change 'sysctl -qw kernel.core_pattern=core' true
    run -0 "$KELP" run -- true
}

@test "a /proc with something mounted over its parts" {
    local mask='mount -t tmpfs none /proc/fs; mount --bind /dev/null /proc/version'

    run -1 under "$mask" "$KELP" doctor --json
    assert_fact "fresh /proc" missing "2 mounts over parts of its own /proc" /proc/fs /proc/version
    run -125 under "$mask" "$KELP" run -- true
    hints "2 mounts over parts of its own /proc"
    run -0 under true "$KELP" run -- true
}

@test "a home that is read-only: what needs a place in it assert_fact so, and where else" {
    local closed='mount --bind /home /home; mount -o remount,bind,ro /home'

    make_rootfs root
    tar -C root -cf root.tar .
    run -1 under "$closed" touch "$HOME/file"
    run -0 under "$closed" "$KELP" doctor --json
    assert_fact overlay weaker "the file system of '$HOME" "is read-only" "XDG_DATA_HOME=DIRECTORY"
    run -125 under "$closed" "$KELP" run ./root.tar true
    hints "is read-only" "XDG_DATA_HOME=DIR"
    run -125 under "$closed" "$KELP" run --keep --name one "$PWD/root" true
    hints "is read-only" "XDG_DATA_HOME=DIR"
    # what needs none works
    run -0 under "$closed" "$KELP" run -- true
    run -0 under "$closed" "$KELP" run --userns single "$PWD/root" true
    run -0 under "$closed" env XDG_DATA_HOME="$PWD/data" "$KELP" run --userns single ./root.tar true
}

@test "a disk that is full: what has no room assert_fact so, and what frees some" {
    local full='mount -t tmpfs -o size=64k,mode=1777 none /home/kelp/full
        cat /dev/zero >/home/kelp/full/fill 2>/dev/null || true'

    mkdir -p "$HOME/full"
    make_rootfs root
    tar -C root -cf root.tar .
    export XDG_DATA_HOME=$HOME/full
    run -0 under "$full" "$KELP" doctor --json
    assert_fact overlay weaker "the file system of '$HOME/full' is full" "XDG_DATA_HOME=DIRECTORY" "kelp prune"
    run -125 under "$full" "$KELP" run ./root.tar true
    [[ $output == *"No space left on device"* ]]
    hints "is full" "kelp prune" "XDG_DATA_HOME=DIR"
    run -125 under "$full" "$KELP" run --keep --name one "$PWD/root" true
    hints "is full" "kelp prune" "XDG_DATA_HOME=DIR"
    # a sandbox on it starts, and is told by the kernel what it is not given
    run -1 under "$full; cd /home/kelp/full" "$KELP" run -- dd if=/dev/zero of=file bs=1k count=4
    [[ $output == *"No space left on device"* ]]
}
