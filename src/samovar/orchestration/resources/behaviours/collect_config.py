# SPDX-License-Identifier: Apache-2.0
"""os-collect-config: how the agent in a server reaches the metadata of its resource."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from samovar.orchestration.resources.behaviour import ResourceContext, ResourceFailed
from samovar.orchestration.software import COLLECT_KEY

_COLLECTORS = {"POLL_SERVER_CFN": "cfn", "POLL_SERVER_HEAT": "heat"}
_NEEDED = {"POLL_TEMP_URL": "object-store", "ZAQAR_MESSAGE": "messaging"}


async def collect_config(
    context: ResourceContext, transport: str, *, outside: bool = False
) -> dict[str, Any]:
    """The section for this transport, kept with the resource; sections of earlier ones stay, emptied.

    `outside`: for a machine that is no server of the cloud. Raises ResourceFailed.
    """
    collector = _COLLECTORS.get(transport)
    if collector is None:
        raise ResourceFailed(
            f"The software_config_transport {transport} needs the {_NEEDED.get(transport, 'right')} service, "
            "which is not available; use POLL_SERVER_CFN or POLL_SERVER_HEAT."
        )
    section = await _cfn(context, outside) if collector == "cfn" else await _heat(context, outside)
    before: Mapping[str, Any] = json.loads(context.data.get(COLLECT_KEY) or "{}")
    emptied = {
        name: dict.fromkeys(old)
        for name, old in before.items()
        if name not in ("collectors", collector) and isinstance(old, Mapping)
    }
    found = {**emptied, "collectors": [collector, "local"], collector: section}
    if found != before:
        await context.set_data(COLLECT_KEY, json.dumps(found), secret=True)
    return found


async def _cfn(context: ResourceContext, outside: bool) -> dict[str, Any]:
    access = await context.signed_access(outside=outside)
    return {
        "metadata_url": access.metadata_url,
        "access_key_id": access.access_key,
        "secret_access_key": access.secret_key,
        "stack_name": context.stack.name,
        "path": f"{context.name}.Metadata",
    }


async def _heat(context: ResourceContext, outside: bool) -> dict[str, Any]:
    address = await context.signal_address()
    return {
        "user_id": address.user_id,
        "password": address.password,
        "auth_url": context.cloud.auth_url if outside else address.auth_url,
        "project_id": address.project_id,
        "stack_id": f"{context.stack.name}/{context.stack.id}",
        "resource_name": context.name,
        "region_name": address.region_name,
    }
