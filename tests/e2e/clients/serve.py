"""serve.py DIRECTORY CERT KEY: what is there, by HTTP on port 80 and by HTTPS on port 443, for every name."""

import contextlib
import functools
import http.server
import socket
import ssl
import sys
import threading


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET
    context = None

    def finish_request(self, request, client_address):
        # the handshake is a thread's own affair
        if not self.context:
            super().finish_request(request, client_address)
            return
        with contextlib.suppress(OSError), self.context.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)
            # "openssl s_client" wants a farewell
            secure.unwrap()


handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
plain = Server(("0.0.0.0", 80), handler)
tls = Server(("0.0.0.0", 443), handler)
tls.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.context.load_cert_chain(sys.argv[2], sys.argv[3])
for server in [plain, tls]:
    threading.Thread(target=server.serve_forever).start()
print("ready", flush=True)
