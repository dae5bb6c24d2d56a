# SPDX-License-Identifier: Apache-2.0
"""What a server may know of itself, in OpenStack's documents and in EC2's tree.

Source: Nova user guide, "Metadata"; the EC2 tree as of 2009-04-04.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from samovar.cloud.compute.server import Interface, Server


@dataclass(frozen=True, slots=True)
class Facts:
    """A server, its interfaces, and the subnets and MTU of each of their networks (by network id)."""

    server: Server
    interfaces: Sequence[Interface]
    subnets: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    mtus: Mapping[str, int] = field(default_factory=dict)


def meta_data(facts: Facts) -> dict[str, Any]:
    """meta_data.json."""
    server = facts.server
    found: dict[str, Any] = {
        "uuid": server.id,
        "name": server.name,
        "hostname": server.hostname,
        "availability_zone": server.availability_zone,
        "launch_index": server.launch_index,
        "project_id": server.project_id,
        "random_seed": base64.b64encode(hashlib.sha512(server.id.encode()).digest()).decode(),
        "devices": [
            {"type": "nic", "bus": "none", "address": "none", "mac": nic.mac, "tags": [nic.tag]}
            for nic in facts.interfaces
            if nic.tag
        ],
        "dedicated_cpus": [],
    }
    if server.properties:
        found["meta"] = server.properties
    if server.public_key is not None and server.key_name is not None:
        found["public_keys"] = {server.key_name: server.public_key}
        found["keys"] = [{"name": server.key_name, "type": "ssh", "data": server.public_key}]
    return found


def network_data(facts: Facts) -> dict[str, Any]:
    """network_data.json: links, networks and services."""
    links, networks, services = [], [], []
    for number, nic in enumerate(facts.interfaces):
        links.append(
            {
                "id": f"tap{nic.port_id[:11]}",
                "vif_id": nic.port_id,
                "type": "bridge",
                "mtu": facts.mtus.get(nic.network_id, 1500),
                "ethernet_mac_address": nic.mac,
            }
        )
        subnets = {subnet["id"]: subnet for subnet in facts.subnets.get(nic.network_id, ())}
        for each in nic.addresses:
            subnet = subnets.get(each["subnet_id"])
            if subnet is not None:
                networks.append(_network(f"network{number}", nic, each["ip_address"], subnet))
                services += [{"type": "dns", "address": a} for a in subnet.get("dns_nameservers", ())]
    unique = {service["address"]: service for service in services}
    return {"links": links, "networks": networks, "services": list(unique.values())}


def _network(identity: str, nic: Interface, address: str, subnet: Mapping[str, Any]) -> dict[str, Any]:
    prefix = ipaddress.ip_network(subnet["cidr"])
    family = "ipv6" if prefix.version == 6 else "ipv4"
    routes = [_route(route["destination"], route["nexthop"]) for route in subnet.get("host_routes", ())]
    if subnet.get("gateway_ip"):
        anywhere = "::/0" if prefix.version == 6 else "0.0.0.0/0"
        routes.insert(0, _route(anywhere, subnet["gateway_ip"]))
    return {
        "id": identity,
        "link": f"tap{nic.port_id[:11]}",
        "type": family,
        "network_id": nic.network_id,
        "ip_address": address,
        "netmask": str(prefix.netmask) if prefix.version == 4 else str(prefix.prefixlen),
        "routes": routes,
        "services": [{"type": "dns", "address": a} for a in subnet.get("dns_nameservers", ())],
    }


def _route(destination: str, nexthop: str) -> dict[str, str]:
    network = ipaddress.ip_network(destination, strict=False)
    mask = str(network.netmask) if network.version == 4 else str(network.prefixlen)
    return {"network": str(network.network_address), "netmask": mask, "gateway": nexthop}


def ec2_tree(facts: Facts, public_address: str) -> dict[str, Any]:
    """The tree below /latest/meta-data: text, or a further level."""
    server = facts.server
    fixed = [each["ip_address"] for nic in facts.interfaces for each in nic.addresses]
    ipv4 = next((address for address in fixed if ":" not in address), "")
    tree: dict[str, Any] = {
        "ami-id": f"ami-{_short(server.image_id or '')}",
        "ami-launch-index": str(server.launch_index),
        "ami-manifest-path": "(unknown)",
        "hostname": server.hostname,
        "instance-action": "none",
        "instance-id": f"i-{_short(server.id)}",
        "instance-type": server.flavor["name"],
        "local-hostname": server.hostname,
        "local-ipv4": ipv4,
        "placement": {"availability-zone": server.availability_zone or ""},
        "public-hostname": server.hostname,
        "public-ipv4": public_address,
        "reservation-id": server.reservation_id,
        "security-groups": "\n".join(group["name"] for group in server.security_groups) or "default",
        "block-device-mapping": {"ami": "/", "root": "/"},
    }
    if server.public_key is not None:
        tree["public-keys"] = {"0": {"_name": f"0={server.key_name}", "openssh-key": server.public_key}}
    return tree


def _short(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()[:8]


def walk(tree: Mapping[str, Any], path: Sequence[str]) -> str | None:
    """What GET of ``/latest/meta-data/<path>`` answers: a value, or the names of a level; None: no such."""
    node: Any = tree
    for step in path:
        if not isinstance(node, dict) or step not in node or step == "_name":
            return None
        node = node[step]
    if isinstance(node, str):
        return node
    names = []
    for name, value in node.items():
        if name == "_name":
            continue
        if isinstance(value, dict):
            names.append(value.get("_name", f"{name}/"))
        else:
            names.append(name)
    return "\n".join(names)
