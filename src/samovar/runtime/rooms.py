# SPDX-License-Identifier: Apache-2.0
"""Which rooms a service needs, and importing them.

Before the process is confined: Python may still keep what it has compiled beside the sources then, and
the next start is not made to compile it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

ALWAYS = ("samovar.cloud.identity",)
ROOMS = {
    "image": ("samovar.cloud.image",),
    "network": ("samovar.cloud.network", "samovar.cloud.host"),
    "compute": ("samovar.cloud.compute", "samovar.cloud.host"),
    "key-manager": ("samovar.cloud.key_manager",),
    "orchestration-api": ("samovar.orchestration.engine", "samovar.orchestration.api"),
    "cloudformation-api": ("samovar.orchestration.engine", "samovar.orchestration.cfn"),
    "engine": ("samovar.orchestration.engine",),
    "loadbalancer-api": ("samovar.loadbalancer.api",),
    "loadbalancer-worker": ("samovar.loadbalancer.worker",),
    "loadbalancer-health": ("samovar.loadbalancer.health",),
    "loadbalancer-housekeeping": ("samovar.loadbalancer.housekeeping",),
}


def import_rooms(wanted: Iterable[str]) -> None:
    """Import what these services are made of."""
    for room in dict.fromkeys((*ALWAYS, *(room for name in wanted for room in ROOMS.get(name, ())))):
        import_module(room)
