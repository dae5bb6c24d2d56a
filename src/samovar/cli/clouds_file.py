# SPDX-License-Identifier: Apache-2.0
"""clouds.yaml: entries of ours, put in and taken out without touching a byte of anybody else's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .main import CommandError

HEADER = "# Entries that begin with 'samovar' are kept by samovar; the others are left as they are.\n"


def default_path() -> Path:
    """Where OpenStack's clients look: OS_CLIENT_CONFIG_FILE, else the user's configuration folder."""
    named = os.environ.get("OS_CLIENT_CONFIG_FILE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "openstack" / "clouds.yaml"


def put(path: Path, entries: Mapping[str, Mapping[str, Any]]) -> bool:
    """Make `entries` stand in the file under ``clouds``; return whether it changed. Raises CommandError."""
    old = path.read_text() if path.exists() else ""
    new = splice(old, entries, path)
    if new != old:
        _write(path, new)
    return new != old


def remove(path: Path, names: list[str]) -> None:
    """Take the entries of these names out; a file left with nothing of anybody's is deleted."""
    if not path.exists():
        return
    old = path.read_text()
    new = splice(old, dict.fromkeys(names), path)
    if not [line for line in new.splitlines() if line.strip() and line not in (HEADER.strip(), "clouds:")]:
        path.unlink()
    elif new != old:
        _write(path, new)


def splice(text: str, entries: Mapping[str, Mapping[str, Any] | None], path: Path) -> str:
    """`text` with these entries replaced, added at the end of ``clouds``, or removed (None)."""
    if not text.strip():
        text = HEADER + "clouds:\n"
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise CommandError(f"{path} is not YAML, so no entry can be added: {error}") from error
    if not isinstance(root, yaml.MappingNode):
        raise CommandError(f"{path} should hold a mapping with the key 'clouds'")
    section = next((pair for pair in root.value if pair[0].value == "clouds"), None)
    if section is None:
        text = text.rstrip("\n") + "\nclouds:\n"
        return splice(text, entries, path)
    key, value = section
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    existing = list(value.value) if isinstance(value, yaml.MappingNode) else []
    if isinstance(value, yaml.MappingNode) and value.flow_style:
        if existing:
            raise CommandError(
                f"{path}: 'clouds' is written in {{braces}}; write it as a block, one entry below another"
            )
        lines[value.start_mark.line] = lines[key.start_mark.line][: key.end_mark.column] + ":\n"
    indent = existing[0][0].start_mark.column if existing else key.start_mark.column + 2
    spans: list[tuple[int, int, str]] = []
    for name, entry in entries.items():
        found = next((pair for pair in existing if pair[0].value == name), None)
        body = "" if entry is None else _render(name, entry, indent)
        if found is not None:
            begin, end = found[0].start_mark.line, _last_line(lines, found, indent)
            spans.append((begin, end, body))
        elif body:
            last = max(
                (_last_line(lines, pair, indent) for pair in existing), default=key.start_mark.line + 1
            )
            spans.append((last, last, body))
    for begin, end, body in sorted(spans, key=lambda span: span[:2], reverse=True):
        if "".join(lines[begin:end]) != body:
            lines[begin:end] = [body] if body else []
    return "".join(lines)


def _last_line(lines: list[str], pair: tuple[yaml.Node, yaml.Node], indent: int) -> int:
    """The line after the last one of an entry: comments and blank lines below it stay out."""
    end = pair[0].start_mark.line + 1
    for number in range(end, len(lines)):
        line = lines[number]
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if len(line) - len(line.lstrip(" ")) <= indent:
            break
        end = number + 1
    return end


def _render(name: str, entry: Mapping[str, Any], indent: int) -> str:
    text = yaml.safe_dump({name: dict(entry)}, sort_keys=False, default_flow_style=False)
    return "".join(" " * indent + line + "\n" for line in text.splitlines())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".samovar-new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    if path.exists():
        status = path.stat()
        os.chmod(fresh, status.st_mode & 0o700)  # the entries hold passwords: nobody else reads them
        os.chown(fresh, status.st_uid, status.st_gid)
    fresh.replace(path)
