# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psycopg

from .program import Program, found


def _binaries() -> Path:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return versions[-1] if versions else Path(found("postgres")).parent


class PostgreSQL(Program):
    """Started at once; `new()` makes a database and gives its address. `durable`: a commit waits for the disk.

    `prefix` is put before its command: it may be on another machine, at `address`:5432 for everybody.
    """

    kind = "postgresql"

    def __init__(
        self, *, durable: bool = False, address: str = "127.0.0.1", prefix: Sequence[str] = ()
    ) -> None:
        super().__init__("postgresql", "postgres", durable=durable)
        self._made, self._durable = 0, "on" if durable else "off"
        self._address, self._prefix = address, tuple(prefix)
        self.port = 5432 if prefix else self.port
        self.run(
            str(_binaries() / "initdb"), "-D", str(self.directory / "data"), "-U", "samovar",
            "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8",
        )  # fmt: skip
        if prefix:
            with (self.directory / "data" / "pg_hba.conf").open("a") as rules:
                rules.write("host all all all trust\n")
        self.begin()

    def begin(self) -> None:
        """Start it (again) on its files."""
        options = {
            "listen_addresses": self._address,
            "port": self.port,
            "unix_socket_directories": self.directory,
            "fsync": self._durable,
            "full_page_writes": self._durable,
            "max_connections": 300,
            "shared_buffers": "32MB",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if self._prefix else []
        self.start(
            [
                *self._prefix,
                *become,
                str(_binaries() / "postgres"),
                "-D",
                str(self.directory / "data"),
                *settings,
            ],
            lambda: self.execute("SELECT 1"),
            as_root=bool(self._prefix),
        )

    def freeze(self) -> None:
        """Let all its processes stand still."""
        assert self._process is not None
        children = subprocess.run(
            ["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True, check=False
        )
        self._frozen = [self._process.pid, *map(int, children.stdout.split())]
        for pid in self._frozen:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        for pid in self._frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def end(self, number: int = signal.SIGQUIT) -> None:
        """End it at once, as a crash would (SIGQUIT: its children end, too)."""
        super().end(signal.SIGQUIT if number == signal.SIGKILL else number)

    def execute(self, statement: str) -> None:
        """Run a statement as the superuser, on the server's own database."""
        with psycopg.connect(
            host=str(self.directory), port=self.port, user="samovar", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    def ask(self, statement: str, database: str) -> list[tuple[object, ...]]:
        """The rows that a statement gives."""
        with psycopg.connect(
            host=str(self.directory), port=self.port, user="samovar", dbname=database, autocommit=True
        ) as connection:
            return connection.execute(statement.encode()).fetchall()

    def new(self) -> str:
        """The address of a new, empty database."""
        self._made += 1
        self.execute(f"CREATE DATABASE samovar{self._made}")
        return f"postgresql://samovar@127.0.0.1:{self.port}/samovar{self._made}"
