# SPDX-License-Identifier: Apache-2.0
"""The data of images: upload, download, stage, import; and the tasks that imports are."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import or_, select
from starlette.responses import FileResponse, Response

from samovar.database import Database, utcnow
from samovar.web import Api, BadRequest, Call, Conflict, Fault, Forbidden, NotFound, Reply, TooLarge

from ..catalogue import Image, one
from ..downloads import checked_uri
from ..files import ImageFiles
from ..imports import Imports
from ..tables import tasks
from .discovery import IMPORT_METHODS, STORE
from .rendering import task_body

DATA = "application/octet-stream"


class DataApi:
    def __init__(self, database: Database, files: ImageFiles, imports: Imports, largest: int) -> None:
        self._database = database
        self._files = files
        self._imports = imports
        self._largest = largest

    def add_routes(self, api: Api) -> None:
        api.route("PUT", "/v2/images/{id}/file", self.upload, raw_body=True)
        api.route("GET", "/v2/images/{id}/file", self.download)
        api.route("PUT", "/v2/images/{id}/stage", self.stage, raw_body=True)
        api.route("POST", "/v2/images/{id}/import", self.begin_import)
        api.route("GET", "/v2/images/{id}/tasks", self.tasks_of_image)
        api.route("GET", "/v2/tasks", self.list_tasks)
        api.route("GET", "/v2/tasks/{id}", self.show_task)

    async def upload(self, call: Call) -> Reply:
        image = await self._receiving(call)
        await self._imports.upload(image, call.request.stream())
        return Reply(204)

    async def stage(self, call: Call) -> Reply:
        image = await self._receiving(call)
        await self._imports.stage(image, call.request.stream())
        return Reply(204)

    async def begin_import(self, call: Call) -> Reply:
        image = await self._writable(call)
        body = call.body if isinstance(call.body, dict) else {}
        method = body.get("method")
        if not isinstance(method, dict) or not isinstance(method.get("name"), str):
            raise BadRequest("The body must hold method with a name.")
        if method["name"] not in IMPORT_METHODS:
            raise BadRequest(
                f"Unknown import method {method['name']!r}: choose from {', '.join(IMPORT_METHODS)}."
            )
        stores = body.get("stores") or [STORE]
        if stores != [STORE]:
            raise Conflict(f"There is one store, {STORE}; asked for: {stores}.")
        wanted = {"name": method["name"]}
        if method["name"] == "web-download":
            wanted["uri"] = checked_uri(method.get("uri"), self._imports.allowed_hosts)
        _complete(image)
        await self._imports.begin(image, call.context, wanted, call.request_id)
        return Reply(202)

    async def download(self, call: Call) -> Response | Reply:
        image = await self._seen(call)
        call.enforce("download_image", image.target)
        if image.row["builtin"]:
            raise Forbidden(
                f"The image {image.row['name']} is this machine's own file system; it cannot be downloaded."
            )
        if image.row["status"] == "deactivated" and not call.context.is_admin:
            raise Forbidden("The requested image has been deactivated. Image data download is forbidden.")
        if image.row["status"] not in ("active", "deactivated"):
            return Reply(204)
        path = self._files.path(image.id)
        if not path.is_file():
            raise NotFound(f"The data of image {image.id} are missing from the store.")
        headers = {"content-md5": image.row["checksum"]} if image.row["checksum"] else {}
        return FileResponse(path, media_type=DATA, headers=headers)

    async def tasks_of_image(self, call: Call) -> Any:
        image = await self._seen(call)
        call.enforce("get_tasks")
        query = select(tasks).where(tasks.c.image_id == image.id, _kept()).order_by(tasks.c.created_at)
        found = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return {"tasks": [task_body(row) for row in found]}

    async def list_tasks(self, call: Call) -> Any:
        call.enforce("get_tasks")
        query = select(tasks).where(_kept()).order_by(tasks.c.created_at.desc())
        if not call.context.is_admin:
            query = query.where(tasks.c.owner == (call.context.project_id or ""))
        found = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        listed = [task_body(row) for row in found]
        return {"tasks": listed, "first": "/v2/tasks", "schema": "/v2/schemas/tasks"}

    async def show_task(self, call: Call) -> Any:
        call.enforce("get_task")
        query = select(tasks).where(tasks.c.id == call.path["id"], _kept())
        found = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        if found is None or not (call.context.is_admin or found["owner"] == call.context.project_id):
            raise NotFound(f"No task found with ID {call.path['id']}")
        return task_body(found)

    async def _receiving(self, call: Call) -> Image:
        """The image that may take the data of this request."""
        headers = call.request.headers
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != DATA:
            raise Fault(f"Content-Type must be {DATA}.", status=415)
        image = await self._writable(call)
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self._largest:
            raise TooLarge(f"The image has {length} bytes; at most {self._largest} are accepted.")
        if image.row["status"] != "queued":
            status = image.row["status"]
            raise Conflict(f"Image {image.id} has status {status}; data are taken while it is queued.")
        _complete(image)
        return image

    async def _writable(self, call: Call) -> Image:
        image = await self._seen(call)
        call.enforce("upload_image", image.target)
        if image.row["builtin"]:
            raise Forbidden(f"The image {image.row['name']} is built in and cannot be changed.")
        return image

    async def _seen(self, call: Call) -> Image:
        return await self._database.read(lambda connection: one(connection, call.context, call.path["id"]))


def _complete(image: Image) -> None:
    """Raise BadRequest unless it is said what the data are."""
    missing = [name for name in ("disk_format", "container_format") if image.row[name] is None]
    if missing:
        raise BadRequest(f"{' and '.join(missing)} must be set before data are taken.")


def _kept() -> Any:
    now: datetime.datetime = utcnow()
    return or_(tasks.c.expires_at.is_(None), tasks.c.expires_at > now)
