# SPDX-License-Identifier: Apache-2.0
"""Versions and providers: what this API says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

from samovar.web import Api, Call

from .catalogue import FLAVOR_KEYS, ZONE_KEYS
from .change import Backend
from .collection import ROOT
from .faults import bad
from .listing import chosen

UPDATED = (
    "2016-12-11T00:00:00Z",
    "2018-04-20T00:00:00Z",
    "2018-07-31T00:00:00Z",
    "2018-12-18T00:00:00Z",
    "2018-12-19T00:00:00Z",
    "2019-01-21T00:00:00Z",
    "2019-01-25T00:00:00Z",
    "2018-01-25T12:00:00Z",
    "2019-02-12T00:00:00Z",
    "2019-03-04T00:00:00Z",
    "2019-03-05T00:00:00Z",
    "2019-06-24T00:00:00Z",
    "2019-09-11T00:00:00Z",
    "2019-09-13T00:00:00Z",
    "2019-11-10T00:00:00Z",
    "2020-03-10T00:00:00Z",
    "2020-03-15T00:00:00Z",
    "2020-04-29T00:00:00Z",
    "2020-04-29T01:00:00Z",
    "2020-05-12T00:00:00Z",
    "2020-08-02T00:00:00Z",
    "2020-09-03T00:00:00Z",
    "2020-09-04T00:00:00Z",
    "2020-09-07T00:00:00Z",
    "2020-10-15T00:00:00Z",
    "2021-10-02T00:00:00Z",
    "2022-08-29T00:00:00Z",
    "2023-05-05T00:00:00Z",
    "2023-11-08T00:00:00Z",
    "2024-10-15T00:00:00Z",
    "2025-02-26T00:00:00Z",
)
"""When each version from 2.0 on came; clients take the last for the current one."""


class Discovery:
    """``/``, and the providers with what their flavors and zones can say."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def routes(self, api: Api) -> None:
        api.route("GET", "/", self.versions, public=True)
        api.route("POST", "/", self.versions, public=True)
        for path in ("/v2.0", ROOT, "/v2.0/octavia"):
            api.route("GET", path, self.version)
        api.route("GET", f"{ROOT}/providers", self.providers)
        api.route("GET", f"{ROOT}/providers/{{provider}}/flavor_capabilities", self.flavors)
        api.route("GET", f"{ROOT}/providers/{{provider}}/availability_zone_capabilities", self.zones)

    async def versions(self, call: Call) -> Any:
        last = len(UPDATED) - 1
        return {
            "versions": [
                {
                    "id": f"v2.{number}",
                    "status": "CURRENT" if number == last else "SUPPORTED",
                    "updated": updated,
                    "links": [{"href": f"{call.base_url}/v2", "rel": "self"}],
                }
                for number, updated in enumerate(UPDATED)
            ]
        }

    async def version(self, call: Call) -> Any:
        return JSONResponse("v2")

    async def providers(self, call: Call) -> Any:
        self.backend.enforce(call, "provider:get_all", call.context.project_id)
        shown = _described(self.backend.settings.providers)
        return {"providers": [chosen(call, item) for item in _named(call, shown)]}

    async def flavors(self, call: Call) -> Any:
        self._provider(call, "provider-flavor:get_all")
        return {"flavor_capabilities": self._capabilities(call, FLAVOR_KEYS)}

    async def zones(self, call: Call) -> Any:
        self._provider(call, "provider-availability-zone:get_all")
        return {"availability_zone_capabilities": self._capabilities(call, ZONE_KEYS)}

    def _provider(self, call: Call, rule: str) -> None:
        self.backend.enforce(call, rule, call.context.project_id)
        if call.path["provider"] not in self.backend.settings.providers:
            raise bad(f"Provider '{call.path['provider']}' is not enabled.")

    def _capabilities(self, call: Call, keys: Mapping[str, str]) -> list[dict[str, str]]:
        return [chosen(call, item) for item in _named(call, _described(keys))]


def _described(names: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "description": description} for name, description in names.items()]


def _named(call: Call, items: list[dict[str, str]]) -> list[dict[str, str]]:
    wanted = call.query.getlist("name")
    return [item for item in items if not wanted or item["name"] in wanted]
