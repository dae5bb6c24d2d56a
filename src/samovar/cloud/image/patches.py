# SPDX-License-Identifier: Apache-2.0
"""JSON patches of images, in the two media types of Glance.

application/openstack-images-v2.1-json-patch   [{"op": "replace", "path": "/name", "value": "x"}]
application/openstack-images-v2.0-json-patch   [{"replace": "/name", "value": "x"}]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from samovar.web import BadRequest, Conflict, Fault, Forbidden, TooLarge

from .attributes import KINDS, LOCAL, MAX_PROPERTIES, READ_ONLY, RESERVED, attribute, tag_list
from .catalogue import Image

NEW, OLD = "application/openstack-images-v2.1-json-patch", "application/openstack-images-v2.0-json-patch"
OPERATIONS = ("add", "replace", "remove")
DEFAULTS = {"name": None, "min_disk": 0, "min_ram": 0}
WHILE_QUEUED = ("disk_format", "container_format")


@dataclass(frozen=True, slots=True)
class Operation:
    op: str
    name: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an image becomes: changed attributes, all its properties, all its tags."""

    attributes: dict[str, Any]
    properties: dict[str, str]
    tags: list[str]


def parse(content_type: str, body: Any) -> list[Operation]:
    """The operations of a PATCH. Raises BadRequest, and 415 for another media type."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (NEW, OLD):
        raise Fault(
            f"Content-Type must be {NEW} or {OLD}.", status=415, headers={"accept-patch": f"{NEW}, {OLD}"}
        )
    if not isinstance(body, list):
        raise BadRequest("Request body must be a JSON array of operation objects.")
    return [_operation(entry, old=kind == OLD) for entry in body]


def apply(image: Image, operations: list[Operation]) -> Outcome:
    """The outcome of the operations, one after another. Raises BadRequest, Conflict, Forbidden, TooLarge."""
    outcome = Outcome({}, dict(image.properties), list(image.tags))
    for operation in operations:
        _apply(image, outcome, operation)
    if len(outcome.properties) > MAX_PROPERTIES:
        raise TooLarge(f"An image can have at most {MAX_PROPERTIES} properties.")
    return outcome


def _operation(entry: Any, *, old: bool) -> Operation:
    if not isinstance(entry, dict):
        raise BadRequest("Operations must be JSON objects.")
    op, path = entry.get("op"), entry.get("path")
    if old:
        op = next((name for name in OPERATIONS if name in entry), None)
        path = entry.get(op) if op else None
    if op not in OPERATIONS:
        raise BadRequest(f"Operations must be one of {', '.join(OPERATIONS)}.")
    if not isinstance(path, str) or not path.startswith("/") or path == "/":
        raise BadRequest("Operation must contain a path that begins with '/' and names an attribute.")
    if op != "remove" and "value" not in entry:
        raise BadRequest(f"Operation {op} requires a member named value.")
    name = path[1:]
    if "/" in name:
        raise BadRequest(f"The path {path} leads into an attribute; only whole attributes can be changed.")
    return Operation(op, name.replace("~1", "/").replace("~0", "~"), entry.get("value"))


def _apply(image: Image, outcome: Outcome, operation: Operation) -> None:
    name, op = operation.name, operation.op
    if name == "tags":
        outcome.tags[:] = [] if op == "remove" else tag_list(operation.value)
        return
    if name in READ_ONLY or name == "id":
        raise Forbidden(f"Attribute '{name}' is read-only.")
    if name in RESERVED or name.startswith("os_glance_") or name == LOCAL:
        raise Forbidden(f"Attribute '{name}' is reserved.")
    if name in KINDS:
        if op == "remove":
            if name not in DEFAULTS:
                raise Forbidden(f"Property {name} may not be removed.")
            outcome.attributes[name] = DEFAULTS[name]
            return
        if name in WHILE_QUEUED and image.row["status"] != "queued" and operation.value != image.row[name]:
            raise Forbidden(f"Attribute {name} can be only replaced for a queued image.")
        outcome.attributes[name] = attribute(name, operation.value)
        return
    if op != "add" and name not in outcome.properties:
        raise Conflict(f"Property {name} does not exist.")
    if op == "remove":
        del outcome.properties[name]
    else:
        outcome.properties[name] = attribute(name, operation.value)
