#!/usr/bin/env bats
# What one run leaves in the work directory must not steer the next one: symlinks, swaps, odd kinds of
# files, at every name that the launcher looks at.

# shellcheck disable=SC2016 # what is quoted is for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/attack

setup() {
    dir=$BATS_TEST_TMPDIR
    export HOME=$dir/home
    mkdir -p "$HOME/.ssh" "$dir/ws"
    umask 022
    echo CANARY >"$HOME/.ssh/id"
    echo CANARY >"$HOME/rc"
    tree_hash "$HOME" >"$dir/before"
    cd "$dir/ws" || return 1
}

teardown() {
    tree_hash "$HOME" | diff "$dir/before" -
}

# Runs a look at everything; it must be quick, and the canary must be neither seen nor changed.  A
# refusal says why.
look_around() {
    run timeout -k 1 20 "$KELP" run -- sh -c '
        find . -maxdepth 4 2>/dev/null | while read -r f; do
            [ -f "$f" ] && head -c 100000 "$f" | tr -d "\000"; echo evil >>"$f"; ls -A "$f/"; done 2>/dev/null
        cat /proc/self/mountinfo; echo payload-ran'
    if [ "$status" = 125 ]; then
        [[ $output == kelp:* ]]
    else
        [ "$status" = 0 ]
        [[ $output == *payload-ran* ]]
    fi
    # no file of the home, by content or by name
    [[ $output != *CANARY* ]] || {
        echo "$output" | grep -v '^[0-9]* [0-9]* [0-9]*:'
        false
    }
    run -1 grep -E '^(id|rc)$' <<<"$output"
}

@test "protected names that are symlinks to the home" {
    mkdir -p .git .vscode
    ln -s "$HOME/.ssh" .git/hooks
    ln -s "$HOME/rc" .git/config
    ln -s "$HOME/rc" .bashrc
    ln -s "$HOME/rc" .envrc
    ln -s "$HOME/.ssh" .idea
    ln -s "$HOME/rc" .vscode/tasks.json
    look_around
}

@test "a volume on a symlink to the root, or to the directory it lies in" {
    local target
    mkdir sub
    for target in / . ..; do
        rm -f m
        ln -s "$target" m
        run timeout -k 1 20 "$KELP" run -v "$HOME:$PWD/m" -- sh -c '
            for d in /.. . m ..; do chmod 666 $d/.ssh/id; cat $d/.ssh/id; done'
        [ "$status" = 125 ]
        [[ $output == "kelp: "*"/m'"* ]]
        [[ $output != *CANARY* ]]
        [ "$(stat -c %a "$HOME/.ssh/id")" = 644 ]
        run timeout -k 1 20 "$KELP" run --tmpfs "$PWD/m" -- ls .
        [ "$target" != / ] || [ "$status" = 125 ]
    done
    rm m
    mkdir m
    run -0 --separate-stderr "$KELP" run -v "$HOME:$PWD/m" -- sh -c 'ls m; cat m/.ssh/id 2>/dev/null; true'
    [ "$output" = rc ]
}

@test "parents of protected names that are symlinks to the home" {
    mkdir -p "$HOME/.ssh/hooks"
    echo CANARY >"$HOME/.ssh/hooks/pre-commit"
    echo CANARY >"$HOME/.ssh/config"
    tree_hash "$HOME" >"$dir/before"
    ln -s "$HOME/.ssh" .git
    ln -s ../home/.ssh .vscode
    ln -s "$HOME/.ssh" .claude
    look_around
}

@test "chains and loops of symlinks at protected names" {
    ln -s .git .git
    ln -s b a
    ln -s a b
    ln -s a .bashrc
    ln -s "$HOME" c
    ln -s c/.ssh .husky
    ln -s "../ws/../ws/c/rc" .envrc
    look_around
}

@test "a .git file that names the home as its git directory" {
    printf 'ref: refs/heads/main\n' >"$HOME/.ssh/HEAD"
    mkdir -p "$HOME/.ssh/hooks" "$HOME/.ssh/objects" "$HOME/.ssh/refs"
    echo CANARY >"$HOME/.ssh/config"
    tree_hash "$HOME" >"$dir/before"
    echo "gitdir: $HOME/.ssh" >.git
    look_around
}

@test "a .git file that names what is no git directory, is long, or is not text" {
    local text
    for text in "gitdir: /" "gitdir: /proc/self/fd" "gitdir: ../../../../../../.." "gitdir: $HOME" \
        "gitdir: " "gitdir: $(printf 'a%.0s' {1..9000})" "nonsense" $'gitdir: x\ny' \
        $'gitdir: \e]0;x\a'; do
        printf '%s\n' "$text" >.git
        look_around
        run -1 grep -q $'[\x01-\x08\x0b-\x1f\x7f]' <<<"$output"
        rm -f .git
    done
    head -c 100000 /dev/urandom >.git
    look_around
    rm -f .git
    truncate -s 10G .git
    look_around
}

@test "a commondir of a worktree that leads to the home" {
    mkdir -p gitdir
    echo "gitdir: $PWD/gitdir" >.git
    echo "$HOME/.ssh" >gitdir/commondir
    echo 'ref: refs/heads/main' >gitdir/HEAD
    look_around
    echo ../../home/.ssh >gitdir/commondir
    look_around
}

@test "fifos, sockets and directories where files are looked for, and the other way" {
    mkdir -p .git .bashrc .envrc/x
    mkfifo .git/hooks .git/config .profile .idea
    mkdir .npmrc
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(".mcp.json")'
    look_around
    rm -rf .git
    mkfifo .git
    look_around
}

@test "names without permission" {
    mkdir -p .git/hooks locked
    echo x >.git/config
    chmod 000 .git/config .git/hooks locked
    look_around
    chmod 000 .git
    look_around
    chmod -R u+rwX .
}

@test "a racer that swaps a directory for a symlink to the home finds no moment" {
    mkdir -p .git/hooks
    ln -s "$HOME/.ssh" other
    racer_start .git other
    racer_gains_nothing 60 sh -c 'cat .git/id .git/hooks/id other/id; echo evil >.git/hooks/new; echo evil >.git/evil; echo ran'
}

@test "a source of -v that is swapped is the one that was judged" {
    local i bad=0 shown=0
    mkdir -p share/sub
    echo plain >share/sub/id
    mkdir -p "$dir/ws2"
    ln -s "$HOME/.ssh" other
    racer_start "$PWD/share" "$PWD/other"
    cd "$dir/ws2"
    for ((i = 0; i < 50; i++)); do
        # the launcher may see either, or refuse; it must not show a mixture or hang
        out=$(timeout 10 "$KELP" run -v "$dir/ws/share/sub:/tmp/x:ro" -- cat /tmp/x/id 2>&1) || {
            [ $? = 125 ] || bad=$((bad + 1))
            continue
        }
        shown=$((shown + 1))
        [ "$out" = plain ] || bad=$((bad + 1))
    done
    racer_stop
    echo "$shown shown"
    [ "$bad" = 0 ]
    [ "$shown" -gt 0 ]
}
