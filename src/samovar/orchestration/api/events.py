# SPDX-License-Identifier: Apache-2.0
"""Events of a stack and of its resources: as lists, and the stack's as a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Connection, and_, or_, select
from starlette.responses import StreamingResponse

from samovar.orchestration.engine.rows import Stack
from samovar.orchestration.engine.store import children
from samovar.orchestration.engine.tables import events
from samovar.web import Api, Call

from .desk import STACK, Desk
from .event_streams import EVENT_STREAM, EventStream, Reader, Streams
from .faults import not_found
from .render import event_shown
from .values import sort_direction, whole_number

FILTERS: Mapping[str, Column[Any]] = {
    "resource_status": events.c.status,
    "resource_action": events.c.action,
    "resource_name": events.c.resource_name,
    "resource_type": events.c.resource_type,
}
SORT_KEYS: Mapping[str, Column[Any]] = {
    "event_time": events.c.sequence,
    "created_at": events.c.sequence,
    "resource_type": events.c.resource_type,
    "resource_name": events.c.resource_name,
    "resource_status": events.c.status,
    "resource_status_reason": events.c.status_reason,
}


class Events:
    """The handlers of ``…/events``."""

    def __init__(self, desk: Desk, streams: Streams) -> None:
        self.desk, self.streams = desk, streams

    def routes(self, api: Api) -> None:
        add = self.desk.add
        of_resource = f"{STACK}/resources/{{resource}}/events"
        add(api, "GET", f"{STACK}/events", self.index, "events:index")
        add(api, "GET", of_resource, self.of_resource, "events:index")
        add(api, "GET", f"{of_resource}/{{event}}", self.show, "events:show")

    async def index(self, call: Call) -> Any:
        if EVENT_STREAM in call.request.headers.get("accept", ""):
            return await self._stream(call)
        return {"events": await self._list(call, None)}

    async def _stream(self, call: Call) -> StreamingResponse:
        """From the event in Last-Event-ID (or `marker`) on; else all that are kept, then what comes."""
        stack = await self.desk.find(call)
        depth = whole_number("nested_depth", call.query.get("nested_depth"), 0) or 0
        last = call.request.headers.get("last-event-id") or call.query.get("marker")
        known = select(events.c.sequence).where(events.c.id == (last or ""))
        floor = await self.desk.parts.database.read(lambda c: c.execute(known).scalar())
        wanted = {column.name: set(call.query.getlist(name)) for name, column in FILTERS.items()}
        reader = Reader(
            stack,
            depth,
            floor or 0,
            settles=not self.desk.parts.settings.database_url.startswith("sqlite"),
            matches=lambda row: all(not each or row[name] in each for name, each in wanted.items()),
        )
        return EventStream(self.desk, self.streams, call, reader).response()

    async def of_resource(self, call: Call) -> dict[str, Any]:
        name = call.path["resource"]
        found = await self._list(call, name)
        if not found:
            raise not_found("Event of the Resource", name, "HTTPNotFound")
        return {"events": found}

    async def show(self, call: Call) -> dict[str, Any]:
        stack = await self.desk.find(call)
        query = select(events).where(
            events.c.id == call.path["event"],
            events.c.stack_id == stack.id,
            events.c.resource_name == call.path["resource"],
        )
        event = await self.desk.parts.database.read(lambda c: c.execute(query).mappings().first())
        if event is None:
            raise not_found("Event", call.path["event"], "HTTPNotFound")
        return {"event": event_shown(self.desk, call, stack, dict(event), None, whole=True)}

    async def _list(self, call: Call, resource: str | None) -> list[dict[str, Any]]:
        stack = await self.desk.find(call)
        limit = whole_number("limit", call.query.get("limit"))
        depth = whole_number("nested_depth", call.query.get("nested_depth"), 0) or 0
        direction = sort_direction(call, "asc" if sort_keys(call) else "desc")
        if limit == 0:
            return []

        def query(connection: Connection) -> tuple[dict[str, Stack], Any]:
            tree = {stack.id: stack}
            level = [stack]
            for _ in range(depth):
                level = [child for each in level for child in children(connection, each.id)]
                if not level:
                    break
                tree.update({child.id: child for child in level})
            return tree, self._rows(connection, call, tree, resource, direction, limit)

        tree, rows = await self.desk.parts.database.read(query)
        root = stack if depth else None
        return [
            event_shown(self.desk, call, tree[row["stack_id"]], dict(row), root, whole=False) for row in rows
        ]

    def _rows(
        self,
        connection: Connection,
        call: Call,
        tree: Mapping[str, Stack],
        resource: str | None,
        direction: str,
        limit: int | None,
    ) -> Any:
        query = select(events).where(events.c.stack_id.in_(list(tree)))
        if resource is not None:
            query = query.where(events.c.resource_name == resource)
        for name, column in FILTERS.items():
            values = call.query.getlist(name)
            if values:
                query = query.where(column.in_(values))
        columns = [*dict.fromkeys([*sort_keys(call), events.c.sequence])]
        marker = call.query.get("marker")
        if marker:
            at = connection.execute(select(*columns).where(events.c.id == marker)).first()
            if at is not None:
                query = query.where(_after(columns, direction, tuple(at)))
        ordered = [column.asc() if direction == "asc" else column.desc() for column in columns]
        query = query.order_by(*ordered)
        if limit is not None:
            query = query.limit(limit)
        return connection.execute(query).mappings().all()


def sort_keys(call: Call) -> list[Column[Any]]:
    return [SORT_KEYS[key] for key in call.query.getlist("sort_keys") if key in SORT_KEYS]


def _after(columns: list[Column[Any]], direction: str, values: tuple[Any, ...]) -> Any:
    alternatives = []
    for index, (column, value) in enumerate(zip(columns, values, strict=True)):
        same = [c == v for c, v in zip(columns[:index], values[:index], strict=True)]
        alternatives.append(and_(*same, column > value if direction == "asc" else column < value))
    return or_(*alternatives)
