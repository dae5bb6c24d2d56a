# SPDX-License-Identifier: Apache-2.0
"""Whether anything in a stack needs a cloud: only then its owner has to delegate to the engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from samovar.orchestration.engine.kinds import AWS_STACK
from samovar.orchestration.resources.registry import find_type
from samovar.orchestration.resources.schema import ResourceType
from samovar.orchestration.templates import StackScope, Template, TemplateError, load

from .draft import Draft

MOST_LEVELS = 20
Content = tuple[Any, Any]  # a type as it is given, and its properties


def needs_cloud(draft: Draft) -> bool:
    """What is not known before the stack is made counts as needing one."""
    scope = StackScope(draft.template, draft.parameters, files=draft.files)
    given = dict(_contents(draft.template))
    alike = not draft.environment.registry.data.get("resources")  # a type is the same for every resource
    harmless: set[str] = set()
    for name, definition in scope.enabled.items():
        kind = str(definition.resolved_type(scope))
        if kind in harmless:
            continue
        if _type_needs(draft, kind, given.get(name, (None, None))[1], name, 0):
            return True
        declared = find_type(kind)
        if alike and declared is not None and not declared.nested_stack:
            harmless.add(kind)
    return False


def _contents(template: Template) -> Iterator[tuple[str, Content]]:
    words = template.words
    for name, given in (template.raw.get(words.resources) or {}).items():
        if isinstance(given, Mapping):
            yield str(name), (given.get(words.type), given.get(words.properties))


def _type_needs(draft: Draft, kind: Any, properties: Any, name: str | None, level: int) -> bool:
    if not isinstance(kind, str) or level > MOST_LEVELS:
        return True
    found = draft.environment.registry.find(kind, name, lambda each: find_type(each) is not None)
    if found is None:
        return True
    if found.is_template:
        return _template_needs(draft, draft.files.get(found.name), level + 1)
    declared = find_type(found.name)
    if declared is None:
        return True
    if declared.noop:
        return False
    if declared.name == AWS_STACK:
        return _template_needs(draft, draft.files.get(_url(draft, properties)), level + 1)
    if declared.nested_stack:
        members = _members(declared, properties)
        return any(_type_needs(draft, member, values, None, level + 1) for member, values in members)
    return declared.service is not None or declared.deferred_auth or declared.stack_user


def _template_needs(draft: Draft, text: str | None, level: int) -> bool:
    if text is None:
        return True
    try:
        template = load(text)
    except TemplateError:
        return True
    return any(_type_needs(draft, kind, values, name, level) for name, (kind, values) in _contents(template))


def _url(draft: Draft, properties: Any) -> str:
    """Where the template of an inner stack is: given as text or by a parameter."""
    given = properties.get("TemplateURL") if isinstance(properties, Mapping) else None
    if isinstance(given, Mapping):
        given = draft.parameters.typed.get(str(given.get("get_param", given.get("Ref"))))
    return given if isinstance(given, str) else ""


def _members(declared: ResourceType, properties: Any) -> list[Content]:
    """The types inside a group; one that is none stands for what is not written down."""
    unknown: list[Content] = [(None, None)]
    values = properties if isinstance(properties, Mapping) else {}
    match declared.name:
        case "OS::Heat::ResourceGroup":
            member = values.get("resource_def")
        case "OS::Heat::AutoScalingGroup":
            member = values.get("resource")
        case "OS::Heat::ResourceChain":
            types = values.get("resources")
            shared = values.get("resource_properties")
            return [(each, shared) for each in types] if isinstance(types, list) else unknown
        case _:
            return unknown
    return [(member.get("type"), member.get("properties"))] if isinstance(member, Mapping) else unknown
