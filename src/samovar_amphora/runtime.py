# SPDX-License-Identifier: Apache-2.0
"""HAProxy's runtime API: one command and its answer over the stats socket."""

from __future__ import annotations

import socket

__all__ = ["RuntimeFailure", "ask", "information", "statistics"]

TIMEOUT = 5.0
# What HAProxy says when a command did its work; everything else that it says is a complaint.
GOOD = (
    "",
    "New server registered.",
    "Server deleted.",
    "Success!",
    "Transaction created",
    "Transaction updated",
    "Committing",
)


class RuntimeFailure(Exception):
    """A command that HAProxy did not carry out, in its words; or nobody is listening."""


def ask(path: str, command: str) -> str:
    """The answer to one command. Raises RuntimeFailure when nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(path)
            connection.sendall(command.encode() + b"\n")
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
    except OSError as error:
        raise RuntimeFailure(f"HAProxy does not answer: {error.strerror or error}") from error
    return b"".join(parts).decode(errors="replace")


def carry_out(path: str, command: str) -> None:
    """Do `command`. Raises RuntimeFailure with HAProxy's words when it was not done."""
    answer = ask(path, command).strip()
    if not answer or any(good and answer.startswith(good) for good in GOOD):
        return
    verb = " ".join(command.split()[:2])  # never the rest: it may hold a key
    raise RuntimeFailure(f"HAProxy did not {verb}: {answer.splitlines()[0][:300]}")


def information(path: str) -> dict[str, str]:
    """``show info`` as a dictionary."""
    lines = ask(path, "show info").splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines) if key}


def statistics(path: str) -> list[dict[str, str]]:
    """``show stat`` as rows."""
    head, *lines = ask(path, "show stat").lstrip("# ").strip().splitlines() or [""]
    names = head.split(",")
    rows = (dict(zip(names, _fields(line), strict=False)) for line in lines)
    return [row for row in rows if row.get("svname")]


def _fields(line: str) -> list[str]:
    """The fields of a line of CSV; those that hold a comma are in quotes, a quote in one is doubled."""
    if '"' not in line:
        return line.split(",")
    fields, open_ = [""], False
    for character in line:
        if character == '"':
            open_ = not open_
        elif character == "," and not open_:
            fields.append("")
        else:
            fields[-1] += character
    return fields
