# SPDX-License-Identifier: Apache-2.0
"""What can be said of an image: its attributes, their kinds, and properties of the user's own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from samovar.web import BadRequest, Forbidden, TooLarge

DISK_FORMATS = ("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "ploop", "iso")
CONTAINER_FORMATS = ("ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed")
VISIBILITIES = ("public", "private", "shared", "community")
READ_ONLY = frozenset(
    {
        *("status", "size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value"),
        *("created_at", "updated_at", "self", "file", "schema", "direct_url", "stores", "deleted"),
        *("deleted_at", "builtin"),
    }
)
RESERVED = frozenset({"locations", "os_glance_failed_import", "os_glance_importing_to_stores", "links"})
LOCAL = "samovar_root"
"""The property that tells what a built-in image is made of; nobody else may set it."""

MAX_PROPERTIES = 128
MAX_TAGS = 128


def _text(longest: int) -> Callable[[str, Any], Any]:
    def check(name: str, value: Any) -> Any:
        if value is not None and (not isinstance(value, str) or len(value) > longest):
            raise BadRequest(f"{name} must be text of at most {longest} characters, or null.")
        return value

    return check


def _choice(choices: tuple[str, ...], nullable: bool = True) -> Callable[[str, Any], Any]:
    def check(name: str, value: Any) -> Any:
        if value not in choices and not (nullable and value is None):
            raise BadRequest(f"Invalid {name} {value!r}: choose from {', '.join(choices)}.")
        return value

    return check


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false.")
    return value


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 2**31 - 1:
        raise BadRequest(f"{name} must be a whole number between 0 and 2147483647.")
    return value


def _identity(name: str, value: Any) -> str:
    try:
        return str(uuid.UUID(value))
    except (ValueError, TypeError, AttributeError):
        raise BadRequest(f"{name} must be a UUID.") from None


KINDS: Mapping[str, Callable[[str, Any], Any]] = {
    "id": _identity,
    "name": _text(255),
    "owner": _text(255),
    "visibility": _choice(VISIBILITIES, nullable=False),
    "protected": _flag,
    "os_hidden": _flag,
    "disk_format": _choice(DISK_FORMATS),
    "container_format": _choice(CONTAINER_FORMATS),
    "min_disk": _count,
    "min_ram": _count,
}


def tag_list(value: Any) -> list[str]:
    """Distinct tags of at most 255 characters. Raises BadRequest."""
    if not isinstance(value, list) or not all(isinstance(tag, str) and 0 < len(tag) <= 255 for tag in value):
        raise BadRequest("tags must be a list of texts of 1 to 255 characters.")
    distinct = sorted(set(value))
    if len(distinct) > MAX_TAGS:
        raise TooLarge(f"An image can have at most {MAX_TAGS} tags.")
    return distinct


def attribute(name: str, value: Any) -> Any:
    """The value of one attribute or property, checked. Raises BadRequest, Forbidden."""
    if name in READ_ONLY:
        raise Forbidden(f"Attribute '{name}' is read-only.")
    if name in RESERVED or name.startswith("os_glance_") or name == LOCAL:
        raise Forbidden(f"Attribute '{name}' is reserved.")
    if name in KINDS:
        return KINDS[name](name, value)
    if not name or len(name) > 255:
        raise BadRequest("The name of a property has 1 to 255 characters.")
    if not isinstance(value, str) or len(value) > 65535:
        raise BadRequest(f"The property {name} must be text of at most 65535 characters.")
    return value


def split(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Attributes, properties and tags of a new image, all checked."""
    attributes: dict[str, Any] = {}
    properties: dict[str, str] = {}
    for name, value in given.items():
        if name == "tags":
            continue
        (attributes if name in KINDS else properties)[name] = attribute(name, value)
    if len(properties) > MAX_PROPERTIES:
        raise TooLarge(f"An image can have at most {MAX_PROPERTIES} properties.")
    return attributes, properties, tag_list(given.get("tags", []))
