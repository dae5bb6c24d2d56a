# SPDX-License-Identifier: Apache-2.0
"""/v2/schemas: the shapes of images, members and tasks, for clients that read them."""

from __future__ import annotations

from typing import Any

from samovar.web import Api, Call

from ..attributes import CONTAINER_FORMATS, DISK_FORMATS, VISIBILITIES

TEXT = {"type": "string"}
NULLABLE = {"type": ["null", "string"]}
COUNT = {"type": "integer"}
FLAG = {"type": "boolean"}
UUID = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"


def _read_only(kind: dict[str, Any]) -> dict[str, Any]:
    return {**kind, "readOnly": True}


IMAGE: dict[str, Any] = {
    "id": {**TEXT, "pattern": UUID, "description": "An identifier for the image"},
    "name": {**NULLABLE, "maxLength": 255, "description": "Descriptive name for the image"},
    "status": {
        **_read_only(TEXT),
        "enum": ["queued", "saving", "active", "deactivated", "uploading", "importing"],
        "description": "Status of the image",
    },
    "visibility": {**TEXT, "enum": list(VISIBILITIES), "description": "Scope of image accessibility"},
    "protected": {**FLAG, "description": "If true, image will not be deletable."},
    "os_hidden": {**FLAG, "description": "If true, image will not appear in default image list response."},
    "checksum": {**_read_only(NULLABLE), "maxLength": 32, "description": "md5 hash of image contents."},
    "os_hash_algo": {**_read_only(NULLABLE), "maxLength": 64, "description": "Algorithm of os_hash_value"},
    "os_hash_value": {**_read_only(NULLABLE), "maxLength": 128, "description": "Hash of the image contents"},
    "owner": {**NULLABLE, "maxLength": 255, "description": "Owner of the image"},
    "size": {**_read_only({"type": ["null", "integer"]}), "description": "Size of image file in bytes"},
    "virtual_size": {**_read_only({"type": ["null", "integer"]}), "description": "Virtual size in bytes"},
    "container_format": {**NULLABLE, "enum": [None, *CONTAINER_FORMATS], "description": "Container format"},
    "disk_format": {**NULLABLE, "enum": [None, *DISK_FORMATS], "description": "Format of the disk"},
    "created_at": {**_read_only(TEXT), "description": "Date and time of image registration"},
    "updated_at": {**_read_only(TEXT), "description": "Date and time of the last image modification"},
    "tags": {"type": "array", "items": {**TEXT, "maxLength": 255}, "description": "List of strings"},
    "direct_url": {**_read_only(TEXT), "description": "Where the data lie; shown to administrators"},
    "min_ram": {**COUNT, "description": "Amount of ram (in MB) required to boot image."},
    "min_disk": {**COUNT, "description": "Amount of disk space (in GB) required to boot image."},
    "self": {**_read_only(TEXT), "description": "An image self url"},
    "file": {**_read_only(TEXT), "description": "An image file url"},
    "schema": {**_read_only(TEXT), "description": "An image schema url"},
}
MEMBER: dict[str, Any] = {
    "member_id": {**TEXT, "description": "An identifier for the image member (projectid)"},
    "image_id": {**TEXT, "pattern": UUID, "description": "An identifier for the image"},
    "created_at": TEXT,
    "updated_at": TEXT,
    "status": {**TEXT, "enum": ["pending", "accepted", "rejected"]},
    "schema": _read_only(TEXT),
}
TASK: dict[str, Any] = {
    **dict.fromkeys(("id", "type", "created_at", "updated_at", "image_id", "self", "schema"), TEXT),
    **dict.fromkeys(("owner", "user_id", "request_id", "message", "expires_at"), NULLABLE),
    "status": {**TEXT, "enum": ["pending", "processing", "success", "failure"]},
    "input": {"type": ["null", "object"]},
    "result": {"type": ["null", "object"]},
}


def _one(name: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "properties": properties, **more}


def _many(name: str, items: dict[str, Any]) -> dict[str, Any]:
    places = ("first", "next", "schema")
    return {
        "name": name,
        "properties": {name: {"type": "array", "items": items}, **dict.fromkeys(places, TEXT)},
        "links": [{"rel": "first", "href": "{first}"}, {"rel": "next", "href": "{next}"}],
    }


_IMAGE = _one(
    "image",
    IMAGE,
    additionalProperties=TEXT,
    links=[{"rel": "self", "href": "{self}"}, {"rel": "enclosure", "href": "{file}"}],
)
SCHEMAS: dict[str, dict[str, Any]] = {
    "image": _IMAGE,
    "images": _many("images", _IMAGE),
    "member": _one("member", MEMBER),
    "members": _many("members", _one("member", MEMBER)),
    "task": _one("task", TASK),
    "tasks": _many("tasks", _one("task", TASK)),
}


def add_routes(api: Api) -> None:
    for name, schema in SCHEMAS.items():

        async def show(_call: Call, schema: dict[str, Any] = schema) -> Any:
            return schema

        api.route("GET", f"/v2/schemas/{name}", show)
