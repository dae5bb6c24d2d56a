# SPDX-License-Identifier: Apache-2.0
"""What the nested stack of a resource is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .definitions import Definition
from .groups import GROUPS, Phase
from .provider import parameters_of
from .wanted import Evaluable, Wanted

if TYPE_CHECKING:
    from .loaded import LoadedStack


@dataclass(slots=True)
class ChildPlan:
    """The definitions a nested stack goes through, one after the other, with pauses between them."""

    phases: list[Phase] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)  # kept in the row's data


def child_plan(
    loaded: Evaluable, wanted: Wanted, notes: Mapping[str, Any], child: LoadedStack | None
) -> ChildPlan:
    """How a nested stack becomes what `wanted` says; `notes`: its row's data."""
    kind = wanted.kind
    if kind.template is not None:
        return ChildPlan([Phase(kind.template, parameters_of(wanted.values))])
    phases, noted = GROUPS[kind.declared.name](loaded, wanted, notes, child)
    return ChildPlan(phases, noted)


def child_definition(loaded: Evaluable, wanted: Wanted, phase: Phase) -> Definition:
    """The stored form of one phase."""
    environment = loaded.texts.environment.child(wanted.name, phase.parameters, wanted.kind.entry)
    facade = {
        "metadata": dict(wanted.metadata),
        "deletion_policy": wanted.deletion_policy,
        "update_policy": dict(wanted.update_policy),
    }
    hidden = frozenset(
        name
        for name, each in wanted.kind.declared.properties.items()
        if each.secret and name in phase.parameters
    )
    return Definition(
        phase.template, environment.as_dict(), dict(loaded.definition.files), hidden, facade=facade
    )
