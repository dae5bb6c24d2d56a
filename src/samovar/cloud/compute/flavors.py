# SPDX-License-Identifier: Apache-2.0
"""Flavors: sizes of servers, and who may see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, or_, select

from samovar.database import utcnow
from samovar.web import NotFound

from .tables import flavor_access, flavors

SEEDS: tuple[tuple[str, str, int, int, int], ...] = (
    ("1", "m1.tiny", 512, 1, 1),
    ("2", "m1.small", 2048, 1, 20),
    ("3", "m1.medium", 4096, 2, 40),
    ("4", "m1.large", 8192, 4, 80),
    ("5", "m1.xlarge", 16384, 8, 160),
    ("42", "m1.nano", 192, 1, 1),
    ("84", "m1.micro", 256, 1, 1),
    ("c1", "cirros256", 256, 1, 1),
    ("d1", "ds512M", 512, 1, 5),
    ("d2", "ds1G", 1024, 1, 10),
    ("d3", "ds2G", 2048, 2, 10),
    ("d4", "ds4G", 4096, 4, 20),
)
"""Id, name, MiB of memory, processors, GiB of disk: the flavors that a DevStack has."""


def seed(connection: Connection) -> None:
    """Make the usual flavors in a cloud that has none."""
    if connection.execute(select(flavors.c.id).limit(1)).first() is not None:
        return
    for identity, name, ram, vcpus, disk in SEEDS:
        connection.execute(insert(flavors).values(flavor_row(identity, name, ram, vcpus, disk)))


def flavor_row(identity: str, name: str, ram: int, vcpus: int, disk: int, **more: Any) -> dict[str, Any]:
    """The columns of a new flavor."""
    return {
        "id": identity,
        "name": name,
        "description": None,
        "ram": ram,
        "vcpus": vcpus,
        "disk": disk,
        "ephemeral": 0,
        "swap": 0,
        "rxtx_factor": "1.0",
        "public": True,
        "extra_specs": {},
        "created_at": utcnow(),
        **more,
    }


def visible(project_id: str | None, is_admin: bool) -> Any:
    """The condition under which a project sees a flavor."""
    if is_admin:
        return flavors.c.id.is_not(None)
    shared = select(flavor_access.c.flavor_id).where(flavor_access.c.project_id == (project_id or ""))
    return or_(flavors.c.public.is_(True), flavors.c.id.in_(shared))


def find_flavor(
    connection: Connection, reference: str, project_id: str | None, is_admin: bool
) -> Mapping[str, Any]:
    """The flavor of an id (or of a URL that ends with it). Raises NotFound."""
    identity = reference.rstrip("/").rsplit("/", 1)[-1]
    query = select(flavors).where(flavors.c.id == identity, visible(project_id, is_admin))
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"Flavor {identity} could not be found.")
    return dict(row)


def copy_for_server(flavor: Mapping[str, Any]) -> dict[str, Any]:
    """What a server keeps of its flavor."""
    kept = ("id", "name", "ram", "vcpus", "disk", "ephemeral", "swap", "extra_specs")
    return {key: flavor[key] for key in kept}
