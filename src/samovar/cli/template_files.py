# SPDX-License-Identifier: Apache-2.0
"""A template and everything that it names, read from disk and packed for the API.

    template ──get_file──▶ text          environment ──resource_registry──▶ template ──▶ …
        └─────type: x.yaml──▶ template ──▶ …

A name in a template is relative to the file that it stands in. Files are sent under their path
relative to the first template's folder, what came from a URL under that URL; a template may only name
files in that folder or below it, an environment only those in its own folder or below it. Where a name
must be another one to be sent, it is spliced into the text, so that every line stays where it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import yaml

from samovar.diagnostics import Diagnostic, Diagnostics
from samovar.orchestration.templates.source import Tree, read

from .main import CommandError
from .splicing import Edit, Rename, as_written, splice

COMMAND_LINE = "command line"
MAX_FILE = 524_288
FETCH_SECONDS = 30.0
VERSION_KEYS = ("heat_template_version", "HeatTemplateFormatVersion", "AWSTemplateFormatVersion")
URLS = ("http://", "https://")
Steps = tuple[str | int, ...]


@dataclass(slots=True)
class Package:
    """The parts of a create or update request. `environment_files` are names in `files`, in order.

    `sources` are the texts as they were written, by the names that findings use.
    """

    path: Path
    template: str
    files: dict[str, str] = field(default_factory=dict)
    environment_files: list[str] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    edits: dict[str, list[Edit]] = field(default_factory=dict)

    def request(self, **options: Any) -> dict[str, Any]:
        """The body of the request; `options` that are None are left out."""
        body: dict[str, Any] = {"template": self.template, "files": self.files, "environment": {}}
        if self.path.name.isprintable():
            body["template_file"] = self.path.name
        if self.environment_files:
            body["environment_files"] = self.environment_files
        body.update((name, value) for name, value in options.items() if value is not None)
        return body

    def as_written(self, finding: Diagnostic) -> Diagnostic:
        """A finding about what is sent, told of what was written."""
        place = finding.place
        if place is None or place.file not in self.edits:
            return finding
        return replace(finding, place=as_written(place, self.edits[place.file]))


def read_package(
    template: Path,
    environments: Sequence[Path] = (),
    parameters: Sequence[str] = (),
    *,
    private_urls: bool = False,
) -> Package:
    """Read a template, its environments (later ones win) and ``name=value`` parameters (these win over all).

    Raises CommandError naming the file that cannot be read and the one that asks for it.
    """
    root = template.absolute()
    package = Package(template, _text(root, f"the template {template}"))
    reader = _Reader(root.parent.resolve(), package, private_urls)
    package.template = reader.scan(package.template, str(template), str(root), reader.folder)
    for file in environments:
        name = reader.key(file.absolute())
        text = _text(file.absolute(), f"the environment {file}")
        package.files[name] = reader.scan_environment(text, name, file.absolute())
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


@dataclass(slots=True)
class _Reader:
    """Follows names from file to file. `path` arguments are absolute paths or URLs."""

    folder: Path
    package: Package
    private_urls: bool

    def key(self, path: Path) -> str:
        """The name under which a file is sent."""
        resolved = path.resolve()
        if resolved.is_relative_to(self.folder):
            return resolved.relative_to(self.folder).as_posix()
        return resolved.as_posix()

    def scan(self, text: str, name: str, path: str, confine: Path) -> str:
        """Add what a template names; return its text with each name as the files are sent."""
        self.package.sources[name] = text
        if not any(word in text for word in ("get_file", ".yaml", ".template")):
            return text
        tree = _tree(text)
        if (
            tree is None
            or not isinstance(tree.data, dict)
            or not any(key in tree.data for key in VERSION_KEYS)
        ):
            return text
        return self._renamed(text, name, tree, _references(tree.data), path, confine)

    def scan_environment(self, text: str, name: str, path: Path) -> str:
        """The same for an environment's resource_registry."""
        self.package.sources[name] = text
        tree = _tree(text)
        registry = tree.data.get("resource_registry") if tree and isinstance(tree.data, dict) else None
        if tree is None or registry is None:
            return text
        found = (
            (steps, each, True)
            for steps, each in _mappings(registry, ("resource_registry",))
            if "::" not in each and steps[-1] not in ("hooks", "restricted_actions", "base_url")
        )
        return self._renamed(text, name, tree, found, str(path), path.parent.resolve())

    def _renamed(
        self,
        text: str,
        name: str,
        tree: Tree,
        found: Iterator[tuple[Steps, str, bool]],
        path: str,
        confine: Path,
    ) -> str:
        renames: list[Rename] = []
        changed: list[tuple[Steps, str]] = []
        for steps, old, is_template in found:
            sent = self._add(old, path, confine, is_template)
            place = tree.places.value(steps)
            if sent != old:
                changed.append((steps, sent))
                if place is not None:
                    renames.append(Rename(place, old, sent))
        if not changed:
            return text
        spliced = splice(text, renames)
        if spliced is None:  # a name written over several lines, or by an alias
            for steps, sent in changed:
                holder = tree.data
                for step in steps[:-1]:
                    holder = holder[step]
                holder[steps[-1]] = sent
            return yaml.safe_dump(tree.data, sort_keys=False)
        self.package.edits[name] = spliced[1]
        return spliced[0]

    def _add(self, name: str, asker: str, confine: Path, template: bool) -> str:
        files = self.package.files
        if name.startswith(URLS) or asker.startswith(URLS):
            url = urljoin(asker, name) if asker.startswith(URLS) else name
            if not url.startswith(URLS):
                raise CommandError(f"{asker}: {name} is not fetched; only http and https URLs are")
            if url not in files:
                files[url] = text = self._fetched(url, asker)
                if template:
                    files[url] = self.scan(text, url, url, confine)
            return url
        if "://" in name:
            raise CommandError(f"{asker}: {name} is not read; name a file, or an http or https URL")
        if "\0" in name:
            raise CommandError(f"{asker}: {name!r} cannot be the name of a file")
        path = Path(asker).parent / name
        if not path.resolve().is_relative_to(confine):
            raise CommandError(f"{asker}: {name} is outside of {confine}; only files in that folder are read")
        sent = self.key(path)
        if sent not in files:
            text = _text(path, f"{name}, which {asker} names,")
            files[sent] = text  # before its own references: a template may name itself
            if template:
                files[sent] = self.scan(text, sent, str(path), confine)
        return sent

    def _fetched(self, url: str, asker: str) -> str:
        from samovar.web.public_urls import FetchFailed, fetch_text

        try:
            return asyncio.run(
                fetch_text(url, most=MAX_FILE, seconds=FETCH_SECONDS, private=self.private_urls)
            )
        except FetchFailed as error:
            hint = "" if self.private_urls else "; --private-urls allows private addresses"
            more = hint if "public address" in str(error) else ""
            raise CommandError(f"{asker}: cannot fetch {error}{more}") from error


def _references(root: Any) -> Iterator[tuple[Steps, str, bool]]:
    """Every place in a template that names a file: (steps to it, the name, whether it is a template's)."""
    stack: list[tuple[Steps, Any]] = [((), root)]
    seen: set[int] = set()
    while stack:
        steps, node = stack.pop()
        if not isinstance(node, (dict, list)) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, list):
            stack.extend(((*steps, index), item) for index, item in enumerate(node))
            continue
        if isinstance(node.get("get_file"), str):
            yield (*steps, "get_file"), node["get_file"], False
        kind = node.get("type")
        if isinstance(kind, str) and kind.endswith((".yaml", ".template")):
            yield (*steps, "type"), kind, True
        stack.extend(((*steps, key), value) for key, value in node.items())


def _mappings(root: Any, steps: Steps) -> Iterator[tuple[Steps, str]]:
    stack: list[tuple[Steps, Any]] = [(steps, root)]
    while stack:
        steps, node = stack.pop()
        for key, value in node.items() if isinstance(node, dict) else ():
            if isinstance(value, str):
                yield (*steps, key), value
            else:
                stack.append(((*steps, key), value))


def _tree(text: str) -> Tree | None:
    """The data of a text; None when it cannot be read (whoever checks the template says why)."""
    return read(text, "", Diagnostics())


def _text(path: Path, what: str) -> str:
    try:
        if path.stat().st_size > MAX_FILE:
            raise CommandError(f"{what} has more than {MAX_FILE} bytes")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CommandError(f"{what} is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise CommandError(f"{what} cannot be read: {reason}") from error
