# SPDX-License-Identifier: Apache-2.0
"""The load balancing API, version 2 of Octavia."""

from .service import Service

__all__ = ["Service"]
