# SPDX-License-Identifier: Apache-2.0
"""Which datagrams are believed."""

from __future__ import annotations

import hashlib
import hmac
import uuid
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samovar.loadbalancer.health import Unbelievable, Verifier
from samovar_amphora.heartbeat import sign

ONE, OTHER = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))


def key_of(amphora_id: str) -> str:
    return hashlib.sha256(amphora_id.encode()).hexdigest()


def message(amphora_id: str = ONE, epoch: int = 1, seq: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": amphora_id, "epoch": epoch, "seq": seq, "ver": 4, **more}


def datagram(**given: Any) -> bytes:
    made = message(**given)
    return sign(made, key_of(made["id"]))


def test_what_an_agent_signs_is_believed_once() -> None:
    verifier = Verifier(key_of)
    sent = datagram(seq=5, pools={"p:l": {"status": "UP", "members": {"m": {"status": "DOWN"}}}})
    assert verifier.read(sent).pools["p:l"].members["m"].status == "DOWN"
    with pytest.raises(Unbelievable, match="seen before"):
        verifier.read(sent)
    with pytest.raises(Unbelievable, match="seen before"):
        verifier.read(datagram(seq=4))
    verifier.read(datagram(seq=6))


def test_a_new_start_counts_anew_and_makes_the_old_worthless() -> None:
    verifier = Verifier(key_of)
    verifier.read(datagram(epoch=1, seq=100))
    verifier.read(datagram(epoch=2, seq=1))
    with pytest.raises(Unbelievable, match="seen before"):
        verifier.read(datagram(epoch=1, seq=101))


def test_one_amphora_cannot_speak_for_another() -> None:
    verifier = Verifier(key_of)
    with pytest.raises(Unbelievable, match="signature"):
        verifier.read(sign(message(OTHER), key_of(ONE)))
    packed = ONE.encode() + zlib.compress(b'{"id": "' + OTHER.encode() + b'", "epoch": 1, "seq": 1}')
    signature = hmac.new(bytes.fromhex(key_of(ONE)), packed, hashlib.sha256).hexdigest().encode()
    with pytest.raises(Unbelievable, match="speaks for another"):
        verifier.read(packed + signature)


def test_a_bomb_is_not_unpacked() -> None:
    packed = ONE.encode() + zlib.compress(b"[" * 50_000_000, 9)
    signature = hmac.new(bytes.fromhex(key_of(ONE)), packed, hashlib.sha256).hexdigest().encode()
    with pytest.raises(Unbelievable, match="cannot be read"):
        Verifier(key_of).read(packed + signature)


@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(Unbelievable):
        Verifier(key_of).read(noise)


@given(st.integers(0, 150), st.integers(1, 255))
def test_a_changed_byte_is_noticed(at: int, by: int) -> None:
    sent = bytearray(datagram())
    sent[at % len(sent)] ^= by
    with pytest.raises(Unbelievable):
        Verifier(key_of).read(bytes(sent))
