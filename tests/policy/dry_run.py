"""Reads what `kelp run --dry-run` prints, and says what a second one shows or allows beyond a first.

It knows nothing of policies: only what is printed counts.  A line that it does not know is an error, so
that nothing new goes uncompared.
"""

import re

ORIGIN = re.compile(r"  \([^()]*\)$")
ENTRY = re.compile(r" *\d+  (\w+) +(.*)$")
WORD = r'("(?:[^"\\]|\\.)*"|\S+)'
CALL = re.compile(r"      (\S.*?) +(allow|log|kill|fake|E[A-Z]+)$")
SCRATCH = ("empty", "dir", "file", "tmpfs", "symlink")
NETWORKS = ["none", "filtered", "user", "host"]
SECTIONS = {
    "The root, in the order in which it is made:": "entries",
    "Patterns, with what matches them now:": "patterns",
    "Protected, but not there yet; told at the end when it appears:": "watched",
}
# what no policy of these changes, or what says nothing of rights; all else has a rule of its own below
SAME = ["root", "ids", "runs as", "namespaces", "fake root", "changes", "hostname", "nesting", "directory",
        "stop signal", "command"]
IGNORED = ["policy", "seccomp"]
FEWER = ["allowed", "host port", "ports", "dns", "hosts", "upstream", "log", "capabilities", "descriptors",
         "environment"]
UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


class Unknown(Exception):
    pass


def unquote(word):
    return re.sub(r"\\(.)", r"\1", word[1:-1]) if word.startswith('"') else word


class Entry:
    """One line of the root."""

    def __init__(self, line):
        match = ENTRY.match(line)
        if not match:
            raise Unknown(line)
        self.kind = match[1]
        words = re.match(WORD + r"(?: (->|from) " + WORD + ")?(?: +(.*))?$", match[2])
        if not words:
            raise Unknown(line)
        self.path = unquote(words[1])
        self.source = unquote(words[3]) if words[3] else self.path
        rest = (words[4] or "").replace("if it exists", "").replace("if its directory exists", "")
        flags = [f for f in re.split(r"[ ,]+", rest) if f]
        self.values = dict(f.split("=") for f in flags if "=" in f)
        self.flags = {f for f in flags if "=" not in f}

    def covers(self, path):
        return self.path == "/" or path == self.path or path.startswith(self.path + "/")


class Plan:
    def __init__(self, text):
        self.values = {}
        self.entries = []
        self.patterns = set()
        self.watched = set()
        self.calls = {}
        self.n_open = 0
        where, label = "values", None
        for line in text.splitlines():
            line = ORIGIN.sub("", line).rstrip()
            if line in SECTIONS:
                where = SECTIONS[line]
            elif line.startswith("System calls, where the policy does not say"):
                where = "calls"
            elif line.startswith("Not protected: "):
                self.n_open = int(line.split()[2])
            elif where == "values" and line:
                label = line[:14].strip() or label
                self.values.setdefault(label, []).append(line[14:])
            elif line:
                self.add(where, line)

    def add(self, where, line):
        if where == "entries":
            self.entries.append(Entry(line))
        elif where == "patterns":
            self.patterns.add(line.split(None, 1)[1])
        elif where == "watched":
            self.watched.add(unquote(line.strip()))
        else:
            match = CALL.match(line)
            if not match:
                raise Unknown(line)
            self.calls[match[1]] = match[2]

    def at(self, path):
        """What is seen at a path: the last entry that covers it; a pin puts the same there once more."""
        found = [e for e in self.entries if e.covers(path)]
        base = [e for e in found if e.kind != "pin"][-1]
        seen = Seen(base, path)
        if found[-1].kind == "pin":
            seen.flags = found[-1].flags
            seen.stays = found[-1].path == path
        return seen


class Seen:
    def __init__(self, entry, path):
        self.kind, self.flags, self.values = entry.kind, entry.flags, entry.values
        self.source = entry.source + path[len(entry.path):] if entry.path != "/" else path
        self.is_here = entry.path == path
        self.stays = self.is_here

    def is_changeable(self):
        return self.kind == "bind" and "rw" in self.flags


def size(text):
    return int(text[:-1]) * UNITS[text[-1]]


def grows(old, now):
    """Modes and sizes of what is made anew; no size is half of the memory."""
    if int(now.values.get("mode", "0"), 8) & ~int(old.values.get("mode", "0"), 8):
        return True
    return "size" in old.values and ("size" not in now.values or size(now.values["size"]) > size(old.values["size"]))


def shows_more(old, now):
    """Whether what is seen now gives more than what was seen there before."""
    if now.kind == "symlink":
        return now.is_here and (old.kind, old.source) != (now.kind, now.source)
    if now.kind in SCRATCH:
        return old.kind == now.kind and old.is_here and now.is_here and grows(old, now)
    if now.kind != old.kind or now.source != old.source:
        return True
    # "rec" alone shows more where it stands, all others less
    weaker = {"rec", "rw", "cache"}
    if (now.flags & weaker) - old.flags or old.flags - weaker - now.flags:
        return True
    # what can be moved away can be put there anew
    return old.stays and not now.stays and now.is_changeable()


def look(old, now):
    """Paths that are named in either, as they are seen in both."""
    for path in sorted({e.path for e in old.entries + now.entries}):
        if shows_more(old.at(path), now.at(path)):
            yield f"path {path}"
    for path in sorted(old.watched - now.watched):
        # what cannot be made needs no watch
        if now.at(path).is_changeable():
            yield f"unprotected {path}"
    for path in sorted(old.patterns - now.patterns):
        yield f"pattern {path}"
    if now.n_open > old.n_open:
        yield "repositories"


def words(plan, label):
    lines = plan.values.get(label, [])
    if label in ("capabilities", "environment", "descriptors"):
        lines = [w for line in lines for w in line.split() if w != "none"]
    return set(lines)


def limits(plan):
    """Each limit as a number; what is not there has none."""
    found = {}
    for part in ", ".join(plan.values["limits"]).split(", "):
        if part.startswith("/dev/shm "):
            found["shm"] = size(part.split()[1])
        elif part.endswith(" s of time"):
            found["time"] = float(part.split()[0])
        else:
            name, pair = part.split()
            for which, value in zip(("soft", "hard"), pair.split(":")):
                found[name + "." + which] = float("inf") if value == "unlimited" else int(value)
    return found


def compare_values(old, now):
    known = {"network", "denied", "limits", *SAME, *IGNORED, *FEWER}
    for label in {*old.values, *now.values} - known:
        raise Unknown(label)
    for label in SAME:
        if old.values.get(label) != now.values.get(label):
            yield label
    for label in FEWER:
        for word in sorted(words(now, label) - words(old, label)):
            # a narrower network has rules that a wider one needs not
            if not (label == "allowed" and rank(old) > 1):
                yield f"{label} {word}"
    for word in sorted(words(old, "denied") - words(now, "denied")):
        if rank(now) > 0:
            yield f"denied {word}"
    if rank(now) > rank(old):
        yield "network"
    new = limits(now)
    for name, value in limits(old).items():
        if new.get(name, float("inf")) > value:
            yield f"limit {name}"


def rank(plan):
    return NETWORKS.index(plan.values["network"][0].split(":")[0])


def passes(action):
    return action in ("allow", "log", "fake")


def compare_calls(old, now):
    """Only what differs from the built-in policy is printed: what is not there is as it is there."""
    for call in sorted({*old.calls, *now.calls}):
        before, after = old.calls.get(call), now.calls.get(call)
        if before == after:
            continue
        if after is None and not passes(before):
            yield f"call {call} is no longer {before}"
        elif after is not None and passes(after) and (before is None or not passes(before)):
            yield f"call {call}"
        elif before == "kill" or before == "log":
            yield f"call {call} was {before}"


def find_looser(old, now):
    """What the plan `now` has that `old` has not: a list of words, empty where it is equal or tighter."""
    return [*compare_values(old, now), *look(old, now), *compare_calls(old, now)]
