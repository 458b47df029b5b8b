#!/usr/bin/env bats
# What kelp says of a review: all that takes effect outside is marked, and what the command has left
# neither silences the summary nor cuts it nor passes for a part of it.

# shellcheck disable=SC2016 # the scripts in quotes are for the shell inside

bats_require_minimum_version 1.5.0
load ../lib/kelp
load ../lib/reviews

setup() {
    reviews_setup
    export XDG_CONFIG_HOME=$HOME/.config GIT_CONFIG_NOSYSTEM=1
}

review() {
    run --separate-stderr "$KELP" run --review "$@"
    echo "$output"
    echo "$stderr"
    [ "$status" = 0 ]
    id=$(reviews)
}

# marked PATH...: each is in the summary and in the list, as one that takes effect outside.
marked() {
    list=$("$KELP" diff "$id")
    echo "$list"
    for path; do
        [[ $stderr == *[\ /]"$path  (takes effect outside of the sandbox)"* ]] || return 1
        [[ $list == *[\ /]"$path  (takes effect outside of the sandbox)"* ]] || return 1
    done
}

unmarked() {
    for path; do
        [[ $list == *[\ /]"$path"* && $list != *[\ /]"$path  (takes"* ]] || return 1
    done
}

@test "what git obeys is marked, also of a repository that is new" {
    git init -q .
    git config core.hooksPath .githooks
    git config include.path ../.gitinc
    review --writable . -- sh -c 'echo x >.git/commondir; echo x >.git/index
        mkdir .githooks; echo x >.githooks/pre-commit; echo x >.gitinc; echo x >plain
        mkdir -p sub/g link; echo "gitdir: g" >sub/.git; ln -s ../sub/g link/.git; echo x >sub/g/HEAD
        mkdir -p new/.git/hooks new/.git/refs/heads; echo x >new/.git/refs/heads/hooks
        echo x >new/.git/hooks/x; echo x >new/.git/config; echo x >new/.git/HEAD
        mkdir -p .git/modules/a/b/hooks .git/worktrees/w
        echo x >.git/modules/a/b/hooks/post-checkout; echo x >.git/modules/a/b/config
        echo x >.git/worktrees/w/gitdir; echo x >.git/worktrees/w/commondir
        mkdir .git/modules/a/b/rebase-merge .git/worktrees/w/rebase-apply .git/worktrees/w/sequencer
        echo x >.git/modules/a/b/rebase-merge/git-rebase-todo
        echo x >.git/worktrees/w/rebase-apply/apply-opt; echo x >.git/worktrees/w/sequencer/todo'
    marked .git/commondir .githooks/ .githooks/pre-commit .gitinc sub/.git link/.git sub/g/HEAD \
        new/.git/hooks/x new/.git/config .git/modules/a/b/hooks/post-checkout \
        .git/modules/a/b/config .git/worktrees/w/gitdir .git/worktrees/w/commondir \
        .git/modules/a/b/rebase-merge/git-rebase-todo .git/worktrees/w/rebase-apply/apply-opt \
        .git/worktrees/w/sequencer/todo
    # and it says so when it lets them in
    run --separate-stderr "$KELP" apply "$id"
    says 'applied: A  .git/commondir  (takes effect outside of the sandbox)'
    unmarked plain .git/index new/.git/HEAD new/.git/refs/heads/hooks sub/ new/
}

@test "a directory that is part of a protected name itself keeps its meaning" {
    git init -q --template= g
    mkdir g/sub
    cd g/sub
    review --writable ../.git -- sh -c 'cd ../.git; mkdir -p hooks info; echo x >hooks/pre-commit
        echo x >info/attributes; echo x >description'
    marked hooks/pre-commit info/attributes
    unmarked description
}

@test "what a policy protects by an absolute path, and policies themselves, are marked" {
    printf '[policy]\nextends = sandbox\n[files]\nprotected = ./deploy.sh %s plain.sh\n' "$dir/ws/other.sh" \
        >"$HOME/my.policy"
    review --policy "$HOME/my.policy" --writable . -- \
        sh -c 'mkdir sub; for f in deploy.sh other.sh plain.sh free.sh sub/deploy.sh; do echo x >$f; done'
    marked deploy.sh other.sh plain.sh
    unmarked free.sh sub/deploy.sh
    "$KELP" discard "$id"
    review --writable "$HOME" -- sh -c 'mkdir -p ~/.config/kelp ~/.config/other
        printf "[network]\nmode = host\n" >~/.config/kelp/sandbox.policy; echo x >~/.config/other/x'
    marked .config/kelp/sandbox.policy
    unmarked .config/other/x
}

# Fills standard error, which does not wait any more, and leaves what is in it.
mute='import os, fcntl, sys
open(sys.argv[1], "w").write("evil\n")
fcntl.fcntl(2, fcntl.F_SETFL, fcntl.fcntl(2, fcntl.F_GETFL) | os.O_NONBLOCK)
for size in (4096, 1):
    try:
        while True: os.write(2, b"." * size)
    except BlockingIOError: pass
if len(sys.argv) > 2: import time; time.sleep(60)'

@test "a stream that the command has filled, and made not to wait, takes the summary and the reason" {
    # shellcheck disable=SC2030 # read in this test
    "$KELP" run --review --writable . -- python3 -c "$mute" .envrc 2>&1 >/dev/null | (sleep 1.5; cat) |
        tr -d . >"$dir/said"
    cat "$dir/said"
    grep -q '^kelp: review .*: 1 added' "$dir/said"
    grep -q 'A  envrc  (takes effect outside of the sandbox)' "$dir/said"
    grep -q '^hint: kelp diff --patch' "$dir/said"
    "$KELP" run --timeout 2 -- python3 -c "$mute" plain wait 2>&1 >/dev/null | (sleep 4; cat) |
        tr -d . >"$dir/said"
    cat "$dir/said"
    grep -q 'the time limit ended the run' "$dir/said"
}

@test "a terminal that hides what is written shows the summary" {
    TERM=xterm script -qec "'$KELP' run --review --writable . -- sh -c 'echo x >f; printf \"fine\033[8m\033[?2026h\033]0;\"'" \
        "$dir/log" </dev/null >"$dir/said"
    cat -v "$dir/said"
    # before the first word of kelp's, behind the last of the command's
    [[ $(<"$dir/said") == *$'\033]0;'*$'\030\033\\\033[?2026l\033[!p\033[0m'*'kelp: review'* ]]
    # the control: what is no terminal gets no such bytes
    review --writable . -- sh -c 'echo y >g' 2>&1 || true
    [[ $stderr != *$'\033'* ]]
}

@test "what a run without a review tells of a long path is told whole" {
    long=$(printf '%0200d' 0)
    deep=$long/$long/$long/$long/$long
    mkdir -p "$deep"
    cd "$deep"
    run --separate-stderr "$KELP" run --writable . -- sh -c 'echo evil >.envrc'
    echo "$stderr"
    [[ $stderr == *"/.envrc', which takes effect outside of it: look at it before you use it"* ]]
}

@test "a file of too many lines does not end the patch" {
    review --writable . -- python3 -c 'open(".a", "w").write("\n" * 1000001); open("zz.sh", "w").write("evil\n")'
    run --separate-stderr "$KELP" diff --patch "$id"
    [ "$status" = 0 ]
    [[ $output == *'Binary files /dev/null and b/.a differ'*'+++ b/zz.sh'*+evil* ]]
}

@test "what a name has that shows nothing is written out" {
    review --writable . -- python3 -c 'for n in "a\u200bb", "a\u00adb", "a\u2800b", "a\u3164b", "a\U000e0041b", "gr\u00fcn": open(n, "w")'
    for shown in 'a\xe2\x80\x8bb' 'a\xc2\xadb' 'a\xe2\xa0\x80b' 'a\xe3\x85\xa4b' 'a\xf3\xa0\x81\x81b' grün; do
        says "A  $shown"
    done
}

@test "no name reads as a remark" {
    review --writable . -- sh -c 'echo x >"a  (is not applied: a socket)"; echo x >" b "; echo x >"c d"'
    says 'A  a \x20(is not applied: a socket)'
    says 'A  \x20b\x20'
    says 'A  c d'
    "$KELP" discard "$id"
    # nor does any other blank make one, nor a backslash a byte
    review --writable . -- python3 -c 'for n in "a\u00a0\u00a0(is", "b\u3000c", "d\u2003e", "f\\x20g": open(n, "w")'
    for shown in 'a\xc2\xa0\xc2\xa0(is' 'b\xe3\x80\x80c' 'd\xe2\x80\x83e' 'f\x5cx20g'; do
        says "A  $shown"
    done
    "$KELP" discard "$id"
    review --writable . -- sh -c 'echo x >"a  (is not applied: a socket)"'
    run -0 "$KELP" apply "$id"
    [ -e "a  (is not applied: a socket)" ]
}

@test "a directory of the user's own is a conflict, also after a part was applied" {
    review --writable . -- sh -c 'mkdir -m 777 d e; echo x >d/f; echo x >e/f; echo y >other'
    "$KELP" apply "$id" other e/f
    mkdir -m 700 d
    run -1 --separate-stderr "$KELP" apply "$id"
    [[ $stderr == *"d/  (conflict: you changed it meanwhile)"* ]]
    # what apply has made itself is none
    [[ $stderr != *"e/  (conflict"* ]]
    [ "$(stat -c %a d e | xargs)" = '700 777' ]
    run -0 "$KELP" apply --overwrite "$id"
    [ "$(stat -c %a d | xargs)$(cat d/f)" = 777x ]
}

@test "where a link leads, and what lets others in, is said of it" {
    mkdir mine
    echo x >script
    chmod 666 script
    cat >acl.py <<'END'
import os, struct, sys
ENTRIES = [(1, 7, -1), (2, 7, int(sys.argv[2])), (4, 5, -1), (16, 7, -1), (32, 5, -1)]
TEXT = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in ENTRIES)
os.setxattr(sys.argv[1], "system.posix_acl_default", TEXT)
END
    python3 acl.py mine 12345
    review --writable . -- sh -c 'umask 022; for i in $(seq 100); do echo x >a$i; done; echo x >zopen; chmod 777 zopen
        mkdir zdir zacl mine/sub; chmod 1777 zdir; python3 acl.py zacl "$(id -u)"; mkdir zacl/sub; echo x >run; chmod 755 run
        echo y >script; ln -s "../out  (is not applied)" zlink; ln -s a1 link'
    list=$("$KELP" diff "$id")
    echo "$list"
    # also behind the many that are merely added
    for line in 'A  zopen  (mode 0777: anybody may write to it)  (executable)' \
        'A  zdir/  (mode 1777: anybody may write to it)' \
        'A  zacl/  (what is made in it gets an access control list)'; do
        says "$line"
        grep -qxF "$line" <<<"$list"
    done
    for line in 'A  run  (executable)' 'A  zlink  (a link to ../out \x20(is not applied))' 'A  link  (a link to a1)' \
        'M  script' 'A  zacl/sub/' 'A  mine/sub/' 'A  a1'; do
        grep -qxF "$line" <<<"$list"
    done
    run -0 --separate-stderr "$KELP" diff --patch "$id"
    grep -qxF '# A  zopen  (mode 0777: anybody may write to it)  (executable)' <<<"$output"
    run -0 --separate-stderr "$KELP" apply "$id"
    says 'applied: A  zopen  (mode 0777: anybody may write to it)  (executable)'
    says 'applied: A  zacl/  (what is made in it gets an access control list)'
    [[ $stderr != *'applied: A  run'* ]]
}

@test "what goes for another type, and what the user changed himself, is named when it is applied" {
    mkdir -p old/deep
    echo x >old/deep/x
    echo x >f
    review --writable . -- sh -c 'rm -r old; echo x >old; echo y >f; echo z >g'
    echo mine >f
    run -0 --separate-stderr "$KELP" apply --overwrite "$id"
    echo "$stderr"
    says 'applied: T  old  with 2 in it'
    says 'applied: M  f  (conflict: you changed it meanwhile)'
    [[ $stderr != *'A  g'* ]]
}

@test "a mode that the user has set after a part was applied is a conflict" {
    echo x >looks
    echo x >both
    chmod 644 looks both
    review --writable . -- sh -c 'chmod 755 looks; chmod 755 both; echo y >both; echo y >other; echo y >rest'
    "$KELP" apply "$id" other both
    [ "$(stat -c %a both)" = 755 ]
    chmod 600 looks both
    run -1 --separate-stderr "$KELP" apply "$id"
    echo "$stderr"
    says 'not applied: m  looks  (conflict: you changed it meanwhile)'
    says 'not applied: m  both  (conflict: you changed it meanwhile)'
    [ "$(stat -c %a looks both | xargs)" = '600 600' ]
    [ -e rest ]
    run -0 "$KELP" apply --overwrite "$id"
    [ "$(stat -c %a looks both | xargs)" = '755 755' ]
}

@test "a patch of several directories fits, and says which" {
    mkdir "$dir/one" "$dir/two"
    echo x | tee "$dir/one/f" >"$dir/two/f"
    mkdir -p "$dir/copy$dir"
    cp -a "$dir/one" "$dir/two" "$dir/copy$dir"
    review --writable "$dir/one" --writable "$dir/two" -- sh -c 'echo one >"$1/one/f"; echo two >"$1/two/f"' sh "$dir"
    "$KELP" diff --patch "$id" >"$dir/patch"
    cat "$dir/patch"
    "$KELP" apply "$id"
    (cd "$dir/copy" && git apply -p1 "$dir/patch")
    diff -r "$dir/one" "$dir/copy$dir/one"
    diff -r "$dir/two" "$dir/copy$dir/two"
}
