# SPDX-License-Identifier: Apache-2.0
"""The reference of resource types as Markdown, one page per family, made from the declarations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module

from samovar.orchestration.resources.constraints import (
    Allowed,
    Constraint,
    Custom,
    Length,
    Modulo,
    Pattern,
    Range,
)
from samovar.orchestration.resources.lookups import LOOKUPS
from samovar.orchestration.resources.registry import families
from samovar.orchestration.resources.schema import Attribute, Property, ResourceType, Status, Support


def pages() -> dict[str, str]:
    """File name -> text: one page per family, and `README.md` that lists them."""
    found = families()
    texts = {f"{family}.md": _page(_title(family), types) for family, types in found.items()}
    return {"README.md": _index(found)} | texts


def _title(family: str) -> str:
    text = import_module(f"samovar.orchestration.resources.types.{family}").__doc__ or family
    return text.strip().splitlines()[0].rstrip(".")


def _index(found: Mapping[str, tuple[ResourceType, ...]]) -> str:
    lines = ["# Resource types", "", "Made from the declarations in `samovar.orchestration.resources`.", ""]
    for family, types in found.items():
        lines += [f"## [{_title(family)}]({family}.md)", ""]
        lines += [f"- [{each.name}]({family}.md#{_anchor(each.name)}): {each.description}" for each in types]
        lines.append("")
    return "\n".join(lines)


def _anchor(name: str) -> str:
    return name.lower().replace(":", "")


def _page(title: str, types: Iterable[ResourceType]) -> str:
    lines = [f"# {title}", ""]
    for declared in types:
        lines += [f"## {declared.name}", "", declared.description, ""]
        lines += _facts(declared)
        lines += _property_table("Properties", declared.properties)
        lines += _property_table("Update policy", declared.update_policy)
        lines += _attribute_table(declared.attributes)
    return "\n".join(lines)


def _facts(declared: ResourceType) -> Iterator[str]:
    facts = []
    if declared.support != Support():
        facts.append(_support(declared.support).capitalize())
    if declared.service:
        facts.append(f"Service: {declared.service}")
    if declared.extension:
        facts.append(f"Needs the service's extension {declared.extension}")
    if declared.handlers:
        facts.append(f"Also takes part in: {', '.join(sorted(declared.handlers))}")
    if declared.signal_responder:
        facts.append("Can be signalled")
    if declared.template:
        facts.append(f"Made by the template {declared.template}")
    yield from (f"- {fact}." for fact in facts)
    if facts:
        yield ""


def _property_table(title: str, properties: Mapping[str, Property]) -> Iterator[str]:
    if not properties:
        return
    yield from (f"### {title}", "", "| Name | Type | Change | Description |", "|---|---|---|---|")
    yield from _property_rows(properties, "")
    yield ""


def _property_rows(properties: Mapping[str, Property], prefix: str) -> Iterator[str]:
    for name, declared in properties.items():
        required = ", required" if declared.required else ""
        kind = f"{declared.type}{required}"
        yield f"| `{prefix}{name}` | {kind} | {_change(declared)} | {_sentence(declared)} |"
        if declared.fields:
            yield from _property_rows(declared.fields, f"{prefix}{name}.")
        if declared.items and declared.items.fields:
            yield from _property_rows(declared.items.fields, f"{prefix}{name}[].")


def _change(declared: Property) -> str:
    if declared.immutable:
        return "refused"
    return "in place" if declared.update_allowed else "replaces"


def _sentence(declared: Property) -> str:
    parts = [declared.description] if declared.description else []
    if not declared.implemented:
        parts.append("Accepted without effect.")
    parts += [f"{_constraint(each)}." for each in declared.constraints]
    if declared.items:
        parts += [f"Each item: {_constraint(each).lower()}." for each in declared.items.constraints]
    if declared.default is not None:
        parts.append(f"Default: `{json.dumps(declared.default)}`.")
    if declared.support != Support():
        parts.append(f"{_support(declared.support).capitalize()}.")
    return " ".join(parts).replace("|", "\\|")


def _constraint(constraint: Constraint) -> str:
    match constraint:
        case Allowed(values):
            shown = [f"`{value}`" for value in values]
            if len(shown) > 24:
                shown = [shown[0], "…", *shown[-22:]]
            return f"One of {', '.join(shown)}"
        case Range(minimum, maximum):
            return f"From {_bound(minimum)} to {_bound(maximum)}"
        case Length(minimum, maximum):
            return f"Length from {_bound(minimum)} to {_bound(maximum)}"
        case Pattern(pattern):
            return f"Matches `{pattern}`"
        case Modulo(step, offset):
            return f"A multiple of {step} plus {offset}"
        case Custom(name) if name in LOOKUPS:
            service, entity = LOOKUPS[name]
            return f"Must exist: {entity.rpartition('.')[2].replace('_', ' ')} of {service}"
        case Custom(name):
            return f"Checked as `{name}`"


def _bound(value: float | None) -> str:
    return "any" if value is None else str(value)


def _support(support: Support) -> str:
    words = {
        Status.SUPPORTED: "since",
        Status.DEPRECATED: "deprecated since",
        Status.UNSUPPORTED: "unsupported since",
        Status.HIDDEN: "hidden since",
    }
    if support.version is None:
        return "supported" if support.status is Status.SUPPORTED else support.status.value.lower()
    substitute = f", use {support.substitute}" if support.substitute else ""
    return f"{words[support.status]} {support.version}{substitute}"


def _attribute_table(attributes: Mapping[str, Attribute]) -> Iterator[str]:
    if not attributes:
        return
    yield from ("### Attributes", "", "| Name | Type | Description |", "|---|---|---|")
    for name, declared in attributes.items():
        fresh = "" if declared.cached else " Read anew each time."
        support = f" {_support(declared.support).capitalize()}." if declared.support != Support() else ""
        yield f"| `{name}` | {declared.type} | {declared.description}{fresh}{support} |"
    yield ""
