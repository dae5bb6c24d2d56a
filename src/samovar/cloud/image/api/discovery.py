# SPDX-License-Identifier: Apache-2.0
"""Which versions of the API there are, and what this deployment can do."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from samovar.database import Database
from samovar.web import Api, Call, Reply, versions_document

from ..tables import images

CURRENT = "v2.17"
SUPPORTED = ("v2.16", "v2.15", "v2.9", "v2.7", "v2.6", "v2.5", "v2.4", "v2.3", "v2.2", "v2.1", "v2.0")
IMPORT_METHODS = ("glance-direct", "web-download")
STORE = "file"


class DiscoveryApi:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add_routes(self, api: Api) -> None:
        for path in ("/", "/v2", "/v2/"):
            api.route("GET", path, self.choices, public=True)
        api.route("GET", "/versions", self.versions, public=True)
        api.route("GET", "/v2/info/import", self.import_methods)
        api.route("GET", "/v2/info/stores", self.stores)
        api.route("GET", "/v2/info/usage", self.usage)

    async def choices(self, call: Call) -> Reply:
        return Reply(300, self._document(call))

    async def versions(self, call: Call) -> Any:
        return self._document(call)

    async def import_methods(self, call: Call) -> Any:
        known = {"description": "Import methods available.", "type": "array", "value": list(IMPORT_METHODS)}
        return {"import-methods": known}

    async def stores(self, call: Call) -> Any:
        description = "Files in the state directory"
        return {"stores": [{"id": STORE, "description": description, "default": "true"}]}

    async def usage(self, call: Call) -> Any:
        """What the caller's project uses; nothing is limited but each image's own size."""
        mine = images.c.owner == (call.context.project_id or "")
        query = select(func.count(), func.coalesce(func.sum(images.c.size), 0)).where(mine)
        active = query.where(images.c.status.in_(("active", "deactivated")))
        staging = query.where(images.c.status.in_(("uploading", "importing")))

        def count(connection: Any) -> tuple[Any, ...]:
            return tuple(connection.execute(one).one() for one in (query, active, staging))

        everything, stored, waiting = await self._database.read(count)
        usage = {
            "image_size_total": stored[1] // (1 << 20),
            "image_stage_total": waiting[1] // (1 << 20),
            "image_count_total": everything[0],
            "image_count_uploading": waiting[0],
        }
        return {"usage": {name: {"limit": -1, "usage": used} for name, used in usage.items()}}

    @staticmethod
    def _document(call: Call) -> dict[str, Any]:
        href = f"{call.base_url}/v2/"
        supported = [versions_document(href, id=version, status="SUPPORTED") for version in SUPPORTED]
        return {"versions": [versions_document(href, id=CURRENT, status="CURRENT"), *supported]}
