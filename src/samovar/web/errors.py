# SPDX-License-Identifier: Apache-2.0
"""Faults: answers that refuse.

    Fault
    ├── BadRequest 400        ├── Conflict 409
    ├── Unauthorized 401      ├── TooLarge 413
    ├── Forbidden 403         ├── NotSupported 501
    └── NotFound 404          └── ServiceUnavailable 503

A fault carries what is wrong in one sentence; each API renders it in the shape its clients know.
"""

from __future__ import annotations

from collections.abc import Mapping


class Fault(Exception):
    """An answer with an error status.

    `type` is the API's own name of the error (for instance ``NetworkNotFound``); `title` the short
    reason, the standard phrase of the status when empty; `details` what programs may read besides.
    """

    status = 500

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        type: str = "",
        title: str = "",
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status or self.status
        self.type = type or self.__class__.__name__
        self.title = title or TITLES.get(self.status, "Error")
        self.headers = dict(headers or {})
        self.details = dict(details or {})


class BadRequest(Fault):
    status = 400


class Unauthorized(Fault):
    status = 401


class Forbidden(Fault):
    status = 403


class NotFound(Fault):
    status = 404


class Conflict(Fault):
    status = 409


class TooLarge(Fault):
    status = 413


class NotSupported(Fault):
    status = 501


class ServiceUnavailable(Fault):
    status = 503


TITLES = {
    300: "Multiple Choices",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    409: "Conflict",
    410: "Gone",
    412: "Precondition Failed",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Entity",
    428: "Precondition Required",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}
