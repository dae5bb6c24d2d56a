# SPDX-License-Identifier: Apache-2.0
"""Declarations as plain data, for programs: the same facts in the same shape whatever their source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.orchestration.resources.lookups import CUSTOM_CONSTRAINTS
from samovar.orchestration.resources.registry import ALIASES, every_type
from samovar.orchestration.resources.schema import (
    Attribute,
    Property,
    PropertyType,
    Reference,
    ResourceType,
    Status,
    Support,
)
from samovar.orchestration.resources.translations import Appended, Dropped, Moved, Translation

_FLAGS = (
    "noop",
    "nested_stack",
    "stack_user",
    "deferred_auth",
    "signal_responder",
    "implicit_dependencies",
    "observe_reality",
    "may_survive_create_failed",
    "prepares_for_replace",
)
# Handlers that belong to deletion policies, and those that only the engine's own groups have.
_POLICY_HANDLERS = {"snapshot_delete"}
_GROUP_HANDLERS = {"preempt", "metadata_reset"}


def all_facts() -> dict[str, Any]:
    """Every declared type, the aliases and the constraint names."""
    declared = list(every_type())
    return {
        "aliases": dict(ALIASES),
        "custom_constraints": sorted(CUSTOM_CONSTRAINTS),
        "template_types": {each.name: template_facts(each) for each in declared if each.template},
        "types": {each.name: type_facts(each) for each in declared if not each.template},
    }


def type_facts(declared: ResourceType) -> dict[str, Any]:
    """One type; what holds by default is left out."""
    handled = sorted(declared.handlers - _GROUP_HANDLERS)
    return _present(
        attributes={name: attribute_facts(each) for name, each in declared.attributes.items()},
        behaviour=_behaviour(declared) or None,
        client=declared.service,
        entity=declared.entity,
        handles=handled or None,
        kind=_kind(declared),
        name_limit=declared.name_limit if declared.name_limit != 255 else None,
        properties={name: property_facts(each) for name, each in declared.properties.items()},
        service_extension=declared.extension,
        support=support_facts(declared.support),
        translation=[_translation(each) for each in declared.translation] or None,
        update_policy={name: property_facts(each) for name, each in declared.update_policy.items()} or None,
    )


def template_facts(declared: ResourceType) -> dict[str, Any]:
    """A type that a template implements."""
    return {
        "attributes": sorted(declared.attributes),
        "properties": {name: property_facts(each) for name, each in declared.properties.items()},
        "template": declared.template,
    }


def property_facts(declared: Property) -> dict[str, Any]:
    return _present(
        type=declared.type.value,
        default=declared.default,
        required=declared.required or None,
        update_allowed=declared.update_allowed or None,
        immutable=declared.immutable or None,
        allow_conversion=declared.allow_conversion or None,
        implemented=None if declared.implemented else False,
        constraints=[each.facts() for each in declared.constraints] or None,
        schema=_fields(declared.fields),
        items=None if declared.items is None else property_facts(declared.items),
        support=_optional_support(declared.support),
    )


def attribute_facts(declared: Attribute) -> dict[str, Any]:
    return _present(
        type="Unknown" if declared.type is PropertyType.ANY else declared.type.value,
        cache=None if declared.cached else "none",
        support=_optional_support(declared.support),
    )


def support_facts(support: Support) -> dict[str, Any]:
    return _present(
        status=support.status.value,
        version=support.version,
        message=support.message,
        previous=None if support.previous is None else support_facts(support.previous),
        substitute=support.substitute,
    )


def _optional_support(support: Support) -> dict[str, Any] | None:
    if support == Support():
        return None
    facts = support_facts(support)
    if support.status is Status.SUPPORTED and support.previous is None:
        del facts["status"]
    return facts


def _fields(fields: Mapping[str, Property] | None) -> dict[str, Any] | None:
    return None if fields is None else {name: property_facts(each) for name, each in fields.items()}


def _kind(declared: ResourceType) -> list[str] | None:
    if declared.nested_stack:
        return ["nested_stack"]
    if declared.signal_responder:
        return ["signal_responder"]
    return ["stack_user"] if declared.stack_user else None


def _behaviour(declared: ResourceType) -> dict[str, Any]:
    reference = declared.reference
    normal_actions = declared.no_signal_actions == frozenset({"SUSPEND", "DELETE"})
    facts = _present(
        client=declared.service,
        entity=declared.entity,
        handlers=sorted(declared.handlers - _POLICY_HANDLERS) or None,
        ref=None if reference is Reference.PHYSICAL_ID_OR_NAME else reference.value,
        name_limit=declared.name_limit if declared.name_limit != 255 else None,
        required_extension=declared.extension,
        no_signal_actions=None if normal_actions else sorted(declared.no_signal_actions),
        signal_needs_metadata_updates=None if declared.signal_refreshes_metadata else False,
        always_replace_on_check_failed=None if declared.replace_on_check_failed else False,
    )
    return facts | {flag: True for flag in _FLAGS if getattr(declared, flag)}


def _translation(rule: Translation) -> dict[str, Any]:
    path = list(rule.path)
    if isinstance(rule, Dropped):
        return {"rule": "delete", "path": path}
    if isinstance(rule, Appended):
        return {"rule": "add", "path": path, "value": "computed"}
    if isinstance(rule, Moved):
        source = {"from_sibling": rule.source} if rule.sibling else {"from": [rule.source]}
        inside = {"custom_value_path": list(rule.inside)} if rule.inside else {}
        return {"rule": "replace", "path": path, **source, **inside}
    return {
        "rule": "resolve",
        "path": path,
        "by": "name_or_id",
        "client": rule.service,
        "entity": rule.entity,
    }


def _present(**facts: Any) -> dict[str, Any]:
    return {name: fact for name, fact in facts.items() if fact is not None}
