# SPDX-License-Identifier: Apache-2.0
"""Pure: the systemd units of the services.

A unit is ready when its service answers, and is restarted when it ends or when its loop hangs
(WatchdogSec). Its end is orderly: an API answers 503 to its proxy's check first, an engine hands
back its work.
"""

from __future__ import annotations

from collections.abc import Mapping

from .embedded import ON_THE_HOST, SERVICES

COPIES = ("engine",)
"""What may run several times on one machine: NAME@1, NAME@2, …"""

UNIT = """\
# Written by 'samovar config units'.
[Unit]
Description=Samovar: {name}
After=network-online.target
Wants=network-online.target
PartOf=samovar.target
StartLimitIntervalSec=600
StartLimitBurst=10

[Service]
Type=notify
ExecStart={program} serve {name} --config-file {config} --state-dir {state}
Restart=always
RestartSec=2
WatchdogSec=30
TimeoutStartSec=120
TimeoutStopSec=40
LimitNOFILE=65536
{account}
[Install]
WantedBy=samovar.target
"""

UNPRIVILEGED = """\
User={user}
Group={user}
StateDirectory={directory}
StateDirectoryMode=0700
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ReadWritePaths={state}
ProtectHome={homes}
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
"""

ON_HOST = """\
# Networks and servers are made by its host agent, which needs root and outlives it.
KillMode=process
"""

TARGET = """\
# Written by 'samovar config units'.
[Unit]
Description=All services of Samovar on this machine

[Install]
WantedBy=multi-user.target
"""


def units(*, program: str, config: str, state: str, user: str) -> Mapping[str, str]:
    """File name → text. `program` is the command before its first word.

    What makes networks and servers runs as root and has a state directory of its own: root without its
    powers cannot use one that is another user's.
    """
    directory = state.removeprefix("/var/lib/")
    homes = "read-only" if program.startswith(("/root/", "/home/")) else "yes"
    made = {"samovar.target": TARGET}
    for name in SERVICES:
        words = {"user": user, "state": state, "directory": directory, "homes": homes}
        account = ON_HOST if name in ON_THE_HOST else UNPRIVILEGED.format(**words)
        own = f"{state}-host" if name in ON_THE_HOST and user != "root" else state
        text = UNIT.format(name=name, program=program, config=config, state=own, account=account)
        made[f"samovar-{name}{'@' if name in COPIES else ''}.service"] = text
    return made
