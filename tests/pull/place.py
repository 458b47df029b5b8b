"""Runs `kelp pull` in a home of its own and judges what it leaves."""

import base64
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "image"))
import tree  # noqa: E402  (the path is set above)

KELP = os.environ.get("KELP") or os.path.join(os.environ["KELP_BUILD"], "src/cli/kelp")


class Place:
    def __init__(self, path):
        self.home = path
        os.makedirs(path, exist_ok=True)
        self.store = os.path.join(path, "data/kelp/store")
        self.env = {"HOME": path, "PATH": os.path.join(path, "bin") + ":" + os.environ["PATH"],
                    "XDG_DATA_HOME": os.path.join(path, "data"),
                    "XDG_CONFIG_HOME": os.path.join(path, "config")}

    def write(self, name, text, mode=0o600):
        path = os.path.join(self.home, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def login(self, host, user="alice", password="open sesame"):
        auth = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.write(".docker/config.json", json.dumps({"auths": {host: {"auth": auth}}}))

    def kelp(self, *args, **more):
        return subprocess.run([KELP, *args], env=self.env, cwd=self.home, timeout=120,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False, **more)

    def pull(self, *args):
        return self.kelp("pull", *args)

    def digest(self):
        return tree.digest(self.store)

    def names(self):
        listed = json.loads(self.kelp("images", "--json").stdout)
        return sorted(x["name"] for x in listed if x["name"])

    def leftovers(self):
        path = os.path.join(self.store, "tmp")
        return os.listdir(path) if os.path.exists(path) else []

    def check_blobs(self):
        """Nothing in the store has the name of a digest that it has not."""
        import layout
        problems = []
        blobs = os.path.join(self.store, "blobs/sha256")
        for blob in os.listdir(blobs) if os.path.exists(blobs) else []:
            with open(os.path.join(blobs, blob), "rb") as f:
                if layout.sha(f.read()) != "sha256:" + blob:
                    problems.append(f"blob {blob} is damaged")
        return problems

    def clear(self):
        for image in json.loads(self.kelp("images", "--json").stdout or b"[]"):
            self.kelp("rmi", image["id"])
