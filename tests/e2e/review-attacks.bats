#!/usr/bin/env bats
# What a hostile command may leave under review, and what other programs do while it is applied: nothing
# leads outside of the directory, nothing is lost, and nothing takes for ever.

# the scripts in quotes are for the shell inside; stderr is of bats
# shellcheck disable=SC2016,SC2154

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/reviews

setup() {
    reviews_setup
    mkdir sub "$dir/out"
    echo one >a
    echo CANARY >"$dir/out/canary"
}

teardown() {
    [ -z "${swapper:-}" ] || kill "$swapper" 2>/dev/null || true
    reviews_teardown
}

review() {
    run -0 --separate-stderr "$KELP" run --review --writable . "$@"
    id=$(reviews)
}

# Nothing outside was touched, and nothing of kelp's own lies about.
nothing_outside() {
    [ "$(ls -A "$dir/out")" = canary ]
    [ "$(cat "$dir/out/canary")" = CANARY ]
    [ -z "$(find "$dir/ws" -name '.kelp-*')" ]
}

@test "directories that are swapped for links while they are written to lead nowhere" {
    local n=4
    [ -z "${KELP_TEST_LONG:-}" ] || n=100
    for _ in $(seq "$n"); do
        mkdir -p sub/d
        seq 20 | xargs -I{} sh -c 'echo old >sub/d/f{}'
        echo mine >sub/d/mine
        review -- sh -c 'for i in $(seq 30); do echo new >sub/d/f$i; ln -f sub/d/f$i sub/d/l$i; done; rm sub/d/mine
            mkdir sub/d/e; echo new >sub/d/e/canary; echo evil >sub/d/canary; chmod 700 sub/d'
        mv "$dir/ws/sub" "$dir/kept"
        ln -s ../out "$dir/ws/other"
        mv "$dir/kept" "$dir/ws/sub"
        # both of them by turns, as fast as it goes
        python3 - "$dir/ws/sub" "$dir/ws/other" <<'END' &
import ctypes, sys
libc = ctypes.CDLL(None)
a, b = (p.encode() for p in sys.argv[1:])
while libc.renameat2(-100, a, -100, b, 2) == 0:
    pass
END
        swapper=$!
        for _ in 1 2 3; do
            run --separate-stderr "$KELP" apply --overwrite "$id"
            [[ $status =~ ^(0|1|125)$ ]]
            [ "$status" != 0 ] || break
        done
        kill "$swapper"
        wait "$swapper" || true
        swapper=
        [ "$(ls -A "$dir/out")" = canary ]
        [ "$(cat "$dir/out/canary")" = CANARY ]
        # left to itself it comes to an end
        [ ! -L sub ] || { mv sub link && mv other sub; }
        if [ -n "$(reviews)" ]; then
            run -0 --separate-stderr "$KELP" apply --overwrite "$id"
        fi
        # what it overwrote may have been the link: then there are two directories, each with a part
        cat ./*/d/f30 | grep -qx new
        cat ./*/d/e/canary | grep -qx new
        [ "$(find . -name 'l[0-9]*' -printf '%f\n' | sort -u | wc -l)" -eq 30 ]
        [ ! -L other ] || [ ! -e sub/d/mine ]
        rm -rf other link
        nothing_outside
        rm -r sub
    done
}

@test "a tree that is deeper than any path is named, thrown away, and in part applied" {
    review -- python3 -c 'import os
for i in range(5000):
    os.mkdir("deep"); os.chdir("deep")
    open("f", "w").close()'
    [[ $stderr == *'its path is too long'* ]]
    run --separate-stderr "$KELP" apply "$id"
    [ "$status" = 1 ]
    [[ $stderr == *'its path is too long'* ]]
    [ -e deep/deep/deep/f ]
    run -0 --separate-stderr "$KELP" discard "$id"
    [ -z "$(reviews)" ]
    nothing_outside
}

@test "a long name does not push out of the line what is said of it" {
    review -- python3 -c 'import os
for i in range(10):
    os.mkdir("x" * 200); os.chdir("x" * 200)
os.mkfifo("pipe")
os.makedirs(".git/hooks")
open(".git/hooks/pre-commit", "w").close()
open("one", "w").close()
os.link("one", "two")'
    for what in '/pipe  (is not applied: a fifo)' '/pre-commit  (takes effect outside of the sandbox)'; do
        [[ $stderr == *"$what"* ]]
    done
    run --separate-stderr "$KELP" apply "$id"
    [[ $stderr == *'/pre-commit  (takes effect'* && $stderr == *'/pipe  (is not applied: a fifo)'* ]]
    nothing_outside
}

@test "very many files are applied, and again after an end in between" {
    local n=2000
    [ -z "${KELP_TEST_LONG:-}" ] || n=100000
    echo user >sub/user
    review -- sh -c 'rm sub/user; python3 -c "
import sys
for i in range(int(sys.argv[1])):
    with open(f\"sub/{i}\", \"w\") as f:
        f.write(str(i))" "$1"' sh "$n"
    # what is always told does not drown, and the rest is not a line each
    [[ $stderr == *"$n added, "*"1 deleted"*'sub/user'* ]]
    [ "$(wc -l <<<"$stderr")" -lt 60 ]
    timeout -s KILL 0.3 "$KELP" apply "$id" || true
    begin=$SECONDS
    if [ -n "$(reviews)" ]; then
        run -0 --separate-stderr "$KELP" apply "$id"
    fi
    echo "$n files: $((SECONDS - begin)) s"
    [ "$(find sub -type f | wc -l)" = "$n" ]
    [ "$(cat "sub/$((n - 1))")" = $((n - 1)) ]
    nothing_outside
}

@test "a terabyte of nothing stays nothing, and is compared at once" {
    truncate -s 1T old
    echo end >>old
    touch -d 2001-01-01 old
    review -- sh -c 'truncate -s 1T new; printf x | dd of=new bs=1 seek=1000000000 conv=notrunc 2>/dev/null
        printf y | dd of=old bs=1 seek=77 conv=notrunc 2>/dev/null'
    run -0 timeout 20 "$KELP" diff --patch "$id"
    # put into its place by an apply that was killed: all of it is compared
    cp -a --sparse=always "$XDG_STATE_HOME/kelp/reviews/$id/0/upper/new" .
    touch "$XDG_STATE_HOME/kelp/reviews/$id/applying"
    run timeout 20 "$KELP" apply --overwrite "$id"
    echo "$output"
    [ "$status" = 0 ]
    [ "$(stat -c %s new old | tr '\n' ' ')" = '1099511627776 1099511627780 ' ]
    [ "$(du -sk . | cut -f1)" -lt 1000 ]
    [ "$(dd if=new bs=1 skip=1000000000 count=1 2>/dev/null)" = x ]
    [ "$(dd if=old bs=1 skip=77 count=1 2>/dev/null)" = y ]
}

@test "capabilities of files are not applied" {
    review -- sh -c 'cp /bin/true cap'
    # as a command with rights over a user namespace of its own could
    unshare -Ur setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 \
        "$XDG_STATE_HOME/kelp/reviews/$id/0/upper/cap"
    getfattr -m - "$XDG_STATE_HOME/kelp/reviews/$id/0/upper/cap" | grep security.capability
    run -0 --separate-stderr "$KELP" apply "$id"
    [ -x cap ]
    [ -z "$(getfattr -m - cap)" ]
}

@test "a full disk: what fits is there, the rest waits, and nothing of the user's is lost" {
    # shellcheck disable=SC2016 # expanded by the inner shell
    run unshare -Urm sh -ec '
        mkdir disk
        mount -t tmpfs -o size=1m none disk
        cd disk
        head -c 300000 /dev/zero | tr "\0" u >big
        echo user >small
        "$1" run --review --writable . -- sh -c "head -c 900000 /dev/zero | tr \"\\0\" n >big; echo new >small; echo z >z" 2>said
        cat said
        id=$(ls "$XDG_STATE_HOME/kelp/reviews")
        status=0
        "$1" apply "$id" || status=$?
        echo "status $status"
        tr -d u <big | wc -c
        ls -A
        mount -o remount,size=4m disk . 2>/dev/null || mount -o remount,size=4m "$PWD"
        "$1" apply "$id"
        tr -d n <big | wc -c
        cat small z
        ls -A | tr "\n" " "
        ls "$XDG_STATE_HOME/kelp/reviews" | wc -l' sh "$KELP"
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *"No space left on device"* || $output == *ENOSPC* ]]
    [[ $output == *"status 125"*$'\n0\n'*$'\n0\nnew\nz\n'* ]]
    [[ $output != *.kelp-* ]]
}

@test "a terminal gets nothing of a name or a file that it would obey" {
    review -- sh -c 'printf "a\033]0;evil\007\n\302\233m\302\205x\r" >"$(printf "n\033[2J\r\n\302\233\342\200\256\377")"
        ln -s "$(printf "\033[8m")" link; mkdir "$(printf "d\033c")"'
    for words in "diff $id" "diff --patch $id" "ps -a" "apply $id"; do
        # shellcheck disable=SC2086 # words
        run -0 script -qec "$KELP $words" /dev/null
        output=${output//$'\r\n'/}
        output=${output%$'\r'}
        [[ $output != *[$'\033\a\r']* && $output != *$'\302\233'* && $output != *$'\342\200\256'* &&
            $output != *$'\302\205'* ]]
    done
}
