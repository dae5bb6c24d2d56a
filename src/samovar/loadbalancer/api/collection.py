# SPDX-License-Identifier: Apache-2.0
"""What all objects of a tree have in common: how they are listed, shown, found and answered."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, Table, select

from samovar.web import Api, Call, Reply

from .change import LABELS, Backend, Change
from .faults import bad, not_found
from .fields import Fields
from .listing import Kind, chosen, index
from .views import VIEWS, Shown, listed

ROOT = "/v2.0/lbaas"
IN_TREE = {"loadbalancer_id": "load_balancer_id"}


def kind_of(name: str, plural: str, table: Table, **more: Any) -> Kind:
    """The kind of a table of the tree."""
    return Kind(
        name=name,
        plural=plural,
        table=table,
        view=VIEWS[table],
        listed=listed(table),
        policy=more.pop("policy", name),
        **more,
    )


class Objects:
    """Serves one kind under ``/v2.0/lbaas/<plural>``."""

    kind: Kind
    argument: str

    def __init__(self, backend: Backend, fields: Fields) -> None:
        self.backend = backend
        self.fields = fields

    def routes(self, api: Api) -> None:
        root = f"{ROOT}/{self.kind.plural}"
        api.route("GET", root, self.index)
        api.route("POST", root, self.create)
        api.route("GET", root + "/{id}", self.show)
        api.route("PUT", root + "/{id}", self.update)
        api.route("DELETE", root + "/{id}", self.delete)
        for method in ("PUT", "DELETE"):
            api.route(method, root, nameless)

    async def index(self, call: Call) -> Any:
        return await index(self.backend, self.kind, call)

    async def show(self, call: Call) -> Any:
        row = await self.read(call, "get_one")
        shown = await self.backend.database.read(lambda connection: self.kind.view(connection, [row]))
        return {self.kind.name: chosen(call, shown[0])}

    async def create(self, call: Call) -> Reply:
        raise NotImplementedError

    async def update(self, call: Call) -> Any:
        raise NotImplementedError

    async def delete(self, call: Call) -> Reply:
        raise NotImplementedError

    async def read(self, call: Call, action: str) -> RowMapping:
        """The row in the path, once the policy lets the caller do `action` to it. Raises 404, 403."""
        row = await self.backend.database.read(
            lambda connection: fetch(connection, self.kind.table, call.path["id"])
        )
        self.backend.enforce(call, f"{self.kind.policy}:{action}", row["project_id"])
        return row

    def view(self, change: Change, identity: str) -> dict[str, Shown]:
        """How the object looks in this very transaction."""
        row = change.find(self.kind.table, identity)
        return {self.kind.name: self.kind.view(change.connection, [row])[0]}


async def nameless(call: Call) -> Any:
    """A change of a whole collection, which there is not."""
    raise bad('Missing argument: "id"')


def fetch(connection: Connection, table: Table, identity: str) -> RowMapping:
    """The row. Raises 404."""
    row = connection.execute(select(table).where(table.c.id == identity)).mappings().first()
    if row is None:
        raise not_found(LABELS[table], identity)
    return row
