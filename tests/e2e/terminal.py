#!/usr/bin/env python3
"""A user at a terminal: drives an interactive shell on a pty and runs kelp from it.

    terminal.py CASE        runs one case; exit status 0 when all it expects was seen
    terminal.py --list      the names of all cases

The master side of a pty answers for the slave: its modes, size and foreground process group are
those that the shell and kelp see.
"""

import atexit
import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

KELP = os.environ["KELP"]
PATIENCE = 20.0
PROMPT = r"outer> $"
# What kelp leaves a terminal with that shows what others have written.
RESET = ".*".join(re.escape(part) for part in (
    "\x18\x1b\\\x1b[?2026l\x1b[!p\x1b[0m", "\x1b[?1000l", "\x1b[?2004l"))
CTRL_C, CTRL_D, CTRL_Z, CTRL_BACKSLASH = "\x03", "\x04", "\x1a", "\x1c"
CASES = {}


class Failure(Exception):
    pass


def case(function):
    CASES[function.__name__.replace("_", "-")] = function
    return function


class Terminal:
    """One terminal with a shell in it.  Without line editing the shell leaves the modes alone."""

    def __init__(self, shell=None, rows=30, cols=100):
        shell = shell or ["bash", "--norc", "--noprofile", "--noediting", "-i"]
        environment = dict(os.environ, PS1="outer> ", TERM="xterm", K=KELP)
        self.text = ""
        self.seen = 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            for number in range(1, 32):
                if number not in (signal.SIGKILL, signal.SIGSTOP):
                    signal.signal(number, signal.SIG_DFL)
            os.execvpe(shell[0], shell, environment)
        self.resize(rows, cols)
        self.expect(PROMPT)
        self.modes = self.get_modes()

    def get_modes(self):
        return termios.tcgetattr(self.fd)

    def resize(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def foreground(self):
        return os.tcgetpgrp(self.fd)

    def read(self, timeout):
        if not select.select([self.fd], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""
        self.text += data.decode("utf-8", "replace")
        return bool(data)

    def expect(self, pattern, timeout=PATIENCE):
        """Waits until `pattern` shows after what was seen before; returns the match."""
        deadline = time.monotonic() + timeout
        while True:
            match = re.search(pattern, self.text[self.seen :])
            if match:
                self.seen += match.end()
                return match
            left = deadline - time.monotonic()
            if left <= 0 or not self.read(left) and left > 0 and not self.is_open():
                raise Failure(f"did not see {pattern!r}")

    def is_open(self):
        return os.waitpid(self.pid, os.WNOHANG) == (0, 0)

    def expect_not(self, pattern, seconds):
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.read(left)
        match = re.search(pattern, self.text[self.seen :])
        if match:
            raise Failure(f"saw {match.group()!r}")

    def send(self, text):
        os.write(self.fd, text.encode())

    def line(self, text):
        self.send(text + "\n")

    def status(self, timeout=PATIENCE):
        """The exit status of the last command, asked at the prompt."""
        self.expect(PROMPT, timeout)
        self.line("echo status=$?.")
        status = int(self.expect(r"status=(\d+)\.").group(1))
        self.expect(PROMPT)
        return status

    def check_status(self, *wanted):
        status = self.status()
        check(status in wanted, f"status {status}, not {wanted}")

    def check_sane(self):
        """The modes are those from before the run."""
        wait_until(lambda: self.get_modes() == self.modes, "the modes of the terminal were changed")

    def wait_stopped(self):
        wait_until(
            lambda: any(stat.startswith("T") for _, name, stat in children(self.pid) if name == "kelp"),
            "kelp is not stopped",
        )

    def wait_raw(self):
        wait_until(lambda: not self.get_modes()[3] & termios.ICANON, "the terminal is not raw")


def check(condition, text):
    if not condition:
        raise Failure(text)


def wait_until(condition, text, timeout=PATIENCE):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(text)
        time.sleep(0.01)


def children(pid):
    out = subprocess.run(
        ["ps", "-o", "pid=,comm=,stat=", "--ppid", str(pid)], capture_output=True, text=True
    ).stdout
    return [(int(line.split()[0]), line.split()[1], line.split()[2]) for line in out.splitlines()]


def state_of(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def is_running(pid):
    """A zombie, which waits for a slow parent, is not."""
    return state_of(pid) not in "ZX"


def wait_gone(*pids):
    wait_until(lambda: not any(map(is_running, pids)), "a process is left")


def launcher_of(terminal):
    """The kelp that runs in the terminal's shell."""

    def find():
        return [pid for pid, name, _ in children(terminal.pid) if name == "kelp"]

    wait_until(find, "kelp does not run")
    return find()[0]


def inits_of(launcher):
    return [pid for pid, name, stat in children(launcher)
            if name == "kelp-init" and "Z" not in stat]


def init_of(launcher):
    wait_until(lambda: inits_of(launcher), "kelp has no pid 1")
    return inits_of(launcher)[0]


def payload_of(launcher):
    init = init_of(launcher)
    wait_until(lambda: children(init), "pid 1 has no payload")
    return children(init)[0][0]


# What the payload sees


@case
def own_pty():
    t = Terminal()
    t.line("$K -- tty")
    t.expect(r"\n/dev/pts/0\r\n")
    t.check_status(0)
    t.line("$K -- sh -c 'ps -o tty= -p $$; readlink /proc/self/fd/0 /proc/self/fd/2'")
    t.expect(r"pts/0\s+/dev/pts/0\s+/dev/pts/0")
    t.check_status(0)
    t.check_sane()


@case
def no_host_terminal():
    """No descriptor of the payload or of pid 1 is the user's terminal."""
    t = Terminal()
    t.line("stat -Lc 'outer=%r.' /dev/stdin; $K -- sh -c 'stat -Lc inner=%r:%d. /proc/self/fd/[0-9]* 2>/dev/null; true'")
    outer = t.expect(r"outer=(\d+)\.").group(1)
    t.check_status(0)
    inner = re.findall(r"inner=(\d+):(\d+)\.", t.text)
    check(len(inner) >= 3, f"only {len(inner)} descriptors")
    check(os.path.exists("/dev/pts/0") or outer, "no terminal outside")
    # the numbers of two devpts may be equal; their devices are not
    host_dev = os.stat("/dev/pts").st_dev
    check(all(int(dev) != host_dev for _, dev in inner), "a terminal of the host is inside")
    t.check_sane()


@case
def settings_are_copied():
    t = Terminal(rows=33, cols=111)
    t.line("stty intr ^G erase ^H -ixon; stty size; $K -- stty -a; stty sane")
    t.expect(r"33 111\r\n")
    t.expect(r"rows 33; columns 111;")
    t.expect(r"intr = \^G;")
    t.expect(r"erase = \^H;")
    t.expect(r" -ixon")
    t.check_status(0)


@case
def inner_modes_stay_inside():
    t = Terminal()
    t.line("$K -- sh -c 'stty raw -echo -isig intr ^X; stty rows 5'")
    t.check_status(0)
    t.check_sane()
    t.line("stty size")
    t.expect(r"\n30 100\r\n")


@case
def resize():
    t = Terminal()
    t.line("$K -- sh -c 'trap \"stty size\" WINCH; echo ready; while :; do sleep 0.05; done'")
    t.expect(r"\nready\r\n")
    t.resize(40, 120)
    t.expect(r"40 120\r\n")
    t.resize(41, 121)
    t.expect(r"41 121\r\n")
    t.send(CTRL_C)
    t.check_status(130)
    t.check_sane()


@case
def newlines_are_single():
    """No doubled carriage return, raw or not."""
    t = Terminal()
    for command in ("$K -- echo aXb", "echo | $K -- echo aXb", "$K -- echo aXb | cat", "$K -- echo aXb </dev/null"):
        t.line(command)
        t.expect(r"\naXb\r+\n")
        check("aXb\r\n" in t.text and "aXb\r\r" not in t.text, f"a doubled return: {command}")
        t.check_status(0)


@case
def big_output():
    """5 MB through the pty, byte for byte."""
    t = Terminal()
    t.line("stty -onlcr; seq 1 700000 | md5sum; echo mark; $K -- seq 1 700000; stty onlcr; echo e''nd")
    wanted = t.expect(r"\n([0-9a-f]{32})  -").group(1)
    t.expect(r"mark\r?\n")
    start = t.seen
    t.expect(r"\n700000\n", 60)
    body = t.text[start : t.seen].lstrip("\r")
    import hashlib

    got = hashlib.md5(body.encode()).hexdigest()
    check(len(body) > 4_500_000, f"only {len(body)} bytes")
    check(got == wanted, "the output differs")
    t.expect(r"end\r?\n")
    t.check_status(0)


@case
def slow_reader():
    """A terminal that does not read stops the payload, and loses nothing."""
    t = Terminal()
    t.line("$K -- sh -c 'seq 1 100000; echo do''ne'")
    t.expect(r"\n100\r\n")
    time.sleep(1)
    t.expect(r"\n100000\r\ndone\r\n", 60)
    lines = re.findall(r"^(\d+)\r$", t.text, re.M)
    check([int(x) for x in lines[-100000:]] == list(range(1, 100001)), "lines are missing")
    t.check_status(0)
    t.check_sane()


# Keys


@case
def ctrl_c():
    t = Terminal()
    t.line("$K -- sh -c 'trap \"echo got-\"int\"; exit 7\" INT; echo re''ady; while :; do sleep 0.05; done'")
    t.expect(r"ready\r\n")
    t.send(CTRL_C)
    t.expect("got-int")
    t.check_status(7)
    t.line("$K -- sleep 100")
    t.wait_raw()
    t.send(CTRL_C)
    t.check_status(130)
    t.line("$K -- sleep 100")
    t.wait_raw()
    t.send(CTRL_BACKSLASH)
    t.check_status(131)
    t.check_sane()


@case
def ctrl_c_without_stdin():
    """No raw mode here: the signal comes to kelp, which passes it on."""
    t = Terminal()
    t.line("$K -- sh -c 'trap \"echo got-\"int\"; exit 7\" INT; echo re''ady; while :; do sleep 0.05; done' </dev/null")
    t.expect(r"ready\r\n")
    t.send(CTRL_C)
    t.expect("got-int")
    t.check_status(7)
    t.check_sane()


@case
def ctrl_c_ends_a_loop():
    """A shell leaves its loop only when it sees that the signal has ended the command."""
    for redirect in ("", "</dev/null", "</dev/null >out 2>&1"):
        t = Terminal()
        t.line(f"for i in 1 2 3 4; do echo ro''und-$i; $K -- sleep 100 {redirect}; done; echo la''ter")
        t.expect(r"round-1\r\n")
        payload_of(launcher_of(t))
        time.sleep(0.2)
        t.send(CTRL_C)
        t.expect(PROMPT)
        check("round-2" not in t.text and "later" not in t.text, "the loop went on")
        t.check_sane()


@case
def ctrl_d():
    t = Terminal()
    t.line("$K -- cat")
    t.wait_raw()
    t.line("he''llo")
    t.expect(r"he''llo\r\nhe''llo\r\n")
    t.send(CTRL_D)
    t.check_status(0)
    t.check_sane()


@case
def ctrl_z_fg_bg():
    t = Terminal()
    t.line("$K -- sh -c 'echo re''ady; read x; echo go''t-$x; exit 5'")
    t.expect(r"ready\r\n")
    t.send(CTRL_Z)
    t.expect("Stopped")
    t.expect(PROMPT)
    t.check_sane()
    t.line("jobs")
    t.expect(r"\[1\]\+\s+Stopped")
    t.expect(PROMPT)
    t.line("fg")
    t.wait_raw()
    t.send(CTRL_Z)
    t.expect("Stopped")
    t.expect(PROMPT)
    # in the background it reads its terminal, which stops it again
    t.line("bg")
    t.expect(PROMPT)
    time.sleep(0.1)
    t.wait_stopped()
    t.line("")
    t.expect(r"Stopped")
    t.expect(PROMPT)
    t.check_sane()
    t.line("fg")
    t.wait_raw()
    t.line("word")
    t.expect(r"got-word\r\n")
    t.check_status(5)
    t.check_sane()


@case
def ctrl_z_stops_the_whole_job():
    t = Terminal()
    t.line("$K -- sh -c 'echo re''ady >&2; read x; echo $x' </dev/tty 2>/dev/tty | cat; echo en''d")
    t.expect(r"ready\r\n")
    t.wait_raw()
    t.send(CTRL_Z)
    t.expect("Stopped")
    t.expect(PROMPT)
    stats = subprocess.run(
        ["ps", "-o", "comm=,stat=", "--ppid", str(t.pid)], capture_output=True, text=True
    ).stdout
    check(re.search(r"cat\s+T", stats), f"the rest of the pipeline runs on: {stats}")
    t.line("fg")
    t.wait_raw()
    t.line("word")
    t.expect(r"word\r\n")
    t.expect(PROMPT)
    t.check_sane()


@case
def background_job():
    """Output is allowed, input stops it, fg brings it in."""
    t = Terminal()
    t.line("$K -- sh -c 'echo wri''tten; read x; echo go''t-$x' &")
    t.expect(r"written\r\n")
    t.wait_stopped()
    t.check_sane()
    t.line("")
    t.expect(r"Stopped")
    t.line("fg")
    t.wait_raw()
    t.line("word")
    t.expect(r"got-word\r\n")
    t.check_status(0)
    t.check_sane()


@case
def background_job_that_writes():
    t = Terminal()
    t.line("$K -- sh -c 'echo wri''tten; exit 4' & wait $!; echo st''atus-$?")
    t.expect(r"written\r\n")
    t.expect(r"status-4\r\n")
    t.check_sane()


@case
def stop_from_inside():
    t = Terminal()
    t.line("$K -- sh -c 'kill -STOP $$; echo ba''ck'")
    t.expect("Stopped")
    t.expect(PROMPT)
    t.check_sane()
    t.line("fg")
    t.expect(r"back\r\n")
    t.check_status(0)
    t.check_sane()


@case
def stop_and_limits():
    """Nothing goes on meanwhile, and the clock does."""
    script = "'(sleep 1; echo >late) & kill -STOP $$; sleep 60'"
    awaits = "until test -e late; do sleep 0.1; done"
    for options, looks, late in (("", awaits, "there"), ("run --timeout 6", "sleep 2", "missing")):
        t = Terminal()
        t.line(f"rm -f late; $K {options} -- sh -c {script}")
        t.expect("Stopped")
        t.expect(PROMPT)
        launcher = launcher_of(t)
        t.line(f"{looks}; test -e late && echo th''ere || echo mis''sing")
        t.expect(late)
        if options:
            # also without fg, while the shell has the terminal
            t.expect("time limit")
            wait_gone(launcher)
            t.line("")
            t.expect("Exit 124")
            t.check_sane()
        else:
            t.check_sane()
            t.line("kill -9 %1")
            t.expect(PROMPT)


# A first process that stops itself, and a second one that has a timer continue it: then it takes memory.
CONTINUED = """
import ctypes, os, signal, struct, time
reader, writer = os.pipe()
if os.fork():
    os.read(reader, 1)
    os.kill(os.getpid(), signal.SIGSTOP)
    os.wait()
signal.signal(signal.SIGCONT, lambda *_: None)
libc, timer = ctypes.CDLL(None), ctypes.c_void_p()
event = struct.pack("qii48x", 0, signal.SIGCONT, 0)
often = struct.pack("qqqq", 0, 50000000, 0, 50000000)
assert libc.timer_create(1, event, ctypes.byref(timer)) == 0
assert libc.timer_settime(timer, 0, often, None) == 0
os.write(writer, b"x")
while open(f"/proc/{os.getppid()}/stat").read().split()[2] != "T":
    time.sleep(0.01)
mine = b"x" * (150 << 20)
open("taken", "w").close()
time.sleep(60)
"""


@case
def stop_and_go_on():
    """What continues itself while kelp is stopped leaves no limit behind."""
    with open("continued.py", "w") as f:
        f.write(CONTINUED)
    t = Terminal()
    t.line("$K run -m 60m -- python3 continued.py")
    launcher = launcher_of(t)
    t.expect("the limit of 60 MiB of memory ended the run")
    wait_gone(launcher)
    t.line("")
    t.expect("Exit 137")
    t.check_sane()
    # without a limit it does go on
    t.line("rm -f taken; $K run -- python3 continued.py")
    t.expect("Stopped")
    wait_until(lambda: os.path.exists("taken"), "it does not go on")
    t.line("kill -9 %1")
    t.expect(PROMPT)


@case
def stop_in_a_script():
    """Its shell knows no jobs, so nobody would continue kelp."""
    t = Terminal()
    t.line("sh -c \"$K run --timeout 1 -- sh -c 'kill -STOP \\$\\$; sleep 60'; echo sta''tus=\\$?\"")
    t.expect("time limit")
    t.expect("status=124")
    t.check_sane()


@case
def stop_and_ask():
    t = Terminal()
    t.line("$K run --name st -- sh -c 'kill -STOP $$; sleep 60'")
    t.expect("Stopped")
    t.line("timeout 5 $K exec st true; echo status=$?")
    t.expect("sandbox 'st' is stopped")
    t.expect("status=125")
    t.line("timeout 5 $K stop -t 1 st; echo sta''tus=$?")
    t.expect("status=0")
    t.line("$K ps -a | grep -c ' st '")
    t.expect("0\r\n")
    t.check_sane()


@case
def stop_ends_who_wants_the_terminal():
    """Whoever asked for it has gone by the time that it has to be killed."""
    for reads in ("while :; do read a; done", "stty -echo; while :; do sleep 0.1; done"):
        t = Terminal()
        t.line(f"rm -f asked; $K run --name st -- sh -c 'trap \"echo >asked\" TERM; {reads}' &")
        launcher = launcher_of(t)
        wait_until(lambda: state_of(launcher) == "T", "kelp is not stopped")
        stop = subprocess.Popen([KELP, "stop", "-t", "1", "st"])
        wait_until(lambda: os.path.exists("asked"), "nobody was asked to end")
        stop.send_signal(signal.SIGINT)
        wait_gone(launcher)
        stop.wait()


@case
def kill_ends_who_wants_the_terminal():
    t = Terminal()
    t.line("$K run --name st -- cat &")
    launcher = launcher_of(t)
    wait_until(lambda: state_of(launcher) == "T", "kelp is not stopped")
    t.line("timeout 20 $K kill st; echo sta''tus=$?")
    t.expect("status=0")
    wait_gone(launcher)


@case
def stop_and_continue_from_outside():
    t = Terminal()
    t.line("$K -- cat")
    t.wait_raw()
    launcher = launcher_of(t)
    os.kill(launcher, signal.SIGSTOP)
    t.expect("Stopped")
    t.expect(PROMPT)
    t.line("stty sane; fg")
    t.wait_raw()
    t.line("wo''rd")
    t.expect(r"wo''rd\r\nwo''rd\r\n")
    t.send(CTRL_D)
    t.check_status(0)


# Programs


@case
def vim():
    t = Terminal()
    t.line("rm -f note; $K -- vim.tiny -u NONE note")
    t.expect(r"note.*New")
    t.send("ihello from vim\x1b")
    t.send(CTRL_Z)
    t.expect("Stopped")
    t.expect(PROMPT)
    t.check_sane()
    t.line("fg")
    t.expect("hello from vim")
    t.resize(20, 70)
    time.sleep(0.3)
    t.send(":wq\r")
    t.check_status(0)
    t.check_sane()
    with open("note") as note:
        check(note.read() == "hello from vim\n", "the file is not what was typed")


@case
def less():
    t = Terminal()
    t.line("seq 1 1000 >numbers; $K -- less numbers")
    t.expect(r"29\r\n.*numbers")
    t.send("G")
    t.expect(r"1000\r\n")
    t.send("q")
    t.check_status(0)
    t.check_sane()


@case
def less_at_both_ends_of_a_pipe():
    t = Terminal()
    t.line("seq 1 1000 | $K -- less")
    t.expect(r"29\r\n:")
    t.send("G")
    t.expect(r"1000\r\n")
    t.send("q")
    t.check_status(0)
    t.check_sane()
    t.line("$K -- seq 1 1000 | less")
    t.expect(r"29\r\n:")
    t.send("G")
    t.expect(r"1000\r\n")
    t.send("q")
    t.check_status(0)
    t.check_sane()


@case
def polls_behind_a_pipe():
    """It waits for input by poll(2), and the terminal is not its own from the start."""
    t = Terminal()
    for _ in range(5):
        t.line("$K -- busybox sh -c 'echo re''ady; read x; echo go''t-$x; read x; echo go''t-$x' | cat")
        t.expect(r"ready\r\n")
        t.line("one")
        t.expect(r"got-one\r\n")
        t.line("two")
        t.expect(r"got-two\r\n")
        t.expect(PROMPT)
        t.check_sane()
    # stopped, sent to the background and back
    t.line("$K -- busybox sh -c 'echo re''ady; sleep 1; read x; echo go''t-$x' | cat")
    t.expect(r"ready\r\n")
    t.send(CTRL_Z)
    t.expect("Stopped")
    t.expect(PROMPT)
    t.check_sane()
    t.line("fg")
    t.wait_raw()
    t.line("three")
    t.expect(r"got-three\r\n")
    t.expect(PROMPT)
    t.check_sane()


@case
def a_pipe_takes_no_input_that_nobody_reads():
    """Typed ahead for the shell, and no end of file for a payload that never asked."""
    t = Terminal()
    t.line("$K -- sh -c 'echo re''ady; sleep 1; stty -a >/dev/null; exec cat >seen' </dev/tty | cat")
    t.wait_raw()
    t.line("wo''rd")
    t.send(CTRL_D)
    t.expect(PROMPT)
    t.line("cat seen; $K -- sh -c 'echo re''ady; sleep 1' | cat")
    t.expect(r"wo''rd\r\n")
    t.expect(r"ready\r\n")
    t.line("echo typed-ah''ead")
    t.expect(r"typed-ahead\r\n")
    t.check_sane()


@case
def input_from_a_pipe_outlives_a_stop():
    """It is in the payload's terminal before the payload has the foreground."""
    t = Terminal()
    t.line("{ echo prec''ious; sleep 3; } | $K run -t -- sh -c 'echo re''ady; sleep 1; sed s/^/got-/' &")
    t.expect(r"ready\r\n")
    t.line("kill -STOP %1")
    t.expect(PROMPT)
    time.sleep(0.2)
    t.line("fg")
    t.expect(r"got-precious\r\n")
    t.expect(PROMPT)
    t.check_sane()


@case
def top():
    t = Terminal()
    t.line("$K -- top -d 0.2")
    t.expect(r"PID USER")
    t.expect(r"Cpu\(s\)")
    t.expect(r"Cpu\(s\)")
    t.send("q")
    t.check_status(0)
    t.check_sane()


@case
def bash_with_jobs_inside():
    t = Terminal()
    t.line("$K -- env PS1='inner> ' bash --norc --noprofile -i")
    t.expect(r"inner> $")
    check("no job control" not in t.text, "no job control inside")
    t.line("cat")
    t.expect(r"\x1b\[\?2004l")
    time.sleep(0.2)
    t.line("ec''ho")
    t.expect(r"ec''ho\r\nec''ho\r\n")
    t.send(CTRL_Z)
    t.expect(r"Stopped\s+cat")
    t.expect(r"inner> $")
    t.line("fg")
    t.expect(r"cat\r\n")
    t.line("mo''re")
    t.expect(r"mo''re\r\nmo''re\r\n")
    t.send(CTRL_C)
    t.expect(r"inner> $")
    t.line("sleep 100 & kill %1; wait; echo wa''ited")
    t.expect(r"waited\r\n")
    t.line("exit 9")
    t.check_status(9)
    t.check_sane()


@case
def typed_ahead_stays_with_the_shell():
    """In a command substitution the payload reads nothing, so neither does kelp."""
    t = Terminal()
    t.line("x=$($K -- sh -c 'sleep 1; echo va''lue'); echo go''t-$x")
    time.sleep(0.3)
    t.line("echo typed-''ahead")
    t.expect(r"got-value\r\n")
    t.expect(r"[^']typed-ahead\r\n")
    t.check_sane()


@case
def prompt_in_a_pipe():
    """Only standard input is a terminal: it is handed over when the payload reads it."""
    t = Terminal()
    t.line("$K -- sh -c 'read x; echo go''t-$x' | cat")
    t.wait_raw()
    t.line("word")
    t.expect(r"got-word\r\n")
    t.check_status(0)
    t.check_sane()


@case
def question_on_dev_tty():
    """As an installer does that came by a pipe."""
    t = Terminal()
    t.line("echo 'read x </dev/tty; echo go''t-$x' | $K -- sh")
    t.wait_raw()
    t.line("word")
    t.expect(r"got-word\r\n")
    t.check_status(0)
    t.check_sane()


@case
def script_and_loop():
    t = Terminal()
    t.line("for i in 1 2 3; do $K -- echo ro''und-$i; done | cat; $K -- true; $K -- false")
    t.expect(r"round-1\r\nround-2\r\nround-3\r\n")
    t.check_status(1)
    t.check_sane()


# Ends


def killed(shell, victim):
    t = Terminal(shell)
    t.line("$K -- sh -c 'stty raw -echo; sleep 100; :'")
    t.wait_raw()
    launcher = launcher_of(t)
    pids = {"kelp": launcher, "init": init_of(launcher), "payload": payload_of(launcher)}
    os.kill(pids[victim], signal.SIGKILL)
    t.check_status(137)
    t.check_sane()
    wait_gone(*pids.values())
    t.line("echo al''ive")
    t.expect(r"alive\r\n")


DASH = ["dash", "-i"]
BASH = None


@case
def kill_payload():
    killed(DASH, "payload")
    killed(BASH, "payload")


@case
def kill_kelp():
    killed(DASH, "kelp")
    killed(BASH, "kelp")


@case
def kill_pid_1():
    killed(DASH, "init")
    killed(BASH, "init")


def kill_if_there(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def goes_on_without(launcher, victim):
    """Whether there is a pid 1 in the end though the victim is gone."""
    wait_gone(victim)
    wait_until(lambda: not is_running(launcher) or inits_of(launcher),
               "kelp neither ends nor goes on")
    return is_running(launcher)


@case
def kill_at_any_moment():
    """Of any one process, from the first moment of a start; the guard's absence harms nobody."""
    t = Terminal(DASH)
    for i in range(60):
        t.line("$K -- sleep 100")
        launcher = launcher_of(t)
        time.sleep((i % 12) * 0.001)
        family = [launcher] + [pid for pid, _, _ in children(launcher)]
        victim = family[i % len(family)]
        kill_if_there(victim, signal.SIGKILL)
        # the guard, or the stage that ends by itself in the middle of a start
        if goes_on_without(launcher, victim):
            kill_if_there(launcher, signal.SIGTERM)
        t.check_status(137, 143, 125)
        t.check_sane()
        wait_gone(*family)


def guard_of(launcher):
    """It has its name a moment after its start."""

    def find():
        return [pid for pid, name, _ in children(launcher) if name == "kelp-guard"]

    wait_until(find, "there is no guard")
    check(len(find()) == 1, "there are several guards")
    return find()[0]


def check_editing(t):
    check(not t.get_modes()[3] & termios.ICANON, "the line editor has lost its modes")
    t.line("echo $((40+2))")
    t.expect(r"[\r\n]42\r\n")
    t.expect(PROMPT)


@case
def kill_with_line_editing():
    """The guard must not undo what the shell's line editor has set meanwhile."""
    t = Terminal(["bash", "--norc", "--noprofile", "-i"])
    for _ in range(20):
        t.line("$K -- sh -c 'echo re''ady; sleep 100'")
        t.expect(r"ready\r\n")
        launcher = launcher_of(t)
        guard = guard_of(launcher)
        os.kill(launcher, signal.SIGKILL)
        t.expect(PROMPT)
        wait_gone(guard)
        check_editing(t)


def kill_with_slow_guard(t, number):
    """Its ioctls, from the given one on, begin when the shell has long gone on."""
    t.line("$K -- sh -c 'echo re''ady; sleep 100'")
    t.expect(r"ready\r\n")
    launcher = launcher_of(t)
    guard = guard_of(launcher)
    inject = f"inject=ioctl:delay_enter=400000:when={number}+"
    tracer = subprocess.Popen(["strace", "-p", str(guard), "-e", "trace=ioctl,exit_group", "-e",
                               inject], stderr=subprocess.PIPE, text=True)
    said = tracer.stderr.readline()
    check("attached" in said, f"strace: {said}")
    os.kill(t.pid, signal.SIGSTOP)
    wait_until(lambda: state_of(t.pid) == "T", "the shell is not stopped")
    os.kill(launcher, signal.SIGKILL)
    for call in ("TIOCGPGRP", "TCGETS")[:number - 1]:
        said = tracer.stderr.readline()
        check(call in said, f"the guard did something else than {call}: {said}")
    os.kill(t.pid, signal.SIGCONT)
    t.expect(PROMPT)
    wait_gone(guard)
    tracer.communicate()


@case
def kill_with_a_slow_guard():
    """Between its look at the modes and the setting of others, the line editor sets its own."""
    for number in (3, 2, 1):
        t = Terminal(["bash", "--norc", "--noprofile", "-i"])
        kill_with_slow_guard(t, number)
        check_editing(t)
        t = Terminal(DASH)
        kill_with_slow_guard(t, number)
        t.check_sane()


def read_until(stream, pattern):
    """Where no line ends: strace holds the call that it has begun to tell."""
    text = ""
    while not re.search(pattern, text):
        check(select.select([stream], [], [], PATIENCE)[0], f"did not see {pattern!r}: {text}")
        data = os.read(stream.fileno(), 65536)
        check(data, f"did not see {pattern!r} before the end: {text}")
        text += data.decode("utf-8", "replace")


@case
def kill_while_modes_change():
    """The payload, with another input, switches OPOST: kelp tells the guard, and dies before it follows."""
    for first, second in (("-opost", "opost"), ("opost", "-opost")):
        t = Terminal(DASH)
        t.line(f"true | $K -- sh -c 'stty {first} </dev/tty; echo re''ady; read x </dev/tty; "
               f"stty {second} </dev/tty; sleep 100'")
        t.expect(r"ready")
        wait_until(lambda: bool(t.get_modes()[1] & termios.OPOST) == (first == "opost"),
                   "kelp did not follow")
        t.wait_raw()
        launcher = launcher_of(t)
        guard = guard_of(launcher)
        tracer = subprocess.Popen(["strace", "-p", str(launcher), "-e", "trace=ioctl", "-e",
                                   "inject=ioctl:delay_enter=1000000"], stderr=subprocess.PIPE)
        read_until(tracer.stderr, "attached")
        t.line("")
        read_until(tracer.stderr, "TCSETS")
        check(bool(t.get_modes()[1] & termios.OPOST) == (first == "opost"), "kelp was not held")
        os.kill(launcher, signal.SIGKILL)
        tracer.communicate()
        wait_gone(guard)
        t.check_sane()


@case
def guard_goes_too():
    t = Terminal()
    t.line("$K -- sleep 100")
    t.wait_raw()
    launcher = launcher_of(t)
    guard = guard_of(launcher)
    os.kill(launcher, signal.SIGKILL)
    t.check_status(137)
    wait_gone(guard)
    t.line("$K -- sleep 100")
    t.wait_raw()
    launcher = launcher_of(t)
    os.kill(guard_of(launcher), signal.SIGKILL)
    t.send(CTRL_C)
    t.check_status(130)
    t.check_sane()


@case
def signals_restore():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1):
        t = Terminal(DASH)
        t.line("$K -- sleep 100")
        t.wait_raw()
        os.kill(launcher_of(t), number)
        t.check_status(128 + number)
        t.check_sane()


@case
def hang_up():
    """The terminal window is closed: nothing is left."""
    t = Terminal()
    t.line("$K -- sh -c 'trap \"\" HUP; echo re''ady; while read x; do :; done'")
    t.expect(r"ready\r\n")
    launcher = launcher_of(t)
    pids = [launcher, init_of(launcher), payload_of(launcher)]
    os.close(t.fd)
    wait_gone(*pids)
    os.waitpid(t.pid, 0)


@case
def exits_of_kelp_restore():
    t = Terminal()
    for command, status in (("no-such-command", 127), ("/etc/passwd", 126), ("true", 0)):
        t.line(f"$K -- {command}")
        t.check_status(status)
        t.check_sane()


# Attacks


ATTACK = r"""
import errno, fcntl, os, struct, ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
TIOCSTI, TIOCLINUX, TIOCSETD, TIOCCONS = 0x5412, 0x541C, 0x5423, 0x541D
def ioctl(fd, request, data):
    ctypes.set_errno(0)
    r = libc.syscall(ctypes.c_long(16), ctypes.c_long(fd), ctypes.c_ulong(request), ctypes.c_char_p(data))
    return 'done' if r >= 0 else errno.errorcode[ctypes.get_errno()]
fds = [0, 1, 2, os.open('/dev/tty', os.O_RDWR), os.open('/proc/self/fd/0', os.O_RDWR)]
bad = [hex(q) for fd in fds for q in (TIOCSTI, TIOCLINUX, TIOCSETD, TIOCCONS)
       for high in (0, 0x123 << 32) for r in [ioctl(fd, q | high, b'E\0\0\0')] if r != 'EPERM']
print('bad=%s.' % bad)
"""


@case
def nothing_is_typed():
    with open("attack.py", "w") as script:
        script.write(ATTACK)
    t = Terminal()
    for command in ("$K -- python3 attack.py", "$K -- python3 attack.py | cat", "echo | $K -- python3 attack.py"):
        t.line("cd .; " + command)
        # with the stdin of a pipe there are no three terminals, so open them by name
        match = t.expect(r"bad=(\[.*?\])\.|Error.*")
        if "echo |" not in command and "| cat" not in command:
            check(match.group(1) == "[]", f"not refused: {match.group()}")
        t.expect(PROMPT)
        t.expect_not(r"E", 0.2)
        t.send("\n")
        t.expect(PROMPT)
        t.check_sane()


# One more command in a sandbox that runs


def sandbox():
    """The name of a sandbox that runs until this process ends."""
    name = f"terminal-{os.getpid()}"
    box = subprocess.Popen(
        [KELP, "run", "--name", name, "--", "sleep", "300"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    atexit.register(box.kill)
    inside = [KELP, "exec", name, "true"]
    wait_until(lambda: subprocess.run(inside, stderr=subprocess.DEVNULL).returncode == 0,
               "the sandbox does not come up")
    os.environ["BOX"] = name


@case
def exec_own_pty():
    sandbox()
    t = Terminal()
    t.line("$K exec $BOX tty")
    t.expect(r"\n/dev/pts/0\r\n")
    t.check_status(0)
    t.line("$K exec $BOX sh -c 'readlink /proc/self/fd/0 /proc/self/fd/2; stty size; echo $TERM'")
    t.expect(r"/dev/pts/0\s+/dev/pts/0\s+30 100\s+xterm\r\n")
    t.check_status(0)
    # only the output is a terminal, or only the input, which is empty then
    t.line("echo piped | $K exec $BOX sh -c 'cat; tty; tty <&1'")
    t.expect(r"piped\s+not a tty\s+/dev/pts/0\r\n")
    t.check_status(0)
    t.line("$K exec $BOX sh -c 'cat; tty; readlink /proc/self/fd/0' | cat")
    t.expect(r"not a tty\s+/dev/null\r\n")
    t.check_status(0)
    t.check_sane()


@case
def exec_resize():
    sandbox()
    t = Terminal()
    t.line("$K exec $BOX sh -c 'trap \"stty size\" WINCH; echo re''ady; while :; do sleep 0.05; done'")
    t.expect(r"\nready\r\n")
    t.resize(40, 120)
    t.expect(r"40 120\r\n")
    t.send(CTRL_C)
    t.check_status(130)
    t.check_sane()


@case
def exec_keys():
    sandbox()
    t = Terminal()
    t.line("$K exec $BOX sh -c 'trap \"echo got-\"int\"; exit 7\" INT; echo re''ady; while :; do sleep 0.05; done'")
    t.expect(r"ready\r\n")
    t.send(CTRL_C)
    t.expect("got-int")
    t.check_status(7)
    t.line("$K exec $BOX cat")
    t.wait_raw()
    t.send("word\n" + CTRL_D)
    t.expect(r"word\r\nword\r\n")
    t.check_status(0)
    t.check_sane()


@case
def exec_shell_with_jobs():
    sandbox()
    t = Terminal()
    t.line("PS1='in''ner> ' $K exec -e PS1 $BOX bash --norc --noprofile --noediting -i")
    t.expect("inner> $")
    t.line("sh -c 'echo re''ady; exec sleep 100'")
    t.expect(r"ready\r\n")
    t.send(CTRL_Z)
    t.expect(r"Stopped")
    t.line("kill %1; fg; exit 5")
    t.check_status(5)
    t.check_sane()


@case
def exec_big_output():
    sandbox()
    t = Terminal()
    t.line("$K exec $BOX seq 300000 | tail -n 1; $K exec $BOX seq 100000; echo en''d")
    t.expect(r"\n300000\r\n")
    t.expect(r"\n99999\r\n100000\r\n" + RESET + r"end\r\n")
    t.check_sane()


@case
def exec_types_nothing():
    with open("attack.py", "w") as script:
        script.write(ATTACK)
    sandbox()
    t = Terminal()
    for command in ("$K exec $BOX python3 attack.py", "$K exec $BOX python3 attack.py | cat",
                    "echo | $K exec -t $BOX python3 attack.py"):
        t.line("cd .; " + command)
        # where the input is none, there may be no terminal to open by name
        match = t.expect(r"bad=(\[.*?\])\.|Error.*")
        if "| cat" not in command:
            check(match.group(1) == "[]", f"not refused: {match.group()}")
        t.expect(PROMPT)
        t.expect_not(r"E", 0.2)
        t.send("\n")
        t.expect(PROMPT)
        t.check_sane()


@case
def exec_killed():
    sandbox()
    t = Terminal()
    t.line("$K exec $BOX sleep 100")
    t.wait_raw()
    os.kill(launcher_of(t), signal.SIGKILL)
    t.check_status(137)
    t.check_sane()
    t.line("$K exec $BOX sleep 100")
    t.wait_raw()
    subprocess.run([KELP, "kill", os.environ["BOX"]], stdout=subprocess.DEVNULL, check=True)
    t.expect(r"kelp: sandbox '.*' has ended, and the command with it\r\n")
    t.check_status(137)
    t.check_sane()


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(CASES))
        return 0
    function = CASES[sys.argv[1]]
    terminals = []
    original = Terminal.__init__

    def remember(self, *args, **kwargs):
        terminals.append(self)
        original(self, *args, **kwargs)

    Terminal.__init__ = remember
    try:
        function()
        return 0
    except Failure as failure:
        print(f"{sys.argv[1]}: {failure}")
        if terminals:
            print("the end of the terminal's text:")
            print(repr(terminals[-1].text[-2000:]))
        return 1
    finally:
        for t in terminals:
            try:
                os.kill(t.pid, signal.SIGKILL)
                os.waitpid(t.pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass


if __name__ == "__main__":
    sys.exit(main())
