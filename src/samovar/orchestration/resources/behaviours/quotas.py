# SPDX-License-Identifier: Apache-2.0
"""Quotas of a project: there always, and again as they were by default in the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from samovar.clients import CloudError, segment
from samovar.orchestration.resources.behaviour import Behaviour, Changes, ResourceContext


@dataclass(frozen=True, slots=True)
class Quotas:
    """Where a service keeps them: `path` ends before the project's id; `key` wraps the body."""

    service: str
    path: str
    key: str


class Quota(Behaviour):
    """The quotas of one project in one service."""

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas

    async def create(self, context: ResourceContext) -> str | None:
        project = str(context.properties["project"])
        await self._put(context, project, context.properties)
        return project

    async def find(self, context: ResourceContext) -> str | None:
        return None

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        changed = {name: changes.after.get(name) for name in changes.names}
        await self._put(context, context.physical_id or "", changed)

    async def delete(self, context: ResourceContext) -> None:
        if context.physical_id is None:
            return
        path = f"{self._quotas.path}/{segment(context.physical_id)}"
        try:
            await context.cloud.request(self._quotas.service, "DELETE", path)
        except CloudError as error:
            if not error.not_found:
                raise

    async def _put(self, context: ResourceContext, project: str, values: Mapping[str, Any]) -> None:
        named = {name: value for name, value in values.items() if name != "project" and value is not None}
        path = f"{self._quotas.path}/{segment(project)}"
        await context.cloud.request(self._quotas.service, "PUT", path, json={self._quotas.key: named})


NETWORK_QUOTA = Quota(Quotas("network", "/v2.0/quotas", "quota"))
COMPUTE_QUOTA = Quota(Quotas("compute", "/os-quota-sets", "quota_set"))
