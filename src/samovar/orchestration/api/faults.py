# SPDX-License-Identifier: Apache-2.0
"""Refusals in Heat's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.clients import CloudError, CloudUnreachable, ServiceNotInCatalog
from samovar.orchestration.engine.requests import ActionNotAllowed, StackExists, StackGone
from samovar.orchestration.resources.behaviour import ResourceFailed
from samovar.orchestration.templates import TemplateError
from samovar.web import BadRequest, Call, Conflict, Fault, Forbidden, NotFound, ServiceUnavailable

EXPLANATIONS: Mapping[int, str] = {
    400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    401: "This server could not verify that you are authorized to access the document you requested.",
    403: "Access was denied to this resource.",
    404: "The resource could not be found.",
    405: "The method is not allowed for this resource.",
    409: "There was a conflict when trying to complete your request.",
    413: "The request body is too large.",
    500: "The server has either erred or is incapable of performing the requested operation.",
    501: "The server does not support the functionality required to fulfil the request.",
    503: "The server is currently unavailable. Please try again at a later time.",
}
MOST_FINDINGS = 50
# What the HTTP toolkit refuses by itself, as Heat's clients know it.
PLAIN = {"BadRequest": "HTTPBadRequest", "MethodNotAllowed": "HTTPMethodNotAllowed"}


def render_fault(fault: Fault, _call: Call) -> tuple[Any, Mapping[str, str]]:
    """The body that heatclient reads; an unknown route is answered in plain text."""
    explanation = EXPLANATIONS.get(fault.status, fault.title)
    if type(fault) is NotFound and fault.type == "NotFound":
        return f"404 Not Found\n\n{explanation}\n\n   ", {}
    status, kind = fault.status, PLAIN.get(fault.type, fault.type)
    if status == 413:
        status, kind = 400, "RequestLimitExceeded"
        fault.status = 400
        explanation = EXPLANATIONS[400]
    error = {"type": kind, "traceback": None, "message": fault.message, **fault.details}
    return {"code": status, "title": fault.title, "explanation": explanation, "error": error}, {}


class Missing(NotFound):
    """Something is not there, on a route that is."""


def not_found(what: str, name: str, kind: str = "EntityNotFound") -> NotFound:
    return Missing(f"The {what} ({name}) could not be found.", type=kind)


def fault_of(error: Exception) -> Fault | None:
    """The refusal that an exception of the rooms below means; None for an error of our own."""
    if isinstance(error, TemplateError):
        findings = [found.as_dict() for found in error.diagnostics.errors[:MOST_FINDINGS]]
        return BadRequest(findings_told(error), type=template_fault(error), details={"diagnostics": findings})
    if isinstance(error, StackExists):
        return Conflict(str(error), type="StackExists")
    if isinstance(error, StackGone):
        return not_found("Stack", str(error))
    if isinstance(error, ActionNotAllowed):
        kind = Conflict if error.type == "ActionInProgress" else BadRequest
        return kind(str(error), type=error.type)
    if isinstance(error, ResourceFailed):
        return BadRequest(str(error), type=error.kind)
    if isinstance(error, ServiceNotInCatalog):
        return BadRequest(str(error), type="ResourceTypeUnavailable")
    if isinstance(error, CloudUnreachable):
        return ServiceUnavailable(str(error), type="ServiceUnavailable")
    if isinstance(error, CloudError):
        if error.status in (401, 403):
            return Forbidden(f"{error.service}: {error.message}", type="Forbidden")
        if error.transient:
            return ServiceUnavailable(f"{error.service}: {error.message}", type="ServiceUnavailable")
        return BadRequest(f"{error.service}: {error.message}", type="Invalid")
    return None


def template_fault(error: TemplateError) -> str:
    """What Heat's API calls it: what is wrong inside a resource or an output is a failed validation."""
    path = error.diagnostic.path.lower()
    if error.type in ("InvalidTemplateSection", "InvalidTemplateAttribute") or (
        (
            error.type in ("UserParameterMissing", "InvalidTemplateVersion")
            and path.startswith(("resources.", "outputs."))
        )
        or (error.type == "InvalidTemplateReference" and path.startswith("outputs."))
    ):
        return "StackValidationFailed"
    return error.type


def findings_told(error: TemplateError) -> str:
    """Every error, one line each: where, what, and what to do about it."""
    lines = []
    for found in error.diagnostics.errors:
        where = f"{found.place}: " if found.place is not None and found.place.line > 0 else ""
        advice = f" ({found.advice.rstrip('.')})" if found.advice else ""
        lines.append(f"{where}{found.sentence()}{advice}")
    if len(lines) > MOST_FINDINGS:
        lines = [*lines[:MOST_FINDINGS], f"… and {len(lines) - MOST_FINDINGS} more"]
    return "\n".join(lines) or error.message


def told(error: Exception) -> Exception:
    """What to raise in place of `error`."""
    return fault_of(error) or error


__all__ = ["Missing", "fault_of", "not_found", "render_fault", "told"]
