# SPDX-License-Identifier: Apache-2.0
"""What every bus promises, in one process and between several."""

import asyncio

from ears import Ear, attached, eventually


async def test_rings_go_to_one_listener_each_in_turn(processes):
    ringing, first, second = processes
    one, two = Ear(), Ear()
    first.listen("work", one)
    second.listen("work", two)
    await attached(ringing, "work", one, two)
    for number in range(20):
        await ringing.ring("work", f"{number}")
        await asyncio.sleep(0.005)
    await eventually(lambda: len(one.heard) + len(two.heard) >= 20)
    assert sorted(one.heard + two.heard, key=int) == [str(number) for number in range(20)]
    assert len(one.heard) == len(two.heard) == 10


async def test_an_announcement_reaches_every_listener_once(processes):
    ringing, first, second = processes
    one, two, other = Ear(), Ear(), Ear()
    first.listen("news", one)
    second.listen("news", two)
    second.listen("else", other)
    await attached(ringing, "news", one, two)
    await ringing.announce("news", "a", "b")
    await one.until("a", "b")
    await two.until("a", "b")
    assert one.heard == two.heard == ["a", "b"]
    assert other.heard == []


async def test_ids_gather_while_a_listener_is_busy(processes):
    ringing, first, _ = processes
    calls, gate, started = [], asyncio.Event(), asyncio.Event()

    async def slow(ids):
        calls.append(tuple(ids))
        started.set()
        await gate.wait()

    first.listen("slow", slow)
    await ringing.ring("slow", "1")
    await asyncio.wait_for(started.wait(), 10)
    await ringing.ring("slow", "2")
    await ringing.ring("slow", "3", "2")
    await asyncio.sleep(0.2)
    gate.set()
    await eventually(lambda: len(calls) >= 2)
    assert calls == [("1",), ("2", "3")]


async def test_a_listener_that_failed_hears_the_next_message(processes, caplog):
    ringing, first, _ = processes
    heard = asyncio.Event()

    async def handle(ids):
        if "bad" in ids:
            raise ValueError("no")
        heard.set()

    first.listen("fragile", handle)
    await ringing.ring("fragile", "bad")
    await eventually(lambda: "failed on bad" in caplog.text)
    await ringing.ring("fragile", "good")
    await asyncio.wait_for(heard.wait(), 10)


async def test_after_it_is_closed_a_subscription_hears_nothing_and_others_hear_all(processes):
    ringing, first, second = processes
    one, two = Ear(), Ear()
    subscription = first.listen("shift", one)
    second.listen("shift", two)
    await attached(ringing, "shift", one, two)
    subscription.close()
    await asyncio.sleep(0.2)
    one.heard.clear()
    for number in range(6):
        await ringing.ring("shift", f"{number}")
    await two.until(*"012345")
    assert one.heard == []


async def test_nobody_who_rings_waits_for_a_listener(processes):
    ringing, _, _ = processes
    async with asyncio.timeout(1):
        await ringing.ring("nobody", "x")
        await ringing.announce("nobody", "x")


async def test_many_rings_at_once_all_arrive(processes):
    ringing, first, second = processes
    one, two = Ear(), Ear()
    first.listen("flood", one)
    second.listen("flood", two)
    await asyncio.gather(*(ringing.ring("flood", f"{number}") for number in range(200)))
    await eventually(lambda: len({*one.heard, *two.heard}) >= 200)
