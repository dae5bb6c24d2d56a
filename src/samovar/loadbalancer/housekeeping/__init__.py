# SPDX-License-Identifier: Apache-2.0
"""Housekeeping of load balancing: certificates renewed, leftovers removed."""

from .service import GROUP, Service

__all__ = ["GROUP", "Service"]
