# SPDX-License-Identifier: Apache-2.0
"""Template text into a Template, with every mistake found on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from samovar.diagnostics import Diagnostics, Place, did_you_mean
from samovar.orchestration.templates import source
from samovar.orchestration.templates.errors import raise_errors
from samovar.orchestration.templates.limits import DEFAULT_LIMITS, Limits
from samovar.orchestration.templates.node_parser import NodeParser
from samovar.orchestration.templates.nodes import Function, Path, path_text
from samovar.orchestration.templates.places import Places
from samovar.orchestration.templates.schemas import SchemaReader
from samovar.orchestration.templates.template import (
    DELETE,
    RETAIN,
    SNAPSHOT,
    OutputDefinition,
    ParameterGroup,
    ResourceDefinition,
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
            "template-version", f'"{shown(value)}" is no version of {key}',
            advice=did_you_mean(value, known, "") or f"Known are {', '.join(sorted(known))}",
            place=places.value((key,)), path=key,
        )  # fmt: skip
    return version


class _TemplateReader:
    def __init__(
        self, version: Version, raw: dict[str, Any], places: Places, diagnostics: Diagnostics, limits: Limits
    ) -> None:
        self.version, self.raw, self.places, self.diagnostics = version, raw, places, diagnostics
        description = raw.get("description" if version.kind == "hot" else "Description")
        self.template = Template(version, "", raw, places)
        self.words = self.template.words
        if description is not None:
            self.template.description = description if isinstance(description, str) else str(description)
        mappings = raw.get(self.words.mappings) if self.words.mappings else None
        self.template.mappings = mappings if isinstance(mappings, dict) else {}
        self.nodes = NodeParser(version, places, diagnostics, limits, self.template.mappings)

    def read(self) -> Template:
        self._check_sections()
        self._parameters()
        self._groups()
        self._conditions()
        self._resources()
        self._outputs()
        return self.template

    def error(self, code: str, message: str, path: Path, advice: str = "", value: bool = False) -> None:
        if len(self.diagnostics) < 1000:
            place = self.places.value(path) if value else self.places.of(path)
            self.diagnostics.error(code, message, advice=advice, place=place, path=path_text(path))

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

    def _section(self, name: str) -> Iterator[tuple[str, Any, Path]]:
        if not name:
            return
        section = self.raw.get(name)
        if section is None:
            return
        if not isinstance(section, dict):
            if section or not isinstance(section, (list, str)):
                self.error(
                    "section-not-a-map", f"The section {name} is a map, not {type_name(section)}", (name,)
                )
            return
        for key, value in section.items():
            text = key
            if not isinstance(key, str):
                self.error(
                    "invalid-name",
                    f"A name in {name} is a string, not {type_name(key)}",
                    (name, key),
                    "Quote it",
                )
                text = str(key)
            yield text, value, (name, key)

    def _parameters(self) -> None:
        reader = SchemaReader(self.version, self.places, self.diagnostics)
        for name, raw, path in self._section(self.words.parameters):
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
        for name, raw, path in self._section(section):
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

    def _resources(self) -> None:
        words = self.words
        hot = self.version.kind == "hot"
        keys = [
            words.type,
            words.properties,
            words.metadata,
            words.depends_on,
            words.deletion_policy,
            words.update_policy,
            "description" if hot else "Description",
        ]
        keys += [words.external_id] if self.version.has_external_id else []
        keys += [words.condition] if self.version.has_conditions else []
        known = frozenset(keys)
        for name, raw, path in self._section(words.resources):
            if not isinstance(raw, dict):
                self.error(
                    "invalid-resource",
                    f"A resource is a map with at least a {words.type}, not {type_name(raw)}",
                    path,
                )
                continue
            if "/" in name:
                self.error("invalid-name", "The name of a resource contains no /", path)
            if hot and not known.issuperset(raw):
                for key in raw:
                    if key not in known:
                        advice = did_you_mean(key, keys, f"Known are {', '.join(keys)}")
                        if key in ("condition", "external_id"):
                            advice = "It exists from heat_template_version 2016-10-14 on"
                        self.error(
                            "unknown-key", f'A resource has no key "{shown(key)}"', (*path, key), advice
                        )
            definition = self._resource(name, raw, path, known)
            if definition is not None:
                self.template.resources[name] = definition

    def _resource(
        self, name: str, raw: dict[str, Any], path: Path, known: frozenset[str]
    ) -> ResourceDefinition | None:
        words = self.words
        kind = self.nodes.value(raw.get(words.type), (*path, words.type))
        if kind is None:
            self.error("invalid-resource", f"The resource has no {words.type}", path)
            return None
        if not isinstance(kind, (str, Function)):
            self.error(
                "invalid-resource",
                f"The {words.type} of a resource is a string, not {type_name(kind)}",
                (*path, words.type),
            )
            return None
        if len(raw) == 1:
            return ResourceDefinition(name, kind)
        self._check_empty(raw, path, known)
        external_id = raw.get(words.external_id) if words.external_id in known else None
        if external_id is not None:
            external_id = self.nodes.value(external_id, (*path, words.external_id))
            if not isinstance(external_id, (str, Function)):
                self.error(
                    "invalid-resource",
                    f"The {words.external_id} of a resource is a string, not {type_name(external_id)}",
                    (*path, words.external_id),
                )
            if raw.get(words.depends_on):
                self.error(
                    "external-resource",
                    "A resource with external_id can't have depends_on",
                    (*path, words.depends_on),
                )
        condition = None
        if words.condition in known and raw.get(words.condition) is not None:
            condition = self.nodes.condition(raw[words.condition], (*path, words.condition))
        return ResourceDefinition(
            name, kind,
            properties=self._map(raw, words.properties, path),
            metadata=self._map(raw, words.metadata, path),
            depends_on=self._depends_on(raw.get(words.depends_on), (*path, words.depends_on)),
            deletion_policy=self._deletion_policy(raw, path),
            update_policy=self._map(raw, words.update_policy, path),
            external_id=external_id,
            description=str(raw.get("description" if self.version.kind == "hot" else "Description") or ""),
            condition=condition,
        )  # fmt: skip

    def _check_empty(self, raw: dict[str, Any], path: Path, known: frozenset[str]) -> None:
        for key, value in raw.items():
            if value is None and key in known:
                self.error(
                    "invalid-resource",
                    f"The {key} of the resource is empty",
                    (*path, key),
                    "Fill it or remove it",
                )
        key = "description" if self.version.kind == "hot" else "Description"
        text = raw.get(key)
        if text is not None and not isinstance(text, str):
            self.error(
                "invalid-resource",
                f"The {key} of a resource is a string, not {type_name(text)}",
                (*path, key),
            )

    def _map(self, raw: dict[str, Any], key: str, path: Path) -> Any:
        value = raw.get(key)
        if value is None:
            return None
        here = (*path, key)
        node = self.nodes.value(value, here)
        if not isinstance(node, (dict, Function)):
            self.error("invalid-resource", f"The {key} of a resource is a map, not {type_name(node)}", here)
            return None
        return node

    def _depends_on(self, raw: Any, path: Path) -> tuple[str, ...]:
        if raw is None:
            return ()
        names = [raw] if isinstance(raw, str) else raw
        if not isinstance(names, list):
            self.error(
                "invalid-resource",
                f"{path[-1]} is the name of a resource or a list of names, not {type_name(raw)}",
                path,
            )
            return ()
        good = []
        for index, name in enumerate(names):
            if isinstance(name, str):
                good.append(name)
            else:
                self.error(
                    "invalid-resource",
                    f"{path[-1]} holds names of resources, not {type_name(name)}",
                    (*path, index),
                    "Functions do not work here" if isinstance(name, dict) else "",
                )
        return tuple(dict.fromkeys(good))

    def _deletion_policy(self, resource: dict[str, Any], above: Path) -> str | Function:
        key = self.words.deletion_policy
        raw, path = resource.get(key), (*above, key)
        if raw is None:
            return DELETE
        node = self.nodes.value(raw, path)
        if isinstance(node, Function):
            return node
        known = [DELETE, RETAIN, SNAPSHOT]
        allowed = known + [word.lower() for word in known] if self.version.lower_policies else known
        if not isinstance(node, str) or node not in allowed:
            self.error(
                "invalid-deletion-policy",
                f'"{shown(node)}" is no deletion policy',
                path,
                did_you_mean(node, known, f"Known are {', '.join(known)}"),
                value=True,
            )
            return DELETE
        return node.capitalize()

    def _outputs(self) -> None:
        words = self.words
        hot = self.version.kind == "hot"
        for name, raw, path in self._section(words.outputs):
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
