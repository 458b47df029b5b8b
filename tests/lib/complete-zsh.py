#!/usr/bin/env python3
"""What zsh offers for a line: types it, and Tab, into a zsh on a terminal.

    complete-zsh.py DIRECTORY LINE      (DIRECTORY has the function _kelp)
"""

import os
import pty
import sys
import tempfile
import threading

SETUP = r"""
PROMPT='' RPROMPT='' fpath=({dir} $fpath)
autoload -Uz compinit; compinit -u -D
bindkey '^I' complete-word
function compadd {{
    local -a hits
    if [[ " ${{(j: :)@[1,(i)(-|--)]}} " == *' -'[a-zA-Z]#[OAD]' '* ]]; then
        builtin compadd "$@"
        return
    fi
    builtin compadd -A hits "$@"
    print -rl -- $hits >>{out}
    builtin compadd "$@"
}}
function finish {{ print -r -- '' END >>{out}; exit 0 }}
zle -N finish
bindkey '^X' finish
print -r READY
"""


def main():
    directory, line = sys.argv[1:]
    with tempfile.TemporaryDirectory() as place:
        out, setup = place + "/out", place + "/setup"
        with open(setup, "w") as f:
            f.write(SETUP.format(dir=directory, out=out))
        pid, master = pty.fork()
        if pid == 0:
            os.environ.update(TERM="dumb", ZDOTDIR=place)
            os.execvp("zsh", ["zsh", "-f", "-i", "-o", "extendedglob"])
        timer = threading.Timer(30, os.kill, (pid, 9))
        timer.start()
        os.write(master, b"source " + setup.encode() + b"\n")
        seen = b""
        while b"\nREADY" not in seen:
            seen += os.read(master, 4096)
        os.write(master, line.encode() + b"\t\x18")
        try:
            while os.read(master, 4096):
                pass
        except OSError:
            pass
        os.waitpid(pid, 0)
        timer.cancel()
        text = open(out).read() if os.path.exists(out) else ""
        if not text.endswith("END\n"):
            sys.exit("zsh did not end: " + seen.decode(errors="replace"))
        print("\n".join(sorted(set(text.split("\n")[:-2]) - {""})))


main()
