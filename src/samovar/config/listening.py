# SPDX-License-Identifier: Apache-2.0
"""Where each API listens and where clients find it, under the names of the documents."""

from __future__ import annotations

from dataclasses import dataclass, field

from .options import option


@dataclass(frozen=True, slots=True)
class Door:
    """An API's place: its section, its usual port, its prefix on a shared port, its path in the catalog."""

    section: str
    port: int
    prefix: str
    path: str = ""
    old: tuple[tuple[str, str], ...] = ()


DOORS = {
    "identity": Door(
        "identity",
        5000,
        "identity",
        old=(("bind_host", "eventlet_server/public_bind_host"), ("bind_port", "eventlet_server/public_port")),
    ),
    "image": Door("image", 9292, "image"),
    "network": Door("network", 9696, "network"),
    "compute": Door(
        "compute",
        8774,
        "compute",
        "/v2.1",
        old=(
            ("bind_host", "DEFAULT/osapi_compute_listen"),
            ("bind_port", "DEFAULT/osapi_compute_listen_port"),
        ),
    ),
    "key-manager": Door("key_manager", 9311, "key-manager"),
    "orchestration-api": Door("heat_api", 8004, "heat-api", "/v1/%(project_id)s"),
    "cloudformation-api": Door("heat_api_cfn", 8000, "heat-api-cfn", "/v1"),
    "loadbalancer-api": Door("api_settings", 9876, "load-balancer"),
}
"""The APIs by the names that `samovar serve` knows."""


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """What a configuration file says of one API's address; the section is the API's own."""

    bind_host: str | None = option(None, section="", help="Address it listens on; empty: [samovar] bind_host")
    bind_port: int | None = option(None, section="", help="Port it listens on")
    public_endpoint: str | None = option(
        None, section="", help="URL under which clients reach it; empty: by [samovar] public_endpoint"
    )
    internal_endpoint: str | None = option(
        None,
        section="",
        help="URL under which other services reach it; empty: by [samovar] internal_endpoint",
    )


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """How the services of a cluster find each other and end."""

    public_endpoint: str | None = option(
        None,
        section="samovar",
        help="Where clients reach the APIs: http://10.0.0.1 (each at its own port) or "
        "https://cloud.example:443 (all there, told apart by path); empty: where each client asked",
    )
    internal_endpoint: str | None = option(
        None, section="samovar", help="The same for requests from service to service; empty: public_endpoint"
    )
    auth_url: str | None = option(
        None,
        section="keystone_authtoken",
        help="Where Identity is; empty: by internal_endpoint, else on this machine",
        old=(
            "keystone_authtoken/auth_uri",
            "keystone_authtoken/www_authenticate_uri",
            "clients_keystone/auth_uri",
            "trustee/auth_url",
        ),
    )
    drain_seconds: float = option(
        3.0,
        section="samovar",
        help="Seconds that an API which is told to end still answers, while its proxy is told to ask others",
    )
    metadata_forwarding: bool = option(
        True, section="samovar", help="Servers of the local cloud reach the APIs at 169.254.169.254, too"
    )
    enable_proxy_headers_parsing: bool = option(
        False, section="oslo_middleware", help="Believe X-Forwarded-Proto: a proxy ends TLS"
    )


@dataclass(frozen=True, slots=True)
class Listening:
    """Each API's own settings, by service."""

    of: dict[str, ListenSettings] = field(default_factory=dict)

    def __getitem__(self, service: str) -> ListenSettings:
        return self.of.get(service) or ListenSettings()

    def port(self, service: str) -> int:
        """The port of its own that the API has."""
        return self[service].bind_port or DOORS[service].port
