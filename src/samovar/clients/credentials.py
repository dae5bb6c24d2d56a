# SPDX-License-Identifier: Apache-2.0
"""Ways to authenticate with Identity v3; each gives the body of ``POST /v3/auth/tokens``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol


class Credentials(Protocol):
    """Something that a token can be got with."""

    def auth(self) -> dict[str, Any] | None:
        """The ``auth`` object, or None when `token` already is what it gives."""

    @property
    def token(self) -> str | None:
        """A ready token, used as it is."""


@dataclass(frozen=True, slots=True)
class PasswordCredentials:
    """A user's name or id and password, scoped to a project, a domain, or the system."""

    password: str = field(repr=False)
    username: str | None = None
    user_id: str | None = None
    user_domain_id: str | None = None
    user_domain_name: str | None = None
    project_id: str | None = None
    project_name: str | None = None
    project_domain_id: str | None = None
    project_domain_name: str | None = None
    domain_id: str | None = None
    system: bool = False
    token: None = None

    def auth(self) -> dict[str, Any]:
        user: dict[str, Any] = {"password": self.password}
        if self.user_id:
            user["id"] = self.user_id
        else:
            user.update(name=self.username, domain=_named(self.user_domain_id, self.user_domain_name))
        auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
        if self.system:
            auth["scope"] = {"system": {"all": True}}
        elif self.domain_id:
            auth["scope"] = {"domain": {"id": self.domain_id}}
        elif self.project_id:
            auth["scope"] = {"project": {"id": self.project_id}}
        elif self.project_name:
            domain = _named(self.project_domain_id, self.project_domain_name)
            auth["scope"] = {"project": {"name": self.project_name, "domain": domain}}
        return auth


@dataclass(frozen=True, slots=True)
class TokenCredentials:
    """A token that exists already, for instance the caller's."""

    token: str = field(repr=False)

    def auth(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class TrustCredentials:
    """The trustee's password and the trust: acts as the trustor until the trust is withdrawn."""

    user_id: str
    password: str = field(repr=False)
    trust_id: str
    token: None = None

    def auth(self) -> dict[str, Any]:
        user = {"id": self.user_id, "password": self.password}
        return {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"OS-TRUST:trust": {"id": self.trust_id}},
        }


@dataclass(frozen=True, slots=True)
class ApplicationCredential:
    """An application credential's id and secret."""

    id: str
    secret: str = field(repr=False)
    token: None = None

    def auth(self) -> dict[str, Any]:
        credential = {"id": self.id, "secret": self.secret}
        return {"identity": {"methods": ["application_credential"], "application_credential": credential}}


def _named(identity: str | None, name: str | None) -> dict[str, str]:
    return {"id": identity} if identity else {"name": name or "Default"}
