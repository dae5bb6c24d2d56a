# SPDX-License-Identifier: Apache-2.0
import asyncio

from samovar.messaging import LocalBus


async def test_a_ring_reaches_one_listener_in_turn_and_an_announcement_all():
    bus, heard = LocalBus(), []
    done = asyncio.Event()

    def listener(name):
        async def handle(ids):
            heard.extend((name, id) for id in ids)
            if len(heard) == 4:
                done.set()

        return handle

    bus.listen("t", listener("a"))
    bus.listen("t", listener("b"))
    await bus.ring("t", "1")
    await bus.ring("t", "2")
    await bus.announce("t", "3")
    await asyncio.wait_for(done.wait(), 2)
    assert sorted(name for name, id in heard if id != "3") == ["a", "b"]
    assert sorted(name for name, id in heard if id == "3") == ["a", "b"]


async def test_a_failing_listener_hears_the_next_message(caplog):
    bus, heard = LocalBus(), asyncio.Event()

    async def handle(ids):
        if ids == ("bad",):
            raise ValueError("no")
        heard.set()

    bus.listen("t", handle)
    await bus.ring("t", "bad")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await bus.ring("t", "good")
    await asyncio.wait_for(heard.wait(), 2)
    assert "failed on bad" in caplog.text
