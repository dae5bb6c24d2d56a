# SPDX-License-Identifier: Apache-2.0
"""What the agent is made of: the ground that all parts share, and what a part is."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from samovar.cloud.host.calls import Call
from samovar.cloud.host.namespaces import Namespaces
from samovar.cloud.host.reports import Event, Inventory

__all__ = ["Handler", "Host", "Part", "WithDescriptors"]

T = TypeVar("T")


class WithDescriptors(NamedTuple):
    """A handler's result that carries file descriptors along; the agent closes its copies once they are
    sent.
    """

    result: object
    descriptors: tuple[int, ...]


Handler = Callable[[Any], Awaitable[object]]


class Host:
    """The ground of all parts: where state lies, what marks it as ours, and the one thread that changes
    networks.

    ``tag`` (8 hex digits of the state directory's path) is in every kernel name that is not derived from a
    UUID.
    """

    def __init__(self, state_dir: Path, *, namespace_dir: Path = Path("/run/netns")) -> None:
        self.state_dir = state_dir.resolve()
        self.tag = self.tag_of("")
        self.namespaces = Namespaces(self.state_dir / "namespaces", namespace_dir)
        self.publish: Callable[[Event], None] = lambda event: None
        self._network_thread = ThreadPoolExecutor(1, thread_name_prefix="network")

    def tag_of(self, thing: str) -> str:
        """A short tag of one thing of this state directory."""
        return hashlib.sha256(f"{self.state_dir}\0{thing}".encode()).hexdigest()[:8]

    async def in_network_thread(self, work: Callable[..., T], *arguments: object) -> T:
        """Run ``work`` where namespaces may be entered; one piece of work at a time, in order."""
        return await asyncio.get_running_loop().run_in_executor(self._network_thread, work, *arguments)

    def has_server(self, server_id: str) -> bool:
        """Whether a server of this id exists, running or not, and is not being removed."""
        directory = self.state_dir / "servers" / server_id
        return directory.exists() and not (directory / "removing").exists()

    def close(self) -> None:
        self._network_thread.shutdown()
        self.namespaces.close()


class Part(Protocol):
    """A part of the agent. Made before any thread exists (so it may fork), started on the loop, stopped in
    the end.

    Stopping leaves everything in the kernel as it is: the data plane lives on without the agent.
    """

    def handlers(self) -> Mapping[Call[Any, Any], Handler]: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def inventory(self) -> Inventory: ...

    async def purge(self) -> None: ...
