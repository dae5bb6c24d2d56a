# SPDX-License-Identifier: Apache-2.0
"""One connection to one broker, from the first word to the last.

    ring      ─▶ queue samovar.TOPIC (quorum) ─▶ one consumer of all processes, in turn
    announce  ─▶ exchange samovar.all ─▶ this process's own queue ─▶ every listener here

It is never mended: when it is lost, the bus opens another one, perhaps to another broker.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import aiormq
import msgspec
from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.commands import Basic
from yarl import URL

from samovar.config import MessagingSettings

from .brokers import Broker
from .listener import Listener

log = logging.getLogger(__name__)
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 4.0
KEEP_MILLISECONDS = 600_000  # whoever missed a bell for ten minutes has looked for himself since
KEEP_MESSAGES = 100_000
PERSISTENT, TRANSIENT = 2, 1

BROKEN: tuple[type[BaseException], ...] = (aiormq.exceptions.AMQPError, OSError, TimeoutError, RuntimeError)
"""What the client library raises when a broker is away, refuses, or goes while it is spoken to."""

Heard = Callable[[str, Sequence[str]], None]
Leave = Callable[[], Coroutine[Any, Any, None]]


class Session:
    """`lost` turns true, and `on_lost` is called, when the broker is gone."""

    def __init__(
        self,
        broker: Broker,
        settings: MessagingSettings,
        process: str,
        heard: Heard,
        on_lost: Callable[[], None],
    ) -> None:
        self.broker, self._settings, self._process, self._heard = broker, settings, process, heard
        self._on_lost = on_lost
        self._everyone = f"{settings.control_exchange}.all"
        self.lost = False
        self.reason = "the connection ended"
        self._names: dict[str, str] = {}
        self._connection: aiormq.Connection | None = None
        self._sending: AbstractChannel
        self._hearing: AbstractChannel
        self._own = ""

    async def open(self, encryption: ssl.SSLContext | None) -> None:
        """Connect and declare what every process needs. Raises one of BROKEN."""
        silence = self._settings.heartbeat_timeout_threshold
        words: dict[str, str | int] = {"heartbeat": silence, "name": self._process}
        self._connection = connection = _connection(self.broker, encryption, words)
        try:
            async with _spoken(CONNECT_SECONDS):
                await connection.connect()
        except aiormq.exceptions.InvalidFrameError as error:  # all that is left of the broker's own words
            where, who = self.broker.virtual_host, self.broker.user
            raise ConnectionError(f"it has no virtual host {where!r} that {who} may use") from error
        self._watch(connection.closing)
        async with _spoken():
            self._sending = await connection.channel(publisher_confirms=True, on_return_raises=False)
            self._watch(self._sending.closing)
            self._hearing = await connection.channel(publisher_confirms=False, on_return_raises=False)
            self._watch(self._hearing.closing)
            await self._sending.exchange_declare(self._everyone, exchange_type="direct", durable=True)
            declared = await self._hearing.queue_declare(
                exclusive=True, auto_delete=True, arguments={"x-max-length": KEEP_MESSAGES}
            )
            self._own = declared.queue or ""
            await self._hearing.basic_consume(self._own, self._announced, no_ack=True)

    def _watch(self, closing: asyncio.Future[Any]) -> None:
        def closed(future: asyncio.Future[Any]) -> None:
            error = None if future.cancelled() else future.exception()
            self.give_up(str(error or self.reason))

        closing.add_done_callback(closed)

    def give_up(self, reason: str) -> None:
        """Use this broker no more; `reason` says why, unless another one did before."""
        if not self.lost:
            self.lost, self.reason = True, reason.rstrip(".")
            self._on_lost()

    async def listen(self, listener: Listener) -> Leave:
        """Give the listener its turn at the topic's rings; what is returned ends that.

        Each has a channel of its own: a queue that does not answer holds up nobody else, and
        what was not heard goes back to the queue with the channel. Raises one of BROKEN.
        """
        async with _spoken():
            await self._hearing.queue_bind(self._own, self._everyone, routing_key=listener.topic)
        async with _spoken():
            name = await self._name(listener.topic)
        async with _spoken():
            channel = await self._channel()
            await channel.basic_qos(prefetch_count=self._settings.rabbit_qos_prefetch_count)

        async def leave() -> None:
            with contextlib.suppress(*BROKEN):
                async with _spoken():
                    await channel.close()

        async def rung(message: DeliveredMessage) -> None:
            async def taken() -> None:
                with contextlib.suppress(*BROKEN):
                    async with _spoken():
                        await channel.basic_ack(message.delivery_tag or 0)

            if not listener.closed:
                listener.put(_ids(message.body), taken)

        try:
            async with _spoken():
                await channel.basic_consume(name, rung)
        except BROKEN:
            await leave()
            raise
        return leave

    async def _channel(self) -> AbstractChannel:
        assert self._connection is not None
        channel = await self._connection.channel(publisher_confirms=False, on_return_raises=False)
        channel.on_consumer_cancel_callbacks.add(self._silenced)
        return channel

    def _silenced(self, _: Basic.Cancel) -> None:
        """A queue that we listen to was deleted: whoever begins anew makes it again."""
        self.give_up("a queue was deleted")

    async def _name(self, topic: str) -> str:
        """The name of the queue that all processes share for the topic's rings; it exists then.

        One that is there with other properties (of another version, or of a machine with another
        rabbit_quorum_queue) is used as it is.
        """
        if topic in self._names:
            return self._names[topic]
        arguments: dict[str, Any] = {"x-message-ttl": KEEP_MILLISECONDS, "x-max-length": KEEP_MESSAGES}
        if self._settings.rabbit_quorum_queue:
            arguments["x-queue-type"] = "quorum"
        name = f"{self._settings.control_exchange}.{topic}"
        channel = await self._channel()
        try:
            await channel.queue_declare(name, durable=True, arguments=arguments)
        except aiormq.exceptions.ChannelPreconditionFailed as error:
            log.warning("the queue %s is used as it is: %s", name, error)
            channel = await self._channel()
            await channel.queue_declare(name, passive=True)
        finally:
            await channel.close()
        self._names[topic] = name
        return name

    async def _announced(self, message: DeliveredMessage) -> None:
        if message.header.properties.app_id != self._process and message.routing_key:
            self._heard(message.routing_key, _ids(message.body))

    async def send(self, topic: str, ids: Sequence[str], *, everyone: bool) -> None:
        """Publish and wait until the broker has it safe. Raises one of BROKEN."""
        async with _spoken():
            sent = await self._sending.basic_publish(
                msgspec.json.encode(ids),
                exchange=self._everyone if everyone else "",
                routing_key=topic if everyone else await self._name(topic),
                mandatory=not everyone,
                properties=Basic.Properties(
                    content_type="application/json",
                    delivery_mode=TRANSIENT if everyone else PERSISTENT,
                    app_id=self._process,
                ),
            )
        if isinstance(sent, DeliveredMessage):
            raise ConnectionError(f"the queue of {topic} was deleted")

    async def close(self) -> None:
        """Part from the broker; it forgets this process at once."""
        self.give_up("the connection was closed")
        if self._connection is not None:
            with contextlib.suppress(*BROKEN):
                async with _spoken(CONNECT_SECONDS):
                    await self._connection.close()


async def look(
    broker: Broker, encryption: ssl.SSLContext | None, queues: Sequence[str]
) -> dict[str, tuple[int, int]] | str:
    """Queue → messages that wait, consumers, for those that exist; or why the broker does not tell."""
    connection = _connection(broker, encryption, {"name": "samovar status"})
    found: dict[str, tuple[int, int]] = {}
    try:
        async with _spoken(CONNECT_SECONDS):
            await connection.connect()
        async with _spoken():
            for name in queues:
                channel = await connection.channel()
                try:
                    declared = await channel.queue_declare(name, passive=True)
                except aiormq.exceptions.ChannelNotFoundEntity:
                    continue
                found[name] = (declared.message_count or 0, declared.consumer_count or 0)
                await channel.close()
    except BROKEN as error:
        return str(error) or type(error).__name__
    finally:
        with contextlib.suppress(*BROKEN):
            await connection.close()
    return found


def _connection(
    broker: Broker, encryption: ssl.SSLContext | None, words: dict[str, str | int]
) -> aiormq.Connection:
    url = URL.build(
        scheme="amqp" if encryption is None else "amqps",
        host=broker.host,
        port=broker.port,
        user=broker.user,
        password=broker.password,
        path="/" + broker.virtual_host.replace("/", "%2F"),
        query=words,
        encoded=False,
    )
    return aiormq.Connection(url, context=encryption)


@contextlib.asynccontextmanager
async def _spoken(seconds: float = ANSWER_SECONDS) -> AsyncIterator[None]:
    """A word with the broker. Where the client library cancels whoever waits when the broker goes
    away, that is not the end of the waiting task: it becomes one of BROKEN."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise TimeoutError(f"it did not answer within {seconds:g} seconds") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise ConnectionError("the connection ended") from error


def _ids(body: bytes) -> list[str]:
    """The ids of a message; none where it is not one of ours."""
    try:
        return msgspec.json.decode(body, type=list[str])
    except msgspec.MsgspecError:
        return []
