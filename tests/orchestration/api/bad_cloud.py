# SPDX-License-Identifier: Apache-2.0
"""A small cloud over real HTTP that misbehaves as told: Identity, and networks."""

from __future__ import annotations

import datetime
import itertools
from collections import Counter, deque
from typing import Any

from aiohttp import web


class BadCloud:
    """`plan`: what happens to the next requests on networks, in order; then all goes well.

    ("answer", status, headers, text): that answer, nothing done. "lose reply": done, the line breaks.
    "lose request": the line breaks, nothing done. `down`: nothing listens any more.
    """

    def __init__(self, token_seconds: float = 3600.0) -> None:
        self.token_seconds = token_seconds
        self.plan: dict[str, deque[Any]] = {"POST": deque(), "GET": deque(), "DELETE": deque()}
        self.networks: dict[str, dict[str, Any]] = {}
        self.made: Counter[str] = Counter()
        self.asked: list[tuple[str, float]] = []
        self.tokens: dict[str, datetime.datetime] = {}
        self.credentials: set[str] = set()
        self.refused_tokens = 0
        self._numbers = itertools.count(1)
        self.port = 0

    async def start(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/identity/v3/auth/tokens", self._token)
        application.router.add_post("/identity/v3/users/u/application_credentials", self._delegate)
        application.router.add_delete("/identity/v3/users/u/application_credentials/{id}", self._withdraw)
        application.router.add_get("/network/v2.0/extensions", self._extensions)
        application.router.add_route("*", "/network/v2.0/networks", self._networks)
        application.router.add_route("*", "/network/v2.0/networks/{id}", self._networks)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    async def stop(self) -> None:
        """Nothing listens any more; what was made stays."""
        await self._runner.cleanup()

    # Identity

    async def _token(self, request: web.Request) -> web.Response:
        now = datetime.datetime.now(datetime.UTC)
        if request.method == "POST":
            auth = (await request.json())["auth"]["identity"]
            wanted = auth.get("application_credential", {}).get("id")
            if wanted not in self.credentials:
                return web.json_response(
                    {"error": {"code": 401, "message": "no such credential"}}, status=401
                )
            token = f"token-{next(self._numbers)}"
            self.tokens[token] = now + datetime.timedelta(seconds=self.token_seconds)
        else:
            token = request.headers["x-subject-token"]
        expires = self.tokens.get(token, now + datetime.timedelta(hours=1))
        url = f"http://127.0.0.1:{self.port}/network"
        endpoints = [{"interface": "public", "url": url, "region": "R", "region_id": "R"}]
        body = {
            "user": {"id": "u"}, "project": {"id": "p1"}, "expires_at": expires.isoformat(),
            "catalog": [{"type": "network", "name": "neutron", "endpoints": endpoints}],
        }  # fmt: skip
        return web.json_response({"token": body}, headers={"x-subject-token": token})

    async def _delegate(self, _request: web.Request) -> web.Response:
        identity = f"credential-{next(self._numbers)}"
        self.credentials.add(identity)
        return web.json_response({"application_credential": {"id": identity, "secret": "s"}}, status=201)

    async def _withdraw(self, request: web.Request) -> web.Response:
        self.credentials.discard(request.match_info["id"])
        return web.Response(status=204)

    # Networks

    async def _extensions(self, _request: web.Request) -> web.Response:
        return web.json_response({"extensions": []})

    async def _networks(self, request: web.Request) -> web.StreamResponse:
        known = self.tokens.get(request.headers.get("x-auth-token", ""))
        if known is not None and known < datetime.datetime.now(datetime.UTC):
            self.refused_tokens += 1
            return web.json_response({"error": {"code": 401, "message": "expired"}}, status=401)
        self.asked.append((request.method, datetime.datetime.now().timestamp()))
        plan = self.plan.get(request.method)
        fate = plan.popleft() if plan else "well"
        if isinstance(fate, tuple):
            _, status, headers, text = fate
            return web.Response(status=status, headers=headers, text=text)
        answer = None if fate == "lose request" else await self._do(request)
        if fate in ("lose request", "lose reply") or answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return answer

    async def _do(self, request: web.Request) -> web.Response:
        identity = request.match_info.get("id")
        if identity is None and request.method == "POST":
            body = (await request.json())["network"]
            made = {**body, "id": f"network-{next(self._numbers)}", "status": "ACTIVE", "subnets": []}
            self.networks[made["id"]] = made
            self.made[body["name"]] += 1
            return web.json_response({"network": made}, status=201)
        if identity is None:
            wanted = request.query.get("name")
            found = [each for each in self.networks.values() if wanted in (None, each["name"])]
            return web.json_response({"networks": found})
        if identity not in self.networks:
            return web.json_response({"NeutronError": {"message": "no such network"}}, status=404)
        if request.method == "DELETE":
            del self.networks[identity]
            return web.Response(status=204)
        return web.json_response({"network": self.networks[identity]})
