# SPDX-License-Identifier: Apache-2.0
"""The agent's whole vocabulary, one line a call: its name, what it takes, what it answers.

Every call is idempotent ("make it so"), so that a client whose connection broke may simply ask again.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import Generic, Literal, TypeVar

from msgspec import Struct

from samovar.cloud.host.reports import ImageReport, Inventory, NetworkReport, ServerStatus
from samovar.cloud.host.specs import ExternalSpec, Id, ImageSpec, Ip, NetworkSpec, RouterSpec, ServerSpec

__all__ = [
    "CALLS",
    "Call",
    "Console",
    "EnsureNetwork",
    "EnsureRouter",
    "Named",
    "Nothing",
    "OpenListener",
    "RebootServer",
    "SaveServer",
    "StopServer",
]

Q = TypeVar("Q", bound=Struct)
R = TypeVar("R")


@dataclass(frozen=True)
class Call(Generic[Q, R]):
    """One word of the vocabulary. ``descriptors``: how many file descriptors the answer carries."""

    name: str
    request: type[Q]
    result: type[R]
    descriptors: int = 0


class Nothing(Struct, frozen=True):
    """A call without arguments."""


class Named(Struct, frozen=True):
    """A call about one thing, by its id."""

    id: Id


class EnsureNetwork(Struct, frozen=True):
    """``verify``: look at the kernel itself instead of trusting what the agent remembers having done."""

    spec: NetworkSpec
    verify: bool = False


class EnsureRouter(Struct, frozen=True):
    """``verify``: as for networks."""

    spec: RouterSpec
    verify: bool = False


class OpenListener(Struct, frozen=True):
    """A bound socket in a network's namespace: listening (tcp) or ready to receive (udp)."""

    network_id: Id
    address: Ip = "169.254.169.254"
    port: int = 80
    protocol: Literal["tcp", "udp"] = "tcp"


class StopServer(Struct, frozen=True):
    """SIGTERM, then SIGKILL after ``timeout`` seconds."""

    id: Id
    timeout: float = 10.0


class RebootServer(Struct, frozen=True):
    """``hard``: do not ask the server's first process to end by itself."""

    id: Id
    hard: bool = False


class SaveServer(Struct, frozen=True):
    """What the server wrote becomes the data of an image of this id."""

    id: Id
    image_id: Id


class Console(Struct, frozen=True):
    """The last ``lines`` lines of a server's console; None = all."""

    id: Id
    lines: int | None = None


HELLO = Call("agent.hello", Nothing, int)
SUBSCRIBE = Call("agent.subscribe", Nothing, NoneType)
INVENTORY = Call("agent.inventory", Nothing, Inventory)
PURGE = Call("agent.purge", Nothing, NoneType)

NETWORK_ENSURE = Call("network.ensure", EnsureNetwork, NetworkReport)
NETWORK_REMOVE = Call("network.remove", Named, NoneType)
ROUTER_ENSURE = Call("router.ensure", EnsureRouter, NoneType)
ROUTER_REMOVE = Call("router.remove", Named, NoneType)
EXTERNAL_ENSURE = Call("external.ensure", ExternalSpec, NoneType)
EXTERNAL_REMOVE = Call("external.remove", Named, NoneType)
LISTENER_OPEN = Call("listener.open", OpenListener, NoneType, descriptors=1)

SERVER_ENSURE = Call("server.ensure", ServerSpec, ServerStatus)
SERVER_START = Call("server.start", Named, ServerStatus)
SERVER_STOP = Call("server.stop", StopServer, ServerStatus)
SERVER_REBOOT = Call("server.reboot", RebootServer, ServerStatus)
SERVER_REBUILD = Call("server.rebuild", ServerSpec, ServerStatus)
SERVER_RESIZE = Call("server.resize", ServerSpec, ServerStatus)
SERVER_PAUSE = Call("server.pause", Named, ServerStatus)
SERVER_UNPAUSE = Call("server.unpause", Named, ServerStatus)
SERVER_SAVE = Call("server.save", SaveServer, str)
SERVER_REMOVE = Call("server.remove", Named, NoneType)
SERVER_CONSOLE = Call("server.console", Console, str)
SERVER_STATUS = Call("server.status", Nothing, list[ServerStatus])
IMAGE_UNPACK = Call("image.unpack", ImageSpec, ImageReport)
IMAGE_REMOVE = Call("image.remove", Named, NoneType)

CALLS: dict[str, Call[Struct, object]] = {
    value.name: value for value in tuple(globals().values()) if isinstance(value, Call)
}
