#!/usr/bin/env bats
# The process that reads an archive is confined before it reads a byte of it.

bats_require_minimum_version 1.5.0
load ../image/common
load ../lib/trace

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    make_busybox_root root
    tar -C root --sort=name -czf box.tar.gz .
    make_layout root layout
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    BOX=$BATS_FILE_TMPDIR/box.tar.gz
}

# What the reader did from entering its namespaces on; the threads of an import follow.
reader_trace() {
    local first

    first=$(sed -n '/CLONE_NEWUSER/{s/^[0-9]*//;p;q}' trace | grep -c .)
    [ "$first" = 1 ]
    sed -n '/CLONE_NEWUSER/,$p' trace
}

@test "all walls stand before the first byte is read" {
    traced "$KELP_IMAGE" --store store import "$BOX" x
    local fd walls reads

    grep -qE 'clone3\(.*CLONE_NEWNS.*CLONE_NEWUTS.*CLONE_NEWIPC.*CLONE_NEWUSER.*CLONE_NEWPID.*CLONE_NEWNET' trace
    fd=$(sed -n "s|.*\"$BOX\".* = \([0-9]*\)\$|\1|p" trace)
    [ -n "$fd" ]
    # the line of each wall, in order, all before the first read of the archive
    walls=$(grep -nE 'uid_map|pivot_root|umount2|capset|PR_SET_NO_NEW_PRIVS|landlock_restrict_self|SECCOMP_SET_MODE_FILTER, 0, 0x' trace |
        grep -vE ' = -1 ' | tail -n 7 | cut -d: -f1)
    assert_eq "$(sort -n <<<"$walls")" "$walls"
    [ "$(wc -l <<<"$walls")" = 7 ]
    reads=$(grep -nE " (read|pread64|mmap)\(($fd,|.*, $fd,)" trace | head -n 1 | cut -d: -f1)
    [ -n "$reads" ]
    [ "$(tail -n 1 <<<"$walls")" -lt "$reads" ]
}

@test "behind the walls there are only calls by descriptor" {
    traced "$KELP_IMAGE" --store store import "$BATS_FILE_TMPDIR/layout" x
    local reader

    reader=$(sed -n 's/^\([0-9]*\) .*landlock_restrict_self.*/\1/p' trace)
    # what the reader opens from there on is relative to what it was given
    run -1 awk -v reader="$reader" '
        $1 == reader && /SECCOMP_SET_MODE_FILTER, 0, 0x/ { on = 1 }
        on && $1 == reader && !/ENOSYS/ && / [a-z0-9]+\((AT_FDCWD|[0-9]+, "\/)/ { print; found = 1 }
        END { exit !found }' trace
    assert_eq "$output" ""
    run -1 grep -E '^[0-9]+ +(socket|connect|execve)\(.* = [0-9]' <(sed -n '/SECCOMP_SET_MODE_FILTER, 0, 0x/,$p' trace)
}

@test "no user namespace: Landlock is the wall" {
    # shellcheck disable=SC2016 # for the inner shell
    unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces &&
        exec strace -f -qq -o trace "$@"' sh "$KELP_IMAGE" --store store import "$BOX" x
    join_trace
    grep -qE 'clone3\(.*CLONE_NEWUSER.* = -1 ENOSPC' trace
    grep -qE 'landlock_restrict_self.* = 0' trace
    [ -f store/names/x%3Alatest ]
}

@test "no Landlock: namespaces and an empty root are the wall" {
    traced -e inject=landlock_create_ruleset:error=ENOSYS \
        "$KELP_IMAGE" --store store import "$BOX" x
    grep -qE 'pivot_root.* = 0' trace
    [ -f store/names/x%3Alatest ]
    # a wall that is missing is not an error of what comes later
    run -0 strace -f -qq -o trace -e inject=landlock_create_ruleset:error=ENOSYS \
        "$KELP_IMAGE" --store store verify
    assert_eq "$output" ""
}

@test "neither: an error that says so, and nothing is read" {
    run -125 strace -f -qq -o trace -e inject=landlock_create_ruleset:error=ENOSYS \
        -e inject=pivot_root:error=EPERM "$KELP_IMAGE" --store store import "$BOX" x
    assert_refused "cannot confine the reader of the archive"
    [[ ${lines[1]} == "hint: reading archives needs user namespaces or Landlock"* ]]
    [ -z "$(ls -A store/names)" ]
    [ -z "$(ls -A store/tmp)" ]
}

@test "every step of the jail that fails is an error" {
    local call

    for call in capset prctl landlock_add_rule landlock_restrict_self close_range; do
        run -125 strace -f -qq -o trace -e "inject=$call:error=EPERM" \
            "$KELP_IMAGE" --store store import "$BOX" x
        assert_refused
        [ -z "$(ls -A store/names)" ]
        [ -z "$(ls -A store/tmp)" ]
    done
}

@test "a reader that is killed is an error" {
    run -125 strace -f -qq -o trace -e inject=symlinkat:signal=KILL:when=1 \
        "$KELP_IMAGE" --store store import "$BOX" x
    assert_refused "the process that does the work was ended (status 137)"
    [ -z "$(ls -A store/tmp)" ]
}

@test "a reader that is killed when it has said that it is done is an error, too" {
    run strace -f -qq -o trace -e inject=exit_group:signal=KILL \
        "$KELP_IMAGE" --store store import "$BOX" x
    [ "$status" != 0 ]
    [ -z "$(ls -A store/names)" ]
}

@test "a read-only file system is told, with what helps" {
    local closed='mkdir -p at; mount --bind at at; mount -o remount,bind,ro at; shift; "$@"'

    # without a store, and with one
    run -125 unshare -Urm sh -c "$closed" sh . "$KELP_IMAGE" --store at/kelp/store import "$BOX" x
    assert_refused "Read-only file system"
    [[ $output == *"hint: the file system of 'at/kelp/store' is read-only: XDG_DATA_HOME=DIR puts the store elsewhere" ]]
    "$KELP_IMAGE" --store at/kelp/store import "$BOX" x
    # what removes is not helped by another store
    run -125 unshare -Urm sh -c "$closed" sh . "$KELP_IMAGE" --store at/kelp/store remove x
    assert_refused "Read-only file system"
    [[ $output == *"hint: the file system of 'at/kelp/store' is read-only" ]]
    run -125 unshare -Urm sh -c "$closed" sh . "$KELP_IMAGE" --store at/kelp/store import "$OTHER" y
    assert_refused "Read-only file system"
    [[ $output == *"hint: the file system of 'at/kelp/store' is read-only: XDG_DATA_HOME=DIR puts the store elsewhere" ]]
}

@test "a full file system is told, and leaves the store as it was" {
    # shellcheck disable=SC2016 # for the inner shell
    run -125 unshare -Urm sh -c 'mkdir small && mount -t tmpfs -o size=1m,mode=700 none small &&
        "$1" --store small/store import "$2" x
        status=$?
        ls -A small/store/tmp small/store/names >left
        exit $status' sh "$KELP_IMAGE" "$BOX"
    assert_refused "No space left on device"
    [[ $output == *"hint: the file system of 'small/store' is full: \`kelp prune\` frees space in it, XDG_DATA_HOME=DIR puts the store elsewhere" ]]
    run -0 cat left
    assert_eq "$output" "small/store/names:

small/store/tmp:"
}

@test "programs inside an archive are not run" {
    mkdir -p root/usr/bin root/bin
    for name in gzip xz zstd tar sh; do
        printf '#!/bin/sh\ntouch %s/ran\n' "$PWD" >"root/usr/bin/$name"
        chmod 755 "root/usr/bin/$name"
        cp "root/usr/bin/$name" root/bin/
    done
    tar -C root -cJf evil.tar.xz .
    traced -e trace=execve "$KELP_IMAGE" --store store import evil.tar.xz x
    [ "$(grep -c 'execve(' trace)" = 1 ]
    [ ! -e ran ]
}
