# SPDX-License-Identifier: Apache-2.0
"""Imports: data come in, whichever way, and an image becomes active.

    queued ─ PUT file ──▶ saving ──▶ active
    queued ─ PUT stage ─▶ uploading ─ import glance-direct ─▶ importing ──▶ active
    queued ──────────────────────── import web-download ────▶ importing ──▶ active

What fails goes back to where it came from; what a crash interrupts does so at the next start.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import AsyncIterator, Collection
from typing import Any

from sqlalchemy import Connection, insert, select, update

from samovar.auth import Context
from samovar.database import Database, new_id, utcnow
from samovar.web import Conflict, Fault

from .catalogue import Image, fetch, move
from .downloads import DownloadFailed, fetched
from .files import ImageFiles, Stored
from .tables import images, tasks

log = logging.getLogger(__name__)
KEPT = datetime.timedelta(hours=48)
"""How long a finished task can be looked at."""


class Imports:
    """Moves data into images; `allowed_hosts` may be downloaded from though they are not public."""

    def __init__(self, database: Database, files: ImageFiles, allowed_hosts: Collection[str]) -> None:
        self._database = database
        self._files = files
        self.allowed_hosts = allowed_hosts
        self._running: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Put right what the last run left unfinished."""
        self._files.prepare()

        def change(connection: Connection) -> None:
            unfinished = select(images.c.id, images.c.status).where(
                images.c.status.in_(("saving", "uploading", "importing"))
            )
            for image_id, status in connection.execute(unfinished).all():
                staged = status != "saving" and self._files.staged(image_id).exists()
                move(connection, image_id, [status], "uploading" if staged else "queued")
            connection.execute(
                update(tasks)
                .where(tasks.c.status.in_(("pending", "processing")))
                .values(status="failure", message="The service was stopped.", updated_at=utcnow())
            )

        await self._database.write(change)
        active = select(images.c.id).where(images.c.status.in_(("active", "deactivated")))
        waiting = select(images.c.id).where(images.c.status == "uploading")

        def keep(connection: Connection) -> tuple[set[str], set[str]]:
            having, staged = connection.execute(active).scalars(), connection.execute(waiting).scalars()
            return set(having), set(staged)

        self._files.sweep(*await self._database.read(keep))

    async def stop(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def upload(self, image: Image, pieces: AsyncIterator[bytes]) -> None:
        """Data straight into the image. Raises Conflict unless it is queued, TooLarge."""
        await self._take(image, ["queued"], "saving")
        try:
            stored = await self._files.write(image.id, pieces)
        except BaseException:
            await self._move(image.id, "saving", "queued")
            raise
        await self._activate(image.id, "saving", stored)

    async def stage(self, image: Image, pieces: AsyncIterator[bytes]) -> None:
        """Data to be imported later. Raises Conflict unless the image is queued, TooLarge."""
        await self._take(image, ["queued"], "uploading")
        try:
            stored = await self._files.write(image.id, pieces, staged=True)
        except BaseException:
            await self._move(image.id, "uploading", "queued")
            raise
        await self._move(image.id, "uploading", "uploading", size=stored.size)

    async def begin(self, image: Image, context: Context, method: dict[str, Any], request_id: str) -> str:
        """Start an import in the background; the id of its task. Raises Conflict."""
        before = "queued" if method["name"] == "web-download" else "uploading"
        if before == "uploading" and not self._files.staged(image.id).exists():
            raise Conflict("glance-direct needs data that were staged before: PUT them to …/stage first.")
        await self._take(image, [before], "importing")
        now, task_id = utcnow(), new_id()
        values = {
            "id": task_id,
            "image_id": image.id,
            "owner": context.project_id,
            "user_id": context.user_id,
            "request_id": request_id,
            "status": "processing",
            "input": {"image_id": image.id, "import_req": {"method": method}, "backend": ["file"]},
            "created_at": now,
            "updated_at": now,
        }
        await self._database.write(lambda connection: connection.execute(insert(tasks).values(values)))
        running = asyncio.create_task(self._import(image.id, before, method, task_id))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return task_id

    async def _import(self, image_id: str, before: str, method: dict[str, Any], task_id: str) -> None:
        try:
            if method["name"] == "web-download":
                async with fetched(method["uri"], self.allowed_hosts) as pieces:
                    stored = await self._files.write(image_id, pieces)
            else:
                stored = await self._files.adopt(image_id)
            await self._activate(image_id, "importing", stored)
            message, status = "", "success"
        except (DownloadFailed, Fault, OSError) as error:
            message, status = getattr(error, "message", "") or str(error), "failure"
            log.warning("the import of image %s failed: %s", image_id, message)
            await self._move(image_id, "importing", before)
        values = {"status": status, "message": message, "updated_at": utcnow(), "expires_at": utcnow() + KEPT}
        await self._database.write(
            lambda connection: connection.execute(update(tasks).where(tasks.c.id == task_id).values(values))
        )

    async def _take(self, image: Image, before: list[str], after: str) -> None:
        if not await self._database.write(lambda connection: move(connection, image.id, before, after)):
            now = await self._database.read(lambda connection: fetch(connection, image.id).row["status"])
            raise Conflict(f"Image {image.id} has status {now}, not {before[0]}; it cannot go to {after}.")

    async def _move(self, image_id: str, before: str, after: str, **values: Any) -> bool:
        return await self._database.write(
            lambda connection: move(connection, image_id, [before], after, **values)
        )

    async def _activate(self, image_id: str, before: str, stored: Stored) -> None:
        values = {
            "size": stored.size,
            "checksum": stored.checksum,
            "os_hash_algo": "sha512",
            "os_hash_value": stored.hash_value,
        }
        if not await self._move(image_id, before, "active", **values):
            self._files.remove(image_id)
            raise Conflict(f"Image {image_id} was deleted while its data came in.")
