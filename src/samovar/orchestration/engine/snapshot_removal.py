# SPDX-License-Identifier: Apache-2.0
"""Removing what snapshots keep in the cloud: images of servers, snapshots of volumes."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any

from samovar.clients import CloudError
from samovar.graph import Graph
from samovar.orchestration.resources.behaviour import ResourceGone
from samovar.orchestration.resources.registry import find_type

from .failures import step_failed
from .pursuit import Fatal
from .scribe import LeaseLost
from .snapshots import Kept, Snapshot
from .stack_run import StackRun


class SnapshotRemoval:
    """What is to be removed for some snapshots, each thing on its own."""

    def __init__(self, run: StackRun, found: Iterable[Snapshot]) -> None:
        self.run = run
        self._kept: dict[str, tuple[str, Kept]] = {
            f"{each.id}/{name}": (each.stack_id, kept)
            for each in found
            for name, kept in each.kept.items()
            if kept.notes
        }

    def keys(self) -> list[str]:
        return list(self._kept)

    def graph(self) -> Graph[str]:
        return Graph(dict.fromkeys(self._kept, ()))

    def begin(self, key: str) -> Coroutine[Any, Any, None]:
        return self._remove(*self._kept[key])

    async def _remove(self, stack_id: str, kept: Kept) -> None:
        declared = find_type(kept.implementation)
        if declared is None or "delete_snapshot" not in declared.handlers:
            return
        row = kept.row(stack_id)
        behaviour, context = self.run.behaviour(declared), self.run.context(row, declared)
        try:
            await self.run.persist(
                row, lambda: behaviour.delete_snapshot(context, kept.notes or {}), declared.service
            )
        except ResourceGone:
            return
        except (LeaseLost, Fatal) as error:
            raise Fatal(error) from error
        except CloudError as error:
            if not error.not_found:
                raise step_failed(kept.name, error) from error
        except Exception as error:
            raise step_failed(kept.name, error) from error
