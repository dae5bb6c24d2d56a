# SPDX-License-Identifier: Apache-2.0
"""The attributes of a server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from samovar.clients import CloudError
from samovar.orchestration.resources.behaviour import ResourceContext
from samovar.orchestration.software import COLLECT_KEY

_CONSOLES = {
    "novnc": ("vnc", "novnc"),
    "xvpvnc": ("vnc", "xvpvnc"),
    "spice-html5": ("spice", "spice-html5"),
    "rdp-html5": ("rdp", "rdp-html5"),
    "serial": ("serial", "serial"),
    "webmks": ("mks", "webmks"),
}


async def server_attributes(
    context: ResourceContext, names: frozenset[str], shown: Mapping[str, Any]
) -> dict[str, Any]:
    """The wanted attributes, from the server as shown and from other services where it takes them."""
    values: dict[str, Any] = {}
    for name in names:
        match name:
            case "show":
                values[name] = dict(shown)
            case "addresses":
                values[name] = await _addresses(context, shown)
            case "networks":
                values[name] = await _networks(context, shown)
            case "first_address":
                values[name] = _first_address(shown)
            case "instance_name":
                values[name] = shown.get("OS-EXT-SRV-ATTR:instance_name")
            case "console_urls":
                values[name] = await _console_urls(context)
            case "tags":
                path = f"/servers/{context.physical_id}/tags"
                answer = await context.cloud.request("compute", "GET", path, microversion="2.26")
                values[name] = answer.body["tags"]
            case "os_collect_config":
                values[name] = json.loads(context.data.get(COLLECT_KEY) or "{}")
            case _:
                values[name] = shown.get(name)
    return values


async def _ports(context: ResourceContext) -> list[dict[str, Any]]:
    query = {"device_id": str(context.physical_id)}
    return list((await context.cloud.get("network", "/v2.0/ports", query=query))["ports"])


async def _network_ids(context: ResourceContext, shown: Mapping[str, Any]) -> dict[str, str]:
    """Name of each network the server has an address on -> its id, told by the server's ports."""
    wanted = set(shown["addresses"])
    ids = {}
    for network in sorted({str(port["network_id"]) for port in await _ports(context)}):
        name = str((await context.cloud.get("network", f"/v2.0/networks/{network}"))["network"]["name"])
        if name in wanted:
            ids[name] = network
    return ids


async def _addresses(context: ResourceContext, shown: Mapping[str, Any]) -> dict[str, Any]:
    """Addresses by network, by name and by id, each address with its port and the port's subnets."""
    ports = await _ports(context)
    by_address = {
        (str(ip["ip_address"]), str(port["mac_address"]).lower()): port
        for port in ports
        for ip in port["fixed_ips"]
    }
    by_mac = {str(port["mac_address"]).lower(): port for port in ports}
    found: dict[str, Any] = {}
    for name, addresses in shown["addresses"].items():
        entries = []
        for address in addresses:
            mac = str(address.get("OS-EXT-IPS-MAC:mac_addr", "")).lower()
            port = by_address.get((str(address["addr"]), mac)) or by_mac.get(mac)
            entries.append({**address, "port": port["id"] if port else None})
        found[name] = entries
    for name, network in (await _network_ids(context, shown)).items():
        found[network] = found[name]
    return found


async def _networks(context: ResourceContext, shown: Mapping[str, Any]) -> dict[str, list[str]]:
    found = {
        name: [str(address["addr"]) for address in addresses]
        for name, addresses in shown["addresses"].items()
    }
    for name, network in (await _network_ids(context, shown)).items():
        found[network] = found[name]
    return found


def _first_address(shown: Mapping[str, Any]) -> str:
    for addresses in shown["addresses"].values():
        for address in addresses:
            return str(address["addr"])
    return ""


async def _console_urls(context: ResourceContext) -> dict[str, str]:
    """The URL of each console by type; for those the cloud has not got, its words."""
    path = f"/servers/{context.physical_id}/remote-consoles"
    urls = {}
    for name, (protocol, kind) in _CONSOLES.items():
        wanted = {"remote_console": {"protocol": protocol, "type": kind}}
        try:
            answer = await context.cloud.request("compute", "POST", path, json=wanted, microversion="2.8")
        except CloudError as error:
            urls[name] = error.message
        else:
            urls[name] = str(answer.body["remote_console"]["url"])
    return urls
