# SPDX-License-Identifier: Apache-2.0
"""Transports of signals and of server configuration that nothing here can carry: refused at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from samovar.diagnostics import Diagnostics, Place
from samovar.orchestration.resources.schema import ResourceType
from samovar.orchestration.templates.nodes import Path

# Property → value → (the service it needs, what to use instead).
NEEDED: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "signal_transport": {
        "TEMP_URL_SIGNAL": ("object-store", "CFN_SIGNAL or HEAT_SIGNAL"),
        "ZAQAR_SIGNAL": ("messaging", "CFN_SIGNAL or HEAT_SIGNAL"),
    },
    "software_config_transport": {
        "POLL_TEMP_URL": ("object-store", "POLL_SERVER_CFN or POLL_SERVER_HEAT"),
        "ZAQAR_MESSAGE": ("messaging", "POLL_SERVER_CFN or POLL_SERVER_HEAT"),
    },
}


def has_transport(kind: ResourceType) -> bool:
    """Whether resources of this type name a transport."""
    return any(name in kind.properties for name in NEEDED)


def check_transports(
    where: Path, values: Mapping[str, Any], findings: Diagnostics, place_of: Callable[[Path], Place | None]
) -> None:
    """Find the transports of one resource that cannot be used; `where` is the path of its properties."""
    for name, transports in NEEDED.items():
        value = values.get(name)
        if isinstance(value, str) and value in transports:
            service, instead = transports[value]
            findings.error(
                "unavailable-transport",
                f"The {name} {value} needs the {service} service, which this installation cannot use.",
                advice=f"Use {instead}",
                place=place_of((*where, name)),
                path=".".join(str(step) for step in (*where, name)),
            )
