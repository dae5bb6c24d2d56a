# SPDX-License-Identifier: Apache-2.0
"""Tokens: a small msgpack payload in Fernet, and the keys that sign it.

The keys are rows: every process of a deployment signs with the newest and accepts all of them. A key
is dropped once every token it can have signed has expired.
"""

from __future__ import annotations

import base64
import datetime
import itertools
import secrets
import time
from typing import Literal

import msgspec
from cryptography.fernet import Fernet
from cryptography.fernet import InvalidToken as BadFernet
from sqlalchemy import Connection, delete, insert, select

from samovar.auth import InvalidToken
from samovar.database import utcnow

from .store import Store
from .tables import token_keys

ScopeKind = Literal["", "project", "domain", "system"]
METHODS = ("password", "token", "application_credential", "ec2credential")


class Token(msgspec.Struct, frozen=True, array_like=True):
    """What a token says. Times are microseconds since 1970; `methods` are bits in METHODS' order."""

    user_id: str
    methods: int
    issued: int
    expires: int
    audit_id: str
    chain_id: str = ""
    scope: ScopeKind = ""
    scope_id: str = ""
    trust_id: str = ""
    application_credential_id: str = ""

    @property
    def issued_at(self) -> datetime.datetime:
        return moment(self.issued)

    @property
    def expires_at(self) -> datetime.datetime:
        return moment(self.expires)

    @property
    def method_names(self) -> list[str]:
        return [name for bit, name in enumerate(METHODS) if self.methods & 1 << bit]

    @property
    def audit_ids(self) -> list[str]:
        return [self.audit_id, self.chain_id] if self.chain_id else [self.audit_id]


def method_bits(*names: str) -> int:
    return sum(1 << METHODS.index(name) for name in set(names))


def moment(microseconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(microseconds // 1_000_000, datetime.UTC).replace(
        microsecond=microseconds % 1_000_000
    )


def microseconds(at: datetime.datetime) -> int:
    return int(at.replace(microsecond=0).timestamp()) * 1_000_000 + at.microsecond


def new_audit_id() -> str:
    return secrets.token_urlsafe(16)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Token)


class TokenKeys:
    """Seals tokens with the newest key and opens them with any."""

    def __init__(self, store: Store, lifetime: int) -> None:
        self._store = store
        self._lifetime = datetime.timedelta(seconds=lifetime)
        self._keys: list[Fernet] = []
        self._loaded = 0.0

    async def seal(self, token: Token) -> str:
        """The token as text; URL-safe, without padding."""
        if not self._keys:
            await self._load()
        return self._keys[0].encrypt(_encoder.encode(token)).rstrip(b"=").decode()

    async def open(self, text: str) -> Token:
        """The token in `text`, signature and expiry checked. Raises InvalidToken."""
        token = self._try(text)
        if token is None and time.monotonic() - self._loaded > 1:
            await self._load()  # another process may have rotated
            token = self._try(text)
        if token is None:
            raise InvalidToken("The token is not one of this cloud.")
        if token.expires <= microseconds(utcnow()):
            raise InvalidToken(f"The token expired at {token.expires_at:%Y-%m-%d %H:%M:%S} UTC.")
        return token

    async def rotate(self) -> None:
        """Sign with a new key from now on; forget keys under which no token can be good any more."""

        def change(connection: Connection) -> None:
            now = utcnow()
            rows = connection.execute(select(token_keys).order_by(token_keys.c.id)).all()
            for row, successor in itertools.pairwise(rows):
                if successor.created_at < now - self._lifetime:
                    connection.execute(delete(token_keys).where(token_keys.c.id == row.id))
            connection.execute(insert(token_keys).values(secret=secrets.token_bytes(32), created_at=now))

        await self._store.write(change)
        await self._load()

    def _try(self, text: str) -> Token | None:
        sealed = text.encode("ascii", "replace") + b"=" * (-len(text) % 4)
        for key in self._keys:
            try:
                return _decoder.decode(key.decrypt(sealed))
            except (BadFernet, msgspec.DecodeError):
                continue
        return None

    async def _load(self) -> None:
        newest_first = select(token_keys.c.secret).order_by(token_keys.c.id.desc())
        rows = await self._store.read(lambda connection: connection.execute(newest_first).all())
        if not rows:

            def first(connection: Connection) -> None:
                if connection.execute(newest_first).first() is None:
                    values = {"secret": secrets.token_bytes(32), "created_at": utcnow()}
                    connection.execute(insert(token_keys).values(values))

            await self._store.write(first)
            rows = await self._store.read(lambda connection: connection.execute(newest_first).all())
        self._keys = [Fernet(base64.urlsafe_b64encode(row.secret)) for row in rows]
        self._loaded = time.monotonic()
