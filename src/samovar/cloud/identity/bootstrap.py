# SPDX-License-Identifier: Apache-2.0
"""The first cloud: what must be in identity before anybody can log in. Harmless to repeat.

The passwords made here are random, kept in ``passwords.json`` of the state directory, readable by its
owner only, and written before the database so that a crash between the two loses nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, insert, select, update

from samovar.database import hex_id, utcnow

from .passwords import hash_password, random_password
from .store import Store
from .tables import (
    assignments,
    domains,
    endpoints,
    implied_roles,
    projects,
    regions,
    roles,
    services,
    users,
)

DEFAULT = "default"
ROLES = (
    *("admin", "manager", "member", "reader", "service", "heat_stack_owner", "heat_stack_user"),
    *("load-balancer_admin", "load-balancer_member", "load-balancer_observer"),
    *("load-balancer_global_observer", "load-balancer_quota_admin", "creator"),
)
IMPLIED = (
    *(("admin", "manager"), ("manager", "member"), ("member", "reader")),
    *(("member", "creator"), ("member", "heat_stack_owner")),
)
PROJECTS = {
    "admin": "Administration",
    "samovar": "The first project",
    "service": "The services themselves",
}
BALANCER = "octavia"
"""Its amphorae are servers of the administrators' project, who see them in their list."""
SERVICE_USERS = ("heat", "nova", "neutron", "glance", "octavia", "ceilometer")


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A service and where it is, for instance ``CatalogEntry("compute", "nova", "/compute/v2.1")``.

    `path` follows the origin that the client used; it may hold ``%(project_id)s``. `public` and
    `internal` are whole URLs instead; internal ones are for services and administrators.
    """

    type: str
    name: str
    path: str
    description: str = ""
    public: str = ""
    internal: str = ""


IDENTITY = CatalogEntry("identity", "keystone", "/identity", "Identity")


@dataclass(frozen=True, slots=True)
class FirstCloud:
    """What bootstrap has made sure of. `passwords` maps user names to passwords."""

    passwords: Mapping[str, str]
    admin_project_id: str
    project_id: str
    service_project_id: str
    user_ids: Mapping[str, str]
    stack_domain_id: str


@dataclass(frozen=True, slots=True)
class _User:
    name: str
    domain: str
    project: str | None  # project or, when None, the domain itself
    roles: tuple[str, ...]


def project_of(service: str) -> str:
    """The project that a service's user works in."""
    return "admin" if service == BALANCER else "service"


def _wanted_users() -> list[_User]:
    return [
        _User("admin", "Default", "admin", ("admin",)),
        _User("samovar", "Default", "samovar", ("member",)),
        *(_User(name, "Default", project_of(name), ("admin", "service")) for name in SERVICE_USERS),
        _User("heat_domain_admin", "heat", None, ("admin",)),
    ]


async def bootstrap(
    store: Store, state_dir: Path, entries: Sequence[CatalogEntry], region: str
) -> FirstCloud:
    """Make what is missing of the first cloud, and the catalog's URLs as `entries` say."""
    wanted = _wanted_users()
    fresh = make_passwords(state_dir)
    passwords = read_passwords(state_dir)
    known = (
        None if fresh else await store.read(lambda connection: _known(connection, wanted, entries, region))
    )
    if known is not None:
        return FirstCloud(passwords, **known)
    present = await store.read(_user_names)
    missing = [user.name for user in wanted if (user.domain, user.name) not in present or user.name in fresh]
    made = await asyncio.gather(*(hash_password(passwords[name], random=True) for name in missing))
    hashes = dict(zip(missing, made, strict=True))
    ids = await store.write(lambda connection: _make(connection, wanted, hashes, entries, region))
    return FirstCloud(passwords, **ids)


def make_passwords(state_dir: Path) -> list[str]:
    """Make the passwords that are missing in this state directory; the names of their users."""
    passwords = read_passwords(state_dir)
    fresh = [user.name for user in _wanted_users() if user.name not in passwords]
    if fresh:
        write_passwords(state_dir, {**passwords, **{name: random_password() for name in fresh}})
    return fresh


def read_passwords(state_dir: Path) -> dict[str, str]:
    """User name → password, as far as bootstrap has made any in this state directory."""
    try:
        loaded: dict[str, str] = json.loads((state_dir / "passwords.json").read_text())
    except FileNotFoundError:
        return {}
    return loaded


def write_passwords(state_dir: Path, passwords: Mapping[str, str]) -> None:
    """Replace the file as a whole; only its owner may read it."""
    state_dir.mkdir(parents=True, exist_ok=True)
    beside = state_dir / f".passwords.json.{os.getpid()}"
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(passwords, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(state_dir / "passwords.json")


def _known(
    connection: Connection, wanted: Sequence[_User], entries: Sequence[CatalogEntry], region: str
) -> dict[str, Any] | None:
    """What `_make` gives where there is nothing to make, as at every start but the first; None elsewhere."""

    def ids(table: Table, names: Iterable[str], *where: ColumnElement[bool]) -> dict[str, str]:
        query = select(table.c.name, table.c.id).where(table.c.name.in_(list(names)), *where)
        return {row.name: row.id for row in connection.execute(query)}

    domain_ids = ids(domains, ("Default", "heat"))
    project_ids = ids(projects, PROJECTS, projects.c.domain_id == DEFAULT)
    role_ids = ids(roles, ROLES, roles.c.domain_id == "")
    if (len(domain_ids), len(project_ids), len(role_ids)) != (2, len(PROJECTS), len(ROLES)):
        return None
    query = select(users.c.domain_id, users.c.name, users.c.id).where(
        users.c.name.in_([user.name for user in wanted])
    )
    user_ids = {(domain, name): identity for domain, name, identity in connection.execute(query)}
    people = {user.name: user_ids.get((domain_ids[user.domain], user.name)) for user in wanted}
    implied = {
        tuple(row) for row in connection.execute(select(implied_roles.c.prior_id, implied_roles.c.implied_id))
    }
    links = {(role_ids[prior], role_ids[other]) for prior, other in IMPLIED}
    there = connection.execute(select(regions.c.id).where(regions.c.id == region)).first()
    if None in people.values() or not links <= implied or there is None:
        return None
    catalog = (
        select(services.c.type, endpoints.c.interface, endpoints.c.url)
        .join(endpoints, endpoints.c.service_id == services.c.id)
        .where(endpoints.c.region_id == region)
    )
    if entries and not {
        (entry.type, interface, url) for entry in entries for interface, url in _urls(entry)
    } <= {tuple(row) for row in connection.execute(catalog)}:
        return None
    return _first(project_ids, {name: str(identity) for name, identity in people.items()}, domain_ids)


def _first(
    project_ids: Mapping[str, str], user_ids: Mapping[str, str], domain_ids: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "admin_project_id": project_ids["admin"],
        "project_id": project_ids["samovar"],
        "service_project_id": project_ids["service"],
        "user_ids": user_ids,
        "stack_domain_id": domain_ids["heat"],
    }


def _user_names(connection: Connection) -> set[tuple[str, str]]:
    joined = select(domains.c.name, users.c.name).join(users, users.c.domain_id == domains.c.id)
    return {(domain, name) for domain, name in connection.execute(joined)}


def _make(
    connection: Connection,
    wanted: Sequence[_User],
    hashes: Mapping[str, str],
    entries: Sequence[CatalogEntry],
    region: str,
) -> dict[str, Any]:
    described = {"description": "The default domain"}
    domain_ids = {
        "Default": _ensure(connection, domains, {"name": "Default"}, {**described, "id": DEFAULT}),
        "heat": _ensure(connection, domains, {"name": "heat"}, {"description": "Users of stacks"}),
    }
    project_ids = {
        name: _ensure(connection, projects, {"name": name, "domain_id": DEFAULT}, {"description": text})
        for name, text in PROJECTS.items()
    }
    role_ids = {name: _ensure(connection, roles, {"name": name, "domain_id": ""}, {}) for name in ROLES}
    for prior, implied in IMPLIED:
        _ensure_link(
            connection,
            implied_roles,
            {"prior_id": role_ids[prior], "implied_id": role_ids[implied]},
        )
    user_ids = {}
    for user in wanted:
        project_id = project_ids[user.project] if user.project else None
        defaults = {"default_project_id": project_id}
        user_id = _ensure(
            connection, users, {"name": user.name, "domain_id": domain_ids[user.domain]}, defaults
        )
        user_ids[user.name] = user_id
        if user.name in hashes:
            secret = {"password_hash": hashes[user.name], "password_created_at": utcnow()}
            connection.execute(update(users).where(users.c.id == user_id).values(secret))
            for role in user.roles:
                place = ("project", project_id) if project_id else ("domain", domain_ids[user.domain])
                _assign(connection, user_id, *place, role_ids[role])
    if "admin" in hashes:
        _assign(connection, user_ids["admin"], "system", "all", role_ids["admin"])
        _assign(connection, user_ids["admin"], "domain", DEFAULT, role_ids["admin"])
        _assign(connection, user_ids["admin"], "project", project_ids["samovar"], role_ids["admin"])
    _ensure_link(connection, regions, {"id": region})
    for entry in entries:
        _publish(connection, entry, region)
    return _first(project_ids, user_ids, domain_ids)


def _publish(connection: Connection, entry: CatalogEntry, region: str) -> None:
    """The service of `entry`, with a public, internal and admin endpoint."""
    known = {"name": entry.name, "description": entry.description or None}
    service_id = _ensure(connection, services, {"type": entry.type}, known)
    for interface, url in _urls(entry):
        key = {"service_id": service_id, "interface": interface, "region_id": region}
        endpoint_id = _ensure(connection, endpoints, key, {"url": url})
        connection.execute(
            update(endpoints).where(endpoints.c.id == endpoint_id, endpoints.c.url != url).values(url=url)
        )


def _urls(entry: CatalogEntry) -> tuple[tuple[str, str], ...]:
    """The URL of each interface."""
    public = entry.public or "{origin}" + entry.path
    internal = entry.internal or public
    return (("public", public), ("internal", internal), ("admin", internal))


def _ensure(connection: Connection, table: Table, key: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """The id of the row with this key, made with `defaults` where there was none."""
    where = and_(*(table.c[name] == value for name, value in key.items()))
    found = connection.execute(select(table.c.id).where(where)).scalars().first()
    if found is not None:
        return str(found)
    values = {"id": hex_id(), **defaults, **key}
    connection.execute(insert(table).values(values))
    return str(values["id"])


def _ensure_link(connection: Connection, table: Table, key: Mapping[str, Any]) -> None:
    where = and_(*(table.c[name] == value for name, value in key.items()))
    if connection.execute(select(table).where(where)).first() is None:
        connection.execute(insert(table).values(dict(key)))


def _assign(connection: Connection, user_id: str, kind: str, target_id: str, role_id: str) -> None:
    key = {
        "actor_kind": "user",
        "actor_id": user_id,
        "target_kind": kind,
        "target_id": target_id,
        "role_id": role_id,
        "inherited": False,
    }
    _ensure_link(connection, assignments, key)
