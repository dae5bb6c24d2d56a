# SPDX-License-Identifier: Apache-2.0
"""Snapshots of stacks: taken, listed, shown, restored, deleted."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from samovar.orchestration.engine.definitions import Definition, load_definition
from samovar.orchestration.engine.rows import Stack
from samovar.orchestration.engine.snapshots import (
    Snapshot,
    count_snapshots,
    load_snapshot,
    remove_snapshot,
    restore_stack,
    snapshots_of,
    stack_data,
    take_snapshot,
)
from samovar.orchestration.templates import RequestLimitExceeded, load, load_environment
from samovar.web import Api, BadRequest, Call, Reply

from .desk import ACCEPTED, STACK, Desk, identity_of, no_body
from .draft import DraftReader
from .faults import not_found
from .permitted_types import check_types
from .values import instant

Found = tuple[Snapshot, Definition]


class Snapshots:
    """The handlers of ``…/snapshots``."""

    def __init__(self, desk: Desk, reader: DraftReader) -> None:
        self.desk, self.reader = desk, reader
        self.database, self.vault = desk.parts.database, desk.parts.vault

    def routes(self, api: Api) -> None:
        add, one = self.desk.add, f"{STACK}/snapshots/{{snapshot}}"
        add(api, "POST", f"{STACK}/snapshots", self.create, "stacks:snapshot")
        add(api, "GET", f"{STACK}/snapshots", self.index, "stacks:list_snapshots")
        add(api, "GET", one, self.show, "stacks:show_snapshot")
        add(api, "DELETE", one, self.delete, "stacks:delete_snapshot")
        add(api, "POST", f"{one}/restore", self.restore, "stacks:restore_snapshot")

    async def create(self, call: Call) -> dict[str, Any]:
        stack = await self.desk.find(call, live=True)
        if not isinstance(call.body, dict):
            raise BadRequest("The body must be a JSON object.", type="HTTPBadRequest")
        name = call.body.get("name")
        if name is not None and (not isinstance(name, str) or len(name) > 255):
            raise BadRequest("The name of a snapshot is text of at most 255 characters.", type="Invalid")
        most = self.desk.parts.settings.engine.max_snapshots_per_stack
        request = self.desk.request(call, stack.timeout_mins)

        def change(connection: Connection) -> tuple[str, str | None]:
            if 0 <= most <= count_snapshots(connection, stack.id):
                raise RequestLimitExceeded(
                    f"You have reached the maximum snapshots per stack, {most} (max_snapshots_per_stack). "
                    "Please delete some snapshots."
                )
            return take_snapshot(connection, stack.id, name, request)

        identity, operation = await self.database.write(change, f"snapshots of {stack.id}")
        await self.desk.ring(stack.id, operation)
        snapshot, definition = await self._load(stack, identity)
        return shown(stack, snapshot, definition)

    async def index(self, call: Call) -> dict[str, Any]:
        stack = await self.desk.find(call, live=True)

        def query(connection: Connection) -> list[dict[str, Any]]:
            found = []
            for snapshot in snapshots_of(connection, self.vault, stack.id):
                definition = load_definition(connection, self.vault, snapshot.definition_id)
                assert definition is not None
                found.append(shown(stack, snapshot, definition))
            return found

        return {"snapshots": await self.database.read(query)}

    async def show(self, call: Call) -> dict[str, Any]:
        return {"snapshot": shown(*await self._find(call))}

    async def delete(self, call: Call) -> Reply:
        no_body(call)
        stack, snapshot, _ = await self._find(call)
        request = self.desk.request(call, stack.timeout_mins)
        operation = await self.database.write(lambda c: remove_snapshot(c, stack, snapshot.id, request))
        await self.desk.ring(stack.id, operation)
        return Reply(204)

    async def restore(self, call: Call) -> Reply:
        no_body(call)
        stack, snapshot, definition = await self._find(call)
        body = {
            "template": definition.template,
            "environment": load_environment(definition.environment).as_dict(),
            "files": definition.files,
        }
        draft = await self.reader.read(body, identity_of(stack))
        await check_types(self.desk, call, draft)
        await self.reader.check_in_cloud(draft, self.desk.cloud(call))
        request = self.desk.request(call, stack.timeout_mins)
        _, operation = await self.database.write(
            lambda c: restore_stack(c, self.vault, stack.id, snapshot.id, request)
        )
        await self.desk.ring(stack.id, operation)
        return ACCEPTED

    async def _find(self, call: Call) -> tuple[Stack, Snapshot, Definition]:
        stack = await self.desk.find(call, live=True)
        return stack, *await self._load(stack, call.path["snapshot"])

    async def _load(self, stack: Stack, identity: str) -> Found:
        def query(connection: Connection) -> Found | None:
            found = load_snapshot(connection, self.vault, identity)
            if found is None or found.stack_id != stack.id or found.root_id != found.id:
                return None
            definition = load_definition(connection, self.vault, found.definition_id)
            return None if definition is None else (found, definition)

        found = await self.database.read(query)
        if found is None:
            raise not_found("Snapshot", f"{identity} of Stack {stack.name}", "NotFound")
        return found


def shown(stack: Stack, snapshot: Snapshot, definition: Definition) -> dict[str, Any]:
    """A snapshot as the API shows it; the data of its resources are there once they are taken."""
    environment = load_environment(definition.environment).as_dict(definition.hidden)
    environment.pop("encrypted_param_names", None)
    data = {
        **(stack_data(stack) if snapshot.data is None else snapshot.data),
        "template": load(definition.template).raw,
        "environment": environment,
        "files": definition.files,
    }
    return {
        "id": snapshot.id,
        "name": snapshot.name,
        "action": snapshot.action,
        "status": snapshot.status,
        "status_reason": snapshot.status_reason,
        "creation_time": instant(snapshot.created_at),
        "data": data,
    }
