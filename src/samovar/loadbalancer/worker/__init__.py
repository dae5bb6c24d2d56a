# SPDX-License-Identifier: Apache-2.0
"""The worker of load balancing: makes desired trees true in amphorae."""

from .service import Service

__all__ = ["Service"]
