# SPDX-License-Identifier: Apache-2.0
"""Named checks of syntax: addresses, host names, dates, cron lines. None of them asks anybody.

A check returns None for a good value, or a clause that completes a sentence: "must be a MAC address …".
"""

from __future__ import annotations

import json
import re
import zoneinfo
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from ipaddress import ip_address, ip_interface
from typing import Any

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_MAC = re.compile(r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")
_CRON_NAMES = {
    3: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    4: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_CRON_SHORTHANDS = frozenset(
    {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
)


def _wrong(expected: str, value: Any) -> str:
    return f'must be {expected}, and is "{str(value)[:80]}"'


def _is_address(value: Any) -> bool:
    try:
        ip_address(str(value))
    except ValueError:
        return False
    return True


def _is_network(value: Any) -> bool:
    """Address and prefix length; host bits may be set, as the network service takes them."""
    if "/" not in str(value):
        return False
    try:
        ip_interface(str(value))
    except ValueError:
        return False
    return True


def _address(value: Any) -> str | None:
    return None if _is_address(value) else _wrong("an IP address", value)


def _network(value: Any) -> str | None:
    return None if _is_network(value) else _wrong("a network such as 10.0.0.0/24", value)


def _address_or_network(value: Any) -> str | None:
    return None if _is_address(value) or _is_network(value) else _wrong("an IP address or a network", value)


def _mac(value: Any) -> str | None:
    return None if _MAC.fullmatch(str(value)) else _wrong("a MAC address such as fa:16:3e:00:00:01", value)


def _is_host_name(name: str) -> bool:
    return len(name) <= 255 and all(_LABEL.fullmatch(label) for label in name.split("."))


def _dns_name(value: Any) -> str | None:
    name = str(value)
    if not name or _is_host_name(name.removesuffix(".")):
        return None
    return _wrong("a DNS name of labels of up to 63 letters, digits and hyphens", value)


def _relative_dns_name(value: Any) -> str | None:
    if str(value).endswith("."):
        return _wrong("a DNS name without a dot at its end", value)
    return _dns_name(value)


def _dns_domain(value: Any) -> str | None:
    name = str(value)
    if not name:
        return None
    if not name.endswith("."):
        return _wrong('a fully qualified domain that ends with "."', value)
    if len(name.removesuffix(".").split(".")) < 2:
        return _wrong("a domain of at least two labels", value)
    return _dns_name(value)


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value).strip())
    except ValueError:
        return None


def _iso_8601(value: Any) -> str | None:
    return None if _moment(value) else _wrong("a date and time such as 2026-01-31T08:00:00Z", value)


def _json(value: Any) -> str | None:
    try:
        json.loads(str(value))
    except (ValueError, RecursionError):
        return _wrong("JSON text", value)
    return None


@cache
def _timezones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones()) | {"", "UTC"}


def _timezone(value: Any) -> str | None:
    return None if str(value) in _timezones() else _wrong("a time zone such as Europe/Paris", value)


def _cron_number(text: str, position: int) -> int:
    names = _CRON_NAMES.get(position, [])
    if text.lower() in names:
        return names.index(text.lower()) + (1 if position == 3 else 0)
    return int(text)


def _cron_field_ok(text: str, position: int) -> bool:
    low, high = _CRON_RANGES[position]
    for part in text.split(","):
        span, _, step = part.partition("/")
        if step and (not step.isdecimal() or int(step) == 0):
            return False
        if span in ("*", "?"):
            continue
        first, dash, last = span.partition("-")
        try:
            start = _cron_number(first, position)
            end = _cron_number(last, position) if dash else start
        except ValueError:
            return False
        if not low <= start <= end <= high:
            return False
    return True


def _cron(value: Any) -> str | None:
    fields = str(value).split()
    if fields in ([shorthand] for shorthand in _CRON_SHORTHANDS):
        return None
    if len(fields) != 5:
        return _wrong('a cron expression of five fields such as "0 2 * * mon"', value)
    for position, text in enumerate(fields):
        if not _cron_field_ok(text, position):
            return f'must be a cron expression, and its field "{text}" is out of range or unreadable'
    return None


def _anything(_value: Any) -> str | None:
    return None


SYNTAX_CHECKS: Mapping[str, Callable[[Any], str | None]] = {
    "cron_expression": _cron,
    "dns_domain": _dns_domain,
    "dns_name": _dns_name,
    "expiration": _iso_8601,
    "ip_addr": _address,
    "ip_or_cidr": _address_or_network,
    "iso_8601": _iso_8601,
    "json_string": _json,
    "mac_addr": _mac,
    "net_cidr": _network,
    "rel_dns_name": _relative_dns_name,
    "test_constr": _anything,
    "timezone": _timezone,
}
