#!/usr/bin/env bats
# kelp doctor on this machine, and on machines made worse: in mount and user namespaces of the test's
# own, so that nothing outside changes.

# shellcheck disable=SC2016 # the scripts in quotes are for inner shells

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/facts

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    # in a directory that is seen from everywhere
    touch empty
}

# Runs a script as root of a new user and mount namespace, where it can mount what it likes.
worse() {
    unshare --user --map-root-user --mount sh -euc "$1"
}

# The same, but what is called as "$AGAIN" in it is a normal user once more, without capabilities.
AGAIN="unshare --user --map-user=$(id -u) --map-group=$(id -g)"
export AGAIN

@test "kelp in kelp: the calls that the outer one refuses are found" {
    cp "$KELP" "$BATS_TEST_TMPDIR/kelp"
    cd "$BATS_TEST_TMPDIR"
    run -125 "$KELP" run --allow-userns -- ./kelp run -- true
    [[ $output == *"Function not implemented"*"hint: a system call filter that "*" put on kelp refuses it; "* ]]
    run -1 "$KELP" run --allow-userns -- ./kelp doctor
    [[ $output == *"without the call 'fsopen'"* ]]
}

@test "this machine: works, one line a subject, within two seconds" {
    local start=$EPOCHREALTIME

    run -0 "$KELP" doctor
    [ "$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))" -lt "$((2000 * KELP_TEST_SLOW))" ]
    [ "${lines[-1]}" = "'kelp run' works here." ]
    [ "$(grep -cE '^(ok|weaker|missing) ' <<<"$output")" -ge 15 ]
    # state and name in columns; what is below a line begins at the column of the text
    run ! grep -vE '^(ok     |weaker |missing)  [^ ].{16}  [^ ]|^ {28}(why: |fix: |     )|^$|^.kelp run. works' <<<"$output"
}

@test "this machine: what is not ok has a reason" {
    run -0 "$KELP" doctor --json
    [ "$(jq '[.facts[] | select(.state != "ok" and .why == "")] | length' <<<"$output")" = 0 ]
    [ "$(jq '[.facts[] | select(.state != "ok" and .fix == "")] | length' <<<"$output")" = 0 ]
    [ "$(jq .can_run <<<"$output")" = true ]
}

@test "cgroups: where there are none, limits are weaker, and it is said which" {
    run -0 worse 'mount -t tmpfs none /sys/fs/cgroup 2>/dev/null || true; exec $AGAIN "$KELP" doctor --json'
    assert_fact cgroups weaker "memory is looked at, processes are counted by their user; no limit on processors"
    [ "$(fact cgroups | jq -r .fix)" != "" ]
}

@test "text and JSON tell the same" {
    run -0 "$KELP" doctor --json
    jq -r '.facts[] | .state + " " + .name' <<<"$output" >json
    run -0 "$KELP" doctor
    grep -E '^(ok|weaker|missing) ' <<<"$output" | cut -c1-26 | tr -s ' ' | sed 's/ $//' >text
    diff json text
}

@test "subordinate ids really are mapped" {
    local users groups

    users=$(awk -F: -v user="$(id -un)" '$1 == user { n += $3 } END { print n }' /etc/subuid)
    groups=$(awk -F: -v user="$(id -un)" '$1 == user { n += $3 } END { print n }' /etc/subgid)
    [ "$users" -ge 65536 ]
    run -0 "$KELP" doctor --json
    assert_fact "subordinate ids" ok "$users user ids and $groups group ids"
    assert_fact newuidmap ok
}

@test "colours on a terminal only, and not against NO_COLOR" {
    run -0 "$KELP" doctor
    [[ $output != *$'\e'* ]]
    run -0 script -qec "'$KELP' doctor" /dev/null
    [[ $output == *$'\e[32mok'* ]]
    NO_COLOR=1 run -0 script -qec "'$KELP' doctor" /dev/null
    [[ $output != *$'\e'* ]]
}

@test "options: help, an unknown one, a closed stdout" {
    run -0 "$KELP" doctor --help
    [[ $output == *--apparmor-profile* ]]
    run -125 "$KELP" doctor --nonsense
    [ "$output" = "kelp: unknown option '--nonsense'"$'\n'"hint: kelp doctor --help" ]
    run -125 "$KELP" doctor --jsn
    [ "$output" = "kelp: unknown option '--jsn'"$'\n'"hint: did you mean '--json'" ]
    run -125 "$KELP" doctor json
    [ "$output" = "kelp: unexpected word 'json'"$'\n'"hint: kelp doctor --help" ]
    run -1 sh -c '"$KELP" doctor >/dev/full'
}

@test "--apparmor-profile is for the real path of this program" {
    local real

    real=$(realpath "$KELP")
    ln -s "$KELP" link
    run -0 ./link doctor --apparmor-profile
    [[ $output == *"profile "*" \"$real\" flags=(unconfined) {"* ]]
    [[ $output == *$'\n  userns,\n'* ]]
    [[ $output == *"#   sudo apparmor_parser -r /etc/apparmor.d/"* ]]
    # all that is not a comment is a profile
    [ "$(grep -v '^#' <<<"$output" | grep -c '[{}]')" = 2 ]
}

@test "no user namespaces: the limit by name, with its value" {
    run -1 worse 'echo 0 >/proc/sys/user/max_user_namespaces; "$KELP" doctor --json'
    assert_fact "user namespaces" missing "user.max_user_namespaces is 0" \
        "sysctl -w user.max_user_namespaces="
    assert_fact "fresh /proc" missing "needs a user namespace"
    [ "$(jq .can_run <<<"$output")" = false ]
    run -125 worse 'echo 0 >/proc/sys/user/max_user_namespaces; "$KELP" run -- true'
    [[ $output == *"hint: "*"user.max_user_namespaces is 0"* ]]
}

@test "no network namespaces: the one limit of many" {
    run -1 worse 'echo 0 >/proc/sys/user/max_net_namespaces; "$KELP" doctor --json'
    assert_fact "user namespaces" ok
    assert_fact "other namespaces" missing "cannot make a network namespace" \
        "user.max_net_namespaces is 0"
    run -125 worse 'echo 0 >/proc/sys/user/max_net_namespaces; "$KELP" run -- true'
    [[ $output == *"hint: "*"user.max_net_namespaces is 0"* ]]
}

@test "/proc that is masked outside: named, with the outer container's fix" {
    local masked='unshare --pid --fork --mount-proc sh -euc "mount -t tmpfs none /proc/fs
        mount --bind /dev/null /proc/version; $1"'

    run -1 worse "set -- '\"\$KELP\" doctor --json'; $masked"
    assert_fact "fresh /proc" missing "2 mounts over parts of its own /proc" /proc/fs /proc/version \
        "the kernel refuses a fresh one"
    assert_fact "fresh /sys" ok
    run -125 worse "set -- '\"\$KELP\" run -- true'; $masked"
    [[ $output == *"hint: "*"2 mounts over parts of its own /proc"* ]]
}

@test "/sys that is masked outside" {
    run -1 unshare --user --map-root-user --mount --net sh -euc '
        mount -t sysfs none /sys
        mount -t tmpfs none /sys/kernel
        "$KELP" doctor --json'
    assert_fact "fresh /sys" missing "1 mount over parts of its own /sys (/sys/kernel)"
    assert_fact "fresh /proc" ok
}

@test "/sys that is read-only outside is no hindrance" {
    run -0 unshare --user --map-root-user --mount --net sh -euc '
        mount -t sysfs -o ro none /sys
        "$KELP" run -- ls /sys/class/net
        "$KELP" doctor --json >doctor.json'
    [ "${lines[0]}" = lo ]
    output=$(cat doctor.json)
    assert_fact "fresh /sys" ok
}

@test "no /proc at all" {
    run -1 worse 'mount -t tmpfs none /proc; "$KELP" doctor --json'
    assert_fact "user namespaces" missing "no /proc is mounted here" "mount -t proc"
}

@test "inside a chroot" {
    run -1 worse 'mkdir c c/proc c/usr c/etc c/tmp
        for link in /bin /lib /lib64 /sbin; do
            [ ! -L $link ] || cp -P $link c/
        done
        mount --rbind /usr c/usr
        mount --rbind /proc c/proc
        cp "$KELP" c/kelp
        exec chroot c /kelp doctor --json'
    assert_fact "user namespaces" missing "inside a chroot"
}

@test "inside kelp itself" {
    run -1 "$KELP" run --readable "$(dirname "$(realpath "$KELP")")" -- "$(realpath "$KELP")" doctor --json
    assert_fact "user namespaces" missing
    [ "$(fact "user namespaces" | jq -r .why)" != "" ]
}

@test "newuidmap: not installed, without its bit, with ranges that cannot be" {
    run -0 worse 'mount --bind /dev/null "$(command -v newuidmap)"; $AGAIN "$KELP" doctor --json'
    assert_fact newuidmap weaker "'newuidmap' is not installed"
    cp "$(command -v newgidmap)" bare
    chmod 755 bare
    run -0 worse 'mount --bind bare "$(command -v newgidmap)"; mount --bind bare "$(command -v newuidmap)"
        $AGAIN "$KELP" doctor --json'
    assert_fact newuidmap weaker "has lost its setuid bit" "chmod u+s"
}

@test "subordinate ids: none, too few, broken, shared with somebody" {
    local user
    user=$(id -un)

    run -0 worse 'mount --bind empty /etc/subuid; $AGAIN "$KELP" doctor --json'
    assert_fact "subordinate ids" weaker "/etc/subuid has no line for '$user'" "usermod --add-subuids"
    echo "$user:100000:100" >ids
    run -0 worse 'mount --bind ids /etc/subuid; $AGAIN "$KELP" doctor --json'
    assert_fact "subordinate ids" weaker "100 ids"
    echo "$user:100000:lots" >ids
    run -0 worse 'mount --bind ids /etc/subuid; $AGAIN "$KELP" doctor --json'
    assert_fact "subordinate ids" weaker "/etc/subuid:1 cannot be used"
    printf '%s:100000:65536\nsomebody:165000:65536\n' "$user" >ids
    run -0 worse 'mount --bind ids /etc/subuid; $AGAIN "$KELP" doctor --json'
    assert_fact "subordinate ids" weaker "'somebody' has some of the same ids"
}

# Puts a script in the place of slirp4netns.
fake_slirp() {
    printf '#!/bin/sh\n%s\n' "$1" >slirp
    chmod 755 slirp
    run "$2" worse 'mount --bind slirp "$(command -v slirp4netns)"; "$KELP" doctor --json'
}

@test "slirp4netns: not installed, broken, too old, with an unsafe library" {
    run -0 worse 'mount --bind /dev/null "$(command -v slirp4netns)"; "$KELP" doctor --json'
    assert_fact slirp4netns missing "'slirp4netns' is not installed"
    fake_slirp 'echo "no libslirp.so.0"; exit 127' -0
    assert_fact slirp4netns missing "status 127" "no libslirp.so.0"
    fake_slirp 'echo slirp4netns version 0.4.3' -0
    assert_fact slirp4netns missing "too old" "slirp4netns 1.0"
    fake_slirp 'echo slirp4netns version 1.0.1; echo libslirp: 4.4.0' -0
    assert_fact slirp4netns weaker "libslirp before 4.6.0"
    fake_slirp 'echo slirp4netns version 1.2.0; echo libslirp: 4.7.0' -0
    assert_fact slirp4netns ok "1.2.0 with libslirp 4.7.0"
}

@test "a program that hangs does not hang the doctor" {
    local start=$SECONDS

    fake_slirp 'exec sleep 1000' -0
    assert_fact slirp4netns missing "no answer"
    [ $((SECONDS - start)) -lt $((8 * KELP_TEST_SLOW)) ]
}

@test "/dev/net/tun: no node, closed to the user, not a device" {
    run -0 worse 'mount -t tmpfs none /dev/net; "$KELP" doctor --json'
    assert_fact /dev/net/tun missing "No such file or directory"
    touch closed
    chmod 000 closed
    run -0 worse 'mount --bind closed /dev/net/tun; $AGAIN "$KELP" doctor --json'
    assert_fact /dev/net/tun missing "Permission denied" "the mode of /dev/net/tun is 0000"
    run -0 worse 'mount --bind empty /dev/net/tun; "$KELP" doctor --json'
    assert_fact /dev/net/tun missing "No such device"
}

@test "DNS: no file, no server, nobody there; quickly, and no failure" {
    local start

    run -0 worse 'mount --bind empty /etc/resolv.conf; "$KELP" doctor --json'
    assert_fact DNS weaker "names no server"
    echo "nameserver 127.0.0.1" >resolv
    run -0 unshare --user --map-root-user --mount --net sh -euc '
        ip link set lo up
        mount --bind resolv /etc/resolv.conf
        "$KELP" doctor --json'
    assert_fact DNS weaker "127.0.0.1 does not answer: Connection refused"
    # a server that says nothing
    start=$SECONDS
    run -0 unshare --user --map-root-user --mount --net sh -euc '
        ip link set lo up
        mount --bind resolv /etc/resolv.conf
        python3 -c "
import socket, subprocess, os, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((\"127.0.0.1\", 53))
sys.exit(subprocess.run([os.environ[\"KELP\"], \"doctor\", \"--json\"]).returncode)"'
    assert_fact DNS weaker "127.0.0.1 does not answer: nothing came within a second"
    [ $((SECONDS - start)) -lt $((4 * KELP_TEST_SLOW)) ]
}

@test "a place for images: closed, read-only, full, with room" {
    mkdir home
    export HOME=$PWD/home
    run -0 worse 'chmod 500 home; exec $AGAIN "$KELP" doctor --json'
    assert_fact overlay weaker "images cannot be kept in '$HOME/.local/share/kelp/store'" \
        "you cannot write to '$HOME'" XDG_DATA_HOME=
    chmod 700 home
    run -0 worse 'mount --bind home home; mount -o remount,bind,ro home; exec $AGAIN "$KELP" doctor --json'
    assert_fact overlay weaker "images cannot be kept in '$HOME/.local/share/kelp/store'" \
        "the file system of '$HOME' is read-only" XDG_DATA_HOME=
    run -0 worse 'mount -t tmpfs -o size=64k,mode=777 none home; cat /dev/zero >home/fill 2>/dev/null || true
        exec $AGAIN "$KELP" doctor --json'
    assert_fact overlay weaker "the file system of '$HOME' is full" XDG_DATA_HOME= "kelp prune"
    # one whose files are all in use
    run -0 worse 'mount -t tmpfs -o nr_inodes=2,mode=777 none home; touch home/last
        exec $AGAIN "$KELP" doctor --json'
    assert_fact overlay weaker "the file system of '$HOME' is full"
    # and any other
    run -0 worse 'mount -t tmpfs -o size=0,nr_inodes=0,mode=777 none home; exec $AGAIN "$KELP" doctor --json'
    if worse 'mount -t tmpfs none home; touch home/f; setfattr -n user.a -v b home/f'; then
        assert_fact overlay ok
    else
        assert_fact overlay weaker "this kernel's tmpfs has no user attributes; that came with Linux 6.6"
    fi
}

@test "nothing is left behind: no mount, no file, no process" {
    local mounts

    mounts=$(cat /proc/self/mountinfo)
    run -0 "$KELP" doctor
    [ "$(cat /proc/self/mountinfo)" = "$mounts" ]
    [ "$(ls -A)" = empty ]
    # every child is reaped: a shell that becomes the doctor's parent by exec would see them
    run -0 python3 -c '
import ctypes, os, subprocess
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # orphans come to us
subprocess.run([os.environ["KELP"], "doctor"], check=True, stdout=subprocess.DEVNULL)
try:
    raise SystemExit("left behind: %d" % os.waitpid(-1, os.WNOHANG)[0])
except ChildProcessError:
    pass'
}
