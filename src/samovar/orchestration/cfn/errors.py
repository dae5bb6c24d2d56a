# SPDX-License-Identifier: Apache-2.0
"""Refusals of the Query API: a code, a sentence, a status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.web import Call, Fault

from .answers import rendered

STATUSES: Mapping[str, int] = {
    "IncompleteSignature": 400,
    "InvalidAction": 400,
    "InvalidParameterValue": 400,
    "MissingParameter": 400,
    "AccessDenied": 403,
    "InvalidClientTokenId": 403,
    "MissingAuthenticationToken": 403,
    "SignatureDoesNotMatch": 403,
    "InternalFailure": 500,
}
_BY_STATUS = {401: "MissingAuthenticationToken", 403: "AccessDenied", 500: "InternalFailure"}


def refusal(code: str, message: str) -> Fault:
    return Fault(message, status=STATUSES[code], type=code)


def render_fault(fault: Fault, call: Call) -> tuple[Any, Mapping[str, str]]:
    """A fault as the Query API shows it."""
    code = fault.type if fault.type in STATUSES else _BY_STATUS.get(fault.status, "InvalidParameterValue")
    kind = "Sender" if fault.status < 500 else "Receiver"
    error = {"ErrorResponse": {"Error": {"Type": kind, "Code": code, "Message": fault.message}}}
    return rendered(error, call.query.get("ContentType"))
