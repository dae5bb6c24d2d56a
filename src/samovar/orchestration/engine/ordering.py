# SPDX-License-Identifier: Apache-2.0
"""The order of a stack's resources beyond what its template shows: what the types themselves wait for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from samovar.graph import Graph
from samovar.orchestration.resources.implicit import implicit_requirements
from samovar.orchestration.resources.validation import validate_properties
from samovar.orchestration.templates.nodes import resolve
from samovar.orchestration.templates.scope import UnknownResources

if TYPE_CHECKING:
    from .wanted import Evaluable


def add_implicit_requirements(loaded: Evaluable, needed: dict[str, set[str]]) -> None:
    """Add to each resource's requirements what its type waits for; never so that a circle comes of it."""
    scope = loaded.texts.scope(UnknownResources(), loaded.definition.files, loaded.facade)
    kinds = {
        name: loaded.kinds.of(str(definition.resolved_type(scope)), name)
        for name, definition in scope.enabled.items()
    }
    if not any(kind.declared.implicit_dependencies for kind in kinds.values()):
        return
    resources: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for name, kind in kinds.items():
        if kind.nested:
            continue
        properties = resolve(scope.enabled[name].properties, scope)
        given = properties if isinstance(properties, dict) else {}
        resources[name] = (kind.declared.name, validate_properties(kind.declared, given).values)
    graph: Graph[str] = Graph(needed)
    for name, others in implicit_requirements(resources).items():
        for other in sorted(others):
            if other in needed and other not in needed[name] and name not in graph.all_requires([other]):
                graph.add(name, [other])
                needed[name].add(other)
