#!/usr/bin/env bats
# What bash, zsh and fish offer behind "kelp", asked of the shells themselves.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/boxes

setup() {
    boxes_setup
    made=$KELP_BUILD/helpers/completion
    mkdir ../bin
    ln -s "$KELP" ../bin/kelp
    export PATH=$BATS_TEST_TMPDIR/bin:$PATH XDG_DATA_HOME=$BATS_TEST_TMPDIR/data HOME=$BATS_TEST_TMPDIR
}

# What bash offers when Tab is pressed behind the words "$@".
in_bash() {
    bash --norc -c '
        . /usr/share/bash-completion/bash_completion || exit
        . "$0" || exit
        compopt() { :; }
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"
        # readline parts words there, without a blank
        COMP_LINE=${COMP_LINE// : /:} COMP_LINE=${COMP_LINE// = /=}
        COMP_POINT=${#COMP_LINE}
        _kelp
        [ ${#COMPREPLY[@]} = 0 ] || printf "%s\n" "${COMPREPLY[@]}"' "$made/kelp" "$@" </dev/null 3>&- | sort -u
}

in_fish() {
    local line=$*

    timeout -k 1 20 fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$made/kelp.fish" "$line" \
        </dev/null 3>&- | cut -f 1 | sort -u
}

in_zsh() {
    timeout -k 1 40 python3 "$KELP_SRC/tests/lib/complete-zsh.py" "$made" "$*" </dev/null 3>&- | sort -u
}

# Behind the words "$@" each shell offers the lines of its standard input, and nothing else.
offers() {
    local shell expected got

    expected=$(sort -u)
    for shell in in_bash in_zsh in_fish; do
        got=$("$shell" "$@")
        [ "$got" = "$expected" ] || {
            echo "$shell: $*"
            diff <(echo "$expected") <(echo "$got")
            return 1
        }
    done
}

long_options() {
    "$KELP" "$@" --help | sed -nE 's/^ +(-., )?(--[a-z-]+).*/\2/p'
}

@test "completion: every command, and nothing else" {
    "$KELP" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' >../commands
    [ "$(wc -l <../commands)" -gt 15 ]
    # bash offers --help and --version as well
    [ "$(in_bash kelp '' | grep -v ^-)" = "$(sort ../commands)" ]
    [ "$(in_zsh kelp '')" = "$(sort ../commands)" ]
    [ "$(in_fish kelp '')" = "$(sort ../commands)" ]
    "$KELP" help policy | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' >../commands
    [ "$(in_bash kelp policy '' | grep -v ^-)" = "$(sort ../commands)" ]
    [ "$(in_zsh kelp policy '')" = "$(sort ../commands)" ]
    [ "$(in_fish kelp policy '')" = "$(sort ../commands)" ]
}

@test "completion: every option of run, and those of other commands" {
    long_options run >../options
    [ "$(wc -l <../options)" -gt 40 ]
    offers kelp run --r < <(grep -e '^--r' ../options)
    [ "$(in_bash kelp run - | grep -e '^--')" = "$(sort -u ../options)" ]
    offers kelp run --p < <(grep -e '^--p' ../options)
    offers kelp stop --a <<<--all
    offers kelp policy why --writ <<<--writable
    offers kelp learn --merg <<<--merge
    offers kelp export --form <<<--format
    # a value that stands apart is no operand, and no option hides what comes behind it
    offers kelp run --network none --dry <<<--dry-run
}

@test "completion: values, each of which kelp takes" {
    local option value

    offers kelp run --network '' <<<$'none\nuser\nfiltered\nhost'
    offers kelp run --pull '' <<<$'never\nmissing\nalways'
    offers kelp ps --format '' <<<$'table\njson'
    offers kelp run --limits '' <<<$'strict\nbest-effort'
    [ "$(in_bash kelp run --network = us)" = user ]
    [ "$(in_bash kelp kill -s TER)" = TERM ]
    for option in network fake-root userns limits cap-drop ulimit; do
        [ "$(in_bash kelp run "--$option" '' | wc -l)" -gt 1 ]
        for value in $(in_bash kelp run "--$option" ''); do
            # what cannot be combined is told of an option, not of its value
            run "$KELP" run "--$option" "${value/%=/=10}" --dry-run -- true
            [[ $output != *"option '--$option'"* ]] || {
                echo "$option $value: $output"
                false
            }
        done
    done
}

@test "completion: names of sandboxes, images and policies" {
    id=$("$KELP" run -d -- sleep 100)
    "$KELP" run -d --name web -- sleep 100
    "$KELP" run -d --name ended -- true
    "$KELP" wait ended
    offers kelp stop '' <<<"$id"$'\n'web
    offers kelp stop we <<<web
    offers kelp rm '' <<<"$id"$'\n'web$'\n'ended
    mkdir -p root/bin
    tar -C root -cf - . | "$KELP" import - registry.test:5000/box:1
    [ "$(in_bash kelp rmi reg)" = registry.test:5000/box:1 ]
    [ "$(in_fish kelp rmi reg)" = registry.test:5000/box:1 ]
    # a colon parts words in bash, which completes the last of them
    [ "$(in_bash kelp run registry.test : 50)" = 5000/box:1 ]
    offers kelp run --policy age <<<agent
    offers kelp policy show contai <<<container
}

@test "completion: what was given already is not offered again" {
    "$KELP" run -d --name web -- sleep 100
    "$KELP" run -d --name db -- sleep 100
    offers kelp stop web '' <<<db
    offers kelp stop -t 5 web '' <<<db
    offers kelp rm db web '' <<<''
    offers kelp logs '' <<<$'db\nweb'
}

@test "completion: a value of -n and -e is no sandbox" {
    "$KELP" run -d --name web -- sleep 100
    offers kelp logs -n '' <<<''
    offers kelp logs -n 5 '' <<<web
    [ "$(HOME_OF_TEST=x in_bash kelp exec -e HOME_OF_T)" = HOME_OF_TEST= ]
    offers kelp exec -e A=1 we <<<web
}

@test "completion: signals, each of which kelp takes" {
    local name

    "$KELP" run -d --name web -- sleep 100
    in_bash kelp kill -s '' >../signals
    [ "$(wc -l <../signals)" -gt 25 ]
    offers kelp kill -s '' <../signals
    while read -r name; do
        run "$KELP" kill -s "$name" no-such-sandbox
        [ "${lines[0]}" = "kelp: there is no sandbox 'no-such-sandbox'" ]
    done <../signals
}

@test "completion: reviews, and the paths in one" {
    export XDG_STATE_HOME=$BATS_TEST_TMPDIR/state

    touch of-this-host
    "$KELP" run --review -- sh -c 'mkdir d; echo a >d/x; echo b >Makefile; echo b >.envrc; echo c >of-this-host'
    id=$("$KELP" diff | awk 'NR > 1 { print $1 }')
    "$KELP" run -d --name web -- sleep 100
    offers kelp inspect '' <<<$'web\n'"$id"
    offers kelp diff '' <<<"$id"
    # fish shows what begins with a dot to who has typed one
    offers kelp apply "$id" .e <<<.envrc
    offers kelp apply "$id" d <<<$'d/\nd/x'
    [ "$(in_bash kelp apply "$id" '')" = "$(printf '%s\n' .envrc Makefile d/ d/x of-this-host | sort)" ]
    offers kelp apply "$id" .envrc d/ '' <<<$'Makefile\nd/x\nof-this-host'
    offers kelp diff 000000000000 '' <<<''
}

@test "completion: behind -- is another command" {
    [ "$(in_bash kelp run -- basenam)" = basename ]
    [ "$(in_zsh kelp run -- basenam)" = basename ]
    [ "$(in_fish kelp run -- basenam)" = basename ]
    # options there are its own
    for shell in in_bash in_zsh in_fish; do
        run -0 "$shell" kelp run -- true --netw
        [ -z "$output" ]
    done
}

@test "completion: behind a command that takes no word nothing is offered, and nothing said" {
    run --separate-stderr in_bash kelp doctor ""
    [ -z "$stderr" ]
    [ -z "$output" ]
}

@test "completion: a name that a shell would expand does nothing" {
    printf '#!/bin/sh\necho "NAME ID"\necho "\\$(touch\\${IFS}ran) x"\necho "ok y"\n' >../bin/fake
    chmod +x ../bin/fake
    ln -sf fake ../bin/kelp
    [ "$(in_bash kelp rmi '')" = ok ]
    in_zsh kelp rmi ''
    in_fish kelp rmi ''
    [ ! -e ran ]
}

@test "completion: what is made passes the shells' own checks" {
    bash -n "$made/kelp"
    zsh -n "$made/_kelp"
    fish --no-config -n "$made/kelp.fish"
    run -1 grep -n '@[a-z]*@' "$made/kelp" "$made/_kelp" "$made/kelp.fish"
}
