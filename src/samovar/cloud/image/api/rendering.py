# SPDX-License-Identifier: Apache-2.0
"""Images, members and tasks as Glance's API shows them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import RowMapping

from samovar.auth import Context

from ..catalogue import Image, time_text
from ..files import ImageFiles

SHOWN = (
    *("id", "name", "owner", "status", "visibility", "protected", "os_hidden", "disk_format"),
    *("container_format", "min_disk", "min_ram", "size", "virtual_size", "checksum"),
    *("os_hash_algo", "os_hash_value"),
)
BUILT_IN = "host:"


def image_body(image: Image, context: Context, files: ImageFiles) -> dict[str, Any]:
    """An image; where its data lie only to an administrator (the compute service is one)."""
    path = f"/v2/images/{image.id}"
    body: dict[str, Any] = {
        **image.properties,
        **{name: image.row[name] for name in SHOWN},
        "tags": list(image.tags),
        "created_at": time_text(image.row["created_at"]),
        "updated_at": time_text(image.row["updated_at"]),
        "self": path,
        "file": f"{path}/file",
        "schema": "/v2/schemas/image",
    }
    if context.is_admin and image.row["builtin"]:
        body["direct_url"] = BUILT_IN
    elif context.is_admin and image.row["status"] in ("active", "deactivated"):
        body["direct_url"] = files.path(image.id).as_uri()
    return body


def member_body(row: RowMapping) -> dict[str, Any]:
    return {
        "image_id": row["image_id"],
        "member_id": row["member_id"],
        "status": row["status"],
        "created_at": time_text(row["created_at"]),
        "updated_at": time_text(row["updated_at"]),
        "schema": "/v2/schemas/member",
    }


def task_body(row: RowMapping) -> dict[str, Any]:
    names = ("id", "image_id", "owner", "user_id", "request_id", "status", "input", "message")
    return {
        **{name: row[name] for name in names},
        "type": "api_image_import",
        "result": {"image_id": row["image_id"]} if row["status"] == "success" else None,
        "created_at": time_text(row["created_at"]),
        "updated_at": time_text(row["updated_at"]),
        "expires_at": time_text(row["expires_at"]) if row["expires_at"] else None,
        "self": f"/v2/tasks/{row['id']}",
        "schema": "/v2/schemas/task",
    }
