# SPDX-License-Identifier: Apache-2.0
"""A cloud in one file, and back: the database, the keys and authorities, the images.

The file holds every secret of the cloud: it is readable by its owner alone. What servers have written
to their disks is not in it; they are made again from their images.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import shutil
import socket
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from samovar import __version__
from samovar.config import Settings
from samovar.database import Database, now
from samovar.database.migrate import current, newest

from .dumps import BackupError, dump, kind_of, load
from .overview import SILENT_AFTER
from .presence import STOPPED
from .tables import processes

LEFT_OUT = ("run", "logs", "namespaces", "servers", "images/trees", "images/.partial", "images/.staged")
"""Folders of the state directory that are made again by themselves."""
NOT_KEPT = (".db", ".db-wal", ".db-shm", ".lock", ".log", ".sock")
MANIFEST, DATABASE, STATE = "manifest.json", "database", "state/"
FORMAT = 1


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """What a backup says of itself. `files`: name in the archive → SHA-256."""

    format: int
    version: str
    revision: str
    database: str
    host: str
    made_at: datetime.datetime
    files: dict[str, str]


def back_up(settings: Settings, target: Path) -> Manifest:
    """Write a backup of the cloud, which may be running. Raises BackupError."""
    revision = _revision(settings)
    if revision is None:
        raise BackupError("the database is empty: there is nothing to back up")
    with tempfile.TemporaryDirectory(prefix="samovar-backup-", dir=_folder(target)) as folder:
        dumped = Path(folder) / DATABASE
        dump(settings.database_url, dumped)
        members = {DATABASE: dumped}
        members |= {f"{STATE}{path.relative_to(settings.state_dir)}": path for path in _kept(settings)}
        manifest = Manifest(
            FORMAT,
            __version__,
            revision,
            kind_of(settings.database_url),
            socket.gethostname(),
            datetime.datetime.now(datetime.UTC),
            {name: _digest(path) for name, path in members.items()},
        )
        (Path(folder) / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
        whole = Path(folder) / "whole"
        with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=3) as archive:
                archive.add(Path(folder) / MANIFEST, MANIFEST)
                for name, path in members.items():
                    archive.add(path, name, recursive=False)
            file.flush()
            os.fsync(file.fileno())
        whole.replace(target)
    return manifest


def restore(settings: Settings, source: Path, *, force: bool = False) -> Manifest:
    """Put a backup in place of what is there. Everything is checked before anything is touched.

    `force`: although services still use the database. Raises BackupError.
    """
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=settings.state_dir) as folder:
        manifest = _unpacked(source, Path(folder))
        if manifest.revision > newest():
            raise BackupError(
                f"{source} is of samovar {manifest.version} (revision {manifest.revision}); this program "
                f"knows only revision {newest()}. Restore it with a program at least as new."
            )
        if manifest.database != kind_of(settings.database_url):
            raise BackupError(
                f"{source} holds a {manifest.database} database, and [database] connection names a "
                f"{kind_of(settings.database_url)} one; a backup is restored to the kind that it came from."
            )
        users = [] if force else _users(settings)
        if users:
            raise BackupError(
                f"the database is used by {', '.join(users)}; stop every service first, or "
                "repeat with --force"
            )
        load(settings.database_url, Path(folder) / DATABASE)
        for name in manifest.files:
            if name.startswith(STATE):
                target = settings.state_dir / name.removeprefix(STATE)
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                (Path(folder) / name).replace(target)
    return manifest


def _kept(settings: Settings) -> Iterator[Path]:
    """The files of the state directory that cannot be made again."""
    for path in sorted(settings.state_dir.rglob("*")):
        inner = path.relative_to(settings.state_dir)
        folders = {str(parent) for parent in inner.parents}
        if folders & set(LEFT_OUT) or any(part.startswith(".restore-") for part in inner.parts):
            continue
        if path.is_file() and not path.is_symlink() and not path.name.endswith(NOT_KEPT):
            yield path


def _unpacked(source: Path, folder: Path) -> Manifest:
    """The archive's content in `folder`, found whole. Raises BackupError."""
    try:
        with tarfile.open(source) as archive:
            archive.extractall(folder, filter="data")
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise BackupError(f"there is no backup {error.filename or source}") from error
    except (OSError, EOFError, tarfile.TarError, msgspec.MsgspecError) as error:
        raise BackupError(f"{source} is not a whole backup: {error}") from error
    if manifest.format != FORMAT:
        raise BackupError(f"{source} has format {manifest.format}; this program reads format {FORMAT}")
    for name, digest in manifest.files.items():
        path = folder / name
        if not path.is_file() or _digest(path) != digest:
            raise BackupError(f"{source} is damaged: {name} is not what was backed up")
    return manifest


def _revision(settings: Settings) -> str | None:
    database = Database(settings.database_url, settings.database)
    try:
        return current(database)
    except DBAPIError as error:
        raise BackupError(f"the database does not answer: {error.orig}") from error
    finally:
        database.close_now()


def _users(settings: Settings) -> list[str]:
    """Processes that said lately that they use the database."""
    database = Database(settings.database_url, settings.database)
    try:
        if current(database) is None:
            return []
        return database.migrate(
            lambda connection: [
                f"{row.host} (process {row.pid})"
                for row in connection.execute(select(processes).where(processes.c.state != STOPPED))
                if (now(connection) - row.reported_at).total_seconds() < SILENT_AFTER * row.interval
            ]
        )
    except DBAPIError as error:
        raise BackupError(f"the database does not answer: {error.orig}") from error
    finally:
        database.close_now()


def _folder(target: Path) -> Path:
    if not target.parent.is_dir():
        raise BackupError(f"there is no folder {target.parent}")
    if shutil.disk_usage(target.parent).free < 16 << 20:
        raise BackupError(f"there is no room in {target.parent}")
    return target.parent


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
