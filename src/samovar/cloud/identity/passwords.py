# SPDX-License-Identifier: Apache-2.0
"""Passwords: scrypt, in a thread, so that a login never holds up the loop."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import secrets

COST = 2**14
COST_OF_RANDOM = 2**8
"""For passwords that this program made of 256 random bits: no dictionary holds them."""

_process_key = secrets.token_bytes(32)
_proved: dict[str, bytes] = {}
_PROVED_LIMIT = 256
_NOBODY = "scrypt$14$8$1$AAAAAAAAAAAAAAAAAAAAAA==$" + base64.b64encode(bytes(32)).decode()


def random_password() -> str:
    """A password of 256 random bits that needs no quoting anywhere."""
    return secrets.token_urlsafe(32)


def hash_now(password: str, *, random: bool = False) -> str:
    """The hash to store; takes about 50 ms (hardly any for a random password)."""
    cost = COST_OF_RANDOM if random else COST
    salt = os.urandom(16)
    derived = _derive(password, salt, cost, 8, 1)
    parts = (str(cost.bit_length() - 1), "8", "1", base64.b64encode(salt).decode())
    return "$".join(("scrypt", *parts, base64.b64encode(derived).decode()))


async def hash_password(password: str, *, random: bool = False) -> str:
    """The hash to store, made off the loop."""
    return await asyncio.to_thread(hash_now, password, random=random)


async def check_password(password: str, stored: str | None) -> bool:
    """Whether `password` is the one hashed in `stored`; as slow when there is no such user (None).

    What was proved once is remembered in this process under a keyed hash, so that a client that
    logs in for each of its commands pays for scrypt once.
    """
    quick = hashlib.blake2b(password.encode(), key=_process_key).digest()
    known = _proved.get(stored or "")
    if known is not None and hmac.compare_digest(known, quick):
        return True
    good = await asyncio.to_thread(_matches, password, stored or _NOBODY)
    if good and stored:
        if len(_proved) >= _PROVED_LIMIT:
            _proved.pop(next(iter(_proved)))
        _proved[stored] = quick
    return good


def _matches(password: str, stored: str) -> bool:
    scheme, cost, block, parallel, salt, derived = stored.split("$")
    if scheme != "scrypt":
        return False
    again = _derive(password, base64.b64decode(salt), 1 << int(cost), int(block), int(parallel))
    return hmac.compare_digest(again, base64.b64decode(derived))


def _derive(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=cost, r=block, p=parallel, maxmem=64 * 1024 * 1024, dklen=32
    )
