# SPDX-License-Identifier: Apache-2.0
"""Words of a HAProxy configuration: every value from outside passes here, quoted or refused.

Strong quotes ('…') switch off every special meaning (spaces, #, \\, $, "); a single quote is written between
them as '\\''. What no quoting can carry (line ends, other control characters, NUL) is refused.
Source: HAProxy configuration manual, 2.2 "Quoting and escaping" and 8.2.6 "Custom log format".
"""

from __future__ import annotations

import ipaddress
import re

PLAIN = re.compile(r"[A-Za-z0-9_.,:/@=+%^*~\[\]-]+", re.ASCII)
TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
IDENTIFIER = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
CIPHERS = re.compile(r"[A-Za-z0-9\-+!:@=_.]{1,4096}", re.ASCII)
LONGEST = 8192


class Refused(ValueError):
    """A value that must not go into a configuration; the message is a sentence for the user."""


def word(value: str) -> str:
    """`value` as one word. Raises Refused for what no word can hold."""
    if len(value) > LONGEST:
        raise Refused(f"A value of {len(value)} characters is too long for a configuration.")
    for character in value:
        if ord(character) < 0x20 or 0x7F <= ord(character) <= 0x9F or character in "\u2028\u2029":
            raise Refused(f"{value!r} holds a control character or line end, which is not allowed here.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Refused(f"{value!r} is not text that UTF-8 can carry.") from None
    if PLAIN.fullmatch(value):
        return value
    return "'" + value.replace("'", "'\\''") + "'"


def formatted(value: str) -> str:
    """`value` as one word where HAProxy would expand %-expressions: they are taken literally."""
    return word(value.replace("%", "%%"))


def identifier(value: str) -> str:
    """The id of an object. Raises Refused for what is none."""
    if not IDENTIFIER.fullmatch(value):
        raise Refused(f"{value!r} is not an identifier.")
    return value


def token(value: str, what: str) -> str:
    """A header's or cookie's name, to stand in the parentheses of a fetch. Raises Refused."""
    if not TOKEN.fullmatch(value):
        raise Refused(f"{value!r} cannot be used as {what}.")
    return f'"{value}"' if "'" in value else value  # arguments have quotes of their own, within the word's


def address(value: str) -> str:
    """An IP address in its canonical form. Raises Refused."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise Refused(f"{value!r} is not an IP address.") from None


def alone(value: str) -> str:
    """An IP address where a port might follow; IPv6 is in brackets, so that its end is not taken for one."""
    canonical = address(value)
    return f"[{canonical}]" if ":" in canonical else canonical


def place(host: str, port: int) -> str:
    """``address:port`` as HAProxy reads it; IPv6 is written with its family, so that no colon is taken
    for a port's."""
    canonical = address(host)
    return f"ipv6@{canonical}:{number(port)}" if ":" in canonical else f"{canonical}:{number(port)}"


def prefix(value: str) -> str:
    """A CIDR, host bits cut off. Raises Refused."""
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise Refused(f"{value!r} is not a CIDR.") from None


def number(value: int) -> str:
    """A whole number that is not negative. Raises Refused."""
    if value < 0:
        raise Refused(f"{value} is negative.")
    return str(int(value))


def ciphers(value: str) -> tuple[str, str]:
    """An OpenSSL cipher list as (up to TLS 1.2, suites of TLS 1.3). Raises Refused."""
    if not CIPHERS.fullmatch(value):
        raise Refused(f"{value!r} is not a list of ciphers.")
    names = [name for name in value.split(":") if name]
    suites = [name for name in names if name.startswith("TLS_")]
    return ":".join(name for name in names if name not in suites), ":".join(suites)
