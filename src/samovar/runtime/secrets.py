# SPDX-License-Identifier: Apache-2.0
"""One secret to copy: machines that share a database share everything else through it, sealed.

Passwords of the services, the key manager's key and load balancing's authorities live as files in the
state directory. On a database that several machines use, the first machine's are kept there, sealed
with `auth_encryption_key`, and every other one writes them into its own state directory at its start.
"""

from __future__ import annotations

import base64
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, select

from samovar.cloud.identity import make_passwords
from samovar.config import Settings
from samovar.database import Database

from .tables import secrets

if TYPE_CHECKING:
    from samovar.orchestration.engine import Vault

TURN = "shared secrets"
KEY_FILE = "auth_encryption_key"
PROOF = "proof"
FILES = (
    "passwords.json",
    "key-manager.key",
    *(f"loadbalancer/{name}" for name in ("server_ca.cert.pem", "server_ca.key.pem")),
    *(f"loadbalancer/{name}" for name in ("client_ca.cert.pem", "client_ca.key.pem", "heartbeat.key")),
)


class SecretsDiffer(RuntimeError):
    """This machine's key is not the cluster's; the message says what to copy from where."""


async def share(database: Database, settings: Settings) -> None:
    """Make the state directory's secrets those of the cluster. Raises SecretsDiffer."""
    if database.url.get_backend_name() == "sqlite":
        return
    from samovar.orchestration.engine import Vault

    folder = settings.state_dir
    vault = Vault.of(settings.engine.auth_encryption_key, folder)
    known = await database.read(_all)
    if known.keys() != {PROOF, *FILES}:
        _make(folder)
        mine = {PROOF: vault.seal("samovar")}
        for name in FILES:
            mine[name] = vault.seal(base64.b64encode((folder / name).read_bytes()).decode())
        known = await database.write(lambda connection: _offer(connection, mine), TURN)
    _check(vault, known[PROOF], folder)
    for name in FILES:
        content = base64.b64decode(vault.open(known[name][0]))
        path = folder / name
        if not path.exists() or path.read_bytes() != content:
            _write(path, content)


def _all(connection: Connection) -> dict[str, tuple[str, str]]:
    return {row.name: (row.sealed, row.made_by) for row in connection.execute(select(secrets))}


def _offer(connection: Connection, mine: dict[str, str]) -> dict[str, tuple[str, str]]:
    """What the cluster has; of what it lacks, ours."""
    known = _all(connection)
    for name, sealed in mine.items():
        if name not in known:
            values = {"name": name, "sealed": sealed, "made_by": socket.gethostname()}
            connection.execute(insert(secrets).values(values))
    return _all(connection)


def _check(vault: Vault, proof: tuple[str, str], folder: Path) -> None:
    from samovar.orchestration.engine import VaultError

    sealed, made_by = proof
    try:
        vault.open(sealed)
    except VaultError:
        raise SecretsDiffer(
            "this database belongs to a cluster whose key is another one: put the auth_encryption_key of "
            f"{made_by} into [DEFAULT] auth_encryption_key here (without that option there, it is in "
            f"{KEY_FILE} of its state directory; here that is {folder / KEY_FILE})"
        ) from None


def _make(folder: Path) -> None:
    """What is missing of the files."""
    from samovar.cloud.key_manager import Vault as KeyVault
    from samovar.loadbalancer.authorities import CLIENT_CA, SERVER_CA, Authority, Store

    make_passwords(folder)
    KeyVault.of(folder)
    store = Store(folder / "loadbalancer")
    for name in (SERVER_CA, CLIENT_CA):
        Authority.kept(folder / "loadbalancer", name)
    store.heartbeat_key("")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
