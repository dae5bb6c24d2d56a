# SPDX-License-Identifier: Apache-2.0
"""Where a configuration is rendered for: one amphora, its directories, its peers, the files it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PEER_PORT = 1025
DIRECTORY = "/var/lib/samovar-amphora"


@dataclass(frozen=True, slots=True)
class Peer:
    """An amphora of the same load balancer. `name` is the word its HAProxy knows itself by."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Place:
    """One amphora.

    `files`: reference to the key manager → name of the file that holds it (`certificates` on the
    amphora). `sources`: addresses from which members are reached, by IP version (4 or 6); a member whose
    subnet is in `subnet_sources` is reached from there. `nonlocal_bind`: the VIP may be elsewhere just now.
    """

    directory: str = DIRECTORY
    files: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[int, str] = field(default_factory=dict)
    subnet_sources: Mapping[str, str] = field(default_factory=dict)
    own: Peer | None = None
    peers: tuple[Peer, ...] = ()
    nonlocal_bind: bool = False
    default_connection_limit: int = 50_000
    most_connections: int = 1_000_000
    stick_size: str = "10k"
    threads: int = 1
    user: str = "nobody"
    group: str = "nogroup"

    @property
    def socket(self) -> str:
        return f"{self.directory}/haproxy.sock"

    @property
    def state_file(self) -> str:
        return f"{self.directory}/haproxy.state"

    @property
    def ping(self) -> str:
        return f"{self.directory}/check-ping"

    def certificate(self, name: str) -> str:
        """The path of a file of TLS."""
        return f"{self.directory}/certificates/{name}"
