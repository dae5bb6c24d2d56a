# SPDX-License-Identifier: Apache-2.0
"""How failures are told: ``Kind: resources.a.resources.b: sentence``, the form that Heat's users know."""

from __future__ import annotations

import re

from samovar.clients import CloudError, CloudUnreachable, ServiceNotInCatalog
from samovar.orchestration.resources.behaviour import ResourceFailed
from samovar.orchestration.templates.errors import TemplateError

_FAILED = re.compile(r"^Resource [A-Z_]+ failed: ")
_TOLD = re.compile(r"^(?P<kind>[A-Za-z][A-Za-z0-9]*): (?P<path>resources\.[^:]+): (?P<text>.*)$", re.DOTALL)


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

    def __init__(self, kind: str, path: str, text: str) -> None:
        super().__init__(f"{kind}: {path}: {text}")
        self.kind, self.path, self.text = kind, path, text

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
        return StepFailed("ServiceUnavailable", path, str(error))
    if isinstance(error, ServiceNotInCatalog):
        return StepFailed("ResourceTypeUnavailable", path, str(error))
    if isinstance(error, TemplateError):
        return StepFailed(error.type, path, error.message)
    return StepFailed(_kind(error), path, str(error) or "no further details")


def _kind(error: BaseException) -> str:
    if isinstance(error, ResourceFailed):
        return error.kind
    if isinstance(error, CloudError):
        return _CLOUD_KINDS.get(error.status, "ServerError")
    return type(error).__name__


def nested_failed(name: str, child_reason: str) -> StepFailed:
    """The failure of a resource whose nested stack failed for `child_reason`: the leaf comes to the top."""
    told = _TOLD.match(_FAILED.sub("", child_reason))
    if told is None:
        return StepFailed("ResourceFailure", f"resources.{name}", child_reason)
    return StepFailed(told["kind"], f"resources.{name}.{told['path']}", told["text"])
