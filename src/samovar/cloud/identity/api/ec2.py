# SPDX-License-Identifier: Apache-2.0
"""/v3/ec2tokens and /v3/s3tokens: a service asks whose AWS signature a request bears.

Only services may ask: whoever has seen a signed request must not be able to turn it into a token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping

from samovar.database import utcnow
from samovar.web import Api, BadRequest, Call, Forbidden, Reply

from ..authentication import Authentication, Proof
from ..faults import refused
from ..signatures import BadSignature, verify_request, verify_s3
from ..standing import row
from ..store import Store
from ..tables import application_credentials, trusts, users
from .credentials import find_key
from .tokens import TokensApi


class Ec2Api:
    def __init__(self, store: Store, authentication: Authentication, tokens: TokensApi) -> None:
        self._store = store
        self._authentication = authentication
        self._tokens = tokens

    def add_routes(self, api: Api) -> None:
        api.route("POST", "/v3/ec2tokens", self.ec2)
        api.route("POST", "/v3/s3tokens", self.s3)

    async def ec2(self, call: Call) -> Reply:
        given, found = await self._given(call)
        try:
            verify_request(given, json.loads(found["blob"])["secret"], utcnow())
        except BadSignature as error:
            raise refused(str(error)) from error
        return await self._token(call, found)

    async def s3(self, call: Call) -> Reply:
        given, found = await self._given(call)
        try:
            verify_s3(given, json.loads(found["blob"])["secret"])
        except BadSignature as error:
            raise refused(str(error)) from error
        return await self._token(call, found)

    async def _given(self, call: Call) -> tuple[Mapping[str, Any], RowMapping]:
        call.enforce("identity:ec2_validate_signature")
        body = call.body if isinstance(call.body, dict) else {}
        given = body.get("credentials") or body.get("ec2Credentials")
        if not isinstance(given, Mapping) or not isinstance(given.get("access"), str):
            raise BadRequest("credentials must be an object with access and signature.")
        if not given.get("signature"):
            raise refused("The request bears no signature.")
        found = await self._store.read(lambda connection: find_key(connection, given["access"]))
        if found is None:
            raise refused("The access key is not known.")
        return given, found

    async def _token(self, call: Call, found: RowMapping) -> Reply:
        def means(connection: Connection) -> tuple[Proof, Any]:
            methods = ("ec2credential",)
            if found["trust_id"]:
                trust = row(connection, trusts, found["trust_id"])
                holder = row(connection, users, trust["trustee_user_id"] if trust else "")
                if trust is None or holder is None:
                    raise Forbidden("The trust of this access key was withdrawn.")
                return Proof(holder, methods), {"OS-TRUST:trust": {"id": trust["id"]}}
            holder = row(connection, users, found["user_id"])
            if holder is None:
                raise refused()
            if found["application_credential_id"]:
                credential = row(connection, application_credentials, found["application_credential_id"])
                if credential is None:
                    raise refused()
                return Proof(
                    holder, methods, credential["expires_at"], application_credential=credential
                ), None
            return Proof(holder, methods), {"project": {"id": found["project_id"]}}

        proof, scope = await self._store.read(means)
        token, text = await self._authentication.issue(proof, scope)
        reply = await self._tokens.issued(call, token, text)
        return Reply(200, reply.body, reply.headers)
