# SPDX-License-Identifier: Apache-2.0
"""Values of the API: each parser takes what JSON gave and returns what is stored, or raises ValueError."""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import urlsplit

Parser = Callable[[Any], Any]

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
CIPHERS = re.compile(r"[A-Za-z0-9\-+!:@=_.]+")
COOKIE_NAME = re.compile(r"[^\s,;\\\x00-\x1f\x7f\"'(){}<>@:/\[\]?=]+")
DOMAIN = re.compile(r"(?=.{1,253}\.?$)(?:(?!-|[^.]+_)[A-Za-z0-9\-_]{1,63}(?<!-)(?:\.|$))+")
CODES = re.compile(r"\d{3}(\s*,\s*\d{3})*|\d{3}-\d{3}", re.ASCII)
HTTP_METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
TLS_VERSIONS = ("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
ALPN_PROTOCOLS = ("h2", "http/1.1", "http/1.0")
LARGEST = 2**31 - 1


def text(longest: int = 255, *, lines: bool = False, shortest: int = 0) -> Parser:
    """A string without control characters; `lines`: line ends and tabs may be in it."""
    forbidden = CONTROL_BUT_LINES if lines else CONTROL

    def parse(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("Value should be a string")
        if len(value) > longest:
            raise ValueError(f"Value should have at most {longest} characters")
        if len(value) < shortest:
            raise ValueError(f"Value should have at least {shortest} characters")
        if forbidden.search(value):
            raise ValueError("Value should have no control characters")
        if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
            raise ValueError("Value should be text that UTF-8 can carry")
        return value

    return parse


def boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "t", "yes", "y", "on", "1"):
        return True
    if isinstance(value, str) and value.lower() in ("false", "f", "no", "n", "off", "0"):
        return False
    if value in (0, 1) and isinstance(value, int):
        return bool(value)
    raise ValueError("Value should be a boolean")


def integer(least: int, most: int = LARGEST) -> Parser:
    """A whole number; its digits as a string are accepted as well."""

    def parse(value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,18}\s*", value, re.ASCII):
            value = int(value)
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("Value should be an integer")
        if value < least:
            raise ValueError(f"Value should be greater or equal to {least}")
        if value > most:
            raise ValueError(f"Value should be lower or equal to {most}")
        return value

    return parse


def one_of(*choices: str) -> Parser:
    def parse(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"Value should be one of: {', '.join(sorted(choices))}")
        return value

    return parse


def identity(value: Any) -> str:
    """A UUID, with dashes or without."""
    try:
        if not isinstance(value, str):
            raise ValueError
        return str(uuid.UUID(value))
    except ValueError:
        raise ValueError("Value should be UUID format") from None


def is_identity(value: Any) -> bool:
    try:
        identity(value)
    except ValueError:
        return False
    return True


def address(value: Any) -> str:
    """An IPv4 or IPv6 address without a zone."""
    try:
        if not isinstance(value, str) or "%" in value:
            raise ValueError
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("Value should be IPv4 or IPv6 format") from None


def spelled_address(value: Any) -> str:
    """An address as it was written; `address` of it is what it is compared by."""
    address(value)
    return str(value)


def cidr(value: Any) -> str:
    """A prefix; bits of the host part are cut off."""
    try:
        if not isinstance(value, str) or "%" in value:
            raise ValueError
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise ValueError("Value should be IPv4 or IPv6 CIDR format") from None


def list_of(item: Parser, longest: int = 1000) -> Parser:
    def parse(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValueError("Value should be a list")
        if len(value) > longest:
            raise ValueError(f"Value should have at most {longest} items")
        return [item(one) for one in value]

    return parse


def distinct(item: Parser, longest: int = 1000) -> Parser:
    """A list whose repetitions are dropped."""
    items = list_of(item, longest)

    def parse(value: Any) -> list[Any]:
        return list(dict.fromkeys(items(value)))

    return parse


def ciphers(value: Any) -> str:
    given: str = text(2048)(value)
    if not CIPHERS.fullmatch(given):
        raise ValueError("Value should be a list of ciphers in OpenSSL's form")
    return given


def url(value: Any) -> str:
    """An http or https URL with a host."""
    given: str = text(1024)(value)
    if re.search(r"\s", given) or '"' in given or "'" in given or "\\" in given:
        raise ValueError("Value should be a URL without spaces, quotes and backslashes")
    try:
        parts = urlsplit(given)
        host = parts.hostname
        port = parts.port
    except ValueError:
        raise ValueError("Value should be URL format") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise ValueError("Value should be URL format, of http or https")
    return given


def url_path(value: Any) -> str:
    """The path of a request, with a query if there is one."""
    given: str = text(255)(value)
    if not given.startswith("/"):
        raise ValueError("Value should be a URL path that begins with /")
    if re.search(r"[^!-~]", given) or re.search(r'["\'\\<>`{}|^]', given):
        raise ValueError("Value should be a URL path; other characters must be percent-encoded")
    if re.search(r"%(?![0-9A-Fa-f]{2})", given):
        raise ValueError("Value should be a URL path in which each % begins a percent-encoded byte")
    if "#" in given:
        raise ValueError("Value should be a URL path without a fragment")
    return given


def expected_codes(value: Any) -> str:
    given: str = text(64)(value)
    if not CODES.fullmatch(given):
        raise ValueError("Value should be codes of three digits: one, a comma list, or one range")
    return given


def domain_name(value: Any) -> str:
    given: str = text(255)(value)
    if not DOMAIN.fullmatch(given) or not given.isascii():
        raise ValueError("Value should be a domain name")
    return given


def http_version(value: Any) -> str:
    if isinstance(value, bool) or str(value) not in ("1.0", "1.1", "1"):
        raise ValueError("Value should be one of: 1.0, 1.1")
    return "1.0" if str(value) in ("1", "1.0") else "1.1"


def cookie_name(value: Any) -> str:
    given: str = text(255, shortest=1)(value)
    if not COOKIE_NAME.fullmatch(given) or not given.isascii():
        raise ValueError("Value should be the name of a cookie")
    return given


def granularity(value: Any) -> str:
    """An IPv4 netmask or, for IPv6, a prefix length."""
    given: str = text(64)(value)
    if re.fullmatch(r"\d{1,3}", given, re.ASCII):
        if not 1 <= int(given) <= 128:
            raise ValueError("Value should be a prefix length from 1 to 128")
        return given
    try:
        if "." in given:
            ipaddress.ip_network(f"0.0.0.0/{given}")
        else:
            ipaddress.ip_address(given)
    except ValueError:
        raise ValueError("Value should be a netmask or a prefix length") from None
    return given


def string_map(names: Collection[str]) -> Parser:
    """An object of strings whose keys are among `names`."""
    value_of = text(255)

    def parse(value: Any) -> dict[str, str]:
        if not isinstance(value, dict):
            raise ValueError("Value should be an object")
        for key, item in value.items():
            if key not in names:
                raise ValueError(f"{key[:255]!r} is not a header that can be inserted")
            if not isinstance(item, str):
                raise ValueError(f"The value of {key} should be a string")
            value_of(item)
        return dict(value)

    return parse
