# SPDX-License-Identifier: Apache-2.0
"""The service: images put together from its parts."""

from __future__ import annotations

import platform
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, select

from samovar.auth import Policy, TokenValidator
from samovar.config import Settings
from samovar.database import Database, new_id, utcnow
from samovar.web import Api

from . import catalogue
from .api import schemas
from .api.data import DataApi
from .api.discovery import DiscoveryApi
from .api.images import ImagesApi
from .api.members import MembersApi
from .attributes import LOCAL
from .faults import render_fault
from .files import ImageFiles
from .imports import Imports
from .rules import RULES
from .tables import images

HOST = "host"
LARGEST = 1 << 40


class Service:
    """Glance's role. The tables must exist before it starts.

    `largest` is the size in bytes beyond which an upload is refused; `allowed_hosts` are names or
    addresses that web-download may fetch from although they are not public.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        validator: TokenValidator,
        *,
        largest: int = LARGEST,
        allowed_hosts: Collection[str] = (),
    ) -> None:
        self._database = database = database.in_turn("image")
        self._settings = settings
        self._validator = validator
        self._largest = largest
        self._files = ImageFiles((settings.state_dir / "images").absolute(), largest)
        self._imports = Imports(database, self._files, frozenset(allowed_hosts))

    async def bootstrap(self, owner: str | None = None) -> str:
        """Make sure of the built-in image `host`, and return its id. Harmless to repeat."""

        def change(connection: Connection) -> str:
            found = connection.execute(select(images.c.id).where(images.c.builtin)).scalar()
            if found is not None:
                return str(found)
            values: dict[str, Any] = {
                "id": new_id(),
                "name": HOST,
                "owner": owner,
                "status": "active",
                "visibility": "public",
                "protected": True,
                "disk_format": "raw",
                "container_format": "bare",
                "size": 0,
                "builtin": True,
            }
            described = {LOCAL: HOST, "architecture": platform.machine(), **_operating_system()}
            return catalogue.add(connection, values, described, [], utcnow()).id

        return await self._database.write(change)

    async def start(self) -> None:
        """Put right what the last run left unfinished."""
        await self._imports.start()

    async def stop(self) -> None:
        """End the imports that run; they fail, and can be asked for again."""
        await self._imports.stop()

    def api(self) -> Api:
        """The HTTP API, to be served under /image."""
        api = Api(
            "image",
            render_fault=render_fault,
            validator=self._validator,
            policy=Policy(RULES, self._settings.policy_file),
        )
        DiscoveryApi(self._database).add_routes(api)
        ImagesApi(self._database, self._files).add_routes(api)
        DataApi(self._database, self._files, self._imports, self._largest).add_routes(api)
        MembersApi(self._database).add_routes(api)
        schemas.add_routes(api)
        return api


def _operating_system() -> dict[str, str]:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return {}
    named = {"os_distro": release.get("ID"), "os_version": release.get("VERSION_ID")}
    return {name: value for name, value in named.items() if value}
