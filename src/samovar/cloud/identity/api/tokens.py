# SPDX-License-Identifier: Apache-2.0
"""/v3/auth: tokens, and what the bearer of one can reach."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from samovar.auth import InvalidToken
from samovar.web import Api, BadRequest, Call, NotFound, Reply

from ..assignments import domains_of, projects_of, roles_on
from ..authentication import Authentication
from ..catalog import catalog
from ..description import describe
from ..revocation import revoke
from ..standing import Standing, stand
from ..store import Store
from ..tables import domains, projects
from ..tokens import Token
from ..validator import Validator
from .collection import list_links
from .rendering import domain_body, project_body

VARY = {"vary": "X-Auth-Token"}


class TokensApi:
    """The routes below /v3/auth."""

    def __init__(self, store: Store, authentication: Authentication, validator: Validator) -> None:
        self._store = store
        self._authentication = authentication
        self._validator = validator

    def add_routes(self, api: Api) -> None:
        api.route("POST", "/v3/auth/tokens", self.create, public=True)
        api.route("GET", "/v3/auth/tokens", self.show)
        api.route("HEAD", "/v3/auth/tokens", self.show)
        api.route("DELETE", "/v3/auth/tokens", self.revoke)
        api.route("GET", "/v3/auth/catalog", self.catalog)
        api.route("GET", "/v3/auth/projects", self.projects)
        api.route("GET", "/v3/auth/domains", self.domains)
        api.route("GET", "/v3/auth/system", self.system)

    async def create(self, call: Call) -> Reply:
        if not isinstance(call.body, dict) or "auth" not in call.body:
            raise BadRequest("Expecting to find auth in request body.")
        token, text = await self._authentication.authenticate(call.body["auth"])
        return await self.issued(call, token, text)

    async def issued(self, call: Call, token: Token, text: str) -> Reply:
        """The answer that hands out a token."""
        standing = await self._store.read(lambda connection: stand(connection, token))
        body = {"token": await self._describe(call, standing)}
        return Reply(201, body, {"x-subject-token": text, **VARY})

    async def show(self, call: Call) -> Reply:
        subject, standing = await self._subject(call, "identity:validate_token")
        return Reply(
            200, {"token": await self._describe(call, standing)}, {"x-subject-token": subject, **VARY}
        )

    async def revoke(self, call: Call) -> Reply:
        _, standing = await self._subject(call, "identity:revoke_token")
        token = standing.token
        await self._store.write(
            lambda connection: revoke(connection, "audit", token.audit_id, token.expires_at)
        )
        return Reply(204, None, VARY)

    async def catalog(self, call: Call) -> Any:
        context = call.context
        entries = await self._store.read(
            lambda connection: catalog(
                connection, call.origin, project_id=context.project_id, user_id=context.user_id
            )
        )
        return {"catalog": entries, "links": list_links(call)}

    async def projects(self, call: Call) -> Any:
        user_id = call.context.user_id

        def query(connection: Connection) -> list[dict[str, Any]]:
            mine = select(projects).where(
                projects.c.id.in_(projects_of(connection, user_id)), projects.c.enabled
            )
            return [
                project_body(call, row)
                for row in connection.execute(mine.order_by(projects.c.name)).mappings()
            ]

        return {"projects": await self._store.read(query), "links": list_links(call)}

    async def domains(self, call: Call) -> Any:
        user_id = call.context.user_id

        def query(connection: Connection) -> list[dict[str, Any]]:
            mine = select(domains).where(domains.c.id.in_(domains_of(connection, user_id)), domains.c.enabled)
            return [domain_body(call, row) for row in connection.execute(mine).mappings()]

        return {"domains": await self._store.read(query), "links": list_links(call)}

    async def system(self, call: Call) -> Any:
        user_id = call.context.user_id
        having = await self._store.read(lambda connection: roles_on(connection, user_id, "system", "all"))
        return {"system": [{"all": True}] if having else [], "links": list_links(call)}

    async def _subject(self, call: Call, rule: str) -> tuple[str, Standing]:
        subject = call.request.headers.get("x-subject-token", "")
        if not subject:
            raise BadRequest("The header X-Subject-Token must hold the token in question.")
        try:
            standing = await self._validator.standing(subject)
        except InvalidToken as error:
            raise NotFound(f"Could not find token: {error}") from error
        call.enforce(rule, {"target.token.user_id": standing.token.user_id})
        return subject, standing

    async def _describe(self, call: Call, standing: Standing) -> dict[str, Any]:
        if "nocatalog" in call.query:
            return describe(standing, None)
        project_id = standing.project["id"] if standing.project is not None else None
        user_id = standing.user["id"]
        entries = await self._store.read(
            lambda connection: catalog(connection, call.origin, project_id=project_id, user_id=user_id)
        )
        return describe(standing, entries)
