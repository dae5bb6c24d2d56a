# SPDX-License-Identifier: Apache-2.0
"""Which versions of the API there are: one, v3."""

from __future__ import annotations

from typing import Any

from samovar.web import Api, Call, Reply, versions_document

VERSION, UPDATED = "v3.14", "2020-04-07T00:00:00Z"


def add_routes(api: Api) -> None:
    async def versions(call: Call) -> Reply:
        return Reply(300, {"versions": {"values": [document(call)]}}, {"vary": "X-Auth-Token"})

    async def version(call: Call) -> Reply:
        return Reply(200, {"version": document(call)}, {"vary": "X-Auth-Token"})

    api.route("GET", "/", versions, public=True)
    api.route("GET", "/v3", version, public=True)
    api.route("GET", "/v3/", version, public=True)


def document(call: Call) -> Any:
    return versions_document(
        f"{call.base_url}/v3/",
        id=VERSION,
        status="stable",
        updated=UPDATED,
        media_type="application/vnd.openstack.identity-v3+json",
    )
