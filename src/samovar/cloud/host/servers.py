# SPDX-License-Identifier: Apache-2.0
"""The server part of the agent: containers as servers, from ``ensure`` to ``remove``.

Servers are not our children and go on without us. Each is found again by its pid file; its end is seen by a
pidfd. Work on one server is done one piece at a time, and every piece may be cut off anywhere and asked for
again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from samovar.cloud.host import calls, console, launcher
from samovar.cloud.host.calls import Call, Named, Nothing
from samovar.cloud.host.cgroups import Cgroups
from samovar.cloud.host.errors import HostError
from samovar.cloud.host.images import HOST_IMAGE, Images
from samovar.cloud.host.launching import Launcher
from samovar.cloud.host.namespaces import server_namespace
from samovar.cloud.host.parts import Handler, Host
from samovar.cloud.host.ports import ensure_server_namespace, leave_server_namespace
from samovar.cloud.host.reports import ImageReport, Inventory, ServerExited, ServerStatus
from samovar.cloud.host.server_files import ServerFiles, user_base
from samovar.cloud.host.server_status import status_of, why_ended
from samovar.cloud.host.specs import ImageSpec, ServerSpec
from samovar.cloud.host.watching import Watches

__all__ = ["Servers"]

log = logging.getLogger(__name__)
KILL_SECONDS = 10.0
PURGE_SECONDS = 5.0
TRIM_SECONDS = 10.0


class Servers:
    """All servers of this host's state directory."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._directory = host.state_dir / "servers"
        self._images = Images(host.state_dir / "images")
        self._launcher = Launcher()
        self._cgroups = Cgroups(host.tag)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._watches = Watches(lambda server_id: self._soon(self._ended(server_id)))
        self._tasks: set[asyncio.Task[None]] = set()
        self._warming: asyncio.Task[object] | None = None

    def handlers(self) -> Mapping[Call[Any, Any], Handler]:
        return {
            calls.SERVER_ENSURE: self.ensure,
            calls.SERVER_START: lambda one: self.start_server(one.id),
            calls.SERVER_STOP: lambda one: self.stop_server(one.id, one.timeout),
            calls.SERVER_REBOOT: lambda one: self.reboot(one.id, hard=one.hard),
            calls.SERVER_REBUILD: self.rebuild,
            calls.SERVER_RESIZE: self.resize,
            calls.SERVER_PAUSE: lambda one: self.pause(one.id, True),
            calls.SERVER_UNPAUSE: lambda one: self.pause(one.id, False),
            calls.SERVER_SAVE: lambda one: self.save(one.id, one.image_id),
            calls.SERVER_REMOVE: lambda one: self.remove(one.id),
            calls.SERVER_CONSOLE: self._console,
            calls.SERVER_STATUS: self._status,
            calls.IMAGE_UNPACK: self._unpack,
            calls.IMAGE_REMOVE: self._remove_image,
        }

    # ── the agent's life ──

    async def start(self) -> None:
        """Find the servers that run, finish removals that were cut off, and start what was about to
        reboot.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        await asyncio.to_thread(self._images.prepare)
        await asyncio.gather(*(self._adopt(server_id) for server_id in self._ids()))
        self._soon(self._keep_consoles_small())
        self._soon(self._launcher.prepare())
        self._warming = asyncio.create_task(asyncio.to_thread(self._images.layers, HOST_IMAGE))

    async def _adopt(self, server_id: str) -> None:
        if self._files(server_id).is_removing():
            await self.remove(server_id)
        elif not self._watch(server_id):
            await self._ended(server_id)

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        warming = () if self._warming is None else (self._warming,)
        await asyncio.gather(*self._tasks, *warming, return_exceptions=True)
        self._watches.release_all()
        await self._launcher.close()

    async def inventory(self) -> Inventory:
        return Inventory(
            servers=tuple(one for one in self._ids() if self._files(one).running() is not None),
            cgroups=tuple(self._cgroups.groups()),
        )

    async def purge(self) -> None:
        """Stop all servers and let go of the kernel. What they wrote stays, with the state directory."""
        await asyncio.gather(*(self._put_away(server_id) for server_id in self._ids()))
        await asyncio.to_thread(self._cgroups.purge)

    async def _put_away(self, server_id: str) -> None:
        async with self._locks[server_id]:
            files = self._files(server_id)
            if files.is_removing():
                await self._remove(server_id)
                return
            state = files.state()
            state.wanted = False
            files.save_state(state)
            await self._halt(server_id, PURGE_SECONDS)

    # ── the vocabulary ──

    async def ensure(self, spec: ServerSpec) -> ServerStatus:
        """Have the server, running unless ``spec.running`` is false. A running one is only given new
        limits.
        """
        _check(spec)
        async with self._locks[spec.id]:
            files = self._files(spec.id)
            if files.is_removing():
                await self._remove(spec.id)
            files.make()
            files.save_spec(spec)
            state = files.state()
            state.wanted = spec.running
            files.save_state(state)
            if spec.running:
                await self._run(files, spec)
            else:
                await self._halt(spec.id, 10.0)
            return self._status_of(spec.id)

    async def resize(self, spec: ServerSpec) -> ServerStatus:
        """Memory and CPUs, at once."""
        _check(spec)
        async with self._locks[spec.id]:
            files, old = self._known(spec.id)
            if files.running() is not None:
                self._limit(spec)
            files.save_spec(msgspec.structs.replace(old, memory_mb=spec.memory_mb, vcpus=spec.vcpus))
            return self._status_of(spec.id)

    async def rebuild(self, spec: ServerSpec) -> ServerStatus:
        """The same server with nothing of what it wrote, from ``spec.image``."""
        _check(spec)
        async with self._locks[spec.id]:
            files, _ = self._known(spec.id)
            await asyncio.to_thread(self._images.layers, spec.image)  # before anything is lost
            state = files.state()
            state.renewing, state.wanted, state.layers = True, spec.running, []
            files.save_spec(spec)
            files.save_state(state)
            await self._halt(spec.id, 10.0)
            if spec.running:
                await self._run(files, spec)
            return self._status_of(spec.id)

    async def start_server(self, server_id: str) -> ServerStatus:
        async with self._locks[server_id]:
            files, spec = self._known(server_id)
            state = files.state()
            state.wanted = True
            files.save_state(state)
            await self._run(files, spec)
            return self._status_of(server_id)

    async def stop_server(self, server_id: str, timeout: float) -> ServerStatus:
        async with self._locks[server_id]:
            files, _ = self._known(server_id)
            state = files.state()
            state.wanted, state.error, state.exit_status = False, "", None
            files.save_state(state)
            await self._halt(server_id, timeout)
            return self._status_of(server_id)

    async def reboot(self, server_id: str, *, hard: bool) -> ServerStatus:
        async with self._locks[server_id]:
            files, spec = self._known(server_id)
            state = files.state()
            state.wanted = state.returning = True
            files.save_state(state)
            await self._halt(server_id, 0.0 if hard else 10.0)
            await self._run(files, spec)
            return self._status_of(server_id)

    async def pause(self, server_id: str, paused: bool) -> ServerStatus:
        async with self._locks[server_id]:
            files, _ = self._known(server_id)
            if files.running() is None:
                raise HostError("invalid", f"The server {server_id} does not run, so it cannot be paused.")
            await asyncio.to_thread(self._cgroups.freeze, server_id, paused)
            return self._status_of(server_id)

    async def save(self, server_id: str, image_id: str) -> str:
        """Make what the server wrote into the data of an image; where the file lies."""
        async with self._locks[server_id]:
            files, spec = self._known(server_id)
            state = files.state()
            layers = state.layers or await asyncio.to_thread(self._images.layers, spec.image)
            base = user_base(server_id) if state.mode == "mapped" else 0
            upper = files.directory / "upper"
            still = files.running() is None or self._cgroups.frozen(server_id)
            if not still:
                await asyncio.to_thread(self._cgroups.freeze, server_id, True)
            try:
                arguments = (image_id, spec.image, upper, layers, base)
                return str(await asyncio.to_thread(self._images.save, *arguments))
            finally:
                if not still:
                    await asyncio.to_thread(self._cgroups.freeze, server_id, False)

    async def remove(self, server_id: str) -> None:
        """Leave no process, mount, group or file of the server."""
        async with self._locks[server_id]:
            await self._remove(server_id)

    # ── how it works ──

    async def _run(self, files: ServerFiles, spec: ServerSpec) -> None:
        """Have it running; called with the server's lock."""
        server_id, state = spec.id, files.state()
        if files.running() is not None and not state.renewing:
            self._limit(spec)
            self._watch(server_id)
            return
        if state.renewing:
            await self._halt(server_id, 0.0)
            await asyncio.to_thread(files.renew)
            state.renewing, state.layers = False, []
        if not state.layers:
            state.layers = await asyncio.to_thread(self._images.layers, spec.image)
        await self._ensure_namespace(server_id)
        state.warnings = list(await asyncio.to_thread(_prepare, files, spec, state.warnings))
        groups = self._limit(spec)
        if spec.capabilities and not state.mode:  # over a network namespace of the host's, not of its own
            state.mode, state.reason = "plain", "its flavor gives it capabilities of its own"
        files.save_state(state)
        request = {
            "directory": str(files.directory),
            "hostname": spec.hostname.split(".")[0],
            "netns": str(self._host.namespaces.path(server_namespace(server_id))),
            "cgroups": groups,
            "layers": state.layers,
            "mode": state.mode or None,
            "reason": state.reason,
            "base": user_base(server_id),
            "capabilities": list(spec.capabilities),
            "environment": spec.environment,
        }
        try:
            made = await self._launcher.launch(request)
        except HostError as error:
            state.error = error.message
            files.save_state(state)
            raise
        state.mode, state.reason, state.returning = made["mode"], made["reason"], False
        state.error, state.exit_status = "", None
        files.save_state(state)
        if not self._watch(server_id):
            self._soon(self._ended(server_id))

    async def _ensure_namespace(self, server_id: str) -> None:
        """A server without any port has a network namespace nevertheless."""
        await self._host.in_network_thread(ensure_server_namespace, self._host, server_id)

    def _limit(self, spec: ServerSpec) -> list[str]:
        return self._cgroups.ensure(spec.id, memory_mb=spec.memory_mb, vcpus=spec.vcpus)

    async def _halt(self, server_id: str, timeout: float) -> None:
        """End its processes: politely for ``timeout`` seconds, then not. Called with the server's lock."""
        if not self._watch(server_id):
            return
        if self._cgroups.frozen(server_id):
            await asyncio.to_thread(self._cgroups.freeze, server_id, False)
        if timeout > 0 and await self._watches.end(server_id, signal.SIGTERM, timeout):
            return
        if await self._watches.end(server_id, signal.SIGKILL, KILL_SECONDS):
            return
        raise HostError("kernel", f"The processes of the server {server_id} do not end.")

    async def _remove(self, server_id: str) -> None:
        files = self._files(server_id)
        if files.exists():
            files.mark_removing()
            # A launcher that a killed agent left behind holds the lock; what it has started is found after
            # that.
            held = await asyncio.to_thread(launcher.lock, str(files.directory))
            try:
                await self._halt(server_id, 0.0)
                await asyncio.to_thread(self._cgroups.remove, server_id)
                await self._host.in_network_thread(leave_server_namespace, self._host, server_id)
                await asyncio.to_thread(files.remove)
            finally:
                os.close(held)
            await asyncio.to_thread(
                self._images.collect, [self._files(other).state().layers for other in self._ids()]
            )

    def _watch(self, server_id: str) -> bool:
        """Watch the server's first process, if there is one."""
        return self._watches.hold(server_id, self._files(server_id).running())

    async def _ended(self, server_id: str) -> None:
        """It does not run (any more): start it again if it wanted a reboot, else tell if it should run."""
        async with self._locks[server_id]:
            files = self._files(server_id)
            spec, state = files.spec(), files.state()
            idle = spec is None or files.is_removing() or not state.wanted or not files.was_started()
            if spec is None or idle or self._watch(server_id):
                return
            if files.booted_here() and (state.returning or files.exit_reason() == "reboot"):
                try:
                    await self._run(files, spec)
                    return
                except HostError as error:
                    reason, status = f"It rebooted and could not be started again. {error.message}", -9
            else:
                reason, status = why_ended(server_id, files, self._cgroups)
            state = files.state()
            state.wanted, state.error, state.exit_status = False, reason, status
            files.save_state(state)
        self._host.publish(
            ServerExited(id=server_id, exit_status=status, reason=reason, at=datetime.now(UTC))
        )

    def _status_of(self, server_id: str) -> ServerStatus:
        return status_of(server_id, self._files(server_id), self._cgroups)

    async def _keep_consoles_small(self) -> None:
        while True:
            for server_id in self._ids():
                with contextlib.suppress(OSError):
                    console.trim(self._files(server_id).console)
            await asyncio.sleep(TRIM_SECONDS)

    def _ids(self) -> list[str]:
        return sorted(entry.name for entry in os.scandir(self._directory)) if self._directory.exists() else []

    def _files(self, server_id: str) -> ServerFiles:
        if not server_id or server_id.startswith(".") or "/" in server_id:
            raise HostError("invalid", f"{server_id!r} cannot be the id of a server.")
        return ServerFiles(self._directory / server_id)

    def _known(self, server_id: str) -> tuple[ServerFiles, ServerSpec]:
        files = self._files(server_id)
        spec = None if files.is_removing() else files.spec()
        if spec is None:
            raise HostError("missing", f"There is no server {server_id} on this host.")
        return files, spec

    def _soon(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("Work on a server failed", exc_info=task.exception())

    async def _console(self, request: calls.Console) -> str:
        files, _ = self._known(request.id)
        return await asyncio.to_thread(console.tail, files.console, request.lines)

    async def _status(self, _: Nothing) -> list[ServerStatus]:
        return [
            self._status_of(server_id)
            for server_id in self._ids()
            if not self._files(server_id).is_removing()
        ]

    async def _unpack(self, spec: ImageSpec) -> ImageReport:
        return await asyncio.to_thread(self._images.unpack, spec)

    async def _remove_image(self, request: Named) -> None:
        await asyncio.to_thread(self._images.remove, request.id)
        used = [self._files(server_id).state().layers for server_id in self._ids()]
        await asyncio.to_thread(self._images.collect, used)


def _prepare(files: ServerFiles, spec: ServerSpec, known: list[str]) -> Sequence[str]:
    """Under the server's lock: a launcher that a killed agent left behind may just be starting it."""
    held = launcher.lock(str(files.directory))
    try:
        return known if files.running() is not None else files.prepare_boot(spec)
    finally:
        os.close(held)


def _check(spec: ServerSpec) -> None:
    if spec.memory_mb < 16 or spec.vcpus < 1:
        raise HostError("invalid", f"The server {spec.id} needs at least 16 MiB of memory and one CPU.")
    if not spec.hostname or len(spec.hostname) > 63 or any(char in spec.hostname for char in "\0\n/ "):
        raise HostError("invalid", f"{spec.hostname!r} cannot be a host name.")
