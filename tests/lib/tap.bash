# shellcheck shell=bash
# Table-driven suites as plain scripts that print TAP; tests/run takes *.tap beside *.bats.

tap_n=0
tap_tmp=$(mktemp -d "${TMPDIR:-/tmp}/kelp-tap.XXXXXX")
tap_cleanups=()

tap_at_exit() {
    tap_cleanups+=("$1")
}

tap_cleanup() {
    local i

    for ((i = ${#tap_cleanups[@]} - 1; i >= 0; i--)); do
        ${tap_cleanups[i]}
    done
    chmod -R u+rwX "$tap_tmp" 2>/dev/null
    rm -rf "$tap_tmp"
}
trap tap_cleanup EXIT

# One test point: NAME COMMAND...  It passes when the command, run in a subshell, succeeds; what it
# prints is shown when it does not.
tap_test() {
    local name=$1 out line
    shift

    tap_n=$((tap_n + 1))
    if out=$("$@" 2>&1 </dev/null); then
        echo "ok $tap_n $name"
    else
        echo "not ok $tap_n $name"
        while IFS= read -r line; do
            echo "# $line"
        done <<<"$out"
    fi
}

tap_skip() {
    tap_n=$((tap_n + 1))
    echo "ok $tap_n $1 # skip $2"
}

# Passes the points on that a command prints, under numbers of this file.
tap_pass() {
    local line

    while IFS= read -r line; do
        case $line in
        1..*) ;;
        'ok '* | 'not ok '*)
            tap_n=$((tap_n + 1))
            sed -E "s/^((not )?ok) [0-9]+/\1 $tap_n/" <<<"$line"
            ;;
        *) echo "$line" ;;
        esac
    done < <("$@" || echo "not ok 0 it ended early: $*")
}

tap_done() {
    echo "1..$tap_n"
}
