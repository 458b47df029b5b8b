#!/usr/bin/env python3
"""Each malformed config.json is one line that names its JSON path, exit status 1 (of exec 255), and no container.

The rows of malformed.rows change one whole config.json in one place each; that every member of it has each
wrong type is made here; and there are texts that are no JSON, or more of it than is taken.  `exec --process`
and `update --resources` read what is theirs of them alike, of a container that goes on.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "image"))
from tap import Tap  # noqa: E402

KELP_OCI = os.environ.get("KELP_OCI") or os.path.join(os.environ["KELP_BUILD"], "helpers/oci/kelp-oci")
ROWS = os.path.join(os.path.dirname(__file__), "malformed.rows")


def plain():
    """What linux.seccomp is tried with: nothing else has anything to say."""
    rule = {"names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
            "args": [{"index": 0, "value": 18446744073709551615, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}]}
    return {"ociVersion": "1.0.0", "root": {"path": "rootfs"}, "process": {"args": ["true"], "cwd": "/"},
            "linux": {"namespaces": [{"type": "user"}],
                      "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}}}


def id_map(*ranges):
    return [dict(zip(("containerID", "hostID", "size"), r)) for r in ranges]


def whole():
    """A config.json with nearly every member that there is, and nothing wrong; no part of it is shared."""
    return json.loads(json.dumps(make_whole()))


def make_whole():
    hook = {"path": "/bin/true", "args": ["true"], "env": ["A=1"], "timeout": 5}
    caps = ["CAP_KILL"]
    return {
        "ociVersion": "1.2.0", "root": {"path": "rootfs", "readonly": False}, "hostname": "box", "domainname": "d",
        "annotations": {"a": "b"},
        "hooks": {k: [hook] for k in ("prestart", "createRuntime", "createContainer", "startContainer",
                                                 "poststart", "poststop")},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]},
            {"destination": "/mnt", "type": "bind", "source": "/tmp", "options": ["rbind", "ro"]},
            {"destination": "/m", "type": "tmpfs", "source": "t", "options": ["idmap"],
             "uidMappings": id_map((0, 1000, 1)), "gidMappings": id_map((0, 1000, 1))}],
        "process": {
            "terminal": True, "consoleSize": {"height": 25, "width": 80}, "args": ["true"], "cwd": "/",
            "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0, "umask": 18, "additionalGids": [0]},
            "capabilities": {k: caps for k in ("bounding", "effective", "permitted", "inheritable", "ambient")},
            "noNewPrivileges": True, "oomScoreAdj": 500, "apparmorProfile": "", "selinuxLabel": "",
            "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 1024},
                        {"type": "RLIMIT_CORE", "soft": 0, "hard": 18446744073709551615}],
            "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
            "scheduler": {"policy": "SCHED_OTHER", "nice": 5, "priority": 0, "flags": ["SCHED_FLAG_RESET_ON_FORK"],
                          "runtime": 0, "deadline": 0, "period": 0},
            "execCPUAffinity": {"initial": "0", "final": "0-1"}},
        "linux": {
            "namespaces": [{"type": t, "path": ""} for t in ("user", "mount", "pid", "network", "ipc", "uts", "cgroup",
                                                             "time")],
            "uidMappings": id_map((0, 1001, 1), (1, 65536, 10)), "gidMappings": id_map((0, 1001, 1)),
            "timeOffsets": {"monotonic": {"secs": 1, "nanosecs": 1}, "boottime": {"secs": 1, "nanosecs": 1}},
            "rootfsPropagation": "private", "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"],
            "cgroupsPath": "/a/b", "mountLabel": "", "personality": {"domain": "LINUX", "flags": []},
            "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]},
            "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438, "uid": 0,
                         "gid": 0}],
            "netDevices": {}, "sysctl": {"net.ipv4.ip_forward": "1"},
            "seccomp": {"defaultAction": "SCMP_ACT_ALLOW"},
            "resources": {
                "memory": {"limit": 1000000, "swap": 2000000, "reservation": 1000, "kernel": -1, "kernelTCP": -1,
                           "swappiness": 0, "disableOOMKiller": False, "useHierarchy": False,
                           "checkBeforeUpdate": False},
                "cpu": {"shares": 1024, "quota": 100000, "period": 100000, "burst": 0, "idle": 0, "cpus": "0",
                        "mems": "0", "realtimePeriod": 0, "realtimeRuntime": 0},
                "pids": {"limit": 50}, "rdma": {"a": {"hcaHandles": 1, "hcaObjects": 1}},
                "blockIO": {"weight": 100, "leafWeight": 100,
                            "weightDevice": [{"major": 8, "minor": 0, "weight": 10, "leafWeight": 10}],
                            **{k: [{"major": 8, "minor": 0, "rate": 1}] for k in (
                                "throttleReadBpsDevice", "throttleWriteBpsDevice", "throttleReadIOPSDevice",
                                "throttleWriteIOPSDevice")}},
                "hugepageLimits": [{"pageSize": "2MB", "limit": 1}],
                "network": {"classID": 1, "priorities": [{"name": "a", "priority": 1}]},
                "devices": [{"allow": False, "type": "c", "major": 1, "minor": 1, "access": "rwm"}],
                "unified": {"pids.max": "5"}}}}


def steps_of(path):
    """The steps of "a.b[2].c" and 'a["x.y"]'."""
    return [int(i) if i else name or quoted
            for name, i, quoted in re.findall(r'(?:^|\.)([A-Za-z0-9_-]+)|\[(\d+)\]|\["([^"]*)"\]', path)]


def path_of(steps):
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[A-Za-z0-9_-]+", step):
            text += ("." if text else "") + step
        else:
            text += f'["{step}"]'
    return text


def holder(config, steps):
    for step in steps[:-1]:
        config = config.setdefault(step, {}) if isinstance(config, dict) else config[step]
    return config


def read_rows():
    """(name, text of the config.json, what is named)"""
    with open(ROWS, encoding="ascii") as f:
        lines = [line.strip() for line in f if line.strip() and not line.startswith("#")]
    for line in lines:
        member, kind, rest = re.match(r"(\S+) ([=-])\s*(.*)$", line).groups()
        value, where = re.match(r"(.*?)(?:\s*@ (\S+|.*\]))?$", rest).groups()
        config = plain() if member.startswith("linux.seccomp") else whole()
        steps = steps_of(member)
        if kind == "-":
            del holder(config, steps)[steps[-1]]
        else:
            holder(config, steps)[steps[-1]] = json.loads(value)
        yield line, json.dumps(config), where or member


def members(value, steps=()):
    """All steps to a value below the top."""
    for key, below in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*steps, key), below
        if isinstance(below, (dict, list)):
            yield from members(below, (*steps, key))


def wrong_types(value):
    if isinstance(value, bool):
        return ["yes", 1]
    if isinstance(value, int):
        return ["7", True, 1.5]
    if isinstance(value, str):
        return [7, {}]
    return [[], 7] if isinstance(value, dict) else [{}, "x"]


def mistyped():
    for steps, value in members(whole()):
        for wrong in wrong_types(value):
            config = whole()
            holder(config, steps)[steps[-1]] = wrong
            yield f"{path_of(steps)}: {json.dumps(wrong)}", json.dumps(config), path_of(steps)


def texts():
    good = json.dumps(whole())
    yield from ((f"no JSON: {name}", text, "JSON") for name, text in {
        "nothing": "", "a space": " ", "half": good[: len(good) // 2], "a brace": "{", "two": good + good,
        "a comma": good[:-1] + ",}", "single quotes": "{'ociVersion': '1.0.0'}", "a comment": "/* x */" + good,
        "NaN": good[:-1] + ',"x": NaN}', "a word": "config", "a number with a sign": good[:-1] + ',"x": +1}',
        "octal": good[:-1] + ',"x": 01}', "a key that is none": good[:-1] + ',18446744073709551615: 1}',
        "a newline in a string": good[:-1] + ',"x": "a\nb"}', "NUL": good[:-1] + ',"x": "\\u0000"}',
        "half a pair": good[:-1] + ',"x": "\\ud800"}',
        "a large number with a zero": good[:-1] + ',"x": 018446744073709551616}', "1e999": good[:-1] + ',"x": 1e999}',
        "twice": good[:-1] + ',"root": {"path": "x"}}', "twice below": good[:-1] + ',"x": {"a": 1, "a": 2}}',
        "invalid UTF-8": good[:-1].encode() + b',"x": "\xff"}', "latin": good[:-1].encode() + b',"x": "\xe4"}',
        "a byte order mark": b"\xef\xbb\xbf" + good.encode(), "raw NUL": good[:-1].encode() + b',"x": "\0"}',
        "nests": good[:-1] + ',"x": ' + "[" * 65 + "]" * 65 + "}",
        "nests without an end": "[" * 100000,
        "values": good[:-1] + ',"x": [' + "0," * 1000001 + "0]}",
        "too large": " " * (16 << 20) + good,
    }.items())
    for text in ("[]", "7", '"x"', "null", "true"):
        yield f"no object: {text}", text, "TOP" if text == "[]" else "JSON"
    long = whole()
    long["process"]["args"] = ["a" * 131072]
    yield "an overlong argument", json.dumps(long), "process.args[0]"
    long = whole()
    long["process"]["env"] = ["A=" + "a" * 131070]
    yield "an overlong variable", json.dumps(long), "process.env[0]"
    for steps in (("process", "cwd"), ("root", "path"), ("mounts", 1, "source"), ("mounts", 0, "destination"),
                  ("linux", "maskedPaths", 0), ("linux", "readonlyPaths", 0), ("linux", "namespaces", 3, "path"),
                  ("hooks", "prestart", 0, "path"), ("linux", "cgroupsPath"), ("linux", "devices", 0, "path"),
                  ("linux", "seccomp", "listenerPath")):
        long = whole()
        holder(long, steps)[steps[-1]] = "/" + "x" * 4095
        yield f"an overlong {path_of(steps)}", json.dumps(long), path_of(steps)
    for steps, n, item in ((("mounts",), 2001, whole()["mounts"][0]), (("hooks", "poststop"), 101, {"path": "/x"}),
                           (("linux", "devices"), 501, whole()["linux"]["devices"][0]),
                           (("linux", "maskedPaths"), 1001, "/x"), (("linux", "readonlyPaths"), 1001, "/x"),
                           (("linux", "uidMappings"), 33, {}), (("process", "user", "additionalGids"), 65537, 1),
                           (("process", "env"), 20001, "A=1"), (("process", "args"), 100001, "a")):
        many = whole()
        holder(many, steps)[steps[-1]] = [item] * n
        yield f"{n} of {path_of(steps)}", json.dumps(many), path_of(steps)


# what else reads a part of it: its member, the command, and what it calls it
PARTS = (("process", ("exec", "--process"), "process"),
         ("linux.resources", ("update", "--resources"), "update: resources"))


def is_of_part(row):
    return any(row[2].startswith(member + ".") for member, _, _ in PARTS)


def said_wrong(prefix, where, result, names):
    """What is wrong with how it was refused."""
    err = result.stderr
    lines = err.splitlines()
    if where == "JSON":
        start = re.compile(rf"kelp-oci: ('.*/{names}'|{names})( is (not valid JSON: line \d+: |larger than )"
                           r"| nests deeper than | has more than )")
    elif where == "TOP":
        start = re.compile(rf"kelp-oci: {names}: must be an object$")
    else:
        start = re.compile(re.escape(f"kelp-oci: {prefix}: {where}: "))
    # what exec fails with is no status that its command could have had
    if result.returncode != (255 if "exec" in result.args else 1):
        yield f"exit status {result.returncode}"
    if result.stdout:
        yield f"printed {result.stdout[:200]}"
    # a hint is no part of what is said, and in a log it is on the same line
    if len(lines) > 1 and lines[1].startswith("hint: "):
        del lines[1]
    if len(lines) != 1 or not start.match(lines[0]):
        yield f"said {err[:400]!r}, not one line that begins as {start.pattern!r}"


class Runner:
    def __init__(self, top):
        self.top = top
        self.root = os.path.join(top, "root")
        os.mkdir(self.root, 0o700)

    def call(self, *words):
        return subprocess.run([KELP_OCI, "--root", self.root, *words], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="backslashreplace", timeout=60, check=False)

    def start(self):
        """A container that waits."""
        bundle = os.path.join(self.top, "running")
        os.makedirs(os.path.join(bundle, "rootfs/bin"))
        shutil.copy(shutil.which("busybox"), os.path.join(bundle, "rootfs/bin/busybox"))
        config = plain()
        del config["linux"]["seccomp"]
        config["process"]["args"] = ["/bin/busybox", "sleep", "1000"]
        config["linux"]["uidMappings"] = id_map((0, os.getuid(), 1))
        config["linux"]["gidMappings"] = id_map((0, os.getgid(), 1))
        config["linux"]["namespaces"] = [{"type": t} for t in ("user", "mount", "pid")]
        with open(os.path.join(bundle, "config.json"), "w", encoding="ascii") as f:
            json.dump(config, f)
        out = os.path.join(self.top, "out")
        with open(out, "w+", encoding="utf-8") as f:
            status = subprocess.run([KELP_OCI, "--root", self.root, "run", "--detach", "--bundle", bundle, "c"],
                                    stdin=subprocess.DEVNULL, stdout=f, stderr=f, timeout=60, check=False).returncode
            f.seek(0)
            return [f"status {status}: {f.read()}"] if status else []

    def try_part(self, row):
        i, (name, text, where) = row
        member, words, said = PARTS[where.startswith("linux")]
        part = json.loads(text)
        for step in steps_of(member):
            part = part[step]
        file = os.path.join(self.top, f"p{i}")
        with open(file, "w", encoding="ascii") as f:
            json.dump(part, f)
        return f"{words[0]}: {name}", list(said_wrong(said, where[len(member) + 1:], self.call(*words, file, "c"), said))

    def try_create(self, row):
        i, (name, text, where) = row
        bundle = os.path.join(self.top, f"b{i}")
        os.makedirs(os.path.join(bundle, "rootfs"))
        with open(os.path.join(bundle, "config.json"), "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        problems = list(said_wrong("config.json", where, self.call("create", "--bundle", bundle, f"c{i}"),
                                   r"config\.json"))
        os.unlink(os.path.join(bundle, "config.json"))
        if os.path.exists(os.path.join(self.root, f"c{i}")):
            problems.append("the container is there")
        return name, problems


def main():
    tap = Tap()
    rows = [*texts(), *read_rows(), *mistyped()]
    with tempfile.TemporaryDirectory(prefix="kelp-malformed.") as top:
        runner = Runner(top)
        tap.check("there are 300 kinds", [] if len(rows) >= 300 else [f"{len(rows)} of them"])
        # it is read to its end: the terminal of a container is asked for after that
        tap.check(*runner.try_create(("whole", ("the whole one is read", json.dumps(whole()), "process.terminal"))))
        with ThreadPoolExecutor(2) as pool:
            for name, problems in pool.map(runner.try_create, enumerate(rows)):
                tap.check(name[:150], problems)
            tap.check("a container is started", runner.start())
            parts = list(filter(is_of_part, [*read_rows(), *mistyped()]))
            for name, problems in pool.map(runner.try_part, enumerate(parts)):
                tap.check(name[:150], problems)
        tap.check("which goes on", [] if runner.call("list", "-q").stdout == "c\n" else ["it does not"])
        runner.call("delete", "--force", "c")
        left = runner.call("list", "-q")
        tap.check("no container is left", [left.stdout + left.stderr] if left.stdout or left.stderr else [])
    tap.end()


main()
