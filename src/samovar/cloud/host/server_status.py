# SPDX-License-Identifier: Apache-2.0
"""What is to be said of a server: how it stands, and why it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from samovar.cloud.host.cgroups import Cgroups
from samovar.cloud.host.reports import MACHINE_RESTARTED, ServerStatus
from samovar.cloud.host.server_files import ServerFiles

__all__ = ["status_of", "why_ended"]

KILLED = -9


def status_of(server_id: str, files: ServerFiles, cgroups: Cgroups) -> ServerStatus:
    state, known = files.state(), files.running()
    warnings = [*cgroups.missing, *state.warnings]
    if state.mode == "plain":
        warnings.insert(0, f"It has no user namespace of its own: {state.reason}.")
    common: dict[str, Any] = {"id": server_id, "isolated": state.mode != "plain", "warnings": tuple(warnings)}
    if known is None:
        failed = state.exit_status is None and bool(state.error)
        return ServerStatus(
            state="failed" if failed else "stopped",
            error=state.error,
            exit_status=state.exit_status,
            **common,
        )
    return ServerStatus(
        state="paused" if cgroups.frozen(server_id) else "running",
        pid=known.pid,
        started_at=datetime.fromtimestamp(known.at, UTC),
        **common,
    )


def why_ended(server_id: str, files: ServerFiles, cgroups: Cgroups) -> tuple[str, int]:
    """A sentence, and 0 when the server wanted it so."""
    if not files.booted_here():
        return MACHINE_RESTARTED, KILLED
    if files.exit_reason() == "poweroff":
        return "The server switched itself off.", 0
    if cgroups.out_of_memory(server_id):
        return "The server's first process was killed; the server had used up its memory.", KILLED
    return "The server's first process was killed.", KILLED
