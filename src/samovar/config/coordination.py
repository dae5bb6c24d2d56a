# SPDX-License-Identifier: Apache-2.0
"""How processes of one kind find each other."""

from __future__ import annotations

from dataclasses import dataclass

from .options import option


@dataclass(frozen=True, slots=True)
class CoordinationSettings:
    backend_url: str | None = option(
        None,
        section="coordination",
        help="Where membership is kept (redis://, etcd3+http://, zookeeper://, memcached://, file://); "
        "empty: in the database",
    )
    heartbeat: float = option(
        3.0,
        section="coordination",
        help="Seconds between two heartbeats of a member",
        old=("coordination/heartbeat_interval",),
    )
    membership_timeout: float = option(
        10.0, section="coordination", help="Seconds after which a silent member is gone"
    )
    partitioning_group_prefix: str | None = option(
        None,
        section="coordination",
        help="Prefix of group names: processes with another prefix share other work",
        old=("polling/partitioning_group_prefix", "central/partitioning_group_prefix"),
    )
