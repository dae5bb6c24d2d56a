# SPDX-License-Identifier: Apache-2.0
"""The two ways in which compute speaks to the other services: as itself, and as its caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from samovar.clients import Cloud, CloudError
from samovar.web import BadRequest, Conflict, Fault, Forbidden, NotFound, ServiceUnavailable

CloudOf = Callable[[str], Cloud]
"""Gives the Cloud of the bearer of a token."""


@dataclass(frozen=True, slots=True)
class Clouds:
    """`own`: compute's own credentials, an administrator's; `caller(token)`: what the caller may see."""

    own: Cloud
    caller: CloudOf


def as_fault(error: CloudError) -> Fault:
    """Another service's refusal as an answer of this API, in the other service's words."""
    kinds: dict[int, type[Fault]] = {400: BadRequest, 403: Forbidden, 404: NotFound, 409: Conflict}
    kind = kinds.get(error.status)
    if kind is None:
        return ServiceUnavailable(f"The {error.service} service could not do its part: {error.message}")
    return kind(error.message)
