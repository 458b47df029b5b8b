# shellcheck shell=bash
# shellcheck disable=SC2154 # $dir is the test's, $output is run's
# What the suites of attacks share.  Loaded by: load ../lib/attack

# A home and a work directory of this test's own, in $dir; the latter is where it runs.
enter_workspace() {
    dir=$BATS_TEST_TMPDIR
    export HOME=$dir/home
    mkdir -p "$HOME" "$dir/ws"
    cd "$dir/ws" || return 1
}

# A git repository in $1.
repository() {
    git init -q -b main "$1"
    mkdir -p "$1/.git/hooks"
    git -C "$1" -c user.name=a -c user.email=a@b commit -q --allow-empty -m x
}

# The payload said so: a test of what it could not do must know that it tried.
assert_ran() {
    [[ $output == *payload-ran* ]] || {
        echo "the payload did not run: $output"
        return 1
    }
}

# Exchanges the names $1 and $2, again and again, until racer_stop or the end of the test.
racer_start() {
    python3 -c '
import ctypes, os, sys
libc = ctypes.CDLL(None)
first, second = map(os.fsencode, sys.argv[1:])
while os.getppid() != 1:
    libc.renameat2(-100, first, -100, second, 2)
' "$1" "$2" 3>&- &
    racer=$!
}

racer_stop() {
    kill "$racer"
    wait "$racer" || true
}

# Runs a command that says "ran" in $1 sandboxes, and ends the racer: some did run, and none showed the
# canary.
racer_gains_nothing() {
    local i out hits=0 runs=0

    for ((i = 0; i < $1; i++)); do
        out=$(timeout 10 "$KELP" run -- "${@:2}" 2>/dev/null) || true
        [[ $out != *CANARY* ]] || hits=$((hits + 1))
        [[ $out != *ran* ]] || runs=$((runs + 1))
    done
    racer_stop
    echo "$runs runs, $hits of them with the canary"
    [ "$hits" = 0 ] && [ "$runs" -gt 0 ]
}
