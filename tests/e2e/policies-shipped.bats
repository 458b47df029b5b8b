#!/usr/bin/env bats
# The shipped policies: each is for its kind of root, works for what it is meant for, and keeps what
# it says it keeps, seen from inside; beside it stands the run under another policy that does not.

# shellcheck disable=SC2016,SC2088 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp

views='sandbox strict build ci desktop agent'
presets='npm pip cargo go gradle'

setup() {
    dir=$(cd "$BATS_TEST_TMPDIR" && pwd -P)
    export HOME=$dir/home
    unset XDG_CACHE_HOME XDG_CONFIG_HOME XDG_RUNTIME_DIR
    mkdir -p "$HOME" "$dir/ws"
    cd "$dir/ws" || return 1
}

teardown() {
    listener_stop
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
        .mcp.json .exrc; do
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
        # that is all: what of its lines an image has no use for comes of it
        [ "$(grep -c ^kelp: <<<"$output")" -eq 1 ]
    done
    for name in container apt; do
        under "$name" "$dir/root" true
        run -125 under "$name" -- true
        [[ $output == *"policy '$name' is for an image, not for a view of this host"* ]]
    done
    for name in $presets; do
        under "$name" -- true
        under "$name" "$dir/root" true
    done
    under "agent $presets" -- true
    under "apt $presets" "$dir/root" true
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

# --- agent ---

@test "agent: the repository can be worked on, hooks, tasks and agents' settings cannot be changed" {
    make_repository
    under agent -- sh -c 'echo more >>main.c && mkdir src && echo new >src/new.c && git add main.c'
    [ "$(tail -n 1 main.c)" = more ]
    run under agent -- ./probe protected protected=.git/hooks,.git/hooks/pre-commit,.git/config,.claude/hooks,.claude/hooks/x,.cursor,.cursor/mcp.json,.vscode/tasks.json,.pre-commit-config.yaml,.devcontainer,.mcp.json,.exrc
    echo "$output"
    [ "$status" = 0 ]
    # what is read before it runs is the agent's to edit
    under agent -- sh -c 'echo y >.github/workflows/x.yml'
    # the negative control
    run under sandbox -- ./probe protected protected=.cursor/mcp.json
    [ "$status" = 1 ]
}

@test "agent: what it makes that runs later is told" {
    git init -q .
    run -0 --separate-stderr under agent -- sh -c 'mkdir -p .cursor .claude/hooks && echo x >.cursor/mcp.json && echo x >.claude/hooks/x && echo x >.envrc'
    for name in .cursor .claude/hooks .envrc; do
        [[ $stderr == *"the sandbox made '$PWD/$name', which takes effect outside of it"* ]]
    done
    run -0 --separate-stderr under agent -- sh -c 'echo x >plain'
    [ -z "$stderr" ]
}

@test "agent: the home is empty, but for git's configuration, which cannot be changed" {
    mkdir -p "$HOME/.ssh" "$HOME/.aws" "$HOME/.config/gh" "$HOME/.config/git" "$HOME/.claude"
    for name in .ssh/id_ed25519 .aws/credentials .config/gh/hosts.yml .git-credentials .netrc .npmrc \
        .config/git/credentials .claude/.credentials.json .bash_history; do
        echo CANARY >"$HOME/$name"
    done
    git config --global user.name Ann
    git config --global user.email ann@example.org
    echo '*.swp' >"$HOME/.config/git/ignore"
    git init -q .
    echo x >file
    under agent -- sh -c 'git add file && git commit -qm one'
    [ "$(git log --format='%an %ae')" = 'Ann ann@example.org' ]
    run under agent -- sh -c 'grep -rs CANARY ~; find ~ -type f; git config --global alias.x "!evil"; git config --global user.name; cat ~/.config/git/ignore'
    [[ $output != *CANARY* ]]
    [ "$(git config --global --list)" = $'user.name=Ann\nuser.email=ann@example.org' ]
    [ "${lines[-1]}" = '*.swp' ]
    # the negative control: shown by hand, a key is seen
    run -0 under agent --readable ~/.aws -- cat "$HOME/.aws/credentials"
    [ "$output" = CANARY ]
}

@test "agent: secrets in the repository are hidden, and what is none is not" {
    local secrets='.env .env.local .env.test.local .env.production sub/deep/er/.env sub/server.key deploy/id_ed25519
        certs/tls.pem terraform.tfstate service-account-x.json web/secrets.yml .netrc' name
    local plain='.env.example .env.sample main.c venv/lib/certifi/cacert.pem node_modules/x/test/fixture.key sub/public.pub'
    git init -q .
    for name in $secrets $plain; do
        mkdir -p "$(dirname "$name")"
        echo "CANARY $name" >"$name"
    done
    # shellcheck disable=SC2086 # lists of names
    run under agent -- sh -c 'cat $0 $1; for name in $0; do echo x >$name; rm -f $name; mv $name moved; done' "$secrets" "$plain"
    # shellcheck disable=SC2086
    diff <(printf 'CANARY %s\n' $plain) <(grep '^CANARY' <<<"$output")
    for name in $secrets; do
        [ "$(cat "$name")" = "CANARY $name" ]
    done
    # what a package manager has to remove is not covered
    under agent -- rm -r node_modules
    [ ! -e node_modules ]
    # by another link to it
    ln -s .env link
    run ! under agent -- cat link
    # the negative controls: named, one is seen; under another policy all are
    run -0 under agent --readable .env -- cat .env
    [ "$output" = "CANARY .env" ]
    # shellcheck disable=SC2086
    run -0 under sandbox -- cat $secrets
    [ "$(grep -c '^CANARY' <<<"$output")" = 12 ]
}

@test "agent: secrets of the environment stay out, until one is named" {
    export ANTHROPIC_API_KEY=CANARY GITHUB_TOKEN=CANARY AWS_SECRET_ACCESS_KEY=CANARY \
        DATABASE_URL=CANARY SSH_AUTH_SOCK=/CANARY KUBECONFIG=CANARY
    run -0 under agent -- env
    [[ $output != *CANARY* ]]
    run -0 under agent -e ANTHROPIC_API_KEY -- env
    [ "$(grep -c CANARY <<<"$output")" = 1 ]
}

@test "agent: hosts by name, which a policy of one's own narrows" {
    run -0 "$KELP" run --policy agent --dry-run -- true
    for host in api.anthropic.com api.openai.com github.com registry.npmjs.org pypi.org; do
        grep -qE "\b$host:443\b" <<<"$output"
    done
    printf '[policy]\nextends = agent\n[network]\ndeny = github.com api.openai.com\n' >../mine.policy
    run -0 "$KELP" run --policy ../mine.policy --dry-run -- true
    grep -qE "^denied +github.com +" <<<"$output"
}

# --- desktop ---

@test "desktop: sockets of the session that are there, and nothing else of it" {
    export XDG_RUNTIME_DIR=$dir/run
    mkdir -p "$XDG_RUNTIME_DIR/pulse" "$HOME/.config/gtk-3.0" "$HOME/.fonts"
    chmod 700 "$XDG_RUNTIME_DIR"
    echo CANARY >"$XDG_RUNTIME_DIR/secret"
    echo CANARY >"$HOME/.config/gtk-3.0/bookmarks"
    echo settings >"$HOME/.config/gtk-3.0/settings.ini"
    echo font >"$HOME/.fonts/a"
    cat >connect.py <<'EOF'
import os, socket, sys
for name in sys.argv[1:]:
    try:
        os.chdir(os.path.dirname(name))
        socket.socket(socket.AF_UNIX).connect(os.path.basename(name))
        print("connected")
    except OSError as e:
        print(e.strerror)
EOF
    plant_listener_at wayland-0 bus
    run -0 under desktop -- python3 -B connect.py "$XDG_RUNTIME_DIR/wayland-0" "$XDG_RUNTIME_DIR/bus"
    [ "${lines[0]}" = connected ]
    [ "${lines[1]}" != connected ]
    run -0 under sandbox -- python3 -B connect.py "$XDG_RUNTIME_DIR/wayland-0"
    [ "$output" != connected ]
    listener_stop
    run -0 under desktop -- sh -c 'grep -rs CANARY ~ "$XDG_RUNTIME_DIR"; cat ~/.fonts/a ~/.config/gtk-3.0/settings.ini; stat -c %a "$XDG_RUNTIME_DIR"; echo x >"$XDG_RUNTIME_DIR/mine" && echo written; echo $GDK_BACKEND'
    [ "$output" = $'font\nsettings\n700\nwritten\nwayland' ]
    [ ! -e "$XDG_RUNTIME_DIR/mine" ]
    # without a session there is nothing to show, and no error
    unset XDG_RUNTIME_DIR
    under desktop -- true
}

# Listens on these names in $XDG_RUNTIME_DIR until listener_stop.
plant_listener_at() {
    mkfifo "$dir/listener.pipe"
    (
        cd "$XDG_RUNTIME_DIR" || exit 1
        exec python3 "$KELP_SRC/tests/lib/listen.py" "${@/#/unix:}" <"$dir/listener.pipe" >"$dir/listener.log" 2>&1 3>&-
    ) &
    listener_pid=$!
    # shellcheck disable=SC2034 # of listener_stop
    exec {listener_fd}>"$dir/listener.pipe"
    while ! grep -q '^ready' "$dir/listener.log" 2>/dev/null; do
        kill -0 "$listener_pid"
        sleep 0.02
    done
}

# --- presets ---

@test "presets: each has caches of its own, and tools are told of them" {
    local name
    for name in $presets; do
        run -0 under "$name" -- sh -c 'env; ls /run/kelp /run/kelp/*'
        [[ $output == *=/run/kelp/* ]]
    done
    [ "$(ls "$HOME/.cache/kelp/caches" | tr '\n' ' ')" = 'cargo cargo-git go gradle gradle-wrapper npm pip ' ]
    run -0 under npm -- sh -c 'ls /run/kelp/cache; echo "$npm_config_cache"'
    [ "$output" = $'npm\n/run/kelp/cache/npm' ]
}

@test "presets: what a tool obeys is not kept from run to run, only what it fetched" {
    under cargo -- sh -c 'cd "$CARGO_HOME" && echo "[build]" >config.toml && mkdir -p bin && echo x >bin/cargo-x && echo crate >registry/x && echo repo >git/x'
    run -0 under cargo -- sh -c 'cd "$CARGO_HOME" && find . -type f | sort'
    [ "$output" = $'./git/x\n./registry/x' ]
    under gradle -- sh -c 'cd "$GRADLE_USER_HOME" && mkdir init.d && echo x >init.d/x.gradle && echo x >gradle.properties && echo jar >caches/x && echo dist >wrapper/x'
    run -0 under gradle -- sh -c 'cd "$GRADLE_USER_HOME" && find . -type f | sort'
    [ "$output" = $'./caches/x\n./wrapper/x' ]
}

@test "presets: the tools' own directories of the host are neither read nor written" {
    local name
    for name in .npm .npmrc-dir .cache/pip .cargo/registry go/pkg/mod .cache/go-build .gradle/caches; do
        mkdir -p "$HOME/$name"
        echo CANARY >"$HOME/$name/file"
    done
    echo '//registry.npmjs.org/:_authToken=CANARY' >"$HOME/.npmrc"
    echo 'token = "CANARY"' >"$HOME/.cargo/credentials.toml"
    echo 'password=CANARY' >"$HOME/.gradle/gradle.properties"
    before=$(tree_hash "$HOME")
    run under "$presets" -- sh -c 'grep -rs CANARY ~ /run/kelp; mkdir -p ~/.npm ~/.gradle ~/go/pkg; echo x >~/.npm/x; echo x >~/.gradle/x; echo x >~/go/pkg/x; echo ran'
    [ "$output" = ran ]
    rm -rf "$HOME/.cache/kelp"
    [ "$(tree_hash "$HOME")" = "$before" ]
}
