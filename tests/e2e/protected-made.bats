#!/usr/bin/env bats
# A run that made a file which somebody outside will run or obey says so at its end.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    mkdir -p "$BATS_TEST_TMPDIR/ws" "$BATS_TEST_TMPDIR/home/own"
    cd "$BATS_TEST_TMPDIR/ws"
    export HOME=$BATS_TEST_TMPDIR/home
}

# made NAME SCRIPT: the run says of NAME, once, that it was made; a second one that leaves it is quiet.
made() {
    run -0 --separate-stderr "$KELP" run -- sh -c "$2"
    [ "$(grep -cF "kelp: the sandbox made '$PWD/$1', which takes effect outside of it" <<<"$stderr")" = 1 ]
    [ "$(grep -c '^kelp: ' <<<"$stderr")" = 1 ]
    run -0 --separate-stderr "$KELP" run -- true
    [ -z "$stderr" ]
}

@test "each kind of name that runs outside is told when it comes to be there" {
    made .envrc 'echo true >.envrc'
    made .bashrc 'echo true >.bashrc'
    made .husky 'mkdir .husky; echo true >.husky/pre-commit'
    made .idea 'mkdir .idea'
    made .vscode/tasks.json 'mkdir .vscode; echo "{}" >.vscode/tasks.json'
    made .npmrc 'ln -s /tmp/x .npmrc'
    made .gitmodules 'echo x >other; mv other .gitmodules'
}

@test "a repository that is made inside is told, with its hooks" {
    made .git 'git init -q . && echo true >.git/hooks/pre-commit && chmod +x .git/hooks/pre-commit'
}

@test "a hook in a repository that is there cannot be made, and one that was let is told" {
    git init -q .
    run ! --separate-stderr "$KELP" run -- sh -c 'echo true >.git/hooks/pre-commit'
    [[ $stderr != *"the sandbox made"* ]]
    run -0 --separate-stderr "$KELP" run --writable .git/config -- sh -c 'echo "[core]" >>.git/config'
    [[ $stderr == *"'$PWD/.git/config' takes effect outside of the sandbox and was changed during the run"* ]]
}

# commits N: that many in the repository here, and a name for those who commit.
commits() {
    local i
    git config user.name a
    git config user.email a@b
    for ((i = 0; i < $1; i++)); do
        echo "$i" >"f$i"
        git add "f$i"
        git commit -q -m "c$i"
    done
}

# changed NAME SCRIPT: the run says of NAME alone, once, that it was changed; a second one is quiet.
changed() {
    run -0 --separate-stderr "$KELP" run -- sh -c "$2"
    [ "$(grep -c '^kelp: ' <<<"$stderr")" = 1 ]
    [[ $stderr == *"kelp: '$PWD/$1' takes effect outside of the sandbox and was changed during the run"* ]]
    run -0 --separate-stderr "$KELP" run -- true
    [ -z "$stderr" ]
}

@test "what git goes on with is told when it was changed, in any way" {
    git init -q .
    commits 3
    GIT_SEQUENCE_EDITOR='sed -i 1s/pick/edit/' git rebase -q -i HEAD~2
    changed .git/rebase-merge 'echo "exec false" >>.git/rebase-merge/git-rebase-todo'
    changed .git/rebase-merge 'cd .git/rebase-merge; echo x >new; mv new git-rebase-todo'
    changed .git/rebase-merge 'cp -r .git/rebase-merge x; rm -r .git/rebase-merge; mv x .git/rebase-merge'
    echo "exec touch ran" >.git/rebase-merge/git-rebase-todo
    run -0 --separate-stderr "$KELP" run -- sh -c 'git status; cat .git/rebase-merge/git-rebase-todo; touch .git/x'
    [ -z "$stderr" ]
    # and it goes on inside
    run -0 --separate-stderr "$KELP" run -- git rebase --continue
    [[ $stderr != *kelp* ]]
    [ -e ran ]
    [ ! -e .git/rebase-merge ]
}

@test "what git goes on with is told when it comes to be there, in every git directory" {
    git init -q .
    commits 1
    git worktree add -q wt -b wt
    mkdir .git/modules
    git init -q --separate-git-dir "$PWD/.git/modules/m" sub
    git init -q --bare .git/modules/m/modules/n
    git init -q below/inner
    local at
    for at in .git .git/worktrees/wt .git/modules/m .git/modules/m/modules/n below/inner/.git; do
        made "$at/rebase-merge" "mkdir $at/rebase-merge; echo 'exec false' >$at/rebase-merge/git-rebase-todo"
        made "$at/rebase-apply" "mkdir $at/rebase-apply"
        made "$at/sequencer" "mkdir $at/sequencer"
        changed "$at/rebase-merge" "echo 'exec true' >>$at/rebase-merge/git-rebase-todo"
    done
}

@test "what git goes on with in a worktree is told where the worktree alone is the work directory" {
    git init -q main
    cd main
    commits 1
    git worktree add -q ../wt -b wt
    local git=$PWD/.git
    cd ../wt
    run -0 --separate-stderr "$KELP" run --writable "$git" -- sh -c 'mkdir "$1/worktrees/wt/sequencer"' - "$git"
    [[ $stderr == "kelp: the sandbox made '$git/worktrees/wt/sequencer', which"* ]]
    # what cannot be written is not told, whoever makes it
    run -0 --separate-stderr "$KELP" run --readable "$git" -- true
    [ -z "$stderr" ]
    run -0 "$KELP" run --dry-run --readable "$git" -- true
    [[ $output != *rebase-merge* ]]
}

@test "what is neither new nor changed, or runs nowhere, is not told" {
    echo true >.envrc
    run -0 --separate-stderr "$KELP" run -- sh -c 'cat .envrc; echo x >file; mkdir -p a/b; echo x >envrc'
    [ -z "$stderr" ]
    run -0 --separate-stderr "$KELP" run -- sh -c 'echo x >.envrc.new; rm .envrc.new'
    [ -z "$stderr" ]
}

@test "it is told when the command fails, and on a stream that the command has spoilt" {
    run -3 --separate-stderr "$KELP" run -- sh -c 'echo true >.envrc; exit 3'
    [[ $stderr == *"the sandbox made '$PWD/.envrc'"* ]]
    run -0 --separate-stderr "$KELP" run -- sh -c 'echo true >.bashrc; exec 2>&-'
    [[ $stderr == *"the sandbox made '$PWD/.bashrc'"* ]]
}

# A policy that protects $1, whose words the shell leaves as they are.
protects() {
    printf '[files]\nwritable = . ~/own\nprotected = %s\n' "$1" >"$BATS_TEST_TMPDIR/p.policy"
}

# stays RULE PLACE: what the rule protects at PLACE is the same after a run that tries all.
stays() {
    mkdir -p "$2/b"
    echo good >"$2/b/f"
    protects "$1"
    run --separate-stderr "$KELP" run --policy "$BATS_TEST_TMPDIR/p.policy" -- sh -c \
        'cd "$1" || exit; echo evil >b/f; mv b c; mkdir b; echo evil >b/f' - "$2"
    [[ $stderr == *"Device or resource busy"* ]]
    [ "$(cat "$2/b/f")" = good ]
}

@test "a path that is written in full is protected as a name is: nothing above it can be moved" {
    stays a/b/f "$PWD/a"
    stays ./a/b/f "$PWD/a"
    stays "$PWD/a/b/f" "$PWD/a"
    stays -~/own/a/b/f "$HOME/own/a"
}

@test "control: what is not protected is moved away" {
    mkdir -p a/b
    echo good >a/b/f
    protects ./a/c
    run -0 --separate-stderr "$KELP" run --policy "$BATS_TEST_TMPDIR/p.policy" -- sh -c \
        'mv a/b a/d; mkdir a/b; echo evil >a/b/f'
    [ "$(cat a/b/f)" = evil ]
}

@test "a symlink whose path is written in full stays, with what it leads to" {
    mkdir a
    echo good >a/f
    ln -s a/f link
    protects ./link
    run --separate-stderr "$KELP" run --policy "$BATS_TEST_TMPDIR/p.policy" -- sh -c \
        'echo evil >link; rm -f link; mv a b; echo evil >link'
    [ "$(readlink link) $(cat link a/f)" = $'a/f good\ngood' ]
}

@test "a path that is written in full, and one of a project's file, is told when it comes to be there" {
    protects "./new -$PWD/sub/deep ~/own/new"
    run -0 --separate-stderr "$KELP" run --policy "$BATS_TEST_TMPDIR/p.policy" -- sh -c \
        'echo x >new; mkdir sub; echo x >sub/deep; echo x >~/own/new; echo x >other'
    for path in "$PWD/new" "$PWD/sub/deep" "$HOME/own/new"; do
        [[ $stderr == *"the sandbox made '$path', which takes effect outside of it"* ]]
    done
    [ "$(grep -c '^kelp: ' <<<"$stderr")" = 3 ]
    printf '[files]\nprotected = ./late\n' >.kelp.policy
    run -0 --separate-stderr "$KELP" run -- sh -c 'echo x >late'
    [[ $stderr == *"the sandbox made '$PWD/late', which takes effect outside of it"* ]]
}

@test "what is protected in one place is in each that shows it" {
    mkdir -p a
    echo good >a/f
    protects ./a/f
    run ! --separate-stderr "$KELP" run --policy "$BATS_TEST_TMPDIR/p.policy" -v "$PWD:/tmp/again" -- sh -c \
        'mv /tmp/again/a /tmp/again/b || echo evil >/tmp/again/a/f'
    [[ $stderr == *"Device or resource busy"*"Read-only file system"* ]]
    [ "$(cat a/f)" = good ]
}

@test "what a project's file protects is protected where a volume of an image shows it" {
    mkdir -p a ../root/bin
    echo good >a/f
    cp "$(command -v busybox)" ../root/bin/busybox
    printf '[files]\nprotected = ./a/f ./late\n' >.kelp.policy
    run -0 --separate-stderr "$KELP" run --network none -v .:/w ../root /bin/busybox sh -c \
        'cd /w; busybox mv a b; echo evil >a/f; echo x >late; busybox mv late later; busybox mv later late'
    [[ $stderr == *"Device or resource busy"*"Read-only file system"* ]]
    [[ $stderr == *"the sandbox made '$PWD/late', which takes effect outside of it"* ]]
    [ "$(cat a/f)" = good ]
}

# An image whose busybox is its only file.
make_busybox_root() {
    mkdir -p ../root/bin
    cp "$(command -v busybox)" ../root/bin/busybox
}

# in_image SCRIPT OPTION...: under the policy of protects().
in_image() {
    local script=$1
    shift
    run --separate-stderr "$KELP" run --policy ../p.policy --network none "$@" ../root /bin/busybox sh -c \
        "alias mv='busybox mv'; $script"
}

@test "a path through a symlink is protected where its target is shared" {
    make_busybox_root
    mkdir -p real/w/a elsewhere
    echo good >real/w/a/f
    ln -s real sym
    ln -s "$PWD/real/w/a/f" elsewhere/link
    printf '[files]\nprotected = %s\n' "$PWD/sym/w/a/f" "$PWD/sym/w/late/f" >../p.policy
    for share in ./real/w "$PWD/sym/w"; do
        in_image 'cd /w; mv a b; echo evil >a/f; busybox mkdir late; echo x >late/f' -v "$share:/w"
        [[ $stderr == *"Device or resource busy"*"Read-only file system"* ]]
        [[ $stderr == *"the sandbox made '$PWD/real/w/late/f', which takes effect outside of it"* ]]
        [ "$(cat real/w/a/f)" = good ]
        rm -r real/w/late
    done
    # the symlink is the last of the path, and nothing that the sandbox shows
    printf '[files]\nprotected = %s\n' "$PWD/elsewhere/link" >../p.policy
    in_image 'cd /w; mv a b; echo evil >a/f' -v ./real/w:/w
    [[ $stderr == *"Device or resource busy"*"Read-only file system"* ]]
    [ "$(cat real/w/a/f)" = good ]
}

@test "what is shared of a protected path is read-only, as a directory and as a file" {
    make_busybox_root
    mkdir -p a/sub b
    echo good | tee a/f a/sub/f b/f >/dev/null
    ln -s a sym
    for path in "$PWD/a" "$PWD/sym"; do
        printf '[files]\nprotected = %s\n' "$path" >../p.policy
        in_image 'echo evil >/a/f; echo evil >/sub/f; echo evil >/f; echo x >/a/new; echo free >/b/f' \
            -v ./a:/a -v ./a/sub:/sub -v ./a/f:/f -v ./b:/b
        [ "$(grep -c 'Read-only file system' <<<"$stderr")" = 4 ]
        [ "$(cat a/f a/sub/f b/f)" = $'good\ngood\nfree' ]
        [ ! -e a/new ]
    done
    # in a view of this host, too, and the control
    run ! "$KELP" run --policy ../p.policy --writable a/sub -- sh -c 'echo evil >a/sub/f'
    [ "$(cat a/sub/f)" = good ]
    printf '[files]\nprotected = %s\n' "$PWD/ab" "$PWD/b" >../p.policy
    in_image 'echo evil >/a/f; echo evil >/f2' -v ./a:/a -v ./a/sub/f:/f2
    [ "$(cat a/f a/sub/f)" = $'evil\nevil' ]
}
