# SPDX-License-Identifier: Apache-2.0
"""Drift: what the cloud has now, asked of every resource of a stack and of its nested stacks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from samovar.clients import CloudError, CloudUnreachable, ServiceNotInCatalog
from samovar.orchestration.plans import Observed
from samovar.orchestration.resources.behaviour import ResourceFailed, ResourceGone

from .loaded import LoadedStack
from .planned import StoredTree
from .rows import Resource


async def observe_tree(tree: StoredTree) -> tuple[dict[str, Observed], list[str]]:
    """What is seen by the id of the row, and a sentence for each resource that could not be looked at."""
    rows = list(_rows(tree))
    seen = await asyncio.gather(*(_observe(loaded, row) for loaded, row in rows))
    observed: dict[str, Observed] = {}
    untold: list[str] = []
    for (loaded, row), found in zip(rows, seen, strict=True):
        if isinstance(found, Observed):
            observed[row.id] = found
        elif found:
            untold.append(f"{'.'.join((*loaded.identity.path, row.name))} could not be looked at: {found}")
    return observed, untold


def _rows(tree: StoredTree) -> Iterator[tuple[LoadedStack, Resource]]:
    for row in tree.loaded.rows.values():
        if not row.never_made and not tree.loaded.kind_of_row(row).nested:
            yield tree.loaded, row
    for child in tree.children.values():
        yield from _rows(child)


async def _observe(loaded: LoadedStack, row: Resource) -> Observed | str | None:
    declared = loaded.kind_of_row(row).declared
    behaviour, context = loaded.behaviour(declared), loaded.context(row, declared)
    try:
        async with loaded.parts.limits.slot(declared.service):
            seen = await behaviour.observe(context)
    except ResourceGone:
        return Observed(gone=True)
    except (ResourceFailed, CloudError, CloudUnreachable, ServiceNotInCatalog) as error:
        return str(error)
    return None if seen is None else Observed(properties=seen)
