# SPDX-License-Identifier: Apache-2.0
"""What is: the answers and events of the host agent."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

__all__ = [
    "MACHINE_RESTARTED",
    "AgentReturned",
    "Event",
    "ImageReport",
    "InterfaceReport",
    "Inventory",
    "NetworkReport",
    "ServerExited",
    "ServerStatus",
]


MACHINE_RESTARTED = "The machine was restarted."
"""Why a server ended that nothing but the machine ended."""


class InterfaceReport(Struct, frozen=True):
    """Where a port ended up: its server's namespace and the interface's name there."""

    port_id: str
    namespace: str
    interface: str


class NetworkReport(Struct, frozen=True):
    """The outcome of ``network.ensure``: every wired port, and the ids of those that had to be made or
    changed. ``rebuilt``: its namespace is a new one, so that sockets opened in it before hear nothing any
    more.
    """

    interfaces: tuple[InterfaceReport, ...]
    changed: tuple[str, ...]
    rebuilt: bool = False


class ServerStatus(Struct, frozen=True, kw_only=True):
    """One server as it is. ``exit_status``: 0 it switched itself off, -9 it was killed, None it runs or was
    stopped by us; ``error`` says more. ``warnings``: what this machine or the server's user data could not
    be given, a sentence each. ``isolated``: it has a user namespace of its own.
    """

    id: str
    state: Literal["running", "paused", "stopped", "failed"]
    pid: int = 0
    started_at: datetime | None = None
    exit_status: int | None = None
    error: str = ""
    isolated: bool = True
    warnings: tuple[str, ...] = ()


class ImageReport(Struct, frozen=True, kw_only=True):
    """An unpacked image: where, and how many bytes it takes."""

    id: str
    path: str
    size: int


class Inventory(Struct, frozen=True, kw_only=True):
    """Everything in the kernel that belongs to this agent's state directory. All empty = the machine is
    clean.
    """

    namespaces: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    cgroups: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


class ServerExited(Struct, frozen=True, kw_only=True, tag="server.exited"):
    """A server ended by itself. ``exit_status``: 0 it switched itself off, -9 it was killed; ``reason`` is a
    sentence. A server that rebooted itself runs again and is not told of.
    """

    id: str
    exit_status: int | None
    reason: str = ""
    at: datetime


class AgentReturned(Struct, frozen=True, tag="agent.returned"):
    """The connection was lost and is back: events may have been missed, so ask for the status of
    everything.
    """


Event = ServerExited | AgentReturned
