# SPDX-License-Identifier: Apache-2.0
"""Compute: servers and what they are made of (Nova v2.1)."""

from .clouds import Clouds
from .service import Service

__all__ = ["Clouds", "Service"]
