# SPDX-License-Identifier: Apache-2.0
"""Reading the body of POST /servers, by the microversion it was written for. No I/O happens here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from samovar.cloud.compute.faults import refuse_unknown
from samovar.cloud.compute.microversions import Version
from samovar.web import BadRequest

from . import fields

ALWAYS = frozenset(
    {
        "name", "imageRef", "flavorRef", "adminPass", "metadata", "networks", "key_name", "user_data",
        "availability_zone", "min_count", "max_count", "security_groups", "config_drive", "accessIPv4",
        "accessIPv6", "OS-DCF:diskConfig", "return_reservation_id", "block_device_mapping",
        "block_device_mapping_v2",
    }
)  # fmt: skip
SINCE: Mapping[str, Version] = {
    "description": (2, 19),
    "tags": (2, 52),
    "trusted_image_certificates": (2, 63),
    "host": (2, 74),
    "hypervisor_hostname": (2, 74),
    "hostname": (2, 90),
}
UNTIL: Mapping[str, Version] = {"personality": (2, 56)}
TAG = re.compile(r"^[^,/]{1,60}$")
NO_VOLUMES = "This cloud has no volume service: a server boots from an image only."


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRequest:
    """What POST /servers asks for. `networks` None: none were named; "auto" and "none" as they are."""

    name: str
    image: str
    flavor: str
    minimum: int
    maximum: int
    networks: list[dict[str, Any]] | str | None
    groups: list[str]
    properties: dict[str, str]
    key_name: str | None
    user_data: str | None
    personality: list[dict[str, str]]
    zone: str | None
    config_drive: bool
    disk_config: str
    access_ipv4: str
    access_ipv6: str
    admin_password: str | None
    description: str | None
    hostname: str | None
    tags: list[str]
    hints: dict[str, Any]
    destination: str | None
    reservation: bool


def read_request(body: Mapping[str, Any], server: Mapping[str, Any], version: Version) -> ServerRequest:
    """The request in `server`, the object under that key of `body`. Raises BadRequest."""
    known = ALWAYS | {k for k, since in SINCE.items() if version >= since}
    known |= {k for k, until in UNTIL.items() if version <= until}
    refuse_unknown(server, known, "server")
    minimum = fields.whole(server, "min_count", 1, minimum=1)
    maximum = fields.whole(server, "max_count", minimum, minimum=1)
    if minimum > maximum:
        raise BadRequest("min_count must be <= max_count")
    networks = _networks(server, version)
    if maximum > 1 and isinstance(networks, list):
        if any(each["fixed_ip"] for each in networks):
            raise BadRequest("Fixed IP can not be specified for multiple server creation.")
        if any(each["port"] for each in networks):
            raise BadRequest("Unable to launch multiple instances with a single configured port ID.")
    hints = body.get("os:scheduler_hints") or body.get("OS-SCH-HNT:scheduler_hints") or {}
    if not isinstance(hints, dict):
        raise BadRequest("Invalid input for field/attribute os:scheduler_hints. It must be an object.")
    disk_config = server.get("OS-DCF:diskConfig") or "MANUAL"
    if disk_config not in ("AUTO", "MANUAL"):
        raise BadRequest("Invalid input for field/attribute OS-DCF:diskConfig. Choose AUTO or MANUAL.")
    return ServerRequest(
        name=fields.name(server),
        image=_image(server),
        flavor=_flavor(server),
        minimum=minimum,
        maximum=maximum,
        networks=networks,
        groups=_groups(server),
        properties=fields.properties(server.get("metadata")),
        key_name=fields.text(server, "key_name"),
        user_data=fields.user_data(server),
        personality=_personality(server),
        zone=fields.text(server, "availability_zone"),
        config_drive=fields.boolean(server, "config_drive"),
        disk_config=disk_config,
        access_ipv4=fields.text(server, "accessIPv4") or "",
        access_ipv6=fields.text(server, "accessIPv6") or "",
        admin_password=fields.text(server, "adminPass"),
        description=fields.text(server, "description"),
        hostname=fields.hostname(server, domains=version >= (2, 94)),
        tags=tags(server.get("tags") or []),
        hints=hints,
        destination=fields.text(server, "host") or fields.text(server, "hypervisor_hostname"),
        reservation=fields.boolean(server, "return_reservation_id"),
    )


def tags(value: Any) -> list[str]:
    """A list of tags: text without comma and slash, at most 60 characters, at most 50 of them."""
    if not isinstance(value, list) or len(value) > 50:
        raise BadRequest("Invalid input for field/attribute tags. It must be a list of at most 50 tags.")
    for tag in value:
        if not isinstance(tag, str) or not TAG.match(tag):
            raise BadRequest(
                f"Invalid input for field/attribute tags. Value: {tag}. "
                "A tag has 1 to 60 characters and neither ',' nor '/'."
            )
    return list(dict.fromkeys(value))


def _image(server: Mapping[str, Any]) -> str:
    reference = server.get("imageRef")
    devices = server.get("block_device_mapping_v2") or []
    if server.get("block_device_mapping"):
        raise BadRequest(f"Block Device Mapping is Invalid: {NO_VOLUMES}")
    if not isinstance(devices, list) or not all(isinstance(d, dict) for d in devices):
        raise BadRequest(
            "Invalid input for field/attribute block_device_mapping_v2. It must be a list of objects."
        )
    for device in devices:
        if device.get("source_type") != "image" or device.get("destination_type", "local") != "local":
            raise BadRequest(f"Block Device Mapping is Invalid: {NO_VOLUMES}")
        reference = reference or device.get("uuid")
    if not reference or not isinstance(reference, str):
        raise BadRequest("Invalid imageRef provided. A server needs an image: give imageRef.")
    image = reference.rstrip("/").rsplit("/", 1)[-1]
    if not fields.UUID.match(image):
        raise BadRequest(f"Invalid imageRef provided: {reference} is not an image's id.")
    return image


def _flavor(server: Mapping[str, Any]) -> str:
    reference = server.get("flavorRef")
    if isinstance(reference, bool) or not isinstance(reference, (str, int)) or reference == "":
        raise BadRequest("Invalid input for server: 'flavorRef' is a required property.")
    return str(reference)


def _networks(server: Mapping[str, Any], version: Version) -> list[dict[str, Any]] | str | None:
    value = server.get("networks")
    if version >= (2, 37):
        if value is None:
            raise BadRequest(
                "Invalid input for server: 'networks' is a required property "
                'since microversion 2.37; give "auto", "none" or a list.'
            )
        if value in ("auto", "none"):
            return str(value)
    if value is None or value == []:
        return None
    if not isinstance(value, list):
        raise BadRequest(f"Invalid input for field/attribute networks. Value: {value}. It must be a list.")
    return network_requests(value, version)


def network_requests(value: Sequence[Any], version: Version) -> list[dict[str, Any]]:
    """Each request as ``uuid``, ``port``, ``fixed_ip`` and ``tag``, None where it was not given."""
    found = []
    for each in value:
        if not isinstance(each, dict):
            raise BadRequest("Invalid input for field/attribute networks. Each must be an object.")
        refuse_unknown(each, frozenset({"uuid", "port", "fixed_ip", "tag"}), "networks")
        tag = each.get("tag")
        if tag is not None and not (version >= (2, 42) or (2, 32) <= version <= (2, 36)):
            raise BadRequest("Invalid input for networks: 'tag' needs microversion 2.42.")
        if tag is not None:
            tags([tag])
        wanted = {
            "uuid": each.get("uuid"),
            "port": each.get("port"),
            "fixed_ip": each.get("fixed_ip"),
            "tag": tag,
        }
        if not (wanted["uuid"] or wanted["port"]):
            raise BadRequest("Invalid input for networks: each needs a 'uuid' or a 'port'.")
        for key in ("uuid", "port"):
            if wanted[key] is not None and not fields.UUID.match(str(wanted[key])):
                raise BadRequest(f"Bad networks format: network uuid is not in proper format ({wanted[key]})")
        if wanted["port"] and wanted["fixed_ip"]:
            raise BadRequest(
                f"Specified Fixed IP '{wanted['fixed_ip']}' cannot be used with port '{wanted['port']}'."
            )
        found.append(wanted)
    ports = [each["port"] for each in found if each["port"]]
    if len(ports) != len(set(ports)):
        raise BadRequest("The same port was named twice in networks.")
    return found


def _groups(server: Mapping[str, Any]) -> list[str]:
    value = server.get("security_groups") or []
    if not isinstance(value, list):
        raise BadRequest("Invalid input for field/attribute security_groups. It must be a list.")
    for each in value:
        if not isinstance(each, dict) or not isinstance(each.get("name"), str) or not each["name"]:
            raise BadRequest("Invalid input for field/attribute security_groups. Each needs a 'name'.")
    return [each["name"] for each in value]


def _personality(server: Mapping[str, Any]) -> list[dict[str, str]]:
    value = server.get("personality") or []
    if not isinstance(value, list):
        raise BadRequest("Invalid input for field/attribute personality. It must be a list.")
    found = []
    for each in value:
        if not isinstance(each, dict) or not isinstance(each.get("path"), str) or not each["path"]:
            raise BadRequest("Invalid input for field/attribute personality. Each needs a 'path'.")
        contents = fields.user_data({"user_data": each.get("contents")})
        found.append({"path": each["path"], "contents": contents or ""})
    return found
