# SPDX-License-Identifier: Apache-2.0
"""L7 policies: rules as ACLs, policies as what is done when all of their ACLs hold.

Documented order: what rejects comes first, then what redirects to a URL, then what chooses a pool;
within each by position.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..tree import Listener, Policy, Rule
from .words import Refused, formatted, identifier, token, word

MATCHES = {
    "EQUAL_TO": "str",
    "STARTS_WITH": "beg",
    "ENDS_WITH": "end",
    "CONTAINS": "sub",
    "REGEX": "reg",
}
ORDER = {"REJECT": 0, "REDIRECT_TO_URL": 1, "REDIRECT_PREFIX": 1, "REDIRECT_TO_POOL": 2}
CODES = frozenset({301, 302, 303, 307, 308})


def policies(listener: Listener, backends: Mapping[str, str], broken: dict[str, str]) -> list[str]:
    """The lines of a listener's policies. `backends`: pool id → backend that carries it for this listener.

    A policy that cannot be carried is left out and named in `broken`.
    """
    lines: list[str] = []
    for policy in sorted(listener.policies, key=lambda one: (ORDER.get(one.action, 3), one.position)):
        if not policy.enabled:
            continue
        try:
            lines += _policy(policy, backends)
        except Refused as error:
            broken[policy.id] = f"L7 policy {policy.name or policy.id}: {error}"
    return lines


def _policy(policy: Policy, backends: Mapping[str, str]) -> list[str]:
    rules = [rule for rule in policy.rules if rule.enabled]
    action = _action(policy, backends)
    if not rules or action is None:
        return []
    lines = [f"acl {_name(rule)} {_test(rule)}" for rule in rules]
    condition = " ".join(f"{'!' if rule.invert else ''}{_name(rule)}" for rule in rules)
    return [*lines, f"{action} if {condition}"]


def _action(policy: Policy, backends: Mapping[str, str]) -> str | None:
    if policy.action == "REJECT":
        return "http-request deny"
    if policy.action == "REDIRECT_TO_POOL":
        backend = backends.get(policy.redirect_pool_id or "")
        return None if backend is None else f"use_backend {backend}"
    code = policy.redirect_http_code or 302
    if code not in CODES:
        raise Refused(f"{code} is not a code for redirecting.")
    if policy.action == "REDIRECT_TO_URL":
        return f"http-request redirect code {code} location {formatted(policy.redirect_url or '/')}"
    if policy.action == "REDIRECT_PREFIX":
        return f"http-request redirect code {code} prefix {formatted(policy.redirect_prefix or '/')}"
    raise Refused(f"{policy.action!r} is not an action.")


def _name(rule: Rule) -> str:
    return f"rule-{identifier(rule.id)}"


def _test(rule: Rule) -> str:
    if rule.type == "SSL_CONN_HAS_CERT":
        return "ssl_c_used"
    if rule.type == "SSL_VERIFY_RESULT":
        if not rule.value.isascii() or not rule.value.isdigit():
            raise Refused(f"{rule.value!r} is not a verification result.")
        return f"ssl_c_verify {int(rule.value)}"
    try:
        match = MATCHES[rule.compare_type]
    except KeyError:
        raise Refused(f"{rule.compare_type!r} is not a way to compare.") from None
    fetch, value, folded = _fetch(rule), rule.value, rule.type in ("HOST_NAME", "FILE_TYPE")
    if rule.type == "FILE_TYPE" and match == "str":
        match, value = "end", f".{value.lstrip('.')}"
    if not value:
        raise Refused("a rule without a value matches nothing.")
    return f"{fetch} {'-i ' if folded else ''}-m {match} -- {word(value)}"


def _fetch(rule: Rule) -> str:
    key = rule.key or ""
    if rule.type == "HOST_NAME":
        return "req.hdr(host),field(1,:)"
    if rule.type == "PATH":
        return "path"
    if rule.type == "FILE_TYPE":
        return "path,field(-1,.)" if rule.compare_type == "REGEX" else "path"
    if rule.type == "HEADER":
        return word(f"req.hdr({token(key, 'the name of a header')})")
    if rule.type == "COOKIE":
        return word(f"req.cook({token(key, 'the name of a cookie')})")
    if rule.type == "SSL_DN_FIELD":
        return word(f"ssl_c_s_dn({token(key, 'a field of a distinguished name')})")
    raise Refused(f"{rule.type!r} is not a type of rule.")
