# SPDX-License-Identifier: Apache-2.0
"""Health: /livez, /readyz, and the /healthcheck that Heat's operators know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from .api import Api, Call, Reply

Check = Callable[[], Awaitable[str | None]]
"""Answers None when well, else what is wrong in one sentence."""


def health_routes(api: Api, checks: Mapping[str, Check], notes: Mapping[str, Check] | None = None) -> None:
    """Add the three routes. Live: the loop turns. Ready: every check is well.

    A proxy that reads only the status sees 503 while a check fails; the body names it. `notes` are told
    beside the checks and fail nothing: what is slower without them still works.
    """
    told = notes or {}

    async def live(_call: Call) -> Reply:
        return Reply(200, {"status": "live"})

    async def ready(_call: Call) -> Reply:
        answers = {name: await check() for name, check in checks.items()}
        failed = {name: reason for name, reason in answers.items() if reason}
        answers |= {name: await note() for name, note in told.items()}
        body = {
            "status": "not ready" if failed else "ready",
            "checks": {n: r or "ok" for n, r in answers.items()},
        }
        return Reply(503 if failed else 200, body)

    async def healthcheck(_call: Call) -> Reply:
        failed = [reason for check in checks.values() if (reason := await check())]
        return Reply(503, "\n".join(failed)) if failed else Reply(200, "OK")

    api.route("GET", "/livez", live, public=True)
    api.route("GET", "/readyz", ready, public=True)
    api.route("GET", "/healthcheck", healthcheck, public=True)
