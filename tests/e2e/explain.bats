#!/usr/bin/env bats
# --explain: what was refused is named, with an option that makes it pass; what was not is not; and
# the command sees no difference.

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    base=$BATS_TEST_TMPDIR/base
    mkdir -p "$base/home/.ssh" "$base/home/bin" "$base/shown/ro/dir" "$base/ws/.git/hooks"
    base=$(realpath "$base")
    export HOME=$base/home
    cd "$base/ws"
    echo secret >"$HOME/.npmrc"
    echo key >"$HOME/.ssh/id_ed25519"
    printf '#!/bin/sh\necho done\n' >"$HOME/bin/tool"
    chmod +x "$HOME/bin/tool"
    echo '[core]' >.git/config
    for name in a b c d; do
        echo "$name" >"$base/shown/ro/$name"
    done
}

teardown() {
    [ -z "${listener:-}" ] || kill "$listener"
}

# Sockets of this host, until the test is over: shown/sock, home/sock, and a port of 127.0.0.1.
listen() {
    (
        cd "$base" || exit 1
        exec python3 -c '
import socket, time
names = ["shown/sock", "home/sock"]
all = [socket.socket(socket.AF_UNIX) for name in names]
for s, name in zip(all, names):
    s.bind(name)
    s.listen()
t = socket.socket()
t.bind(("127.0.0.1", 0))
t.listen()
print(t.getsockname()[1], flush=True)
time.sleep(120)
'
    ) >"$base/port" 3>&- &
    listener=$!
    while [ ! -s "$base/port" ]; do sleep 0.02; done
    port=$(cat "$base/port")
}

# explained OPTIONS... -- COMMAND...: runs it with --explain: status, err and events are kept.
explained() {
    status=0
    "$KELP" run --explain --status-fd 3 "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" \
        3>"$BATS_TEST_TMPDIR/events" </dev/null || status=$?
    grep '"refused"' "$BATS_TEST_TMPDIR/events" >"$BATS_TEST_TMPDIR/refused" || true
}

show() {
    echo "status $status"
    cat "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/err" "$BATS_TEST_TMPDIR/events"
    return 1
}

# field NAME: of the first event that has it.
field() {
    sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p' "$BATS_TEST_TMPDIR/refused" | head -n 1
}

# planted KIND OBJECT OPTION SCRIPT [OPTIONS...]: SCRIPT fails, one event says so of KIND and OBJECT
# and names OPTION, the summary has it as a hint, and with it SCRIPT works.
planted() {
    local kind=$1 object=$2 option=$3 script=$4

    shift 4
    explained "$@" -- sh -c "$script"
    [ "$status" != 0 ] || show
    grep -qF "\"kind\":\"$kind\"" "$BATS_TEST_TMPDIR/refused" || show
    grep -qF "\":\"$object\"" "$BATS_TEST_TMPDIR/refused" || show
    [ "$(field option)" = "$option" ] || show
    grep -qxF "hint: $option" "$BATS_TEST_TMPDIR/err" || show
    eval "set -- \"\$@\" $option"
    "$KELP" run "$@" -- sh -c "$script" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null || {
        echo "with $option:"
        cat "$BATS_TEST_TMPDIR/out"
        return 1
    }
}

py() {
    printf "python3 -c '%s'" "$1"
}

@test "twenty refusals: reads that the view hides" {
    planted open "$HOME/.npmrc" '--readable ~/.npmrc' 'cat ~/.npmrc'
    planted open "$base/shown/ro/a" "--readable $base/shown/ro/a" 'cat ../shown/ro/a'
    planted open "$HOME/.ssh/id_ed25519" '--readable ~/.ssh/id_ed25519' 'cat ~/.ssh/id_ed25519' \
        --readable "$HOME"
    ln -s "$HOME/.npmrc" link
    planted open "$HOME/.npmrc" '--readable ~/.npmrc' 'cat link'
    planted execute "$HOME/bin/tool" '--readable ~/bin/tool' "$HOME/bin/tool"
}

@test "twenty refusals: what is shown cannot be written" {
    local ro=$base/shown/ro shown=(--readable "$base/shown")

    planted open "$ro/a" "--writable $ro/a" "echo x >>$ro/a" "${shown[@]}"
    planted create "$ro/new" "--writable $ro" "echo x >$ro/new" "${shown[@]}"
    planted create "$ro/made" "--writable $ro" "mkdir $ro/made" "${shown[@]}"
    planted create "$ro/link" "--writable $ro" "ln -s x $ro/link" "${shown[@]}"
    planted create "$ro/pipe" "--writable $ro" "mkfifo $ro/pipe" "${shown[@]}"
    planted rename "$ro/b" "--writable $ro" "mv $ro/b $ro/bb" "${shown[@]}"
    planted remove "$ro/c" "--writable $ro" "rm $ro/c" "${shown[@]}"
    planted remove "$ro/dir" "--writable $ro" "rmdir $ro/dir" "${shown[@]}"
    planted open "$ro/d" "--writable $ro/d" "$(py "import os; os.truncate(\"$ro/d\", 0)")" "${shown[@]}"
    planted change "$ro/a" "--writable $ro/a" "chmod 600 $ro/a" "${shown[@]}"
    planted change "$ro/a" "--writable $ro/a" "$(py "import os; os.utime(\"$ro/a\")")" "${shown[@]}"
    planted open "$base/ws/.git/config" "--writable $base/ws/.git/config" 'echo x >>.git/config'
}

@test "twenty refusals: sockets, devices, calls" {
    listen
    planted socket "$HOME/sock" '--socket ~/sock' \
        "$(py "import socket as s; s.socket(s.AF_UNIX).connect(\"$HOME/sock\")")"
    planted socket "$base/shown/sock" "--socket $base/shown/sock" \
        "$(py "import socket as s; s.socket(s.AF_UNIX).connect(\"$base/shown/sock\")")" \
        --readable "$base/shown"
    [ ! -w /dev/net/tun ] || planted open /dev/net/tun '--device /dev/net/tun' 'exec 3<>/dev/net/tun'
    planted syscall unshare --allow-userns 'unshare -U true'
}

@test "twenty refusals: hosts" {
    listen
    # where nobody lives; that it is asked for is enough
    explained -- sh -c "$(py 'import socket as s; s.create_connection(("192.0.2.1", 443), 5)')"
    [ "$status" != 0 ] || show
    grep -qF '"kind":"host","host":"192.0.2.1","port":443' "$BATS_TEST_TMPDIR/refused" || show
    [ "$(field option)" = '--allow 192.0.2.1' ] || show
    explained -- getent hosts registry.example.org
    [ "$status" != 0 ] || show
    grep -qF '"kind":"host","host":"registry.example.org","port":0' "$BATS_TEST_TMPDIR/refused" || show
    [ "$(field option)" = '--allow registry.example.org' ] || show
    [ "$(grep -c . "$BATS_TEST_TMPDIR/refused")" = 1 ] || show
    planted host 127.0.0.1 "--host-port $port" \
        "$(py "import socket as s; s.create_connection((\"127.0.0.1\", $port), 5)")"
}

@test "what no option allows is said to be so" {
    explained -- sh -c "$(py 'import socket as s; s.socket(40, 1)')"
    [ "$status" = 1 ] || show
    grep -qF '"kind":"socket","family":"AF_VSOCK","arguments":"SOCK_STREAM, protocol 0"' \
        "$BATS_TEST_TMPDIR/refused" || show
    grep -qx 'hint: no option allows it' "$BATS_TEST_TMPDIR/err" || show
    explained -- rm .git/config
    [ "$status" = 1 ] || show
    grep -qF '"kind":"remove"' "$BATS_TEST_TMPDIR/refused" || show
    [ -z "$(field option)" ] || show
}
