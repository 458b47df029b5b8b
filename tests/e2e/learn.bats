#!/usr/bin/env bats
# kelp learn: the watched run changes nothing, and the policy that comes of it lets the same pass and
# little else.

# shellcheck disable=SC2016,SC2088 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    PATH=$PATH:/usr/sbin:/sbin
    dir=$BATS_TEST_TMPDIR
    export HOME=$dir/home TMPDIR=$dir/tmp
    mkdir -p "$HOME"/.ssh "$HOME"/.cache/tool "$HOME"/notes "$HOME"/work/.git/hooks "$dir/tmp"
    echo SECRET >"$HOME/.ssh/id_ed25519"
    echo alpha >"$HOME/notes/a"
    echo beta >"$HOME/notes/b"
    echo cached >"$HOME/.cache/tool/index"
    echo old >"$HOME/work/file"
    echo 'exit 0' >"$HOME/work/.git/hooks/pre-commit"
    cd "$HOME/work" || return 1
    policy=$dir/out.policy
}

teardown() {
    chmod -R u+rwX "$dir"
}

learn() {
    run --separate-stderr "$KELP" learn -o "$policy" "$@"
    echo "$output"
    echo "$stderr"
    ! [ -e "$policy" ] || cat "$policy"
}

under() {
    run --separate-stderr "$KELP" run --policy "$policy" "$@"
    echo "$output"
    echo "$stderr"
}

# Whether the policy has the line.
has_line() {
    grep -qxF -- "$1" "$policy" || {
        echo "no line: $1"
        return 1
    }
}

@test "what the watched command writes is seen by it and thrown away" {
    before=$(tree_hash "$HOME")
    learn -- sh -c 'echo new >file; cat file ~/notes/a; rm -r ~/notes; ls ~; mkdir sub; mv file sub
        echo x >~/.cache/tool/index; cat ~/.cache/tool/index; echo y >~/top; ls ~'
    [ "$status" = 0 ]
    [ "$output" = $'new\nalpha\nwork\nx\ntop\nwork' ]
    [ "$(tree_hash "$HOME")" = "$before" ]
    [ -z "$(ls -A "$TMPDIR")" ]
}

@test "control: without the overlay the same is there afterwards" {
    "$KELP" run --writable "$HOME/notes" -- sh -c 'echo new >file; rm ~/notes/a'
    [ "$(cat file)" = new ]
    [ ! -e "$HOME/notes/a" ]
}

@test "--writable is an overlay, too, and a file by itself is refused" {
    mkdir "$dir/data"
    echo old >"$dir/data/f"
    learn --writable "$dir/data" -- sh -c "echo new >$dir/data/f; cat $dir/data/f"
    [ "$status" = 0 ]
    [ "$output" = new ]
    [ "$(cat "$dir/data/f")" = old ]
    rm "$policy"
    learn --writable "$dir/data/f" -- sh -c "echo new >$dir/data/f"
    [ "$status" = 125 ]
    says "cannot keep the changes of the file '$dir/data/f' apart"
    [ "$(cat "$dir/data/f")" = old ]
    [ ! -e "$policy" ]
    [ -z "$(ls -A "$TMPDIR")" ]
}

@test "keys stay hidden from it, and protected names cannot be changed" {
    learn -- sh -c 'cat ~/.ssh/id_ed25519; ls -A ~/.ssh; echo evil >.git/hooks/pre-commit; mv .git x; true'
    [ "$status" = 0 ]
    [[ $output != *SECRET* ]]
    says "id_ed25519: Permission denied"
    says "Read-only file system"
    says "cannot move '.git'"
    run ! grep -q SECRET "$policy"
}

@test "a socket of the host in an overlay leads nowhere" {
    (cd "$HOME/work" && exec python3 -c '
import socket, time
s = socket.socket(socket.AF_UNIX)
s.bind("s")
s.listen(1)
open("ready", "w").close()
time.sleep(60)') 3>&- &
    server=$!
    while [ ! -e ready ]; do sleep 0.05; done
    learn -- python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
    print("connected")
except OSError:
    print("refused")' s
    control=$(python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect("s"); print("connected")')
    kill "$server"
    [ "$status" = 0 ]
    [ "$output" = refused ]
    [ "$control" = connected ]
}

@test "it does not see where its changes go" {
    learn --readable "$TMPDIR" -- sh -c "echo MARK >file; ls -A $TMPDIR >&2; ls $TMPDIR/kelp-overlay-*"
    [ -z "$output" ]
    says kelp-overlay-
    says "Permission denied"
    export TMPDIR=$HOME/tmp
    mkdir "$TMPDIR"
    rm -f "$policy"
    TMPDIR=tmp learn -- sh -c 'echo ran'
    [ "$status" = 125 ]
    says "kelp: 'tmp' of TMPDIR is not an absolute path"
    says "hint: set TMPDIR"
    learn -- sh -c 'echo ran'
    [ "$status" = 125 ]
    says "which lies in it"
    says "hint: set TMPDIR"
    [ -z "$output" ]
    [ ! -e "$policy" ]
    [ -z "$(ls -A "$TMPDIR")" ]
}

# Runs the script in namespaces of its own, kelp in it without a capability.
in_mounts() {
    printf 'unprivileged() { unshare -U --map-user=%s --map-group=%s -- "$@"; }\n%s\n' \
        "$(id -u)" "$(id -g)" "$1" >"$dir/script"
    run --separate-stderr timeout 60 unshare -Urm bash "$dir/script"
    echo "$output"
    echo "$stderr"
}

@test "a directory that cannot be an overlay is an error, and nothing runs" {
    mkdir disk
    in_mounts "mount -t tmpfs none $HOME/work/disk; unprivileged $KELP learn -o $policy -- echo ran"
    [ "$status" = 125 ]
    [ -z "$output" ]
    says "another file system is mounted in it, at '$HOME/work/disk'"
    [ ! -e "$policy" ]
    # an overlay cannot take the changes of another one
    mkdir "$dir"/{lower,upper,workdir,top}
    in_mounts "mount -t overlay -o userxattr,lowerdir=$dir/lower,upperdir=$dir/upper,workdir=$dir/workdir none $dir/top
        export TMPDIR=$dir/top
        unprivileged $KELP learn -o $policy -- echo ran
        echo \$? >&2; ls -A $dir/top"
    [ -z "$output" ]
    says "cannot keep the changes of '$HOME' apart"
    says "hint: TMPDIR says where"
    says $'\n125'
    [ ! -e "$policy" ]
}

@test "a home with a mount in it is shown in parts, and as little is changed" {
    mkdir "$HOME"/disk "$HOME"/deep "$HOME"/deep/disk
    echo '[user]' >"$HOME/.gitconfig"
    ln -s notes/a "$HOME/link"
    before=$(tree_hash "$HOME")
    in_mounts "mount -t tmpfs none $HOME/disk; mount -t tmpfs none $HOME/deep/disk; echo m >$HOME/disk/m; cd $HOME/work
        unprivileged $KELP learn -o $policy -- sh -c '
            cat ~/link ~/.gitconfig ~/disk/m; cat ~/.ssh/id_ed25519
            echo x >~/notes/b; cat ~/notes/b; echo y >~/disk/m; echo z >~/.gitconfig; echo q >~/deep/q
            echo new >file; cat file; ls -A ~/.ssh'
        cat $HOME/disk/m"
    [ "$output" = $'alpha\n[user]\nm\nx\nnew\nm' ]
    says "another file system is mounted in your home, at '$HOME/disk'"
    says ".gitconfig: Read-only file system"
    says "deep/q: Read-only file system"
    [ "$(tree_hash "$HOME")" = "$before" ]
    has_line 'readable = -~/link'
    has_line 'writable = -~/notes/b'
    run ! grep -q '^[^#]*ssh' "$policy"
}

@test "control: the same namespaces without the mount" {
    in_mounts "unprivileged $KELP learn -o $policy -- echo ran"
    [ "$status" = 0 ]
    [ "$output" = ran ]
}

@test "files and directories of any depth and mode are thrown away" {
    learn -- python3 -c '
import os
os.makedirs("closed/inside")
os.chmod("closed/inside", 0)
os.chmod("closed", 0)
os.symlink("/etc", "link")
os.mkfifo("fifo")
for i in range(1500):
    os.mkdir("d")
    os.chdir("d")'
    [ "$status" = 0 ]
    [ -z "$(ls -A "$TMPDIR")" ]
}

@test "after kill -9 the next run takes away what is left, but not what is in use" {
    "$KELP" learn -o "$dir/one.policy" -- sh -c 'echo x >~/x; echo ready; sleep 60' >"$dir/one.log" 2>&1 3>&- &
    one=$!
    "$KELP" learn -o "$dir/two.policy" -- sh -c 'echo x >~/x; echo ready; sleep 60' >"$dir/two.log" 2>&1 3>&- &
    two=$!
    while ! grep -q ready "$dir/one.log" || ! grep -q ready "$dir/two.log"; do sleep 0.05; done
    [ "$(ls "$TMPDIR" | wc -l)" = 2 ]
    kill -9 "$one"
    wait "$one" || true
    [ "$(ls "$TMPDIR" | wc -l)" = 2 ]
    mkdir "$TMPDIR/kelp-other"
    learn -- true
    [ "$status" = 0 ]
    # of the one that runs, and what is none of ours
    [ "$(ls "$TMPDIR" | wc -l)" = 2 ]
    kill -TERM "$two"
    wait "$two" || true
    [ "$(ls "$TMPDIR")" = kelp-other ]
    [ ! -e "$dir/one.policy" ]
}

@test "the exit status is the command's, and there is no policy when it never ran" {
    learn -- sh -c 'exit 7'
    [ "$status" = 7 ]
    says "ended with status 7"
    [ -e "$policy" ]
    rm "$policy"
    learn -- sh -c 'kill -9 $$'
    [ "$status" = 137 ]
    rm -f "$policy"
    learn -- no-such-command
    [ "$status" = 127 ]
    [ ! -e "$policy" ]
    learn -- "$HOME/notes/a"
    [ "$status" = 126 ]
    [ ! -e "$policy" ]
    [ -z "$(ls -A "$TMPDIR")" ]
}

# fails STATUS-TEXT WORDS...: an error of one line with that text, and nothing runs
fails() {
    local text=$1

    shift
    run --separate-stderr "$KELP" learn "$@"
    echo "$stderr"
    [ "$status" = 125 ]
    [ -z "$output" ]
    says "$text"
    [ -z "$(ls -A "$TMPDIR")" ]
}

@test "slips are told before anything runs" {
    fails "there is no file for the policy" -- echo ran
    fails "there is no command" -o "$policy"
    fails "stdout is the command's own" -o - -- echo ran
    fails "needs a value" -o -- echo ran
    fails "--merge keeps" -o "$policy" --merge --force -- echo ran
    fails "option '--keep-fd' is none of kelp learn" -o "$policy" --keep-fd 3 -- echo ran
    fails "on a view of this host" -o "$policy" image echo ran
    fails "unknown option '--allow-any'" -o "$policy" --allow-any -- echo ran
    fails "cannot open '$dir/no'" -o "$dir/no/x.policy" -- echo ran
    fails "is a directory" -o "$dir/" -- echo ran
    echo mine >"$policy"
    fails "is there already" -o "$policy" -- echo ran
    says "hint: --merge adds what it lacks, --force replaces it"
    [ "$(cat "$policy")" = mine ]
    ln -s "$policy" "$dir/link.policy"
    fails "not a regular file" -o "$dir/link.policy" --force -- echo ran
    [ "$(cat "$policy")" = mine ]
    chmod 0500 "$dir/home/notes"
    fails "cannot write a policy to" -o "$HOME/notes/x.policy" -- echo ran
    cd "$HOME" || return 1
    fails "it is your home" -o "$policy" --force -- echo ran
}

@test "--force replaces, and the file is of its owner alone" {
    umask 0
    echo mine >"$policy"
    learn --force -- true
    [ "$status" = 0 ]
    [ "$(stat -c %a "$policy")" = 600 ]
    has_line "extends = sandbox"
    [ "$(find "$dir" -maxdepth 1 -name '.kelp-learn*' | wc -l)" = 0 ]
}

@test "the policy lets the same pass, and a changed command reads no other file" {
    cat >tool <<'SH'
#!/bin/sh
set -e
cat ~/notes/a ~/notes/b
cat ~/.gitconfig
cat ~/.cache/tool/index
echo new >~/.cache/tool/index.tmp
mv ~/.cache/tool/index.tmp ~/.cache/tool/index
mkdir -p ~/.local/share/tool/deep
echo made >out
SH
    chmod +x tool
    echo '[user]' >"$HOME/.gitconfig"
    echo other >"$HOME/private"
    learn -- ./tool
    [ "$status" = 0 ]
    [ "$output" = $'alpha\nbeta\n[user]\ncached' ]
    [ "$(cat "$HOME/.cache/tool/index")" = cached ]
    has_line 'readable = -~/notes'
    has_line 'readable = -~/.gitconfig'
    has_line 'writable = -~/.cache/tool'
    has_line 'writable = -~/.local/share/tool'
    has_line '# read by cat: a, b'
    [ "$(grep -c '^readable\|^writable' "$policy")" = 4 ]
    # each line that gives something has its reason above it
    run -0 awk '/^\[/ { section = $0 } / = / && !/^#/ && section != "[policy]" && last !~ /^#/ { print; bad = 1 }
        { last = $0 } END { exit bad }' "$policy"

    under -- ./tool
    [ "$status" = 0 ]
    [ "$output" = $'alpha\nbeta\n[user]\ncached' ]
    [ "$(cat out)" = made ]
    [ "$(cat "$HOME/.cache/tool/index")" = new ]

    echo 'cat ~/.ssh/id_ed25519' >>tool
    under -- ./tool
    [ "$status" != 0 ]
    [[ $output != *SECRET* ]]
    under -- sh -c 'cat ~/private; ls -A ~/.ssh; echo x >~/notes/a'
    [ "$status" != 0 ]
    [ -z "$output" ]
    [ "$(cat "$HOME/notes/a")" = alpha ]
}

@test "control: without the policy the same does not pass" {
    run ! "$KELP" run -- sh -c 'cat ~/notes/a'
}

@test "secrets are flagged and left out, by the list and by their names" {
    mkdir "$HOME/conf"
    echo K >"$HOME/conf/server.key"
    echo c >"$HOME/conf/one"
    echo c >"$HOME/conf/two"
    echo T >.env
    ln -s ../.ssh/id_ed25519 "$HOME/notes/innocent"
    learn -- sh -c 'cat ~/.ssh/id_ed25519 ~/notes/innocent; cat ~/conf/*; cat .env; true'
    [ "$status" = 0 ]
    says "a secret, left out: ~/.ssh, asked for by cat"
    says "a secret, left out: ~/conf/server.key, asked for by cat"
    says "~/work/.env, asked for by cat (the current directory shows it)"
    run ! grep -q '^[^#]*ssh\|^[^#]*innocent' "$policy"
    has_line 'readable = -~/conf'
    has_line 'hidden = -~/conf/server.key'
    has_line '#   ~/.ssh, asked for by cat'
    under -- sh -c 'cat ~/conf/one; cat ~/conf/server.key ~/notes/innocent ~/.ssh/id_ed25519'
    [ "$output" = c ]
}

@test "what looks like a secret in a directory that is shown is hidden, asked for or not" {
    mkdir -p "$HOME/conf/deep"
    echo T >"$HOME/conf/.env"
    echo K >"$HOME/conf/deep/server.key"
    echo K >"$HOME/notes/id_rsa"
    ln -s "$HOME/notes" "$HOME/conf/deep/link"
    learn -- sh -c 'touch ~/conf/one ~/conf/two; cat ~/notes/a'
    [ "$status" = 0 ]
    has_line 'writable = -~/conf'
    has_line 'readable = -~/notes/a'
    [ "$(grep -c ^hidden "$policy")" = 2 ]
    has_line 'hidden = -~/conf/.env'
    has_line 'hidden = -~/conf/deep/server.key'
    under -- sh -c 'echo x >~/conf/three; cat ~/conf/three; cat ~/conf/.env ~/conf/deep/server.key'
    [ "$output" = x ]
}

@test "system calls that were refused are told by name, or by number without one" {
    learn -- python3 -c 'import ctypes
for number in 1000, 248: ctypes.CDLL(None).syscall(number, 0, 0, 0, 0, 0)'
    [ "$status" = 0 ]
    says "not granted: system call 1000, by python3"
    [ "$(uname -m)" != x86_64 ] || says "not granted: system call add_key, by python3"
}

@test "what takes effect outside is not granted, whatever the command asks for" {
    mkdir -p "$HOME"/.config/kelp "$HOME"/other/.git/hooks
    for file in .bashrc .profile .config/kelp/mine.policy other/.git/hooks/pre-commit; do
        echo old >"$HOME/$file"
    done
    ln -s ../.profile innocent
    learn -- sh -c 'echo evil >>~/.bashrc; echo evil >>innocent; echo evil >~/.config/kelp/mine.policy
        echo evil >~/.config/kelp/sandbox.policy; echo evil >>~/other/.git/hooks/pre-commit; echo x >~/notes/x'
    [ "$status" = 0 ]
    says "not granted: write ~/.bashrc, by sh: it takes effect outside of a sandbox"
    says "not granted: write ~/.profile, by sh"
    says "not granted: write ~/.config/kelp/mine.policy, by sh"
    says "not granted: write ~/other/.git/hooks/pre-commit, by sh"
    [ "$(grep '^writable' "$policy")" = 'writable = -~/notes' ]
    under -- sh -c 'for i in ~/.bashrc innocent ~/.config/kelp/mine.policy ~/other/.git/hooks/pre-commit
        do echo evil >>$i; done; true'
    run ! grep -rs evil "$HOME"
}

@test "what takes effect outside stays as it is in a directory that is granted" {
    mkdir -p "$HOME/.cargo/registry" "$HOME/.cargo/bin" "$HOME/go/src"
    echo old >"$HOME/.cargo/env"
    echo old >"$HOME/.cargo/bin/cargo"
    learn -- sh -c 'touch ~/.cargo/registry/x; touch ~/go/x'
    [ "$status" = 0 ]
    has_line 'writable = -~/.cargo'
    has_line 'writable = -~/go'
    has_line 'protected = -~/.cargo/env'
    under -- sh -c 'echo x >~/.cargo/registry/x; for i in env bin/cargo bin/new; do echo evil >>~/.cargo/$i; done
        echo new >~/.cargo/config.toml; mkdir ~/go/bin; echo x >~/go/x; true'
    [ "$status" = 0 ]
    [ "$(cat "$HOME/.cargo/registry/x" "$HOME/go/x")" = $'x\nx' ]
    run ! grep -rs evil "$HOME"
    says "the sandbox made '$HOME/.cargo/config.toml', which takes effect outside"
    says "the sandbox made '$HOME/go/bin', which takes effect outside"
}

@test "--merge adds what a second run needs, and keeps every line" {
    learn -- cat "$HOME/notes/a"
    sed -i 's/^\[files\]/# mine\n[files]/' "$policy"
    cp "$policy" "$dir/before"
    learn --merge -- cat "$HOME/notes/a"
    says "added to '$policy': 0 lines"
    cmp "$policy" "$dir/before"
    learn --merge -- sh -c 'cat ~/.cache/tool/index; echo x >~/notes/c'
    says "added to '$policy': 2 lines"
    has_line '# mine'
    has_line 'readable = -~/notes/a'
    has_line 'readable = -~/.cache/tool'
    has_line 'writable = -~/notes'
    [ "$(diff "$dir/before" "$policy" | grep -c '^<')" = 0 ]
    under -- sh -c 'cat ~/notes/a ~/.cache/tool/index; echo x >~/notes/c'
    [ "$status" = 0 ]
    [ "$(cat "$HOME/notes/c")" = x ]
}

@test "what it prints of a command line can be typed as it stands" {
    policy="$dir/it's my.policy"
    learn -- sh -c 'true; echo "a b" >x'
    grep -qxF "#   kelp learn -- sh -c 'true; echo \"a b\" >x'" "$policy"
    says "kelp run --policy '$dir/it'\\''s my.policy' -- sh ..."
}

@test "names that a policy could misread are read back as they are" {
    mkdir "$HOME/a \"b\" [c]" "$HOME/*"
    echo one >"$HOME/a \"b\" [c]/x"
    echo two >"$HOME/a \"b\" [c]/y"
    echo three >"$HOME/*/z"
    cat >tool <<'SH'
cat ~/"a \"b\" [c]/x" ~/"a \"b\" [c]/y" ~/"*/z"
SH
    learn -- sh tool
    [ "$status" = 0 ]
    under -- sh tool
    [ "$status" = 0 ]
    [ "$output" = $'one\ntwo\nthree' ]
    under -- sh -c 'cat ~/notes/a'
    [ "$status" != 0 ]
}

@test "a build under make, and again under its policy" {
    mkdir "$HOME/inc"
    echo '#define TEXT "hello"' >"$HOME/inc/text.h"
    printf '#include "text.h"\n#include <stdio.h>\nint main(void) { puts(TEXT); return 0; }\n' >main.c
    printf 'main: main.c\n\tcc -I %s -o main main.c\n' "$HOME/inc" >Makefile
    learn -- sh -c 'make -j2 && ./main'
    [ "$status" = 0 ]
    [ ! -e main ]
    under -- sh -c 'make -j2 && ./main'
    [ "$status" = 0 ]
    [[ $output == *hello ]]
    [ -x main ]
}

# The names of the test's own server, in the /etc/hosts of a mount namespace.
with_server() {
    printf '127.0.0.1 localhost good.test other.test\n' >"$dir/hosts"
    mkdir -p "$dir/www"
    echo page >"$dir/www/page"
    (cd "$dir/www" && exec python3 -u -m http.server --bind 127.0.0.1 0) >"$dir/server.log" 2>&1 3>&- &
    server=$!
    while ! port=$(grep -o 'port [0-9]*' "$dir/server.log"); do
        kill -0 "$server"
        sleep 0.05
    done
    port=${port#port }
}

@test "hosts by name: the one that was used is allowed, and no other" {
    with_server
    in_mounts "mount --bind $dir/hosts /etc/hosts
        cd $HOME/work
        get() { echo \"import urllib.request as r; print(r.urlopen('http://\$1:$port/page', timeout=20).read().decode().strip())\"; }
        unprivileged $KELP learn --allow '*:$port' --allow 127.0.0.1:$port -o $policy -- python3 -c \"\$(get good.test)\"
        echo \"learn \$?\"
        unprivileged $KELP run --policy $policy -- python3 -c \"\$(get good.test)\"
        echo \"same \$?\"
        unprivileged $KELP run --policy $policy -- python3 -c \"\$(get other.test)\"
        echo \"other \$?\""
    cat "$policy"
    kill "$server"
    [[ $output == *"page"*"learn 0"*"page"*"same 0"*"other 1"* ]]
    [ "$(grep -c page <<<"$output")" = 2 ]
    has_line "allow = good.test:$port"
    has_line 'mode = filtered'
    run ! grep -q 'other.test\|^allow = \*' "$policy"
}

@test "a proxy of this host is said to decide where names lead" {
    unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
    https_proxy=http://127.0.0.1:9 learn -- true
    [ "$status" = 0 ]
    says 'the proxy of https_proxy looks names up, and may lead them to this host'
    rm "$policy"
    learn -- true
    [[ $stderr != *'looks names up'* ]]
}

@test "without --allow a private address is not reached, nor an address at all" {
    with_server
    in_mounts "mount --bind $dir/hosts /etc/hosts
        cd $HOME/work
        unprivileged $KELP learn --allow '*:$port' -o $policy -- python3 -c '
import urllib.request as r
for host in \"good.test\", \"127.0.0.2\", \"203.0.113.7\":
    try:
        print(r.urlopen(\"http://%s:$port/page\" % host, timeout=20).read())
    except OSError as e:
        print(\"no\")'"
    kill "$server"
    [ "$output" = $'no\nno\nno' ]
    says "not granted: host good.test, port $port"
    says "not granted: host 203.0.113.7, port $port"
    cat "$policy"
    run ! grep -q '^allow' "$policy"
}

@test "--allow-any-host reaches addresses, too, but those that are denied" {
    echo page >"$dir/page"
    cat >"$dir/script" <<SH
unprivileged() { unshare -U --map-user=$(id -u) --map-group=$(id -g) -- "\$@"; }
set -e
ip link set lo up
unshare -n sleep 200 3>&- &
other=\$!
while [ "\$(readlink /proc/\$other/ns/net)" = "\$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
ip link add up0 type veth peer name eth0 netns \$other
ip addr add 9.9.9.1/24 dev up0
ip link set up0 up
nsenter -t \$other -n sh -c 'ip addr add 9.9.9.9/24 dev eth0; ip link set eth0 up'
(cd $dir && exec nsenter -t \$other -n python3 -u -m http.server --bind 9.9.9.9 80) >$dir/server.log 2>&1 3>&- &
while ! grep -q Serving $dir/server.log; do sleep 0.05; done
set +e
get='import urllib.request as r; print(r.urlopen("http://9.9.9.9/page", timeout=20).read().decode().strip())'
unprivileged $KELP learn -o $dir/one.policy -- python3 -c "\$get"
echo "names \$?"
unprivileged $KELP learn --allow-any-host -o $policy -- python3 -c "\$get"
echo "any \$?"
unprivileged $KELP run --policy $policy -- python3 -c "\$get"
echo "same \$?"
unprivileged $KELP learn --allow-any-host --deny 9.9.9.0/24 -o $dir/two.policy -- python3 -c "\$get"
echo "denied \$?"
kill %1 %2
SH
    run --separate-stderr timeout 60 unshare -Urmn bash "$dir/script"
    echo "$output"
    echo "$stderr"
    [ "$output" = $'names 1\npage\nany 0\npage\nsame 0\ndenied 1' ]
    has_line 'allow = 9.9.9.9:80'
    grep -qx 'deny = 9.9.9.0/24' "$dir/two.policy"
    [ "$(grep -c '^allow' "$dir/one.policy" "$dir/two.policy")" = $"$dir/one.policy:0
$dir/two.policy:0" ]
}
