# SPDX-License-Identifier: Apache-2.0
"""The options of load balancing's worker, health manager and housekeeping, as octavia.conf names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .options import option


def _worker(default: Any, help: str) -> Any:
    return option(default, section="controller_worker", help=help)


def _health(default: Any, help: str, name: str = "", least: float | None = None) -> Any:
    return option(default, section="health_manager", help=help, name=name, least=least)


def _keeping(default: Any, help: str, least: float | None = None) -> Any:
    return option(default, section="house_keeping", help=help, least=least)


@dataclass(frozen=True, slots=True)
class AmphoraSettings:
    amp_flavor_id: str = _worker("", "Flavor of amphorae; empty: one is made")
    amp_image_tag: str = _worker("", "Tag of the image of amphorae; empty: the built-in image host")
    amp_image_owner_id: str = _worker("", "Project that the image must belong to")
    amp_boot_network_list: list[str] = option(
        [],
        section="controller_worker",
        help="Networks of amphorae, the management network first; empty: lb-mgmt-net is made",
    )
    amp_secgroup_list: list[str] = option(
        [], section="controller_worker", help="Security groups of amphorae's management ports"
    )
    amp_ssh_key_name: str = _worker("", "Key pair that opens amphorae to their operator")
    amp_active_retries: int = _worker(30, "How often to look whether an amphora's server runs")
    amp_active_wait_sec: int = _worker(10, "Seconds between two looks; the product is the patience")
    client_ca: str = _worker("", "Authority that amphorae believe controllers by; empty: made")
    client_cert: str = option(
        "", section="haproxy_amphora", help="The controller's certificate and key; empty: made"
    )
    ca_certificate: str = option("", section="certificates", help="Authority of amphorae; empty: made")
    ca_private_key: str = option("", section="certificates", help="Its private key")
    ca_private_key_passphrase: str | None = option(
        None, section="certificates", help="What its private key is encrypted with"
    )
    signing_digest: str = option("sha256", section="certificates", help="Digest of signatures")
    cert_validity_time: int = option(
        2_592_000, section="certificates", help="Seconds that an amphora's certificate is good for"
    )
    agent_port: int = option(
        9443, section="haproxy_amphora", name="bind_port", help="Port of the agent in the amphora"
    )
    connection_max_retries: int = option(
        120, section="haproxy_amphora", help="How often to try to reach a new amphora's agent"
    )
    connection_retry_interval: float = option(
        0.5, section="haproxy_amphora", help="Seconds between two tries, at most"
    )
    active_connection_max_retries: int = option(
        20, section="haproxy_amphora", help="How often to try to reach the agent of an amphora in service"
    )
    rest_request_conn_timeout: float = option(
        10.0, section="haproxy_amphora", help="Seconds to connect to an agent"
    )
    rest_request_read_timeout: float = option(
        60.0, section="haproxy_amphora", help="Seconds that an agent may take to answer"
    )
    default_connection_limit: int = option(
        50_000, section="haproxy_amphora", help="Connections of a listener without a limit"
    )
    vrrp_advert_int: float = option(
        0.1, section="keepalived_vrrp", help="Seconds between two signs of life of the active amphora"
    )
    enable_anti_affinity: bool = option(
        False, section="nova", help="Keep the two amphorae of a load balancer on different hosts"
    )
    anti_affinity_policy: str = option(
        "anti-affinity",
        section="nova",
        help="The policy of their server group, or soft-anti-affinity; on a single host it is always soft",
    )
    delete_drain_seconds: float = option(
        5.0,
        section="samovar",
        name="lb_delete_drain_seconds",
        help="Seconds that connections may take to end when their load balancer is deleted; 0: none",
    )
    heartbeat_ip: str = _health("", "Address of the health manager; empty: the external gateway", "bind_ip")
    heartbeat_port: int = _health(5555, "UDP port of the health manager", "bind_port")
    heartbeat_key: str | None = _health(None, "Secret of heartbeats; empty: made")
    controller_ip_port_list: list[str] = option(
        [], section="health_manager", help="address:port of all health managers; empty: this one"
    )
    heartbeat_interval: float = _health(1.0, "Seconds between two heartbeats of an amphora", least=0.05)
    heartbeat_timeout: float = _health(15.0, "Seconds of silence after which an amphora is replaced")
    health_check_interval: float = _health(0.25, "Seconds between two looks for silent amphorae", least=0.05)
    failover_threshold: int | None = _health(
        None, "Silent amphorae at once from which on none is replaced; empty: a third of them, at least three"
    )
    cleanup_interval: float = _keeping(30.0, "Seconds between two clean-ups", 0.1)
    operation_expiry_age: int = _keeping(604_800, "Seconds that finished operations are remembered")
    cert_interval: float = _keeping(3600.0, "Seconds between two looks for old certificates", 0.1)
    cert_expiry_buffer: int = _keeping(1_209_600, "Seconds before its end that a certificate is renewed")
    management_cidr: str = option(
        "198.18.0.0/16",
        section="samovar",
        name="lb_mgmt_cidr",
        help="Addresses of the lb-mgmt-net that is made",
    )
