# SPDX-License-Identifier: Apache-2.0
"""Which bus a process has."""

from __future__ import annotations

from samovar.config import MessagingSettings

from .brokers import brokers_of
from .bus import Bus
from .local import LocalBus


def open_bus(settings: MessagingSettings) -> Bus:
    """The bus over the brokers that are named, or the one inside the process. Raises OptionsError."""
    if not brokers_of(settings):
        return LocalBus()
    from .amqp import AmqpBus  # the client library is loaded only where there is a broker

    return AmqpBus(settings)
