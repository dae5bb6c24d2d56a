# SPDX-License-Identifier: Apache-2.0
"""/v2/images/{id}/members: the projects that a shared image is shared with."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from samovar.database import Database, utcnow
from samovar.web import Api, BadRequest, Call, Conflict, Forbidden, NotFound, Reply

from ..catalogue import Image, one
from ..tables import members
from .rendering import member_body

STATUSES = ("pending", "accepted", "rejected")


class MembersApi:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add_routes(self, api: Api) -> None:
        api.route("GET", "/v2/images/{id}/members", self.list)
        api.route("POST", "/v2/images/{id}/members", self.create)
        api.route("GET", "/v2/images/{id}/members/{member}", self.show)
        api.route("PUT", "/v2/images/{id}/members/{member}", self.update)
        api.route("DELETE", "/v2/images/{id}/members/{member}", self.delete)

    async def list(self, call: Call) -> Any:
        """All members to the owner; to a member itself."""
        image = await self._shared(call)
        call.enforce("get_members", image.target)
        query = select(members).where(members.c.image_id == image.id).order_by(members.c.created_at)
        if not self._owns(call, image):
            query = query.where(members.c.member_id == call.context.project_id)
        found = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return {"members": [member_body(row) for row in found], "schema": "/v2/schemas/members"}

    async def show(self, call: Call) -> Any:
        image = await self._shared(call)
        call.enforce("get_member", image.target)
        found = await self._database.read(lambda connection: _member(connection, image, call))
        if not self._owns(call, image) and found["member_id"] != call.context.project_id:
            raise self._missing(image, call.path["member"])
        return member_body(found)

    async def create(self, call: Call) -> Any:
        image = await self._shared(call)
        call.enforce("add_member", image.target)
        member_id = call.body.get("member") if isinstance(call.body, dict) else None
        if not isinstance(member_id, str) or not 0 < len(member_id) <= 255:
            raise BadRequest("The body must hold member, the id of a project.")
        now = utcnow()
        values = {
            "image_id": image.id,
            "member_id": member_id,
            "status": "pending",
            "created_at": now,
            "updated_at": now,
        }
        key = members.c.image_id == image.id, members.c.member_id == member_id

        def change(connection: Connection) -> RowMapping:
            if connection.execute(select(members).where(*key)).first() is not None:
                raise Conflict(f"Member {member_id} is duplicated for image {image.id}")
            connection.execute(insert(members).values(values))
            return connection.execute(select(members).where(*key)).mappings().one()

        return member_body(await self._database.write(change))

    async def update(self, call: Call) -> Any:
        """The member itself says whether it wants the image in its lists."""
        image = await self._shared(call)
        call.enforce("modify_member", {"member_id": call.path["member"]})
        status = call.body.get("status") if isinstance(call.body, dict) else None
        if status not in STATUSES:
            raise BadRequest(f"status must be one of {', '.join(STATUSES)}.")

        def change(connection: Connection) -> RowMapping:
            _member(connection, image, call)
            key = members.c.image_id == image.id, members.c.member_id == call.path["member"]
            connection.execute(update(members).where(*key).values(status=status, updated_at=utcnow()))
            return _member(connection, image, call)

        return member_body(await self._database.write(change))

    async def delete(self, call: Call) -> Reply:
        image = await self._shared(call)
        call.enforce("delete_member", image.target)
        key = members.c.image_id == image.id, members.c.member_id == call.path["member"]
        gone = delete(members).where(*key)
        if await self._database.write(lambda connection: connection.execute(gone).rowcount) == 0:
            raise self._missing(image, call.path["member"])
        return Reply(204)

    async def _shared(self, call: Call) -> Image:
        image = await self._database.read(lambda connection: one(connection, call.context, call.path["id"]))
        if image.row["visibility"] != "shared":
            raise Forbidden("Only shared images have members.")
        return image

    @staticmethod
    def _owns(call: Call, image: Image) -> bool:
        return call.context.is_admin or image.row["owner"] == call.context.project_id

    @staticmethod
    def _missing(image: Image, member_id: str) -> NotFound:
        return NotFound(f"{member_id} not found in the member list of the image {image.id}.")


def _member(connection: Connection, image: Image, call: Call) -> RowMapping:
    key = members.c.image_id == image.id, members.c.member_id == call.path["member"]
    found = connection.execute(select(members).where(*key)).mappings().one_or_none()
    if found is None:
        raise NotFound(f"{call.path['member']} not found in the member list of the image {image.id}.")
    return found
