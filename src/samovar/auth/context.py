# SPDX-License-Identifier: Apache-2.0
"""The Context: what a validated token says of its bearer."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Context:
    """The bearer of one request. Scope is a project, a domain, the system, or none."""

    user_id: str = ""
    user_name: str = ""
    user_domain_id: str = ""
    project_id: str | None = None
    project_name: str | None = None
    project_domain_id: str | None = None
    domain_id: str | None = None
    system: bool = False
    roles: frozenset[str] = frozenset()
    token: str = field(default="", repr=False)
    expires_at: datetime.datetime | None = None
    trust_id: str | None = None
    application_credential_id: str | None = None
    region_name: str | None = None
    request_id: str = ""

    @property
    def is_admin(self) -> bool:
        """Whether the bearer holds the role admin on its scope."""
        return "admin" in self.roles


class TokenValidator(Protocol):
    """Tells whose a token is."""

    async def validate(self, token: str) -> Context:
        """The context of the token.

        Raises samovar.auth.InvalidToken when it is not good, IdentityUnavailable when nobody can tell.
        """


class IdentityUnavailable(ConnectionError):
    """Whose a token is cannot be asked at the moment."""


class InvalidToken(PermissionError):
    """The token is malformed, expired, revoked, or unknown."""
