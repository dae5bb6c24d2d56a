# SPDX-License-Identifier: Apache-2.0
"""Software configs: pieces of configuration that never change."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, and_, or_, select

from samovar.orchestration.software import (
    ConfigInUse,
    Invalid,
    config_of,
    delete_config,
    find_config,
    full_config,
    insert_config,
    software_configs,
)
from samovar.web import Api, BadRequest, Call, Reply

from .desk import PROJECT, Desk
from .faults import not_found
from .values import flag, instant, whole_number

ALL = f"{PROJECT}/software_configs"


class SoftwareConfigs:
    """The handlers of ``/software_configs``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.database = desk.parts.database

    def routes(self, api: Api) -> None:
        add = self.desk.add
        add(api, "GET", ALL, self.index, "software_configs:index")
        add(api, "POST", ALL, self.create, "software_configs:create")
        add(api, "GET", f"{ALL}/{{config}}", self.show, "software_configs:show")
        add(api, "DELETE", f"{ALL}/{{config}}", self.delete, "software_configs:delete")

    async def index(self, call: Call) -> dict[str, Any]:
        limit = whole_number("limit", call.query.get("limit"))
        marker = call.query.get("marker")
        everywhere = flag(call, "global_tenant")
        if everywhere:
            call.enforce("software_configs:global_index", self.desk.target(call))
        configs = software_configs.c
        query = select(software_configs).order_by(configs.created_at, configs.id)
        if not everywhere:
            query = query.where(configs.project_id == self.desk.project(call))
        if limit is not None:
            query = query.limit(limit)

        def read(connection: Connection) -> list[RowMapping]:
            asked = query
            if marker:
                after = find_config(connection, None, marker)
                if after is None:
                    raise not_found("Software config", marker)
                moment = after["created_at"]
                asked = query.where(
                    or_(
                        configs.created_at > moment,
                        and_(configs.created_at == moment, configs.id > marker),
                    )
                )
            return list(connection.execute(asked).mappings())

        rows = await self.database.read(read)
        return {"software_configs": [self._listed(call, row) for row in rows]}

    def _listed(self, call: Call, row: RowMapping) -> dict[str, Any]:
        shown = {
            "id": row["id"],
            "name": row["name"],
            "group": row["group"],
            "creation_time": instant(row["created_at"]),
        }
        return shown | self._project(call, row)

    @staticmethod
    def _project(call: Call, row: RowMapping | dict[str, Any]) -> dict[str, Any]:
        return {"project": row["project_id"]} if call.context.is_admin else {}

    async def create(self, call: Call) -> dict[str, Any]:
        if not isinstance(call.body, dict):
            raise BadRequest("The body must be a JSON object.", type="HTTPBadRequest")
        try:
            values = config_of(call.body)
        except Invalid as error:
            raise BadRequest(str(error), type="StackValidationFailed") from error
        project = self.desk.project(call)
        await self.database.write(lambda c: insert_config(c, project, values))
        shown = full_config(values) | self._project(call, {"project_id": project})
        return {"software_config": shown}

    async def _one(self, call: Call) -> RowMapping:
        identity = call.path["config"]
        project = None if call.context.is_admin else self.desk.project(call)
        row = await self.database.read(lambda c: find_config(c, project, identity))
        if row is None:
            raise not_found("Software config", identity)
        return row

    async def show(self, call: Call) -> dict[str, Any]:
        row = await self._one(call)
        return {"software_config": full_config(row) | self._project(call, row)}

    async def delete(self, call: Call) -> Reply:
        identity = (await self._one(call))["id"]
        try:
            await self.database.write(lambda c: delete_config(c, identity), "software configs")
        except ConfigInUse as error:
            raise BadRequest(str(error), type="InvalidRequest") from error
        return Reply(204)
