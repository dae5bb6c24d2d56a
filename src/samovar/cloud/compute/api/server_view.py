# SPDX-License-Identifier: Apache-2.0
"""Servers as the API shows them, by microversion."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping
from typing import Any

from samovar.cloud.compute.addresses import Addresses
from samovar.cloud.compute.microversions import Version
from samovar.cloud.compute.server import Server
from samovar.web import Call

ATTRIBUTES = "os_compute_api:os-extended-server-attributes"
WITH_PROGRESS = frozenset({"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"})
FLAVOR_KEYS = ("vcpus", "ram", "disk", "ephemeral", "swap", "extra_specs")


def brief(server: Server, call: Call) -> dict[str, Any]:
    return {"id": server.id, "name": server.name, "links": links(call, server.id)}


def detailed(
    server: Server, addresses: Addresses, call: Call, version: Version, *, single: bool = False
) -> dict[str, Any]:
    """A server in full. `single`: the answer is about this server alone (show, update, rebuild)."""
    shown: dict[str, Any] = {
        "id": server.id,
        "name": server.name,
        "status": server.status,
        "tenant_id": server.project_id,
        "user_id": server.user_id,
        "metadata": server.properties,
        "hostId": _host_id(server),
        "image": _image(server, call),
        "flavor": _flavor(server, call, version),
        "created": _moment(server.created_at),
        "updated": _moment(server.updated_at),
        "addresses": addresses,
        "accessIPv4": server.access_ipv4,
        "accessIPv6": server.access_ipv6,
        "links": links(call, server.id),
        "OS-DCF:diskConfig": server.disk_config,
        "OS-EXT-AZ:availability_zone": server.availability_zone or "",
        "config_drive": "True" if server.config_drive else "",
        "key_name": server.key_name,
        "OS-SRV-USG:launched_at": _exact(server.launched_at),
        "OS-SRV-USG:terminated_at": _exact(server.terminated_at),
        "OS-EXT-STS:task_state": server.task_state,
        "OS-EXT-STS:vm_state": server.vm_state,
        "OS-EXT-STS:power_state": server.power_state,
        "os-extended-volumes:volumes_attached": [],
    }
    if server.security_groups or any(addresses.values()):
        names = [{"name": group["name"]} for group in server.security_groups] or [{"name": "default"}]
        shown["security_groups"] = names
    if server.status in WITH_PROGRESS:
        shown["progress"] = server.progress
    if server.fault is not None and server.status in ("ERROR", "DELETED"):
        shown["fault"] = _fault(server.fault, call)
    _by_version(shown, server, version, single)
    if _sees_attributes(call, server):
        _attributes(shown, server, version)
    elif version >= (2, 90):
        shown["OS-EXT-SRV-ATTR:hostname"] = server.hostname
    return shown


def _by_version(shown: dict[str, Any], server: Server, version: Version, single: bool) -> None:
    if version >= (2, 9):
        shown["locked"] = server.locked
    if version >= (2, 19):
        shown["description"] = server.description
    if version >= (2, 26):
        shown["tags"] = server.tags
    if version >= (2, 63):
        shown["trusted_image_certificates"] = None
    if version >= (2, 71) and single:
        shown["server_groups"] = [server.group_id] if server.group_id else []
    if version >= (2, 73):
        shown["locked_reason"] = server.locked_reason
    if version >= (2, 96):
        shown["pinned_availability_zone"] = server.pinned_zone


def _attributes(shown: dict[str, Any], server: Server, version: Version) -> None:
    prefix = "OS-EXT-SRV-ATTR:"
    shown[prefix + "host"] = server.host
    shown[prefix + "hypervisor_hostname"] = server.host
    shown[prefix + "instance_name"] = f"instance-{server.id[:8]}"
    if version >= (2, 3):
        shown[prefix + "reservation_id"] = server.reservation_id
        shown[prefix + "launch_index"] = server.launch_index
        shown[prefix + "hostname"] = server.hostname
        shown[prefix + "kernel_id"] = ""
        shown[prefix + "ramdisk_id"] = ""
        shown[prefix + "root_device_name"] = "/"
        shown[prefix + "user_data"] = server.user_data
    if version >= (2, 16):
        shown["host_status"] = "UP" if server.host else ""


def links(call: Call, identity: str, kind: str = "servers") -> list[dict[str, str]]:
    return [
        {"rel": "self", "href": f"{call.base_url}/v2.1/{kind}/{identity}"},
        {"rel": "bookmark", "href": f"{call.base_url}/{kind}/{identity}"},
    ]


def _sees_attributes(call: Call, server: Server) -> bool:
    policy = call.api.policy
    target = {"project_id": server.project_id, "user_id": server.user_id}
    return call.context.is_admin if policy is None else policy.allows(ATTRIBUTES, call.context, target)


def _flavor(server: Server, call: Call, version: Version) -> dict[str, Any]:
    if version < (2, 47):
        return {"id": server.flavor_id, "links": links(call, server.flavor_id, "flavors")[1:]}
    embedded = {key: server.flavor[key] for key in FLAVOR_KEYS}
    return {**embedded, "original_name": server.flavor["name"]}


def _image(server: Server, call: Call) -> Any:
    if server.image_id is None:
        return ""
    return {"id": server.image_id, "links": links(call, server.image_id, "images")[1:]}


def _fault(fault: Mapping[str, Any], call: Call) -> dict[str, Any]:
    """The message for everyone; the details of an error of ours for administrators."""
    keys = ["code", "created", "message"]
    if fault.get("details") and (call.context.is_admin or fault["code"] != 500):
        keys.append("details")
    return {key: fault[key] for key in keys}


def _host_id(server: Server) -> str:
    """A name for the host that says nothing about it to the project."""
    if not server.host:
        return ""
    return hashlib.sha224(f"{server.project_id}{server.host}".encode()).hexdigest()


def _moment(value: datetime.datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def _exact(value: datetime.datetime | None) -> str | None:
    return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%S.%f")
