# SPDX-License-Identifier: Apache-2.0
"""What worker, health manager and housekeeping share: the way to amphorae, and the keys for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from samovar.clients import Cloud
from samovar.config import Settings

from ..authorities import Authority, Store
from ..deployment import Deployment
from .agent import Agents
from .amphorae import Amphorae
from .surroundings import Surroundings

__all__ = ["Parts"]


@dataclass(frozen=True, slots=True)
class Parts:
    store: Store
    agents: Agents
    surroundings: Surroundings
    amphorae: Amphorae

    @classmethod
    def of(cls, settings: Settings, own: Cloud, deployment: Deployment) -> Parts:
        """From the settings and the service's own credentials."""
        given = settings.amphora
        store = Store(
            settings.state_dir / "loadbalancer",
            server_ca=lambda: (
                Authority.read(
                    Path(given.ca_certificate),
                    Path(given.ca_private_key),
                    given.ca_private_key_passphrase,
                    digest=given.signing_digest,
                )
                if given.ca_certificate
                else None
            ),
            client_ca=Path(given.client_ca) if given.client_ca else None,
            client_cert=Path(given.client_cert) if given.client_cert else None,
            heartbeat_key=given.heartbeat_key,
        )
        agents = Agents(
            store.tls_context,
            store.version,
            given.agent_port,
            connect=given.rest_request_conn_timeout,
            read=given.rest_request_read_timeout,
        )
        surroundings = Surroundings(own, given)
        amphorae = Amphorae(own, given, surroundings, store, agents, deployment)
        return cls(store, agents, surroundings, amphorae)

    async def close(self) -> None:
        await self.amphorae.starting.close()
        await self.agents.close()
