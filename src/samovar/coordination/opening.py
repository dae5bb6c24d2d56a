# SPDX-License-Identifier: Apache-2.0
"""Which coordinator the settings ask for, and whether its times make sense."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from samovar.config import CoordinationSettings
from samovar.database import Database

from .coordinator import Alone, Coordinator
from .stores import ToozCoordinator
from .table import TableCoordinator


def open_coordinator(
    settings: CoordinationSettings, database: Database, *, alone: bool = False
) -> Coordinator:
    """The coordinator of this process, not started yet. Raises ValueError with a sentence.

    `alone`: the process runs everything there is, and no other one will come.
    """
    timeout = silence(settings)
    if settings.heartbeat >= timeout:
        raise ValueError(
            f"[coordination] heartbeat ({settings.heartbeat:g} s) must be shorter than the time after which "
            f"a silent member is gone ({timeout:g} s): members would come and go while they live."
        )
    if settings.backend_url:
        return ToozCoordinator(settings.backend_url, heartbeat=settings.heartbeat, timeout=timeout)
    if alone:
        return Alone()
    return TableCoordinator(database, heartbeat=settings.heartbeat, timeout=timeout)


def silence(settings: CoordinationSettings) -> float:
    """The seconds after which a silent member is gone: what the address says, or membership_timeout."""
    query = parse_qs(urlsplit(settings.backend_url or "").query)
    for name in ("membership_timeout", "timeout"):
        if name in query:
            try:
                return float(query[name][-1])
            except ValueError:
                raise ValueError(
                    f"[coordination] backend_url: {name}={query[name][-1]} is not a number of seconds"
                ) from None
    return settings.membership_timeout
