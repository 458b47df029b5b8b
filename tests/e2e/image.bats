#!/usr/bin/env bats
# Containers of a plain directory and of imported files.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup_file() {
    export XDG_DATA_HOME=$BATS_FILE_TMPDIR/data root=$BATS_FILE_TMPDIR/rootfs
    make_rootfs "$root"
    mkdir -p "$root/home/bob" "$root/srv"
    tar -C "$root" -cf "$BATS_FILE_TMPDIR/root.tar" .
}

setup() {
    export HOME=$BATS_TEST_TMPDIR/home
    mkdir -p "$HOME" "$BATS_TEST_TMPDIR/ws"
    cd "$BATS_TEST_TMPDIR/ws" || return 1
}

teardown_file() {
    remove_owned "$XDG_DATA_HOME"
}

box() {
    "$KELP" run --network none "$@"
}

@test "root inside, own pids, own name, only loopback" {
    run -0 box "$root" sh -c 'id -u; id -un; echo $$; hostname; ls /sys/class/net'
    [ "${lines[0]}" = 0 ]
    [ "${lines[1]}" = root ]
    [ "${lines[2]}" -lt 10 ]
    [ "${lines[3]}" = kelp ]
    [ "${lines[4]}" = lo ]
    [ "${#lines[@]}" = 5 ]
}

@test "nothing of this host is there" {
    echo CANARY >canary
    run box "$root" sh -c 'ls -A /home /root /ws 2>/dev/null; pwd; cat canary'
    [[ $output != *CANARY* ]]
    [[ $output == */* ]]
}

@test "changes are gone in the next run" {
    run -0 box "$root" sh -c 'echo new >/new; rm /etc/passwd; echo changed >/etc/group; cat /new'
    [ "$output" = new ]
    run -0 box "$root" sh -c 'ls /new 2>/dev/null; grep -c . /etc/passwd; head -n 1 /etc/group'
    [ "${lines[0]}" = 2 ]
    [ "${lines[1]}" = root:x:0: ]
    [ ! -e "$root/new" ]
}

@test "the same in an imported image, which is imported once" {
    run -0 box "$BATS_FILE_TMPDIR/root.tar" sh -c 'echo x >/x; id -u'
    run -0 --separate-stderr box "$BATS_FILE_TMPDIR/root.tar" sh -c 'ls /x 2>/dev/null; id -u'
    [ "$output" = 0 ]
}

@test "import, images, run by name, rmi" {
    run -0 "$KELP" import "$BATS_FILE_TMPDIR/root.tar" mybox
    run -0 "$KELP" images
    [[ $output == *mybox* ]]
    run -0 box mybox echo hi
    [ "$output" = hi ]
    run -0 "$KELP" rmi mybox
    run -125 box mybox true
}

@test "-u by number and by the image's own names" {
    command -v newuidmap >/dev/null || skip "the machine lacks newuidmap"
    run -0 box --userns subids -u bob "$root" sh -c 'id -u; id -g; echo $HOME'
    [ "$output" = $'1000\n1000\n/home/bob' ]
    run -0 box --userns subids -u 33:44 "$root" sh -c 'id -u; id -g'
    [ "$output" = $'33\n44' ]
    run -125 box -u alice "$root" true
    [[ $output == *alice* ]]
}

@test "an id that has no place in the map is a clear error" {
    run -125 box --userns single -u 1000 "$root" true
    [[ $output == kelp:* ]]
}

@test "-w starts there, and makes it when it is not there" {
    run -0 box -w /srv "$root" pwd
    [ "$output" = /srv ]
}

@test "--entrypoint replaces, and an empty one takes away" {
    run -0 box --entrypoint echo "$root" a b
    [ "$output" = "a b" ]
    run -0 box --entrypoint '' "$root" echo c
    [ "$output" = c ]
}

@test "the environment is the image's, not the user's" {
    run -0 env TOKEN=x "$KELP" run --network none -e GIVEN=1 "$root" env
    [[ $output == *GIVEN=1* ]]
    [[ $output == *PATH=/usr/local/sbin:* ]]
    [[ $output != *TOKEN* ]]
    [[ $output != *USER=* ]]
}

@test "--read-only refuses writes to the root, not to /tmp" {
    run "$KELP" run --network none --read-only "$root" sh -c 'echo x >/x; echo y >/tmp/y && cat /tmp/y'
    [[ $output == *"Read-only"* ]]
    [[ $output == *y* ]]
}

@test "-v and --tmpfs in a container; the mount point is not made in the directory" {
    mkdir data
    echo in >data/file
    run -0 box -v "$PWD/data:/mnt/a/b" --tmpfs /scratch "$root" sh -c \
        'cat /mnt/a/b/file; echo out >/mnt/a/b/new; echo x >/scratch/x'
    [ "$output" = in ]
    [ "$(cat data/new)" = out ]
    [ "$(stat -c %u data/new)" = "$(id -u)" ]
    [ ! -e "$root/mnt" ]
    [ ! -e "$root/scratch" ]
}

@test "capabilities: docker's words" {
    run -0 box --cap-drop ALL "$root" grep CapEff /proc/self/status
    [[ $output == *0000000000000000 ]]
    run -0 box --cap-drop ALL --cap-add CHOWN "$root" grep CapEff /proc/self/status
    [[ $output == *0000000000000001 ]]
}

@test "subordinate ids: a file of another user" {
    command -v newuidmap >/dev/null || skip "the machine lacks newuidmap"
    run -0 box --userns subids "$root" sh -c 'touch /f; chown 1234:1234 /f; stat -c %u:%g /f'
    [ "$output" = 1234:1234 ]
}

@test "127 for a program that is not there, 126 for one that is none" {
    run -127 box "$root" absent
    run -126 box "$root" /etc/passwd
}

@test "an image that is not there" {
    run -125 "$KELP" run no-such-image true
    [[ $output == *no-such-image* ]]
    run -125 "$KELP" run ./no-such-directory true
    [[ $output == *no-such-directory* ]]
}

@test "an image without the program says so, and without /proc, /sys, /dev it works" {
    mkdir -p "$BATS_TEST_TMPDIR/bare"
    cp "$PROBE" "$BATS_TEST_TMPDIR/bare/probe"
    run -127 box "$BATS_TEST_TMPDIR/bare" sh
    run -0 box "$BATS_TEST_TMPDIR/bare" /probe works
}
