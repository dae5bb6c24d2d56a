# SPDX-License-Identifier: Apache-2.0
"""Policy: which roles may do what, in oslo.policy's language and with its files.

Services give their rules and defaults; an operator's policy file overrides them. Roles imply each
other as Keystone's do: admin includes member, member includes reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .context import Context

IMPLIED = {"admin": ("manager", "member", "reader"), "manager": ("member", "reader"), "member": ("reader",)}

REMEMBERED = 4096


class PolicyDenied(PermissionError):
    """The policy does not let this bearer do this."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"You are not allowed to do {rule}.")
        self.rule = rule


class Policy:
    """The rules of one service: `defaults` by name, overridden by `file` where it exists."""

    def __init__(self, defaults: Mapping[str, str], file: Path | None = None) -> None:
        # oslo.policy costs a quarter of a second to import: only a process that enforces pays for it.
        from oslo_policy import _parser

        rules = dict(defaults)
        if file is not None and file.exists():
            rules.update(_read(file))
        self._checks = {name: _parser.parse_rule(rule) for name, rule in rules.items()}
        self.rules = rules
        self._decided: dict[tuple[Any, ...], bool] = {}

    def allows(self, rule: str, context: Context, target: Mapping[str, Any] | None = None) -> bool:
        """Whether the policy lets the bearer do `rule` to `target`. An unknown rule allows nobody."""
        # A decision is a function of the rule, the bearer's scope and roles, and the target.
        key = (
            *(rule, context.roles, context.user_id, context.project_id, context.domain_id, context.system),
            *(context.user_domain_id, context.project_domain_id, tuple((target or {}).items())),
        )
        try:
            known = self._decided.get(key)
        except TypeError:  # a target with lists in it
            return self._decide(rule, context, target)
        if known is None:
            if len(self._decided) >= REMEMBERED:
                self._decided.clear()
            known = self._decided[key] = self._decide(rule, context, target)
        return known

    def _decide(self, rule: str, context: Context, target: Mapping[str, Any] | None) -> bool:
        check = self._checks.get(rule) or self._checks.get("default")
        if check is None:
            return False
        # An absent value must not match an absent credential: "nobody's" is not "mine".
        known = {key: value for key, value in (target or {}).items() if value is not None}
        return bool(check(known, credentials(context), _Enforcer(self._checks), rule))

    def enforce(self, rule: str, context: Context, target: Mapping[str, Any] | None = None) -> None:
        """Raise PolicyDenied unless the policy allows it."""
        if not self.allows(rule, context, target):
            raise PolicyDenied(rule)


class _Enforcer:
    """The part of oslo.policy's enforcer that a check looks at."""

    def __init__(self, rules: Mapping[str, Any]) -> None:
        self.rules = rules


def credentials(context: Context) -> dict[str, Any]:
    """The context as oslo.policy's checks name things."""
    roles = set(context.roles)
    for role in context.roles:
        roles.update(IMPLIED.get(role, ()))
    return {
        "user_id": context.user_id,
        "project_id": context.project_id,
        "tenant_id": context.project_id,
        "domain_id": context.domain_id,
        "user_domain_id": context.user_domain_id,
        "project_domain_id": context.project_domain_id,
        "roles": sorted(roles),
        "system_scope": "all" if context.system else None,
        "is_admin": context.is_admin,
        "is_admin_project": True,
    }


def _read(file: Path) -> dict[str, str]:
    import yaml

    loaded = yaml.safe_load(file.read_text()) or {}
    if not isinstance(loaded, dict) or not all(isinstance(v, str) for v in loaded.values()):
        raise ValueError(f"{file}: a policy file maps rule names to rules, both text")
    return loaded
