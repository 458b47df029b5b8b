#!/usr/bin/env bats
# `kelp policy why` must never lie: what it says of a path, a host or a system call is what a run
# with the same options does, and what it suggests does allow it.

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/filtered

setup() {
    dir=$BATS_TEST_TMPDIR
    export HOME=$dir/home XDG_DATA_HOME=$dir/data-home
    unset XDG_CONFIG_HOME
    mkdir -p "$HOME"/.ssh "$HOME"/.config/tool "$HOME"/bin "$HOME"/private "$HOME"/work "$dir"/data
    cd "$HOME/work"
}

program() {
    printf '#!/bin/sh\nexit 0\n' >"$1"
    chmod 755 "$1"
}

# A home and a project with all kinds of things in them.
plant_scene() {
    echo key >"$HOME/.ssh/id"
    echo token >"$HOME/.npmrc"
    echo x >"$HOME/.config/tool/conf"
    echo x >"$HOME/plain"
    program "$HOME/bin/tool"
    program "$dir/data/tool"
    echo x >"$dir/data/file"
    ln -s file "$dir/data/link"
    plant_project
}

plant_project() {
    mkdir -p .git/hooks sub .hid .vscode 'with blank'
    echo x >.git/config
    program .git/hooks/pre-commit
    echo x >.envrc
    echo x >a
    echo x >.hid/secret
    echo x >'with blank/a'
    echo x >closed
    chmod 000 closed
    echo x >read-only
    chmod 444 read-only
    program tool
    cp "$KELP_SRC/tests/lib/try.sh" .
    ln -s "$HOME/.ssh/id" to-key
    ln -s /etc to-etc
    ln -s nowhere dangling
    ln -s loop loop
    ln -s ../.. up
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'
    mkfifo fifo
}

# answers_of PATH OPTION...: what `why` says of reading, executing and writing it, a line each.
answers_of() {
    local path=$1 status=0 access verdict expected=0

    shift
    "$KELP" policy why "$@" "$path" rxw >why.out 2>&1 || status=$?
    while read -r access verdict _; do
        case $access$verdict in
        [rxw]:allowed:) echo "${access%:} yes $path" ;;
        [rxw]:refused:) expected=1 && echo "${access%:} no $path" ;;
        kelp:*) echo "$path: $(cat why.out)" ;;
        esac
    done <why.out
    # the status is that of all of them
    [ "$status" = "$expected" ] || echo "status $status of $path"
}

# questions PATH...: each of them for reading, writing and executing; writing last, it leaves traces.
questions() {
    local access

    for access in r x w; do
        printf "$access %s\n" "$@"
    done
}

# same OPTION... -- PATH...: `why` and a run say the same of all of them.  In $image, if that is set.
same() {
    local options=() of_image=() path

    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    questions "$@" >list
    # what an image's own network needs is none of these questions
    [ -z "${image:-}" ] || of_image=(--image "$image") options+=(--network none)
    for path; do
        answers_of "$path" "${of_image[@]}" "${options[@]}"
    done | sort >said
    "$KELP" run "${options[@]}" "${image:---}" sh "${image:+/}try.sh" <list >did || cat did
    [ "$(wc -l <did)" = "$(wc -l <list)" ]
    sort did | diff -u said -
    cat said >>all
}

@test "why says of paths what a run does" {
    plant_scene
    same -- . a b sub sub/new new/deeper/file closed read-only tool 'with blank/a' sock fifo \
        .git/config .git/hooks .git/hooks/pre-commit .git/hooks/new .git/index .envrc .vscode \
        .vscode/tasks.json to-key to-etc/passwd dangling loop up up/x a/b \
        "$HOME" "$HOME/.npmrc" "$HOME/.ssh/id" "$HOME/.config/tool/conf" "$HOME/new" \
        "$HOME/.cache/x/y" "$dir/data/file" /etc/passwd /etc/shadow /etc/hosts /etc/new / /home /root \
        /usr/bin/true /usr/bin/new /usr/lib /opt /var/log/new /tmp /tmp/x /var/tmp/x /run /run/x /mnt \
        /dev /dev/null /dev/zero /dev/full /dev/kmsg /dev/new /dev/shm /dev/shm/x /dev/mqueue \
        /proc /proc/cpuinfo /proc/sys/kernel/core_pattern /proc/kcore /proc/new /proc/s /proc/bus \
        /sys /sys/kernel /sys/firmware /sys/new /sys/kernel/mm /nowhere /nowhere/x
    # the same without a table: it is about both answers
    [ "$(grep -c ' yes ' all)" -gt 40 ]
    [ "$(grep -c ' no ' all)" -gt 80 ]
}

@test "why says of paths that options show or hide what a run does" {
    plant_scene
    same --readable "$HOME" --writable "$HOME/.config" --hide ./.hid --tmpfs "$HOME/private" -- \
        "$HOME" "$HOME/.npmrc" "$HOME/.ssh" "$HOME/.ssh/id" "$HOME/.ssh/new" "$HOME/plain" \
        "$HOME/bin/tool" "$HOME/.config/tool/conf" "$HOME/.config/new" "$HOME/new" .hid .hid/secret \
        .hid/new a to-key "$HOME/private"
    same --writable "$dir/data" --readable "$HOME/.ssh/id" -- "$dir/data/file" "$dir/data/link" \
        "$dir/data/tool" "$dir/data/new" "$HOME/.ssh/id" "$HOME/.ssh" "$HOME/.ssh/new" to-key \
        "$HOME/.npmrc" "$dir/data-home"
    same -v "$dir/data:/mnt/data:ro" -v "$HOME/bin:/mnt/bin" -- /mnt/data /mnt/data/file /mnt/data/new \
        /mnt/data/link /mnt/bin/tool /mnt/bin/new /mnt/new "$dir/data/file"
    same --writable .git/hooks --tmpfs "$PWD/sub" -- .git/hooks .git/hooks/new .git/hooks/pre-commit \
        .git/config sub sub/new
}

@test "why says of paths under other policies what a run does" {
    local policy

    plant_scene
    mkdir -p .claude/hooks
    echo x | tee .claude/hooks/h >.env
    printf '[files]\nhidden = ./a\n' >.kelp.policy
    printf '[files]\nhidden = **/.env\n' >"$dir/pattern.policy"
    for policy in agent strict npm "$dir/pattern.policy"; do
        same --policy "$policy" -- a .env sub/new .claude/hooks/h .claude/hooks/new .kelp.policy \
            "$HOME/.ssh/id" "$HOME/new" /etc/passwd /tmp/x /run/kelp/cache/npm /run/kelp/cache/x
    done
    # the patterns and the caches make a difference
    grep -qx 'r no .env' all
    grep -qx 'r yes .env' all
    grep -qx 'w yes /run/kelp/cache/npm' all
    grep -qx 'w no /run/kelp/cache/npm' all
}

# The words behind "hint: " of why.out: the option, and the line of a policy; either may be missing.
hint_option() {
    sed -n 's/^hint: //; s/, or in a policy: .*//; /^-/p' why.out
}

hint_line() {
    sed -n 's/^hint: \(.*, or in a policy: \)\?\(\[.*\)/\2/p' why.out
}

# allowed_by OPTION... -- ACCESS PATH: with these options `why` says yes, and a run does it.
allowed_by() {
    local options=()

    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    "$KELP" policy why "${options[@]}" "$3" "$2" >again || {
        echo "${options[*]}: $2 $3"
        cat again
        return 1
    }
    echo "$2 $3" >list
    # on stderr a run tells of protected names that it has changed
    [ "$("$KELP" run "${options[@]}" -- sh try.sh <list 2>did)" = "$2 yes $3" ]
}

# hinted ACCESS PATH [OPTION...]: with the options it is refused, and both of what is suggested make it
# allowed.
hinted() {
    local access=$1 path=$2 option line words

    shift 2
    run -1 "$KELP" policy why "$@" "$path" "$access"
    echo "$output" | tee why.out
    option=$(hint_option)
    line=$(hint_line)
    [ -n "$option" ]
    eval "words=($option)"
    allowed_by "$@" "${words[@]}" -- "$access" "$path"
    n_options=$((n_options + 1))
    [ -n "$line" ] || return 0
    printf '%s\n' "${line%%]*}]" "${line#*] }" >hint.policy
    allowed_by "$@" --policy ./hint.policy -- "$access" "$path"
    n_lines=$((n_lines + 1))
}

@test "what why suggests makes it allowed, as an option and as a line of a policy" {
    plant_scene
    mkdir -p "$HOME/a dir's" "$dir/data/sub"
    echo x >"$HOME/a dir's/"'$file "x"'
    n_options=0 n_lines=0
    hinted r "$HOME/.npmrc"
    hinted r "$HOME/.ssh/id"
    hinted r "$HOME/.ssh"
    hinted r to-key
    hinted x "$HOME/bin/tool"
    hinted r "$HOME/a dir's/"'$file "x"'
    hinted w .git/config
    hinted w .git/hooks/new
    hinted w .git/hooks/pre-commit
    hinted w .envrc
    hinted r "$dir/data/file"
    hinted w "$dir/data/file" --readable "$dir/data"
    hinted w "$dir/data/sub/deeper/new" --readable "$dir/data"
    hinted r "$HOME/.ssh/id" --readable "$HOME"
    hinted r "$HOME/.ssh" --readable "$HOME"
    hinted w "$HOME/plain" --readable "$HOME"
    hinted w "$HOME/bin/new" --readable "$HOME"
    hinted r up/home/.npmrc
    [ "$n_options" -ge 17 ]
    [ "$n_lines" -ge 17 ]
}

image_paths() {
    printf '%s\n' / /etc /etc/passwd /etc/hosts /etc/new /etc/shadow /closed /bin/spare /bin/true /new/x \
        /tmp /tmp/x /root /root/.x /proc /proc/new /proc/sys/kernel/core_pattern /sys/new /dev/null \
        /dev/new /dev/shm/x /link /link/passwd /absolute/spare /dangling /removed /removed/x /replaced \
        /replaced/old /replaced/new /mnt/host /mnt/host/a /mnt/host/new /mnt/ro/a /mnt/ro/new "$HOME"
}

@test "why says of paths in an image what a run does" {
    plant_scene
    mkdir "$dir/root"
    make_rootfs "$dir/root"
    mkdir "$dir/root/removed" "$dir/root/replaced"
    cp try.sh "$dir/root/"
    # nothing can write to the program that is running
    cp "$PROBE" "$dir/root/bin/spare"
    ln -sf spare "$dir/root/bin/true"
    echo x >"$dir/root/closed"
    chmod 000 "$dir/root/closed"
    ln -s etc "$dir/root/link"
    ln -s /bin "$dir/root/absolute"
    ln -s /nowhere "$dir/root/dangling"
    mkdir "$dir/root/mnt"
    mapfile -t paths < <(image_paths)
    image=$dir/root
    same -v "$PWD/sub:/mnt/host" -v "$dir/data:/mnt/ro:ro" -- "${paths[@]}"
    # root of an image can open what is hidden, and finds something empty
    mapfile -t paths < <(image_paths | grep -E '^/(closed|bin|etc|root|replaced/|mnt|tmp|new|dev/null)')
    same --read-only --hide /replaced --tmpfs /root/new -- "${paths[@]}" /root/new/x
    same --cap-drop ALL -- "${paths[@]}"
    [ "$(grep -c ' yes ' all)" -gt 60 ]
    [ "$(grep -c ' no ' all)" -gt 60 ]
}

@test "why says of paths in an image of layers, and in a sandbox that is kept, what a run does" {
    plant_scene
    mkdir "$dir/root"
    make_rootfs "$dir/root"
    cp try.sh "$dir/root/"
    mkdir -p "$dir/root/removed/sub" "$dir/root/replaced" "$dir/root/mnt"
    cp "$PROBE" "$dir/root/bin/spare"
    echo x >"$dir/root/replaced/old"
    ln -s etc "$dir/root/link"
    ln -s /bin "$dir/root/absolute"
    ln -s etc "$dir/root/turned"
    tar -C "$dir/root" -cf "$dir/low.tar" .
    "$KELP" import "$dir/low.tar" low
    # another layer: removed, made anew with other files, a symlink that became a directory
    "$KELP" run --network none --userns single --name box --keep low sh -c 'rm -r /removed /replaced /turned; mkdir /replaced /turned
        echo x >/replaced/new; echo x >/turned/file; echo x >/added'
    "$KELP" commit box high
    mapfile -t paths < <(
        image_paths | grep -E '^/(etc|bin/spare|root|removed|replaced|link|absolute|dangling)'
        printf '%s\n' /removed/sub /turned /turned/file /turned/passwd /added /added/x
    )
    image=low
    same --userns single -- "${paths[@]}"
    image=high
    same --userns single -- "${paths[@]}"
    image=low
    same --userns single --name box --keep -- "${paths[@]}"
    [ "$(grep -c ' yes ' all)" -gt 60 ]
    [ "$(grep -c ' no ' all)" -gt 60 ]
}

@test "why says of system calls what a run does" {
    cp "$KELP_BUILD/helpers/seccomp/probe-syscalls" .
    "$KELP" run -- ./probe-syscalls | awk '$1 == "nr" && $2 < 475' >inside
    mapfile -t numbers < <(cut -d' ' -f2 inside)
    run -1 "$KELP" policy why syscall "${numbers[@]}"
    # what is let through the kernel answers as it sees fit, but what it was seen to answer is let through
    grep -E '^[0-9]+: ' <<<"$output" | awk '
        NR == FNR { answer[$2 ":"] = $3; next }
        { asked++ }
        $2 == "allowed:" { next }
        { refused++; said = $0; sub(/.*, answered /, "", said); sub(/,.*/, "", said) }
        said != answer[$1] { print answer[$1] ", not: " $0; lies++ }
        END { print asked " " refused " " lies + 0 }' inside - >counts
    cat counts
    [ "$(cut -d' ' -f1,3 counts)" = "${#numbers[@]} 0" ]
    [ "$(cut -d' ' -f2 counts)" -gt 100 ]
}

# In the scene: says "LIE" where `why` and a run are not of one mind; what is suggested is tried, too.
hosts_scene() {
    cat <<'END'
serve neighbour http:0.0.0.0/80 http:0.0.0.0/443 http:0.0.0.0/8080
neighbour ip addr add 203.0.113.3/24 dev v2
serve_more host http:0.0.0.0/80 http:0.0.0.0/8081 http:0.0.0.0/8082
hosts '203.0.113.2 good.test other.test a.good.test bad.good.test'

reaches() {
    local target=$1

    shift
    box "$@" -- python3 client.py "tcp:$target" 2>/dev/null | grep -q '^reached'
}

# same_hosts OPTION... -- HOST/PORT...
same_hosts() {
    local options=() target said did hint

    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    for target; do
        said=no did=no
        "$KELP" policy why "${options[@]}" "${target/\//:}" >why.out 2>&1 && said=yes
        reaches "$target" "${options[@]}" && did=yes
        echo "asked ${options[*]} $target: $said"
        [ "$said" = "$did" ] || { echo "LIE: $did, not: $(cat why.out)"; }
        hint=$(sed -n 's/^hint: //; s/, or in a policy: .*//; /^--/p' why.out)
        [ -n "$hint" ] || continue
        reaches "$target" "${options[@]}" $hint && echo "hinted: $hint" || echo "VAIN: $hint"
    done
}
END
}

@test "why says of hosts what a run does" {
    filtered_setup
    cd "$HOME/work"
    scene < <(
        hosts_scene
        cat <<'END'
same_hosts -- good.test/80 203.0.113.2/443 127.0.0.1/8081 localhost/8081
same_hosts --allow good.test -- good.test/80 good.test/443 good.test/8080 other.test/80 a.good.test/80 \
    203.0.113.2/80 GOOD.test./80
same_hosts --allow '*.good.test' --deny bad.good.test -- a.good.test/80 bad.good.test/80 good.test/80
same_hosts --allow 203.0.113.0/24:80 --deny 203.0.113.3 -- 203.0.113.2/80 203.0.113.3/80 203.0.113.2/8080 \
    203.0.113.1/80
same_hosts --host-port 8081 -- 127.0.0.1/8081 localhost/8081 127.0.0.1/8082 203.0.113.1/8081 good.test/80
END
    )
    [ "$status" -eq 0 ]
    lacks LIE
    lacks VAIN
    [ "$(grep -c '^asked .*: yes$' <<<"$output")" -ge 6 ]
    [ "$(grep -c '^asked .*: no$' <<<"$output")" -ge 10 ]
    [ "$(grep -c '^hinted: ' <<<"$output")" -ge 8 ]
}

# It stands behind every policy, so that none of them can undo what it says; options can.
@test "what a project's own file refuses is no policy's to allow" {
    printf '%s\n' '[files]' 'hidden = ./a' '[network]' 'mode = none' 'deny = b.example' '[syscalls]' \
        'deny = getuid' >.kelp.policy
    printf '%s\n' '[files]' 'readable = ./a' '[network]' 'allow = a.example' '[syscalls]' \
        'allow = getuid' >../mine.policy
    echo x >a
    for policy in '' --policy=../mine.policy; do
        run -1 "$KELP" policy why $policy a.example
        [ "${lines[1]}" = "hint: --allow a.example" ]
        run -1 "$KELP" policy why $policy a
        [ "${lines[1]}" = "hint: --readable ~/work/a" ]
        run -1 "$KELP" policy why $policy syscall getuid
        [ "${lines[1]}" = "note: no policy comes behind the project's own file: change it there" ]
        # with the network that an option makes it is still denied
        run -1 "$KELP" policy why $policy b.example
        [ "$output" = "refused: there is no network, and 'b.example' is denied, by $PWD/.kelp.policy:5" ]
    done
    run -0 "$KELP" policy why --allow a.example a.example
    run -1 "$KELP" policy why --allow b.example b.example
    run -0 "$KELP" policy why --readable a a
    run -0 "$KELP" run --explain -- python3 -c 'import os; os.getuid()'
    [[ $output == *"hint: no policy comes behind the project's own file: change it there"* ]]
    [[ $output != *"[syscalls] allow"* ]]
}

# A policy that was learnt denies groups of calls, and is what one adds the hint to.
@test "a call that a policy denies itself is allowed behind it, not in it" {
    printf '%s\n' '[syscalls]' 'deny = @ipc' >"../my own.policy"
    run -1 "$KELP" policy why --policy "../my own.policy" syscall msgget
    [ "${lines[1]}" = "hint: [syscalls] allow = msgget, in a policy behind '../my own.policy'" ]
    run -0 "$KELP" run --policy "../my own.policy" --explain -- python3 -c \
        'import ctypes; ctypes.CDLL(None).msgget(0, 0)'
    [[ $output == *"hint: a policy behind '../my own.policy' with [syscalls] allow = msgget"* ]]
    printf '%s\n' '[syscalls]' 'allow = msgget' >../more.policy
    run -0 "$KELP" policy why --policy "../my own.policy" --policy ../more.policy syscall msgget
    run -1 "$KELP" policy why --policy ../more.policy --policy "../my own.policy" syscall msgget
    # in front of all others stands the one that every run starts from
    run -1 "$KELP" policy why syscall ptrace
    [ "${lines[1]}" = "hint: [syscalls] allow = ptrace" ]
}

@test "of a call that is denied but with some arguments, those alone are said to be allowed" {
    printf '%s\n' '[syscalls]' 'deny = socket' 'allow = socket(0=AF_UNIX)' >../unix.policy
    run -1 "$KELP" policy why --policy ../unix.policy syscall socket
    [ "${lines[1]}" = "note: allowed with: socket(0=AF_UNIX)" ]
    # and so it is
    run -0 "$KELP" run --policy ../unix.policy -- python3 -c 'import socket
for family, type in (1, 1), (2, 1), (2, 2), (10, 1), (16, 3):
    try: socket.socket(family, type); print(family)
    except PermissionError: pass'
    [ "$output" = 1 ]
}
