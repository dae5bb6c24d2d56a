# SPDX-License-Identifier: Apache-2.0
"""Fields: what may be given for each attribute, when creating and when changing, and what null means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import values
from .faults import bad, invalid, missing
from .values import Parser


class _Marker:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


REFUSED = _Marker("REFUSED")
SETTING = _Marker("SETTING")

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """`default`: stored when it is not given; SETTING: the object's own function decides (it is left out).

    `null`: stored when a change gives null; REFUSED: null is a bad value; not given: the default.
    `graph`: may be given inside a load balancer that is created in one call.
    """

    parse: Parser
    default: Any = None
    create: bool = True
    update: bool = True
    required: bool = False
    graph: bool = True
    null: Any = None


Fields = Mapping[str, Field]


def created(argument: str, wrapper: str, given: Any, fields: Fields, *, graph: bool = False) -> Values:
    """The values of a new object, with defaults. `graph`: it is part of a larger one. Raises a Fault."""
    if not isinstance(given, dict):
        raise invalid(wrapper, given, "Value should be an object")
    found: Values = {}
    for name, value in given.items():
        field = fields.get(name)
        if field is None or not field.create or (graph and not field.graph and name not in OWNERS):
            raise unknown(argument, wrapper, name)
        if value is None and name == "admin_state_up":
            found[name] = False
        elif value is not None:
            found[name] = _parsed(name, field.parse, value)
    for name, field in fields.items():
        if name in found:
            continue
        if field.required and (field.graph or not graph):
            raise missing(name)
        if field.default is not SETTING and field.create:
            default = field.default
            found[name] = list(default) if isinstance(default, list) else default
    return found


def changed(argument: str, wrapper: str, given: Any, fields: Fields) -> Values:
    """What a change gives, and nothing else; null is what the field says it is. Raises a Fault."""
    if not isinstance(given, dict):
        raise invalid(wrapper, given, "Value should be an object")
    found: Values = {}
    for name, value in given.items():
        field = fields.get(name)
        if field is None or not field.update:
            raise unknown(argument, wrapper, name)
        if value is not None:
            found[name] = _parsed(name, field.parse, value)
        elif name == "admin_state_up":
            found[name] = False
        elif field.null is REFUSED:
            raise bad(f"{name} is required and cannot be removed: null is not a value for it.")
        else:
            found[name] = field.default if field.null is None else field.null
    return found


def wrapped(body: Any, argument: str, wrapper: str) -> Any:
    """What is under the one key of a body. Raises a Fault."""
    if body is None:
        raise bad(f'Missing argument: "{argument}"')
    if not isinstance(body, dict):
        raise bad("The body must be a JSON object.")
    for name in body:
        if name != wrapper:
            raise bad(f"Unknown attribute for argument {argument}: {name[:255]}")
    if not isinstance(body.get(wrapper), dict):
        raise missing(wrapper)
    return body[wrapper]


def unknown(argument: str, wrapper: str, name: str) -> Exception:
    shown = "".join(character if character.isprintable() else "?" for character in name[:255])
    return bad(f"Unknown attribute for argument {argument}.{wrapper}: {shown}")


def _parsed(name: str, parse: Parser, value: Any) -> Any:
    try:
        return parse(value)
    except ValueError as error:
        raise invalid(name, value, str(error)) from None


OWNERS = frozenset(("project_id", "tenant_id"))


def common(*, described: bool = True) -> dict[str, Field]:
    """The fields that everything below a load balancer has. The owner given is the load balancer's anyway."""
    fields = {
        "name": Field(values.text(), "", null=""),
        "admin_state_up": Field(values.boolean, True),
        "tags": Field(values.distinct(values.text(shortest=1)), []),
        "project_id": Field(values.text(36), SETTING, update=False, graph=False),
        "tenant_id": Field(values.text(36), SETTING, update=False, graph=False),
    }
    if described:
        fields["description"] = Field(values.text(lines=True), "", null="")
    return fields
