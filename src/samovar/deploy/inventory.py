# SPDX-License-Identifier: Apache-2.0
"""The inventory: machines, what runs on them, the addresses that clients know, and what is chosen for
the proxy. Read from YAML; a word that means nothing here is refused with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from .durations import Duration
from .judgement import InventoryError, judge, meant
from .roles import HTTP_SERVICES, PROXY, ROLES


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Node(Struct, frozen=True):
    """A machine. `address` is what its services listen on and peers reach it by."""

    name: str
    address: str
    roles: tuple[str, ...] = ()
    services: tuple[str, ...] = ()

    @property
    def runs(self) -> frozenset[str]:
        """The services of its roles, and those it is given one by one."""
        return frozenset(self.services).union(*(ROLES[role] for role in self.roles))


class VirtualAddress(Struct, frozen=True):
    """An address that moves between the endpoints. `interface` carries it; `router_id` is VRRP's."""

    address: str
    interface: str = "eth0"
    router_id: int = 51
    tls_certificate: str = ""

    @property
    def ip(self) -> str:
        return self.address.partition("/")[0]


class Virtual(Struct, frozen=True):
    internal: VirtualAddress
    public: VirtualAddress | None = None


class Check(Struct, frozen=True):
    """How a server is found well. `http` asks for `path` and wants 200; `tcp` only connects.

    An answer may take as long as `inter`. A frozen API is found within 3 x inter + fastinter = 0.77 s; one
    that stands still for less than 2 x inter + fastinter = 0.52 s is not taken for dead. Where all APIs of a
    service are taken for dead, those that answer within `patience` are asked all the same; null: none is.
    """

    kind: Literal["http", "tcp", "none"] = "http"
    path: str = "/readyz"
    inter: Duration = "250ms"
    fastinter: Duration | None = "20ms"
    downinter: Duration | None = "1s"
    rise: int = 2
    fall: int = 2
    observe: bool = True
    patience: Duration | None = "3s"


class Choices(Struct, frozen=True):
    """What may be chosen for all services, and again for one."""

    balance: Literal["source", "roundrobin", "leastconn"] = "roundrobin"
    tcpka: bool = True
    retry: Literal["reads", "all", "connect"] = "reads"
    check: Check = Check()


class ServiceChoices(Struct, frozen=True):
    """What one service has otherwise. `backend_port`: where its processes listen; None: `port`."""

    port: int | None = None
    backend_port: int | None = None
    public: bool = True
    balance: Literal["source", "roundrobin", "leastconn"] | None = None
    tcpka: bool | None = None
    retry: Literal["reads", "all", "connect"] | None = None
    check: Check | None = None


class Timeouts(Struct, frozen=True):
    """From the outside in; each is to be at least a fifth longer than the next.

    HAProxy waits for `connect`, at most a second, before it tries the last server that is left again.
    """

    client: Duration = "90s"
    server: Duration = "75s"
    api: Duration = "60s"
    connect: Duration = "300ms"
    queue: Duration = "60s"
    request: Duration = "10s"
    session: Duration = "1h"


class Proxy(Choices, frozen=True):
    """`user` and `group`: whom HAProxy becomes; empty: it stays who started it."""

    maxconn: int = 4000
    retries: int = 3
    timeouts: Timeouts = Timeouts()
    user: str = "haproxy"
    group: str = "haproxy"
    log: str = "/dev/log"
    config_dir: str = "/etc/samovar"
    run_dir: str = "/run/samovar-proxy"
    statistics_port: int = 8404
    monitor_port: int = 61313
    peers_port: int = 10240


class DatabaseChoices(Struct, frozen=True):
    """The database behind the proxy: one writer, the others standing by.

    `failback`: go back to the first writer as soon as it is well (a second interruption); otherwise the
    one that took over stays the writer until it fails. A node may take 2 s to answer a check, however
    often it is asked: one that is busy is not dead, one that is dead says so at once.
    """

    kind: Literal["none", "galera", "postgresql"] = "none"
    port: int | None = None
    check: Literal["clustercheck", "patroni", "pgsql", "tcp"] | None = None
    check_port: int | None = None
    inter: Duration = "500ms"
    rise: int = 2
    fall: int = 3
    failback: bool = False


class Inventory(Struct, frozen=True):
    nodes: tuple[Node, ...]
    virtual: Virtual
    proxy: Proxy = Proxy()
    services: dict[str, ServiceChoices] = {}
    database: DatabaseChoices = DatabaseChoices()

    def running(self, service: str) -> list[Node]:
        """The machines that run a service, in the inventory's order."""
        return [node for node in self.nodes if service in node.runs]

    @property
    def endpoints(self) -> list[Node]:
        return self.running(PROXY)

    def node(self, name: str) -> Node:
        """The machine of this name. Raises InventoryError."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise InventoryError(f"there is no machine {name!r}{meant(name, [n.name for n in self.nodes])}")

    def port(self, service: str) -> int:
        """Where clients find a service."""
        return self.choices(service).port or HTTP_SERVICES[service].port

    def backend_port(self, service: str) -> int:
        """Where the service's own processes listen."""
        return self.choices(service).backend_port or self.port(service)

    def choices(self, service: str) -> ServiceChoices:
        return self.services.get(service) or ServiceChoices()

    @property
    def floating(self) -> bool:
        """Whether the clients' address moves; one endpoint under its own address needs nothing to move."""
        own = {node.address for node in self.endpoints}
        return self.virtual.internal.ip not in own or self.virtual.public is not None


def read_inventory(path: Path) -> Inventory:
    """The inventory in this file. Raises InventoryError."""
    try:
        document: Any = yaml.safe_load(path.read_text())
    except OSError as error:
        raise InventoryError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InventoryError(f"{path} is not YAML: {error}") from error
    try:
        inventory = msgspec.convert(_short_forms(document), Inventory)
        judge(inventory)
    except (msgspec.ValidationError, ValueError) as error:
        raise InventoryError(f"{path}: {error}") from error
    return inventory


def _short_forms(document: Any) -> Any:
    """``internal: 10.0.0.100/24`` stands for ``internal: {address: 10.0.0.100/24}``."""
    if isinstance(document, dict) and isinstance(document.get("virtual"), dict):
        virtual = {
            key: {"address": value} if isinstance(value, str) else value
            for key, value in document["virtual"].items()
        }
        if isinstance(virtual.get("public"), dict):
            virtual["public"] = {"router_id": 52, **virtual["public"]}
        return {**document, "virtual": virtual}
    return document
