# SPDX-License-Identifier: Apache-2.0
"""The options of the load balancing API, under the names that octavia.conf gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .options import option

CIPHERS = ":".join(
    (
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "DHE-RSA-AES128-GCM-SHA256",
        "DHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-RSA-CHACHA20-POLY1305",
        "DHE-RSA-CHACHA20-POLY1305",
    )
)


def _api(default: Any, help: str) -> Any:
    return option(default, section="api_settings", help=help)


def _limit(name: str) -> Any:
    return option(-1, section="quotas", help=f"How many {name} a project may have; -1: any number")


@dataclass(frozen=True, slots=True)
class LoadBalancerSettings:
    strict_immutable: bool = _api(
        False, "Refuse changes with 409 while a load balancer is being changed, as Octavia does"
    )
    pagination_max_limit: int = _api(1000, "Most objects in one page of a list")
    allow_tls_terminated_listeners: bool = _api(True, "Let users make listeners that end TLS")
    allow_ping_health_monitors: bool = _api(True, "Let users make PING monitors")
    allow_prometheus_listeners: bool = _api(True, "Let users make listeners that give metrics")
    default_provider_driver: str = _api("amphora", "Provider of new load balancers")
    enabled_provider_drivers: list[str] = option(
        ["amphora:The amphora provider.", "octavia:Another name of the amphora provider."],
        section="api_settings",
        help="Providers that users may choose, name:description",
    )
    udp_connect_min_interval_health_monitor: int = _api(3, "Least delay of UDP-CONNECT monitors in seconds")
    default_listener_ciphers: str = _api(CIPHERS, "Ciphers of TLS listeners")
    default_pool_ciphers: str = _api(CIPHERS, "Ciphers of TLS pools")
    tls_cipher_prohibit_list: str = _api("", "Ciphers that nobody may use")
    default_listener_tls_versions: list[str] = option(
        ["TLSv1.2", "TLSv1.3"], section="api_settings", help="TLS versions of listeners"
    )
    default_pool_tls_versions: list[str] = option(
        ["TLSv1.2", "TLSv1.3"], section="api_settings", help="TLS versions of pools"
    )
    minimum_tls_version: str | None = option(
        None, section="api_settings", help="Oldest version of TLS that may be chosen"
    )
    default_listener_alpn_protocols: list[str] = option(
        ["h2", "http/1.1", "http/1.0"], section="api_settings", help="ALPN protocols of TLS listeners"
    )
    default_pool_alpn_protocols: list[str] = option(
        ["h2", "http/1.1", "http/1.0"], section="api_settings", help="ALPN protocols of TLS pools"
    )
    loadbalancer_topology: str = option(
        "SINGLE", section="controller_worker", help="SINGLE or ACTIVE_STANDBY, where no flavor says"
    )
    timeout_client_data: int = option(50000, section="haproxy_amphora", help="Default in milliseconds")
    timeout_member_connect: int = option(5000, section="haproxy_amphora", help="Default in milliseconds")
    timeout_member_data: int = option(50000, section="haproxy_amphora", help="Default in milliseconds")
    timeout_tcp_inspect: int = option(0, section="haproxy_amphora", help="Default in milliseconds")
    allow_vip_network_id: bool = option(True, section="networking", help="VIPs by vip_network_id")
    allow_vip_subnet_id: bool = option(True, section="networking", help="VIPs by vip_subnet_id")
    allow_vip_port_id: bool = option(True, section="networking", help="VIPs by vip_port_id")
    valid_vip_networks: list[str] = option(
        [], section="networking", help="Networks that VIPs may be on; empty: any"
    )
    denylist_vip_networks: list[str] = option(
        [], section="networking", help="Networks that VIPs may not be on"
    )
    reserved_ips: list[str] = option(
        ["169.254.169.254"], section="networking", help="Addresses that members may not have"
    )
    default_load_balancer_quota: int = _limit("load balancers")
    default_listener_quota: int = _limit("listeners")
    default_member_quota: int = _limit("members")
    default_pool_quota: int = _limit("pools")
    default_health_monitor_quota: int = _limit("health monitors")
    default_l7policy_quota: int = _limit("L7 policies")
    default_l7rule_quota: int = _limit("L7 rules")

    @property
    def providers(self) -> dict[str, str]:
        """The enabled providers and what they are."""
        found = {}
        for item in self.enabled_provider_drivers:
            name, _, description = item.partition(":")
            found[name.strip()] = description.strip()
        return found
