# SPDX-License-Identifier: Apache-2.0
"""Pure: the systemd units of an endpoint's two programs."""

from __future__ import annotations

from .inventory import Inventory

PROXY_UNIT = "samovar-proxy.service"
ADDRESS_UNIT = "samovar-address.service"

PROXY = """\
# Written by 'samovar deploy proxy'.
[Unit]
Description=The proxy in front of the services
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
RuntimeDirectory={runtime}
RuntimeDirectoryPreserve=yes
ExecStartPre=/usr/sbin/haproxy -c -q -f {config}/haproxy.cfg
ExecStart=/usr/sbin/haproxy -Ws -S {run}/master.sock -p {run}/haproxy.pid -f {config}/haproxy.cfg
ExecReload=/usr/sbin/haproxy -c -q -f {config}/haproxy.cfg
ExecReload=/bin/kill -USR2 $MAINPID
KillMode=mixed
SuccessExitStatus=143
Restart=always
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
"""

ADDRESS = """\
# Written by 'samovar deploy proxy'.
[Unit]
Description=The address that moves between the proxies
After=network-online.target samovar-proxy.service
Wants=network-online.target

[Service]
ExecStart=/usr/sbin/keepalived --dont-fork --log-console -f {config}/keepalived.conf \\
    -p {run}/keepalived.pid -r {run}/vrrp.pid
ExecReload=/bin/kill -HUP $MAINPID
KillMode=process
Restart=always

[Install]
WantedBy=multi-user.target
"""


def proxy_unit(inventory: Inventory) -> str:
    return PROXY.format(**_words(inventory))


def address_unit(inventory: Inventory) -> str:
    return ADDRESS.format(**_words(inventory))


def _words(inventory: Inventory) -> dict[str, str]:
    proxy = inventory.proxy
    return {
        "config": proxy.config_dir,
        "run": proxy.run_dir,
        "runtime": proxy.run_dir.removeprefix("/run/"),
    }
