# SPDX-License-Identifier: Apache-2.0
"""From what is asked of a server to what it is: the workers, their steps, and the watch over the host."""

from .reconcile import Reconciler
from .steps import Steps
from .wiring import Wiring
from .worker import Worker

__all__ = ["Reconciler", "Steps", "Wiring", "Worker"]
