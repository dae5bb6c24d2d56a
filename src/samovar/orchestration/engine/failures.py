# SPDX-License-Identifier: Apache-2.0
"""How failures are told: ``Kind: resources.a.resources.b: sentence``, the form that Heat's users know."""

from __future__ import annotations

import re
from typing import Any

from samovar.clients import CloudError, CloudUnreachable, ServiceNotInCatalog
from samovar.orchestration.resources.behaviour import ResourceFailed
from samovar.orchestration.templates.errors import TemplateError

_FAILED = re.compile(r"^Resource [A-Z_]+ failed: ")
_TOLD = re.compile(r"^(?P<kind>[A-Za-z][A-Za-z0-9]*): (?P<path>resources\.[^:]+): (?P<text>.*)$", re.DOTALL)


MOST_WORDS = 2000
_CLOUD_KINDS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    413: "OverLimit",
    429: "OverLimit",
    503: "ServiceUnavailable",
}


class StepFailed(Exception):
    """An action on one resource failed; `str()` is the reason as the stack tells it."""

    def __init__(self, kind: str, path: str, text: str, cause: dict[str, Any] | None = None) -> None:
        super().__init__(f"{kind}: {path}: {text}")
        self.kind, self.path, self.text = kind, path, text
        self.cause = cause or {"kind": kind, "text": text}
        self.action: str | None = None  # what was being done to the resource

    @property
    def reason(self) -> str:
        return str(self)


class TimedOut(Exception):
    """The stack's time for this action is over."""


class Superseded(Exception):
    """A newer operation took this one's place while a step was under way."""


def step_failed(name: str, error: BaseException) -> StepFailed:
    """The failure of the resource `name` that this exception means."""
    path = f"resources.{name}"
    if isinstance(error, StepFailed):
        return error
    if isinstance(error, CloudUnreachable):
        kind, text = "ServiceUnavailable", str(error)
    elif isinstance(error, ServiceNotInCatalog):
        kind, text = "ResourceTypeUnavailable", str(error)
    elif isinstance(error, TemplateError):
        kind, text = error.type, error.message
    else:
        kind, text = _kind(error), str(error) or "no further details"
    return StepFailed(kind, path, text, cause_of(error, kind, text))


def aborted(reason: str) -> dict[str, Any]:
    """The cause of a step that was broken off."""
    return {"kind": "TimedOut" if reason == "Timed out" else "Aborted", "text": reason}


def cause_of(error: BaseException, kind: str, text: str) -> dict[str, Any]:
    """The facts of a failure, as they are kept: what the cloud said to which request, what a script wrote."""
    cause: dict[str, Any] = {"kind": kind, "text": text[:MOST_WORDS]}
    if isinstance(error, ResourceFailed) and error.evidence:
        cause["evidence"] = error.evidence
    if isinstance(error, TemplateError):
        found = error.diagnostics.errors[:5]
        cause["findings"] = [
            {"path": each.path, "message": each.message, "advice": each.advice} for each in found
        ]
    told: BaseException | None = error
    while told is not None:
        if isinstance(told, CloudError):
            cause["cloud"] = {
                "service": told.service,
                "method": told.method,
                "path": told.path,
                "status": told.status,
                "message": told.message[:MOST_WORDS],
                "request_id": told.request_id,
            }
            break
        if isinstance(told, CloudUnreachable):
            cause["unreachable"] = str(told)[:MOST_WORDS]
            break
        told = told.__cause__
    return cause


def _kind(error: BaseException) -> str:
    if isinstance(error, ResourceFailed):
        return error.kind
    if isinstance(error, CloudError):
        return _CLOUD_KINDS.get(error.status, "ServerError")
    return type(error).__name__


def nested_failed(name: str, child_reason: str, child_id: str = "") -> StepFailed:
    """The failure of a resource whose nested stack failed for `child_reason`: the leaf comes to the top."""
    reason = _FAILED.sub("", child_reason)
    told = _TOLD.match(reason)
    if told is None:
        kind, path, text = "ResourceFailure", f"resources.{name}", reason
    else:
        kind, path, text = told["kind"], f"resources.{name}.{told['path']}", told["text"]
    return StepFailed(kind, path, text, {"kind": kind, "text": text[:MOST_WORDS], "nested": child_id})
