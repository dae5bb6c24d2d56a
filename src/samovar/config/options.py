# SPDX-License-Identifier: Apache-2.0
"""INI files as OpenStack's operators write them, read by oslo.config's parser.

A field of a settings class is one option. Its metadata carry the section and the older spellings
under which documents still print it, so that a snippet of heat.conf works as printed.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, Union

S = TypeVar("S")
Section = Mapping[str, list[str]]


class OptionsError(ValueError):
    """A configuration file says something that cannot be used; the message names file and option."""


def option(
    default: Any,
    *,
    section: str,
    help: str,
    name: str = "",
    old: Iterable[str] = (),
    least: float | None = None,
) -> Any:
    """Declare an option. `old` are deprecated spellings, ``section/name``; `least`: no number below it."""
    metadata = {"section": section, "help": help, "name": name, "old": tuple(old), "least": least}
    if isinstance(default, (list, dict)):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def read_files(files: Iterable[Path]) -> dict[str, dict[str, list[str]]]:
    """Section → option → values, later files after earlier ones. Raises OptionsError."""
    from oslo_config import iniparser

    class Parser(iniparser.BaseParser):  # type: ignore[misc]
        def __init__(self, into: dict[str, dict[str, list[str]]]) -> None:
            super().__init__()
            self.into, self.current = into, "DEFAULT"

        def new_section(self, section: str) -> None:
            self.current = section
            self.into.setdefault(section, {})

        def assignment(self, key: str, value: list[str]) -> None:
            self.into.setdefault(self.current, {}).setdefault(key, []).append("\n".join(value))

        def comment(self, comment: str) -> None:
            pass

    sections: dict[str, dict[str, list[str]]] = {}
    for file in files:
        found: dict[str, dict[str, list[str]]] = {}
        try:
            with file.open() as lines:
                Parser(found).parse(lines)
        except OSError as error:
            raise OptionsError(f"{file}: {error.strerror}") from error
        except iniparser.ParseError as error:
            raise OptionsError(f"{file}: {error}") from error
        except UnicodeDecodeError as error:
            raise OptionsError(
                f"{file} is not text in UTF-8: {error.reason} at byte {error.start}."
            ) from error
        for section, options in found.items():
            sections.setdefault(section, {}).update(options)
    return sections


def fill(
    settings: type[S],
    sections: Mapping[str, Section],
    *,
    section: str = "",
    older: Iterable[tuple[str, str]] = (),
) -> S:
    """An instance of a settings class with what the files say. Raises OptionsError.

    `section` is that of options which name none; `older` are (name, old spelling) of them.
    """
    hints = typing.get_type_hints(settings)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(settings):  # type: ignore[arg-type]
        name = field.metadata.get("name") or field.name
        places = [f"{field.metadata['section'] or section}/{name}", *field.metadata["old"]]
        places += [old for known, old in older if known == name]
        for place in places:
            where, _, key = place.partition("/")
            found = sections.get(where, {}).get(key)
            if found:
                value = _convert(found[-1], hints[field.name], f"[{where}] {key}")
                least = field.metadata.get("least")
                if least is not None and value is not None and value < least:
                    raise OptionsError(f"[{where}] {key}: {found[-1]} is too small; {least:g} is the least.")
                values[field.name] = value
                break
    return settings(**values)


def _convert(text: str, kind: Any, place: str) -> Any:
    if typing.get_origin(kind) in (Union, types.UnionType):
        if text == "":
            return None
        kind = next(part for part in typing.get_args(kind) if part is not type(None))
    try:
        if kind is bool:
            return {"true": True, "1": True, "yes": True, "on": True}.get(text.lower()) or _false(text)
        if typing.get_origin(kind) in (list, tuple):
            return type(kind())(part.strip() for part in text.split(",") if part.strip())
        value = kind(text)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(text)
        return value
    except (ValueError, TypeError) as error:
        named = getattr(kind, "__name__", str(kind))
        raise OptionsError(f"{place}: {text!r} cannot be read as {named}.") from error


def _false(text: str) -> bool:
    if text.lower() in ("false", "0", "no", "off"):
        return False
    raise ValueError(text)
