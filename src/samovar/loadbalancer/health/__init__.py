# SPDX-License-Identifier: Apache-2.0
"""The health manager of load balancing."""

from .heartbeats import Heartbeat, Unbelievable, Verifier
from .service import Service
from .statuses import operating_statuses
from .watch import Verdict, Watch

__all__ = ["Heartbeat", "Service", "Unbelievable", "Verdict", "Verifier", "Watch", "operating_statuses"]
