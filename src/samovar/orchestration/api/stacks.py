# SPDX-License-Identifier: Apache-2.0
"""Stacks: create, show, update, delete, and their template, environment and files."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, update

from samovar.auth import PolicyDenied
from samovar.clients import CloudError, CloudUnreachable
from samovar.database import new_id, utcnow
from samovar.orchestration.engine.deferred import (
    CredentialsMissing,
    Deferred,
    credentials_of,
    delegate,
    load_deferred,
    store_deferred,
    withdraw,
)
from samovar.orchestration.engine.definitions import Definition, load_definition
from samovar.orchestration.engine.event_bell import EVENTS_TOPIC
from samovar.orchestration.engine.loaded import LoadedStack
from samovar.orchestration.engine.requests import (
    OPERATIONS_TOPIC,
    SUPERSEDED_TOPIC,
    Request,
    act_on_stack,
    create_stack,
    update_stack,
)
from samovar.orchestration.engine.rows import FAILED, NAME_PATTERN, Stack
from samovar.orchestration.engine.store import count_root_stacks, lock_stack
from samovar.orchestration.engine.tables import stacks
from samovar.orchestration.templates import (
    RequestLimitExceeded,
    StackIdentity,
    check_immutable,
    load,
    load_environment,
    raise_errors,
)
from samovar.web import Api, BadRequest, Call, Conflict, Forbidden, NotFound, Reply

from .adoption import adoption, users_project
from .delegation import needs_cloud
from .desk import ACCEPTED, PROJECT, STACK, Desk, no_body
from .draft import Draft, DraftReader, StackOptions, read_options
from .faults import not_found
from .listing import Listing
from .planning import check_plan
from .render import outputs_shown, stack_shown
from .values import flag, truth

log = logging.getLogger(__name__)

LOOKUP_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PARTS_BY_GET = ("resources", "events", "template", "actions", "environment", "files", "why", "history")
PARTS_BY_POST = ("resources", "events", "template", "actions")


class Stacks:
    """The handlers of ``/stacks``."""

    def __init__(self, desk: Desk, reader: DraftReader) -> None:
        self.desk, self.reader = desk, reader
        self.parts = desk.parts

    def routes(self, api: Api) -> None:
        add = self.desk.add
        add(api, "GET", STACK, self.show, "stacks:show")
        add(api, "PUT", STACK, self.put, "stacks:update")
        add(api, "PATCH", STACK, self.patch, None)
        add(api, "DELETE", STACK, self.delete, "stacks:delete")
        add(api, "GET", f"{STACK}/template", self.template, "stacks:template")
        add(api, "GET", f"{STACK}/environment", self.environment, "stacks:environment")
        add(api, "GET", f"{STACK}/files", self.files, "stacks:files")

    def listing_routes(self, api: Api) -> None:
        add, listing = self.desk.add, Listing(self.desk)
        add(api, "GET", f"{PROJECT}/stacks", listing.index, "stacks:index")
        add(api, "GET", f"{PROJECT}/stacks/detail", listing.detail, "stacks:detail")
        add(api, "POST", f"{PROJECT}/stacks", self.create, "stacks:create")

    def lookup_routes(self, api: Api) -> None:
        """Redirects from names, ids and ARNs; added before the routes that they would hide behind."""
        for part in PARTS_BY_GET:
            for method in ("GET", "POST") if part in PARTS_BY_POST else ("GET",):
                path = f"{PROJECT}/stacks/{{name}}/{part}"
                self.desk.add(api, method, path, self._lookup_part(part), "stacks:lookup")
        for method in LOOKUP_METHODS:
            self.desk.add(api, method, f"{PROJECT}/stacks/{{name}}", self.lookup, "stacks:lookup")

    def arn_routes(self, api: Api) -> None:
        """ARNs hold slashes: they are looked for after every other route."""
        for method in LOOKUP_METHODS:
            self.desk.add(api, method, f"{PROJECT}/stacks/{{name:path}}", self.lookup, "stacks:lookup")

    async def lookup(self, call: Call) -> Reply:
        name = call.path["name"]
        if "/" in name and not name.startswith("arn:"):
            raise NotFound("There is no such route.")
        stack = await self.desk.find_by(call, name)
        return self.desk.redirect(call, stack)

    def _lookup_part(self, part: str) -> Any:
        async def look(call: Call) -> Reply:
            stack = await self.desk.find_by(call, call.path["name"])
            return self.desk.redirect(call, stack, f"/{part}")

        return look

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
        await self.check_types(call, draft)
        cloud = self.desk.cloud(call)
        await self.reader.check_in_cloud(draft, cloud)
        if self._limited(call):
            await self.parts.database.read(lambda c: self._check_quota(c, identity.project_id))
        await self._check_plan(body, draft, None)
        stack = self._new_stack(call, draft, options)
        deferred = await self._delegate(call, draft)
        stack.credentials_id = deferred.id if deferred else None
        definition = draft.definition()
        request = self.request(call, stack.timeout_mins)
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
        except BaseException:
            if deferred is not None:
                await withdraw(deferred, self.parts.cloud_for, self.parts.trustee)
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

    async def _delegate(self, call: Call, draft: Draft) -> Deferred | None:
        """What the engine will act with, when anything in the stack needs a cloud at all."""
        if not needs_cloud(draft):
            return None
        return await delegate(call.context, self.parts.cloud_for, self.parts.trustee)

    async def _delegate_again(self, call: Call, stack: Stack) -> Deferred | None:
        """A new delegation by the caller, when that of a stack that has failed does not work any more.

        So a stack whose trust was withdrawn, or whose owner is gone, can still be mended and deleted.
        """
        identity = stack.credentials_id
        if identity is None or stack.status != FAILED or call.context.project_id != stack.project_id:
            return None
        stored = await self.parts.database.read(lambda c: load_deferred(c, self.parts.vault, identity))
        try:
            if stored is not None:
                await self.parts.cloud_for(credentials_of(stored, self.parts.trustee)).token()
                return None
        except CloudUnreachable:
            return None
        except CloudError as error:
            if error.status not in (401, 403, 404):
                return None
        except CredentialsMissing:
            pass
        return await delegate(call.context, self.parts.cloud_for, self.parts.trustee)

    def _keep_delegation(self, connection: Connection, stack: Stack, deferred: Deferred) -> None:
        store_deferred(connection, self.parts.vault, deferred)
        connection.execute(
            update(stacks).where(stacks.c.root_id == stack.root_id).values(credentials_id=deferred.id)
        )

    def request(self, call: Call, timeout_mins: int | None, **details: Any) -> Request:
        seconds = 60.0 * timeout_mins if timeout_mins else self.parts.settings.engine.stack_action_timeout
        return Request(
            call.context.user_id,
            call.request_id,
            float(seconds),
            user_name=call.context.user_name,
            revisions=self.parts.settings.engine.max_revisions_per_stack,
            details=details,
        )

    async def check_types(self, call: Call, draft: Draft) -> None:
        """Refuse types that the policy keeps for others. Raises Forbidden naming the type."""
        from samovar.orchestration.templates import StackScope

        scope = StackScope(draft.template, draft.parameters, files=draft.files)
        types = await asyncio.to_thread(draft.types, scope)
        for name in sorted({declared.name for declared in types.values()}):
            self.check_type(call, name)

    def check_type(self, call: Call, name: str) -> None:
        policy = call.api.policy
        if policy is None:
            return
        wildcard = name.rsplit("::", 1)[0] + "::*"
        for rule in (f"resource_types:{name}", f"resource_types:{wildcard}"):
            if rule in policy.rules:
                try:
                    call.enforce(rule, self.desk.target(call))
                except PolicyDenied:
                    raise Forbidden(
                        f"You are not authorized to use the resource type {name}.", type="Forbidden"
                    ) from None
                return

    # Show

    async def show(self, call: Call) -> dict[str, Any]:
        stack = await self.desk.find(call)
        wanted = flag(call, "resolve_outputs", True)
        loaded = await self.desk.describe(call, stack)
        outputs: list[dict[str, Any]] | None = [] if wanted else None
        if wanted and stack.deleted_at is None and loaded.template.outputs:
            loaded = await self.desk.load(call, stack)
            outputs = await outputs_shown(loaded)
        return {"stack": stack_shown(self.desk, call, loaded, outputs)}

    async def _definition(self, call: Call) -> Definition:
        stack = await self.desk.find(call)
        found = await self.parts.database.read(
            lambda c: load_definition(c, self.parts.vault, stack.definition_id)
        )
        if found is None:
            raise not_found("template of the Stack", stack.name)
        return found

    async def template(self, call: Call) -> Any:
        template = (await self._definition(call)).template
        return template if isinstance(template, dict) else (await asyncio.to_thread(load, template)).raw

    async def environment(self, call: Call) -> Any:
        definition = await self._definition(call)
        environment = load_environment(definition.environment)
        return environment.as_dict(definition.hidden)

    async def files(self, call: Call) -> Any:
        return (await self._definition(call)).files

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
        merged = await self.merged_body(stack, body)
        draft = await self.reader.read(merged, identity_of(stack))
        return await self._update(call, stack, draft, read_options(body), body)

    async def merged_body(self, stack: Stack, body: Mapping[str, Any]) -> dict[str, Any]:
        """A PATCH body completed with what the stack has already."""
        found = await self.parts.database.read(
            lambda c: load_definition(c, self.parts.vault, stack.definition_id)
        )
        if found is None:
            raise not_found("template of the Stack", stack.name)
        merged = dict(body)
        if body.get("template") is None and not body.get("template_url"):
            merged["template"] = found.template
            merged.setdefault("template_file", found.file)
        merged["files"] = {**found.files, **(body.get("files") or {})}
        cleared = body.get("clear_parameters") or []
        if not isinstance(cleared, list):
            raise BadRequest("clear_parameters must be a list of names.", type="HTTPBadRequest")
        old = load_environment(found.environment).as_dict()
        kept = {name: value for name, value in old["parameters"].items() if name not in cleared}
        given = body.get("environment")
        new = load_environment(given if given != "" else None).as_dict() if given is not None else {}
        new_parameters = {**(new.get("parameters") or {}), **(body.get("parameters") or {})}
        if body.get("environment_files"):
            merged["parameters"] = {**kept, **(body.get("parameters") or {})}
        else:
            registry = {**old["resource_registry"], **(new.get("resource_registry") or {})}
            merged["environment"] = {
                "parameter_defaults": {**old["parameter_defaults"], **(new.get("parameter_defaults") or {})},
                "resource_registry": registry,
                "event_sinks": new.get("event_sinks") or old["event_sinks"],
            }
            merged["parameters"] = {**kept, **new_parameters}
        declared = set(load(merged["template"]).parameters) if merged.get("template") is not None else None
        if declared is not None:
            merged["parameters"] = {
                name: value
                for name, value in merged["parameters"].items()
                if name in declared or name in new_parameters
            }
        return merged

    async def _update(
        self, call: Call, stack: Stack, draft: Draft, options: StackOptions, body: Mapping[str, Any]
    ) -> Reply:
        await self.check_types(call, draft)
        loaded = await self.desk.load(call, stack)
        raise_errors(check_immutable(loaded.texts.parameters, draft.parameters))
        await self.reader.check_in_cloud(draft, self.desk.cloud(call))
        insists = await self._check_plan(body, draft, loaded)
        if stack.credentials_id is None:
            deferred = await self._delegate(call, draft)
        else:
            deferred = await self._delegate_again(call, stack)
        changes: dict[str, Any] = {"description": draft.template.description}
        if options.tags is not None:
            changes["tags"] = options.tags
        if options.disable_rollback is not None:
            changes["disable_rollback"] = options.disable_rollback
        if options.timeout_mins:
            changes["timeout_mins"] = options.timeout_mins
        if deferred is not None:
            changes["credentials_id"] = deferred.id
        request = self.request(
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
                self._keep_delegation(connection, stack, deferred)
            return update_stack(connection, self.parts.vault, stack.id, definition, request, changes)[1]

        try:
            operation = await self.parts.database.write(change)
        except BaseException:
            if deferred is not None:
                await withdraw(deferred, self.parts.cloud_for, self.parts.trustee)
            raise
        await self.ring(stack.id, operation)
        return ACCEPTED

    async def ring(self, stack_id: str, operation: str | None) -> None:
        await self.parts.bus.announce(SUPERSEDED_TOPIC, stack_id)
        await self.parts.bus.announce(EVENTS_TOPIC, stack_id)
        if operation is not None:
            await self.parts.bus.ring(OPERATIONS_TOPIC, operation)

    # Delete

    async def delete(self, call: Call) -> Reply:
        no_body(call)
        stack = await self.desk.find(call, live=True)
        request = self.request(call, stack.timeout_mins)
        try:
            deferred = await self._delegate_again(call, stack)
        except (CloudError, CloudUnreachable) as error:
            log.warning("stack %s is deleted with the credentials that it has: %s", stack.name, error)
            deferred = None

        def change(connection: Connection) -> str | None:
            if deferred is not None:
                self._keep_delegation(connection, stack, deferred)
            return act_on_stack(connection, stack.id, "DELETE", request)[1]

        operation = await self.parts.database.write(change)
        await self.ring(stack.id, operation)
        return Reply(204)


def body_of(call: Call) -> dict[str, Any]:
    if not isinstance(call.body, dict):
        raise BadRequest("The body must be a JSON object.", type="HTTPBadRequest")
    return call.body


def stack_name(body: Mapping[str, Any]) -> str:
    """The name of a new stack. Raises BadRequest."""
    name = body.get("stack_name")
    if name is None:
        raise BadRequest("No stack name specified: give stack_name.", type="HTTPBadRequest")
    if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name):
        raise BadRequest(
            f"Invalid stack name {name}: a letter, then letters, digits, _ - and ., at most 255 of them.",
            type="StackValidationFailed",
        )
    return name


def identity_of(stack: Stack) -> StackIdentity:
    return StackIdentity(stack.name, stack.id, stack.project_id)
