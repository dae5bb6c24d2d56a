# SPDX-License-Identifier: Apache-2.0
"""Quotas: how much of what a project may have. Counted where it is spent, in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from .faults import OverQuota
from .tables import groups, keypairs, quotas, servers

DEFAULTS: Mapping[str, int] = {
    "instances": 500,
    "cores": 1000,
    "ram": 1_048_576,
    "metadata_items": 128,
    "key_pairs": 100,
    "server_groups": 50,
    "server_group_members": 50,
    "injected_files": 5,
    "injected_file_content_bytes": 10240,
    "injected_file_path_bytes": 255,
}
"""The limits of a project that nobody has set otherwise; ram in MiB. -1 is "no limit"."""

CLASS = "class:default"


@dataclass(frozen=True, slots=True)
class Use:
    """What the servers of a project take."""

    instances: int
    cores: int
    ram: int


def limits(connection: Connection, project_id: str) -> dict[str, int]:
    """The limits in force for a project."""
    found = dict(DEFAULTS)
    for owner in (CLASS, project_id):
        row = connection.execute(select(quotas.c.limits).where(quotas.c.project_id == owner)).scalar()
        found.update(row or {})
    return found


def set_limits(connection: Connection, owner: str, changed: Mapping[str, int]) -> None:
    """Change the limits of a project, or the defaults when `owner` is CLASS."""
    row = connection.execute(select(quotas.c.limits).where(quotas.c.project_id == owner)).scalar()
    if row is None:
        connection.execute(insert(quotas).values(project_id=owner, limits=dict(changed)))
    else:
        merged = {**row, **changed}
        connection.execute(update(quotas).where(quotas.c.project_id == owner).values(limits=merged))


def forget_limits(connection: Connection, project_id: str) -> None:
    """Back to the defaults."""
    connection.execute(delete(quotas).where(quotas.c.project_id == project_id))


def use(connection: Connection, project_id: str) -> Use:
    flavor = servers.c.flavor
    rows = connection.execute(
        select(flavor).where(servers.c.project_id == project_id, servers.c.deleted.is_(False))
    ).scalars()
    found = list(rows)
    return Use(len(found), sum(f["vcpus"] for f in found), sum(f["ram"] for f in found))


def spend_servers(
    connection: Connection, project_id: str, count: int, flavor: Mapping[str, int], minimum: int = 1
) -> int:
    """How many of `count` servers the quota allows, at least `minimum`. Raises OverQuota."""
    allowed, used = limits(connection, project_id), use(connection, project_id)
    wanted = {"instances": 1, "cores": flavor["vcpus"], "ram": flavor["ram"]}
    room = count
    for resource, each in wanted.items():
        limit, already = allowed[resource], getattr(used, resource)
        if limit < 0 or each == 0:
            continue
        fits = max(0, (limit - already) // each)
        if fits < minimum:
            raise OverQuota(resource, each * count, already, limit)
        room = min(room, fits)
    return room


def spend_resize(
    connection: Connection, project_id: str, old: Mapping[str, int], new: Mapping[str, int]
) -> None:
    """Raise OverQuota when a server may not grow from `old` to `new`."""
    allowed, used = limits(connection, project_id), use(connection, project_id)
    for resource, key in (("cores", "vcpus"), ("ram", "ram")):
        more, limit, already = new[key] - old[key], allowed[resource], getattr(used, resource)
        if more > 0 and 0 <= limit < already + more:
            raise OverQuota(resource, more, already, limit)


def count_keypairs(connection: Connection, user_id: str) -> int:
    query = select(func.count()).select_from(keypairs).where(keypairs.c.user_id == user_id)
    return int(connection.execute(query).scalar_one())


def count_groups(connection: Connection, project_id: str) -> int:
    query = select(func.count()).select_from(groups).where(groups.c.project_id == project_id)
    return int(connection.execute(query).scalar_one())
