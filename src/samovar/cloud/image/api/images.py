# SPDX-License-Identifier: Apache-2.0
"""/v2/images: list, create, show, change, delete; tags; deactivate and reactivate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from samovar.database import Database, new_id, utcnow
from samovar.web import (
    Api,
    BadRequest,
    Call,
    Conflict,
    Forbidden,
    NotFound,
    Reply,
    page_limit,
    paginate,
    sort_keys,
)

from ..attributes import MAX_TAGS, split, tag_list
from ..catalogue import Image, add, fetch, load, move, one, remove, replace
from ..files import ImageFiles
from ..listing import SORT_KEYS, conditions, first_link, next_link
from ..patches import apply, parse
from ..tables import images, tags
from .discovery import IMPORT_METHODS
from .rendering import image_body

PAGE, LONGEST_PAGE = 25, 1000


class ImagesApi:
    def __init__(self, database: Database, files: ImageFiles) -> None:
        self._database = database
        self._files = files

    def add_routes(self, api: Api) -> None:
        api.route("GET", "/v2/images", self.list)
        api.route("POST", "/v2/images", self.create)
        api.route("GET", "/v2/images/{id}", self.show)
        api.route("PATCH", "/v2/images/{id}", self.update)
        api.route("DELETE", "/v2/images/{id}", self.delete)
        api.route("PUT", "/v2/images/{id}/tags/{tag}", self.add_tag)
        api.route("DELETE", "/v2/images/{id}/tags/{tag}", self.remove_tag)
        api.route("POST", "/v2/images/{id}/actions/deactivate", self.deactivate)
        api.route("POST", "/v2/images/{id}/actions/reactivate", self.reactivate)

    async def list(self, call: Call) -> Any:
        call.enforce("get_images")
        query = select(images).where(*conditions(call))
        limit = page_limit(call, LONGEST_PAGE)
        order = [
            (images.c[name], way)
            for name, way in sort_keys(call, SORT_KEYS, [("created_at", "desc")])
            if name != "id"
        ]
        page = await self._database.read(
            lambda connection: paginate(
                connection,
                query,
                identity=images.c.id,
                order=order,
                marker=call.query.get("marker"),
                limit=PAGE if limit is None else limit,
            )
        )
        found = await self._database.read(lambda connection: load(connection, page.rows))
        body: dict[str, Any] = {
            "images": [image_body(image, call.context, self._files) for image in found],
            "first": first_link(call),
            "schema": "/v2/schemas/images",
        }
        if page.more and found:
            body["next"] = next_link(call, found[-1].id)
        return body

    async def show(self, call: Call) -> Any:
        image = await self._one(call)
        call.enforce("get_image", image.target)
        return image_body(image, call.context, self._files)

    async def create(self, call: Call) -> Reply:
        if not isinstance(call.body, dict):
            raise BadRequest("The body must be a JSON object.")
        values, own_properties, labels = split(call.body)
        context = call.context
        owner = values.get("owner") or context.project_id
        call.enforce("add_image", {"project_id": owner} if owner else {})
        values = {"id": new_id(), "visibility": "shared", "owner": owner, "status": "queued", **values}
        values["owner"] = owner
        self._may_show(call, values["visibility"], {"project_id": owner} if owner else {})
        now = utcnow()
        image = await self._database.write(
            lambda connection: add(connection, values, own_properties, labels, now)
        )
        headers = {
            "location": f"{call.base_url}/v2/images/{image.id}",
            "openstack-image-import-methods": ",".join(IMPORT_METHODS),
        }
        return Reply(201, image_body(image, context, self._files), headers)

    async def update(self, call: Call) -> Any:
        operations = parse(call.request.headers.get("content-type", ""), call.body)
        image = await self._changeable(call, "modify_image")
        wanted = apply(image, operations)
        visibility = wanted.attributes.get("visibility", image.row["visibility"])
        if visibility != image.row["visibility"]:
            self._may_show(call, visibility, image.target)
        if "owner" in wanted.attributes and not call.context.is_admin:
            raise Forbidden("You are not permitted to change the owner of an image.")

        def change(connection: Connection) -> Image:
            outcome = apply(fetch(connection, image.id), operations)
            values = {**outcome.attributes, "updated_at": utcnow()}
            connection.execute(update(images).where(images.c.id == image.id).values(values))
            replace(connection, image.id, outcome.properties, outcome.tags)
            return fetch(connection, image.id)

        return image_body(await self._database.write(change), call.context, self._files)

    async def delete(self, call: Call) -> Reply:
        image = await self._changeable(call, "delete_image")

        def change(connection: Connection) -> None:
            found = fetch(connection, image.id)
            if found.row["protected"]:
                raise Forbidden(f"Image {image.id} is protected and cannot be deleted.")
            remove(connection, image.id)

        await self._database.write(change)
        self._files.remove(image.id)
        return Reply(204)

    async def add_tag(self, call: Call) -> Reply:
        image = await self._changeable(call, "modify_image")
        tag = tag_list([call.path["tag"]])[0]

        def change(connection: Connection) -> None:
            having = select(func.count()).select_from(tags).where(tags.c.image_id == image.id)
            if tag in fetch(connection, image.id).tags:
                return
            if connection.execute(having).scalar_one() >= MAX_TAGS:
                raise BadRequest(f"An image can have at most {MAX_TAGS} tags.")
            connection.execute(insert(tags).values(image_id=image.id, value=tag))

        await self._database.write(change)
        return Reply(204)

    async def remove_tag(self, call: Call) -> Reply:
        image, tag = await self._changeable(call, "modify_image"), call.path["tag"]
        gone = delete(tags).where(tags.c.image_id == image.id, tags.c.value == tag)
        if await self._database.write(lambda connection: connection.execute(gone).rowcount) == 0:
            raise NotFound(f"The image {image.id} has no tag {tag}.")
        return Reply(204)

    async def deactivate(self, call: Call) -> Reply:
        return await self._switch(call, "deactivate", "active", "deactivated")

    async def reactivate(self, call: Call) -> Reply:
        return await self._switch(call, "reactivate", "deactivated", "active")

    async def _switch(self, call: Call, rule: str, before: str, after: str) -> Reply:
        image = await self._changeable(call, rule)
        done = await self._database.write(
            lambda connection: move(connection, image.id, [before, after], after)
        )
        if not done:
            raise Conflict(f"Image {image.id} has status {image.row['status']}; it cannot be made {after}.")
        return Reply(204)

    async def _one(self, call: Call) -> Image:
        return await self._database.read(lambda connection: one(connection, call.context, call.path["id"]))

    async def _changeable(self, call: Call, rule: str) -> Image:
        """The image, which the caller may change by `rule`, and which is not built in."""
        image = await self._one(call)
        call.enforce(rule, image.target)
        if image.row["builtin"]:
            raise Forbidden(f"The image {image.row['name']} is built in and cannot be changed.")
        return image

    @staticmethod
    def _may_show(call: Call, visibility: str, target: Mapping[str, Any]) -> None:
        rules = {"public": "publicize_image", "community": "communitize_image"}
        if visibility in rules:
            call.enforce(rules[visibility], target)
