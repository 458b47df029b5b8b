#!/usr/bin/env bats
# What a run with --review has written is found by the run: its id, its name, its log.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/reviews

setup() {
    reviews_setup
    mkdir -p old/deep
    echo one >a
    echo y >old/deep/y
}

@test "a run in the background tells what it has written, before its end is told" {
    id=$("$KELP" run -d --name job --review --writable . -- sh -c 'echo out; echo two >a; rm -r old; echo x >.envrc')
    [ "$("$KELP" wait job)" = 0 ]
    # nobody has it any more
    kelp diff "$id"
    [ "$status" = 0 ]
    [[ $output == *'D  old/  with 2 in it'* ]]
    kelp logs job
    [ "$output" = out ]
    says "kelp: review $id of '$PWD': 1 added, 1 changed, 1 deleted"
    says 'A  .envrc  (takes effect outside of the sandbox)'
    says 'D  old/  with 2 in it'
    says "kelp apply $id lets it in"
    # what the user does from here on is a conflict
    chmod 600 a
    kelp inspect job
    [ "$(jq -r '.[0] | .id, .kind, .review.id, .review.state, .review.directories[0], .review.directory' <<<"$output")" = "$id
sandbox
$id
waiting
$PWD
$XDG_STATE_HOME/kelp/reviews/$id" ]
    kelp apply job
    [ "$status" = 1 ]
    says 'not applied: M  a  (conflict'
    [ ! -e old ]
    kelp apply job --overwrite
    [ "$status" = 0 ]
    [ "$(cat a)" = two ]
    kelp inspect job
    [ "$(jq -r '.[0].review' <<<"$output")" = null ]
}

@test "of a run in the background that changed nothing no review is left" {
    "$KELP" run -d --name job --review --writable . -- sh -c 'cat a; exit 3'
    [ "$("$KELP" wait job)" = 3 ]
    [ -z "$(reviews)" ]
    kelp logs job
    [ "$output" = one ]
    says 'the run changed nothing that could be reviewed'
}

@test "more than a pipe holds is told in the log, and no more than a log holds" {
    mkdir -p many
    (cd many && seq -f 'a-file-with-a-rather-long-name-%g' 3000 | xargs touch)
    "$KELP" run -d --name job --review --writable . -- sh -c 'echo out; cd many; rm -- *'
    "$KELP" wait job
    kelp logs job
    [ "$output" = out ]
    [ "$(grep -c '^kelp:   D  many/' <<<"$stderr")" = 1000 ]
    says ': 3000 deleted'
    says 'and 2000 more that are deleted'
    [[ ${stderr_lines[-1]} == 'hint: kelp diff --patch'* ]]
}

@test "a review has the name of its run" {
    "$KELP" run --name one --review --writable . -- sh -c 'echo two >a'
    id=$(reviews)
    kelp ps -a
    [[ $output == *REVIEW*NAME*"$id"*one*waiting* ]]
    kelp ps -a --format json
    [ "$(jq -r '.[] | .kind, .id, .name' <<<"$output")" = "review
$id
one" ]
    kelp inspect one
    [ "$(jq -r '.[0] | .kind, .id, .name' <<<"$output")" = "review
$id
one" ]
    kelp diff one
    [ "$output" = 'M  a' ]
    # a second one of the same name
    "$KELP" run --name one --review --writable . -- sh -c 'echo z >z'
    for command in diff apply discard inspect; do
        kelp "$command" one
        [ "$status" = 125 ]
        for each in $(reviews); do
            says "$each"
        done
    done
    [ "$(reviews | wc -l)" = 2 ]
    kelp apply "$id"
    [ "$status" = 0 ]
    kelp discard one
    [ "$status" = 0 ]
    [ -z "$(reviews)" ]
    [ "$(cat a)" = two ]
    [ ! -e z ]
}

@test "what is for a sandbox says of a review what is done with one" {
    "$KELP" run --name one --review --writable . -- sh -c 'echo two >a'
    id=$(reviews)
    for command in rm logs stop kill wait attach stats exec; do
        for word in "$id" one; do
            what=()
            [ "$command" != exec ] || what=(true)
            kelp "$command" "$word" "${what[@]}"
            [ "$status" = 125 ]
            says "there is no sandbox '$word'"
            says "hint: it is a review: kelp diff $id shows it, kelp apply $id lets it in, kelp discard $id throws it away"
        done
    done
    [ "$(reviews)" = "$id" ]
    # the control: a word that is nobody's
    kelp stop two
    [[ $stderr == *"there is no sandbox 'two'"* && $stderr != *'it is a review'* ]]
}

@test "several reviews are discarded, or none" {
    for name in one two three; do
        "$KELP" run --name "$name" --review --writable . -- sh -c 'echo x >x'
    done
    kelp discard one two four
    [ "$status" = 125 ]
    says "there is no review 'four'"
    [ "$(reviews | wc -l)" = 3 ]
    kelp discard one two one
    [ "$status" = 0 ]
    [ "$(grep -c 'discarded the review' <<<"$stderr")" = 2 ]
    kelp diff three
    [ "$output" = 'A  x' ]
    [ "$(reviews | wc -l)" = 1 ]
}

@test "a command is quoted alike wherever it is shown" {
    id=$("$KELP" run -d --review --writable . -- sh -c 'echo "it'\''s" >a' '' 'a  b')
    "$KELP" wait "$id"
    want="sh -c 'echo \"it'\\''s\" >a' '' 'a  b'"
    kelp ps -a --format json
    [ "$(jq -r '.[].command' <<<"$output")" = "$want
$want" ]
    kelp inspect "$id"
    [ "$(jq -r '.[0] | .command, .review.command' <<<"$output")" = "$want
$want" ]
    kelp diff
    [[ $output == *"$PWD: $want" ]]
    kelp ps -a --no-trunc
    [ "$(grep -cF "$want" <<<"$output")" = 2 ]
}

@test "of a review that is damaged the others are none the worse" {
    for name in one two; do
        "$KELP" run --name "$name" --review --writable . -- sh -c 'echo x >x'
    done
    kelp inspect one
    id=$(jq -r '.[0].id' <<<"$output")
    printf 'kelp-review 9\0' >"$XDG_STATE_HOME/kelp/reviews/$id/manifest"
    for command in diff 'ps -a' 'ps -a --format json'; do
        # shellcheck disable=SC2086 # a command with its option
        kelp $command
        [ "$status" = 0 ]
        [[ $output == *"$id"*damaged* && $output == *waiting* ]]
    done
    kelp diff two
    [ "$output" = 'A  x' ]
    kelp diff "$id"
    [ "$status" = 125 ]
    says 'is not one of this version of kelp'
    kelp discard "$id"
    [ "$status" = 0 ]
    [ "$(reviews | wc -l)" = 1 ]
}

@test "who reads a list slowly keeps nobody from a review" {
    "$KELP" run --review --writable . -- sh -c 'echo two >a' sh "$(printf '%01900d' 0)"
    id=$(reviews)
    for i in $(seq 100); do
        cp -a "$XDG_STATE_HOME/kelp/reviews/$id" "$XDG_STATE_HOME/kelp/reviews/ffffffffff$(printf %02x "$i")"
    done
    mkfifo "$dir/list"
    # more than the pipe takes: it waits for its reader, behind what it has read of the reviews
    "$KELP" ps -a --format json >"$dir/list" &
    exec 8<"$dir/list"
    read -r -n 1 _ <&8
    kelp apply "$id"
    [ "$status" = 0 ]
    cat <&8 >/dev/null
    exec 8<&-
    wait $!
    [ "$(cat a)" = two ]
}
