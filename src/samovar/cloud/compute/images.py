# SPDX-License-Identifier: Apache-2.0
"""What compute asks of the image service."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from samovar.clients import Cloud, CloudError, segment
from samovar.cloud.host.specs import ImageSpec
from samovar.web import BadRequest

from .hosts import Host, HostError

BUILT_IN = "host"
PIECE = 1 << 20
UPLOAD_SECONDS = 3600.0
HOST_URL = "host:"
"""The ``direct_url`` of the built-in image: the host's own programs, without any data of their own."""


async def usable_image(cloud: Cloud, image_id: str, flavor: Mapping[str, Any]) -> dict[str, Any]:
    """The image, if the caller sees it, it is active and the flavor is large enough. Raises BadRequest."""
    try:
        image: dict[str, Any] = await cloud.get("image", f"/v2/images/{segment(image_id)}")
    except CloudError as error:
        if error.status in (400, 404):
            raise BadRequest(f"Can not find requested image {image_id}.") from error
        raise
    if image.get("status") != "active":
        raise BadRequest(f"Image {image_id} is not active: its status is {image.get('status')}.")
    if (image.get("min_ram") or 0) > flavor["ram"]:
        raise BadRequest(
            f"Flavor's memory is too small for requested image: it has {flavor['ram']} MB, "
            f"the image needs {image['min_ram']} MB."
        )
    if flavor["disk"] and (image.get("min_disk") or 0) > flavor["disk"]:
        raise BadRequest(
            f"Flavor's disk is smaller than the minimum size specified in image metadata: it has "
            f"{flavor['disk']} GB, the image needs {image['min_disk']} GB."
        )
    return image


class HostImages:
    """Images on this host: unpacked when a server first needs them."""

    def __init__(self, cloud: Cloud, host: Host) -> None:
        self._cloud = cloud
        self._host = host
        self._ready: dict[str, str] = {}

    async def ready(self, image_id: str) -> str:
        """What the host agent knows the image as. Raises CloudError, HostError."""
        if image_id not in self._ready:
            self._ready[image_id] = await self._unpack(image_id)
        return self._ready[image_id]

    async def warm(self) -> None:
        """Have the built-in image ready. Raises HostError."""
        await self._host.unpack_image(
            ImageSpec(id=BUILT_IN, source="", disk_format="raw", container_format="bare")
        )

    async def store(self, server_id: str, image_id: str) -> None:
        """Fill the image with what the server wrote. Raises CloudError, HostError."""
        path = Path(await self._host.save_server(server_id, image_id))
        try:
            kind = {"content-type": "application/octet-stream"}
            where = f"/v2/images/{segment(image_id)}/file"
            await self._cloud.request(
                "image", "PUT", where, body=_pieces(path), headers=kind, timeout=UPLOAD_SECONDS
            )
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def status(self, image_id: str) -> str:
        """The image's status; "deleted" when it is gone."""
        try:
            return str((await self._cloud.get("image", f"/v2/images/{segment(image_id)}"))["status"])
        except CloudError as error:
            if error.not_found:
                return "deleted"
            raise

    async def drop(self, image_id: str) -> None:
        """An image that came to nothing."""
        with contextlib.suppress(CloudError):
            await self._cloud.request("image", "DELETE", f"/v2/images/{segment(image_id)}")

    def forget(self) -> None:
        """The agent may have been purged: unpack again."""
        self._ready.clear()

    async def _unpack(self, image_id: str) -> str:
        image = await self._cloud.get("image", f"/v2/images/{segment(image_id)}")
        place = str(image.get("direct_url") or "")
        if place == HOST_URL:
            return BUILT_IN
        parts = urlsplit(place)
        if parts.scheme != "file":
            raise HostError("invalid", f"The data of image {image_id} cannot be found on this host.")
        spec = ImageSpec(
            id=image_id,
            source=unquote(parts.path),
            disk_format=image.get("disk_format") or "",
            container_format=image.get("container_format") or "",
            checksum=_digest(image),
        )
        await self._host.unpack_image(spec)
        return image_id


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece


def _digest(image: dict[str, Any]) -> str:
    return str(image.get("os_hash_value") or "")
