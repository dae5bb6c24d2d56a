# SPDX-License-Identifier: Apache-2.0
"""How long work lies still whose worker was harmed: the database is asked who holds what."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

Ask = Callable[[str], list[tuple[object, ...]]]

OPEN = {
    "orchestration_operations": "status IN ('WAITING', 'RUNNING')",
    "loadbalancer_operations": "status = 'OPEN'",
}


def owners(ask: Ask, pid: int) -> list[str]:
    """How this process signs its leases: a worker by its process id, an engine by the id it began with."""
    signed = [f"%:{pid}:%"]
    started = ask(
        f"SELECT started_at FROM runtime_processes WHERE pid = {pid} ORDER BY started_at DESC LIMIT 1"
    )
    if started:
        nearest = f"ORDER BY ABS(TIMESTAMPDIFF(MICROSECOND, created_at, '{started[0][0]}')) LIMIT 1"
        signed += [str(row[0]) for row in ask(f"SELECT id FROM orchestration_engines {nearest}")]
    return signed


def held(ask: Ask, signed: list[str]) -> dict[str, tuple[str, int]]:
    """Open operations under these signatures: id → (table, epoch)."""
    found = {}
    for table, is_open in OPEN.items():
        like = " OR ".join(f"lease_owner LIKE '{one}'" for one in signed)
        for row in ask(f"SELECT id, lease_epoch FROM {table} WHERE {is_open} AND ({like})"):
            found[str(row[0])] = (table, int(str(row[1])))
    return found


class Watch:
    """From now on: until each of these operations is in other hands, or over."""

    def __init__(self, ask: Ask, work: dict[str, tuple[str, int]]) -> None:
        self._ask, self._work, self._began = ask, dict(work), time.monotonic()
        self.count = len(work)
        self.seconds = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while self._work and not self._over.wait(0.25):
            try:
                for one, (table, epoch) in list(self._work.items()):
                    is_open = OPEN[table]
                    row = self._ask(
                        f"SELECT 1 FROM {table} WHERE id = '{one}' AND {is_open} AND lease_epoch = {epoch} "
                        "AND lease_owner IS NOT NULL"
                    )
                    if not row:
                        self.seconds = time.monotonic() - self._began
                        del self._work[one]
            except Exception:  # the database is away: it is asked again
                continue

    def end(self) -> tuple[int, float, int]:
        """How many there were, how long the last one lay still, and how many still do."""
        self._over.set()
        self._thread.join()
        return self.count, self.seconds, len(self._work)
