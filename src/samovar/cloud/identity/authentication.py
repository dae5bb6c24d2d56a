# SPDX-License-Identifier: Apache-2.0
"""Authentication: from the ``auth`` object of a request to a Token.

identity.methods ──▶ Proof (who, until when) ──┐
scope, or what the proof itself is bound to ───┴──▶ Token, checked by standing.stand
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from samovar.auth import InvalidToken
from samovar.database import utcnow
from samovar.web import BadRequest, Forbidden, Unauthorized

from .assignments import roles_on
from .faults import refused
from .passwords import check_password
from .standing import good_trust, row, stand
from .store import Store
from .tables import application_credentials, domains, projects, trusts, users
from .tokens import ScopeKind, Token, TokenKeys, method_bits, microseconds, new_audit_id


@dataclass(frozen=True, slots=True)
class Proof:
    """What the methods have shown: a user, and the bounds that the means bring with them."""

    user: RowMapping
    methods: tuple[str, ...]
    expires_at: datetime.datetime | None = None
    parent: Token | None = None
    application_credential: RowMapping | None = None


class Authentication:
    """Makes tokens; `lifetime` in seconds."""

    def __init__(self, store: Store, keys: TokenKeys, lifetime: int) -> None:
        self._store = store
        self._keys = keys
        self._lifetime = datetime.timedelta(seconds=lifetime)

    async def authenticate(self, auth: Any) -> tuple[Token, str]:
        """The token for the ``auth`` object of a POST. Raises BadRequest, Unauthorized, Forbidden."""
        if not isinstance(auth, Mapping) or not isinstance(auth.get("identity"), Mapping):
            raise BadRequest("Expecting to find identity in auth. The body must hold auth.identity.")
        proof = await self._prove(auth["identity"])
        return await self.issue(proof, auth.get("scope"))

    async def issue(self, proof: Proof, scope: Any = None) -> tuple[Token, str]:
        """A token for the proof, on `scope` as a request words it (None: the default one)."""
        trust_id = _trust_in(scope)
        token = await self._store.read(lambda connection: self._scoped(connection, proof, scope))
        try:
            await self._store.read(lambda connection: stand(connection, token))
        except InvalidToken as error:
            raise refused(str(error)) from error
        if trust_id and not await self._store.write(lambda connection: _use_trust(connection, trust_id)):
            raise Forbidden("The trust has no uses left.")
        return token, await self._keys.seal(token)

    async def _prove(self, identity: Mapping[str, Any]) -> Proof:
        methods = identity.get("methods")
        if not isinstance(methods, list) or not methods:
            raise BadRequest("Expecting to find methods, a list, in auth.identity.")
        proofs: list[Proof] = []
        for method in methods:
            prove = {
                "password": self._password,
                "token": self._token,
                "application_credential": self._application_credential,
            }.get(str(method))
            if prove is None:
                raise Unauthorized(
                    f"Attempted to authenticate with an unsupported method: {method}. "
                    "Supported are password, token and application_credential."
                )
            given = identity.get(method)
            if not isinstance(given, Mapping):
                raise BadRequest(f"Expecting to find {method} in auth.identity.")
            proofs.append(await prove(given))
        if len({proof.user["id"] for proof in proofs}) != 1:
            raise refused()
        together = tuple(dict.fromkeys(name for proof in proofs for name in proof.methods))
        strictest = next(
            (proof for proof in proofs if proof.parent or proof.application_credential), proofs[0]
        )
        return replace(strictest, methods=together)

    async def _password(self, given: Mapping[str, Any]) -> Proof:
        wanted = given.get("user")
        if not isinstance(wanted, Mapping) or not isinstance(wanted.get("password"), str):
            raise BadRequest("Expecting to find user with a password in auth.identity.password.")
        user = await self._store.read(lambda connection: find_user(connection, wanted))
        good = await check_password(wanted["password"], user["password_hash"] if user else None)
        if user is None or not good:
            raise refused()
        expires = user["password_expires_at"]
        if expires is not None and expires <= utcnow():
            raise refused("The password is expired and needs to be changed.")
        return Proof(user, ("password",))

    async def _token(self, given: Mapping[str, Any]) -> Proof:
        try:
            parent = await self._keys.open(str(given.get("id", "")))
            standing = await self._store.read(lambda connection: stand(connection, parent))
        except InvalidToken as error:
            raise refused(str(error)) from error
        if parent.trust_id or parent.application_credential_id:
            raise Forbidden("A token of a trust or an application credential cannot be rescoped.")
        methods = (*parent.method_names, "token")
        return Proof(standing.user, methods, expires_at=parent.expires_at, parent=parent)

    async def _application_credential(self, given: Mapping[str, Any]) -> Proof:
        def find(connection: Connection) -> tuple[RowMapping | None, RowMapping | None]:
            columns = application_credentials.c
            query = select(application_credentials).where(columns.id == given.get("id"))
            if "id" not in given:
                wanted = given.get("user")
                owner = find_user(connection, wanted) if isinstance(wanted, Mapping) else None
                query = select(application_credentials).where(
                    columns.user_id == (owner["id"] if owner else None), columns.name == given.get("name")
                )
            found = connection.execute(query).mappings().one_or_none()
            return found, row(connection, users, found["user_id"]) if found else None

        if not isinstance(given.get("secret"), str):
            raise BadRequest("Expecting to find secret in auth.identity.application_credential.")
        found, user = await self._store.read(find)
        good = await check_password(given["secret"], found["secret_hash"] if found else None)
        if found is None or user is None or not good:
            raise refused()
        expires = found["expires_at"]
        if expires is not None and expires <= utcnow():
            raise refused("The application credential has expired.")
        return Proof(user, ("application_credential",), expires, application_credential=found)

    def _scoped(self, connection: Connection, proof: Proof, scope: Any) -> Token:
        now = utcnow()
        until = now + self._lifetime
        if proof.expires_at is not None:
            until = min(until, proof.expires_at)
        user_id, trust_id = proof.user["id"], _trust_in(scope)
        kind: ScopeKind
        if proof.application_credential is not None:
            kind, scope_id = "project", proof.application_credential["project_id"]
            if scope is not None and _scope(connection, scope) != (kind, scope_id):
                raise refused("The application credential is for another scope.")
        elif trust_id:
            trust = self._trust(connection, trust_id, user_id)
            if trust["expires_at"] is not None:
                until = min(until, trust["expires_at"])
            user_id = trust["trustor_user_id"] if trust["impersonation"] else user_id
            kind, scope_id = ("project", trust["project_id"]) if trust["project_id"] else ("", "")
        elif scope is not None:
            kind, scope_id = _scope(connection, scope)
        else:
            kind, scope_id = _default_scope(connection, proof)
        parent = proof.parent
        return Token(
            user_id=user_id,
            methods=method_bits(*proof.methods),
            issued=microseconds(now),
            expires=microseconds(until),
            audit_id=new_audit_id(),
            chain_id=(parent.chain_id or parent.audit_id) if parent else "",
            scope=kind,
            scope_id=scope_id,
            trust_id=trust_id,
            application_credential_id=proof.application_credential["id"]
            if proof.application_credential
            else "",
        )

    def _trust(self, connection: Connection, trust_id: str, trustee: str) -> RowMapping:
        try:
            trust = good_trust(connection, trust_id)
        except InvalidToken as error:
            raise Forbidden(str(error)) from error
        if trust["trustee_user_id"] != trustee:
            raise Forbidden("The user is not the trustee of this trust.")
        return trust


def find_user(connection: Connection, wanted: Mapping[str, Any]) -> RowMapping | None:
    """The user named by ``id``, or by ``name`` and ``domain``; None when there is none."""
    if wanted.get("id"):
        return row(connection, users, wanted["id"])
    domain_id = find_domain(connection, wanted.get("domain"))
    if not wanted.get("name") or domain_id is None:
        raise BadRequest("Expecting to find either id, or name and domain, of the user.")
    query = select(users).where(users.c.domain_id == domain_id, users.c.name == wanted["name"])
    return connection.execute(query).mappings().one_or_none()


def find_domain(connection: Connection, wanted: Any) -> str | None:
    """The id in ``{"id"}`` or of ``{"name"}``; None when nothing usable is given, "" when unknown."""
    if not isinstance(wanted, Mapping) or not (wanted.get("id") or wanted.get("name")):
        return None
    if wanted.get("id"):
        return str(wanted["id"])
    query = select(domains.c.id).where(domains.c.name == str(wanted["name"]))
    return connection.execute(query).scalar() or ""


def _trust_in(scope: Any) -> str:
    trust = scope.get("OS-TRUST:trust") if isinstance(scope, Mapping) else None
    return str(trust.get("id", "")) if isinstance(trust, Mapping) else ""


def _scope(connection: Connection, scope: Any) -> tuple[ScopeKind, str]:
    """The kind and id of the scope that a request words. Raises BadRequest, Unauthorized."""
    if scope == "unscoped" or (isinstance(scope, Mapping) and "unscoped" in scope):
        return "", ""
    if not isinstance(scope, Mapping) or len(scope) != 1:
        raise BadRequest("scope must hold one of project, domain, system, OS-TRUST:trust, unscoped.")
    if "system" in scope:
        if scope["system"] != {"all": True}:
            raise BadRequest('The scope system must be {"all": true}.')
        return "system", "all"
    if "domain" in scope:
        domain_id = find_domain(connection, scope["domain"])
        if domain_id is None:
            raise BadRequest("Expecting to find either id or name of the domain in scope.")
        if row(connection, domains, domain_id) is None:
            raise refused()
        return "domain", domain_id
    wanted = scope.get("project")
    if not isinstance(wanted, Mapping):
        raise BadRequest("scope must hold one of project, domain, system, OS-TRUST:trust, unscoped.")
    if wanted.get("id"):
        project_id = wanted["id"] if row(connection, projects, wanted["id"]) else None
    else:
        domain_id = find_domain(connection, wanted.get("domain"))
        if not wanted.get("name") or domain_id is None:
            raise BadRequest("Expecting to find either id, or name and domain, of the project in scope.")
        query = select(projects.c.id).where(
            projects.c.domain_id == domain_id, projects.c.name == wanted["name"]
        )
        project_id = connection.execute(query).scalar()
    if project_id is None:
        raise refused()
    return "project", project_id


def _default_scope(connection: Connection, proof: Proof) -> tuple[ScopeKind, str]:
    if proof.parent is not None:
        return "", ""
    preferred = proof.user["default_project_id"]
    if preferred and roles_on(connection, proof.user["id"], "project", preferred):
        project = row(connection, projects, preferred)
        if project is not None and project["enabled"]:
            return "project", preferred
    return "", ""


def _use_trust(connection: Connection, trust_id: str) -> bool:
    limited = connection.execute(select(trusts.c.remaining_uses).where(trusts.c.id == trust_id)).scalar()
    if limited is None:
        return True
    used = connection.execute(
        update(trusts)
        .where(trusts.c.id == trust_id, trusts.c.remaining_uses > 0)
        .values(remaining_uses=trusts.c.remaining_uses - 1)
    )
    return used.rowcount == 1
