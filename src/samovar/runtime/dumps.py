# SPDX-License-Identifier: Apache-2.0
"""A database into one file and back, while it is used: SQLite by its backup interface, servers by their
own tools in one transaction."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, make_url

KINDS = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
PACKAGES = {"pg_dump": "postgresql-client", "pg_restore": "postgresql-client"}


class BackupError(RuntimeError):
    """A backup cannot be made or restored; the message says why and what to do."""


def kind_of(url: str) -> str:
    """sqlite, postgresql or mysql."""
    return KINDS[make_url(url).get_backend_name()]


def dump(url: str, file: Path) -> None:
    """Write all of the database to `file`, as it is at one moment. Raises BackupError."""
    where, kind = make_url(url), kind_of(url)
    if kind == "sqlite":
        _dump_sqlite(Path(where.database or ""), file)
    elif kind == "postgresql":
        _run(
            ["pg_dump", "--format=custom", "--no-owner", "--no-acl", f"--file={file}", *_pg(where)],
            _pg_env(where),
        )
    else:
        options = [
            "--single-transaction",
            "--quick",
            "--hex-blob",
            "--skip-comments",
            f"--result-file={file}",
        ]
        _run([_mysql("dump"), *_mysql_place(where), *options, where.database or ""], _mysql_env(where))


def load(url: str, file: Path) -> None:
    """Put what `dump` wrote in place of what the database has. Raises BackupError."""
    where, kind = make_url(url), kind_of(url)
    if kind == "sqlite":
        _load_sqlite(Path(where.database or ""), file)
    elif kind == "postgresql":
        options = [
            "--clean",
            "--if-exists",
            "--single-transaction",
            "--exit-on-error",
            "--no-owner",
            "--no-acl",
        ]
        _run(["pg_restore", *options, *_pg(where), str(file)], _pg_env(where))
    else:
        with file.open("rb") as statements:
            command = [_mysql(""), *_mysql_place(where), where.database or ""]
            _run(command, _mysql_env(where), stdin=statements.fileno())


def _dump_sqlite(source: Path, file: Path) -> None:
    if not source.exists():
        raise BackupError(f"there is no database at {source}")
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as before,
            closing(sqlite3.connect(file)) as after,
        ):
            before.backup(after)  # in one step: several would begin anew whenever others have written between
            after.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise BackupError(f"the database {source} could not be read: {error}") from error


def _load_sqlite(target: Path, file: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.restored")
    shutil.copyfile(file, beside)
    beside.chmod(0o600)
    for ending in ("-wal", "-shm"):
        target.with_name(target.name + ending).unlink(missing_ok=True)
    beside.replace(target)


def _pg(where: URL) -> list[str]:
    words = [
        f"--host={where.host or '127.0.0.1'}",
        f"--port={where.port or 5432}",
        f"--dbname={where.database}",
    ]
    return [*words, *([f"--username={where.username}"] if where.username else []), "--no-password"]


def _pg_env(where: URL) -> dict[str, str]:
    return {"PGPASSWORD": str(where.password)} if where.password else {}


def _mysql(tool: str) -> str:
    for name in (f"mariadb-{tool}", f"mysql{tool}") if tool else ("mariadb", "mysql"):
        if shutil.which(name):
            return name
    raise BackupError("mariadb's client is not installed; install it with: apt-get install mariadb-client")


def _mysql_place(where: URL) -> list[str]:
    words = [f"--host={where.host or '127.0.0.1'}", f"--port={where.port or 3306}", "--protocol=tcp"]
    return [
        *words,
        *([f"--user={where.username}"] if where.username else []),
        "--default-character-set=utf8mb4",
    ]


def _mysql_env(where: URL) -> dict[str, str]:
    return {"MYSQL_PWD": str(where.password)} if where.password else {}


def _run(command: list[str], secret: Mapping[str, str], stdin: int = subprocess.DEVNULL) -> None:
    """Passwords go by the environment: a command line is for all to read."""
    try:
        done = subprocess.run(
            command, env={**os.environ, **secret}, stdin=stdin, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        package = PACKAGES.get(command[0], command[0])
        raise BackupError(
            f"{command[0]} is not installed; install it with: apt-get install {package}"
        ) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise BackupError(f"{command[0]} failed: {said}")
