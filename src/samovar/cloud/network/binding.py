# SPDX-License-Identifier: Apache-2.0
"""When a port belongs to a server of this host, and which of its interfaces it is."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from .tables import ports


def is_bound(port: Mapping[str, Any] | RowMapping) -> bool:
    """Whether the port is to be wired into a server: it names one, and compute (or a host) says so."""
    owner = port.get("device_owner") or ""
    if owner.startswith("network:") or not (owner.startswith("compute:") or port.get("host_id")):
        return False
    try:
        uuid.UUID(port.get("device_id") or "")
    except ValueError:
        return False
    return True


def next_interface(connection: Connection, device_id: str) -> int:
    """The lowest number that no interface of the server has: 0 becomes eth0."""
    query = select(ports.c.interface).where(ports.c.device_id == device_id, ports.c.interface.is_not(None))
    used = set(connection.execute(query).scalars().all())
    return next(number for number in range(len(used) + 1) if number not in used)
