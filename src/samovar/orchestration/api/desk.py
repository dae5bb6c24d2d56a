# SPDX-License-Identifier: Apache-2.0
"""What the handlers of this API share: who calls for which project, which stack is meant, where it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec
from sqlalchemy import Connection

from samovar.clients import Cloud, TokenCredentials
from samovar.orchestration.engine.definitions import Definition, load_definition
from samovar.orchestration.engine.event_bell import EVENTS_TOPIC
from samovar.orchestration.engine.loaded import LoadedStack
from samovar.orchestration.engine.parts import Parts
from samovar.orchestration.engine.requests import OPERATIONS_TOPIC, SUPERSEDED_TOPIC, Request
from samovar.orchestration.engine.rows import Stack
from samovar.orchestration.engine.store import find_live_stack, get_stack, list_resources
from samovar.orchestration.templates import StackIdentity
from samovar.web import Api, BadRequest, Call, Fault, Forbidden, Reply

from .faults import fault_of, not_found

Handler = Callable[[Call], Awaitable[Any]]
STACK = "/v1/{project}/stacks/{name}/{id}"
PROJECT = "/v1/{project}"
NULL = msgspec.Raw(b"null")
ACCEPTED = Reply(202, "202 Accepted\n\nThe request is accepted for processing.\n\n   ")
ARN = "arn:openstack:heat::"


@dataclass(slots=True)
class Desk:
    """The parts the API works with. `revision` is what build_info tells."""

    parts: Parts
    revision: str

    def add(self, api: Api, method: str, path: str, handler: Handler, rule: str | None) -> None:
        """Serve a route: the project of the path is checked, then `rule`, and refusals are translated."""

        async def serve(call: Call) -> Any:
            self.check_project(call)
            if rule is not None:
                call.enforce(rule, self.target(call))
            try:
                return await handler(call)
            except Fault:
                raise
            except Exception as error:
                fault = fault_of(error)
                if fault is None:
                    raise
                raise fault from error

        api.route(method, path, serve)

    @staticmethod
    def target(call: Call) -> Mapping[str, Any]:
        return {"project_id": call.context.project_id, "user_id": call.context.user_id}

    @staticmethod
    def check_project(call: Call) -> None:
        """The project in the path must be the token's; an administrator may name any. Raises Forbidden."""
        wanted = call.path.get("project")
        if wanted is None or wanted == call.context.project_id or call.context.is_admin:
            return
        raise Forbidden(f"The token is for another project than {wanted}.", type="Forbidden")

    @staticmethod
    def project(call: Call) -> str:
        return call.path.get("project") or call.context.project_id or ""

    def cloud(self, call: Call) -> Cloud:
        """The cloud as the caller."""
        return self.parts.cloud_for(TokenCredentials(call.context.token))

    # Stacks

    async def find(self, call: Call, *, live: bool = False) -> Stack:
        """The stack of name and id in the path. `live`: a deleted one does not count. Raises NotFound."""
        identity, name = call.path["id"], call.path["name"]
        stack = await self.parts.database.read(lambda c: get_stack(c, identity))
        if stack is None or stack.name != name or not self.may_see(call, stack):
            raise not_found("Stack", f"{name}/{identity}")
        if live and stack.deleted_at is not None:
            raise not_found("Stack", name)
        return stack

    def may_see(self, call: Call, stack: Stack) -> bool:
        project = self.project(call)
        return stack.project_id == project or (
            stack.user_project_id is not None and stack.user_project_id == project
        )

    async def find_by(self, call: Call, text: str) -> Stack:
        """The stack of a name, an id or an ARN. Raises NotFound."""
        project = self.project(call)
        if text.startswith(ARN):
            owner, _, rest = text.removeprefix(ARN).partition(":stacks/")
            text = rest.partition("/")[2] if owner == project else ""

        def query(connection: Connection) -> Stack | None:
            return find_live_stack(connection, project, text) or get_stack(connection, text)

        stack = await self.parts.database.read(query)
        if stack is None or not self.may_see(call, stack):
            raise not_found("Stack", text)
        return stack

    async def describe(self, call: Call, stack: Stack) -> LoadedStack:
        """The stack with its definition alone: nothing is known of its resources."""
        parts = self.parts
        definition = parts.memory.definition(stack.definition_id) or await self.definition(stack)
        described = LoadedStack(parts, stack, definition, (), self.cloud(call))
        await described.read_texts()
        return described

    async def load(self, call: Call, stack: Stack) -> LoadedStack:
        """The stack with its definition and rows, seen with the caller's eyes."""
        described = await self.describe(call, stack)
        read = self.parts.database.read_much if described.big else self.parts.database.read
        rows = await read(lambda c: list_resources(c, self.parts.vault, stack.id))
        return LoadedStack(self.parts, stack, described.definition, rows, described.known_cloud)

    async def definition(self, stack: Stack) -> Definition:
        """What the stack is made of. Raises NotFound."""
        parts = self.parts
        found = await parts.database.read(lambda c: load_definition(c, parts.vault, stack.definition_id))
        if found is None:
            raise not_found("template of the Stack", stack.name)
        return found

    # Operations

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

    async def ring(self, stack_id: str, operation: str | None) -> None:
        await self.parts.bus.announce(SUPERSEDED_TOPIC, stack_id)
        await self.parts.bus.announce(EVENTS_TOPIC, stack_id)
        if operation is not None:
            await self.parts.bus.ring(OPERATIONS_TOPIC, operation)

    # Links

    def stack_url(self, call: Call, stack: Stack | Any) -> str:
        return f"{self.stacks_url(call)}/{quote(stack.name, safe='')}/{stack.id}"

    def stacks_url(self, call: Call) -> str:
        return f"{call.base_url}/v1/{self.project(call)}/stacks"

    def stack_links(self, call: Call, stack: Stack | Any) -> list[dict[str, str]]:
        return [{"href": self.stack_url(call, stack), "rel": "self"}]

    def redirect(self, call: Call, stack: Stack, rest: str = "") -> Reply:
        """302 to the canonical URL, query included; clients repeat the method there."""
        query = f"?{call.request.url.query}" if call.request.url.query else ""
        location = f"{self.stack_url(call, stack)}{rest}{query}"
        text = f"302 Found\n\nThe resource was found at {location}; you should be redirected automatically."
        return Reply(302, text, {"location": location})


def no_body(call: Call) -> None:
    """Raise BadRequest when a body came that this action does not take."""
    if call.body is not None:
        raise BadRequest("This action takes no body.", type="HTTPBadRequest")


def body_of(call: Call) -> dict[str, Any]:
    if not isinstance(call.body, dict):
        raise BadRequest("The body must be a JSON object.", type="HTTPBadRequest")
    return call.body


def identity_of(stack: Stack) -> StackIdentity:
    return StackIdentity(stack.name, stack.id, stack.project_id)
