# SPDX-License-Identifier: Apache-2.0
"""Deferred credentials: acting for a user after the request is over, the token expired, the engine new.

At stack creation the user delegates with the token of the request: by a trust to the service user
(deferred_auth_method = trusts), or by an application credential where there is no service user. What
comes of it is kept encrypted, shared by the whole stack tree, and withdrawn with the root stack.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from samovar.auth import Context
from samovar.clients import (
    ApplicationCredential,
    Cloud,
    CloudError,
    CloudUnreachable,
    Credentials,
    Http,
    PasswordCredentials,
    TokenCredentials,
    Transport,
    TrustCredentials,
    is_down,
    segment,
)
from samovar.database import Database, new_id, utcnow

from .tables import credentials
from .vault import Vault

log = logging.getLogger(__name__)

LEFT, LEFT_AT_ONCE = "left ", 20
BORROWED = "borrowed"  # in the secret of a trust that another stack has to withdraw
CloudFor = Callable[[Credentials], Cloud]
"""Makes the way into the cloud that these credentials open."""


class CredentialsMissing(RuntimeError):
    """The engine has nothing to act with for this stack."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """What was delegated, ready to be stored."""

    id: str
    kind: str
    user_id: str
    project_id: str
    secret: dict[str, Any]


async def delegate(context: Context, cloud_for: CloudFor, trustee: PasswordCredentials | None) -> Deferred:
    """Have the caller delegate. Raises CloudError when Identity refuses."""
    project = context.project_id or ""
    if trustee is not None:
        trustee_id = trustee.user_id or await cloud_for(trustee).user_id()
        if context.trust_id is not None:
            # A stack inside another's: who asks is the service, by the trust of the stack outside. That is
            # not redelegated but used as it is, and withdrawn with the stack outside.
            secret = {"trust_id": context.trust_id, "trustee_user_id": trustee_id, BORROWED: True}
            return Deferred(new_id(), "trust", context.user_id, project, secret)
        cloud = cloud_for(TokenCredentials(context.token))
        body = {
            "trustor_user_id": context.user_id,
            "trustee_user_id": trustee_id,
            "project_id": project,
            "impersonation": True,
            "roles": [{"name": role} for role in sorted(context.roles)],
        }
        answer = await cloud.request("identity", "POST", "/OS-TRUST/trusts", json={"trust": body})
        secret = {"trust_id": answer.body["trust"]["id"], "trustee_user_id": trustee_id}
        return Deferred(new_id(), "trust", context.user_id, project, secret)
    cloud = cloud_for(TokenCredentials(context.token))
    name = f"samovar-{new_id()}"
    path = f"/users/{segment(context.user_id)}/application_credentials"
    wanted = {"name": name, "description": "Lets the orchestration service act for a stack."}
    answer = await cloud.request("identity", "POST", path, json={"application_credential": wanted})
    made = answer.body["application_credential"]
    secret = {"id": made["id"], "secret": made["secret"]}
    return Deferred(new_id(), "application_credential", context.user_id, project, secret)


def store_deferred(connection: Connection, vault: Vault, deferred: Deferred) -> None:
    connection.execute(
        insert(credentials).values(
            id=deferred.id,
            kind=deferred.kind,
            user_id=deferred.user_id,
            project_id=deferred.project_id,
            secret=vault.seal(deferred.secret),
            created_at=utcnow(),
        )
    )


def load_deferred(connection: Connection, vault: Vault, identity: str) -> Deferred | None:
    row = connection.execute(select(credentials).where(credentials.c.id == identity)).first()
    if row is None:
        return None
    return Deferred(row.id, row.kind, row.user_id, row.project_id, vault.open(row.secret))


def drop_deferred(connection: Connection, identity: str) -> None:
    connection.execute(delete(credentials).where(credentials.c.id == identity))


def credentials_of(deferred: Deferred, trustee: PasswordCredentials | None) -> Credentials:
    """What a Cloud authenticates with. Raises CredentialsMissing."""
    if deferred.kind == "application_credential":
        return ApplicationCredential(deferred.secret["id"], deferred.secret["secret"])
    if trustee is None:
        raise CredentialsMissing(
            "The stack was made with a trust, and this engine has no service user to use it "
            "([trustee] is not set)."
        )
    return TrustCredentials(deferred.secret["trustee_user_id"], trustee.password, deferred.secret["trust_id"])


def leave_deferred(connection: Connection, identity: str) -> None:
    """Keep it though no stack has it any more, until it could be taken back."""
    mine = (credentials.c.id == identity, credentials.c.kind.not_like(f"{LEFT}%"))
    connection.execute(update(credentials).where(*mine).values(kind=LEFT + credentials.c.kind))


async def withdraw_left(
    database: Database, vault: Vault, cloud_for: CloudFor, trustee: PasswordCredentials | None
) -> None:
    """Try again to take back what could not be taken back when its stack went. Raises DatabaseUnavailable."""
    query = select(credentials.c.id).where(credentials.c.kind.like(f"{LEFT}%")).limit(LEFT_AT_ONCE)
    for identity in await database.read(lambda c: c.execute(query).scalars().all()):
        deferred = await database.read(lambda c, one=identity: load_deferred(c, vault, one))  # type: ignore[misc]
        if deferred is None:
            continue
        deferred = replace(deferred, kind=deferred.kind.removeprefix(LEFT))
        if await withdraw(deferred, cloud_for, trustee):
            await database.write(lambda c, one=identity: drop_deferred(c, one))  # type: ignore[misc]


async def withdraw(deferred: Deferred, cloud_for: CloudFor, trustee: PasswordCredentials | None) -> bool:
    """Take it back. One that is gone already is not an error; False: Identity cannot be reached."""
    if deferred.secret.get(BORROWED):
        return True
    try:
        cloud = cloud_for(credentials_of(deferred, trustee))
        if deferred.kind == "trust":
            path = f"/OS-TRUST/trusts/{segment(deferred.secret['trust_id'])}"
        else:
            identity = segment(deferred.secret["id"])
            path = f"/users/{segment(deferred.user_id)}/application_credentials/{identity}"
        await cloud.request("identity", "DELETE", path)
    except (CloudError, CloudUnreachable, CredentialsMissing) as error:
        log.warning("the %s of stack credentials %s stays behind: %s", deferred.kind, deferred.id, error)
        return not is_down(error)
    return True


def _transport(here: Cloud, ca_cert: str | None, insecure: bool, auth: Mapping[str, Any] | None) -> Transport:
    if auth is None and ca_cert is None and not insecure:
        return here.transport
    if ca_cert is None:
        return Http(verify=not insecure)
    with tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False) as file:
        file.write(ca_cert)
    return Http(verify=not insecure, ca_file=file.name)


def other_cloud(
    here: Cloud,
    region_name: str | None,
    auth: Mapping[str, Any] | None,
    ca_cert: str | None,
    insecure: bool,
) -> Cloud:
    """A cloud somewhere else: `auth` as in clouds.yaml (auth_type, auth). Raises ValueError."""
    transport = _transport(here, ca_cert, insecure, auth)
    if auth is None:
        return Cloud(here.auth_url, here.credentials, transport=transport, region_name=region_name)
    given = dict(auth.get("auth") or {})
    url = given.pop("auth_url", None)
    if not url:
        raise ValueError("The credentials of the other cloud have no auth_url.")
    kind = str(auth.get("auth_type") or "password").removeprefix("v3")
    found: Credentials
    if kind == "password":
        known = {each.name for each in fields(PasswordCredentials)} - {"token"}
        found = PasswordCredentials(**{key: value for key, value in given.items() if key in known})
    elif kind == "applicationcredential":
        found = ApplicationCredential(
            given["application_credential_id"], given["application_credential_secret"]
        )
    elif kind == "token":
        found = TokenCredentials(given["token"])
    else:
        raise ValueError(f'The auth_type "{kind}" of the other cloud is not one of those known here.')
    return Cloud(str(url), found, transport=transport, region_name=region_name)
