# SPDX-License-Identifier: Apache-2.0
"""Plans of stacks: a definition against what is stored, nested stacks in their place.

Planning itself waits for nothing. Where it finds that it could know more (an attribute of what stays, the id
of a name), that is fetched and the plan is made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from samovar.clients import CloudError, CloudUnreachable, ServiceNotInCatalog
from samovar.graph import Graph
from samovar.orchestration.plans import Observed, Plan, StoredStack, make_plan
from samovar.orchestration.plans.inputs import Desired, DesiredResource, Fate, StoredResource, Traits
from samovar.orchestration.resources.behaviour import ResourceFailed
from samovar.orchestration.resources.behaviours.names import Lookup, resolve_names
from samovar.orchestration.resources.schema import ResourceType
from samovar.orchestration.resources.traits import DeclaredTraits
from samovar.orchestration.resources.validation import validate_properties
from samovar.orchestration.templates import contains_unknown
from samovar.orchestration.templates.errors import RequestLimitExceeded

from .child_template import child_definition, child_plan
from .children import load_child
from .groups import GROUPS
from .kinds import Kind
from .loaded import LoadedStack
from .lookups import needs_look_up
from .planned import PlannedStack, StoredTree, child_stack
from .rows import COMPLETE, Resource
from .wanted import Wanted, evaluate, fingerprint_of, stored_resource

ROUNDS = 20
_CONTENTS = ("resource_def", "resource_properties", "resource")


class DesiredStack(Desired):
    """A stack's new definition, for the planner."""

    def __init__(self, planned: PlannedStack, names: Names | None = None) -> None:
        self._planned = planned
        self._names = names or Names()
        self._kinds: dict[str, Kind] = {}

    @property
    def name(self) -> str:
        return self._planned.identity.name

    def order(self) -> Sequence[str]:
        bounds = self._planned.bounds
        bounds.count += len(self._planned.requirements)
        if 0 <= bounds.resources < bounds.count:
            raise RequestLimitExceeded(
                f"The stack would have more than {bounds.resources} resources (max_resources_per_stack)."
            )
        graph: Graph[str] = Graph(
            {name: sorted(needed) for name, needed in self._planned.requirements.items()}
        )
        return graph.order()

    def resource(self, name: str, fates: Mapping[str, Fate]) -> DesiredResource:
        planned = self._planned
        planned.fates = fates
        wanted = evaluate(planned, name)
        self._kinds[wanted.kind.name] = wanted.kind
        row = planned.current.get(name)
        if row is not None and _is_as_stored(row, wanted):
            wanted.values = dict(row.properties or {})
        else:
            wanted.values = validate_properties(wanted.kind.declared, wanted.raw).values
            if row is not None and needs_look_up(wanted):
                wanted.values = self._names.resolved(wanted.kind.declared, wanted.values)
        restricted = planned.texts.environment.registry.restricted_actions(name)
        desired = wanted.desired(frozenset(restricted))
        return replace(desired, nested=self._nested(wanted, row)) if wanted.kind.nested else desired

    def traits(self, type_name: str) -> Traits:
        """Of the resource that was asked for last with this type."""
        return DeclaredTraits(self._kinds[type_name].declared)

    def _nested(self, wanted: Wanted, row: Resource | None) -> Desired | None:
        """The nested stack of a resource; None when what is in it cannot be known yet."""
        planned = self._planned
        if planned.depth + 1 > planned.bounds.nesting:
            raise RequestLimitExceeded(
                f"resources.{wanted.name}: Recursion depth exceeds {planned.bounds.nesting}."
            )
        grown = wanted.kind.declared.name in GROUPS and is_countable(wanted.values)
        if wanted.kind.template is None and not grown:
            return None
        stored = planned.stored.children.get(row.id) if planned.stored and row else None
        phases = child_plan(
            planned, wanted, row.data if row else {}, stored.loaded if stored else None
        ).phases
        if not phases:
            return None
        definition = child_definition(planned, wanted, phases[-1])
        child = child_stack(planned, definition, stored, planned.identity.project_id)
        self._names.stacks.append(child)
        return DesiredStack(child, self._names)


class Names:
    """Ids in place of names, as far as they were looked up; and the nested stacks met on the way."""

    def __init__(self) -> None:
        self.stacks: list[PlannedStack] = []
        self._known: dict[str, dict[str, Any]] = {}
        self._asked: dict[str, tuple[ResourceType, dict[str, Any]]] = {}

    def resolved(self, declared: ResourceType, values: dict[str, Any]) -> dict[str, Any]:
        key = f"{declared.name} {values!r}"
        if key not in self._known:
            self._asked[key] = (declared, values)
        return self._known.get(key, values)

    async def look_up(self, lookup: Lookup | None) -> bool:
        """Look up what was asked for; whether there was anything."""
        asked, self._asked = self._asked, {}
        for key, (declared, values) in asked.items():
            self._known[key] = values
            if lookup is None:
                continue
            try:
                self._known[key] = await resolve_names(declared, values, lookup)
            except (ResourceFailed, CloudError, CloudUnreachable, ServiceNotInCatalog):
                continue  # it stays a name: making it will say what is wrong
        return bool(asked)


def _is_as_stored(row: Resource, wanted: Wanted) -> bool:
    """Whether the row was made from just this."""
    if row.fingerprint is None or row.status != COMPLETE or contains_unknown(wanted.raw):
        return False
    return row.fingerprint == fingerprint_of(wanted)


def is_countable(values: Mapping[str, Any]) -> bool:
    """Whether it is known which members a group has."""
    rest = {name: value for name, value in values.items() if name not in _CONTENTS}
    members = values.get("resource_def") or values.get("resource")
    known = isinstance(members.get("type"), str) if isinstance(members, Mapping) else not members
    return known and not contains_unknown(rest)


def create_plan(planned: PlannedStack) -> Plan:
    """The plan of a stack that is not there yet. Raises TemplateError."""
    return make_plan(StoredStack((), planned.identity.name), DesiredStack(planned))


async def plan_update(planned: PlannedStack, observed: Mapping[str, Observed] | None = None) -> Plan:
    """The plan from what is stored to the new definition. Raises TemplateError."""
    names = Names()
    tree = planned.stored
    stored = stored_stack(tree) if tree is not None else StoredStack((), planned.identity.name)
    lookup = tree.loaded.lookup if tree is not None and tree.loaded.known_cloud is not None else None
    for _ in range(ROUNDS):
        names.stacks, planned.bounds.count = [planned], 0
        plan = await asyncio.to_thread(make_plan, stored, DesiredStack(planned, names), observed or {})
        fetched = [await stack.fetch_needs() for stack in names.stacks]
        if not (await names.look_up(lookup) or any(fetched)):
            break
    return plan


async def stored_tree(loaded: LoadedStack) -> StoredTree:
    """A stack with all its nested stacks, read from the database."""
    tree = StoredTree(loaded)
    for row in loaded.rows.values():
        if row.physical_id is not None and loaded.kind_of_row(row).nested:
            child = await load_child(loaded, row)
            if child is not None:
                tree.children[row.id] = await stored_tree(child)
    return tree


def stored_stack(tree: StoredTree) -> StoredStack:
    """The same for the planner."""
    rows: list[StoredResource] = []
    for row in tree.loaded.rows.values():
        child = tree.children.get(row.id)
        stored = stored_resource(row)
        rows.append(replace(stored, nested=stored_stack(child)) if child is not None else stored)
    return StoredStack(tuple(rows), tree.loaded.stack.name)
