# SPDX-License-Identifier: Apache-2.0
"""A plan as a picture: the resources and what requires what, in the colour of what happens to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from samovar.graph import Graph, to_dot, to_mermaid, to_svg
from samovar.orchestration.plans.changes import Action, Change, Plan

COLOURS: Mapping[Action, str] = {
    Action.CREATE: "#1a7f37",
    Action.UPDATE: "#9a6700",
    Action.REPLACE: "#bc4c00",
    Action.DELETE: "#cf222e",
    Action.ADOPT: "#0969da",
    Action.FORGET: "#6e7781",
    Action.NO_OP: "#afb8c1",
}
Draw = Callable[[Graph[str], Mapping[str, str], Mapping[str, str]], str]
_DRAWINGS: Mapping[str, Draw] = {"dot": to_dot, "mermaid": to_mermaid, "svg": to_svg}

FORMATS = tuple(_DRAWINGS)


def plan_drawing(plan: Plan, form: str) -> str:
    """The picture as `dot`, `mermaid` or `svg`; nested stacks hang on the resource that owns them."""
    graph: Graph[str] = Graph()
    labels: dict[str, str] = {}
    colours: dict[str, str] = {}

    def add(part: Plan, owner: str | None) -> None:
        present = {change.name: _key(change) for change in part.changes}
        for change in part.changes:
            key = _key(change)
            required = [present[name] for name in change.requires if present.get(name, key) != key]
            graph.add(key, [*required, *([owner] if owner else [])])
            labels[key] = f"{change.action.symbol.strip()} {change.name}\n{change.type}".strip()
            colours[key] = COLOURS[change.action]
            if change.nested is not None:
                add(change.nested, key)

    add(plan, None)
    return _DRAWINGS[form](graph, labels, colours)


def _key(change: Change) -> str:
    """Rows that go may have the name of what comes."""
    gone = change.action in (Action.DELETE, Action.FORGET)
    return f"{change.full_path} ({change.stored_id})" if gone else change.full_path
