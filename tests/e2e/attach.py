#!/usr/bin/env python3
"""A user at a terminal who attaches to sandboxes: cases for the driver of terminal.py.

    attach.py CASE        runs one case; exit status 0 when all it expects was seen
    attach.py --list      the names of all cases
"""

import os
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
