# shellcheck shell=bash
# More of network-scene.sh, for sandboxes whose network is filtered.

# hosts LINE...: the host's own /etc/hosts
hosts() {
    printf '%s\n' '127.0.0.1 localhost' "$@" >hosts.file
    mount --bind hosts.file "$(realpath /etc/hosts)"
}

# as `serve`, beside the servers that are there
serve_more() {
    local who=$1 where=()

    shift
    [ "$who" = host ] || where=(nsenter -t "$neighbour_pid" -n --)
    "${where[@]}" python3 "$KELP_SRC/tests/e2e/network-server.py" "$who" "$@" >more.log 2>&1 3>&- &
    await_line more.log '^ready'
}

# a root file system of busybox and what of it this host has
image() {
    mkdir -p root/bin root/etc root/proc root/sys root/dev root/tmp
    cp "$(command -v busybox)" root/bin/busybox
    for name in sh cat; do ln -s busybox "root/bin/$name"; done
}

# a kelp of our own in ./kelp, whose helpers can be others
own_kelp() {
    mkdir -p kelp/src/cli kelp/helpers/proxy
    cp "$KELP" kelp/src/cli/kelp
    cp "$(dirname "$KELP")/../../helpers/proxy/kelp-proxy" kelp/helpers/proxy/
    KELP=$PWD/kelp/src/cli/kelp
    export KELP
}

# a kelp-proxy that is the shell command $1
stand_in() {
    printf '#!/bin/bash\n%s\n' "$1" >kelp/helpers/proxy/kelp-proxy
    chmod 755 kelp/helpers/proxy/kelp-proxy
}

proxies_of() {
    pgrep -P "$1" -x kelp-proxy
}
