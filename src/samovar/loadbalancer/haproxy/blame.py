# SPDX-License-Identifier: Apache-2.0
"""Pure: which objects HAProxy complains about, and the tree without one of them.

What HAProxy alone can judge (a regular expression, a list of ciphers) must not stop the
rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from ..tree import Listener, Member, Pool, Tree

__all__ = ["blame", "without"]

ALERT = "[ALERT]"
LINE = re.compile(r"\.cfg:(\d+)\]")
BEFORE = re.compile(r"^.*?: config : (parsing )?(\[[^]]*\] : )?", re.DOTALL)
RULE = re.compile(r"rule-([0-9a-f-]{36})")
LONGEST_WORDS = 500


def blame(tree: Tree, text: str, complaint: str) -> dict[str, str]:
    """The ids of the objects whose lines in `text` the complaint names, each with what is wrong with it."""
    lines = text.splitlines()
    guilty: dict[str, str] = {}
    for said in complaint.split(ALERT):
        found = LINE.search(said)
        if found is not None and 0 < int(found[1]) <= len(lines):
            name, identity = _owner(tree, lines, int(found[1]) - 1)
            if identity:
                words = BEFORE.sub("", said.partition("\n")[0]).strip()[:LONGEST_WORDS]
                guilty.setdefault(identity, f"{name}: HAProxy does not accept it: {words}")
    return guilty


def _owner(tree: Tree, lines: list[str], number: int) -> tuple[str, str]:
    """Name and id of the object that a line is of; both empty when it is nobody's."""
    rule = RULE.search(lines[number])
    if rule is not None:
        for policy in (policy for listener in tree.listeners for policy in listener.policies):
            if any(one.id == rule[1] for one in policy.rules):
                return f"L7 policy {policy.name or policy.id}", policy.id
    words = lines[number].split()
    while number >= 0 and (not lines[number].strip() or lines[number].startswith(" ")):
        number -= 1
    kind, _, identity = lines[number].partition(" ")
    if kind == "frontend":
        return _named("Listener", tree.listeners, identity)
    if kind != "backend":
        return "", ""
    pool = tree.pool(identity.partition(":")[0])
    if words[:1] == ["server"] and pool is not None and pool.tls is None:
        return _named("Member", pool.members, words[1])
    return _named("Pool", tree.pools, identity.partition(":")[0])  # TLS is the same for all of its members


def _named(kind: str, among: Sequence[Listener | Pool | Member], identity: str) -> tuple[str, str]:
    name = next((one.name for one in among if one.id == identity), "")
    return f"{kind} {name or identity}", identity


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
