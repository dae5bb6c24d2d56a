# SPDX-License-Identifier: Apache-2.0
"""The clustercheck: a small HTTP server on a database node that tells a proxy whether this node may be used.

200: the node is synced with the cluster's majority and takes writes. 503: it is not, and the body says
why. Every path and method is answered alike, at once, with what was found last: a proxy that had to
wait for a busy node would take it for dead and cut all its connections. The node is asked every half
second; one that does not answer for longer than its question may take is not used.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import closing

import pymysql
from sqlalchemy import make_url

log = logging.getLogger(__name__)
ASKED_EVERY_SECONDS = 0.5
QUERY_SECONDS = 2
SYNCED, DONOR = "4", "2"
STATUS = (
    "SHOW GLOBAL STATUS WHERE Variable_name IN "
    "('wsrep_local_state', 'wsrep_local_state_comment', 'wsrep_ready', 'wsrep_cluster_status')"
)
VARIABLES = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', 'wsrep_desync', 'wsrep_on')"


def verdict(known: Mapping[str, str], *, donor: bool = False, read_only: bool = False) -> str | None:
    """Pure: why the node may not be used; None: it may. `donor`, `read_only`: such a node may, too."""
    if known.get("wsrep_on", "OFF").upper() in ("OFF", "0") or "wsrep_local_state" not in known:
        return "The server is not part of a Galera cluster."
    if known.get("wsrep_cluster_status", "").upper() != "PRIMARY":
        return "The node is not in the cluster's majority."
    if known.get("wsrep_ready", "OFF").upper() != "ON":
        return "The node does not take queries."
    state = known["wsrep_local_state"]
    desynced = known.get("wsrep_desync", "OFF").upper() in ("ON", "1")
    if state != SYNCED and not (donor and state == DONOR):
        return f"The node is not synced: {known.get('wsrep_local_state_comment') or state}."
    if desynced and not donor:
        return "The node is desynced."
    if known.get("read_only", "OFF").upper() in ("ON", "1") and not read_only:
        return "The node is read-only."
    return None


class GaleraCheck:
    """The server. `url` is the SQLAlchemy URL of this node; an account with USAGE is enough."""

    def __init__(self, url: str, *, donor: bool = False, read_only: bool = False) -> None:
        self._url = make_url(url)
        self._donor, self._read_only = donor, read_only
        self._found: str | None = "The node was not asked yet."
        self._told: str | None = ""
        self._asked_since = 0.0
        self._asking: asyncio.Task[None] | None = None
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; return where. Raises OSError."""
        self._server = await asyncio.start_server(self._answer, host, port)
        self._asking = asyncio.create_task(self._ask_again_and_again())
        name = self._server.sockets[0].getsockname()
        return name[0], name[1]

    async def stop(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def found(self) -> str | None:
        """Why the node may not be used; None: it may."""
        waited = time.monotonic() - self._asked_since if self._asked_since else 0.0
        if waited > QUERY_SECONDS + ASKED_EVERY_SECONDS:
            return f"The node has not answered for {waited:.0f} s."
        return self._found

    async def _ask_again_and_again(self) -> None:
        while True:
            self._asked_since = time.monotonic()
            self._found = await asyncio.to_thread(self._ask)
            self._asked_since = 0.0
            if self._found != self._told:
                level = logging.WARNING if self._found else logging.INFO
                log.log(level, "%s", self._found or "The node is synced.")
                self._told = self._found
            await asyncio.sleep(ASKED_EVERY_SECONDS)

    def _ask(self) -> str | None:
        try:
            with closing(self._connect()) as connection, connection.cursor() as cursor:
                known: dict[str, str] = {}
                for query in (STATUS, VARIABLES):
                    cursor.execute(query)
                    known.update(cursor.fetchall())
        except (pymysql.Error, OSError) as error:
            return f"The node does not answer: {error.args[-1] if error.args else error}"
        return verdict(known, donor=self._donor, read_only=self._read_only)

    def _connect(self) -> pymysql.Connection[pymysql.cursors.Cursor]:
        """A connection of its own for each question: one that was kept would outlive what it says."""
        url = self._url
        socket = url.query.get("unix_socket")
        return pymysql.connect(
            host=url.host or "127.0.0.1",
            port=url.port or 3306,
            user=url.username or "",
            password=url.password or "",
            unix_socket=socket if isinstance(socket, str) else None,
            connect_timeout=QUERY_SECONDS,
            read_timeout=QUERY_SECONDS,
            autocommit=True,
        )

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(QUERY_SECONDS * 2):
                await reader.readuntil(b"\r\n\r\n")
                reason = self.found()
                body = f"{reason or 'The node is synced.'}\r\n".encode()
                line = "503 Service Unavailable" if reason else "200 OK"
                head = f"HTTP/1.1 {line}\r\nContent-Type: text/plain; charset=utf-8\r\n"
                head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()
