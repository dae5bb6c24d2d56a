# SPDX-License-Identifier: Apache-2.0
"""Resource types that the policy keeps for others."""

from __future__ import annotations

import asyncio

from samovar.auth import PolicyDenied
from samovar.orchestration.templates import StackScope
from samovar.web import Call, Forbidden

from .desk import Desk
from .draft import Draft


async def check_types(desk: Desk, call: Call, draft: Draft) -> None:
    """Refuse types that the policy keeps for others. Raises Forbidden naming the type."""
    scope = StackScope(draft.template, draft.parameters, files=draft.files)
    types = await asyncio.to_thread(draft.types, scope)
    for name in sorted({declared.name for declared in types.values()}):
        check_type(desk, call, name)


def check_type(desk: Desk, call: Call, name: str) -> None:
    policy = call.api.policy
    if policy is None:
        return
    wildcard = name.rsplit("::", 1)[0] + "::*"
    for rule in (f"resource_types:{name}", f"resource_types:{wildcard}"):
        if rule in policy.rules:
            try:
                call.enforce(rule, desk.target(call))
            except PolicyDenied:
                raise Forbidden(
                    f"You are not authorized to use the resource type {name}.", type="Forbidden"
                ) from None
            return
