# SPDX-License-Identifier: Apache-2.0
"""Parsers of values as they come over the wire: each returns the value to keep or raises ValueError."""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Callable, Sequence
from typing import Any

Parser = Callable[[Any], Any]
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?"
DNS_NAME = re.compile(rf"(?=.{{1,254}}$){LABEL}(\.{LABEL})*\.?", re.I)
TRUE = ("true", "1", "yes", "on", "t", "y")
FALSE = ("false", "0", "no", "off", "f", "n")


def anything(value: Any) -> Any:
    return value


def text(maximum: int = 255) -> Parser:
    """Text of at most `maximum` characters; null is empty."""

    def parse(value: Any) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is not text")
        if len(value) > maximum:
            raise ValueError(f"it has {len(value)} characters, at most {maximum} are accepted")
        return value

    return parse


def boolean(value: Any) -> bool:
    word = str(value).lower()
    if isinstance(value, (bool, int, str)) and word in TRUE:
        return True
    if isinstance(value, (bool, int, str)) and word in FALSE:
        return False
    raise ValueError(f"{value!r} is neither true nor false")


def integer(low: int, high: int) -> Parser:
    def parse(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ValueError(f"{value!r} is not a whole number")
        try:
            number = int(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a whole number") from None
        if not low <= number <= high:
            raise ValueError(f"{number} is not between {low} and {high}")
        return number

    return parse


def identity(value: Any) -> str:
    """A UUID, with or without dashes."""
    try:
        uuid.UUID(value)
    except (ValueError, AttributeError, TypeError):
        raise ValueError(f"{value!r} is not a UUID") from None
    return str(value)


def nullable(parser: Parser) -> Parser:
    return lambda value: None if value is None else parser(value)


def one_of(*choices: Any) -> Parser:
    def parse(value: Any) -> Any:
        if value not in choices:
            raise ValueError(f"{value!r} is not one of {', '.join(str(choice) for choice in choices)}")
        return value

    return parse


def not_here(what: str) -> Parser:
    """A switch that can only be off."""

    def parse(value: Any) -> bool:
        if value is not None and boolean(value):
            raise ValueError(f"there are no {what} in this cloud")
        return False

    return parse


def list_of(parser: Parser, maximum: int = 1000) -> Parser:
    """A list without repetitions; null is the empty one."""

    def parse(value: Any) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise ValueError(f"{value!r} is not a list")
        if len(value) > maximum:
            raise ValueError(f"it has {len(value)} entries, at most {maximum} are accepted")
        parsed = [parser(item) for item in value]
        seen = set()
        for item in parsed:
            if not isinstance(item, (dict, list)):
                if item in seen:
                    raise ValueError(f"{item!r} is there twice")
                seen.add(item)
        return parsed

    return parse


def mapping(required: dict[str, Parser], optional: dict[str, Parser] | None = None) -> Parser:
    """An object with these keys and no others."""
    every = {**required, **(optional or {})}

    def parse(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(f"{value!r} is not an object")
        for name in value:
            if name not in every:
                raise ValueError(f"{name!r} is not one of {', '.join(every)}")
        for name in required:
            if name not in value:
                raise ValueError(f"{name!r} is missing")
        parsed = {}
        for name, item in value.items():
            try:
                parsed[name] = every[name](item)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return parsed

    return parse


def free_object(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is not an object")
    return value


def address(value: Any) -> str:
    return str(ip(value))


def ip(value: Any) -> IpAddress:
    try:
        if not isinstance(value, str):
            raise ValueError
        return ipaddress.ip_address(value)
    except ValueError:
        raise ValueError(f"{value!r} is not an IP address") from None


def prefix(value: Any) -> IpNetwork:
    """A CIDR; host bits are cut off."""
    try:
        if not isinstance(value, str):
            raise ValueError
        return ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f"{value!r} is not an IP prefix such as 10.0.0.0/24") from None


def cidr(value: Any) -> str:
    """A CIDR without host bits."""
    network = prefix(value)
    if "/" not in value or ipaddress.ip_address(value.split("/")[0]) != network.network_address:
        raise ValueError(f"{value!r} is not the beginning of a prefix; {network} would be")
    return str(network)


def cidr_or_address(value: Any) -> str:
    """An address as it is, or a prefix in its usual form."""
    return str(prefix(value)) if isinstance(value, str) and "/" in value else address(value)


def mac_address(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a MAC address")
    lowered = value.lower().replace("-", ":")
    if not MAC.fullmatch(lowered):
        raise ValueError(f"{value!r} is not a MAC address")
    if int(lowered[:2], 16) & 1 or lowered == "00:00:00:00:00:00":
        raise ValueError(f"{value!r} is not the MAC address of one interface")
    return lowered


def dns_name(value: Any) -> str:
    if value in (None, ""):
        return ""
    if not isinstance(value, str) or not DNS_NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a DNS name")
    return value.lower()


def dns_domain(value: Any) -> str:
    name = dns_name(value)
    if name and not name.endswith("."):
        raise ValueError(f"{value!r} must end with a dot")
    return name


def overlap(networks: Sequence[IpNetwork], candidate: IpNetwork) -> IpNetwork | None:
    """The first of `networks` that shares an address with `candidate`."""
    for network in networks:
        if network.version == candidate.version and network.overlaps(candidate):
            return network
    return None


route = mapping({"destination": lambda v: str(prefix(v)), "nexthop": address})


def routes(value: Any) -> list[dict[str, str]]:
    parsed: list[dict[str, str]] = list_of(route)(value)
    seen = set()
    for item in parsed:
        if ip(item["nexthop"]).version != prefix(item["destination"]).version:
            raise ValueError(f"{item['destination']} and {item['nexthop']} are of different IP versions")
        if (item["destination"], item["nexthop"]) in seen:
            raise ValueError(f"the route to {item['destination']} via {item['nexthop']} is there twice")
        seen.add((item["destination"], item["nexthop"]))
    return parsed
