# SPDX-License-Identifier: Apache-2.0
"""Memcached, shared by the processes of a cluster."""

from .memcached import Cache, Memcached, NoCache, open_cache
from .sealing import Sealer

__all__ = ["Cache", "Memcached", "NoCache", "Sealer", "open_cache"]
