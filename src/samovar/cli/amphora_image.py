# SPDX-License-Identifier: Apache-2.0
"""samovar amphora-image: build the image that amphorae boot from, and give it to the image service."""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from samovar.clients import Cloud

from .main import CommandError
from .session import service_cloud
from .state_directory import StateDirectory


def run(options: argparse.Namespace) -> int:
    from samovar.loadbalancer.amphora_image import CannotBuild, build

    state = StateDirectory(options.state_dir)
    running = state.running()
    if options.output is None and running is None:
        raise CommandError("the cloud does not run: start it with 'samovar up', or say --output FILE")
    with tempfile.TemporaryDirectory(prefix="samovar-amphora-") as folder:
        target = (options.output or Path(folder) / "amphora.tar.gz").absolute()
        try:
            size = build(target)
        except CannotBuild as error:
            raise CommandError(str(error)) from error
        told: dict[str, Any] = {"bytes": size}
        if options.output is not None:
            told["file"] = str(target)
        if running is not None:
            own = service_cloud(state, running, "octavia")
            told["image"] = asyncio.run(_register(own, target, options.name, options.tag))
    if options.json:
        print(json.dumps(told))
        return 0
    print(f"The image has {size / 1e6:.1f} MB" + (f" and is in {target}." if "file" in told else "."))
    if "image" in told:
        print(
            f"It is image {told['image']}, tagged {options.tag}: new amphorae boot from it, "
            "present ones after 'openstack loadbalancer failover'."
        )
    return 0


async def _register(own: Cloud, path: Path, name: str, tag: str) -> str:
    """Give the image to the image service, as the service's own; its id."""
    try:
        body = {
            "name": name,
            "disk_format": "raw",
            "container_format": "bare",
            "visibility": "private",
            "tags": [tag],
        }
        made = (await own.request("image", "POST", "/v2/images", json=body)).body
        content = await asyncio.to_thread(path.read_bytes)
        kind = {"content-type": "application/octet-stream"}
        where = f"/v2/images/{made['id']}/file"
        await own.request("image", "PUT", where, body=content, headers=kind, timeout=600)
        return str(made["id"])
    finally:
        await own.transport.close()
