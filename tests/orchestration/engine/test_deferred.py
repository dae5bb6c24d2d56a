# SPDX-License-Identifier: Apache-2.0
"""Delegation: whose trust a stack uses, and when it is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from samovar.auth import Context
from samovar.clients import Cloud, CloudUnreachable, Credentials, PasswordCredentials, TrustCredentials
from samovar.database import Database, DatabaseUnavailable, new_id
from samovar.orchestration.api import delegation
from samovar.orchestration.engine.deferred import (
    Deferred,
    credentials_of,
    delegate,
    leave_deferred,
    load_deferred,
    store_deferred,
    withdraw,
    withdraw_left,
)
from samovar.orchestration.engine.vault import Vault

TRUSTEE = PasswordCredentials("secret", user_id="service")


def nobody(_credentials: Credentials) -> Cloud:
    pytest.fail("Identity is asked for nothing")


async def test_a_trust_is_used_again_and_not_withdrawn() -> None:
    inside = Context(
        user_id="ann", project_id="p1", roles=frozenset({"member"}), token="t", trust_id="trust-1"
    )
    deferred = await delegate(inside, nobody, TRUSTEE)
    assert credentials_of(deferred, TRUSTEE) == TrustCredentials("service", "secret", "trust-1")
    await withdraw(deferred, nobody, TRUSTEE)


class Identity:
    """A cloud of which only the taking back of trusts matters."""

    def __init__(self) -> None:
        self.away = False
        self.asked: list[str] = []

    def __call__(self, _credentials: Credentials) -> Cloud:
        return cast(Cloud, self)

    async def request(self, _service: str, method: str, path: str) -> None:
        self.asked.append(f"{method} {path}")
        if self.away:
            raise CloudUnreachable("nobody answers")


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Any]:
    database = Database(f"sqlite:///{tmp_path}/samovar.db")
    database.create_tables()
    vault, identity = Vault.of("a key", tmp_path), Identity()
    yield SimpleNamespace(database=database, vault=vault, cloud_for=identity, trustee=TRUSTEE)
    database.close_now()


def trust(name: str) -> Deferred:
    return Deferred(new_id(), "trust", "ann", "p1", {"trust_id": name, "trustee_user_id": "service"})


async def test_what_cannot_be_taken_back_with_its_stack_is_taken_back_later(parts: Any) -> None:
    ours = (parts.database, parts.vault, parts.cloud_for, TRUSTEE)
    kept, left = trust("kept"), trust("left")
    for one in (kept, left):
        await parts.database.write(lambda c, one=one: store_deferred(c, parts.vault, one))
    parts.cloud_for.away = True
    assert not await withdraw(left, parts.cloud_for, TRUSTEE)
    await parts.database.write(lambda c: leave_deferred(c, left.id))
    await withdraw_left(*ours)
    parts.cloud_for.away = False
    await withdraw_left(*ours)
    assert parts.cloud_for.asked == ["DELETE /OS-TRUST/trusts/left"] * 3
    await withdraw_left(*ours)
    assert len(parts.cloud_for.asked) == 3
    assert await parts.database.read(lambda c: load_deferred(c, parts.vault, kept.id)) == kept


async def test_a_delegation_is_kept_while_nobody_knows_whether_its_stack_was_made(
    parts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to the COMMIT was lost: a stack without its trust could only be mended by its owner."""
    monkeypatch.setattr(delegation, "UNKNOWN_SECONDS", 0.01)
    made, unmade = trust("made"), trust("unmade")
    await parts.database.write(lambda c: store_deferred(c, parts.vault, made))
    delegations = delegation.Delegation(parts)
    for one in (made, unmade):
        await delegations.undo(one, DatabaseUnavailable("the answer was lost"))
    async with asyncio.timeout(10):
        while delegations._looking:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert parts.cloud_for.asked == ["DELETE /OS-TRUST/trusts/unmade"]
    await delegations.undo(trust("refused"), ValueError("the stack may not be made"))
    assert parts.cloud_for.asked[1:] == ["DELETE /OS-TRUST/trusts/refused"]
