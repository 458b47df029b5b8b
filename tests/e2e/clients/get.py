"""get.py CA HOST: a page by Python's own sockets and TLS."""

import socket
import ssl
import sys

with socket.create_connection((sys.argv[2], 443)) as plain:
    with ssl.create_default_context(cafile=sys.argv[1]).wrap_socket(plain, server_hostname=sys.argv[2]) as sock:
        sock.sendall(f"GET /hello HTTP/1.0\r\nHost: {sys.argv[2]}\r\n\r\n".encode())
        while data := sock.recv(4096):
            sys.stdout.write(data.decode())
