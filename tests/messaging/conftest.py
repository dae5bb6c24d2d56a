# SPDX-License-Identifier: Apache-2.0
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from samovar.config import MessagingSettings
from samovar.messaging import Bus, LocalBus, open_bus
from servers.rabbitmq import RabbitMQ


@pytest.fixture(scope="session")
def broker() -> Iterator[RabbitMQ]:
    running = RabbitMQ()
    yield running
    running.stop()


@pytest.fixture
def exchange(request) -> str:
    return f"test.{request.node.name.partition('[')[0]}"


class Processes:
    """Makes the buses of processes of one program, and ends them."""

    def __init__(self, broker: RabbitMQ | None, exchange: str) -> None:
        self._broker, self._exchange = broker, exchange
        self._made: list[Bus] = []
        self._local = LocalBus()

    async def __call__(self, **more: Any) -> Bus:
        if self._broker is None:
            return self._local
        options = {"transport_url": self._broker.url, "control_exchange": self._exchange, **more}
        bus = open_bus(MessagingSettings(**options))
        self._made.append(bus)
        await bus.start()
        return bus

    async def close(self) -> None:
        for bus in self._made:
            await bus.close()


@pytest.fixture
async def process(broker: RabbitMQ, exchange: str) -> AsyncIterator[Processes]:
    """The bus of one more process of the same program."""
    made = Processes(broker, exchange)
    yield made
    await made.close()


@pytest.fixture(params=["in-process", "amqp"])
def twin(request: pytest.FixtureRequest) -> RabbitMQ | None:
    """The broker, or None for the bus inside a process."""
    return request.getfixturevalue("broker") if request.param == "amqp" else None


@pytest.fixture
async def processes(twin: RabbitMQ | None, exchange: str) -> AsyncIterator[tuple[Bus, Bus, Bus]]:
    """The buses of three processes: one that rings and two that listen."""
    made = Processes(twin, exchange)
    yield await made(), await made(), await made()
    await made.close()
