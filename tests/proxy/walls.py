"""How it starts and ends, and what it can do."""

import os
import signal
import socket
import subprocess
import time

from scene import PROXY, Proxy, case, equal


def status(pid, key):
    with open(f"/proc/{pid}/status") as f:
        return next(line.split(":", 1)[1].strip() for line in f if line.startswith(key + ":"))


@case("it says ready when it is confined, and ends with the control socket")
def confined():
    with Proxy("rule allow a.test") as p:
        equal(p.hello, "ready")
        equal(status(p.process.pid, "NoNewPrivs"), "1")
        equal(status(p.process.pid, "Seccomp"), "2")
        equal(status(p.process.pid, "Threads"), "1")
        with open(f"/proc/{p.process.pid}/limits") as f:
            core = next(line for line in f if line.startswith("Max core"))
        equal(core.split()[4:6], ["0", "0"])
        # epoll, control, log, three standard streams, DNS twice
        if p.n_fds() > 9:
            raise AssertionError(f"{p.n_fds()} descriptors")
        equal(p.close(), (0, ""))


@case("what a terminal sends to the whole job does not end it")
def signals():
    with Proxy("rule allow a.test") as p:
        for number in [signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGPIPE, signal.SIGTSTP]:
            p.process.send_signal(number)
        equal(p.ask("a.test").code, 0)
        equal(p.close(), (0, ""))


@case("a configuration that is wrong is told, and it does not serve")
def wrong():
    for line, error in [("rule allow a..test", "line 1 of the configuration: 'a..test' is no host name"),
                        ("ruel allow a.test", "line 1 of the configuration: 'ruel'"), ("listen 9999", "descriptor 9999"),
                        ("listen 0", "descriptor 0"), ("log 9998", "descriptor 9998"), ("dns-server x", "line 1")]:
        with Proxy(line, log=False) as p:
            if not p.hello.startswith("error ") or error not in p.hello:
                raise AssertionError(f"{line!r}: {p.hello!r}")
            equal(p.process.wait(10), 125)
    equal(subprocess.run([PROXY], capture_output=True).returncode, 125)
    equal(subprocess.run([PROXY, "3", "x"], capture_output=True).returncode, 125)


@case("a socket that is not of its kind is refused")
def wrong_sockets():
    for make in [lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), lambda: open("/dev/null"),
                 lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
                 lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)]:
        with make() as f:
            number = f.fileno()
            p = Proxy.__new__(Proxy)
            p.start([f"listen {number}"], [f], None, None, ())
            with p:
                if not p.hello.startswith(f"error descriptor {number} is"):
                    raise AssertionError(p.hello)


def walls(p):
    """What can be seen of them from outside."""
    pid = p.process.pid
    with open(f"/proc/{pid}/limits") as f:
        core = next(line.split()[4:6] for line in f if line.startswith("Max core"))
    return [status(pid, key) for key in ["NoNewPrivs", "Seccomp", "Seccomp_filters", "SigIgn"]] + \
        [core, p.n_fds(), os.stat(f"/proc/{pid}").st_uid]


def inject(call, when, error="EINVAL"):
    # -D: the proxy stays the child
    return ["strace", "-D", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e",
            f"inject={call}:error={error}:when={when}"]


@case("each step of its confinement that fails keeps it from serving")
def fails_closed():
    with Proxy("rule allow a.test") as p:
        want = walls(p)
    refused = 0
    for call, most in [("prctl", 4), ("seccomp", 4), ("close_range", 6), ("prlimit64", 4), ("rt_sigaction", 6),
                       ("landlock_create_ruleset", 3), ("landlock_add_rule", 3), ("landlock_restrict_self", 1)]:
        for n in [*range(1, most + 1), "1+"]:
            with Proxy("rule allow a.test", wrap=inject(call, n)) as p:
                if p.hello == "ready":
                    # the call was none of a wall, or there was another way to build the same
                    equal((call, n, walls(p)), (call, n, want))
                    # the first one asks for the version: none is said, and survived
                    if call.startswith("landlock") and n not in (1, "1+") or call == "landlock_restrict_self":
                        raise AssertionError(f"{call} number {n} failed, and it serves")
                elif p.hello.startswith("error "):
                    refused += 1
                    equal(p.process.wait(10), 125)
                else:
                    raise AssertionError(f"{call} number {n}: {p.hello!r}")
    if refused < 15:
        raise AssertionError(f"{refused} of the steps were seen to fail")


@case("without Landlock it serves, and says what that means")
def no_landlock():
    with Proxy("rule allow a.test", wrap=inject("landlock_create_ruleset", 1, "ENOSYS")) as p:
        equal(p.hello, "ready")
        equal(p.ask("a.test").code, 0)
        code, said = p.close()
        equal(code, 0)
        if "no Landlock" not in said:
            raise AssertionError(said)


@case("a log that cannot be written is said once, and the network goes on")
def full_log():
    with open("/dev/full", "wb") as full, Proxy("rule allow a.test", f"log {full.fileno()}", log=False,
                                                pass_more=[full.fileno()]) as p:
        equal(p.hello, "ready")
        for name in ["a.test", "b.test", "c.test"]:
            p.ask(name)
        equal(p.ask("a.test").code, 0)
        _, said = p.close()
        equal(said.count("cannot write the log of the network"), 1)


@case("a launcher that does not read events does not stop the network")
def unread_events():
    with Proxy("rule allow *", "events", log=False) as p:
        start = time.monotonic()
        for i in range(2000):
            p.ask(f"n{i}.test")
        if time.monotonic() - start > 20:
            raise AssertionError("it was stopped")
        if not 10 < len(p.events()) <= 2000:
            raise AssertionError("no events")
