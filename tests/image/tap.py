"""Prints TAP."""

import sys


class Tap:
    def __init__(self):
        self.n = 0
        self.failed = 0

    def check(self, name, problems):
        """`problems`: a list of what is wrong; an empty one is success."""
        self.n += 1
        print(f"{'not ok' if problems else 'ok'} {self.n} {name}")
        for problem in problems:
            self.failed += 1
            for line in str(problem).splitlines():
                print("#   " + line)
        sys.stdout.flush()

    def end(self):
        print(f"1..{self.n}")
        sys.exit(1 if self.failed else 0)
