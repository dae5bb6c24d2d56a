# SPDX-License-Identifier: Apache-2.0
"""Environments: parameter values and defaults, the resource registry, event sinks."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from samovar.diagnostics import Diagnostics, Place, did_you_mean
from samovar.orchestration.templates import source
from samovar.orchestration.templates.errors import raise_errors
from samovar.orchestration.templates.limits import DEFAULT_LIMITS, Limits
from samovar.orchestration.templates.parameters import MASK
from samovar.orchestration.templates.places import Places
from samovar.orchestration.templates.registry import RegistryReader, ResourceRegistry
from samovar.orchestration.templates.values import shown, type_name

PARAMETERS, PARAMETER_DEFAULTS = "parameters", "parameter_defaults"
RESOURCE_REGISTRY, EVENT_SINKS = "resource_registry", "event_sinks"
ENCRYPTED_PARAM_NAMES, MERGE_STRATEGIES = "encrypted_param_names", "parameter_merge_strategies"
SECTIONS = (
    PARAMETERS, PARAMETER_DEFAULTS, RESOURCE_REGISTRY, EVENT_SINKS, ENCRYPTED_PARAM_NAMES, MERGE_STRATEGIES,
)  # fmt: skip
_MAPS = (PARAMETERS, PARAMETER_DEFAULTS, RESOURCE_REGISTRY, MERGE_STRATEGIES)
SINK_TYPES = ("zaqar-queue",)


@dataclass(slots=True)
class Environment:
    """What surrounds a template. `places` says where the values of parameters stand."""

    parameters: dict[str, Any] = field(default_factory=dict)
    parameter_defaults: dict[str, Any] = field(default_factory=dict)
    registry: ResourceRegistry = field(default_factory=ResourceRegistry)
    event_sinks: list[dict[str, Any]] = field(default_factory=list)
    encrypted_param_names: list[str] = field(default_factory=list)
    merge_strategies: dict[str, str] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)

    def with_parameters(self, parameters: Mapping[str, Any]) -> Environment:
        """The same with more parameter values, which win over its own."""
        places = {name: place for name, place in self.places.items() if name not in parameters}
        return replace(self, parameters={**self.parameters, **parameters}, places=places)

    def on_top_of(self, older: Environment) -> Environment:
        """Both: what this one says wins, entry by entry. Null in its registry takes an entry away."""
        newer = self.raw.get(RESOURCE_REGISTRY)
        registry = older.registry.under(newer if isinstance(newer, dict) else {})
        return replace(
            self,
            parameters={**older.parameters, **self.parameters},
            parameter_defaults={**older.parameter_defaults, **self.parameter_defaults},
            registry=registry,
            event_sinks=self.event_sinks or list(older.event_sinks),
        )

    def with_operator(self, operator: Environment) -> Environment:
        """The same above the operator's environment: its registry comes after, its defaults are weaker."""
        registry = ResourceRegistry(self.registry.data, operator.registry)
        return replace(self, registry=registry)

    def child(
        self, resource: str, parameters: Mapping[str, Any], without: tuple[str, ...] = ()
    ) -> Environment:
        """The environment of the nested stack of a resource."""
        return Environment(
            parameters=dict(parameters),
            parameter_defaults=dict(self.parameter_defaults),
            registry=self.registry.child(resource, without),
            event_sinks=list(self.event_sinks),
        )

    def as_dict(self, hidden: Collection[str] = ()) -> dict[str, Any]:
        """As stored and answered; values of hidden parameters are ******."""

        def masked(values: Mapping[str, Any]) -> dict[str, Any]:
            return {name: MASK if name in hidden else copy.deepcopy(value) for name, value in values.items()}

        return {
            PARAMETERS: masked(self.parameters),
            PARAMETER_DEFAULTS: masked(self.parameter_defaults),
            RESOURCE_REGISTRY: self.registry.as_dict(),
            EVENT_SINKS: copy.deepcopy(self.event_sinks),
            ENCRYPTED_PARAM_NAMES: list(self.encrypted_param_names),
        }


def parse_environment(
    text: str | Mapping[str, Any] | None, file: str = "environment", limits: Limits = DEFAULT_LIMITS
) -> tuple[Environment | None, Diagnostics]:
    """Read an environment from YAML or JSON text, or from data. None when it can't be read at all."""
    diagnostics = Diagnostics()
    if isinstance(text, str):
        tree = source.read(text, file, diagnostics, limits, noun="environment")
    else:
        tree = source.read_data(dict(text or {}), file, diagnostics, limits)
    if tree is None:
        return None, diagnostics
    if not isinstance(tree.data, dict):
        diagnostics.error(
            "invalid-environment", f"An environment is a map of sections, not {type_name(tree.data)}",
            place=Place(file, 1, 1),
        )  # fmt: skip
        return None, diagnostics
    return _EnvironmentReader(tree.data, tree.places, diagnostics).read(), diagnostics


def load_environment(text: str | Mapping[str, Any] | None, file: str = "environment") -> Environment:
    """The environment, or the exception that its first error means (errors.TemplateError)."""
    environment, diagnostics = parse_environment(text, file)
    raise_errors(diagnostics)
    assert environment is not None
    return environment


class _EnvironmentReader:
    def __init__(self, raw: dict[str, Any], places: Places, diagnostics: Diagnostics) -> None:
        self.raw, self.places, self.diagnostics = raw, places, diagnostics

    def read(self) -> Environment:
        environment = Environment(raw=self.raw)
        for key, value in self.raw.items():
            if key not in SECTIONS:
                self._error(
                    f'An environment has no section "{shown(key)}"', (str(key),),
                    did_you_mean(key, SECTIONS, f"Known are {', '.join(SECTIONS)}"),
                )  # fmt: skip
            elif value is None:
                self._error(f"The section {key} is empty", (key,), "Fill it or remove it")
            elif key in _MAPS and not isinstance(value, dict):
                self._error(f"The section {key} is a map, not {type_name(value)}", (key,))
        environment.parameters = self._map(PARAMETERS)
        environment.parameter_defaults = self._map(PARAMETER_DEFAULTS)
        environment.merge_strategies = {
            str(name): str(strategy) for name, strategy in self._map(MERGE_STRATEGIES).items()
        }
        for name in environment.parameters:
            place = self.places.of((PARAMETERS, name))
            if place is not None:
                environment.places[name] = place
        registry = self._map(RESOURCE_REGISTRY)
        if registry:
            environment.registry = RegistryReader(self.places, self.diagnostics).read(registry)
        environment.event_sinks = self._sinks()
        names = self.raw.get(ENCRYPTED_PARAM_NAMES) or []
        if isinstance(names, list):
            environment.encrypted_param_names = [str(name) for name in names]
        else:
            self._error(
                f"{ENCRYPTED_PARAM_NAMES} is a list, not {type_name(names)}", (ENCRYPTED_PARAM_NAMES,)
            )
        return environment

    def _map(self, section: str) -> dict[str, Any]:
        value = self.raw.get(section)
        return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}

    def _sinks(self) -> list[dict[str, Any]]:
        sinks = self.raw.get(EVENT_SINKS) or []
        if not isinstance(sinks, list):
            self._error(f"{EVENT_SINKS} is a list, not {type_name(sinks)}", (EVENT_SINKS,))
            return []
        good = []
        for index, sink in enumerate(sinks):
            path = (EVENT_SINKS, index)
            if not isinstance(sink, dict):
                self._error(f"An event sink is a map, not {type_name(sink)}", path)
                continue
            kind = sink.get("type")
            if kind not in SINK_TYPES:
                self._error(
                    f'"{shown(kind)}" is no type of event sink', path,
                    did_you_mean(kind, SINK_TYPES, f"Known is {', '.join(SINK_TYPES)}"),
                )  # fmt: skip
            elif not isinstance(sink.get("target"), str):
                self._error("An event sink needs a target, the name of a queue", path)
            else:
                good.append(sink)
        return good

    def _error(self, message: str, path: tuple[str | int, ...], advice: str = "") -> None:
        self.diagnostics.error(
            "invalid-environment", message, advice=advice, place=self.places.of(path),
            path=".".join(str(step) for step in path),
        )  # fmt: skip
