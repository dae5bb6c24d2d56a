# SPDX-License-Identifier: Apache-2.0
"""Rules that fold old spellings of properties into new ones, and mark names to look up for ids."""

from __future__ import annotations

from dataclasses import dataclass

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """The value of `source` (an older name) is used as `path`; both given is an error.

    `sibling`: the source stands beside the last step of the path, in each item where the path crosses a list.
    `inside`: the value is found below the source at these steps.
    """

    path: Path
    source: str
    sibling: bool = False
    inside: Path = ()


@dataclass(frozen=True, slots=True)
class Appended:
    """The value of `source` becomes one more item of the list `path`, under `key` when the items are maps."""

    path: Path
    source: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """The property has no effect any more and is left out."""

    path: Path


@dataclass(frozen=True, slots=True)
class Resolved:
    """A name or an id of `entity` in `service`; becomes the id when the resource is created or updated."""

    path: Path
    service: str
    entity: str


Translation = Moved | Appended | Dropped | Resolved
