# SPDX-License-Identifier: Apache-2.0
"""The check behind PING health monitors: one ICMP echo, with the rights that any user has.

HAProxy runs it as ``check-ping PROXY_ADDRESS PROXY_PORT SERVER_ADDRESS SERVER_PORT``; 0 means answered.
"""

from __future__ import annotations

__all__ = ["program"]

PROGRAM = """\
import socket, struct, sys

address = sys.argv[3]
six = ":" in address
family = socket.AF_INET6 if six else socket.AF_INET
protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
# The kernel writes identifier and checksum of such a socket itself.
question = struct.pack(">BBHHH", 128 if six else 8, 0, 0, 0, 1) + b"samovar"
try:
    with socket.socket(family, socket.SOCK_DGRAM, protocol) as sender:
        sender.settimeout(5)
        sender.connect((address, 0))
        sender.send(question)
        answer = sender.recv(1024)
except OSError:
    sys.exit(1)
sys.exit(0 if answer[:1] == (b"\\x81" if six else b"\\x00") else 1)
"""


def program() -> str:
    """The text of the check, without its first line."""
    return PROGRAM
