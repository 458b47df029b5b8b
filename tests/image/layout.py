"""OCI layouts and docker-archives, right or wrong in one place."""

import gzip
import hashlib
import io
import json
import os
import tarfile

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def dump(value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


class Layout:
    """An image of the given layers (uncompressed tars); its parts may be changed before write()."""

    def __init__(self, layers, packed=True, run=None):
        self.blobs = {}
        self.layers = []
        diff_ids = []
        for plain in layers:
            data = gzip.compress(plain, 1, mtime=0) if packed else plain
            diff_ids.append(sha(plain))
            self.layers.append(self.add(data, LAYER + ("+gzip" if packed else "")))
        self.config = {
            "architecture": "amd64" if os.uname().machine == "x86_64" else "arm64",
            "os": "linux",
            "config": run or {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
        self.manifest_extra = {}
        self.index_extra = {}
        self.config_type = CONFIG
        self.index_type = MANIFEST
        self.index = None
        self.manifest = None

    def add(self, data, media_type):
        digest = sha(data)
        self.blobs[digest] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def finish(self):
        """Returns the files of the layout: name -> bytes."""
        config = self.add(dump(self.config), self.config_type)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config,
                    "layers": self.layers}
        manifest.update(self.manifest_extra)
        descriptor = self.add(dump(self.manifest or manifest), self.index_type)
        index = {"schemaVersion": 2, "manifests": [descriptor]}
        index.update(self.index_extra)
        files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
                 "index.json": dump(self.index or index)}
        for digest, data in self.blobs.items():
            files["blobs/sha256/" + digest.split(":")[1]] = data
        return files

    def write(self, directory):
        for name, data in self.finish().items():
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(data)
        return directory

    def write_archive(self, path):
        return write_tar(path, self.finish())


def write_tar(path, files, mode="w"):
    """`files`: name -> bytes, or a str for a symlink's target."""
    with tarfile.open(path, mode) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            if isinstance(data, str):
                info.type = tarfile.SYMTYPE
                info.linkname = data
                tar.addfile(info)
            else:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


def docker_files(layers, **changes):
    """The members of a docker-archive, with layers as old docker wrote them: ID/layer.tar."""
    config = {"os": "linux", "config": {}, "rootfs": {"diff_ids": [sha(x) for x in layers]}}
    config.update(changes.get("config", {}))
    text = dump(config)
    name = hashlib.sha256(text).hexdigest() + ".json"
    files = {name: text}
    paths = []
    for i, data in enumerate(layers):
        paths.append(f"layer{i}/layer.tar")
        files[paths[-1]] = data
    entry = {"Config": name, "RepoTags": ["test:1"], "Layers": paths}
    entry.update(changes.get("entry", {}))
    files["manifest.json"] = dump([entry])
    return files
