# SPDX-License-Identifier: Apache-2.0
"""The request that makes a server, from the properties of OS::Nova::Server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from samovar.orchestration.resources.behaviour import ResourceContext
from samovar.orchestration.resources.behaviours.collect_config import collect_config
from samovar.orchestration.resources.behaviours.server_interfaces import requested_networks
from samovar.orchestration.resources.behaviours.software_config import config_text
from samovar.orchestration.resources.behaviours.user_data import encoded, user_data

Values = Mapping[str, Any]

_PLAIN = {
    "key_name": "key_name",
    "availability_zone": "availability_zone",
    "config_drive": "config_drive",
    "admin_pass": "adminPass",
    "diskConfig": "OS-DCF:diskConfig",
    "reservation_id": "reservation_id",
}
_DISK_FIELDS = (
    "volume_type",
    "device_name",
    "device_type",
    "disk_bus",
    "boot_index",
    "delete_on_termination",
)


async def server_request(context: ResourceContext, name: str) -> tuple[dict[str, Any], str | None]:
    """The body of the request, and the microversion it needs (None: the first)."""
    values = context.properties
    sent: dict[str, Any] = {
        "name": name,
        "flavorRef": values["flavor"],
        "imageRef": values.get("image") or "",
    }
    sent |= {theirs: values[ours] for ours, theirs in _PLAIN.items() if values.get(ours) not in (None, "")}
    sent["metadata"] = server_metadata(values.get("metadata"))
    if values.get("security_groups"):
        sent["security_groups"] = [{"name": group} for group in values["security_groups"]]
    data = await server_user_data(context, values)
    if data is not None:
        sent["user_data"] = encoded(data)
    if values.get("personality"):
        sent["personality"] = [
            {"path": path, "contents": encoded(str(text))} for path, text in values["personality"].items()
        ]
    disks = disk_mappings(values)
    if disks:
        sent["block_device_mapping_v2"] = disks
    networks = await requested_networks(context)
    if networks is not None:
        sent["networks"] = networks
    version = _microversion(values, sent)
    if values.get("tags"):
        sent["tags"] = list(values["tags"])
    body: dict[str, Any] = {"server": sent}
    if values.get("scheduler_hints"):
        body["os:scheduler_hints"] = dict(values["scheduler_hints"])
    return body, version


def _microversion(values: Values, sent: Mapping[str, Any]) -> str | None:
    """The lowest one that has all that is asked for; networks must be given from 2.37 on."""
    networks = sent.get("networks")
    tagged = isinstance(networks, list) and any("tag" in each for each in networks)
    needed = [(2, 1)]
    if isinstance(networks, str):
        needed.append((2, 37))
    if tagged:
        needed.append((2, 42))
    if values.get("tags"):
        needed.append((2, 52))
    if any("volume_type" in each for each in sent.get("block_device_mapping_v2", ())):
        needed.append((2, 67))
    highest = max(needed)
    if highest >= (2, 37) and networks is None and isinstance(sent, dict):
        sent["networks"] = "auto"
    return None if highest == (2, 1) else f"{highest[0]}.{highest[1]}"


def server_metadata(given: Mapping[str, Any] | None) -> dict[str, str]:
    """Metadata values are text; others are sent as JSON."""
    return {
        str(key): value if isinstance(value, str) else json.dumps(value)
        for key, value in (given or {}).items()
    }


async def server_user_data(context: ResourceContext, values: Values) -> str | None:
    """The server's user data; a text that is the id of a software configuration stands for its content."""
    text = str(values.get("user_data") or "")
    form = str(values.get("user_data_format") or "HEAT_CFNTOOLS")
    text = await config_text(context, text)
    metadata = dict(context.metadata)
    if form == "SOFTWARE_CONFIG":
        transport = str(values.get("software_config_transport"))
        metadata["os-collect-config"] = await collect_config(context, transport)
        metadata.setdefault("deployments", [])
    return user_data(text, form, metadata, str(values.get("login_user") or ""))


def disk_mappings(values: Values) -> list[dict[str, Any]]:
    """Both forms of block device mappings, in the newer one of the API."""
    disks = [_newer(each) for each in values.get("block_device_mapping_v2") or []]
    return disks + [_older(each) for each in values.get("block_device_mapping") or []]


def _newer(given: Values) -> dict[str, Any]:
    sources = {
        "image": given.get("image"),
        "volume": given.get("volume_id"),
        "snapshot": given.get("snapshot_id"),
    }
    source, uuid = next(((kind, value) for kind, value in sources.items() if value), ("blank", None))
    disk: dict[str, Any] = {"source_type": source, "destination_type": "volume"}
    if uuid is not None:
        disk["uuid"] = uuid
    if given.get("volume_size") is not None:
        disk["volume_size"] = given["volume_size"]
    if given.get("swap_size"):
        disk |= {"destination_type": "local", "guest_format": "swap", "volume_size": given["swap_size"]}
    elif given.get("ephemeral_size") or given.get("ephemeral_format"):
        disk["destination_type"] = "local"
        if given.get("ephemeral_size"):
            disk["volume_size"] = given["ephemeral_size"]
        if given.get("ephemeral_format"):
            disk["guest_format"] = given["ephemeral_format"]
    elif source == "image" and given.get("volume_size") is None and given.get("boot_index") == 0:
        disk["destination_type"] = "local"
    return disk | {name: given[name] for name in _DISK_FIELDS if given.get(name) is not None}


def _older(given: Values) -> dict[str, Any]:
    source = "snapshot" if given.get("snapshot_id") else "volume"
    disk = {
        "source_type": source,
        "destination_type": "volume",
        "uuid": given.get(f"{source}_id"),
        "device_name": given.get("device_name"),
        "volume_size": given.get("volume_size"),
        "delete_on_termination": given.get("delete_on_termination"),
        "boot_index": 0 if str(given.get("device_name")).rstrip("0123456789").endswith("vda") else -1,
    }
    return {name: value for name, value in disk.items() if value is not None}
