#!/usr/bin/env python3
"""Makes every STEPth system call of a `kelp exec` fail, and judges what became of it.

exec-sweep.py INJECT NAME STEP ERRNO[,ERRNO...] RUN-WORD... --end EXEC-WORD... (of "probe fingerprint", or "sh")
exec-sweep.py INJECT control ...

The calls are those of the client, the supervisor, the joiner and the command, from the client's first
one to its end; each run has a sandbox of its own, started by `kelp run -d RUN-WORD...`.  For each errno
(or SIGKILL) one TAP test point.  A command that runs prints the same fingerprint as in an undisturbed
run; one that does not is an error in one line.  The sandbox goes on with nothing left in it, unless it
was the supervisor that was killed.

With "control" calls that confine the command are left out, one by one, and said to have worked: that
must be seen in the fingerprint, or this would see nothing of a weaker command.
"""
import concurrent.futures
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from sweep import EXEC_CALLS, MAX_SHOWN, MPROTECT, Run, call_names, one_line  # noqa: E402

WRITE = 1
HUNG_UP = 129
# what is left out for the control, by number
CONFINING = {317: "seccomp", 446: "landlock_restrict_self"}

SCRIPT = """
"$KELP" run -d --rm --name box {run} >"$PLACE/log" 2>&1 </dev/null || exit 99
supervisor=$(sed -n 's/^supervisor //p' "$XDG_RUNTIME_DIR"/kelp/boxes/*/status)
"$CLIENT" exec {words} <"${{STDIN:-/dev/null}}"
status=$?
for i in $(seq 100); do
    inside=$(timeout 20 "$KELP" exec box sh -c 'echo /proc/[0-9]*' 2>&1 </dev/null | head -n 1)
    case $inside in
    kelp:*) break ;;
    /proc/1" "/proc/*" "/proc/*" "*) sleep 0.1 ;;
    *) break ;;
    esac
done
"$KELP" rm -f box >>"$PLACE/log" 2>&1
# one that ends by itself may be about to be removed
for i in $(seq 50); do
    left=$(cd "$XDG_RUNTIME_DIR/kelp" && ls -A boxes names | xargs)
    [ "$left" != "boxes: names:" ] || break
    "$KELP" ps -q >/dev/null
    sleep 0.1
done
printf '%s\\n' "$supervisor" "$inside" "$left" >"$PLACE/marks"
exit $status
"""


class Exec(Run):
    """One run, and what the script has said of the sandbox."""

    def __init__(self, point, error, done, report, marks):
        if not report:
            report = "points=0 hit=1 call=-1 in=- victim=0 payload=0 exit=0 hung=1 left=0"
        super().__init__(point, error, report, done.returncode, done.stdout, done.stderr)
        self.supervisor, self.inside_box, self.state = (marks + ["", "", ""])[:3]

    def is_of_sandbox(self):
        """Whether the sandbox may go with the process that had the fault."""
        return self.victim == self.supervisor or self.inside == "kelp-init"


def lines_of(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read().splitlines()
    except OSError:
        return []


class Sweep:
    def __init__(self, inject, run, words):
        self.inject = inject
        # what counts as the command: whatever that starts is its own affair
        self.payload = "sh" if "sh" in words else "probe"
        self.script = SCRIPT.format(run=shlex.join(run), words=shlex.join(words))
        self.place = tempfile.mkdtemp(prefix="kelp-fault.")
        # the injector knows the client by its name
        self.client = os.path.join(self.place, "kelp-client")
        shutil.copy(os.environ["KELP"], self.client)
        self.workspace = os.path.join(self.place, "ws")
        os.mkdir(self.workspace)
        shutil.copy(os.environ["PROBE"], self.workspace)

    def done(self):
        shutil.rmtree(self.place, ignore_errors=True)

    def launch(self, point=None, error=None, number=None):
        with tempfile.TemporaryDirectory(prefix="run.", dir=self.place) as place:
            report = os.path.join(place, "report")
            args = [self.inject, "-a", "-b", "kelp-client", "-x", "sleep", "-w", "40", "-p", self.payload, "-o", report]
            if number:
                args += ["-n", str(number)]
            if point:
                args += ["-k", str(point)]
                args += ["-s", error[3:]] if error.startswith("SIG") else ["-e", error]
            env = dict(os.environ, XDG_RUNTIME_DIR=os.path.join(place, "run"), CLIENT=self.client,
                       PLACE=place)
            os.mkdir(env["XDG_RUNTIME_DIR"], 0o700)
            try:
                done = subprocess.run(args + ["--", "sh", "-c", self.script], stdin=subprocess.DEVNULL,
                                      cwd=self.workspace, env=env, capture_output=True, text=True, errors="replace", timeout=120)
            except subprocess.TimeoutExpired:
                done = subprocess.CompletedProcess(args, 1, "", "")
            return Exec(point, error, done, "".join(lines_of(report)), lines_of(os.path.join(place, "marks")))


def fault_of_box(run):
    """What is wrong with the sandbox afterwards, or None."""
    if run.state != "boxes: names:":
        return f"left in the state directory: {run.state}"
    if run.inside_box.startswith("kelp:"):
        # who looks after it has failed, and said so in the log
        return None if run.is_of_sandbox() else f"took the sandbox along: {run.inside_box}"
    if len(run.inside_box.split()) != 3:
        return f"left in the sandbox: {run.inside_box}"
    return None


def fault_of_command(run, golden):
    """What is wrong with the command that ran, or did not, or None."""
    is_killed = run.error == "SIGKILL"
    if run.has_payload:
        if not set(run.out.splitlines()) <= set(golden.out.splitlines()):
            return f"ran otherwise: {sorted(set(run.out.splitlines()) ^ set(golden.out.splitlines()))[:4]}"
        if run.code == 0:
            return None if run.out == golden.out else "exit 0 without all of the output"
        if is_killed and run.inside == "kelp-client":
            return None
        if run.inside == "kelp-client" and run.call == WRITE and run.code == HUNG_UP:
            return None  # its own output is lost, as when a terminal goes away
        if run.code not in (125, 137) or not one_line(run.err):
            return f"exit {run.code} after the start, said {run.err.strip()!r}"
        return None
    if is_killed and run.inside == "kelp-client":
        return None if run.code == 137 else f"exit {run.code}, not 137"
    # the C library's own start-up ends with 127 when it cannot protect its memory
    is_start = run.call == MPROTECT and run.inside == "kelp-client" and run.point < 20
    allowed = {125, 126, 127} if run.call in EXEC_CALLS else {125, 127} if is_start else {125}
    # it may have been the command on its way, which ends as commands do, and has no time to be seen
    if is_killed and run.code == 137:
        return None
    if run.code not in allowed:
        return f"exit {run.code}, not 125, said {run.err.strip()!r}"
    return None if is_start or one_line(run.err) else f"said {run.err.strip()!r}"


def fault_of(run, golden):
    if run.is_hung:
        return "hung"
    if run.left:
        return f"left {run.left} processes ({run.names})"
    return fault_of_command(run, golden) or fault_of_box(run)


def undisturbed(sweep, name):
    golden, again = sweep.launch(), sweep.launch()
    bad = fault_of(golden, golden) or fault_of(again, golden)
    if golden.has_payload and golden.code == 0 and not bad and golden.out == again.out:
        print(f"ok 1 {name}: two undisturbed runs are alike ({golden.points} calls)")
        return golden
    print(f"not ok 1 {name}: two undisturbed runs are alike")
    print("#", bad, golden.code, golden.err.strip(), sorted(set(golden.out.splitlines()) ^ set(again.out.splitlines())))
    return None


def in_parallel(work, items):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, items))


def sweep_all(sweep, name, step, errors):
    golden = undisturbed(sweep, name)
    if not golden:
        print("1..1")
        return
    names = call_names()
    for n, error in enumerate(errors, start=2):
        # each errno starts elsewhere, so that together they see more points
        points = range(1 + (n - 2) % step, golden.points + 1, step)
        runs = in_parallel(lambda k, e=error: sweep.launch(k, e), points)
        bad = [(r, why) for r in runs if (why := fault_of(r, golden))]
        hit = sum(r.is_hit for r in runs)
        ran = sum(r.is_hit and r.code == 0 for r in runs)
        if hit == 0:
            bad.append((golden, "no call was hit"))
        text = f"{name}: {error} at {hit} of {golden.points} calls: {ran} ran alike, {hit - ran} refused"
        print("ok" if not bad else "not ok", n, text if not bad else f"{text}, {len(bad)} wrong")
        for r, why in bad[:MAX_SHOWN]:
            print(f"# call {r.point} {names.get(r.call, r.call)} of {r.inside}: {why}")
    print(f"1..{1 + len(errors)}")


def control(sweep):
    golden = undisturbed(sweep, "control")
    points = [(nr, k) for nr in CONFINING for k in (1, 2)]
    runs = in_parallel(lambda point: sweep.launch(point[1], "0", number=point[0]), points) if golden else []
    seen = {CONFINING[run.call] for run in runs if run.is_hit and "otherwise" in (fault_of(run, golden) or "")}
    text = "control: a command that was not confined as it should be is seen"
    print("ok" if "seccomp" in seen else "not ok", 2, f"{text} ({', '.join(sorted(seen))})")
    if "seccomp" not in seen:
        for run in runs:
            print(f"# call {run.point} {run.call}: {fault_of(run, golden)}")
    print("1..2")


def main():
    inject, name, step, errors = sys.argv[1:5]
    at = sys.argv.index("--end")
    sweep = Sweep(inject, sys.argv[5:at], sys.argv[at + 1:])
    try:
        if name == "control":
            control(sweep)
        else:
            sweep_all(sweep, name, int(step), errors.split(","))
    finally:
        sweep.done()


if __name__ == "__main__":
    main()
