# SPDX-License-Identifier: Apache-2.0
"""A token as Keystone describes it to its bearer."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping

from .standing import Standing


def time_text(at: datetime.datetime | None) -> str | None:
    """Keystone's form of a moment: microseconds and a Z."""
    return at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if at is not None else None


def describe(standing: Standing, catalog: Sequence[Any] | None) -> dict[str, Any]:
    """The object under ``token`` of an answer; without a catalog when that is None."""
    token, user = standing.token, standing.user
    body: dict[str, Any] = {
        "methods": token.method_names,
        "user": {
            **_named(user),
            "domain": _named(standing.user_domain),
            "password_expires_at": time_text(user["password_expires_at"]),
        },
        "audit_ids": token.audit_ids,
        "expires_at": time_text(token.expires_at),
        "issued_at": time_text(token.issued_at),
    }
    if standing.project is not None and standing.domain is not None:
        body["project"] = {**_named(standing.project), "domain": _named(standing.domain)}
        body["is_domain"] = False
    elif standing.domain is not None:
        body["domain"] = _named(standing.domain)
    elif token.scope == "system":
        body["system"] = {"all": True}
    if token.scope:
        body["roles"] = [{"id": identity, "name": name} for identity, name in standing.roles.items()]
        if catalog is not None:
            body["catalog"] = catalog
    if standing.trust is not None:
        body["OS-TRUST:trust"] = {
            "id": standing.trust["id"],
            "impersonation": standing.trust["impersonation"],
            "trustor_user": {"id": standing.trust["trustor_user_id"]},
            "trustee_user": {"id": standing.trust["trustee_user_id"]},
        }
    if standing.application_credential is not None:
        body["application_credential"] = {
            "id": standing.application_credential["id"],
            "name": standing.application_credential["name"],
            "restricted": not standing.application_credential["unrestricted"],
        }
    return body


def _named(found: RowMapping) -> dict[str, str]:
    return {"id": found["id"], "name": found["name"]}
