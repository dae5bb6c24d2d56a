# SPDX-License-Identifier: Apache-2.0
"""Refusals of the Query API: a code, a sentence, a status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.clients import CloudError
from samovar.web import Call, Fault

from .answers import rendered

STATUSES: Mapping[str, int] = {
    "AlreadyExists": 400,
    "IncompleteSignature": 400,
    "InvalidAction": 400,
    "InvalidParameterCombination": 400,
    "InvalidParameterValue": 400,
    "MissingAction": 400,
    "MissingParameter": 400,
    "RequestExpired": 400,
    "RequestLimitExceeded": 400,
    "ValidationError": 400,
    "AccessDenied": 403,
    "InvalidClientTokenId": 403,
    "MissingAuthenticationToken": 403,
    "SignatureDoesNotMatch": 403,
    "InternalFailure": 500,
    "ServiceUnavailable": 503,
}
_OF_HEAT = {
    "StackExists": "AlreadyExists",
    "ActionInProgress": "InvalidAction",
    "RequestLimitExceeded": "RequestLimitExceeded",
    "EntityNotFound": "ValidationError",
}
_BY_STATUS = {401: "MissingAuthenticationToken", 403: "AccessDenied", 500: "InternalFailure"}


def refusal(code: str, message: str) -> Fault:
    return Fault(message, status=STATUSES[code], type=code)


def refused_by_heat(error: CloudError) -> Fault:
    """What the native API refused, in this API's codes."""
    body = error.body if isinstance(error.body, Mapping) else {}
    told = body.get("error")
    kind = str(told.get("type")) if isinstance(told, Mapping) else ""
    if error.status in (401, 403):
        code = "AccessDenied"
    elif error.status >= 500:
        code = "ServiceUnavailable" if error.status == 503 else "InternalFailure"
    else:
        code = _OF_HEAT.get(kind, "InvalidParameterValue")
    return refusal(code, error.message)


def render_fault(fault: Fault, call: Call) -> tuple[Any, Mapping[str, str]]:
    """A fault as the Query API shows it."""
    code = fault.type if fault.type in STATUSES else _BY_STATUS.get(fault.status, "InvalidParameterValue")
    kind = "Sender" if fault.status < 500 else "Receiver"
    error = {"ErrorResponse": {"Error": {"Type": kind, "Code": code, "Message": fault.message}}}
    return rendered(error, call.query.get("ContentType"))
