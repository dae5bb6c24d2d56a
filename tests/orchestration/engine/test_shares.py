# SPDX-License-Identifier: Apache-2.0
"""How engines divide the work among themselves, and their places among projects."""

import asyncio
import time

import pytest
from fake_cloud import FakeCloud, Thing
from stand import Stand

from samovar.clients import CloudError
from samovar.config import OptionsError
from samovar.orchestration.engine.limits import ServiceLimits
from samovar.orchestration.engine.requests import OPERATIONS_TOPIC
from samovar.orchestration.engine.tables import operations
from samovar.orchestration.resources.behaviours import behaviour_of

ONE = {"heat_template_version": "2021-04-16", "resources": {"r": {"type": "OS::Heat::RandomString"}}}
SLOW = {
    "heat_template_version": "2021-04-16",
    "resources": {"r": {"type": "OS::Heat::Delay", "properties": {"min_wait": 0.4}}},
}


async def order_of_starts(stand):
    rows = await stand.database.read(lambda c: c.execute(operations.select()).mappings().all())
    return [row["stack_id"] for row in sorted(rows, key=lambda row: row["started_at"])]


async def test_a_project_that_asks_for_much_does_not_make_another_one_wait(tmp_path):
    stand = Stand(tmp_path, num_engine_workers=1, lease_seconds=30.0)
    try:
        many = [await stand.create(ONE, f"many-{number}", project_id="many") for number in range(80)]
        one = await stand.create(ONE, "one", project_id="few")
        await stand.engine()
        for identity in [*many, one]:
            await stand.settled(identity)
        assert (await order_of_starts(stand)).index(one) <= 2
    finally:
        await stand.close()


async def test_what_waits_for_a_place_is_taken_as_soon_as_there_is_one(tmp_path):
    stand = Stand(tmp_path, num_engine_workers=2, lease_seconds=60.0)  # the sweeper would come after 20 s
    try:
        await stand.engine()
        began = time.monotonic()
        stacks = [await stand.create(ONE, f"s{number}") for number in range(12)]
        for identity in stacks:
            await stand.settled(identity)
        assert time.monotonic() - began < 10
    finally:
        await stand.close()


async def test_many_that_ring_together_are_all_taken_at_once(tmp_path):
    """As the members of a large group do; an engine claims a part of them at a time."""
    stand = Stand(tmp_path, num_engine_workers=200, lease_seconds=60.0)
    try:
        await stand.engine()
        ring, ids = stand.bus.ring, []

        async def keep(topic, identity):
            ids.append(identity)

        stand.bus.ring = keep
        stacks = [await stand.create(ONE, f"s{number}") for number in range(150)]
        stand.bus.ring = ring
        await ring(OPERATIONS_TOPIC, *ids)
        for identity in stacks:
            await stand.settled(identity, seconds=10)  # the sweeper would come after 20 s
    finally:
        await stand.close()


async def test_what_one_engine_has_no_place_for_another_one_takes_at_once(tmp_path):
    stand = Stand(tmp_path, num_engine_workers=2, lease_seconds=60.0)
    try:
        first, second = await stand.engine(), await stand.engine()
        await asyncio.sleep(0)
        stacks = [await stand.create(SLOW, f"s{number}") for number in range(4)]
        await stand.until(lambda: _busy(first, second))
        for identity in stacks:
            await stand.settled(identity)
    finally:
        await stand.close()


async def _busy(*engines):
    return [engine.busy for engine in engines] == [2, 2]


async def test_a_service_in_trouble_before_anything_was_asked_of_it_is_waited_for(tmp_path):
    class Troubled(type(behaviour_of("OS::Heat::RandomString"))):
        tries = 0

        async def prepare(self, context):
            self.tries += 1
            if self.tries < 3:
                raise CloudError(
                    503, "HTTP 503", service="key-manager", method="GET", path="/", request_id="r", body=None
                )
            return await super().prepare(context)

    stand = Stand(tmp_path)
    stand.behaviours["OS::Heat::RandomString"] = troubled = Troubled()
    try:
        await stand.engine()
        stack = await stand.settled(await stand.create(ONE))
        assert (stack.status, troubled.tries) == ("COMPLETE", 3), stack.status_reason
    finally:
        await stand.close()


class Counted(Thing):
    """A type whose service is asked, and how often at once."""

    running = most = 0

    async def create(self, context):
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0.02)
            return await super().create(context)
        finally:
            self.running -= 1


async def test_all_engines_together_ask_a_service_for_no_more_at_once_than_its_limit(tmp_path):
    stand = Stand(tmp_path, cloud_limits=["barbican:4"])
    stand.behaviours["OS::Barbican::Secret"] = counted = Counted(FakeCloud())
    try:
        first, second = await stand.engine(), await stand.engine()
        await stand.until(lambda: _shares(2, first, second))
        secrets = {f"s{number}": {"type": "OS::Barbican::Secret"} for number in range(20)}
        many = {"heat_template_version": "2021-04-16", "resources": secrets}
        stacks = [await stand.create(many, f"many-{number}") for number in range(4)]
        for identity in stacks:
            assert (await stand.settled(identity)).status == "COMPLETE"
        assert counted.most == 4
        await second.stop()
        await stand.until(lambda: _shares(4, first))
    finally:
        await stand.close()


async def _shares(share, *engines):
    return all(engine.parts.limits.slot("barbican").size == share for engine in engines)


async def test_a_place_goes_to_who_waits_even_when_another_one_gives_up(tmp_path):
    limits = ServiceLimits(["nova:1"])
    order = []

    async def ask(name, seconds=0.0):
        async with limits.slot("nova"):
            order.append(name)
            await asyncio.sleep(seconds)

    first = asyncio.create_task(ask("first", 0.05))
    given_up, patient = asyncio.create_task(ask("given up")), asyncio.create_task(ask("patient"))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(first, given_up, patient, return_exceptions=True)
    assert order == ["first", "patient"]
    limits.share(5)
    assert limits.slot("nova").size == 1, "nobody is left without"
    for wrong in ("nova", "nova:none", "nova:0", ":3"):
        with pytest.raises(OptionsError, match="cloud_limits"):
            ServiceLimits([wrong])
