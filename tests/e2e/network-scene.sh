# shellcheck shell=bash
# A network of two machines, made by a normal user: this shell is root of a user namespace with
# network and mount namespaces of its own.  "This host" is 203.0.113.1 and 2600:db8::1; its
# neighbour, a second network namespace, is 203.0.113.2 and 2600:db8::2, and the way to all else.
# Sourced by network.bats; what it starts ends with it.

set -eu
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT

scene_uid=$1
scene_gid=$2

# neighbour COMMAND...: on the other machine
neighbour() {
    nsenter -t "$neighbour_pid" -n -- "$@"
}

# box OPTIONS...: kelp, as the user who has no capability here either
box() {
    unshare -U --map-user="$scene_uid" --map-group="$scene_gid" -- "$KELP" run "$@"
}

# shellcheck disable=SC2034 # for who sources this
# in_background LOG OPTIONS...: the same in the background; $box_pid is kelp's own
in_background() {
    local log=$1

    shift
    unshare -U --map-user="$scene_uid" --map-group="$scene_gid" -- "$KELP" run "$@" \
        >"$log" 2>&1 </dev/null 3>&- &
    box_pid=$!
}

# waits until the file $1 has a line that matches $2
await_line() {
    local i

    for ((i = 0; i < 500 * KELP_TEST_SLOW; i++)); do
        ! grep -qs -- "$2" "$1" || return 0
        sleep 0.02
    done
    echo "no '$2' in $1:"
    cat "$1"
    return 1
}

# waits until the process $1 is gone
await_end() {
    local i

    for ((i = 0; i < 250 * KELP_TEST_SLOW; i++)); do
        [ -d "/proc/$1" ] || return 0
        sleep 0.02
    done
    echo "process $1 is still there: $(tr '\0' ' ' <"/proc/$1/cmdline")"
    return 1
}

# serve host|neighbour SERVERS...: their log is host.log or neighbour.log
serve() {
    local who=$1 where=()

    shift
    [ "$who" = host ] || where=(nsenter -t "$neighbour_pid" -n --)
    "${where[@]}" python3 "$KELP_SRC/tests/e2e/network-server.py" "$who" "$@" >"$who.log" 2>&1 3>&- &
    await_line "$who.log" '^ready'
}

client() {
    python3 "$KELP_SRC/tests/e2e/network-client.py" "$@"
}

slirp_of() {
    pgrep -P "$1" -x slirp4netns
}

ip link set lo up
unshare -n sleep 300 3>&- &
neighbour_pid=$!
while [ "$(readlink "/proc/$neighbour_pid/ns/net")" = "$(readlink /proc/self/ns/net)" ]; do
    sleep 0.01
done
ip link add v1 type veth peer name v2 netns "$neighbour_pid"
ip addr add 203.0.113.1/24 dev v1
ip link set v1 up
neighbour ip link set lo up
neighbour ip addr add 203.0.113.2/24 dev v2
neighbour ip link set v2 up
ip route add default via 203.0.113.2

# the host gets IPv6
with_ipv6() {
    ip addr add 2600:db8::1/64 dev v1 nodad
    neighbour ip addr add 2600:db8::2/64 dev v2 nodad
    ip route add default via 2600:db8::2
}

# the file $1 is this host's resolv.conf
with_resolv_conf() {
    mount --bind "$1" "$(realpath /etc/resolv.conf)"
}

cp "$KELP_SRC/tests/e2e/network-client.py" client.py
