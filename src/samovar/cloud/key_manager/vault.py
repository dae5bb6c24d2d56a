# SPDX-License-Identifier: Apache-2.0
"""The Vault: encrypts payloads, so that the database alone tells nothing.

Each payload is sealed with AES-256-GCM under its own nonce and bound to its secret's id.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_FILE = "key-manager.key"
NONCE = 12


class VaultError(RuntimeError):
    """The key is unusable, or it is not the one that a payload was sealed with."""


class Vault:
    """Seals payloads with the first of its keys, each of 32 bytes, and opens them with any."""

    def __init__(self, *keys: bytes) -> None:
        if not keys or any(len(key) != 32 for key in keys):
            raise VaultError("a key of the key manager must have 32 bytes")
        self._ciphers = [AESGCM(key) for key in keys]

    @classmethod
    def of(cls, state_dir: Path, configured: Sequence[str] = ()) -> Vault:
        """The vault with the `configured` keys, in base64, and the one of the state directory.

        Without configured keys the directory's is made when there is none; with them it only opens what
        was sealed before they were given.
        """
        path = state_dir / KEY_FILE
        keys = [_decoded(text) for text in configured]
        if not keys or path.exists():
            keys.append(_kept(path))
        return cls(*keys)

    def seal(self, identity: str, payload: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._ciphers[0].encrypt(nonce, payload, identity.encode())

    def open(self, identity: str, sealed: bytes) -> bytes:
        """The payload. Raises VaultError when it was sealed with another key or for another secret."""
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed[:NONCE], sealed[NONCE:], identity.encode())
            except InvalidTag:
                continue
        raise VaultError(f"the payload of secret {identity} was encrypted with another key")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(
            text.strip(), altchars=b"-_" if set("-_") & set(text) else None, validate=True
        )
    except (binascii.Error, ValueError):
        raise VaultError("[simple_crypto_plugin] kek must be 32 bytes in base64") from None


def _kept(path: Path) -> bytes:
    """The key of the state directory, made when there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
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
    return path.read_bytes()
