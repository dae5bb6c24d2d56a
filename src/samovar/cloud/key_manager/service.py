# SPDX-License-Identifier: Apache-2.0
"""The key manager's API: discovery, secrets, containers, and what hangs on them."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from samovar.auth import TokenValidator
from samovar.config import Settings
from samovar.database import Database
from samovar.web import Api, Call

from .access import check_list
from .attachments import OF_CONTAINERS, OF_SECRETS, Consumers, Lists, Metadata
from .containers import Containers
from .listing import render_fault
from .orders import Orders
from .secrets import Secrets
from .tables import containers, secrets
from .vault import Vault

UNLIMITED = dict.fromkeys(("secrets", "orders", "containers", "consumers", "cas"), -1)


class Service:
    """Barbican's role. Its keys are in the configuration or in the state directory."""

    def __init__(self, database: Database, settings: Settings, validator: TokenValidator) -> None:
        self.database = database.in_turn("key_manager")
        self.vault = Vault.of(settings.state_dir, settings.key_manager.kek)
        self._validator = validator

    def api(self) -> Api:
        """The API under its canonical paths."""
        api = Api("key-manager", render_fault=render_fault, validator=self._validator)
        for path in ("/", "/v1"):
            api.route("GET", path, self.versions, public=True)
        Secrets(self.database, self.vault).routes(api)
        Containers(self.database).routes(api)
        Lists(self.database, secrets, "secrets", "Secret").routes(api)
        Lists(self.database, containers, "containers", "Container").routes(api)
        Consumers(self.database, secrets, "secrets", "Secret", OF_SECRETS).routes(api)
        Consumers(self.database, containers, "containers", "Container", OF_CONTAINERS).routes(api)
        Metadata(self.database).routes(api)
        Orders(self.database, self.vault).routes(api)
        api.route("GET", "/v1/quotas", self.quotas)
        return api

    def asgi(self) -> ASGIApp:
        """The application, to be mounted under ``/key-manager``.

        Clients write some paths with a slash at the end; they mean the same.
        """
        inner = self.api().asgi()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"].rstrip("/") != scope.get("root_path", ""):
                scope = {**scope, "path": scope["path"].rstrip("/")}
            await inner(scope, receive, send)

        return application

    async def start(self) -> None:
        """Nothing runs beside the requests."""

    async def stop(self) -> None:
        """Nothing runs beside the requests."""

    async def versions(self, call: Call) -> Any:
        version = {
            "id": "v1",
            "status": "CURRENT",
            "min_version": "1.0",
            "max_version": "1.1",
            "updated": "2021-02-10T00:00:00Z",
            "links": [{"rel": "self", "href": f"{call.base_url}/v1/"}],
            "media-types": [
                {"base": "application/json", "type": "application/vnd.openstack.key-manager-v1+json"}
            ],
        }
        if call.request.url.path.rstrip("/").endswith("/v1"):
            return {"version": version}
        return {"versions": [version]}

    async def quotas(self, call: Call) -> Any:
        check_list(call.context)
        return {"quotas": UNLIMITED}
