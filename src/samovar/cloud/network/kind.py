# SPDX-License-Identifier: Apache-2.0
"""A Kind of resource: its attributes, its table, who sees it, and the functions that change it.

Each kind is a declaration; `collection` serves them all alike.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, RowMapping, Select, Table, bindparam, or_, select

from samovar.auth import Context

from .backend import Work
from .faults import invalid, refuse
from .tables import sharing, tags
from .values import Parser, text

BATCH = 500


class _Marker:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


REQUIRED = _Marker("REQUIRED")
UNSET = _Marker("UNSET")


@dataclass(frozen=True, slots=True)
class Attribute:
    """What may be given for one attribute.

    `default` REQUIRED: it must be given to create; UNSET: the kind's own function decides. `guarded`:
    giving it takes the rule ``<action>:<attribute>`` of the policy.
    """

    parse: Parser
    default: Any = UNSET
    create: bool = True
    update: bool = True
    guarded: bool = False


Values = dict[str, Any]
Describe = Callable[[Connection, Sequence[RowMapping], Context], list[dict[str, Any]]]
Filter = Callable[[Sequence[str]], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Preparation:
    """What has to be there before a list is true: `missing` looks, `make` makes it."""

    missing: Callable[[Connection, Context], bool]
    make: Callable[[Work], Any]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of resource. ``columns`` maps names of the API to columns where they differ."""

    name: str
    plural: str
    path: str
    table: Table
    missing: str
    attributes: Mapping[str, Attribute]
    describe: Describe
    create: Callable[[Work, Values], str] | None = None
    update: Callable[[Work, RowMapping, Values], None] | None = None
    delete: Callable[[Work, RowMapping], None] | None = None
    readable: Callable[[Context], Sequence[ColumnElement[bool]]] = lambda _context: ()
    filters: Mapping[str, Filter] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    unlisted: frozenset[str] = frozenset()
    taggable: bool = True
    preparation: Preparation | None = None

    def column(self, attribute: str) -> Column[Any] | None:
        """The column that an attribute of the API is kept in, if it is one column."""
        if attribute == "tenant_id":
            attribute = "project_id"
        name = self.columns.get(attribute, attribute)
        if name in self.unlisted or (name != attribute and name not in self.table.c):
            return None
        return self.table.c.get(name)

    def visible(self, context: Context) -> ColumnElement[bool] | None:
        """Which rows the bearer may read; None: all."""
        if context.is_admin:
            return None
        return or_(self.table.c.project_id == (context.project_id or "-"), *self.readable(context))

    def fetch(self, connection: Connection, identity: str, context: Context | None = None) -> RowMapping:
        """The row, or the kind's own "not found" when there is none that the bearer may read."""
        query = _by_id(self.table)
        condition = None if context is None else self.visible(context)
        if condition is not None:
            query = query.where(condition)
        row = connection.execute(query, {"identity": identity}).mappings().first()
        if row is None:
            raise refuse(self.missing, f"There is no {self.name.replace('_', ' ')} {identity}.")
        return row

    def parse(self, given: Mapping[str, Any], *, creating: bool) -> Values:
        """The values of a body, parsed; defaults filled in when creating. Raises a Fault."""
        values: Values = {}
        for name, value in given.items():
            known = "project_id" if name == "tenant_id" else name
            attribute = self.attributes.get(known)
            if attribute is None:
                raise refuse("HTTPBadRequest", f"A {self.name.replace('_', ' ')} has no attribute {name!r}.")
            if not (attribute.create if creating else attribute.update):
                when = "when it is created" if creating else "once it exists"
                raise refuse("HTTPBadRequest", f"{name} cannot be given {when}.")
            try:
                values[known] = attribute.parse(value)
            except ValueError as error:
                raise invalid(name, str(error)) from None
        if creating:
            for name, attribute in self.attributes.items():
                if name in values or not attribute.create or attribute.default is UNSET:
                    continue
                if attribute.default is REQUIRED:
                    raise refuse("HTTPBadRequest", f"{name} is needed to create a {self.name}.")
                values[name] = attribute.default
        return values


@cache
def _by_id(table: Table) -> Select[Any]:
    return select(table).where(table.c.id == bindparam("identity"))


def chunks(items: Sequence[str]) -> list[Sequence[str]]:
    return [items[i : i + BATCH] for i in range(0, len(items), BATCH)]


TAGS = select(tags).where(tags.c.resource_id.in_(bindparam("ids", expanding=True))).order_by(tags.c.tag)


def tags_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
    """The tags of each id."""
    found: dict[str, list[str]] = {identity: [] for identity in ids}
    for part in chunks(ids):
        for resource_id, tag in connection.execute(TAGS, {"ids": part}).all():
            found[resource_id].append(tag)
    return found


def timestamp(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def standard(row: RowMapping, tagged: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    """The attributes that everything has."""
    shown = {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "tenant_id": row["project_id"],
        "project_id": row["project_id"],
        "created_at": timestamp(row["created_at"]),
        "updated_at": timestamp(row["updated_at"]),
        "revision_number": row["revision_number"],
    }
    if tagged is not None:
        shown["tags"] = tagged[row["id"]]
    return shown


def shared_with(column: Column[Any], action: str, context: Context) -> ColumnElement[bool]:
    """Whether an RBAC policy lets the bearer's project do `action` with the row."""
    targets = select(sharing.c.object_id).where(
        sharing.c.action == action, sharing.c.target_tenant.in_(("*", context.project_id or "-"))
    )
    return column.in_(targets)


def named() -> dict[str, Attribute]:
    """The attributes that every kind takes: name, description, owner."""
    return {
        "name": Attribute(text(), ""),
        "description": Attribute(text(4096), ""),
        "project_id": Attribute(text(), UNSET, update=False),
    }
