# SPDX-License-Identifier: Apache-2.0
"""Validation of a template: what it asks for, once it is known to be right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.orchestration.resources.registry import find_type
from samovar.orchestration.templates import (
    Environment,
    NoSandbox,
    ParameterSchema,
    StackIdentity,
    StackScope,
    Template,
    TemplateError,
    build_parameters,
    contains_unknown,
    is_template_name,
    parse,
    resolve,
)
from samovar.orchestration.templates import constraints as c
from samovar.web import Api, BadRequest, Call

from .desk import PROJECT, Desk, body_of
from .draft import Draft, DraftReader
from .faults import fault_of
from .values import flag

TYPES = {
    "string": "String",
    "number": "Number",
    "comma_delimited_list": "CommaDelimitedList",
    "json": "Json",
    "boolean": "Boolean",
}
NAMELESS = StackIdentity("stack", None, "")
IGNORABLE = {"99001"}


class Validate:
    """The handler of ``/validate``."""

    def __init__(self, desk: Desk, reader: DraftReader) -> None:
        self.desk, self.reader = desk, reader

    def routes(self, api: Api) -> None:
        self.desk.add(api, "POST", f"{PROJECT}/validate", self.validate, "stacks:validate_template")

    async def validate(self, call: Call) -> dict[str, Any]:
        ignored = {code.strip() for code in call.query.get("ignore_errors", "").split(",") if code.strip()}
        if ignored - IGNORABLE:
            raise BadRequest(
                f"Only the error 99001 can be ignored, not {', '.join(sorted(ignored - IGNORABLE))}.",
                type="HTTPBadRequest",
            )
        body = body_of(call)
        identity = StackIdentity("stack", None, self.desk.project(call))
        try:
            draft = await self.reader.read(body, identity, values_needed=False)
        except TemplateError as error:
            refused = fault_of(error)
            assert refused is not None
            if refused.type == "StackValidationFailed":  # of a template that is only looked at: a plain 400
                refused.type = "HTTPBadRequest"
            raise refused from error
        answer: dict[str, Any] = {
            "Description": draft.template.description or "No description",
            "Parameters": parameters_shown(draft.template, draft.environment),
            "Environment": _environment(draft),
        }
        if draft.template.parameter_groups:
            answer["ParameterGroups"] = [group.raw for group in draft.template.parameter_groups]
        if flag(call, "show_nested"):
            scope = StackScope(draft.template, draft.parameters, files=draft.files)
            nested = nested_shown(draft.template, draft.environment, draft.files, scope, 0)
            if nested:
                answer["NestedParameters"] = nested
        return answer


def _environment(draft: Draft) -> dict[str, Any]:
    found = draft.environment.as_dict(draft.parameters.hidden)
    for definition in draft.template.resources.values():
        if isinstance(definition.type, str) and is_template_name(definition.type):
            found["resource_registry"].setdefault(definition.type, definition.type)
    return {
        key: found[key] for key in ("resource_registry", "parameters", "parameter_defaults", "event_sinks")
    }


def parameters_shown(template: Template, environment: Environment) -> dict[str, Any]:
    return {
        name: parameter_shown(schema, environment.parameters, environment.parameter_defaults)
        for name, schema in template.parameters.items()
    }


def parameter_shown(
    schema: ParameterSchema, given: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """One parameter in the words of the validation's answer."""
    shown: dict[str, Any] = {
        "Type": TYPES.get(schema.type, schema.type),
        "Description": schema.description,
        "NoEcho": "true" if schema.hidden else "false",
        "Label": schema.label or schema.name,
    }
    default = defaults.get(schema.name, schema.default)
    if default is not None:
        shown["Default"] = default
    if given.get(schema.name):
        shown["Value"] = "******" if schema.hidden else given[schema.name]
    if schema.tags:
        shown["Tags"] = list(schema.tags)
    told = []
    for constraint in schema.constraints:
        shown.update(_constraint(constraint))
        if constraint.description:
            told.append(constraint.description)
    if told:
        shown["ConstraintDescription"] = " ".join(told)
    return shown


def _constraint(constraint: c.Constraint) -> dict[str, Any]:
    match constraint:
        case c.Length():
            found: dict[str, Any] = {"MinLength": constraint.minimum, "MaxLength": constraint.maximum}
        case c.Range():
            found = {"MinValue": constraint.minimum, "MaxValue": constraint.maximum}
        case c.Modulo():
            found = {"Step": constraint.step, "Offset": constraint.offset}
        case c.AllowedValues():
            return {"AllowedValues": list(constraint.allowed)}
        case c.AllowedPattern():
            return {"AllowedPattern": constraint.pattern}
        case c.CustomConstraint():
            return {"CustomConstraint": constraint.name}
        case _:
            return {}
    return {name: value for name, value in found.items() if value is not None}


def _given(properties: Any, scope: StackScope) -> dict[str, Any]:
    """What a resource gives to the template that implements it, as far as it is known without a cloud."""
    try:
        values = resolve(properties, scope)
    except TemplateError:
        return {}
    if not isinstance(values, dict):
        return {}
    return {name: value for name, value in values.items() if not contains_unknown(value)}


def nested_shown(
    template: Template, environment: Environment, files: Mapping[str, str], scope: StackScope, depth: int
) -> dict[str, Any]:
    """The parameters of the templates that implement resources, by resource, at any depth."""
    found: dict[str, Any] = {}
    if depth > 20:
        return found
    for name, definition in template.resources.items():
        if not isinstance(definition.type, str):
            continue
        implementation = environment.registry.find(
            definition.type, name, lambda kind: find_type(kind) is not None
        )
        if implementation is None or not is_template_name(implementation.name):
            continue
        inner, _ = parse(files.get(implementation.name, ""), implementation.name)
        if inner is None:
            continue
        given = _given(definition.properties, scope)
        child = environment.child(name, given, implementation.entry)
        shown = {
            "Type": definition.type,
            "Description": inner.description or "No description",
            "Parameters": parameters_shown(inner, child),
        }
        parameters, _ = build_parameters(
            inner, child.parameters, child.parameter_defaults, NAMELESS, NoSandbox(), missing_allowed=True
        )
        below = nested_shown(inner, child, files, StackScope(inner, parameters, files=files), depth + 1)
        if below:
            shown["NestedParameters"] = below
        found[name] = shown
    return found
