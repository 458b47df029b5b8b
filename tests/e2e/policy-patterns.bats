#!/usr/bin/env bats
# Patterns in policies: what matches when the run starts is hidden, shown or protected, all of it,
# or the run is refused.

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    work=$BATS_TEST_TMPDIR/work
    XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/config
    XDG_DATA_HOME=$BATS_TEST_TMPDIR/data
    export XDG_CONFIG_HOME XDG_DATA_HOME
    mkdir -p "$work/a/b/c" "$XDG_CONFIG_HOME" "$XDG_DATA_HOME"
    umask 022
    cd "$work"
    for file in .env a/.env a/b/c/.env a/key.pem other; do
        echo secret >"$file"
    done
}

policy() {
    printf "$@" >"$BATS_TEST_TMPDIR/p.policy"
    p=$BATS_TEST_TMPDIR/p.policy
}

@test "what matches is hidden at every depth, and through symlinks" {
    ln -s ../key.pem a/b/link
    ln -s b a/way
    policy '[files]\nhidden = **/.env a/*.pem\n'
    run -0 "$KELP" run -- cat .env a/.env a/b/c/.env a/key.pem a/b/link a/way/c/.env
    run "$KELP" run --policy "$p" -- cat .env a/.env a/b/c/.env a/key.pem a/b/link a/way/c/.env
    [[ $output != *secret* ]]
    [ "$(grep -c 'Permission denied' <<<"$output")" = 6 ]
    run -0 "$KELP" run --policy "$p" -- cat other
}

@test "what matches is hidden in a share of two names, one of them a symlink" {
    mkdir "$BATS_TEST_TMPDIR/free"
    ln -s "$work" "$BATS_TEST_TMPDIR/link"
    cd "$BATS_TEST_TMPDIR/free"
    both=(--readable "$BATS_TEST_TMPDIR/link" --readable "$work")
    policy '[files]\nhidden = **/.env\n'
    run -0 "$KELP" run --policy "$p" "${both[@]}" -- cat "$work/other" "$BATS_TEST_TMPDIR/link/other"
    run -1 "$KELP" run --policy "$p" "${both[@]}" -- cat "$work/a/.env" "$BATS_TEST_TMPDIR/link/a/.env"
    [ "$(grep -c 'Permission denied' <<<"$output")" = 2 ]
}

@test "what matches is hidden in every share, and in an image's volumes" {
    mkdir root root/v "$BATS_TEST_TMPDIR/free"
    policy '[files]\nhidden = **/.env\n'
    cd "$BATS_TEST_TMPDIR/free"
    run -1 "$KELP" run --policy "$p" -v "$work:/mnt/v:ro" -- cat /mnt/v/a/.env
    [[ $output == *"Permission denied"* ]]
    run -1 "$KELP" run --policy "$p" --readable "$work" -- cat "$work/a/.env"
    [[ $output == *"Permission denied"* ]]
    run -0 "$KELP" run --policy "$p" --dry-run -v "$work:/v" "$work/root" true
    [[ $output == *"empty    /v/a/b/c/.env"* ]]
}

@test "no directory above a match can be moved to where the next run would not look" {
    mkdir free
    policy '[files]\nhidden = ./*/*.pem ./a/**/.env\n'
    run ! "$KELP" run --policy "$p" -- mv a free/a
    [[ $output == *"Device or resource busy"* ]]
    run ! "$KELP" run --policy "$p" -- mv a/b/c free
    [ -e a/b/c/.env ]
    # the control: what is there, and without the pattern it moves
    run -0 "$KELP" run -- sh -c 'mv a free/a && cat free/a/key.pem'
    [ "$output" = secret ]
}

@test "a directory above a match of any depth can be moved, and what is in it stays hidden" {
    mkdir free
    policy '[files]\nhidden = **/.env\n'
    run -0 "$KELP" run --policy "$p" -- mv a free/a
    run ! "$KELP" run --policy "$p" -- cat free/a/.env
    [[ $output == *"Permission denied"* ]]
    # but not out of where the pattern looks
    policy "[files]\nhidden = $work/free/**/.env\n"
    run ! "$KELP" run --policy "$p" -- mv free/a a
    [ -e free/a/.env ]
    [ ! -e a/.env ]
}

@test "who shows one by its name afterwards sees it" {
    policy '[files]\nhidden = **/.env\nreadable = ./a/.env\n'
    run -0 "$KELP" run --policy "$p" -- cat a/.env
    policy '[files]\nreadable = ./a/.env\nhidden = **/.env\n'
    run -1 "$KELP" run --policy "$p" -- cat a/.env
    run -0 "$KELP" run --policy "$p" --readable a/.env -- cat a/.env
}

@test "patterns show and protect" {
    mkdir -p tools/x/bin tools/y/bin tools/z
    echo x | tee tools/{x,y}/bin/t a/Makefile Makefile
    mkdir "$BATS_TEST_TMPDIR/free" && cd "$BATS_TEST_TMPDIR/free"
    policy '[files]\nreadable = %s/tools/*/bin\nprotected = **/Makefile\n' "$work"
    run -0 "$KELP" run --policy "$p" -- cat "$work"/tools/{x,y}/bin/t
    run -1 "$KELP" run --policy "$p" -- cat "$work/other"
    cd "$work"
    run "$KELP" run --policy "$p" -- sh -c 'echo y >Makefile; echo y >a/Makefile; mv a a2; echo y >a/free && echo control'
    [[ $output == *control ]]
    [ "$(cat Makefile a/Makefile)" = $'x\nx' ]
}

@test "--dry-run says how many match" {
    policy '[files]\nhidden = **/.env -*.none\nprotected = **/other\n'
    run -0 "$KELP" run --policy "$p" --dry-run -- true
    [[ $output == *"     3  '**/.env'  ($p:2)"* ]]
    [[ $output == *"     0  '*.none'  ($p:2)"* ]]
    [[ $output == *"     1  '**/other'  ($p:3)"* ]]
}

@test "a pattern that matches nothing is an error unless it may" {
    policy '[files]\nhidden = **/.emv\n'
    run -125 "$KELP" run --policy "$p" -- true
    [[ $output == *"$p:2: nothing matches '**/.emv'"* ]]
    policy '[files]\nhidden = -**/.emv -~/no/such/*\n'
    run -0 "$KELP" run --policy "$p" -- true
}

@test "a bound that is reached is an error, never a part of the answer" {
    local deep=deep

    for _ in {1..101}; do deep+=/d; done
    mkdir -p "$deep"
    policy '[files]\nhidden = -**/.env\n'
    run -125 "$KELP" run --policy "$p" -- true
    [[ $output == *"more than 100 directories in each other"* ]]
    rm -r deep && mkdir many
    (cd many && seq 20001 | sed 's/$/.key/' | xargs touch)
    policy '[files]\nhidden = many/*.key\n'
    run -125 "$KELP" run --policy "$p" -- true
    [[ $output == *"more than 20000 matches"* ]]
}

@test "variables of the XDG directories, and no others" {
    mkdir -p "$XDG_CONFIG_HOME/tool"
    echo shown >"$XDG_CONFIG_HOME/tool/rc"
    policy '[files]\nreadable = $XDG_CONFIG_HOME/tool -$XDG_RUNTIME_DIR/none\n'
    run -0 "$KELP" run --policy "$p" -- cat "$XDG_CONFIG_HOME/tool/rc"
    policy '[files]\nreadable = $XDG_CONFIG_HOM/tool\n'
    run -125 "$KELP" run --policy "$p" -- true
    [[ $output == *"unknown variable '\$XDG_CONFIG_HOM'"*"did you mean '\$XDG_CONFIG_HOME'"* ]]
}
