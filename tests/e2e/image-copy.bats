#!/usr/bin/env bats
# Where no overlay can be mounted: a run on a copy of the image's files.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../image/common
load ../lib/escape
load ../lib/trace

setup_file() {
    command -v strace >/dev/null || skip "the machine lacks strace"
    cd "$BATS_FILE_TMPDIR" || return 1
    make_rootfs root
    mkdir -p root/opt/keep root/opt/drop root/opt/replaced root/opt/file root/closed root/opt/attrs
    mkdir -p "root/opt/$(printf 'd/%.0s' {1..120})end"
    echo a >root/opt/keep/a
    echo b >root/opt/keep/b
    ln root/opt/keep/b root/opt/link
    echo d >root/opt/drop/d
    echo e >root/opt/replaced/e
    chmod 4755 root/opt/keep/a
    chmod 700 root/closed
    mkfifo root/opt/fifo
    truncate -s 1M root/opt/hole
    touch -d '2001-02-03 04:05:06' root/opt/keep/b root/opt/keep
    setfattr -n user.low -v 1 root/opt/attrs
    setfattr -n user.file -v 'of a file' root/opt/keep/b
    tar -C root --xattrs -cf root.tar .
    # many layers, so that the last call for the overlay comes later than any for another file system
    python3 -B - "$KELP_SRC/tests/image" <<'END'
import io, sys, tarfile
sys.path.insert(0, sys.argv[1])
import layout

def tar(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name, data, mode, *attrs in entries:
            info = tarfile.TarInfo(name)
            info.mode = mode
            info.pax_headers = {f"SCHILY.xattr.{key}": value for key, value in attrs}
            if data is None:
                info.type = tarfile.DIRTYPE
                t.addfile(info)
            elif isinstance(data, str):
                info.type, info.linkname = tarfile.SYMTYPE, data
                t.addfile(info)
            else:
                info.size = len(data)
                t.addfile(info, io.BytesIO(data))
    return out.getvalue()

layers = [open("root.tar", "rb").read()]
layers += [tar([(f"opt/n/{i}", b"%d\n" % i, 0o644), ("opt/last", b"%d\n" % i, 0o644)])
           for i in range(13)]
layers.append(tar([("opt/keep/a", b"changed\n", 0o644), ("opt/.wh.drop", b"", 0),
                   ("opt/replaced", None, 0o755), ("opt/replaced/.wh..wh..opq", b"", 0),
                   ("opt/replaced/new", b"new\n", 0o644), ("opt/.wh.file", b"", 0),
                   ("opt/attrs", None, 0o700, ("user.high", "2")),
                   ("opt/attrs/new", b"new", 0o444, ("user.of", "new")),
                   ("opt/more", None, 0o2755), ("opt/sym", "keep", 0o777),
                   ("opt/secret", b"s\n", 0), ("bin/ls2", b"", 0o755), ("opt/n/.wh.3", b"", 0)]))
layout.Layout(layers).write("layout")
END
    export XDG_DATA_HOME=$PWD/data
    "$KELP" import layout box >id
    "$KELP" import root.tar plain
    traced -e trace=fsconfig "$KELP" run --network none --userns single box true
    # the second file system that pid 1 creates is the overlay: which of its calls is that
    awk '/fsconfig\(/ { n[$1]++ } /fsconfig\(.*CMD_CREATE/ && ++created[$1] == 2 { print n[$1]; exit }' trace >number
    [ "$(cat number)" -ge 18 ]
    # and that which follows the first names the uppermost layer
    awk '/fsconfig\(/ { n[$1]++ } /fsconfig\(.*CMD_CREATE/ { print n[$1] + 1; exit }' trace >first-layer
    [ "$(cat first-layer)" -lt "$(cat number)" ]
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    export HOME=$PWD/home XDG_DATA_HOME=$BATS_FILE_TMPDIR/data
    mkdir home
    STORE=$XDG_DATA_HOME/kelp/store
}

teardown() {
    [ -z "${kelp:-}" ] || kill -9 "$kelp" 2>/dev/null || true
    [ -z "${tracer:-}" ] || wait "$tracer" || true
}

# Runs kelp on a kernel that refuses the overlay with the error $1, and nothing else.
refusing() {
    local error=$1
    shift

    strace -f -qq -o /dev/null -e trace=fsconfig \
        -e inject=fsconfig:error="$error":when="$(cat "$BATS_FILE_TMPDIR/number")" "$KELP" "$@"
}

box() {
    refusing EPERM run --network none --userns single "$@"
}

# Starts a run on a copy of what the script $1 does after it has said "up"; kelp's number in $kelp.
start_run() {
    rm -f up
    box box sh -c "echo up; $1" >up 2>/dev/null 3>&- &
    tracer=$!
    while ! grep -qs up up; do
        kill -0 "$tracer"
        sleep 0.05
    done
    find_kelp
}

# The kelp that $tracer traces, in $kelp.
find_kelp() {
    kelp=$(pgrep -P "$(pgrep -P "$tracer" strace || echo "$tracer")" -x kelp | head -n 1)
    [ -n "$kelp" ]
}

await_empty() {
    timeout 20 sh -c 'while [ -n "$(ls -A "$1")" ]; do sleep 0.1; done' sh "$1" || {
        ls -A "$1"
        return 1
    }
}

# Runs "$@" with the store on a file system that the kernel takes no overlay of: two may be stacked
# and no more.  Whiteouts do not show there.  What is written has the size $1; $IDS: options of unshare.
with_odd_store() {
    # shellcheck disable=SC2086 # words
    unshare ${IDS:--Ur} -m sh -c '
        mkdir -p odd && mount -t tmpfs -o size="$1" none odd && cd odd && mkdir a b u w x y &&
        mount -t overlay none -o "userxattr,lowerdir=$2,upperdir=u,workdir=w" a &&
        mount -t overlay none -o "userxattr,lowerdir=a,upperdir=x,workdir=y" b || exit 99
        export XDG_DATA_HOME=$PWD/b
        shift 2
        "$@"
        code=$?
        [ -z "$(ls -A b/kelp/store/tmp)" ] || exit 98
        exit $code' sh "$1" "$BATS_FILE_TMPDIR/data" "${@:2}"
}

said="kelp: cannot create 'overlay': .*; using a copy of the image's files, which takes longer"

@test "it runs, and says so once, for each way of refusing" {
    local error

    for error in EPERM ENODEV; do
        run -0 --separate-stderr refusing $error run --network none --userns single box \
            sh -c 'cat /opt/keep/a; ls /opt; ls /opt/n | wc -l; id -u'
        assert_eq "$output" $'changed\nattrs\nd\nfifo\nhole\nkeep\nlast\nlink\nmore\nn\nreplaced\nsecret\nsym\n12\n0'
        [[ $stderr =~ ^$said$ ]]
    done
    # what is no refusal is an error
    run -125 refusing ENOMEM run --network none --userns single box true
    assert_refused "Cannot allocate memory"
    [ -z "$(ls -A "$STORE/tmp")" ]
}

# An image of the root and $1 layers more, as $2; each changes one file, and adds one.
import_layers() {
    python3 -B - "$KELP_SRC/tests/image" "$BATS_FILE_TMPDIR/root.tar" "$1" <<'END'
import io, sys, tarfile
sys.path.insert(0, sys.argv[1])
import layout

def layer(i):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name in "opt/last", f"opt/n/{i}":
            info = tarfile.TarInfo(name)
            info.size = len(b"%d" % i)
            t.addfile(info, io.BytesIO(b"%d" % i))
    return out.getvalue()

layers = [open(sys.argv[2], "rb").read()] + [layer(i) for i in range(1, int(sys.argv[3]) + 1)]
layout.Layout(layers).write("layers")
END
    "$KELP" import layers "$2"
    rm -r layers
}

# Runs an image where an overlay takes no layer by itself, as before Linux 6.5.
joined() {
    strace -f -qq -o /dev/null -e trace=fsconfig \
        -e inject=fsconfig:error=EINVAL:when="$(cat "$BATS_FILE_TMPDIR/first-layer")" \
        "$KELP" run --network none --userns single "$@"
}

@test "a kernel that takes all layers in one string overlays seventy, and no hundred" {
    import_layers 70 many
    run -0 --separate-stderr joined many sh -c 'cat /opt/last; echo; ls /opt/n | wc -l; ls /opt/keep'
    assert_eq "$output" $'70\n70\na\nb'
    assert_eq "$stderr" ""
    # as where it takes each by itself
    run -0 --separate-stderr joined --workdir /opt/keep many sh -c 'pwd; ls'
    assert_eq "$output" $'/opt/keep\na\nb'
    assert_eq "$stderr" ""
    # and where the current directory cannot be searched
    mkdir closed
    cd closed || return 1
    chmod 000 .
    run -0 --separate-stderr joined many cat /opt/last
    cd "$BATS_TEST_TMPDIR" || return 1
    chmod 700 closed
    assert_eq "$output" 70
    assert_eq "$stderr" ""
    import_layers 110 more
    # a run on a copy would mount something else by that call: one that keeps its changes tells of it
    run -125 joined --keep --name one more true
    assert_refused "cannot overlay 111 layers"
    [[ $output == *"hint: without --keep a copy of the image's files would do" ]]
}

@test "the files are those that an overlay shows" {
    local copied script='cd / && find . -path ./proc -prune -o -path ./sys -prune -o -path ./dev -prune -o \
        -path ./etc -prune -o -path . -o -print0 | sort -z | xargs -0 stat -c "%n %F %a %u %g" | sort
        cat /opt/secret /opt/last; md5sum /opt/hole /opt/keep/* /opt/replaced/*; stat -c %Y /opt/keep/b /opt/keep
        [ /opt/keep/b -ef /opt/link ] && echo one file; stat -c %s /opt/hole'

    run -0 --separate-stderr box box sh -c "$script"
    copied=$output
    run -0 --separate-stderr "$KELP" run --network none --userns single box sh -c "$script"
    assert_eq "$copied" "$output"
    [[ $copied == *"one file"* ]]
    [ "$(wc -l <<<"$copied")" -gt 100 ]
}

@test "attributes, links and times of all of them" {
    local seen script='python3 -B "$KELP_SRC/tests/image/facts.py" "$TOP"
        cd "$TOP" && find . -print0 | sort -z | xargs -0 getfattr -hd -m - && stat -c "%n %a %Y" attrs d fifo sym'

    start_run 'sleep 60'
    seen=$(TOP=$(echo "$STORE"/tmp/*/root)/opt unshare -Ur sh -c "$script")
    assert_eq "$seen" "$(merged "$(cat "$BATS_FILE_TMPDIR/id")" sh -c "TOP=\$MERGED/opt; $script")"
    [[ $seen == *'user.high="2"'*'user.file="of a file"'* && $seen != *user.low* && $seen == *"link of "* ]]
    kill -9 "$kelp"
    wait "$tracer" || true
}

@test "what a run changes is gone, and the store is as it was" {
    local before

    before=$(find "$STORE" -not -path '*/tmp*' -not -name lock -printf '%p %m %s %T@ %C@\n' | sort)
    run -0 box box sh -c '
        echo x >/opt/keep/a; echo y >>/opt/hole; chmod 777 /opt/keep/b; rm -r /opt/replaced /bin/ls
        chmod 000 /closed; mkdir -p /d/e; chmod 555 /d'
    run -0 box box sh -c 'cat /opt/keep/a; ls /opt/replaced; stat -c %a /opt/keep/b; [ -e /d ] || echo gone'
    [[ $output == *$'changed\nnew\n644\ngone' ]]
    assert_eq "$(find "$STORE" -not -path '*/tmp*' -not -name lock -printf '%p %m %s %T@ %C@\n' | sort)" "$before"
    [ -z "$(ls -A "$STORE/tmp")" ]
}

@test "nothing is left, whatever ends it" {
    run -3 box box sh -c 'exit 3'
    [ -z "$(ls -A "$STORE/tmp")" ]
    run -124 refusing EPERM run --network none --userns single --timeout 1s box sleep 60
    [ -z "$(ls -A "$STORE/tmp")" ]
    run -127 box box no-such-program
    [ -z "$(ls -A "$STORE/tmp")" ]
    # also what denies its owner, and what is deeper than there are descriptors
    run -0 box box sh -c '
        i=0; while [ $i -lt 400 ]; do mkdir d; cd d; i=$((i+1)); done; chmod 000 /closed /opt /d'
    [ -z "$(ls -A "$STORE/tmp")" ]
    start_run 'sleep 60'
    [ -n "$(ls -A "$STORE/tmp")" ]
    kill -9 "$kelp"
    await_empty "$STORE/tmp"
}

@test "kelp is killed while the command writes" {
    start_run 'for n in 1 2 3 4; do (i=0; while :; do mkdir -p /x/$n.$i/y; i=$((i+1)); done) & done; wait'
    kill -9 "$kelp"
    wait "$tracer" || true
    await_empty "$STORE/tmp"
}

# Starts a run whose copy takes a minute to be made.
start_copy() {
    strace -f -qq -o /dev/null -e trace=fsconfig,symlinkat -e inject=symlinkat:delay_enter=200ms \
        -e inject=fsconfig:error=EPERM:when="$(cat "$BATS_FILE_TMPDIR/number")" \
        "$KELP" run --network none --userns single box true >said 2>&1 3>&- &
    tracer=$!
    while [ -z "$(find "$STORE/tmp" -path '*/root/*' 2>/dev/null)" ]; do
        kill -0 "$tracer"
        sleep 0.05
    done
    find_kelp
    helper=$(pgrep -P "$kelp" -x kelp-image)
}

@test "kelp is killed while the copy is made" {
    start_copy
    kill -9 "$kelp"
    wait "$tracer" || true
    await_empty "$STORE/tmp"
}

@test "the helper is killed while it makes the copy" {
    start_copy
    kill -9 "$helper"
    wait "$tracer" || code=$?
    [ "$code" = 125 ]
    # a tracer has its own opinion of what was killed
    run -0 grep -v '^strace: ' said
    [[ ${lines[0]} =~ ^$said$ ]]
    [ "${lines[1]}" = "kelp: kelp-image ended with status 137" ]
    [ ${#lines[@]} = 2 ]
    # the next run on a copy sweeps
    [ -n "$(ls -A "$STORE/tmp")" ]
    run -0 box box true
    [ -z "$(ls -A "$STORE/tmp")" ]
}

@test "a copy whose helper was killed goes with the next prune, not before its run" {
    start_run 'i=0; while [ $i -lt 400 ]; do mkdir d; cd d; i=$((i+1)); done; chmod 000 /closed /opt /d; echo made; sleep 60'
    while ! grep -qs made up; do
        kill -0 "$tracer"
        sleep 0.05
    done
    kill -9 "$(pgrep -P "$kelp" -x kelp-image)"
    "$KELP" import "$BATS_FILE_TMPDIR/root.tar" other
    "$KELP" prune
    [ -n "$(ls -A "$STORE/tmp")" ]
    kill -9 "$kelp"
    wait "$tracer" || true
    "$KELP" prune
    [ -z "$(ls -A "$STORE/tmp")" ]
}

@test "a helper that is gone at the end of a run is told of, and the status is the command's" {
    box box sh -c 'echo up; read -r line; exit 3' >up 2>said 3>&- < <(while [ ! -e go ]; do sleep 0.05; done) &
    tracer=$!
    while ! grep -qs up up; do
        kill -0 "$tracer"
        sleep 0.05
    done
    find_kelp
    kill -9 "$(pgrep -P "$kelp" -x kelp-image)"
    touch go
    wait "$tracer" || code=$?
    [ "$code" = 3 ]
    run -0 tail -n 2 said
    assert_eq "$output" "kelp: the copy of the image's files may not be gone: kelp-image ended with status 137
hint: what is left of it goes with \`kelp prune\`"
    "$KELP" prune
    [ -z "$(ls -A "$STORE/tmp")" ]
}

@test "the image is in use, and the copy is nobody else's" {
    start_run 'sleep 60'
    run -125 "$KELP" rmi box
    assert_refused "is in use by process $kelp"
    "$KELP" prune
    "$KELP" verify
    kill -0 "$tracer"
    [ -n "$(ls -A "$STORE/tmp")" ]
    kill -9 "$kelp"
    await_empty "$STORE/tmp"
}

@test "shares, and a root that is read-only" {
    mkdir shared
    run -0 box -v "$PWD/shared:/a/b" box sh -c 'echo x >/a/b/x; echo y >/y'
    [ "$(cat shared/x)" = x ]
    # nothing is made in what is shared, though it lies in the file system of the copy
    run -125 box -v "$PWD/shared:/a" -v "$PWD/home:/a/none" box true
    [[ $output == *"nothing is made in what is shared"* ]]
    [ ! -e shared/none ]
    run box --read-only box sh -c 'echo x >/x'
    [[ $output == *"Read-only file system"* ]]
}

@test "the kernel's own refusal, of a store" {
    run -0 with_odd_store 100m "$KELP" run --network none --userns single plain sh -c 'cat /opt/keep/a; ls /opt/replaced; echo x >/x'
    [[ ${lines[0]} =~ ^$said$ ]]
    [ "${lines[1]}" = a ]
    [ "${lines[2]}" = e ]
    [ ${#lines[@]} = 3 ]
}

@test "the kernel's own refusal, of a plain directory" {
    cp -r "$BATS_FILE_TMPDIR/root" .
    run -0 unshare -Urm sh -c '
        mkdir -p top && mount -t tmpfs none top && mkdir top/a top/b top/u top/w top/x top/y &&
        mount -t overlay none -o "userxattr,lowerdir=root,upperdir=top/u,workdir=top/w" top/a &&
        mount -t overlay none -o "userxattr,lowerdir=top/a,upperdir=top/x,workdir=top/y" top/b &&
        "$KELP" run --network none --userns single ./top/b sh -c "cat /opt/keep/a; echo x >/x" &&
        [ ! -e top/b/x ]'
    [[ ${lines[0]} =~ ^$said$ ]]
    [ "${lines[1]}" = a ]
    [ -z "$(ls -A "$STORE/tmp")" ]
    # what is mounted in it shows in no overlay, and is not taken into a copy
    run -125 unshare -Urm sh -c '
        mount -t tmpfs none root/sys && "$KELP" run --network none --userns single ./root true'
    [[ ${lines[0]} =~ ^$said$ ]]
    [ "${lines[1]}" = "kelp: cannot copy the image's files: cannot open 'sys': Invalid cross-device link" ]
    [ "${lines[2]}" = "hint: something is mounted there: an archive of the root will do" ]
    [ -z "$(ls -A "$STORE/tmp")" ]
}

@test "a copy that cannot be made is an error, and leaves nothing" {
    run -125 with_odd_store 1m "$KELP" run --network none --userns single box true
    [[ ${lines[0]} =~ ^$said$ ]]
    [[ ${lines[1]} == "kelp: cannot copy the image's files: cannot write '"*"': No space left on device" ]]
    [[ ${lines[2]} == "hint: the file system of '$PWD/odd/b/kelp/store' is full: "* ]]
    [ ${#lines[@]} = 3 ]
}

@test "what is to be kept needs an overlay" {
    run -125 box --keep --name one box true
    assert_refused "cannot create 'overlay'"
    [[ $output == *"hint: without --keep a copy of the image's files would do" ]]
    [[ $output != *"using a copy"* ]]
    # nothing is left of it
    [ -z "$(ls -A "$XDG_DATA_HOME/kelp/kept")" ]
}

@test "subordinate ids need an overlay, and auto says that it comes down to one" {
    has_subids || skip "the machine lacks subordinate ids of this user"
    local odd='mkdir etc && echo root:1:60000 >etc/sub && mount --bind etc/sub /etc/subuid &&
        mount --bind etc/sub /etc/subgid && exec "$@"'

    export IDS="-r --map-auto"
    run -0 with_odd_store 100m sh -c "$odd" sh "$KELP" run --network none plain sh -c 'cat /opt/keep/a; wc -l </proc/self/uid_map'
    [[ ${lines[0]} =~ ^$said", and one id"$ ]]
    [ "${lines[1]}" = a ]
    [ "${lines[2]}" = 1 ]
    run -125 with_odd_store 100m sh -c "$odd" sh "$KELP" run --network none --userns subids plain true
    assert_refused "cannot create 'overlay'"
    [[ $output == *"hint: with --userns single a copy of the image's files would do" ]]
}

@test "the walls are the same" {
    mapfile -t facts < <(ns_facts)
    run -0 --separate-stderr "$KELP" run --network none --userns single box /probe fingerprint "${facts[@]}"
    wanted=$(grep -v '^mount / ' <<<"$output")
    run -0 --separate-stderr box box /probe fingerprint "${facts[@]}"
    assert_eq "$(grep -v '^mount / ' <<<"$output")" "$wanted"
    [[ $output == *"mount / "*nosuid,nodev* ]]
}

@test "who makes the copy is confined to it" {
    traced -e inject=fsconfig:error=EPERM:when="$(cat "$BATS_FILE_TMPDIR/number")" \
        "$KELP" run --network none --userns single box true
    local reader

    reader=$(find_tree_reader)
    stays_in_open_directories "$reader"
}
