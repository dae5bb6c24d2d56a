# SPDX-License-Identifier: Apache-2.0
"""Software deployments: which config is to be on which server, and what came of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from samovar.database import new_id, utcnow
from samovar.orchestration.engine.rows import FAILED, IN_PROGRESS
from samovar.orchestration.engine.tables import resources, stacks
from samovar.orchestration.software import (
    deployed_configs,
    deployment_shown,
    find_config,
    find_deployment,
    insert_deployment,
    software_deployments,
)
from samovar.web import Api, BadRequest, Call, Conflict, Reply

from .desk import PROJECT, Desk
from .faults import not_found

ALL = f"{PROJECT}/software_deployments"
MAPS = ("input_values", "output_values")
TEXTS = {"action": 255, "status": 255, "status_reason": 65_000, "server_id": 64, "stack_user_project_id": 64}
CHANGED = frozenset(["config_id", "input_values", "output_values", "action", "status", "status_reason"])
CREATED = CHANGED - {"output_values"} | {"id", "server_id", "stack_user_project_id"}


class SoftwareDeployments:
    """The handlers of ``/software_deployments``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.database = desk.parts.database

    def routes(self, api: Api) -> None:
        add = self.desk.add
        one = f"{ALL}/{{deployment}}"
        add(api, "GET", f"{ALL}/metadata/{{server}}", self.metadata, "software_deployments:metadata")
        add(api, "GET", ALL, self.index, "software_deployments:index")
        add(api, "POST", ALL, self.create, "software_deployments:create")
        add(api, "GET", one, self.show, "software_deployments:show")
        add(api, "PUT", one, self.update, "software_deployments:update")
        add(api, "DELETE", one, self.delete, "software_deployments:delete")

    async def index(self, call: Call) -> dict[str, Any]:
        columns = software_deployments.c
        query = (
            select(software_deployments)
            .where(columns.project_id == self.desk.project(call))
            .order_by(columns.created_at, columns.id)
        )
        unknown = sorted(set(call.query.keys()) - {"server_id"})
        if unknown:
            raise BadRequest(f"Invalid filter parameters {', '.join(unknown)}", type="HTTPBadRequest")
        server = call.query.get("server_id")
        if server:
            query = query.where(columns.server_id == server)
        rows = await self.database.read(lambda c: list(c.execute(query).mappings()))
        return {"software_deployments": await self._shown(rows)}

    async def _shown(self, rows: Sequence[RowMapping]) -> list[dict[str, Any]]:
        """As stored; but those whose resource has given up waiting, so that nobody concludes them, failed."""
        open_ones = [row["id"] for row in rows if row["status"] == "IN_PROGRESS"]
        given_up: set[str] = set()
        if open_ones:
            query = (
                select(resources.c.physical_id)
                .select_from(resources.join(stacks, stacks.c.id == resources.c.stack_id))
                .where(
                    resources.c.physical_id.in_(open_ones),
                    or_(resources.c.status == FAILED, stacks.c.status != IN_PROGRESS),
                )
            )
            given_up = set(await self.database.read(lambda c: list(c.execute(query).scalars())))
        cancelled = {"status": "FAILED", "status_reason": "Deployment cancelled."}
        return [deployment_shown(row) | (cancelled if row["id"] in given_up else {}) for row in rows]

    async def metadata(self, call: Call) -> dict[str, Any]:
        """What the agent of a server is to run; also for users of the stack domain."""
        server, project = call.path["server"], self.desk.project(call)
        return {"metadata": await self.database.read(lambda c: deployed_configs(c, server, project))}

    async def create(self, call: Call) -> dict[str, Any]:
        given = _given(call, CREATED)
        if not given.get("server_id"):
            raise BadRequest("A software deployment needs a server_id.", type="HTTPBadRequest")
        project = self.desk.project(call)
        values = {
            "id": _uuid(given["id"]) if given.get("id") else new_id(),
            "project_id": project,
            "stack_user_project_id": given.get("stack_user_project_id"),
            "server_id": given["server_id"],
            "config_id": given.get("config_id"),
            "input_values": given.get("input_values") or {},
            "output_values": {},
            "action": given.get("action") or "INIT",
            "status": given.get("status") or "COMPLETE",
            "status_reason": given.get("status_reason") or "",
            "created_at": utcnow(),
            "updated_at": None,
        }

        def change(connection: Connection) -> None:
            _check_config(connection, project, values["config_id"])
            insert_deployment(connection, values)

        try:
            await self.database.write(change, "software configs")
        except IntegrityError as error:
            raise Conflict(
                f"There is a software deployment {values['id']} already.", type="Conflict"
            ) from error
        return {"software_deployment": deployment_shown(values)}

    async def _one(self, call: Call) -> RowMapping:
        identity = call.path["deployment"]
        project = None if call.context.is_admin else self.desk.project(call)
        row = await self.database.read(lambda c: find_deployment(c, project, identity))
        if row is None:
            raise not_found("Software deployment", identity)
        return row

    async def show(self, call: Call) -> dict[str, Any]:
        return {"software_deployment": (await self._shown([await self._one(call)]))[0]}

    async def update(self, call: Call) -> dict[str, Any]:
        row = await self._one(call)
        changes = {name: value for name, value in _given(call, CHANGED).items() if value is not None}
        changes["updated_at"] = utcnow()

        def change(connection: Connection) -> None:
            _check_config(connection, row["project_id"], changes.get("config_id"))
            connection.execute(
                update(software_deployments).where(software_deployments.c.id == row["id"]).values(changes)
            )

        await self.database.write(change, "software configs")
        return {"software_deployment": deployment_shown({**row, **changes})}

    async def delete(self, call: Call) -> Reply:
        identity = (await self._one(call))["id"]
        await self.database.write(
            lambda c: c.execute(delete(software_deployments).where(software_deployments.c.id == identity))
        )
        return Reply(204)


def _given(call: Call, known: frozenset[str]) -> dict[str, Any]:
    """The body, each value of its type. Raises BadRequest."""
    if not isinstance(call.body, dict):
        raise BadRequest("The body must be a JSON object.", type="HTTPBadRequest")
    given: dict[str, Any] = {name: value for name, value in call.body.items() if name in known}
    for name, value in given.items():
        if value is None:
            continue
        if name in MAPS and not isinstance(value, Mapping):
            raise BadRequest(f"{name} must be an object.", type="HTTPBadRequest")
        if name not in MAPS and (not isinstance(value, str) or len(value) > TEXTS.get(name, 36)):
            raise BadRequest(
                f"{name} must be a text of at most {TEXTS.get(name, 36)} characters.", type="HTTPBadRequest"
            )
    return given


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise BadRequest("The id of a software deployment is a UUID.", type="HTTPBadRequest") from None


def _check_config(connection: Connection, project: str, config_id: str | None) -> None:
    if config_id is not None and find_config(connection, project, config_id) is None:
        raise not_found("Software config", config_id)
