# SPDX-License-Identifier: Apache-2.0
"""Plans of drafts: what a request would do to what is there. Nothing is written."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from samovar.orchestration.engine.desired import create_plan, plan_update, stored_tree
from samovar.orchestration.engine.drift import observe_tree
from samovar.orchestration.engine.loaded import LoadedStack
from samovar.orchestration.engine.parts import Parts
from samovar.orchestration.engine.planned import Bounds, PlannedStack, StoredTree, planned_texts
from samovar.orchestration.engine.texts import limits_of
from samovar.orchestration.plans import Plan, plan_hash, plan_heads, summary
from samovar.orchestration.templates import StackIdentity
from samovar.web import Conflict

from .draft import Draft


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what could not be looked at when drift was asked for."""

    plan: Plan
    notes: tuple[str, ...] = ()


def planned_stack(parts: Parts, draft: Draft, stored: StoredTree | None = None) -> PlannedStack:
    """The draft as a stack to be planned."""
    settings = parts.settings.engine
    bounds = Bounds(
        sandbox=parts.sandbox,
        limits=limits_of(parts),
        nesting=settings.max_nested_stack_depth,
        resources=settings.max_resources_per_stack,
    )
    known = stored.loaded.stack.id if stored is not None else None
    identity = StackIdentity(draft.identity.name, known, draft.identity.project_id)
    texts = planned_texts(draft.template, draft.environment, identity, bounds.sandbox)
    return PlannedStack(identity, draft.definition(), texts, bounds, stored)


async def plan_of(parts: Parts, draft: Draft, before: LoadedStack | None, *, drift: bool = False) -> Planned:
    """What the draft would create (`before` is None) or change. Raises TemplateError."""
    if before is None:
        plan = await asyncio.to_thread(lambda: create_plan(planned_stack(parts, draft)))
        return Planned(plan.hiding(draft.parameters.hidden_texts()))
    tree = await stored_tree(before)
    observed, notes = await observe_tree(tree) if drift else ({}, [])
    planned = await asyncio.to_thread(planned_stack, parts, draft, tree)
    plan = await plan_update(planned, observed)
    secrets = [*draft.parameters.hidden_texts(), *before.texts.parameters.hidden_texts()]
    return Planned(plan.hiding(secrets), tuple(notes))


async def check_plan(
    parts: Parts, draft: Draft, before: LoadedStack | None, wanted: str, *, drift: bool = False
) -> None:
    """Raise Conflict when the plan is not the one with that hash any more."""
    plan = (await plan_of(parts, draft, before, drift=drift)).plan
    if plan_hash(plan) == wanted:
        return
    heads = [f"  {head}" for head in plan_heads(plan, 20)]
    told = "\n".join([f"The plan is another one now. {summary(plan)}", *heads])
    raise Conflict(told, type="PlanChanged")
