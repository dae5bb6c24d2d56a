# SPDX-License-Identifier: Apache-2.0
"""Containers: secrets that belong together, such as a certificate with its key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from samovar.database import Database, new_id, utcnow
from samovar.web import Api, BadRequest, Call, Conflict, NotFound, Reply

from .access import check_create, check_list, check_read, check_write
from .listing import body_of, fetch, page, reference, stamped, words
from .tables import containers, secrets

REFERENCE = re.compile(r"(?:[^?#]*/)?v1/secrets/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/?")
NAMES: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "certificate": (
        frozenset(("certificate",)),
        frozenset(("private_key", "private_key_passphrase", "intermediates")),
    ),
    "rsa": (frozenset(("public_key", "private_key")), frozenset(("private_key_passphrase",))),
}
"""The names of the secrets that a container of each type must and may have."""


class Containers:
    """``/v1/containers``."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def routes(self, api: Api) -> None:
        api.route("GET", "/v1/containers", self.index)
        api.route("POST", "/v1/containers", self.create)
        api.route("GET", "/v1/containers/{id}", self.show)
        api.route("DELETE", "/v1/containers/{id}", self.delete)
        api.route("POST", "/v1/containers/{id}/secrets", self.add)
        api.route("DELETE", "/v1/containers/{id}/secrets", self.take)

    async def index(self, call: Call) -> Any:
        project = check_list(call.context)
        wanted = [containers.c[name] == call.query[name] for name in ("name", "type") if name in call.query]

        def run(connection: Connection) -> list[RowMapping]:
            query = select(containers).where(containers.c.project_id == project, *wanted)
            return list(
                connection.execute(query.order_by(containers.c.created_at, containers.c.id)).mappings()
            )

        rows = await self.database.read(run)
        return page(call, "containers", [shown_container(call, row) for row in rows])

    async def create(self, call: Call) -> Reply:
        project = check_create(call.context)
        given = body_of(call)
        unknown = sorted(set(given) - {"name", "type", "secret_refs"})
        if unknown:
            raise BadRequest(f"A container has no attribute {unknown[0][:255]!r}.")
        kind = given.get("type")
        if kind not in ("generic", *NAMES):
            raise BadRequest(f"type must be one of generic, {', '.join(NAMES)}.")
        found = _references(given.get("secret_refs") or [])
        if kind != "generic":
            _check_names(str(kind), found)
        identity, now = new_id(), utcnow()
        row: dict[str, Any] = {
            "id": identity,
            "project_id": project,
            "creator_id": call.context.user_id,
            "name": words(given.get("name"), "name"),
            "type": kind,
            "secrets": found,
            "acl": None,
            "consumers": [],
            "created_at": now,
            "updated_at": now,
        }

        def run(connection: Connection) -> None:
            _check_secrets(connection, call, found)
            connection.execute(insert(containers).values(row))

        await self.database.write(run)
        where = reference(call, "containers", identity)
        return Reply(201, {"container_ref": where}, {"location": where})

    async def show(self, call: Call) -> Any:
        row = await self.database.read(lambda c: fetch(c, containers, call.path["id"], "Container"))
        check_read(call.context, row, "Container")
        return shown_container(call, row)

    async def delete(self, call: Call) -> Reply:
        def run(connection: Connection) -> None:
            row = fetch(connection, containers, call.path["id"], "Container")
            check_write(call.context, row, "Container")
            connection.execute(delete(containers).where(containers.c.id == row["id"]))

        await self.database.write(run)
        return Reply(204)

    async def add(self, call: Call) -> Reply:
        (wanted,) = _references([call.body])

        def run(connection: Connection) -> None:
            row = self._generic(connection, call)
            _check_secrets(connection, call, [wanted])
            if wanted["id"] in [item["id"] for item in row["secrets"]]:
                raise Conflict("The secret is in the container already.")
            _store(connection, row, [*row["secrets"], wanted])

        await self.database.write(run)
        where = reference(call, "containers", call.path["id"])
        return Reply(201, {"container_ref": where}, {"location": where})

    async def take(self, call: Call) -> Reply:
        (wanted,) = _references([call.body])

        def run(connection: Connection) -> None:
            row = self._generic(connection, call)
            left = [item for item in row["secrets"] if item["id"] != wanted["id"]]
            if len(left) == len(row["secrets"]):
                raise NotFound("The secret is not in the container.")
            _store(connection, row, left)

        await self.database.write(run)
        return Reply(204)

    def _generic(self, connection: Connection, call: Call) -> RowMapping:
        row = fetch(connection, containers, call.path["id"], "Container")
        check_write(call.context, row, "Container")
        if row["type"] != "generic":
            raise BadRequest("Only the secrets of a generic container can be changed.")
        return row


def _store(connection: Connection, row: RowMapping, found: Sequence[Mapping[str, str]]) -> None:
    connection.execute(
        update(containers).where(containers.c.id == row["id"]).values(secrets=found, updated_at=utcnow())
    )


def shown_container(call: Call, row: RowMapping) -> dict[str, Any]:
    return {
        **stamped(row),
        "container_ref": reference(call, "containers", row["id"]),
        "type": row["type"],
        "secret_refs": [
            {"name": item["name"], "secret_ref": reference(call, "secrets", item["id"])}
            for item in row["secrets"]
        ],
        "consumers": row["consumers"],
    }


def _references(given: Any) -> list[dict[str, str]]:
    if not isinstance(given, list):
        raise BadRequest("secret_refs must be a list.")
    found: list[dict[str, str]] = []
    for item in given:
        reference_text = item.get("secret_ref") if isinstance(item, dict) else None
        match = REFERENCE.fullmatch(reference_text) if isinstance(reference_text, str) else None
        if match is None:
            raise BadRequest("Each secret of a container needs a secret_ref, the address of a secret.")
        entry = {"name": words(item.get("name"), "name") or "", "id": match[1]}
        if any(entry["name"] == old["name"] and entry["name"] for old in found):
            raise BadRequest(f"Two secrets of the container have the name {entry['name']}.")
        found.append(entry)
    return found


def _check_names(kind: str, found: Sequence[Mapping[str, str]]) -> None:
    must, may = NAMES[kind]
    names = {item["name"] for item in found}
    if must - names:
        raise BadRequest(f"A container of type {kind} needs the secret {', '.join(sorted(must - names))}.")
    if names - must - may:
        shown = ", ".join(sorted(must | may))
        raise BadRequest(f"The secrets of a container of type {kind} are named {shown}.")


def _check_secrets(connection: Connection, call: Call, found: Sequence[Mapping[str, str]]) -> None:
    for item in found:
        check_read(call.context, fetch(connection, secrets, item["id"], "Secret"), "Secret")
