# SPDX-License-Identifier: Apache-2.0
"""The amphora's addresses and ways: what leaves from an address leaves through that address's interface.

    interface of the VIP:  own address, VIP/32 ─ table 2: its subnet, its gateway ─ rule "from address"

So tenants' networks may overlap with the management network, and answers go back the way that questions came.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import struct
import subprocess

from . import routing
from .files import read, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["PASSING_MARK", "Network", "NetworkFailure", "announce"]

FIRST_PRIORITY, LAST_PRIORITY = 10_000, 10_999
MANAGEMENT_TABLE, VIP_TABLE, PASSING_TABLE = 1, 2, 900
PASSING_MARK = 0x40000000
ANNOUNCEMENTS = 3


class NetworkFailure(Exception):
    """An interface is missing, or the kernel refused; the message says which and why."""


class Network:
    """Makes so what `plug` was told last, also after a restart."""

    def __init__(self, directory: str) -> None:
        self._file = f"{directory}/network.json"
        os.makedirs(directory, exist_ok=True)

    def begin(self) -> None:
        if os.path.exists(self._file):
            self._make(json.loads(read(self._file)))

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
        for interface in wanted["interfaces"]:
            mac = str(interface["mac"]).lower()
            if mac not in links:
                raise NetworkFailure(f"There is no interface with the MAC {mac} in this amphora (yet).")
            names[mac] = links[mac]
        present = routing.addresses()
        changes: list[str] = []
        rules: list[tuple[str, int]] = []
        for interface in wanted["interfaces"]:
            name = names[str(interface["mac"]).lower()]
            changes += _interface(name, interface, present.get(name, set()))
            rules += _sources(interface)
        changes += _passing(wanted["interfaces"], names)
        _carry_out(changes + _rules(rules))
        for interface in wanted["interfaces"]:
            for vip in interface.get("vips", ()):
                announce(names[str(interface["mac"]).lower()], vip)
        return names


def _interface(name: str, interface: dict[str, Any], present: set[str]) -> list[str]:
    """What makes the interface so, as commands of ip."""
    table = int(interface["table"])
    vips = {str(ipaddress.ip_interface(vip)) for vip in interface.get("vips", ())}
    own = {str(ipaddress.ip_interface(one)) for one in interface["addresses"]}
    commands = [f"link set {name} up"]
    for address in sorted((own | vips) - present):
        commands.append(f"address add {address} dev {name}{' nodad' if ':' in address else ''}")
    for address in sorted(present - own - vips):
        parsed = ipaddress.ip_interface(address)
        single = parsed.network.prefixlen == parsed.max_prefixlen
        if single and not parsed.is_link_local and not interface.get("moving", False):
            commands.append(f"address del {address} dev {name}")
    return commands + _ways(name, interface, table, default=True)


def _ways(name: str, interface: dict[str, Any], table: int, *, default: bool) -> list[str]:
    """The interface's subnets, gateways and routes, in a table."""
    commands = []
    for address in sorted(interface["addresses"]):
        commands.append(_route(str(ipaddress.ip_interface(address).network), None, name, table))
    for gateway in interface.get("gateways", ()) if default else ():
        commands.append(_route("::/0" if ":" in gateway else "0.0.0.0/0", gateway, name, table))
    for route in interface.get("routes", ()):
        commands.append(_route(route["destination"], route["nexthop"], name, table))
    return commands


def _passing(interfaces: list[dict[str, Any]], names: dict[str, str]) -> list[str]:
    """The ways of what is passed on instead of answered (see `rules`): to the subnets of the VIP and of
    members, and elsewhere by the VIP's gateway; never by the management network."""
    commands: list[str] = []
    for interface in interfaces:
        table = int(interface["table"])
        if table != MANAGEMENT_TABLE:
            name = names[str(interface["mac"]).lower()]
            commands += _ways(name, interface, PASSING_TABLE, default=table == VIP_TABLE)
    return commands


def _sources(interface: dict[str, Any]) -> list[tuple[str, int]]:
    own = [*interface["addresses"], *interface.get("vips", ()), *interface.get("moving_vips", ())]
    return [(str(ipaddress.ip_interface(one).ip), int(interface["table"])) for one in own]


def _rules(wanted: list[tuple[str, int]]) -> list[str]:
    """What leaves exactly these rules in our range of priorities."""
    commands: list[str] = []
    for family in (socket.AF_INET, socket.AF_INET6):
        six = family == socket.AF_INET6
        mine = {(source, table) for source, table in wanted if (":" in source) is six}
        present: set[tuple[str, int]] = set()
        for rule in routing.rules(family):
            if FIRST_PRIORITY <= rule.priority <= LAST_PRIORITY:
                if rule.marked:
                    present.add(("", PASSING_TABLE))
                    continue
                known = (rule.source, rule.table)
                if known in mine:
                    present.add(known)
                else:
                    commands.append(f"rule del priority {rule.priority} from {known[0]}")
        for source, table in sorted(mine - present):
            commands.append(f"rule add from {source} lookup {table} priority {FIRST_PRIORITY + table}")
        if mine and ("", PASSING_TABLE) not in present:
            mark = f"fwmark {PASSING_MARK:#x}/{PASSING_MARK:#x}"
            everything = "::/0" if six else "0.0.0.0/0"
            commands.append(
                f"rule add from {everything} {mark} lookup {PASSING_TABLE} priority {FIRST_PRIORITY}"
            )
    return commands


def announce(name: str, address: str) -> None:
    """Tell the neighbours that `address` is here now (RFC 5227; RFC 4861, 7.2.6)."""
    mac = bytes.fromhex(_mac(name).replace(":", ""))
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
    """MAC → interface."""
    return {_mac(name): name for _, name in socket.if_nameindex() if name != "lo"}


def _mac(name: str) -> str:
    return read(f"/sys/class/net/{name}/address").strip().lower()


def _route(destination: str, nexthop: str | None, name: str, table: int) -> str:
    way = f"via {nexthop} onlink " if nexthop else ""
    return f"route replace {destination} {way}dev {name} table {table}"


def _carry_out(commands: list[str]) -> None:
    """All commands in order, those of each family in one go; what is there already is no failure."""
    for family in ("-4", "-6"):
        mine = [line for line in commands if (":" in line) is (family == "-6")]
        if mine:
            _ip("-force", family, "-batch", "-", given="\n".join(mine) + "\n")


def _ip(*words: str, given: str) -> None:
    ran = subprocess.run(["ip", *words], input=given, capture_output=True, text=True, check=False)
    said = [line for line in ran.stderr.splitlines() if line.strip()]
    bad = [line for line in said if "File exists" not in line and not line.startswith("Command failed")]
    if ran.returncode and (bad or not said):
        raise NetworkFailure(f"ip {' '.join(words)}: {bad[0] if bad else ran.returncode}{_advice(bad)}")


def _advice(said: list[str]) -> str:
    """What to do about a refusal that is about rights."""
    if not said or "not permitted" not in said[0]:
        return ""
    return (
        ". The amphora may not set up its own network: the cloud that it runs on must let it (CAP_NET_ADMIN)."
    )
