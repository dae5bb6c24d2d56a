# SPDX-License-Identifier: Apache-2.0
"""Refusals in Nova's shape, ``{"itemNotFound": {"code": 404, "message": …}}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.web import BadRequest, Call, Conflict, Fault, Forbidden, NotFound

from .microversions import headers_for

NAMES = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    406: "notAcceptable",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}


def render(fault: Fault, call: Call) -> tuple[Any, Mapping[str, str]]:
    """Body and headers of a refusal. A 401 has the shape of the middleware that answers it elsewhere."""
    if fault.status == 401:
        error = {"code": 401, "title": fault.title, "message": fault.message}
        return {"error": error}, headers_for(call)
    name = NAMES.get(fault.status, "computeFault")
    return {name: {"code": fault.status, "message": fault.message}}, headers_for(call)


class ServerNotFound(NotFound):
    def __init__(self, server_id: str) -> None:
        super().__init__(f"Instance {server_id} could not be found.")


class WrongState(Conflict):
    """The server is in a state in which this cannot be done."""

    def __init__(self, action: str, server_id: str, what: str, state: str | None) -> None:
        super().__init__(f"Cannot '{action}' instance {server_id} while it is in {what} {state}")


class OverQuota(Forbidden):
    """More was asked for than the project's quota allows."""

    def __init__(self, resource: str, requested: int, used: int, limit: int) -> None:
        super().__init__(
            f"Quota exceeded for {resource}: Requested {requested}, "
            f"but already used {used} of {limit} {resource}"
        )


def refuse_unknown(body: Mapping[str, Any], known: set[str] | frozenset[str], where: str) -> None:
    """Raise BadRequest when `body` has a key that is not known."""
    unknown = sorted(set(body) - known)
    if unknown:
        names = ", ".join(repr(name) for name in unknown)
        raise BadRequest(f"Invalid input for {where}: additional properties are not allowed ({names}).")
