# SPDX-License-Identifier: Apache-2.0
"""Pure: which object HAProxy complains about, and the tree without it.

What HAProxy alone can judge (a regular expression, a list of ciphers) must not stop the
rest.
"""

from __future__ import annotations

import re

import msgspec

from ..tree import Tree

__all__ = ["blame", "without"]

LINE = re.compile(r"\.cfg:(\d+)\]")
RULE = re.compile(r"rule-([0-9a-f-]{36})")


def blame(tree: Tree, text: str, complaint: str) -> str | None:
    """The id of the object whose line in `text` the complaint names first; None when it names none."""
    found = LINE.search(complaint)
    lines = text.splitlines()
    if found is None or not 0 < int(found[1]) <= len(lines):
        return None
    number = int(found[1]) - 1
    words = lines[number].split()
    rule = RULE.search(lines[number])
    if rule is not None:
        for listener in tree.listeners:
            for policy in listener.policies:
                if any(one.id == rule[1] for one in policy.rules):
                    return policy.id
    if words[:1] == ["server"]:
        return words[1]
    while number >= 0 and (not lines[number].strip() or lines[number].startswith(" ")):
        number -= 1
    kind, _, name = lines[number].partition(" ")
    return name.partition(":")[0] if kind in ("frontend", "backend") else None


def without(tree: Tree, identity: str) -> Tree:
    """`tree` without the listener, policy, pool or member of this id."""
    replace = msgspec.structs.replace
    listeners = tuple(
        replace(one, policies=tuple(policy for policy in one.policies if policy.id != identity))
        for one in tree.listeners
        if one.id != identity
    )
    pools = tuple(
        replace(one, members=tuple(member for member in one.members if member.id != identity))
        for one in tree.pools
        if one.id != identity
    )
    return replace(tree, listeners=listeners, pools=pools)
