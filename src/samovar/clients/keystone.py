# SPDX-License-Identifier: Apache-2.0
"""Whose a token is, asked of a Keystone (Identity v3, `GET /auth/tokens`)."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from samovar.auth import Context, IdentityUnavailable, InvalidToken

from .cloud import Cloud
from .errors import CloudError, CloudUnreachable

TIMEOUT = 8.0
"""Seconds for each of three attempts: a client hears that Keystone is away before it gives up."""


class KeystoneValidator:
    """A samovar.auth.TokenValidator; `service` is a user that may ask about others' tokens."""

    def __init__(self, service: Cloud) -> None:
        self._service = service

    async def validate(self, token: str) -> Context:
        """The context of the token. Raises InvalidToken, IdentityUnavailable."""
        try:
            answer = await self._service.request(
                "identity",
                "GET",
                "/auth/tokens",
                headers={"x-subject-token": token},
                query={"nocatalog": "1"},
                timeout=TIMEOUT,
            )
        except CloudError as error:
            if error.status == 404 or (error.status == 400 and error.method == "GET"):
                raise InvalidToken("The token is not known, has expired, or was revoked.") from error
            raise IdentityUnavailable(
                f"Keystone refuses to check a token for this service ([keystone_authtoken]): {error}"
            ) from error
        except CloudUnreachable as error:
            raise IdentityUnavailable(str(error)) from error
        return context_of(answer.body["token"], token)


def context_of(body: Mapping[str, Any], token: str) -> Context:
    """What the body of a token says of its bearer."""
    user, project, domain = body["user"], body.get("project"), body.get("domain")
    trust, credential = body.get("OS-TRUST:trust"), body.get("application_credential")
    return Context(
        user_id=user["id"],
        user_name=user["name"],
        user_domain_id=user["domain"]["id"],
        project_id=project["id"] if project else None,
        project_name=project["name"] if project else None,
        project_domain_id=project["domain"]["id"] if project else None,
        domain_id=domain["id"] if domain else None,
        system=bool((body.get("system") or {}).get("all")),
        roles=frozenset(role["name"] for role in body.get("roles", ())),
        token=token,
        expires_at=datetime.datetime.fromisoformat(body["expires_at"].replace("Z", "+00:00")),
        trust_id=trust["id"] if trust else None,
        application_credential_id=credential["id"] if credential else None,
    )
