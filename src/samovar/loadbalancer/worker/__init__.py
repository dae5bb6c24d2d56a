# SPDX-License-Identifier: Apache-2.0
"""The worker of load balancing: makes desired trees true in amphorae."""

from .parts import Parts
from .service import Service

__all__ = ["Parts", "Service"]
