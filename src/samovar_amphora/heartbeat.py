# SPDX-License-Identifier: Apache-2.0
"""Heartbeats: signed datagrams that say how everything is, to one health manager after the other.

    amphora id ‖ zlib(JSON) ‖ HMAC-SHA256 of all before in hexadecimal (64 bytes)

`epoch` grows with every start of the agent and `seq` with every message, so that none can be replayed. The
key is this amphora's own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import time
import zlib
from collections.abc import Callable

from .counters import Counters
from .datagrams import Datagrams
from .files import read, write
from .haproxy import Haproxy
from .keepalived import Keepalived
from .log import log
from .rules import CannotCarry
from .runtime import RuntimeFailure
from .settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Heartbeat", "next_epoch", "sign"]

VERSION = 4
BIND_TO_DEVICE = 25


def sign(message: dict[str, Any], key: str) -> bytes:
    """The datagram of a message. `key` is hexadecimal."""
    content = zlib.compress(json.dumps(message, separators=(",", ":")).encode(), 6)
    packed = str(message["id"]).encode() + content
    return packed + hmac.new(bytes.fromhex(key), packed, hashlib.sha256).hexdigest().encode()


def next_epoch(directory: str) -> int:
    """A number larger than at any start before, whatever the clock says."""
    path = f"{directory}/epoch"
    try:
        before = int(read(path))
    except (FileNotFoundError, ValueError):
        before = 0
    epoch = max(before + 1, time.time_ns() // 1_000_000)
    write(path, str(epoch))
    return epoch


class Heartbeat:
    """A thread that sends; silent while HAProxy or keepalived should run and does not."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        epoch: int,
        haproxy: Haproxy,
        keepalived: Keepalived,
        counters: Counters,
        datagrams: Datagrams,
    ) -> None:
        self._settings, self.epoch = settings, epoch
        self._haproxy, self._keepalived, self._counters = haproxy, keepalived, counters
        self._datagrams = datagrams
        self._sequence = self._turn = 0
        self._stop = threading.Event()
        self._soon = threading.Event()

    def begin(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def end(self) -> None:
        self._stop.set()
        self._soon.set()

    def hurry(self) -> None:
        """Send the next one now."""
        self._soon.set()

    def message(self) -> dict[str, Any] | None:
        """What to send now; None when the amphora does not do its work."""
        if self._haproxy.wanted and self._haproxy.pid is None:
            return None
        if self._keepalived.wanted and not self._keepalived.running:
            return None
        self._sequence += 1
        message: dict[str, Any] = {
            "id": self._settings().amphora_id,
            "ver": VERSION,
            "epoch": self.epoch,
            "seq": self._sequence,
            "recv": self._haproxy.digest(),
            "vrrp": self._keepalived.state(),
            "listeners": {},
            "pools": {},
        }
        if not self._haproxy.wanted:
            return message
        try:
            report, totals = self._counters.read()
            told, pools = self._datagrams.report()
        except (RuntimeFailure, CannotCarry, OSError):
            return None
        message["listeners"] = {
            name: {"status": status, "stats": totals[name]} for name, status in report.listeners.items()
        }
        message["listeners"] |= told
        message["pools"] = {**report.pools, **pools}
        return message

    def _run(self) -> None:
        while not self._stop.is_set():
            self._soon.wait(self._settings().heartbeat_interval)
            self._soon.clear()
            if self._stop.is_set():
                return
            try:
                message = self.message()
                if message is not None:
                    self._send(sign(message, self._settings().heartbeat_key))
            except OSError as error:
                log.warning("heartbeat: %s", error.strerror or error)

    def _send(self, datagram: bytes) -> None:
        settings = self._settings()
        if not settings.controllers:
            return
        self._turn += 1
        controller = settings.controllers[self._turn % len(settings.controllers)]
        host, _, port = controller.rpartition(":")
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            if settings.management_interface:
                sender.setsockopt(socket.SOL_SOCKET, BIND_TO_DEVICE, settings.management_interface.encode())
            sender.sendto(datagram, (host, int(port)))
