# SPDX-License-Identifier: Apache-2.0
"""Dependencies that types add to those a template shows: a port waits for the subnets of its network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from samovar.orchestration.templates.values import Unknown

Resources = Mapping[str, tuple[str, Mapping[str, Any]]]

_SUBNET = "OS::Neutron::Subnet"
_PORT = "OS::Neutron::Port"
_ROUTER = "OS::Neutron::Router"
_GATEWAY = "OS::Neutron::RouterGateway"
_INTERFACE = "OS::Neutron::RouterInterface"


def implicit_requirements(
    resources: Resources, references: Mapping[str, str] | None = None
) -> dict[str, set[str]]:
    """Name -> names of other resources that it also waits for.

    `resources`: name -> (type, validated property values). Values that refer to the same resource must be
    equal: the same id, or Unknowns with the same source (`<name> id`). `references`: the reference ids that
    are known already -> names.
    """
    index = _Index(resources, references or {})
    added: dict[str, set[str]] = defaultdict(set)
    for name, (type_name, values) in resources.items():
        rule = _RULES.get(type_name)
        if rule is not None:
            added[name] |= set(rule(index, values)) - {name}
    return {name: others for name, others in added.items() if others}


class _Index:
    """The resources of the stack by type, and the ones that matter by what they refer to."""

    def __init__(self, resources: Resources, references: Mapping[str, str]) -> None:
        self.by_type: dict[str, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
        for name, (type_name, values) in resources.items():
            self.by_type[type_name].append((name, values))
        self.references = references
        self.subnets = self._grouped(_SUBNET, lambda values: values.get("network"))
        self.ports = dict(self.by_type[_PORT])
        self.interfaces = self._grouped(_INTERFACE, lambda values: values.get("subnet"))
        self.port_interfaces = self._grouped(_INTERFACE, lambda values: values.get("port"))
        self.router_interfaces = self._grouped(_INTERFACE, lambda values: values.get("router"))
        self.gateways = self._grouped(_ROUTER, gateway_network)
        self.router_gateways = self._grouped(_GATEWAY, lambda values: values.get("network"))
        self.gateways_of_router = self._grouped(_GATEWAY, lambda values: values.get("router_id"))

    def _grouped(self, type_name: str, key: Callable[[Mapping[str, Any]], Any]) -> dict[Any, list[str]]:
        grouped: dict[Any, list[str]] = defaultdict(list)
        for name, values in self.by_type[type_name]:
            value = key(values)
            if isinstance(value, str | Unknown):
                grouped[value].append(name)
        return grouped

    def subnets_of(self, network: Any) -> list[str]:
        return self.subnets.get(network, []) if isinstance(network, str | Unknown) else []

    def interfaces_of_port(self, port: Any) -> Iterator[str]:
        """Router interfaces on the subnets that a port of this stack has addresses on."""
        name = self.referred(port)
        if name not in self.ports:
            return
        values = self.ports[name]
        subnets = [each.get("subnet") for each in values.get("fixed_ips") or [] if isinstance(each, dict)]
        known = [each for each in subnets if isinstance(each, str | Unknown)]
        for subnet in known:
            yield from self.interfaces.get(subnet, [])
        if not known:
            for subnet_name in self.subnets_of(values.get("network")):
                yield from self._interfaces_on(subnet_name)

    def _interfaces_on(self, subnet_name: str) -> Iterator[str]:
        for subnet, names in self.interfaces.items():
            if self.referred(subnet) == subnet_name:
                yield from names

    def referred(self, value: Any) -> str:
        """The resource whose reference the value is, or nothing. Unknown values say it in their source."""
        if isinstance(value, Unknown):
            return value.source.partition(" ")[0]
        return self.references.get(value, "") if isinstance(value, str) else ""


def gateway_network(values: Mapping[str, Any]) -> Any:
    info = values.get("external_gateway_info")
    return info.get("network") if isinstance(info, dict) else None


def _port(index: _Index, values: Mapping[str, Any]) -> Iterator[str]:
    yield from index.subnets_of(values.get("network"))


def _server(index: _Index, values: Mapping[str, Any]) -> Iterator[str]:
    for each in values.get("networks") or []:
        if isinstance(each, dict):
            yield from index.subnets_of(each.get("network"))


def _router(index: _Index, values: Mapping[str, Any]) -> Iterator[str]:
    yield from index.subnets_of(gateway_network(values))


def _router_gateway(index: _Index, values: Mapping[str, Any]) -> Iterator[str]:
    yield from index.subnets_of(values.get("network"))
    router = values.get("router_id")
    if isinstance(router, str | Unknown):
        yield from index.router_interfaces.get(router, [])


def _floating_ip(index: _Index, values: Mapping[str, Any]) -> Iterator[str]:
    network = values.get("floating_network")
    if isinstance(network, str | Unknown):
        yield from index.gateways.get(network, [])
        yield from index.router_gateways.get(network, [])
    yield from index.interfaces_of_port(values.get("port_id"))


def _association(index: _Index, values: Mapping[str, Any]) -> Iterator[str]:
    yield from index.interfaces_of_port(values.get("port_id") or values.get("internal_port"))


def _extra_route(index: _Index, values: Mapping[str, Any]) -> Iterator[str]:
    router = values.get("router_id") or values.get("router")
    if isinstance(router, str | Unknown):
        yield from index.router_interfaces.get(router, [])
        yield from index.gateways_of_router.get(router, [])


def _vpc_attachment(index: _Index, values: Mapping[str, Any]) -> Iterator[str]:
    for name, table in index.by_type["AWS::EC2::RouteTable"]:
        if table.get("VpcId") == values.get("VpcId"):
            yield name


def _public_address(index: _Index, _values: Mapping[str, Any]) -> Iterator[str]:
    """Addresses lead nowhere before the VPCs have their way out, and hold the routers that lead to them."""
    for kind in ("AWS::EC2::VPCGatewayAttachment", "AWS::EC2::SubnetRouteTableAssociation"):
        for name, _ in index.by_type[kind]:
            yield name


_RULES: Mapping[str, Callable[[_Index, Mapping[str, Any]], Iterator[str]]] = {
    _PORT: _port,
    "OS::Nova::Server": _server,
    _ROUTER: _router,
    _GATEWAY: _router_gateway,
    "OS::Neutron::FloatingIP": _floating_ip,
    "OS::Neutron::FloatingIPAssociation": _association,
    "OS::Neutron::FloatingIPPortForward": _association,
    "OS::Neutron::ExtraRoute": _extra_route,
    "OS::Neutron::ExtraRouteSet": _extra_route,
    "AWS::EC2::EIP": _public_address,
    "AWS::EC2::EIPAssociation": _public_address,
    "AWS::EC2::VPCGatewayAttachment": _vpc_attachment,
}
