# SPDX-License-Identifier: Apache-2.0
"""Pure: the same with Pacemaker instead of keepalived: the commands for pcs and the text for crmsh.

The proxy is a clone on every endpoint; an address may only be where a proxy lives (colocation), and
comes before the proxy where both start (order, optional: with ip_nonlocal_bind neither must wait).
"""

from __future__ import annotations

from .inventory import Inventory, VirtualAddress

UNIT = "samovar-proxy"


def _addresses(inventory: Inventory) -> list[tuple[str, VirtualAddress]]:
    found = [("vip-internal", inventory.virtual.internal)]
    if inventory.virtual.public is not None:
        found.append(("vip-public", inventory.virtual.public))
    return found


def _prefix(virtual: VirtualAddress) -> str:
    return virtual.address.partition("/")[2] or ("128" if ":" in virtual.ip else "32")


def pcs(inventory: Inventory) -> str:
    """A shell script; run it once, on any one endpoint. PCS may name another pcs (``pcs -f file``)."""
    lines = [
        "#!/bin/sh",
        "# Written by 'samovar deploy proxy': run it once, on one endpoint that is in the cluster.",
        "set -eu",
        "pcs=${PCS:-pcs}",
        f"$pcs resource create lb-haproxy systemd:{UNIT} op monitor interval=5s clone",
    ]
    for name, virtual in _addresses(inventory):
        kind = "IPv6addr" if ":" in virtual.ip else "IPaddr2"
        field = "ipv6addr" if kind == "IPv6addr" else "ip"
        lines += [
            f"$pcs resource create {name} ocf:heartbeat:{kind} {field}={virtual.ip} "
            f"cidr_netmask={_prefix(virtual)} nic={virtual.interface} op monitor interval=2s",
            f"$pcs constraint order start {name} then lb-haproxy-clone kind=Optional",
            f"$pcs constraint colocation add {name} with lb-haproxy-clone INFINITY",
        ]
    return "\n".join([*lines, ""])


def crm(inventory: Inventory) -> str:
    """What ``crm configure load update FILE`` reads."""
    lines = [
        "# Written by 'samovar deploy proxy': crm configure load update FILE",
        f'primitive lb-haproxy systemd:{UNIT} op monitor interval="5s"',
        "clone lb-haproxy-clone lb-haproxy",
    ]
    for name, virtual in _addresses(inventory):
        kind = "IPv6addr" if ":" in virtual.ip else "IPaddr2"
        field = "ipv6addr" if kind == "IPv6addr" else "ip"
        lines += [
            f"primitive {name} ocf:heartbeat:{kind} params {field}={virtual.ip} "
            f'cidr_netmask={_prefix(virtual)} nic={virtual.interface} op monitor interval="2s"',
            f"colocation {name}-with-proxy inf: {name} lb-haproxy-clone",
            f"order {name}-before-proxy Optional: {name} lb-haproxy-clone",
        ]
    return "\n".join([*lines, ""])
