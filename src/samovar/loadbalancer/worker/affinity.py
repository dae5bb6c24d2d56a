# SPDX-License-Identifier: Apache-2.0
"""Two amphorae of one load balancer on two hosts, where that is wanted: a server group of the compute API.

On a cloud with one host the group is soft there, since a pair on one host is better than none.
"""

from __future__ import annotations

import asyncio

from samovar.clients import Cloud, CloudError
from samovar.config import AmphoraSettings

from ..tree import Tree

__all__ = ["Affinity"]

MICROVERSION = "2.64"
STRICT, SOFT = "anti-affinity", "soft-anti-affinity"


class Affinity:
    def __init__(self, cloud: Cloud, settings: AmphoraSettings) -> None:
        self._cloud, self._settings = cloud, settings
        self._making = asyncio.Lock()

    async def group(self, tree: Tree) -> str | None:
        """The id of the load balancer's server group, made when there is none; None where none is wanted."""
        if not self._settings.enable_anti_affinity or tree.topology != "ACTIVE_STANDBY":
            return None
        async with self._making:  # both amphorae ask at once
            found = await self._find(tree.id)
            if found is not None:
                return found
            body = {"name": _name(tree.id), "policy": await self._policy()}
            answer = await self._cloud.request(
                "compute", "POST", "/os-server-groups", json={"server_group": body}, microversion=MICROVERSION
            )
            return str(answer.body["server_group"]["id"])

    async def remove(self, lb_id: str) -> None:
        if not self._settings.enable_anti_affinity:
            return
        found = await self._find(lb_id)
        if found is not None:
            try:
                await self._cloud.request("compute", "DELETE", f"/os-server-groups/{found}")
            except CloudError as error:
                if not error.not_found:
                    raise

    async def _find(self, lb_id: str) -> str | None:
        groups = (await self._cloud.get("compute", "/os-server-groups"))["server_groups"]
        return next((str(one["id"]) for one in groups if one["name"] == _name(lb_id)), None)

    async def _policy(self) -> str:
        wanted = self._settings.anti_affinity_policy
        if wanted != STRICT:
            return wanted
        query = {"binary": "nova-compute"}
        services = (await self._cloud.get("compute", "/os-services", query=query))["services"]
        hosts = {one["host"] for one in services if one["status"] == "enabled" and one["state"] == "up"}
        return STRICT if len(hosts) > 1 else SOFT


def _name(lb_id: str) -> str:
    return f"octavia-lb-{lb_id}"
