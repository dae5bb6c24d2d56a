# SPDX-License-Identifier: Apache-2.0
"""The bus: a doorbell that carries ids and nothing else."""

from .brokers import Broker, brokers_of
from .bus import Bus, Handler, Subscription
from .depths import Depth, Depths, depths
from .local import LocalBus
from .opening import open_bus

__all__ = [
    "Broker",
    "Bus",
    "Depth",
    "Depths",
    "Handler",
    "LocalBus",
    "Subscription",
    "brokers_of",
    "depths",
    "open_bus",
]
