# SPDX-License-Identifier: Apache-2.0
"""Deployment: from an inventory of machines to the proxies and addresses in front of the services."""

from .galera_check import GaleraCheck, verdict
from .haproxy import seconds_to_notice
from .inventory import Inventory, Node, read_inventory
from .judgement import InventoryError
from .proof import ProofFailed
from .proxy import APPLIED, Applied, apply_proxy, write_all

__all__ = [
    "APPLIED",
    "Applied",
    "GaleraCheck",
    "Inventory",
    "InventoryError",
    "Node",
    "ProofFailed",
    "apply_proxy",
    "read_inventory",
    "seconds_to_notice",
    "verdict",
    "write_all",
]
