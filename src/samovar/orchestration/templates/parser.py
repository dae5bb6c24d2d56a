# SPDX-License-Identifier: Apache-2.0
"""Template text into a Template, with every mistake found on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.diagnostics import Diagnostics, Place, did_you_mean
from samovar.orchestration.templates import source
from samovar.orchestration.templates.errors import raise_errors
from samovar.orchestration.templates.limits import DEFAULT_LIMITS, Limits
from samovar.orchestration.templates.nodes import Path
from samovar.orchestration.templates.places import Places
from samovar.orchestration.templates.resource_reader import ResourceReader
from samovar.orchestration.templates.schemas import SchemaReader
from samovar.orchestration.templates.template import (
    OutputDefinition,
    ParameterGroup,
    Template,
)
from samovar.orchestration.templates.values import shown, type_name
from samovar.orchestration.templates.versions import VERSION_KEYS, VERSIONS, Version


def parse(
    text: str | Mapping[str, Any], file: str = "template", limits: Limits = DEFAULT_LIMITS
) -> tuple[Template | None, Diagnostics]:
    """Read a template from YAML or JSON text, or from data.

    `file` is the name that places carry. The template is None when it can't be read at all; with other
    errors it holds what could be read.
    """
    diagnostics = Diagnostics()
    if isinstance(text, str):
        tree = source.read(text, file, diagnostics, limits)
    else:
        tree = source.read_data(text if isinstance(text, dict) else dict(text), file, diagnostics, limits)
    if tree is None:
        return None, diagnostics
    if not isinstance(tree.data, dict):
        diagnostics.error(
            "template-not-a-map", f"A template is a map of sections, not {type_name(tree.data)}",
            place=Place(file, 1, 1),
        )  # fmt: skip
        return None, diagnostics
    version = _version(tree.data, tree.places, diagnostics)
    if version is None:
        return None, diagnostics
    return _TemplateReader(version, tree.data, tree.places, diagnostics, limits).read(), diagnostics


def load(text: str | Mapping[str, Any], file: str = "template", limits: Limits = DEFAULT_LIMITS) -> Template:
    """The template, or the exception that its first error means (errors.TemplateError)."""
    template, diagnostics = parse(text, file, limits)
    raise_errors(diagnostics)
    assert template is not None
    return template


def _version(raw: dict[Any, Any], places: Places, diagnostics: Diagnostics) -> Version | None:
    given = [key for key in VERSION_KEYS if key in raw]
    top = Place(places.file, 1, 1)
    if not given or all(raw[key] is None for key in given):
        meant = did_you_mean(next(iter(raw), None), VERSION_KEYS)
        diagnostics.error(
            "template-version-missing", "The template version is missing",
            advice=meant or "Begin the template with the line heat_template_version: 2021-04-16", place=top,
        )  # fmt: skip
        return None
    if len(given) > 1:
        diagnostics.error(
            "template-version", f"The template version is ambiguous: it has {' and '.join(given)}",
            advice="Keep one of them", place=places.of((given[1],)), path=given[1],
        )  # fmt: skip
        return None
    key, value = given[0], raw[given[0]]
    known = VERSIONS[key]
    version = known.get(value) if isinstance(value, str) else None
    if version is None:
        diagnostics.error(
            "template-version", f'The template version is invalid: "{shown(value)}" is no {key}',
            advice=did_you_mean(value, known, "") or f"Known are {', '.join(sorted(known))}",
            place=places.value((key,)), path=key,
        )  # fmt: skip
    return version


class _TemplateReader(ResourceReader):
    def read(self) -> Template:
        self._check_sections()
        self._parameters()
        self._groups()
        self._conditions()
        self.read_resources()
        self._outputs()
        return self.template

    def _check_sections(self) -> None:
        words = self.words
        known = [words.description, words.parameters, words.resources, words.outputs]
        known += [words.parameter_groups] if words.parameter_groups else []
        known += [words.mappings] if words.mappings else []
        known += [words.conditions] if self.version.has_conditions else []
        for key in self.raw:
            if key in known or key == self.version.key:
                continue
            advice = did_you_mean(key, known, f"Known are {', '.join(known)}")
            if key == words.conditions:
                advice = f"Conditions exist from {self.version.key} 2016-10-14 on"
            self.error("unknown-section", f'A template has no section "{shown(key)}"', (key,), advice)

    def _parameters(self) -> None:
        reader = SchemaReader(self.version, self.places, self.diagnostics)
        for name, raw, path in self.section(self.words.parameters):
            schema = reader.read(name, raw, path)
            if schema is not None:
                self.template.parameters[name] = schema

    def _groups(self) -> None:
        section = self.words.parameter_groups
        groups = self.raw.get(section) if section else None
        if not groups and not isinstance(groups, str):
            return
        if not isinstance(groups, list):
            self.error("parameter-groups", f"parameter_groups is a list, not {type_name(groups)}", (section,))
            return
        declared = self.raw.get(self.words.parameters)
        declared = declared if isinstance(declared, dict) else {}
        seen: dict[str, str] = {}
        for index, raw in enumerate(groups):
            path: Path = (section, index)
            if not isinstance(raw, dict):
                self.error("parameter-groups", f"A parameter group is a map, not {type_name(raw)}", path)
                continue
            names = raw.get("parameters")
            if not isinstance(names, list):
                self.error("parameter-groups", "A parameter group needs a list of parameters", path)
                continue
            label = shown(raw.get("label") or f"number {index + 1}")
            for position, name in enumerate(names):
                if self.diagnostics.full:
                    return
                here = (*path, "parameters", position)
                if not isinstance(name, str) or name not in declared:
                    self.error(
                        "parameter-groups",
                        f'The group names "{shown(name)}", which is no parameter',
                        here,
                        did_you_mean(name, declared),
                    )
                elif name in seen:
                    self.error(
                        "parameter-groups",
                        f'The parameter "{name}" is in two groups: {seen[name]} and {label}',
                        here,
                    )
                else:
                    seen[name] = label
            self.template.parameter_groups.append(
                ParameterGroup(raw.get("label"), raw.get("description"), tuple(map(str, names)), raw)
            )

    def _conditions(self) -> None:
        section = self.words.conditions
        if not self.version.has_conditions or section not in self.raw:
            return
        if not isinstance(self.raw[section], dict):
            self.error(
                "section-not-a-map",
                f"The section {section} is a map, not {type_name(self.raw[section])}",
                (section,),
            )
            return
        for name, raw, path in self.section(section):
            if isinstance(raw, bool):
                self.template.conditions[name] = raw
                continue
            if raw is None or isinstance(raw, str):
                self.error(
                    "invalid-condition",
                    f'The condition "{name}" is defined as {type_name(raw)}; it must be true, false or a '
                    "condition function",
                    path,
                    value=True,
                )
                continue
            self.template.conditions[name] = self.nodes.condition(raw, path)

    def _outputs(self) -> None:
        words = self.words
        hot = self.version.kind == "hot"
        for name, raw, path in self.section(words.outputs):
            if not isinstance(raw, dict):
                self.error(
                    "invalid-output", f"An output is a map with a {words.value}, not {type_name(raw)}", path
                )
                continue
            if words.value not in raw:
                self.error(
                    "invalid-output", f"The output has no {words.value}", path, did_you_mean(words.value, raw)
                )
                continue
            condition = None
            if self.version.has_conditions and raw.get(words.condition) is not None:
                condition = self.nodes.condition(raw[words.condition], (*path, words.condition))
            description = raw.get("description" if hot else "Description")
            self.template.outputs[name] = OutputDefinition(
                name, self.nodes.value(raw[words.value], (*path, words.value)),
                "" if description is None else str(description), condition,
            )  # fmt: skip


__all__ = ["load", "parse"]
