# SPDX-License-Identifier: Apache-2.0
"""The parameters of a stack: what the template asks for, what the user gave, what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from samovar.diagnostics import Diagnostics, Place, did_you_mean
from samovar.orchestration.templates import conversion
from samovar.orchestration.templates.constraints import CustomConstraint, Matcher
from samovar.orchestration.templates.errors import UserParameterMissing
from samovar.orchestration.templates.nodes import path_text
from samovar.orchestration.templates.schemas import ParameterSchema
from samovar.orchestration.templates.template import Template
from samovar.orchestration.templates.values import Unknown, Value, contains_unknown, shown

MASK = "******"


@dataclass(frozen=True, slots=True)
class StackIdentity:
    """Which stack the pseudo parameters speak of. `id` is None while there is none (previews)."""

    name: str
    id: str | None = None
    project_id: str = ""

    @property
    def arn(self) -> str:
        return f"arn:openstack:heat::{self.project_id}:stacks/{self.name}/{self.id}"

    def pseudo_parameters(self, kind: str) -> dict[str, str]:
        """Their values in a template of this kind (`hot` or `cfn`)."""
        if kind == "hot":
            return {
                "OS::project_id": self.project_id,
                "OS::stack_id": str(self.id),
                "OS::stack_name": self.name,
            }
        return {
            "AWS::Region": "ap-southeast-1",
            "AWS::StackId": self.arn if self.id else "None",
            "AWS::StackName": self.name,
        }


@dataclass(slots=True)
class Parameters:
    """Values by name, in their types; pseudo parameters included."""

    schemas: Mapping[str, ParameterSchema]
    pseudo: Mapping[str, Value] = field(default_factory=dict)
    typed: dict[str, Value] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)  # what the user gave, as given

    def value(self, name: str) -> Value:
        """Raises UserParameterMissing."""
        if name in self.typed:
            return self.typed[name]
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.schemas:
            raise UserParameterMissing(f'The parameter "{name}" has no value')
        known = [*self.schemas, *self.pseudo]
        raise UserParameterMissing(
            f'There is no parameter "{shown(name)}" in the template', advice=did_you_mean(name, known[:500])
        )

    def values(self) -> dict[str, Value]:
        """Every value in its type, pseudo parameters included. Hidden ones are not masked."""
        return {**self.pseudo, **self.typed}

    def texts(self, *, masked: bool = True) -> dict[str, str]:
        """Every value as API answers show it: text, hidden ones as ******."""
        shown_values = {name: str(value) for name, value in self.pseudo.items()}
        for name, value in self.typed.items():
            schema = self.schemas[name]
            hidden = masked and schema.hidden
            shown_values[name] = MASK if hidden else conversion.to_text(schema.type, value)
        return shown_values

    @property
    def hidden(self) -> frozenset[str]:
        return frozenset(name for name, schema in self.schemas.items() if schema.hidden)

    def hidden_texts(self) -> list[str]:
        """Every text and number in the values of hidden parameters: what must not be shown anywhere."""
        found: list[str] = []
        todo = [self.typed.get(name) for name in self.hidden]
        while todo:
            value = todo.pop()
            if isinstance(value, dict):
                todo.extend(value.values())
            elif isinstance(value, list):
                todo.extend(value)
            elif isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
                found.append(str(value))
        return found

    def custom_checks(self) -> list[tuple[str, CustomConstraint, Value]]:
        """(parameter, constraint, value) that the cloud's services must check; defaults are not checked."""
        return [
            (name, constraint, self.typed[name])
            for name, schema in self.schemas.items()
            if name in self.given and name in self.typed and not contains_unknown(self.typed[name])
            for constraint in schema.constraints
            if isinstance(constraint, CustomConstraint)
        ]


def build_parameters(
    template: Template,
    given: Mapping[str, Any],
    defaults: Mapping[str, Any],
    identity: StackIdentity,
    matcher: Matcher,
    *,
    missing_allowed: bool = False,
    places: Mapping[str, Place] | None = None,
) -> tuple[Parameters, Diagnostics]:
    """Values for a template from an environment's `parameters` (given) and `parameter_defaults` (defaults).

    With `missing_allowed`, a parameter without a value is Unknown instead of an error. `places` says where
    given values stand.
    """
    diagnostics = Diagnostics()
    places = places or {}
    section = template.words.parameters
    pseudo = identity.pseudo_parameters(template.kind)
    schemas = {
        name: replace(schema, default=defaults[name]) if name in defaults else schema
        for name, schema in template.parameters.items()
    }
    parameters = Parameters(schemas, pseudo, given={k: v for k, v in given.items() if v is not None})
    declared = template.raw.get(section)
    for name in given:
        if diagnostics.full:
            break
        if isinstance(declared, dict) and name in declared:
            continue
        advice = did_you_mean(name, schemas)
        message = f'The template has no parameter "{shown(name)}"'
        if name in pseudo:
            message = f'The pseudo parameter "{name}" cannot be set'
        diagnostics.error(
            "unknown-parameter", message, advice=advice, place=places.get(name), path=f"{section}.{name}"
        )
    for name, schema in schemas.items():
        place = template.places.of((section, name))
        path = path_text((section, name))
        default = _default(schema, template, matcher, diagnostics)
        value = given.get(name)
        if value is None:
            if default is not None:
                parameters.typed[name] = default
            elif schema.has_default:
                continue
            elif missing_allowed:
                parameters.typed[name] = Unknown(f"parameter {name}")
            else:
                diagnostics.error(
                    "parameter-missing",
                    f'The parameter "{name}" has no value',
                    advice=f"Give it with --parameter {name}=… or in an environment, or give it a default",
                    place=place, path=path,
                )  # fmt: skip
            continue
        typed = _checked(schema, value, matcher, diagnostics, places.get(name) or place, path)
        if typed is not _BAD:
            parameters.typed[name] = typed
    return parameters, diagnostics


_BAD: Any = object()


def check_default(schema: ParameterSchema, template: Template, matcher: Matcher, found: Diagnostics) -> None:
    """Findings about a default that does not fit its own type or constraints."""
    _default(schema, template, matcher, found)


def _default(
    schema: ParameterSchema, template: Template, matcher: Matcher, diagnostics: Diagnostics
) -> Value:
    """The default in its type; None when there is none or it is wrong."""
    if not schema.has_default:
        return None
    words = template.words
    key = "default" if template.kind == "hot" else "Default"
    place = template.places.value((words.parameters, schema.name, key))
    path = path_text((words.parameters, schema.name, key))
    value = _checked(schema, schema.default, matcher, diagnostics, place, path, is_default=True)
    return None if value is _BAD else value


def _checked(
    schema: ParameterSchema,
    value: Any,
    matcher: Matcher,
    diagnostics: Diagnostics,
    place: Place | None,
    path: str,
    is_default: bool = False,
) -> Value:
    what = f'The default of the parameter "{schema.name}"' if is_default else f'The parameter "{schema.name}"'
    try:
        typed = conversion.convert(schema.type, value)
    except (ValueError, RecursionError) as error:
        reason = "the value is hidden" if schema.hidden else str(error)
        diagnostics.error(
            "invalid-parameter", f"{what} is not a {schema.type}: {reason}", place=place, path=path
        )
        return _BAD
    if contains_unknown(typed):
        return typed
    good = True
    for constraint in schema.constraints:
        if not isinstance(typed, constraint_values[schema.type]):
            continue
        try:
            violation = constraint.violation(typed, matcher)
        except ValueError as error:
            violation = str(error)
        if violation:
            good = False
            if schema.hidden:
                violation = f"its hidden value breaks the constraint {constraint.kind}"
            diagnostics.error(
                "invalid-schema" if is_default else "invalid-parameter",
                f"{what} is not valid: {constraint.description or violation}",
                place=place, path=path,
            )  # fmt: skip
    return typed if good else _BAD


constraint_values: dict[str, tuple[type, ...]] = {
    conversion.STRING: (str,),
    conversion.NUMBER: (int, float),
    conversion.BOOLEAN: (bool,),
    conversion.COMMA_DELIMITED_LIST: (list,),
    conversion.JSON: (dict, list, str),
}


def check_immutable(old: Parameters, new: Parameters) -> Diagnostics:
    """Findings about immutable parameters of the old stack whose value an update would change."""
    found = Diagnostics()
    for name, schema in new.schemas.items():
        if not schema.immutable or name not in old.typed or name not in new.typed:
            continue
        if old.typed[name] != new.typed[name]:
            found.error(
                "immutable-parameter", f'The parameter "{name}" is immutable and cannot change its value',
                advice="Create a new stack, or keep the old value", path=f"parameters.{name}",
            )  # fmt: skip
    return found
