# SPDX-License-Identifier: Apache-2.0
"""Refusals, and the three shapes in which Octavia sends them.

What a handler refuses: ``{"faultcode", "faultstring", "debuginfo"}``. What the router refuses (unknown
paths, methods, paging): ``{"code", "title", "description"}``. A bad token: identity's own shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.clients import CloudError
from samovar.web import Call, Fault

HANDLER = "handler"
ROUTED = {"NotFound", "MethodNotAllowed", "TooLarge"}


def refuse(status: int, message: str) -> Fault:
    """The fault of a handler."""
    return Fault(message, status=status, type=HANDLER)


def refuse_route(status: int, message: str) -> Fault:
    """The fault of the router: paging, and parents in a path that are not there."""
    return Fault(message, status=status, type="NotFound")


def bad(message: str) -> Fault:
    return refuse(400, message)


def invalid(name: str, value: Any, reason: str) -> Fault:
    shown = repr(value) if not isinstance(value, str) else value
    shown = "".join(character if character.isprintable() else "?" for character in shown[:255])
    return bad(f"Invalid input for field/attribute {name}. Value: '{shown}'. {reason}")


def missing(name: str) -> Fault:
    return bad(f"Invalid input for field/attribute {name}. Value: 'None'. Mandatory field missing.")


def not_found(label: str, identity: str) -> Fault:
    return refuse(404, f"{label} {identity} not found.")


def immutable(label: str, identity: str) -> Fault:
    return refuse(409, f"{label} {identity} is immutable and cannot be updated.")


def unsupported(provider: str, what: str) -> Fault:
    return refuse(501, f"Provider '{provider}' does not support a requested option: {what}")


def as_fault(error: CloudError, what: str) -> Fault:
    """Another service's refusal, in its own words."""
    status = error.status if error.status in (400, 403, 409) else 400 if error.status == 404 else 503
    return refuse(status, f"{what}: {error.message}")


def render_fault(fault: Fault, _call: Call) -> tuple[Any, Mapping[str, str]]:
    if fault.status == 401:
        return {"error": {"code": 401, "title": fault.title, "message": fault.message}}, {}
    if fault.type in ROUTED:
        return {"code": fault.status, "title": fault.title, "description": fault.message}, {}
    code = "Server" if fault.status >= 500 else "Client"
    return {"faultcode": code, "faultstring": fault.message, "debuginfo": None}, {}
