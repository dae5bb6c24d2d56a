# SPDX-License-Identifier: Apache-2.0
"""What hangs on secrets and containers: access control lists, consumers, and a secret's own metadata."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, update

from samovar.database import Database, utcnow
from samovar.web import Api, BadRequest, Call, Conflict, NotFound, Reply

from .access import check_read, check_write
from .containers import shown_container
from .listing import body_of, fetch, moment, page, reference, words
from .tables import containers, secrets

KEY = re.compile(r"[A-Za-z0-9_-]{1,255}")
OF_SECRETS = ("service", "resource_type", "resource_id")
OF_CONTAINERS = ("name", "URL")


class Lists:
    """``…/acl``: who may read besides the project, and whether the project may."""

    def __init__(self, database: Database, table: Table, plural: str, what: str) -> None:
        self.database, self.table, self.plural, self.what = database, table, plural, what

    def routes(self, api: Api) -> None:
        path = f"/v1/{self.plural}/{{id}}/acl"
        api.route("GET", path, self.show)
        api.route("PUT", path, self.replace)
        api.route("PATCH", path, self.amend)
        api.route("DELETE", path, self.delete)

    async def show(self, call: Call) -> Any:
        row = await self.database.read(lambda c: fetch(c, self.table, call.path["id"], self.what))
        check_read(call.context, row, self.what)
        acl = row["acl"]
        if acl is None:
            return {"read": {"project-access": True}}
        return {"read": acl}

    async def replace(self, call: Call) -> Any:
        return await self._store(call, _read_part(call), whole=True)

    async def amend(self, call: Call) -> Any:
        return await self._store(call, _read_part(call), whole=False)

    async def delete(self, call: Call) -> Reply:
        def run(connection: Connection) -> None:
            row = fetch(connection, self.table, call.path["id"], self.what)
            check_write(call.context, row, self.what)
            connection.execute(update(self.table).where(self.table.c.id == row["id"]).values(acl=None))

        await self.database.write(run)
        return Reply(200)

    async def _store(self, call: Call, given: Mapping[str, Any], *, whole: bool) -> Any:
        def run(connection: Connection) -> None:
            row = fetch(connection, self.table, call.path["id"], self.what)
            check_write(call.context, row, self.what)
            now, old = moment(utcnow()), row["acl"] or {}
            acl = {
                "users": [] if whole else old.get("users", []),
                "project-access": True if whole else old.get("project-access", True),
                **given,
                "created": old.get("created", now),
                "updated": now,
            }
            connection.execute(update(self.table).where(self.table.c.id == row["id"]).values(acl=acl))

        await self.database.write(run)
        return {"acl_ref": f"{reference(call, self.plural, call.path['id'])}/acl"}


def _read_part(call: Call) -> dict[str, Any]:
    body = body_of(call)
    if set(body) - {"read"} or not isinstance(body.get("read", {}), dict):
        raise BadRequest('An ACL has the one operation "read".')
    given = body.get("read", {})
    unknown = sorted(set(given) - {"users", "project-access", "created", "updated"})
    if unknown:
        raise BadRequest(f"An ACL has no attribute {unknown[0][:255]!r}.")
    found: dict[str, Any] = {}
    if "users" in given:
        users = given["users"]
        if not isinstance(users, list) or not all(isinstance(user, str) and user for user in users):
            raise BadRequest("users must be a list of ids of users.")
        found["users"] = list(dict.fromkeys(words(user, "users") for user in users))
    if "project-access" in given:
        if not isinstance(given["project-access"], bool):
            raise BadRequest("project-access must be true or false.")
        found["project-access"] = given["project-access"]
    return found


class Consumers:
    """``…/consumers``: who uses a secret or a container. It is a note; nothing is held back by it."""

    def __init__(
        self, database: Database, table: Table, plural: str, what: str, names: tuple[str, ...]
    ) -> None:
        self.database, self.table, self.plural, self.what = database, table, plural, what
        self.names = names

    def routes(self, api: Api) -> None:
        path = f"/v1/{self.plural}/{{id}}/consumers"
        api.route("GET", path, self.index)
        api.route("POST", path, self.add)
        api.route("DELETE", path, self.take)

    async def index(self, call: Call) -> Any:
        row = await self.database.read(lambda c: fetch(c, self.table, call.path["id"], self.what))
        check_read(call.context, row, self.what)
        return page(call, "consumers", row["consumers"])

    async def add(self, call: Call) -> Any:
        wanted = self._given(call)
        return await self._store(call, lambda now: now if wanted in now else [*now, wanted])

    async def take(self, call: Call) -> Any:
        wanted = self._given(call)

        def without(now: list[Any]) -> list[Any]:
            if wanted not in now:
                raise NotFound("Consumer not found.", title="Consumer not found.")
            return [item for item in now if item != wanted]

        return await self._store(call, without)

    async def _store(self, call: Call, change: Any) -> Any:
        def run(connection: Connection) -> RowMapping:
            row = fetch(connection, self.table, call.path["id"], self.what)
            check_read(call.context, row, self.what)
            values = {"consumers": change(row["consumers"])}
            connection.execute(update(self.table).where(self.table.c.id == row["id"]).values(values))
            return fetch(connection, self.table, row["id"], self.what)

        row = await self.database.write(run)
        if self.table is containers:
            return shown_container(call, row)
        return {"consumers": row["consumers"]}

    def _given(self, call: Call) -> dict[str, Any]:
        body = body_of(call)
        found = {name: words(body.get(name), name, 500) for name in self.names}
        lacking = [name for name, value in found.items() if not value]
        if lacking or set(body) - set(self.names):
            raise BadRequest(f"A consumer has {', '.join(self.names)}, each a text.")
        return found


class Metadata:
    """``/v1/secrets/{id}/metadata``: names and texts that the user keeps with a secret."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def routes(self, api: Api) -> None:
        path = "/v1/secrets/{id}/metadata"
        api.route("GET", path, self.index)
        api.route("PUT", path, self.replace)
        api.route("POST", path, self.add)
        api.route("GET", path + "/{key}", self.show)
        api.route("PUT", path + "/{key}", self.update)
        api.route("DELETE", path + "/{key}", self.delete)

    async def _row(self, call: Call) -> RowMapping:
        row = await self.database.read(lambda c: fetch(c, secrets, call.path["id"], "Secret"))
        check_read(call.context, row, "Secret")
        return row

    async def index(self, call: Call) -> Any:
        return {"metadata": (await self._row(call))["metadata"]}

    async def show(self, call: Call) -> Any:
        found = (await self._row(call))["metadata"]
        if call.path["key"] not in found:
            raise NotFound("Secret metadata not found.", title="Secret metadata not found.")
        return {"key": call.path["key"], "value": found[call.path["key"]]}

    async def replace(self, call: Call) -> Reply:
        given = body_of(call).get("metadata")
        if not isinstance(given, dict):
            raise BadRequest("metadata must be an object of texts.")
        wanted = dict(_pair(name, value) for name, value in given.items())
        await self._store(call, lambda _now: wanted)
        where = f"{reference(call, 'secrets', call.path['id'])}/metadata"
        return Reply(201, {"metadata_ref": where}, {"location": where})

    async def add(self, call: Call) -> Reply:
        name, value = _pair(body_of(call).get("key"), body_of(call).get("value"))

        def with_it(now: dict[str, str]) -> dict[str, str]:
            if name in now:
                raise Conflict("The secret has this metadata key already.")
            return {**now, name: value}

        await self._store(call, with_it)
        where = f"{reference(call, 'secrets', call.path['id'])}/metadata/{name}"
        return Reply(201, {"key": name, "value": value}, {"location": where})

    async def update(self, call: Call) -> Any:
        name, value = _pair(body_of(call).get("key"), body_of(call).get("value"))
        if name != call.path["key"]:
            raise Conflict("The key of the body is not that of the path.")
        await self._store(call, lambda now: {**_having(now, name), name: value})
        return {"key": name, "value": value}

    async def delete(self, call: Call) -> Reply:
        name = call.path["key"]
        await self._store(
            call, lambda now: {key: value for key, value in _having(now, name).items() if key != name}
        )
        return Reply(204)

    async def _store(self, call: Call, change: Any) -> None:
        def run(connection: Connection) -> None:
            row = fetch(connection, secrets, call.path["id"], "Secret")
            check_write(call.context, row, "Secret")
            values = {"metadata": change(row["metadata"])}
            connection.execute(update(secrets).where(secrets.c.id == row["id"]).values(values))

        await self.database.write(run)


def _having(now: dict[str, str], name: str) -> dict[str, str]:
    if name not in now:
        raise NotFound("Secret metadata not found.", title="Secret metadata not found.")
    return now


def _pair(name: Any, value: Any) -> tuple[str, str]:
    if not isinstance(name, str) or not KEY.fullmatch(name):
        raise BadRequest("A metadata key has letters, digits, - and _ only.")
    return name.lower(), words(value, "value", 2000) or ""
