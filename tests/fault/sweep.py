#!/usr/bin/env python3
"""Makes every STEPth system call of a launch fail, and judges what became of the launch.

sweep.py INJECT NAME STEP ERRNO[,ERRNO...] -- COMMAND... (which ends in "probe fingerprint")
sweep.py INJECT after:NAME STEP ... the same for the calls after the payload has been started

For each errno (or SIGKILL) one TAP test point: each run must either fail closed, with exit status 125
and one line, the payload never run, or give the same fingerprint as an undisturbed run.  None may
hang or leave a process behind.  After the start, a run must end as it would have, or with one line.
"@RUN@" in the command becomes a number of each run's own.
"""
import concurrent.futures
import itertools
import os
import re
import subprocess
import sys
import tempfile

EXEC_CALLS = {59, 322}
MPROTECT = 10
FUTEX = 202
MAX_SHOWN = 30
FALLBACK = "running with one id"
ON_COPY = "; using a copy of the image's files, which takes longer"
PROXY_GONE = "kelp-proxy has ended: the sandbox is without its network"
# a helper that never came to its main() cannot say it as kelp does; kelp says that it ended
LOADER = ("error while loading shared libraries", "cannot allocate TLS data structures for initial thread")
# what says nothing of why: the reason of another process was lost on the way
NO_REASON = "Connection reset by peer"
NUMBERS = itertools.count()


class Run:
    def __init__(self, point, error, report, status, out, err):
        words = dict(w.split("=", 1) for w in report.split())
        self.point, self.error, self.status = point, error, status
        self.out, self.err = out, err
        self.points = int(words["points"])
        self.is_hit = words["hit"] == "1"
        self.call, self.inside = int(words["call"]), words["in"]
        self.victim = words.get("victim")
        self.has_payload = words["payload"] == "1"
        self.code = int(words["exit"])
        self.is_hung = words["hung"] == "1"
        self.left = int(words["left"])
        self.names = words.get("names", "")


def launch(inject, command, point=None, error=None, after=False):
    with tempfile.NamedTemporaryFile("r", prefix="kelp-fault.") as report:
        number = str(next(NUMBERS))
        command = [word.replace("@RUN@", number) for word in command]
        args = [inject, "-p", "probe", "-o", report.name] + (["-a"] if after else [])
        if point:
            args += ["-k", str(point)]
            args += ["-s", error[3:]] if error.startswith("SIG") else ["-e", error]
        try:
            done = subprocess.run(args + ["--"] + command, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, errors="replace", timeout=60)
        except subprocess.TimeoutExpired:
            nothing = "points=0 hit=1 call=-1 in=- payload=0 exit=0 hung=1 left=0"
            return Run(point, error, nothing, 1, "", "")
        return Run(point, error, report.read(), done.returncode, done.stdout, done.stderr)


def one_line(err):
    """Exactly one line of kelp's that says why; hints and notices of a flag may stand beside it."""
    lines = [x for x in err.splitlines() if x.strip()]
    reasons = [x for x in lines if x.startswith("kelp: ")]
    others = [x for x in lines if not x.startswith(("kelp: ", "hint: ")) and not any(y in x for y in LOADER)]
    notices = sum(FALLBACK in x or ON_COPY in x for x in reasons)
    return len(reasons) - notices == 1 and not others and NO_REASON not in err


def all_but_root(out):
    """A copy of an image's files, which is said to be one, is as isolated as an overlay of them."""
    return [x for x in out.splitlines() if not x.startswith("mount / ")]


def all_but_gateway(out):
    """A filtered network whose proxy ends after the start, which is said, leads nowhere any more."""
    return [x for x in out.splitlines() if not x.startswith("interface net0 ")]


def is_abort_of_traced_init(run):
    """The C library aborts when a futex fails.  The first process of a pid namespace, which the
    reader of a tree is, dies of that by the kernel's own signal, but not under a tracer."""
    return run.call == FUTEX and run.inside == "kelp-image"


def fault_of(run, golden):
    """Why a run breaks the rule, or None."""
    if run.is_hung:
        return None if is_abort_of_traced_init(run) else "hung"
    if run.left:
        return f"left {run.left} processes ({run.names})"
    if run.has_payload:
        if run.out == golden.out and run.code == 0:
            return None
        if run.error == "SIGKILL":
            return None  # a launcher that is killed takes the payload with it at any moment
        if ON_COPY in run.err and run.code == 0 and all_but_root(run.out) == all_but_root(golden.out):
            return None
        if PROXY_GONE in run.err and run.code == 0 and all_but_gateway(run.out) == all_but_gateway(golden.out):
            return None
        if run.is_auto and run.code == 0 and (FALLBACK in run.err or ON_COPY in run.err):
            return None
        lines = set(run.out.splitlines()) ^ set(golden.out.splitlines())
        return f"ran otherwise, exit {run.code}: {sorted(lines)[:3]}"
    if run.error == "SIGKILL":
        return None if run.code in (125, 137) else f"exit {run.code}, not 125 or 137"
    # the C library's own start-up ends with 127 when it cannot protect its memory
    is_start = run.call == MPROTECT and run.point < 20
    allowed = {125, 126, 127} if run.call in EXEC_CALLS else {125, 127} if is_start else {125}
    if run.code not in allowed:
        return f"exit {run.code}, not 125"
    if not is_start and not one_line(run.err):
        return f"said {run.err.strip()!r}"
    return None


def fault_after(run, golden):
    """The same for a call of those who look after the payload."""
    if run.is_hung:
        return "hung"
    if run.left:
        return f"left {run.left} processes ({run.names})"
    if run.code == golden.code and run.out == golden.out or run.error == "SIGKILL":
        return None
    if run.code == 0:
        return "said that all was well, but not all of the output arrived"
    return None if one_line(run.err) else f"exit {run.code}, said {run.err.strip()!r}"


def call_names():
    names = {}
    try:
        with open("/usr/include/x86_64-linux-gnu/asm/unistd_64.h") as f:
            for line in f:
                if m := re.match(r"#define __NR_(\w+) (\d+)", line):
                    names[int(m.group(2))] = m.group(1)
    except OSError:
        pass
    return names


def sweep(inject, name, step, errors, command):
    after = name.startswith("after:")
    first = launch(inject, command).points if after else 0
    golden = launch(inject, command, after=after)
    again = launch(inject, command, after=after)
    judge = fault_after if after else fault_of
    if golden.code or not golden.has_payload or golden.out != again.out:
        print(f"not ok 1 {name}: two undisturbed runs are alike")
        for line in set(golden.out.splitlines()) ^ set(again.out.splitlines()):
            print("#", line)
        print("#", golden.err.strip())
        print("1..1")
        return
    print(f"ok 1 {name}: two undisturbed runs are alike ({golden.points - first} calls)")
    names = call_names()
    last = max(golden.points, again.points)
    for n, error in enumerate(errors, start=2):
        # each errno starts elsewhere, so that together they see more points
        points = range(first + 1 + (n - 2) % step, last + 1, step)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            runs = list(pool.map(lambda k, e=error: launch(inject, command, k, e, after), points))
        for run in runs:
            run.is_auto = name == "auto"
        bad = [(r, why) for r in runs if (why := judge(r, golden))]
        hit = sum(r.is_hit for r in runs)
        ran = sum(r.has_payload for r in runs)
        text = f"{name}: {error} at {hit} of {last - first} calls: {ran} ran alike, {hit - ran} refused"
        if hit == 0:
            bad.append((golden, "no call was hit"))
        print("ok" if not bad else "not ok", n, text if not bad else f"{text}, {len(bad)} wrong")
        for r, why in bad[:MAX_SHOWN]:
            print(f"# call {r.point} {names.get(r.call, r.call)} of {r.inside}: {why}")
    print(f"1..{1 + len(errors)}")


def main():
    at = sys.argv.index("--")
    inject, name, step, errors = sys.argv[1:at]
    sweep(inject, name, int(step), errors.split(","), sys.argv[at + 1:])


if __name__ == "__main__":
    main()
