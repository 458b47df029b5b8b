#!/usr/bin/env python3
"""Runs the commands of a Markdown text and compares what they print with what the text says.

    docs.py [--network] README.md DIRECTORY

Commands are the lines "$ ..." of blocks that begin with ```console; those of ```console network
are run with --network, the others without.  The text is alice's, who is in ~/project: DIRECTORY
becomes the / above her home.  "[...]" stands for anything, alone in a line for any lines.  Numbers
and widths of columns differ between machines and are not compared.
"""

import argparse
import os
import pwd
import re
import subprocess
import sys


def blocks(path, kind):
    """Yields [(line number, command, [expected line, ...]), ...] of each block of a kind."""
    steps = None
    for number, line in enumerate(open(path), 1):
        line = line.rstrip("\n")
        if steps is None:
            steps = [] if line == "```" + kind else None
        elif line == "```":
            yield steps
            steps = None
        elif line.startswith("$ "):
            steps.append((number, line[2:], []))
        else:
            steps[-1][2].append(line)


def plain(line):
    return re.sub(r"\d+", "0", re.sub(r"\s+", " ", line)).strip()


def pattern(lines):
    parts = []
    for line in lines:
        if line == "[...]":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(re.escape(plain(line)).replace(re.escape("[...]"), ".*") + "\n")
    return "".join(parts)


def run(command, top, env):
    command = command.replace("/home/alice", top + "/home/alice")
    result = subprocess.run(["bash", "-c", command], env=env, cwd=env["HOME"] + "/project",
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, timeout=120)
    text = result.stdout.decode(errors="replace").replace(top + "/home/alice", "/home/alice")
    return text.replace(pwd.getpwuid(os.getuid()).pw_name, "alice")


def check(step, top, env):
    number, command, expected = step
    text = run(command, top, env)
    lines = "".join(plain(line) + "\n" for line in text.splitlines())
    if re.fullmatch(pattern(expected), lines):
        return True
    print(f"line {number}: $ {command}\n--- the text says\n" + "\n".join(expected))
    print(f"--- it prints\n{text}", end="")
    return False


def make_home(top):
    project = top + "/home/alice/project"
    os.makedirs(project)
    os.makedirs(top + "/home/alice/.ssh")
    with open(top + "/home/alice/.ssh/id_ed25519", "w") as key:
        key.write("key\n")
    subprocess.run(["git", "init", "-q", project], check=True)
    return top + "/home/alice"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--network", action="store_true")
    parser.add_argument("text")
    parser.add_argument("directory")
    args = parser.parse_args()
    env = dict(os.environ, HOME=make_home(args.directory))
    env.pop("XDG_DATA_HOME", None)
    kind = "console network" if args.network else "console"
    steps = [step for block in blocks(args.text, kind) for step in block]
    print(f"{len(steps)} commands")
    bad = [step for step in steps if not check(step, args.directory, env)]
    return 1 if bad or not steps else 0


sys.exit(main())
