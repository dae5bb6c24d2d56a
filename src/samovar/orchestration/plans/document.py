# SPDX-License-Identifier: Apache-2.0
"""A plan as plain data for programs, and its hash. Secrets are masked, unknown values marked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from samovar.orchestration.plans.changes import Change, Plan, PropertyChange
from samovar.orchestration.templates.values import Unknown

MASK = "******"
FORMAT = 1


def plan_document(plan: Plan) -> dict[str, Any]:
    """JSON-able: `{format, stack, hash, summary, changes}`; nested plans stand inside their change."""
    counts = {action.value: count for action, count in plan.counts().items() if count}
    return {
        "format": FORMAT,
        "stack": plan.stack,
        "hash": plan_hash(plan),
        "empty": plan.is_empty,
        "summary": counts,
        "changes": [change_document(change, plan.secrets) for change in plan.changes],
    }


def plan_hash(plan: Plan) -> str:
    """Equal for plans that would do the same to the same things; values that are not shown count too."""
    facts = [_facts(change) for change in plan.every_change() if change.changes_anything]
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _facts(change: Change) -> list[Any]:
    return [
        change.action,
        change.path,
        change.name,
        change.type,
        change.stored_id,
        change.deletion_policy,
        change.refusals,
        sorted(change.requires),
        [[each.name, plain(each.before), plain(each.after)] for each in change.properties],
        change.aspects,
    ]


def change_document(change: Change, secrets: Collection[str] = ()) -> dict[str, Any]:
    document: dict[str, Any] = {
        "action": change.action.value,
        "path": change.full_path,
        "name": change.name,
        "type": change.type,
        "certain": change.certain,
        "requires": list(change.requires),
    }
    if change.physical_id is not None:
        document["physical_id"] = change.physical_id
    if change.reasons:
        document["reasons"] = [_present(text=each.text, property=each.property) for each in change.reasons]
    if change.properties:
        document["properties"] = [property_document(each, secrets) for each in change.properties]
    if change.aspects:
        document["aspects"] = list(change.aspects)
    if change.deletion_policy != "Delete":
        document["deletion_policy"] = change.deletion_policy
    if change.refusals:
        document["refusals"] = list(change.refusals)
    if change.nested is not None:
        document["nested"] = [change_document(each, secrets) for each in change.nested.changes]
    return document


def property_document(change: PropertyChange, secrets: Collection[str] = ()) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": change.name,
        "before": shown(change.before, change.secret, secrets),
        "after": shown(change.after, change.secret, secrets),
        "effect": change.effect.value,
    }
    if not change.certain:
        document["known_later"] = True
    return document


def shown(value: Any, secret: bool, secrets: Collection[str] = ()) -> Any:
    """The value as it may be shown: a mask for a secret, and for each text of `secrets` inside it."""
    if value is None or isinstance(value, Unknown):
        return plain(value)
    return MASK if secret else _masked(plain(value), sorted(secrets, key=len, reverse=True))


def _masked(value: Any, secrets: Sequence[str]) -> Any:
    if not secrets:
        return value
    if isinstance(value, dict):
        return {key: _masked(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, secrets) for item in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
        return value
    return MASK if not isinstance(value, bool) and value is not None and str(value) in secrets else value


def plain(value: Any) -> Any:
    """Without Unknown values: those become `{"known_later": <where from>}`."""
    if isinstance(value, Unknown):
        return {"known_later": value.source}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _present(**facts: Any) -> dict[str, Any]:
    return {name: fact for name, fact in facts.items() if fact is not None}
