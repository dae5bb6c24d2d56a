# SPDX-License-Identifier: Apache-2.0
import asyncio
import datetime
import time

import pytest

from samovar.auth import Context, InvalidToken, RememberingValidator
from samovar.cache import NoCache


class Shared(NoCache):
    """A cache that two processes share."""

    def __init__(self):
        self.kept = {}

    async def get(self, key):
        return self.kept.get(key)

    async def set(self, key, value, seconds):
        self.kept[key] = value


class Identity:
    def __init__(self):
        self.asked, self.revoked = 0, False

    async def validate(self, token):
        self.asked += 1
        await asyncio.sleep(0)
        if self.revoked or token == "bad":
            raise InvalidToken("no")
        expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
        return Context(
            "u", "ann", "default", "p", roles=frozenset({"member"}), token=token, expires_at=expires
        )


async def test_a_token_is_asked_for_once_by_all_processes():
    identity, cache = Identity(), Shared()
    one, two = RememberingValidator(identity, cache), RememberingValidator(identity, cache)
    contexts = await asyncio.gather(*(one.validate("t") for _ in range(20)))
    assert identity.asked == 1
    assert await two.validate("t") == contexts[0]
    assert contexts[0].token == "t"
    assert identity.asked == 1
    assert "'t'" not in repr(list(cache.kept.values()))


async def test_a_revoked_token_is_refused_in_time_by_every_process():
    identity, cache = Identity(), Shared()
    processes = [RememberingValidator(identity, cache, seconds=1.5) for _ in range(2)]
    for process in processes:
        await process.validate("t")
    identity.revoked, began = True, time.monotonic()
    for process in processes:
        while True:
            try:
                await process.validate("t")
            except InvalidToken:
                break
            assert time.monotonic() - began < 3
            await asyncio.sleep(0.02)


def test_nothing_is_believed_for_longer_than_a_minute():
    assert RememberingValidator(Identity(), NoCache(), seconds=3600)._seconds == 60


async def test_what_is_not_good_is_not_remembered_and_expiry_is_looked_at():
    identity, cache = Identity(), Shared()
    validator = RememberingValidator(identity, cache)
    for _ in range(2):
        with pytest.raises(InvalidToken):
            await validator.validate("bad")
    assert identity.asked == 2
    context = await validator.validate("t")
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    cache.kept["token t"][1]["expires_at"] = past.isoformat()
    with pytest.raises(InvalidToken, match="expired"):
        await RememberingValidator(identity, cache).validate("t")
    assert context.roles == {"member"}
