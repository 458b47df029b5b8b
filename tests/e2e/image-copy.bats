#!/usr/bin/env bats
# Where no overlay can be mounted: a run on a copy of the image's files.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../image/common

setup_file() {
    command -v strace >/dev/null || skip "the machine lacks strace"
    cd "$BATS_FILE_TMPDIR" || return 1
    make_rootfs root
    mkdir -p root/opt/keep root/opt/drop root/opt/replaced root/opt/file root/closed
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
    tar -C root -cf root.tar .
    # many layers, so that the last call for the overlay comes later than any for another file system
    python3 -B - "$KELP_SRC/tests/image" <<'END'
import io, sys, tarfile
sys.path.insert(0, sys.argv[1])
import layout

def tar(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name, data, mode in entries:
            info = tarfile.TarInfo(name)
            info.mode = mode
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
                   ("opt/more", None, 0o2755), ("opt/sym", "keep", 0o777),
                   ("opt/secret", b"s\n", 0), ("bin/ls2", b"", 0o755), ("opt/n/.wh.3", b"", 0)]))
layout.Layout(layers).write("layout")
END
    export XDG_DATA_HOME=$PWD/data
    "$KELP" import layout box
    strace -f -qq -o trace -e trace=fsconfig "$KELP" run --network none --userns single box true
    # the second file system that pid 1 creates is the overlay: which of its calls is that
    awk '/fsconfig\(/ { n[$1]++ } /fsconfig\(.*CMD_CREATE/ && ++created[$1] == 2 { print n[$1]; exit }' trace >number
    [ "$(cat number)" -ge 18 ]
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    export HOME=$PWD/home XDG_DATA_HOME=$BATS_FILE_TMPDIR/data
    mkdir home
    STORE=$XDG_DATA_HOME/kelp/store
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

said="kelp: cannot create 'overlay': .*; using a copy of the image's files, which takes longer"

@test "it runs, and says so once, for each way of refusing" {
    local error

    for error in EPERM ENODEV; do
        run -0 --separate-stderr refusing $error run --network none --userns single box \
            sh -c 'cat /opt/keep/a; ls /opt; ls /opt/n | wc -l; id -u'
        assert_eq "$output" $'changed\nfifo\nhole\nkeep\nlast\nlink\nmore\nn\nreplaced\nsecret\nsym\n12\n0'
        [[ $stderr =~ ^$said$ ]]
    done
    # what is no refusal is an error
    run -125 refusing ENOMEM run --network none --userns single box true
    assert_refused "Cannot allocate memory"
    [ -z "$(ls -A "$STORE/tmp")" ]
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

# Starts a run on a copy that says "up"; the number of kelp is in $kelp.
start_run() {
    rm -f up
    box box sh -c 'chmod 000 /closed /opt; echo up; sleep 60' >up 2>/dev/null 3>&- &
    tracer=$!
    while ! grep -qs up up; do
        kill -0 "$tracer"
        sleep 0.05
    done
    kelp=$(pgrep -P "$(pgrep -P "$tracer" strace || echo "$tracer")" -x kelp | head -n 1)
    [ -n "$kelp" ]
}

await_empty() {
    timeout 20 sh -c 'while [ -n "$(ls -A "$1")" ]; do sleep 0.1; done' sh "$1" || {
        ls -A "$1"
        return 1
    }
}

@test "nothing is left, whatever ends it" {
    run -3 box box sh -c 'exit 3'
    [ -z "$(ls -A "$STORE/tmp")" ]
    run -124 refusing EPERM run --network none --userns single --timeout 1s box sleep 60
    [ -z "$(ls -A "$STORE/tmp")" ]
    run -127 box box no-such-program
    [ -z "$(ls -A "$STORE/tmp")" ]
    start_run
    [ -n "$(ls -A "$STORE/tmp")" ]
    kill -9 "$kelp"
    await_empty "$STORE/tmp"
}

@test "a copy whose helper was killed goes with the next import, not before its run" {
    start_run
    kill -9 "$(pgrep -P "$kelp" -x kelp-image)"
    "$KELP" import "$BATS_FILE_TMPDIR/root.tar" other
    [ -n "$(ls -A "$STORE/tmp")" ]
    kill -9 "$kelp"
    wait "$tracer" || true
    "$KELP" import "$BATS_FILE_TMPDIR/root.tar" other
    [ -z "$(ls -A "$STORE/tmp")" ]
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

@test "the kernel's own refusal, of a plain directory" {
    # two overlays may be stacked and no more
    run -0 unshare -Urm sh -c '
        mkdir -p top && mount -t tmpfs none top && mkdir top/a top/b top/u top/w top/x top/y &&
        mount -t overlay none -o "userxattr,lowerdir=$1,upperdir=top/u,workdir=top/w" top/a &&
        mount -t overlay none -o "userxattr,lowerdir=top/a,upperdir=top/x,workdir=top/y" top/b &&
        "$KELP" run --network none --userns single ./top/b sh -c "cat /opt/keep/a; echo x >/x" &&
        [ ! -e top/b/x ]' sh "$BATS_FILE_TMPDIR/root"
    [[ ${lines[0]} =~ ^$said$ ]]
    [ "${lines[1]}" = a ]
    [ -z "$(ls -A "$STORE/tmp")" ]
}

@test "what is to be kept, and more ids, need an overlay" {
    run -125 box --keep --name one box true
    assert_refused "cannot create 'overlay'"
    [[ $output != *"using a copy"* ]]
    "$KELP" rm one
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
    strace -f -qq -o trace -e inject=fsconfig:error=EPERM:when="$(cat "$BATS_FILE_TMPDIR/number")" \
        "$KELP" run --network none --userns single box true
    local reader

    reader=$(sed -n 's/^\([0-9]*\) .*capset.*effective=1<<CAP_DAC_READ_SEARCH, permitted=1<<CAP_DAC_READ_SEARCH.*/\1/p' trace)
    [ -n "$reader" ]
    [ "$(grep -c "^$reader .*landlock_restrict_self.* = 0" trace)" = 1 ]
    awk -v reader="$reader" '
        $1 == reader && /SECCOMP_SET_MODE_FILTER, 0, [0{]/ { on = 1 }
        on && $1 == reader && !/ENOSYS/ && / [a-z0-9]+\((AT_FDCWD|[0-9]+, "\/)/ { print; bad = 1 }
        END { exit !on || bad }' trace
}
