#!/usr/bin/env python3
"""What kelp shows of an image from inside, in both modes of ids, beside what umoci and tar unpack of it,
entry by entry: kind, mode, ids, size, hard links, times, attributes, content."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from tap import Tap

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "pull"))
from place import Place  # noqa: E402  (the path is set above)

HERE = os.path.dirname(os.path.abspath(__file__))
LISTING = os.path.join(os.environ["KELP_BUILD"], "tests/payload/listing")
INSIDE = "/listing"  # where the program is put into the sandbox
UNPACKING = "unpacking"
FIELDS = ["kind", "mode", "uid", "gid", "size", "link", "mtime", "attrs", "hash"]
SMALL = ["busybox", "owners", "gone-files", "gone-directories", "opaque", "layers-127"]
DEBIAN = ["debian"]
LONG = ["debian-changed", "debian-packages", "debian-next"]
# what kelp puts into every image, over what is there; what into one that has none; and what into one
# with apt, to which it plays root with one id
MOUNTED = {"/proc", "/sys", "/dev", INSIDE}
WRITTEN = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}
MISSING = {"/etc/passwd", "/etc/group"}
FOR_APT = "/etc/apt/apt.conf.d/99kelp-fake-root"


def shell(*args, **more):
    result = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, check=False, **more)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(args)}: {result.returncode}\n{result.stdout.decode('utf-8', 'replace')}"
                           f"{result.stderr.decode('utf-8', 'replace')}")
    return result.stdout


class Tree:
    """A listing: path -> fields; hard links by the first of their names; what is mounted.

    A directory that a layer changes without listing it has no time that an archive says: umoci and
    tar leave it with that of their unpacking, which is after `since`, and kelp with that of the
    layer below."""

    def __init__(self, text, since=None):
        self.entries = {}
        self.mounts = set()
        first = {}
        for line in sorted(text.decode("ascii").splitlines()):
            path, *fields = line.split("\t")
            if fields == ["mount"]:
                self.mounts.add(path)
                continue
            entry = dict(zip(FIELDS, fields, strict=True))
            entry["link"] = "" if entry["kind"] == "d" else first.setdefault(entry["link"], path)
            if since and entry["kind"] == "d" and float(entry["mtime"]) > since:
                entry["mtime"] = UNPACKING
            self.entries[path] = entry

    def drop(self, paths):
        """Leaves out these and what is below them."""
        for path in list(self.entries):
            if any(path == p or path.startswith(p + "/") for p in paths):
                del self.entries[path]


    def forget_time(self, path):
        if path in self.entries:
            self.entries[path]["mtime"] = ""


def parent_of(path):
    return os.path.dirname(path)


def own_files(wanted, is_single):
    own = MOUNTED | WRITTEN | (MISSING - wanted.entries.keys())
    return own | {FOR_APT} if is_single and parent_of(FOR_APT) in wanted.entries else own


def explain_own(inside, wanted, is_single):
    """What kelp itself put there covers what the image has; where that has nothing, a place was made,
    which is a change of the directory.  Returns problems."""
    own = own_files(wanted, is_single)
    problems = [f"{path} is mounted" for path in sorted(inside.mounts - MOUNTED - WRITTEN)]
    problems += [f"{path} is not there" for path in sorted(own - inside.mounts - inside.entries.keys())]
    for path in own:
        at = path
        while at != "/" and at not in wanted.entries:
            at = parent_of(at)
            if at not in wanted.entries:
                inside.entries.pop(at, None)
        changed = {at if at != path else "", parent_of(path) if path in WRITTEN else ""}
        for tree in [inside, wanted]:
            for directory in changed:
                tree.forget_time(directory)
    wanted.drop(own)
    inside.drop(own)
    return problems


def explain_single(tree):
    """With one id every file is root's, and nobody can have file capabilities."""
    for entry in tree.entries.values():
        entry["uid"] = entry["gid"] = "0"
        entry["attrs"] = ",".join(x for x in entry["attrs"].split(",")
                                  if not x.startswith("security.capability="))


def differences(wanted, got):
    found = []
    for path in sorted(wanted.entries.keys() | got.entries.keys()):
        a, b = wanted.entries.get(path), got.entries.get(path)
        if a is None or b is None:
            found.append(f"{path}: only {'there' if b is None else 'inside'}: {a or b}")
            continue
        found += [f"{path}: {key}: {a[key]}, inside {b[key]}" for key in FIELDS
                  if a[key] != b[key] and UNPACKING not in (a[key], b[key])]
    if len(found) > 30:
        found[30:] = [f"... {len(found)} in all"]
    return found


def compare(reference, text, since, is_single):
    """What is wrong with the listing `text` of a run, when it should show `reference`."""
    wanted, inside = Tree(reference, since), Tree(text, since)
    problems = explain_own(inside, wanted, is_single)
    problems += [f"{path}: has the time of the unpacking" for path, entry in inside.entries.items()
                 if entry["mtime"] == UNPACKING]
    if is_single:
        explain_single(wanted)
    return problems + differences(wanted, inside)


class Image:
    """One image: a layout that others made, what others unpack of it, and what kelp shows."""

    def __init__(self, top, name):
        self.top = top
        self.name = name
        self.layout = os.path.join(top, name)
        self.place = Place(os.path.join(top, name + ".home"))

    def make(self):
        shell("buildah", "unshare", "--", "bash", os.path.join(HERE, "make-images.bash"), self.top,
              self.name)

    def kelp(self, *args):
        result = self.place.kelp(*args)
        if result.returncode != 0:
            raise RuntimeError(f"{args}: {result.stderr.decode('utf-8', 'replace')}")
        return result.stdout

    def inside(self, mode):
        return self.kelp("run", "--network", "none", "--userns", mode, "-v", f"{LISTING}:{INSIDE}:ro",
                         self.name, INSIDE, "/")

    def by_umoci(self):
        bundle = self.layout + ".umoci"
        layout = self.layout + ".gzip" if os.path.isdir(self.layout + ".gzip") else self.layout
        return shell("buildah", "unshare", "--", "sh", "-c",
                     'umoci unpack --image "$1:v1" "$2" >&2 && "$3" "$2/rootfs"; r=$?; rm -rf "$2"; exit $r',
                     "sh", layout, bundle, LISTING)

    def copied_layers(self):
        """As skopeo has them: their files, the lowest first."""
        copy = self.layout + ".dir"
        shell("skopeo", "copy", "-q", f"oci:{self.layout}:v1", f"dir:{copy}")
        with open(os.path.join(copy, "manifest.json"), encoding="utf-8") as f:
            manifest = json.load(f)
        return [os.path.join(copy, x["digest"].split(":")[1]) for x in manifest["layers"]]

    def by_tar(self):
        root = self.layout + ".tar"
        os.mkdir(root)
        return shell("buildah", "unshare", "--", "sh", "-c",
                     'python3 -B "$@" >&2 && "$0" "$2"; r=$?; rm -rf "$2"; exit $r',
                     LISTING, os.path.join(HERE, "layers.py"), root, *self.copied_layers())

    def check_blobs(self):
        """The store gives skopeo the same layers that it got."""
        copy = self.layout + ".again"
        shell("skopeo", "copy", "-q", f"oci:{self.place.store}:{self.name}:latest", f"dir:{copy}")
        wanted, got = (sorted(x for x in os.listdir(d) if re.fullmatch("[0-9a-f]{64}", x))
                       for d in [self.layout + ".dir", copy])
        return [] if wanted == got else [f"blobs {wanted}, from the store {got}"]

    def remove(self):
        subprocess.run(["buildah", "unshare", "--", "sh", "-c", 'rm -rf "$1"/*', "sh", self.top],
                       check=True)


def next_second():
    """Waits for it: the times in archives are rounded, some of them up."""
    since = int(time.time()) + 1
    time.sleep(since - time.time() + 0.01)
    return since


def check_image(tap, top, name, modes):
    image = Image(top, name)
    try:
        image.make()
        since = next_second()
        references = [("umoci", image.by_umoci()), ("tar", image.by_tar())]
        image.kelp("import", image.layout, name)
        shown = {mode: image.inside(mode) for mode in modes}
        tap.check(f"{name}: the layers are those that skopeo gets",
                  image.check_blobs() + references_differ(references, since))
        for mode in modes:
            for tool, text in references:
                problems = compare(text, shown[mode], since, mode == "single")
                if len(Tree(text).entries) < 20:
                    problems.append("hardly anything was unpacked")
                tap.check(f"{name}: {mode} ids and {tool} show the same {len(Tree(text).entries)} entries",
                          problems)
        return references[0][1], shown, since
    except RuntimeError as e:
        tap.check(name, [str(e)])
        return None
    finally:
        image.remove()


def references_differ(references, since):
    """Those that judge kelp have to agree with each other."""
    trees = [Tree(text, since) for _, text in references]
    # what no layer says anything of: umoci takes the beginning of time
    for tree in trees:
        tree.forget_time("/")
    return differences(*trees)


def check_controls(tap, reference, shown, since):
    """Every field that is compared makes a difference when it is another one."""
    text = shown["subids"]
    lines = reference.decode("ascii").splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("/var/2\t"))
    for n, field in enumerate(FIELDS, 1):
        values = lines[at].split("\t")
        # a number that nothing has, or the inode of another file
        values[n] = lines[at - 1].split("\t")[n] if field == "link" else values[n] + "7"
        changed = "\n".join(lines[:at] + ["\t".join(values)] + lines[at + 1:]).encode()
        found = [x for x in compare(changed, text, since, False) if ": " + field + ": " in x]
        tap.check(f"control: another {field} is noticed", [] if found else ["it is not"])
    for what, changed in [("an entry less", lines[:at] + lines[at + 1:]),
                          ("an entry more", lines + [lines[at].replace("/var/2", "/var/more")])]:
        found = compare("\n".join(changed).encode(), text, since, False)
        tap.check(f"control: {what} is noticed", [] if found else ["it is not"])


def main():
    tap = Tap()
    names = sys.argv[1:] or SMALL + DEBIAN + (LONG if os.environ.get("KELP_TEST_LONG") else [])
    modes = ["single"] + (["subids"] if shutil.which("newuidmap") else [])
    if not shutil.which("newuidmap"):
        tap.check("subordinate ids # skip the machine lacks newuidmap", [])
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="kelp-same.", dir=memory) as top:
        for name in names:
            if name in DEBIAN + LONG and not os.environ.get("KELP_TEST_DEBIAN_TAR"):
                tap.check(f"{name} # skip the machine lacks a mirror of Debian", [])
                continue
            done = check_image(tap, top, name, modes)
            if name == "owners" and done and "subids" in modes:
                check_controls(tap, *done)
    tap.end()


main()
