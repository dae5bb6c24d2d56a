# SPDX-License-Identifier: Apache-2.0
"""Images: what servers are made from (Glance v2)."""

from .service import Service

__all__ = ["Service"]
