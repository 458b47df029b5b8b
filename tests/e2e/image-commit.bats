#!/usr/bin/env bats
# `kelp commit`: what a kept sandbox has changed, as a layer.  The oracles are overlayfs itself, which
# shows the changes as they lie on disk, and umoci, which reads the layer.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../image/common
load ../lib/trace
load ../image/kept

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    make_rootfs root
    mkdir -p root/opt/keep/deep root/opt/drop root/opt/replaced root/opt/unlinked
    echo a >root/opt/keep/a
    echo b >root/opt/keep/b
    echo c >root/opt/keep/deep/c
    echo d >root/opt/drop/d
    echo e >root/opt/replaced/e
    echo f >root/opt/unlinked/f
    chmod 750 root/opt/keep
    tar -C root -cf root.tar .
}

setup() {
    enter_home
    "$KELP" import "$BATS_FILE_TMPDIR/root.tar" box >base
}

teardown() {
    remove_home
}

# The blob of the last layer of the image called $1 (a whole name).
blob_of() {
    jq -r --arg name "$1" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $name).digest' \
        "$STORE/index.json" | while IFS=: read -r _ hex; do
        jq -r '.layers[-1].digest' "$STORE/blobs/sha256/$hex" | sed "s:^sha256\::$STORE/blobs/sha256/:"
    done
}

# The entries of that layer as "TYPE+MODE OWNER SIZE NAME", without times.
entries_of() {
    tar -tvzf "$(blob_of "$1")" | awk '{ $4 = $5 = ""; print }' | sed 's/   */ /'
}

# What overlayfs shows of the sandbox, but for what kelp made for itself.
shown() {
    local own='^.(dev|proc|sys|etc.(hosts|hostname|resolv.conf)).'

    unshare -Urm sh -c '
        mkdir -p shown && mount -t overlay none -o "userxattr,lowerdir=$1:$2" shown &&
        exec python3 -B "$3" --no-links --no-times shown' sh "$kept/one/upper" \
        "$(lower_of "$(cat base)")" "$KELP_SRC/tests/image/facts.py" | grep -vE "$own"
}

# Compares the image $1 (its id) called $2 with the sandbox, as overlayfs and as umoci merge it.
compare() {
    local own='^.(dev|proc|sys|etc.(hosts|hostname|resolv.conf)).'

    shown >wanted
    merged "$1" python3 -B "$KELP_SRC/tests/image/facts.py" --no-links --no-times merged |
        grep -vE "$own" >got
    diff wanted got
    umoci unpack --rootless --image "$STORE:$2" "bundle.${1:7:9}"
    facts --no-links --no-times "bundle.${1:7:9}/rootfs" | grep -vE "$own" >got
    diff wanted got
}

@test "nothing was changed: an empty layer, and a line that says so" {
    keep one box true
    run -0 --separate-stderr "$KELP" commit one same
    [[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
    assert_eq "$stderr" "kelp: nothing was changed: the new layer is empty"
    assert_eq "$(entries_of same:latest)" ""
    run -0 "$KELP" run --network none same cat /opt/keep/a
    assert_eq "$output" a
}

@test "added, changed and removed: files, directories, links" {
    local id

    keep one box sh -c '
        echo new >/new; echo changed >/opt/keep/a; rm /opt/keep/b; rm -r /opt/drop
        rm -r /opt/replaced; mkdir /opt/replaced; echo x >/opt/replaced/x
        rm -r /opt/unlinked; echo file >/opt/unlinked
        mkdir -p /srv/deep/er; chmod 2711 /srv/deep; ln -s ../keep /opt/link; mkfifo -m 640 /opt/fifo
        rm /bin/ls; mkdir /bin/ls; cp /bin/busybox /usr; chmod 4755 /usr 2>/dev/null || true
        echo s >/suid; chmod 6755 /suid; mv /opt/keep/deep/c /opt/moved'
    id=$("$KELP" commit one made:1)
    compare "$id" made:1
    run -0 entries_of made:1
    grep -qx -- '---------- 0/0 opt/.wh.drop' <<<"$(awk '{print $1, $2, $NF}' <<<"$output")"
    grep -qx -- '---------- 0/0 opt/replaced/.wh..wh..opq' <<<"$(awk '{print $1, $2, $NF}' <<<"$output")"
    grep -qx -- '-rwsr-sr-x 0/0 suid' <<<"$(awk '{print $1, $2, $NF}' <<<"$output")"
    # a directory that is new, one in the place of a link, and a file in that of one need no mark
    [ "$(grep -c 'opq' <<<"$output")" = 1 ]
    [[ $output != *unlinked/* ]]
    run -0 "$KELP" run --network none made:1 sh -c 'cat /new /opt/keep/a /opt/unlinked; ls /opt/replaced; [ -e /opt/drop ] || echo gone'
    assert_eq "$output" $'new\nchanged\nfile\nx\ngone'
}

@test "directories on the way are there only for what is in them" {
    keep one box sh -c 'touch /opt/keep/deep/tmp; rm /opt/keep/deep/tmp; echo x >/root/x'
    "$KELP" commit one way >/dev/null
    assert_eq "$(tar -tzf "$(blob_of way:latest)")" $'root/\nroot/x'
    [ "$(entries_of way:latest | awk '{print $1}' | head -n 1)" = drwxr-xr-x ]
    # what changes a directory itself is a change
    keep one box sh -c 'chmod 700 /opt/keep/deep; chmod 711 /'
    "$KELP" commit one way2 >/dev/null
    assert_eq "$(tar -tzf "$(blob_of way2:latest)")" $'./\nopt/\nopt/keep/\nopt/keep/deep/\nroot/\nroot/x'
    run -0 "$KELP" run --network none way2 stat -c %a /opt/keep/deep
    assert_eq "$output" 700
}

@test "what kelp made for itself is not in the layer, unless it was changed" {
    rm -rf bare && mkdir -p bare/bin bare/opt && cp "$BATS_FILE_TMPDIR/root/bin/busybox" bare/bin
    ln -s busybox bare/bin/sh
    ln -s ../run/resolv.conf bare/opt/link
    tar -C bare -cf bare.tar .
    "$KELP" import bare.tar bare
    mkdir shared
    "$KELP" run --network none --userns single --keep --name one -v "$PWD/shared:/a/b/c" \
        -v "$PWD/bare.tar:/a/file" bare sh -c 'echo x >/a/b/c/x'
    "$KELP" commit one none >/dev/null
    assert_eq "$(tar -tzf "$(blob_of none:latest)")" ""
    # the second time it is mounted over what was made the first time
    "$KELP" run --network none --userns single --keep --name one bare sh -c '
        echo mine >/a/b/mine; echo "bob:x:5:5::/:" >>/etc/passwd; echo "1.2.3.4 x" >>/etc/hosts' || true
    "$KELP" commit one some >/dev/null
    assert_eq "$(tar -tzf "$(blob_of some:latest)")" $'a/\na/b/\na/b/mine\netc/\netc/passwd'
    [ "$(cat shared/x)" = x ]
}

@test "a file of kelp's in the place of the image's symlink is no change" {
    rm -rf linked && cp -r "$BATS_FILE_TMPDIR/root" linked
    ln -s ../run/resolv.conf linked/etc/resolv.conf
    tar -C linked -cf linked.tar .
    "$KELP" import linked.tar linked
    keep one linked true
    [ -f "$kept/one/upper/etc/resolv.conf" ]
    run -0 "$KELP" commit one again
    assert_eq "$(tar -tzf "$(blob_of again:latest)")" ""
    # the payload's own is one
    "$KELP" rm one
    keep one linked sh -c 'echo nameserver 192.0.2.1 >/etc/resolv.conf'
    "$KELP" commit one again >/dev/null
    assert_eq "$(tar -tzf "$(blob_of again:latest)")" $'etc/\netc/resolv.conf'
}

@test "hard links stay links, times stay to the nanosecond" {
    local id

    keep one box sh -c 'echo x >/b; ln /b /opt/a; ln /b /z; echo >/z2; touch -d "2001-02-03 04:05:06" /b; mkdir -p /d; echo y >/d/y'
    touch -h -d '2003-04-05 06:07:08.123456789' "$kept/one/upper/d/y"
    touch -d '1960-03-04 05:06:07.75 UTC' "$kept/one/upper/z2"
    touch -d '2002-03-04 05:06:07' "$kept/one/upper/d"
    id=$("$KELP" commit one linked)
    layer=$(layer_of "$id")
    [ "$(stat -c %i "$layer/b" "$layer/opt/a" "$layer/z" | sort -u | wc -l)" = 1 ]
    [ "$(TZ=UTC stat -c %y "$layer/b")" = "2001-02-03 04:05:06.000000000 +0000" ]
    [ "$(stat -c %Y "$layer/d")" = "$(date -d '2002-03-04 05:06:07' +%s)" ]
    [ "$(stat -c %y "$layer/d/y" | cut -c21-29)" = 123456789 ]
    [ "$(TZ=UTC stat -c %y "$layer/z2")" = "1960-03-04 05:06:07.750000000 +0000" ]
    run -0 tar -tvzf "$(blob_of linked:latest)"
    [[ $output == *"opt/a link to b"* && $output == *"z link to b"* ]]
    umoci unpack --rootless --image "$STORE:linked:latest" out
    [ out/rootfs/b -ef out/rootfs/z ]
    [ "$(TZ=UTC stat -c %y out/rootfs/z2)" = "1960-03-04 05:06:07.750000000 +0000" ]
}

@test "the same changes give the same bytes" {
    local first

    keep one box sh -c 'for i in 9 1 5 10 a B é; do mkdir /d$i; echo $i >/d$i/f; done; rm -r /opt/drop'
    first=$("$KELP" commit one first)
    sleep 1.1
    [ "$("$KELP" commit one second)" = "$first" ]
    cp -a "$kept/one" "$kept/copy"
    [ "$(blob_of first:latest)" = "$(blob_of second:latest)" ]
    "$KELP" commit copy third >/dev/null
    [ "$(tar -tzf "$(blob_of first:latest)" | LC_ALL=C sort -c && echo sorted)" = sorted ]
    "$KELP" rm copy
    # the header of gzip tells neither name nor time
    [ "$(head -c 10 "$(blob_of first:latest)" | od -An -tx1 | tr -d ' ')" = 1f8b0800000000000003 ]
}

@test "extended attributes: the user's and capabilities, not the overlay's" {
    command -v setfattr >/dev/null && command -v setcap >/dev/null || skip "the machine lacks setfattr or setcap"
    local blob

    keep one box sh -c 'echo x >/x; echo y >/y; mkdir /d; rm -r /opt/drop; mkdir /opt/drop'
    setfattr -n user.b -v two "$kept/one/upper/x"
    setfattr -n user.a -v one "$kept/one/upper/x"
    setfattr -n user.overlay.overlay.opaque -v y "$kept/one/upper/x"
    setfattr -n user.d -v dir "$kept/one/upper/d"
    unshare -Ur setcap cap_net_raw+ep "$kept/one/upper/y"
    "$KELP" commit one attrs >/dev/null
    blob=$(blob_of attrs:latest)
    gzip -dc "$blob" >plain.tar
    [ "$(grep -ac 'SCHILY.xattr.user.a=one' plain.tar)" = 1 ]
    [ "$(grep -ac 'SCHILY.xattr.user.d=dir' plain.tar)" = 1 ]
    [ "$(grep -ac 'SCHILY.xattr.security.capability=' plain.tar)" = 1 ]
    [ "$(grep -ac 'user.overlay' plain.tar)" = 0 ]
    [ "$(grep -ac 'LIBARCHIVE' plain.tar)" = 0 ]
    # as the sandbox's root sees it: for any root
    python3 - plain.tar <<'END'
import sys, tarfile
tar = tarfile.open(sys.argv[1], encoding="utf-8", errors="surrogateescape")
value = tar.getmember("y").pax_headers["SCHILY.xattr.security.capability"]
assert len(value.encode("utf-8", "surrogateescape")) == 20, value
END
}

@test "whiteouts that are files are whiteouts, too" {
    command -v setfattr >/dev/null || skip "the machine lacks setfattr"
    keep one box sh -c 'echo x >/opt/keep/x'
    : >"$kept/one/upper/opt/keep/a"
    setfattr -n user.overlay.whiteout -v y "$kept/one/upper/opt/keep/a"
    setfattr -n user.overlay.opaque -v x "$kept/one/upper/opt/keep"
    "$KELP" commit one white >/dev/null
    assert_eq "$(tar -tzf "$(blob_of white:latest)")" $'opt/\nopt/keep/\nopt/keep/.wh.a\nopt/keep/x'
}

@test "what only the layers below explain is refused" {
    command -v setfattr >/dev/null || skip "the machine lacks setfattr"
    local name

    for name in redirect metacopy; do
        keep one box sh -c "echo x >/$name"
        setfattr -n "user.overlay.$name" -v /etc "$kept/one/upper/$name"
        run -125 "$KELP" commit one bad
        assert_refused "'$name' cannot be read without the layers below it (user.overlay.$name)"
        rm -f "$kept/one/upper/$name"
    done
    [ ! -e "$STORE/names/bad%3Alatest" ]
    [ -z "$(ls -A "$STORE/tmp")" ]
}

@test "sockets are left out with a line, names that would hide files are refused" {
    keep one box sh -c 'echo x >/x'
    (cd "$kept/one/upper" && python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("s"); socket.socket(socket.AF_UNIX).bind("t")')
    run -0 --separate-stderr "$KELP" commit one sock
    assert_eq "$stderr" "kelp: 2 sockets were left out: an image cannot have any"
    assert_eq "$(tar -tzf "$(blob_of sock:latest)")" x
    keep one box sh -c 'mkdir -p /opt/keep; echo x >/opt/keep/.wh.a'
    run -125 "$KELP" commit one bad
    assert_eq "$output" "kelp: cannot commit 'one': 'opt/keep/.wh.a' cannot be in a layer: its name would hide another file
hint: remove it, or give it another name"
    [ -z "$(ls -A "$STORE/tmp")" ]
}

@test "names are bytes" {
    local id

    keep one box sh -c 'cd /srv 2>/dev/null || { mkdir /srv; cd /srv; }
        echo 1 >"$(printf "a\377b")"; echo 2 >"$(printf "c\nd")"; echo 3 >"é"; echo 4 >" "; ln -s "$(printf "\377")" l
        i=0; n=; while [ $i -lt 25 ]; do n=${n}0123456789; i=$((i+1)); done; mkdir -p $n/$n; echo 5 >$n/$n/$n'
    id=$("$KELP" commit one bytes)
    (cd "$kept/one/upper" && find srv -print0 | LC_ALL=C sort -z) >wanted
    (cd "$(layer_of "$id")" && find srv -print0 | LC_ALL=C sort -z) >got
    cmp wanted got
    umoci unpack --rootless --image "$STORE:bytes:latest" out
    (cd out/rootfs && find srv -print0 | LC_ALL=C sort -z) >got
    cmp wanted got
}

@test "holes stay holes, and zeros are no bomb" {
    local id

    keep one box sh -c '
        truncate -s 300M /hole; truncate -s 3M /some; echo end >>/some
        dd if=/dev/zero of=/zeros bs=1M count=100 2>/dev/null'
    id=$("$KELP" commit one holes)
    layer=$(layer_of "$id")
    cmp "$kept/one/upper/some" "$layer/some"
    cmp "$kept/one/upper/zeros" "$layer/zeros"
    [ "$(stat -c %s "$layer/hole")" = $((300 << 20)) ]
    [ "$(stat -c %b "$layer/hole")" -lt 100 ]
    # other tools read it
    skopeo copy -q "oci:$STORE:holes:latest" oci:copy:x
    umoci unpack --rootless --image copy:x out
    cmp "$kept/one/upper/some" out/rootfs/some
    [ "$(stat -c %s out/rootfs/hole)" = $((300 << 20)) ]
}

@test "files that their owner may not read are read" {
    local id

    keep one box sh -c 'echo secret >/s; chmod 000 /s; mkdir /d; echo x >/d/x; chmod 000 /d'
    id=$("$KELP" commit one closed)
    run -0 entries_of closed:latest
    assert_eq "$(awk '{print $1, $NF}' <<<"$output")" $'d--------- d/\n-rw-r--r-- d/x\n---------- s'
    run -0 "$KELP" run --network none --userns single closed cat /s /d/x
    assert_eq "$output" $'secret\nx'
}

@test "subordinate ids: the owners of the sandbox, not the user's" {
    command -v newuidmap >/dev/null || skip "the machine lacks newuidmap"
    "$KELP" run --network none --userns subids --keep --name one box sh -c '
        mkdir /o; echo x >/o/f; chown 5:6 /o/f; chown 33:44 /o; chmod 700 /o; chmod 600 /o/f; echo r >/r
        echo n >/opt/keep/new; rm /opt/keep/new'
    "$KELP" commit one owners >/dev/null
    run -0 entries_of owners:latest
    # what the image has of others, and is as it was there, is no change
    assert_eq "$(awk '{print $1, $2, $NF}' <<<"$output")" 'drwx------ 33/44 o/
-rw------- 5/6 o/f
-rw-r--r-- 0/0 r'
    [ -z "$(find "$STORE" -path "$STORE/unpacked/subids" -prune -o ! -user "$(id -u)" -print)" ]
    run -0 "$KELP" run --network none --userns subids owners stat -c '%u:%g %n' /o /r
    assert_eq "$output" $'33:44 /o\n0:0 /r'
}

@test "the configuration comes from the image, with its history" {
    local id config

    make_layout "$BATS_FILE_TMPDIR/root" layout
    "$KELP" import layout configured >base
    keep one configured sh -c 'echo x >/x'
    id=$("$KELP" commit one team/app:2.0)
    config=$(jq -r .config.digest "$STORE/blobs/sha256/${id:7}")
    run -0 jq -c '[.config.Env, .config.Cmd, (.rootfs.diff_ids | length), (.history | map(select(.empty_layer | not)) | length), .history[-1].created_by]' \
        "$STORE/blobs/sha256/${config:7}"
    assert_eq "$output" '[["FOO=bar"],["/bin/sh"],2,2,"kelp commit"]'
    skopeo inspect --config "oci:$STORE:team/app:2.0" >/dev/null
    run -0 umoci stat --image "$STORE:team/app:2.0"
    [[ $output == *"kelp commit"* ]]
    run -0 "$KELP" run --network none team/app:2.0 sh -c 'echo $FOO; cat /x'
    assert_eq "$output" $'bar\nx'
}

@test "a layer on a layer, and the lower ones stay as long as they are needed" {
    keep one box sh -c 'echo 1 >/one; echo x >/both'
    "$KELP" commit one first >/dev/null
    "$KELP" rm one
    keep one first sh -c 'echo 2 >/two; rm /both; rm -r /opt/keep; mkdir /opt/keep'
    "$KELP" commit one second >/dev/null
    "$KELP" rm one
    assert_eq "$(tar -tzf "$(blob_of second:latest)")" $'.wh.both\nopt/\nopt/keep/\nopt/keep/.wh..wh..opq\ntwo'
    "$KELP" rmi box first
    run -0 "$KELP" run --network none second sh -c 'cat /one /two; ls -A /opt/keep; [ -e /both ] || echo gone'
    assert_eq "$output" $'1\n2\ngone'
    # a directory that only a layer further down has does not count behind an opaque one
    keep one second sh -c 'mkdir /opt/keep/deep'
    "$KELP" commit one third >/dev/null
    assert_eq "$(tar -tzf "$(blob_of third:latest)")" $'opt/\nopt/keep/\nopt/keep/deep/'
}

@test "not while it runs, not without an image, not without a name" {
    local hint

    keep one "$BATS_FILE_TMPDIR/root" true
    run -125 "$KELP" commit one x
    assert_refused "the sandbox 'one' was not made from an image of the store"
    hint=${lines[1]#hint: make an image of the directory, and run that: }
    # which is a way that works, and ends at a commit
    hint=${hint/#tar -C DIRECTORY/tar -C "'$BATS_FILE_TMPDIR/root'"}
    hint=${hint/%| kelp import - NAME/| "'$KELP'" import - made}
    "$KELP" rm one
    sh -c "$hint"
    keep one made true
    "$KELP" commit one x
    "$KELP" rm one
    "$KELP" rmi x made
    run -125 "$KELP" commit one x
    assert_refused "no sandbox 'one' is kept"
    assert_eq "${lines[1]}" "hint: kelp run --keep --name NAME IMAGE keeps one"
    run -125 "$KELP" commit one
    assert_refused "'kelp commit' needs a SANDBOX and a NAME"
    keep one box true
    run -125 "$KELP" commit one 'Bad Name'
    assert_refused "'Bad Name' is not a name for an image"
    run -125 image commit one x
    assert_eq "${lines[1]}" "hint: kelp commit one x"
    "$KELP" run --network none --userns single --keep --name one box sh -c 'echo up; sleep 60' >up 3>&- &
    while ! grep -qs up up; do sleep 0.02; done
    run -125 "$KELP" commit one x
    assert_refused "the sandbox 'one' is in use by process $!"
    kill -9 $!
    wait $! 2>/dev/null || true
}

@test "who reads the changes is confined to them" {
    keep one box sh -c 'echo x >/x; ln -s / /root/out; ln -s /proc/self /self; ln -s ../../../../../../../../etc/passwd /p'
    # newuidmap does nothing under a tracer
    unshare -Ur strace -f -qq -o trace "$KELP_IMAGE" --store "$STORE" commit one walls
    join_trace
    run -0 tar -tvzf "$(blob_of walls:latest)"
    [[ $output == *"root/out -> /"* && $output == *"self -> /proc/self"* ]]
    local reader

    # Landlock and the filter stand before the changes are opened, and no path counts from anywhere else
    reader=$(find_tree_reader)
    stays_in_open_directories "$reader" '"upper"'
    # what is in the changes is opened without symlinks
    grep -qE "^$reader +openat2\([0-9]+, \"x\", .*RESOLVE_NO_XDEV\|RESOLVE_NO_MAGICLINKS\|RESOLVE_NO_SYMLINKS\|RESOLVE_BENEATH" trace
}

@test "a commit that is killed leaves the store as it was" {
    local before call

    keep one box sh -c 'i=0; while [ $i -lt 50 ]; do echo $i >/f$i; i=$((i+1)); done'
    before=$(cd "$STORE" && find . -path ./tmp -prune -o -type f -printf '%p %s\n' | sort)
    for call in flistxattr linkat renameat2; do
        run unshare -Ur strace -f -qq -o trace -e inject=$call:signal=KILL:when=1 \
            "$KELP_IMAGE" --store "$STORE" commit one killed
        [ "$status" != 0 ]
        [ "$(cd "$STORE" && find . -path ./tmp -prune -o -type f -printf '%p %s\n' | sort)" = "$before" ] ||
            [ -e "$STORE/names/killed%3Alatest" ]
    done
    run -0 "$KELP" commit one whole
    [ -z "$(ls -A "$STORE/tmp")" ]
    run -0 "$KELP" run --network none whole cat /f49
    assert_eq "$output" 49
}
