# SPDX-License-Identifier: Apache-2.0
"""A graph as text: Graphviz dot, Mermaid, and a plain SVG."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from samovar.graph.graph import Graph


def to_dot(
    graph: Graph[str],
    labels: Mapping[str, str] | None = None,
    colours: Mapping[str, str] | None = None,
    name: str = "stack",
) -> str:
    """Graphviz text; arrows point from what is needed to what needs it."""
    labels, colours = labels or {}, colours or {}
    rows = [f"digraph {_dot(name)} {{", "  rankdir=LR;", "  node [shape=box, style=rounded];"]
    for node in graph:
        attributes = [f"label={_dot(labels.get(node, node))}"]
        if node in colours:
            attributes.append(f"color={_dot(colours[node])}")
        rows.append(f"  {_dot(node)} [{', '.join(attributes)}];")
    rows.extend(f"  {_dot(other)} -> {_dot(node)};" for node, other in graph.edges())
    return "\n".join([*rows, "}"]) + "\n"


def to_mermaid(
    graph: Graph[str], labels: Mapping[str, str] | None = None, colours: Mapping[str, str] | None = None
) -> str:
    """A Mermaid flowchart, as Markdown viewers draw it."""
    labels, colours = labels or {}, colours or {}
    ids = {node: f"n{number}" for number, node in enumerate(graph)}
    rows = ["flowchart LR"]
    rows.extend(f'  {ids[node]}["{_mermaid(labels.get(node, node))}"]' for node in graph)
    rows.extend(f"  {ids[other]} --> {ids[node]}" for node, other in graph.edges())
    rows.extend(
        f"  style {ids[node]} stroke:{colours[node]},stroke-width:2px" for node in graph if node in colours
    )
    return "\n".join(rows) + "\n"


_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _PAD = 190, 44, 70, 20, 20


def to_svg(
    graph: Graph[str], labels: Mapping[str, str] | None = None, colours: Mapping[str, str] | None = None
) -> str:
    """An SVG of the levels from left to right. Raises CycleError."""
    labels, colours = labels or {}, colours or {}
    levels = graph.levels()
    place = {
        node: (_PAD + column * (_WIDTH + _GAP_X), _PAD + row * (_HEIGHT + _GAP_Y))
        for column, level in enumerate(levels)
        for row, node in enumerate(level)
    }
    width = 2 * _PAD + max(1, len(levels)) * (_WIDTH + _GAP_X) - _GAP_X
    height = 2 * _PAD + max([len(level) for level in levels], default=1) * (_HEIGHT + _GAP_Y) - _GAP_Y
    rows = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">'
    ]
    for node, other in graph.edges():
        x1, y1 = place[other][0] + _WIDTH, place[other][1] + _HEIGHT // 2
        x2, y2 = place[node][0], place[node][1] + _HEIGHT // 2
        middle = (x1 + x2) // 2
        rows.append(
            f'<path d="M{x1},{y1} C{middle},{y1} {middle},{y2} {x2},{y2}" fill="none" stroke="#8a8f98"/>'
        )
    for node, (x, y) in place.items():
        lines = labels.get(node, node).split("\n")[:2]
        rows.append(
            f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="7" fill="#fff" '
            f'stroke="{escape(colours.get(node, "#454b54"))}" stroke-width="1.5"/>'
        )
        first = y + _HEIGHT // 2 + 5 - 8 * (len(lines) - 1)
        for number, line in enumerate(lines):
            rows.append(
                f'<text x="{x + _WIDTH // 2}" y="{first + 16 * number}" '
                f'text-anchor="middle">{escape(_short(line))}</text>'
            )
    return "\n".join([*rows, "</svg>"]) + "\n"


def _short(text: str, longest: int = 26) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _dot(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _mermaid(text: str) -> str:
    return escape(text).replace("&quot;", "#quot;").replace("\n", "<br/>")
