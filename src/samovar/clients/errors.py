# SPDX-License-Identifier: Apache-2.0
"""What a cloud can answer instead of what was asked for.

CloudError                 any answer of 400 and above, with the cloud's own words
CloudUnreachable           no answer at all (ConnectionError)
ServiceNotInCatalog        the cloud has no such service (LookupError)
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

TAGS = re.compile(r"<[^>]*>")


class CloudError(Exception):
    """The cloud refused a request."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        service: str,
        method: str,
        path: str,
        request_id: str,
        body: Any,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{message} (HTTP {status}) (Request-ID: {request_id})")
        self.status = status
        self.message = message
        self.service = service
        self.method = method
        self.path = path
        self.request_id = request_id
        self.body = body
        self.retry_after = retry_after  # seconds for which the service asks to be left alone

    @property
    def not_found(self) -> bool:
        return self.status == 404

    @property
    def conflict(self) -> bool:
        return self.status == 409

    @property
    def transient(self) -> bool:
        """Whether the same request may well succeed later: too many requests, or the cloud's own trouble."""
        return self.status in (429, 500, 502, 503, 504)


class CloudUnreachable(ConnectionError):
    """The service did not answer; nothing is known of what it did with the request.

    `sent` is False when the request surely never reached it: the connection was refused.
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class ServiceNotInCatalog(LookupError):
    """The cloud's catalog has no endpoint of this service type."""

    def __init__(self, service: str, region: str | None = None) -> None:
        where = f" in region {region}" if region else ""
        super().__init__(f"The cloud's catalog has no {service} service{where}.")
        self.service = service


def is_down(error: BaseException) -> bool:
    """Whether the cloud itself is in trouble: it does not answer, or says so (5xx)."""
    return isinstance(error, CloudUnreachable) or (isinstance(error, CloudError) and error.status >= 500)


def words(body: Any, status: int) -> str:
    """The sentence in an error body of any OpenStack service."""
    if isinstance(body, (bytes, str)):
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
        if text.lstrip().startswith("<"):  # a page, from some proxy on the way
            text = " ".join(TAGS.sub(" ", text).split())
        return text.strip()[:2000] or f"HTTP {status}"
    if isinstance(body, Mapping):
        error = body.get("error")
        for candidate in (error, body.get("NeutronError"), body.get("faultstring"), body.get("explanation")):
            if isinstance(candidate, Mapping) and candidate.get("message"):
                return str(candidate["message"])
            if isinstance(candidate, str) and candidate:
                return candidate
        if isinstance(body.get("message"), str):
            return str(body["message"])
        for value in body.values():
            if isinstance(value, Mapping) and isinstance(value.get("message"), str):
                return str(value["message"])
    return f"HTTP {status}"


def seconds_of(header: str | None) -> float | None:
    """What a Retry-After header says, in seconds from now; None when it says nothing that is understood."""
    if not header:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return max(0.0, (moment - datetime.datetime.now(datetime.UTC)).total_seconds())
