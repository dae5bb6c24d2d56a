# SPDX-License-Identifier: Apache-2.0
"""The first external network: `public`, whose addresses the host itself can reach."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from samovar.auth import Context

from . import networks, subnets
from .backend import Work
from .tables import networks as network_table

NETWORK, SUBNET = "public", "public-subnet"


def first_network(project_id: str) -> Callable[[Work], str]:
    """Make the external network unless there is one; the id of the oldest."""

    def change(work: Work) -> str:
        query = select(network_table.c.id).where(network_table.c.external.is_(True))
        found = work.connection.execute(query.order_by(network_table.c.created_at).limit(1)).scalar()
        if found is not None:
            return str(found)
        given = {"name": NETWORK, "router:external": True, "is_default": True, "port_security_enabled": True}
        values = networks.KIND.parse(given, creating=True) | {"project_id": project_id}
        made = networks.create(work, values)
        given = {
            "name": SUBNET,
            "network_id": made,
            "cidr": work.settings.external_cidr,
            "ip_version": 4,
            "enable_dhcp": False,
        }
        values = subnets.KIND.parse(given, creating=True) | {"project_id": project_id}
        subnets.create(work, values)
        return made

    return change


ADMIN = Context(roles=frozenset({"admin"}))
