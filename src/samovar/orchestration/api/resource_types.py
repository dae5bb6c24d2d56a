# SPDX-License-Identifier: Apache-2.0
"""Resource types: their list, their schemas, and templates made from them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from samovar.orchestration.engine.groups import GROUPS
from samovar.orchestration.engine.sandbox import Budget
from samovar.orchestration.resources.behaviours import is_available
from samovar.orchestration.resources.constraints import Constraint
from samovar.orchestration.resources.registry import every_type, find_type
from samovar.orchestration.resources.schema import (
    SHOW,
    Attribute,
    Property,
    PropertyType,
    ResourceType,
    Status,
    Support,
)
from samovar.web import Api, BadRequest, Call

from .desk import PROJECT, Desk
from .faults import not_found
from .permitted_types import check_type
from .values import flag

LONGEST_PATTERN = 1000
PARAMETER_TYPES = {
    PropertyType.STRING: ("string", "String"),
    PropertyType.INTEGER: ("number", "Number"),
    PropertyType.NUMBER: ("number", "Number"),
    PropertyType.BOOLEAN: ("boolean", "Boolean"),
    PropertyType.LIST: ("comma_delimited_list", "CommaDelimitedList"),
    PropertyType.MAP: ("json", "Json"),
    PropertyType.ANY: ("json", "Json"),
}


class ResourceTypes:
    """The handlers of ``/resource_types``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self, api: Api) -> None:
        add = self.desk.add
        one = f"{PROJECT}/resource_types/{{type}}"
        add(api, "GET", f"{PROJECT}/resource_types", self.index, "stacks:list_resource_types")
        add(api, "GET", one, self.show, "stacks:resource_schema")
        add(api, "GET", f"{one}/template", self.template, "stacks:generate_template")

    async def index(self, call: Call) -> dict[str, Any]:
        status = call.query.get("support_status")
        if status is not None and status not in (*Status, "UNKNOWN"):
            raise BadRequest(f'Invalid support status "{status}".', type="Invalid")
        name, version = call.query.get("name"), call.query.get("version")
        matching = await asyncio.to_thread(self._matching, name) if name else None
        found = []
        for declared in every_type():
            support = declared.support
            if (
                declared.hidden
                or not can_be_made(declared)
                or (status is not None and support.status != status)
            ):
                continue
            if version is not None and support.version != version:
                continue
            if matching is not None and declared.name not in matching:
                continue
            if self._allowed(call, declared.name):
                found.append(declared)
        if flag(call, "with_description"):
            return {
                "resource_types": [
                    {"resource_type": each.name, "description": each.description} for each in found
                ]
            }
        return {"resource_types": [each.name for each in found]}

    def _matching(self, pattern: str) -> set[str]:
        """The names that begin with what the expression means; one that takes too long is refused."""
        names = [each.name for each in every_type()]
        if re.fullmatch(r"[\w:]+", pattern):
            return {name for name in names if name.startswith(pattern)}
        try:
            if len(pattern) > LONGEST_PATTERN:
                raise ValueError(f"it is longer than {LONGEST_PATTERN} characters")
            re.compile(pattern)
            flags = "".join(re.findall(r"^\(\?[aimsux]+\)", pattern))
            whole = f"{flags}(?:{pattern[len(flags) :]})(?s:.*)"
            sandbox = Budget(self.desk.parts.sandbox)
            return {name for name in names if sandbox.match(whole, name)}
        except (re.error, ValueError, OverflowError, RecursionError) as error:
            told = f'"{pattern[:100]}" is no regular expression: {str(error).rstrip(".")}.'
            raise BadRequest(told, type="ValueError") from error

    def _allowed(self, call: Call, name: str) -> bool:
        try:
            check_type(self.desk, call, name)
        except Exception:
            return False
        return True

    def _declared(self, call: Call) -> ResourceType:
        name = call.path["type"]
        declared = find_type(name)
        if declared is None:
            raise not_found("Resource Type", name)
        check_type(self.desk, call, declared.name)
        return declared

    async def show(self, call: Call) -> dict[str, Any]:
        declared = self._declared(call)
        shown = {
            "resource_type": declared.name,
            "properties": {
                name: property_shown(each) for name, each in declared.properties.items() if not each.hidden
            },
            "attributes": {
                name: attribute_shown(each)
                for name, each in {**declared.attributes, "show": SHOW}.items()
                if not each.hidden
            },
            "support_status": support_shown(declared.support),
        }
        if flag(call, "with_description"):
            shown["description"] = declared.description
        return shown

    async def template(self, call: Call) -> dict[str, Any]:
        kind = call.query.get("template_type", "cfn").lower()
        if kind not in ("cfn", "hot"):
            raise BadRequest(f'Template type is not supported: "{kind}".', type="HTTPBadRequest")
        return template_of(self._declared(call), hot=kind == "hot")


def can_be_made(declared: ResourceType) -> bool:
    """Whether a stack can have resources of the type: others are not listed, though their schema is shown."""
    return declared.name in GROUPS if declared.nested_stack else is_available(declared.name)


def property_shown(declared: Property) -> dict[str, Any]:
    """A property in the form of the API."""
    shown: dict[str, Any] = {
        "type": declared.type.value.lower(),
        "required": declared.required,
        "update_allowed": declared.update_allowed,
        "immutable": declared.immutable,
    }
    if declared.description:
        shown["description"] = declared.description
    if declared.default is not None:
        shown["default"] = declared.default
    if declared.constraints:
        shown["constraints"] = [constraint_shown(each) for each in declared.constraints]
    if declared.fields is not None:
        shown["schema"] = {name: property_shown(each) for name, each in declared.fields.items()}
    elif declared.items is not None:
        shown["schema"] = {"*": property_shown(declared.items)}
    return shown


def constraint_shown(constraint: Constraint) -> dict[str, Any]:
    return dict(constraint.facts())


def attribute_shown(declared: Attribute) -> dict[str, Any]:
    shown: dict[str, Any] = {"description": declared.description}
    if declared.type is not PropertyType.ANY:
        shown["type"] = declared.type.value.lower()
    return shown


def support_shown(support: Support) -> dict[str, Any]:
    return {
        "status": support.status.value,
        "message": support.message,
        "version": support.version,
        "previous_status": None if support.previous is None else support_shown(support.previous),
    }


def template_of(declared: ResourceType, *, hot: bool) -> dict[str, Any]:
    """A template of one resource whose properties are all parameters and whose attributes are outputs."""
    name = declared.name.rsplit("::", 1)[-1]
    parameters: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for key, each in declared.properties.items():
        if each.hidden:
            continue
        parameters[key] = _parameter(each, hot)
        properties[key] = _property(key, each, hot)
    # A stack that such a template implements refers to the resource itself.
    itself = {"value": {"get_resource": name}} if hot else {"Value": {"Ref": name}}
    outputs: dict[str, Any] = {"OS::stack_id": itself}
    for key, attribute in {**declared.attributes, "show": SHOW}.items():
        if attribute.hidden:
            continue
        if hot:
            outputs[key] = {"description": attribute.description, "value": {"get_attr": [name, key]}}
        else:
            value = {"Fn::GetAtt": [name, key]}
            outputs[key] = {"Description": attribute.description, "Value": value}
    if hot:
        return {
            "heat_template_version": "2016-10-14",
            "description": f"Initial template of {name}",
            "parameters": parameters,
            "resources": {name: {"type": declared.name, "properties": properties}},
            "outputs": outputs,
        }
    return {
        "HeatTemplateFormatVersion": "2012-12-12",
        "Description": f"Initial template of {name}",
        "Parameters": parameters,
        "Resources": {name: {"Type": declared.name, "Properties": properties}},
        "Outputs": outputs,
    }


def _parameter(declared: Property, hot: bool) -> dict[str, Any]:
    kinds = PARAMETER_TYPES[declared.type]
    shown: dict[str, Any] = {"type" if hot else "Type": kinds[0 if hot else 1]}
    if declared.description:
        shown["description" if hot else "Description"] = declared.description
    if declared.default is not None:
        shown["default" if hot else "Default"] = declared.default
    constraints = [dict(each.facts()) for each in declared.constraints]
    if hot and constraints:
        shown["constraints"] = constraints
    elif constraints:
        shown.update(_cfn_constraints(constraints))
    return shown


def _cfn_constraints(constraints: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in constraints:
        if "allowed_values" in each:
            found["AllowedValues"] = each["allowed_values"]
        elif "allowed_pattern" in each:
            found["AllowedPattern"] = each["allowed_pattern"]
        for kind, suffix in (("length", "Length"), ("range", "Value")):
            bounds: Mapping[str, Any] = each.get(kind) or {}
            found.update({f"{bound.capitalize()}{suffix}": value for bound, value in bounds.items()})
    return found


def _property(key: str, declared: Property, hot: bool) -> Any:
    if not hot and declared.type is PropertyType.LIST:
        return {"Fn::Split": [",", {"Ref": key}]}
    return {"get_param": key} if hot else {"Ref": key}
