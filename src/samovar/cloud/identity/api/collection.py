# SPDX-License-Identifier: Apache-2.0
"""A collection: the rows of a table as a list with filters, pages and links, and one by its id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, Column, ColumnElement, Connection, RowMapping, Table, func, select

from samovar.web import Call, Page, page_limit, paginate

from ..faults import unknown
from ..standing import row
from ..store import Store

Render = Callable[[Call, RowMapping], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Collection:
    """`name` is the plural under which lists come; `singular` what a body and an error say."""

    name: str
    singular: str
    table: Table
    render: Render
    filters: tuple[str, ...]
    order: str = "name"

    def one(self, connection: Connection, identity: str) -> RowMapping:
        """The row with this id. Raises NotFound."""
        found = row(connection, self.table, identity)
        if found is None:
            raise unknown(self.singular, identity)
        return found

    def body(self, call: Call, found: RowMapping) -> dict[str, Any]:
        return {self.singular: self.render(call, found)}

    async def list(
        self, store: Store, call: Call, *where: ColumnElement[bool], forced: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The list that the query parameters ask for, within `where`; `forced` stands in for them."""
        query = select(self.table).where(*where, *self._conditions(call, forced or {}))
        limit = page_limit(call)
        marker = call.query.get("marker")
        order = [(self.table.c[self.order], "asc")] if self.order != "id" else []
        page = await store.read(
            lambda connection: paginate(
                connection, query, identity=self.table.c.id, order=order, marker=marker, limit=limit
            )
        )
        return {
            "links": list_links(call, page),
            self.name: [self.render(call, found) for found in page.rows],
        }

    def _conditions(self, call: Call, forced: Mapping[str, str]) -> Iterator[ColumnElement[bool]]:
        given = {**dict(call.query), **forced}
        for field, value in given.items():
            base, _, how = field.partition("__")
            if base in self.filters:
                yield _condition(self.table.c[base], how, value)


def list_links(call: Call, page: Page | None = None) -> dict[str, str | None]:
    """The ``links`` of a list."""
    query = call.request.url.query
    following = page.links(call) if page is not None else []
    return {
        "self": call.url + (f"?{query}" if query else ""),
        "next": following[0]["href"] if following else None,
        "previous": None,
    }


def true(value: str | None) -> bool:
    """Whether a query parameter says yes; one without a value does."""
    return value is not None and value.lower() not in ("0", "false", "f", "no", "off")


def _condition(column: Column[Any], how: str, value: str) -> ColumnElement[bool]:
    if isinstance(column.type, Boolean):
        return column.is_(true(value))
    if how.startswith("i"):
        return _text(func.lower(column), how[1:], value.lower())
    return _text(column, how, value)


def _text(column: ColumnElement[Any], how: str, value: str) -> ColumnElement[bool]:
    if how == "contains":
        return column.contains(value, autoescape=True)
    if how == "startswith":
        return column.startswith(value, autoescape=True)
    if how == "endswith":
        return column.endswith(value, autoescape=True)
    return column == value


def targeted(kind: str, found: RowMapping, *fields: str) -> dict[str, Any]:
    """The target of a rule: ``target.<kind>.<field>`` of the row, without what is null."""
    return {f"target.{kind}.{field}": found[field] for field in fields if found[field] is not None}
