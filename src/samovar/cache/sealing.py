# SPDX-License-Identifier: Apache-2.0
"""Values that only the cluster's own processes can have written, each for its own key."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken

MAC = 32


class Sealer:
    """`encrypt`: values cannot be read in the cache either."""

    def __init__(self, secret: str, *, encrypt: bool = False) -> None:
        self._key = hashlib.sha256(b"samovar cache\0" + secret.encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(self._key)) if encrypt else None

    def seal(self, key: str, value: bytes) -> bytes:
        if self._fernet is not None:
            return self._fernet.encrypt(self._mac(key, value) + value)
        return self._mac(key, value) + value

    def open(self, key: str, sealed: bytes) -> bytes | None:
        """The value, or None when it is not ours, or another key's."""
        if self._fernet is not None:
            try:
                sealed = self._fernet.decrypt(sealed)
            except InvalidToken:
                return None
        mac, value = sealed[:MAC], sealed[MAC:]
        return value if hmac.compare_digest(mac, self._mac(key, value)) else None

    def _mac(self, key: str, value: bytes) -> bytes:
        return hmac.digest(self._key, key.encode() + b"\0" + value, "sha256")
