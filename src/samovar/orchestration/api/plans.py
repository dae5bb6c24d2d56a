# SPDX-License-Identifier: Apache-2.0
"""``POST /plans``, a route of our own: what a create or update would do, ready to be shown."""

from __future__ import annotations

import asyncio
from typing import Any

from samovar.orchestration.engine.store import find_live_stack
from samovar.orchestration.plans import FORMATS, Plan, paint_ansi, plan_document, plan_drawing, plan_text
from samovar.orchestration.templates import StackIdentity, check_immutable, raise_errors
from samovar.web import Api, BadRequest, Call

from .desk import PROJECT, Desk, body_of, identity_of
from .draft import DraftReader
from .permitted_types import check_types
from .planning import plan_of
from .values import stack_name, truth


class Plans:
    """The handler of ``/plans``.

    The body is that of a create request, with these more: `drift`, look at what the cloud has now; `format`,
    ``text`` or a picture (``mermaid``, ``dot``, ``svg``); `colour`, for a terminal; `unchanged`, show in the
    text what stays, too. The stack of that name is planned to be updated if there is one.
    """

    def __init__(self, desk: Desk, reader: DraftReader) -> None:
        self.desk, self.reader = desk, reader

    def routes(self, api: Api) -> None:
        self.desk.add(api, "POST", f"{PROJECT}/plans", self.create, "stacks:preview")

    async def create(self, call: Call) -> dict[str, Any]:
        body = body_of(call)
        form = body.get("format", "text")
        if form not in ("text", *FORMATS):
            raise BadRequest(f"format is text, {', '.join(FORMATS)}; not {form!r}.", type="HTTPBadRequest")
        drift = truth("drift", body.get("drift", False))
        colour, unchanged = (truth(key, body.get(key, False)) for key in ("colour", "unchanged"))
        name, project = stack_name(body), self.desk.project(call)
        parts = self.desk.parts
        stack = await parts.database.read(lambda c: find_live_stack(c, project, name))
        if stack is not None:
            call.enforce("stacks:preview_update", self.desk.target(call))
        identity = identity_of(stack) if stack is not None else StackIdentity(name, None, project)
        draft = await self.reader.read(body, identity)
        await check_types(self.desk, call, draft)
        await self.reader.check_in_cloud(draft, self.desk.cloud(call))
        before = await self.desk.load(call, stack) if stack is not None else None
        if before is not None:
            raise_errors(check_immutable(before.texts.parameters, draft.parameters))
        planned = await plan_of(parts, draft, before, drift=drift)
        document = await asyncio.to_thread(plan_document, planned.plan)
        return {
            "plan": document,
            "hash": document["hash"],
            "notes": list(planned.notes),
            form: await asyncio.to_thread(_rendered, planned.plan, form, colour, unchanged),
        }


def _rendered(plan: Plan, form: str, colour: bool, unchanged: bool) -> str:
    if form != "text":
        return plan_drawing(plan, form)
    return (
        plan_text(plan, paint_ansi, unchanged=unchanged) if colour else plan_text(plan, unchanged=unchanged)
    )
