#!/usr/bin/env bats
# kelp run --review, diff, apply and discard: nothing reaches the user's files before it was asked for,
# and nothing that a hostile command has prepared leads elsewhere.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/reviews

setup() {
    reviews_setup
    mkdir -p .git/hooks sub old/deep "$dir/out"
    echo one >a
    printf 'l1\nl2\nl3\n' >b
    echo x >sub/x
    echo y >old/deep/y
    ln -s a link
    echo CANARY >"$dir/out/canary"
}

review() {
    run --separate-stderr "$KELP" run --review --writable . "$@"
    echo "$output"
    echo "$stderr"
    id=$(reviews)
}

upper() {
    echo "$XDG_STATE_HOME/kelp/reviews/$id/0/upper"
}

@test "what is written is seen inside, kept apart, listed, applied, and the review is gone" {
    before=$(tree_hash .)
    review -- sh -c 'echo two >a; cat a; rm -r old; mkdir new; echo n >new/n; chmod 700 sub; rm link; ln -s b link'
    [ "$status" = 0 ]
    [ "$output" = two ]
    [ "$(tree_hash .)" = "$before" ]
    says '2 added, 2 changed, 1 deleted, 1 mode alone'
    says 'D  old/  with 2 in it'
    kelp diff
    [[ $output == *"$id"*waiting*"$PWD: sh -c"* ]]
    kelp ps -a
    [[ $output == ID*$'\n\nREVIEW'*"$id"*waiting* ]]
    kelp ps
    [[ $output != *REVIEW* ]]
    kelp ps -a --format json
    [ "$(jq -r '.[] | .kind, .id, .state, .command, .directories[0]' <<<"$output")" = "review
$id
waiting
sh -c 'echo two >a; cat a; rm -r old; mkdir new; echo n >new/n; chmod 700 sub; rm link; ln -s b link'
$PWD" ]
    kelp ps -a -q
    [ -z "$output" ]
    kelp inspect "${id:0:4}"
    [ "$(jq -r '.[0].directory' <<<"$output")" = "$XDG_STATE_HOME/kelp/reviews/$id" ]
    kelp inspect "${id:0:4}" nowhere
    [ "$status" = 125 ]
    [ -z "$output" ]
    kelp diff "${id:0:4}"
    [ "$output" = "M  a
M  link  (a link to b)
A  new/
A  new/n
D  old/  with 2 in it
m  sub/" ]
    kelp apply "$id"
    [ "$status" = 0 ]
    says 'applied: D  old/'
    [ "$(cat a new/n)" = $'two\nn' ]
    [ "$(readlink link)" = b ]
    [ "$(stat -c %a sub)" = 700 ]
    [ ! -e old ]
    [ -z "$(reviews)" ]
}

@test "access control lists are applied, those of other users too" {
    cat >acl.py <<'END'
import os, struct, sys
X = os.path.isdir(sys.argv[2])
ENTRIES = [(1, 6 + X, -1), (2, 4 + X, int(sys.argv[3])), (4, 4 + X, -1), (16, 4 + X, -1), (32, 0, -1)]
TEXT = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in ENTRIES)
os.setxattr(sys.argv[2], "system.posix_acl_" + sys.argv[1], TEXT)
END
    python3 acl.py access a 12345
    python3 acl.py default sub 12345
    cp -a . "$dir/copy"
    script='echo more >>a; echo new >sub/new; mkdir sub/m; echo x >sub/m/x; python3 acl.py access b "$(id -u)"'
    (cd "$dir/copy" && sh -c "$script")
    review -- sh -c "$script"
    kelp apply "$id"
    [ "$status" = 0 ]
    show='import os, sys; print([(f, os.stat(f).st_mode, {n: os.getxattr(f, n) for n in sorted(os.listxattr(f))}) for f in sys.argv[1:]])'
    want=$(cd "$dir/copy" && python3 -c "$show" a b sub sub/new sub/m sub/m/x)
    [[ $want == *posix_acl_access*posix_acl_default* ]]
    [ "$(python3 -c "$show" a b sub sub/new sub/m sub/m/x)" = "$want" ]
}

@test "a patch of it fits" {
    cp -a . "$dir/copy"
    review -- sh -c 'sed -i s/l2/L2/ b; printf "no end" >new; rm a; chmod +x sub/x; printf "tab\tname\n" >"with space"'
    "$KELP" diff --patch "$id" >"$dir/patch"
    cat "$dir/patch"
    kelp apply "$id"
    [ "$status" = 0 ]
    (cd "$dir/copy" && git apply --unsafe-paths "$dir/patch")
    diff --no-dereference -r . "$dir/copy"
    [ -x "$dir/copy/sub/x" ]
}

@test "discard leaves the files, and nothing of the review" {
    before=$(tree_hash .)
    review -- sh -c 'rm -r old a; echo z >z'
    kelp discard "$id"
    [ "$status" = 0 ]
    [ "$(tree_hash .)" = "$before" ]
    [ -z "$(reviews)" ]
    kelp discard "$id"
    [ "$status" = 125 ]
    says "there is no review '$id'"
}

@test "a run that changes nothing, fails or is only planned leaves no review" {
    review -- true
    [ "$status" = 0 ]
    [ -z "$id" ]
    run -127 "$KELP" run --review --writable . -- /nowhere
    [ -z "$(reviews)" ]
    review --dry-run -- true
    [ "$status" = 0 ]
    [[ $output == *"$PWD"*overlaid* ]]
    [ -z "$id" ]
}

@test "what takes effect outside is listed, however much else there is" {
    review -- sh -c 'for i in $(seq 100); do echo >f$i; done; echo evil >.envrc; mkdir -p repo/.git/hooks
        echo evil >repo/.git/hooks/pre-commit; ln -s /tmp repo/.vscode'
    says 'A  .envrc  (takes effect outside of the sandbox)'
    says 'A  repo/.git/hooks/pre-commit  (takes effect outside of the sandbox)'
    says 'A  repo/.vscode  (takes effect outside of the sandbox)'
    says 'more that are added or changed'
    # those that are there are protected in the overlay as without
    review -- sh -c 'echo evil >.git/hooks/x'
    [ "$status" != 0 ]
}

@test "what the user changed meanwhile is a conflict, and stays" {
    review -- sh -c 'echo theirs >a; rm b; rm -r old; mkdir made; echo theirs >made/it; echo theirs >free'
    echo mine >>a
    echo mine >>b
    echo mine >old/deep/z
    mkdir made
    echo mine >made/it
    kelp apply "$id"
    [ "$status" = 1 ]
    for path in 'M  a' 'D  b' 'D  old/' 'M  made/it'; do
        says "not applied: $path"
    done
    [ "$(cat a made/it free)" = $'one\nmine\nmine\ntheirs' ]
    [ "$(tail -n 1 b)" = mine ]
    [ -e old/deep/y ]
    [ -e old/deep/z ]
    kelp apply --overwrite "$id" a
    [ "$status" = 0 ]
    [ "$(cat a)" = theirs ]
    [ "$(tail -n 1 b)" = mine ]
}

@test "the review of a run in the background waits for its end" {
    id=$("$KELP" run -d --review --writable . -- sh -c 'echo two >a; sleep 1000')
    [ "$(reviews | wc -l)" = 1 ]
    review=$(reviews)
    kelp apply "$review"
    [ "$status" = 125 ]
    says 'in use'
    "$KELP" kill "$id"
    "$KELP" wait "$id" || true
    "$KELP" rm "$id"
    kelp diff
    [[ $output == *waiting* ]]
    kelp discard "$review"
    [ "$status" = 0 ]
}

@test "what the user changes while the run goes on is a conflict, too" {
    mkfifo "$dir/go" "$dir/done"
    "$KELP" run --review --writable . -- sh -c 'echo theirs >a; echo ready; read -r _ || true' \
        <"$dir/go" >"$dir/done" 2>"$dir/err" &
    exec 8>"$dir/go"
    read -r _ <"$dir/done"
    echo mine >a
    id=$(reviews)
    # a review of a run that goes on is nobody's yet
    kelp diff
    [[ $output == *"$id"*running* ]]
    for command in diff apply discard; do
        kelp "$command" "$id"
        [ "$status" = 125 ]
        says 'in use'
    done
    exec 8>&-
    wait $!
    kelp apply "$id"
    [ "$status" = 1 ]
    [ "$(cat a)" = mine ]
}

@test "of what a hostile command leaves nothing but files, directories and links is applied" {
    review -- sh -c 'mkfifo pipe; chmod u+s a; echo >sgid; chmod g+s sgid; setfattr -n user.overlay.redirect -v /x b
        setfattr -n user.overlay.opaque -v y sub; python3 -c "import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")"
        printf x >"$(printf "esc\033[31m\nnl\342\200\256")"; mkdir secret; chmod 0 secret; mkdir shut; echo >shut/x
        chmod 600 shut; echo fine >fine'
    [[ $stderr != *$'\033'* && $stderr != *$'\342\200\256'* ]]
    # overlayfs lets nobody set its own names before Linux 6.7
    notes=('b  (is not applied: a note to overlayfs' 'sub/  (is not applied: a note to overlayfs')
    if [ "$(printf '%s\n' 6.7 "$(uname -r)" | sort -V | head -n 1)" != 6.7 ]; then
        says 'setfattr: b: Operation not supported'
        says 'setfattr: sub: Operation not supported'
        notes=()
    fi
    kelp diff "$id"
    [[ $output != *$'\033'* ]]
    kelp apply "$id"
    [ "$status" = 1 ]
    for what in 'pipe  (is not applied: a fifo)' 'sock  (is not applied: a socket)' \
        'a  (is not applied: a set-user-id' 'sgid  (is not applied: a set-user-id' \
        "${notes[@]}" \
        'secret/  (is not applied: a directory that its owner may not read)' \
        'shut/  (is not applied: a directory that its owner may not read)'; do
        says "$what"
    done
    [ "$(cat fine)" = fine ]
    for name in pipe sock sgid secret shut; do
        [ ! -e "$name" ]
    done
    [ "$(stat -c %a a)" = 644 ]
    run -0 getfattr -d -m - b sub
    [[ $output != *overlay* ]]
}

@test "a directory of the user that he may not look into is named, and the rest applied" {
    mkdir -p shut/in closed/in
    review -- sh -c 'echo x >shut/x; rm -r closed; echo fine >fine'
    chmod 0 shut closed/in
    kelp apply "$id"
    [ "$status" = 1 ]
    says 'shut/  (is not applied: a directory that you may not read)'
    says 'closed/  with 1 in it  (is not applied: a directory that you may not read)'
    [ "$(cat fine)" = fine ]
    [ "$(stat -c %a shut)" = 0 ]
    [ -d closed ]
}

@test "what was put into the upper layer itself leads nowhere" {
    review -- sh -c 'mkdir -p d/e; echo evil >d/e/canary; echo x >mark'
    mkdir "$dir/keep"
    # as no kernel would have written it
    setfattr -n user.overlay.metacopy -v '' "$(upper)/mark"
    mv "$(upper)/d/e" "$dir/keep/e"
    ln -s "$dir/out" "$(upper)/d/e"
    kelp apply "$id"
    [ "$status" = 1 ]
    says 'mark  (is not applied: a note to overlayfs'
    [ "$(readlink d/e)" = "$dir/out" ]
    [ "$(cat "$dir/out/canary")" = CANARY ]
}

@test "a link of the user's in the way is not followed" {
    review -- sh -c 'echo evil >sub/canary; mkdir n; echo evil >n/canary'
    rm -r sub
    ln -s ../out sub
    ln -s ../out n
    kelp apply "$id"
    [ "$status" != 0 ]
    [ "$(cat "$dir/out/canary")" = CANARY ]
    [ "$(ls "$dir/out")" = canary ]
    kelp apply --overwrite "$id"
    [ "$(cat "$dir/out/canary")" = CANARY ]
    [ "$(ls "$dir/out")" = canary ]
}

@test "another directory in the place of the one of the run is refused" {
    review -- sh -c 'echo evil >a'
    cd "$dir"
    mv ws ws2
    cp -a ws2 ws
    kelp apply "$id"
    [ "$status" = 125 ]
    says 'is not the directory any more that the run wrote to'
    [ "$(cat ws/a)" = one ]
}

@test "what cannot be an overlay is refused, never run without" {
    run --separate-stderr env XDG_STATE_HOME="$dir/ws/state" "$KELP" run --review --writable . -- sh -c 'echo evil >a'
    [ "$status" = 125 ]
    [[ $stderr == *'which lies in it'*'XDG_STATE_HOME'* ]]
    run --separate-stderr "$KELP" run --review --writable ./a -- sh -c 'echo evil >a'
    [ "$status" = 125 ]
    [[ $stderr == *'cannot keep the changes of the file'* ]]
    run --separate-stderr env XDG_STATE_HOME=/proc/self "$KELP" run --review --writable . -- sh -c 'echo evil >a'
    [ "$status" = 125 ]
    # a tmpfs without extended attributes of users, or an overlay: the reason is the kernel's
    chmod 0755 "$dir/home"
    mkdir -p "$dir/state2/kelp/reviews"
    chmod 0755 "$dir/state2/kelp/reviews"
    run --separate-stderr env XDG_STATE_HOME="$dir/state2" "$KELP" run --review --writable . -- sh -c 'echo evil >a'
    [ "$status" = 125 ]
    [[ $stderr == *'must be yours alone'* ]]
    [ "$(cat a)" = one ]
    kelp run --review nowhere true
    [ "$status" = 125 ]
}

@test "the sandbox sees no review, not its own either" {
    review --readable "$XDG_STATE_HOME" -- sh -c 'ls -A "$1/kelp/reviews"; echo x >z' sh "$XDG_STATE_HOME"
    [ -z "$output" ]
    review --readable "$XDG_STATE_HOME" -- sh -c 'cat "$1"/kelp/reviews/*/manifest' sh "$XDG_STATE_HOME"
    [ "$status" != 0 ]
}

# forges DIR: from inside, by every way that would do without a cover; "forged" where one did.
forges='cd "$1" || exit 9
    mkdir -p control || echo "no control"
    mkdir -p kelp/reviews/0123456789ab 2>/dev/null && echo forged
    { mv kelp/reviews kelp/r || mv kelp k || rmdir kelp/reviews; } 2>/dev/null && echo moved
    mkdir -p kelp/reviews/0123456789ab 2>/dev/null && echo forged
    ls -A kelp/reviews 2>/dev/null
    echo fine'

@test "no sandbox that may write around it forges a review, and nothing is left of that" {
    local options
    mkdir -p "$XDG_STATE_HOME" "$dir/links"
    ln -s "$XDG_STATE_HOME" "$dir/links/state"
    for options in "--writable $XDG_STATE_HOME" "-v $XDG_STATE_HOME:/mnt/x" "--writable $dir" \
        "--writable $dir/links/state" "-v $dir/links/state:/mnt/x"; do
        place=$XDG_STATE_HOME
        [[ $options != *:/mnt/x ]] || place=/mnt/x
        run --separate-stderr "$KELP" run $options -- sh -c "$forges" sh "$place"
        echo "$options: $output $stderr"
        [ "$output" = fine ]
        # what the control made, and no more
        [ "$(ls -A "$XDG_STATE_HOME")" = control ]
    done
    # also where more of the path is missing
    rm -r "$XDG_STATE_HOME"
    run --separate-stderr "$KELP" run --writable "$dir" -- sh -c 'cd "$1"; mkdir -p state/kelp/reviews/0123456789ab; ls -A state/kelp/reviews' sh "$dir"
    echo "$output $stderr"
    [ -z "$output" ]
    [ ! -e "$XDG_STATE_HOME" ]
    # and of a run that shows nothing of it, or to read alone, nothing is made at all
    strace -f -qq -e trace=mkdir,mkdirat -o "$dir/calls" "$KELP" run --readable "$dir" -- true
    run ! grep reviews "$dir/calls"
}

@test "a review that is there is neither seen nor changed through a share around it" {
    review -- sh -c 'echo two >a'
    run --separate-stderr "$KELP" run -v "$XDG_STATE_HOME:/mnt/x" -- sh -c 'ls -A /mnt/x/kelp/reviews; rm -rf /mnt/x/kelp/reviews/*'
    [ -z "$output" ]
    run --separate-stderr "$KELP" run --writable "$XDG_STATE_HOME" -- sh -c "$forges" sh "$XDG_STATE_HOME"
    [ "$output" = fine ]
    [ "$(ls -A "$XDG_STATE_HOME/kelp/reviews")" = "$id" ]
}

# With another XDG_STATE_HOME, as a unit of the system may have it, the reviews are those of the home.
@test "reviews of another environment are neither seen nor forged" {
    mkdir -p "$HOME/.local"
    XDG_STATE_HOME='' "$KELP" run --review -- sh -c 'echo two >a'
    run --separate-stderr "$KELP" run --writable "$HOME/.local" -- sh -c "$forges" sh "$HOME/.local/state"
    [ "$output" = fine ]
    rm -r "$HOME/.local/state"
    run --separate-stderr "$KELP" run --writable "$HOME" -- sh -c 'cd; mkdir -p .local/state/kelp/reviews/0123456789ab; ls -A .local/state/kelp/reviews'
    [ -z "$output" ]
    [ ! -e "$HOME/.local/state/kelp" ]
    # the control: a directory that is none of kelp's
    run -0 "$KELP" run --writable "$HOME" -- sh -c 'cd; mkdir -p .local/state/other/reviews; ls .local/state/other'
    [ "${lines[-1]}" = reviews ]
}

@test "the cover stays until the last sandbox that needs it has ended" {
    mkdir -p "$XDG_STATE_HOME" go
    # two that overlap: the first makes the place, and ends before the second
    "$KELP" run --writable "$XDG_STATE_HOME" -- sh -c 'echo ready; while [ ! -e go/one ]; do sleep 0.02; done' >one &
    one=$!
    until grep -q ready one; do sleep 0.02; done
    "$KELP" run --writable "$XDG_STATE_HOME" -- sh -c 'echo ready; while [ ! -e go/two ]; do sleep 0.02; done'"
        $forges" sh "$XDG_STATE_HOME" >two &
    two=$!
    until grep -q ready two; do sleep 0.02; done
    touch go/one
    wait "$one"
    [ -d "$XDG_STATE_HOME/kelp/reviews" ]
    touch go/two
    wait "$two"
    [ "$(cat two)" = $'ready\nfine' ]
    [ "$(ls -A "$XDG_STATE_HOME")" = control ]
    # a review that comes meanwhile stays
    rm go/one
    "$KELP" run --writable "$XDG_STATE_HOME" -- sh -c 'echo ready; while [ ! -e go/one ]; do sleep 0.02; done' >one &
    one=$!
    until grep -q ready one; do sleep 0.02; done
    review -- sh -c 'echo two >a'
    [ "$status" = 0 ]
    touch go/one
    wait "$one"
    kelp apply "$id"
    [ "$status" = 0 ]
    [ "$(cat a)" = two ]
}

@test "where the place cannot be made, a run that could forge there is refused" {
    mkdir -p "$XDG_STATE_HOME"
    touch "$XDG_STATE_HOME/kelp"
    run --separate-stderr "$KELP" run --writable "$XDG_STATE_HOME" -- true
    [ "$status" = 125 ]
    says "reviews could be forged in what is shared: cannot make '$XDG_STATE_HOME/kelp"
    says 'hint: set XDG_STATE_HOME to a directory that is not shared'
    run -0 "$KELP" run --readable "$XDG_STATE_HOME" -- true
    run -0 env XDG_STATE_HOME="$HOME/state" "$KELP" run --writable "$XDG_STATE_HOME" -- true
}

@test "the review of a run that was killed waits" {
    "$KELP" run --review --writable . -- sh -c 'echo two >a; echo ready; sleep 1000' >"$dir/said" 2>&1 &
    pid=$!
    until grep -q ready "$dir/said"; do sleep 0.05; done
    kill -KILL "$pid"
    wait "$pid" || true
    id=$(reviews)
    for _ in $(seq 100); do
        kelp apply "$id"
        [ "$status" = 0 ] && break
        says 'in use'
        sleep 0.05
    done
    [ "$(cat a)" = two ]
}

@test "words that are wrong have a hint that works" {
    review -- sh -c 'echo z >z'
    kelp apply
    [ "$status" = 125 ]
    says 'kelp diff lists those that wait'
    kelp diff --pach "$id"
    says "unknown option '--pach'"
    kelp diff "$id" nowhere
    [ "$status" = 125 ]
    says "has no change at 'nowhere'"
    kelp discard "$id" z
    says 'is discarded as a whole'
    kelp diff ffffffffffffff
    says 'there is no review'
    for command in diff apply discard; do
        kelp "$command" --help
        [ "$status" = 0 ]
    done
}
