# SPDX-License-Identifier: Apache-2.0
"""Health checks of members that HAProxy does not check: those behind listeners of UDP and SCTP."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import time
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["check", "checksum"]

PROTOCOL_SCTP = 132
PROBES = 3
INIT, INIT_ACKNOWLEDGED, ABORT = 1, 2, 6


def check(monitor: Mapping[str, Any], address: str, port: int) -> tuple[bool, str]:
    """Whether a member does its work, and what was seen. With a timeout of 0 it has until the next check."""
    kind = str(monitor["type"])
    timeout = float(monitor["timeout"] or max(monitor.get("delay", 0), 1))
    try:
        if kind == "UDP-CONNECT":
            return _udp(address, port, timeout)
        if kind == "SCTP":
            return _sctp(address, port, timeout)
        if kind == "PING":
            return _ping(address, timeout)
        with socket.create_connection((address, port), timeout) as connection:
            connection.settimeout(timeout)
            if kind == "TCP":
                return True, "it takes connections"
            if kind in ("HTTPS", "TLS-HELLO"):
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                with context.wrap_socket(connection) as secure:
                    return (True, "it speaks TLS") if kind == "TLS-HELLO" else _http(secure, monitor, address)
            return _http(connection, monitor, address)
    except TimeoutError:
        return False, f"no answer within {timeout:g} s"
    except OSError as error:
        return False, error.strerror or str(error)


def _udp(address: str, port: int, timeout: float) -> tuple[bool, str]:
    """Empty datagrams: only a refusal says that nobody is there, and kernels do not refuse every one."""
    with _connected(socket.SOCK_DGRAM, 0, address, port, timeout / PROBES) as probe:
        for _ in range(PROBES):
            probe.send(b"")
            try:
                probe.recv(1)
            except TimeoutError:
                continue
            return True, "it answers"
    return True, "it does not refuse datagrams"


def _ping(address: str, timeout: float) -> tuple[bool, str]:
    six = ":" in address
    protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    with _connected(socket.SOCK_DGRAM, protocol, address, 0, timeout) as probe:
        probe.send(struct.pack(">BBHHH", 128 if six else 8, 0, 0, 0, 1) + b"samovar")
        answered = probe.recv(1024)[:1] == (b"\x81" if six else b"\x00")
        return answered, "it answers an echo" if answered else "it answers something else"


def _http(connection: socket.socket, monitor: Mapping[str, Any], address: str) -> tuple[bool, str]:
    host = monitor.get("domain_name") or (f"[{address}]" if ":" in address else address)
    request = f"{monitor.get('http_method') or 'GET'} {monitor.get('url_path') or '/'} HTTP/1.0"
    connection.sendall(f"{request}\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    words = connection.recv(4096).split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return False, "it does not speak HTTP"
    return _expected(
        int(words[1]), str(monitor.get("expected_codes") or "200")
    ), f"it answers {int(words[1])}"


def _expected(code: int, wanted: str) -> bool:
    for part in wanted.split(","):
        first, _, last = part.strip().partition("-")
        if int(first) <= code <= int(last or first):
            return True
    return False


def _sctp(address: str, port: int, timeout: float) -> tuple[bool, str]:
    """An INIT (RFC 9260, 3.3.2) from a raw socket: no kernel need know SCTP for it."""
    own = 32768 + int.from_bytes(os.urandom(2), "big") % 28000
    tag = os.urandom(4)
    init = struct.pack(">BBH4sIHHI", INIT, 0, 20, tag, 65536, 1, 1, 1)
    deadline = time.monotonic() + timeout
    with _connected(socket.SOCK_RAW, PROTOCOL_SCTP, address, 0, timeout) as probe:
        probe.send(_packet(own, port, b"\0\0\0\0", init))
        while True:
            probe.settimeout(max(deadline - time.monotonic(), 0.001))
            data = probe.recv(4096)
            if ":" not in address:
                data = data[(data[0] & 15) * 4 :]
            if len(data) < 16 or struct.unpack_from(">HH", data) != (port, own):
                continue
            if data[12] == INIT_ACKNOWLEDGED:
                theirs = data[16:20]
                probe.send(_packet(own, port, theirs, struct.pack(">BBH", ABORT, 0, 4)))
                return True, "it takes associations"
            if data[12] == ABORT:
                return False, "it refuses associations"


def _packet(source: int, destination: int, tag: bytes, chunk: bytes) -> bytes:
    head = struct.pack(">HH4s", source, destination, tag)
    return head + struct.pack("<I", checksum(head + bytes(4) + chunk)) + chunk


def checksum(data: bytes) -> int:
    """CRC32c (RFC 9260, appendix A)."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def _connected(kind: int, protocol: int, address: str, port: int, timeout: float) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, kind, protocol)
    made.settimeout(timeout)
    try:
        made.connect((address, port))
    except BaseException:
        made.close()
        raise
    return made
