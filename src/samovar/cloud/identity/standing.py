# SPDX-License-Identifier: Apache-2.0
"""What a token is worth now: who bears it, on what, with which roles; nothing that was withdrawn since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, bindparam, select

from samovar.auth import Context, InvalidToken
from samovar.database import utcnow

from .assignments import implied, roles_on
from .tables import application_credentials, domains, projects, revocations, trusts, users
from .tokens import Token


@dataclass(frozen=True, slots=True)
class Standing:
    """A good token's user and scope as they are at this moment; `roles` maps ids to names."""

    token: Token
    user: RowMapping
    user_domain: RowMapping
    project: RowMapping | None
    domain: RowMapping | None  # the scope's domain: the project's own, or the domain itself
    roles: Mapping[str, str]
    trust: RowMapping | None
    application_credential: RowMapping | None

    def context(self, text: str) -> Context:
        """The same for a service."""
        scope, domain = self.token.scope, self.domain
        return Context(
            user_id=self.user["id"],
            user_name=self.user["name"],
            user_domain_id=self.user["domain_id"],
            project_id=self.project["id"] if self.project else None,
            project_name=self.project["name"] if self.project else None,
            project_domain_id=self.project["domain_id"] if self.project else None,
            domain_id=domain["id"] if domain is not None and scope == "domain" else None,
            system=scope == "system",
            roles=frozenset(self.roles.values()),
            token=text,
            expires_at=self.token.expires_at,
            trust_id=self.token.trust_id or None,
            application_credential_id=self.token.application_credential_id or None,
        )


def row(connection: Connection, table: Table, identity: Any) -> RowMapping | None:
    """The row of `table` with this id."""
    return connection.execute(_by_id(table), {"identity": identity}).mappings().one_or_none()


@cache
def _by_id(table: Table) -> Select[Any]:
    return select(table).where(table.c.id == bindparam("identity"))


def stand(connection: Connection, token: Token) -> Standing:
    """The standing of an unexpired token. Raises InvalidToken, saying what it fails on."""
    _revoked(connection, token)
    user, user_domain = enabled_user(connection, token.user_id)
    project = domain = trust = application_credential = None
    roles: dict[str, str] = {}
    holder = token.user_id
    if token.scope == "project":
        project, domain = enabled_project(connection, token.scope_id)
    elif token.scope == "domain":
        domain = _enabled(row(connection, domains, token.scope_id), "domain")
    if token.trust_id:
        trust = good_trust(connection, token.trust_id)
        holder = trust["trustor_user_id"]
    if token.scope:
        roles = roles_on(connection, holder, token.scope, token.scope_id)
    if trust is not None:
        roles = _limited(connection, roles, trust["role_ids"], "trust")
    if token.application_credential_id:
        application_credential = row(connection, application_credentials, token.application_credential_id)
        if application_credential is None:
            raise InvalidToken("The application credential of this token was deleted.")
        roles = _limited(connection, roles, application_credential["role_ids"], "application credential")
    if token.scope and not roles:
        raise InvalidToken(f"The user has no role on the {token.scope} of this token any more.")
    return Standing(token, user, user_domain, project, domain, roles, trust, application_credential)


def enabled_user(connection: Connection, user_id: str) -> tuple[RowMapping, RowMapping]:
    """The user and its domain. Raises InvalidToken unless both are there and enabled."""
    user = _enabled(row(connection, users, user_id), "user")
    return user, _enabled(row(connection, domains, user["domain_id"]), "user's domain")


def enabled_project(connection: Connection, project_id: str) -> tuple[RowMapping, RowMapping]:
    """The project and its domain. Raises InvalidToken unless both are there and enabled."""
    project = _enabled(row(connection, projects, project_id), "project")
    return project, _enabled(row(connection, domains, project["domain_id"]), "project's domain")


def good_trust(connection: Connection, trust_id: str) -> RowMapping:
    """The trust, unexpired, its two users enabled. Raises InvalidToken."""
    trust = row(connection, trusts, trust_id)
    if trust is None:
        raise InvalidToken("The trust was withdrawn.")
    if trust["expires_at"] is not None and trust["expires_at"] <= utcnow():
        raise InvalidToken("The trust has expired.")
    enabled_user(connection, trust["trustor_user_id"])
    enabled_user(connection, trust["trustee_user_id"])
    return trust


def _limited(
    connection: Connection, roles: Mapping[str, str], wanted: list[str], what: str
) -> dict[str, str]:
    """Of the owner's roles those that were passed on, and what they imply."""
    if any(role not in roles for role in wanted):
        raise InvalidToken(f"The {what} gives a role that its owner no longer has.")
    passed_on = implied(connection, wanted)
    return {role: name for role, name in roles.items() if role in passed_on}


def _enabled(found: RowMapping | None, what: str) -> RowMapping:
    if found is None:
        raise InvalidToken(f"The {what} does not exist any more.")
    if not found["enabled"]:
        raise InvalidToken(f"The {what} is disabled.")
    return found


def _revoked(connection: Connection, token: Token) -> None:
    subjects = [token.audit_id, token.user_id, token.scope_id, token.trust_id]
    subjects.append(token.application_credential_id)
    found = select(revocations.c.kind).where(
        revocations.c.subject.in_([subject for subject in subjects if subject]),
        revocations.c.issued_before >= token.issued_at,
    )
    if connection.execute(found).first() is not None:
        raise InvalidToken("The token was revoked.")
