# SPDX-License-Identifier: Apache-2.0
"""Keystone's shape of an error: ``{"error": {"code", "message", "title"}}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.web import Call, Conflict, Fault, Forbidden, NotFound, Unauthorized

REQUIRES_AUTHENTICATION = "The request you have made requires authentication."


def render_fault(fault: Fault, call: Call) -> tuple[Any, Mapping[str, str]]:
    body = {"error": {"code": fault.status, "message": fault.message, "title": fault.title}}
    headers = {"vary": "X-Auth-Token"}
    if fault.status == 401:
        headers["www-authenticate"] = f'Keystone uri="{call.base_url}"'
    return body, headers


def unknown(what: str, identity: str) -> NotFound:
    """The 404 for an object that is not there."""
    return NotFound(f"Could not find {what}: {identity}.")


def taken(what: str, name: str) -> Conflict:
    """The 409 for a name that is in use."""
    return Conflict(f"Conflict occurred attempting to store {what} - Duplicate entry found with name {name}.")


def refused(reason: str = "") -> Unauthorized:
    """The 401 of a failed login; it never says which part was wrong unless `reason` may be known."""
    return Unauthorized(f"{reason} {REQUIRES_AUTHENTICATION}".strip())


def denied(reason: str) -> Forbidden:
    return Forbidden(reason)
