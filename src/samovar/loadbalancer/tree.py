# SPDX-License-Identifier: Apache-2.0
"""The desired tree of a load balancer, whole and typed: what a worker makes true.

    Tree ─┬─ vip, additional_vips
          ├─ listeners ─── policies ─── rules
          └─ pools ─┬─ members
                    └─ monitor

Listeners and policies name pools by id (`Tree.pool`). What is being deleted is not in the tree.
References of TLS are kept as references: the worker fetches what they name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Vip(msgspec.Struct, frozen=True):
    """One virtual address. `owned`: the service made its port and removes it at the end."""

    address: str
    port_id: str
    network_id: str
    subnet_id: str | None
    owned: bool


class SessionPersistence(msgspec.Struct, frozen=True):
    """`type`: SOURCE_IP, HTTP_COOKIE or APP_COOKIE. `timeout` in seconds and `granularity` (a netmask or
    prefix mask) only for UDP and SCTP."""

    type: str
    cookie_name: str | None
    timeout: int | None
    granularity: str | None


class Member(msgspec.Struct, frozen=True):
    id: str
    name: str
    enabled: bool
    address: str
    port: int
    weight: int
    backup: bool
    subnet_id: str | None
    monitor_address: str | None
    monitor_port: int | None
    vnic_type: str
    status: str


class HealthMonitor(msgspec.Struct, frozen=True):
    """`delay` and `timeout` in seconds; the HTTP attributes only for HTTP and HTTPS."""

    id: str
    name: str
    enabled: bool
    type: str
    delay: int
    timeout: int
    rise: int
    fall: int
    http_method: str | None
    url_path: str | None
    expected_codes: str | None
    http_version: str | None
    domain_name: str | None
    status: str


class Rule(msgspec.Struct, frozen=True):
    id: str
    enabled: bool
    type: str
    compare_type: str
    key: str | None
    value: str
    invert: bool


class Policy(msgspec.Struct, frozen=True):
    """One L7 policy; all its rules must hold. Policies of a listener come in the order of `position`."""

    id: str
    name: str
    enabled: bool
    action: str
    position: int
    redirect_pool_id: str | None
    redirect_url: str | None
    redirect_prefix: str | None
    redirect_http_code: int | None
    rules: tuple[Rule, ...]
    status: str


class PoolTls(msgspec.Struct, frozen=True):
    """How a pool speaks TLS to its members; `certificate` is the client's own."""

    certificate: str | None
    ca: str | None
    crl: str | None
    ciphers: str | None
    versions: tuple[str, ...]
    alpn: tuple[str, ...]


class Pool(msgspec.Struct, frozen=True):
    id: str
    name: str
    enabled: bool
    protocol: str
    algorithm: str
    persistence: SessionPersistence | None
    tls: PoolTls | None
    members: tuple[Member, ...]
    monitor: HealthMonitor | None
    status: str


class ListenerTls(msgspec.Struct, frozen=True):
    """References to the key manager: the default certificate, those for SNI in order, the clients' CA."""

    certificate: str | None
    sni: tuple[str, ...]
    client_authentication: str
    client_ca: str | None
    client_crl: str | None
    ciphers: str | None
    versions: tuple[str, ...]
    alpn: tuple[str, ...]
    hsts_max_age: int | None
    hsts_include_subdomains: bool
    hsts_preload: bool


class Listener(msgspec.Struct, frozen=True):
    """Timeouts in milliseconds; `connection_limit` -1: no limit; `allowed_cidrs` empty: everybody."""

    id: str
    name: str
    enabled: bool
    protocol: str
    port: int
    connection_limit: int
    default_pool_id: str | None
    insert_headers: Mapping[str, str]
    timeout_client_data: int
    timeout_member_connect: int
    timeout_member_data: int
    timeout_tcp_inspect: int
    allowed_cidrs: tuple[str, ...]
    tls: ListenerTls | None
    policies: tuple[Policy, ...]
    status: str


class Tree(msgspec.Struct, frozen=True):
    """A load balancer as it should be in generation `generation`. `status` fields are provisioning states."""

    id: str
    project_id: str
    name: str
    enabled: bool
    provider: str
    topology: str
    generation: int
    status: str
    vip: Vip
    additional_vips: tuple[Vip, ...]
    vip_security_groups: tuple[str, ...]
    vip_qos_policy_id: str | None
    vip_vnic_type: str
    server_group_id: str | None
    flavor: Mapping[str, Any]
    availability_zone: Mapping[str, Any]
    listeners: tuple[Listener, ...]
    pools: tuple[Pool, ...]

    @property
    def vips(self) -> tuple[Vip, ...]:
        """The first and the additional ones."""
        return (self.vip, *self.additional_vips)

    def pool(self, pool_id: str | None) -> Pool | None:
        """The pool of this id."""
        return next((pool for pool in self.pools if pool.id == pool_id), None)
