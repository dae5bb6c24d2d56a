# SPDX-License-Identifier: Apache-2.0
"""Operations: what is asked of a server, from which states, and how it is written down.

The API writes the operation into the server's row and rings; a worker of the lifecycle does it and
clears it. A server has one operation at a time; only a delete takes another's place.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from samovar.auth import Context
from samovar.database import new_id, utcnow
from samovar.web import Conflict

from .faults import ServerNotFound, WrongState
from .server import Server, find_server
from .tables import actions, servers

TOPIC = "compute.servers"
"""The bus topic on which the ids of servers with a new operation are rung."""
ENDED_TOPIC = "compute.servers.ended"
"""The bus topic on which the ids of servers that ended by themselves are announced."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One operation: the name it is recorded under, the task state while it runs, and from where."""

    operation: str
    action: str
    task_state: str
    states: frozenset[str]
    busy: frozenset[str | None] = frozenset({None})


def _from(*states: str) -> frozenset[str]:
    return frozenset(states)


TRANSITIONS: Mapping[str, Transition] = {
    "os-start": Transition("start", "start", "powering-on", _from("stopped")),
    "os-stop": Transition("stop", "stop", "powering-off", _from("active", "error")),
    "soft": Transition("reboot", "reboot", "rebooting", _from("active")),
    "hard": Transition(
        "reboot",
        "reboot",
        "rebooting_hard",
        _from("active", "stopped", "paused", "suspended", "error"),
    ),
    "rebuild": Transition("rebuild", "rebuild", "rebuilding", _from("active", "stopped", "error")),
    "pause": Transition("pause", "pause", "pausing", _from("active")),
    "unpause": Transition("unpause", "unpause", "unpausing", _from("paused")),
    "suspend": Transition("suspend", "suspend", "suspending", _from("active")),
    "resume": Transition("resume", "resume", "resuming", _from("suspended")),
    "resize": Transition("resize", "resize", "resize_prep", _from("active", "stopped")),
    "confirmResize": Transition("confirm", "confirmResize", "", _from("resized")),
    "revertResize": Transition("revert", "revertResize", "resize_reverting", _from("resized")),
    "createImage": Transition(
        "snapshot",
        "createImage",
        "image_snapshot_pending",
        _from("active", "stopped", "paused", "suspended"),
    ),
}


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and under which request."""

    user_id: str
    project_id: str
    request_id: str
    is_admin: bool = False

    @classmethod
    def of(cls, context: Context, request_id: str) -> Asker:
        return cls(context.user_id, context.project_id or "", request_id, context.is_admin)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a worker finds in the row."""

    name: str
    arguments: dict[str, Any]
    action_id: str

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Operation:
        return cls(stored["name"], stored["arguments"], stored["action_id"])

    def stored(self) -> dict[str, Any]:
        return {"name": self.name, "arguments": self.arguments, "action_id": self.action_id}


def begin(
    connection: Connection,
    server_id: str,
    wanted: str,
    asker: Asker,
    *,
    arguments: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Server:
    """Write down the operation `wanted` (a key of TRANSITIONS) and what changes at once with it.

    Raises ServerNotFound, WrongState, Conflict for a locked server.
    """
    server = unlocked(connection, server_id, asker)
    transition = check(server, wanted)
    _write(
        connection,
        server,
        transition.operation,
        transition.action,
        asker,
        transition.task_state or None,
        arguments,
        changes,
    )
    return server


def check(server: Server, wanted: str) -> Transition:
    """What the operation `wanted` means for the server as it is. Raises WrongState."""
    transition = TRANSITIONS[wanted]
    if server.vm_state not in transition.states:
        raise WrongState(transition.action, server.id, "vm_state", server.vm_state)
    if server.task_state not in transition.busy or server.operation is not None:
        raise WrongState(transition.action, server.id, "task_state", server.task_state)
    return transition


def begin_delete(connection: Connection, server_id: str, asker: Asker) -> Server:
    """Write down that the server is to go, whatever else is being done to it."""
    server = unlocked(connection, server_id, asker)
    if server.operation is None or server.operation["name"] != "delete":
        if server.operation is not None:
            finish_action(connection, server.operation["action_id"], "The server was deleted meanwhile.")
        _write(connection, server, "delete", "delete", asker, "deleting", None, None)
    return server


def begin_restore(connection: Connection, server_id: str, asker: Asker) -> bool:
    """Write down that a running server has lost its process and must get it back; False when it is busy."""
    server = find_server(connection, server_id)
    if server is None or server.operation is not None or server.vm_state != "active":
        return False
    _write(connection, server, "restore", "restore", asker, server.task_state, None, None)
    return True


def unlocked(connection: Connection, server_id: str, asker: Asker) -> Server:
    """The server. Raises ServerNotFound, and Conflict when it is locked against this asker."""
    server = find_server(connection, server_id)
    if server is None:
        raise ServerNotFound(server_id)
    if server.locked and not asker.is_admin:
        raise Conflict(f"Instance {server_id} is locked")
    return server


def _write(
    connection: Connection,
    server: Server,
    operation: str,
    action: str,
    asker: Asker,
    task_state: str | None,
    arguments: Mapping[str, Any] | None,
    changes: Mapping[str, Any] | None,
) -> None:
    action_id = record_action(connection, server.id, action, asker)
    values = {
        **(changes or {}),
        "task_state": task_state,
        "operation": Operation(operation, dict(arguments or {}), action_id).stored(),
        "operation_number": server.operation_number + 1,
        "updated_at": utcnow(),
    }
    connection.execute(update(servers).where(servers.c.id == server.id).values(values))


def record_action(
    connection: Connection,
    server_id: str,
    action: str,
    asker: Asker,
    *,
    finished: bool = False,
    message: str | None = None,
) -> str:
    """Add an entry to the server's list of actions; returns its id. `finished`: it is over already."""
    action_id, now = new_id(), utcnow()
    connection.execute(
        insert(actions).values(
            id=action_id,
            server_id=server_id,
            action=action,
            request_id=asker.request_id,
            user_id=asker.user_id,
            project_id=asker.project_id,
            started_at=now,
            finished_at=now if finished else None,
            message=message,
        )
    )
    return action_id


def finish_action(connection: Connection, action_id: str, message: str | None = None) -> None:
    """Note the end of an action; `message` only when it failed."""
    values = {"finished_at": utcnow(), "message": None if message is None else message[:2000]}
    connection.execute(update(actions).where(actions.c.id == action_id).values(values))


def waiting(connection: Connection, now: datetime.datetime) -> list[str]:
    """The ids of servers with an operation that nobody holds."""
    free = servers.c.lease_owner.is_(None) | (servers.c.lease_expires_at <= now)
    query = select(servers.c.id).where(servers.c.operation.is_not(None), servers.c.deleted.is_(False), free)
    return list(connection.execute(query).scalars())
