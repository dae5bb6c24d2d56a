# SPDX-License-Identifier: Apache-2.0
"""Users: what they ask of stacks, and what they were promised."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from random_templates import FILES, random_hooks, random_template
from surroundings import now

from samovar.database import new_id
from samovar.orchestration.engine.definitions import Definition, load_definition
from samovar.orchestration.engine.requests import (
    OPERATIONS_TOPIC,
    SUPERSEDED_TOPIC,
    ActionNotAllowed,
    Request,
    StackGone,
    act_on_stack,
    cancel_update,
    create_stack,
    update_stack,
)
from samovar.orchestration.engine.retrying import retry_stack
from samovar.orchestration.engine.rows import Stack
from samovar.orchestration.engine.signals import mark_unhealthy
from samovar.orchestration.engine.snapshots import remove_snapshot, restore_stack, snapshots_of, take_snapshot
from samovar.orchestration.engine.store import current_rows, get_stack, list_resources

if TYPE_CHECKING:
    from schedule import Schedule

TIMEOUT = 3600.0
WISHES = (
    *["update"] * 5,
    "twice",
    "same",
    "retry",
    "retry",
    "check",
    "suspend",
    "resume",
    "cancel",
    "cancel",
    "delete",
    "snapshot",
    "restore",
    "forget",
    "sick",
)


class Users:
    """Those of a schedule. `wanted`: the definition last accepted, by stack."""

    def __init__(self, world: Schedule) -> None:
        self.world, self.chance, self.store = world, world.chance, world.store
        self.hooked = self.chance.random() < 0.1
        self.gated = self.chance.random() < 0.1
        self.wanted: dict[str, Definition] = {}
        self.deleted: set[str] = set()
        self.sick: set[str] = set()  # whose resources were said to be sick
        self.accepted = 0

    async def live(self, until: float) -> None:
        """Make some stacks, then ask this and that of them."""
        chance, small = self.chance, self.world.small
        pace = chance.choice([0.05, 0.5, 5.0, 20.0])
        for number in range(1 if small else chance.choice([1, 2, 3])):
            await self.create(f"stack{number}")
        for _ in range(chance.randint(0, 3 if small else 6)):
            await asyncio.sleep(chance.expovariate(1 / pace))
            if self.world.loop.time() > until:
                break
            await self.something(chance.choice(list(self.wanted)))

    async def something(self, identity: str) -> None:
        """One wish; what is not allowed now is refused, and that is all."""
        chance, request = self.chance, self.request()
        try:
            match chance.choice(WISHES):
                case "update":
                    await self.update(identity, self.definition(), request)
                case "twice":  # two at once: the newer one supersedes the older
                    await self.update(identity, self.definition(), request)
                    await self.update(identity, self.definition(), request)
                case "same":
                    await self.update(identity, self.wanted[identity], request)
                case "retry":
                    await self.retry(identity, request)
                case "check":
                    await self.act(identity, "CHECK", request)
                case "suspend":
                    await self.act(identity, "SUSPEND", request)
                case "resume":
                    await self.act(identity, "RESUME", request)
                case "cancel":
                    await self.cancel(identity, rollback=chance.random() < 0.5, request=request)
                case "delete":
                    await self.act(identity, "DELETE", request)
                    self.deleted.add(identity)
                case "snapshot":
                    await self.snapshot(identity, request)
                case "restore":
                    await self.restore(identity, request)
                case "forget":
                    await self.forget(identity, request)
                case "sick":
                    self.mark(identity)
            self.accepted += 1
        except (ActionNotAllowed, StackGone):
            pass

    def request(self) -> Request:
        return Request("u", "req", 30.0 if self.chance.random() < 0.05 else TIMEOUT)

    def definition(self) -> Definition:
        template = random_template(self.chance, 2 if self.world.small else 6, gated=self.gated)
        environment = random_hooks(self.chance, template) if self.hooked else {}
        return Definition(template, environment, FILES)

    async def create(self, name: str) -> None:
        identity, definition, request = new_id(), self.definition(), self.request()
        stack = Stack(
            id=identity, name=name, project_id="p", user_id="u", user_name="user", owner_id=None,
            root_id=identity, parent_resource=None, depth=0, action="CREATE", status="IN_PROGRESS",
            status_reason="", definition_id="", previous_definition_id=None, operation_id=None,
            credentials_id=None, user_project_id=None, description="", tags=[], timeout_mins=None,
            disable_rollback=self.chance.random() < 0.6, created_at=now(), updated_at=None, deleted_at=None,
        )  # fmt: skip
        vault = self.world.vault
        operation = self.store.write(lambda c: create_stack(c, vault, stack, definition, request))
        self.wanted[identity] = definition
        self.accepted += 1
        self.world.tell(f"create {name} {identity} {sorted(definition.template['resources'])}")
        await self.world.bus.ring(OPERATIONS_TOPIC, operation)

    async def update(self, identity: str, definition: Definition, request: Request) -> None:
        again = Definition(definition.template, definition.environment, definition.files)
        stack, operation = self.store.write(
            lambda c: update_stack(c, self.world.vault, identity, again, request)
        )
        self.wanted[identity] = again
        self.world.tell(f"update {stack.name} {sorted(definition.template['resources'])}")
        await self._ring(identity, operation)

    async def act(self, identity: str, action: str, request: Request) -> None:
        stack, operation = self.store.write(lambda c: act_on_stack(c, identity, action, request))
        self.world.tell(f"{action} {stack.name}")
        if operation is not None:
            await self._ring(identity, operation)

    async def retry(self, identity: str, request: Request) -> None:
        stack, operation = self.store.write(lambda c: retry_stack(c, identity, request))
        self.world.tell(f"retry {stack.name}, {stack.action}")
        await self._ring(identity, operation)

    async def cancel(self, identity: str, *, rollback: bool, request: Request) -> None:
        stack, operation = self.store.write(lambda c: cancel_update(c, identity, request, rollback=rollback))
        self.world.tell(f"cancel {stack.name}, rollback {rollback}")
        await self._ring(identity, operation)

    # Snapshots

    async def snapshot(self, identity: str, request: Request) -> None:
        found, operation = self.store.write(lambda c: take_snapshot(c, identity, None, request))
        self.world.tell(f"snapshot {found} of {identity}")
        if operation is not None:
            await self._ring(identity, operation)

    def _some_snapshot(self, identity: str) -> str:
        found = self.store.read(lambda c: snapshots_of(c, self.world.vault, identity))
        if not found:
            raise ActionNotAllowed("there is none")
        return self.chance.choice(found).id

    async def restore(self, identity: str, request: Request) -> None:
        chosen, vault = self._some_snapshot(identity), self.world.vault
        stack, operation = self.store.write(lambda c: restore_stack(c, vault, identity, chosen, request))
        definition = self.store.read(lambda c: load_definition(c, vault, stack.definition_id))
        assert definition is not None
        self.wanted[identity] = definition
        self.world.tell(f"restore {chosen} of {stack.name} {sorted(definition.template['resources'])}")
        await self._ring(identity, operation)

    async def forget(self, identity: str, request: Request) -> None:
        chosen = self._some_snapshot(identity)
        stack = self.store.read(lambda c: get_stack(c, identity))
        if stack is None or stack.deleted_at is not None:
            raise StackGone(identity)
        operation = self.store.write(lambda c: remove_snapshot(c, stack, chosen, request))
        self.world.tell(f"forget snapshot {chosen}")
        if operation is not None:
            await self._ring(identity, operation)

    def mark(self, identity: str) -> None:
        rows = self.store.read(lambda c: list_resources(c, self.world.vault, identity))
        if not rows:
            raise ActionNotAllowed("there is none")
        row = self.chance.choice(list(current_rows(rows).values()))
        self.store.write(lambda c: mark_unhealthy(c, row, True, None))
        self.sick.add(identity)
        self.world.tell(f"{row.name} of {identity} is said to be sick")

    async def _ring(self, identity: str, operation: str) -> None:
        await self.world.bus.announce(SUPERSEDED_TOPIC, identity)
        await self.world.bus.ring(OPERATIONS_TOPIC, operation)
