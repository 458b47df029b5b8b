#!/usr/bin/env bats
# Ways out that need a host side: what lies outside stays unseen, unchanged and unreached.

# shellcheck disable=SC2016 # what is quoted is for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/attack

setup() {
    enter_workspace
    unset XDG_RUNTIME_DIR
}

# $1 must be the exit status of kelp itself, with one line that says why.
assert_refused() {
    [ "$status" = 125 ] || {
        echo "status $status, not 125: $output"
        return 1
    }
    grep -q '^kelp: ' <<<"$output"
}

@test "no canary can be found by looking everywhere" {
    local canary=CANARY-$RANDOM$RANDOM place
    mkdir -p "$HOME/.ssh" "$HOME/.aws" "$dir/outside"
    for place in "$HOME/.ssh/id" "$HOME/.aws/credentials" "$HOME/.netrc" "$dir/outside/file" \
        "/tmp/canary-$$" "/var/tmp/canary-$$"; do
        echo "$canary" >"$place"
    done
    run grep -rsl "$canary" "$dir"
    [ "${#lines[@]}" -ge 4 ] # the search sees them from outside
    run "$KELP" run -- sh -c 'grep -rsl --devices=skip "$0" /home /root /run /tmp /var /mnt /media \
        /etc /srv /opt /dev .; echo payload-ran' "$canary"
    rm -f "/tmp/canary-$$" "/var/tmp/canary-$$"
    [ "$output" = payload-ran ]
}

@test "the launcher's program is the same after an attack on it" {
    local before
    cp "$KELP" "$dir/kelp"
    before=$(sha256sum "$dir/kelp" && stat -c '%a %u %g %s %X %Y %Z %h' "$dir/kelp")
    cp "$PROBE" probe
    # reading a file may change its access time, and running it does
    "$dir/kelp" run -- true
    before=$(sha256sum <"$dir/kelp" && stat -c '%a %u %g %s %Y %Z %h' "$dir/kelp")
    run "$dir/kelp" run -- ./probe pid1
    echo "$output"
    grep -q '^ok pid1: /proc/1/exe' <<<"$output"
    [ "$(sha256sum <"$dir/kelp" && stat -c '%a %u %g %s %Y %Z %h' "$dir/kelp")" = "$before" ]
}

@test "leaked descriptors do not come along" {
    exec 9</ 8<"$HOME" 19>"$dir/outside"
    run "$KELP" run -- sh -c 'ls /proc/self/fd'
    [ "$status" = 0 ]
    [ "$(tr '\n' ' ' <<<"$output")" = "0 1 2 3 " ] # 3 is the directory that ls reads
    run "$KELP" run -- ls /proc/self/fd/9/
    [ "$status" != 0 ]
}

@test "500 more descriptors do not come along" {
    run python3 -c "
import os, subprocess, sys
fds = [os.open('/', os.O_RDONLY) for _ in range(500)]
sys.exit(subprocess.run(sys.argv[1:], pass_fds=fds).returncode)
" "$KELP" run -- sh -c 'ls /proc/self/fd | wc -l'
    [ "$output" = 4 ]
}

@test "a directory as a standard stream leads nowhere" {
    echo CANARY >"$HOME/key"
    run sh -c '"$KELP" run -- sh -c "cd /proc/self/fd/0 && cat key" <"$HOME"'
    [ "$status" != 0 ] # refused, or closed for the payload
    [[ $output != *CANARY* ]]
    run sh -c '"$KELP" run -- sh -c "cd /proc/self/fd/1 && cat key >&2" 1<"$HOME"'
    [ "$status" != 0 ]
    [[ $output != *CANARY* ]]
    run sh -c '"$KELP" run -- sh -c "cd /proc/self/fd/2 && cat key" 2<"$HOME"'
    [ "$status" != 0 ]
    [[ $output != *CANARY* ]]
}

@test "closed standard streams are no way in" {
    run sh -c '"$KELP" run -- sh -c "ls /proc/self/fd >f" <&- >&- 2>&-'
    [ "$status" = 0 ]
    [ "$(tr '\n' ' ' <f)" = "0 1 2 3 " ]
}

@test "the work directory cannot be a descriptor of the launcher" {
    exec 9</
    run "$KELP" run -w /proc/self/fd/9 -- pwd
    [ "$status" != 0 ]
    [[ $output != / ]]
}

@test "the home, its parents and / are refused as the writable directory" {
    cd "$HOME"
    run "$KELP" run -- true
    assert_refused
    cd "$HOME/.."
    run "$KELP" run -- true
    assert_refused
    cd /
    run "$KELP" run -- true
    assert_refused
}

@test "a symlink to the home is refused like the home" {
    ln -s "$HOME" "$dir/link"
    cd "$dir/link"
    run "$KELP" run -- true
    assert_refused
}

@test "a work directory that is gone is a clear error" {
    mkdir "$dir/gone"
    cd "$dir/gone"
    rmdir "$dir/gone"
    run "$KELP" run -- true
    assert_refused
}

@test "git: hooks and config are read-only, and .git cannot be moved" {
    repository .
    echo 'exit 0' >.git/hooks/pre-commit
    cp -r .git "$dir/git-before"
    run "$KELP" run -- sh -c '
        echo evil >>.git/hooks/pre-commit; echo evil >.git/hooks/post-checkout
        echo "[core] fsmonitor = evil" >>.git/config
        git config core.fsmonitor evil
        mv .git g; mv .git/hooks .git/h; rm -rf .git/hooks; rm -f .git/config
        ln -s evil .git/hooks/x; chmod 777 .git/hooks/pre-commit; true'
    [ "$status" = 0 ]
    diff -r .git/hooks "$dir/git-before/hooks"
    cmp .git/config "$dir/git-before/config"
    [ ! -e g ]
}

@test "git: hooks that cannot be looked for are a refusal" {
    repository .
    mkdir -p .git/modules/sub
    chmod 0 .git/modules
    run "$KELP" run -- sh -c 'chmod 700 .git/modules; echo payload-ran'
    chmod 700 .git/modules
    assert_refused
    [[ $output == *"'modules'"* && $output != *payload-ran* ]]
}

@test "git: an ordinary commit works inside" {
    repository .
    run "$KELP" run -- sh -c 'echo x >file && git add file &&
        git -c user.name=a -c user.email=a@b commit -q -m y && git log --oneline | wc -l'
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *2* ]]
}

@test "git: a worktree's link cannot be changed" {
    repository "$dir/main"
    git -C "$dir/main" worktree add -q "$dir/tree"
    cd "$dir/tree"
    run "$KELP" run -- sh -c 'echo "gitdir: /tmp/evil" >.git; mv .git g; rm -f .git; echo payload-ran'
    assert_ran
    [ "$(cat .git)" = "gitdir: $dir/main/.git/worktrees/tree" ]
    git status >/dev/null
}

@test "git: a worktree below the work directory does not open the hooks" {
    repository main
    git -C main worktree add -q "$dir/ws/tree"
    cd tree
    run "$KELP" run -- sh -c "echo evil >'$dir/ws/main/.git/hooks/pre-commit'; echo payload-ran"
    assert_ran
    [ ! -e "$dir/ws/main/.git/hooks/pre-commit" ]
}

@test "git: hooks behind a symlink are protected where they are" {
    repository .
    rm -rf .git/hooks
    mkdir githooks
    echo 'exit 0' >githooks/pre-commit
    ln -s ../githooks .git/hooks
    run "$KELP" run -- sh -c '
        echo evil >githooks/pre-commit; echo evil >.git/hooks/post-merge; mv githooks g2
        rm -f .git/hooks; mkdir .git/hooks; echo evil >.git/hooks/pre-commit; echo payload-ran'
    assert_ran
    [ "$(readlink .git/hooks)" = ../githooks ] || { echo "$output"; ls -la .git; false; }
    [ "$(cat githooks/pre-commit)" = 'exit 0' ]
    [ ! -e githooks/post-merge ]
}

@test "a protected name behind a symlink to the outside changes nothing there" {
    echo '# mine' >"$HOME/rc"
    ln -s "$HOME/rc" .bashrc
    run "$KELP" run -- sh -c 'echo evil >>.bashrc; echo payload-ran'
    assert_ran
    [ "$(cat "$HOME/rc")" = '# mine' ]
}

@test "new protected names are told when the run ends" {
    run "$KELP" run -- sh -c 'mkdir -p .git/hooks && echo evil >.git/hooks/pre-commit
        echo evil >.envrc; echo hello >plain'
    [ "$status" = 0 ]
    echo "$output"
    [[ $output == *"/.git"* ]]
    [[ $output == *.envrc* ]]
    [[ $output != *plain* ]]
}

@test "nothing is made in the user's tree" {
    mkdir -p "$HOME/.config" keep
    echo x >keep/file
    tree_hash "$dir" >"$BATS_FILE_TMPDIR/before"
    "$KELP" run -- true
    "$KELP" run -- sh -c 'touch /tmp/x /var/tmp/x ~/x 2>/dev/null; true'
    tree_hash "$dir" >"$BATS_FILE_TMPDIR/after"
    diff "$BATS_FILE_TMPDIR/before" "$BATS_FILE_TMPDIR/after"
}

@test "nothing is made in an image's directory" {
    make_rootfs "$dir/rootfs"
    rmdir "$dir/rootfs"/{proc,sys,dev,tmp}
    tree_hash "$dir/rootfs" >"$BATS_FILE_TMPDIR/before"
    "$KELP" run --network none "$dir/rootfs" sh -c 'touch /x /tmp/x; mkdir /opt; ls /proc/self >/dev/null'
    tree_hash "$dir/rootfs" >"$BATS_FILE_TMPDIR/after"
    diff "$BATS_FILE_TMPDIR/before" "$BATS_FILE_TMPDIR/after"
}

@test "rm -rf / inside removes what is writable and nothing else" {
    mkdir -p "$HOME/.ssh" "$dir/shown"
    echo key >"$HOME/.ssh/id"
    echo x >"$dir/shown/file"
    echo x >victim
    tree_hash "$HOME" >"$dir/home.before"
    tree_hash "$dir/shown" >"$dir/shown.before"
    run "$KELP" run --readable "$dir/shown" -- rm -rf / --no-preserve-root
    tree_hash "$HOME" | diff "$dir/home.before" -
    tree_hash "$dir/shown" | diff "$dir/shown.before" -
    [ -d "$dir/ws" ]
    [ ! -e victim ]
    [ -e /bin/sh ]
}

@test "rm -rf / in a container leaves the image as it was" {
    make_rootfs "$dir/rootfs"
    tree_hash "$dir/rootfs" >"$dir/before"
    run "$KELP" run --network none "$dir/rootfs" rm -rf /bin /etc /probe
    tree_hash "$dir/rootfs" | diff "$dir/before" -
    run "$KELP" run --network none "$dir/rootfs" cat /etc/passwd
    [ "$status" = 0 ]
}

@test "an abort leaves no core file" {
    ulimit -c unlimited 2>/dev/null || true
    run "$KELP" run -- sh -c 'kill -ABRT $$'
    [ "$status" = 134 ]
    run find "$dir" -name 'core*'
    [ "$output" = "" ]
}

@test "a secret in the session and the user keyring is not found" {
    command -v keyctl >/dev/null
    run keyctl session - sh -c 'keyctl add user kelp-secret CANARY @s >/dev/null
        keyctl search @s user kelp-secret >/dev/null && echo seen outside
        "$KELP" run -- keyctl search @s user kelp-secret
        "$KELP" run -- sh -c "keyctl print \$(keyctl search @u user kelp-secret); echo payload-ran"'
    assert_ran
    [[ $output == *"seen outside"* ]]
    [[ $output != *CANARY* ]]
    run keyctl session - sh -c 'keyctl add user kelp-secret CANARY @s >/dev/null
        keyctl show | grep -c kelp-secret; "$KELP" run -- keyctl show; "$KELP" run -- cat /proc/keys'
    [ "$(grep -c '^1$' <<<"$output")" = 1 ]
    [[ $output != *kelp-secret* ]]
}

@test "an ignored SIGCHLD does not change the exit status" {
    run sh -c "trap '' CHLD; exec \"\$KELP\" run -- sh -c 'exit 7'"
    [ "$status" = 7 ]
}

@test "without any argument, not even a name, kelp does not crash" {
    run python3 -c "
import ctypes, os
libc = ctypes.CDLL(None)
pid = os.fork()
if pid == 0:
    libc.execve(os.environ['KELP'].encode(), (ctypes.c_char_p * 1)(None), None)
    os._exit(99)
_, status = os.waitpid(pid, 0)
print(os.WIFEXITED(status), os.WEXITSTATUS(status))
"
    echo "$output"
    [[ $output == *"True 125"* ]] || [[ $output == *"True 0"* ]]
}

@test "control characters of a name do not reach the terminal" {
    run "$KELP" run $'no\e]0;title\a-image'$'\xc2\x9b' true
    [ "$status" = 125 ]
    printf %s "$output" >"$dir/said"
    run -1 grep -q $'[\x01-\x08\x0b-\x1f\x7f]' "$dir/said"
    run "$KELP" run -- $'/no\e[31m'
    [ "$status" = 127 ]
    printf %s "$output" >"$dir/said"
    run -1 grep -q $'[\x01-\x08\x0b-\x1f\x7f]' "$dir/said"
}

@test "a sandbox in a sandbox is refused in one line" {
    cp "$KELP" kelp
    run "$KELP" run -- ./kelp run -- true
    [ "$status" = 125 ]
    [[ $output == kelp:* ]]
}

@test "a sandbox in a sandbox, where user namespaces are allowed, works or says why not" {
    cp "$KELP" kelp
    mkdir inner
    run "$KELP" run --allow-userns -- sh -c 'cd inner && ../kelp run -- sh -c "echo in; id -u"'
    [ "$status" = 0 ] && [[ $output == *in* ]] || {
        [ "$status" = 125 ]
        [ "$(grep -c '^kelp: ' <<<"$output")" = 2 ] # one of the outer, one of the inner
    }
    run -0 "$KELP" run --allow-userns -- bwrap --ro-bind / / --unshare-all --dev /dev true
}

@test "two sandboxes do not see each other" {
    "$KELP" run -- sh -c 'echo x >/tmp/mine; echo x >/dev/shm/mine; touch made; exec sleep 100' 3>&- &
    local pid=$!
    wait_for test -e made
    run "$KELP" run -- sh -c 'ls /tmp /dev/shm; ps -e | grep sleep; echo payload-ran'
    kill "$pid"
    wait "$pid" || true
    assert_ran
    [[ $output != *mine* ]]
    [[ $output != *sleep* ]]
}
