# SPDX-License-Identifier: Apache-2.0
"""Roles and the services behind a proxy, with the ports that OpenStack gives them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """How a service is asked: the port of its API."""

    port: int


HTTP_SERVICES = {
    "identity": Entry(5000),
    "image": Entry(9292),
    "network": Entry(9696),
    "compute": Entry(8774),
    "key-manager": Entry(9311),
    "orchestration-api": Entry(8004),
    "cloudformation-api": Entry(8000),
    "loadbalancer-api": Entry(9876),
}
"""What stands behind the proxy, by the name that `samovar serve` knows."""

BEHIND_NO_PROXY = (
    *("engine", "loadbalancer-worker", "loadbalancer-health", "loadbalancer-housekeeping"),
    *("broker", "cache"),
)
"""What finds its work, or is found by its clients, without a proxy: they are given the whole list."""

DATABASE = "database"
PROXY = "proxy"

ROLES: dict[str, tuple[str, ...]] = {
    "endpoint": (PROXY,),
    "controller": (
        *("identity", "image", "key-manager", "orchestration-api", "cloudformation-api", "loadbalancer-api"),
        *("engine", "loadbalancer-worker", "loadbalancer-health", "loadbalancer-housekeeping"),
    ),
    "compute": ("network", "compute"),
    "database": (DATABASE,),
    "broker": ("broker",),
    "cache": ("cache",),
}
"""A role is a set of services; a machine has one role or several."""
ROLES["all-in-one"] = tuple(dict.fromkeys(service for services in ROLES.values() for service in services))

SERVICES = frozenset(service for services in ROLES.values() for service in services)
