# SPDX-License-Identifier: Apache-2.0
"""Stacks are created, updated and deleted: read, checked, written as operations, rung for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from samovar.clients import CloudError, CloudUnreachable
from samovar.database import new_id, utcnow
from samovar.orchestration.engine.deferred import store_deferred
from samovar.orchestration.engine.event_bell import EVENTS_TOPIC
from samovar.orchestration.engine.loaded import LoadedStack
from samovar.orchestration.engine.requests import (
    OPERATIONS_TOPIC,
    act_on_stack,
    create_stack,
    update_stack,
)
from samovar.orchestration.engine.rows import Stack
from samovar.orchestration.engine.store import count_root_stacks, lock_stack
from samovar.orchestration.templates import (
    RequestLimitExceeded,
    StackIdentity,
    check_immutable,
    raise_errors,
)
from samovar.web import Api, BadRequest, Call, Conflict, Reply

from .adoption import adoption, users_project
from .delegation import Delegation
from .desk import ACCEPTED, PROJECT, STACK, Desk, body_of, identity_of, no_body
from .draft import Draft, DraftReader, StackOptions, read_options
from .merging import merged_body
from .permitted_types import check_types
from .planning import check_plan
from .values import stack_name, truth

log = logging.getLogger(__name__)


class Stacks:
    """The handlers that change stacks."""

    def __init__(self, desk: Desk, reader: DraftReader) -> None:
        self.desk, self.reader = desk, reader
        self.parts, self.delegation = desk.parts, Delegation(desk.parts)

    def routes(self, api: Api) -> None:
        add = self.desk.add
        add(api, "POST", f"{PROJECT}/stacks", self.create, "stacks:create")
        add(api, "PUT", STACK, self.put, "stacks:update")
        add(api, "PATCH", STACK, self.patch, None)
        add(api, "DELETE", STACK, self.delete, "stacks:delete")

    # Create

    async def create(self, call: Call) -> Reply:
        body = body_of(call)
        adopted = None
        if body.get("adopt_stack_data") is not None:
            adopted, body = await adoption(self.parts.settings.engine, body)
        name = stack_name(body)
        options = read_options(body)
        identity = StackIdentity(name, new_id(), self.desk.project(call))
        draft = await self.reader.read(body, identity)
        await check_types(self.desk, call, draft)
        cloud = self.desk.cloud(call)
        await self.reader.check_in_cloud(draft, cloud)
        if self._limited(call):
            await self.parts.database.read(lambda c: self._check_quota(c, identity.project_id))
        await self._check_plan(body, draft, None)
        stack = self._new_stack(call, draft, options)
        deferred = await self.delegation.first(call, draft)
        stack.credentials_id = deferred.id if deferred else None
        definition = draft.definition()
        request = self.desk.request(call, stack.timeout_mins)
        if adopted is not None:
            stack.user_project_id = await users_project(self.parts, stack, definition, adopted)
            sealed = self.parts.vault.seal(adopted.get("resources") or {})
            request = replace(request, details={**request.details, "adopt": sealed})
        action = "CREATE" if adopted is None else "ADOPT"
        limited, quota = self._limited(call), f"stacks of {identity.project_id}"

        def change(connection: Connection) -> str:
            if limited:
                self._check_quota(connection, identity.project_id)
            if deferred is not None:
                store_deferred(connection, self.parts.vault, deferred)
            return create_stack(connection, self.parts.vault, replace(stack), definition, request, action)

        try:
            operation = await self.parts.database.write(change, *([quota] if limited else []))
        except BaseException as error:
            await self.delegation.undo(deferred, error)
            raise
        await self.parts.bus.ring(OPERATIONS_TOPIC, operation)
        await self.parts.bus.announce(EVENTS_TOPIC, stack.root_id)
        links = self.desk.stack_links(call, stack)
        return Reply(201, {"stack": {"id": stack.id, "links": links}}, {"location": links[0]["href"]})

    async def _check_plan(self, body: Mapping[str, Any], draft: Draft, before: LoadedStack | None) -> bool:
        """Whether the request insists on a plan; raises Conflict when what it was shown holds no more."""
        wanted = body.get("plan_hash")
        if wanted is None:
            return False
        if not isinstance(wanted, str):
            raise BadRequest("plan_hash must be the hash of a plan.", type="HTTPBadRequest")
        drift = self._observes(body)
        await check_plan(self.parts, draft, before, wanted, drift=drift)
        return True

    def _observes(self, body: Mapping[str, Any]) -> bool:
        """Whether an update looks at what the cloud has, too: as asked, or as the operator wants it."""
        default = self.parts.settings.engine.observe_on_update
        return truth("converge", body.get("converge"), default)

    def _new_stack(self, call: Call, draft: Draft, options: StackOptions) -> Stack:
        identity = draft.identity.id or new_id()
        return Stack(
            id=identity,
            name=draft.identity.name,
            project_id=draft.identity.project_id,
            user_id=call.context.user_id,
            user_name=call.context.user_name,
            owner_id=None,
            root_id=identity,
            parent_resource=None,
            depth=0,
            action="CREATE",
            status="IN_PROGRESS",
            status_reason="",
            definition_id="",
            previous_definition_id=None,
            operation_id=None,
            credentials_id=None,
            user_project_id=None,
            description=draft.template.description,
            tags=options.tags or [],
            timeout_mins=options.timeout_mins or None,
            disable_rollback=True if options.disable_rollback is None else options.disable_rollback,
            created_at=utcnow(),
            updated_at=None,
            deleted_at=None,
        )

    def _limited(self, call: Call) -> bool:
        return self.parts.settings.engine.max_stacks_per_tenant >= 0 and not call.context.is_admin

    def _check_quota(self, connection: Connection, project: str) -> None:
        """Raise RequestLimitExceeded when the project has as many stacks as it may."""
        most = self.parts.settings.engine.max_stacks_per_tenant
        if count_root_stacks(connection, project) >= most:
            raise RequestLimitExceeded(
                f"You have reached the maximum stacks per project, {most} (max_stacks_per_tenant). "
                "Please delete some stacks."
            )

    # Update

    async def put(self, call: Call) -> Reply:
        stack = await self.desk.find(call, live=True)
        body = body_of(call)
        draft = await self.reader.read(body, identity_of(stack))
        options = read_options(body)
        tags = options.tags if options.tags is not None else []
        return await self._update(call, stack, draft, replace(options, tags=tags), body)

    async def patch(self, call: Call) -> Reply:
        body = dict(call.body) if isinstance(call.body, dict) else {}
        rule = "stacks:update_patch" if body else "stacks:update_no_change"
        call.enforce(rule, self.desk.target(call))
        stack = await self.desk.find(call, live=True)
        merged, kept = merged_body(await self.desk.definition(stack), body)
        draft = await self.reader.read(merged, identity_of(stack), kept)
        return await self._update(call, stack, draft, read_options(body), body)

    async def _update(
        self, call: Call, stack: Stack, draft: Draft, options: StackOptions, body: Mapping[str, Any]
    ) -> Reply:
        await check_types(self.desk, call, draft)
        loaded = await self.desk.load(call, stack)
        raise_errors(check_immutable(loaded.texts.parameters, draft.parameters))
        await self.reader.check_in_cloud(draft, self.desk.cloud(call))
        insists = await self._check_plan(body, draft, loaded)
        if stack.credentials_id is None:
            deferred = await self.delegation.first(call, draft)
        else:
            deferred = await self.delegation.again(call, stack)
        changes: dict[str, Any] = {"description": draft.template.description}
        if options.tags is not None:
            changes["tags"] = options.tags
        if options.disable_rollback is not None:
            changes["disable_rollback"] = options.disable_rollback
        if options.timeout_mins:
            changes["timeout_mins"] = options.timeout_mins
        if deferred is not None:
            changes["credentials_id"] = deferred.id
        request = self.desk.request(
            call,
            options.timeout_mins or stack.timeout_mins,
            **({"converge": True} if self._observes(body) else {}),
        )
        definition = draft.definition()

        def change(connection: Connection) -> str:
            if insists:
                now = lock_stack(connection, stack.id)
                if now is None or now.operation_id != stack.operation_id:
                    raise Conflict(
                        "The plan is another one now: the stack was changed since it was made.",
                        type="PlanChanged",
                    )
            if deferred is not None:
                self.delegation.keep(connection, stack, deferred)
            return update_stack(connection, self.parts.vault, stack.id, definition, request, changes)[1]

        try:
            operation = await self.parts.database.write(change)
        except BaseException as error:
            await self.delegation.undo(deferred, error)
            raise
        await self.desk.ring(stack.id, operation)
        return ACCEPTED

    # Delete

    async def delete(self, call: Call) -> Reply:
        no_body(call)
        stack = await self.desk.find(call, live=True)
        request = self.desk.request(call, stack.timeout_mins)
        try:
            deferred = await self.delegation.again(call, stack)
        except (CloudError, CloudUnreachable) as error:
            log.warning("stack %s is deleted with the credentials that it has: %s", stack.name, error)
            deferred = None

        def change(connection: Connection) -> str | None:
            if deferred is not None:
                self.delegation.keep(connection, stack, deferred)
            return act_on_stack(connection, stack.id, "DELETE", request)[1]

        operation = await self.parts.database.write(change)
        await self.desk.ring(stack.id, operation)
        return Reply(204)
