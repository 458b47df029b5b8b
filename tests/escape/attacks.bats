#!/usr/bin/env bats
# Attacks that once worked: each is a case of its own.

# shellcheck disable=SC2016 # what is quoted is for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/attack

setup() {
    enter_workspace
}

# The payload must have had its chance; then git on the host must not run what it left, or kelp must
# have said what it left.
git_is_safe() {
    assert_ran || return 1
    git status >/dev/null 2>&1 || true
    [ ! -e "$dir/pwned" ] || {
        [[ $output == *"$1"* ]] || {
            echo "git ran the payload's program, and kelp said nothing of $1: $output"
            return 1
        }
    }
}

@test "a new .git/commondir that leads git to another configuration" {
    repository .
    run "$KELP" run -- sh -c '
        mkdir .git/evil; cp -r .git/objects .git/refs .git/HEAD .git/config .git/evil/
        printf "[core]\n\tfsmonitor = touch $0; false\n" >>.git/evil/config
        echo evil >.git/commondir; echo payload-ran' "$dir/pwned"
    git_is_safe commondir
}

@test "a .git file in a directory that was no repository" {
    run "$KELP" run -- sh -c '
        git init -q --separate-git-dir=.cache .
        printf "[core]\n\tfsmonitor = touch $0; false\n" >>.cache/config; echo payload-ran' "$dir/pwned"
    git_is_safe .git
}

@test "a bare repository in a directory that was none" {
    run "$KELP" run -- sh -c '
        git init -q --bare .
        printf "[core]\n\tbare = false\n\tworktree = .\n\tfsmonitor = touch $0; false\n" >>config
        echo payload-ran' "$dir/pwned"
    git_is_safe HEAD
}

@test "a git directory in the share that a .git file names" {
    git init -q --separate-git-dir=.bare .
    git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x
    run "$KELP" run -- sh -c '
        printf "[core]\n\tfsmonitor = touch $0; false\n" >>.bare/config
        echo "touch $0" >.bare/hooks/pre-commit; mv .bare b; echo payload-ran' "$dir/pwned"
    git_is_safe 'what cannot be said'
    run -1 grep -q fsmonitor .bare/config
}

@test "a directory that is kept open has no .. inside" {
    mkdir sub
    echo CANARY >"$HOME/key"
    chmod 600 "$HOME/key"
    run bash -c '"$KELP" run --keep-fd 9 -- python3 -c "
import os
for path in (\"../../home/key\", \"../../../../../../../../..$HOME/key\"):
    for what in (lambda: os.stat(path, dir_fd=9), lambda: os.chmod(path, 0o666, dir_fd=9),
                 lambda: open(os.open(path, os.O_RDONLY, dir_fd=9)).read()):
        try:
            print(\"GOT\", what())
        except OSError as e:
            print(e.strerror)
" 9<sub'
    [[ $output != *GOT* ]] || { echo "$output"; false; }
    [ "$(stat -c %a "$HOME/key")" = 600 ]
}

@test "a file on standard input is read, and not changed" {
    echo mine >"$HOME/file"
    chmod 400 "$HOME/file"
    touch -d 2020-01-01 "$HOME/file"
    run sh -c '"$KELP" run -- sh -c "cat; chmod 666 /proc/self/fd/0; touch -d 2001-01-01 /proc/self/fd/0
        echo over >/proc/self/fd/0; true" <"$HOME/file" 2>/dev/null'
    [ "${lines[0]}" = mine ]
    [ "$(stat -c '%a %Y' "$HOME/file")" = "400 $(date -d 2020-01-01 +%s)" ]
    [ "$(cat "$HOME/file")" = mine ]
}

@test "the account's own home is covered whatever HOME says" {
    local account name=.kelp-test-canary-$$
    account=$(getent passwd "$(id -un)" | cut -d: -f6)
    [ -w "$account" ]
    echo CANARY >"$account/$name"
    run env HOME="$dir/home" "$KELP" run -- cat "$account/$name"
    first=$output
    run env HOME=/nonexistent "$KELP" run -- cat "$account/$name"
    rm -f "$account/$name"
    [[ $first$output != *CANARY* ]]
}

@test "an image's symlink makes nothing in a shared directory" {
    make_rootfs "$dir/rootfs"
    rm -r "$dir/rootfs/etc"
    ln -s /data "$dir/rootfs/etc"
    ln -s /data "$dir/rootfs/x"
    mkdir "$dir/vol"
    ln -s /nowhere "$dir/vol/resolv.conf"
    tree_hash "$dir/vol" >"$dir/before"
    run -0 "$KELP" run --network none -v "$dir/vol:/data" "$dir/rootfs" true
    tree_hash "$dir/vol" | diff "$dir/before" -
    run -125 "$KELP" run --network none -v "$dir/vol:/data" -v "$dir/home:/x/new" --tmpfs /x/tt "$dir/rootfs" true
    [[ $output == *"nothing is made in what is shared"* ]]
    tree_hash "$dir/vol" | diff "$dir/before" -
}

@test "the current directory is the one that was stood in, whoever swaps its name" {
    mkdir -p "$HOME/.ssh" "$dir/p/ws"
    echo CANARY >"$HOME/.ssh/id"
    ln -s "$HOME/.ssh" "$dir/p/link"
    racer_start "$dir/p/ws" "$dir/p/link"
    cd "$dir/p/ws" 2>/dev/null || cd "$dir/p/link"
    racer_gains_nothing 80 sh -c 'echo ran; cat "$0" ./id' "$HOME/.ssh/id"
}

@test "a socket and a fifo with a protected name are covered too" {
    plant "$dir/place"
    cd "$dir/place/ws"
    rm -rf .npmrc .envrc
    mv socket .npmrc
    mv fifo .envrc
    cp "$PROBE" probe
    run ./probe path-sockets socket=.npmrc
    [ "$status" = 1 ] # from outside it can be reached
    run "$KELP" run -- ./probe all socket=.npmrc fifo=.envrc
    listener_stop
    [[ $output == *"path-sockets: .npmrc"* ]]
    run -1 grep -E '^open (path-sockets|fifos)' <<<"$output"
}

@test "a protected file that was replaced and changed during the run is told" {
    repository .
    "$KELP" run -- sh -c 'touch started; while [ ! -e go ]; do sleep 0.05; done
        printf "[core]\n\tfsmonitor = false\n" >>.git/config' >"$dir/said" 2>&1 3>&- &
    wait_for test -e started
    git config user.foo bar
    touch go
    wait $!
    if grep -q fsmonitor .git/config; then
        grep -q '\.git/config' "$dir/said"
    fi
}

@test "a name of the share that leads into the home is not a quiet way there" {
    mkdir -p "$HOME/.ssh" "$dir/share/sub"
    echo CANARY >"$HOME/.ssh/id"
    cd "$dir/share"
    run -0 "$KELP" run -- sh -c 'rmdir sub; ln -s "$0" sub' "$HOME/.ssh"
    run "$KELP" run -v ./sub:/tmp/data -- cat /tmp/data/id
    [ "$status" = 125 ] || [[ $output == kelp:*"$HOME/.ssh"* ]] || [[ $output != *CANARY* ]]
}

# What a run leaves for the next one to trip over, in a directory that both share.

@test "a socket in a directory that its owner closed is not reached by opening it" {
    mkdir d
    python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.bind("d/s"); s.listen(); s.accept(); s.accept()' &
    local server=$!
    until [ -S d/s ]; do sleep 0.05; done
    connect='import socket; socket.socket(socket.AF_UNIX).connect("e/s"); print("reached")'
    run -0 "$KELP" run -- sh -c 'mv d e; chmod 311 e'
    run "$KELP" run -- sh -c "chmod 755 e; ls e; python3 -c '$connect'"
    [[ $output != *reached* ]]
    chmod 755 e
    run -0 python3 -c "$connect" # control
    kill $server
}

@test "a notice arrives although the payload spoilt the stream" {
    run -0 bash -c '"$KELP" run -- python3 -c "
import os, fcntl
fcntl.fcntl(2, fcntl.F_SETFL, fcntl.fcntl(2, fcntl.F_GETFL) | os.O_NONBLOCK)
try:
    while True: os.write(2, b\"x\" * 4096)
except BlockingIOError: pass
open(\".envrc\", \"w\").close()" 2>&1 | (sleep 1; tail -c 300)'
    [[ $output == *"made '"*".envrc'"* ]]
    rm .envrc
    run -0 bash -c '"$KELP" run -- python3 -c "
import os
os.lseek(2, (1 << 43), 0)
open(\".envrc\", \"w\").close()" 2>err; tail -c 300 err | tr -d "\0"'
    [[ $output == *"made '"*".envrc'"* ]]
}

@test "a hook that is a symlink to a file of the project keeps that file" {
    git init -q .
    mkdir -p scripts .git/hooks
    echo 'exit 0' >scripts/pc
    ln -s ../../scripts/pc .git/hooks/pre-commit
    run "$KELP" run -- sh -c 'echo evil >.git/hooks/pre-commit; echo evil >scripts/pc; rm -f scripts/pc
        mv scripts s; echo payload-ran'
    [[ $output == *payload-ran* ]]
    [ "$(cat scripts/pc)" = 'exit 0' ]
    rm .git/hooks/pre-commit # control
    run -0 "$KELP" run -- sh -c 'echo evil >scripts/pc'
    [ "$(cat scripts/pc)" = evil ]
}

@test "a symlink in the place of a directory with a protected name is told" {
    mkdir ../elsewhere
    run -0 "$KELP" run -- sh -c 'ln -s ../elsewhere .vscode; mkdir .claude; echo payload-ran'
    [[ $output == *"made '"*"/.vscode'"* ]]
    [[ $output != *"/.claude'"* ]]
}

@test "the link of a submodule to its git directory stays" {
    git init -q ../lib
    git -C ../lib -c user.name=a -c user.email=a@b commit -q --allow-empty -m x
    git init -q .
    git -c protocol.file.allow=always submodule add -q "$PWD/../lib" sub
    cp sub/.git ../before
    run "$KELP" run -- sh -c 'cp -r .git/modules/sub sub/ev; echo "gitdir: ev" >sub/.git; rm -f sub/.git
        mv sub s; echo payload-ran'
    [[ $output == *payload-ran* ]]
    cmp sub/.git ../before
}
