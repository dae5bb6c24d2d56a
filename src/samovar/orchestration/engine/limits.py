# SPDX-License-Identifier: Apache-2.0
"""How many requests one engine has under way at each service of a cloud."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

DEFAULT = 16
SERVICES: Mapping[str, int] = {"nova": 16, "neutron": 32, "glance": 4, "cinder": 8, "octavia": 8}


class ServiceLimits:
    """One semaphore per service; resources that need no service are not limited."""

    def __init__(self, limits: Mapping[str, int] = SERVICES) -> None:
        self._limits = limits
        self._semaphores: dict[str, asyncio.Semaphore] = {}

    @asynccontextmanager
    async def slot(self, service: str | None) -> AsyncIterator[None]:
        """Hold one of the service's slots. Held for a request, never for a wait."""
        if service is None:
            yield
            return
        semaphore = self._semaphores.get(service)
        if semaphore is None:
            semaphore = self._semaphores[service] = asyncio.Semaphore(self._limits.get(service, DEFAULT))
        async with semaphore:
            yield
