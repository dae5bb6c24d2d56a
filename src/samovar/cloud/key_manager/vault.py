# SPDX-License-Identifier: Apache-2.0
"""The Vault: encrypts payloads, so that the database alone tells nothing.

Each payload is sealed with AES-256-GCM under its own nonce and bound to its secret's id.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_FILE = "key-manager.key"
NONCE = 12


class VaultError(RuntimeError):
    """The key is unusable, or it is not the one that a payload was sealed with."""


class Vault:
    """Seals and opens payloads with one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise VaultError("the key of the key manager must have 32 bytes")
        self._cipher = AESGCM(key)

    @classmethod
    def in_directory(cls, state_dir: Path) -> Vault:
        """The vault whose key is in the state directory; the key is made when there is none."""
        path = state_dir / KEY_FILE
        state_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            fresh = path.with_name(f"{KEY_FILE}.{os.getpid()}")
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(os.urandom(32))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise VaultError(f"{path} can be read by others than its owner; run: chmod 600 {path}")
        return cls(path.read_bytes())

    def seal(self, identity: str, payload: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, payload, identity.encode())

    def open(self, identity: str, sealed: bytes) -> bytes:
        """The payload. Raises VaultError when it was sealed with another key or for another secret."""
        try:
            return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], identity.encode())
        except InvalidTag:
            raise VaultError(f"the payload of secret {identity} was encrypted with another key") from None
