# SPDX-License-Identifier: Apache-2.0
"""The housekeeping of load balancing."""

from .service import Service

__all__ = ["Service"]
