# SPDX-License-Identifier: Apache-2.0
"""Why a server could not be what was asked: a sentence for its fault, or a reason to try again."""

from __future__ import annotations

from samovar.clients import CloudError, CloudUnreachable
from samovar.cloud.compute.hosts import HostError
from samovar.database import DatabaseUnavailable


class Failure(Exception):
    """What was asked cannot be done; the message becomes the server's fault."""

    def __init__(self, message: str, *, code: int = 500, details: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.details = details


def passing(error: Exception) -> bool:
    """Whether the same step may well succeed a little later."""
    if isinstance(error, CloudError):
        return error.transient
    if isinstance(error, HostError):
        return error.code == "unreachable"
    return isinstance(error, (CloudUnreachable, DatabaseUnavailable))


def failure_of(error: Exception) -> Failure:
    """The error in plain words."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, CloudError):
        return Failure(
            f"The {error.service} service refused: {error.message}",
            code=error.status,
            details=f"{error.method} {error.path} answered {error.status} ({error.request_id}).",
        )
    if isinstance(error, HostError):
        return Failure(error.message, details=f"The host agent refused: {error.code}.")
    if isinstance(error, (CloudUnreachable, DatabaseUnavailable)):
        return Failure(f"A service that is needed did not answer: {error}")
    return Failure(
        "An error of the compute service itself stopped the work on this server; its log has the details.",
        details=f"{type(error).__name__}: {error}",
    )
