# SPDX-License-Identifier: Apache-2.0
"""(stored, desired, observed) → Plan. Pure: the same inputs give the same plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from samovar.orchestration.plans.changes import Action, Change, Effect, Plan, PropertyChange, Reason
from samovar.orchestration.plans.inputs import (
    Desired,
    DesiredResource,
    Fate,
    Observed,
    StoredResource,
    StoredStack,
    Traits,
)
from samovar.orchestration.plans.rows import choose_rows
from samovar.orchestration.plans.work import work_graph
from samovar.orchestration.templates.values import Unknown, contains_unknown

_NOTHING: Mapping[str, Observed] = {}


def make_plan(
    stored: StoredStack,
    desired: Desired | None,
    observed: Mapping[str, Observed] = _NOTHING,
    path: tuple[str, ...] = (),
) -> Plan:
    """What must change so that the stored stack becomes the desired one (None: goes away altogether).

    `observed` is by row id; rows that were not observed count as they are stored.
    """
    rows = choose_rows(stored)
    fates: dict[str, Fate] = {}
    coming: list[Change] = []
    if desired is not None:
        for name in desired.order():
            wanted = desired.resource(name, fates)
            decision = _Decision(wanted, rows.get(name), desired.traits(wanted.type), observed, path)
            change = decision.change()
            fates[name] = _fate(change)
            coming.append(change)
    going = _going(stored, rows, coming, path)
    return Plan(
        tuple(coming + going), work_graph(stored, coming, going), desired.name if desired else stored.name
    )


def _fate(change: Change) -> Fate:
    if change.action is Action.NO_OP:
        return Fate.KEPT if change.nested is None or change.nested.is_empty else Fate.UPDATED
    return Fate.UPDATED if change.action is Action.UPDATE else Fate.NEW


def _going(
    stored: StoredStack, rows: Mapping[str, StoredResource], coming: Sequence[Change], path: tuple[str, ...]
) -> list[Change]:
    """Deletions, in reverse order of creation: rows without a place, and rows left over."""
    staying = {change.name for change in coming}
    names = {row.id: row.name for row in stored.resources}
    used = {change.stored_id for change in coming if change.stored_id}
    gone = []
    for row in reversed(stored.resources):
        if row.id in used:
            continue
        if row.name not in staying:
            reason = Reason("it is no longer in the template")
        else:
            reason = Reason("another resource has taken its place")
        gone.append(_deletion(row, reason, path, names))
    return gone


def _deletion(row: StoredResource, reason: Reason, path: tuple[str, ...], names: Mapping[str, str]) -> Change:
    retained = row.deletion_policy == "Retain" or row.external_id is not None
    nested = None
    if row.nested is not None and not retained:
        nested = make_plan(row.nested, None, path=(*path, row.name))
    return Change(
        action=Action.FORGET if retained else Action.DELETE,
        name=row.name,
        type=row.type,
        path=path,
        stored_id=row.id,
        physical_id=row.physical_id,
        reasons=(reason,),
        requires=tuple(names[each] for each in row.requires if each in names),
        deletion_policy=row.deletion_policy,
        nested=nested,
    )


@dataclass(slots=True)
class _Decision:
    """The decision table for one resource; the first rule that fits decides."""

    wanted: DesiredResource
    row: StoredResource | None
    traits: Traits
    observed: Mapping[str, Observed]
    path: tuple[str, ...]

    def change(self) -> Change:
        row = self.row
        if row is None:
            return self._new(Action.CREATE, ())
        if row.external_id is not None or self.wanted.external_id is not None:
            return self._external(row)
        sickness = self._sickness(row)
        if sickness is not None:
            return self._new(Action.REPLACE if row.exists else Action.CREATE, (sickness,))
        if row.action == "CREATE" and row.status == "IN_PROGRESS":
            return self._new(Action.CREATE, (Reason("its creation was interrupted"),))
        if not self._same_type(row):
            return self._new(Action.REPLACE, (Reason(f"its type was {row.type}"),))
        return self._compared(row)

    def _sickness(self, row: StoredResource) -> Reason | None:
        """Why the row can not be kept, whatever its properties are."""
        if row.action == "INIT":
            return Reason("it was not made yet")
        if (row.action, row.status) == ("DELETE", "COMPLETE"):
            return Reason("it was deleted")
        seen = self.observed.get(row.id)
        if seen is not None and seen.gone:
            return Reason("its object is gone")
        if row.action == "CHECK" and row.status == "FAILED":
            if self.traits.replace_on_check_failed:
                return Reason("it was found unhealthy")
        elif row.status == "FAILED" and row.action != "SNAPSHOT" and not self.traits.nested_stack:
            survives = self.traits.may_survive_create_failed and row.physical_id is not None
            if not (survives and seen is not None and seen.healthy):
                return Reason(f"its last action, {row.action}, failed")
        if row.action == "DELETE":
            return Reason("its deletion was begun")
        return None

    def _same_type(self, row: StoredResource) -> bool:
        return row.type == self.wanted.type or self.traits.same_kind(row.type)

    def _external(self, row: StoredResource) -> Change:
        if row.external_id != self.wanted.external_id:
            text = f'the external id can not change from "{row.external_id}" to "{self.wanted.external_id}"'
            return self._kept(Action.UPDATE, row, refusals=(text,))
        return self._kept(Action.NO_OP, row)

    def _compared(self, row: StoredResource) -> Change:
        wanted = self.wanted
        if self.traits.always_replaced:
            return self._new(Action.REPLACE, (Reason("this type is made anew on each update"),))
        before = dict(row.properties)
        seen = self.observed.get(row.id)
        if seen is not None:
            before |= {name: value for name, value in seen.properties.items() if name in before}
        properties = tuple(self.traits.compare(before, wanted.properties)) if not self.traits.noop else ()
        properties = tuple(each for each in properties if each.effect is not Effect.NONE)
        refused = [each for each in properties if each.effect is Effect.REFUSED]
        if refused:
            texts = tuple(f'property "{each.name}" must not change' for each in refused)
            return self._kept(Action.UPDATE, row, properties=properties, refusals=texts)
        forcing = [each for each in properties if each.effect is Effect.REPLACES]
        if forcing:
            return self._forced(forcing, properties)
        aspects = tuple(_aspects(row, wanted, self.traits.live_metadata))
        unfinished = row.action == "UPDATE" and row.status == "IN_PROGRESS"
        if not properties and not aspects and not unfinished:
            return self._kept(Action.NO_OP, row)
        return self._kept(Action.UPDATE, row, properties=properties, aspects=aspects)

    def _forced(self, forcing: Sequence[PropertyChange], properties: tuple[PropertyChange, ...]) -> Change:
        certain = any(each.certain for each in forcing)
        verb = "changes" if certain else "may change"
        reasons = tuple(Reason(f'property "{each.name}" {verb}', each.name) for each in forcing)
        return self._new(Action.REPLACE, reasons, properties, certain)

    def _new(
        self,
        action: Action,
        reasons: tuple[Reason, ...],
        properties: tuple[PropertyChange, ...] = (),
        certain: bool = True,
    ) -> Change:
        wanted, row = self.wanted, self.row
        refusals: tuple[str, ...] = ()
        if action is Action.REPLACE and "replace" in wanted.restricted_actions:
            refusals = ("replacing it is restricted by the environment",)
        if wanted.external_id is not None and row is None:
            action = Action.ADOPT
        nested = None
        if wanted.nested is not None:
            nested = make_plan(StoredStack(), wanted.nested, path=(*self.path, wanted.name))
        return Change(
            action=action,
            name=wanted.name,
            type=wanted.type,
            path=self.path,
            stored_id=row.id if row else None,
            physical_id=row.physical_id if row else None,
            reasons=reasons,
            properties=properties or _given(wanted.properties),
            requires=wanted.requires,
            certain=certain,
            deletion_policy=row.deletion_policy if row else wanted.deletion_policy,
            refusals=refusals,
            nested=nested,
        )

    def _kept(
        self,
        action: Action,
        row: StoredResource,
        properties: tuple[PropertyChange, ...] = (),
        aspects: tuple[str, ...] = (),
        refusals: tuple[str, ...] = (),
    ) -> Change:
        wanted = self.wanted
        nested = None
        if wanted.nested is not None:
            nested = make_plan(
                row.nested or StoredStack(), wanted.nested, self.observed, (*self.path, wanted.name)
            )
        changes = action is Action.UPDATE or (nested is not None and not nested.is_empty)
        if changes and not refusals and "update" in wanted.restricted_actions:
            refusals = ("updating it is restricted by the environment",)
        reasons = [Reason(f'property "{each.name}" changes', each.name) for each in properties]
        reasons += [Reason(f"its {aspect.replace('_', ' ')} changes") for aspect in aspects]
        if action is Action.UPDATE and not reasons:
            reasons = [Reason("its last update was interrupted")]
        return Change(
            action=action,
            name=wanted.name,
            type=wanted.type,
            path=self.path,
            stored_id=row.id,
            physical_id=row.physical_id,
            reasons=tuple(reasons),
            properties=properties,
            aspects=aspects,
            requires=wanted.requires,
            certain=bool(aspects) or not properties or any(each.certain for each in properties),
            deletion_policy=row.deletion_policy,
            refusals=refusals,
            nested=nested,
        )


def _given(properties: Mapping[str, Any]) -> tuple[PropertyChange, ...]:
    """The properties of something new: those that have a value."""
    return tuple(
        PropertyChange(name, None, value, certain=not contains_unknown(value))
        for name, value in properties.items()
        if value is not None and value != {} and value != []
    )


def _aspects(row: StoredResource, wanted: DesiredResource, live_metadata: bool) -> list[str]:
    pairs = {
        "metadata": (row.metadata, wanted.metadata),
        "update_policy": (row.update_policy, wanted.update_policy),
        "deletion_policy": (row.deletion_policy, wanted.deletion_policy),
    }
    if live_metadata:
        del pairs["metadata"]
    return [name for name, (before, after) in pairs.items() if before != after or isinstance(after, Unknown)]
