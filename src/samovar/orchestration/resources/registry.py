# SPDX-License-Identifier: Apache-2.0
"""Every resource type by name. A family's module is read when one of its types is first asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib import import_module

from samovar.diagnostics import closest
from samovar.orchestration.resources.chosen_defaults import choose_defaults, with_defaults
from samovar.orchestration.resources.families import FAMILIES
from samovar.orchestration.resources.schema import ResourceType

# Names of the field that mean another type. A trailing star maps a whole prefix.
ALIASES: Mapping[str, str] = {
    "OS::Ceilometer::Alarm": "OS::Aodh::Alarm",
    "OS::Ceilometer::CombinationAlarm": "OS::Aodh::CombinationAlarm",
    "OS::Ceilometer::GnocchiAggregationByMetricsAlarm": "OS::Aodh::GnocchiAggregationByMetricsAlarm",
    "OS::Ceilometer::GnocchiAggregationByResourcesAlarm": "OS::Aodh::GnocchiAggregationByResourcesAlarm",
    "OS::Ceilometer::GnocchiResourcesAlarm": "OS::Aodh::GnocchiResourcesAlarm",
    "OS::Metering::Alarm": "OS::Aodh::Alarm",
    "OS::Quantum*": "OS::Neutron*",
}

# Types that a template implements, not a service. They are part of the catalog of types all the same.
TEMPLATE_FAMILY = "template_types"


@cache
def _family_of() -> Mapping[str, str]:
    return {name: family for family, names in FAMILIES.items() for name in names}


@cache
def _family(family: str) -> Mapping[str, ResourceType]:
    module = import_module(f"samovar.orchestration.resources.types.{family}")
    return {declared.name: with_defaults(declared) for declared in module.TYPES}


def use_defaults(chosen: Mapping[str, str]) -> None:
    """Let properties have the defaults that the operator chose, by option. Raises ValueError."""
    if choose_defaults(chosen):
        _family.cache_clear()
        find_type.cache_clear()


def canonical_name(name: str) -> str:
    """The name an alias stands for; any other name as it is."""
    if name in ALIASES:
        return ALIASES[name]
    for alias, target in ALIASES.items():
        if alias.endswith("*") and name.startswith(alias[:-1]):
            return target[:-1] + name[len(alias) - 1 :]
    return name


@lru_cache(maxsize=4096)
def find_type(name: str) -> ResourceType | None:
    """The declared type of that name or alias, or None when there is none."""
    real = canonical_name(name)
    family = _family_of().get(real)
    return None if family is None else _family(family)[real]


def closest_type(name: str) -> str | None:
    """The name of a type that was probably meant."""
    return closest(name, _family_of(), 0.75)


def type_names(pattern: str = "*", *, hidden: bool = False) -> list[str]:
    """Names of the types that match a shell pattern, sorted; hidden ones only when asked for."""
    names = sorted(name for name in _family_of() if fnmatchcase(name, pattern))
    return [name for name in names if hidden or not _declared(name).hidden]


def _declared(name: str) -> ResourceType:
    return _family(_family_of()[name])[name]


def every_type() -> Iterable[ResourceType]:
    """All declared types, hidden ones included, sorted by name. Reads every family."""
    return [_declared(name) for name in sorted(_family_of())]


def families() -> Mapping[str, tuple[ResourceType, ...]]:
    """All types by family."""
    return {family: tuple(_family(family).values()) for family in FAMILIES}
