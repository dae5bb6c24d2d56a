# SPDX-License-Identifier: Apache-2.0
"""The resource registry of an environment: which type or template implements a resource type; hooks.

The user's entries come before the operator's, those of a resource's name before global ones, then the order
is that of their keys (so that a wildcard comes before the names it covers). Aliases are followed; an entry
that leads nowhere is passed over.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from samovar.diagnostics import Diagnostics, did_you_mean
from samovar.orchestration.templates.nodes import path_text
from samovar.orchestration.templates.places import Places
from samovar.orchestration.templates.values import shown, type_name

HOOKS = ("pre-create", "pre-update", "pre-delete", "post-create", "post-update", "post-delete")
RESTRICTED_ACTIONS = ("update", "replace")
_MOST_STEPS = 50


def is_template_name(name: str) -> bool:
    """Whether a type's name is that of a template file or URL."""
    return name.endswith((".yaml", ".template"))


@dataclass(frozen=True, slots=True)
class Implementation:
    """What implements a resource type: a type known to the program, or a template.

    `entry` is the registry entry that led to the template (empty: the type names the template itself);
    `by_operator` whether that entry is the operator's, which may use file: URLs.
    """

    name: str
    is_template: bool = False
    entry: tuple[str, ...] = ()
    by_operator: bool = False


@dataclass(slots=True)
class ResourceRegistry:
    """`data` is the section as the user wrote it, without null entries."""

    data: dict[str, Any] = field(default_factory=dict)
    operator: ResourceRegistry | None = None

    def find(self, type_: str, resource: str | None, known: Callable[[str], bool]) -> Implementation | None:
        """What implements the type for the resource of this name; None when nothing does.

        `known` says whether the program has a type of this name.
        """
        return self._find(type_, resource, known, ())

    def _find(
        self, type_: str, resource: str | None, known: Callable[[str], bool], followed: tuple[str, ...]
    ) -> Implementation | None:
        if len(followed) < _MOST_STEPS and type_ not in followed:
            for entry, target, by_operator in self._candidates(type_, resource):
                if is_template_name(target):
                    if not entry[-1].endswith("*"):
                        return Implementation(target, True, entry, by_operator)
                    continue
                found = self._find(target, resource, known, (*followed, type_))
                if found is not None:
                    return found
        if is_template_name(type_):
            return Implementation(type_, True)
        return Implementation(type_) if known(type_) else None

    def _candidates(self, type_: str, resource: str | None) -> Iterator[tuple[tuple[str, ...], str, bool]]:
        for registry, by_operator in ((self, False), (self.operator, True)):
            if registry is None or not registry.data:
                continue
            resources = registry.data.get("resources")
            own = resources.get(resource) if isinstance(resources, dict) and resource is not None else None
            if isinstance(own, dict):
                for key, target in _matches(own, type_):
                    yield ("resources", str(resource), key), target, by_operator
            for key, target in _matches(registry.data, type_):
                yield (key,), target, by_operator

    def has_hook(self, resource: str, hook: str) -> bool:
        return any(hook in _words(entry.get("hooks")) for entry in self._patterns(resource))

    def restricted_actions(self, resource: str) -> set[str]:
        return {
            word for entry in self._patterns(resource) for word in _words(entry.get("restricted_actions"))
        }

    def _patterns(self, resource: str) -> Iterator[dict[str, Any]]:
        resources = self.data.get("resources")
        for pattern, entry in (resources if isinstance(resources, dict) else {}).items():
            if isinstance(entry, dict) and fnmatchcase(resource, str(pattern)):
                yield entry

    def child(self, resource: str, without: tuple[str, ...] = ()) -> ResourceRegistry:
        """The registry inside the nested stack of a resource: the same, but of `resources` only what is meant
        for the nested stack; `without` is the entry that led to its template, so that the template may use
        the type it implements."""
        data = copy.deepcopy({key: value for key, value in self.data.items() if key != "resources"})
        inner: dict[str, Any] = {}
        for entry in self._patterns(resource):
            inner.update(copy.deepcopy(entry))
        data["resources"] = inner
        if len(without) == 1:
            data.pop(without[0], None)
        elif len(without) == 3:
            inner.pop(without[2], None)
        return ResourceRegistry(data, self.operator)

    def under(self, newer: Mapping[str, Any]) -> ResourceRegistry:
        """This one with the entries of a (checked) section on top of it."""
        entries = _laid_over(self.data, newer)
        return RegistryReader(Places(""), Diagnostics()).read(entries)

    def as_dict(self) -> dict[str, Any]:
        return {"resources": {}, **copy.deepcopy(self.data)}

    def template_names(self) -> set[str]:
        """The template files and URLs that entries name."""
        found: set[str] = set()
        todo: list[Any] = [self.data]
        while todo:
            for key, value in todo.pop().items():
                if isinstance(value, dict):
                    todo.append(value)
                elif isinstance(value, str) and key != "base_url" and is_template_name(value):
                    found.add(value)
        return found


def _matches(entries: Mapping[str, Any], type_: str) -> list[tuple[str, str]]:
    found = []
    target = entries.get(type_)
    if isinstance(target, str):
        found.append((type_, target))
    for key, target in entries.items():
        if key.endswith("*") and isinstance(target, str) and type_.startswith(key[:-1]) and type_ != target:
            found.append((key, target[:-1] + type_[len(key) - 1 :] if target.endswith("*") else target))
    return sorted(found) if len(found) > 1 else found


def _laid_over(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Maps within maps are merged; null comes last, as it takes away what stands before it."""
    found = dict(old)
    for key, value in new.items():
        before = found.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            found[key] = _laid_over(before, value)
        else:
            if value is None and key != "resources":
                found.pop(key, None)
            found[key] = copy.deepcopy(value)
    return found


def _words(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return (value,)
    return [str(item) for item in value] if isinstance(value, list) else ()


class RegistryReader:
    """Checks a resource_registry section; findings go to `diagnostics`."""

    def __init__(self, places: Places, diagnostics: Diagnostics) -> None:
        self.places, self.diagnostics = places, diagnostics

    def read(self, raw: Any, path: tuple[str, ...] = ("resource_registry",)) -> ResourceRegistry:
        if not isinstance(raw, dict):
            self._error("invalid-environment", f"The resource_registry is a map, not {type_name(raw)}", path)
            return ResourceRegistry()
        data: dict[str, Any] = {}
        for key, value in raw.items():
            here = (*path, str(key))
            if key == "resources":
                if value is None:
                    continue
                if not isinstance(value, dict):
                    self._error("invalid-environment", f"resources is a map, not {type_name(value)}", here)
                    continue
                data[key] = {
                    str(name): self._resource(entry, (*here, str(name)), 0)
                    for name, entry in value.items()
                    if not (name in ("hooks", "restricted_actions") or isinstance(entry, str))
                }
            else:
                self._entry(data, str(key), value, here)
        return ResourceRegistry(data)

    def _entry(self, data: dict[str, Any], key: str, value: Any, path: tuple[str, ...]) -> None:
        if value is None:
            for other in [
                name for name in data if name == key or (key.endswith("*") and name.startswith(key[:-1]))
            ]:
                if other != "resources":
                    del data[other]
        elif isinstance(value, str):
            data[key] = value
        else:
            self._error(
                "invalid-environment",
                f"A resource type is mapped to a type, a template or null, not to {type_name(value)}", path,
            )  # fmt: skip

    def _resource(self, raw: Any, path: tuple[str, ...], depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        if raw is None:
            return data
        if not isinstance(raw, dict):
            self._error("invalid-environment", f"An entry of resources is a map, not {type_name(raw)}", path)
            return data
        for key, value in raw.items():
            here = (*path, str(key))
            if key == "hooks":
                self._check_words(value, HOOKS, "invalid-hook", "hook", here)
                data[key] = value
            elif key == "restricted_actions":
                self._check_words(
                    value, RESTRICTED_ACTIONS, "invalid-restricted-action", "restricted action", here
                )
                data[key] = value
            elif isinstance(value, dict):
                data[str(key)] = self._resource(value, here, depth + 1)
            else:
                self._entry(data, str(key), value, here)
        return data

    def _check_words(
        self, value: Any, known: tuple[str, ...], code: str, noun: str, path: tuple[str, ...]
    ) -> None:
        for word in value if isinstance(value, list) else [value]:
            if word not in known:
                advice = did_you_mean(word, known, f"Known are {', '.join(known)}")
                self._error(code, f'"{shown(word)}" is no {noun}', path, advice)

    def _error(self, code: str, message: str, path: tuple[str, ...], advice: str = "") -> None:
        self.diagnostics.error(code, message, advice=advice, place=self.places.of(path), path=path_text(path))
