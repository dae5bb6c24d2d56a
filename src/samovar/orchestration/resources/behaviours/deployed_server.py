# SPDX-License-Identifier: Apache-2.0
"""Machines that are there already: nothing is made but the way for their agent to its deployments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from samovar.orchestration.resources.behaviour import Behaviour, Changes, ResourceContext
from samovar.orchestration.resources.behaviours.collect_config import collect_config
from samovar.orchestration.software import COLLECT_KEY


class DeployedServer(Behaviour):
    """A machine from elsewhere, with metadata and collectors as a server of the cloud."""

    async def create(self, context: ResourceContext) -> str | None:
        transport = str(context.properties["software_config_transport"])
        await collect_config(context, transport, outside=True)
        return context.uuid

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        if changes.has("software_config_transport"):
            await collect_config(context, str(changes.after["software_config_transport"]), outside=True)

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        values = {
            "name": context.properties.get("name") or context.physical_name,
            "os_collect_config": json.loads(context.data.get(COLLECT_KEY) or "{}"),
        }
        return {name: values.get(name) for name in names}
