# SPDX-License-Identifier: Apache-2.0
"""Properties that need or exclude each other: what a type refuses although every single value is fine.

Values may be Unknown; those count as given, and are not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from samovar.orchestration.resources.value_kinds import is_kind
from samovar.orchestration.templates.values import contains_unknown

Values = Mapping[str, Any]
_AMAZON = frozenset({"ami", "ari", "aki"})


@dataclass(frozen=True, slots=True)
class Incoherence:
    """What does not fit: where among the properties, a sentence, and what to do."""

    path: tuple[str | int, ...]
    message: str
    advice: str = ""


def incoherences(type_name: str, values: Values) -> Iterator[Incoherence]:
    """Everything that does not fit together in the validated values."""
    rule = _RULES.get(type_name)
    if rule is not None:
        yield from rule(values)


def _given(values: Values, name: str) -> bool:
    return values.get(name) not in (None, "", [], {})


def _exclusive(values: Values, first: str, second: str) -> Iterator[Incoherence]:
    if _given(values, first) and _given(values, second):
        yield Incoherence(
            (second,), f'"{first}" and "{second}" exclude each other.', f'Leave out "{second}".'
        )


def _one_of(values: Values, first: str, second: str) -> Iterator[Incoherence]:
    if not _given(values, first) and not _given(values, second):
        yield Incoherence((), f'One of "{first}" and "{second}" is needed.', f'Add "{first}" or "{second}".')
    yield from _exclusive(values, first, second)


def _needs(values: Values, name: str, other: str) -> Iterator[Incoherence]:
    if _given(values, name) and not _given(values, other):
        yield Incoherence((name,), f'"{name}" needs "{other}".', f'Add "{other}".')


def _subnet(values: Values) -> Iterator[Incoherence]:
    yield from _one_of(values, "cidr", "subnetpool")
    yield from _exclusive(values, "cidr", "prefixlen")
    modes = [values.get(name) for name in ("ipv6_ra_mode", "ipv6_address_mode")]
    for name, mode in zip(("ipv6_ra_mode", "ipv6_address_mode"), modes, strict=True):
        if mode is not None and values.get("ip_version") == 4:
            yield Incoherence((name,), f'"{name}" is for subnets of IP version 6.', "Add ip_version: 6.")
    known = [mode for mode in modes if isinstance(mode, str)]
    if len(set(known)) > 1:
        message = '"ipv6_ra_mode" and "ipv6_address_mode" must be the same when both are given.'
        yield Incoherence(("ipv6_address_mode",), message)


def _port(values: Values) -> Iterator[Incoherence]:
    if values.get("no_fixed_ips") is True and _given(values, "fixed_ips"):
        yield Incoherence(("fixed_ips",), '"no_fixed_ips" and "fixed_ips" exclude each other.')


def _router(values: Values) -> Iterator[Incoherence]:
    agents = values.get("l3_agent_ids")
    if values.get("distributed") is True and agents:
        yield Incoherence(("l3_agent_ids",), '"distributed" and "l3_agent_ids" exclude each other.')
    if values.get("ha") is not True and isinstance(agents, list) and len(agents) > 1:
        message = 'Only a router with "ha" can have several L3 agents.'
        yield Incoherence(("l3_agent_ids",), message, "Add ha: true.")


def _router_interface(values: Values) -> Iterator[Incoherence]:
    yield from _one_of(values, "subnet", "port")


def _floating_ip(values: Values) -> Iterator[Incoherence]:
    yield from _needs(values, "fixed_ip_address", "port_id")


def _server(values: Values) -> Iterator[Incoherence]:
    disks = [*(values.get("block_device_mapping") or []), *(values.get("block_device_mapping_v2") or [])]
    if not _given(values, "image") and not disks:
        yield Incoherence((), "The server has neither an image nor a disk to start from.", 'Add "image".')
    yield from _exclusive(values, "block_device_mapping", "block_device_mapping_v2")
    networks = values.get("networks")
    if isinstance(networks, list):
        yield from _interfaces(networks, _given(values, "security_groups"))


def _interfaces(networks: list[Any], has_groups: bool) -> Iterator[Incoherence]:
    for index, each in enumerate(networks):
        if not isinstance(each, Mapping):
            continue
        at: tuple[str | int, ...] = ("networks", index)
        if _given(each, "allocate_network"):
            if len(networks) > 1:
                yield Incoherence(at, '"allocate_network" can only stand alone in "networks".')
            continue
        if not any(_given(each, name) for name in ("network", "subnet", "port")):
            message = 'An interface needs one of "network", "subnet" and "port".'
            yield Incoherence(at, message, 'Add "network".')
        if _given(each, "port"):
            if _given(each, "fixed_ip"):
                message = '"port" and "fixed_ip" exclude each other: the port has its addresses.'
                yield Incoherence((*at, "fixed_ip"), message, 'Give the address to the port ("fixed_ips").')
            if has_groups:
                message = '"security_groups" of a server do not apply to ports that exist already.'
                yield Incoherence(("security_groups",), message, "Give the security groups to the port.")
                has_groups = False


def _flavor(values: Values) -> Iterator[Incoherence]:
    if values.get("is_public") is True and _given(values, "tenants"):
        message = '"tenants" has no meaning for a public flavor.'
        yield Incoherence(("tenants",), message, "Add is_public: false.")


def _image(values: Values) -> Iterator[Incoherence]:
    disk, container = values.get("disk_format"), values.get("container_format")
    amazon = {each for each in (disk, container) if isinstance(each, str)} & _AMAZON
    if amazon and isinstance(disk, str) and isinstance(container, str) and disk != container:
        yield Incoherence(
            ("container_format",),
            f'The disk format "{disk}" and the container format "{container}" do not go together.',
            "Use the same for both.",
        )


def _random_string(values: Values) -> Iterator[Incoherence]:
    length = values.get("length")
    parts = [*(values.get("character_classes") or []), *(values.get("character_sequences") or [])]
    minima = [part.get("min") for part in parts if isinstance(part, Mapping)]
    known = [minimum for minimum in minima if isinstance(minimum, int)]
    if isinstance(length, int) and sum(known) > length:
        message = f"The string has {length} characters, and its classes and sequences need {sum(known)}."
        yield Incoherence(("length",), message, "Make it longer.")


def _value(values: Values) -> Iterator[Incoherence]:
    kind, value = values.get("type"), values.get("value")
    if not isinstance(kind, str) or value is None or contains_unknown(value):
        return
    if not is_kind(kind, value):
        yield Incoherence(
            ("value",), f"The value is not of the type {kind}.", "Correct the value or the type."
        )


def _sizes(smallest: str, largest: str, desired: str) -> Callable[[Values], Iterator[Incoherence]]:
    def rule(values: Values) -> Iterator[Incoherence]:
        low, high, wanted = (values.get(name) for name in (smallest, largest, desired))
        if isinstance(low, int) and low < 0:
            yield Incoherence((smallest,), "The size of a group can not be less than zero.")
        if isinstance(low, int) and isinstance(high, int) and low > high:
            message = f'"{smallest}" ({low}) is greater than "{largest}" ({high}).'
            yield Incoherence((smallest,), message)
        elif isinstance(wanted, int) and (
            (isinstance(low, int) and wanted < low) or (isinstance(high, int) and wanted > high)
        ):
            message = f'"{desired}" ({wanted}) is not between "{smallest}" and "{largest}".'
            yield Incoherence((desired,), message)

    return rule


_RULES: Mapping[str, Callable[[Values], Iterator[Incoherence]]] = {
    "AWS::AutoScaling::AutoScalingGroup": _sizes("MinSize", "MaxSize", "DesiredCapacity"),
    "OS::Glance::WebImage": _image,
    "OS::Heat::AutoScalingGroup": _sizes("min_size", "max_size", "desired_capacity"),
    "OS::Heat::RandomString": _random_string,
    "OS::Heat::Value": _value,
    "OS::Neutron::FloatingIP": _floating_ip,
    "OS::Neutron::Port": _port,
    "OS::Neutron::Router": _router,
    "OS::Neutron::RouterInterface": _router_interface,
    "OS::Neutron::Subnet": _subnet,
    "OS::Nova::Flavor": _flavor,
    "OS::Nova::Server": _server,
}
