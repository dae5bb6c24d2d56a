# SPDX-License-Identifier: Apache-2.0
"""Several environment files in order, merged as Heat merges `environment_files`."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from samovar.diagnostics import Diagnostics
from samovar.orchestration.templates import conversion
from samovar.orchestration.templates.environment import (
    ENCRYPTED_PARAM_NAMES,
    EVENT_SINKS,
    MERGE_STRATEGIES,
    PARAMETER_DEFAULTS,
    PARAMETERS,
    RESOURCE_REGISTRY,
    Environment,
    parse_environment,
)
from samovar.orchestration.templates.parser import parse
from samovar.orchestration.templates.template import Template
from samovar.orchestration.templates.values import shown
from samovar.orchestration.templates.versions import VERSION_KEYS

OVERWRITE, MERGE, DEEP_MERGE = "overwrite", "merge", "deep_merge"
_STRATEGIES = (OVERWRITE, MERGE, DEEP_MERGE)


def merge_environment_files(
    parameters: Mapping[str, Any],
    names: Sequence[str],
    files: Mapping[str, str],
    template: Template | None = None,
) -> tuple[Environment | None, Diagnostics]:
    """The environment that a request's `environment_files` mean, merged on top of its `parameters`.

    Values of the files win over the request's parameters. None when a file can't be read.
    """
    merger = _Merger(files, template)
    merged: dict[str, Any] = {PARAMETERS: dict(parameters), PARAMETER_DEFAULTS: {}, RESOURCE_REGISTRY: {}}
    places = {}
    readable = True
    for name in names:
        text = files.get(name)
        if text is None:
            merger.found.error(
                "missing-file", f'The environment file "{shown(name)}" is not among the files',
                advice="Send its text in `files` under the same name",
            )  # fmt: skip
            readable = False
            continue
        environment, found = parse_environment(text, name)
        merger.found.extend(found)
        if environment is None:
            readable = False
            continue
        merger.merge(merged, environment, name)
        places.update(environment.places)
    if not readable:
        return None, merger.found
    result, found = parse_environment({key: value for key, value in merged.items() if value is not None})
    # Wrong sections were reported with their places when the files were read.
    if not merger.found.has_errors:
        merger.found.extend(found)
    if result is not None:
        result.places = {key: place for key, place in places.items() if key in result.parameters}
    return result, merger.found


class _Merger:
    def __init__(self, files: Mapping[str, str], template: Template | None) -> None:
        self.found = Diagnostics()
        self.files = files
        self.template = template
        self.strategies: dict[str, str] = {}
        self._types: dict[str, str] | None = None

    @property
    def types(self) -> dict[str, str]:
        """The types of all parameters of the root template and of every file that is a template."""
        if self._types is None:
            self._types = {}
            for text in self.files.values():
                if isinstance(text, str) and any(key in text for key in VERSION_KEYS):
                    nested, _ = parse(text)
                    if nested is not None:
                        self._types |= {name: schema.type for name, schema in nested.parameters.items()}
            if self.template is not None:
                self._types |= {name: schema.type for name, schema in self.template.parameters.items()}
        return self._types

    def merge(self, merged: dict[str, Any], environment: Environment, file: str) -> None:
        for name, strategy in environment.merge_strategies.items():
            if strategy not in _STRATEGIES:
                self.found.warning(
                    "merge-strategy", f'"{shown(strategy)}" is no merge strategy; values are overwritten',
                    advice=f"Known are {', '.join(_STRATEGIES)}", path=f"{MERGE_STRATEGIES}.{name}",
                )  # fmt: skip
        for section, new in (
            (PARAMETERS, environment.parameters),
            (PARAMETER_DEFAULTS, environment.parameter_defaults),
        ):
            if new:
                merged[section] = self._values(merged[section], new, environment, file)
        merged[RESOURCE_REGISTRY].update(copy.deepcopy(environment.raw.get(RESOURCE_REGISTRY) or {}))
        for section in (EVENT_SINKS, ENCRYPTED_PARAM_NAMES):
            if environment.raw.get(section):
                if section == EVENT_SINKS and merged.get(section):
                    self.found.error(
                        "invalid-environment",
                        "Only one environment file may have event_sinks",
                        advice=f"Remove them from {file} or from the file before it",
                    )
                merged[section] = environment.raw[section]

    def _values(
        self, old: dict[str, Any], new: Mapping[str, Any], environment: Environment, file: str
    ) -> dict[str, Any]:
        result = dict(old)
        for name, value in new.items():
            strategies = environment.merge_strategies
            strategy = strategies.get(name) or strategies.get("default") or OVERWRITE
            if self.strategies.setdefault(name, strategy) != strategy:
                self.found.error(
                    "merge-strategy",
                    f'The parameter "{name}" has the merge strategy {shown(strategy)} in {file}, but '
                    f"{shown(self.strategies[name])} in a file before it",
                    advice="Name the same strategy in every file that sets the parameter",
                    place=environment.places.get(name),
                )  # fmt: skip
                continue
            if not old:
                result[name] = value
                continue
            kind = self.types.get(name)
            if kind is None or value is None:
                continue
            if strategy in (OVERWRITE,) or strategy not in _STRATEGIES or result.get(name) is None:
                result[name] = value
                continue
            try:
                result[name] = _merge(kind, result[name], value, strategy == DEEP_MERGE)
            except (ValueError, TypeError) as error:
                self.found.error(
                    "merge-strategy", f'The parameter "{name}" cannot be merged: {error}',
                    place=environment.places.get(name),
                )  # fmt: skip
        return result


def _merge(kind: str, old: Any, new: Any, deep: bool) -> Any:
    if kind == conversion.COMMA_DELIMITED_LIST:
        if isinstance(old, str) and isinstance(new, str):
            return f"{old},{new}"
        return [*conversion.to_list(old), *conversion.to_list(new)]
    if kind == conversion.JSON:
        left, right = conversion.to_json(old), conversion.to_json(new)
        if isinstance(left, list) and isinstance(right, list):
            return [*left, *right]
        if isinstance(left, dict) and isinstance(right, dict):
            return _deep(left, right) if deep else {**left, **right}
        raise ValueError("only two maps or two lists can be merged")
    if isinstance(old, str) and isinstance(new, str) and kind != conversion.BOOLEAN:
        return old + new
    raise ValueError(f"values of type {kind} can't be put together")


def _deep(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    result = dict(left)
    for key, value in right.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            result[key] = _deep(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            result[key] = [*old, *value]
        elif isinstance(old, str) and isinstance(value, str):
            result[key] = old + value
        else:
            result[key] = value
    return result
