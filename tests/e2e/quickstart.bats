#!/usr/bin/env bats
# helpers/quickstart, in a copy of this tree, in a directory with a space in its name.

bats_require_minimum_version 1.5.0
load ../lib/kelp

# A copy of the sources without builds; no sudo that works, so that nothing gets installed.
setup_file() {
    export TREE="$BATS_FILE_TMPDIR/a b/kelp"

    mkdir -p "$TREE" "$BATS_FILE_TMPDIR/bin"
    tar -C "$KELP_SRC" --exclude='./build*' --exclude=./.git -cf - . | tar -C "$TREE" -xf -
    printf '#!/bin/sh\nexit 1\n' >"$BATS_FILE_TMPDIR/bin/sudo"
    chmod 755 "$BATS_FILE_TMPDIR/bin/sudo"
    export PATH="$BATS_FILE_TMPDIR/bin:$PATH"
    cd "$TREE" || return 1
    # no terminal, and no stdin at all
    ./helpers/quickstart <&- >"$BATS_FILE_TMPDIR/first" 2>&1
    echo $? >"$BATS_FILE_TMPDIR/status"
}

setup() {
    cd "$TREE" || return 1
}

has_line() {
    grep -qxF -- "$1" <<<"$output" || {
        echo "no line '$1' in:"
        echo "$output"
        return 1
    }
}

assert_shown() {
    has_line '    lo'
    has_line '    SECRET_TOKEN is not set'
    has_line "    touch: cannot touch '/usr/x': Read-only file system"
    has_line '    hello'
    [[ $output == *$'CapEff:\t0000000000000000'* ]]
    [[ $output != *abc$'\n'* ]]
}

@test "a first run builds, asks the doctor, and shows a sandbox" {
    output=$(cat "$BATS_FILE_TMPDIR/first")
    echo "$output"
    [ "$(cat "$BATS_FILE_TMPDIR/status")" = 0 ]
    has_line "packages   all here"
    grep -qE "^build      $TREE/build/src/cli/kelp \([0-9]+ s\)$" <<<"$output"
    grep -qE '^doctor     kelp run works here' <<<"$output"
    assert_shown
    has_line "  '$TREE/build/src/cli/kelp' run -- sh"
    [ -x "$TREE/build/src/cli/kelp" ]
}

@test "the commands it ends with work as they are printed" {
    local command n=0

    # the first one is a shell: it reads nothing and ends
    while read -r command; do
        case $command in
        *" run "*" make") command=${command% make}" true" ;;
        esac
        (mkdir -p "$BATS_TEST_TMPDIR/p" && cd "$BATS_TEST_TMPDIR/p" && eval "$command" </dev/null)
        n=$((n + 1))
    done < <(sed -n '/^Now try/,$s/^  //p' "$BATS_FILE_TMPDIR/first")
    [ "$n" = 3 ]
}

@test "a second run does no harm and is quick" {
    local start=$SECONDS

    run -0 ./helpers/quickstart
    assert_shown
    [ $((SECONDS - start)) -lt 20 ]
    [ -z "$(find /tmp -maxdepth 1 -name 'kelp-first.*' -user "$(id -un)" -newer "$BATS_FILE_TMPDIR/status")" ]
}

# Runs quickstart where the programs named are not installed.
without() {
    # shellcheck disable=SC2016 # for the inner shell
    unshare --user --map-root-user --mount sh -euc '
        for name; do
            mount --bind /dev/null "$(realpath "$(command -v "$name")")"
        done
        exec unshare --user --map-user='"$(id -u)"' --map-group='"$(id -g)"' ./helpers/quickstart' \
        sh "$@"
}

@test "without what only runs need: the line for an admin, and on it goes" {
    run -0 without slirp4netns newuidmap
    has_line "packages   not here; hand this line to an admin:"
    has_line "           sudo apt-get install -y --no-install-recommends uidmap slirp4netns"
    grep -qE '^doctor     kelp run works here \(see .*: .*newuidmap.*slirp4netns' <<<"$output"
    assert_shown
}

# Runs quickstart where libisal is not installed; apt has it if $1 is "yes".
without_isal() {
    local bin=$BATS_TEST_TMPDIR/bin real

    real=$(command -v pkg-config)
    mkdir -p "$bin"
    printf '#!/bin/sh\ncase "$*" in *libisal*) exit 1 ;; esac\nexec %s "$@"\n' "$real" >"$bin/pkg-config"
    printf '#!/bin/sh\n[ %s = no ] || echo "Package: $2"\n' "$1" >"$bin/apt-cache"
    chmod 755 "$bin"/*
    PATH=$bin:$PATH ./helpers/quickstart
}

@test "what only makes it faster is asked for where apt has it, and nowhere else" {
    run -0 without_isal no
    has_line "packages   all here"
    assert_shown
    run -0 without_isal yes
    has_line "packages   not here; hand this line to an admin:"
    has_line "           sudo apt-get install -y --no-install-recommends libisal-dev"
    assert_shown
}

@test "without a compiler: an earlier build is used, or the reason is said" {
    run -0 without ninja
    grep -qE "^build      an earlier one, $TREE/build/src/cli/kelp \(to build anew: ninja-build\)" <<<"$output"
    assert_shown
    mv build away
    run -1 without ninja
    mv away build
    has_line "quickstart: cannot build without these packages: ninja-build"
}

@test "a machine where it cannot work: what is missing, and status 1" {
    run -1 unshare --user --map-root-user sh -euc '
        echo 0 >/proc/sys/user/max_user_namespaces
        exec ./helpers/quickstart'
    has_line "doctor     kelp run does not work here:"
    [[ $output == *"user.max_user_namespaces is 0"* ]]
    [[ $output == *"fix: sysctl -w user.max_user_namespaces="* ]]
    # what is well is not told
    run ! grep -E '^(ok|weaker) ' <<<"$output"
}

@test "a build that fails ends with its own words" {
    echo "this is no C" >>src/base/str.c
    run -1 ./helpers/quickstart
    head -c -13 src/base/str.c >"$BATS_TEST_TMPDIR/str.c" && cp "$BATS_TEST_TMPDIR/str.c" src/base/str.c
    has_line "quickstart: the build failed"
    [[ $output == *str.c* ]]
}

@test "options" {
    run -0 ./helpers/quickstart --help
    [[ $output == *--apparmor* ]]
    run -2 ./helpers/quickstart --nonsense
    [ "${lines[0]}" = "quickstart: unknown option '--nonsense'" ]
}

@test "shellcheck is content" {
    run -0 shellcheck helpers/quickstart
}
