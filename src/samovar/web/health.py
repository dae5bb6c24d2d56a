# SPDX-License-Identifier: Apache-2.0
"""Health: /livez, /readyz, the /healthcheck that Heat's operators know, and /metrics.

A proxy asks often and wants a prompt answer, so checks are made at most once a second, all at once, with
a second for each; who asks meanwhile is told what was found last. What is older than three seconds
is not told: then the answer waits for the checks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from samovar.observability import figures

from .api import Api, Call, Reply

Check = Callable[[], Awaitable[str | None]]
"""Answers None when well, else what is wrong in one sentence."""

METRICS = "/metrics"
CHECK_SECONDS = 1.0
FRESH_SECONDS = 1.0
STALE_SECONDS = 3.0


class Health:
    """The checks of a process, and what they found last."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._found: dict[str, str | None] = {}
        self._at = float("-inf")
        self._checking: asyncio.Task[None] | None = None

    async def answers(self, *prompt: str) -> dict[str, str | None]:
        """Check → what is wrong, or None. Those named `prompt` cost nothing and are always made anew."""
        age = time.monotonic() - self._at
        if age > FRESH_SECONDS and self._checking is None:
            self._checking = asyncio.get_running_loop().create_task(self._check())
        if age > STALE_SECONDS and self._checking is not None:
            await asyncio.shield(self._checking)
        anew = {name: await self._checks[name]() for name in prompt if name in self._checks}
        return {**self._found, **anew}

    async def _check(self) -> None:
        try:
            found = await asyncio.gather(*(self._one(name, check) for name, check in self._checks.items()))
            self._found, self._at = dict(zip(self._checks, found, strict=True)), time.monotonic()
        finally:
            self._checking = None

    async def _one(self, name: str, check: Check) -> str | None:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await check()
        except TimeoutError:
            return f"The {name} has not answered within {CHECK_SECONDS:g} s."
        except Exception as error:
            return f"The {name} cannot be asked: {error}"


def health_routes(
    api: Api,
    checks: Mapping[str, Check],
    notes: Mapping[str, Check] | None = None,
    *,
    prompt: tuple[str, ...] = ("process",),
) -> None:
    """Add the routes. Live: the loop turns. Ready: every check is well.

    A proxy that reads only the status sees 503 while a check fails; the body names it. `notes` are told
    beside the checks and fail nothing: what is slower without them still works. `prompt` names checks
    that cost nothing and are made at each request (whether the process is draining).
    """
    health = Health({**checks, **(notes or {})})

    async def live(_call: Call) -> Reply:
        return Reply(200, {"status": "live"})

    async def ready(_call: Call) -> Reply:
        answers = await health.answers(*prompt)
        failed = {name: reason for name, reason in answers.items() if reason and name in checks}
        body = {
            "status": "not ready" if failed else "ready",
            "checks": {name: reason or "ok" for name, reason in answers.items()},
        }
        return Reply(503 if failed else 200, body)

    async def healthcheck(_call: Call) -> Reply:
        answers = await health.answers(*prompt)
        failed = [reason for name, reason in answers.items() if reason and name in checks]
        return Reply(503, "\n".join(failed)) if failed else Reply(200, "OK")

    api.route("GET", "/livez", live, public=True)
    api.route("GET", "/readyz", ready, public=True)
    api.route("GET", "/healthcheck", healthcheck, public=True)


def metrics_route(api: Api) -> None:
    """Add /metrics: the process's figures. For the process's own address, not for clients of a cloud."""

    async def metrics(_call: Call) -> Reply:
        text = await asyncio.to_thread(figures.exposition)
        return Reply(200, text, {"content-type": figures.CONTENT_TYPE})

    api.route("GET", METRICS, metrics, public=True)
