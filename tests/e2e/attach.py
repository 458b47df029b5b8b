#!/usr/bin/env python3
"""A user at a terminal who attaches to sandboxes: cases for the driver of terminal.py.

    attach.py CASE        runs one case; exit status 0 when all it expects was seen
    attach.py --list      the names of all cases
"""

import os
import re
import signal
import subprocess
import sys
import termios

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import terminal  # noqa: E402

KELP = os.environ["KELP"]
PROMPT = terminal.PROMPT
CASES = {}
CTRL_P, CTRL_Q = "\x10", "\x11"

# A payload that conceals, freezes and swallows what is written next, and has the mouse reported.
SPOIL = r"printf 'left\033[8m\033[?2026h\033[?1000h\033[?2004h\033]0;'"
SPOILT = "left\x1b[8m\x1b[?2026h\x1b[?1000h\x1b[?2004h\x1b]0;"
RESET = terminal.RESET


def case(function):
    CASES[function.__name__.replace("_", "-")] = function
    return function


def start(name, *command):
    subprocess.run([KELP, "run", "-d", "-t", "--name", name, "--", *command], check=True,
                   stdout=subprocess.DEVNULL)


def is_raw(t):
    return not t.get_modes()[3] & (termios.ICANON | termios.ECHO)


def runs(name):
    inspected = subprocess.run([KELP, "inspect", name], check=True, capture_output=True, text=True)
    return '"running"' in inspected.stdout


@case
def types_and_sees():
    start("box", "sh", "-c", "read a; echo got $a; read b; exit 5")
    t = terminal.Terminal()
    t.line("$K attach box")
    t.send("hello\r")
    t.expect("got hello")
    if not is_raw(t):
        raise terminal.Failure("the terminal is not raw")
    t.send("bye\r")
    t.expect(PROMPT)
    t.line("echo status=$?")
    t.expect("status=5")
    if t.get_modes() != t.modes:
        raise terminal.Failure("the modes of the terminal are others")


@case
def detach_keys_let_go():
    start("box", "cat")
    t = terminal.Terminal()
    t.line("$K attach box")
    t.send("one\r")
    t.expect("one\r\none")
    # the first key alone is for the sandbox, once it is plain that it was not meant
    t.send(CTRL_P + "x\r")
    t.expect("x\r\n")
    t.send(CTRL_P + CTRL_Q)
    t.expect("sandbox 'box' goes on")
    t.expect(PROMPT)
    if t.get_modes() != t.modes:
        raise terminal.Failure("the modes of the terminal are others")
    if not runs("box"):
        raise terminal.Failure("the sandbox does not run")
    t.line("$K attach --detach-keys ctrl-a,d box")
    t.send("two\r")
    t.expect("two\r\ntwo")
    t.send("\x01d")
    t.expect("goes on")
    t.expect(PROMPT)
    t.line("$K attach --detach-keys ctrl-A,d box")
    t.expect("is no key to detach by")


@case
def keys_are_signals_inside_alone():
    start("box", "sh", "-c", "trap 'echo caught' INT; while :; do sleep 0.1; done")
    t = terminal.Terminal()
    t.line("$K attach box")
    while not is_raw(t):
        t.read(0.05)
    t.send(terminal.CTRL_C)
    t.expect("caught")
    t.send(CTRL_P + CTRL_Q)
    t.expect(PROMPT)


@case
def the_size_is_followed():
    start("box", "sh", "-c", "while read a; do stty size; done")
    t = terminal.Terminal(rows=31, cols=77)
    t.line("$K attach box")
    t.send("a\r")
    t.expect("31 77")
    t.resize(20, 60)
    # the news may still be on its way to the sandbox
    def is_followed():
        t.send("b\r")
        return t.expect(r"(\d+ \d+)\r\n").group(1) == "20 60"

    terminal.wait_until(is_followed, "the size is not followed")
    t.send(CTRL_P + CTRL_Q)
    t.expect(PROMPT)


@case
def a_killed_client_leaves_the_terminal_whole():
    start("box", "cat")
    t = terminal.Terminal()
    t.line("$K attach box")
    while not is_raw(t):
        t.read(0.05)
    os.kill(t.foreground(), signal.SIGKILL)
    t.expect(PROMPT)
    t.line("echo mod''es")
    t.expect("modes\r\n")
    if not runs("box"):
        raise terminal.Failure("the sandbox does not run")


@case
def logs_shows_what_kelp_says():
    command = f"echo x >.envrc; {SPOIL}"
    subprocess.run([KELP, "run", "-d", "--name", "box", "--", "sh", "-c", command], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([KELP, "wait", "box"], check=True, stdout=subprocess.DEVNULL)
    t = terminal.Terminal()
    t.line("$K logs box")
    t.expect(re.escape(SPOILT) + RESET + "\r\nkelp: the sandbox made '[^']*/.envrc'[^\n]*\n" +
             RESET + PROMPT)
    # what is no terminal gets what was written, and no more
    piped = subprocess.run([KELP, "logs", "box"], check=True, capture_output=True, text=True,
                           env=dict(os.environ, TERM="xterm"))
    if piped.stdout != SPOILT or not piped.stderr.startswith("kelp: ") or "\x1b" in piped.stderr:
        raise terminal.Failure(f"other bytes than were written: {piped}")


@case
def logs_that_is_interrupted_leaves_the_terminal_readable():
    start("box", "sh", "-c", f"{SPOIL}; sleep 1000")
    t = terminal.Terminal()
    t.line("$K logs -f box")
    t.expect(re.escape(SPOILT))
    t.send(terminal.CTRL_C)
    t.expect(RESET)
    t.check_status(130)


@case
def attach_leaves_the_terminal_readable():
    start("box", "sh", "-c", f"read a; {SPOIL}; read b; {SPOIL}")
    t = terminal.Terminal()
    t.line("$K attach box")
    t.send("\r")
    t.expect(re.escape(SPOILT))
    t.send(CTRL_P + CTRL_Q)
    t.expect(RESET + "kelp: sandbox 'box' goes on")
    t.expect(PROMPT)
    t.line("$K attach box")
    t.send("\r")
    t.expect(re.escape(SPOILT) + RESET + PROMPT)


@case
def exec_leaves_the_terminal_readable():
    start("box", "sleep", "1000")
    t = terminal.Terminal()
    t.line(f'$K exec box sh -c "{SPOIL}; kill -9 \\$\\$"')
    t.expect(re.escape(SPOILT) + RESET)
    t.check_status(137)


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    if sys.argv[1] == "--list":
        print("\n".join(CASES))
        return
    try:
        CASES[sys.argv[1]]()
    except terminal.Failure as failure:
        raise SystemExit(f"{sys.argv[1]}: {failure}") from failure


main()
