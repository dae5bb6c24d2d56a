# SPDX-License-Identifier: Apache-2.0
"""How engines divide the work among themselves, and their places among projects."""

import asyncio
import time

from stand import Stand

from samovar.clients import CloudError
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
