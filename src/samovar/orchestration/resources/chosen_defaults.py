# SPDX-License-Identifier: Apache-2.0
"""Defaults of properties that the operator of an installation chooses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from samovar.orchestration.resources.schema import ResourceType

# Option → the property, the default that types declare, and what else it may be.
CHOICES: Mapping[str, tuple[str, str, frozenset[str]]] = {
    "default_deployment_signal_transport": (
        "signal_transport",
        "CFN_SIGNAL",
        frozenset({"TEMP_URL_SIGNAL", "HEAT_SIGNAL", "ZAQAR_SIGNAL"}),
    ),
    "default_software_config_transport": (
        "software_config_transport",
        "POLL_SERVER_CFN",
        frozenset({"POLL_SERVER_HEAT", "POLL_TEMP_URL", "ZAQAR_MESSAGE"}),
    ),
    "default_user_data_format": (
        "user_data_format",
        "HEAT_CFNTOOLS",
        frozenset({"RAW", "SOFTWARE_CONFIG"}),
    ),
}
# A handle's transport has a default of its own.
_OTHERS = frozenset({"OS::Heat::WaitConditionHandle"})
_chosen: dict[str, str] = {}


def choose_defaults(chosen: Mapping[str, str]) -> bool:
    """Take the operator's choice, by option; whether it is another one than before. Raises ValueError."""
    wanted: dict[str, str] = {}
    for option, value in chosen.items():
        name, declared, others = CHOICES[option]
        if value != declared and value not in others:
            raise ValueError(f'{option} is "{value}"; it can be {", ".join(sorted({declared, *others}))}.')
        if value != declared:
            wanted[name] = value
    changed = wanted != _chosen
    _chosen.clear()
    _chosen.update(wanted)
    return changed


def with_defaults(declared: ResourceType) -> ResourceType:
    """A type as this installation has it."""
    if declared.name in _OTHERS or _chosen.keys().isdisjoint(declared.properties):
        return declared
    properties = {
        name: replace(each, default=_chosen[name]) if name in _chosen and each.default is not None else each
        for name, each in declared.properties.items()
    }
    return replace(declared, properties=properties)
