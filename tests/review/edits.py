"""Random trees and random edits.

Edits are made up against a model of the tree, so that each can be made; they are data, and the same list
is carried out in a plain directory and under review.  Run as a program it carries out the list in a file,
in the current directory.
"""

import json
import os
import shutil
import stat
import sys

PARTS = ["a", "b", "dir", "src", "with space", "-dash", ".hidden", "new\nline", "tab\tb", "ünïcode",
         "b\udcff\udcfeytes", "*", "q'uote\"", "x" * 200, ".wh.a", "esc\x1b[31m", "trailing.", "..."]
FILE_MODES = [0o644, 0o600, 0o640, 0o755, 0o444, 0o400, 0o200]
DIR_MODES = [0o755, 0o700, 0o750, 0o711, 0o1777, 0o2755]
OUTSIDE = ["/etc/passwd", "../../outside/canary", "../outside", "/", "."]
EPOCH = 1_000_000_000_000_000_000


class Model:
    """What is there: path -> [kind, inode, mode]."""

    def __init__(self, rng):
        self.rng = rng
        self.nodes = {"": ["d", 0, 0o755]}
        self.n = 0
        self.apart = set()  # inodes with several names before the edits begin
        self.n_old = 0  # inodes that were there then

    def fresh(self):
        self.n += 1
        return self.n

    def paths(self, kind, want=lambda path, node: True):
        return sorted(p for p, node in self.nodes.items()
                      if p and node[0] in kind and want(p, node))

    def pick(self, kind, want=lambda path, node: True):
        found = self.paths(kind, want)
        return self.rng.choice(found) if found else None

    def new_path(self):
        """A free name in a directory that is there."""
        parent = self.rng.choice([""] + self.paths("d"))
        for _ in range(20):
            name = self.rng.choice(PARTS)
            if self.rng.random() < 0.5:
                name = name[:180] + str(self.rng.randrange(100))
            path = f"{parent}/{name}" if parent else name
            if path not in self.nodes and path.count("/") < 8:
                return path
        return None

    def below(self, path):
        return [p for p in self.nodes if p.startswith(path + "/")]

    def names(self, inode):
        return sum(1 for node in self.nodes.values() if node[0] == "f" and node[1] == inode)

    def add(self, path, kind, mode, inode=None):
        self.nodes[path] = [kind, self.fresh() if inode is None else inode, mode]

    def remove(self, path):
        for p in self.below(path) + [path]:
            del self.nodes[p]

    def move(self, old, new):
        for p in self.below(old) + [old]:
            self.nodes[new + p[len(old):]] = self.nodes.pop(p)

    def is_free(self, node):
        """The kernel takes the names of such a file apart: a plain directory does not."""
        return node[1] not in self.apart

    def is_plain(self, path):
        """A tree whose copy is the same as the tree: a directory of the lower layer is moved so."""
        below = [self.nodes[p] for p in self.below(path) + [path]]
        return all(n[0] != "f" or (self.names(n[1]) == 1 and n[2] & 0o400 and self.is_free(n))
                   for n in below)


def content(rng):
    size = rng.choice([0, 1, 10, 100, 5000, 70000])
    return rng.randbytes(min(size, 200)).hex() + "\n" + "line\n" * (size // 5)


class Editor:
    """Makes edits up; each method adds one, or nothing where there is nothing to do it to."""

    def __init__(self, model):
        self.m = model
        self.rng = model.rng
        self.edits = []

    def say(self, *words):
        self.edits.append(list(words))

    def create(self):
        path = self.m.new_path()
        if path:
            mode = self.rng.choice(FILE_MODES)
            self.say("create", path, content(self.rng), mode)
            self.m.add(path, "f", mode)

    def mkdir(self):
        path = self.m.new_path()
        if path:
            mode = self.rng.choice(DIR_MODES)
            self.say("mkdir", path, mode)
            self.m.add(path, "d", mode)

    def symlink(self):
        path = self.m.new_path()
        if path:
            self.say("symlink", path, self.rng.choice(OUTSIDE + self.m.paths("fd")))
            self.m.add(path, "l", 0)

    def writable(self):
        return self.m.pick("f", lambda p, n: n[2] & 0o200 and self.m.is_free(n))

    def append(self):
        path = self.writable()
        if path:
            self.say("append", path, content(self.rng))

    def rewrite(self):
        path = self.writable()
        if path:
            self.say("rewrite", path, content(self.rng))

    def replace(self):
        path = self.m.pick("fl")
        if path:
            mode = self.rng.choice(FILE_MODES)
            self.say("replace", path, content(self.rng), mode)
            self.m.remove(path)
            self.m.add(path, "f", mode)

    def rename(self):
        old = self.m.pick("fld", lambda p, n: self.m.is_plain(p))
        new = self.m.new_path()
        if old and new and not new.startswith(old + "/"):
            self.say("rename", old, new)
            self.m.move(old, new)

    def rename_over(self):
        old = self.m.pick("f", lambda p, n: self.m.is_plain(p))
        new = self.m.pick("fl")
        if old and new and old != new:
            self.say("rename", old, new)
            self.m.remove(new)
            self.m.move(old, new)

    def link(self):
        old = self.m.pick("f", lambda p, n: self.m.is_free(n))
        new = self.m.new_path()
        if old and new:
            self.say("link", old, new)
            inode = self.m.nodes[old][1]
            self.m.add(new, "f", self.m.nodes[old][2], inode)
            # of a file that is linked when it is copied up the kernel knows two, with two modes
            if inode <= self.m.n_old:
                self.m.apart.add(inode)

    def unlink(self):
        path = self.m.pick("fl")
        if path:
            self.say("unlink", path)
            self.m.remove(path)

    def rmtree(self):
        path = self.m.pick("d")
        if path:
            self.say("rmtree", path)
            self.m.remove(path)

    def chmod(self):
        path = self.m.pick("fd", lambda p, n: n[0] == "d" or self.m.is_free(n))
        if path:
            node = self.m.nodes[path]
            mode = self.rng.choice(DIR_MODES if node[0] == "d" else FILE_MODES)
            self.say("chmod", path, mode)
            for other in self.m.nodes.values():
                if other[1] == node[1] and other[0] == node[0]:
                    other[2] = mode

    def attribute(self):
        path = self.m.pick("fd", lambda p, n: n[2] & 0o200 and (n[0] == "d" or self.m.is_free(n)))
        if path:
            self.say("attribute", path, f"user.k{self.rng.randrange(3)}",
                     self.rng.choice(["", "v", "value" * 20, None]))

    def touch(self):
        path = self.m.pick("fdl", lambda p, n: n[0] != "f" or self.m.is_free(n))
        if path:
            self.say("touch", path)

    def directory_to_link(self):
        path = self.m.pick("d")
        if path:
            self.say("rmtree", path)
            self.say("symlink", path, self.rng.choice(OUTSIDE))
            self.m.remove(path)
            self.m.add(path, "l", 0)

    def link_to_directory(self):
        path = self.m.pick("lf")
        if path:
            self.say("unlink", path)
            self.say("mkdir", path, 0o755)
            self.m.remove(path)
            self.m.add(path, "d", 0o755)
            self.say("create", path + "/in it", content(self.rng), 0o644)
            self.m.add(path + "/in it", "f", 0o644)

    def directory_anew(self):
        path = self.m.pick("d")
        if path:
            inside = [p for p in self.m.below(path) if p.count("/") == path.count("/") + 1]
            self.say("rmtree", path)
            self.say("mkdir", path, 0o755)
            self.m.remove(path)
            self.m.add(path, "d", 0o755)
            for name in [p for p in inside if self.rng.random() < 0.5] + [path + "/anew"]:
                if name not in self.m.nodes:
                    self.say("create", name, content(self.rng), 0o644)
                    self.m.add(name, "f", 0o644)

    def directory_to_file(self):
        path = self.m.pick("d")
        if path:
            self.say("rmtree", path)
            self.say("create", path, content(self.rng), 0o600)
            self.m.remove(path)
            self.m.add(path, "f", 0o600)

    def hole(self):
        path = self.m.new_path()
        if path:
            self.say("hole", path, self.rng.randrange(1, 1 << 24))
            self.m.add(path, "f", 0o644)

    def in_read_only(self):
        """A directory that is made read-only after something was made in it."""
        path = self.m.pick("d")
        if path and path + "/ro" not in self.m.nodes:
            self.say("create", path + "/ro", content(self.rng), 0o444)
            self.m.add(path + "/ro", "f", 0o444)
            self.read_only.append(path)

    def run(self, n):
        self.read_only = []
        kinds = [self.create, self.create, self.mkdir, self.symlink, self.append, self.rewrite,
                 self.replace, self.rename, self.rename, self.rename_over, self.link, self.unlink,
                 self.rmtree, self.chmod, self.attribute, self.touch, self.directory_to_link,
                 self.link_to_directory, self.directory_anew, self.directory_to_file, self.hole,
                 self.in_read_only]
        for _ in range(n):
            self.rng.choice(kinds)()
        for path in self.read_only:
            if path in self.m.nodes and self.m.nodes[path][0] == "d":
                self.say("chmod", path, 0o555)
        return self.edits


def make_tree(rng, n):
    """A model, and the edits that make the tree from nothing."""
    model = Model(rng)
    editor = Editor(model)
    for _ in range(n):
        rng.choice([editor.create, editor.create, editor.create, editor.mkdir, editor.mkdir,
                    editor.symlink, editor.link, editor.attribute])()
    model.n_old = model.n
    for node in model.nodes.values():
        if node[0] == "f" and model.names(node[1]) > 1:
            model.apart.add(node[1])
    return model, editor.edits


class Worker:
    """Carries edits out, and gives what was touched times that do not depend on when that was."""

    def __init__(self, start):
        self.clock = start
        self.touched = set()

    def touch(self, path):
        self.touched.add(path)
        self.touched.add(os.path.dirname(path))

    def write(self, path, text, mode):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(fd, text.encode())
        os.fchmod(fd, mode)
        os.close(fd)

    def do(self, what, path, *more):
        getattr(self, "do_" + what)(path, *more)
        self.touch(path)

    def do_create(self, path, text, mode):
        self.write(path, text, mode)

    def do_mkdir(self, path, mode):
        os.mkdir(path)
        os.chmod(path, mode)

    def do_symlink(self, path, target):
        os.symlink(target, path)

    def do_append(self, path, text):
        with open(path, "ab") as f:
            f.write(text.encode())

    def do_rewrite(self, path, text):
        with open(path, "wb") as f:
            f.write(text.encode())

    def do_replace(self, path, text, mode):
        self.write(path + "~", text, mode)
        os.rename(path + "~", path)

    def do_rename(self, path, new):
        try:
            os.rename(path, new)
        except OSError as e:  # a directory of the lower layer
            if e.errno != 18:
                raise
            shutil.copytree(path, new, symlinks=True)
            self.do_rmtree(path)
        for old in [p for p in self.touched if p.startswith(path + "/")]:
            self.touched.add(new + old[len(path):])
        self.touch(new)

    def do_link(self, path, new):
        os.link(path, new)
        self.touch(new)

    def do_unlink(self, path):
        os.unlink(path)

    def do_rmtree(self, path):
        for top, _, _ in os.walk(path):
            os.chmod(top, 0o700)
        shutil.rmtree(path)

    def do_chmod(self, path, mode):
        os.chmod(path, mode)

    def do_attribute(self, path, name, value):
        if value is not None:
            os.setxattr(path, name, value.encode())
        elif name in os.listxattr(path):
            os.removexattr(path, name)

    def do_touch(self, path):
        pass

    def do_hole(self, path, size):
        with open(path, "wb") as f:
            f.seek(size)
            f.write(b"end")
        os.chmod(path, 0o644)

    def settle(self):
        """The deepest first: setting a time changes no other."""
        for path in sorted(self.touched, reverse=True):
            self.clock += 1_234_567_891
            # what was touched may since lie behind a link, which leads to another file
            above = os.path.abspath(os.path.dirname(path))
            if os.path.lexists(path or ".") and os.path.realpath(above) == above:
                os.utime(path or ".", ns=(self.clock, self.clock), follow_symlinks=False)

    def run(self, edits):
        # what a directory forbids its owner comes last
        for edit in edits:
            self.do(*edit)
        self.settle()


def work(edits, start):
    os.umask(0o022)
    Worker(EPOCH + start).run(edits)


def read_edits(name):
    with open(name, encoding="utf-8", errors="surrogateescape") as f:
        return json.load(f)


def write_edits(name, edits):
    with open(name, "w", encoding="utf-8", errors="surrogateescape") as f:
        json.dump(edits, f)


def look(top, exact=False):
    """What a tree is, as text that can be compared; `exact`: with inodes and times of inodes, too."""
    found = {}
    links = {}

    def see(path):
        full = os.path.join(top, path) if path else top
        st = os.lstat(full)
        fact = [stat.filemode(st.st_mode), st.st_mtime_ns]
        if exact:
            fact += [st.st_ino, st.st_ctime_ns, st.st_nlink]
        if stat.S_ISLNK(st.st_mode):
            fact.append(os.readlink(full))
        elif stat.S_ISREG(st.st_mode):
            fact += [st.st_size, read(full)]
            links.setdefault(st.st_ino, []).append(path)
        if not stat.S_ISLNK(st.st_mode) and st.st_mode & 0o400:
            fact.append({n: os.getxattr(full, n) for n in sorted(os.listxattr(full))})
        found[path] = fact
        return stat.S_ISDIR(st.st_mode)

    def read(full):
        try:
            with open(full, "rb") as f:
                return hash(f.read())
        except PermissionError:
            return None

    def walk(path):
        if see(path):
            for name in sorted(os.listdir(os.path.join(top, path) if path else top)):
                walk(f"{path}/{name}" if path else name)

    walk("")
    for names in links.values():
        for name in names:
            found[name].append(sorted(names))
    return found


def compare(wanted, got):
    """What differs, in lines."""
    lines = []
    for path in sorted(set(wanted) | set(got)):
        if wanted.get(path) != got.get(path):
            lines.append(f"{path!r}: {wanted.get(path)} became {got.get(path)}"[:600])
    return lines


if __name__ == "__main__":
    work(read_edits(sys.argv[1]), int(sys.argv[2]))
