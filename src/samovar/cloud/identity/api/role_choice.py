# SPDX-License-Identifier: Apache-2.0
"""The roles that a trust or an application credential passes on: only such as its maker has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.web import BadRequest, Forbidden


def chosen_roles(having: Mapping[str, str], wanted: Any) -> list[str]:
    """The ids of the roles in ``[{"id"} or {"name"}, …]``; `having` maps ids to names. Raises Forbidden."""
    if not isinstance(wanted, list):
        raise BadRequest("roles must be a list.")
    by_name = {name: identity for identity, name in having.items()}
    chosen: list[str] = []
    for role in wanted:
        if not isinstance(role, Mapping) or not (role.get("id") or role.get("name")):
            raise BadRequest("Each of roles must hold an id or a name.")
        named = str(role.get("id") or role.get("name"))
        # openstackclient gives the name as the id when its user may not list roles.
        identity = named if named in having and role.get("id") else by_name.get(named, "")
        if identity not in having:
            raise Forbidden(f"The role {named} cannot be passed on by somebody who does not have it.")
        if identity not in chosen:
            chosen.append(identity)
    return chosen
