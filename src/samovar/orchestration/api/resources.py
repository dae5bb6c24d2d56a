# SPDX-License-Identifier: Apache-2.0
"""Resources of a stack: lists, one, its metadata, signals, and marking it unhealthy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from samovar.orchestration.engine.loaded import LoadedStack
from samovar.orchestration.engine.rows import Resource, Stack
from samovar.orchestration.engine.scaling import scaling_metadata
from samovar.orchestration.engine.signals import (
    SignalledStack,
    mark_unhealthy,
    refuse_signal,
    take_signal,
)
from samovar.orchestration.engine.store import (
    MANY,
    children,
    current_rows,
    has_more_resources,
    list_resources,
)
from samovar.orchestration.engine.tables import stacks
from samovar.orchestration.software import server_metadata
from samovar.web import Api, BadRequest, Call, Forbidden, Reply

from .desk import NULL, STACK, Desk
from .faults import not_found
from .render import resource_shown
from .values import flag, truth, whole_number

FILTERS = ("type", "status", "action", "name", "id", "physical_resource_id")
KNOWN = frozenset((*FILTERS, "nested_depth", "with_detail"))


class Resources:
    """The handlers of ``…/resources``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.parts = desk.parts

    def routes(self, api: Api) -> None:
        add = self.desk.add
        one = f"{STACK}/resources/{{resource}}"
        add(api, "GET", f"{STACK}/resources", self.index, "resource:index")
        add(api, "GET", one, self.show, "resource:show")
        add(api, "PATCH", one, self.mark, "resource:mark_unhealthy")
        add(api, "GET", f"{one}/metadata", self.metadata, "resource:metadata")
        add(api, "POST", f"{one}/signal", self.signal, "resource:signal")

    # Lists

    async def index(self, call: Call) -> dict[str, Any]:
        unknown = sorted(set(call.query.keys()) - KNOWN)
        if unknown:
            raise BadRequest(f"Invalid filter parameters {', '.join(unknown)}", type="HTTPBadRequest")
        stack = await self.desk.find(call)
        depth = min(
            whole_number("nested_depth", call.query.get("nested_depth"), 0) or 0,
            self.parts.settings.engine.max_nested_stack_depth,
        )
        detail = flag(call, "with_detail")
        read = self.parts.database.read
        many = depth > 0 or await read(lambda c: has_more_resources(c, stack.id, MANY))
        if many:
            read = self.parts.database.read_much
        found = await read(lambda c: self._tree(c, stack, depth))
        answer: list[dict[str, Any]] = []
        for owner, rows, names in found:
            nested = owner.id != stack.id
            if len(rows) > MANY:
                shown = await asyncio.to_thread(self._rows, call, owner, rows, names, nested=nested)
            else:
                shown = self._rows(call, owner, rows, names, nested=nested)
            if detail and shown:
                loaded = await self.desk.load(call, owner)
                for row, each in shown:
                    each["description"] = row.definition.get("description", "")
                    each["attributes"] = await attributes_of(loaded, row)
            answer += [each for _, each in shown]
        return {"resources": answer}

    def _tree(
        self, connection: Connection, stack: Stack, depth: int
    ) -> list[tuple[Stack, list[Resource], dict[str, str]]]:
        """The stack and its nested stacks down to `depth`: rows, and the names of nested stacks by id."""
        if stack.deleted_at is not None:
            return [(stack, [], {})]
        below = children(connection, stack.id)
        rows = list_resources(connection, self.parts.vault, stack.id)
        found = [(stack, rows, {child.id: child.name for child in below})]
        if depth > 0:
            for child in below:
                found += self._tree(connection, child, depth - 1)
        return found

    def _rows(
        self,
        call: Call,
        stack: Stack,
        rows: Sequence[Resource],
        names: dict[str, str],
        *,
        nested: bool,
    ) -> list[tuple[Resource, dict[str, Any]]]:
        required_by = _required_by(rows)
        shown = []
        for row in current_rows(rows).values():
            if not _matches(call, row):
                continue
            child = names.get(row.physical_id or "")
            each = resource_shown(self.desk, call, stack, row, required_by.get(row.id, []), child)
            if nested and stack.parent_resource is not None:
                each["parent_resource"] = stack.parent_resource
            shown.append((row, each))
        return shown

    # One

    async def _row(self, call: Call) -> tuple[LoadedStack, Resource]:
        stack = await self.desk.find(call)
        loaded = await self.desk.load(call, stack)
        name = call.path["resource"]
        row = self._of_stack_user(call, loaded, name) or loaded.current.get(name)
        if row is None:
            raise not_found("Resource", f"{name} in Stack {stack.name}", "ResourceNotFound")
        self._own_only(call, stack, row)
        return loaded, row

    @staticmethod
    def _of_stack_user(call: Call, loaded: LoadedStack, name: str) -> Resource | None:
        """The row of this name that the caller was made for: what is replaced may still be signalled."""
        rows = (row for row in loaded.rows.values() if row.name == name)
        return next((row for row in rows if row.data.get("stack_user_id") == call.context.user_id), None)

    def _own_only(self, call: Call, stack: Stack, row: Resource) -> None:
        """A stack user sees the resource that it was made for, and no other. Raises Forbidden."""
        if self.desk.project(call) == stack.project_id:
            return
        if row.data.get("stack_user_id") != call.context.user_id:
            raise Forbidden("This user belongs to another resource.", type="Forbidden")

    async def show(self, call: Call) -> dict[str, Any]:
        loaded, row = await self._row(call)
        child = None
        if row.physical_id is not None:
            wanted = select(stacks.c.name).where(
                stacks.c.id == row.physical_id,
                stacks.c.owner_id == row.stack_id,
                stacks.c.deleted_at.is_(None),
            )
            child = await self.parts.database.read(lambda c: c.execute(wanted).scalar())
        shown = resource_shown(self.desk, call, loaded.stack, row, loaded.required_by(row), child)
        if loaded.stack.parent_resource is not None:
            shown["parent_resource"] = loaded.stack.parent_resource
        shown["description"] = row.definition.get("description", "")
        shown["attributes"] = await attributes_of(loaded, row, call.query.getlist("with_attr"))
        return {"resource": shown}

    async def metadata(self, call: Call) -> dict[str, Any]:
        loaded, row = await self._row(call)
        notes, project = {**row.data, **row.secrets}, loaded.stack.project_id
        shown = await self.parts.database.read(
            lambda c: server_metadata(c, row.metadata, notes, row.physical_id, project)
        )
        return {"metadata": {**scaling_metadata(loaded, row), **shown}}

    # Acting on one

    async def signal(self, call: Call) -> Reply:
        loaded, row = await self._row(call)
        refuse_signal(loaded, row, call.body)
        signalled = SignalledStack(
            loaded.parts, loaded.stack, loaded.definition, list(loaded.rows.values()), loaded.known_cloud
        )
        await take_signal(signalled, signalled.rows[row.id], call.body)
        return Reply(200, NULL)

    async def mark(self, call: Call) -> Reply:
        stack = await self.desk.find(call, live=True)
        body = call.body
        if not isinstance(body, dict) or "mark_unhealthy" not in body:
            raise BadRequest("The body must have the key mark_unhealthy.", type="HTTPBadRequest")
        unknown = sorted(set(body) - {"mark_unhealthy", "resource_status_reason"})
        if unknown:
            raise BadRequest(f"Unexpected keys in the body: {', '.join(unknown)}.", type="HTTPBadRequest")
        unhealthy = truth("mark_unhealthy", body["mark_unhealthy"], kind="HTTPBadRequest")
        loaded = await self.desk.load(call, stack)
        wanted = call.path["resource"]
        row = loaded.current.get(wanted) or next(
            (each for each in loaded.current.values() if each.physical_id == wanted), None
        )
        if row is None:
            raise not_found("Resource", f"{wanted} in Stack {stack.name}", "ResourceNotFound")
        reason = body.get("resource_status_reason")
        await self.parts.database.write(
            lambda c: mark_unhealthy(c, row, unhealthy, None if reason is None else str(reason))
        )
        return Reply(200, NULL)


async def attributes_of(loaded: LoadedStack, row: Resource, more: Sequence[str] = ()) -> dict[str, Any]:
    """Every attribute that resolves; those asked for with_attr as well."""
    if row.never_made or row.action == "DELETE":
        return {}
    try:
        names = list(loaded.attribute_names(row))
    except Exception:
        names = []
    found: dict[str, Any] = {}
    for name in dict.fromkeys([*names, *more]):
        try:
            found[name] = await loaded.read_attribute(row.name, name)
        except Exception:
            found[name] = None
    return found


def _required_by(rows: Sequence[Resource]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for row in rows:
        for other in row.requires:
            found.setdefault(other, set()).add(row.name)
    return {identity: sorted(names) for identity, names in found.items()}


def _matches(call: Call, row: Resource) -> bool:
    query = call.query
    if not query:
        return True
    exact = {
        "status": row.status,
        "action": row.action,
        "name": row.name,
        "id": row.id,
        "physical_resource_id": row.physical_id or "",
    }
    for name, value in exact.items():
        wanted = query.getlist(name)
        if wanted and value not in wanted:
            return False
    types = query.getlist("type")
    return not types or any(part in row.type for part in types)
