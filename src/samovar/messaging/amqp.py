# SPDX-License-Identifier: Apache-2.0
"""The bus over RabbitMQ.

What is to be sent waits in an outbox until a broker has confirmed it, so that nobody who rings waits
for a broker or fails with it. While no broker answers, listeners of this process are told directly,
and others find the work by looking for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import socket
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

from samovar.config import MessagingSettings
from samovar.observability import figures

from .brokers import Broker, brokers_of, encryption
from .bus import Handler
from .listener import Listener
from .local import LocalBus
from .session import BROKEN, Leave, Session

log = logging.getLogger(__name__)
AT_ONCE = 64
OUTBOX = 10_000
FIRST_CONNECTION_SECONDS = 1.0
PARTING_SECONDS = 2.0
STEADY_SECONDS = 10.0
ATTACH_AGAIN_SECONDS = 5.0


class _Message(NamedTuple):
    topic: str
    ids: Sequence[str]
    everyone: bool


def _remedy(broker: Broker, session: Session) -> str:
    """What to do about RabbitMQ's own user, which it lets in from its own machine only."""
    if broker.user == "guest" and "ACCESS_REFUSED" in session.reason:
        return (
            " RabbitMQ lets its user guest in from its own machine only: make another one "
            "(rabbitmqctl add_user, set_permissions) and name it in rabbit_userid and rabbit_password."
        )
    return ""


class AmqpBus:
    """Doorbells through a broker, whichever of several answers. Raises OptionsError."""

    def __init__(self, settings: MessagingSettings) -> None:
        self._settings = settings
        self._brokers: list[Broker] = brokers_of(settings)
        self._encryption = encryption(settings)
        self._process = f"{socket.gethostname()}:{os.getpid()}:{random.getrandbits(32):08x}"
        self._here = LocalBus()
        self._listeners: dict[Listener, None] = {}
        self._attached: dict[Listener, Leave | None] = {}
        self._outbox: deque[_Message] = deque(maxlen=OUTBOX)
        figures.BUS_WAITING.set_function(lambda: len(self._outbox))
        self._wake = asyncio.Event()
        self._connected = asyncio.Event()
        self._session: Session | None = None
        self._trouble: str | None = "No broker has been spoken to yet."
        self._running: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def ring(self, topic: str, *ids: str) -> None:
        if not ids:
            return
        if self._session is None and self._here.has(topic):
            await self._here.ring(topic, *ids)
        else:
            self._post(_Message(topic, ids, everyone=False))

    async def announce(self, topic: str, *ids: str) -> None:
        if ids:
            await self._here.announce(topic, *ids)
            self._post(_Message(topic, ids, everyone=True))

    def _post(self, message: _Message) -> None:
        figures.BUS_SENT.labels(message.topic).inc()
        self._outbox.append(message)
        self._wake.set()

    def listen(self, topic: str, handler: Handler) -> Listener:
        listener = Listener(topic, handler, self._forget)
        self._here.admit(listener)
        self._listeners[listener] = None
        self._wake.set()
        return listener

    def _forget(self, listener: Listener) -> None:
        self._here.forget(listener)
        self._listeners.pop(listener, None)
        leave = self._attached.pop(listener, None)
        if leave is not None:
            self._background(leave())

    def trouble(self) -> str | None:
        return self._trouble

    async def start(self) -> None:
        """Begin to connect. A broker that does not answer soon is waited for in the background."""
        self._running = asyncio.get_running_loop().create_task(self._run(), name="message bus")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._connected.wait(), FIRST_CONNECTION_SECONDS)

    async def close(self) -> None:
        deadline = time.monotonic() + PARTING_SECONDS
        while self._session is not None and (self._outbox or self._tasks) and time.monotonic() < deadline:
            await asyncio.wait({*self._tasks, asyncio.ensure_future(asyncio.sleep(0.01))}, timeout=0.1)
        session, self._session = self._session, None
        for task in (self._running, *self._tasks):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        if session is not None:
            await session.close()

    async def _run(self) -> None:
        """Open one session after the other, to a broker that answers."""
        pause = self._settings.kombu_reconnect_delay
        while True:
            for broker in random.sample(self._brokers, len(self._brokers)):
                session = Session(broker, self._settings, self._process, self._heard, self._wake.set)
                began = time.monotonic()
                try:
                    await session.open(self._encryption)
                    await self._use(session)
                except BROKEN as error:
                    session.give_up(str(error) or type(error).__name__)
                except Exception as error:
                    log.exception("the message bus stumbled and goes on")
                    session.give_up(str(error))
                finally:
                    self._session = None
                    self._connected.clear()
                    self._attached.clear()
                await session.close()
                self._note(
                    f"The broker at {broker} is not reached: {session.reason}.{_remedy(broker, session)}"
                )
                if time.monotonic() - began > STEADY_SECONDS:
                    pause = self._settings.kombu_reconnect_delay
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, self._settings.rabbit_interval_max)

    async def _use(self, session: Session) -> None:
        """Listen and send until the session is lost."""
        self._session, self._trouble = session, None
        self._connected.set()
        log.info("messages go through the broker at %s", session.broker)
        while not session.lost:
            self._wake.clear()
            for listener in self._listeners.keys() - self._attached.keys():
                self._attached[listener] = None
                self._background(self._attach(session, listener))
            while self._outbox and len(self._tasks) < AT_ONCE:
                self._background(self._send(session, self._outbox.popleft()))
            await self._wake.wait()

    async def _attach(self, session: Session, listener: Listener) -> None:
        try:
            leave = await session.listen(listener)
        except BROKEN as error:
            if not session.lost:
                log.warning("the broker's queue of %s does not answer: %s", listener.topic, error)
                await asyncio.sleep(ATTACH_AGAIN_SECONDS)
                self._attached.pop(listener, None)
            return
        if listener in self._listeners and not session.lost:
            self._attached[listener] = leave
        else:
            await leave()

    async def _send(self, session: Session, message: _Message) -> None:
        try:
            await session.send(message.topic, message.ids, everyone=message.everyone)
        except TimeoutError as error:
            if session.lost or message.everyone:
                self._outbox.append(message)
                session.give_up(str(error))
            else:  # one queue may be stuck while the broker works: then all are told, and one of them acts
                await self._send(session, message._replace(everyone=True))
        except BROKEN as error:
            self._outbox.append(message)
            session.give_up(str(error) or "it does not confirm what it is sent")

    def _heard(self, topic: str, ids: Sequence[str]) -> None:
        self._here.spread(topic, ids)

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("the message bus stumbled and goes on", exc_info=task.exception())
        self._wake.set()

    def _note(self, trouble: str) -> None:
        if self._trouble != trouble:
            log.warning("%s Work is found by looking for it meanwhile.", trouble)
        self._trouble = trouble
