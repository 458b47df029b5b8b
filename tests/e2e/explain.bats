#!/usr/bin/env bats
# --explain: what was refused is named, with an option that makes it pass; what was not is not; and
# the command sees no difference.

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    base=$BATS_TEST_TMPDIR/base
    mkdir -p "$base/home/.ssh" "$base/home/bin" "$base/ws/.git/hooks"
    base=$(realpath "$base")
    export HOME=$base/home
    cd "$base/ws"
    echo secret >"$HOME/.npmrc"
    echo key >"$HOME/.ssh/id_ed25519"
    printf '#!/bin/sh\necho done\n' >"$HOME/bin/tool"
    chmod +x "$HOME/bin/tool"
    echo '[core]' >.git/config
    plant_shown
}

plant_shown() {
    rm -rf "$base/shown/ro"
    mkdir -p "$base/shown/ro/dir"
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

# works SCRIPT OPTIONS...
works() {
    local script=$1

    shift
    "$KELP" run "$@" -- sh -c "$script" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null || {
        echo "with $*:"
        cat "$BATS_TEST_TMPDIR/out"
        return 1
    }
}

# planted KIND OBJECT OPTION SCRIPT [OPTIONS...]: SCRIPT fails, one event says so of KIND and OBJECT
# and names OPTION, the summary has it as a hint, and with it SCRIPT works; so it does with the line
# that the event names, in a policy of its own.
planted() {
    local kind=$1 object=$2 option=$3 script=$4 line

    shift 4
    explained "$@" -- sh -c "$script"
    [ "$status" != 0 ] || show
    grep -qF "\"kind\":\"$kind\"" "$BATS_TEST_TMPDIR/refused" || show
    grep -qF "\":\"$object\"" "$BATS_TEST_TMPDIR/refused" || show
    [ "$(field option)" = "$option" ] || show
    grep -qxF "hint: $option" "$BATS_TEST_TMPDIR/err" || show
    line=$(field policy)
    if [ "$option" != --allow-userns ]; then
        [ -n "$line" ] || show
        printf '[policy]\nextends = sandbox\n%s\n%s\n' "${line%%]*}]" "${line#*] }" >../line.policy
        works "$script" "$@" --policy ../line.policy || {
            cat ../line.policy
            return 1
        }
        plant_shown
    fi
    eval "set -- \"\$@\" $option"
    works "$script" "$@"
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

@test "what a program looked at before it opened it is told" {
    echo secret >secret
    explained --hide secret -- sh -c 'test -e secret; cat secret'
    grep -qF "\"path\":\"$base/ws/secret\"" "$BATS_TEST_TMPDIR/refused" || show
    # to look alone is not refused
    explained --hide secret -- sh -c 'test -e secret; ls -d secret'
    [ ! -s "$BATS_TEST_TMPDIR/refused" ] || show
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
    # where nobody lives: the way there opens, and leads as far as kelp-proxy, which may reset it
    planted host 192.0.2.1 '--allow 192.0.2.1' "$(py 'import socket, sys
s = socket.socket(); s.settimeout(5)
sys.exit(s.connect_ex(("192.0.2.1", 443)) not in (0, 104))')"
    planted host registry.example.org '--allow registry.example.org' \
        'getent hosts registry.example.org'
    # the look-up alone, not the server that was to be asked
    explained -- getent hosts registry.example.org
    [ "$(grep -c . "$BATS_TEST_TMPDIR/refused")" = 1 ] || show
    # in a filtered network the proxy tells of names, and the rules of addresses
    explained --allow a.example -- sh -c "getent hosts b.example; $(py 'import socket as s
s.create_connection(("192.0.2.1", 443), 5)')"
    grep -qF '"kind":"host","host":"b.example","port":0' "$BATS_TEST_TMPDIR/refused" || show
    grep -qF '"kind":"host","host":"192.0.2.1","port":443' "$BATS_TEST_TMPDIR/refused" || show
    grep -qx 'hint: --allow b.example' "$BATS_TEST_TMPDIR/err" || show
    # nobody listens on a port that no rule names
    explained --allow a.example:80 -- sh -c "$(py 'import socket as s
s.create_connection(("a.example", 22), 5)')"
    grep -qF '"kind":"host","host":"a.example","port":22' "$BATS_TEST_TMPDIR/refused" || show
    grep -qx 'hint: --allow a.example:22' "$BATS_TEST_TMPDIR/err" || show
    planted host 127.0.0.1 "--host-port $port" \
        "$(py "import socket as s; s.create_connection((\"127.0.0.1\", $port), 5)")"
}

# /etc/hosts of a mount namespace of the test's own has the name.
@test "a name that is allowed and leads to a private address needs that address, too" {
    printf '127.0.0.1 localhost\n10.1.2.3 corp.test\n' >hosts
    run -0 unshare -Urm sh -c 'mount --bind hosts /etc/hosts && exec "$@"' sh \
        "$KELP" run --explain --allow corp.test -- sh -c 'curl -s -m 3 http://corp.test/; :'
    [[ $output == *"kelp: refused: connect to corp.test:80"*"hint: --allow 10.1.2.3:80"* ]]
    run -0 unshare -Urm sh -c 'mount --bind hosts /etc/hosts && exec "$@"' sh \
        "$KELP" run --explain --allow corp.test --allow 10.1.2.3:80 -- sh -c 'timeout 1 curl -s http://corp.test/; :'
    [[ $output != *"refused: connect"* ]]
}

# Rules are for connections: one that names the place would let no datagram through.
@test "a datagram that is refused is not told to be a matter of rules" {
    local options send

    send=$(py 'import socket as s
u = s.socket(s.AF_INET, s.SOCK_DGRAM); u.sendto(b"x", ("192.0.2.1", 9999))')
    for options in "--network none" "--allow a.example" "--allow 192.0.2.1:9999"; do
        # shellcheck disable=SC2086 # an option and its value
        explained $options -- sh -c "$send"
        [ "$(grep -c . "$BATS_TEST_TMPDIR/refused")" = 1 ] || show
        grep -qF '"host":"192.0.2.1","port":9999,"datagram":true' "$BATS_TEST_TMPDIR/refused" || show
        grep -qx 'kelp: refused: send to 192.0.2.1:9999 (python3)' "$BATS_TEST_TMPDIR/err" || show
        grep -qx 'hint: --network user' "$BATS_TEST_TMPDIR/err" || show
    done
    # by the call that sends several
    explained --allow a.example -- python3 -c '
import ctypes, socket
class Iov(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("len", ctypes.c_size_t)]
class Message(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("name_len", ctypes.c_uint), ("iov", ctypes.POINTER(Iov)),
                ("iov_len", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_len", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("sent", ctypes.c_uint)]
to = b"\2\0" + (9999).to_bytes(2, "big") + bytes([192, 0, 2, 1]) + bytes(8)
iov = Iov(b"x", 1)
all = (Message * 1)(Message(to, 16, ctypes.pointer(iov), 1))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ctypes.CDLL(None).sendmmsg(u.fileno(), all, 1, 0)'
    grep -qF '"host":"192.0.2.1","port":9999,"datagram":true' "$BATS_TEST_TMPDIR/refused" || show
    explained -- sh -c "${send/192.0.2.1/169.254.169.254}"
    grep -qx 'hint: no option allows it' "$BATS_TEST_TMPDIR/err" || show
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
    mkdir .git/info .vscode
    touch .git/info/attributes .gitmodules .envrc .vscode/tasks.json
    explained -- sh -c 'for name in .git/config .git/info/attributes .gitmodules .envrc .vscode/tasks.json; do
        rm $name; done'
    grep -qx 'kelp: refused: 2 more of that kind' "$BATS_TEST_TMPDIR/err" || show
    grep -qx 'hint: no option allows it' "$BATS_TEST_TMPDIR/err" || show
}

# In the empty home its directory is not there, which would have to be shown.
@test "a file that is made in a directory of the home names that" {
    mkdir -p "$HOME/notes/sub"
    echo x >"$HOME/notes/a"
    for script in 'echo y >>~/notes/sub/b' 'mkdir ~/notes/sub/b'; do
        explained -- sh -c "$script"
        grep -qx 'hint: --writable ~/notes/sub' "$BATS_TEST_TMPDIR/err" || show
    done
    explained -- sh -c 'echo y >>~/notes/a; rm ~/notes/a'
    grep -qx 'hint: --writable ~/notes' "$BATS_TEST_TMPDIR/err" || show
    run -0 "$KELP" run --writable "$HOME/notes" -- sh -c 'echo y >>~/notes/sub/b; rm ~/notes/a'
    # where an option has that place, it makes room
    explained --readable "$HOME/notes" -- touch "$HOME/notes/c"
    grep -qx "hint: '--writable ~/notes' in place of option --readable would allow it" \
        "$BATS_TEST_TMPDIR/err" || show
}

# What covers it has no name of its own any more.
@test "a hidden directory that is listed is told" {
    mkdir -p shut/in
    explained --hide shut -- ls shut
    [ "$(grep -c . "$BATS_TEST_TMPDIR/refused")" = 1 ] || show
    grep -qF "\"path\":\"$base/ws/shut\",\"access\":\"r\"" "$BATS_TEST_TMPDIR/refused" || show
}

# quiet SCRIPT: the sandbox refuses nothing of it that the host would allow, so nothing is told.
quiet() {
    explained -- sh -c "$1"
    ! grep -q 'refused\|^hint' "$BATS_TEST_TMPDIR/err" || show
    [ ! -s "$BATS_TEST_TMPDIR/refused" ] || show
}

@test "what works, and what fails on the host too, is not told" {
    quiet true
    quiet 'cat no-such-file; ls /no/such/directory; cat /etc/shadow; echo x >/etc/new; mkdir /usr/new'
    quiet 'echo x >file; mv file other; chmod 600 other; rm other; mkdir d; rmdir d; echo x >/tmp/x'
    quiet 'mkdir -p ~/.cache/x; echo x >~/.cache/x/y; cat ~/.cache/x/y; exec 3<>/dev/null'
    quiet 'cat /proc/self/status /proc/1/environ /sys/kernel/notes; ls -la / ~ /proc; cat /dev/stdin'
    quiet "$(py 'import ssl, json, subprocess; subprocess.run(["true"])')"
    quiet "$(py 'import socket as s
l = s.create_server(("127.0.0.1", 0)); s.create_connection(l.getsockname())')"
}

@test "what one other option would allow stands together, whatever was done" {
    mkdir -p "$HOME/notes"
    echo x >"$HOME/notes/a"
    explained --readable "$HOME/notes" -- sh -c 'rm -f ~/notes/a; mkdir ~/notes/d; mv ~/notes/a ~/notes/b'
    [ "$(grep -c '^kelp: refused: ' "$BATS_TEST_TMPDIR/err")" -ge 3 ] || show
    [ "$(grep -c '^hint: ' "$BATS_TEST_TMPDIR/err")" = 1 ] || show
}

@test "the same thing is counted, and what the same option allows stands together" {
    mkdir -p "$HOME/.tool"
    for i in 1 2 3 4 5 6; do echo x >"$HOME/.tool/$i"; done
    explained -- sh -c 'for i in 1 2 3; do cat ~/.npmrc; done; for i in 1 2 3 4 5 6; do cat ~/.tool/$i; done'
    grep -qx "kelp: refused: read $HOME/.npmrc (3 times, cat)" "$BATS_TEST_TMPDIR/err" || show
    [ "$(grep -c '^hint: --readable ~/.npmrc$' "$BATS_TEST_TMPDIR/err")" = 1 ] || show
    [ "$(grep -c . "$BATS_TEST_TMPDIR/refused")" = 7 ] || show
    # several files of one directory are best allowed by that
    [ "$(grep -c '^hint: ' "$BATS_TEST_TMPDIR/err")" = 2 ] || show
    grep -qx 'hint: --readable ~/.tool' "$BATS_TEST_TMPDIR/err" || show
    grep -qx 'kelp: refused: 3 more that the same would allow' "$BATS_TEST_TMPDIR/err" || show
    # what was given to read is shown, and what was not is not
    explained --readable "$HOME/.tool" -- sh -c 'cat ~/.npmrc ~/.tool/1'
    [ "$(grep -c . "$BATS_TEST_TMPDIR/refused")" = 1 ] || show
}

# told COUNT NAME: that often it was refused to make NAME in shown/ro.
told() {
    grep -F "\"path\":\"$base/shown/ro/$2\"" "$BATS_TEST_TMPDIR/refused" | grep -qF "\"count\":$1" || show
}

@test "a relative name is that of the directory that the caller stands in at that moment" {
    local long
    long=$(printf 'n%.0s' {1..200})
    mkdir -p "$base/shown/ro/one" "$base/shown/ro/two/$long/$long" "$base/ws/here"
    explained --readable "$base/shown" -- python3 -c '
import os, sys, threading
def refused(name):
    try: os.close(os.open(name, os.O_CREAT | os.O_WRONLY)); sys.exit("made " + name)
    except OSError: pass
top, long = sys.argv[1:]
two = os.open(top + "/two", os.O_RDONLY)
for i in range(30):
    os.chdir(top + "/one"); refused("a")
    os.fchdir(two); refused("b")
    os.chdir(".."); refused("c")
# threads have one directory together, and a child has one of its own
os.chdir(top + "/one"); refused("d")
t = threading.Thread(target=os.chdir, args=("../two",)); t.start(); t.join()
refused("e")
if os.fork() == 0:
    refused("f"); os.chdir("../one"); refused("g"); os._exit(0)
os.wait()
refused("h")
# too long to be kept
os.chdir(long + "/" + long); refused("i"); refused("j")
' "$base/shown/ro" "$long"
    [ "$status" = 0 ] || show
    [ "$(grep -c . "$BATS_TEST_TMPDIR/refused")" = 10 ] || show
    told 30 one/a
    told 30 two/b
    told 30 c
    told 1 one/d
    for name in e f h "$long/$long/i" "$long/$long/j"; do told 1 "two/$name"; done
    told 1 one/g
}

@test "a relative name after the directory itself was renamed" {
    explained -- python3 -c '
import os
def look(name):
    try: os.open(name, os.O_RDONLY)
    except OSError: pass
os.makedirs("a/b/c"); os.chdir("a/b/c")
look("../../../../home/.npmrc")
os.rename("../../../a/b/c", "../../../c")
look("../../home/.npmrc")'
    [ "$(grep -c . "$BATS_TEST_TMPDIR/refused")" = 1 ] || show
    grep -F "\"path\":\"$HOME/.npmrc\"" "$BATS_TEST_TMPDIR/refused" | grep -qF '"count":2' || show
}

@test "the summary has an end, the status stream has all of what is kept" {
    mkdir "$HOME/many"
    # each in a directory of its own, or they would be told as one
    (cd "$HOME/many" && mkdir $(seq 530) && touch $(seq -f %g/f 530))
    explained -- sh -c 'for i in $(seq 530); do read x <~/many/$i/f; done 2>/dev/null'
    [ "$(grep -c '^kelp: refused: read' "$BATS_TEST_TMPDIR/err")" = 20 ] || show
    grep -qx 'kelp: refused: 480 more; --status-fd tells of all' "$BATS_TEST_TMPDIR/err" || show
    grep -qx 'kelp: refused: 30 more that there was no room to remember' "$BATS_TEST_TMPDIR/err" || show
    [ "$(grep -c . "$BATS_TEST_TMPDIR/refused")" = 500 ] || show
    # one object a line
    jq -e . <"$BATS_TEST_TMPDIR/events" >/dev/null || show
}

@test "names from inside do not reach the terminal as they are" {
    mkdir -p "$HOME/d"
    : >"$HOME/d/"$'\e]0;x\a"\\\xff'
    explained -- python3 -c 'import os; os.open(os.environ["HOME"].encode() + b"/d/\x1b]0;x\x07\"\\\xff", 0)'
    [ "$status" = 1 ] || show
    grep -q 'refused: read .*/d/\\x1b]0;x\\x07"\\' "$BATS_TEST_TMPDIR/err" || show
    [ "$(tr -d '[:print:]\n\t' <"$BATS_TEST_TMPDIR/events" | wc -c)" = 0 ] || show
    jq -es 'any(.event == "refused" and (.path | test("x1b")))' <"$BATS_TEST_TMPDIR/events" || show
}

@test "without --explain nobody is told, and the filter has no listener" {
    run -1 --separate-stderr "$KELP" run -- cat "$HOME/.npmrc"
    [[ $stderr != *refused* ]]
    # --explain's filter asks; the policy's own does not
    cat >listener.py <<'E'
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
class Insn(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]
class Prog(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.POINTER(Insn))]
insns = (Insn * 1)(Insn(6, 0, 0, 0x7fff0000))
libc.prctl(38, 1, 0, 0, 0)
fd = libc.syscall(ctypes.c_long(317 if sys.maxsize and __import__("os").uname().machine == "x86_64" else 277),
                  ctypes.c_ulong(1), ctypes.c_ulong(int(sys.argv[1])), ctypes.byref(Prog(1, insns)))
print("listener" if fd >= 0 else ctypes.get_errno(), flush=True)
if len(sys.argv) > 2 and fd >= 0:
    import subprocess
    # this process keeps it open
    sys.exit(subprocess.run(sys.argv[2:]).returncode)
E
    run -0 "$KELP" run -- python3 listener.py 8
    [ "$output" = listener ]
    # what it costs: one of the command's own is refused, a filter without one is not
    run -0 --separate-stderr "$KELP" run --explain -- python3 listener.py 8
    [ "$output" = 16 ]
    run -0 --separate-stderr "$KELP" run --explain -- python3 listener.py 0
    [ "$output" = listener ]
    # and kelp under somebody else's listener says so, and runs nothing
    run -125 --separate-stderr python3 listener.py 8 "$KELP" run --explain -- echo ran
    [[ $output != *ran* && $stderr == "kelp: cannot enter the seccomp filter with a listener"*"hint: "* ]]
    run -0 --separate-stderr python3 listener.py 8 "$KELP" run -- echo ran
    [[ $output == *ran ]]
}

@test "a policy that leaves no way for the listener is refused" {
    printf '[policy]\nextends = sandbox\n[syscalls]\ndeny = sendmsg\n' >no.policy
    run -0 "$KELP" run --policy ./no.policy -- echo ran
    [[ $output == *ran ]]
    run -125 "$KELP" run --explain --policy ./no.policy -- echo ran
    [[ $output == "kelp: the policy refuses sendmsg, "*"hint: leave --explain out"* && $output != *$'\n'ran ]]
}

# same SCRIPT: with and without --explain it says the same on both streams, and ends the same.
same() {
    local plain=0

    rm -rf scratch && mkdir scratch
    "$KELP" run -- sh -c "cd scratch; $1" >"$BATS_TEST_TMPDIR/plain" 2>&1 </dev/null || plain=$?
    rm -rf scratch && mkdir scratch
    status=0
    "$KELP" run --explain -- sh -c "cd scratch; $1" >"$BATS_TEST_TMPDIR/seen" 2>&1 </dev/null || status=$?
    grep -v '^kelp: refused: \|^hint: ' "$BATS_TEST_TMPDIR/seen" >"$BATS_TEST_TMPDIR/seen.own" || true
    [ "$status" = "$plain" ]
    diff "$BATS_TEST_TMPDIR/plain" "$BATS_TEST_TMPDIR/seen.own"
}

@test "the command sees no difference: results, errors, exit statuses" {
    same 'exit 42'
    same 'kill -TERM $$'
    same 'cat ~/.npmrc; ls ~/.ssh; mkdir /usr/x; rm ../.git/config; unshare -U true; cat nothing'
    same "$(py 'import os, socket as s
def t(f, *a):
    try: print(f.__name__, f(*a) is not None)
    except OSError as e: print(f.__name__, e.errno)
for p in "/etc/passwd", "/etc/shadow", "/nope/x", "/proc/1/mem", "/dev/fd/9", "", "x" * 5000, os.environ["HOME"] + "/.npmrc":
    for f in (0, 1, 2, 0o101, 0o301, 0o200000, 0o20200000):
        t(os.open, p, f, 0o600)
    t(os.stat, p); t(os.unlink, p); t(os.mkdir, p); t(os.rmdir, p); t(os.rename, p, "y"); t(os.link, p, "z")
    t(os.symlink, "q", p); t(os.chmod, p, 0o600); t(os.truncate, p, 0); t(os.listdir, p); t(os.execv, p, ["x"])
for fam in range(50):
    t(s.socket, fam, 1); t(s.socket, fam, 3)
for a in ("192.0.2.1", 80), ("127.0.0.1", 1), ("0.0.0.0", 1):
    t(s.socket().connect, a)
t(s.socket(s.AF_UNIX).connect, "/nope"); t(s.socket(s.AF_UNIX).connect, "\0abstract")')"
}

@test "the command sees no difference: vfork, threads, signals, calls that wait" {
    same "$(py 'import os, subprocess
n = 0
for i in range(150):
    n += subprocess.run(["true"]).returncode
    n += os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)[1]
print(n)')"
    same "$(py 'import threading, os
bad = []
def f(n):
    for i in range(400):
        try:
            os.close(os.open("/etc/passwd", 0)); open("f%d" % n, "w").close(); os.unlink("f%d" % n)
        except OSError as e: bad.append(e)
t = [threading.Thread(target=f, args=(n,)) for n in range(8)]
[x.start() for x in t]; [x.join() for x in t]
print(len(bad))')"
    # a fifo that nobody writes to: a signal ends the wait, and with SA_RESTART it goes on
    same "$(py 'import os, signal, ctypes
class Stop(Exception): pass
def stop(*a): raise Stop
os.mkfifo("fifo")
signal.signal(signal.SIGALRM, stop)
signal.setitimer(signal.ITIMER_REAL, 0.3)
try: os.open("fifo", 0); print("opened")
except Stop: print("stopped")
seen = []
signal.signal(signal.SIGALRM, lambda *a: seen.append(1))
if os.fork() == 0:
    import time
    time.sleep(0.8); os.write(os.open("fifo", 1), b"x"); os._exit(0)
signal.setitimer(signal.ITIMER_REAL, 0.2)
print(os.read(os.open("fifo", 0), 1), seen)')"
    # stopped and killed in the middle of it
    same 'mkfifo f; (cat f & p=$!; sleep 0.2; kill -STOP $p; kill -CONT $p; kill -9 $p; wait $p; echo $?) 2>/dev/null'
}

@test "the command sees no difference: every system call, and arguments that lead nowhere" {
    cp "$KELP_BUILD/helpers/seccomp/probe-syscalls" .
    same ../probe-syscalls
    same "$(py 'import ctypes, mmap, os
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *a):
    ctypes.set_errno(0)
    r = getattr(libc, name)(*[ctypes.c_void_p(x) if isinstance(x, int) else x for x in a])
    print(name, r if r <= 0 else 1, ctypes.get_errno())
# a string at the very end of what can be read, with its end and without
m = mmap.mmap(-1, 8192); at = ctypes.addressof(ctypes.c_char.from_buffer(m))
libc.mprotect(ctypes.c_void_p(at + 4096), 4096, 0)
m[4084:4096] = b"/etc/passwd\0"
bad = [0, 1, at + 4096, at + 4095, 2**63, 2**64 - 1, at + 4084]
for p in bad:
    for name in "open", "unlink", "mkdir", "chdir", "execv", "truncate", "rmdir": call(name, p, 0, 0)
    call("rename", p, p); call("connect", 0, p, 16); call("bind", 0, p, 110); call("sendto", 0, p, 40, 0x4000, p, 16)
m[4084:4096] = b"x" * 12
call("open", at + 4084, 0, 0)
import socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.connect(("127.0.0.1", 9))
for n in 0, 1, 4, 1000, 2**32 - 1:
    call("sendmmsg", u.fileno(), at + 4084, n, 0); call("connect", u.fileno(), at, n)')"
}

@test "the observer is confined, and gone with the run" {
    "$KELP" run --explain -- sh -c 'echo $$ >started; while [ ! -e go ]; do sleep 0.05; done' 3>&- &
    local run=$! observer
    while [ ! -s started ]; do sleep 0.02; done
    observer=$(pgrep -P "$run" kelp-observe)
    grep -qx 'NoNewPrivs:.1' "/proc/$observer/status"
    grep -qx 'Seccomp:.2' "/proc/$observer/status"
    grep -qx 'CapEff:.0*' "/proc/$observer/status"
    touch go
    wait "$run"
    [ ! -e "/proc/$observer" ]
}

@test "without its observer calls fail, kelp says so, and the exit status is the command's" {
    "$KELP" run --explain -- python3 -c '
import os, time
open("started", "w").close()
fd = os.open(".", os.O_RDONLY)
while "go" not in os.listdir(fd): time.sleep(0.05)
try: os.open("/etc/passwd", os.O_RDONLY); os.write(1, b"opened\n")
except OSError as e: os.write(1, b"errno %d\n" % e.errno)
os._exit(7)' >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
    local run=$! status=0
    while [ ! -e started ]; do sleep 0.02; done
    kill -9 "$(pgrep -P "$run" kelp-observe)"
    touch go
    wait "$run" || status=$?
    [ "$status" = 7 ] || show
    # ENOSYS: nothing passes that nobody judges
    grep -qx 'errno 38' "$BATS_TEST_TMPDIR/out" || show
    grep -q '^kelp: what was refused is not known in full: the observer ended' "$BATS_TEST_TMPDIR/err" || show
}

@test "an image: volumes, the user's keys in them, and a root that is not the host's" {
    make_rootfs "$base/rootfs"
    mkdir -p "$base/share"
    echo x >"$base/share/file"
    run_image=(--network none --userns single -v "$base/share:/data:ro")
    explained "${run_image[@]}" "$base/rootfs" sh -c 'echo y >>/data/file'
    [ "$status" = 1 ] || show
    grep -qF '"kind":"open","path":"/data/file","access":"w"' "$BATS_TEST_TMPDIR/refused" || show
    explained "${run_image[@]}" "$base/rootfs" sh -c "cat $HOME/.npmrc; cat /etc/hostname; echo x >/etc/new; cat /nope"
    [ ! -s "$BATS_TEST_TMPDIR/refused" ] || show
    explained --network none --userns single -v "$HOME:/h:ro" "$base/rootfs" cat /h/.ssh/id_ed25519
    grep -qF '"path":"/h/.ssh' "$BATS_TEST_TMPDIR/refused" || show
}
