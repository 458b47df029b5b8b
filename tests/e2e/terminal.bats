#!/usr/bin/env bats
# The terminal, as a user at a shell sees it.  terminal.py is that user; each of its cases is a test.

bats_require_minimum_version 1.5.0
load ../lib/kelp

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

# Runs the case NAME of terminal.py.
at_terminal() {
    run -0 timeout 110 python3 "$BATS_TEST_DIRNAME/terminal.py" "$1"
}

@test "every case of the driver is a test" {
    for name in $(python3 "$BATS_TEST_DIRNAME/terminal.py" --list); do
        grep -q "at_terminal $name\$" "$BATS_TEST_FILENAME" || {
            echo "no test runs '$name'"
            false
        }
    done
}

@test "the payload has a terminal of its own" {
    at_terminal own-pty
}

@test "no descriptor inside is a terminal of the host" {
    at_terminal no-host-terminal
}

@test "size and modes of the user's terminal are copied" {
    at_terminal settings-are-copied
}

@test "modes and size set inside stay inside" {
    at_terminal inner-modes-stay-inside
}

@test "a resize reaches the payload" {
    at_terminal resize
}

@test "no carriage return is doubled" {
    at_terminal newlines-are-single
}

@test "5 MB come through the terminal intact" {
    at_terminal big-output
}

@test "a slow terminal loses nothing" {
    at_terminal slow-reader
}

@test "Ctrl-C and Ctrl-\\ reach the payload" {
    at_terminal ctrl-c
}

@test "Ctrl-C is passed on when only output is a terminal" {
    at_terminal ctrl-c-without-stdin
}

@test "Ctrl-C ends a loop of the shell" {
    at_terminal ctrl-c-ends-a-loop
}

@test "Ctrl-D ends the payload's input" {
    at_terminal ctrl-d
}

@test "Ctrl-Z, fg and bg" {
    at_terminal ctrl-z-fg-bg
}

@test "Ctrl-Z stops the whole pipeline" {
    at_terminal ctrl-z-stops-the-whole-job
}

@test "a background job that reads stops until fg" {
    at_terminal background-job
}

@test "a background job may write" {
    at_terminal background-job-that-writes
}

@test "a payload that stops itself stops the job" {
    at_terminal stop-from-inside
}

@test "a payload that stops itself leaves no limit behind" {
    at_terminal stop-and-limits
}

@test "what continues itself in a sandbox that is stopped leaves no limit behind" {
    at_terminal stop-and-go-on
}

@test "a command that stops itself in a script is ended by its time limit" {
    at_terminal stop-in-a-script
}

@test "kelp stop ends a sandbox that is stopped; kelp exec says that it is" {
    at_terminal stop-and-ask
}

@test "kelp stop ends a sandbox that wants the terminal which it does not have" {
    at_terminal stop-ends-who-wants-the-terminal
}

@test "kelp kill ends it, too" {
    at_terminal kill-ends-who-wants-the-terminal
}

@test "kelp stopped from outside and continued by fg" {
    at_terminal stop-and-continue-from-outside
}

@test "vim, with Ctrl-Z and a resize in between" {
    at_terminal vim
}

@test "less" {
    at_terminal less
}

@test "less inside or outside at the end of a pipe" {
    at_terminal less-at-both-ends-of-a-pipe
}

@test "input that is waited for by poll, with the output in a pipe" {
    at_terminal polls-behind-a-pipe
}

@test "input that nobody asks for stays with the shell" {
    at_terminal a-pipe-takes-no-input-that-nobody-reads
}

@test "input from a pipe is not lost when the job is stopped and continued" {
    at_terminal input-from-a-pipe-outlives-a-stop
}

@test "top" {
    at_terminal top
}

@test "bash with job control inside" {
    at_terminal bash-with-jobs-inside
}

@test "what is typed ahead of a command substitution is the shell's" {
    at_terminal typed-ahead-stays-with-the-shell
}

@test "a question on standard input with the output in a pipe" {
    at_terminal prompt-in-a-pipe
}

@test "a question on /dev/tty with the input in a pipe" {
    at_terminal question-on-dev-tty
}

@test "many short runs in a loop" {
    at_terminal script-and-loop
}

@test "the terminal is sane after kill -9 of the payload" {
    at_terminal kill-payload
}

@test "the terminal is sane after kill -9 of kelp" {
    at_terminal kill-kelp
}

@test "the terminal is sane after kill -9 of pid 1" {
    at_terminal kill-pid-1
}

@test "the terminal is sane after kill -9 of any process at any moment" {
    at_terminal kill-at-any-moment
}

@test "kill -9 of kelp leaves the shell's line editor alone" {
    at_terminal kill-with-line-editing
}

# Of one that is no child of strace's.
needs_strace_of_a_process() {
    local scope=/proc/sys/kernel/yama/ptrace_scope

    command -v strace >/dev/null || skip "the machine lacks strace"
    [ "$(cat $scope 2>/dev/null || echo 0)" = 0 ] || skip "the machine lacks ptrace of any process of one's own"
}

@test "a slow guard leaves the shell's line editor alone, and restores where none is" {
    needs_strace_of_a_process
    at_terminal kill-with-a-slow-guard
}

@test "the terminal is sane after kill -9 of kelp while it follows the payload's OPOST" {
    needs_strace_of_a_process
    at_terminal kill-while-modes-change
}

@test "the guard of the terminal ends with kelp, and is not needed" {
    at_terminal guard-goes-too
}

@test "the terminal is sane after each deadly signal" {
    at_terminal signals-restore
}

@test "nothing is left when the terminal is closed" {
    at_terminal hang-up
}

@test "the terminal is sane when the command cannot run" {
    at_terminal exits-of-kelp-restore
}

@test "nothing inside can type into the user's terminal" {
    at_terminal nothing-is-typed
}

@test "in an image, as root and as another user, the terminal is one's own" {
    make_rootfs root
    cat >look <<'SH'
tty
[ "$(stat -c %u "$(tty)")" = "$(id -u)" ] && echo written >"$(tty)"
SH
    cp look root/look
    run -0 "$KELP" run -t ./root sh /look </dev/null
    [ "${lines[0]}" = $'/dev/pts/0\r' ]
    [ "${lines[1]}" = $'written\r' ]
    grep -q "^$(id -un):" /etc/subuid || skip "the machine lacks subordinate ids for $(id -un)"
    run -0 "$KELP" run -t --userns subids -u bob ./root sh /look </dev/null
    [ "${lines[0]}" = $'/dev/pts/0\r' ]
    [ "${lines[1]}" = $'written\r' ]
}

# Runs tmux on a server of its own, which the test ends.
t() {
    tmux -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null "$@"
}

shows() {
    t capture-pane -p | grep -q -- "$1"
}

# Waits until the screen shows $1.
screen_has() {
    wait_for shows "$1" || {
        t capture-pane -p
        return 1
    }
}

is_in_shell() {
    [ "$(t display-message -p '#{pane_current_command}')" = bash ]
}

# Waits until the shell of the window has the terminal again: what is typed before goes to kelp.
shell_is_back() {
    wait_for is_in_shell
}

teardown() {
    t kill-server 2>/dev/null || true
}

@test "kelp exec: the command has a terminal of the sandbox" {
    at_terminal exec-own-pty
}

@test "kelp exec: a resize reaches the command" {
    at_terminal exec-resize
}

@test "kelp exec: keys reach the command" {
    at_terminal exec-keys
}

@test "kelp exec: a shell has its jobs" {
    at_terminal exec-shell-with-jobs
}

@test "kelp exec: output comes through intact" {
    at_terminal exec-big-output
}

@test "kelp exec: the command types nothing into the user's terminal" {
    at_terminal exec-types-nothing
}

@test "kelp exec: the terminal is as it was, whoever is killed" {
    at_terminal exec-killed
}

# shellcheck disable=SC2016 # $K is for the shell in tmux
@test "in tmux: vim, a resize of the window, less and Ctrl-Z" {
    env -u TMUX TERM=xterm K="$KELP" PS1='outer> ' tmux -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null \
        new-session -d -x 80 -y 24 bash --norc --noprofile -i 3>&-
    screen_has 'outer>'
    t send-keys '$K -- vim.tiny -u NONE --cmd "set ruler" note' Enter
    screen_has 'note.*\[New'
    t send-keys i 'first line' Escape
    t resize-window -x 60 -y 15
    screen_has '^first line'
    [ "$(t capture-pane -p | grep -c '^~')" = 13 ]
    t send-keys C-z
    screen_has 'Stopped'
    t send-keys fg Enter
    screen_has '^first line'
    t send-keys ':wq' Enter
    shell_is_back
    t send-keys "echo clo''sed" Enter
    screen_has '^closed'
    [ "$(cat note)" = "first line" ]
    seq 1 100 >numbers
    t send-keys 'clear; $K -- less numbers' Enter
    screen_has '^14'
    t resize-window -x 60 -y 20
    screen_has '^19'
    t send-keys q
    shell_is_back
    t send-keys 'stty size' Enter
    screen_has '^20 60'
}
