# SPDX-License-Identifier: Apache-2.0
"""What a changed property means: in place, replaced, refused, nothing; and types with rules of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from samovar.orchestration.plans import Effect
from samovar.orchestration.resources.schema import Property

Values = Mapping[str, Any]
# (name of the property, values before, values after) -> effect, or None where the declaration decides.
Rule = Callable[[str, Values, Values], Effect | None]


def effect_of(type_name: str, name: str, declared: Property, before: Values, after: Values) -> Effect:
    """What the change of one property means for a resource of that type."""
    rule = _RULES.get(type_name)
    special = rule(name, before, after) if rule else None
    if special is not None:
        return special
    if declared.immutable:
        return Effect.REFUSED
    if not declared.implemented:
        return Effect.NONE
    return Effect.IN_PLACE if declared.update_allowed else Effect.REPLACES


def _server(name: str, _before: Values, after: Values) -> Effect | None:
    """Flavor, image and user data each have a policy that says what their change does."""
    policy = after.get(f"{name}_update_policy")
    if name in ("flavor", "image", "user_data"):
        effects = {"REPLACE": Effect.REPLACES, "IGNORE": Effect.NONE}
        return effects.get(str(policy), Effect.IN_PLACE)
    return None


def _test_resource(name: str, _before: Values, after: Values) -> Effect | None:
    return Effect.REPLACES if name == "value" and after.get("update_replace") is True else None


def _stack(name: str, before: Values, after: Values) -> Effect | None:
    """A stack can not move to another region."""
    if name != "context":
        return None
    regions = [_region(values.get("context")) for values in (before, after)]
    return Effect.REPLACES if regions[0] != regions[1] else Effect.IN_PLACE


def _region(context: Any) -> Any:
    return context.get("region_name") if isinstance(context, Mapping) else None


_RULES: Mapping[str, Rule] = {
    "OS::Nova::Server": _server,
    "OS::Heat::TestResource": _test_resource,
    "OS::Heat::Stack": _stack,
}

ALWAYS_REPLACED = frozenset({"OS::Heat::UpdateWaitConditionHandle"})
