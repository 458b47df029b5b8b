"""As much of the module of this name, which Debian does not package, as crun's tests use."""


class _Mount:
    def __init__(self, line):
        left, right = line.split(" - ", 1)
        fields = left.split()
        self.target = fields[4]
        self.vfs_options = fields[5]
        self.fs_options = right.split()[2]


class Table:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self._mounts = [_Mount(line) for line in file if " - " in line]

    def find_target(self, target):
        # the last mount on a directory is the one that is seen
        found = [mount for mount in self._mounts if mount.target == target]
        return found[-1]
