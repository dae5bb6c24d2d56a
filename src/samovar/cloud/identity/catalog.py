# SPDX-License-Identifier: Apache-2.0
"""The catalog: which service is where, for the bearer of a token.

A stored URL may hold ``{origin}``, the scheme, host and port that the client came by (so that the
catalog is right on any port and behind any proxy), ``{machine}``, the same without the port, and
Keystone's own ``$(project_id)s``, ``%(user_id)s`` ….
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, select

from .tables import endpoints, services

_places = re.compile(r"[$%]\((\w+)\)s")


def catalog(
    connection: Connection, origin: str, *, project_id: str | None, user_id: str
) -> list[dict[str, Any]]:
    """The enabled services with their enabled endpoints; those that need a project only with one."""
    known = {"user_id": user_id}
    if project_id is not None:
        known.update(project_id=project_id, tenant_id=project_id)
    entries: dict[str, dict[str, Any]] = {}
    for service in connection.execute(select(services).where(services.c.enabled).order_by(services.c.type)):
        entries[service.id] = {
            "id": service.id,
            "type": service.type,
            "name": service.name,
            "endpoints": [],
        }
    for endpoint in connection.execute(select(endpoints).where(endpoints.c.enabled)):
        if endpoint.service_id not in entries:
            continue
        url = address(endpoint.url, origin, known)
        if url is not None:
            entries[endpoint.service_id]["endpoints"].append(
                {
                    "id": endpoint.id,
                    "interface": endpoint.interface,
                    "region": endpoint.region_id,
                    "region_id": endpoint.region_id,
                    "url": url,
                }
            )
    return list(entries.values())


def address(template: str, origin: str, known: dict[str, str] | None = None) -> str | None:
    """The URL with its places filled in; None when one of them is not known."""
    machine = origin if origin.endswith("]") else re.sub(r":\d+$", "", origin)
    url = template.replace("{origin}", origin).replace("{machine}", machine)
    if known is None:
        return url
    if any(name not in known for name in _places.findall(url)):
        return None
    return _places.sub(lambda match: known[match.group(1)], url)
