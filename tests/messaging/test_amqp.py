# SPDX-License-Identifier: Apache-2.0
"""What only a real broker can do: hold messages, go away, come back, be one of several."""

import asyncio
import signal
import time

import aiormq
import pytest

from clouds import free_port
from ears import Ear, attached, eventually
from samovar.config import MessagingSettings
from samovar.messaging import Depth, depths, open_bus


async def test_what_was_rung_before_anybody_listened_waits_in_a_quorum_queue(process, broker, exchange):
    ringing = await process()
    await ringing.ring("early", "id-1")
    ear = Ear()
    await asyncio.sleep(0.3)
    queue = broker.queues()[f"{exchange}.early"]
    assert (queue["type"], queue["durable"]) == ("quorum", True)
    (await process()).listen("early", ear)
    await ear.until("id-1")


async def test_a_ring_whose_taker_died_before_it_was_done_goes_to_another(process):
    ringing, dying, living = await process(), await process(), await process()
    began, ear = asyncio.Event(), Ear()

    async def never(ids):
        began.set()
        await asyncio.Event().wait()

    dying.listen("risky", never)
    await ringing.ring("risky", "id-1")
    await asyncio.wait_for(began.wait(), 10)
    living.listen("risky", ear)
    await dying.close()
    await ear.until("id-1")


async def test_dead_brokers_in_the_list_are_passed_over(process, broker):
    dead = ",".join(f"samovar:x@127.0.0.1:{free_port()}" for _ in range(3))
    where = f"rabbit://{dead},samovar:{broker.password}@127.0.0.1:{broker.port}/"
    one, two, ear = await process(transport_url=where), await process(), Ear()
    one.listen("list", ear)
    await eventually(lambda: one.trouble() is None)
    await two.ring("list", "id-1")
    await ear.until("id-1")


async def test_a_guest_who_is_refused_is_told_what_to_do(process, broker):
    bus = await process(transport_url=f"rabbit://guest:wrong@{broker.host}:{broker.port}/")
    assert "name it in rabbit_userid and rabbit_password" in bus.trouble()


async def test_while_no_broker_answers_listeners_here_are_told_and_the_trouble_is_named(process):
    port = free_port()
    bus, ear = await process(transport_url=f"rabbit://x:y@127.0.0.1:{port}/"), Ear()
    bus.listen("alone", ear)
    await bus.ring("alone", "rung")
    await bus.announce("alone", "told")
    await ear.until("rung", "told")
    assert f"The broker at 127.0.0.1:{port} is not reached" in bus.trouble()


async def test_a_wrong_password_is_named(process, broker):
    bus = await process(transport_url=f"rabbit://samovar:wrong@127.0.0.1:{broker.port}/")
    assert "ACCESS_REFUSED" in bus.trouble()


async def test_a_virtual_host_that_is_not_there_is_named(process, broker):
    bus = await process(transport_url=f"{broker.url}nowhere")
    await eventually(bus.trouble)
    assert "it has no virtual host 'nowhere' that samovar may use" in bus.trouble()


async def test_a_broker_that_goes_and_returns_is_found_again_and_nothing_sent_meanwhile_is_lost(
    process, broker
):
    ringing, listening, ear = await process(), await process(), Ear()
    listening.listen("storm", ear)
    await attached(ringing, "storm", ear)
    broker.end(signal.SIGTERM)
    began = time.monotonic()
    await eventually(lambda: ringing.trouble() and listening.trouble())
    for number in range(5):
        await ringing.ring("storm", f"rung {number}")
    await ringing.announce("storm", "told")
    assert time.monotonic() - began < 10
    await asyncio.to_thread(broker.begin)
    await eventually(lambda: {f"rung {number}" for number in range(5)} <= set(ear.heard), 30)
    await ringing.ring("storm", "after")
    await ear.until("after")


async def test_a_frozen_broker_is_noticed_and_nobody_waits_for_it(process, broker):
    ringing, listening, ear = await process(), await process(), Ear()
    listening.listen("ice", ear)
    await attached(ringing, "ice", ear)
    broker.send(signal.SIGSTOP)
    try:
        async with asyncio.timeout(1):
            await ringing.ring("ice", "id-1")
        await eventually(lambda: ringing.trouble(), 20)
    finally:
        broker.send(signal.SIGCONT)
    await ear.until("id-1")


async def _at_the_broker(broker, what):
    """Do something at the broker as somebody else."""
    connection = aiormq.Connection(broker.url.replace("rabbit://", "amqp://"))
    await connection.connect()
    try:
        return await what(await connection.channel())
    finally:
        await connection.close()


async def test_a_queue_that_somebody_deletes_is_made_again(process, broker, exchange):
    ringing, listening, ear = await process(), await process(), Ear()
    listening.listen("gone", ear)
    await attached(ringing, "gone", ear)
    await _at_the_broker(broker, lambda channel: channel.queue_delete(f"{exchange}.gone"))
    await eventually(lambda: f"{exchange}.gone" in broker.queues(), 20)
    await ringing.ring("gone", "after")
    await ear.until("after")


async def test_a_queue_that_is_there_with_other_properties_is_used_as_it_is(process, broker, exchange):
    """Another version of the program, or rabbit_quorum_queue at another machine, made it."""
    declare = lambda channel: channel.queue_declare(f"{exchange}.other", durable=True)  # noqa: E731
    await _at_the_broker(broker, declare)
    ringing, listening, ear = await process(), await process(), Ear()
    listening.listen("other", ear)
    await ringing.ring("other", "id-1")
    await ear.until("id-1")
    assert ringing.trouble() is None and listening.trouble() is None


async def test_messages_of_somebody_else_are_taken_out_and_hurt_nobody(process, broker, exchange):
    listening, ear = await process(), Ear()
    listening.listen("foreign", ear)
    await attached(listening, "foreign", ear)
    bodies = (b"", b"\xff\xfe", b'{"oslo.version": "2.0"}', b'["\xff"]', b"[1, 2]", b"[" * 5000, b'["id-1"]')

    async def publish(channel):
        for body in bodies:
            await channel.basic_publish(body, routing_key=f"{exchange}.foreign")
            await channel.basic_publish(body, exchange=f"{exchange}.all", routing_key="foreign")

    await _at_the_broker(broker, publish)
    await ear.until("id-1")
    settings = MessagingSettings(transport_url=broker.url, control_exchange=exchange)

    async def empty(_):
        return (await depths(settings, ["foreign"])).queues[0].waiting == 0

    await until(empty, None)
    assert listening.trouble() is None


@pytest.mark.parametrize(
    "settings",
    [
        MessagingSettings(transport_url="zmq://h/"),
        MessagingSettings(transport_url="rabbit://"),
        MessagingSettings(rabbit_hosts=["h:port"]),
        MessagingSettings(rabbit_host="h", control_exchange="a[b]"),
        MessagingSettings(rabbit_host="h", ssl=True, ssl_ca_file="/nowhere"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_a_sentence(settings):
    from samovar.config import OptionsError

    with pytest.raises(OptionsError, match=r"transport_url|address|ssl|control_exchange"):
        open_bus(settings)


async def test_an_operator_is_told_what_waits_who_listens_and_which_broker_is_silent(
    process, broker, exchange
):
    ringing, silent = await process(), free_port()
    await ringing.ring("deep", "id-1")
    await ringing.ring("deep", "id-2")
    brokers = f"{broker.url.removesuffix('/')},u:p@127.0.0.1:{silent}/"
    settings = MessagingSettings(transport_url=brokers, control_exchange=exchange)
    name = f"{exchange}.deep"

    async def seen(wanted):
        return (await depths(settings, ["deep", "never"])).queues == (Depth(name, *wanted),)

    await until(seen, (2, 0))
    ear = Ear()
    (await process()).listen("deep", ear)
    await ear.until("id-1", "id-2")
    await until(seen, (0, 1))
    told = await depths(settings, ["deep"])
    assert told.broker == f"127.0.0.1:{broker.port}"
    assert list(told.silent) == [f"127.0.0.1:{silent}"]


async def until(seen, wanted):
    async with asyncio.timeout(15):
        while not await seen(wanted):  # noqa: ASYNC110 (what is waited for happens in the broker)
            await asyncio.sleep(0.05)
