#!/usr/bin/env bats
# Git repositories in subdirectories, and what a configuration names: git runs their hooks later.

# shellcheck disable=SC2016,SC2088 # what is quoted is for the shell inside, or for git

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/attack

setup() {
    enter_workspace
}

@test "a repository further down: hooks and config stay, and nothing above them moves" {
    repository a/b
    echo 'exit 0' >a/b/.git/hooks/pre-commit
    cp -r a/b/.git "$dir/before"
    run "$KELP" run -- sh -c '
        echo evil >>a/b/.git/hooks/pre-commit; echo evil >a/b/.git/hooks/post-checkout
        rm -f a/b/.git/hooks/pre-commit; mv a/b/.git/hooks a/b/.git/h; echo evil >>a/b/.git/config
        rm -f a/b/.git/config; mv a/b/.git a/b/g; mv a/b a/c; mv a c; rm -rf a
        git -C a/b config core.fsmonitor evil; echo payload-ran'
    assert_ran
    diff -r a/b/.git/hooks "$dir/before/hooks"
    cmp a/b/.git/config "$dir/before/config"
    [ ! -e c ] && [ ! -e a/c ] && [ ! -e a/b/g ]
}

@test "control: the same is possible where there is no repository" {
    mkdir -p a/b/git/hooks
    echo 'exit 0' >a/b/git/hooks/pre-commit
    run -0 "$KELP" run -- sh -c 'echo evil >>a/b/git/hooks/pre-commit; echo x >a/b/git/config; mv a c'
    [ "$(cat c/b/git/hooks/pre-commit)" = $'exit 0\nevil' ]
    [ -e c/b/git/config ]
}

@test "a repository further down: an ordinary commit works inside" {
    repository a/b
    run -0 "$KELP" run -- sh -c 'cd a/b && echo x >file && git add file &&
        git -c user.name=a -c user.email=a@b commit -q -m y && git log --oneline | wc -l'
    [[ $output == *2* ]]
}

@test "a repository further down: what is new and takes effect is told" {
    repository a/b
    rm -rf a/b/.git/hooks
    run -0 "$KELP" run -- sh -c 'mkdir a/b/.git/hooks; echo evil >a/b/.git/hooks/x
        echo . >a/b/.git/commondir; echo plain >a/b/plain'
    [[ $output == *"made '$dir/ws/a/b/.git/hooks'"* ]]
    [[ $output == *"made '$dir/ws/a/b/.git/commondir'"* ]]
    [[ $output != *plain* ]]
}

@test "a worktree further down: its link, and the hooks of what it names" {
    repository main
    mkdir x
    git -C main worktree add -q "$dir/ws/x/tree"
    cp x/tree/.git "$dir/link"
    run "$KELP" run -- sh -c 'echo "gitdir: /tmp/evil" >x/tree/.git; rm -f x/tree/.git; mv x y
        echo evil >main/.git/hooks/pre-commit; echo evil >main/.git/worktrees/tree/commondir
        echo payload-ran'
    assert_ran
    cmp x/tree/.git "$dir/link"
    [ ! -e y ] && [ ! -e main/.git/hooks/pre-commit ]
    [ "$(cat main/.git/worktrees/tree/commondir)" = ../.. ]
}

@test "a .git file further down that names nothing yet: who makes it is told" {
    mkdir a
    echo 'gitdir: ../gone' >a/.git
    run -0 "$KELP" run -- sh -c 'git init -q --bare gone; echo payload-ran'
    assert_ran
    [[ $output == *"'$dir/ws/gone/"* ]] || [[ $output == *"'$dir/ws/gone'"* ]]
}

@test "a submodule of a repository further down" {
    repository "$dir/lib"
    repository a/b
    git -C a/b -c protocol.file.allow=always submodule add -q "$dir/lib" lib
    run "$KELP" run -- sh -c 'mkdir -p a/b/.git/modules/lib/hooks
        echo evil >a/b/.git/modules/lib/hooks/pre-commit; echo evil >>a/b/.git/modules/lib/config
        echo payload-ran'
    assert_ran
    run -1 grep -q evil a/b/.git/modules/lib/config
    [ ! -e a/b/.git/modules/lib/hooks/pre-commit ] || [[ $output == *hooks* ]]
}

@test "a .git further down that is a symlink is not replaced" {
    repository real
    mkdir a
    ln -s ../real/.git a/.git
    run "$KELP" run -- sh -c 'rm -f a/.git; mkdir -p a/.git/hooks; echo evil >real/.git/hooks/x; echo payload-ran'
    assert_ran
    [ "$(readlink a/.git)" = ../real/.git ]
    [ ! -e real/.git/hooks/x ]
}

@test "a .git further down that is closed stays closed" {
    repository a/b
    chmod 0 a/b/.git
    run "$KELP" run -- sh -c 'chmod 700 a/b/.git; echo evil >a/b/.git/hooks/x; echo payload-ran'
    chmod 700 a/b/.git
    assert_ran
    [ ! -e a/b/.git/hooks/x ]
}

@test "repositories in what is hidden, read-only or shared by itself are no error" {
    repository a/hidden
    repository a/shown
    repository "$dir/other"
    repository a/own
    mkdir -p a/mnt/.git
    run -0 "$KELP" run --hide "$dir/ws/a/hidden" --readable "$dir/ws/a/shown" -v "$dir/other:$dir/ws/a/mnt" \
        --writable "$dir/ws/a/own" -- sh -c '
        ls -A a/hidden/.git; echo evil >a/own/.git/hooks/x; echo evil >a/mnt/.git/hooks/x; echo payload-ran'
    assert_ran
    [ ! -e a/own/.git/hooks/x ] && [ ! -e "$dir/other/.git/hooks/x" ]
}

@test "a share inside a repository further down is mounted on it, not under it" {
    repository a
    mkdir -p a/data "$dir/data"
    run -0 "$KELP" run -v "$dir/data:$dir/ws/a/data" -- sh -c 'echo x >a/data/file; echo evil >a/.git/hooks/x
        echo payload-ran'
    assert_ran
    [ -e "$dir/data/file" ] && [ ! -e a/.git/hooks/x ]
}

@test "of 250 repositories 200 are protected, and the rest is told" {
    local i evil
    for ((i = 0; i < 250; i++)); do
        mkdir -p "r$i/.git/hooks"
        echo '[core]' >"r$i/.git/config"
    done
    run -0 "$KELP" run -- sh -c 'for i in r*; do echo evil >$i/.git/hooks/x; done 2>/dev/null; echo payload-ran'
    assert_ran
    [ "$(grep -c '50 more git repositories' <<<"$output")" = 1 ]
    evil=$(find . -name x | wc -l)
    [ "$evil" = 50 ]
    rm -rf r2?? r1[5-9]?
    run -0 "$KELP" run -- true
    [[ $output != *repositories* ]]
}

@test "a repository inside of a repository is not in the way, and what changes in it is told" {
    repository .
    repository deps/a
    repository deps/b
    echo 'exit 0' >deps/a/.git/hooks/pre-commit
    run -0 "$KELP" run -- sh -c 'rm -rf deps/b && mv deps/a deps/c && mv deps/c deps/a
        echo evil >deps/a/.git/hooks/pre-commit; echo evil >deps/a/.git/hooks/post-merge; echo payload-ran'
    assert_ran
    [ ! -e deps/b ]
    [[ $output == *"'$dir/ws/deps/a/.git/hooks/pre-commit' takes effect"* ]]
    [[ $output == *"'$dir/ws/deps/a/.git/hooks' takes effect"* ]]
    run -0 "$KELP" run -- true # control
    [[ $output != *deps* ]]
}

@test "core.hooksPath: the directory is like hooks" {
    repository .
    mkdir githooks
    echo 'exit 0' >githooks/pre-commit
    git config core.hooksPath githooks
    run "$KELP" run -- sh -c 'echo evil >>githooks/pre-commit; echo evil >githooks/post-merge
        mv githooks g; rm -rf githooks; echo payload-ran'
    assert_ran
    [ "$(cat githooks/pre-commit)" = 'exit 0' ]
    [ ! -e githooks/post-merge ] && [ ! -e g ]
    git config --unset core.hooksPath # control
    run -0 "$KELP" run -- sh -c 'echo evil >>githooks/pre-commit; mv githooks g'
    [ -e g/pre-commit ]
}

@test "core.hooksPath: absolute, behind a symlink, through .., or not there yet" {
    repository .
    repository sub
    mkdir -p h1 h2 h3 d/e
    ln -s h2 link
    git config core.hooksPath "$PWD/h1"
    git config --add core.hooksPath link/
    git config --add core.hooksPath ./d/../h3
    git -C sub config core.hooksPath later
    run "$KELP" run -- sh -c 'for i in h1 h2 h3; do echo evil >$i/x; done; rm -f link; mkdir -p link
        mkdir sub/later; echo payload-ran'
    assert_ran
    [ ! -e h1/x ] && [ ! -e h2/x ] && [ ! -e h3/x ] && [ -L link ]
    [[ $output == *"made '$dir/ws/sub/later'"* ]]
}

@test "core.hooksPath of a worktree counts from the worktree" {
    repository main
    git -C main worktree add -q "$dir/ws/tree"
    mkdir tree/h main/h
    git -C main config core.hooksPath h
    run "$KELP" run -- sh -c 'echo evil >tree/h/x; echo evil >main/h/x; echo payload-ran'
    assert_ran
    [ ! -e tree/h/x ] && [ ! -e main/h/x ]
}

@test "include.path: the file stays, and what it names in turn" {
    repository .
    mkdir cfg deep
    printf '[core]\n\tfoo = a\n[include]\n\tpath = more\n' >cfg/one
    printf '[core]\n\thooksPath = deep\n' >cfg/more
    printf '[user]\n\tname = x\n' >two
    git config include.path ../cfg/one
    git config includeIf.onbranch:main.path ../two
    cp -r . "$dir/before"
    run "$KELP" run -- sh -c 'for i in cfg/one cfg/more two deep/x; do echo evil >>$i; done
        mv cfg c; mv two t; echo payload-ran'
    assert_ran
    diff -r cfg "$dir/before/cfg"
    cmp two "$dir/before/two"
    [ ! -e deep/x ]
}

@test "a configuration that names the outside, itself, or nonsense changes nothing there" {
    local value
    echo '# mine' >"$HOME/rc"
    tree_hash "$HOME" >"$dir/home.before"
    repository .
    for value in / . .. ../../home /proc/self/fd /dev/zero /dev/tty "$HOME/rc" config ../.git/config '~' '~/rc' \
        '~nobody/x' '%(prefix)/x' "$(printf 'a/%.0s' {1..3000})" 'x\n' ../fifo; do
        printf '[core]\n\tbare = false\n\thooksPath = %s\n[include]\n\tpath = %s\n' "$value" "$value" >.git/config
        [ -e fifo ] || mkfifo fifo
        run timeout -k 1 20 "$KELP" run -- sh -c 'echo evil >>.git/config; cat /proc/self/mountinfo; echo payload-ran'
        assert_ran
        [ "$status" = 0 ]
        run -1 grep -q evil .git/config
        rm -f fifo
    done
    tree_hash "$HOME" | diff "$dir/home.before" -
}

@test "a configuration without end is refused in one line, or read in no time" {
    repository .
    truncate -s 10G .git/config
    run timeout -k 1 20 "$KELP" run -- echo payload-ran
    [ "$status" = 125 ]
    [[ $output == kelp:*"git configuration is larger"* ]]
    for i in $(seq 3000); do printf '[include]\npath = f%d\n' "$i"; done >.git/config
    run timeout -k 1 20 "$KELP" run -- echo payload-ran
    [ "$status" = 125 ]
    [[ $output == kelp:*"names more than"* ]]
}
