# SPDX-License-Identifier: Apache-2.0
"""A Server: one row of compute_servers as a value, and its states in the words of the API."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, select

from .tables import interfaces, servers

NO_STATE, RUNNING, PAUSED, SHUTDOWN, CRASHED, SUSPENDED = 0, 1, 3, 4, 6, 7
"""Power states (Nova API reference, "Server Concepts")."""

STATUS: Mapping[str, Mapping[str | None, str]] = {
    "building": {None: "BUILD"},
    "active": {
        None: "ACTIVE",
        "rebooting": "REBOOT",
        "rebooting_hard": "HARD_REBOOT",
        "updating_password": "PASSWORD",
        "rebuilding": "REBUILD",
        "rebuild_spawning": "REBUILD",
        "resize_prep": "RESIZE",
    },
    "stopped": {
        None: "SHUTOFF",
        "rebooting_hard": "HARD_REBOOT",
        "rebuilding": "REBUILD",
        "rebuild_spawning": "REBUILD",
        "resize_prep": "RESIZE",
    },
    "resized": {None: "VERIFY_RESIZE", "resize_reverting": "REVERT_RESIZE"},
    "paused": {None: "PAUSED", "rebooting_hard": "HARD_REBOOT"},
    "suspended": {None: "SUSPENDED", "rebooting_hard": "HARD_REBOOT"},
    "error": {
        None: "ERROR",
        "rebooting_hard": "HARD_REBOOT",
        "rebuilding": "REBUILD",
        "rebuild_spawning": "REBUILD",
    },
    "deleted": {None: "DELETED"},
}
"""vm_state → task_state → status; a task that is not named leaves the status of the state."""

CAPABILITIES = "samovar:capabilities"
"""The extra spec of a flavor, and the scheduler hint of a server, that names what it may do beyond others."""
NEGLECTED = frozenset({"lease_owner", "lease_epoch", "lease_expires_at"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The columns of compute_servers, but for the lease."""

    id: str
    project_id: str
    user_id: str
    name: str
    description: str | None
    hostname: str
    vm_state: str
    task_state: str | None
    power_state: int
    progress: int
    flavor: dict[str, Any]
    flavor_id: str
    image_id: str | None
    user_data: str | None
    key_name: str | None
    public_key: str | None
    admin_password: str | None
    properties: dict[str, str]
    tags: list[str]
    availability_zone: str | None
    pinned_zone: str | None
    config_drive: bool
    networks: list[dict[str, Any]]
    security_groups: list[dict[str, str]]
    personality: list[dict[str, str]]
    hints: dict[str, Any]
    group_id: str | None
    locked: bool
    locked_reason: str | None
    fault: dict[str, Any] | None
    disk_config: str
    access_ipv4: str
    access_ipv6: str
    host: str | None
    launch_index: int
    reservation_id: str
    addresses: dict[str, list[dict[str, Any]]]
    previous: dict[str, Any] | None
    operation: dict[str, Any] | None
    operation_number: int
    created_at: datetime.datetime
    updated_at: datetime.datetime
    launched_at: datetime.datetime | None
    terminated_at: datetime.datetime | None
    deleted: bool

    @property
    def status(self) -> str:
        return status_of(self.vm_state, self.task_state)


COLUMNS = [servers.c[field.name] for field in dataclasses.fields(Server)]


def server_from(row: RowMapping) -> Server:
    return Server(**{key: value for key, value in row.items() if key not in NEGLECTED})


ONE = select(*COLUMNS).where(servers.c.id == bindparam("server"))
ALIVE = ONE.where(servers.c.deleted.is_(False))
INTERFACES = (
    select(interfaces).where(interfaces.c.server_id == bindparam("server")).order_by(interfaces.c.position)
)


def find_server(connection: Connection, server_id: str, *, deleted: bool = False) -> Server | None:
    """The server, or None. Deleted ones are found only when asked for."""
    row = connection.execute(ONE if deleted else ALIVE, {"server": server_id}).mappings().first()
    return None if row is None else server_from(row)


def status_of(vm_state: str, task_state: str | None) -> str:
    words = STATUS.get(vm_state, {None: "UNKNOWN"})
    return words.get(task_state) or words[None]


def states_of(status: str) -> list[tuple[str, str | None]]:
    """The (vm_state, task_state) pairs whose status is `status`; task None: any that has no own status."""
    return [
        (state, task)
        for state, words in STATUS.items()
        for task, word in words.items()
        if word == status.upper()
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One port of a server. `addresses`: objects with ``ip_address`` and ``subnet_id``."""

    port_id: str
    server_id: str
    position: int
    network_id: str
    network_name: str
    mac: str
    addresses: list[dict[str, str]]
    made_here: bool
    tag: str | None


def interfaces_of(connection: Connection, server_id: str) -> list[Interface]:
    """The interfaces of a server in the order in which it has them."""
    return [Interface(**row) for row in connection.execute(INTERFACES, {"server": server_id}).mappings()]
