# SPDX-License-Identifier: Apache-2.0
"""The resources section of a template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from samovar.diagnostics import Diagnostics, did_you_mean
from samovar.orchestration.templates.limits import Limits
from samovar.orchestration.templates.node_parser import NodeParser
from samovar.orchestration.templates.nodes import Function, Path, path_text
from samovar.orchestration.templates.places import Places
from samovar.orchestration.templates.template import (
    DELETE,
    RETAIN,
    SNAPSHOT,
    ResourceDefinition,
    Template,
)
from samovar.orchestration.templates.values import shown, type_name
from samovar.orchestration.templates.versions import Version

LONGEST = 255  # characters of what a resource is called, made of, or known by


class ResourceReader:
    """Reads one template's resources into `template`; findings go to `diagnostics`."""

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

    def error(self, code: str, message: str, path: Path, advice: str = "", value: bool = False) -> None:
        place = self.places.value(path) if value else self.places.of(path)
        self.diagnostics.error(code, message, advice=advice, place=place, path=path_text(path))

    def section(self, name: str) -> Iterator[tuple[str, Any, Path]]:
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

    def read_resources(self) -> None:
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
        for name, raw, path in self.section(words.resources):
            if not isinstance(raw, dict):
                self.error(
                    "invalid-resource",
                    f"A resource is a map with at least a {words.type}, not {type_name(raw)}",
                    path,
                )
                continue
            if "/" in name or "\0" in name:
                self.error("invalid-name", "The name of a resource contains no / and no NUL", path)
            self._check_length(name, path)
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

    def _check_length(self, text: Any, path: Path) -> None:
        if isinstance(text, str) and len(text) > LONGEST:
            self.error("invalid-name", f"It has {len(text)} characters; at most {LONGEST} are allowed", path)

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
        self._check_length(kind, (*path, words.type))
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
            self._check_length(external_id, (*path, words.external_id))
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
