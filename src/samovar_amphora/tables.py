# SPDX-License-Identifier: Apache-2.0
"""What must survive a reload: which client belongs to which server, and which servers were up.

Stick tables without a remote peer are lost with the old process; they are read before and written after.
Servers are numbered anew in a new configuration, so their names are remembered.
"""

from __future__ import annotations

import re

from .runtime import RuntimeFailure, ask

__all__ = ["dump", "restore", "states_to_keep"]

ENTRY = re.compile(r"key=(?P<key>\S+) .*?server_id=(?P<server>\d+)")
MOST = 20_000
STATE_FIELDS = {"admin": 6, "uweight": 7, "iweight": 8}
Sticky = list[tuple[str, str, str]]


def dump(path: str) -> Sticky:
    """(table, key, name of the server) of every entry; [] when HAProxy does not answer."""
    try:
        names = {(backend, number): name for backend, number, name in _servers(path)}
        found: Sticky = []
        for line in ask(path, "show table").splitlines():
            if not line.startswith("# table:") or "used:0" in line.replace(" ", ""):
                continue
            table = line.split(":", 1)[1].split(",")[0].strip()
            for entry in ask(path, f"show table {table}").splitlines():
                match = ENTRY.search(entry)
                name = names.get((table, match["server"])) if match else None
                if match and name is not None:
                    found.append((table, match["key"], name))
        return found[:MOST]
    except RuntimeFailure:
        return []


def restore(path: str, sticky: Sticky) -> None:
    """Write entries back whose server is still there."""
    if not sticky:
        return
    try:
        numbers = {(backend, name): number for backend, number, name in _servers(path)}
        commands = []
        for table, key, name in sticky:
            number = numbers.get((table, name))
            if number is not None and ";" not in key:
                escaped = key.replace("\\", "\\\\").replace(" ", "\\ ")
                commands.append(f"set table {table} key {escaped} data.server_id {number}")
        for start in range(0, len(commands), 50):
            ask(path, "; ".join(commands[start : start + 50]))
    except RuntimeFailure:
        return


def states_to_keep(text: str, configuration: str) -> str:
    """``show servers state`` as a file that hands on the results of checks only.

    Weight and maintenance are what the configuration says: commands that changed them are in it already.
    Left out are servers that the new configuration does not check, and those in maintenance: they count as
    down, and without checks they would stay so for ever.
    """
    checked = _checked(configuration)
    lines = []
    for line in text.splitlines():
        fields = line.split(" ")
        if line and not line.startswith("#") and len(fields) > max(STATE_FIELDS.values()):
            if fields[STATE_FIELDS["admin"]] != "0" or (fields[1], fields[3]) not in checked:
                continue
            fields[STATE_FIELDS["uweight"]] = fields[STATE_FIELDS["iweight"]]
        lines.append(" ".join(fields))
    return "\n".join(lines) + "\n"


def _checked(configuration: str) -> set[tuple[str, str]]:
    """(backend, name) of the servers that are checked."""
    found, backend = set(), ""
    for line in configuration.splitlines():
        words = line.split()
        if words[:1] == ["backend"]:
            backend = words[1]
        elif words[:1] == ["server"] and "check" in words:
            found.add((backend, words[1]))
    return found


def _servers(path: str) -> list[tuple[str, str, str]]:
    """(backend, number, name) of every server."""
    rows = []
    for line in ask(path, "show servers state").splitlines():
        fields = line.split(" ")
        if line and not line.startswith("#") and len(fields) > 4:
            rows.append((fields[1], fields[2], fields[3]))
    return rows
