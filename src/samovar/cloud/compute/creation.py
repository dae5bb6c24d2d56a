# SPDX-License-Identifier: Apache-2.0
"""New rows of compute_servers: from a checked request to servers that a worker will build."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select

from samovar.database import new_id, utcnow
from samovar.web import BadRequest, Forbidden

from . import quota
from .operations import Asker, Operation, record_action
from .server import NO_STATE
from .tables import groups, servers

ZONE = "nova"
"""The availability zone of this cloud."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Everything about the new servers but their number: what they share. `flavor` is the whole row."""

    name: str
    hostname: str | None
    flavor: Mapping[str, Any]
    columns: Mapping[str, Any]
    group: str | None = None


def create(
    connection: Connection, draft: Draft, minimum: int, maximum: int, asker: Asker, reservation_id: str
) -> list[str]:
    """Add as many servers as the quota allows, at least `minimum`; returns their ids.

    Raises OverQuota, and BadRequest for a server group that does not exist.
    """
    count = quota.spend_servers(connection, asker.project_id, maximum, draft.flavor, minimum)
    group_id = None if draft.group is None else _group(connection, draft.group, asker, count)
    allowed = quota.limits(connection, asker.project_id)["metadata_items"]
    if 0 <= allowed < len(draft.columns["properties"]):
        raise Forbidden(f"Maximum number of metadata items exceeds {allowed}")
    now, made = utcnow(), []
    for index in range(count):
        server_id = new_id()
        name = draft.name if maximum == 1 else f"{draft.name}-{index + 1}"
        hostname = draft.hostname or hostname_for(name, server_id)
        if draft.hostname is not None and maximum > 1:
            hostname = f"{draft.hostname}-{index + 1}"
        action_id = record_action(connection, server_id, "create", asker)
        values = {
            **draft.columns,
            "id": server_id,
            "project_id": asker.project_id,
            "user_id": asker.user_id,
            "name": name,
            "hostname": hostname,
            "vm_state": "building",
            "task_state": "scheduling",
            "power_state": NO_STATE,
            "progress": 0,
            "group_id": group_id,
            "locked": False,
            "locked_reason": None,
            "fault": None,
            "host": None,
            "launch_index": index,
            "reservation_id": reservation_id,
            "addresses": {},
            "previous": None,
            "operation": Operation("create", {}, action_id).stored(),
            "operation_number": 1,
            "created_at": now,
            "updated_at": now,
            "deleted": False,
        }
        connection.execute(insert(servers).values(values))
        made.append(server_id)
    return made


def hostname_for(name: str, server_id: str) -> str:
    """A host name made of a server's name; ``Server-<id>`` when nothing of it can stand in one."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[ _.]", "-", plain)
    plain = re.sub(r"[^A-Za-z0-9-]+", "", plain).strip("-").lower()[:63].rstrip("-")
    return plain or f"Server-{server_id}"


def _group(connection: Connection, group_id: str, asker: Asker, count: int) -> str:
    where = (groups.c.id == group_id, groups.c.project_id == asker.project_id)
    if connection.execute(select(groups.c.id).where(*where)).first() is None:
        raise BadRequest(f"Instance group {group_id} could not be found.")
    limit = quota.limits(connection, asker.project_id)["server_group_members"]
    members = select(func.count()).where(servers.c.group_id == group_id, servers.c.deleted.is_(False))
    used = int(connection.execute(members).scalar_one())
    if 0 <= limit < used + count:
        raise Forbidden("Quota exceeded, too many servers in group")
    return group_id
