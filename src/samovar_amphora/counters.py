# SPDX-License-Identifier: Apache-2.0
"""What passed through each listener since it was made: HAProxy's counters, carried over reloads."""

from __future__ import annotations

import contextlib
import json
import threading

from .files import read, write
from .runtime import RuntimeFailure, statistics

__all__ = ["Counters", "Report"]

FIELDS = {
    "bytes_in": "bin",
    "bytes_out": "bout",
    "total_connections": "stot",
    "request_errors": "ereq",
}
CURRENT = "active_connections"
Numbers = dict[str, int]


class Report:
    """What HAProxy says of its listeners, pools and members, by the names of the configuration."""

    def __init__(self, rows: list[dict[str, str]]) -> None:
        self.listeners: dict[str, str] = {}
        self.pools: dict[str, dict[str, object]] = {}
        self.numbers: dict[str, Numbers] = {}
        members: dict[str, dict[str, dict[str, str]]] = {}
        for row in rows:
            name, kind = row["pxname"], row["svname"]
            if kind == "FRONTEND":
                self.listeners[name] = row["status"]
                self.numbers[name] = {key: int(row[field] or 0) for key, field in FIELDS.items()}
                self.numbers[name][CURRENT] = int(row["scur"] or 0)
            elif kind == "BACKEND":
                self.pools[name] = {"status": row["status"], "members": members.setdefault(name, {})}
            else:
                last = row.get("last_chk") or row.get("check_desc") or ""
                members.setdefault(name, {})[kind] = {
                    "status": row["status"],
                    "check": row.get("check_status", ""),
                    "code": row.get("check_code", ""),
                    "milliseconds": row.get("check_duration", ""),
                    "last": last[:80],
                }


class Counters:
    """Totals survive reloads and restarts in a file; `settle` before a HAProxy with its counters goes."""

    def __init__(self, directory: str, socket: str) -> None:
        self._file = f"{directory}/counters.json"
        self._socket = socket
        self._lock = threading.Lock()
        self._base: dict[str, Numbers] = {}
        self._last: dict[str, Numbers] = {}
        try:
            self._base = json.loads(read(self._file))
        except (FileNotFoundError, ValueError):
            self._base = {}

    def read(self) -> tuple[Report, dict[str, Numbers]]:
        """What HAProxy says now, and the totals. Raises RuntimeFailure when it says nothing."""
        report = Report(statistics(self._socket))
        with self._lock:
            self._last = report.numbers
            return report, {name: self._total(name, numbers) for name, numbers in report.numbers.items()}

    def settle(self) -> None:
        """The present counters are about to vanish: add them to what was before."""
        with contextlib.suppress(RuntimeFailure):  # gone already: what was read last is what is known
            self.read()
        with self._lock:
            for name, numbers in self._last.items():
                self._base[name] = self._total(name, numbers)
                self._base[name].pop(CURRENT, None)
            self._last = {}
            write(self._file, json.dumps(self._base))

    def _total(self, name: str, numbers: Numbers) -> Numbers:
        base = self._base.get(name, {})
        return {key: value + base.get(key, 0) for key, value in numbers.items()}
