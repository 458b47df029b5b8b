#!/usr/bin/env bats
# Sandboxes that are kept: what stays, for whom, and how it goes.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../image/common
load ../image/kept

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    make_rootfs root
    tar -C root -cf root.tar .
    mkdir -p other/bin
    cp root/bin/busybox other/bin/busybox
    ln -s busybox other/bin/sh
    tar -C other -cf other.tar .
}

setup() {
    enter_home
    "$KELP" import "$BATS_FILE_TMPDIR/root.tar" box
}

teardown() {
    local dir

    for dir in "$kept"/*/; do
        [ ! -d "$dir" ] || "$KELP" rm "$(basename "$dir")" || true
    done
    remove_owned "$XDG_DATA_HOME"
}

need_subids() {
    command -v newuidmap >/dev/null || skip "the machine lacks newuidmap"
}

# Starts a run of $1 that says "up" and waits; its number is in $pid.
start_run() {
    rm -f up
    "$KELP" run --network none --userns single --keep --name "$1" box sh -c 'echo up; sleep 60' >up 3>&- &
    pid=$!
    while ! grep -qs up up; do
        kill -0 "$pid"
        sleep 0.02
    done
}

@test "a later run goes on where the one before ended" {
    local before

    before=$(facts "$XDG_DATA_HOME"/kelp/store/unpacked/single/*)
    run -0 keep one box sh -c 'echo hi >/new; rm /bin/ls; mkdir /d; chmod 700 /root; ln -s x /l'
    run -0 keep one box sh -c 'cat /new; [ -e /bin/ls ] || echo gone; stat -c %a /root; rmdir /d; mkdir /bin/ls'
    assert_eq "$output" $'hi\ngone\n700'
    run -0 keep one box sh -c '[ -d /d ] || echo none; busybox ls -ld /bin/ls | cut -c1; readlink /l'
    assert_eq "$output" $'none\nd\nx'
    # another name and no name know nothing of it, nor does the store
    run -0 keep two box sh -c 'ls /'
    [[ $output != *new* ]]
    run -0 "$KELP" run --network none box sh -c 'ls /'
    [[ $output != *new* ]]
    assert_eq "$(facts "$XDG_DATA_HOME"/kelp/store/unpacked/single/*)" "$before"
}

@test "a run by a name that was kept says that it is not that one" {
    keep one box sh -c 'echo hi >/new'
    run -0 --separate-stderr "$KELP" run --network none --userns single --name one box sh -c '[ -e /new ] || echo none'
    assert_eq "$output" none
    [[ $stderr == "kelp: without --keep this run is not the sandbox 'one' that was kept: "* ]]
    assert_eq "$(wc -l <<<"$stderr")" 1
    # nothing to say of another name, or when it goes on
    run -0 --separate-stderr "$KELP" run --network none --userns single --name two box true
    assert_eq "$stderr" ""
    run -0 --separate-stderr keep one box cat /new
    assert_eq "$output$stderr" hi
}

@test "the exit status is the command's, and a failure keeps, too" {
    run -7 keep one box sh -c 'echo hi >/new; exit 7'
    run -127 keep one box no-such-program
    run -0 keep one box cat /new
    assert_eq "$output" hi
}

@test "a sandbox whose command never ran is not kept" {
    local mode modes=(single) share=$PWD/share

    tar -C "$BATS_FILE_TMPDIR/root" --owner=0 --group=0 -cf box.tar .
    "$KELP" import box.tar box
    mkdir "$share"
    echo mine >"$share/file"
    ! command -v newuidmap >/dev/null || modes+=(subids)
    for mode in "${modes[@]}"; do
        run -127 "$KELP" run --network none --userns "$mode" --keep --name typo -w /new/place \
            -v "$share:/some/where:rw" -v "$share/file:/etc/deep/file" --hostname inner box nosuch
        assert_eq "$output" "kelp: command not found: 'nosuch'"
        # what cannot be executed, and what fails earlier
        run -126 "$KELP" run --network none --userns "$mode" --keep --name typo box /etc/passwd
        run -125 "$KELP" run --network none --userns "$mode" --keep --name typo -v "$share:/etc/passwd" box true
        [ -z "$(ls -A "$kept")" ]
    done
    assert_eq "$(cat "$share/file")" mine
    # the image is nobody's
    run -0 "$KELP" rmi box
}

@test "a sandbox that was there stays when its command is mistyped" {
    keep one box true
    run -127 keep one box nosuch
    [ -d "$kept/one/upper" ]
    # also an empty directory that the user made, and one that another tool is in
    mkdir -m 700 "$kept/two"
    run -127 keep two box nosuch
    [ -d "$kept/two/upper" ]
    # one of this run whose command ran, and was killed
    run -137 keep three box sh -c 'kill -9 $$'
    [ -d "$kept/three/upper" ]
    assert_eq "$(ls -A "$kept")" $'one\nthree\ntwo'
}

@test "what cannot be taken back is told of" {
    need_subids
    # a place in a directory of a subordinate id: nobody but that one can empty it
    tar -C "$BATS_FILE_TMPDIR/root" --owner=5 --group=5 -cf owned.tar .
    "$KELP" import owned.tar owned
    mkdir share
    run -127 "$KELP" run --network none --userns subids --keep --name typo -v "$PWD/share:/etc/x" owned nosuch
    [[ ${lines[0]} == "kelp: the sandbox 'typo' stays, though nothing ran in it: cannot "* ]]
    assert_eq "${lines[1]}" "hint: \`kelp rm typo\` removes it"
    assert_eq "${lines[2]}" "kelp: command not found: 'nosuch'"
    run -0 "$KELP" rm typo
    [ -z "$(ls -A "$kept")" ]
    run -0 "$KELP" rmi owned
}

@test "what is asked for has to make sense" {
    run -125 "$KELP" run --keep box true
    assert_eq "$output" "kelp: what the run changes is to be kept, but not under what name
hint: add --name NAME"
    run -125 "$KELP" run --keep --name one -- true
    assert_refused "option '--keep' is for images"
    run -125 "$KELP" run --keep --read-only --name one box true
    assert_refused "the root is read-only"
    run -125 "$KELP" run --keep --name ../one box true
    assert_refused "cannot be the name of a sandbox"
    [ ! -e "$kept" ]
}

@test "--dry-run says where the changes go, and makes nothing" {
    run -0 "$KELP" run --keep --name one --dry-run box true
    grep -qxF "changes       kept in $kept/one" <<<"$output"
    run -0 "$KELP" run --name one --dry-run box true
    grep -qxF "changes       thrown away" <<<"$output"
    [ ! -e "$kept" ]
}

@test "one run at a time" {
    start_run one
    run -125 keep one box true
    assert_eq "$output" "kelp: the sandbox 'one' is in use by process $pid
hint: wait until it ends, or take another --name"
    run -125 "$KELP" rm one
    assert_refused "sandbox 'one' runs"
    run -0 keep two box true
    kill -TERM "$pid"
    wait "$pid" || true
    run -0 keep one box true
}

@test "after kill -9 the next run waits for what still dies" {
    local i

    for i in 1 2 3 4 5; do
        start_run one
        kill -9 "$pid"
        run -0 keep one box sh -c "echo $i >>/log; cat /log"
    done 2>/dev/null
    assert_eq "$output" $'1\n2\n3\n4\n5'
}

@test "rm is for what was kept and for what ran in the background, by one word or several" {
    "$KELP" run -d --network none --userns single --keep --name one box sh -c 'echo x >/x'
    "$KELP" run -d --network none --userns single --name other box true
    "$KELP" wait one other
    run -0 "$KELP" rm other one
    assert_eq "$output" "other
removed: one"
    [ -z "$("$KELP" ps -aq)" ]
    run -125 "$KELP" rm one
}

@test "many at once: one gets it, the others are told" {
    local i n=0 pids=()

    for i in 1 2 3 4 5 6; do
        keep one box sleep 1 >"out$i" 2>&1 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        ! wait "$i" || n=$((n + 1))
    done
    [ "$n" -ge 1 ]
    run -0 grep -h . out?
    [ -z "$(grep -v "is in use\|^hint: " <<<"$output")" ]
}

@test "it belongs to one image" {
    "$KELP" import "$BATS_FILE_TMPDIR/other.tar" other
    keep one box true
    run -125 keep one other sh
    assert_refused "the sandbox 'one' belongs to the image box:latest, sha256:"
    [[ ${lines[1]} == "hint: go on with it: kelp run --keep --name one "????????????"; or take another --name, or remove it: kelp rm one" ]]
    # the name of the image is not what counts
    "$KELP" import "$BATS_FILE_TMPDIR/root.tar" again
    run -0 keep one again true
    "$KELP" import "$BATS_FILE_TMPDIR/other.tar" box
    run -125 keep one box sh
    assert_refused "the sandbox 'one' belongs to the image box:latest"
    "$KELP" rm one
    run -0 keep one other sh -c :
}

@test "when the name of its image moves, its id goes on with it" {
    local id command

    id=$("$KELP" images --json | jq -r '.[0].id')
    keep one box sh -c 'echo kept >/new'
    "$KELP" import "$BATS_FILE_TMPDIR/other.tar" box
    run -125 keep one box sh
    assert_refused "the sandbox 'one' belongs to the image box:latest, ${id:0:19}, not to 'box', sha256:"
    command=${lines[1]#hint: go on with it: kelp run --keep --name one }
    assert_eq "${command%%;*}" "${id:7:12}"
    # nothing takes the image from it
    run -125 "$KELP" rmi "$id"
    assert_refused "is in use by the sandbox 'one'"
    run -0 "$KELP" prune
    run -0 keep one "${id:7:12}" sh -c 'cat /new'
    assert_eq "$output" kept
    run -0 --separate-stderr "$KELP" commit one box
    [[ $stderr == "kelp: the name 'box:latest' stood for another image before: '"* ]]
    run -125 keep one box sh
    run -0 keep one "${id:7:12}" sh -c 'cat /new'
    # one that began by the id
    run -0 keep two "$id" sh -c 'echo kept >/new'
    run -0 keep two "${id:7:20}" sh -c 'cat /new'
    "$KELP" rm one
    run -125 "$KELP" rmi "$id"
    assert_refused "is in use by the sandbox 'two'"
    "$KELP" commit two again >/dev/null
    run -0 "$KELP" run --network none --userns single again cat /new
    assert_eq "$output" kept
}

@test "a plain directory works as well" {
    run -0 keep one "$BATS_FILE_TMPDIR/root" sh -c 'echo x >/x'
    run -0 keep one "$BATS_FILE_TMPDIR/root" sh -c 'cat /x'
    assert_eq "$output" x
    [ ! -e "$BATS_FILE_TMPDIR/root/x" ]
    run -125 keep one "$BATS_FILE_TMPDIR/other" sh
    assert_refused "belongs to the directory '$BATS_FILE_TMPDIR/root'"
    run -125 keep one box true
    assert_refused "belongs to the directory '$BATS_FILE_TMPDIR/root'"
}

@test "with one id the user can remove it by hand, after kill -9 too" {
    keep one box sh -c 'mkdir -p /a/b; echo x >/a/b/c; rm /bin/ls'
    start_run two
    kill -9 "$pid"
    wait "$pid" 2>/dev/null || true
    [ "$(stat -c %a "$kept/one" "$kept/two")" = $'700\n700' ]
    [ -z "$(find "$kept" -type d ! -perm -700)" ]
    rm -rf "$kept/one" "$kept/two"
    [ -z "$(ls -A "$kept")" ]
}

@test "a full file system: which one, and nothing is kept" {
    mkdir small
    # shellcheck disable=SC2016 # for the inner shell
    run -125 unshare -Urm sh -c 'export XDG_DATA_HOME=$PWD/small
        mount -t tmpfs -o size=16m,mode=700 none small && "$1" import "$2" box >/dev/null || exit 1
        cat /dev/zero >small/fill 2>/dev/null
        "$1" run --network none --userns single --keep --name one box true
        status=$?
        ls -A small/kelp/kept >left
        exit $status' sh "$KELP" "$BATS_FILE_TMPDIR/other.tar"
    assert_refused "cannot keep the sandbox 'one': cannot write 'lock': No space left on device"
    [[ ${lines[1]} == "hint: the file system of '$PWD/small/kelp/kept/one' is full: "* ]]
    [ ! -s left ]
}

@test "a read-only file system: which one, and what helps" {
    # shellcheck disable=SC2016 # for the inner shell
    run -125 unshare -Urm sh -c 'export XDG_DATA_HOME=$PWD/closed
        mkdir closed && "$1" import "$2" box >/dev/null &&
        mount --bind closed closed && mount -o remount,bind,ro closed || exit 1
        "$1" run --network none --userns single box true || exit 2
        exec "$1" run --network none --userns single --keep --name one box true' sh \
        "$KELP" "$BATS_FILE_TMPDIR/root.tar"
    assert_refused "cannot keep the sandbox 'one': cannot make '$PWD/closed/kelp/kept': Read-only file system"
    [[ ${lines[1]} == "hint: the file system of '$PWD/closed/kelp/kept/one' is read-only; with XDG_DATA_HOME=DIR images and sandboxes lie elsewhere: import the image there first" ]]
    # as it says
    export XDG_DATA_HOME=$PWD/elsewhere
    "$KELP" import "$BATS_FILE_TMPDIR/root.tar" box >/dev/null
    run -0 "$KELP" run --network none --userns single --keep --name one box true
}

# Runs kelp with a full standard output: one line, $1, and no hint of the store.
unprinted() {
    local wanted=$1

    shift
    run -125 --separate-stderr sh -c '"$@" >/dev/full' sh "$KELP" "$@"
    assert_eq "$stderr" "kelp: $wanted: No space left on device"
}

@test "output that cannot be written is not the store's failing, and what was done is said" {
    local lost="the removal is done, but it cannot be printed"

    keep one box sh -c 'echo one >/one'
    unprinted "cannot write the list" images
    unprinted "cannot write the list" images -q
    unprinted "cannot write the list" images --json
    unprinted "the import is done, but the image's id cannot be printed" \
        import "$BATS_FILE_TMPDIR/other.tar" other
    unprinted "the commit is done, but the image's id cannot be printed" commit one made
    unprinted "$lost" rmi other
    unprinted "$lost" rm one
    run -0 "$KELP" images
    [[ $output == *"made:latest "* && $output != *"other"* ]]
    run -125 "$KELP" rm one
    assert_refused "there is no sandbox 'one'"
    unprinted "cannot write what would be removed" prune --dry-run
    "$KELP" rmi made
    echo x >"$STORE/blobs/sha256/$(printf '%064d' 1)"
    unprinted "$lost" prune
    XDG_DATA_HOME=$PWD/none unprinted "there was nothing to remove, which cannot be printed" prune
    echo x >"$STORE/names/damaged"
    unprinted "cannot write what was found" verify
    rm "$STORE/names/damaged"
}

@test "somebody else's directory, an open one and a symlink are refused" {
    mkdir -p "$kept" elsewhere
    chmod 700 elsewhere
    mkdir -m 755 "$kept/open"
    run -125 keep open box true
    assert_refused "'$kept/open' is open to others (mode 755)"
    assert_eq "${lines[1]}" "hint: chmod 700 '$kept/open'"
    # the same of whoever wants to remove it, or to make an image of it
    run -125 "$KELP" rm open
    assert_eq "$output" "kelp: the directory of the sandbox 'open' is not yours alone
hint: chmod 700 '$kept/open'"
    run -125 "$KELP" commit open made
    assert_eq "${lines[1]}" "hint: chmod 700 '$kept/open'"
    rmdir "$kept/open"
    ln -s "$PWD/elsewhere" "$kept/link"
    run -125 keep link box true
    assert_refused "cannot open '$kept/link'"
    rm "$kept/link"
    ln -s / "$kept/root"
    run -125 "$KELP" rm root
    assert_refused "cannot open the sandbox 'root'"
    rm "$kept/root"
    [ -z "$(ls -A elsewhere)" ]
}

@test "the image stays as long as it is needed" {
    "$KELP" import "$BATS_FILE_TMPDIR/root.tar" again
    keep one box true
    # a name may go, the last one not
    run -0 "$KELP" rmi again
    run -125 "$KELP" rmi box
    assert_eq "$output" "kelp: the image 'box:latest' is in use by the sandbox 'one', which is kept
hint: \`kelp rm one\` removes it"
    run -0 keep one box true
    run -0 "$KELP" rm one
    assert_eq "$output" "removed: one"
    run -0 "$KELP" rmi box
    [ -z "$(ls -A "$XDG_DATA_HOME/kelp/store/unpacked/single")" ]
}

@test "prune leaves the image, too, also when its name is gone" {
    local id

    id=$("$KELP" images --json | jq -r '.[0].id')
    keep one box sh -c 'echo hi >/new'
    "$KELP" import "$BATS_FILE_TMPDIR/other.tar" box
    for option in --max-size=0 --all; do
        run -0 "$KELP" prune "$option"
        grep -qxF "kelp: the image '${id#sha256:}' is in use by the sandbox 'one', which is kept" <<<"$output"
        assert_eq "$("$KELP" images --json | jq -r '.[].id')" "$id"
    done
    "$KELP" commit one again >/dev/null
    run -0 "$KELP" run --network none --userns single again cat /new
    assert_eq "$output" hi
    "$KELP" rm one
    run -0 "$KELP" prune
    grep -qxF "deleted: $id" <<<"$output"
    run -0 "$KELP" run --network none --userns single again cat /new
}

@test "what ran in the background gives its name back, and what was kept under it stays" {
    local id

    id=$("$KELP" run -d --network none --userns single --keep --name one box sh -c 'echo x >/x')
    run -0 "$KELP" wait one
    run -125 keep one box cat /x
    assert_refused "there is a sandbox 'one' already, which has ended"
    assert_eq "${lines[1]}" "hint: \`kelp rm $id\` frees the name; \`kelp rm one\` also removes what --keep has kept under it"
    run -0 "$KELP" rm "$id"
    run -0 keep one box cat /x
    assert_eq "$output" x
    run -0 "$KELP" rm one
    [ -z "$(ls -A "$kept")" ]
}

@test "rm: what is not there, and all or nothing" {
    export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/session
    mkdir -m 0700 "$XDG_RUNTIME_DIR"
    run -125 "$KELP" rm one
    assert_eq "$output" "kelp: there is no sandbox 'one'
hint: kelp ps -a lists those of '$XDG_RUNTIME_DIR/kelp'"
    keep one box true
    keep two box true
    run -125 "$KELP" rm ome
    assert_eq "$output" "kelp: there is no sandbox 'ome'
hint: did you mean 'one'"
    run -125 "$KELP" rm xyzzy
    assert_eq "${lines[1]}" "hint: kelp ps -a lists those of '$XDG_RUNTIME_DIR/kelp'; these are kept: one two"
    run -125 "$KELP" rm -- ''
    assert_eq "$output" "kelp: the name of the sandbox is empty"
    for name in .. . ../kept one/upper .gone-1 "$(printf 'a\033[31m')"; do
        run -125 "$KELP" rm -- "$name"
        assert_refused "there is no sandbox '"
        [[ $output != *$'\e'* ]]
    done
    run -125 "$KELP" rm one none
    run -125 "$KELP" rm one one
    assert_refused "'one' is named twice"
    [ "$(ls "$kept" | wc -l)" = 2 ]
    run -0 "$KELP" rm one two
    [ -z "$(ls -A "$kept")" ]
}

@test "rm and commit: which there are to name" {
    export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/session
    mkdir -m 0700 "$XDG_RUNTIME_DIR"
    run -125 "$KELP" rm
    assert_refused "'kelp rm' needs the NAME or ID of a sandbox"
    [[ ${lines[1]} == "hint: kelp rm --help; kelp ps -a lists the sandboxes" ]]
    keep w box true
    run -125 "$KELP" rm
    [[ ${lines[1]} == "hint: kelp rm --help; kelp ps -a lists the sandboxes; these are kept: w" ]]
    run -125 "$KELP" commit w
    [[ ${lines[1]} == "hint: kelp commit --help; these are kept: w" ]]
    # one letter is no slip for another
    run -125 "$KELP" rm g
    assert_eq "$output" "kelp: there is no sandbox 'g'
hint: kelp ps -a lists those of '$XDG_RUNTIME_DIR/kelp'; these are kept: w"
}

@test "rm: several at once do not stand in each other's way" {
    local i pids=()

    for i in 1 2 3 4; do
        keep "box$i" box sh -c 'for a in 1 2 3 4 5 6 7 8 9; do for b in 1 2 3 4 5 6 7 8 9; do
            for c in 1 2 3; do mkdir -p "/d/$a/$b/$c"; : >"/d/$a/$b/$c/f"; done; done; done'
    done
    for i in 1 2 3 4; do
        "$KELP" rm "box$i" >"out$i" 2>&1 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i" || {
            cat out?
            false
        }
    done
    [ -z "$(ls -A "$kept")" ]
}

# Starts `kelp-image "$@"`, held up when it has opened the sandbox 'one' and is about to lock it.  Its
# number is in $slow.
start_slow() {
    rm -f trace
    strace -f -qq -o trace -P "$kept/one/lock" -e trace=flock -e inject=flock:delay_enter=3000000 \
        unshare -Ur "$KELP_IMAGE" --store "$XDG_DATA_HOME/kelp/store" "$@" >slow.out 2>&1 3>&- &
    slow=$!
    while [ "$(grep -cs 'flock(' trace)" != 1 ]; do
        kill -0 "$slow"
        sleep 0.02
    done
}

# It must fail, and say so.
end_slow() {
    local status=0

    wait "$slow" || status=$?
    cat slow.out
    [ "$status" = 125 ]
    [[ $(cat slow.out) == *"$1"* ]]
}

@test "rm and commit: the name went to another sandbox before the lock was had" {
    command -v strace >/dev/null || skip "the machine lacks strace"
    local command

    for command in 'forget one' 'commit one made'; do
        keep one box sh -c 'echo old >/old'
        # shellcheck disable=SC2086 # words
        start_slow $command
        "$KELP" rm one
        keep one box sh -c 'echo new >/new'
        end_slow "the sandbox 'one' was removed and made anew meanwhile"
        run -0 keep one box cat /new
        assert_eq "$output" new
        "$KELP" rm one
    done
    keep one box true
    start_slow forget one
    "$KELP" rm one
    end_slow "no sandbox 'one' is kept"
}

@test "a run that is refused takes nothing back that went to another" {
    command -v strace >/dev/null || skip "the machine lacks strace"
    local slow status=0

    "$KELP" import "$BATS_FILE_TMPDIR/other.tar" other
    # held up between making the directory and locking it, while another run gets the name
    strace -f -qq -o trace -e trace=flock -e inject=flock:delay_enter=2000000 \
        "$KELP" run --network none --userns single --keep --name one other sh -c : >slow.out 2>&1 3>&- &
    slow=$!
    while [ ! -d "$kept/one" ]; do
        kill -0 "$slow"
        sleep 0.02
    done
    run -0 keep one box sh -c 'echo work >/work'
    wait "$slow" || status=$?
    cat slow.out
    [ "$status" = 125 ]
    [[ $(cat slow.out) == *"the sandbox 'one' belongs to the image box:latest"* ]]
    run -0 keep one box cat /work
    assert_eq "$output" work
}

@test "rm: directories without permissions, and very deep ones" {
    run -0 keep one box sh -c '
        mkdir /a; echo x >/a/b; chmod 000 /a; mkdir -p /r/o; echo x >/r/o/f; chmod 555 /r/o /r
        cd /; i=0
        while [ $i -lt 700 ]; do mkdir deep && cd deep || exit 1; echo x >f; i=$((i+1)); done'
    run -0 "$KELP" rm one
    [ -z "$(ls -A "$kept")" ]
}

@test "rm: what an earlier one left half done goes, too" {
    keep one box sh -c 'mkdir /a; chmod 000 /a'
    mv "$kept/one" "$kept/.gone-1"
    keep two box true
    run -125 "$KELP" rm one
    run -0 "$KELP" rm two
    [ -z "$(ls -A "$kept")" ]
}

@test "subordinate ids: files of theirs stay, and rm removes them" {
    need_subids
    run -0 "$KELP" run --network none --userns subids --keep --name one box sh -c \
        'mkdir /o; echo x >/o/f; chown -R 5:6 /o; chmod 700 /o'
    run -0 "$KELP" run --network none --userns subids --keep --name one box sh -c 'stat -c %u:%g /o /o/f'
    assert_eq "$output" $'5:6\n5:6'
    # without them nobody could say whose they are
    run -125 keep one box true
    assert_refused "has files of subordinate ids"
    # who asked for one id is told to leave that out
    assert_eq "${lines[1]}" "hint: leave --userns single out"
    run -125 "$KELP" run --network none --fake-root on --keep --name one box true
    assert_refused "has files of subordinate ids"
    assert_eq "${lines[1]}" "hint: leave --fake-root on out"
    run -0 "$KELP" run --network none --keep --name one box true
    run -0 "$KELP" rm one
    [ -z "$(ls -A "$kept")" ]
}

@test "a rest of a sandbox: no run goes on with it, and rm removes it" {
    local mode

    for mode in single subids; do
        [ "$mode" = single ] || command -v newuidmap >/dev/null || continue
        run -0 "$KELP" run --network none --userns "$mode" --keep --name one box sh -c \
            'mkdir /o; echo x >/o/f; [ "$1" = single ] || { chown -R 5:6 /o; chmod 700 /o; }' sh "$mode"
        # as rm -rf, or a part of it, leaves it
        rm -f "$kept/one"/{image,lock,made,subids}
        run -125 "$KELP" run --network none --userns "$mode" --keep --name one box true
        assert_eq "$output" "kelp: the sandbox 'one' is damaged: it lacks the record of the image that it belongs to
hint: kelp rm one"
        [ ! -e "$kept/one/image" ]
        run -125 "$KELP" commit one made
        assert_refused
        run -0 "$KELP" rm one
        assert_eq "$output" "removed: one"
        [ -z "$(ls -A "$kept")" ]
    done
    # one that was not begun is
    mkdir -m 700 "$kept/one"
    touch "$kept/one/lock"
    run -0 keep one box true
}

@test "what kelp itself made is on a list, once" {
    keep one "$BATS_FILE_TMPDIR/other" sh -c :
    run -0 tr '\0' '\n' <"$kept/one/made"
    assert_eq "$(sed -E 's/ [0-9]+( [0-9.]+)? / /' <<<"$output" | sort)" "d /dev
d /etc
d /proc
d /sys
f /etc/group
f /etc/hostname
f /etc/hosts
f /etc/passwd
f /etc/resolv.conf"
    keep one "$BATS_FILE_TMPDIR/other" sh -c :
    [ "$(tr '\0' '\n' <"$kept/one/made")" = "$output" ]
}

@test "inside nothing tells where it lies" {
    run -0 keep one box sh -c 'cat /proc/self/mountinfo; ls -lA /proc/1/fd /proc/self/fd 2>&1 || true'
    [[ $output != *"$XDG_DATA_HOME"* ]]
}
