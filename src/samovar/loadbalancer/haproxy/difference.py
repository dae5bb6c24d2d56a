# SPDX-License-Identifier: Apache-2.0
"""Pure: from the configuration that runs to the one that should: runtime commands where they suffice.

Both texts are ours (`render`), so their lines compare word by word. A change of anything but servers,
their weight and state, or a frontend's limit needs a reload. Source: HAProxy management guide, 9.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NOT_DYNAMIC = ("cookie ", "option external-check")
TAKING = (" state maint", " weight 0")


@dataclass(frozen=True, slots=True)
class Difference:
    """`commands` bring a running HAProxy from the one text to the other, unless `reload`.

    `optional` ones may fail without harm (a server that still has connections is in maintenance and is
    removed by the next reload).
    """

    reload: bool
    commands: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        return not self.reload and not self.commands


RELOAD = Difference(reload=True)


@dataclass(slots=True)
class _Section:
    servers: dict[str, list[str]] = field(default_factory=dict)
    limit: str = ""
    rest: list[str] = field(default_factory=list)


def difference(running: str, wanted: str) -> Difference:
    """What brings `running` to `wanted`."""
    if running == wanted:
        return Difference(reload=False)
    had, want = _sections(running), _sections(wanted)
    if list(had) != list(want):
        return RELOAD
    commands: list[str] = []
    optional: list[str] = []
    for name, section in want.items():
        before = had[name]
        if before.rest != section.rest:
            return RELOAD
        if before.limit != section.limit:
            if name == "global":
                commands.append(f"set maxconn global {section.limit}")
            elif name.startswith("frontend "):
                commands.append(f"set maxconn {name} {section.limit}")
            else:
                return RELOAD
        found = _servers(name.partition(" ")[2], before, section)
        if found is None:
            return RELOAD
        commands += found[0]
        optional += found[1]
    return Difference(reload=False, commands=tuple(commands), optional=tuple(optional))


def _sections(text: str) -> dict[str, _Section]:
    sections: dict[str, _Section] = {}
    current = _Section()
    for line in text.splitlines():
        if not line.strip():
            continue
        words = line.split()
        if not line.startswith(" "):
            current = sections.setdefault(line, _Section())
        elif words[0] == "server":
            current.servers[words[1]] = words[2:]
        elif words[0] == "maxconn":
            current.limit = words[1]
        else:
            current.rest.append(line.strip())
    return sections


def _servers(backend: str, before: _Section, after: _Section) -> tuple[list[str], list[str]] | None:
    """Commands that must work and commands that may fail; None where only a reload will do.

    What takes a server away comes last: between two commands somebody must be there to answer."""
    must: list[str] = []
    may: list[str] = []
    static = any(line.startswith(NOT_DYNAMIC) for line in after.rest)
    for name, words in before.servers.items():
        if name not in after.servers:
            if static:
                return None
            must.append(f"set server {backend}/{name} state maint")
            may.append(f"del server {backend}/{name}")
        elif words != after.servers[name]:
            changed = _changed(f"{backend}/{name}", words, after.servers[name])
            if changed is None:
                return None
            must += changed
    for name, words in after.servers.items():
        if name in before.servers:
            continue
        if static or any(word.startswith("'") for word in words):
            return None
        plain = [word for word in words if word != "disabled"]
        must.append(f"add server {backend}/{name} {' '.join(plain)}")
        if "check" in words:
            must.append(f"enable health {backend}/{name}")
        if "disabled" not in words:
            must.append(f"enable server {backend}/{name}")
    return sorted(must, key=lambda command: command.endswith(TAKING)), may


def _changed(name: str, before: list[str], after: list[str]) -> list[str] | None:
    """A server whose weight or state alone is another."""
    had, want = _taken_apart(before), _taken_apart(after)
    if had.pop("rest") != want.pop("rest"):
        return None
    commands = []
    if had["weight"] != want["weight"]:
        commands.append(f"set server {name} weight {want['weight']}")
    if had["disabled"] != want["disabled"]:
        commands.append(f"set server {name} state {'maint' if want['disabled'] else 'ready'}")
    return commands


def _taken_apart(words: list[str]) -> dict[str, object]:
    at = words.index("weight")
    rest = [word for word in (*words[:at], *words[at + 2 :]) if word != "disabled"]
    return {"weight": words[at + 1], "disabled": "disabled" in words, "rest": rest}


def certificate_commands(contents: Mapping[str, str]) -> list[str]:
    """Commands that exchange certificates in place: path → new PEM; each pair is one transaction."""
    commands = []
    for path, pem in contents.items():
        body = "\n".join(line for line in pem.splitlines() if line.strip())
        commands += [f"set ssl cert {path} <<\n{body}\n", f"commit ssl cert {path}"]
    return commands
