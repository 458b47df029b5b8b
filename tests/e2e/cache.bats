#!/usr/bin/env bats
# [files] cache: what lasts from run to run, seen by nobody else.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    dir=$(cd "$BATS_TEST_TMPDIR" && pwd -P)
    export HOME=$dir/home
    unset XDG_CACHE_HOME
    mkdir -p "$HOME/.cache" "$dir/ws"
    caches=$HOME/.cache/kelp/caches
    cd "$dir/ws" || return 1
    printf '[files]\ncache = one\n' >../one.policy
    printf '[files]\ncache = two other:~/.other\n' >../two.policy
}

# Whether $output is these lines.
assert_lines() {
    diff <(printf '%s\n' "$@") - <<<"$output"
}

one() {
    "$KELP" run --policy ../one.policy "$@"
}

# The run with cache `one` fails before its command, with words that match $1.
refused() {
    run --separate-stderr "$KELP" run --policy ../one.policy -- touch ran
    echo "$stderr"
    [ "$status" = 125 ]
    [[ $stderr == *"one.policy:2: cache 'one': "$1* ]]
    [ ! -e ran ]
}

@test "what one run leaves, the next one finds, and nobody else may look" {
    one -- sh -c 'echo first >/run/kelp/cache/one/file'
    run -0 one -- cat /run/kelp/cache/one/file
    [ "$output" = first ]
    [ "$(cat "$caches/one/file")" = first ]
    [ "$(stat -c '%a %u' "$caches/one" "$caches" "$HOME/.cache/kelp" | sort -u)" = "700 $(id -u)" ]
}

@test "a cache of another name, the host's own caches and the home are not there" {
    one -- sh -c 'echo first >/run/kelp/cache/one/file'
    mkdir "$HOME/.cache/pip"
    echo host >"$HOME/.cache/pip/file"
    run -0 "$KELP" run --policy ../two.policy -- sh -c 'ls /run/kelp/cache; ls -A ~ ~/.other'
    assert_lines two "$HOME:" .other '' "$HOME/.other:"
    # nor without a policy that names one
    run -2 "$KELP" run -- ls /run/kelp
}

@test "a place of one's own choice, in a home that is empty" {
    "$KELP" run --policy ../two.policy -- sh -c 'echo x >~/.other/file'
    [ "$(cat "$caches/other/file")" = x ]
    run -0 "$KELP" run --policy ../two.policy -- cat "$HOME/.other/file"
}

@test "who is given the home is not given the caches of others" {
    one -- sh -c 'echo first >/run/kelp/cache/one/file'
    run ! "$KELP" run --writable "$HOME" -- cat "$caches/one/file"
    run ! "$KELP" run --writable "$HOME" -- sh -c "echo evil >'$caches/one/file'"
    run ! "$KELP" run -v "$HOME:/mnt/home" -- cat /mnt/home/.cache/kelp/caches/one/file
    # the control: the home is there
    echo x >"$HOME/seen"
    run -0 "$KELP" run -v "$HOME:/mnt/home" -- cat /mnt/home/seen
    # with a cache of its own as well, and who names one has chosen to show it
    run -0 --separate-stderr one --writable "$HOME" -- cat /run/kelp/cache/one/file
    [ "$output" = first ]
    run ! one --writable "$HOME" -- ls "$caches/one"
    run -0 "$KELP" run --readable "$caches/one" -- cat "$caches/one/file"
    [ "$output" = first ]
    [ "$(cat "$caches/one/file")" = first ]
}

@test "who is given the home is given no images, kept sandboxes and policies, in whatever environment" {
    local place
    mkdir -p "$HOME/.local/share/kelp/store/x" "$HOME/.local/share/kelp/kept/x" "$HOME/.config/kelp" "$caches/one"
    chmod 0700 "$caches" "$HOME/.local/share/kelp/store"
    for place in "$HOME/none" ''; do
        run --separate-stderr env XDG_CONFIG_HOME="$place" XDG_DATA_HOME="$place" XDG_CACHE_HOME="$place" \
            "$KELP" run --writable "$HOME" -- sh -c 'cd
            for d in .local/share/kelp/store .local/share/kelp/kept .config/kelp .cache/kelp/caches; do
                touch $d/x/probe $d/probe && echo "wrote to $d"
                mv $d $d.away && echo "moved $d"
            done
            touch .local/share/other && echo fine'
        [ "$output" = fine ]
    done
}

@test "who is given the home cannot move caches, keys or toolchains aside" {
    one -- sh -c 'echo first >/run/kelp/cache/one/file'
    mkdir -p "$HOME/.gem" "$HOME/.local/bin"
    echo key >"$HOME/.gem/credentials"
    run "$KELP" run --writable "$HOME" -v "$HOME:/mnt/home" -- sh -c '
        for i in .cache/kelp .cache .gem .local; do
            mv ~/$i ~/away && echo "bad $i"
            mv /mnt/home/$i /mnt/home/away && echo "bad too $i"
        done
        mkdir ~/other && mv ~/other ~/away && echo control'
    [[ $output == *control* && $output != *bad* ]] || { echo "$output" && return 1; }
    [ "$(cat "$caches/one/file" "$HOME/.gem/credentials")" = $'first\nkey' ]
}

@test "programs of a cache run, and none of them has more rights" {
    one -- sh -c 'cp /bin/true /run/kelp/cache/one/prog && chmod 4755 /run/kelp/cache/one/prog'
    run -0 one -- /run/kelp/cache/one/prog
    run -0 one -- grep ' /run/kelp/cache/one ' /proc/self/mountinfo
    [[ $output == *nosuid,nodev* ]]
}

@test "--dry-run shows it and makes nothing" {
    run -0 one --dry-run -- true
    [[ $output == *"bind     /run/kelp/cache/one from $caches/one  rw,nosuid,nodev,rec,cache  (../one.policy:2)"* ]]
    [ ! -e "$HOME/.cache/kelp" ]
    rmdir "$HOME/.cache"
    run -0 one --dry-run -- true
    [ ! -e "$HOME/.cache" ]
    # the negative control
    one -- true
    [ -d "$caches/one" ]
}

@test "in an image, and with one id in it" {
    make_rootfs "$dir/root"
    one --network none "$dir/root" sh -c 'echo x >/run/kelp/cache/one/file'
    run -0 one --network none --read-only "$dir/root" sh -c 'cat /run/kelp/cache/one/file && echo y >/run/kelp/cache/one/file'
    [ "$(cat "$caches/one/file")" = y ]
    [ "$(stat -c %u "$caches/one/file")" = "$(id -u)" ]
    [ ! -e "$dir/root/run/kelp" ]
}

@test "--tmpfs keeps a run from what others left, -v gives it another cache" {
    one -- sh -c 'echo poison >/run/kelp/cache/one/file'
    run -0 one --tmpfs /run/kelp/cache/one -- sh -c 'ls -A /run/kelp/cache/one; echo x >/run/kelp/cache/one/x'
    [ -z "$output" ]
    mkdir ../mine
    run -0 one -v "$dir/mine:/run/kelp/cache/one" -- sh -c 'ls -A /run/kelp/cache/one; echo x >/run/kelp/cache/one/x'
    [ -z "$output" ]
    [ -e ../mine/x ]
    [ "$(ls "$caches/one")" = file ]
}

@test "XDG_CACHE_HOME, also where it is a symlink, and made where it is not there" {
    export XDG_CACHE_HOME=$dir/other
    one -- touch /run/kelp/cache/one/file
    [ -e "$dir/other/kelp/caches/one/file" ]
    [ ! -e "$HOME/.cache/kelp" ]
    ln -s other "$dir/link"
    XDG_CACHE_HOME=$dir/link run -0 one -- ls /run/kelp/cache/one
    [ "$output" = file ]
    # what is not absolute counts for nothing
    XDG_CACHE_HOME=other one -- touch /run/kelp/cache/one/here
    [ -e "$caches/one/here" ]
}

@test "what is not a directory of the user's own alone is refused" {
    one -- true
    chmod 777 "$caches/one"
    refused "'one' is open to others, its mode is 777"
    chmod 700 "$caches/one"
    chmod 750 "$caches"
    refused "'caches' is open to others, its mode is 750"
    chmod 700 "$caches"
    chmod 775 "$HOME/.cache/kelp"
    refused "'kelp' is open to others, its mode is 775"
    chmod 755 "$HOME/.cache/kelp"
    chmod 777 "$HOME/.cache"
    refused "'$HOME/.cache' is open to others, its mode is 777"
    # where nobody else can rename what is there it is as good as any
    chmod 1777 "$HOME/.cache"
    one -- touch ran
    [ -e ran ]
}

# opens PATH: the hint of $stderr, typed, is what mends it.
opens() {
    local hint
    hint=$(grep -o "chmod [ug].*" <<<"$stderr")
    [[ $hint == chmod\ ??rwx\ "'$1'" || $hint == chmod\ ???rwx\ "'$1'" ]]
    sh -c "$hint"
    one -- sh -c 'echo x >/run/kelp/cache/one/file'
}

@test "a cache that a run has closed is an error that says how to open it" {
    one -- chmod 0 /run/kelp/cache/one
    refused "cannot open 'one': Permission denied"
    opens "$caches/one"
    for mode in 400 500 600; do
        one -- chmod "$mode" /run/kelp/cache/one
        refused "'one' is closed to you, its mode is $mode"
        opens "$caches/one"
    done
    # the directories above it are the same, and what others may do there has a hint to type, too
    chmod 600 "$caches"
    refused "'caches' is closed to you, its mode is 600"
    opens "$caches"
    chmod 500 "$HOME/.cache/kelp"
    refused "'kelp' is closed to you, its mode is 500"
    opens "$HOME/.cache/kelp"
    chmod 770 "$caches/one"
    refused "'one' is open to others, its mode is 770"
    opens "$caches/one"
}

@test "a symlink is not followed, whoever has put it there" {
    mkdir -p "$HOME/.ssh" "$caches"
    chmod -R go-rwx "$HOME/.cache"
    ln -s ../../../.ssh "$caches/one"
    refused "cannot open 'one': "
    rm "$caches/one"
    touch "$caches/one"
    refused "cannot open 'one': Not a directory"
    rm -r "$caches"
    ln -s ../../.ssh "$HOME/.cache/kelp/caches"
    refused "cannot open 'caches': "
    [ -z "$(ls -A "$HOME/.ssh")" ]
    # the negative control
    rm "$HOME/.cache/kelp/caches"
    one -- touch ran
    [ -e ran ]
}

@test "what cannot be made is an error, and nothing runs" {
    chmod 500 "$HOME/.cache"
    refused "cannot make 'kelp': Permission denied"
    chmod 700 "$HOME/.cache"
    rmdir "$HOME/.cache"
    touch "$HOME/.cache"
    refused "cannot open '$HOME/.cache': Not a directory"
}

@test "a repository in a cache is the sandbox's own: nothing in it is protected or reported" {
    run -0 --separate-stderr one -- sh -c 'cd /run/kelp/cache/one && mkdir -p r/.git/hooks && echo x >r/.git/hooks/pre-commit'
    [ -z "$stderr" ]
    run -0 --separate-stderr one -- sh -c 'echo y >/run/kelp/cache/one/r/.git/hooks/pre-commit'
    [ -z "$stderr" ]
}

@test "standing in the cache directory opens no cache" {
    one -- sh -c 'echo mine >/run/kelp/cache/one/file'
    cd "$HOME/.cache"
    run "$KELP" run -- sh -c 'touch here; cat kelp/caches/one/file; echo x >kelp/caches/one/file'
    [ -e here ]
    [ "$(cat "$caches/one/file")" = mine ]
    [[ $output != *mine* ]]
    for place in "$HOME/.cache/kelp" "$caches" "$caches/one"; do
        cd "$place"
        run "$KELP" run -- sh -c "echo x >'$caches/one/file'; cat '$caches/one/file'"
        echo "$output"
        [[ $output != *mine* ]]
        [ "$(cat "$caches/one/file")" = mine ]
    done
}
