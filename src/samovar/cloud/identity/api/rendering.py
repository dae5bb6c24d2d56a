# SPDX-License-Identifier: Apache-2.0
"""Rows as Keystone's API shows them, each with a link to itself."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import RowMapping

from samovar.web import Call

from ..catalog import address
from ..description import time_text

Body = dict[str, Any]


def linked(call: Call, collection: str, body: Body) -> Body:
    """`body` with its self link below /v3."""
    body["links"] = {"self": f"{call.base_url}/v3/{collection}/{body['id']}"}
    return body


def domain_body(call: Call, row: RowMapping) -> Body:
    return linked(call, "domains", {**_plain(row), "tags": [], "options": {}})


def project_body(call: Call, row: RowMapping) -> Body:
    body = {**_plain(row), "is_domain": False, "options": {}}
    body["parent_id"] = row["parent_id"] or row["domain_id"]
    return linked(call, "projects", body)


def user_body(call: Call, row: RowMapping) -> Body:
    body = {"options": {}, **_plain(row)}
    del body["password_hash"], body["password_created_at"]
    if body["default_project_id"] is None:
        del body["default_project_id"]
    return linked(call, "users", body)


def group_body(call: Call, row: RowMapping) -> Body:
    return linked(call, "groups", _plain(row))


def role_body(call: Call, row: RowMapping) -> Body:
    return linked(call, "roles", {**_plain(row), "domain_id": row["domain_id"] or None, "options": {}})


def region_body(call: Call, row: RowMapping) -> Body:
    return linked(call, "regions", _plain(row))


def service_body(call: Call, row: RowMapping) -> Body:
    return linked(call, "services", _plain(row))


def endpoint_body(call: Call, row: RowMapping) -> Body:
    body = _plain(row)
    body["url"] = address(row["url"], call.origin)
    body["region"] = row["region_id"]
    return linked(call, "endpoints", body)


def credential_body(call: Call, row: RowMapping) -> Body:
    names = ("id", "user_id", "project_id", "type", "blob")
    return linked(call, "credentials", {name: row[name] for name in names})


def _plain(row: RowMapping) -> Body:
    body = {name: _value(value) for name, value in row.items() if name != "extra"}
    return {**(row.get("extra") or {}), **body}


def _value(value: Any) -> Any:
    return time_text(value) if isinstance(value, datetime.datetime) else value
