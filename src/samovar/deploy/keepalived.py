# SPDX-License-Identifier: Apache-2.0
"""Pure: keepalived.conf for one endpoint, and the kernel's settings that go with it.

Source: keepalived.conf(5) of 2.2.
"""

from __future__ import annotations

import ipaddress

from .inventory import Inventory, Node, VirtualAddress

SYSCTL = """\
# Written by 'samovar deploy proxy': HAProxy listens on the addresses that move before they are here.
net.ipv4.ip_nonlocal_bind = 1
net.ipv6.ip_nonlocal_bind = 1
"""

HEAD = """\
# Written by 'samovar deploy proxy'; the next run replaces it.
global_defs {{
    router_id {name}
    enable_script_security
    script_user root
    vrrp_version 3
    vrrp_garp_master_repeat 3
    vrrp_garp_master_refresh 10
}}

vrrp_script proxy_lives {{
    script "{curl} -fsS -o /dev/null --max-time 1 http://127.0.0.1:{port}/"
    interval 1
    timeout 2
    fall 2
    rise 3
}}
"""

UNICAST = """\
    unicast_src_ip {own}
    unicast_peer {{
{peers}    }}
"""

ADVERT_SECONDS = 0.2  # a machine that is not heard three times in a row is gone

INSTANCE = """\
vrrp_instance {name} {{
    state BACKUP
    nopreempt
    interface {interface}
    virtual_router_id {router_id}
    priority {priority}
    advert_int {advert:g}
{peers}    virtual_ipaddress {{
        {address}
    }}
    track_script {{
        proxy_lives
    }}
}}
"""


def render(inventory: Inventory, node: Node, *, curl: str = "/usr/bin/curl") -> str:
    """The whole file. Peers speak over the endpoints' own addresses, which need no multicast."""
    parts = [HEAD.format(name=node.name, curl=curl, port=inventory.proxy.monitor_port)]
    for name, virtual in (("internal", inventory.virtual.internal), ("public", inventory.virtual.public)):
        if virtual is not None:
            parts.append(_instance(inventory, node, name, virtual))
    return "\n".join(parts)


def _instance(inventory: Inventory, node: Node, name: str, virtual: VirtualAddress) -> str:
    version = ipaddress.ip_address(virtual.ip).version
    whole = f"{virtual.ip}/{32 if version == 4 else 128}"
    address = virtual.address if "/" in virtual.address else whole
    endpoints = inventory.endpoints
    others = [endpoint.address for endpoint in endpoints if endpoint.name != node.name]
    return INSTANCE.format(
        name=name,
        interface=virtual.interface,
        router_id=virtual.router_id,
        priority=150 - 10 * endpoints.index(node),
        advert=ADVERT_SECONDS,
        peers=UNICAST.format(own=node.address, peers="".join(f"        {one}\n" for one in others))
        if others
        else "",
        address=f"{address} dev {virtual.interface}",
    )
