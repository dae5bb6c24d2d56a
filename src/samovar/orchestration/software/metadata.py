# SPDX-License-Identifier: Apache-2.0
"""What the agent in a server reads: the metadata of its resource, its collectors, its deployments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from .records import deployed_configs

COLLECT_KEY = "os_collect_config"
"""The note of a resource in which its collectors are kept, as JSON."""


def server_metadata(
    connection: Connection,
    metadata: Mapping[str, Any],
    notes: Mapping[str, Any],
    physical_id: str | None,
    project_id: str,
) -> dict[str, Any]:
    """A resource's metadata as shown, with the deployments to its object as they are now."""
    shown = dict(metadata)
    collect = notes.get(COLLECT_KEY)
    if collect:
        shown["os-collect-config"] = json.loads(collect)
    if physical_id:
        configs = deployed_configs(connection, physical_id, project_id)
        if configs or collect:
            shown["deployments"] = configs
    return shown
