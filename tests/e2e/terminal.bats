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

@test "kill -9 of kelp leaves the shell's line editor alone" {
    at_terminal kill-with-line-editing
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
