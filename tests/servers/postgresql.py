# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

import signal
from pathlib import Path

import psycopg

from .program import Program, found


def _binaries() -> Path:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return versions[-1] if versions else Path(found("postgres")).parent


class PostgreSQL(Program):
    """Started at once; `new()` makes a database and gives its address. `durable`: a commit waits for the disk."""

    kind = "postgresql"

    def __init__(self, *, durable: bool = False) -> None:
        super().__init__("postgresql", "postgres", durable=durable)
        self._made, self._durable = 0, "on" if durable else "off"
        self.run(
            str(_binaries() / "initdb"), "-D", str(self.directory / "data"), "-U", "samovar",
            "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8",
        )  # fmt: skip
        self.begin()

    def begin(self) -> None:
        """Start it (again) on its files."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.directory,
            "fsync": self._durable,
            "full_page_writes": self._durable,
            "max_connections": 200,
            "shared_buffers": "32MB",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self.start(
            [str(_binaries() / "postgres"), "-D", str(self.directory / "data"), *settings],
            lambda: self.execute("SELECT 1"),
        )

    def end(self, number: int = signal.SIGQUIT) -> None:
        """End it at once, as a crash would (SIGQUIT: its children end, too)."""
        super().end(signal.SIGQUIT if number == signal.SIGKILL else number)

    def execute(self, statement: str) -> None:
        """Run a statement as the superuser, on the server's own database."""
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="samovar", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    def new(self) -> str:
        """The address of a new, empty database."""
        self._made += 1
        self.execute(f"CREATE DATABASE samovar{self._made}")
        return f"postgresql://samovar@127.0.0.1:{self.port}/samovar{self._made}"
