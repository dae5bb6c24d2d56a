# SPDX-License-Identifier: Apache-2.0
"""Delegation: a stack made by another stack's trust uses that trust, and leaves it to the other stack."""

from __future__ import annotations

import pytest

from samovar.auth import Context
from samovar.clients import Cloud, Credentials, PasswordCredentials, TrustCredentials
from samovar.orchestration.engine.deferred import credentials_of, delegate, withdraw

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
