# SPDX-License-Identifier: Apache-2.0
"""The interfaces of a server: what is asked of compute, the ports made for it, and changes in place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from samovar.clients import CloudError
from samovar.orchestration.resources.behaviour import ResourceContext, ResourceFailed
from samovar.orchestration.resources.behaviours.names import Lookup
from samovar.orchestration.resources.behaviours.network import fixed_ip

Interface = Mapping[str, Any]
_INTERNAL = "internal_ports"
_PORT_FIELDS: Mapping[str, str] = {"qos_policy": "qos_policy_id"}


def needs_own_port(wanted: Interface) -> bool:
    """Whether the compute API can't express the interface, so that a port is made for it first."""
    if wanted.get("port"):
        return False
    return any(wanted.get(name) for name in ("subnet", "port_extra_properties", "floating_ip"))


async def requested_networks(context: ResourceContext) -> str | list[dict[str, Any]] | None:
    """The `networks` of a new server; None when the template says nothing of them."""
    interfaces: Sequence[Interface] = context.properties.get("networks") or []
    for wanted in interfaces:
        if wanted.get("allocate_network"):
            if len(interfaces) > 1:
                raise ResourceFailed(
                    '"allocate_network" can only stand alone in "networks".', kind="StackValidationFailed"
                )
            return str(wanted["allocate_network"])
    asked = [await requested_interface(context, wanted, index) for index, wanted in enumerate(interfaces)]
    return asked or None


async def requested_interface(context: ResourceContext, wanted: Interface, index: int) -> dict[str, Any]:
    """One interface as the compute API takes it; makes its own port where one is needed."""
    port = wanted.get("port")
    if not port and needs_own_port(wanted):
        port = await _own_port(context, wanted, index)
    if port:
        if wanted.get("floating_ip"):
            await _lead(context, str(wanted["floating_ip"]), str(port))
        asked: dict[str, Any] = {"port": port}
    elif wanted.get("network"):
        asked = {"uuid": wanted["network"]}
        if wanted.get("fixed_ip"):
            asked["fixed_ip"] = wanted["fixed_ip"]
    else:
        raise ResourceFailed(
            f'Item {index} of "networks" needs one of "network", "subnet" and "port".',
            kind="StackValidationFailed",
        )
    if wanted.get("tag"):
        asked["tag"] = wanted["tag"]
    return asked


async def _lead(context: ResourceContext, floating_ip: str, port: str) -> None:
    await context.cloud.request(
        "network", "PUT", f"/v2.0/floatingips/{floating_ip}", json={"floatingip": {"port_id": port}}
    )


async def _own_port(context: ResourceContext, wanted: Interface, index: int) -> str:
    """The port made for the interface; found again by its name after a crash."""
    name = f"{context.physical_name}-port-{index}"
    query = {"name": name}
    found = (await context.cloud.get("network", "/v2.0/ports", query=query))["ports"]
    if found:
        port = str(found[0]["id"])
    else:
        sent = await _own_port_body(context, wanted)
        answer = await context.cloud.request("network", "POST", "/v2.0/ports", json={"port": sent | query})
        port = str(answer.body["port"]["id"])
    await remember_port(context, port)
    return port


async def _own_port_body(context: ResourceContext, wanted: Interface) -> dict[str, Any]:
    sent: dict[str, Any] = {}
    network = wanted.get("network")
    if not network:
        answer = await context.cloud.get("network", f"/v2.0/subnets/{wanted['subnet']}")
        network = answer["subnet"]["network_id"]
    sent["network_id"] = network
    address = fixed_ip({"subnet": wanted.get("subnet"), "ip_address": wanted.get("fixed_ip")})
    if address:
        sent["fixed_ips"] = [address]
    groups = context.properties.get("security_groups") or []
    if groups:
        lookup = Lookup(context.cloud)
        sent["security_groups"] = [
            await lookup.find("neutron", "security_group", str(each)) for each in groups
        ]
    extra: dict[str, Any] = dict(wanted.get("port_extra_properties") or {})
    sent |= extra.pop("value_specs", None) or {}
    if extra.pop("no_fixed_ips", None):
        sent["fixed_ips"] = []
    sent |= {_PORT_FIELDS.get(name, name): value for name, value in extra.items() if value is not None}
    return sent


def own_ports(context: ResourceContext) -> list[str]:
    """The ports made for the server, which go with it."""
    return list(json.loads(context.data.get(_INTERNAL, "[]")))


async def remember_port(context: ResourceContext, port: str) -> None:
    known = own_ports(context)
    if port not in known:
        await context.set_data(_INTERNAL, json.dumps([*known, port]))


async def delete_own_ports(context: ResourceContext, ports: Sequence[str] | None = None) -> None:
    """Delete those ports (all: those made for the server)."""
    going = own_ports(context) if ports is None else ports
    for port in going:
        try:
            await context.cloud.request("network", "DELETE", f"/v2.0/ports/{port}")
        except CloudError as error:
            if not error.not_found:
                raise
    if going:
        staying = [port for port in own_ports(context) if port not in going]
        await context.set_data(_INTERNAL, json.dumps(staying) if staying else None)


async def change_interfaces(
    context: ResourceContext, before: Sequence[Interface], after: Sequence[Interface]
) -> None:
    """Detach what is no longer wanted, then attach what is new; equal interfaces are not touched."""
    attached = await _attached(context)
    leaving = list(before)
    coming: list[tuple[int, Interface]] = []
    for index, wanted in enumerate(after):
        if wanted in leaving:
            leaving.remove(wanted)
        else:
            coming.append((index, wanted))
    kept = _pair_up(leaving, coming, attached)
    for wanted in [each for each in after if each in before]:
        port = _match(wanted, attached, kept)
        if port is not None:
            kept.append(port)
    for gone in leaving or ([] if before else [{"network": each["net_id"]} for each in attached]):
        port = _match(gone, attached, kept)
        if port is not None:
            kept.append(port)
            await _detach(context, port)
            if port in own_ports(context):
                await delete_own_ports(context, [port])
    present = {str(each["port_id"]) for each in await _attached(context)}
    for index, wanted in coming:
        asked = await requested_interface(context, wanted, index)
        if asked.get("port") not in present:
            await _attach(context, asked)


async def give_up_ports(context: ResourceContext) -> list[str]:
    """Detach the ports that were not made for the server; those that are still attached."""
    interfaces: Sequence[Interface] = context.properties.get("networks") or []
    given = {str(each["port"]) for each in interfaces if each.get("port")}
    try:
        still = sorted(given & {str(each["port_id"]) for each in await _attached(context)})
    except CloudError as error:
        if error.not_found:
            return []
        raise
    for port in still:
        await _detach(context, port)
    return still


async def take_back_ports(context: ResourceContext) -> None:
    """Attach again what `give_up_ports` detached."""
    present = {str(each["port_id"]) for each in await _attached(context)}
    for wanted in context.properties.get("networks") or []:
        if wanted.get("port") and str(wanted["port"]) not in present:
            await _attach(context, {"port": wanted["port"], "tag": wanted.get("tag")})


async def _attached(context: ResourceContext) -> list[dict[str, Any]]:
    path = f"/servers/{context.physical_id}/os-interface"
    return list((await context.cloud.get("compute", path))["interfaceAttachments"])


def _pair_up(
    leaving: list[Interface], coming: list[tuple[int, Interface]], attached: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Let an attached interface stand for a new wording that it fits; its port. Both leave their lists."""
    ports: list[str] = []
    for entry in tuple(coming):
        wanted = entry[1]
        if any(wanted.get(name) for name in ("port_extra_properties", "floating_ip", "tag")):
            continue
        for gone in leaving:
            port = _match(gone, attached, ports)
            fits = [each for each in attached if str(each["port_id"]) == port]
            if port is not None and _match(wanted, fits, ()) == port:
                ports.append(port)
                leaving.remove(gone)
                coming.remove(entry)
                break
    return ports


def _match(wanted: Interface, attached: Sequence[Mapping[str, Any]], taken: Sequence[str]) -> str | None:
    """The port of an attached interface that fits what was asked for."""
    for each in attached:
        port = str(each["port_id"])
        addresses = each.get("fixed_ips") or []
        if port in taken:
            continue
        if wanted.get("port"):
            if wanted["port"] == port:
                return port
            continue
        if wanted.get("network") and wanted["network"] != each["net_id"]:
            continue
        if wanted.get("subnet") and not any(ip["subnet_id"] == wanted["subnet"] for ip in addresses):
            continue
        if wanted.get("fixed_ip") and not any(ip["ip_address"] == wanted["fixed_ip"] for ip in addresses):
            continue
        return port
    return None


async def _detach(context: ResourceContext, port: str) -> None:
    try:
        await context.cloud.request(
            "compute", "DELETE", f"/servers/{context.physical_id}/os-interface/{port}"
        )
    except CloudError as error:
        if not error.not_found:
            raise


async def _attach(context: ResourceContext, asked: Mapping[str, Any]) -> None:
    sent: dict[str, Any] = {}
    if asked.get("port"):
        sent["port_id"] = asked["port"]
    else:
        sent["net_id"] = asked["uuid"]
        if asked.get("fixed_ip"):
            sent["fixed_ips"] = [{"ip_address": asked["fixed_ip"]}]
    version = None
    if asked.get("tag"):
        sent["tag"], version = asked["tag"], "2.49"
    path = f"/servers/{context.physical_id}/os-interface"
    await context.cloud.request(
        "compute", "POST", path, json={"interfaceAttachment": sent}, microversion=version
    )
