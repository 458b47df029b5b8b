#!/usr/bin/env bats
# Keys stay hidden in whatever place a share shows them.

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    dir=$(cd "$BATS_TEST_TMPDIR" && pwd -P)
    account=$(getent passwd "$(id -u)" | cut -d: -f6)
    export HOME=$dir/top/home
    mkdir -p "$HOME/.ssh" "$HOME/.config/gh" "$HOME/plain" "$dir/ws"
    echo CANARY >"$HOME/.ssh/id"
    echo CANARY >"$HOME/.config/gh/hosts.yml"
    echo CANARY >"$HOME/.netrc"
    echo shown >"$HOME/plain/file"
    cd "$dir/ws" || return 1
}

# Reads keys of the home at $1 inside of a run with the other words: none is there, the rest is.
sees_no_key() {
    local home=$1
    shift

    run "$KELP" run "$@" sh -c "cat $home/.ssh/id $home/.config/gh/hosts.yml $home/.netrc; cat $home/plain/file"
    echo "$output"
    [[ $output == *shown* ]]
    [[ $output != *CANARY* ]]
}

# The negative control: what is hidden is so by the rule, and not because it is not there.
sees_keys() {
    local home=$1
    shift

    run -0 --separate-stderr "$KELP" run "$@" sh -c "cat $home/.ssh/id"
    [ "$output" = CANARY ]
}

@test "a volume of the home" {
    sees_no_key /mnt/h -v "$HOME:/mnt/h:ro" --
    sees_no_key /mnt/h -v "$HOME:/mnt/h" --
    sees_keys /mnt/h -v "$HOME:/mnt/h:ro" -v "$HOME/.ssh:/mnt/h/.ssh:ro" --
}

@test "a volume of a directory above the home" {
    sees_no_key /mnt/hh/home -v "$dir/top:/mnt/hh:ro" --
    sees_no_key /mnt/hh/home --readable "$HOME" -v "$dir/top:/mnt/hh:ro" --
    HOME=/tmp sees_keys /mnt/hh/home -v "$dir/top:/mnt/hh:ro" --
}

@test "a volume of the keys themselves, or of what is in them" {
    run -0 "$KELP" run -v "$HOME/.ssh:/mnt/k:ro" -- cat /mnt/k/id
    [ "$output" = CANARY ]
    run -0 "$KELP" run -v "$HOME/.ssh/id:/mnt/id:ro" -- cat /mnt/id
    [ "$output" = CANARY ]
    run -0 "$KELP" run -v "$HOME:/mnt/h:ro" -v "$HOME/.ssh/id:/mnt/h/.ssh/id:ro" -- ls -A /mnt/h/.ssh
    [ "$output" = id ]
}

@test "keys that are symlinks to elsewhere in the home" {
    mkdir -p "$HOME/dotfiles"
    mv "$HOME/.ssh" "$HOME/dotfiles/ssh"
    ln -s "$HOME/dotfiles/ssh" "$HOME/.ssh"
    sees_no_key /mnt/h -v "$HOME:/mnt/h:ro" --
    run "$KELP" run -v "$HOME/dotfiles:/mnt/d:ro" -- cat /mnt/d/ssh/id
    [[ $output != *CANARY* ]]
    run "$KELP" run -v "$HOME:/mnt/h:ro" -- cat /mnt/h/dotfiles/ssh/id
    [[ $output != *CANARY* ]]
}

@test "the account's own home, whatever HOME says" {
    local name key=

    [ -w "$account" ] || skip "the machine lacks a home for $(id -un)"
    # one name of the list that this account does not use
    for name in .vault-token .pgpass .my.cnf .lesshst; do
        [ -e "$account/$name" ] || key=$account/$name
    done
    [ -n "$key" ]
    echo CANARY >"$key"
    HOME=/tmp run "$KELP" run --readable "$account" -- sh -c "cat $key; echo ran"
    rm -f "$key"
    [[ $output == *ran* ]]
    [[ $output != *CANARY* ]]
}

@test "a volume of an image" {
    make_rootfs root
    sees_no_key /h -v "$HOME:/h" ./root
    sees_no_key /mnt/home -v "$dir/top:/mnt:ro" ./root
    sees_no_key "$HOME" --readable "$HOME" ./root
    sees_keys /h -v "$HOME:/h" -v "$HOME/.ssh:/h/.ssh" ./root
    HOME=/tmp sees_keys /mnt/home -v "$dir/top:/mnt:ro" ./root
}

@test "--hide covers in the place of a volume, too" {
    run "$KELP" run -v "$HOME:/mnt/h" --hide "$HOME/plain" -- sh -c 'cat /mnt/h/plain/file; echo ran'
    [[ $output == *ran* ]]
    [[ $output != *shown* ]]
}

@test "what is hidden in a writable volume can neither be changed nor moved to be read" {
    run "$KELP" run -v "$HOME:/mnt/h" -- sh -c 'mv /mnt/h/.config /mnt/h/c; cat /mnt/h/c/gh/hosts.yml
        mv /mnt/h/.ssh /mnt/h/s; rm -rf /mnt/h/.netrc; cat /mnt/h/s/id /mnt/h/.netrc; echo ran'
    [[ $output == *ran* ]]
    [[ $output != *CANARY* ]]
    [ "$(cat "$HOME/.netrc")" = CANARY ]
}
