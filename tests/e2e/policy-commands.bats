#!/usr/bin/env bats
# kelp policy list, show and check; tests of `why` are in policy-why.bats.

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    dir=$BATS_TEST_TMPDIR
    export HOME=$dir/home XDG_DATA_HOME=$dir/data-home
    unset XDG_CONFIG_HOME
    mkdir -p "$HOME/.config/kelp" "$HOME/work"
    cd "$HOME/work"
}

# refused STATUS PATTERN ARGS...: nothing on stdout, PATTERN (a glob) on stderr.
refused() {
    local status=0 want=$1 pattern=$2

    shift 2
    "$KELP" "$@" >out 2>err </dev/null || status=$?
    # shellcheck disable=SC2053 # a pattern is meant
    if [ "$status" != "$want" ] || [ -s out ] || [[ $(cat err) != "kelp: "$pattern ]]; then
        echo "kelp $*: status $status"
        cat out err
        return 1
    fi
}

@test "words that are none" {
    refused 125 "'kelp policy' needs a command"$'\n'"hint: *" policy
    refused 125 "unknown command 'policy shwo'"$'\n'"hint: did you mean 'kelp policy show'" policy shwo
    refused 125 "unknown command 'policy frobnicate'"$'\n'"hint: see kelp policy --help" policy frobnicate
    refused 125 "unknown option '--line'"$'\n'"hint: did you mean '--lines'" policy show --line
    refused 125 "unknown option '--writable'"$'\n'"hint: *kelp run --dry-run*" policy show --writable /x
    refused 125 "unexpected word 'agent'"$'\n'"hint: kelp policy show agent *" policy list agent
    refused 125 "option '--policy' needs a value*" policy check --policy
    refused 125 "unknown policy 'sandbx'"$'\n'"hint: did you mean 'sandbox'" policy show sandbx
    refused 125 "unknown command 'policy \\\\x1b*" policy $'\e[1m'
    refused 125 "there is no question"* policy why
    refused 125 "'x y' is neither a path nor a host"* policy why 'x y'
    refused 125 "'rwq' is not r, w or x"* policy why /etc rwq
    refused 125 "unexpected word 'more'"* policy why /etc r more
    refused 125 "'https://a.example/x' is a URL"$'\n'"hint: *: kelp policy why a.example:443" \
        policy why https://a.example/x
    refused 125 "port: *" policy why a.example:99999
    refused 125 "unknown system call 'opne'"$'\n'"hint: did you mean 'open'" policy why syscall opne
    refused 125 "which system call?"* policy why syscall
    refused 125 "option '--image' needs a value*" policy why /etc --image
    refused 125 "unknown option '--wriable'"$'\n'"hint: did you mean '--writable'" policy why --wriable . /etc
}

@test "help of each command" {
    local name

    for name in list show check why; do
        "$KELP" policy --help | grep -q "^  $name "
        run -0 --separate-stderr "$KELP" policy "$name" --help
        [[ ${lines[0]} == "Usage:  kelp policy $name"* && -z $stderr ]]
    done
}

@test "list: what is built in, what adds to it, and what is wrong" {
    run -0 "$KELP" policy list
    [[ ${lines[0]} =~ ^NAME\ +FOR\ +FROM\ +DESCRIPTION$ ]]
    grep -qE '^sandbox +host +built in +a read-only view' <<<"$output"
    grep -qE '^container +image +built in +a container' <<<"$output"
    printf '[policy]\ndescription = mine\n' >"$HOME/.config/kelp/sandbox.policy"
    printf '[policy]\nextends = sandbox\ndescription = \xe2\x80\xaebold\n' >"$HOME/.config/kelp/other.policy"
    printf '[files]\nhiden = /etc\n' >"$HOME/.config/kelp/bad.policy"
    printf '[network]\nmode = none\n' >"$HOME/.config/kelp/preset.policy"
    run -0 "$KELP" policy list
    grep -qE '^sandbox +host +built in \+ your own +mine$' <<<"$output"
    grep -qE '^other +host +your own +(.x[0-9a-f]{2})+bold$' <<<"$output"
    grep -qE '^bad +- +your own +\(has mistakes: kelp policy check bad\)$' <<<"$output"
    grep -qE '^preset +any +your own +' <<<"$output"
}

# What a run comes to, without where it comes from.
plain_plan() {
    "$KELP" run --dry-run "$@" -- true | sed -E '/^policy /d; s/  \([^()]*\)$//'
}

@test "show prints a policy that comes to the same run" {
    mkdir "$dir/a b" "$dir/lit*ral" sub
    touch sub/.secret "$HOME/axb"
    cat >"$dir/own.policy" <<POLICY
[policy]
extends = sandbox
[files]
readable = "/usr/share/doc" -~/.nothing "$dir/a b" "$dir/lit*ral" -\$XDG_CONFIG_HOME
hidden = **/.secret "-~/a*b"
hidden = /etc/passwd
temporary = /mnt/x:size=1m
[environment]
set = A=1 "B=x y" C=a\\b
[network]
mode = user
publish = 8080:80
[syscalls]
deny = ptrace personality:ENOSYS
[limits]
open-files = 100
POLICY
    "$KELP" policy show "$dir/own.policy" >"$dir/shown.policy"
    plain_plan --policy "$dir/own.policy" >first
    plain_plan --policy "$dir/shown.policy" >second
    diff -u first second
    # it is this policy that makes the difference
    plain_plan >default
    run ! diff -q first default
    run -0 "$KELP" policy check "$dir/shown.policy"
    [ "${lines[-1]}" = "$dir/shown.policy: ok" ]
}

@test "show of each built-in policy comes to the same run" {
    local name

    for name in $("$KELP" policy list | awk 'NR > 1 && $2 == "host" { print $1 }'); do
        "$KELP" policy show "$name" >"$dir/$name.policy"
        plain_plan --policy "$name" >first
        plain_plan --policy "$dir/$name.policy" >second
        diff -u first second
    done
}

@test "show names the line of each word, and what has no effect" {
    printf '[files]\nhome = readable\nreadable = -~/.nvm "-~/a b"\n' >own.policy
    printf '[files]\nhidden = -/etc/machine-id\n' >.kelp.policy
    run -0 "$KELP" policy show ./own.policy
    grep -qx '# ./own.policy:2' <<<"$output"
    grep -qx 'home = readable' <<<"$output"
    grep -qx 'readable = -~/.nvm "-~/a b"' <<<"$output"
    grep -q '^# sandbox.policy:[0-9]* has no effect: home = empty; ./own.policy:2 takes its place$' <<<"$output"
    grep -qx "# $PWD/.kelp.policy:2" <<<"$output"
    grep -q "^#     $PWD/.kelp.policy (the project's)$" <<<"$output"
    run -0 "$KELP" policy show --lines ./own.policy
    grep -qE '^\./own\.policy:3 +files\.readable +-~/\.nvm$' <<<"$output"
    grep -qE '^\./own\.policy:3 +files\.readable +-~/a b$' <<<"$output"
    grep -qE '^sandbox\.policy:[0-9]+ +files\.home +empty  \(no effect: \./own\.policy:2\)$' <<<"$output"
    grep -qE '^sandbox\.policy:[0-9]+ +syscalls\.deny +@mount' <<<"$output"
    run -0 "$KELP" policy show --image
    grep -qx 'extends = container' <<<"$output"
    # where a run would be refused there is a policy all the same
    cd "$HOME"
    run -0 "$KELP" policy show
}

@test "check tells all mistakes at once, each with its line" {
    cat >bad.policy <<'POLICY'
[files]
readble = /opt
readable = opt
[nework]
mode = none
[syscalls]
deny = ptrac
[network]
mode = nne
allow = a..b
POLICY
    run -1 --separate-stderr "$KELP" policy check ./bad.policy
    [ "$output" = "./bad.policy: has mistakes" ]
    for line in "2: unknown key 'readble'" "3: readable: 'opt' is not" "4: unknown section 'nework'" \
        "7: deny: unknown system call 'ptrac'" "9: mode: unknown network mode 'nne'" "10: allow: "; do
        grep -qF "kelp: ./bad.policy:$line" <<<"$stderr"
    done
    [ "$(grep -c ^kelp: <<<"$stderr")" = 6 ]
    [ "$(grep -c '^hint: did you mean' <<<"$stderr")" -ge 4 ]
    run -1 --separate-stderr "$KELP" policy check ./none.policy
    [[ $stderr == "kelp: cannot open './none.policy': No such file or directory"* ]]
    run -1 "$KELP" policy check sandbx
}

@test "check warns of what has no effect and of what is not there" {
    cat >odd.policy <<'POLICY'
[files]
readable = /opt /nowhere -/elsewhere
hidden = /opt
[network]
mode = filtered
allow = a.example *.b.example 192.0.2.0/24 c.example:80-90 d.example:443
deny = a.example *.b.example 192.0.2.0/24 c.example:80
[syscalls]
allow = ptrace @debug
deny = @debug
POLICY
    run -0 --separate-stderr "$KELP" policy check ./odd.policy
    [ "$output" = "./odd.policy: ok, 7 warnings" ]
    grep -qF "warning: ./odd.policy:2: 'readable = /opt' has no effect: what takes its place is ./odd.policy:3" <<<"$stderr"
    grep -qF "./odd.policy:2: 'readable = /nowhere' names what is not there" <<<"$stderr"
    for word in a.example '*.b.example' 192.0.2.0/24; do
        grep -qF "./odd.policy:6: 'allow = $word' has no effect: it is denied by ./odd.policy:7" <<<"$stderr"
    done
    for word in ptrace @debug; do
        grep -qF "./odd.policy:9: 'allow = $word' has no effect: it is denied by ./odd.policy:10" <<<"$stderr"
    done
    # what is right is not warned of, nor a cache that no run has made yet
    printf '[files]\ncache = own\n' >own.policy
    run -0 --separate-stderr "$KELP" policy check ./own.policy
    [ "$output$stderr" = "./own.policy: ok" ]
    run -0 --separate-stderr "$KELP" policy check sandbox container
    [ -z "$stderr" ]
}

@test "check without a word looks at all there is" {
    run -0 "$KELP" policy check
    [ "${lines[-1]}" = "a run in this directory: ok" ]
    printf '[files]\nhiden = /etc\n' >"$HOME/.config/kelp/bad.policy"
    printf '[network]\nmode = none\n' >"$HOME/.config/kelp/good.policy"
    printf '[files]\nwritable = /opt\n' >.kelp.policy
    run -1 --separate-stderr "$KELP" policy check
    [ "$output" = "bad: has mistakes
good: ok
a run in this directory: has mistakes" ]
    [ "$(grep -c 'would loosen' <<<"$stderr")" = 1 ]
    grep -qF "$HOME/.config/kelp/bad.policy:2: unknown key 'hiden'" <<<"$stderr"
    # what would loosen a view of this host does so though an image has as much
    printf '[network]\nmode = user\n' >.kelp.policy
    run -1 --separate-stderr "$KELP" policy check
    grep -qF "'mode = user' would loosen" <<<"$stderr"
    run -125 "$KELP" run -- true
    # a project's file is one wherever it is checked from
    mkdir "$dir/elsewhere"
    cd "$dir/elsewhere"
    run -1 "$KELP" policy check "$HOME/work/.kelp.policy" good
    [[ ${lines[-1]} == "good: ok" ]]
}

# Whether show warns of the words $1 of a first and $2 of a second file, and what a run with its
# output as a policy ends with.
shown() {
    local warned=quiet

    printf '%s\n' '[syscalls]' "$1" >a.policy
    printf '%s\n' '[syscalls]' "$2" >b.policy
    "$KELP" policy show ./a.policy ./b.policy >c.policy 2>said || return 1
    ! grep -q '^kelp: warning: this is not a policy by itself' said || warned=warned
    "$KELP" run --dry-run --policy ./a.policy --policy ./b.policy -- true >/dev/null || return 1
    echo "$warned $("$KELP" run --dry-run --policy ./c.policy -- true >/dev/null 2>&1 && echo runs || echo refused)"
}

@test "show warns of what two files may log and deny, and of no more" {
    cd "$HOME/work" || return 1
    [ "$(shown 'log = msgget' 'deny = msgget')" = 'warned refused' ]
    [ "$(shown 'log = msgget' 'deny = @ipc')" = 'warned refused' ]
    [ "$(shown 'log = msgget' 'deny = ptrace')" = 'quiet runs' ]
    [ "$(shown 'deny = socket(0=AF_UNIX)' 'deny = socket(0=AF_UNIX)')" = 'quiet runs' ]
    [ "$(shown 'deny = socket(0=AF_UNIX)' 'deny = socket')" = 'quiet runs' ]
    [ "$(shown 'deny = socket(0=AF_UNIX):EACCES' 'deny = socket:ENOSYS')" = 'warned runs' ]
}

# A later file beats an earlier one; within one, deny beats allow.
@test "show warns of words of two files that mean something else in one" {
    printf '%s\n' '[syscalls]' 'deny = @ipc' >"$BATS_TEST_TMPDIR/a.policy"
    printf '%s\n' '[syscalls]' 'allow = msgget' >"$BATS_TEST_TMPDIR/b.policy"
    cd "$BATS_TEST_TMPDIR" || return 1
    run --separate-stderr -0 "$KELP" policy show ./a.policy ./b.policy
    [ "$stderr" = "kelp: warning: this is not a policy by itself: ./b.policy:2 counts behind ./a.policy:2, which one file cannot say" ]
    [[ $output == *'# Not a policy by itself: ./b.policy:2 counts behind ./a.policy:2, '* ]]
    printf '%s\n' '[syscalls]' 'allow = ptrace' >"$BATS_TEST_TMPDIR/d.policy"
    for order in './b.policy ./a.policy' ./a.policy 'strict ./b.policy' './a.policy ./d.policy'; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr -0 "$KELP" policy show $order
        [ -z "$stderr" ]
        [[ $output != *'Not a policy'* ]]
        printf '%s\n' "$output" >c.policy
        # shellcheck disable=SC2046,SC2086
        [ "$("$KELP" policy why $(printf -- '--policy %s ' $order) syscall msgget | cut -c1-7)" = \
            "$("$KELP" policy why --policy ./c.policy syscall msgget | cut -c1-7)" ]
    done
}
