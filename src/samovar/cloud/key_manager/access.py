# SPDX-License-Identifier: Apache-2.0
"""Who may do what: the project's roles, the creator, and access control lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping

from samovar.auth import Context
from samovar.web import Forbidden

WRITERS = frozenset(("admin", "manager", "member", "creator"))
READERS = WRITERS | {"reader", "observer"}
Row = RowMapping | Mapping[str, Any]


def check_create(context: Context) -> str:
    """The project that something new belongs to. Raises 403."""
    if context.project_id is None or not context.roles & WRITERS:
        raise Forbidden("Secret creation attempt not allowed - please review your user/project privileges")
    return context.project_id


def check_list(context: Context) -> str:
    """The project whose things are listed. Raises 403."""
    if context.project_id is None or not context.roles & READERS:
        raise Forbidden("Listing is not allowed - please review your user/project privileges")
    return context.project_id


def check_read(context: Context, row: Row, what: str) -> None:
    """Raise 403 unless the bearer may see it: a reader of its project, its creator, or on its list.

    What is private (``project-access`` false) is not for the other readers of the project.
    """
    acl = row["acl"] or {}
    if context.user_id in acl.get("users", ()):
        return
    inside = context.project_id == row["project_id"] and bool(context.roles & READERS)
    if inside and (acl.get("project-access", True) or _owner(context, row)):
        return
    raise Forbidden(f"{what} retrieval attempt not allowed - please review your user/project privileges")


def check_write(context: Context, row: Row, what: str) -> None:
    """Raise 403 unless the bearer may change it: a writer of its project; the owner if it is private."""
    acl = row["acl"] or {}
    inside = context.project_id == row["project_id"] and bool(context.roles & WRITERS)
    if not inside or not (acl.get("project-access", True) or _owner(context, row)):
        raise Forbidden(f"{what} change attempt not allowed - please review your user/project privileges")


def _owner(context: Context, row: Row) -> bool:
    return context.user_id == row["creator_id"] or "admin" in context.roles
