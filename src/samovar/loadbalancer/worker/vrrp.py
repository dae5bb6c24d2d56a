# SPDX-License-Identifier: Apache-2.0
"""Pure: keepalived's configuration of one of two amphorae that share a VIP."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

__all__ = ["PRIORITIES", "ROUTER_ID", "render_vrrp"]

PRIORITIES = {"MASTER": 100, "BACKUP": 90}
ROUTER_ID = 1


def render_vrrp(
    *,
    interface: str,
    own: str,
    peers: Sequence[str],
    vips: Sequence[str],
    role: str,
    advert: float,
    directory: str,
) -> str:
    """VRRPv3 by unicast. Whoever has the VIP keeps it (nopreempt); addresses are taken as checked here.

    Raises ValueError for what is no address.
    """
    family = ipaddress.ip_address(own).version
    same = [vip for vip in vips if ipaddress.ip_address(vip).version == family]
    other = [vip for vip in vips if ipaddress.ip_address(vip).version != family]
    lines = [
        "global_defs {",
        "    vrrp_version 3",
        "    vrrp_garp_master_refresh 5",
        "    vrrp_garp_master_repeat 3",
        "    script_user root",
        "    enable_script_security",
        "}",
        "vrrp_script haproxy {",
        f'    script "/usr/bin/test -S {directory}/haproxy.sock"',
        "    interval 1",
        "    fall 2",
        "    rise 1",
        "}",
        "vrrp_instance vip {",
        "    state BACKUP",
        "    nopreempt",
        f"    interface {interface}",
        f"    virtual_router_id {ROUTER_ID}",
        f"    priority {PRIORITIES[role]}",
        f"    advert_int {advert:g}",
        f"    unicast_src_ip {ipaddress.ip_address(own)}",
        "    unicast_peer {",
        *(f"        {ipaddress.ip_address(peer)}" for peer in peers),
        "    }",
        "    virtual_ipaddress {",
        *(f"        {_prefixed(vip)} dev {interface}" for vip in same),
        "    }",
    ]
    if other:
        excluded = (f"        {_prefixed(vip)} dev {interface}" for vip in other)
        lines += ["    virtual_ipaddress_excluded {", *excluded, "    }"]
    state = f"{directory}/vrrp-state"
    for event, word in (("master", "MASTER"), ("backup", "BACKUP"), ("fault", "FAULT"), ("stop", "STOPPED")):
        lines.append(f'    notify_{event} "{directory}/vrrp-notify {state} {word}"')
    lines += ["    track_script {", "        haproxy", "    }", "}", ""]
    return "\n".join(lines)


def _prefixed(vip: str) -> str:
    return str(ipaddress.ip_interface(vip))
