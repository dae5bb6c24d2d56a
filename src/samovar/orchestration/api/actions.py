# SPDX-License-Identifier: Apache-2.0
"""Actions on a stack: suspend, resume, check, cancel, and our own: retry."""

from __future__ import annotations

from samovar.orchestration.engine.requests import act_on_stack, cancel_update
from samovar.orchestration.engine.retrying import retry_stack
from samovar.web import Api, BadRequest, Call, Reply

from .desk import NULL, STACK, Desk

ACTIONS = ("suspend", "resume", "check", "cancel_update", "cancel_without_rollback", "retry")


class Actions:
    """The handler of ``…/actions``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self, api: Api) -> None:
        self.desk.add(api, "POST", f"{STACK}/actions", self.act, None)

    async def act(self, call: Call) -> Reply:
        body = call.body
        if not isinstance(body, dict) or not body:
            raise BadRequest("No action specified.", type="HTTPBadRequest")
        if len(body) > 1:
            raise BadRequest("Multiple actions specified.", type="HTTPBadRequest")
        action = next(iter(body))
        if action not in ACTIONS:
            raise BadRequest(
                f'Invalid action "{action}" specified; there are {", ".join(ACTIONS)}.', type="HTTPBadRequest"
            )
        call.enforce(f"actions:{action}", self.desk.target(call))
        stack = await self.desk.find(call, live=True)
        request = self.desk.request(call, stack.timeout_mins)
        write = self.desk.parts.database.write
        operation: str | None
        if action in ("suspend", "resume", "check"):
            verb = action.upper()
            _, operation = await write(lambda c: act_on_stack(c, stack.id, verb, request))
        elif action == "retry":
            _, operation = await write(lambda c: retry_stack(c, stack.id, request))
        else:
            rollback = action == "cancel_update"
            _, operation = await write(lambda c: cancel_update(c, stack.id, request, rollback=rollback))
        await self.desk.ring(stack.id, operation)
        return Reply(200, NULL)
