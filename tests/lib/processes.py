"""Processes and their descendants, as /proc shows them."""

import os


def children(pid):
    """Of whichever of its threads; none of a process that is gone."""
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as f:
                found += [int(child) for child in f.read().split()]
    except OSError:
        pass
    return found


def descendants(pid):
    """The process and all below it, each with how deep it is."""
    found = [(pid, 0)]
    for at, depth in found:
        found += [(child, depth + 1) for child in children(at)]
    return found
