# SPDX-License-Identifier: Apache-2.0
"""The vault: what must not lie in the database in clear text."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

import msgspec
from cryptography.fernet import Fernet, InvalidToken


class VaultError(RuntimeError):
    """A stored secret cannot be read with the key of this installation."""


class Vault:
    """Encrypts JSON-able values. Every engine and API of one installation needs the same key."""

    def __init__(self, key: str) -> None:
        derived = hashlib.sha256(b"samovar orchestration vault\0" + key.encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    @classmethod
    def of(cls, key: str | None, state_dir: Path) -> Vault:
        """The vault of `auth_encryption_key`, or of a key kept in the state directory."""
        return cls(key or _kept_key(state_dir / "auth_encryption_key"))

    def seal(self, value: Any) -> str:
        return self._fernet.encrypt(msgspec.json.encode(value)).decode()

    def open(self, sealed: str) -> Any:
        """The value again. Raises VaultError."""
        try:
            return msgspec.json.decode(self._fernet.decrypt(sealed.encode()))
        except InvalidToken:
            raise VaultError(
                "A stored secret was encrypted with another key; "
                "set auth_encryption_key to the one that was in use then."
            ) from None


def _kept_key(file: Path) -> str:
    """The key in `file`, made at random the first time; readable by the owner alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(secrets.token_hex(16) + "\n")
            out.flush()
            os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: its key is the key
            os.link(draft, file)
        draft.unlink()
    return file.read_text().strip()
