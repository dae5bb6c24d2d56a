# SPDX-License-Identifier: Apache-2.0
"""Names in properties that become ids before a resource is made or changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from samovar.orchestration.resources.translations import Resolved

from .wanted import Wanted

if TYPE_CHECKING:
    from .loaded import LoadedStack


def needs_look_up(wanted: Wanted) -> bool:
    """Whether the type has properties that may hold names of things in the cloud."""
    return any(isinstance(rule, Resolved) for rule in wanted.kind.declared.translation)


async def look_up_names(loaded: LoadedStack, wanted: Wanted) -> None:
    """Put ids in place of names, in `wanted.values`. Raises ResourceFailed for what cannot be found."""
    from samovar.orchestration.resources.behaviours.names import resolve_names

    wanted.values = await resolve_names(wanted.kind.declared, wanted.values, loaded.lookup)
