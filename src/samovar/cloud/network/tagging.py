# SPDX-License-Identifier: Apache-2.0
"""Tags: words on a resource that lists can be filtered by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert

from samovar.web import Api, Call, Reply

from .backend import Backend, Work
from .collection import bump
from .faults import invalid, refuse
from .kind import Kind, tags_of
from .tables import tags

LONGEST = 255


class Tags:
    """``/v2.0/<kind>/<id>/tags`` of one kind."""

    def __init__(self, kind: Kind, backend: Backend) -> None:
        self.kind = kind
        self.backend = backend

    def routes(self, api: Api) -> None:
        for path in dict.fromkeys((self.kind.path, self.kind.plural)):
            root = f"/v2.0/{path}/{{id}}/tags"
            api.route("GET", root, self.index)
            api.route("PUT", root, self.replace)
            api.route("POST", root, self.extend)
            api.route("DELETE", root, self.clear)
            api.route("GET", root + "/{tag}", self.show)
            api.route("PUT", root + "/{tag}", self.add)
            api.route("DELETE", root + "/{tag}", self.remove)

    async def index(self, call: Call) -> Any:
        return {"tags": await self._read(call)}

    async def show(self, call: Call) -> Reply:
        self._must_have(call, await self._read(call))
        return Reply(204)

    async def replace(self, call: Call) -> Any:
        wanted = self._given(call)
        return {"tags": await self._write(call, lambda had: wanted)}

    async def extend(self, call: Call) -> Any:
        wanted = self._given(call)
        return {"tags": await self._write(call, lambda had: [*had, *wanted])}

    async def clear(self, call: Call) -> Reply:
        await self._write(call, lambda had: [])
        return Reply(204)

    async def add(self, call: Call) -> Reply:
        tag = self._checked(call.path["tag"])
        await self._write(call, lambda had: [*had, tag])
        return Reply(201)

    async def remove(self, call: Call) -> Reply:
        def without(had: list[str]) -> list[str]:
            self._must_have(call, had)
            return [tag for tag in had if tag != call.path["tag"]]

        await self._write(call, without)
        return Reply(204)

    async def _read(self, call: Call) -> list[str]:
        call.enforce(f"get_{self.kind.name}", {"project_id": call.context.project_id})

        def run(connection: Connection) -> list[str]:
            row = self.kind.fetch(connection, call.path["id"], call.context)
            return tags_of(connection, [row["id"]])[row["id"]]

        return await self.backend.database.read(run)

    async def _write(self, call: Call, change: Callable[[list[str]], Sequence[str]]) -> list[str]:
        def run(work: Work) -> list[str]:
            row = self.kind.fetch(work.connection, call.path["id"], call.context)
            work.policy.enforce(f"update_{self.kind.name}:tags", call.context, dict(row))
            had = tags_of(work.connection, [row["id"]])[row["id"]]
            wanted = list(dict.fromkeys(change(had)))
            if set(wanted) != set(had):
                work.connection.execute(delete(tags).where(tags.c.resource_id == row["id"]))
                for tag in wanted:
                    work.connection.execute(insert(tags).values(resource_id=row["id"], tag=tag))
                bump(work, self.kind, row["id"])
            return wanted

        return await self.backend.commit(call.context, run)

    def _given(self, call: Call) -> list[str]:
        given = call.body.get("tags") if isinstance(call.body, dict) else None
        if not isinstance(given, list):
            raise refuse("HTTPBadRequest", "The body must be an object with a list under 'tags'.")
        return [self._checked(tag) for tag in given]

    @staticmethod
    def _checked(tag: Any) -> str:
        if not isinstance(tag, str) or not tag or len(tag) > LONGEST or "," in tag:
            raise invalid("tags", f"{tag!r} is not text of 1 to {LONGEST} characters without a comma")
        return tag

    @staticmethod
    def _must_have(call: Call, had: Sequence[str]) -> None:
        if call.path["tag"] not in had:
            raise refuse("TagNotFound", f"{call.path['id']} has no tag {call.path['tag']!r}.")
