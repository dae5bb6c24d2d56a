# SPDX-License-Identifier: Apache-2.0
"""A declaration as the planner sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from samovar.orchestration.plans import PropertyChange
from samovar.orchestration.resources.registry import find_type
from samovar.orchestration.resources.replacement import ALWAYS_REPLACED, effect_of
from samovar.orchestration.resources.schema import Property, ResourceType, Support
from samovar.orchestration.templates.values import contains_unknown


@dataclass(frozen=True, slots=True)
class DeclaredTraits:
    """Implements `samovar.orchestration.plans.Traits`."""

    declared: ResourceType

    @property
    def nested_stack(self) -> bool:
        return self.declared.nested_stack

    @property
    def noop(self) -> bool:
        return self.declared.noop

    @property
    def replace_on_check_failed(self) -> bool:
        return self.declared.replace_on_check_failed

    @property
    def may_survive_create_failed(self) -> bool:
        return self.declared.may_survive_create_failed

    @property
    def always_replaced(self) -> bool:
        return self.declared.name in ALWAYS_REPLACED

    @property
    def live_metadata(self) -> bool:
        return self.declared.signal_responder

    def same_kind(self, other: str) -> bool:
        was = find_type(other)
        support: Support | None = was.support if was else None
        while support is not None:
            if support.substitute == self.declared.name:
                return True
            support = support.previous
        return False

    def compare(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[PropertyChange, ...]:
        """The properties that differ between two sets of validated values."""
        return tuple(
            PropertyChange(
                name=name,
                before=before.get(name),
                after=after.get(name),
                effect=effect_of(self.declared.name, name, declared, before, after),
                secret=is_secret(declared),
                certain=not contains_unknown(after.get(name)),
            )
            for name, declared in self.declared.properties.items()
            if not _same(before.get(name), after.get(name))
        )


def _same(before: Any, after: Any) -> bool:
    """Equal, where 1, 1.0 and True are different things only to machines."""
    return bool(before == after) or (before in (None, [], {}) and after in (None, [], {}))


def is_secret(declared: Property) -> bool:
    """Whether the value or a part of it must not be shown."""
    if declared.secret:
        return True
    inner = list((declared.fields or {}).values()) + ([declared.items] if declared.items else [])
    return any(is_secret(each) for each in inner)
