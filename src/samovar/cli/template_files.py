# SPDX-License-Identifier: Apache-2.0
"""A template and everything that it names, read from disk and packed for the API.

    template ──get_file──▶ text          environment ──resource_registry──▶ template ──▶ …
        └─────type: x.yaml──▶ template ──▶ …

A name in a template is relative to the file that it stands in. Files are sent under their path
relative to the first template's folder; a template may only name files in that folder or below
it, an environment only those in its own folder or below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .main import CommandError

COMMAND_LINE = "command line"
MAX_FILE = 524_288
VERSION_KEYS = ("heat_template_version", "HeatTemplateFormatVersion", "AWSTemplateFormatVersion")


@dataclass(slots=True)
class Package:
    """The parts of a create or update request. `environment_files` are names in `files`, in order."""

    path: Path
    template: str
    files: dict[str, str] = field(default_factory=dict)
    environment_files: list[str] = field(default_factory=list)

    def request(self, **options: Any) -> dict[str, Any]:
        """The body of the request; `options` that are None are left out."""
        body: dict[str, Any] = {"template": self.template, "files": self.files, "environment": {}}
        if self.environment_files:
            body["environment_files"] = self.environment_files
        body.update((name, value) for name, value in options.items() if value is not None)
        return body


def read_package(
    template: Path, environments: Sequence[Path] = (), parameters: Sequence[str] = ()
) -> Package:
    """Read a template, its environments (later ones win) and ``name=value`` parameters (these win over all).

    Raises CommandError naming the file that cannot be read and the one that asks for it.
    """
    root = template.absolute()
    package = Package(template, _text(root, f"the template {template}"))
    reader = _Reader(root.parent.resolve(), package.files)
    package.template = reader.scan(package.template, root, reader.folder)
    for file in environments:
        name = reader.key(file.absolute())
        package.files[name] = reader.scan_environment(
            _text(file.absolute(), f"the environment {file}"), file.absolute()
        )
        package.environment_files.append(name)
    given = _parameters(parameters)
    if given:
        package.files[COMMAND_LINE] = yaml.safe_dump({"parameters": given})
        package.environment_files.append(COMMAND_LINE)
    return package


def _parameters(pairs: Sequence[str]) -> dict[str, str]:
    given = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise CommandError(f"a parameter is given as NAME=VALUE, not {pair!r}")
        given[name] = value
    return given


class _Reader:
    def __init__(self, folder: Path, files: dict[str, str]) -> None:
        self.folder = folder
        self._files = files

    def key(self, path: Path) -> str:
        """The name under which a file is sent."""
        resolved = path.resolve()
        if resolved.is_relative_to(self.folder):
            return resolved.relative_to(self.folder).as_posix()
        return resolved.as_posix()

    def scan(self, text: str, path: Path, confine: Path) -> str:
        """Add what a template names; return its text with each name as the files are sent."""
        data = _load(text)
        if not isinstance(data, dict) or not any(key in data for key in VERSION_KEYS):
            return text
        renamed = False
        for holder, key in list(_references(data)):
            name = holder[key]
            if "://" in name:
                continue
            sent = self._add(name, path, confine, template=key != "get_file")
            if sent != name:
                holder[key], renamed = sent, True
        return yaml.safe_dump(data, sort_keys=False) if renamed else text

    def scan_environment(self, text: str, path: Path) -> str:
        """The same for an environment's resource_registry."""
        data = _load(text)
        registry = data.get("resource_registry") if isinstance(data, dict) else None
        renamed = False
        for holder, key in list(_mappings(registry)):
            name = holder[key]
            if "::" in name or "://" in name or key in ("hooks", "restricted_actions", "base_url"):
                continue
            sent = self._add(name, path, path.parent.resolve(), template=True)
            if sent != name:
                holder[key], renamed = sent, True
        return yaml.safe_dump(data, sort_keys=False) if renamed else text

    def _add(self, name: str, asker: Path, confine: Path, *, template: bool) -> str:
        path = asker.parent / name
        if not path.resolve().is_relative_to(confine):
            raise CommandError(f"{asker}: {name} is outside of {confine}; only files in that folder are read")
        sent = self.key(path)
        if sent not in self._files:
            text = _text(path, f"{name}, which {asker} names,")
            self._files[sent] = text  # before its own references: a template may name itself
            if template:
                self._files[sent] = self.scan(text, path, confine)
        return sent


def _references(node: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Every place in a template that names a file: (the map, its key)."""
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, dict):
            if isinstance(current.get("get_file"), str):
                yield current, "get_file"
            kind = current.get("type")
            if isinstance(kind, str) and kind.endswith((".yaml", ".template")):
                yield current, "type"
            stack.extend(current.values())
        elif isinstance(current, list):
            stack.extend(current)


def _mappings(node: Any) -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, str):
                yield node, key
            else:
                yield from _mappings(value)


def _load(text: str) -> Any:
    """The data of a text; None when it cannot be read (whoever checks the template says why)."""
    from samovar.diagnostics import Diagnostics
    from samovar.orchestration.templates.source import read

    tree = read(text, "", Diagnostics())
    return tree.data if tree is not None else None


def _text(path: Path, what: str) -> str:
    try:
        if path.stat().st_size > MAX_FILE:
            raise CommandError(f"{what} has more than {MAX_FILE} bytes")
        return path.read_text()
    except UnicodeDecodeError:
        raise CommandError(f"{what} is not UTF-8 text") from None
    except OSError as error:
        raise CommandError(f"{what} cannot be read: {error.strerror}") from error
