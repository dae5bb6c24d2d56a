# SPDX-License-Identifier: Apache-2.0
"""The amphora's addresses and ways: what leaves from an address leaves through that address's interface.

    interface of the VIP:  own address, VIP/32 ─ table 2: its subnet, its gateway ─ rule "from address"

So tenants' networks may overlap with the management network, and answers go back the way that questions came.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any

from .settings import write

__all__ = ["Network", "NetworkFailure", "announce"]

FIRST_PRIORITY, LAST_PRIORITY = 10_000, 10_999
ANNOUNCEMENTS = 3


class NetworkFailure(Exception):
    """An interface is missing, or the kernel refused; the message says which and why."""


class Network:
    """Makes so what `plug` was told last, also after a restart."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "network.json"
        directory.mkdir(parents=True, exist_ok=True)

    def begin(self) -> None:
        if self._file.exists():
            self._make(json.loads(self._file.read_text()))

    def plug(self, wanted: dict[str, Any]) -> dict[str, str]:
        """``{"interfaces": [{mac, addresses, vips, gateways, routes, table}]}``; MAC → interface.

        Addresses with prefix lengths, `vips` without; a VIP that keepalived moves is not in `vips`.
        """
        names = self._make(wanted)
        write(self._file, json.dumps(wanted))
        return names

    def _make(self, wanted: dict[str, Any]) -> dict[str, str]:
        links = _links()
        names: dict[str, str] = {}
        rules: list[tuple[str, int]] = []
        for interface in wanted["interfaces"]:
            mac = str(interface["mac"]).lower()
            name = links.get(mac)
            if name is None:
                raise NetworkFailure(f"There is no interface with the MAC {mac} in this amphora (yet).")
            names[mac] = name
            rules += self._interface(name, interface)
        self._rules(rules)
        for interface in wanted["interfaces"]:
            for vip in interface.get("vips", ()):
                announce(names[str(interface["mac"]).lower()], vip)
        return names

    def _interface(self, name: str, interface: dict[str, Any]) -> list[tuple[str, int]]:
        table = int(interface["table"])
        present = _addresses(name)
        vips = {str(ipaddress.ip_interface(vip)) for vip in interface.get("vips", ())}
        own = {str(ipaddress.ip_interface(one)) for one in interface["addresses"]}
        _ip("link", "set", name, "up")
        for address in sorted((own | vips) - present):
            _ip("address", "add", address, "dev", name, *(["nodad"] if ":" in address else []))
        for address in sorted(present - own - vips):
            parsed = ipaddress.ip_interface(address)
            single = parsed.network.prefixlen == parsed.max_prefixlen
            if single and not parsed.is_link_local and not interface.get("moving", False):
                _ip("address", "del", address, "dev", name)
        for address in sorted(own):
            network = ipaddress.ip_interface(address).network
            _route(str(network), None, name, table)
        for gateway in interface.get("gateways", ()):
            _route("::/0" if ":" in gateway else "0.0.0.0/0", gateway, name, table)
        for route in interface.get("routes", ()):
            _route(route["destination"], route["nexthop"], name, table)
        sources = [str(ipaddress.ip_interface(one).ip) for one in (*own, *vips)]
        return [(source, table) for source in (*sources, *interface.get("moving_vips", ()))]

    def _rules(self, wanted: list[tuple[str, int]]) -> None:
        """Exactly these rules in our range of priorities."""
        for family in ("-4", "-6"):
            mine = {(source, table) for source, table in wanted if (":" in source) is (family == "-6")}
            present: set[tuple[str, int]] = set()
            for rule in json.loads(_ip(family, "-j", "rule", "show") or "[]"):
                if FIRST_PRIORITY <= int(rule["priority"]) <= LAST_PRIORITY:
                    known = (str(rule.get("src", "")), int(rule["table"]))
                    if known in mine:
                        present.add(known)
                    else:
                        _ip(family, "rule", "del", "priority", str(rule["priority"]), "from", known[0])
            for source, table in sorted(mine - present):
                priority = str(FIRST_PRIORITY + table)
                _ip(family, "rule", "add", "from", source, "lookup", str(table), "priority", priority)


def announce(name: str, address: str) -> None:
    """Tell the neighbours that `address` is here now (RFC 5227; RFC 4861, 7.2.6)."""
    mac = bytes.fromhex(Path(f"/sys/class/net/{name}/address").read_text().strip().replace(":", ""))
    try:
        for _ in range(ANNOUNCEMENTS):
            if ":" in address:
                _advertise(name, mac, address)
            else:
                _arp(name, mac, address)
    except OSError as error:
        raise NetworkFailure(f"{address} cannot be announced on {name}: {error.strerror}.") from error


def _arp(name: str, mac: bytes, address: str) -> None:
    raw = socket.inet_aton(address)
    header = b"\xff" * 6 + mac + struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
        sender.bind((name, 0))
        sender.send(header + mac + raw + bytes(6) + raw)


def _advertise(name: str, mac: bytes, address: str) -> None:
    body = struct.pack(">BBHI", 136, 0, 0, 0x20000000) + socket.inet_pton(socket.AF_INET6, address)
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sender:
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        index = socket.if_nametoindex(name)
        sender.sendto(body + struct.pack(">BB", 2, 1) + mac, ("ff02::1", 0, 0, index))


def _links() -> dict[str, str]:
    found = {}
    for path in sorted(Path("/sys/class/net").iterdir()):
        if path.name != "lo":
            found[(path / "address").read_text().strip().lower()] = path.name
    return found


def _addresses(name: str) -> set[str]:
    shown = json.loads(_ip("-j", "address", "show", "dev", name) or "[]")
    return {f"{one['local']}/{one['prefixlen']}" for link in shown for one in link.get("addr_info", ())}


def _route(destination: str, nexthop: str | None, name: str, table: int) -> None:
    family = "-6" if ":" in destination else "-4"
    way = ["via", nexthop, "onlink"] if nexthop else []
    _ip(family, "route", "replace", destination, *way, "dev", name, "table", str(table))


def _ip(*words: str) -> str:
    ran = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if ran.returncode:
        said = ran.stderr.strip().splitlines()
        if "File exists" in ran.stderr:
            return ""
        raise NetworkFailure(f"ip {' '.join(words)}: {said[0] if said else ran.returncode}")
    return ran.stdout
