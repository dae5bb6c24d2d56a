# SPDX-License-Identifier: Apache-2.0
"""Pure: what types cannot say of an inventory: names that mean something, addresses, times that nest."""

from __future__ import annotations

import difflib
import ipaddress
import itertools
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .durations import milliseconds
from .roles import DATABASE, HTTP_SERVICES, ROLES, SERVICES

if TYPE_CHECKING:
    from .inventory import Inventory, Timeouts

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}", re.ASCII)
NEST = 1.2
"""Each timeout is this many times the one inside it."""


class InventoryError(ValueError):
    """The inventory cannot be used; the message says where and why."""


def judge(inventory: Inventory) -> None:
    """Raise InventoryError, or ValueError for a duration, where something cannot be."""
    _names([node.name for node in inventory.nodes])
    for node in inventory.nodes:
        _address(node.address, f"the address of {node.name}")
        for role in node.roles:
            if role not in ROLES:
                raise InventoryError(f"{node.name}: there is no role {role!r}{meant(role, ROLES)}")
        for service in node.services:
            if service not in SERVICES:
                raise InventoryError(
                    f"{node.name}: there is no service {service!r}{meant(service, SERVICES)}"
                )
    for service in inventory.services:
        if service not in HTTP_SERVICES:
            raise InventoryError(f"services: {service!r} has no proxy{meant(service, HTTP_SERVICES)}")
    if not inventory.endpoints:
        raise InventoryError("no machine has the role 'endpoint', so there is nowhere for a proxy to run.")
    _virtual(inventory)
    _timeouts(inventory.proxy.timeouts)
    _checks(inventory)
    _ports(inventory)


def _names(names: list[str]) -> None:
    for name in names:
        if not NAME.fullmatch(name):
            raise InventoryError(f"{name!r} is not a name of a machine: letters, digits, '.', '_' and '-'.")
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InventoryError(f"two machines are called {', '.join(sorted(twice))}.")


def _address(text: str, what: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise InventoryError(f"{what}: {text!r} is not an IP address.") from None


def _virtual(inventory: Inventory) -> None:
    internal, public = inventory.virtual.internal, inventory.virtual.public
    for name, virtual in (("internal", internal), ("public", public)):
        if virtual is None:
            continue
        _address(virtual.ip, f"virtual: {name}")
        if not INTERFACE.fullmatch(virtual.interface):
            raise InventoryError(f"virtual: {name}: {virtual.interface!r} is not a name of an interface.")
        if not 1 <= virtual.router_id <= 255:
            raise InventoryError(f"virtual: {name}: router_id is a number from 1 to 255.")
        if re.search(r"[\s'\"#\\]", virtual.tls_certificate):
            raise InventoryError(
                f"virtual: {name}: tls_certificate must be a path without spaces and quotes."
            )
    if public is not None and public.ip == internal.ip:
        raise InventoryError("virtual: public and internal are the same address; leave public out.")
    if public is not None and public.router_id == internal.router_id:
        raise InventoryError("virtual: public and internal need different router_id.")
    own = {node.address for node in inventory.endpoints}
    if len(inventory.endpoints) > 1 and internal.ip in own:
        raise InventoryError(
            f"virtual: internal is one endpoint's own address {internal.ip}; with several endpoints "
            "it must be one of its own, which moves between them."
        )


def _timeouts(timeouts: Timeouts) -> None:
    chain = [("client", timeouts.client), ("server", timeouts.server), ("api", timeouts.api)]
    for (outer, longer), (inner, shorter) in itertools.pairwise(chain):
        if milliseconds(longer) < milliseconds(shorter) * NEST:
            raise InventoryError(
                f"proxy: timeouts: {outer} ({longer}) must be at least a fifth longer than {inner} "
                f"({shorter}): otherwise the proxy gives up first and its error hides the API's own."
            )
    for duration in (timeouts.connect, timeouts.queue, timeouts.request, timeouts.session):
        milliseconds(duration)


def _checks(inventory: Inventory) -> None:
    chosen = [inventory.proxy.check, *(c.check for c in inventory.services.values() if c.check is not None)]
    for check in chosen:
        for duration in (check.inter, check.fastinter, check.downinter, check.patience):
            if duration is not None:
                milliseconds(duration)
        if check.rise < 1 or check.fall < 1:
            raise InventoryError("check: rise and fall are at least 1.")
        if not re.fullmatch(r"/[A-Za-z0-9/._~-]*", check.path):
            raise InventoryError(f"check: {check.path!r} is not the path of a URL.")
    milliseconds(inventory.database.inter)
    if inventory.database.kind != "none" and not inventory.running(DATABASE):
        raise InventoryError("database: no machine has the role 'database'.")
    for word in (inventory.proxy.user, inventory.proxy.group):
        if word and not NAME.fullmatch(word):
            raise InventoryError(f"proxy: {word!r} is not a name of a user or group.")
    for path in (inventory.proxy.log, inventory.proxy.config_dir, inventory.proxy.run_dir):
        if re.search(r"[\s'\"#\\]", path):
            raise InventoryError(f"proxy: {path!r} must be without spaces and quotes.")


def _ports(inventory: Inventory) -> None:
    taken: dict[tuple[str, int], str] = {}
    for service in HTTP_SERVICES:
        for port in (inventory.port(service), inventory.backend_port(service)):
            if not 1 <= port <= 65535:
                raise InventoryError(f"services: {service}: {port} is not a port.")
        if not inventory.running(service):
            continue
        place = (inventory.virtual.internal.ip, inventory.port(service))
        if place in taken:
            raise InventoryError(f"services: {service} and {taken[place]} both want port {place[1]}.")
        taken[place] = service
        for node in inventory.running(service):
            if (node.address, inventory.backend_port(service)) == place:
                raise InventoryError(
                    f"{service} on {node.name} listens on {place[0]} port {place[1]}, where its proxy is to "
                    "listen; give it a backend_port, or the clients an address of its own."
                )


def meant(word: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(word, names, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(names)}."
