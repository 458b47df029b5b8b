#!/usr/bin/env bats
# A run that made a file which somebody outside will run or obey says so at its end.

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    mkdir -p "$BATS_TEST_TMPDIR/ws" "$BATS_TEST_TMPDIR/home"
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
