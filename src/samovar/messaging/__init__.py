# SPDX-License-Identifier: Apache-2.0
"""The bus: a doorbell that carries ids and nothing else."""

from .bus import Bus, Handler, Subscription
from .local import LocalBus

__all__ = ["Bus", "Handler", "LocalBus", "Subscription"]
