# SPDX-License-Identifier: Apache-2.0
"""Memcached, shared by the processes of a cluster; what one process was told a moment ago."""

from .memcached import Cache, Memcached, NoCache, open_cache
from .recent import Recent
from .sealing import Sealer

__all__ = ["Cache", "Memcached", "NoCache", "Recent", "Sealer", "open_cache"]
