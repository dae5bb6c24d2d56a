# SPDX-License-Identifier: Apache-2.0
"""Discovery: what is at the root of the service."""

from __future__ import annotations

from typing import Any

from samovar.cloud.compute.microversions import MAXIMUM, MINIMUM, written
from samovar.web import Api, Call, versions_document

UPDATED = "2013-07-23T11:33:21Z"


def add(api: Api) -> None:
    async def root(call: Call) -> Any:
        return {"versions": [_document(call)]}

    async def version(call: Call) -> Any:
        return {"version": _document(call)}

    api.route("GET", "/", root, public=True)
    api.route("GET", "/v2.1", version, public=True)
    api.route("GET", "/v2.1/", version, public=True)


def _document(call: Call) -> Any:
    return versions_document(
        f"{call.base_url}/v2.1/",
        id="v2.1",
        updated=UPDATED,
        version=written(MAXIMUM),
        min_version=written(MINIMUM),
        media_type="application/vnd.openstack.compute+json;version=2.1",
    )
