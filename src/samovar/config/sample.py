# SPDX-License-Identifier: Apache-2.0
"""A configuration file with every option, its default and what it means, made of the options themselves."""

from __future__ import annotations

import dataclasses
import textwrap
import typing
from collections.abc import Iterator
from typing import Any

from .listening import DOORS, Listening, ListenSettings
from .settings import Settings

HEAD = """\
# Every option of Samovar. A line that begins with '#' shows the default; take the sign away to change it.
# Options are known under the older spellings, too, that documents still print.
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Described:
    """One option: its place, default as it is written in a file, help, older spellings."""

    section: str
    name: str
    default: str
    help: str
    old: tuple[str, ...]


def options() -> Iterator[Described]:
    """Every option, in the order of the program."""
    for kind in typing.get_type_hints(Settings).values():
        if kind is Listening:
            for door in DOORS.values():
                for described in _of(ListenSettings, door.section):
                    older = tuple(old for name, old in door.old if name == described.name)
                    default = str(door.port) if described.name == "bind_port" else described.default
                    yield dataclasses.replace(described, default=default, old=older)
        elif dataclasses.is_dataclass(kind):
            yield from _of(kind, "")
    yield Described("oslo_policy", "policy_file", "", "Rules that replace the built-in ones, in YAML", ())


def sample() -> str:
    """The text of the file."""
    sections: dict[str, list[Described]] = {"DEFAULT": []}
    for option in options():
        sections.setdefault(option.section, []).append(option)
    parts = [HEAD]
    for section in sorted(sections, key=lambda name: (name != "DEFAULT", name)):
        parts.append(f"\n[{section}]\n")
        for option in sorted(sections[section], key=lambda one: one.name):
            parts.append(
                "\n" + textwrap.fill(option.help, 100, initial_indent="# ", subsequent_indent="# ") + "\n"
            )
            if option.old:
                spelled = ", ".join(
                    f"[{place.partition('/')[0]}] {place.partition('/')[2]}" for place in option.old
                )
                parts.append(f"# Also known as: {spelled}\n")
            parts.append(f"#{option.name} = {option.default}\n")
    return "".join(parts)


def _of(kind: Any, section: str) -> Iterator[Described]:
    for field in dataclasses.fields(kind):
        known = field.metadata
        if "help" not in known:
            continue
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        yield Described(
            known["section"] or section,
            known["name"] or field.name,
            _written(default),
            known["help"],
            known["old"],
        )


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(str(part) for part in value)
    return str(value)
