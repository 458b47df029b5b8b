#!/usr/bin/env bats
# The shipped policies: each is for its kind of root, works for what it is meant for, and keeps what
# it says it keeps, seen from inside; beside it stands the run under another policy that does not.

# shellcheck disable=SC2016,SC2088 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp

views='sandbox strict build ci'

setup() {
    dir=$(cd "$BATS_TEST_TMPDIR" && pwd -P)
    export HOME=$dir/home
    unset XDG_CACHE_HOME XDG_CONFIG_HOME XDG_RUNTIME_DIR
    mkdir -p "$HOME" "$dir/ws"
    cd "$dir/ws" || return 1
}

# A run under the policies $1 (words), without a network, whatever they say of it.
under() {
    local words=() name

    for name in $1; do
        words+=(--policy "$name")
    done
    shift
    "$KELP" run "${words[@]}" --network none "$@"
}

# A git repository with what is protected in it, and the probe.
make_repository() {
    local name

    git init -q .
    for name in .git/hooks/pre-commit .claude/hooks/x .cursor/mcp.json .vscode/tasks.json \
        .pre-commit-config.yaml .devcontainer/devcontainer.json .github/workflows/x.yml .gitlab-ci.yml \
        .mcp.json; do
        mkdir -p "$(dirname "$name")"
        echo x >"$name"
    done
    echo source >main.c
    cp "$PROBE" probe
}

@test "each goes with its kind of root, and says so of the other" {
    local name
    make_rootfs "$dir/root"
    for name in $views; do
        under "$name" -- true
        run -125 under "$name" "$dir/root" true
        [[ $output == *"policy '$name' is for a view of this host, not for an image"* ]]
    done
    under container "$dir/root" true
    run -125 under container -- true
    [[ $output == *"policy 'container' is for an image, not for a view of this host"* ]]
}

@test "each says in its first lines whom it protects from what" {
    local file
    for file in "$KELP_SRC"/policies/*.policy; do
        grep -q '^description = .' "$file"
        sed '/^$/q' "$file" | grep -q 'protects' || sed '/^\[/q' "$file" | grep -q 'protects'
        [ "$(head -c 2 "$file")" = "# " ]
    done
}

# --- strict ---

@test "strict: the current directory is shown and cannot be written" {
    echo text >file
    run -0 under strict -- cat file
    [ "$output" = text ]
    run under strict -- sh -c 'echo x >file; echo x >new'
    [[ $output == *"Read-only file system"* ]]
    [ "$(cat file)" = text ]
    [ ! -e new ]
    # the negative control
    under sandbox -- sh -c 'echo x >file'
    [ "$(cat file)" = x ]
    # scratch files have room, and the answer comes out of stdout
    run -0 under strict -- sh -c 'sort file >/tmp/sorted && cat /tmp/sorted'
    [ "$output" = x ]
}

@test "strict: the home cannot be shown by standing in it" {
    cd "$HOME"
    run -125 under strict -- true
    [[ $output == *"would be shown, but it is your home"* ]]
}

@test "strict: every toolchain of the policy sandbox is gone, and so is what services keep" {
    local path paths
    mapfile -t paths < <(sed -n 's/^readable = -~/-~/p' "$KELP_SRC/policies/sandbox.policy" | tr ' ' '\n' |
        sed "s:^-~\(.*\):$HOME\1/tool:")
    [ ${#paths[@]} -ge 15 ]
    for path in "${paths[@]}"; do
        mkdir -p "$(dirname "$path")"
        echo CANARY >"$path"
    done
    run under sandbox -- cat "${paths[@]}"
    [ "$(grep -c '^CANARY$' <<<"$output")" = ${#paths[@]} ]
    run under strict -- sh -c 'cat "$@"; find ~ /opt /srv /boot /run /mnt -type f -exec cat {} +' sh "${paths[@]}"
    [[ $output != *CANARY* ]]
    run -0 under strict -- sh -c 'ls -A /var /opt /srv'
    [ "$(tr -d '\n' <<<"$output")" = /opt:/srv:/var:tmp ]
}

@test "strict: no sockets of any kind, no SysV objects, no sandboxes inside" {
    cat >calls.py <<'EOF'
import ctypes, errno, socket
libc = ctypes.CDLL(None, use_errno=True)
def say(name, code):
    print(name, errno.errorcode.get(code, code))
for family, kind in ((1, 1), (1, 2), (2, 1), (2, 2), (10, 1), (16, 3)):
    try:
        socket.socket(family, kind)
        say(f"socket{family}/{kind}", 0)
    except OSError as e:
        say(f"socket{family}/{kind}", e.errno)
for name, *args in (("shmget", 0, 4096, 0o1600), ("msgget", 0, 0o1600), ("mq_open", b"/x", 0),
                    ("unshare", 0x10000000)):
    libc.__getattr__(name)(*args)
    say(name, ctypes.get_errno())
EOF
    run -0 under strict -- python3 -B calls.py
    [ "$(grep -c ' EPERM$' <<<"$output")" = 10 ]
    # the negative control: under sandbox they are there, but for the last
    run -0 under sandbox -- python3 -B calls.py
    [ "$(grep -c ' EPERM$' <<<"$output")" = 1 ]
}

@test "strict: plain programs work, in pipes and in threads" {
    run -0 under strict -- sh -c 'printf "b\na\n" | sort | head -n 1'
    [ "$output" = a ]
    run -0 under strict -- python3 -c 'import threading, subprocess; t = threading.Thread(target=lambda: print(subprocess.check_output(["echo", "hi"]))); t.start(); t.join()'
    [ "$output" = "b'hi\\n'" ]
    run -0 under strict -- id -un
    [ "$output" = "$(id -un)" ]
}

@test "strict: limits of time, of files and of descriptors" {
    run -0 under strict -- sh -c 'ulimit -n; ulimit -Hn'
    [ "$output" = $'256\n256' ]
    run -0 under strict --dry-run -- true
    [[ $output == *"fsize 1073741824:1073741824"* ]]
    [[ $output == *"600.000 s of time"* ]]
    # options come later
    run -124 under strict --timeout 0.2 -- sleep 5
}

# --- build ---

@test "build: make, a compiler and what it makes; nothing of the home, no network" {
    mkdir "$HOME/.ssh"
    echo CANARY >"$HOME/.ssh/id"
    printf 'int answer(void);\nint main(void) { return answer() - 42; }\n' >main.c
    printf 'int answer(void);\nint answer(void) { return 42; }\n' >answer.c
    printf 'prog: main.o answer.o\n\t$(CC) $(CFLAGS) -o $@ $^\n\t./$@\n' >Makefile
    CFLAGS=-O1 SECRET=x run -0 under build -- sh -c 'make -j2 && env'
    [ -x prog ]
    [[ $output == *"-O1"* ]]
    [[ $output != *SECRET* ]]
    printf 'spy:\n\tcat ~/.ssh/id; ls -A ~; ls /sys/class/net\n' >Makefile
    run under build -- make -s spy
    [[ $output != *CANARY* ]]
    [ "${lines[-1]}" = lo ]
}

@test "build: toolchains in the home can be used and not changed, a compiler cache lasts" {
    mkdir -p "$HOME/.elan/bin" "$HOME/.ccache"
    printf '#!/bin/sh\necho lean\n' >"$HOME/.elan/bin/lean"
    chmod +x "$HOME/.elan/bin/lean"
    echo host >"$HOME/.ccache/object"
    run -0 under build -- sh -c '~/.elan/bin/lean; echo x >~/.elan/bin/lean || true; echo $CCACHE_DIR; echo mine >$CCACHE_DIR/object; ls -A ~'
    [ "${lines[0]}" = lean ]
    [[ $output == *"Read-only file system"* ]]
    [ "${lines[-2]}" = /run/kelp/cache/ccache ]
    [ "${lines[-1]}" = .elan ]
    run -0 under build -- cat /run/kelp/cache/ccache/object
    [ "$output" = mine ]
    [ "$(cat "$HOME/.ccache/object")" = host ]
    # the negative control
    run -0 under sandbox -- sh -c 'ls -A ~; echo "${CCACHE_DIR:-none}"'
    [ "$output" = none ]
}

# --- ci ---

@test "ci: what is built is known, secrets are not, and files of later steps cannot be changed" {
    make_repository
    export GITHUB_TOKEN=CANARY ACTIONS_RUNTIME_TOKEN=CANARY CI_JOB_TOKEN=CANARY NPM_TOKEN=CANARY \
        CI_REGISTRY_PASSWORD=CANARY GITHUB_ENV=$dir/env GITHUB_SHA=abc CI=true
    touch "$dir/env"
    run -0 under ci -- sh -c 'env; echo PATH=/evil >>"$0"' "$dir/env"
    [[ $output == *GITHUB_SHA=abc* && $output == *CI=true* ]]
    [[ $output != *CANARY* && $output != *GITHUB_ENV* ]]
    [ ! -s "$dir/env" ]
    run under ci -- ./probe protected protected=.github,.github/workflows/x.yml,.gitlab-ci.yml,.git/hooks,.git/hooks/pre-commit,.pre-commit-config.yaml
    [ "$status" = 0 ]
    # the negative control
    run under sandbox -- ./probe protected protected=.github/workflows/x.yml
    [ "$status" = 1 ]
}

@test "ci: the run has an end" {
    run -0 under ci --dry-run -- true
    [[ $output == *"3600.000 s of time"* ]]
    [[ $output == *"fsize 21474836480:21474836480"* ]]
}
