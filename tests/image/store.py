"""Drives kelp-image and judges what it says."""

import os
import re
import subprocess
import tempfile

import tree

PROGRAM = os.environ.get("KELP_IMAGE") or os.path.join(
    os.environ["KELP_BUILD"], "helpers/image/kelp-image")


class Store:
    def __init__(self, path):
        self.path = path
        self.rss = 0  # KiB: the most that a process of kelp-image had

    def run(self, *args, **more):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen([PROGRAM, "--store", self.path, *args], stdout=out,
                                       stderr=err, **more)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.rss = max(self.rss, usage.ru_maxrss)
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(process.args, process.returncode, out.read(),
                                               err.read())

    def digest(self):
        return tree.digest(self.path)

    def leftovers(self):
        return os.listdir(os.path.join(self.path, "tmp"))

    def layers(self, image_id):
        with open(os.path.join(self.path, "images", image_id), encoding="utf-8") as f:
            found = re.findall(r"^layer = ([0-9a-f]{64})$", f.read(), re.M)
        return [os.path.join(self.path, "unpacked/single", layer) for layer in found]


def image_id(result):
    """The 64 digits that an import printed."""
    match = re.fullmatch(rb"sha256:([0-9a-f]{64})\n", result.stdout)
    return match.group(1).decode() if match else None


def judge_refusal(result, pattern):
    """What is wrong with how a refusal was told."""
    problems = []
    lines = result.stderr.decode("utf-8", "replace").splitlines()
    if result.returncode != 125:
        problems.append(f"exit status {result.returncode}, not 125")
    if result.stdout:
        problems.append(f"there is something on stdout: {result.stdout!r}")
    if not lines or not lines[0].startswith("kelp: "):
        problems.append("no error message")
    elif not re.search(pattern, lines[0]):
        problems.append(f"the message has no /{pattern}/")
    if len(lines) > 2 or (len(lines) == 2 and not lines[1].startswith("hint: ")):
        problems.append("more than a message and a hint")
    if re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]", result.stderr):
        problems.append("control characters in the message")
    if problems:
        problems.append(result.stderr.decode("utf-8", "backslashreplace"))
    return problems
