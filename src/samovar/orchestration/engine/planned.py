# SPDX-License-Identifier: Apache-2.0
"""What an update would change, computed by the planner from the stored rows and a new definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from samovar.graph import Graph
from samovar.orchestration.plans import Plan, StoredStack, make_plan
from samovar.orchestration.plans.inputs import Desired, DesiredResource, Fate, Traits
from samovar.orchestration.resources.traits import DeclaredTraits
from samovar.orchestration.resources.validation import validate_properties
from samovar.orchestration.templates import Unknown, Value
from samovar.orchestration.templates.scope import StackScope

from .loaded import LoadedStack, NeedsAttribute
from .wanted import evaluate, stored_resource


class PlannedStack(LoadedStack):
    """A stack seen with a new definition: what will be made or replaced is Unknown."""

    fates: Mapping[str, Fate] = {}

    def reference(self, name: str) -> Value:
        if self.fates.get(name, Fate.NEW) is Fate.NEW:
            return Unknown(f"{name} id")
        return super().reference(name)

    def attribute(self, name: str, attribute: str | None, path: Sequence[Value]) -> Value:
        if self.fates.get(name, Fate.NEW) is not Fate.KEPT:
            return Unknown(f"{name} {attribute or 'attributes'}")
        try:
            return super().attribute(name, attribute, path)
        except NeedsAttribute:
            return Unknown(f"{name} {attribute or 'attributes'}")


class DesiredStack(Desired):
    """The new definition, for the planner."""

    def __init__(self, loaded: PlannedStack) -> None:
        self._loaded = loaded

    @property
    def name(self) -> str:
        return self._loaded.stack.name

    def order(self) -> Sequence[str]:
        graph: Graph[str] = Graph(self._loaded.requirements)
        return graph.order()

    def resource(self, name: str, fates: Mapping[str, Fate]) -> DesiredResource:
        self._loaded.fates = fates
        wanted = evaluate(self._loaded, name)
        wanted.values = validate_properties(wanted.kind.declared, wanted.raw).values
        restricted = self._loaded.texts.environment.registry.restricted_actions(name)
        return wanted.desired(frozenset(restricted))

    def traits(self, type_name: str) -> Traits:
        return DeclaredTraits(self._loaded.kinds.of(type_name).declared)


async def plan_update(loaded: PlannedStack) -> Plan:
    """The plan from the rows of the stack to the definition it was loaded with. Raises TemplateError."""
    await _fetch_referred(loaded, loaded.scope)
    stored = StoredStack(tuple(stored_resource(row) for row in loaded.rows.values()), loaded.stack.name)
    return make_plan(stored, DesiredStack(loaded))


async def _fetch_referred(loaded: PlannedStack, scope: StackScope) -> None:
    """Fetch the attributes of what exists that the new template asks for."""
    loaded.fates = dict.fromkeys(loaded.current, Fate.UPDATED)
    wanted = {
        (found.resource, found.attribute)
        for definition in scope.enabled.values()
        for found in definition.references(scope)
        if found.attribute not in (None, "*") and found.resource in loaded.current
    }
    for resource, attribute in sorted(wanted, key=str):
        row = loaded.current[resource]
        if row.never_made or row.action == "DELETE":
            continue
        try:
            await loaded.fetch(NeedsAttribute(resource, attribute))
        except Exception:
            continue  # what cannot be read now counts as not known
