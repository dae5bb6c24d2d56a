# SPDX-License-Identifier: Apache-2.0
"""A server's row as the ServerSpec that the host agent makes so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from samovar.cloud.compute.metadata.documents import Facts, meta_data, network_data
from samovar.cloud.compute.metadata.userdata import decoded
from samovar.cloud.compute.server import CAPABILITIES
from samovar.cloud.host.specs import FileSpec, ServerSpec


def server_spec(facts: Facts, image: str, *, running: bool = True) -> ServerSpec:
    """`image`: what the host agent knows the image as."""
    server = facts.server
    return ServerSpec(
        id=server.id,
        hostname=server.hostname if len(server.hostname) <= 63 else server.hostname.split(".")[0][:63],
        image=image,
        memory_mb=server.flavor["ram"],
        vcpus=server.flavor["vcpus"],
        disk_gb=server.flavor["disk"],
        user_data=decoded(server.user_data),
        metadata=server.properties,
        public_keys=() if server.public_key is None else (server.public_key,),
        admin_password=server.admin_password or "",
        config_drive=server.config_drive,
        meta_data=msgspec.json.encode(meta_data(facts)) if server.config_drive else b"",
        network_data=msgspec.json.encode(network_data(facts)) if server.config_drive else b"",
        files=tuple(
            FileSpec(path=each["path"], content=decoded(each["contents"])) for each in server.personality
        ),
        nameservers=nameservers(facts),
        capabilities=capabilities(server.flavor, server.hints),
        running=running,
    )


def capabilities(flavor: Mapping[str, Any], hints: Mapping[str, Any]) -> tuple[str, ...]:
    """What the server may do beyond others: its flavor's extra spec ``samovar:capabilities``, and the
    scheduler hint of that name; only an administrator can give either. Amphorae change their own network."""
    named = f"{(flavor.get('extra_specs') or {}).get(CAPABILITIES, '')},{hints.get(CAPABILITIES, '')}"
    return tuple(dict.fromkeys(name.strip() for name in named.split(",") if name.strip()))


def nameservers(facts: Facts) -> tuple[str, ...]:
    """The name servers of the server's subnets, in the order of its interfaces."""
    found: Sequence[str] = [
        address
        for interface in facts.interfaces
        for subnet in facts.subnets.get(interface.network_id, ())
        for address in subnet.get("dns_nameservers", ())
    ]
    return tuple(dict.fromkeys(found))
