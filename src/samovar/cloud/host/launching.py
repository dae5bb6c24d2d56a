# SPDX-License-Identifier: Apache-2.0
"""The agent's side of the launcher: keeps the process, sends requests, matches answers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
from pathlib import Path
from typing import Any

from samovar.cloud.host.errors import HostError

__all__ = ["Launcher"]

PROGRAM = Path(__file__).with_name("launcher.py")
SECONDS = 30.0


class Launcher:
    """A launcher process, started when first needed and started again when it is gone."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._tokens = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def launch(self, request: dict[str, Any]) -> dict[str, Any]:
        """Start what ``request`` describes; what the pid file says now. Raises HostError with the reason."""
        try:
            try:
                answer = await self._ask(request)
            except BrokenPipeError:  # it was killed; asking again is harmless
                answer = await self._ask(request)
        except (TimeoutError, OSError):
            raise HostError("internal", "The launcher of servers does not answer.") from None
        if "error" in answer:
            raise HostError("kernel", f"The server could not be started: {answer['error']}.")
        return answer

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        process = await self._running()
        token = next(self._tokens)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[token] = future
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(request | {"token": token}).encode() + b"\n")
            return await asyncio.wait_for(future, SECONDS)
        finally:
            self._waiting.pop(token, None)

    async def prepare(self) -> None:
        """Start the process, so that the first server need not wait for it."""
        await self._running()

    async def close(self) -> None:
        """End the launcher process; servers go on."""
        if self._process is not None and self._reader is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.wait()
            await self._reader
            self._process = None

    async def _running(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._process is None or self._process.returncode is not None:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-S", str(PROGRAM)),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    cwd="/",
                    start_new_session=True,
                )
                self._reader = asyncio.get_running_loop().create_task(self._read(self._process))
            return self._process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            with contextlib.suppress(ValueError):
                answer = json.loads(line)
                future = self._waiting.get(answer.pop("token", 0))
                if future is not None and not future.done():
                    future.set_result(answer)
        await process.wait()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(BrokenPipeError())
