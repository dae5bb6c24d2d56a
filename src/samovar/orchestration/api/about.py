# SPDX-License-Identifier: Apache-2.0
"""What this service is: versions, build, and the engines on duty."""

from __future__ import annotations

import datetime
from typing import Any

from samovar.database import utcnow
from samovar.orchestration.engine.service import engines_on_duty
from samovar.web import Api, Call, Reply

from .desk import PROJECT, Desk


class About:
    """The handlers of ``/``, ``/build_info`` and ``/services``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self, api: Api) -> None:
        self.desk.add(api, "GET", f"{PROJECT}/build_info", self.build_info, "build_info:build_info")
        self.desk.add(api, "GET", f"{PROJECT}/services", self.services, "service:index")
        for path in ("/", "/versions", "/v1", "/v1/"):
            api.route("GET", path, self.versions, public=True)

    async def versions(self, call: Call) -> Reply:
        """The only version; 300, as clients expect of this API."""
        link = {"rel": "self", "href": f"{call.base_url}/v1/"}
        return Reply(300, {"versions": [{"id": "v1.0", "status": "CURRENT", "links": [link]}]})

    async def build_info(self, _call: Call) -> dict[str, Any]:
        revision = {"revision": self.desk.revision}
        return {"api": revision, "engine": revision}

    async def services(self, _call: Call) -> dict[str, Any]:
        rows = await self.desk.parts.database.read(engines_on_duty)
        now = utcnow()
        return {"services": [_service(row, now) for row in rows]}


def _service(row: Any, now: datetime.datetime) -> dict[str, Any]:
    alive = row["stopped_at"] is None and now - row["reported_at"] < datetime.timedelta(
        seconds=2 * row["interval"]
    )
    return {
        "id": row["id"],
        "binary": "heat-engine",
        "engine_id": row["id"],
        "host": row["host"],
        "hostname": row["host"],
        "topic": "engine",
        "report_interval": row["interval"],
        "created_at": _moment(row["created_at"]),
        "updated_at": _moment(row["reported_at"]),
        "deleted_at": _moment(row["stopped_at"]),
        "status": "up" if alive else "down",
    }


def _moment(value: datetime.datetime | None) -> str | None:
    return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%S.%f")
