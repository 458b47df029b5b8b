#!/usr/bin/env bats
# A command on a view of this host: what it sees, what it may change, and what options do to that.

# shellcheck disable=SC2016,SC2088 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    dir=$BATS_TEST_TMPDIR
    export HOME=$dir/home
    mkdir -p "$HOME" "$dir/ws" "$dir/other"
    cd "$dir/ws" || return 1
    echo other >"$dir/other/file"
}

@test "own id, empty home, no write to /usr, a file written here" {
    echo secret >"$HOME/.profile"
    run --separate-stderr "$KELP" run -- sh -c 'id -u; ls -A ~; touch /usr/x; echo hi >f'
    [ "$status" = 0 ]
    [ "$output" = "$(id -u)" ]
    [[ $stderr == *"Read-only file system"* ]]
    [ "$(cat f)" = hi ]
    [ "$(stat -c %u f)" = "$(id -u)" ]
    [ ! -e /usr/x ]
}

@test "the home shows the way to the work directory and nothing else" {
    mkdir -p "$HOME/src/project" "$HOME/src/other" "$HOME/.config"
    cd "$HOME/src/project"
    run -0 "$KELP" run -- sh -c 'ls -A ~; ls -A ~/src; pwd; echo x >f'
    [ "${lines[0]}" = src ]
    [ "${lines[1]}" = project ]
    [ "${lines[2]}" = "$HOME/src/project" ]
    [ -e f ]
}

@test "keys and caches are hidden where a symlink of the home leads into the work directory" {
    local dot=$HOME/dot option

    mkdir -p "$dot/ssh" "$dot/config/gh" "$dot/cache/kelp/caches/one"
    chmod 0700 "$dot/cache/kelp/caches"
    for option in ssh/id config/gh/hosts.yml npmrc aws other; do
        echo "key of $option" >"$dot/$option"
    done
    ln -s dot/ssh "$HOME/.ssh"
    ln -s "$dot/npmrc" "$HOME/.npmrc"
    ln -s "$dot/config" "$HOME/.config"
    ln -s aws "$dot/by-another"
    ln -s dot/by-another "$HOME/.aws"
    ln -s dot/cache "$HOME/.cache"
    cd "$dot"
    for option in '' --readable=/usr; do
        run "$KELP" run ${option:+"$option"} -- sh -c 'cat ssh/id config/gh/hosts.yml npmrc aws
            ls cache/kelp/caches; echo evil >cache/kelp/caches/one/file; cat other'
        [[ $output != *"key of "[^o]* ]]
        [[ $output != *$'\none'* ]]
        [ ! -e cache/kelp/caches/one/file ]
        # what no secret's name leads to is there
        [ "${lines[-1]}" = "key of other" ]
    done
    rm "$HOME/.ssh" "$HOME/.npmrc"
    run -0 "$KELP" run -- cat ssh/id npmrc
    [ "$output" = $'key of ssh/id\nkey of npmrc' ]
}

@test "the short form is the same as run" {
    run -0 "$KELP" -- sh -c 'echo hi; hostname'
    [ "${lines[0]}" = hi ]
    [ "${lines[1]}" = kelp ]
}

@test "/tmp is private and empty, and can be written" {
    run -0 "$KELP" -- sh -c 'ls -A /tmp | grep -v "^bats\|^kelp-" ; echo x >/tmp/f && cat /tmp/f; ls -A /var/tmp'
    [ "$output" = x ] || [ "${#lines[@]}" -le 2 ]
    run "$KELP" -- cat /tmp/f
    [ "$status" != 0 ]
}

@test "pids begin at 1, and this host's are not there" {
    run -0 "$KELP" -- sh -c 'echo $$; ls /proc | grep -c "^[0-9]"'
    [ "${lines[0]}" -lt 10 ]
    [ "${lines[1]}" -le 5 ]
}

@test "pid 1 is called kelp-init, and has nothing of the command line" {
    run -0 "$KELP" run -e SECRET=hush -- sh -c 'cat /proc/1/comm; tr -d "\0" </proc/1/cmdline'
    [ "$output" = $'kelp-init\nkelp-init' ]
    run -0 "$KELP" -- ps -o comm=,args= -p 1
    [[ $output =~ ^kelp-init\ +kelp-init$ ]]
    # nor where there is no environment, and the words had less room
    ln -s "$KELP" k
    run -0 env -i ./k -- sh -c 'tr -d "\0" </proc/1/cmdline; echo word'
    [ "$output" = kelp-initword ]
}

@test "whoami and the user's own name" {
    run -0 "$KELP" -- sh -c 'id -un; id -gn'
    [ "${lines[0]}" = "$(id -un)" ]
    [ "${lines[1]}" = "$(id -gn)" ]
}

@test "only what is on the list of variables passes" {
    run -0 env TOKEN=x LD_PRELOAD='' LC_TIME=C TZ=UTC "$KELP" -- env
    run -1 grep -vE '^(PATH|HOME|USER|LOGNAME|SHELL|TERM|COLORTERM|LANG|LC_[A-Z]*|TZ|NO_COLOR|PWD|_|SHLVL)=' \
        <<<"$output"
}

@test "-e sets and passes, --env-file reads" {
    printf '# comment\nA=1\nB=two words\nPASSED\n' >vars
    run -0 env PASSED=on SECRET=s "$KELP" run --env-file vars -e C=3 -e SECRET -- sh -c \
        'echo "$A-$B-$C-$PASSED-$SECRET"'
    [ "$output" = "1-two words-3-on-s" ]
}

@test "--readable shows a directory, read-only" {
    run "$KELP" run -- cat "$dir/other/file"
    [ "$status" != 0 ]
    run -0 "$KELP" run --readable "$dir/other" -- cat "$dir/other/file"
    [ "$output" = other ]
    run "$KELP" run --readable "$dir/other" -- sh -c "echo x >>'$dir/other/file'"
    [ "$status" != 0 ]
    [ "$(cat "$dir/other/file")" = other ]
}

@test "--writable shows a directory, writable" {
    run -0 "$KELP" run --writable "$dir/other" -- sh -c "echo more >>'$dir/other/file'"
    [ "$(cat "$dir/other/file")" = $'other\nmore' ]
}

@test "-v shows a directory or a file elsewhere" {
    run -0 "$KELP" run -v "$dir/other:/tmp/x" -- sh -c 'cat /tmp/x/file; echo y >/tmp/x/new'
    [ "$output" = other ]
    [ "$(cat "$dir/other/new")" = y ]
    run -0 "$KELP" run -v "$dir/other/file:/tmp/one:ro" -- cat /tmp/one
    [ "$output" = other ]
    run "$KELP" run -v "$dir/other:/tmp/x:ro" -- sh -c 'echo z >/tmp/x/z'
    [ "$status" != 0 ]
    [ ! -e "$dir/other/z" ]
}

@test "-v of what is not there is an error that names it" {
    run -125 "$KELP" run -v "$dir/absent:/tmp/x" -- true
    [[ $output == *"$dir/absent"* ]]
    [ ! -e "$dir/absent" ]
}

@test "a directory that is to be empty need not be there" {
    # not every system has a /media
    printf '[policy]\nextends = sandbox\n[files]\nempty = /no-such-directory\n' >my.policy
    run -0 "$KELP" run --policy my.policy -- echo ran
    [ "$output" = ran ]
}

@test "--hide covers what the kernel shows, also where it is covered anyway" {
    local network

    for network in none host; do
        run -0 "$KELP" run --network "$network" --hide /sys/kernel --hide /sys/firmware \
            --hide /proc/keys --hide /proc/irq -- \
            sh -c 'ls -A /sys/kernel /sys/firmware /proc/irq; cat /proc/keys; echo ran'
        [[ $output == *ran ]]
        [ "$(grep -c 'Permission denied' <<<"$output")" = 4 ]
        [[ $output != *mm* && $output != *default_smp* ]]
    done
}

@test "--hide covers a file and a directory" {
    mkdir keys
    echo CANARY | tee keys/k >token
    run "$KELP" run --hide "$PWD/keys" --hide "$PWD/token" -- sh -c 'cat token; cat keys/k; ls -A keys; echo ran'
    [[ $output == *ran* ]]
    [[ $output != *CANARY* ]]
    [ "$(cat token)" = CANARY ]
}

# nest DIR NAME N: in DIR, N directories NAME in one another.
nest() {
    python3 -c 'import os, sys
os.chdir(sys.argv[1])
for i in range(int(sys.argv[3])):
    os.mkdir(sys.argv[2])
    os.chdir(sys.argv[2])' "$@"
}

# too_deep CAUSE HIDE BOX-PATH ARG...: the run is refused for that and says what helps, which helps.
too_deep() {
    local cause=$1 hide=$2 top=$3
    shift 3
    run -125 --separate-stderr "$KELP" run "$@" /bin/true
    echo "$stderr"
    [[ ${stderr_lines[0]} == "kelp: "*"cannot look for sockets and fifos below $cause: '/"*...*"'" ]]
    [[ $stderr == *"remove what is so deep in '$dir/ws/top', or run with --hide '$hide'" ]]
    run -0 --separate-stderr "$KELP" run --hide "$hide" "$@" /bin/ls -A "${top%/*}"
    [ "$output" = top ]
}

@test "a tree that is too deep to be looked through is named, and so is what helps" {
    mkdir top
    nest top d 3000
    deep='256 directories in one another'
    too_deep "$deep" "$dir/ws/top" "$dir/ws/top" --
    cd "$dir/other"
    too_deep "$deep" "$dir/ws/top" /mnt/top -v "$dir/ws:/mnt" --
    mkdir -p root/bin
    cp "$(command -v busybox)" root/bin/ls
    ln root/bin/ls root/bin/true
    too_deep "$deep" /w/top /w/top --network none -v "$dir/ws:/w" ./root
    cd "$dir/ws"
    rm -r top
    mkdir top
    nest top "$(printf '%0250d' 0)" 20
    too_deep '4096 bytes of path' "$dir/ws/top" "$dir/ws/top" --
    rm -r top
    run -0 "$KELP" run -- true
}

@test "--tmpfs is empty, of its size and its mode" {
    run -0 "$KELP" run --tmpfs /opt:size=1m,mode=700 -- sh -c \
        'ls -A /opt; stat -c %a /opt; head -c 2m /dev/zero >/opt/big 2>/dev/null || echo full'
    [ "${lines[0]}" = 700 ]
    [ "${lines[1]}" = full ]
}

@test "--shm-size bounds /dev/shm" {
    run -0 "$KELP" run --shm-size 1m -- sh -c 'df -k /dev/shm | tail -n 1'
    [[ $output == *" 1024 "* ]]
}

@test "--device shows a device" {
    run "$KELP" run -- test -e /dev/fuse
    [ "$status" != 0 ]
    [ -c /dev/fuse ] || skip "the machine lacks /dev/fuse"
    run -0 "$KELP" run --device /dev/fuse -- test -c /dev/fuse
}

@test "no core dumps, also where the hard limit on them is 0 already" {
    local limits=(grep -o '^Max core file size  *[0-9]*  *[0-9]*' /proc/self/limits)

    if [[ $(</proc/sys/kernel/core_pattern) == "@"* ]]; then
        # a socket, which no limit stops
        run -125 "$KELP" run -- "${limits[@]}"
        [[ $output == "kelp: cannot keep crashes from this machine's handler of core dumps: it is a socket"*$'\n'"hint: --ulimit core=0 "* ]]
        run -0 "$KELP" run --ulimit core=0 -- true
        return
    fi
    run -0 "$KELP" run -- "${limits[@]}"
    [ "$(tr -s ' ' <<<"$output")" = "Max core file size 1 1" ]
    # what says so may be hidden from the command
    run -0 "$KELP" run --hide /proc/sys -- "${limits[@]}"
    ulimit -Hc 0
    run -0 "$KELP" run --ulimit core=0 -- "${limits[@]}"
    [ "$(tr -s ' ' <<<"$output")" = "Max core file size 0 0" ]
    # without a handler 0 is as good as 1; with one it is not
    if [[ $(</proc/sys/kernel/core_pattern) != "|"* ]]; then
        run -0 "$KELP" run -- "${limits[@]}"
        [ "$(tr -s ' ' <<<"$output")" = "Max core file size 0 0" ]
    else
        run -125 "$KELP" run -- "${limits[@]}"
        [[ $output == "kelp: cannot keep crashes from this machine's handler of core dumps: your own hard limit on them is 0"*$'\n'"hint: "*"LimitCORE=1; --ulimit core=0 lets "* ]]
    fi
}

@test "--ulimit sets soft and hard" {
    run -0 "$KELP" run --ulimit nofile=100:200 --ulimit fsize=1048576 -- sh -c 'ulimit -Sn; ulimit -Hn'
    [ "$output" = $'100\n200' ]
}

@test "--hostname and --add-host" {
    run -0 "$KELP" run --hostname box --add-host db.example:192.0.2.7 -- sh -c \
        'hostname; cat /etc/hostname; getent hosts db.example; getent hosts box'
    [ "${lines[0]}" = box ]
    [ "${lines[1]}" = box ]
    [[ ${lines[2]} == 192.0.2.7* ]]
    [[ ${lines[3]} == 127.0.1.1* ]]
}

@test "the host's own names stay, and the sandbox's own is one" {
    run -0 "$KELP" run --add-host db.example:192.0.2.7 -- cat /etc/hosts
    [ "$output" = "$(echo 192.0.2.7 db.example && cat /etc/hosts && echo 127.0.1.1 kelp)" ]
    run -0 "$KELP" run -- sh -c 'getent hosts "$(hostname)"; getent hosts localhost; echo >>/etc/hosts || echo no'
    [[ ${lines[0]} == 127.0.1.1*kelp ]]
    [[ ${lines[1]} == *localhost* ]]
    [[ $output == *no ]]
}

@test "--hide of a directory with files of the sandbox's own" {
    run -0 "$KELP" run --hide /etc/hosts -- sh -c 'cat /etc/hosts 2>/dev/null || echo hidden'
    [ "$output" = hidden ]
    run -0 "$KELP" run --hide /etc -- sh -c 'ls /etc 2>/dev/null || echo hidden'
    [ "$output" = hidden ]
}

@test "-w starts elsewhere" {
    mkdir sub
    run -0 "$KELP" run -w "$PWD/sub" -- pwd
    [ "$output" = "$PWD/sub" ]
    run -0 "$KELP" run -w /usr -- pwd
    [ "$output" = /usr ]
    run -125 "$KELP" run --hide . -- pwd
    [[ $output == *"hint: it is hidden by option --hide; start elsewhere with -w" ]]
    run -125 "$KELP" run -w /absent -- pwd
    [[ $output == *$'\n'"hint: show it with --readable or --writable, or start elsewhere with -w" ]]
    [ "${#lines[@]}" = 2 ]
    run -125 "$KELP" run -w /absent -- pwd
}

@test "--keep-fd leaves a descriptor open, and no other" {
    exec 7>"$dir/seven" 8>"$dir/eight"
    run -0 "$KELP" run --keep-fd 7 -- sh -c 'echo kept >&7; ls /proc/self/fd'
    [ "$(cat "$dir/seven")" = kept ]
    [ "$(tr '\n' ' ' <<<"$output")" = "0 1 2 3 7 " ]
    run -125 "$KELP" run --keep-fd 33 -- true
}

@test "--socket lets one socket through" {
    plant "$dir/place"
    cd "$dir/place/ws"
    cp "$PROBE" probe
    run "$KELP" run -- ./probe path-sockets socket=socket
    [ "$status" = 0 ]
    run "$KELP" run --socket "$PWD/socket" -- ./probe path-sockets socket=socket
    listener_stop
    [ "$status" = 1 ]
    [[ $output == *"open path-sockets"* ]]
}

@test "--allow-userns lets other sandboxes work inside" {
    run "$KELP" run -- unshare -Ur true
    [ "$status" != 0 ]
    run -0 --separate-stderr "$KELP" run --allow-userns -- unshare -Ur id -u
    [ "$output" = 0 ]
    [[ $stderr == kelp:* ]] # a weaker run is said out loud
    run -0 "$KELP" run --allow-userns -- bwrap --ro-bind / / --unshare-all --dev /dev true
}

@test "the toolchains of the home work, and cannot be changed" {
    mkdir -p "$HOME/.cargo/bin"
    printf '#!/bin/sh\necho tool\n' >"$HOME/.cargo/bin/tool"
    chmod +x "$HOME/.cargo/bin/tool"
    echo CANARY >"$HOME/.cargo/credentials.toml"
    run "$KELP" run -- sh -c '~/.cargo/bin/tool; echo evil >>~/.cargo/bin/tool; cat ~/.cargo/credentials.toml'
    [ "${lines[0]}" = tool ]
    [[ $output != *CANARY* ]]
    run -1 grep -q evil "$HOME/.cargo/bin/tool"
}

@test "--dry-run starts nothing" {
    run -0 "$KELP" run --dry-run -- touch made
    [ ! -e made ]
    [[ $output == *"$PWD"* ]]
}

@test "more than can be handled is refused, and the limit is named" {
    local i many=()
    for ((i = 0; i < 5001; i++)); do
        many+=(-v "$dir:/mnt/$i:ro")
    done
    run -125 "$KELP" run "${many[@]}" -- true
    [[ ${lines[0]} == kelp:*"limit is"* ]]
    seq -f 'V%.0f=1' 20100 >many
    run -125 "$KELP" run --env-file many -- true
    [[ ${lines[0]} == kelp:* ]]
    head -c 3000000 /dev/zero | tr '\0' x >long
    printf 'A=%s\n' "$(cat long)" >many
    run -125 "$KELP" run --env-file many -- true
    [[ ${lines[0]} == kelp:* ]]
}

@test "many shared directories work" {
    local i many=()
    for ((i = 0; i < 200; i++)); do
        mkdir "$dir/other/$i"
        echo "$i" >"$dir/other/$i/f"
        many+=(-v "$dir/other/$i:/mnt/$i:ro")
    done
    run -0 "$KELP" run "${many[@]}" -- sh -c 'cat /mnt/*/f | wc -l'
    [ "$output" = 200 ]
}

@test "a symlink and what it leads to can both be shown, in any order" {
    mkdir "$HOME/real"
    echo text >"$HOME/real/file"
    ln -s real/file "$HOME/link"
    run -0 "$KELP" run --readable "$HOME/link" --readable "$HOME/real/file" -- \
        sh -c 'cat ~/link ~/real/file; readlink ~/link'
    [ "$output" = "text
text
$HOME/real/file" ]
    run -0 "$KELP" run --readable "$HOME/real/file" --readable "$HOME/link" -- cat "$HOME/link" "$HOME/real/file"
    [ "$output" = $'text\ntext' ]
    # what is hidden stays so by either name
    run "$KELP" run --readable "$HOME/link" --readable "$HOME/real/file" --hide "$HOME/real/file" -- cat "$HOME/link"
    [ "$status" != 0 ]
    [[ $output != *text* ]]
}
