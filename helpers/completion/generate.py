#!/usr/bin/env python3
"""Writes the completions of bash, zsh and fish from what kelp itself prints as its help.

    generate.py KELP SOURCE BASH ZSH FISH

The help of `kelp run` is printed from its option table, so what a shell offers is what kelp takes.
Only what the help does not say is said here: where names come from, and what the words in capitals
stand for.  Names of capabilities and limits are read from the tables in the SOURCE tree.
"""

import re
import signal
import subprocess
import sys
from pathlib import Path

# What lists names, for all three shells: no shell's own quotes but single ones.  $review is the first
# operand.
BOX_NAMES = (r"""sed -nE 's/.*"id": "([^"]+)", "name": ("([^"]*)"|null).*/\3 \1/p' | """
             r"""awk '{ print $1 }'""")
LISTS = {
    "boxes": "kelp ps -a --format json 2>/dev/null | " + BOX_NAMES,
    "running": "kelp ps --format json 2>/dev/null | " + BOX_NAMES,
    "kept": """sh -c 'ls "${XDG_DATA_HOME:-$HOME/.local/share}/kelp/kept" 2>/dev/null'""",
    "images": """kelp images 2>/dev/null | awk 'NR > 1 && $1 !~ /^</ { print $1 }'""",
    "policies": """kelp policy list 2>/dev/null | awk 'NR > 1 { print $1 }'""",
    "reviews": """kelp diff 2>/dev/null | awk 'NR > 1 { print $1 }'""",
    "paths": """kelp diff "$review" 2>/dev/null | sed -nE 's/^[A-Z]+ +//; s/  \\(.*\\)$//; p'""",
}

# The words in capitals of a usage line; "command" is another program's business.
OPERANDS = {
    "SANDBOX": "boxes", "NAME|ID": "images", "FILE": "files", "PATH": "paths", "ID": "reviews",
    "NAME|FILE": "policies", "COMMAND": "command",
}
OF_COMMAND = {
    "run": ["images", "command"],
    "learn": ["command"],
    "exec": ["running", "command"],
    "commit": ["kept"],
    "rm": ["boxes,kept*"],
    "inspect": ["boxes,reviews*"],
    "pull": ["images"],
    "import": ["files"],
    "help": ["commands"],
    "policy why": ["files*"],
}
RUNNING = {"stop", "kill", "wait", "exec", "attach", "stats"}

OF_OPTION = {
    "env": "variables", "signal": "signals", "policy": "policies,files", "device": "files",
    "image": "images", "entrypoint": "files", "cap-add": "caps", "cap-drop": "caps",
    "ulimit": "ulimits",
}
OF_ARGUMENT = {"FILE": "files", "PATH": "files", "DIR": "dirs", "SRC:DST[:ro]": "files"}


class Option:
    def __init__(self, letter, name, argument, text):
        self.letter, self.name, self.argument, self.help = letter, name, argument, text
        self.kind = None

    def words(self):
        return (["-" + self.letter] if self.letter else []) + (["--" + self.name] if self.name else [])


class Command:
    def __init__(self, name, text):
        self.name, self.help = name, text
        self.options, self.operands = [], []


def ask(kelp, *words):
    return subprocess.run([kelp, *words], check=True, stdout=subprocess.PIPE, text=True).stdout


def rows(text, heading):
    """The rows "  NAME  what it does" below a heading."""
    block = re.search(rf"^{heading}:\n((?: .*\n)+)", text, re.M)
    return re.findall(r"^  (\S+) +(.*)$", block[1], re.M) if block else []


def table_options(text):
    """The rows of options: "  -v, --volume SRC:DST  what it does"."""
    row = re.compile(r"^  (?:-(\w), |    )?(?:--)([a-z][a-z-]*)(?: (\S+))?(?: {2,}(.*))?$", re.M)
    return [Option(m[1], m[2], m[3], (m[4] or "").strip()) for m in row.finditer(text)]


def usage_of(text):
    return re.search(r"^Usage: +((?:.*\n)+?)\n", text, re.M)[1]


def usage_options(usage, known):
    """Those that only the usage line has, and the values that it lists: [--format a|b]."""
    for m in re.finditer(r"(?<=[\s\[])-(-)?([a-z][a-z-]*)(?: ([A-Za-z][\w-]*(?:\|[\w-]+)*))?", usage):
        word, value = m[2], m[3]
        option = next((o for o in known if word == (o.name if m[1] else o.letter)), None)
        if not option and (m[1] or len(word) == 1):
            option = Option(None if m[1] else word, word if m[1] else None, value, "")
            known.append(option)
        if option and value and re.fullmatch(r"[a-z-]+(\|[a-z-]+)+", value):
            option.kind = "values " + value.replace("|", " ")


def named_values(text):
    """The values in a help line: "Ids inside: auto, single (one id) or subids"."""
    text = re.sub(r" \([^)]*\)", "", text.rsplit(": ", 1)[-1])
    words = re.split(r", | or ", text)
    return " ".join(words) if len(words) > 1 and all(re.fullmatch("[a-z-]+", w) for w in words) else ""


def kind_of(option, tables):
    if option.kind or not option.argument:
        return option.kind
    kind = OF_OPTION.get(option.name) or OF_ARGUMENT.get(option.argument)
    if option.argument in ("MODE", "WHEN"):
        values = named_values(option.help)
        if not values:
            sys.exit(f"generate.py: the help of --{option.name} does not list its values")
        kind = "values " + values
    return "values " + " ".join(tables[kind]) if kind in tables else kind or "none"


def operands_of(name, usage):
    if name in OF_COMMAND:
        return OF_COMMAND[name]
    found = []
    rest = re.sub(r"--[a-z][a-z-]*(?: [\w|-]+)?|-\w \S+", " ", usage.split("\n")[0])
    for word, more in re.findall(r"([A-Z][A-Z|]*)(?:\[[^.\]]*\])?(\.\.\.)?", rest):
        kind = OPERANDS.get(word)
        if kind == "boxes" and name in RUNNING:
            kind = "running"
        if kind:
            found.append(kind + ("*" if more else ""))
    return found


def read_command(kelp, name, text, tables):
    words = name.split()
    page = ask(kelp, *words, "--help")
    command = Command(name, text)
    command.options = table_options(page)
    usage_options(usage_of(page), command.options)
    if not any(o.name == "help" for o in command.options):
        command.options.append(Option(None, "help", None, "Print this"))
    for option in command.options:
        option.kind = kind_of(option, tables)
    command.operands = [] if rows(page, "Commands") and name != "help" else operands_of(name, usage_of(page))
    return command, page


def borrow(command, page, run):
    """What a page takes over from run: all of its options, or those that it names."""
    named = re.search(r"^Options as of kelp run: ((?:.+\n)+)", page, re.M)
    if named:
        wanted = re.findall(r"--([a-z-]+)", named[1])
    elif "options are those of kelp run" in re.sub(r"\s+", " ", page):
        wanted = [o.name for o in run.options]
    else:
        return
    own = {o.name for o in command.options}
    command.options += [o for o in run.options if o.name in wanted and o.name not in own]


def read_all(kelp, source):
    tables = {
        "caps": re.findall(r'^\s+"([A-Z_]+)",$', (source / "src/plan/caps.c").read_text(), re.M),
        # those that have a name; the others are numbers.  The C library has POLL for IO.
        "signals": ["POLL" if s == signal.SIGIO else s.name[3:]
                    for s in signal.Signals if not s.name.startswith("SIGRT")],
        "ulimits": [w + "=" for w in re.findall(r'\{ "([a-z]+)", RLIMIT_',
                                                (source / "src/plan/apply-rights.c").read_text())],
    }
    if len(tables["caps"]) < 41 or len(tables["ulimits"]) < 16:
        sys.exit("generate.py: the tables of capabilities and limits are not where they were")
    commands, pages = [], []
    for name, text in rows(ask(kelp, "help"), "Commands"):
        command, page = read_command(kelp, name, text, tables)
        commands.append(command)
        pages.append(page)
        # `kelp help --help` is the page of kelp itself
        for sub, sub_text in rows(page, "Commands") if name != "help" else []:
            below, sub_page = read_command(kelp, f"{name} {sub}", sub_text, tables)
            commands.append(below)
            pages.append(sub_page)
    run = next(c for c in commands if c.name == "run")
    for command, page in zip(commands, pages):
        borrow(command, page, run)
    return commands


def top(commands):
    return [c for c in commands if " " not in c.name]


def subs(commands, name):
    return [c for c in commands if c.name.startswith(name + " ")]


HEADER = "# Made by helpers/completion/generate.py from the help of kelp: do not edit.\n"


def bash(commands):
    template = (Path(__file__).parent / "kelp.bash.in").read_text()
    options, kinds, operands = [], [], []
    for c in commands:
        words = " ".join(w for o in c.options for w in o.words())
        options.append(f"    '{c.name}') echo '{words}' ;;")
        operands.append(f"    '{c.name}') echo '{' '.join(c.operands)}' ;;")
        for o in c.options:
            if o.kind:
                names = " | ".join(f"'{c.name} {w}'" for w in o.words())
                kinds.append(f"    {names}) echo '{o.kind}' ;;")
    lists = [f"    {name}) {line} ;;" for name, line in LISTS.items()]
    groups = [f"    {c.name}) echo '{' '.join(s.name.split()[1] for s in subs(commands, c.name))}' ;;"
              for c in top(commands) if subs(commands, c.name)]
    return fill(template, options=options, kinds=kinds, operands=operands, lists=lists,
                groups=groups, commands=[" ".join(c.name for c in top(commands))])


def fill(template, **parts):
    text = template
    for name, lines in parts.items():
        text = text.replace(f"@{name}@", "\n".join(lines))
    return text


def zsh_text(text):
    return re.sub(r"([\[\]:\\])", r"\\\1", text).replace("'", "'\\''")


def zsh_action(kind):
    if kind is None or kind == "none":
        return " "
    if kind.startswith("values "):
        suffix = " -S ''" if kind.endswith("=") else ""
        return f"compadd{suffix} - {kind[7:]}" if suffix else f"({kind[7:]})"
    plain = {"files": "_files", "dirs": "_files -/", "variables": "_parameters -g '*export*' -qS=",
             "commands": "_kelp_commands"}
    kinds = kind.rstrip("*").split(",")
    among = "_kelp_unused" if kind.endswith("*") else "_kelp_any"
    if len(kinds) == 1 and kind.rstrip("*") in plain:
        return plain[kinds[0]]
    # a blank in front: _arguments puts no words of its own between
    return f" {among} " + " ".join(kinds)


def zsh_option(option):
    words = option.words()
    text = f"[{zsh_text(option.help)}]" if option.help else ""
    value = ""
    if option.kind:
        value = f":{zsh_text(option.argument)}:{zsh_action(option.kind)}".replace("'", "'\\''")
    spec = [f"{w}{'=' if option.kind and w.startswith('--') else '+' if option.kind else ''}" for w in words]
    return [f"'*{s}{text}{value}'" for s in spec]


def zsh_operand(position, kind):
    if kind == "command":
        return "'*:: :_kelp_normal'"
    action = zsh_action(kind).replace("'", "'\\''")
    return f"'*: :{action}'" if kind.endswith("*") else f"'{position}: :{action}'"


def zsh(commands):
    template = (Path(__file__).parent / "kelp.zsh.in").read_text()
    cases, lists = [], [f"    {name}) found=(${{(f)\"$({line})\"}}) ;;" for name, line in LISTS.items()]
    for c in commands:
        below = subs(commands, c.name)
        specs = [s for o in c.options for s in zsh_option(o)]
        specs += [zsh_operand(i + 1, k) for i, k in enumerate(c.operands)]
        if below:
            cases.append(f"    '{c.name}') _kelp_group {c.name} ;;")
        else:
            cases.append(f"    '{c.name}')\n        _arguments -s -S \\\n            " +
                         " \\\n            ".join(specs) + "\n        ;;")
    described = [f"        '{c.name}:{zsh_text(c.help)}'" for c in top(commands)]
    groups = []
    for c in top(commands):
        if subs(commands, c.name):
            names = "\n".join(f"            '{s.name.split()[1]}:{zsh_text(s.help)}'"
                              for s in subs(commands, c.name))
            groups.append(f"    {c.name})\n        found=(\n{names}\n        )\n        ;;")
    return fill(template, cases=cases, lists=lists, commands=described, groups=groups)


def fish_text(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_words(kind):
    """The -a words for a kind, and whether files are offered as well."""
    if kind is None or kind == "none":
        return "", False
    if kind.startswith("values "):
        return fish_text(kind[7:]), False
    plain = {"dirs": "(__fish_complete_directories)", "variables": "(set -xn)=",
             "command": "(__kelp_rest)", "commands": "(__kelp_commands)"}
    among = "__kelp_unused" if kind.endswith("*") else "__kelp_list"
    parts = [plain.get(k, f"({among} {k})") for k in kind.rstrip("*").split(",") if k != "files"]
    return " ".join(f'"{p}"' if p.endswith("=") else p for p in parts), "files" in kind


def fish_line(condition, words, files, extra=""):
    line = f"complete -c kelp -n {fish_text(condition)}{extra}"
    if not files:
        line += " -f"
    if words:
        line += f" -a {words if words.startswith(chr(39)) else fish_text(words)}"
    return line


def fish(commands):
    template = (Path(__file__).parent / "kelp.fish.in").read_text()
    lines = []
    for c in top(commands):
        lines.append(f"complete -c kelp -n __kelp_no_command -f -a {c.name} -d {fish_text(c.help)}")
    for c in commands:
        at = f"__kelp_at {c.name}"
        if " " in c.name:
            group, name = c.name.split()
            lines.append(f"complete -c kelp -n {fish_text('__kelp_at ' + group)} -f -a {name} "
                         f"-d {fish_text(c.help)}")
        for o in c.options:
            extra = (f" -s {o.letter}" if o.letter else "") + (f" -l {o.name}" if o.name else "")
            words, files = fish_words(o.kind)
            if o.help:
                extra += f" -d {fish_text(o.help)}"
            if o.kind:
                extra += " -r"
            lines.append(fish_line(at, words, files or o.kind == "files", extra))
        for i, kind in enumerate(c.operands):
            if kind == "command":
                condition = f"__kelp_operand {i} more {c.name}"
            else:
                condition = f"__kelp_operand {i} {'more' if kind.endswith('*') else 'one'} {c.name}"
            words, files = fish_words(kind)
            lines.append(fish_line(condition, words, files))
    lists = [f"        case {name}\n            {line}" for name, line in LISTS.items()]
    values = " ".join(sorted({w for c in commands for o in c.options if o.kind for w in o.words()}))
    groups = " ".join(c.name for c in top(commands) if subs(commands, c.name))
    return fill(template, lines=lines, lists=lists, values=[values], groups=[groups])


def main():
    kelp, source, *outputs = sys.argv[1:]
    commands = read_all(kelp, Path(source))
    for path, write in zip(outputs, (bash, zsh, fish), strict=True):
        Path(path).write_text(write(commands).replace("@header@\n", HEADER))


main()
