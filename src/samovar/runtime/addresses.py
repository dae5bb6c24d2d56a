# SPDX-License-Identifier: Apache-2.0
"""Where the APIs are: what this process listens on, and the URLs under which others find each of them.

A *shared* port serves every API of the process, told apart by path as DevStack has it (`samovar up`,
`serve all`, `--port`). Otherwise each API listens on its own port, as its documents say.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from samovar.cloud import identity
from samovar.config import DOORS, Settings

KINDS = {
    "identity": ("identity", "keystone", "Identity"),
    "image": ("image", "glance", "Images"),
    "network": ("network", "neutron", "Networking"),
    "compute": ("compute", "nova", "Compute"),
    "key-manager": ("key-manager", "barbican", "Key management"),
    "orchestration-api": ("orchestration", "heat", "Orchestration"),
    "cloudformation-api": ("cloudformation", "heat-cfn", "Orchestration signals"),
    "loadbalancer-api": ("load-balancer", "octavia", "Load balancing"),
}
"""Catalog type, catalog name, description."""

INSIDE = "http://169.254.169.254"
"""Where servers of the local cloud reach all its APIs."""

EVERYWHERE = ("", "0.0.0.0", "::")
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of one process's view of the cluster. `shared`: origin of the shared port, if any."""

    settings: Settings
    wanted: Collection[str]
    shared: str = ""

    @property
    def apart(self) -> bool:
        """Whether APIs are told apart by port."""
        return not self.shared

    def own_places(self) -> dict[str, tuple[str, int]]:
        """Address and port of each API of this process that listens on its own."""
        found = {}
        for name in DOORS:
            said = self.settings.listening[name]
            asked = said.bind_port is not None or said.bind_host is not None
            if name in self.wanted and (self.apart or asked):
                host = said.bind_host or self.settings.api.bind_host
                found[name] = (host, self.settings.listening.port(name))
        return found

    def public(self, name: str) -> str:
        """The URL of an API for clients, without its version."""
        said = self.settings.listening[name].public_endpoint
        return said.rstrip("/") if said else self._under(self.settings.services.public_endpoint, name)

    def internal(self, name: str) -> str:
        """The URL of an API for other services, without its version."""
        said = self.settings.listening[name].internal_endpoint
        if said:
            return said.rstrip("/")
        base = self.settings.services.internal_endpoint
        return self._under(base, name) if base else self.public(name)

    def _under(self, base: str | None, name: str) -> str:
        if base:
            base = base.rstrip("/")
            if urlsplit(base).port is None:
                return f"{base}:{self.settings.listening.port(name)}"
            return f"{base}/{DOORS[name].prefix}"
        if self.shared:
            return f"{self.shared}/{DOORS[name].prefix}"
        host = self.settings.listening[name].bind_host or self.settings.api.bind_host
        if self.settings.api.public_host:
            host = self.settings.api.public_host
        elif host in EVERYWHERE:
            host = "127.0.0.1"
        own = url(host, self.settings.listening.port(name))
        # What means loopback is reached by servers of the local cloud at INSIDE instead: under the prefix.
        return f"{own}/{DOORS[name].prefix}" if host in LOOPBACK else own

    @property
    def auth_url(self) -> str:
        """Identity's v3 root, for services."""
        said = (self.settings.services.auth_url or self.internal("identity")).rstrip("/")
        return said if said.endswith("/v3") else f"{said.removesuffix('/v2.0')}/v3"

    def catalog(self) -> list[identity.CatalogEntry]:
        """What the catalog says. Where nothing is configured, clients go on to where they asked."""
        entries = []
        for name, (kind, title, description) in KINDS.items():
            door = DOORS[name]
            said = self.settings.listening[name]
            services = self.settings.services
            public = internal = ""
            if said.public_endpoint or services.public_endpoint:
                public = self.public(name) + door.path
            elif self.apart:
                public = f"{{machine}}:{self.settings.listening.port(name)}{door.path}"
            if said.internal_endpoint or services.internal_endpoint:
                internal = self.internal(name) + door.path
            path = f"/{door.prefix}{door.path}"
            entries.append(identity.CatalogEntry(kind, title, path, description, public, internal))
        return entries

    def inside(self) -> dict[str, str]:
        """How servers of the local cloud reach what they are told of, by the URLs for everybody else."""
        if not self.settings.services.metadata_forwarding:
            return {}
        found = {
            self.public(name): f"{INSIDE}/{DOORS[name].prefix}"
            for name in ("orchestration-api", "cloudformation-api", "identity")
        }
        found[self.auth_url.removesuffix("/v3")] = f"{INSIDE}/{DOORS['identity'].prefix}"
        return found
