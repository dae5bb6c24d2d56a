# SPDX-License-Identifier: Apache-2.0
"""The options of the message broker, under the names that oslo.messaging gave and gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .options import option

RABBIT = "oslo_messaging_rabbit"


def _old(default: Any, name: str, help: str) -> Any:
    """An option of old [DEFAULT] sections that documents still print."""
    return option(default, section="DEFAULT", name=name, help=help, old=(f"{RABBIT}/{name}",))


def _rabbit(default: Any, name: str, help: str, *old: str, least: float | None = None) -> Any:
    return option(default, section=RABBIT, name=name, help=help, old=(f"DEFAULT/{name}", *old), least=least)


@dataclass(frozen=True, slots=True)
class MessagingSettings:
    transport_url: str | None = option(
        None,
        section="DEFAULT",
        help="rabbit://user:password@host:port,user:password@host:port/virtual_host; "
        "empty: the rabbit_* options, and without them no broker",
        old=("oslo_messaging_notifications/transport_url",),
    )
    rabbit_host: str | None = _old(
        None, "rabbit_host", "Address of the broker, where there is no transport_url"
    )
    rabbit_hosts: list[str] = _old([], "rabbit_hosts", "Addresses of all brokers of the cluster, host:port")
    rabbit_port: int = _old(5672, "rabbit_port", "Port of the broker")
    rabbit_userid: str = _old("guest", "rabbit_userid", "User at the broker")
    rabbit_password: str = _old("guest", "rabbit_password", "Password at the broker")
    rabbit_virtual_host: str = _old("/", "rabbit_virtual_host", "Virtual host at the broker")
    control_exchange: str = option(
        "samovar", section="DEFAULT", help="What the names of all queues and exchanges begin with"
    )
    ssl: bool = _rabbit(
        False, "ssl", "Speak TLS to the broker", "DEFAULT/rabbit_use_ssl", f"{RABBIT}/rabbit_use_ssl"
    )
    ssl_ca_file: str | None = _rabbit(
        None,
        "ssl_ca_file",
        "Authority that the broker is believed by",
        f"{RABBIT}/kombu_ssl_ca_certs",
        "DEFAULT/kombu_ssl_ca_certs",
    )
    ssl_cert_file: str | None = _rabbit(
        None,
        "ssl_cert_file",
        "Certificate shown to the broker",
        f"{RABBIT}/kombu_ssl_certfile",
        "DEFAULT/kombu_ssl_certfile",
    )
    ssl_key_file: str | None = _rabbit(
        None,
        "ssl_key_file",
        "Key of that certificate",
        f"{RABBIT}/kombu_ssl_keyfile",
        "DEFAULT/kombu_ssl_keyfile",
    )
    heartbeat_timeout_threshold: int = _rabbit(
        15, "heartbeat_timeout_threshold", "Seconds of silence after which a broker is taken for dead"
    )
    rabbit_quorum_queue: bool = _rabbit(
        True, "rabbit_quorum_queue", "Queues that a cluster of brokers keeps on several of its members"
    )
    rabbit_qos_prefetch_count: int = _rabbit(
        32, "rabbit_qos_prefetch_count", "Messages that one process has in hand at most"
    )
    kombu_reconnect_delay: float = _rabbit(
        0.2,
        "kombu_reconnect_delay",
        "Seconds to wait before the next broker is tried",
        "DEFAULT/rabbit_retry_interval",
        least=0.01,
    )
    rabbit_interval_max: float = _rabbit(
        5.0, "rabbit_interval_max", "Seconds that this wait grows to while no broker answers", least=0.1
    )
