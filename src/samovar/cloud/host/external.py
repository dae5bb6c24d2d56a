# SPDX-License-Identifier: Apache-2.0
"""External networks: where floating IPs live. A bridge in a namespace of its own, with one leg of the host
in it.

The host's leg carries the gateway's address, so that floating IPs are on a connected route of the host;
that link is the only thing the product adds to the host's own network.
"""

from __future__ import annotations

import contextlib
import ipaddress
from pathlib import Path

from samovar.cloud.host.errors import HostError
from samovar.cloud.host.interfaces import Addressing, configure, drop_link, loopback_and_defaults
from samovar.cloud.host.messages import add_bridge, add_veth, delete_link, set_link
from samovar.cloud.host.namespaces import external_namespace, set_sysctl
from samovar.cloud.host.netlink import Link, Netlink
from samovar.cloud.host.networks import BRIDGE, stable_mac
from samovar.cloud.host.nft import Table, delete_script, run_nft
from samovar.cloud.host.parts import Host
from samovar.cloud.host.specs import ExternalSpec

__all__ = ["Externals"]

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


class Externals:
    """All external networks of this host. Used from the network thread only."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._memory = host.state_dir / "forwarding-was"

    def ensure(self, spec: ExternalSpec) -> bool:
        """Make the external network so; tells whether its namespace had to be made."""
        self._check(spec)
        name = external_namespace(self._host.tag_of(spec.id))
        link_name = self._link_name(spec.id)
        fresh = self._host.namespaces.ensure(name)
        with Netlink(self._host.namespaces, name) as inside, Netlink(self._host.namespaces) as host:
            if fresh:
                loopback_and_defaults(self._host.namespaces, name, inside)
            bridge = inside.link(BRIDGE)
            if bridge is None:
                inside.run(add_bridge(BRIDGE, mac=stable_mac(name), mtu=spec.mtu))
                bridge = inside.link(BRIDGE)
            if bridge is None:
                raise HostError("kernel", f"The bridge of {name} vanished as it was made.")
            leg = self._leg(inside, host, bridge, link_name, name, spec.mtu)
            inside.run(
                *(set_link(one.index, mtu=spec.mtu) for one in inside.links().values() if one.name != "lo")
            )
            host.run(set_link(leg.index, up=True, mtu=spec.mtu))
            with contextlib.suppress(OSError):  # a kernel without IPv6 has nothing to say here
                set_sysctl(f"net/ipv6/conf/{link_name}/accept_dad", 0)
            configure(host, leg.index, Addressing(frozenset(spec.host_addresses)), None)
        self._masquerade(spec, link_name)
        return fresh

    def remove(self, network_id: str) -> None:
        name = external_namespace(self._host.tag_of(network_id))
        if not self._host.namespaces.has(name):
            return
        self._forget(self._link_name(network_id))
        self._host.namespaces.remove(name)

    def links(self) -> list[str]:
        """The names of the host's own links that belong to this state directory."""
        with Netlink(self._host.namespaces) as host:
            return [link.name for link in host.links().values() if link.alias == self._alias()]

    def tables(self) -> list[str]:
        """The names of the host's own nft tables that belong to this state directory."""
        listed = run_nft(self._host.namespaces, None, "list tables").split()
        return [name for name in listed if name.startswith(f"samovar-{self._host.tag}")]

    def purge(self) -> None:
        for name in self.links():
            self._forget(name)
        for table in self.tables():
            self._forget_table(table)

    def _leg(self, inside: Netlink, host: Netlink, bridge: Link, link_name: str, name: str, mtu: int) -> Link:
        """The host's link into the bridge, kept if it is whole, made otherwise."""
        outer, existing = inside.link("host"), host.link(link_name)
        if outer and existing and (outer.peer, outer.master) == (existing.index, bridge.index):
            return existing
        drop_link(inside, "host")
        drop_link(host, link_name)
        with self._host.namespaces.opened(name) as descriptor:
            host.run(add_veth(link_name, "host", descriptor, mtu=mtu, mac=stable_mac(link_name)))
        outer, made = inside.link("host"), host.link(link_name)
        if outer is None or made is None:
            raise HostError("kernel", f"The interface {link_name} vanished as it was made.")
        host.run(set_link(made.index, alias=self._alias()))
        inside.run(set_link(outer.index, up=True, master=bridge.index))
        return made

    def _check(self, spec: ExternalSpec) -> None:
        """HostError "clash" if this machine uses the range already, for anything but this network."""
        own = self._link_name(spec.id)
        with Netlink(self._host.namespaces) as host:
            names = {link.index: link.name for link in host.links().values()}
            taken = [
                (ipaddress.ip_network(route.destination), names.get(route.index, "an unknown link"))
                for route in host.routes()
            ]
            taken += [
                (ipaddress.ip_network(one.address), names.get(one.index, "an unknown link"))
                for one in host.addresses()
            ]
        for address in spec.host_addresses:
            try:
                wanted = ipaddress.ip_interface(f"{address.address}/{address.prefixlen}").network
            except ValueError as error:
                raise HostError("invalid", f"The external network cannot be made: {error}.") from None
            for network, link in taken:
                if network.prefixlen and link != own and network.overlaps(wanted):
                    raise HostError(
                        "clash",
                        f"The external network's range {wanted} is already used on this machine: "
                        f"{network} is on {link}. Choose a range that is free.",
                    )

    def _masquerade(self, spec: ExternalSpec, link_name: str) -> None:
        ranges = [
            str(ipaddress.ip_interface(f"{one.address}/{one.prefixlen}").network)
            for one in spec.host_addresses
            if ":" not in one.address
        ]
        table = self._table_name(link_name)
        if not spec.masquerade or not ranges:
            self._forget_table(table)
            return
        if FORWARDING.read_text().strip() == "0":
            self._memory.touch()
            FORWARDING.write_text("1")
        body = (
            "chain leaving {\ntype nat hook postrouting priority 100; policy accept;\n"
            f'ip saddr {{ {", ".join(ranges)} }} oifname != "{link_name}" masquerade\n}}\n'
        )
        run_nft(self._host.namespaces, None, Table("ip", table, body).script(None))

    def _forget(self, link_name: str) -> None:
        with Netlink(self._host.namespaces) as host:
            link = host.link(link_name)
            if link is not None:
                host.run(delete_link(link.index))
        self._forget_table(self._table_name(link_name))

    def _forget_table(self, table: str) -> None:
        if table in self.tables():
            run_nft(self._host.namespaces, None, delete_script("ip", table))
            if not self.tables():
                self._restore_forwarding()

    def _restore_forwarding(self) -> None:
        """Switch the host's forwarding off again, if we switched it on and no other cloud of this host
        needs it.
        """
        if self._memory.exists():
            if "samovar-" not in run_nft(self._host.namespaces, None, "list tables"):
                FORWARDING.write_text("0")
            self._memory.unlink()

    def _link_name(self, network_id: str) -> str:
        return f"sv{self._host.tag_of(network_id)}"

    def _table_name(self, link_name: str) -> str:
        return f"samovar-{self._host.tag}-{link_name}"

    def _alias(self) -> str:
        return f"samovar:{self._host.tag}"
