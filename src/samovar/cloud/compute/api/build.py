# SPDX-License-Identifier: Apache-2.0
"""The API put together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from samovar.auth import Policy, TokenValidator
from samovar.cloud.compute.addresses import AddressBook
from samovar.cloud.compute.clouds import Clouds
from samovar.cloud.compute.creation import ZONE
from samovar.cloud.compute.faults import render
from samovar.cloud.compute.hosts import Host
from samovar.cloud.compute.lifecycle.wiring import Wiring
from samovar.cloud.compute.networks import Ports
from samovar.database import Database
from samovar.messaging import Bus
from samovar.web import Api

from . import versions
from .actions import ActionsApi
from .aggregates import AggregatesApi
from .flavors import FlavorsApi
from .groups import GroupsApi
from .hypervisors import HypervisorsApi
from .interfaces import InterfacesApi
from .keypairs import KeypairsApi
from .quotas import QuotasApi
from .rest import RestApi
from .routes import Routes
from .server_parts import ServerPartsApi
from .servers import ServersApi


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the API works with."""

    database: Database
    bus: Bus
    clouds: Clouds
    ports: Ports
    wiring: Wiring
    host: Host | None
    node: str
    address: str
    state_dir: Path
    max_body: int


def build_api(parts: Parts, validator: TokenValidator | None, policy: Policy) -> Api:
    api = Api("compute", render_fault=render, validator=validator, policy=policy, max_body=parts.max_body)
    routes = Routes(api)
    database, clouds, ports = parts.database, parts.clouds, parts.ports
    book = AddressBook(database, ports)
    servers = ServersApi(database, parts.bus, clouds, book, parts.node, ZONE)
    versions.add(api)
    servers.add(routes)
    ActionsApi(database, parts.bus, clouds, ports, parts.host, servers).add(routes)
    ServerPartsApi(database, clouds, ports, book, servers).add(routes)
    InterfacesApi(database, clouds, ports, book, parts.wiring, servers).add(routes)
    FlavorsApi(database).add(routes)
    KeypairsApi(database).add(routes)
    GroupsApi(database).add(routes)
    QuotasApi(database).add(routes)
    HypervisorsApi(database, parts.state_dir, parts.address).add(routes)
    AggregatesApi(database).add(routes)
    RestApi(database, parts.bus, clouds, parts.host, servers).add(routes)
    return api
