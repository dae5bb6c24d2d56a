# SPDX-License-Identifier: Apache-2.0
"""Housekeeping of load balancing: certificates renewed, leftovers removed."""

from .service import GROUP, Rotated, Service

__all__ = ["GROUP", "Rotated", "Service"]
