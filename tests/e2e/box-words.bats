#!/usr/bin/env bats
# The words of the commands about sandboxes: other spellings that do, and what a slip of the pen is told.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/boxes

setup() {
    boxes_setup
}

teardown() {
    boxes_teardown
}

# told WHAT HINT WORDS...: kelp refuses WORDS with the two lines, and nothing else.
told() {
    local what=$1 hint=$2

    shift 2
    run -125 "$KELP" "$@"
    [ "$output" = "kelp: $what"$'\n'"hint: $hint" ] || {
        echo "kelp $*: $output"
        return 1
    }
}

@test "a signal stands behind one dash, too" {
    for word in -TERM -15 -sigterm -SIGTERM; do
        "$KELP" run -d --name one -- sh -c 'trap "exit 5" TERM; echo r >ready; while :; do sleep 0.05; done'
        await_file ready
        run -0 "$KELP" kill "$word" one
        [ "$output" = one ]
        run -0 "$KELP" wait one
        [ "$output" = 5 ]
        "$KELP" rm one
        rm ready
    done
    "$KELP" run -d --name one -- sleep 100
    run -0 "$KELP" kill one -9
    run -0 "$KELP" wait one
    [ "$output" = 137 ]
    # what is no signal is no option
    told "unknown option '-TREM'" "kelp kill --help" kill -TREM one
    told "unknown option '-99'" "kelp kill --help" kill -99 one
}

@test "a signal that is none has a hint" {
    "$KELP" run -d --name one -- sleep 100
    told "'TREM' is not a signal" "did you mean 'TERM'" kill -s TREM one
    told "'SIGTREM' is not a signal" "did you mean 'TERM'" kill -s SIGTREM one
    told "'0' is not a signal" "a name like TERM, HUP or USR1, or a number from 1 to 64" kill -s 0 one
    told "unknown option '-s'" "kelp kill -s SIGNAL NAME sends another one than the image says" stop -s INT one
    told "unknown option '--signal=INT'" "kelp kill -s SIGNAL NAME sends another one than the image says" \
        stop --signal=INT one
    [ "$(field one state)" = running ]
    run -0 "$KELP" kill -s INT one
}

@test "--json and --format json say the same" {
    "$KELP" run -d --name one -- sleep 100
    [ "$("$KELP" ps --json | jq -r '.[0].name')" = one ]
    [ "$("$KELP" ps --json --format json | jq -r '.[0].name')" = one ]
    [ "$("$KELP" stats --format json | jq -r '.[0].name')" = one ]
    [ "$("$KELP" stats --format=json one | jq -r '.[0].name')" = one ]
    run -0 "$KELP" stats --format table
    [[ ${lines[1]} == *" one "* ]]
    told "there is no format 'yaml'" "--format table, or --format json" stats --format yaml
    told "--json is another format than 'table'" "leave one of them out" ps --json --format table
    told "--quiet prints ids alone, --format something else" "leave one of them out" ps -q --json
    told "unknown option '--format'" "it is always JSON: kelp inspect NAME | jq '.[0].state'" \
        inspect --format '{{.State}}' one
    [ "$("$KELP" inspect one | jq -r '.[0].state')" = running ]
    told "unknown option '-fname=x'" "programs pick from it with jq: kelp ps -a --json | jq '.[-1]'" ps -fname=x
    [ "$("$KELP" ps -a --json | jq -r '.[-1].name')" = one ]
}

@test "options that other tools have" {
    "$KELP" run -d --name one -- sleep 100
    told "--sig-proxy: 'maybe' is neither yes nor no" \
        "--sig-proxy=true passes signals on, --sig-proxy=false does not" attach --sig-proxy=maybe one
    told "unknown option '--since'" "kelp logs -t NAME prints the times" logs --since 5m one
    told "unknown option '-fv'" "there are none: leave it out" rm -fv one
    told "unknown option '--force'" "kelp stop -t 0 NAME kills at once" stop --force one
    # what is not taken is no guess, either
    told "unknown option '--forc'" "kelp stop --help" stop --forc one
    [ "$(field one state)" = running ]
}

@test "the name of a sandbox that is near is named" {
    "$KELP" run -d --name server -- sleep 100
    "$KELP" run -d --name ended -- true
    "$KELP" wait ended
    for command in stop kill wait logs attach inspect stats rm; do
        told "there is no sandbox 'sevrer'" "did you mean 'server'" "$command" sevrer
    done
    told "there is no sandbox 'sevrer'" "did you mean 'server'" exec sevrer true
    told "there is no sandbox 'endde'" "did you mean 'ended'" logs endde
    told "there is no sandbox 'xyz'" "kelp ps -a lists those of '$XDG_RUNTIME_DIR/kelp'" logs xyz
    "$KELP" run -d --name ab -- sleep 100
    told "there is no sandbox 'aa'" "kelp ps -a lists those of '$XDG_RUNTIME_DIR/kelp'" stop aa
}
