"""A registry that can be told to behave badly, on 127.0.0.1 unless another address is given."""

import collections
import http.server
import itertools
import json
import os
import ssl
import sys
import threading
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "image"))
import layout  # noqa: E402  (the path is set above)

Request = collections.namedtuple("Request", "path query headers body")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.handle_one("GET")

    def do_POST(self):
        self.handle_one("POST")

    def handle_one(self, _method):
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(url.path, dict(urllib.parse.parse_qsl(url.query)), self.headers, body)
        self.server.registry.take(self, request)

    def reply(self, status, body=b"", **headers):
        """`headers`: underscores stand for dashes; Content_Length may lie; None leaves one out."""
        headers.setdefault("Content_Length", len(body))
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def error(self, status, code, message, **headers):
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.reply(status, body, Content_Type="application/json", **headers)

    def cut(self):
        """Ends the connection as it is."""
        self.wfile.flush()
        self.close_connection = True
        try:
            self.connection.shutdown(2)
        except OSError:
            pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *args):
        pass


class Registry:
    """`hook(handler, request, n)` comes first: n counts the requests for that path, from 0.  When it
    returns True it has dealt with the request."""

    def __init__(self, hook=None, certificate=None, address="127.0.0.1", port=0):
        self.blobs = {}
        self.manifests = {}  # reference -> (type, bytes)
        self.requests = []
        self.counts = collections.Counter()
        self.hook = hook
        self.lock = threading.Lock()
        self.now = 0
        self.most = 0
        self.server = Server((address, port), Handler)
        self.server.registry = self
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate + ".pem", certificate + ".key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.host = f"{address}:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def add(self, image, *tags):
        """A layout.Layout; returns the digest of its manifest."""
        files = image.finish()
        for name, data in files.items():
            if name.startswith("blobs/"):
                self.blobs["sha256:" + name.rsplit("/", 1)[1]] = data
        entry = json.loads(files["index.json"])["manifests"][0]
        self.add_manifest(self.blobs[entry["digest"]], entry["mediaType"], *tags)
        return entry["digest"]

    def add_manifest(self, data, media_type, *tags):
        digest = layout.sha(data)
        for name in [digest, *tags]:
            self.manifests[name] = (media_type, data)
        return digest

    def asked(self, part):
        return [r for r in self.requests if part in r.path]

    def take(self, handler, request):
        with self.lock:
            n = self.counts[request.path]
            self.counts[request.path] += 1
            self.requests.append(request)
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            if not (self.hook and self.hook(handler, request, n)):
                self.answer(handler, request)
        finally:
            with self.lock:
                self.now -= 1

    def answer(self, handler, request):
        kind, _, reference = request.path.rpartition("/")
        if kind.endswith("/manifests") and reference in self.manifests:
            media_type, data = self.manifests[reference]
            handler.reply(200, data, Content_Type=media_type,
                          Docker_Content_Digest=layout.sha(data))
        elif kind.endswith("/blobs") and reference in self.blobs:
            send_range(handler, request, self.blobs[reference])
        elif kind.endswith("/manifests"):
            handler.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        else:
            handler.error(404, "BLOB_UNKNOWN", "blob unknown to registry")


def send_many(handler, pieces):
    """What has begun goes on until nobody takes it any more."""
    try:
        for piece in pieces:
            handler.wfile.write(piece)
    except OSError:
        pass
    handler.close_connection = True


def send_endless(handler):
    """An answer of chunks, of 6 GiB, which nobody should wait for."""
    handler.reply(200, Content_Length=None, Transfer_Encoding="chunked")
    send_many(handler, itertools.repeat(b"10000\r\n" + bytes(0x10000) + b"\r\n", 100000))


def start_of(request):
    """Where the asked range starts."""
    value = request.headers.get("Range", "bytes=0-")
    return int(value[len("bytes="):].split("-")[0])


def send_range(handler, request, data, most=None):
    """The range that was asked for; cut off after `most` bytes of it."""
    start = start_of(request)
    headers = {"Content_Length": len(data) - start}
    if start:
        headers["Content_Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
    rest = data[start:]
    handler.reply(206 if start else 200, rest if most is None else rest[:most], **headers)
    if most is not None:
        handler.cut()
