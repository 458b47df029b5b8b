#!/usr/bin/env bats
# Images that try to steer the launcher: it refuses, or does what it would have done anyway.

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    dir=$BATS_TEST_TMPDIR
    root=$dir/rootfs
    out=$dir/outside
    mkdir -p "$out" "$dir/home" "$dir/ws"
    echo CANARY >"$out/secret"
    export HOME=$dir/home
    make_rootfs "$root"
    tree_hash "$out" >"$dir/before"
    cd "$dir/ws" || return 1
}

# Whatever became of the run: it was quick, and nothing outside was touched.
teardown() {
    tree_hash "$out" | diff "$dir/before" -
}

# Runs with a limit: a launcher that blocks on what the image holds has failed.
box() {
    run timeout -k 1 10 "$KELP" run --network none --userns single "$@"
    [ "$status" != 124 ] && [ "$status" != 137 ]
}

works_or_refuses() {
    [ "$status" = 0 ] || { [ "$status" = 125 ] && grep -q '^kelp: ' <<<"$output"; } || {
        echo "status $status: $output"
        return 1
    }
}

@test "/dev is a symlink to the outside" {
    rmdir "$root/dev"
    ln -s "../../../../../../../../../..$out" "$root/dev"
    box "$root" sh -c 'echo x >/dev/null && [ -c /dev/null ]'
    works_or_refuses
}

@test "/dev is an absolute symlink" {
    rmdir "$root/dev"
    ln -s "$out" "$root/dev"
    box "$root" sh -c '[ -c /dev/null ]'
    works_or_refuses
}

@test "/dev/null is a symlink to what must not be written" {
    ln -s /proc/sys/kernel/core_pattern "$root/dev/null"
    ln -s "$out/secret" "$root/dev/zero"
    ln -s "$out" "$root/dev/pts"
    ln -s "$out/secret" "$root/dev/ptmx"
    ln -s "$out/secret" "$root/dev/console"
    box "$root" sh -c 'stat -c %t:%T /dev/null; cat /proc/keys | wc -c'
    works_or_refuses
    [ "$status" != 0 ] || [ "${lines[0]}" = 1:3 ]
}

@test "/proc and /sys are symlinks" {
    rmdir "$root/proc" "$root/sys"
    ln -s /x "$root/proc"
    ln -s "$out" "$root/sys"
    mkdir "$root/x"
    box "$root" sh -c 'ls /proc/self/status'
    works_or_refuses
}

@test "/proc is a file" {
    rmdir "$root/proc"
    echo x >"$root/proc"
    box "$root" true
    works_or_refuses
}

@test "/tmp and /etc are symlinks to the outside" {
    rmdir "$root/tmp"
    ln -s "$out" "$root/tmp"
    mv "$root/etc" "$root/etc2"
    ln -s "$out" "$root/etc"
    box "$root" sh -c 'echo evil >/tmp/new; echo evil >/etc/new; cat /etc/secret'
    [[ $output != *CANARY* ]]
}

@test "/etc/passwd is a fifo" {
    rm "$root/etc/passwd"
    mkfifo "$root/etc/passwd"
    box -u bob "$root" id
    [ "$status" = 125 ]
    box "$root" true
    works_or_refuses
}

@test "/etc/passwd is a symlink to /dev/zero" {
    ln -sf /dev/zero "$root/etc/passwd"
    box -u bob "$root" id
    [ "$status" = 125 ]
}

@test "/etc/passwd is a symlink to the outside" {
    echo 'bob:x:0:0::/:/bin/sh' >"$dir/passwd"
    ln -sf "$dir/passwd" "$root/etc/passwd"
    box -u bob "$root" id
    [ "$status" = 125 ]
    ln -sf "../../../../../../../../../..$dir/passwd" "$root/etc/passwd"
    box -u bob "$root" id
    [ "$status" = 125 ]
}

@test "/etc/passwd has ten gigabytes" {
    truncate -s 10G "$root/etc/passwd"
    box -u bob "$root" id
    [ "$status" = 125 ]
}

@test "/etc/resolv.conf, hosts and hostname are symlinks to the outside" {
    ln -sf "$out/secret" "$root/etc/resolv.conf"
    ln -sf "../../../../../../../../../..$out/secret" "$root/etc/hosts"
    ln -sf "$out/made-by-the-launcher" "$root/etc/hostname"
    box --add-host evil:1.2.3.4 "$root" cat /etc/hosts
    works_or_refuses
    [[ $output != *CANARY* ]]
}

@test "a volume below a symlink of the image stays inside" {
    ln -s "$out" "$root/a"
    mkdir "$dir/vol"
    echo vol >"$dir/vol/file"
    box -v "$dir/vol:/a/b" "$root" true
    works_or_refuses
    ln -s "../../../../../../../../../..$out" "$root/c"
    box -v "$dir/vol:/c/b" --tmpfs /c/d -w /c/e "$root" true
    works_or_refuses
}

# What is shared keeps its own rules, wherever the image leads it: keys are hidden, hooks protected, by
# every way there, and in what the kernel says of them.
share_home() {
    run -0 git init -q "$HOME/p"
    mkdir "$HOME/.ssh"
    echo CANARY >"$HOME/.ssh/id"
    chmod 600 "$HOME/.ssh/id"
    # what the covers and pins would land on instead
    mkdir -p "$root/.ssh" "$root/p/.git/hooks" "$root/p/.git/info" "$root/d/.ssh" "$root/d/p/.git/hooks"
    touch "$root/p/.git/config" "$root/d/p/.git/config"
    # shellcheck disable=SC2016 # for the shell inside
    attack='for d in "$@" /..; do cat $d/.ssh/id; chmod 666 $d/.ssh/id; echo x >$d/p/.git/hooks/pre-commit
        chmod 700 $d/p/.git/config; ls -A $d/.ssh; done 2>/dev/null; echo payload-ran'
}

home_is_whole() {
    [[ $output != *CANARY* ]]
    [ "$(stat -c %a "$HOME/.ssh/id" "$HOME/p/.git/config")" = $'600\n644' ]
    [ ! -e "$HOME/p/.git/hooks/pre-commit" ]
}

@test "a volume on a symlink to the root, or to a directory above itself" {
    local place
    umask 022
    share_home
    ln -s / "$root/h"
    ln -s .. "$root/i"
    ln -s /d "$root/d/h"
    ln -s . "$root/d/i"
    ln -s /d "$root/j"
    ln -s /j/k "$root/d/k"
    # an ordinary place shows it, without what is hidden
    box -v "$HOME:/v" "$root" sh -c "$attack" - /v
    [ "$status" = 0 ]
    [[ $output == *payload-ran* ]]
    home_is_whole
    for place in /h /i /d/h /d/i /d/k; do
        box -v "$HOME:$place" "$root" sh -c "$attack" - "$place" / /d /j
        [ "$status" = 125 ]
        [[ $output == "kelp: "*"$place"* ]]
        home_is_whole
    done
    # one that leads aside is as good as an ordinary one
    box -v "$HOME:/j" "$root" sh -c "$attack" - /j /d
    [ "$status" = 0 ]
    [[ $output == *payload-ran* ]]
    home_is_whole
    box --tmpfs /h "$root" true
    [ "$status" = 125 ]
}

@test "a volume on what the payload of a kept sandbox has made a symlink to the root" {
    share_home
    export XDG_DATA_HOME=$dir/data
    tar -C "$root" -cf "$dir/root.tar" .
    "$KELP" import "$dir/root.tar" evil-root
    "$KELP" run --network none --userns single --keep --name evil evil-root ln -s / /h
    box --keep --name evil -v "$HOME:/h" evil-root sh -c "$attack" - /h /
    [ "$status" = 125 ]
    [[ $output == *"symlink"* ]]
    home_is_whole
}

@test "the work directory is a symlink to the outside" {
    ln -s "$out" "$root/work"
    box -w /work "$root" cat secret
    [[ $output != *CANARY* ]]
}

@test "no library of the image is loaded by the launcher" {
    mkdir -p "$root/lib" "$root/lib64" "$root/usr/lib"
    for lib in libnss_files.so.2 libnss_evil.so.2 libc.so.6 libcap.so.2; do
        echo evil >"$root/lib/$lib"
    done
    echo 'passwd: evil files' >"$root/etc/nsswitch.conf"
    echo 'bob:x:0:0::/:/bin/sh' >"$root/etc/passwd"
    run -0 strace -f -o "$dir/trace" -e trace=open,openat,openat2,execve "$KELP" run --network none \
        --userns single -u bob "$root" true
    run -1 grep -E 'libnss|nsswitch|gconv|\.so' "$dir/trace"
}

@test "set-user-ID programs of an image give nothing" {
    cp "$PROBE" "$root/suid"
    chmod 4755 "$root/suid"
    box -u 0 "$root" /suid caps caps=800405fb
    echo "$output"
    [ "$status" = 0 ]
}

@test "an entry point that looks like an option is a program that is not found" {
    box --entrypoint=--privileged "$root"
    [ "$status" = 127 ]
    run "$KELP" run -- --bind / /
    [ "$status" = 127 ]
}

@test "a user that is no user is refused" {
    local name
    for name in +1 -1 '1 ' 0x1 4294967295 4294967296 1: :1 '' nobody-at-all 99999999999; do
        box --user "$name" "$root" id -u
        [ "$status" = 125 ] || { echo "'$name': $status $output"; false; }
    done
}

@test "apt's directory of settings leads outside, in circles, or is no directory" {
    mkdir -p "$root/etc/apt"
    ln -s "../../../../../../../../../..$out" "$root/etc/apt/apt.conf.d"
    box "$root" true
    works_or_refuses
    ln -sfn "$out" "$root/etc/apt/apt.conf.d"
    box -v "$out:$out" "$root" true
    works_or_refuses
    ln -sfn apt.conf.d "$root/etc/apt/apt.conf.d"
    box "$root" true
    [ "$status" = 0 ]
    rm "$root/etc/apt/apt.conf.d"
    mkfifo "$root/etc/apt/apt.conf.d"
    box "$root" true
    [ "$status" = 0 ]
    rm "$root/etc/apt/apt.conf.d"
    mkdir -p "$root/etc/apt/apt.conf.d/99kelp-fake-root/full"
    box "$root" true
    works_or_refuses
}
