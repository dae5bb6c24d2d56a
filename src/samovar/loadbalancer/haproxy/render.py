# SPDX-License-Identifier: Apache-2.0
"""Pure: a tree as the configuration of the one HAProxy that carries it on one amphora."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..datagrams import PROTOCOLS
from ..tree import Listener, Pool, Tree
from .backends import backend, backend_name, uses_ping
from .frontends import CARRIED, connection_limit, frontend
from .place import PEER_PORT, Place
from .tls import crt_list, crt_list_name
from .words import Refused, address, number, word


@dataclass(frozen=True, slots=True)
class Rendered:
    """`text`: haproxy.cfg. `files`: further files beside the certificates. `broken`: object id → why it is
    not carried; everything else is. `frontends`: the listeners that are."""

    text: str
    files: Mapping[str, str]
    broken: Mapping[str, str]
    frontends: tuple[str, ...]


def render(tree: Tree, place: Place) -> Rendered:
    """What HAProxy should do for `tree` at `place`."""
    broken: dict[str, str] = {}
    files: dict[str, str] = {}
    carried: list[str] = []
    sections: list[list[str]] = []
    connections, ping = 0, False
    for listener in tree.listeners if tree.enabled else ():
        if not listener.enabled or listener.protocol in PROTOCOLS:
            continue
        try:
            if listener.tls is not None:
                files[crt_list_name(listener)] = crt_list(listener.tls, place)
            pools = [pool for pool in _used(tree, listener) if pool.enabled]
            behind, failed = _backends(pools, listener, place, broken)
            names = {pool.id: backend_name(pool, listener) for pool in pools if pool.id not in failed}
            sections += [frontend(tree, listener, place, names, broken), *behind]
        except Refused as error:
            broken[listener.id] = f"Listener {listener.name or listener.id}: {error}"
            continue
        carried.append(listener.id)
        connections += connection_limit(listener, place)
        ping = ping or any(uses_ping(pool) for pool in pools)
    head = [_global(place, connections, ping=ping), DEFAULTS, *_peers(place)]
    if any(listener.protocol == "PROMETHEUS" for listener in tree.listeners if listener.id in carried):
        sections += _metrics(place)
    text = "\n\n".join("\n    ".join(section) for section in [*head, *sections]) + "\n"
    return Rendered(text, files, broken, tuple(carried))


DEFAULTS = [
    "defaults",
    "mode tcp",
    "retries 3",
    "option redispatch",
    "option http-keep-alive",
    "option idle-close-on-response",
    "load-server-state-from-file global",
    "timeout connect 5000",
    "timeout client 50000",
    "timeout server 50000",
]


def _used(tree: Tree, listener: Listener) -> list[Pool]:
    """The pools that the listener sends to, each once."""
    wanted = [listener.default_pool_id]
    wanted += [one.redirect_pool_id for one in listener.policies if one.action == "REDIRECT_TO_POOL"]
    found = (tree.pool(pool_id) for pool_id in dict.fromkeys(wanted))
    return [pool for pool in found if pool is not None]


def _backends(
    pools: list[Pool], listener: Listener, place: Place, broken: dict[str, str]
) -> tuple[list[list[str]], set[str]]:
    made, failed = [], set()
    if listener.protocol not in CARRIED:
        return [], set()
    for pool in pools:
        try:
            made.append(backend(pool, listener, place, broken))
        except Refused as error:
            broken[pool.id] = f"Pool {pool.name or pool.id}: {error}"
            failed.add(pool.id)
    return made, failed


def _global(place: Place, connections: int, *, ping: bool) -> list[str]:
    most = min(max(connections, 100), place.most_connections)
    lines = [
        "global",
        f"user {word(place.user)}",
        f"group {word(place.group)}",
        f"stats socket {word(place.socket)} mode 600 level admin expose-fd listeners",
        f"server-state-file {word(place.state_file)}",
        f"maxconn {number(most)}",
        "no strict-limits",
        f"nbthread {number(place.threads)}",
        "hard-stop-after 600s",
        "tune.ssl.default-dh-param 2048",
        # Its own client is not used; otherwise each start reads all the authorities that the image trusts.
        "httpclient.ssl.verify none",
    ]
    if place.own is not None and place.peers:
        lines.append(f"localpeer {word(place.own.name)}")
    if ping:
        lines += ["external-check", "insecure-fork-wanted"]
    return lines


def _metrics(place: Place) -> list[list[str]]:
    """HAProxy's exporter for the agent, and the agent, which gives the metrics their names, for scrapers."""
    return [
        [
            "frontend prometheus-exporter",
            "mode http",
            f"bind {word(f'unix@{place.directory}/exporter.sock')} mode 600",
            "http-request use-service prometheus-exporter",
        ],
        [
            "backend prometheus",
            "mode http",
            f"server agent {word(f'unix@{place.directory}/metrics.sock')} weight 1",
        ],
    ]


def _peers(place: Place) -> list[list[str]]:
    if place.own is None or not place.peers:
        return []
    return [
        [
            "peers peers",
            *(
                f"peer {word(peer.name)} {_peer_place(peer.address)}"
                for peer in sorted({place.own, *place.peers}, key=lambda peer: peer.name)
            ),
        ]
    ]


def _peer_place(value: str) -> str:
    canonical = address(value)
    return f"ipv6@{canonical}:{PEER_PORT}" if ":" in canonical else f"{canonical}:{PEER_PORT}"
