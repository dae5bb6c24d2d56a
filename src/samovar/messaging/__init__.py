# SPDX-License-Identifier: Apache-2.0
"""The bus: a doorbell that carries ids and nothing else."""

from .brokers import Broker, brokers_of
from .bus import Bus, Handler, Subscription
from .local import LocalBus
from .opening import open_bus

__all__ = ["Broker", "Bus", "Handler", "LocalBus", "Subscription", "brokers_of", "open_bus"]
