#!/usr/bin/env python3
"""Tries to get somewhere.  network-client.py WHAT...

tcp:ADDRESS/PORT[@DEVICE]   prints "reached WHAT: the last line of the answer" or "refused WHAT: why"
udp:ADDRESS/PORT[@DEVICE]   the same; no answer within a second is a refusal
raw:ADDRESS/PORT            sends a datagram with that destination in a header of its own
name:NAME                   looks it up
"""
import errno
import socket
import struct
import sys

WAY_OUT = "203.0.113.2"  # a raw header may say otherwise than the address that is routed


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def connect(kind, address, port, device):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    s.settimeout(1)
    if device:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
    s.connect((address, port))
    s.sendall(b"GET / HTTP/1.0\r\n\r\n" if kind == "tcp" else b"datagram")
    answer = b""
    while kind == "tcp":
        part = s.recv(65536)
        if not part:
            return answer
        answer += part
    return s.recv(65536)


def send_raw(address, port):
    data = b"raw to " + address.encode()
    udp = struct.pack("!HHHH", 4444, port, 8 + len(data), 0) + data
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, socket.IPPROTO_UDP, 0,
        socket.inet_aton("10.0.2.100"), socket.inet_aton(address),
    )
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    s.sendto(head + udp, (WAY_OUT, 0))
    return b"sent"


def attempt(what):
    kind, _, where = what.partition(":")
    if kind == "name":
        return socket.getaddrinfo(where, 80, type=socket.SOCK_STREAM)[0][4][0].encode()
    where, _, device = where.partition("@")
    address, _, port = where.rpartition("/")
    if kind == "raw":
        return send_raw(address, int(port))
    return connect(kind, address, int(port), device)


for what in sys.argv[1:]:
    try:
        answer = attempt(what).decode("latin-1").strip().splitlines() or ["nothing"]
        print(f"reached {what}: {answer[-1]}", flush=True)
    except socket.timeout:
        print(f"refused {what}: ETIMEDOUT", flush=True)
    except socket.gaierror as e:
        print(f"refused {what}: {e}", flush=True)
    except OSError as e:
        print(f"refused {what}: {errno.errorcode.get(e.errno, e)}", flush=True)
