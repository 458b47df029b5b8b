#!/usr/bin/env python3
"""No typo in a shipped policy loosens it, by what `kelp run --dry-run` prints.

Each is changed in one place by a seeded hand and read by kelp itself: it is refused, and its line named;
or what is printed is equal or tighter, by the rules of dry_run.py; or nobody could tell it from what might
have been meant, which is judged from the texts alone, and narrowly:

  - one line is gone, or has become a comment, and all others say what they said;
  - one line has fewer words than before, and no other ones;
  - one value of which any text could be one (a path, a variable, a host, a number) is another one.
"""

import os
import random
import re
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "image"))
import dry_run  # noqa: E402
from tap import Tap  # noqa: E402

KELP = os.environ["KELP"]
POLICIES = os.path.join(os.environ["KELP_SRC"], "policies")
MUTATIONS = 1000 if os.environ.get("KELP_TEST_LONG") else 100
LIKELY = "[]=#;-~/*?$\" \n\tabcdefghijklmnopqrstuvwxyzADHEOT019_.:,@\r\x01"
# keys that take one of few words; a typo in one of them that is another of these could be told by nobody
CLOSED = {("policy", "extends"), ("network", "mode"), ("files", "home"), ("capabilities", "keep")}
FOR_IMAGES = ("apt", "container")


def make_place(top):
    """A home, a project and an image, with what the policies speak of in them."""
    home, work = os.path.join(top, "home"), os.path.join(top, "home/work")
    for name in (".ssh", ".gnupg", ".aws", ".cargo/bin", ".nvm", ".local/bin", ".opam", ".fonts", "work/.git/hooks",
                 "work/.vscode", "work/.claude/commands", "work/sub", "work/.github", "../run", "../root/etc"):
        os.makedirs(os.path.join(home, name))
    for name in (".netrc", ".npmrc", ".gitconfig", ".bash_history", "work/.git/config", "work/.envrc", "work/.env",
                 "work/sub/.env", "work/key.pem", "work/sub/id_rsa", "work/.vscode/tasks.json", "work/.mcp.json",
                 "work/Jenkinsfile", "work/.bashrc"):
        with open(os.path.join(home, name), "w", encoding="ascii"):
            pass
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(os.path.join(top, "run/wayland-0"))
    os.mkdir(os.path.join(top, "config"))
    return home, work


class Runner:
    def __init__(self, top):
        self.home, self.work = make_place(top)
        self.file = os.path.join(top, "x.policy")
        self.image = os.path.join(top, "root")
        self.env = {"PATH": os.environ["PATH"], "HOME": self.home, "XDG_RUNTIME_DIR": os.path.join(top, "run"),
                    "XDG_CONFIG_HOME": os.path.join(top, "config"), "TERM": "dumb", "LANG": "C.UTF-8",
                    "CC": "cc", "CI": "true", "WAYLAND_DISPLAY": "wayland-0", "SECRET": "x", "SECRET_KEY": "x"}

    def run(self, name, text, options):
        with open(self.file, "w", encoding="utf-8", newline="") as f:
            f.write(text)
        command = ["--", "true"]
        if name in FOR_IMAGES:
            # so that what is hidden in the home has something to be hidden from
            options = ["-v", f"{self.home}:/mnt/home"] if options else []
            command = [self.image, "true"]
        done = subprocess.run([KELP, "run", "--policy", self.file, "--dry-run", *options, *command], cwd=self.work,
                              env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", check=False)
        return done.returncode, done.stdout, done.stderr


# --- mutations ---


def edit_characters(rng, text):
    at = rng.randrange(len(text))
    kind = rng.choice(("drop", "double", "change", "insert", "swap"))
    new = {"drop": "", "double": text[at] * 2, "change": rng.choice(LIKELY), "insert": rng.choice(LIKELY) + text[at],
           "swap": text[at + 1:at + 2] + text[at]}[kind]
    return kind, at, text[:at] + new + text[at + (2 if kind == "swap" else 1):]


def edit_words(rng, text):
    spans = [m.span() for m in re.finditer(r"\S+", text)]
    i = rng.randrange(len(spans) - 1)
    (a, b), (c, d) = spans[i], spans[i + 1]
    kind = rng.choice(("drop word", "double word", "swap words"))
    new = {"drop word": text[:a] + text[b:], "double word": text[:b] + " " + text[a:],
           "swap words": text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]}[kind]
    return kind, a, new


def edit_lines(rng, text):
    lines = text.splitlines(keepends=True)
    i = rng.randrange(len(lines) - 1)
    at = len("".join(lines[:i]))
    kind = rng.choice(("drop line", "double line", "swap lines", "cut line"))
    if kind == "drop line":
        del lines[i]
    elif kind == "double line":
        lines.insert(i, lines[i])
    elif kind == "swap lines":
        lines[i], lines[i + 1] = lines[i + 1], lines[i]
    else:
        lines[i] = lines[i][:rng.randrange(len(lines[i]))] + "\n"
    return kind, at, "".join(lines)


# --- what nobody can tell ---


def statements(text):
    """Each line that says something: its section, key and words; a section has no key."""
    section, found = "", []
    for line in re.split("[\r\n]", text):
        line = line.strip(" \t")
        if not line or line[0] in "#;":
            continue
        key, is_value, value = line.partition("=")
        if line[0] == "[":
            section = line.strip("[]")
            found.append((section, "", ()))
        else:
            found.append((section, key.strip() if is_value else None, tuple(value.split())))
    return found


def why_untold(old_text, new_text):
    """Why it cannot be told that this was not meant, or None."""
    old, new = statements(old_text), statements(new_text)
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    if len(new) == len(old) - 1 and old[start + 1:] == new[start:]:
        return "a line is missing" if old[start][1] else None
    if len(new) != len(old) or start == len(old) or old[start + 1:] != new[start + 1:]:
        return None
    section, key, before = old[start]
    if new[start][:2] != (section, key) or not key:
        return None
    after = new[start][2]
    rest = iter(before)
    if len(after) < len(before) and all(word in rest for word in after):
        return "words are missing"
    if section == "syscalls" or (section, key) in CLOSED:
        return None
    return f"another value of {key}"


# --- the judgement ---


def names_line(error, text, at, section_is_gone):
    """Whether the error names the line that is wrong, or one that has become so with it."""
    line = text[:at].count("\n") + 1
    told = [int(n) for n in re.findall(r"x\.policy:(\d+)[:)]", error)]
    return bool(told) and (section_is_gone or any(line - 1 <= n <= line + 1 for n in told))


def sections(text):
    return [s[0] for s in statements(text) if s[1] == ""]


class Subject:
    def __init__(self, runner, name):
        self.runner, self.name = runner, name
        with open(os.path.join(POLICIES, name + ".policy"), encoding="utf-8") as f:
            # what it says may be read by those who made kelp alone
            self.text = re.sub("(?m)^fake = ", "# fake = ", f.read())
        self.plans = {}
        for options in ((), ("--readable", runner.home)):
            status, out, error = runner.run(name, self.text, list(options))
            if status != 0:
                raise AssertionError(f"{name}: {error}")
            self.plans[options] = (out, dry_run.Plan(out))
        self.tally = {}
        self.problems = []

    def count(self, what):
        self.tally[what] = self.tally.get(what, 0) + 1

    def judge(self, kind, at, text, options):
        status, out, error = self.runner.run(self.name, text, list(options))
        where = f"{self.name}: {kind} at line {self.text[:at].count(chr(10)) + 1}"
        if status != 0:
            self.count("refused")
            if status != 125 or out:
                self.problems.append(f"{where}: status {status}, {error}")
            elif not names_line(error, text, at, sections(text) != sections(self.text)):
                self.problems.append(f"{where}: its line is not named: {error}")
            return
        before = self.plans[options]
        if out == before[0]:
            self.count("equal")
            return
        looser = dry_run.find_looser(before[1], dry_run.Plan(out))
        if not looser:
            self.count("equal but for lines, or tighter")
            return
        why = why_untold(self.text, text)
        self.count(why or "LOOSER")
        if not why:
            at = min(i for i, (a, b) in enumerate(zip(self.text + "\0", text + "\1")) if a != b)
            self.problems.append(f"{where}: looser: {looser}: {text[max(0, at - 60):at + 60]!r}")

    def mutate(self, rng):
        for _ in range(MUTATIONS):
            edit = rng.choice((edit_characters, edit_characters, edit_characters, edit_words, edit_lines))
            kind, at, text = edit(rng, self.text)
            # a comment that stays one says nothing
            while statements(text) == statements(self.text) and rng.random() < 0.9:
                kind, at, text = edit(rng, self.text)
            self.judge(kind, at, text, rng.choice(list(self.plans)))
        if self.tally.get("refused", 0) < MUTATIONS / 10:
            self.problems.append(f"of {MUTATIONS} typos only {self.tally} were refused")


def sees_what_loosens(runner):
    """The comparison sees what was loosened by hand, and the classes do not cover it up."""
    problems = []
    home = ("--readable", runner.home)
    for name, options, old, new in (
            ("sandbox", (), "mode = none", "mode = host"),
            ("sandbox", (), "mode = none", "mode = user"),
            ("sandbox", (), "mode = none", "mode = filtered\nallow = a.example"),
            ("sandbox", (), "writable = .\n", "writable = . ~/.ssh\n"),
            ("sandbox", (), "readable = -~/.cargo/bin", "readable = ~/.gitconfig -~/.cargo/bin"),
            ("sandbox", (), "pass = PATH", "pass = SECRET PATH"),
            ("build", (), "[network]\n", "[syscalls]\nallow = ptrace\n[network]\n"),
            ("strict", (), "readable = .", "writable = ."),
            ("strict", (), "empty = /boot /opt /srv /var", "empty = /boot /opt /srv"),
            ("strict", (), "deny = @network @ipc\n", "deny = @network\n"),
            ("strict", (), "time = 10m", "time = 20m"),
            ("strict", (), "open-files = 256", "open-files = 257"),
            ("strict", home, "hidden = -~/.cargo/bin -~/.rustup", "hidden = -~/.rustup"),
            ("agent", (), "protected = .claude/hooks .claude/commands", "protected = .claude/hooks"),
            ("agent", (), "hidden = -./**/.env ", "hidden = "),
            ("agent", (), "api.openai.com:443", "api.openai.com"),
            ("ci", (), "protected = .github", "protected = .gitlab"),
            ("npm", (), "cache = npm", "cache = npm pip"),
            ("desktop", (), "-$XDG_RUNTIME_DIR:mode=0700", "-$XDG_RUNTIME_DIR:mode=0755"),
            ("gradle", (), "[files]\n", "[files]\nreadable = ~/.ssh\n"),
            ("container", (), "keep = CHOWN", "keep = NET_RAW CHOWN")):
        subject = Subject(runner, name)
        if old not in subject.text:
            problems.append(f"{name}: no {old!r}")
            continue
        text = subject.text.replace(old, new, 1)
        status, out, error = runner.run(name, text, list(options))
        if status != 0:
            problems.append(f"{name}, {new!r}: {error}")
            continue
        same = subject.plans[options][1]
        if not dry_run.find_looser(same, dry_run.Plan(out)):
            problems.append(f"{name}, {new!r}: not seen")
        if dry_run.find_looser(same, same):
            problems.append(f"{name} is looser than itself")
    return problems


def knows_what_is_untold():
    """Two changes are no single typo, and no word of which there are few can be anything."""
    problems = []
    old = "[files]\nhidden = ~/a ~/b\nhidden = ~/c\n[network]\nmode = none\n[syscalls]\ndeny = @ipc @swap\n"
    for new, want in (
            (old.replace("hidden = ~/c\n", ""), "a line is missing"),
            (old.replace("hidden = ~/c\n", "# hidden = ~/c\n"), "a line is missing"),
            (old.replace("~/a ~/b", "~/b"), "words are missing"),
            (old.replace("@ipc @swap", "@swap"), "words are missing"),
            (old.replace("~/b", "~/bb"), "another value of hidden"),
            (old.replace("~/b", "~/bb").replace("~/c", "~/d"), None),
            (old.replace("~/b", "~/bb").replace("hidden = ~/c\n", ""), None),
            (old.replace("mode = none", "mode = host"), None),
            (old.replace("deny = @ipc", "deny = @aio"), None),
            (old.replace("deny", "allow"), None),
            (old.replace("hidden = ~/c", "readable = ~/c"), None),
            (old.replace("[syscalls]\n", ""), None),
            (old.replace("[network]", "hidden = ~/d\n[network]"), None)):
        got = why_untold(old, new)
        if got != want:
            problems.append(f"{got!r} instead of {want!r}: {new!r}")
    return problems


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as top:
        runner = Runner(os.path.realpath(top))
        tap.check("a policy that is loosened by hand is seen to be", sees_what_loosens(runner))
        tap.check("what cannot be told from what was meant is one slip", knows_what_is_untold())
        names = sorted(n.removesuffix(".policy") for n in os.listdir(POLICIES) if n.endswith(".policy"))
        tap.check("there are 13 policies", [] if len(names) == 13 else [names])
        for i, name in enumerate(names):
            subject = Subject(runner, name)
            subject.mutate(random.Random(1000 + i))
            tap.check(f"no typo in {name} loosens ({MUTATIONS})", subject.problems)
            print(f"#   {name}: " + ", ".join(f"{n} {what}" for what, n in sorted(subject.tally.items())))
    tap.end()


main()
