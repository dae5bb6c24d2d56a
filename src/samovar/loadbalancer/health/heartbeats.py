# SPDX-License-Identifier: Apache-2.0
"""Pure: heartbeats as they arrive, believed or not.

    amphora id (36 bytes) ‖ zlib(JSON) ‖ HMAC-SHA256 of all before in hexadecimal (64 bytes)

The signature is checked before anything is unpacked. `epoch` grows with each start of an agent and `seq` with
each message, so that what was seen once is never believed again.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import zlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

__all__ = ["Heartbeat", "Unbelievable", "Verifier"]

ID_LENGTH, SIGNATURE_LENGTH = 36, 64
MOST_UNPACKED = 4 * 1024 * 1024
ID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Unbelievable(Exception):
    """A datagram that is no heartbeat, is not signed by its amphora, or was seen before."""


class MemberReport(msgspec.Struct, frozen=True):
    status: str
    check: str = ""
    code: str = ""
    milliseconds: str = ""
    last: str = ""


class PoolReport(msgspec.Struct, frozen=True):
    status: str
    members: Mapping[str, MemberReport] = {}


class ListenerReport(msgspec.Struct, frozen=True):
    status: str
    stats: Mapping[str, int] = {}


class Heartbeat(msgspec.Struct, frozen=True):
    """What an amphora says of itself. `configuration`: the digest of what HAProxy runs with; `vrrp`: MASTER,
    BACKUP, FAULT, or "" for an amphora that is alone. Pools are named ``<pool>:<listener>``."""

    id: str
    epoch: int
    seq: int
    configuration: str = msgspec.field(name="recv", default="")
    vrrp: str = ""
    listeners: Mapping[str, ListenerReport] = {}
    pools: Mapping[str, PoolReport] = {}


class Verifier:
    """`key_of`: amphora id → its key in hexadecimal. Once `expected` is set, nobody else is listened to; that
    is found out before anything is computed."""

    def __init__(self, key_of: Callable[[str], str]) -> None:
        self._key_of = key_of
        self._keys: dict[str, bytes] = {}
        self._last: dict[str, tuple[int, int]] = {}
        self.expected: Collection[str] | None = None

    def remember(self, moments: Mapping[str, tuple[int, int]]) -> None:
        """Believe nothing that is not newer than these: amphora → epoch and sequence."""
        for amphora_id, moment in moments.items():
            self._last[amphora_id] = max(moment, self._last.get(amphora_id, (0, 0)))

    def read(self, datagram: bytes) -> Heartbeat:
        """The heartbeat in `datagram`. Raises Unbelievable."""
        raw_id = datagram[:ID_LENGTH]
        if len(datagram) <= ID_LENGTH + SIGNATURE_LENGTH or not ID.fullmatch(raw_id):
            raise Unbelievable("it is no heartbeat")
        amphora_id = raw_id.decode()
        if self.expected is not None and amphora_id not in self.expected:
            raise Unbelievable("no amphora has this id")
        signed, signature = datagram[:-SIGNATURE_LENGTH], datagram[-SIGNATURE_LENGTH:]
        expected = hmac.new(self._key(amphora_id), signed, hashlib.sha256).hexdigest().encode()
        if not hmac.compare_digest(expected, signature):
            raise Unbelievable(f"the signature is not amphora {amphora_id}'s")
        heartbeat = _decode(signed[ID_LENGTH:])
        if heartbeat.id != amphora_id:
            raise Unbelievable(f"amphora {amphora_id} speaks for another one")
        moment = (heartbeat.epoch, heartbeat.seq)
        if moment <= self._last.get(amphora_id, (0, 0)):
            raise Unbelievable(f"amphora {amphora_id}'s message was seen before")
        self._last[amphora_id] = moment
        return heartbeat

    def forget(self, amphora_id: str) -> None:
        """The amphora is gone."""
        self._keys.pop(amphora_id, None)
        self._last.pop(amphora_id, None)

    def _key(self, amphora_id: str) -> bytes:
        if amphora_id not in self._keys:
            if len(self._keys) > 100_000:
                self._keys.clear()
            self._keys[amphora_id] = bytes.fromhex(self._key_of(amphora_id))
        return self._keys[amphora_id]


def _decode(packed: bytes) -> Heartbeat:
    unpacker: Any = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, MOST_UNPACKED)
        return msgspec.json.decode(text, type=Heartbeat)
    except (zlib.error, msgspec.DecodeError) as error:
        raise Unbelievable(f"its content cannot be read ({error})") from None
