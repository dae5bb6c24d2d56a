# SPDX-License-Identifier: Apache-2.0
"""Membership, partitioning and locks among processes of one kind."""

from .coordinator import Alone, CoordinationUnavailable, Coordinator, Membership
from .opening import open_coordinator
from .partition import Partition
from .ring import HashRing
from .stores import ToozCoordinator
from .table import TableCoordinator

__all__ = [
    "Alone",
    "CoordinationUnavailable",
    "Coordinator",
    "HashRing",
    "Membership",
    "Partition",
    "TableCoordinator",
    "ToozCoordinator",
    "open_coordinator",
]
